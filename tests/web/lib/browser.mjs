// A browser with one daemon, and pages that report what they must not do.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { startDaemon } from './daemon.mjs';
import { freePort, startProxy } from './proxy.mjs';
import { until } from './until.mjs';

const SHOTS =
  process.env.SCREENSHOTS ??
  join(dirname(fileURLToPath(import.meta.url)), '..', 'screenshots');

// At one device pixel a pixel: Chromium's emulation of others gives WebGL's canvas a size in
// CSS pixels, which no real device does.
export const PHONE = {
  viewport: { width: 360, height: 640 },
  deviceScaleFactor: 1,
  hasTouch: true,
  isMobile: true,
};

/** For a page to be told of what happens: it does not ask again by itself. */
export const WITHOUT_POLLS = `{
  const { setTimeout } = window;
  window.setTimeout = (f, ms, ...more) => (ms >= 2000 ? 0 : setTimeout(f, ms, ...more));
}`;

export async function launch(args = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
    ],
  });
}

/** Daemon and browser for one file of tests: `const rig = useRig({ before, after })`. With `proxied` there
 * is rig.proxy(), which starts a proxy whose address the daemon serves. */
export function useRig({ before, after, proxied = false }, args = [], prepare = undefined) {
  const rig = {};
  before(async () => {
    const port = proxied ? await freePort() : 0;
    rig.daemon = await startDaemon(prepare, proxied ? ['--allow-origin', `http://127.0.0.1:${port}`] : []);
    rig.proxy = () => startProxy(rig.daemon.port, port);
    rig.browser = await launch(args);
  });
  after(async () => {
    await rig.browser?.close();
    await rig.daemon?.stop();
  });
  rig.open = (options) => openPage(rig, options);
  return rig;
}

/** Signs in through the link, then shows the pane. `port` is a proxy's where there is one, and `site`
 * all that comes before "/?token=", if it is not the daemon's own; `token` is its own where none is given. */
async function openPage(rig, { pane, query = '', port, site, token, context: contextOptions = {} } = {}) {
  const context = await rig.browser.newContext({
    viewport: { width: 1100, height: 700 },
    ...contextOptions,
  });
  const page = await context.newPage();
  const origin = site ?? `http://127.0.0.1:${port ?? rig.daemon.port}`;
  const faults = [];
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener('securitypolicyviolation', (e) => {
      globalThis.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`);
    });
  });
  page.on('pageerror', (e) => faults.push(`error: ${e.stack}`));
  page.on('dialog', (d) => {
    faults.push(`dialog: ${d.message()}`);
    void d.dismiss();
  });
  page.on('request', (r) => {
    const u = r.url();
    if (!u.startsWith(`${origin}/`) && !u.startsWith('data:')) faults.push(`request: ${u}`);
  });
  page.on('websocket', (w) => {
    if (!w.url().startsWith(`${origin.replace('http', 'ws')}/`)) faults.push(`socket: ${w.url()}`);
  });

  const v = {
    page,
    context,
    origin,
    faults,
    goto: async (id, q = '') => {
      await page.goto(`${origin}/#${encodeURIComponent(id)}${q}`);
      await v.online();
    },
    link: () => page.evaluate(() => globalThis.panescry?.link ?? null),
    online: () => until('the link to be up', async () => (await v.link()) === 'online'),
    screen: () => page.evaluate(() => globalThis.panescry?.screen ?? null),
    text: async () => ((await v.screen())?.lines ?? []).join('\n'),
    sees: (what) =>
      until(`${what} on the screen`, async () => {
        const text = await v.text();
        return what instanceof RegExp ? what.test(text) : text.includes(what);
      }).catch(async (e) => {
        throw new Error(`${e.message}; it shows:\n${(await v.text()).trim()}`);
      }),
    type: async (text) => {
      await page.locator('.cell[data-focused] .xterm-helper-textarea').focus();
      await page.keyboard.type(text);
    },
    line: async (text) => {
      await v.type(text);
      await page.keyboard.press('Enter');
    },
    shot: async (name) => {
      // What xterm.js draws comes a frame or two after what it has parsed.
      await page.evaluate(async () => {
        for (let i = 0; i < 6; i++) await new Promise((r) => requestAnimationFrame(r));
      });
      await mkdir(SHOTS, { recursive: true });
      await page.screenshot({ path: join(SHOTS, `${name}.png`) });
    },
    /** Closes the page; fails on anything that a page must never do. */
    close: async () => {
      const violations = await page.evaluate(() => globalThis.violations);
      await context.close();
      assert.deepEqual(violations, [], 'violations of the content security policy');
      assert.deepEqual(faults, [], 'errors, dialogs and requests to elsewhere');
    },
  };

  await page.goto(`${origin}/?token=${token ?? rig.daemon.token}`);
  assert.ok(!page.url().includes('token'), 'the token leaves the address');
  if (pane) {
    // The page that the login led to shows the first pane; what is online must not be that one.
    await page.goto('about:blank');
    await page.goto(`${origin}/#${encodeURIComponent(pane)}${query}`);
    await v.online();
  }
  return v;
}
