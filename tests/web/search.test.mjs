// Finding what any pane has printed, and looking at the place: with colours, and also when it
// is far beyond what the browser keeps.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PHONE, useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const rig = useRig({ before, after });

/** A pane that has printed something, told by the daemon. */
async function printed(script, last, more = {}) {
  const id = await rig.daemon.pane(['sh', '-c', `stty -echo; ${script}; exec cat`], more);
  await until(`${last} in ${id}`, async () => {
    const q = new URLSearchParams({ pattern: last, fixed: '1' });
    return (await rig.daemon.api('GET', `panes/${id}/search?${q}`)).total > 0;
  });
  return id;
}

const parts = (v) => ({
  input: v.page.getByRole('combobox', { name: 'Search all panes' }),
  panel: v.page.getByRole('dialog', { name: 'Search' }),
  rows: v.page.locator('.result'),
  selected: v.page.locator('.result[aria-selected="true"]'),
  status: v.page.locator('.search-foot'),
  history: v.page.locator('.history'),
  found: v.page.locator('.history-line.found'),
});

async function openSearch(v, text) {
  const p = parts(v);
  await v.page.keyboard.press('Control+Shift+F');
  await p.panel.waitFor();
  if (text !== undefined) await p.input.fill(text);
  return p;
}

const counted = (v, what) =>
  until(`${what} below the results`, async () => what.test(await parts(v).status.innerText())).catch(
    async (e) => {
      throw new Error(`${e.message}; it says: ${await v.page.locator('.search-box').innerText()}`);
    },
  );

// What is not on the screen yet has no innerText.
const marks = (row) => row.locator('.result-text mark').allTextContents();

/** Lines between first and last, as far as they are in the page. */
const numbers = (v) =>
  v.page.locator('.history-line').evaluateAll((l) => l.map((e) => Number(e.dataset.line)));

const inView = (v, selector) =>
  v.page.evaluate((s) => {
    const e = document.querySelector(s)?.getBoundingClientRect();
    const box = document.querySelector('.history-scroll')?.getBoundingClientRect();
    return Boolean(e && box && e.top >= box.top && e.bottom <= box.bottom);
  }, selector);

test('Ctrl+Shift+F searches all panes while one types, and no key reaches the terminal', async () => {
  const a = await printed('echo needle one; echo hay; echo needle two', 'two', { name: 'alpha' });
  const b = await printed('echo a needle three', 'three', { name: 'beta' });
  const reader = await rig.daemon.pane(
    ['sh', '-c', 'stty raw -echo; echo ready; exec od -An -tx1 -v -w1'], { name: 'keys' });
  const v = await rig.open({ pane: reader });
  await v.sees('ready');
  const p = await openSearch(v);
  await v.page.keyboard.type('needle t', { delay: 20 });
  await counted(v, /^2 lines in 2 panes, \d+ ms/);
  assert.deepEqual(await v.page.locator('.result-pane').allTextContents(), ['beta', 'alpha']);
  assert.deepEqual(await marks(p.rows.first()), ['needle t']);
  assert.match(await v.page.locator('.result-time').first().getAttribute('title'), /\d:\d\d:\d\d/);
  await p.input.fill('needle');
  await counted(v, /^3 lines in 2 panes/);
  await v.shot('search');
  await v.page.getByRole('link', { name: /keys/ }).click();
  await p.panel.waitFor({ state: 'hidden' });
  await openSearch(v);
  await v.page.keyboard.press('Escape');
  await p.panel.waitFor({ state: 'hidden' });
  await v.page.keyboard.type('q');
  await v.sees(/71/);
  assert.doesNotMatch(await v.text(), /06|6e|1b/, 'the terminal got what was typed into the search');
  await v.close();
  for (const id of [a, b, reader]) await rig.daemon.api('DELETE', `panes/${id}`);
});

test('marks are where the text is, whatever it is made of', async () => {
  const text = 'Grüße 世界 👩‍💻 e\\314\\201tude zum Bär';
  const id = await printed(`printf '${text} end\\n'`, 'end');
  const v = await rig.open({ pane: id });
  const p = await openSearch(v);
  for (const [pattern, want] of [
    ['grüße', ['Grüße']], ['世.', ['世界']], ['💻', ['💻']], ['tude|bär', ['tude', 'Bär']],
    ['[üßä]', ['ü', 'ß', 'ä']], ['end$', ['end']], ['界 👩', ['界 👩']],
  ]) {
    await p.input.fill(pattern);
    await until(`the marks of ${pattern}`, async () =>
      JSON.stringify(await marks(p.rows.first()).catch(() => [])) === JSON.stringify(want));
  }
  await v.page.keyboard.press('Enter');
  await until('the marks in the history', async () =>
    JSON.stringify(await p.found.locator('mark').allInnerTexts()) === '["界 👩"]');
  await v.close();
});

