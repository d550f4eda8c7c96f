// The login, walked by a person in a real browser: Debian's Chromium, without a window, with a new profile.
//
//     node browser.mjs --chromium FILE --gateway 127.0.0.1:PORT --issuer https://127.0.0.1:PORT --certificate FILE...
//                      --stranger https://127.0.0.1:PORT/ --failure FILE
//
// GATEWRIGHT_LOGIN_PACKAGES names the folder whose node_modules holds `playwright-core`. The issuer must show its form
// (`page` of issuer.mjs). The browser finds the gateway under its own name and port, and nothing that is not on this
// machine. It takes no certificate but those whose files are named; the stranger's is not among them.
//
// Each step prints one line, {"step": NAME, ...} with what was seen; whoever started this judges it. A step that cannot be
// done ends the walk: its line has `error`, the exit status is 1, and what the pages show is saved as FILE-N.png.
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const GATEWAY = 'https://gw.example.test';
const FIRST = `${GATEWAY}/notebook/analytics/churn/lab/tree/a%20b.ipynb?x=1#cell`;
const SECOND = `${GATEWAY}/notebook/analytics/churn/lab?y=2&z=%2F#other`;
/** What the login service has below its prefix, and beside it. Who asks for `sign_out` is out, so that comes last. */
const LOGIN_PATHS = ['userinfo', 'auth', 'unknown', 'sign_in', 'start', 'callback', 'callback?code=1&state=2%3A%2F'].map(
  (path) => `/oauth2/${path}`,
);
const OPEN_PATHS = ['/ping', '/ready', '/robots.txt', '/oauth2/static/css/bulma.min.css'];
const SIGN_OUT = '/oauth2/sign_out';
/** One action, and the whole walk, which takes ten seconds on an idle machine. */
const PATIENCE = 30_000;
const DEADLINE = 180_000;

const { values: options } = parseArgs({
  options: {
    chromium: { type: 'string' },
    gateway: { type: 'string' },
    issuer: { type: 'string' },
    certificate: { type: 'string', multiple: true },
    stranger: { type: 'string' },
    failure: { type: 'string' },
  },
});

// The packages are not beside this file.
const require = createRequire(join(process.env.GATEWRIGHT_LOGIN_PACKAGES, 'package.json'));
const { chromium } = (await import(pathToFileURL(require.resolve('playwright-core')))).default;

/** The hash of a certificate's key, as Chromium wants it. */
function keyHash(file) {
  const { publicKey } = new X509Certificate(readFileSync(file));
  return createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
}

