// The habits of Go's HTTP server that can be seen from outside: how a request is read, in which order headers are written.
import { STATUS_CODES } from 'node:http';

/** Bodies over this size are sent in chunks unless their length was told. */
const BUFFER = 2048;

// === Requests ===

/** A request as Go's server sees it; nothing if it answers 400 before any handler. */
export function request(incoming, body) {
  const [, rawPath, query] = /^([^?]*)(\?[^]*)?$/.exec(incoming.url);
  const decoded = unescape(rawPath, false);
  if (decoded === undefined) return undefined;
  const path = /^[\w\-.~!$&'()*+,;=:@[\]/%]*$/.test(rawPath) ? rawPath : escapePath(decoded);
  const all = (name) => incoming.headersDistinct[name] ?? [];
  return {
    method: incoming.method,
    path,
    decodedPath: decoded,
    query: (query ?? '').slice(1),
    uri: path + (query ?? ''),
    host: incoming.headers.host ?? '',
    all,
    header: (name) => all(name)[0] ?? '',
    cookies: cookies(all('cookie')),
    body,
  };
}

/** Percent signs resolved; nothing if one of them is not followed by two digits. */
function unescape(text, query) {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined;
  const plain = query ? text.replaceAll('+', ' ') : text;
  const bytes = Buffer.from(plain).toString('latin1');
  const raw = bytes.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(raw, 'latin1').toString();
}

const percent = (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;

function escape(text, kept) {
  const escaped = [...Buffer.from(text)].map((byte) => {
    const character = String.fromCharCode(byte);
    return kept.test(character) ? character : percent(byte);
  });
  return escaped.join('');
}

export const escapePath = (text) => escape(text, /[\w\-.~$&+,/:;=@]/);

export const escapeQuery = (text) => escape(text, /[\w\-.~ ]/).replaceAll(' ', '+');

/** Parameters in alphabetical order, as one query. */
export function encode(parameters) {
  const pairs = Object.entries(parameters).sort(([one], [other]) => (one < other ? -1 : 1));
  return pairs.map(([name, value]) => `${escapeQuery(name)}=${escapeQuery(value)}`).join('&');
}

/** First values by name, and the error of the first part that is not understood. */
export function parseQuery(query) {
  const values = new Map();
  let error;
  for (const part of query.split('&').filter(Boolean)) {
    const [, name, value] = /^([^=]*)=?([^]*)$/.exec(part).map((one) => unescape(one, true));
    if (part.includes(';')) error ??= 'invalid semicolon separator in query';
    else if (name === undefined || value === undefined) error ??= 'invalid URL escape';
    else values.set(name, [...(values.get(name) ?? []), value]);
  }
  return { values, error };
}

/** The query's parameters, and before them a form's. */
export function parseForm(asked) {
  const query = parseQuery(asked.query);
  const posted = /^(POST|PUT|PATCH)$/.test(asked.method);
  const isForm = asked.header('content-type').split(';')[0].trim() === 'application/x-www-form-urlencoded';
  const form = posted && isForm ? parseQuery(asked.body.toString()) : { values: new Map() };
  const first = (name) => (form.values.get(name) ?? query.values.get(name) ?? [''])[0];
  return { first, error: form.error ?? query.error };
}

/** Name and value pairs; those with bytes that do not belong into a cookie are not seen. */
function cookies(lines) {
  const found = [];
  for (const part of lines.flatMap((line) => line.split(';'))) {
    const [, name, value] = /^([^=]*)=?([^]*)$/.exec(part.trim());
    const bare = /^"[^]*"$/.test(value) ? value.slice(1, -1) : value;
    if (/^[\w!#$%&'*+\-.^`|~]+$/.test(name) && /^[\x20-\x7e]*$/.test(bare) && !/["\\]/.test(bare)) {
      found.push([name, bare]);
    }
  }
  return found;
}

/** No empty, `.` or `..` part; a slash at the end stays. */
export function cleanPath(path) {
  const parts = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  const clean = `/${parts.join('/')}`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

// === Answers ===

/** Headers by name, written in alphabetical order. */
export class Answer {
  headers = new Map();
  status = 200;
  body = '';

  set(name, value) {
    this.headers.set(name, [value]);
    return this;
  }

  add(name, value) {
    this.headers.set(name, [...(this.headers.get(name) ?? []), value]);
    return this;
  }

  write(status, body = '') {
    this.status = status;
    this.body = body;
    return this;
  }

  /** A plain text that says what went wrong. */
  error(status) {
    this.set('Content-Type', 'text/plain; charset=utf-8').set('X-Content-Type-Options', 'nosniff');
    return this.write(status, `${STATUS_CODES[status]}\n`);
  }

  /** A redirect, with a link for readers that do not follow. */
  redirect(asked, location) {
    const [, path, query] = /^([^?]*)([^]*)$/.exec(location);
    const local = path.startsWith('/');
    const target = local ? cleanPath(path) + query : location;
    this.set('Location', escape(target, /[\x00-\x7f]/));
    const reads = asked.method === 'GET' || asked.method === 'HEAD';
    if (reads) this.set('Content-Type', 'text/html; charset=utf-8');
    return this.write(302, asked.method === 'GET' ? `<a href="${escapeHtml(target)}">Found</a>.\n\n` : '');
  }
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };

export const escapeHtml = (text) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]);

/** Sends an answer: the handler's headers by name, then those that the server adds. */
export function send(outgoing, asked, answer) {
  const named = [...answer.headers].sort(([one], [other]) => (one < other ? -1 : 1));
  const headers = named.flatMap(([name, values]) => values.flatMap((value) => [name, value]));
  const body = Buffer.from(answer.body);
  const chunked = body.length > BUFFER && !answer.headers.has('Content-Length') && asked.method !== 'HEAD';
  headers.push('Date', new Date().toUTCString());
  const told = chunked || answer.headers.has('Content-Length') || (asked.method === 'HEAD' && body.length === 0);
  if (!told) headers.push('Content-Length', String(body.length));
  if (body.length > 0 && !answer.headers.has('Content-Type')) headers.push('Content-Type', sniff(answer.body));
  if (asked.header('connection').toLowerCase() === 'close') headers.push('Connection', 'close');
  if (chunked) headers.push('Transfer-Encoding', 'chunked');
  if (headers.some((value) => /[\x00-\x08\x0a-\x1f\x7f]/.test(value))) return sendRaw(outgoing, answer.status, headers, body);
  bare(outgoing).writeHead(answer.status, headers);
  outgoing.end(asked.method === 'HEAD' ? undefined : body);
}

/** Go writes what Node refuses to: a value is checked for ends of lines, and for nothing else. */
function sendRaw(outgoing, status, headers, body) {
  const socket = outgoing.socket;
  let head = `HTTP/1.1 ${status} OK\r\nConnection: close\r\n`;
  for (let at = 0; at < headers.length; at += 2) {
    head += `${headers[at]}: ${headers[at + 1].replace(/[\r\n]/g, ' ')}\r\n`;
  }
  outgoing.detachSocket(socket);
  socket.end(Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), body]));
}

/** Keeps Node from adding headers of its own. */
export function bare(outgoing) {
  outgoing.sendDate = false;
  outgoing.removeHeader('Connection');
  outgoing.removeHeader('Transfer-Encoding');
  return outgoing;
}

const sniff = (body) => (/^\s*<(!doctype html|html)/i.test(body) ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8');
