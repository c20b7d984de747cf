// ttyd's own page, which TTYD_PAGE names, at a pane of ours; and our page at serve --ttyd.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launch } from './lib/browser.mjs';
import { startDaemon } from './lib/daemon.mjs';
import { freePort } from './lib/proxy.mjs';
import { startTtydPage } from './lib/ttydpage.mjs';
import { until } from './lib/until.mjs';

/** A page whose terminal is xterm.js, as `window.term` or as ours. */
async function openPage(browser, address, options) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 600 }, ...options });
  const page = await context.newPage();
  const faults = [];
  const elsewhere = (u) => !u.startsWith(new URL(address).origin) && !u.startsWith('data:') && !u.startsWith('about:');
  page.on('pageerror', (e) => faults.push(e.stack));
  page.on('request', (r) => elsewhere(r.url()) && faults.push(`request: ${r.url()}`));
  page.on('dialog', (d) => void d.accept()); // it asks before one leaves
  const sent = [];
  const codes = [];
  page.on('websocket', (w) => {
    w.on('framesent', (f) => sent.push(Buffer.from(f.payload).toString('latin1')));
    w.on('close', () => codes.push('closed'));
  });
  const v = {
    page, context, faults, sent, codes,
    text: () => page.evaluate(() => {
      const own = globalThis.panescry?.screen;
      if (own) return own.lines.join('\n');
      const buffer = globalThis.term?.buffer;
      if (!buffer) return '';
      const active = buffer.active ?? buffer;
      const lines = [];
      for (let i = 0; i < active.length; i++) lines.push(active.getLine(i)?.translateToString(true) ?? '');
      return lines.join('\n');
    }),
    sees: (what) => until(`${what} on the page`, async () => what.test(await v.text())).catch(async (e) => {
      throw new Error(`${e.message}; it shows ${(await v.text()).slice(-600)}\n${faults}`);
    }),
    line: async (text) => {
      await page.locator('.xterm-helper-textarea').first().focus();
      await page.keyboard.type(text);
      await page.keyboard.press('Enter');
    },
    close: async () => {
      await context.close();
      assert.deepEqual(faults, []);
    },
  };
  await page.goto(address);
  return v;
}

const reason = process.env.TTYD_PAGE ? false : 'TTYD_PAGE names no page of a ttyd; that of npm does not open its terminal';

