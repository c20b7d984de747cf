// Who is let into the page, and what becomes of it: behind a proxy, by a link that works once, with a
// token that opens one pane or only reads, and when a token ends while the page is open.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { launch, useRig } from './lib/browser.mjs';
import { startDaemon } from './lib/daemon.mjs';
import { findNginx, IDLE_S, startNginx } from './lib/nginx.mjs';
import { freePort } from './lib/proxy.mjs';
import { until } from './lib/until.mjs';

const BASE = '/x';
const nginx = await findNginx();

/** Requests and sockets of a page, and answers that refuse. */
function traffic(page) {
  const t = { urls: [], sockets: [], refused: [] };
  page.on('request', (r) => t.urls.push(r.url()));
  page.on('websocket', (w) => {
    t.urls.push(w.url());
    t.sockets.push({ url: w.url(), open: true });
    const one = t.sockets.at(-1);
    w.on('close', () => (one.open = false));
  });
  page.on('response', (r) => r.status() >= 400 && t.refused.push(`${r.status()} ${r.url()}`));
  t.of = (part) => t.sockets.filter((s) => s.url.includes(part));
  return t;
}

/** What is asked for in so long. */
async function askedWithin(page, t, ms) {
  const n = t.urls.length;
  await page.evaluate((forMs) => new Promise((r) => setTimeout(r, forMs)), ms);
  return t.urls.slice(n);
}

describe('behind nginx', { skip: nginx ? false : 'there is no nginx: PANESCRY_NGINX may name one' }, () => {
  let daemon, proxy, site;
  const rig = {};
  before(async () => {
    const port = await freePort();
    site = `https://127.0.0.1:${port}${BASE}`;
    daemon = await startDaemon(undefined, [
      '--base-path', `${BASE}/`, '--trust-proxy', '127.0.0.1', '--allow-origin', `https://127.0.0.1:${port}`,
    ]);
    proxy = await startNginx(nginx, { port, base: BASE, upstream: daemon.port });
    const browser = await launch();
    const opener = useRig({ before: () => {}, after: () => {} });
    Object.assign(opener, { daemon, browser });
    rig.open = (o) => opener.open({ site, context: { ignoreHTTPSErrors: true }, ...o });
    rig.browser = browser;
  });
  after(async () => {
    await rig.browser?.close();
    await proxy?.stop();
    await daemon?.stop();
  });

  test('the page is whole below its path', async () => {
    assert.ok(daemon.link.startsWith(`${site}/?token=`), daemon.link);
    const id = await daemon.shell();
    const v = await rig.open({ pane: id });
    const t = traffic(v.page);
    await v.page.reload();
    await v.online();
    await v.line('echo th""rough');
    await v.sees(/^through$/m);
    const [cookie] = await v.context.cookies();
    assert.deepEqual([cookie.path, cookie.secure, cookie.httpOnly, cookie.sameSite], [BASE, true, true, 'Strict']);
    // An event tells of another pane, and of its end.
    const other = await daemon.pane(['cat'], { name: 'newcomer' });
    await v.page.locator('.sidebar').getByText('newcomer').waitFor();
    await daemon.api('DELETE', `panes/${other}`);
    await v.page.locator('.sidebar').getByText('newcomer').waitFor({ state: 'detached' });
    await v.page.keyboard.press('Control+Shift+F');
    await v.page.keyboard.type('^through$');
    await v.page.locator('.search').getByText(/1 line in 1 pane/).waitFor();
    await v.page.keyboard.press('Escape');
    await v.page.getByRole('link', { name: 'Sessions' }).click();
    await v.page.getByRole('heading', { name: 'Sessions' }).waitFor();
    await until('the list of sessions', () => t.urls.some((u) => u.includes(`${BASE}/api/v1/sessions`)));
    assert.deepEqual(t.urls.filter((u) => !u.startsWith(`${site}/`) && !u.startsWith(`${site.replace('https', 'wss')}/`)), []);
    assert.ok(t.of('/ws/panes/').length > 0 && t.of('/ws/events').length > 0);
    assert.deepEqual(t.refused, []);
    await v.close();
  });

  test('what the proxy cuts for being idle comes back, and nothing is lost', async () => {
    const id = await daemon.pane(['sh', '-c', `for i in 1 2 3; do echo "line $i"; sleep ${IDLE_S * 1.5}; done; echo done; exec cat`]);
    const v = await rig.open({ pane: id });
    const t = traffic(v.page);
    await v.page.reload();
    await v.sees(/^done$/m);
    await until('another connection after a cut', () => t.of(`/ws/panes/${id}`).length > 2);
    assert.ok(t.of(`/ws/panes/${id}`).slice(1).some((s) => s.url.includes('offset=')), 'it goes on at its byte');
    const lines = (await v.text()).split('\n').filter((l) => l.startsWith('line '));
    assert.deepEqual(lines, [1, 2, 3].map((n) => `line ${n}`));
    await v.online();
    await v.line('typed');
    await v.sees(/^typed\ntyped$/m);
    assert.match(await proxy.errors(), /timed out/);
    // The events come back, too, and what they tell comes without a reload.
    const events = t.of('/ws/events').length;
    await until('events again', () => t.of('/ws/events').length > events);
    await daemon.pane(['cat'], { name: 'latecomer' });
    await v.page.locator('.sidebar').getByText('latecomer').waitFor();
    assert.equal(await v.page.locator('.notice').count(), 0);
    await v.close();
  });
});

