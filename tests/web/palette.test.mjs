// Everything by keyboard: the palette, the keys of commands, and the list of all keys.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const rig = useRig({ before, after });

const hash = (v) => new URL(v.page.url()).hash;
const cells = (v) => v.page.evaluate(() => globalThis.panescry.cells);

const parts = (v) => ({
  palette: v.page.getByRole('dialog', { name: 'Palette' }),
  input: v.page.getByRole('combobox', { name: 'Command or place' }),
  rows: v.page.getByRole('option'),
  chosen: v.page.locator('.palette-row[aria-selected="true"]'),
  help: v.page.getByRole('dialog', { name: 'Keys' }),
});

async function openPalette(v, text) {
  await v.page.keyboard.press('Control+k');
  const p = parts(v);
  await p.palette.waitFor();
  if (text !== undefined) await v.page.keyboard.type(text);
  return p;
}

const titles = (p) => p.palette.locator('.palette-title').allInnerTexts();
const inTerminal = (v) =>
  v.page.evaluate(() => document.activeElement?.classList.contains('xterm-helper-textarea') ?? false);

/** What reaches the program, as hexadecimal numbers. */
async function reader() {
  return rig.daemon.pane(['sh', '-c', 'stty raw -echo opost onlcr; echo ready; exec od -An -tx1 -v -w1'], { name: 'reader' });
}

test('it opens from a terminal, finds by a few letters, runs, and gives the focus back', async () => {
  const id = await rig.daemon.shell({ name: 'alpha' });
  const other = await rig.daemon.shell({ name: 'build-log' });
  const v = await rig.open({ pane: id });
  await v.sees('$');
  await v.page.locator('.xterm-helper-textarea').focus();
  const p = await openPalette(v);
  const all = await titles(p);
  for (const name of ['alpha', 'build-log', 'New pane', 'Split right', 'Search all panes']) {
    assert.ok(all.includes(name), `${name} is offered`);
  }
  assert.ok(!all.includes('Close cell'), 'what cannot be done is not offered');
  assert.ok(await p.palette.locator('.palette-foot').getByText('again goes to the terminal').isVisible());
  await v.page.keyboard.type('splr');
  await until('what fits', async () => (await titles(p))[0] === 'Split right');
  assert.deepEqual(await p.chosen.locator('b').allInnerTexts(), ['Spl', 'r']);
  assert.equal(await p.input.getAttribute('aria-activedescendant'), await p.chosen.getAttribute('id'));
  await v.page.keyboard.press('Escape');
  await p.palette.waitFor({ state: 'detached' });
  assert.ok(await inTerminal(v));

  await openPalette(v, 'bl');
  await until('the pane first', async () => (await titles(p))[0] === 'build-log');
  await v.page.keyboard.press('Enter');
  await until('the pane', () => hash(v) === `#${other}`);
  await v.online();
  await until('its terminal', () => inTerminal(v));
  await openPalette(v, 'qqqq');
  await p.palette.getByText('Nothing is called that.').waitFor();
  assert.equal(await p.rows.count(), 0);
  await v.page.keyboard.press('Enter');
  assert.ok(await p.palette.isVisible());
  await v.page.mouse.click(20, 600);
  await p.palette.waitFor({ state: 'detached' });
  await v.close();
  for (const one of [id, other]) await rig.daemon.api('DELETE', `panes/${one}`);
});

test('arrow keys choose, round the end; what was run last comes first', async () => {
  const id = await rig.daemon.shell({ name: 'alpha1' });
  const v = await rig.open({ pane: id });
  const p = await openPalette(v);
  const first = await p.chosen.locator('.palette-title').innerText();
  await v.page.keyboard.press('ArrowDown');
  assert.notEqual(await p.chosen.locator('.palette-title').innerText(), first);
  await v.page.keyboard.press('ArrowUp');
  await v.page.keyboard.press('ArrowUp');
  assert.equal(await p.chosen.innerText(), await p.rows.last().innerText());
  await v.page.keyboard.press('ArrowDown');
  assert.equal(await p.chosen.locator('.palette-title').innerText(), first);
  await v.page.keyboard.type('flows');
  await p.rows.getByText('Flows', { exact: true }).click();
  await until('the list', () => hash(v) === '#flows');
  await openPalette(v);
  assert.equal((await titles(p))[0], 'Flows');
  assert.equal(await p.palette.getByRole('group').first().getAttribute('aria-label'), 'Used last');
  await v.page.keyboard.press('Escape');
  await v.page.reload();
  await v.page.getByRole('region', { name: 'Flows' }).waitFor();
  await openPalette(v);
  assert.equal((await titles(p))[0], 'Flows');
  await v.page.keyboard.press('Escape');
  for (const bad of ['7', '{"a":1}', '[{},null,5,"flows"]', 'x']) {
    await v.page.evaluate((t) => localStorage.setItem('panescry.recent', t), bad);
    await openPalette(v);
    assert.ok((await titles(p)).length > 5, bad);
    await v.page.keyboard.press('Escape');
  }
  await v.close();
  await rig.daemon.api('DELETE', `panes/${id}`);
});

