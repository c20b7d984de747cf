// Floods: the page stays one that answers, and what is on the screen in the end is what the pane has.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { useRig } from './lib/browser.mjs';
import { openGrid } from './lib/frames.mjs';
import { until } from './lib/until.mjs';

const WINDOW = 1024 * 1024;
const LONG = 60_000; // four floods on two busy processors

const rig = useRig({ before, after, proxied: true });
let proxy;
afterEach(() => proxy?.stop());

// What is under way is lost with Ctrl-C, as the end of a line: the prompt makes it one of its own.
const PROMPT = '\r\x1b[K$ ';

/** Floods until Ctrl-C, and then is a shell. */
const flood = (command) =>
  rig.daemon.pane(['sh', '-c', `trap : INT; ${command}; trap - INT; exec sh`], { env: { PS1: PROMPT, ENV: '' } });
const YES = 'yes "$(printf "\\033[32mgreen\\033[m and plain")"';

const pace = (v) => v.page.evaluate(() => globalThis.panescry.pace);

async function captured(id) {
  const response = await fetch(
    `http://127.0.0.1:${rig.daemon.port}/api/v1/panes/${id}/capture?format=text&history=0`,
    { headers: { Authorization: `Bearer ${rig.daemon.token}` } },
  );
  return (await response.text()).trimEnd();
}

/** The rows of the screen, without those above it. */
async function shown(v) {
  const s = await v.screen();
  return s.lines.slice(s.lines.length - s.rows).map((l) => l.trimEnd()).join('\n').trimEnd();
}

/** As until, with what both show when it was in vain. */
const comes = (v, id, what, check) =>
  until(what, check, LONG).catch(async (e) => {
    const state = JSON.stringify({ ...(await pace(v)), ...(await rig.daemon.api('GET', `panes/${id}`)) });
    throw new Error(`${e.message}; the page:\n${await shown(v)}\nthe pane:\n${await captured(id)}\n${state}`);
  });

const same = (v, id) =>
  comes(v, id, 'the screen to be the pane’s', async () => {
    const [page, pane] = [await shown(v), await captured(id)];
    return page === pane && page;
  });

const skips = (v, more = 1) =>
  pace(v).then(({ skipped }) =>
    until('it to skip to a snapshot', async () => (await pace(v)).skipped >= skipped + more, LONG),
  );

async function interrupt(v, id) {
  await v.page.locator('[data-focused] .xterm-helper-textarea').focus();
  await v.page.keyboard.press('Control+c');
  await comes(v, id, 'the prompt', async () => (await shown(v)).endsWith('$'));
}

test('beside four floods a click acts and what is typed is shown', async () => {
  const floods = [];
  for (const command of [YES, 'seq 1 1000000000', 'yes', 'yes "a long line $(seq -s . 100)"']) {
    floods.push(await flood(command));
  }
  const quiet = await rig.daemon.shell();
  const v = await rig.open();
  await openGrid(v, [...floods, quiet], 5);
  await skips(v, 8);
  await v.page.locator('[data-focused] .xterm-helper-textarea').focus();
  await v.page.keyboard.type('echo still-$((40+2))');
  await v.page.keyboard.press('Enter');
  await v.sees(/^still-42$/m);
  const { panes } = await rig.daemon.api('GET', 'panes');
  await v.page.getByRole('button', { name: 'Split right' }).last().click({ timeout: LONG });
  await until('another cell', () => v.page.evaluate(() => globalThis.panescry.cells.length === 6), LONG);
  await until('all floods to be acknowledged and to go on', async () => {
    const now = (await rig.daemon.api('GET', 'panes')).panes;
    return floods.every((id) => {
      const at = (list) => list.find((p) => p.id === id).offset;
      return at(now) > at(panes) + 2 * WINDOW;
    });
  }, LONG);
  assert.ok((await pace(v)).most <= WINDOW, 'what waits for one terminal is bounded by the window');
  await v.shot('four-floods');
  await v.close();
  for (const id of floods) await rig.daemon.api('DELETE', `panes/${id}`);
});

test('Ctrl-C in a flood: the last screen is the pane’s, and lines above it come back', async () => {
  const id = await flood('seq 1 1000000000');
  const v = await rig.open({ pane: id });
  await skips(v, 3);
  await interrupt(v, id);
  await same(v, id);
  const lines = await until('lines above the screen', async () => {
    const all = (await v.text()).split('\n');
    return all.filter((l) => /^\d+$/.test(l)).length > 900 ? all : null;
  });
  const numbers = lines.filter((l) => /^\d+$/.test(l)).map(Number).slice(-900, -2);
  for (let i = 1; i < numbers.length; i++) assert.equal(numbers[i], numbers[i - 1] + 1);
  await v.type('echo over');
  await v.page.keyboard.press('Enter');
  await v.sees(/^over$/m);
  await same(v, id);
  await v.close();
});

