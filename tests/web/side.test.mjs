// The sidebar: the tree of what there is, how it stands, and what was not looked at yet.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFile, mkdir, realpath } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { PHONE, useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const projects = (home) => join(home, '.claude', 'projects', '-side');
const rig = useRig({ before, after }, [], (home) => mkdir(projects(home), { recursive: true }).then(() => undefined));
const run = promisify(execFile);
let server = 0;
after(() => server && process.kill(server));

const tmux = async (...args) => {
  const { TMUX: _, TMUX_PANE: __, ...env } = process.env;
  const { stdout } = await run('tmux', ['-f', '/dev/null', ...args], {
    env: { ...env, TMUX_TMPDIR: rig.daemon.dir },
    timeout: 10_000,
  });
  return stdout.trimEnd();
};

const pane = (id) => rig.daemon.api('GET', `panes/${id}`);
const input = (id, text) => rig.daemon.type(id, text);
const remove = (id) => rig.daemon.api('DELETE', `panes/${id}`);

/** What Claude Code would write, of one that works or waits. */
async function agent(name, waits) {
  const cwd = join(await realpath(rig.daemon.dir), name);
  await mkdir(cwd);
  const id = await rig.daemon.pane(['bash', '-c', 'exec -a claude sleep 1000'], { cwd, name });
  await until('the process', async () => (await pane(id)).program === 'sleep');
  const file = join(projects(rig.daemon.dir), `${name}.jsonl`);
  let n = 0;
  const line = (type, message) => JSON.stringify({
    type, uuid: `${name}-${++n}`, parentUuid: n > 1 ? `${name}-${n - 1}` : null, sessionId: name, cwd,
    timestamp: new Date().toISOString(), version: '2.1.0', message });
  const ask = () => appendFile(file, `${line('user', { role: 'user', content: `Look after ${name}` })}\n`);
  const end = () => appendFile(file, `${line('assistant', {
    id: `m${n}`, model: 'claude-opus-4-5', role: 'assistant', content: [{ type: 'text', text: 'Which one?' }],
    stop_reason: 'end_turn', usage: { input_tokens: 1, output_tokens: 1 } })}\n`);
  await ask();
  if (waits) await end();
  const want = waits ? 'waiting_input' : 'working';
  await until(`${name} to be ${want}`, async () => (await pane(id)).agent?.state === want);
  return { id, ask, end };
}

async function open(options) {
  const v = await rig.open(options);
  v.tree = v.page.getByRole('tree');
  v.item = (name) => v.tree.getByRole('treeitem', { name });
  v.label = (name) => v.item(name).getAttribute('aria-label');
  v.says = (name, what) =>
    until(`${name} to say ${what}`, async () => (await v.item(name).count()) === 1 && what.test(await v.label(name)));
  v.focused = () => v.page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '');
  v.at = (what) => until(`the focus on ${what}`, async () => what.test(await v.focused()));
  return v;
}