test('filters: plain, words, case, pane, age', async () => {
  const tag = 'zq';
  const a = await printed(`echo '${tag} a.b cat'; echo '${tag} axb Concat last'`, 'last', { name: 'first-one' });
  const b = await printed(`echo '${tag} a.b CAT last'`, 'last', { name: 'second-one' });
  const v = await rig.open({ pane: a });
  const p = await openSearch(v, `${tag} a.b`);
  await counted(v, /^3 lines in 2 panes/);
  await v.page.keyboard.press('Alt+r');
  await counted(v, /^2 lines in 2 panes/);
  await v.page.keyboard.press('Alt+r');
  await p.input.fill('cat');
  await counted(v, /^3 lines/);
  await v.page.getByRole('button', { name: 'Whole words' }).click();
  await counted(v, /^2 lines/);
  await v.page.getByRole('combobox', { name: 'Case' }).selectOption('match');
  await counted(v, /^1 line in 1 pane/);
  await p.input.fill('CAT');
  await v.page.getByRole('combobox', { name: 'Case' }).selectOption('smart');
  await counted(v, /^1 line in/);
  await p.input.fill(tag);
  await counted(v, /^3 lines/);
  const panes = v.page.getByRole('combobox', { name: 'Panes', exact: true });
  await panes.selectOption('this');
  await counted(v, /^2 lines in 1 pane/);
  await panes.selectOption('glob');
  await v.page.getByRole('textbox', { name: /Ids or names/ }).fill('second*');
  await counted(v, /^1 line in 1 pane/);
  await v.shot('search-filters');
  await panes.selectOption('all');
  await v.page.getByRole('combobox', { name: 'Age' }).selectOption('10m');
  await counted(v, /^3 lines/);
  const asked = v.page.waitForRequest(/search\?.*since=/);
  await v.page.getByRole('combobox', { name: 'Age' }).selectOption('today');
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  assert.equal(new URL((await asked).url()).searchParams.get('since'), midnight.toISOString());
  await v.close();
  for (const id of [a, b]) await rig.daemon.api('DELETE', `panes/${id}`);
});

test('a pattern that is none says why and where', async () => {
  const v = await rig.open({ pane: await rig.daemon.shell() });
  const p = await openSearch(v, 'größe [z-a] x');
  const alert = p.panel.getByRole('alert');
  await until('the reason', async () => /range out of order/.test(await alert.textContent()));
  assert.equal(await alert.locator('code').textContent(), 'größe [z-a] x');
  assert.equal(await alert.locator('code mark').count(), 1);
  await v.shot('search-wrong');
  await p.input.fill('(never closed');
  await until('another reason', async () => /parenthesis/.test(await alert.textContent()));
  await p.input.fill('no such text at all');
  await counted(v, /^Nothing found/);
  assert.equal(await alert.isVisible(), false);
  await v.close();
});

test('by keyboard: choose, look, go back, choose the next', async () => {
  const id = await printed('for i in 1 2 3 4 5; do echo above $i; echo target $i; done', 'target 5');
  const v = await rig.open({ pane: id });
  const p = await openSearch(v, 'target');
  await counted(v, /^5 lines/);
  assert.match(await p.selected.textContent(), /target 5/);
  assert.equal(await p.input.getAttribute('aria-activedescendant'), await p.selected.getAttribute('id'));
  await v.page.keyboard.press('ArrowDown');
  await v.page.keyboard.press('ArrowDown');
  await until('its surroundings', async () =>
    /above 3\s+target 3\s+above 4/.test(await p.selected.innerText()));
  await v.shot('search-context');
  await v.page.keyboard.press('Enter');
  await p.found.getByText('target 3').waitFor();
  assert.ok(v.page.url().endsWith(`#${id}?line=6`), v.page.url());
  await v.page.keyboard.press('Control+Shift+F');
  await p.panel.waitFor();
  assert.match(await p.selected.textContent(), /target 3/, 'it is where one left it');
  await v.page.keyboard.press('ArrowUp');
  await v.page.keyboard.press('Enter');
  await p.found.getByText('target 4').waitFor();
  await v.page.keyboard.press('Escape');
  await p.history.waitFor({ state: 'detached' });
  assert.ok(v.page.url().endsWith(`#${id}`), v.page.url());
  await v.line('typed again');
  await v.sees('typed again');
  await v.close();
});

