// The command line: the flags of kube-auth-proxy that the double knows, with the real one's defaults.
import { readFileSync } from 'node:fs';

export class Refused extends Error {}

const text = (initial = '') => ({ initial, parse: (value) => value });
const yes = (initial = false) => ({ initial, bare: 'true', parse: bool });
const time = (initial) => ({ initial, parse: milliseconds });
const number = (initial) => ({ initial, parse: Number });
const list = () => ({ initial: [], parse: csv, several: true });

const FLAGS = {
  'allowed-group': list(),
  'api-route': list(),
  'approval-prompt': text('force'),
  'auth-logging': yes(true),
  'bearer-token-login-fallback': yes(true),
  'client-id': text(),
  'client-secret': text(),
  'client-secret-file': text(),
  'code-challenge-method': text(),
  'cookie-csrf-expire': time(15 * 60_000),
  'cookie-csrf-per-request': yes(),
  'cookie-csrf-per-request-limit': number(0),
  'cookie-domain': list(),
  'cookie-expire': time(168 * 3_600_000),
  'cookie-httponly': yes(true),
  'cookie-name': text('_oauth2_proxy'),
  'cookie-path': text('/'),
  'cookie-refresh': time(0),
  'cookie-samesite': text(),
  'cookie-secret': text(),
  'cookie-secret-file': text(),
  'cookie-secure': yes(true),
  'disable-redirect-on-csrf-error': yes(),
  'email-domain': list(),
  'enable-k8s-token-validation': yes(),
  'encode-state': yes(),
  'force-json-errors': yes(),
  'http-address': text('127.0.0.1:4180'),
  'https-address': text(':443'),
  'insecure-oidc-allow-unverified-email': yes(),
  'insecure-oidc-skip-issuer-verification': yes(),
  'insecure-oidc-skip-nonce': yes(true),
  kubeconfig: text(),
  'kubernetes-audiences': list(),
  'metrics-address': text(),
  'oidc-email-claim': text('email'),
  'oidc-extra-audience': list(),
  'exclude-logging-path': list(),
  'oidc-groups-claim': text('groups'),
  'oidc-issuer-url': text(),
  'pass-access-token': yes(),
  'pass-authorization-header': yes(),
  'pass-basic-auth': yes(true),
  'pass-user-headers': yes(true),
  'ping-path': text('/ping'),
  prompt: text(),
  provider: text('oidc'),
  'provider-ca-file': list(),
  'proxy-prefix': text('/oauth2'),
  'ready-path': text('/ready'),
  'redirect-url': text(),
  'request-logging': yes(true),
  'reverse-proxy': yes(),
  scope: text(),
  'session-cookie-minimal': yes(),
  'set-authorization-header': yes(),
  'set-xauthrequest': yes(),
  'silence-ping-logging': yes(),
  'skip-auth-preflight': yes(),
  'skip-auth-regex': list(),
  'skip-auth-route': list(),
  'skip-claims-from-profile-url': yes(),
  'skip-jwt-bearer-tokens': yes(),
  'skip-oidc-discovery': yes(),
  'skip-provider-button': yes(),
  'ssl-insecure-skip-verify': yes(),
  'standard-logging': yes(true),
  'tls-cert-file': text(),
  'tls-cipher-suite': list(),
  'tls-key-file': text(),
  'tls-min-version': text(),
  upstream: list(),
  'use-system-trust-store': yes(),
};

const FROM_ENVIRONMENT = ['client-id', 'client-secret', 'cookie-secret'];

/** The options by flag name; with `cookieKey`, `route` and `api` expressions read. Throws Refused. */
export function read(args, environment) {
  const options = Object.fromEntries(Object.entries(FLAGS).map(([name, { initial }]) => [name, initial]));
  for (const name of FROM_ENVIRONMENT) {
    const value = environment[`OAUTH2_PROXY_${name.toUpperCase().replaceAll('-', '_')}`];
    if (value !== undefined) options[name] = value;
  }
  for (const [name, value] of given(args)) {
    const flag = FLAGS[name];
    const parsed = flag.parse(value, name);
    options[name] = flag.several ? [...options[name], ...parsed] : parsed;
  }
  check(options);
  return options;
}