test('what there is is a tree: tmux by session and window, panes, agents and jobs, with their states', async () => {
  const { daemon } = rig;
  await tmux('new-session', '-d', '-s', 'work', '-n', 'edit', '-x', '90', '-y', '20', 'exec cat');
  server = Number(await tmux('display-message', '-p', '#{pid}'));
  await tmux('new-window', '-d', '-t', 'work:', '-n', 'build', 'exec cat');
  await tmux('split-window', '-d', '-t', 'work:1', 'exec cat');
  const shell = await daemon.pane(['cat'], { name: 'shell' });
  const log = await daemon.pane(['cat'], { name: 'server-log' });
  const watched = await daemon.pane(['cat'], { name: 'compile' });
  const bell = await daemon.pane(['cat'], { name: 'ringer' });
  const failed = await daemon.pane(['sh', '-c', 'exit 3'], { name: 'make-check' });
  const done = await daemon.pane(['true'], { name: 'install' });
  const [busy, waits] = [await agent('busy', false), await agent('waits', true)];
  await daemon.api('POST', 'watches', { pattern: 'ERROR', pane: watched });
  const run1 = await daemon.api('POST', 'jobs', { command: ['sleep', '1000'], name: 'nightly', cwd: daemon.dir });
  await daemon.api('POST', 'jobs', { command: ['sh', '-c', 'exit 2'], name: 'deploy', cwd: daemon.dir });
  await daemon.api('POST', 'flows', { definition: { name: 'release', steps: [{ name: 'ask', type: 'approval', message: 'Publish 1.2.0?' }] } });

  for (const colorScheme of ['light', 'dark']) {
    const v = await open({ pane: bell, context: { colorScheme, viewport: { width: 1100, height: 980 } } });
    await v.page.getByRole('heading', { name: hostname(), exact: true }).waitFor();
    await input(bell, '\x07\n');
    await v.says(/^ringer/, /the bell has rung/);
    await v.page.evaluate((id) => (location.hash = `#${id}`), shell);
    await v.says(/^ringer/, /running/);
    await input(watched, 'an ERROR\n');
    await input(log, 'a line\n');

    const edit = v.item('work').getByRole('treeitem', { name: /^0 edit, running/ });
    await edit.waitFor();
    const build = v.item('work').getByRole('treeitem', { name: /^1 build/ });
    assert.equal(await build.getByRole('group').getByRole('treeitem').count(), 2);
    await v.says(/^server-log/, /running, unseen output/);
    await v.says(/^compile/, /a watch has fired, unseen output/);
    await v.says(/^make-check/, /failed.*exited, status 3/);
    await v.says(/^install/, /ended.*exited, status 0/);
    await v.says(/^busy/, /working/);
    await v.says(/^waits/, /waits for input/);
    await v.says(/^nightly/, /running/);
    await v.says(/^deploy/, /failed, status 2/);
    await v.says(/^release/, /waits for permission, waits for approval/);
    assert.equal(await v.item(/^Look after waits/).count(), 1);
    assert.equal(await v.item(/^shell/).getAttribute('aria-current'), 'page');
    assert.equal(await v.tree.locator('[aria-current]').count(), 1);
    await v.shot(`tree-${colorScheme}`);
    // Looking at it is having seen it.
    await v.item(/^compile/).getByRole('link').click();
    await v.online();
    await v.says(/^compile/, /^compile, running, p\d+$/);
    if (colorScheme === 'light') {
      await busy.end();
      await v.says(/^busy/, /waits for input/);
      await v.page.getByRole('button', { name: /^Notices, \d+ new$/ }).click();
      const notices = v.page.getByRole('dialog', { name: 'Notices' });
      await notices.getByRole('link', { name: /^claude waits for input.*busy: Look after busy/ }).waitFor();
      assert.equal(await notices.getByRole('link', { name: /Look after waits/ }).count(), 0, 'that one waited before');
      await v.page.keyboard.press('Escape');
      await busy.ask();
      await v.says(/^busy/, /working/);
    }
    await v.close();
  }
  const phone = await open({ pane: shell, context: PHONE });
  await phone.page.getByRole('button', { name: 'Show the list' }).tap();
  await phone.item(/^waits/).waitFor();
  assert.equal(await phone.page.evaluate(() => document.documentElement.scrollWidth), 360);
  await phone.shot('tree-phone');
  await phone.item(/^install/).getByRole('link').tap();
  await until('no drawer', () => phone.page.locator('.sidebar').isHidden());
  await phone.close();
  await daemon.api('POST', `jobs/${run1.id}/cancel`, {});
  for (const id of [shell, log, watched, bell, failed, done, busy.id, waits.id]) await remove(id);
});