test('cut off again and again during a flood', async () => {
  proxy = await rig.proxy();
  const id = await flood(YES);
  const v = await rig.open({ pane: id, port: proxy.port });
  for (let i = 0; i < 4; i++) {
    await skips(v);
    const had = proxy.attached();
    proxy.cut();
    await until('another connection', () => proxy.attached() > had);
    await v.online();
  }
  await skips(v);
  await interrupt(v, id);
  await same(v, id);
  assert.ok((await pace(v)).most <= WINDOW + 128 * 1024);
  await v.close();
});

test('a page that nobody sees waits, and then shows what is there', async () => {
  const id = await flood('seq 1 1000000000');
  const v = await rig.open({ pane: id });
  await skips(v);
  const see = (state) =>
    v.page.evaluate((s) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => s });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
  await see('hidden');
  const offset = async () => (await rig.daemon.api('GET', `panes/${id}`)).offset;
  const at = await offset();
  // What was asked for before may still come.
  await until('a window', async () => (await pace(v)).waiting > WINDOW / 2, LONG);
  const { skipped } = await pace(v);
  await until('the pane to go on alone', async () => (await offset()) > at + 3 * WINDOW, LONG);
  const hidden = await pace(v);
  assert.ok(hidden.waiting <= WINDOW);
  assert.ok(hidden.skipped <= skipped + 1);
  await see('visible');
  await until('it to skip', async () => (await pace(v)).skipped > hidden.skipped, LONG);
  await interrupt(v, id);
  await same(v, id);
  await v.close();
});

/** Looks at lines above, while below them a flood begins. */
async function lookAbove(port) {
  const id = await flood('seq 1 200; read x; seq 1 1000000000');
  const v = await rig.open({ pane: id, port });
  await v.sees(/^200$/m);
  await v.page.locator('.xterm-screen').hover();
  await v.page.mouse.wheel(0, -400);
  await until('lines above', async () => {
    const s = await v.screen();
    return s.top < s.lines.length - s.rows;
  });
  const { offset } = await rig.daemon.api('GET', `panes/${id}`);
  await rig.daemon.type(id, '\n');
  const top = async () => {
    const s = await v.screen();
    return s.lines.slice(s.top, s.top + s.rows).join('\n');
  };
  const gone = (windows) =>
    until('the flood', async () =>
      (await rig.daemon.api('GET', `panes/${id}`)).offset > offset + windows * WINDOW, LONG);
  // A little is parsed, and the oldest lines may go; then all of it waits, or a snapshot in its place.
  await comes(v, id, 'a window', async () => {
    const { waiting, skipped } = await pace(v);
    return waiting > WINDOW / 2 || skipped;
  });
  await gone(3);
  return { id, v, top, gone };
}

/** Back to the end. */
async function leaveAbove(v, id) {
  await v.type('x');
  await skips(v);
  await interrupt(v, id);
  await same(v, id);
  await v.close();
}

test('who looks at lines above is not taken away from them', async () => {
  const { id, v, top, gone } = await lookAbove();
  const before = await top();
  await gone(6);
  assert.equal(await top(), before);
  assert.ok((await pace(v)).waiting <= WINDOW);
  await leaveAbove(v, id);
});

test('nor by a snapshot that comes unasked, of a new connection', async () => {
  proxy = await rig.proxy();
  const { id, v, top, gone } = await lookAbove(proxy.port);
  const before = await top();
  const had = proxy.attached();
  proxy.cut();
  await until('another connection', () => proxy.attached() > had);
  await v.online();
  await until('a window again', async () => (await pace(v)).waiting > WINDOW / 2, LONG);
  await gone(12);
  assert.equal(await top(), before);
  await leaveAbove(v, id);
});

test('two browsers on one pane end with the same screen', async () => {
  const id = await flood(YES);
  const [a, b] = [await rig.open({ pane: id }), await rig.open({ pane: id })];
  await Promise.all([skips(a), skips(b)]);
  await interrupt(b, id);
  const [one, other] = [await same(a, id), await same(b, id)];
  assert.equal(one, other);
  await a.close();
  await b.close();
});