test('jobs and new panes from it; hostile names are texts', async () => {
  const title = '<img src=x onerror=alert(1)>\u202egnp';
  const { id: job } = await rig.daemon.api('POST', 'jobs', { command: ['sh', '-c', 'echo x'], name: 'nightly build' });
  const bad = await rig.daemon.pane(['sh', '-c', 'printf "\\033]2;%s\\007" "$1"; exec cat', 'x', title]);
  const v = await rig.open({ pane: bad });
  const p = await openPalette(v, 'nightly');
  await p.rows.first().waitFor();
  await until('the job', async () => (await titles(p))[0] === 'nightly build');
  await v.page.keyboard.press('Enter');
  await until('the job', () => hash(v) === `#job=${job}`);
  await openPalette(v, 'img');
  await until('the pane', async () => (await titles(p))[0]?.includes('<img src=x'));
  assert.ok(!(await titles(p))[0].includes('\u202e'));
  await v.page.keyboard.press('Enter');
  await until('the pane', () => hash(v) === `#${bad}`);
  await openPalette(v, 'new pane');
  await v.page.keyboard.press('Enter');
  await until('another', () => /^#p\d+$/.test(hash(v)) && hash(v) !== `#${bad}`);
  await v.online();
  await v.close();
});

test('Ctrl+K twice reaches the shell, once does not; a terminal loses no other key', async () => {
  const id = await reader();
  const v = await rig.open({ pane: id });
  await v.sees('ready');
  await v.page.locator('.xterm-helper-textarea').focus();
  await v.page.keyboard.press('Control+k');
  const { palette } = parts(v);
  await palette.waitFor();
  await v.page.keyboard.press('Control+k');
  await palette.waitFor({ state: 'detached' });
  await v.page.keyboard.press('Control+Shift+P');
  await palette.waitFor();
  await v.page.keyboard.press('Escape');
  await palette.waitFor({ state: 'detached' });
  await v.page.keyboard.type('?');
  await v.page.keyboard.press('Alt+1'); // one cell alone: nothing to go to
  await v.page.keyboard.press('z');
  await v.sees(/7a/);
  const got = (await v.text()).match(/^ *[0-9a-f]{2}$/gm).map((s) => s.trim());
  assert.deepEqual(got, ['0b', '3f', '1b', '31', '7a']);
  // From elsewhere it only closes.
  await v.page.keyboard.press('Control+Shift+J');
  await v.page.getByRole('region', { name: 'Jobs' }).waitFor();
  await v.page.keyboard.press('Control+k');
  await palette.waitFor();
  assert.equal(await palette.getByText('again goes to the terminal').count(), 0);
  await v.page.keyboard.press('Control+k');
  await palette.waitFor({ state: 'detached' });
  await v.close();
  await rig.daemon.api('DELETE', `panes/${id}`);
});

test('keys run commands, not while a dialog is open', async () => {
  const id = await rig.daemon.shell({ name: 'alpha2' });
  const v = await rig.open({ pane: id });
  await v.page.locator('.xterm-helper-textarea').focus();
  const p = await openPalette(v);
  await v.page.keyboard.press('Control+Shift+E');
  await v.page.keyboard.press('Escape');
  await p.palette.waitFor({ state: 'detached' });
  assert.equal((await cells(v)).length, 1);
  await v.page.keyboard.press('Control+Shift+E');
  await until('two', async () => (await cells(v)).length === 2);
  await v.page.keyboard.press('Control+Shift+F');
  const search = v.page.getByRole('combobox', { name: /^Search/ });
  await search.waitFor();
  await v.page.keyboard.type('some words');
  await v.page.keyboard.press('Control+Shift+ArrowLeft'); // selects a word there
  await v.page.keyboard.press('Backspace');
  assert.equal(await search.inputValue(), 'some ');
  await v.page.keyboard.press('Escape');
  await v.page.keyboard.press('Control+Shift+B');
  const nav = v.page.locator('#sidebar');
  await until('the focus in the list', () => nav.evaluate((e) => e.contains(document.activeElement)));
  await v.page.keyboard.press('Control+Shift+B');
  await until('no list', () => nav.isHidden());
  await v.page.keyboard.press('Control+Shift+B');
  await until('the list', () => nav.isVisible());
  await v.close();
  await rig.daemon.api('DELETE', `panes/${id}`);
});

test('? lists every key there is', async () => {
  const id = await rig.daemon.shell({ name: 'alpha3' });
  const v = await rig.open({ pane: id });
  const { help } = parts(v);
  await v.page.locator('.xterm-helper-textarea').focus();
  await v.page.keyboard.press('Control+Shift+Slash');
  await help.waitFor();
  await v.shot('help');
  const listed = await help.locator('dl > div').evaluateAll((rows) =>
    rows.map((r) => [
      r.querySelector('dt').textContent,
      [...r.querySelectorAll('.caps')].map((c) => c.dataset.caps).join(' '),
    ]));
  const known = new Map(listed.map(([title, keys]) => [title, keys]));
  for (const [title, keys] of [
    ['All commands and places', 'Ctrl+K Ctrl+Shift+P'], ['All keys', 'Ctrl+Shift+/ ?'],
    ['Search all panes', 'Ctrl+Shift+F'], ['Sessions of agents', 'Ctrl+Shift+L'], ['Jobs', 'Ctrl+Shift+J'],
    ['Split right', 'Ctrl+Shift+E'], ['Split down', 'Ctrl+Shift+O'], ['Close cell', 'Ctrl+Shift+X'],
    ['Go to cell 6', 'Alt+6'], ['Go to the cell above', 'Ctrl+Shift+↑'],
    ['Move the nearest divider left', 'Alt+Shift+←'], ['Copy the selection', 'Ctrl+Shift+C'],
    ['Whole words', 'Alt+W'], ['Last message, and follow', 'End'],
  ]) {
    assert.equal(known.get(title), keys, title);
  }
  await v.page.keyboard.press('Escape');
  await help.waitFor({ state: 'detached' });
  assert.ok(await inTerminal(v));
  // Every key that the palette shows is in the list as well.
  const p = await openPalette(v);
  const shown = await p.palette.locator('.palette-row').evaluateAll((rows) =>
    rows.flatMap((r) => {
      const caps = r.querySelector('.caps')?.dataset.caps;
      return caps ? [[r.querySelector('.palette-title').textContent, caps]] : [];
    }));
  assert.ok(shown.length > 5);
  for (const [title, keys] of shown) assert.ok(known.get(title)?.includes(keys), `${title}: ${keys}`);
  await v.page.keyboard.press('Escape');
  await v.page.keyboard.press('Control+Shift+L');
  await v.page.getByRole('region', { name: 'Sessions of agents' }).waitFor();
  await v.page.keyboard.type('?'); // into its filter
  assert.equal(await help.count(), 0);
  await v.page.getByRole('navigation').getByRole('link').first().focus();
  await v.page.keyboard.type('?');
  await help.waitFor();
  await help.getByRole('button', { name: 'Close' }).click();
  await help.waitFor({ state: 'detached' });
  await v.close();
  await rig.daemon.api('DELETE', `panes/${id}`);
});

test('the palette, light and dark', async () => {
  for (const name of ['build', 'logs', 'server']) await rig.daemon.shell({ name });
  const v = await rig.open({ pane: await rig.daemon.shell({ name: 'notes' }) });
  await v.sees('$');
  const p = await openPalette(v);
  await v.shot('palette-light');
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await v.page.keyboard.type('se');
  await until('the pane first', async () => (await titles(p))[0] === 'server');
  await v.shot('palette-dark');
  await v.close();
});
