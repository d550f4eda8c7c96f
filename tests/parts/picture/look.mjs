// The pictures, looked at in a real browser: Debian's Chromium, without a window, with a new profile and no network.
//
//     node look.mjs drawing|page|large|mermaid --chromium FILE FILE...
//
// GATEWRIGHT_LOGIN_PACKAGES names the folder whose node_modules holds `playwright-core`, GATEWRIGHT_PICTURE_PACKAGES that
// of `mermaid`. Prints one line of JSON for each file: what was seen. Whoever started this judges it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const PATIENCE = 30_000;
const { values: options, positionals } = parseArgs({ options: { chromium: { type: 'string' } }, allowPositionals: true });
const [what, ...files] = positionals;
const packages = (folder) => createRequire(join(folder, 'package.json'));
const driver = packages(process.env.GATEWRIGHT_LOGIN_PACKAGES).resolve('playwright-core');
const { chromium } = (await import(pathToFileURL(driver))).default;
const browser = await chromium.launch({
  executablePath: options.chromium,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--no-proxy-server', '--host-resolver-rules=MAP * ~NOTFOUND'],
});

/** A page, and what it did that it should not. */
async function visit(scheme = 'light') {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width: 1400, height: 900 } });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const seen = { requests: [], complaints: [] };
  page.on('request', (request) => seen.requests.push(request.url().slice(0, 200)));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && seen.complaints.push(message.text()));
  page.on('pageerror', (error) => seen.complaints.push(String(error)));
  page.on('dialog', (dialog) => { seen.complaints.push('dialog'); return dialog.dismiss(); });
  return { page, seen, close: () => context.close() };
}

/** Runs in the page: texts that leave their box, and how little any text stands out from its ground. */
function measure() {
  const numbers = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map(Number);
  const light = (colour) => {
    const [r, g, b] = numbers(colour).map((value) => value / 255).map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => { const [low, high] = [light(a), light(b)].sort((x, y) => x - y); return (high + 0.05) / (low + 0.05); };
  const root = document.querySelector('svg');
  const ground = getComputedStyle(root.querySelector('.ground')).fill;
  const seen = { texts: 0, outside: [], least: 99, leastOf: '' };
  const frame = root.getBoundingClientRect();
  for (const text of root.querySelectorAll('text')) {
    seen.texts += 1;
    const group = text.closest('g');
    const box = group?.querySelector(':scope > rect');
    const room = box ? box.getBoundingClientRect() : frame;
    const place = text.getBoundingClientRect();
    if (place.left < room.left - 0.5 || place.right > room.right + 0.5 || place.top < room.top - 0.5 || place.bottom > room.bottom + 0.5) seen.outside.push(text.textContent);
    const value = contrast(getComputedStyle(text).fill, box ? getComputedStyle(box).fill : ground);
    if (value < seen.least) [seen.least, seen.leastOf] = [value, text.textContent];
  }
  return seen;
}

async function drawing(file) {
  const seen = {};
  for (const scheme of ['light', 'dark']) {
    const { page, seen: did, close } = await visit(scheme);
    await page.setContent(`<!DOCTYPE html><body>${readFileSync(file, 'utf8')}</body>`);
    seen[scheme] = { ...(await page.evaluate(measure)), ...did, broken: await page.evaluate(() => window.broken ?? null) };
    await close();
  }
  const { page, close } = await visit();
  const source = `data:image/svg+xml;base64,${readFileSync(file).toString('base64')}`;
  await page.setContent(`<!DOCTYPE html><img src="${source}">`);
  await page.locator('img').evaluate((image) => image.decode());
  seen.image = await page.locator('img').evaluate((image) => image.naturalWidth);
  await close();
  return seen;
}

const texts = (page, selector) => page.locator(selector).evaluateAll((all) => all.map((one) => one.innerText.replace(/\s+/g, ' ').trim()));

/** Searches for a person and follows one way by keys alone; then the same by clicks. */
async function page(file) {
  const { page, seen, close } = await visit();
  await page.goto(pathToFileURL(resolve(file)).href);
  const found = { title: await page.title(), first: await texts(page, '#found li') };
  const who = process.env.GATEWRIGHT_SEARCH ?? 'dana';
  await page.keyboard.press('/');
  await page.keyboard.type(who);
  found.searched = await texts(page, '#found li');
  await page.keyboard.press('ArrowDown');
  found.active = await page.evaluate(() => document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))?.innerText);
  await page.keyboard.press('Enter');
  found.heading = await texts(page, '#ways h2');
  found.rows = await texts(page, '#ways .p-rows > li');
  await page.keyboard.press('Tab');
  const focused = () => page.evaluate(() => document.activeElement.innerText.replace(/\s+/g, ' '));
  found.tabbed = await focused();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  found.stepped = await focused();
  await page.keyboard.press('Enter');
  found.told = await texts(page, '#details h2');
  found.places = await texts(page, '#details .p-places code');
  await page.keyboard.press('Escape');
  found.escaped = await page.evaluate(() => document.activeElement.id);
  await page.keyboard.press('Escape');
  found.emptied = await page.evaluate(() => document.activeElement.value);
  // By clicks: a box of the picture, then a way.
  await page.locator('.p-picture [data-node] rect, .p-picture [data-search] rect').last().click();
  found.clicked = await texts(page, '#ways h2');
  found.clickedPlaces = await texts(page, '#details .p-places code');
  const ways = page.locator('.p-way');
  if (await ways.count()) {
    await ways.first().click();
    found.way = await texts(page, '#details h2');
  }
  found.broken = await page.evaluate(() => window.broken ?? null);
  found.markup = await page.evaluate(() => document.querySelectorAll('img, iframe, object, link, body b').length);
  found.scripts = await page.evaluate(() => document.scripts.length);
  await close();
  return { ...found, ...seen };
}

