// Cookies: signed and encrypted, and cut where a browser would not keep them whole.
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { cookieKey } from './flags.mjs';

/** A cookie's whole line may be so long. */
const LONGEST = 4000;
/** How far in the future a cookie may have been made. */
const CLOCKS_DIFFER = 5 * 60_000;
/** How much of the state is in the name of a login's own cookie. */
const STATE_IN_NAME = 8;
const CLEARED = -1;

const padded = (bytes) => bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_');

/** What of a nonce is shown. */
export const hash = (nonce) => createHash('sha256').update(nonce).digest('base64url');

const same = (one, other) => one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));

export class Cookies {
  constructor(options) {
    this.options = options;
    this.secret = options['cookie-secret'];
    this.key = cookieKey(this.secret);
    this.name = options['cookie-name'];
  }

  // === Sealing ===

  encrypt(bytes) {
    const iv = randomBytes(16);
    const cipher = createCipheriv(`aes-${this.key.length * 8}-cfb`, this.key, iv);
    return Buffer.concat([iv, cipher.update(bytes), cipher.final()]);
  }

  decrypt(bytes) {
    const cipher = createDecipheriv(`aes-${this.key.length * 8}-cfb`, this.key, bytes.subarray(0, 16));
    return Buffer.concat([cipher.update(bytes.subarray(16)), cipher.final()]);
  }

  signature(name, value, seconds) {
    return padded(createHmac('sha256', this.secret).update(name).update(value).update(seconds).digest());
  }

  seal(name, bytes, time) {
    const value = padded(this.encrypt(bytes));
    const seconds = String(Math.floor(time / 1000));
    return `${value}|${seconds}|${this.signature(name, value, seconds)}`;
  }

  /** The bytes, if the cookie is our own and not too old. */
  open(name, sealed, life) {
    const [value, seconds, signature, more] = sealed.split('|');
    if (signature === undefined || more !== undefined) return undefined;
    if (!same(signature, this.signature(name, value, seconds))) return undefined;
    const [now, made] = [Date.now(), Number(seconds) * 1000];
    if (life !== 0 && (made <= now - life || made >= now + CLOCKS_DIFFER)) return undefined;
    return this.decrypt(Buffer.from(value, 'base64url'));
  }

  // === Lines ===

  domain(asked) {
    const host = (this.options['reverse-proxy'] && asked.header('x-forwarded-host')) || asked.host;
    const domains = [...this.options['cookie-domain']].sort((one, other) => other.length - one.length);
    return domains.find((domain) => host.endsWith(domain)) ?? domains.at(-1);
  }

  /** The line of a Set-Cookie header. */
  line(asked, name, value, life) {
    const options = this.options;
    const domain = this.domain(asked);
    const sites = { lax: 'Lax', strict: 'Strict', none: 'None' };
    const parts = [`${name}=${value}`, `Path=${options['cookie-path']}`];
    if (domain) parts.push(`Domain=${domain.replace(/^\./, '')}`);
    if (life !== 0) parts.push(`Max-Age=${life === CLEARED ? 0 : Math.floor(life / 1000)}`);
    if (options['cookie-httponly']) parts.push('HttpOnly');
    if (options['cookie-secure']) parts.push('Secure');
    if (options['cookie-samesite']) parts.push(`SameSite=${sites[options['cookie-samesite']]}`);
    return parts.join('; ');
  }

  /** The lines of a value that may be too long for one. */
  split(asked, name, value, life) {
    const whole = this.line(asked, name, value, life);
    if (whole.length <= LONGEST) return [whole];
    const lines = [];
    for (let rest = value; rest.length > 0; ) {
      const part = `${name}_${lines.length}`;
      const room = LONGEST - this.line(asked, part, '', life).length;
      lines.push(this.line(asked, part, rest.slice(0, room), life));
      rest = rest.slice(room);
    }
    return lines;
  }

  // === Sessions ===