describe('access', () => {
  const rig = useRig({ before, after });
  const mint = (o) => rig.daemon.api('POST', 'tokens', o);

  test('a link that works once leaves no token behind, and opens nothing again', async () => {
    const id = await rig.daemon.shell();
    const { stdout } = await promisify(execFile)(process.env.PANESCRY ?? 'panescry', ['token', '--once'], {
      env: { ...process.env, PANESCRY_SOCKET: join(rig.daemon.dir, 's.sock') },
    });
    const link = stdout.trim();
    const code = new URL(link).searchParams.get('token');
    const context = await rig.browser.newContext();
    const page = await context.newPage();
    await page.goto(`${link}#${id}`);
    await until('the link to be up', () => page.evaluate(() => globalThis.panescry?.link === 'online'));
    assert.equal(page.url(), `http://127.0.0.1:${rig.daemon.port}/#${id}`);
    const cdp = await context.newCDPSession(page);
    const { entries } = await cdp.send('Page.getNavigationHistory');
    const traces = await page.evaluate(() =>
      JSON.stringify([performance.getEntries().map((e) => e.name), document.referrer, { ...localStorage }, { ...sessionStorage }, document.cookie]));
    // Chromium keeps what was typed; it is good for nothing any more, and the cookie's token was never there.
    const seen = JSON.stringify(entries.map((e) => e.url));
    for (const text of [seen, traces, rig.daemon.stderr()]) assert.ok(!text.includes(code), text);
    const [{ value }] = await context.cookies();
    assert.ok(!value.includes(code) && !(JSON.stringify(entries) + rig.daemon.stderr()).includes(value));
    await page.goBack();
    assert.ok(!page.url().includes(code), page.url());
    await context.close();

    const other = await rig.browser.newContext();
    const again = await other.newPage();
    const answer = await again.goto(link);
    assert.equal(answer.status(), 401);
    await again.getByRole('heading', { name: 'This link is not valid, or no longer' }).waitFor();
    await again.getByText('panescry token').waitFor();
    assert.deepEqual(await other.cookies(), []);
    await other.close();
  });

  test('a token for one pane shows that one, and asks for nothing else', async () => {
    const mine = await rig.daemon.shell({ name: 'own-pane' });
    const other = await rig.daemon.pane(['sh', '-c', 'echo OTHER-LINE; exec cat'], { name: 'other-pane' });
    const { token } = await mint({ pane: mine });
    const v = await rig.open({ token });
    const t = traffic(v.page);
    await v.page.goto('about:blank');
    await v.page.goto(`${v.origin}/`); // without the name of the pane, it is the one that is shown
    await v.online();
    await v.line('echo OWN""-LINE');
    await v.sees(/^OWN-LINE$/m);
    const side = v.page.locator('.sidebar');
    await side.getByText('own-pane').waitFor();
    for (const name of ['Sessions', 'Jobs', 'Flows', 'Usage']) assert.ok(!(await side.getByRole('link', { name }).isVisible()), name);
    assert.ok(!(await side.getByRole('button', { name: 'New pane' }).isVisible()));
    // What goes on elsewhere is not told.
    await rig.daemon.pane(['cat'], { name: 'third-pane' });
    await v.page.keyboard.press('Control+Shift+F');
    await v.page.keyboard.type('^[A-Z]+-LINE$');
    await v.page.locator('.search').getByText(/1 line in 1 pane/).waitFor();
    await v.page.keyboard.press('Escape');
    await v.page.keyboard.press('Control+K');
    await v.page.keyboard.type('pane');
    await v.page.locator('.palette-list').getByText('own-pane').waitFor();
    await v.page.keyboard.press('Escape');
    await v.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    const asked = await askedWithin(v.page, t, 4000);
    assert.ok(asked.length < 12, asked.join('\n'));
    assert.deepEqual(asked.filter((u) => u.startsWith('ws')), [], 'no connection is made over and over');
    const html = await v.page.content();
    for (const text of ['other-pane', 'third-pane', 'OTHER-LINE']) assert.ok(!html.includes(text), text);
    assert.deepEqual(t.refused, []);
    assert.equal(t.of('/ws/events').filter((s) => s.open).length, 1);
    for (const what of ['.notice', '[role=alert]:visible']) assert.equal(await v.page.locator(what).count(), 0, what);
    // Another's address is refused in words.
    await v.page.goto(`${v.origin}/#${other}`);
    await v.page.locator('.banner').getByText('This browser has no access').waitFor();
    await v.page.goto(`${v.origin}/#${mine}`);
    await v.online();
    await v.close();
    await rig.daemon.api('DELETE', `panes/${other}`);
  });

  test('a token that only reads types nothing, and offers nothing', async () => {
    const id = await rig.daemon.shell();
    const { token } = await mint({ read_only: true });
    const v = await rig.open({ pane: id, token });
    const t = traffic(v.page);
    await v.sees('$');
    await v.type('echo never');
    await v.page.keyboard.press('Enter');
    await v.page.setViewportSize({ width: 700, height: 500 });
    await rig.daemon.api('POST', `panes/${id}/resize`, { cols: 90, rows: 20 });
    await until('the size', async () => (await v.screen()).cols === 90);
    await v.page.setViewportSize({ width: 1100, height: 700 });
    await rig.daemon.type(id, 'echo al""ive\r');
    await v.sees(/^alive$/m);
    assert.ok(!(await v.text()).includes('never'));
    assert.equal(await v.link(), 'online');
    assert.ok(!(await v.page.getByRole('button', { name: 'New pane' }).isVisible()));
    assert.ok(await v.page.locator('.bar .reader').isVisible(), 'the page says why');
    assert.deepEqual(t.refused, []);
    assert.equal(await v.page.locator('.notice').count(), 0);
    await v.close();
  });

  test('a token that is ended ends what the open page can do, quietly', async () => {
    const id = await rig.daemon.shell();
    const { token, id: ended } = await mint({ name: 'brief' });
    const v = await rig.open({ pane: id, token });
    await v.line('echo be""fore');
    await v.sees(/^before$/m);
    const t = traffic(v.page);
    await rig.daemon.api('DELETE', `tokens/${ended}`);
    await v.page.locator('.banner').getByText('This browser has no access, or no more').waitFor();
    await v.page.getByText('Not signed in').waitFor();
    await v.type('echo after');
    await v.page.locator('.banner').getByText('What you type now is not sent.').waitFor();
    const asked = await askedWithin(v.page, t, 6000);
    assert.ok(asked.length <= 2, asked.join('\n'));
    assert.match(await v.text(), /^before$/m, 'what was shown stays');
    assert.doesNotMatch(rig.daemon.stderr(), /wrong token/);
    // Another tab signs in: here it goes on as well.
    const again = await v.context.newPage();
    await again.goto(`${v.origin}/?token=${rig.daemon.token}`);
    await v.page.bringToFront();
    await v.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await v.online();
    await until('events', () => t.of('/ws/events').some((s) => s.open));
    await until('the list', async () => !(await v.page.getByText('Not signed in').isVisible()));
    await v.line('echo th""en');
    await v.sees(/^then$/m);
    assert.ok(!(await v.text()).includes('echo after'));
    await v.close();
  });
});
