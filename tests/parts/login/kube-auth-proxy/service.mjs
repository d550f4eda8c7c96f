// What is answered to whom. `serve` is the whole of it; the order of its questions is the real one's, faults and all:
// a path that is not clean is redirected before anybody is asked who they are, `/ping` and the like are open, an unknown
// path below the prefix is an application's, tokens that are over are handed out until a refresh is due, and more.
import { randomBytes } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { hash } from './cookies.mjs';
import { Answer, cleanPath, encode, escapeHtml, escapePath, escapeQuery, parseForm, parseQuery } from './go.mjs';

const JWT = /^ey[\w-]*\.ey[\w-]*\.[\w-]+$/;
/** A redirect with two slashes next to each other, or with blanks or dots between them. */
const LEAVES_THE_HOST = /[/\\](?:[\t\n\f\r \v]*|\.{1,2})[/\\]/;
const MLFLOW = JSON.stringify({
  error_code: 'UNAUTHENTICATED',
  message:
    'Authentication to the MLflow tracking server failed. Ensure you are logged in to the OpenShift cluster with `oc login`, have selected the correct project/MLflow workspace with `oc project`, are using MLflow Python client 3.11+, and have set MLFLOW_TRACKING_AUTH=kubernetes-namespaced to automatically use your OpenShift credentials.',
});
const BAD_QUERY = Symbol('a query that is not understood');

/** What a page looks like: its size decides that it is sent in chunks. */
const STYLE = `body { font-family: sans-serif; margin: 4em auto; max-width: 40em; } ${'/* a page of the double */ '.repeat(90)}`;

/** What ends a connection without an answer. */
export class Crash extends Error {}

export class Service {
  constructor(options, cookies, issuer, reviewer) {
    this.options = options;
    this.cookies = cookies;
    this.issuer = issuer;
    this.reviewer = reviewer;
    this.prefix = options['proxy-prefix'];
    this.upstreamStatus = Number(options.upstream[0].slice('static://'.length));
    this.apiRoutes = options['api-route'].map((route) => new RegExp(route));
    this.openRoutes = [
      ...options['skip-auth-regex'].map((path) => ({ path: new RegExp(path) })),
      ...options['skip-auth-route'].map(openRoute),
    ];
  }

  async serve(asked) {
    const clean = cleanPath(asked.path);
    if (clean !== asked.path) return moved(asked, clean);
    const answer = new Answer();
    if (asked.path === this.options['ping-path'] || asked.path === this.options['ready-path']) {
      return answer.write(200, 'OK');
    }
    if (asked.path === '/robots.txt') return answer.write(200, 'User-agent: *\nDisallow: /\n');
    const below = asked.path.startsWith(`${this.prefix}/`) ? asked.path.slice(this.prefix.length) : '';
    if (below === '/auth') return this.withSession(asked, answer, (session) => this.check(asked, answer, session));
    if (below === '/sign_in') return this.signIn(asked, noCache(answer));
    if (below === '/start') return this.startLogin(asked, noCache(answer));
    if (below === '/callback') return this.callback(asked, noCache(answer));
    if (below.startsWith('/static/')) return this.file(below, noCache(answer));
    if (below === '/userinfo') {
      return this.withSession(asked, noCache(answer), (session) => this.userInfo(asked, answer, session));
    }
    if (below === '/sign_out') {
      return this.withSession(asked, noCache(answer), (session) => this.signOut(asked, answer, session));
    }
    return this.withSession(asked, answer, (session) => this.application(asked, answer, session));
  }

  // === Who asks ===

  /** A token that the cluster knows, a token of the issuer, a cookie: the first that there is. */
  async withSession(asked, answer, then) {
    const session = (await this.reviewed(asked)) ?? (await this.bearer(asked));
    if (session instanceof Error && !this.options['bearer-token-login-fallback']) return answer.error(403);
    const known = session && !(session instanceof Error);
    return then(known ? session : await this.stored(asked, answer));
  }