  saveSession(asked, answer, session) {
    const { access, id, refresh, ...minimal } = session;
    const kept = this.options['session-cookie-minimal'] ? minimal : session;
    // Packed about as tightly as by the real one, so that it splits where that does.
    const packed = deflateRawSync(JSON.stringify(kept), { strategy: constants.Z_FIXED });
    const value = this.seal(this.name, packed, session.created);
    for (const line of this.split(asked, this.name, value, this.options['cookie-expire'])) {
      answer.add('Set-Cookie', line);
    }
  }

  /** A session; `undefined` without a cookie; an Error for one that is not good. */
  loadSession(asked) {
    const sealed = this.joined(asked);
    if (sealed === undefined) return undefined;
    const bytes = this.open(sealed.name, sealed.value, this.options['cookie-expire']);
    if (!bytes) return new Error('cookie signature not valid');
    return JSON.parse(inflateRawSync(bytes).toString());
  }

  /** The session's cookie, put together from its parts. */
  joined(asked) {
    const value = (name) => asked.cookies.find(([other]) => other === name)?.[1];
    const whole = value(this.name);
    if (whole !== undefined) return { name: this.name, value: whole };
    const parts = [];
    for (let part = value(`${this.name}_0`); part !== undefined; part = value(`${this.name}_${parts.length}`)) {
      parts.push(part);
    }
    if (parts.length === 0) return undefined;
    // One part alone keeps its name, under which nothing was signed.
    return { name: parts.length === 1 ? `${this.name}_0` : this.name, value: parts.join('') };
  }

  /** Takes the browser's session away: each cookie of it that was sent. */
  clearSession(asked, answer) {
    for (const [name] of asked.cookies) {
      const rest = name.startsWith(this.name) ? name.slice(this.name.length) : 'another';
      if (/^(_\d+)?$/.test(rest)) answer.add('Set-Cookie', this.line(asked, name, '', CLEARED));
    }
  }

  // === Logins that are under way ===

  loginName(state) {
    const part = this.options['cookie-csrf-per-request'] ? state.slice(0, STATE_IN_NAME) : '';
    return part.length === STATE_IN_NAME ? `${this.name}_${part}_csrf` : `${this.name}_csrf`;
  }

  saveLogin(asked, answer, login) {
    const name = this.loginName(hash(Buffer.from(login.state, 'base64')));
    const value = this.seal(name, Buffer.from(JSON.stringify(login)), Date.now());
    answer.add('Set-Cookie', this.line(asked, name, value, this.options['cookie-csrf-expire']));
  }

  loadLogin(asked, name) {
    for (const [other, value] of asked.cookies) {
      const login = other === name ? this.openLogin(name, value) : undefined;
      if (login) return login;
    }
    return undefined;
  }

  openLogin(name, value) {
    const bytes = this.open(name, value, this.options['cookie-csrf-expire']);
    return bytes && { ...JSON.parse(bytes.toString()), made: Number(value.split('|')[1]) };
  }

  clearLogin(asked, answer, login) {
    const name = this.loginName(hash(Buffer.from(login.state, 'base64')));
    answer.add('Set-Cookie', this.line(asked, name, '', CLEARED));
  }

  /** Before one more login starts: the oldest go that are over the limit. Others' cookies count, but cannot be read. */
  clearExtraLogins(asked, answer) {
    const limit = this.options['cookie-csrf-per-request-limit'];
    if (!this.options['cookie-csrf-per-request'] || limit <= 0) return;
    const named = asked.cookies.filter(([name]) => name.startsWith(`${this.name}_`) && name.endsWith('_csrf'));
    if (named.length <= limit) return;
    const logins = named.map(([name, value]) => this.openLogin(name, value)).filter(Boolean);
    logins.sort((one, other) => one.made - other.made);
    for (const login of logins.slice(0, Math.max(0, logins.length - limit))) this.clearLogin(asked, answer, login);
  }
}
