// Whom it asks: the issuer, and the API server of a cluster.
import { readFileSync } from 'node:fs';
import { Agent, request as ask } from 'node:https';
import { rootCertificates } from 'node:tls';
import { hash } from './cookies.mjs';
import { escapeQuery } from './go.mjs';

const PATIENCE = 30_000;
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** An answer's status and JSON. */
function exchange(url, { method = 'GET', headers = {}, body, agent }) {
  return new Promise((resolve, reject) => {
    const outgoing = ask(url, { method, headers, agent, timeout: PATIENCE }, async (incoming) => {
      try {
        const chunks = [];
        for await (const chunk of incoming) chunks.push(chunk);
        resolve({ status: incoming.statusCode, json: JSON.parse(Buffer.concat(chunks).toString()) });
      } catch (error) {
        reject(error);
      }
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function good(url, wanted) {
  const { status, json } = await exchange(url, wanted);
  if (status < 200 || status > 299) throw new Error(`${url}: ${status} ${json.error ?? ''}`);
  return json;
}

// === The issuer ===

/** Whose certificates are believed: those of the files, and the system's if there are none or it is asked for too. */
function authorities(options, environment) {
  const files = options['provider-ca-file'].map((file) => readFileSync(file, 'utf8'));
  if (files.length > 0 && !options['use-system-trust-store']) return files;
  const system = environment.SSL_CERT_FILE ? [readFileSync(environment.SSL_CERT_FILE, 'utf8')] : rootCertificates;
  return [...files, ...system];
}

export class Issuer {
  constructor(options, environment, jose) {
    this.options = options;
    this.jose = jose;
    this.agent = new Agent({
      ca: authorities(options, environment),
      rejectUnauthorized: !options['ssl-insecure-skip-verify'],
    });
  }

  async discover() {
    const issuer = this.options['oidc-issuer-url'];
    const found = await good(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, { agent: this.agent });
    if (found.issuer !== issuer && !this.options['insecure-oidc-skip-issuer-verification']) {
      throw new Error(`issuer did not match: expected ${issuer}, got ${found.issuer}`);
    }
    this.found = found;
    await this.loadKeys();
  }

  async loadKeys() {
    this.keys = this.jose.createLocalJWKSet(await good(this.found.jwks_uri, { agent: this.agent }));
  }

  get loginUrl() {
    return this.found.authorization_endpoint;
  }

  get logoutUrl() {
    return this.found.end_session_endpoint;
  }

  /** The claims of a token of this issuer for this client; throws for any other. */
  async verify(token) {
    const wanted = {
      issuer: this.options['insecure-oidc-skip-issuer-verification'] ? undefined : this.found.issuer,
      audience: [this.options['client-id'], ...this.options['oidc-extra-audience']],
      algorithms: this.found.id_token_signing_alg_values_supported,
      requiredClaims: ['exp', 'aud'],
    };
    try {
      return (await this.jose.jwtVerify(token, this.keys, wanted)).payload;
    } catch (error) {
      if (error.code !== 'ERR_JWKS_NO_MATCHING_KEY') throw error;
      await this.loadKeys();
      return (await this.jose.jwtVerify(token, this.keys, wanted)).payload;
    }
  }

  async isValid(session) {
    try {
      const claims = await this.verify(session.id ?? '');
      return this.options['insecure-oidc-skip-nonce'] || claims.nonce === hash(Buffer.from(session.nonce, 'base64'));
    } catch {
      return false;
    }
  }

  /** Tokens for a code or a refresh token. */
  async redeem(parameters) {
    const options = this.options;
    // The file is read every time, and as it is: a line break at its end is part of the secret.
    const secret = options['client-secret'] || readFileSync(options['client-secret-file'], 'utf8');
    const credentials = [options['client-id'], secret].map(escapeQuery).join(':');
    const answer = await good(this.found.token_endpoint, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams(parameters).toString(),
      agent: this.agent,
    });
    if (!answer.access_token) throw new Error('no access_token');
    return answer;
  }

  async sessionFromCode(code, redirect, verifier) {
    const parameters = { grant_type: 'authorization_code', code, redirect_uri: redirect };
    if (verifier) parameters.code_verifier = verifier;
    const tokens = await this.redeem(parameters);
    if (!tokens.id_token) throw new Error('token response did not contain an id_token');
    return this.sessionFromTokens(tokens);
  }

  /** The session, renewed; throws if that cannot be. */
  async refreshed(session) {
    const tokens = await this.redeem({ grant_type: 'refresh_token', refresh_token: session.refresh });
    const renewed = await this.sessionFromTokens({ refresh_token: session.refresh, ...tokens });
    return { ...session, ...renewed };
  }

  async sessionFromTokens(tokens) {
    const now = Date.now();
    const session = {
      access: tokens.access_token,
      refresh: tokens.refresh_token,
      created: now,
      expires: tokens.expires_in ? now + tokens.expires_in * 1000 : undefined,
    };
    if (!tokens.id_token) return session;
    const claims = await this.verify(tokens.id_token);
    return { ...session, id: tokens.id_token, ...(await this.identity(claims, tokens.access_token)) };
  }

  async sessionFromBearer(token) {
    const claims = await this.verify(token);
    const identity = await this.identity(claims);
    const email = identity.email || identity.user;
    return { ...identity, email, access: token, id: token, created: Date.now(), expires: claims.exp * 1000 };
  }

  /** Who the claims speak of. What the token does not say is asked for where there is an access token to ask with. */
  async identity(claims, access) {
    const options = this.options;
    let profile;
    const claim = async (name) => {
      const told = inside(claims, name);
      if (told !== undefined || !access || options['skip-claims-from-profile-url']) return told;
      profile ??= await this.profile(access);
      return inside(profile, name);
    };
    const groups = await claim(options['oidc-groups-claim']);
    const identity = {
      user: string(await claim('sub')),
      email: string(await claim(options['oidc-email-claim'])),
      groups: groups === undefined ? [] : [groups].flat().map(string),
      preferred: string(await claim('preferred_username')),
    };
    const verifies = options['oidc-email-claim'] === 'email' && !options['insecure-oidc-allow-unverified-email'];
    if (verifies && !isTrue((await claim('email_verified')) ?? true)) {
      throw new Error(`email in id_token (${identity.email}) isn't verified`);
    }
    return identity;
  }

  async profile(access) {
    if (!this.found.userinfo_endpoint) return {};
    return good(this.found.userinfo_endpoint, {
      headers: { authorization: `Bearer ${access}`, accept: 'application/json' },
      agent: this.agent,
    });
  }
}

/** A claim of this name, or one inside others that the name's parts lead to. */
const inside = (claims, name) =>
  Object.hasOwn(claims, name) ? claims[name] : name.split('.').reduce((value, part) => value?.[part], claims);

const isTrue = (value) => (typeof value === 'string' ? /^(1|t|T|true|TRUE|True)$/.test(value) : Boolean(value));

const string = (value) => {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

// === The API server ===

/** Reviews tokens with the kubeconfig (JSON) that the flags name, or as the pod that this is. */
export class Reviewer {
  constructor(options, environment) {
    const { server, ca, cert, key, token } = options.kubeconfig
      ? fromKubeconfig(JSON.parse(readFileSync(options.kubeconfig, 'utf8')))
      : fromPod(environment);
    this.url = `${server.replace(/\/$/, '')}/apis/authentication.k8s.io/v1/tokenreviews`;
    this.token = token;
    this.agent = new Agent({ ca, cert, key, keepAlive: true });
    this.audiences = options['kubernetes-audiences'];
  }

  /** The session of a token; throws for one that the cluster does not know. */
  async session(token) {
    const spec = { token, ...(this.audiences.length > 0 && { audiences: this.audiences }) };
    const { status } = await good(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(this.token && { authorization: `Bearer ${this.token}` }) },
      body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec }),
      agent: this.agent,
    });
    if (!status.authenticated) throw new Error(`token not authenticated: ${status.error ?? ''}`);
    const { username, groups = [] } = status.user;
    return { user: username, email: `${username}@cluster.local`, groups, preferred: '', access: token };
  }
}

function fromKubeconfig(config) {
  const named = (entries, name) => entries.find((entry) => entry.name === name);
  const { context } = named(config.contexts, config['current-context']);
  const { cluster } = named(config.clusters, context.cluster);
  const { user } = named(config.users, context.user);
  const content = (from, name) => {
    if (from[`${name}-data`]) return Buffer.from(from[`${name}-data`], 'base64').toString();
    return from[name] && readFileSync(from[name], 'utf8');
  };
  return {
    server: cluster.server,
    ca: content(cluster, 'certificate-authority'),
    cert: content(user, 'client-certificate'),
    key: content(user, 'client-key'),
    token: user.token ?? (user.tokenFile && readFileSync(user.tokenFile, 'utf8').trim()),
  };
}

function fromPod(environment) {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (!host || !port) throw new Error('unable to load in-cluster configuration');
  const file = (name) => readFileSync(`${ACCOUNT}/${name}`, 'utf8');
  return { server: `https://${host}:${port}`, ca: file('ca.crt'), token: file('token') };
}