  async reviewed(asked) {
    const authorization = asked.header('authorization');
    if (!authorization.startsWith('Bearer ')) return undefined;
    // Where it is not to ask the cluster it asks all the same, of nothing, and the connection ends without an answer.
    if (!this.reviewer) throw new Crash('invalid memory address or nil pointer dereference');
    return this.reviewer.session(authorization.slice('Bearer '.length)).catch(() => undefined);
  }

  /** A session, an Error for an Authorization header that gives none, nothing without the header. */
  async bearer(asked) {
    const authorization = asked.header('authorization');
    if (!this.options['skip-jwt-bearer-tokens'] || authorization === '') return undefined;
    const token = jwtOf(authorization);
    if (!token) return new Error('no valid bearer token found in authorization header');
    return this.issuer.sessionFromBearer(token).catch((error) => error);
  }

  async stored(asked, answer) {
    const loaded = this.cookies.loadSession(asked);
    if (loaded === undefined) return undefined;
    const session = loaded instanceof Error ? loaded : await this.refreshedIfDue(asked, answer, loaded);
    if (!(session instanceof Error)) return session;
    this.cookies.clearSession(asked, answer);
    return undefined;
  }

  /** Only here a session's tokens are looked at: before a refresh is due, and without one, they may be over. */
  async refreshedIfDue(asked, answer, session) {
    const period = this.options['cookie-refresh'];
    const age = Math.floor(Date.now() / 1000) * 1000 - session.created;
    if (period === 0 || age <= period) return session;
    let current = session;
    if (session.refresh) {
      try {
        current = { ...(await this.issuer.refreshed(session)), created: Date.now() };
        this.cookies.saveSession(asked, answer, current);
      } catch {
        // What there is will do as long as it is good.
      }
    }
    if (current.expires !== undefined && current.expires < Date.now()) return new Error('session is expired');
    return (await this.issuer.isValid(current)) ? current : new Error('session is invalid');
  }

  /** `allowed` with a session or none, `login`, or `denied`. */
  authorize(asked, answer, session) {
    if (this.isOpen(asked)) return 'allowed';
    if (!session) return 'login';
    if ((session.email === '' || this.isEmailAllowed(session.email)) && this.isInAllowedGroup(session)) return 'allowed';
    this.cookies.clearSession(asked, answer);
    return 'denied';
  }

  isOpen(asked) {
    if (this.options['skip-auth-preflight'] && asked.method === 'OPTIONS') return true;
    const path = this.forwarded(asked, 'x-forwarded-uri')?.split('?')[0] ?? asked.decodedPath;
    return this.openRoutes.some(
      (route) => (!route.method || route.method === asked.method) && route.path.test(path) !== Boolean(route.negate),
    );
  }

  /** The end of the address decides, however many @ there are. */
  isEmailAllowed(email) {
    if (email === '') return false;
    const lower = email.toLowerCase();
    const host = lower.split('@').at(-1);
    return this.options['email-domain'].some((domain) => {
      const wanted = domain.toLowerCase();
      if (wanted === '*' || lower.endsWith(`@${wanted}`)) return true;
      return /^\*?\./.test(wanted) && host.endsWith(wanted.replace(/^\*/, ''));
    });
  }

  isInAllowedGroup(session) {
    const allowed = this.options['allowed-group'];
    return allowed.length === 0 || session.groups.some((group) => allowed.includes(group));
  }

  // === Answers ===

  /** Everything that is nothing else. */
  application(asked, answer, session) {
    const verdict = this.authorize(asked, answer, session);
    if (verdict === 'allowed') {
      // What stands behind the login cleans paths once more, and reads what was escaped.
      const clean = cleanPath(asked.decodedPath);
      if (clean !== asked.decodedPath) return moved(asked, clean, this.identify(answer, session));
      return this.identify(answer, session).write(this.upstreamStatus, 'Authenticated');
    }
    if (verdict === 'login') return this.needsLogin(asked, answer);
    if (this.options['force-json-errors']) return answer.set('Content-Type', 'application/json').write(403, '{}');
    return page(answer, 403);
  }