test('a line of long ago is shown with its colours, and more when one scrolls', async () => {
  const id = await printed(
    'seq 1 5000; ' +
      'printf "\\033[1;31mlong\\033[0m \\033[38;2;10;200;30mlost\\033[0m \\033[48;5;21mneedle\\033[0m \\033[4:3mhere\\033[0m\\n"; ' +
      'seq 5002 26000; echo done', 'done');
  const v = await rig.open({ pane: id, context: { colorScheme: 'dark' } });
  await v.sees('done');
  assert.doesNotMatch(await v.text(), /needle/, 'the browser has it no more');
  const p = await openSearch(v, 'lost needle');
  await counted(v, /^1 line in 1 pane/);
  await v.page.keyboard.press('Enter');
  await p.found.waitFor();
  assert.equal(await p.found.textContent(), 'long lost needle here');
  assert.equal(await p.found.getAttribute('data-line'), '5001');
  assert.ok(await inView(v, '.history-line.found'));
  const ink = (text, property) =>
    p.found.locator('span').filter({ hasText: text }).evaluate((e, q) => getComputedStyle(e)[q], property);
  assert.equal(await ink('long', 'color'), 'rgb(243, 154, 142)');
  assert.equal(await ink('long', 'fontWeight'), '700');
  assert.equal(await ink('lost', 'color'), 'rgb(10, 200, 30)');
  assert.equal(await ink('needle', 'backgroundColor'), 'rgb(0, 0, 255)');
  assert.deepEqual(await p.found.locator('mark').allInnerTexts(), ['lost', ' ', 'needle']);
  assert.equal(await p.found.locator('mark').first().evaluate((e) => getComputedStyle(e).color), 'rgb(10, 200, 30)');
  assert.equal(await ink('here', 'textDecorationStyle'), 'wavy');
  await v.shot('history-dark');

  const has = async (n) => (await numbers(v)).includes(n);
  assert.ok(await has(4501) && await has(5501) && !(await has(4400)));
  const scrollTo = (top) =>
    v.page.locator('.history-scroll').evaluate((e, t) => (e.scrollTop = t < 0 ? e.scrollHeight : t), top);
  const firstVisible = () =>
    v.page.evaluate(() => {
      const box = document.querySelector('.history-scroll').getBoundingClientRect();
      return document.elementFromPoint(box.left + 90, box.top + 3).closest('.history-line')?.dataset.line;
    });
  await scrollTo(100);
  const top = await firstVisible();
  await until('earlier lines', () => has(4100));
  await v.page.evaluate(() => new Promise((r) => requestAnimationFrame(r)));
  assert.equal(await firstVisible(), top, 'what one looked at stays');
  for (let i = 0; i < 12; i++) {
    const last = (await numbers(v)).at(-1);
    await scrollTo(-1);
    await until('later lines', async () => (await numbers(v)).at(-1) > last);
  }
  const all = await numbers(v);
  assert.ok(all.length <= 3000, `${all.length} lines in the page`);
  assert.deepEqual(all, all.map((_, i) => all[0] + i), 'without gaps');

  // Another theme, another ink.
  await v.page.goto(`${v.origin}/#${id}?line=5001`);
  await v.page.reload();
  await p.found.waitFor();
  await v.page.emulateMedia({ colorScheme: 'light' });
  await until('colours that can be read', async () => (await ink('long', 'color')) === 'rgb(204, 68, 56)');
  await v.shot('history-light');
  await v.close();
});

test('the terminal goes on below the history, which follows to its end', async () => {
  const id = await printed('seq 1 200', '200');
  const v = await rig.open({ pane: id, query: '?line=150' });
  const p = parts(v);
  await p.found.getByText('150').waitFor();
  assert.ok(await inView(v, '.history-line.found'));
  const { cols, rows } = await v.screen();
  await rig.daemon.api('POST', `panes/${id}/resize`, { cols, rows });
  const send = (text) => rig.daemon.type(id, text);
  await send('while away\n');
  await v.sees('while away');
  assert.ok(await p.history.isVisible());
  const scroll = v.page.locator('.history-scroll');
  await until('the new line', async () => {
    await scroll.evaluate((e) => ((e.scrollTop -= 50), (e.scrollTop = e.scrollHeight)));
    return (await scroll.innerText()).includes('while away');
  });
  await v.page.getByRole('button', { name: 'Back to live' }).click();
  await p.history.waitFor({ state: 'detached' });
  await v.line('back');
  await v.sees('back');
  await v.page.goBack();
  await p.found.getByText('150').waitFor();
  await v.close();
});