describe("ttyd's page", { skip: reason }, () => {
  let daemon, browser, server, site;
  before(async () => {
    const port = await freePort();
    site = `http://127.0.0.1:${port}`;
    daemon = await startDaemon(undefined, ['--allow-origin', site]);
    server = await startTtydPage(daemon.port, port);
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await daemon?.stop();
  });
  const open = async (id) => {
    const v = await openPage(browser, `${site}/?token=${daemon.token}`);
    await v.page.goto(`${site}/p/${encodeURIComponent(id)}/`);
    return v;
  };

  test('shows a pane, and types into it', async () => {
    const id = await daemon.shell();
    const v = await open(id);
    await v.sees(/\$ $/m);
    await v.line('echo th""rough "$COLUMNS"; stty size');
    await v.sees(/^through/m);
    await v.sees(/^\d\d+ \d\d+$/m);
    assert.match(await v.page.title(), / \(.+\)$/);
    const first = v.sent.find((m) => m.startsWith('{'));
    assert.ok(first.includes('"AuthToken"'), first);
    // The pane has this window's size.
    const [cols, rows] = await v.page.evaluate(() => [globalThis.term.cols, globalThis.term.rows]);
    await until('the size', async () => {
      const { panes } = await daemon.api('GET', 'panes');
      const p = panes.find((x) => x.id === id);
      return p.cols === cols && p.rows === rows;
    });
    await v.close();
  });

  test('comes back after a cut with the whole screen, and once', async () => {
    const id = await daemon.shell();
    const v = await open(id);
    await v.line('echo be""fore');
    await v.sees(/^before$/m);
    server.cut();
    await until('another greeting', () => v.sent.filter((m) => m.startsWith('{')).length >= 2);
    await v.line('echo af""ter');
    await v.sees(/^before$[^]*^after$/m);
    assert.equal((await v.text()).match(/^before$/gm).length, 1);
    await v.close();
  });

  test('bears a flood, and sends no answers of its own', async () => {
    const id = await daemon.shell();
    const v = await open(id);
    await v.sees(/\$ $/m);
    await v.line("stty -echo; printf '\\033[c'; read x; stty echo; echo \"<$x>\" | cat -v");
    await until('its answer, which is passed over', () => v.sent.some((m) => /^0\x1b\[\?[\d;]+c$/.test(m)));
    await v.line('');
    await v.sees(/^<\^\[\[\?[\d;]+c>$/m);
    await v.line('seq 1 200000; echo do""ne');
    await v.sees(/^200000$[^]*^done$/m);
    await v.line('echo st""ill');
    await v.sees(/^still$/m);
    await v.close();
  });

  test('is told that the command has ended, and does not come back', async () => {
    const id = await daemon.pane(['sh', '-c', 'echo hello; read x; exit 0']);
    const v = await open(id);
    await v.sees(/^hello$/m);
    await v.line('');
    await until('the close', () => v.codes.length === 1);
    await v.sees(/^hello$/m);
    const greetings = v.sent.filter((m) => m.startsWith('{')).length;
    await new Promise((r) => setTimeout(r, 300));
    assert.equal(v.sent.filter((m) => m.startsWith('{')).length, greetings);
    await v.close();
  });
});

describe('the page of serve --ttyd', () => {
  let browser;
  const children = [];
  before(async () => (browser = await launch()));
  after(async () => {
    await browser?.close();
    for (const c of children) c.kill('SIGKILL'); // of a test that has failed
  });

  async function start(args) {
    const dir = await mkdtemp(join(tmpdir(), 'panescry-web-'));
    const child = spawn(process.env.PANESCRY ?? 'panescry', ['serve', '--ttyd', '-p', '0', '--socket', join(dir, 's'), '--state-dir', dir, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, HOME: dir },
    });
    children.push(child);
    let out = '';
    child.stdout.on('data', (d) => (out += d));
    const exited = new Promise((r) => child.on('close', r));
    const link = await until('the link', () => /^(http\S+)\n/m.exec(out)?.[1]);
    return {
      link,
      stop: async () => {
        child.kill('SIGTERM');
        assert.equal(await exited, 0);
        await rm(dir, { recursive: true, force: true });
      },
    };
  }

  test('has a terminal of its own, which ends with the page', async () => {
    const d = await start(['-W', '-t', 'fontSize=22', '-t', 'cursorStyle=bar', '-t', 'nonsense=1', 'sh', '-c', 'echo pid=$$; exec sh']);
    const v = await openPage(browser, d.link);
    assert.ok(!v.page.url().includes('token'));
    await v.sees(/^pid=\d+$/m);
    const pid = (await v.text()).match(/^pid=(\d+)$/m)[1];
    await v.sees(/^[#$] ?$/m);
    await v.line('stty size; echo do""ne');
    await v.sees(/^\d+ \d+\n^done$/m);
    const { cols, rows } = await v.page.evaluate(() => globalThis.panescry.screen);
    assert.ok((await v.text()).includes(`\n${rows} ${cols}\n`), 'the size of the window');
    assert.ok(cols < 90, `${cols}: the letters are as large as -t says`);
    await v.page.setViewportSize({ width: 700, height: 500 });
    await until('the other size', async () => (await v.page.evaluate(() => globalThis.panescry.screen.cols)) < cols);
    await v.line('stty size');
    await until('what the command has', async () => (await v.text()).includes(`${await v.page.evaluate(() => globalThis.panescry.screen.cols)}\n`));
    for (const part of ['.sidebar', '.bar']) assert.equal(await v.page.locator(part).isVisible(), false, part);
    await v.line('seq 1 200000; echo th""rough');
    await v.sees(/^200000\n^through$/m);
    await v.close();
    await until('its command to end', () => !existsSync(`/proc/${pid}`));
    await d.stop();
  });

  test('has another one after an end', async () => {
    const d = await start(['-W', 'sh', '-c', 'echo once more; read x']);
    const v = await openPage(browser, d.link);
    await v.sees(/^once more$/m);
    await v.line('');
    const again = v.page.getByRole('button', { name: 'Reconnect now' });
    await again.waitFor();
    await again.click();
    await again.waitFor({ state: 'hidden' });
    // Before, what one sees is of the one that has ended.
    await until('the link to be up', () => v.page.evaluate(() => globalThis.panescry.link === 'online'));
    await v.sees(/^once more$/m);
    await v.line('');
    await again.waitFor();
    await v.close();
    await d.stop();
  });

  test('lets a browser in by the credential', async () => {
    const d = await start(['-c', 'me:secret', 'sh', '-c', 'echo it is me; exec cat']);
    const v = await openPage(browser, d.link, { httpCredentials: { username: 'me', password: 'secret' } });
    await v.sees(/^it is me$/m);
    await v.line('typed');
    await v.sees(/^it is me$/m);
    assert.doesNotMatch(await v.text(), /typed/);
    await v.close();
    await d.stop();
  });
});