test('output is marked until it was seen, also after a reload, and not where it is seen', async () => {
  const shown = await rig.daemon.pane(['cat'], { name: 'shown' });
  const other = await rig.daemon.pane(['cat'], { name: 'other' });
  await input(other, 'before the page\n');
  const twice = 2 * 'before the page\r\n'.length; // echoed, and written
  await until('both', async () => (await pane(other)).offset === twice);
  const v = await open({ pane: shown });
  await v.says(/^other/, /^other, running, p\d+$/); // what was there at the start is no news
  await input(shown, 'here\n');
  await v.sees('here');
  await input(other, 'there\n');
  await v.says(/^other/, /unseen output/);
  assert.match(await v.label(/^shown/), /^shown, running, p\d+$/);
  assert.equal(await v.item(/^other/).locator('.row-name').evaluate((e) => getComputedStyle(e).fontWeight), '650');
  await v.page.reload();
  await v.says(/^other/, /unseen output/);
  await v.item(/^other/).getByRole('link').click();
  await v.sees('there');
  await v.says(/^other/, /^other, running, p\d+$/);
  await v.item(/^shown/).getByRole('link').click();
  await v.sees('here');
  const listed = v.page.waitForResponse((r) => r.url().endsWith('/api/v1/panes'));
  await listed;
  assert.match(await v.label(/^other/), /^other, running, p\d+$/);
  // A page that was left before it had a list has not marked anything.
  const early = await v.context.newPage();
  await early.route('**/api/v1/panes', () => undefined);
  await early.goto(v.origin);
  await early.getByRole('button', { name: 'Hide the list' }).waitFor();
  await early.goto('about:blank');
  await early.unroute('**/api/v1/panes');
  await early.goto(v.origin);
  await early.getByRole('treeitem', { name: /^other, running, p\d+$/ }).waitFor();
  await early.close();
  const young = await rig.daemon.pane(['sh', '-c', 'echo new; exec cat'], { name: 'young' });
  await v.says(/^young/, /unseen output/);
  await v.close();
  for (const id of [shown, other, young]) await remove(id);
});

test('the tree is walked with keys, and what is folded stays so and tells the gravest below', async () => {
  const names = ['alpha', 'beta', 'gamma'];
  const ids = [];
  for (const name of names) ids.push(await rig.daemon.pane(['cat'], { name }));
  const v = await open({ pane: ids[0] });
  const { keyboard } = v.page;
  await v.item(/^gamma/).waitFor();
  await v.tree.evaluate((e) => e.querySelector('[tabindex="0"]').focus());
  await keyboard.press('End');
  const last = await v.focused();
  await keyboard.press('Home');
  await v.at(/^tmux/);
  assert.notEqual(last, await v.focused());
  await keyboard.type('be');
  await v.at(/^beta/);
  await keyboard.press('ArrowDown');
  await v.at(/^gamma/);
  await keyboard.press('ArrowUp');
  await v.at(/^beta/);
  assert.equal(await v.tree.locator('[role=treeitem][tabindex="0"]').count(), 1);
  await keyboard.press('Enter');
  await until('beta on the page', () => new URL(v.page.url()).hash === `#${ids[1]}`);
  await v.online();
  await v.tree.evaluate((e) => e.querySelector('[tabindex="0"]').focus());
  await v.at(/^beta/);
  await keyboard.press('ArrowLeft');
  await v.at(/^Panes/);
  await keyboard.press('ArrowLeft');
  await v.item(/^beta/).waitFor({ state: 'detached' });
  assert.equal(await v.item(/^Panes/).getAttribute('aria-expanded'), 'false');
  await input(ids[2], 'x\n');
  await v.says(/^Panes/, /unseen output/);
  await v.page.reload();
  await v.item(/^Panes/).waitFor();
  assert.equal(await v.item(/^Panes/).getAttribute('aria-expanded'), 'false');
  await v.item(/^Panes/).locator('.row').first().click();
  await v.item(/^gamma/).waitFor();
  // A focused row that goes leaves the focus in the tree.
  await v.item(/^gamma/).focus();
  await remove(ids[2]);
  await v.item(/^gamma/).waitFor({ state: 'detached' });
  await until('the focus in the tree', () => v.tree.evaluate((e) => e.contains(document.activeElement)));
  await v.item(/^beta/).focus();
  await keyboard.press('Delete');
  await v.page.getByRole('dialog').getByRole('button', { name: 'Kill' }).click();
  await v.item(/^beta/).waitFor({ state: 'detached' });
  await v.close();
  await remove(ids[0]);
});

