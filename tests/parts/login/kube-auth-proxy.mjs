// A double of kube-auth-proxy (opendatahub-io/kube-auth-proxy, OpenID Connect alone) for tests: no code of it, but its
// answers, byte for byte where they were recorded (fixtures/kube-auth-proxy), with the faults that a gateway in front of it
// has to make up for. It takes the real one's flags and environment; what it does not know it refuses at the start.
//
//     node kube-auth-proxy.mjs --https-address=127.0.0.1:8443 --oidc-issuer-url=... ...
//
// GATEWRIGHT_LOGIN_PACKAGES names the folder whose node_modules holds `jose`.
import { readFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Cookies } from './kube-auth-proxy/cookies.mjs';
import { read, Refused } from './kube-auth-proxy/flags.mjs';
import { Answer, bare, request, send } from './kube-auth-proxy/go.mjs';
import { Issuer, Reviewer } from './kube-auth-proxy/outside.mjs';
import { Crash, Service } from './kube-auth-proxy/service.mjs';

/** What Go takes of headers; Node's own limit is a session of a few groups. */
const HEADERS = 1024 * 1024;

/** The packages are not beside this file. */
function load(name) {
  const require = createRequire(join(process.env.GATEWRIGHT_LOGIN_PACKAGES, 'package.json'));
  return import(pathToFileURL(require.resolve(name)));
}

async function body(incoming) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function handler(service, unlogged) {
  return async (incoming, outgoing) => {
    const asked = request(incoming, await body(incoming));
    if (!asked) {
      bare(outgoing).writeHead(400, ['Content-Type', 'text/plain; charset=utf-8', 'Connection', 'close']);
      outgoing.end('400 Bad Request');
      return;
    }
    let answer;
    try {
      answer = await service.serve(asked);
    } catch (error) {
      console.error(error);
      if (error instanceof Crash) {
        incoming.socket.destroy();
        return;
      }
      answer = new Answer().error(500);
    }
    // With the query, as the real one does it: a code is in it.
    const silent = unlogged.includes(asked.path);
    if (!silent) console.log(`${asked.method} ${asked.uri} ${answer.status}`);
    send(outgoing, asked, answer);
  };
}

/** A cipher's name in OpenSSL, from the one that Go and Kubernetes use. */
function cipher(name) {
  const [, exchange, sign, rest] = /^TLS_(ECDHE)_(RSA|ECDSA)_WITH_(.*)$/.exec(name) ?? [];
  const bulk = {
    AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
    AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
    CHACHA20_POLY1305: 'CHACHA20-POLY1305',
    CHACHA20_POLY1305_SHA256: 'CHACHA20-POLY1305',
  }[rest];
  if (!bulk) throw new Refused(`the double knows no cipher ${name}`);
  return `${exchange}-${sign}-${bulk}`;
}

function tls(options) {
  if (!['', 'TLS1.2', 'TLS1.3'].includes(options['tls-min-version'])) {
    throw new Refused('unknown TLS MinVersion config provided');
  }
  const settings = {
    cert: readFileSync(options['tls-cert-file']),
    key: readFileSync(options['tls-key-file']),
    minVersion: options['tls-min-version'] === 'TLS1.3' ? 'TLSv1.3' : 'TLSv1.2',
  };
  // Those of TLS 1.3 cannot be chosen.
  const chosen = options['tls-cipher-suite'].filter((name) => name.includes('_WITH_')).map(cipher);
  const always = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
  return chosen.length > 0 ? { ...settings, ciphers: [...always, ...chosen].join(':') } : settings;
}

function listen(server, address) {
  const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? [];
  if (port === undefined) throw new Refused(`listen (${address}) failed`);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(port), host || undefined, resolve);
  });
}

/** Counts of a Go program are of no interest here; that it answers is. */
function metrics(incoming, outgoing) {
  outgoing.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
  outgoing.end('# TYPE double_up gauge\ndouble_up 1\n');
}

async function start() {
  const options = read(process.argv.slice(2), process.env);
  const issuer = new Issuer(options, process.env, await load('jose'));
  await issuer.discover();
  const reviewer = options['enable-k8s-token-validation'] ? new Reviewer(options, process.env) : undefined;
  const service = new Service(options, new Cookies(options), issuer, reviewer);
  const settings = { ...tls(options), maxHeaderSize: HEADERS, keepAliveTimeout: 0, requestTimeout: 0 };
  if (options['metrics-address']) await listen(createPlainServer(metrics), options['metrics-address']);
  await listen(createServer(settings, handler(service, options['exclude-logging-path'])), options['https-address']);
  console.log(`listening on ${options['https-address']}`);
}

try {
  await start();
} catch (error) {
  console.error(`ERROR: ${error instanceof Refused ? error.message : error.stack}`);
  process.exit(1);
}