  needsLogin(asked, answer) {
    if (isMlflow(asked)) return answer.set('Content-Type', 'application/json').write(401, `${MLFLOW}\n`);
    const isApi = this.apiRoutes.some((route) => route.test(this.uri(asked)));
    if (this.options['force-json-errors'] || wantsJson(asked) || isApi) {
      return answer.set('Content-Type', 'application/json').write(401, '{}');
    }
    if (this.options['skip-provider-button']) return this.startLogin(asked, answer);
    return this.signInPage(asked, answer, 403);
  }

  check(asked, answer, session) {
    const verdict = this.authorize(asked, answer, session);
    if (verdict === 'login' && isMlflow(asked)) {
      return answer.set('Content-Type', 'application/json').write(401, `${MLFLOW}\n`);
    }
    if (verdict !== 'allowed') return answer.error(401);
    if (session && !meets(asked, session)) return answer.error(403);
    return this.identify(answer, session).write(202);
  }

  userInfo(asked, answer, session) {
    if (this.authorize(asked, answer, session) !== 'allowed') return answer.error(401);
    answer.set('Content-Type', 'application/json');
    if (!session) return answer.write(200, '{}');
    const { user, email, groups, preferred } = session;
    const told = { user, email, groups: groups.length > 0 ? groups : undefined, preferredUsername: preferred || undefined };
    return answer.write(200, `${JSON.stringify(told)}\n`);
  }

  signOut(asked, answer, session) {
    const target = this.target(asked);
    const verdict = this.authorize(asked, answer, session);
    if (target === BAD_QUERY) return page(answer, 500);
    this.cookies.clearSession(asked, answer);
    const end = this.issuer.logoutUrl;
    if (!end) return answer.redirect(asked, target);
    const hint = verdict === 'allowed' && session?.id;
    const separator = end.includes('?') ? '&' : '?';
    return answer.redirect(asked, hint ? `${end}${separator}id_token_hint=${escapeQuery(hint)}` : end);
  }

  signIn(asked, answer) {
    if (this.target(asked) === BAD_QUERY) return page(answer, 500);
    if (this.options['skip-provider-button']) return this.startLogin(asked, answer);
    return this.signInPage(asked, answer, 200);
  }

  signInPage(asked, answer, status) {
    const target = this.target(asked);
    if (target === BAD_QUERY) return page(noCache(answer), 500);
    this.cookies.clearSession(asked, noCache(answer));
    const start = `${this.prefix}/start?rd=${escapeQuery(target)}`;
    return page(answer, status, 'Sign In', `<a href="${escapeHtml(start)}">Sign in with OpenID Connect</a>`);
  }

  startLogin(asked, answer) {
    const options = this.options;
    noCache(answer);
    const target = this.target(asked);
    if (target === BAD_QUERY) return page(answer, 400);
    const login = { state: randomBytes(32).toString('base64'), nonce: randomBytes(32).toString('base64') };
    const state = `${hash(Buffer.from(login.state, 'base64'))}:${target}`;
    const parameters = {
      client_id: options['client-id'],
      redirect_uri: this.redirectUrl(asked),
      response_type: 'code',
      scope: options.scope || `openid email profile${options['allowed-group'].length > 0 ? ' groups' : ''}`,
      state: options['encode-state'] ? Buffer.from(state).toString('base64url') : state,
    };
    if (options.prompt) parameters.prompt = options.prompt;
    else parameters.approval_prompt = options['approval-prompt'];
    if (options['code-challenge-method']) {
      login.verifier = randomBytes(96).toString('base64url');
      const isHashed = options['code-challenge-method'] === 'S256';
      parameters.code_challenge = isHashed ? hash(login.verifier) : login.verifier;
      parameters.code_challenge_method = options['code-challenge-method'];
    }
    if (!options['insecure-oidc-skip-nonce']) parameters.nonce = hash(Buffer.from(login.nonce, 'base64'));
    this.cookies.clearExtraLogins(asked, answer);
    this.cookies.saveLogin(asked, answer, login);
    return answer.redirect(asked, `${this.issuer.loginUrl}?${encode(parameters)}`);
  }