test('a link to a line that is not there says so', async () => {
  const id = await printed('seq 1 30', '30');
  const v = await rig.open({ pane: id, query: '?line=99999' });
  await v.page.getByText('Line 99,999 has not been printed').waitFor();
  await v.page.locator('.history-line', { hasText: '30' }).waitFor();
  await v.close();
});

test('what is not answered is asked again', async () => {
  const id = await printed('seq 1 30; echo remembered', 'remembered');
  const v = await rig.open({ pane: id });
  const p = await openSearch(v, 'remembered');
  await counted(v, /^1 line/);
  await v.page.route(/api\/v1\/(search|panes\/.*capture)/, (route) => route.abort());
  const alert = p.panel.getByRole('alert');
  await until('that it is said', async () => /does not answer/.test(await alert.textContent()));
  assert.match(await p.selected.textContent(), /remembered/, 'what was found is still there');
  await v.page.keyboard.press('Enter');
  await v.page.locator('.history-note', { hasText: 'does not answer' }).waitFor();
  await v.page.unrouteAll();
  await p.found.getByText('remembered').waitFor();
  assert.equal(await v.page.locator('.history-note').isVisible(), false);
  await v.close();
});

test('text in the history can be selected and copied, without the numbers', async () => {
  const id = await printed('echo copy-me; echo; echo and me; seq 1 99', '99');
  const v = await rig.open({
    pane: id,
    query: '?line=1',
    context: { permissions: ['clipboard-read', 'clipboard-write'] },
  });
  const p = parts(v);
  await p.found.waitFor();
  await v.page.evaluate(() => {
    const [first, , third] = document.querySelectorAll('.history-line');
    getSelection().setBaseAndExtent(first, 0, third, third.childNodes.length);
  });
  await v.page.keyboard.press('Control+Shift+C');
  const clipboard = () => v.page.evaluate(() => navigator.clipboard.readText());
  await until('the text', async () => (await clipboard()) === 'copy-me\n\nand me');
  await v.page.getByRole('button', { name: 'Copy link' }).click();
  await until('the link', async () => (await clipboard()) === `${v.origin}/#${id}?line=1`);
  await v.close();
});

test('results come by themselves and the chosen one stays', async () => {
  const id = await printed('for i in 1 2 3; do echo tick $i; done', 'tick 3');
  const v = await rig.open({ pane: id });
  const p = await openSearch(v, '^tick');
  await counted(v, /^3 lines/);
  await v.page.keyboard.press('ArrowDown');
  await rig.daemon.type(id, 'tick 4\n');
  await counted(v, /^4 lines/);
  assert.match(await p.rows.first().textContent(), /tick 4/);
  assert.match(await p.selected.textContent(), /tick 2/);
  await v.close();
});

test('what is typed on cancels the search before', async () => {
  const v = await rig.open({ pane: await printed('seq 1 30; echo quick', 'quick') });
  let held;
  await v.page.route(/search\?pattern=slow/, (route) => (held = route));
  const p = await openSearch(v, 'slow');
  await until('the first search', () => held);
  const failed = v.page.waitForEvent('requestfailed', (r) => r.url().includes('pattern=slow'));
  await p.input.fill('quick');
  await failed;
  await counted(v, /^\d+ lines? in/);
  assert.deepEqual(await marks(p.rows.first()), ['quick']);
  await v.close();
});