/** Name and value of each flag: `--flag=value`, `--flag value`, and `--flag` alone for those that are on or off. */
function* given(args) {
  for (let at = 0; at < args.length; at += 1) {
    const [, name, , value] = /^--([^=]*)(=([^]*))?$/.exec(args[at]) ?? [];
    if (name === undefined) {
      if (args[at].startsWith('-')) throw new Refused(`unknown shorthand flag: ${args[at]}`);
      continue;
    }
    const flag = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
    if (!flag) throw new Refused(`failed to parse flags: unknown flag: --${name}`);
    if (value !== undefined) {
      yield [name, value];
    } else if (flag.bare) {
      yield [name, flag.bare];
    } else {
      at += 1;
      if (at === args.length) throw new Refused(`flag needs an argument: --${name}`);
      yield [name, args[at]];
    }
  }
}

function bool(value, name) {
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false;
  throw new Refused(`invalid argument "${value}" for "--${name}"`);
}

const UNITS = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function milliseconds(value, name) {
  if (value === '0') return 0;
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== value) {
    throw new Refused(`invalid argument "${value}" for "--${name}"`);
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * UNITS[unit], 0);
}

/** One row of CSV. */
function csv(value) {
  const fields = [...value.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)];
  return value === '' ? [] : fields.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain);
}

/** 16, 24 or 32 bytes: those that base64 stands for, if they are so many, or else the text's own. */
export function cookieKey(secret) {
  const bare = secret.replace(/=+$/, '');
  const decoded = Buffer.from(bare, 'base64url');
  const exact = decoded.toString('base64url') === bare;
  return exact && [16, 24, 32].includes(decoded.length) ? decoded : Buffer.from(secret);
}

function check(options) {
  const wrong = [];
  if (options.provider !== 'oidc') wrong.push(`the double has no provider ${options.provider}`);
  if (options['skip-oidc-discovery']) wrong.push('the double discovers its issuer');
  if (!options['tls-cert-file'] || !options['tls-key-file']) wrong.push('the double serves over TLS alone');
  if (options['cookie-secret-file'] && !options['cookie-secret']) {
    options['cookie-secret'] = readFile(options['cookie-secret-file'], wrong);
  }
  const length = cookieKey(options['cookie-secret']).length;
  if (!options['cookie-secret']) wrong.push('missing setting: cookie-secret or cookie-secret-file');
  else if (![16, 24, 32].includes(length)) {
    wrong.push(`cookie_secret must be 16, 24, or 32 bytes to create an AES cipher, but is ${length} bytes`);
  }
  if (options['cookie-expire'] !== 0 && options['cookie-refresh'] >= options['cookie-expire']) {
    wrong.push('cookie_refresh must be less than cookie_expire');
  }
  if (!['', 'lax', 'strict', 'none'].includes(options['cookie-samesite'])) wrong.push('cookie_samesite');
  if (options['session-cookie-minimal'] && needsTokens(options)) {
    wrong.push('tokens are to be passed on, so session_cookie_minimal cannot be set');
  }
  if (!options['client-id']) wrong.push('provider missing setting: client-id');
  if (!options['client-secret'] && !options['client-secret-file']) {
    wrong.push('missing setting: client-secret or client-secret-file');
  }
  if (options['client-secret-file']) readFile(options['client-secret-file'], wrong);
  if (!options['oidc-issuer-url']) wrong.push('missing setting: oidc-issuer-url');
  if (options['email-domain'].length === 0) wrong.push('missing setting for email validation: email-domain');
  if (options.upstream.length !== 1 || !/^static:\/\/\d+$/.test(options.upstream[0])) {
    wrong.push('the double has one upstream, static://STATUS');
  }
  if (wrong.length > 0) throw new Refused(`invalid configuration:\n  ${wrong.join('\n  ')}`);
}

function needsTokens(options) {
  return (
    options['set-authorization-header'] ||
    options['pass-authorization-header'] ||
    options['pass-access-token'] ||
    options['cookie-refresh'] !== 0
  );
}

function readFile(path, wrong) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    wrong.push(`could not read ${path}`);
    return '';
  }
}