  async callback(asked, answer) {
    const form = parseForm(asked);
    if (form.error) return page(answer, 500);
    if (form.first('error')) return page(answer, 403);
    const sent = form.first('state');
    const state = this.options['encode-state'] ? Buffer.from(sent, 'base64url').toString() : sent;
    const colon = state.indexOf(':');
    if (colon < 0) return page(answer, 500);
    const [proof, target] = [state.slice(0, colon), state.slice(colon + 1)];
    const login = this.cookies.loadLogin(asked, this.cookies.loginName(proof));
    if (!login) return this.loginLost(asked, answer, target);
    let session;
    try {
      if (!form.first('code')) throw new Error('missing code');
      session = await this.issuer.sessionFromCode(form.first('code'), this.redirectUrl(asked), login.verifier);
      if (!session.email) throw new Error('no email');
    } catch (error) {
      console.error(`Error redeeming code during OAuth2 callback: ${error.message}`);
      return page(answer, 500);
    }
    // The code is gone, and so is the cookie of whichever login it belongs to, before the state is compared.
    this.cookies.clearLogin(asked, answer, login);
    if (proof !== hash(Buffer.from(login.state, 'base64'))) return this.loginLost(asked, answer, target);
    return this.finishLogin(asked, answer, { ...session, nonce: login.nonce }, target);
  }

  async finishLogin(asked, answer, session, target) {
    if (!(await this.issuer.isValid(session))) return page(answer, 403);
    if (!this.isEmailAllowed(session.email) || !this.isInAllowedGroup(session)) return page(answer, 403);
    this.cookies.saveSession(asked, answer, session);
    return answer.redirect(asked, isLocal(target) ? target : '/');
  }

  /** Without its cookie a login starts anew. */
  loginLost(asked, answer, target) {
    if (this.options['disable-redirect-on-csrf-error']) return page(answer, 403);
    const callback = `${this.prefix}/callback`;
    const back = isLocal(target) && target !== callback && !target.startsWith(`${callback}?`) ? target : '/';
    return answer.redirect(asked, `${this.prefix}/sign_in?rd=${escapeQuery(back)}&error=csrf_expired`);
  }

  /** Files of its pages: one, of our own. */
  file(path, answer) {
    if (path !== '/static/css/bulma.min.css') {
      answer.headers.delete('Cache-Control');
      answer.error(404);
      return answer.write(404, '404 page not found\n');
    }
    const css = 'body { font-family: sans-serif; }\n';
    answer.set('Accept-Ranges', 'bytes').set('Content-Type', 'text/css; charset=utf-8');
    return answer.set('Content-Length', String(css.length)).write(200, css);
  }

  /** Who it is, in the answer's headers. */
  identify(answer, session) {
    if (!session) return answer;
    const options = this.options;
    const set = (name, value) => value && answer.set(name, value);
    answer.set('Gap-Auth', session.email || session.user);
    if (options['set-authorization-header'] && session.id) set('Authorization', `Bearer ${session.id}`);
    if (options['set-xauthrequest']) {
      set('X-Auth-Request-User', session.user);
      set('X-Auth-Request-Email', session.email);
      set('X-Auth-Request-Preferred-Username', session.preferred);
      set('X-Auth-Request-Groups', session.groups.join(','));
      if (options['pass-access-token']) set('X-Auth-Request-Access-Token', session.access);
    }
    return answer;
  }

  // === Where to ===

  forwarded(asked, name) {
    return (this.options['reverse-proxy'] && asked.header(name)) || undefined;
  }

  uri(asked) {
    return this.forwarded(asked, 'x-forwarded-uri') ?? asked.uri;
  }