test('very many results do not stop the page', async () => {
  const id = await printed('seq -f "many %.0f" 12000', 'many 12000');
  const v = await rig.open({ pane: id });
  const p = await openSearch(v, 'many');
  await counted(v, /^The newest 200 lines/);
  await v.page.getByRole('button', { name: 'More' }).click();
  await counted(v, /^The newest 1,000 lines/);
  await v.page.getByRole('button', { name: 'More' }).click();
  await v.page.getByRole('button', { name: 'More' }).click();
  await counted(v, /^The newest 10,000 lines/);
  assert.equal(await v.page.getByRole('button', { name: 'More' }).isVisible(), false);
  assert.ok((await p.rows.count()) < 1000, 'rows that nobody has scrolled to');
  const results = v.page.locator('.results');
  await until('further rows', async () => {
    await results.evaluate((e) => (e.scrollTop = e.scrollHeight));
    return (await p.rows.count()) >= 1000;
  });
  for (let i = 0; i < 25; i++) await v.page.keyboard.press('PageDown');
  await p.selected.getByText('many 11750', { exact: true }).first().waitFor();
  await p.input.fill('many 1234');
  await counted(v, /^1 line |^\d+ lines in/);
  await v.close();
  await rig.daemon.api('DELETE', `panes/${id}`);
});

test('hostile lines are text', async () => {
  const evil = '<img src=x onerror=globalThis.owned=1><script>globalThis.owned=1</script>';
  const id = await rig.daemon.pane(
    ['sh', '-c',
      `printf '\\033]2;%s\\007%s evil\\n' "$1" "$1"; ` +
      `printf '\\033]8;;javascript:globalThis.owned=1\\033\\\\bad link\\033]8;;\\033\\\\ evil\\n'; ` +
      `printf '\\033]8;;https://example.org/\\033\\\\good link\\033]8;;\\033\\\\ evil\\n'; ` +
      `printf '\\342\\200\\256turned evil\\n'; ` +
      'i=0; while [ $i -lt 300 ]; do printf "\\033[3%dmevil" $((i % 8)); i=$((i+1)); done; echo; exec cat',
      'sh', evil]);
  const v = await rig.open({ pane: id });
  const p = await openSearch(v, 'evil');
  await counted(v, /^5 lines/);
  await v.shot('search-hostile');
  await p.rows.locator('.result-text', { hasText: '<img src=x onerror' }).click();
  await p.found.waitFor();
  assert.equal(await p.found.textContent(), `${evil} evil`);
  await v.page.locator('.history-line', { hasText: 'good link' }).waitFor();
  const links = await v.page.locator('.history-line a').evaluateAll((l) => l.map((a) => [a.textContent, a.href, a.rel]));
  assert.deepEqual(links, [['good link', 'https://example.org/', 'noopener noreferrer']]);
  assert.equal(await v.page.evaluate(() => globalThis.owned), undefined);
  assert.equal(await v.page.locator('#app img, #app script, #app iframe, #app b').count(), 0);
  await v.shot('history-hostile');
  await v.close();
});

test('finds lines of panes that are gone, and shows their place', async () => {
  const id = await rig.daemon.pane(['sh', '-c', 'echo a line of the departed']);
  await until('its end', async () => (await rig.daemon.api('GET', `panes/${id}`)).state === 'exited');
  const stays = await rig.daemon.pane(['cat']);
  await rig.daemon.api('DELETE', `panes/${id}`);
  const v = await rig.open({ pane: stays });
  await v.page.keyboard.press('Control+Shift+F');
  await v.page.keyboard.type('of the departed');
  await v.page.locator('.group-head').getByText(`${id} (gone)`).waitFor();
  await v.page.locator('.result-text mark').getByText('of the departed').waitFor(); // of all that was typed
  await v.page.keyboard.press('Enter');
  await parts(v).found.getByText('a line of the departed').waitFor();
  assert.equal(await parts(v).found.locator('mark').innerText(), 'of the departed');
  await v.close();
});

test('on a phone', async () => {
  const id = await printed(
    'for i in 1 2 3 4 5 6 7 8 9; do printf "\\033[3%dmcolour\\033[0m %d: a line that is a good deal wider than a phone is, said quickly\\n" $i $i; done; echo; echo ready',
    'ready', { name: 'a-pane-with-quite-a-long-name' });
  const v = await rig.open({ pane: id, context: PHONE });
  await v.page.getByRole('button', { name: 'Search' }).tap();
  const p = parts(v);
  await p.input.fill('a good deal');
  await counted(v, /^9 lines/);
  await v.shot('search-phone');
  const wide = await v.page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 360, `${wide} px wide`);
  await p.rows.nth(2).tap();
  await p.found.getByText('7: a line').waitFor();
  assert.ok(await inView(v, '.history-line.found'));
  await v.shot('history-phone');
  await v.page.getByRole('button', { name: 'Back to live' }).tap();
  await p.history.waitFor({ state: 'detached' });
  await v.close();
});