const browser = await chromium.launch({
  executablePath: options.chromium,
  headless: true,
  args: [
    '--no-sandbox', // tests run as root
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-proxy-server', // a proxy would look up names itself
    `--host-resolver-rules=MAP gw.example.test:443 ${options.gateway}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
    `--ignore-certificate-errors-spki-list=${options.certificate.map(keyHash).join(',')}`,
  ],
});

/** Someone's browser: its cookies are nobody else's. */
async function person() {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE);
  return context;
}

/** Opens an address, as typed. What it led through is given without queries: they hold codes. */
async function open(page, url) {
  const response = await page.goto(url);
  const through = [];
  for (let asked = response.request(); asked; asked = asked.redirectedFrom()) {
    through.unshift(asked.url().split(/[?#]/)[0]);
  }
  return { status: response.status(), through, ...(await look(page)) };
}

/** What a page is, for whoever looks at it. */
function look(page) {
  return page.evaluate(() => ({
    url: location.href,
    title: document.title,
    text: document.body.innerText,
    field: document.querySelector('input[name=login]') !== null,
  }));
}

/** Fills in the issuer's form, and waits for the page that is behind it. */
async function logIn(page, name) {
  await page.getByLabel('User name').fill(name);
  const [response] = await Promise.all([
    page.waitForResponse((response) => isPage(response, page) && response.url().startsWith(`${GATEWAY}/`)),
    page.getByRole('button', { name: 'Log in' }).click(),
  ]);
  await page.waitForURL((url) => url.origin === GATEWAY);
  return { status: response.status(), ...(await look(page)) };
}

/** A page that is shown, not an answer that leads on. */
function isPage(response, page) {
  const request = response.request();
  return request.isNavigationRequest() && request.frame() === page.mainFrame() && !isRedirect(response.status());
}

const isRedirect = (status) => status >= 300 && status < 400;

/** All that a script in a page gets to see of an answer. */
function ask(page, path, how = {}) {
  return page.evaluate(
    async ([path, how]) => {
      const seen = { path, how };
      try {
        const answer = await fetch(path, how);
        const { type, status, redirected, url } = answer;
        Object.assign(seen, { type, status, redirected, url, headers: Object.fromEntries(answer.headers) });
        seen.text = await answer.text();
      } catch (error) {
        seen.refused = String(error);
      }
      return seen;
    },
    [path, how],
  );
}

/** Follows a link in a page. */
async function follow(page, path) {
  await page.evaluate((path) => {
    const link = document.createElement('a');
    link.href = path;
    link.textContent = 'Sign out';
    link.style.cssText = 'position: fixed; top: 0; left: 0; z-index: 9'; // above what the browser makes of JSON
    document.body.prepend(link);
  }, path);
  await page.getByRole('link', { name: 'Sign out' }).click();
}

/** The gateway's cookies, as the browser keeps them; their values are nobody's business. */
async function cookies(context) {
  const kept = await context.cookies(GATEWAY);
  return kept.map(({ value, ...cookie }) => ({ ...cookie, length: value.length }));
}

/** Every address and every stored word that a script finds in its page. */
function traces(page) {
  return page.evaluate(() => [
    location.href,
    document.referrer,
    ...performance.getEntries().map((entry) => entry.name),
    ...Object.values(localStorage),
    ...Object.values(sessionStorage),
  ]);
}

let step;
async function see(name, seen) {
  step = name;
  process.stdout.write(`${JSON.stringify({ step, ...(await seen()) })}\n`);
}

async function stranger() {
  const nobody = await person();
  const tab = await nobody.newPage();
  await see('a certificate that is not named', async () => ({
    refused: await tab.goto(options.stranger).then(
      () => null,
      (error) => error.message.split('\n')[0],
    ),
  }));
  await nobody.close();
}

async function oneTab() {
  const alice = await person();
  const tab = await alice.newPage();
  await see('a deep link', () => open(tab, FIRST));
  await see('the name is sent', () => logIn(tab, 'alice'));
  await see('what is kept', async () => ({
    cookies: await cookies(alice),
    script: await tab.evaluate(() => document.cookie),
    traces: await traces(tab),
  }));
  await see('a second tab', async () => {
    const second = await alice.newPage();
    const seen = await open(second, SECOND);
    await second.close();
    return seen;
  });
  await see('a script asks', () => ask(tab, '/api/x'));
  await see('a script asks without a session', () => ask(tab, '/api/x', { credentials: 'omit' }));
  await see('a script asks the login service', async () => {
    const answers = [];
    for (const path of [...LOGIN_PATHS, ...OPEN_PATHS]) {
      for (const redirect of ['manual', 'follow']) answers.push(await ask(tab, path, { redirect }));
    }
    return { answers, traces: await traces(tab) };
  });
  await see('a WebSocket', () => socket(tab));
  await see('events', () => events(tab));
  // A script can sign the person out. The issuer still knows who it is, and asks nothing.
  for (const redirect of ['manual', 'follow']) {
    await see(`a script signs out, ${redirect}`, async () => {
      const answer = await ask(tab, SIGN_OUT, { redirect });
      const kept = await cookies(alice);
      return { answer, cookies: kept, after: await ask(tab, '/api/x'), traces: await traces(tab) };
    });
    await see(`the deep link after that, ${redirect}`, async () => {
      await tab.goto('about:blank'); // with a fragment alone that differs, nothing would be loaded
      return open(tab, FIRST);
    });
  }
  await see('the link to sign out', async () => {
    await follow(tab, SIGN_OUT);
    await tab.waitForURL((url) => url.origin === options.issuer && url.pathname.endsWith('/success'));
    return { ...(await look(tab)), cookies: await cookies(alice) };
  });
  await see('the deep link after the link', () => open(tab, FIRST));
  await alice.close();
}

/** Both tabs are at the login before anybody says who it is. */
async function twoTabs() {
  const bob = await person();
  const tabs = [await bob.newPage(), await bob.newPage()];
  await see('two tabs at the login', async () => ({ tabs: [await open(tabs[0], FIRST), await open(tabs[1], SECOND)] }));
  await see('two tabs logged in', async () => ({
    tabs: [await logIn(tabs[0], 'bob'), await logIn(tabs[1], 'bob')],
    cookies: await cookies(bob),
  }));
  await bob.close();
}

function socket(page) {
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        const seen = { messages: [] };
        const socket = new WebSocket('wss://gw.example.test/ws');
        socket.onopen = () => ['hello', 'a'.repeat(70_000), 'end'].forEach((text) => socket.send(text));
        socket.onmessage = ({ data }) => {
          seen.messages.push(`${data.slice(0, 5)} ${data.length}`);
          if (data === 'end') socket.close(1000, 'done');
        };
        socket.onclose = ({ code, wasClean }) => resolve({ ...seen, code, wasClean });
      }),
  );
}

function events(page) {
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        const seen = { data: [], times: [] };
        const source = new EventSource('/events');
        const end = (error) => {
          source.close();
          resolve({ ...seen, error });
        };
        source.onmessage = ({ data }) => {
          seen.data.push(data);
          seen.times.push(Math.round(performance.now()));
          if (seen.data.length === 3) end();
        };
        source.onerror = () => end('the stream broke off');
      }),
  );
}

let timer;
const late = new Promise((_, reject) => {
  timer = setTimeout(() => reject(new Error(`not done within ${DEADLINE / 1000} s`)), DEADLINE);
});
try {
  await Promise.race([stranger().then(oneTab).then(twoTabs), late]);
} catch (error) {
  process.exitCode = 1;
  process.stdout.write(`${JSON.stringify({ step, error: error.message })}\n`);
  const pages = browser.contexts().flatMap((context) => context.pages());
  for (const [number, page] of pages.entries()) {
    const path = `${options.failure}-${number}.png`;
    await page.screenshot({ path, timeout: 5_000 }).then(
      () => console.error(`${page.url().split(/[?#]/)[0]} looks so: ${path}`),
      () => console.error(`${page.url().split(/[?#]/)[0]} cannot be shown`),
    );
  }
} finally {
  clearTimeout(timer);
  await browser.close();
}