/** Everything on a page with very much on it: how long it takes, and how much of it is drawn. */
async function large(file) {
  const { page, seen, close } = await visit();
  const started = performance.now();
  await page.goto(pathToFileURL(resolve(file)).href);
  await page.locator('#found li').first().waitFor();
  const opened = performance.now();
  await page.keyboard.press('/');
  await page.keyboard.type('nb-09999');
  const searched = await texts(page, '#found li');
  await page.keyboard.press('Enter');
  const rows = await texts(page, '#ways .p-rows > li');
  const chosen = performance.now();
  // What leads to everything is the worst that can be chosen.
  await page.locator('#search').fill('any pod, any address');
  await page.keyboard.press('Enter');
  const most = await page.locator('#ways .p-rows > li').count();
  await page.locator('#ways .p-more').first().click();
  const more = await page.locator('#ways .p-rows > li').count();
  const done = performance.now();
  const elements = await page.evaluate(() => document.querySelectorAll('*').length);
  await close();
  return { opened: opened - started, chosen: chosen - opened, all: done - chosen, searched, rows, most, more, elements, ...seen };
}

async function mermaid(file) {
  const { page, seen, close } = await visit();
  const folder = process.env.GATEWRIGHT_PICTURE_PACKAGES;
  await page.setContent('<!DOCTYPE html><body></body>');
  await page.addScriptTag({ path: join(folder, 'node_modules/mermaid/dist/mermaid.min.js') });
  const drawn = await page.evaluate(async (text) => {
    const { mermaid } = window;
    mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', maxTextSize: 1e7, maxEdges: 1e5 });
    const parsed = await mermaid.parse(text);
    const { svg } = await mermaid.render('picture', text);
    const place = document.createElement('div');
    document.body.append(place);
    place.innerHTML = svg; // as GitHub puts it into a page
    const read = (selector) => [...place.querySelectorAll(selector)].map((one) => one.textContent.replace(/\s+/g, ' ').trim());
    return { type: parsed.diagramType, nodes: read('.node'), clusters: read('.cluster'), edges: place.querySelectorAll('.edgePaths path').length };
  }, readFileSync(file, 'utf8'));
  const broken = await page.evaluate(() => window.broken ?? null);
  await close();
  return { ...drawn, broken, ...seen };
}

const looks = { drawing, page, large, mermaid };
try {
  for (const file of files) process.stdout.write(`${JSON.stringify(await looks[what](file))}\n`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
await browser.close();