  redirectUrl(asked) {
    const url = this.options['redirect-url'];
    if (/^https?:/.test(url)) return url;
    const host = this.forwarded(asked, 'x-forwarded-host') ?? asked.host;
    return `https://${host}${url || `${this.prefix}/callback`}`;
  }

  /** Where a login ends: `rd`, the header, the address itself; the first that stays on this host. */
  target(asked) {
    const form = parseForm(asked);
    if (form.error) return BAD_QUERY;
    const own = (uri) => (uri.startsWith(`${this.prefix}/`) ? '/' : uri);
    const uri = this.uri(asked);
    const candidates = [form.first('rd'), asked.header('x-auth-request-redirect'), own(isLocal(uri) ? uri : asked.uri)];
    return candidates.find(isLocal) ?? '/';
  }
}

function openRoute(route) {
  const [, method, not, path] = /^(?:([^]*?)(!?)=)?([^]*)$/.exec(route);
  return { method: method?.toUpperCase(), negate: not === '!', path: new RegExp(path) };
}

function moved(asked, path, answer = new Answer()) {
  const query = asked.uri.includes('?') ? `?${asked.query}` : '';
  // What was escaped is escaped once more.
  return answer.set('Location', escapePath(path) + query).write(301);
}

const isLocal = (target) => target.startsWith('/') && !target.startsWith('//') && !LEAVES_THE_HOST.test(target);

const noCache = (answer) =>
  answer
    .set('Cache-Control', 'no-cache, no-store, must-revalidate, max-age=0')
    .set('Expires', 'Thu, 01 Jan 1970 00:00:00 UTC')
    .set('X-Accel-Expires', '0');

function page(answer, status, title = `${status} ${STATUS_CODES[status]}`, text = title) {
  const head = `<meta charset="utf-8"><title>${title}</title><style>${STYLE}</style>`;
  return answer.write(status, `<!doctype html>\n<html lang="en"><head>${head}</head><body><p>${text}</p></body></html>\n`);
}

const isMlflow = (asked) =>
  asked.header('user-agent').startsWith('mlflow-python-client/') && !asked.header('accept').includes('text/html');

const wantsJson = (asked) =>
  asked.all('accept').some((line) => line.split(',').some((type) => type.trim() === 'application/json'));

/** The JWT in an Authorization header: of Bearer, or in either half of Basic. */
function jwtOf(authorization) {
  const [scheme, credentials, more] = authorization.split(' ');
  if (credentials === undefined || more !== undefined) return undefined;
  if (scheme === 'Bearer') return JWT.test(credentials) ? credentials : undefined;
  if (scheme !== 'Basic') return undefined;
  const pair = Buffer.from(credentials, 'base64').toString();
  const colon = pair.indexOf(':');
  if (colon < 0) return undefined;
  const [user, password] = [pair.slice(0, colon), pair.slice(colon + 1)];
  if (JWT.test(user)) return ['', 'x-oauth-basic'].includes(password) ? user : undefined;
  return JWT.test(password) ? password : undefined;
}

/** What the query of a check asks for beyond a session. */
function meets(asked, session) {
  const { values } = parseQuery(asked.query);
  const allowed = (name) => (values.get(name) ?? []).flatMap((list) => list.split(',')).filter(Boolean);
  const [groups, emails, domains] = ['allowed_groups', 'allowed_emails', 'allowed_email_domains'].map(allowed);
  const [, domain, more] = session.email.split('@');
  const inDomain = (wanted) => domain === wanted.replace(/^\*?\./, '') || (/^\*?\./.test(wanted) && domain.endsWith(wanted.replace(/^\*/, '')));
  return (
    (groups.length === 0 || session.groups.some((group) => groups.includes(group))) &&
    (emails.length === 0 || emails.includes(session.email)) &&
    (domains.length === 0 || (domain !== undefined && more === undefined && domains.some(inDomain)))
  );
}