test('the list is as wide as one makes it', async () => {
  const id = await rig.daemon.pane(['cat']);
  const v = await open({ pane: id });
  const edge = v.page.getByRole('separator', { name: 'Width of the list' });
  const width = async () => (await v.page.locator('.sidebar').boundingBox()).width;
  const box = await edge.boundingBox();
  const from = await width();
  await v.page.mouse.move(box.x + 3, 300);
  await v.page.mouse.down();
  await v.page.mouse.move(box.x + 63, 300, { steps: 4 });
  await v.page.mouse.up();
  await until('60 pixels more', async () => (await width()) === from + 60);
  await edge.press('ArrowLeft');
  await until('16 less', async () => (await width()) === from + 44);
  await v.page.reload();
  await v.online();
  assert.equal(await width(), from + 44);
  await v.close();
  await remove(id);
});

test('two hundred panes cost a row each, and a flood of events a render a frame', async () => {
  const { daemon } = rig;
  const many = 200;
  const ids = [];
  for (let i = 0; i < many; i += 10) {
    ids.push(...(await Promise.all(Array.from({ length: 10 }, () => daemon.pane(['cat'])))));
  }
  const v = await open({ pane: ids[0] });
  const rows = v.tree.getByRole('treeitem', { name: /^cat/ });
  await until('all of them', async () => (await rows.count()) === many);
  const elements = await v.item(/^Panes/).evaluate((e) => e.querySelectorAll('*').length);
  assert.ok(elements / many < 16, `${elements} elements`);

  const idle = await v.tree.evaluate((e) => {
    globalThis.batches = 0;
    globalThis.frames = 0;
    const frame = () => requestAnimationFrame(() => (globalThis.frames++, frame()));
    frame();
    new MutationObserver(() => globalThis.batches++).observe(e, { subtree: true, childList: true, attributes: true, characterData: true });
    globalThis.kept = e.querySelector('[data-key^="pane/"]');
    return true;
  });
  assert.ok(idle);
  for (let i = 0; i < 2; i++) await v.page.waitForResponse((r) => r.url().endsWith('/api/v1/panes'));
  const quiet = await v.page.evaluate(() => globalThis.batches);
  assert.ok(quiet <= 2, `${quiet} renders while nothing happens`); // the ages of sessions go on

  const { id } = await daemon.api('POST', 'sessions', { agent: 'maker', native: 'flood', title: 'Flood', pane: ids[1] });
  let seq = 0;
  for (let round = 0; round < 20; round++) {
    const lines = Array.from({ length: 100 }, () =>
      JSON.stringify({ seq: ++seq, type: 'message_start', message: `m${seq}`, role: seq % 2 ? 'user' : 'assistant', text: 'x' }));
    const r = await fetch(`http://127.0.0.1:${daemon.port}/api/v1/sessions/${id}/events`, {
      method: 'POST', headers: { Authorization: `Bearer ${daemon.token}` }, body: lines.join('\n') });
    assert.ok(r.ok, await r.text());
  }
  await v.says(/^Flood/, /working/);
  const { batches, frames, kept } = await v.page.evaluate(() => ({
    batches: globalThis.batches, frames: globalThis.frames, kept: globalThis.kept.isConnected }));
  assert.ok(batches <= frames, `${batches} renders in ${frames} frames`);
  assert.ok(kept, 'rows are kept');
  await v.close();
  for (const one of ids) await remove(one);
});
