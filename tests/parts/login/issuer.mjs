// A real OpenID Connect issuer (oidc-provider) for tests, over TLS on the loopback interface.
//
//     node issuer.mjs --certificate FILE --key FILE [--port N] --client-id ID --client-secret S --redirect-uri URI...
//                     [--post-logout-redirect-uri URI...]
//
// GATEWRIGHT_LOGIN_PACKAGES names the folder whose node_modules holds the packages. When it listens it prints one line,
// {"issuer":"https://127.0.0.1:PORT"}. It asks nobody who they are: every login is that of the user who is set.
//
//     GET  /control         settings and counts
//     POST /control         a JSON object: settings to change (DEFAULTS below names all of them)
//     POST /control/reset   settings and counts as at the start
//     POST /control/sign    {"claims": {...}, "foreign": true}: a token of these claims, with the issuer's key or another's;
//                           the issuer, an audience (the client) and times are filled in unless they are given
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const DEFAULTS = {
  user: 'alice', // `sub` of whoever logs in next
  email: 'alice@example.test',
  groups: ['odh-admins', 'team a'],
  preferred_username: 'alice',
  idTokenSeconds: 3600, // life of id and access tokens
  rotate: false, // a refresh token is good for one use, and a second use revokes the login
  page: false, // a form asks for the user's name
  deny: false, // logins end with access_denied
  offline: false, // the token endpoint answers 500
};

const { values: options } = parseArgs({
  options: {
    certificate: { type: 'string' },
    key: { type: 'string' },
    port: { type: 'string', default: '0' },
    'client-id': { type: 'string' },
    'client-secret': { type: 'string' },
    'redirect-uri': { type: 'string', multiple: true },
    'post-logout-redirect-uri': { type: 'string', multiple: true, default: [] },
  },
});

// It warns of the settings that make it fit for tests, and of this Node.
console.info = () => {};
console.warn = () => {};
// The packages are not beside this file.
const require = createRequire(join(process.env.GATEWRIGHT_LOGIN_PACKAGES, 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { Provider } = await load('oidc-provider');
const { SignJWT } = await load('jose');

let settings;
let counts;
let lastEndSession;

function reset() {
  settings = structuredClone(DEFAULTS);
  counts = { authorization_code: 0, refresh_token: 0, end_session: 0, authorizations: 0 };
  lastEndSession = null;
}

const rsaKey = () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

// The address is part of the configuration, so the port is taken first.
const server = createServer({ cert: readFileSync(options.certificate), key: readFileSync(options.key) });
await new Promise((resolve, reject) => {
  server.once('error', reject);
  server.listen(Number(options.port), '127.0.0.1', resolve);
});
const issuer = `https://127.0.0.1:${server.address().port}`;
reset();

const key = rsaKey();
const foreignKey = rsaKey();
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: options['client-id'],
      client_secret: options['client-secret'],
      redirect_uris: options['redirect-uri'],
      post_logout_redirect_uris: options['post-logout-redirect-uri'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
  ],
  jwks: { keys: [{ ...key.export({ format: 'jwk' }), kid: 'tests', use: 'sig', alg: 'RS256' }] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  scopes: ['openid', 'email', 'profile', 'offline_access'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['preferred_username', 'groups'] },
  // Claims are in the id_token, as kube-auth-proxy wants them, and not at an endpoint alone.
  conformIdTokenClaims: false,
  pkce: { required: () => false },
  issueRefreshToken: async () => true,
  rotateRefreshToken: () => settings.rotate,
  ttl: {
    AccessToken: () => settings.idTokenSeconds,
    IdToken: () => settings.idTokenSeconds,
    AuthorizationCode: 60,
    Grant: 86400,
    Interaction: 3600,
    RefreshToken: 86400,
    Session: 86400,
  },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => {
      const { email, groups, preferred_username } = settings;
      return { sub: id, email, email_verified: true, groups, preferred_username };
    },
  }),
  loadExistingGrant: consent,
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: { enabled: true, logoutSource, postLogoutSuccessSource },
  },
  renderError: (ctx, out) => page(ctx, 'Error', `<p>${escape(JSON.stringify(out))}</p>`),
});

// Everything that a client may ask for is granted, without a question.
async function consent(ctx) {
  // A second login in the same browser does not end the first: its code is of the grant that was there.
  const known = ctx.oidc.session.grantIdFor(ctx.oidc.client.clientId);
  if (known) return ctx.oidc.provider.Grant.find(known);
  const grant = new ctx.oidc.provider.Grant({
    clientId: ctx.oidc.client.clientId,
    accountId: ctx.oidc.session.accountId,
  });
  grant.addOIDCScope('openid email profile offline_access');
  await grant.save();
  return grant;
}

const escape = (text) =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

function page(ctx, title, body) {
  ctx.type = 'html';
  ctx.body = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body>${body}</body></html>`;
}

// The form sends itself: nobody is asked whether they mean it.
function logoutSource(ctx, form) {
  const sure = form.replace('</form>', '<input type="hidden" name="logout" value="yes"/></form>');
  page(ctx, 'Log out', `${sure}<script>document.forms[0].submit()</script>`);
}

function postLogoutSuccessSource(ctx) {
  page(ctx, 'Logged out', '<p>Logged out</p>');
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function sign({ claims = {}, foreign = false }) {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ iss: issuer, aud: options['client-id'], iat: now, exp: now + 3600, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'tests' })
    .sign(foreign ? foreignKey : key);
}

async function control(ctx) {
  const { method, path } = ctx;
  const sent = method === 'POST' ? JSON.parse((await body(ctx.req)) || '{}') : {};
  if (path === '/control/sign') {
    ctx.body = { token: await sign(sent) };
    return;
  }
  if (path === '/control/reset') reset();
  const unknown = Object.keys(sent).filter((name) => !(name in DEFAULTS));
  if (unknown.length > 0) {
    ctx.status = 400;
    ctx.body = { error: `no such setting: ${unknown.join(', ')}` };
    return;
  }
  Object.assign(settings, sent);
  ctx.body = { ...settings, counts: { ...counts, lastEndSession } };
}

async function interaction(ctx) {
  const finish = (result) => provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
  const login = (accountId) => finish({ login: { accountId } });
  ctx.respond = false;
  if (settings.deny) {
    await finish({ error: 'access_denied', error_description: 'user said no' });
  } else if (!settings.page) {
    await login(settings.user);
  } else if (ctx.method === 'POST') {
    await login(new URLSearchParams(await body(ctx.req)).get('login'));
  } else {
    ctx.respond = true;
    page(
      ctx,
      'Log in',
      `<form method="post" action="${ctx.path}"><label>User name <input name="login" required autofocus></label>
<button type="submit">Log in</button></form>`,
    );
  }
}

// What has to be done before the provider sees a request.
provider.use(async (ctx, next) => {
  if (ctx.path === '/control' || ctx.path.startsWith('/control/')) return control(ctx);
  if (ctx.path.startsWith('/interaction/')) return interaction(ctx);
  if (ctx.path === '/token' && settings.offline) {
    ctx.status = 500;
    ctx.body = { error: 'server_error' };
    return undefined;
  }
  await next();
  return count(ctx);
});

function count(ctx) {
  const { route, params } = ctx.oidc ?? {};
  if (route === 'authorization') counts.authorizations += 1;
  if (route === 'token' && params?.grant_type in counts) counts[params.grant_type] += 1;
  if (route === 'end_session') {
    counts.end_session += 1;
    lastEndSession = { ...ctx.query };
  }
}

server.on('request', provider.callback());
process.stdout.write(`${JSON.stringify({ issuer })}\n`);
