// One search over panes, the archive, agents' sessions and jobs: it streams, groups and filters, and
// leads to each kind of place; searches that are kept, and watches that are made of one.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PHONE, useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const EVIL = '<img src=x onerror=globalThis.owned=1><script>globalThis.owned=1</script>';
const TURNED = '\u202eturned\u202c';
const PROMPT = `Why does the lantern flicker? ${TURNED} ${EVIL}`;

const world = {};
const api = (...args) => rig.daemon.api(...args);
const found = (args) => api('GET', `search?${new URLSearchParams(args)}`);
const type = (id, text) => rig.daemon.type(id, text);

/** A pane that has printed something. */
async function printed(script, last, more = {}) {
  const id = await rig.daemon.pane(['sh', '-c', `stty -echo; ${script}; exec cat`], more);
  await until(`${last} in ${id}`, async () => (await found({ pattern: last, fixed: '1', pane: id })).total > 0);
  return id;
}

async function session(native, events, more = {}) {
  const s = await api('POST', 'sessions', { agent: 'maker', native, ...more });
  await rig.daemon.raw('POST', `sessions/${s.id}/events`, events.map((e, i) => `${JSON.stringify({ seq: i + 1, ...e })}\n`).join(''));
  return s.id;
}

/** All places have a line with "lantern". */
async function build() {
  world.live = await printed(
    'seq 1 300; printf "\\033[1;31mlantern\\033[0m in a pane\\n"; seq 302 400', '400', { name: 'harbour' });
  world.gone = await rig.daemon.pane(
    ['sh', '-c', 'seq 1 120; printf "a \\033[38;2;10;200;30mlantern\\033[0m of the departed\\n"; seq 122 200']);
  await until('its end', async () => (await api('GET', `panes/${world.gone}`)).state === 'exited');
  await api('DELETE', `panes/${world.gone}`);
  await until('the archive', async () => (await found({ pattern: 'departed', source: 'past' })).total === 1);

  const { matches } = await found({ pattern: 'lantern in a pane', pane: world.live });
  const at = (s) => new Date(Date.parse(matches[0].time) + s * 1000).toISOString();
  world.session = await session('lamp', [
    { type: 'message_start', message: 'u0', role: 'user', text: 'Look around', time: at(-900) },
    { type: 'text_delta', message: 'u0', text: '', time: at(-900) },
    { type: 'message_start', message: 'u1', role: 'user', text: PROMPT, time: at(-60) },
    { type: 'message_start', message: 'a1', role: 'assistant', model: 'claude-opus-4-5', time: at(-50) },
    { type: 'text_delta', message: 'a1', text: 'The lantern has a loose wire.', time: at(-50) },
    { type: 'token_usage', message: 'a1', model: 'claude-opus-4-5', input_tokens: 10, output_tokens: 5, time: at(-50) },
    { type: 'tool_call', call: 'c1', message: 'a1', name: 'Bash', input: { command: 'grep lantern wires.txt' }, time: at(-40) },
    { type: 'tool_result', call: 'c1', output: `lantern ${EVIL} ${TURNED}`, outcome: 'ok', time: at(-30) },
  ], { title: 'Lanterns of the harbour', pane: world.live, cwd: '/srv/harbour' });
  const job = await api('POST', 'jobs', { command: ['sh', '-c', 'seq 1 30; echo a lantern of a job; seq 32 40'], name: 'lamplighter' });
  world.job = job.id;
  await until('the job', async () => (await found({ pattern: 'lantern', jobs: '1' })).matches.some((m) => m.source === 'archive'));
  await until('the session', async () => (await found({ pattern: 'lantern', source: 'sessions' })).total >= 4);
}

const rig = useRig({ before: (start) => before(async () => { await start(); await build(); }), after });

function parts(v) {
  const { page } = v;
  return {
    input: page.getByRole('combobox', { name: 'Search all panes' }),
    panel: page.getByRole('dialog', { name: 'Search' }),
    rows: page.locator('.result'),
    heads: page.locator('.group-head'),
    head: (text) => page.locator('.group-head', { hasText: text }),
    rowsOf: (name) => page.getByRole('group', { name }).locator('.result'),
    source: (name) => page.locator('.sources').getByRole('button', { name }),
    selected: page.locator('.results [aria-selected="true"]'),
    status: page.locator('.search-foot'),
    line: page.locator('.history-line.found'),
    strip: page.getByRole('note', { name: 'Agent at that time' }),
    saved: page.getByRole('list', { name: 'Saved searches' }),
    recent: page.getByRole('list', { name: 'Recent searches' }),
    watches: page.getByRole('list', { name: 'Watches' }),
  };
}

async function openSearch(v, text) {
  const p = parts(v);
  await v.page.keyboard.press('Control+Shift+F');
  await p.panel.waitFor();
  if (text !== undefined) await p.input.fill(text);
  return p;
}

const says = (v, what) =>
  until(`${what} below the results`, async () => what.test(await parts(v).status.innerText())).catch(async (e) => {
    throw new Error(`${e.message}; it says: ${await v.page.locator('.search-box').innerText()}`);
  });
const heads = async (v) => (await v.page.locator('.group-head .result-pane').allTextContents());
const hash = (v) => new URL(v.page.url()).hash;
const clean = async (v) => {
  assert.equal(await v.page.evaluate(() => globalThis.owned), undefined);
  assert.equal(await v.page.locator('#app img, #app script, #app iframe').count(), 0);
};
const goes = (v, what) => until(`${what} in the address`, () => what.test(hash(v)));
const narrow = (v) => v.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

test('all sources at once, in groups with what they are called, and counts', async () => {
  const v = await rig.open({ pane: world.live });
  const p = await openSearch(v, 'lantern');
  await says(v, /^\d+ lines in 2 panes, 1 session and 1 job, \d+ ms/);
  await p.head('Lanterns of the harbour').waitFor();
  await p.head('lamplighter').waitFor();
  assert.deepEqual((await heads(v)).sort(), ['Lanterns of the harbour', 'harbour', 'lamplighter', `${world.gone} (gone)`].sort());
  for (const [name, n] of [['Panes', 1], ['Archive', 1], ['Sessions', 4], ['Jobs', 1], ['All', 7]]) {
    assert.equal(await p.source(name).innerText(), `${name}${n}`.replace(/(\D)(\d)/, '$1\n$2'), name);
  }
  const badge = p.head('lamplighter').locator('.badge');
  assert.equal(await badge.getAttribute('data-state'), 'completed');
  assert.equal(await p.head('Lanterns of the harbour').locator('.group-count').innerText(), '4');
  const times = await v.page.locator('.group-head time').evaluateAll((l) => l.map((t) => t.dateTime));
  assert.deepEqual(times, [...times].sort().reverse(), 'the newest group first');
  assert.match(await v.page.locator('.result time').first().getAttribute('title'), /\d:\d\d:\d\d/);
  const voices = await p.rowsOf(/^Lanterns of the harbour/).locator('.result-voice').allTextContents();
  assert.deepEqual(voices.sort(), ['Bash input', 'Bash output', 'assistant', 'user']);
  for (const mark of await v.page.locator('.result-text mark').allTextContents()) assert.equal(mark, 'lantern');
  assert.doesNotMatch(await v.page.locator('.results').textContent(), /\u202e/);
  await v.shot('search-all');
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await v.shot('search-all-dark');
  await clean(v);
  await v.close();
});

test('sources are shown as they answer, and what is still searched is said', async () => {
  const v = await rig.open({ pane: world.live });
  const held = [];
  let hold = true;
  await v.page.route(/search\?.*source=(past|sessions)/, async (route) => {
    if (hold) await new Promise((r) => held.push(r));
    await route.continue().catch(() => {}); // it may not be wanted any more
  });
  const p = await openSearch(v, 'lantern');
  await p.head('harbour').waitFor();
  await p.head('lamplighter').waitFor();
  await v.page.locator('.search-pending', { hasText: 'Searching the archive and sessions…' }).waitFor();
  assert.equal(await p.source('Sessions').getAttribute('data-state'), 'asking');
  assert.equal(await p.head('(gone)').count(), 0);
  await v.page.keyboard.press('ArrowDown');
  const chosen = await p.selected.getAttribute('id');
  await v.shot('search-streaming');
  hold = false;
  for (const release of held) release();
  await p.head('(gone)').waitFor();
  await says(v, /^7 lines in 2 panes, 1 session and 1 job/);
  assert.equal(await v.page.locator('.search-pending').isVisible(), false);
  assert.equal(await p.selected.getAttribute('id'), chosen, 'what was chosen stays chosen');
  await v.close();
});

test('first a few matches, then all', async () => {
  const id = await printed('seq -f "quick %.0f" 400', 'quick 400');
  const v = await rig.open({ pane: id });
  const limits = [];
  v.page.on('request', (r) => {
    const args = new URL(r.url()).searchParams;
    if (args.get('pattern') === 'quick' && args.get('source') === 'ring') limits.push(Number(args.get('limit')));
  });
  await openSearch(v, 'quick');
  await says(v, /^The newest 200 lines/);
  assert.deepEqual(limits.slice(0, 2), [25, 200]);
  await v.close();
  await api('DELETE', `panes/${id}`);
});

test('one source that fails does not keep the others', async () => {
  const v = await rig.open({ pane: world.live });
  await v.page.route(/search\?.*source=sessions/, (route) =>
    route.fulfill({ status: 503, json: { error: 'store_unavailable', message: 'the store is being opened' } }));
  const p = await openSearch(v, 'lantern');
  await says(v, /^3 lines in 2 panes and 1 job/);
  await p.panel.getByRole('alert').getByText('sessions: the store is being opened').waitFor();
  assert.equal(await p.source('Sessions').getAttribute('data-state'), 'failed');
  await v.close();
});

test('sources filter; groups fold; or one list by time', async () => {
  const v = await rig.open({ pane: world.live });
  const p = await openSearch(v, 'lantern');
  await says(v, /^7 lines/);
  await p.source('Sessions').click();
  await says(v, /^4 lines in 1 session/);
  assert.equal(await p.rows.count(), 4);
  await p.source('Jobs').click();
  await says(v, /^5 lines in 1 session and 1 job/);
  await p.source('All').click();
  await says(v, /^7 lines/);

  // By keyboard: the group of the chosen row, and it stays the chosen one.
  for (let i = 0; i < 9; i++) await v.page.keyboard.press('ArrowUp');
  await v.page.keyboard.press('Alt+c');
  assert.equal(await p.rows.count(), 6);
  assert.match(await p.selected.getAttribute('class'), /group-head folded/);
  assert.equal(await p.input.getAttribute('aria-activedescendant'), await p.selected.getAttribute('id'));
  await v.shot('search-folded');
  await v.page.keyboard.press('ArrowDown');
  await v.page.keyboard.press('ArrowUp');
  assert.match(await p.selected.getAttribute('class'), /group-head folded/);
  await v.page.keyboard.press('Enter');
  assert.equal(await p.rows.count(), 7);
  assert.match(await p.selected.getAttribute('class'), /^result/);
  // By mouse.
  await p.head('Lanterns of the harbour').click();
  assert.equal(await p.rows.count(), 3);
  await p.head('Lanterns of the harbour').click();
  assert.equal(await p.rows.count(), 7);

  // Arrows go over all rows, across groups.
  for (let i = 0; i < 9; i++) await v.page.keyboard.press('ArrowUp');
  const seen = new Set([await p.selected.getAttribute('id')]);
  for (let i = 0; i < 6; i++) {
    await v.page.keyboard.press('ArrowDown');
    seen.add(await p.selected.getAttribute('id'));
  }
  assert.equal(seen.size, 7);

  await v.page.keyboard.press('Alt+g');
  await until('no groups', async () => (await p.heads.count()) === 0);
  assert.equal(await p.rows.count(), 7);
  const times = await v.page.locator('.result time').evaluateAll((l) => l.map((t) => t.dateTime));
  assert.deepEqual(times, [...times].sort().reverse());
  assert.ok((await v.page.locator('.result .result-pane').allTextContents()).includes('lamplighter'));
  await v.shot('search-by-time');
  await v.page.keyboard.press('Alt+g');
  await until('groups', async () => (await p.heads.count()) === 4);
  await v.close();
});

test('of several groups each shows a few, and the rest when one asks', async () => {
  const many = await printed('seq -f "heap %.0f" 60', 'heap 60', { name: 'tall' });
  const few = await printed('echo heap once', 'once', { name: 'small' });
  const v = await rig.open({ pane: many });
  const p = await openSearch(v, '^heap');
  await says(v, /^61 lines in 2 panes/);
  assert.equal(await p.rowsOf(/^tall/).count(), 10);
  await v.page.getByRole('option', { name: 'Show 50 more of it' }).click();
  await until('all', async () => (await p.rowsOf(/^tall/).count()) === 60);
  await v.close();
  for (const id of [many, few]) await api('DELETE', `panes/${id}`);
});

test('a match of a pane leads to its line with colours, and the turn of that moment', async () => {
  const v = await rig.open({ pane: world.live, context: { colorScheme: 'light' } });
  const p = await openSearch(v, 'lantern in');
  await p.rows.filter({ hasText: 'in a pane' }).first().click();
  await p.line.waitFor();
  assert.equal(hash(v), `#${world.live}?line=301`);
  const span = p.line.locator('span').filter({ hasText: 'lantern' }).first();
  assert.equal(await span.evaluate((e) => getComputedStyle(e).color), 'rgb(204, 68, 56)');
  await p.strip.waitFor();
  assert.match(await p.strip.innerText(), /^maker\s+Turn 2\s+Why does the lantern flicker\?/);
  assert.match(await p.strip.innerText(), /claude-opus-4-5/);
  assert.doesNotMatch(await p.strip.innerText(), /\u202e/);
  await v.shot('history-turn');
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await v.shot('history-turn-dark');
  await clean(v);
  await p.strip.getByRole('link', { name: 'Show the turn' }).click();
  await goes(v, new RegExp(`^#session=${world.session}\\?at=n2$`));
  await v.page.goBack();
  await p.line.waitFor();
  await p.strip.waitFor();
  // Another line, of before the agent began.
  await v.page.goto(`${v.origin}/#${world.live}`);
  await p.line.waitFor({ state: 'detached' });
  await v.close();
});

test('without an agent there is no strip', async () => {
  const id = await printed('echo nobody was here', 'nobody');
  const v = await rig.open({ pane: id });
  const asked = v.page.waitForResponse(/api\/v1\/turns\?/);
  const p = await openSearch(v, 'nobody was here');
  await says(v, /^1 line/);
  await v.page.keyboard.press('Enter');
  await p.line.waitFor();
  assert.deepEqual(await (await asked).json(), { turn: null });
  assert.equal(await p.strip.isVisible(), false);
  await v.close();
  await api('DELETE', `panes/${id}`);
});

test('a match of a pane that is gone leads to its lines in the archive, with colours', async () => {
  const v = await rig.open({ pane: world.live });
  const p = await openSearch(v, 'departed');
  await p.head(`${world.gone} (gone)`).waitFor();
  await until('its surroundings', async () => /120\s+a lantern of the departed\s+122/.test(await p.selected.innerText()));
  await v.page.keyboard.press('Enter');
  await p.line.waitFor();
  assert.equal(hash(v), `#archive=${world.gone}?line=121`);
  assert.equal(await p.line.locator('mark').innerText(), 'departed');
  const span = p.line.locator('span').filter({ hasText: 'lantern' }).first();
  const ink = await span.evaluate((e) => getComputedStyle(e).color);
  assert.match(ink, /^rgb\(\d+, \d+, \d+\)$/);
  assert.notEqual(ink, await p.line.evaluate((e) => getComputedStyle(e).color));
  assert.match(await v.page.locator('.history-title').innerText(), /^Line 121 of 200/);
  assert.equal(await v.page.locator('.history-line').count(), 200);
  await v.shot('archive');
  await v.page.reload();
  await p.line.getByText('a lantern of the departed').waitFor();
  await v.page.keyboard.press('Escape');
  await p.line.waitFor({ state: 'detached' });
  await v.close();
});

test('what a history has lost comes from the archive, above it', async () => {
  const v = await rig.open({ pane: world.live });
  // As if the history began at line 290.
  await v.page.route(/panes\/.*\/capture\?/, async (route) => {
    const response = await route.fetch();
    const json = await response.json();
    json.first_line = 290;
    json.lines = json.lines.filter((l) => l.line === null || l.line >= 290);
    await route.fulfill({ response, json });
  });
  await until('the archive to have the beginning', async () =>
    (await api('GET', `archive/lines?pane=${world.live}`).catch(() => null))?.last_line >= 300);
  await v.page.goto(`${v.origin}/#${world.live}?line=289`);
  const p = parts(v);
  await p.line.getByText('289', { exact: true }).waitFor();
  const numbers = await v.page.locator('.history-line').evaluateAll((l) => l.map((e) => Number(e.dataset.line)));
  assert.deepEqual(numbers, numbers.map((_, i) => i + 1), 'each once, from the first');
  assert.ok(numbers.length >= 400);
  await v.close();
});

test('a match of a session leads to its message or tool call', async () => {
  const v = await rig.open({ pane: world.live });
  const p = await openSearch(v, 'loose wire');
  await says(v, /^1 line in 1 session/);
  const { matches: [said] } = await found({ pattern: 'loose wire', source: 'sessions' });
  await v.page.keyboard.press('Enter');
  await goes(v, new RegExp(`^#session=${world.session}\\?at=m${said.message}$`));
  await v.page.getByRole('document', { name: 'Transcript' }).getByText('loose wire').waitFor();
  await openSearch(v, 'wires.txt');
  await says(v, /^1 line in 1 session/);
  const { matches: [call] } = await found({ pattern: 'wires.txt', source: 'sessions' });
  await p.rows.filter({ hasText: 'wires.txt' }).first().click(); // not what was found before
  await goes(v, new RegExp(`^#session=${world.session}\\?at=t${call.message}$`));
  await v.close();
});

test('a match of a job leads to the line of its output', async () => {
  const v = await rig.open({ pane: world.live });
  const p = await openSearch(v, 'lantern of a job');
  await p.head('lamplighter').waitFor();
  await v.page.keyboard.press('Enter');
  await p.line.getByText('a lantern of a job').waitFor();
  assert.equal(hash(v), `#archive=${world.job}.1?line=31`);
  await v.shot('archive-job');
  await v.page.getByRole('link', { name: 'Show the job' }).click();
  await v.page.getByRole('region', { name: 'Job', exact: true }).waitFor();
  assert.equal(hash(v), `#job=${world.job}`);
  await v.close();
});

test('a job that still writes is found, and its line is shown', async () => {
  const job = await api('POST', 'jobs', { command: ['sh', '-c', 'echo beacon is lit; exec cat'], name: 'beacon-keeper', input: true });
  await until('its line', async () => (await found({ pattern: 'beacon is lit', jobs: '1' })).total === 1);
  const v = await rig.open({ pane: world.live });
  const p = await openSearch(v, 'beacon is lit');
  await p.head('beacon-keeper').locator('.badge[data-state="running"]').waitFor();
  await v.page.keyboard.press('Enter');
  await p.line.getByText('beacon is lit').waitFor();
  await v.close();
  await api('POST', `jobs/${job.id}/cancel`);
});

test('a search is saved, comes back after a reload, and is renamed, run and deleted', async () => {
  const v = await rig.open({ pane: world.live });
  const p = await openSearch(v, 'Lantern');
  await says(v, /Nothing found/);
  await v.page.getByRole('combobox', { name: 'Case' }).selectOption('ignore');
  await p.source('Jobs').click();
  await says(v, /^1 line in 1 job/);
  await p.panel.getByRole('button', { name: 'Save', exact: true }).click();
  const name = v.page.getByRole('textbox', { name: 'Name of the search' });
  await name.fill(`Lamps ${TURNED}<b>`);
  await v.shot('search-save');
  await v.page.keyboard.press('Enter');
  await name.waitFor({ state: 'detached' });
  await p.input.focus();
  await v.page.keyboard.press('Enter');
  await p.line.waitFor();

  await v.page.reload();
  await p.line.waitFor();
  await openSearch(v);
  await p.saved.getByText('Lamps', { exact: false }).waitFor();
  assert.match(await p.saved.innerText(), /Lantern · any case · jobs/);
  assert.doesNotMatch(await p.saved.innerText(), /\u202e/);
  assert.match(await p.recent.innerText(), /^Lantern/);
  await p.watches.waitFor({ state: 'attached' });
  await v.shot('search-home');
  await v.page.keyboard.press('ArrowDown');
  await v.page.keyboard.press('Enter');
  await says(v, /^1 line in 1 job/);
  assert.equal(await p.input.inputValue(), 'Lantern');
  assert.equal(await p.source('Jobs').getAttribute('aria-pressed'), 'true');

  await p.input.fill('');
  await p.saved.getByRole('button', { name: 'Rename' }).click();
  await v.page.getByRole('textbox', { name: 'New name of' }).fill('All lamps');
  await v.page.keyboard.press('Enter');
  await p.saved.getByRole('button', { name: 'Rename All lamps' }).waitFor();
  assert.equal(await p.saved.getByRole('listitem').count(), 1);
  await p.saved.getByRole('button', { name: 'Delete All lamps' }).click();
  await until('it to be gone', async () => (await p.saved.getByRole('listitem').count()) === 0);
  await v.page.reload();
  await p.line.waitFor();
  await openSearch(v);
  await p.recent.waitFor();
  assert.equal(await p.saved.getByRole('listitem').count(), 0);
  await clean(v);
  await v.close();
});

test('a watch is made of a search, fires, and is deleted', async () => {
  const id = await printed('echo ready to watch', 'ready to watch', { name: 'watched' });
  const v = await rig.open({ pane: id });
  const p = await openSearch(v, 'alarm (bell)');
  await v.page.keyboard.press('Alt+r');
  await v.page.getByRole('button', { name: 'Whole words' }).click();
  await v.page.getByRole('combobox', { name: 'Panes', exact: true }).selectOption('this');
  await v.page.getByRole('combobox', { name: 'Age' }).selectOption('1h');
  await says(v, /Nothing found/);
  await p.panel.getByRole('button', { name: 'Watch', exact: true }).click();
  const form = v.page.getByRole('form', { name: 'Watch for it' });
  await form.waitFor();
  assert.match(await form.innerText(), /prints \\b\(\?:alarm \\\(bell\\\)\)\\b in any case\./);
  assert.match(await form.innerText(), /its age \(past hour\) cannot be a part of it/);
  await v.page.getByRole('spinbutton', { name: 'Seconds' }).fill('2');
  await v.shot('search-watch');
  await v.page.keyboard.press('Enter');
  await form.waitFor({ state: 'detached' });
  const { watches: [watch] } = await until('the watch', async () => {
    const all = await api('GET', 'watches');
    return all.watches.length === 1 && all;
  });
  assert.deepEqual([watch.pattern, watch.icase, watch.fixed, watch.pane, watch.every_s], ['\\b(?:alarm \\(bell\\))\\b', true, false, id, 2]);

  await p.input.fill('');
  const row = p.watches.getByRole('listitem');
  await row.getByText('not yet').waitFor();
  await type(id, `${EVIL} ${TURNED}\n`);
  await v.page.getByRole('combobox', { name: 'Panes', exact: true }).selectOption('all');
  await p.input.fill('fired ok');
  await p.panel.getByRole('button', { name: 'Watch', exact: true }).click();
  await form.getByText('any pane prints').waitFor();
  await v.page.keyboard.press('Enter');
  await form.waitFor({ state: 'detached' });
  await p.input.fill('');
  await until('two', async () => (await row.count()) === 2);
  await type(id, `fired ok ${EVIL} ${TURNED}\n`);
  const fired = row.filter({ hasText: 'fired ok' });
  await fired.getByText('1×').waitFor();
  await fired.locator('.watch-last', { hasText: '<img' }).waitFor();
  await v.shot('search-watches');
  await clean(v);
  await p.watches.getByRole('button', { name: `Delete watch ${watch.id}` }).click();
  await until('one', async () => (await row.count()) === 1);
  // What another makes is shown as it comes.
  const other = await api('POST', 'watches', { pattern: 'of another' });
  await row.filter({ hasText: 'of another' }).waitFor();
  await api('DELETE', `watches/${other.id}`);
  await until('one again', async () => (await row.count()) === 1);
  await row.getByRole('button', { name: /Delete watch/ }).click();
  await v.page.getByText('None. Search for something').waitFor();
  assert.deepEqual((await api('GET', 'watches')).watches, []);
  await v.close();
  await api('DELETE', `panes/${id}`);
});

test('a word and a capital: the watch looks for the same as the search', async () => {
  const v = await rig.open({ pane: world.live });
  const p = await openSearch(v, 'a.b|Cd');
  await p.panel.getByRole('button', { name: 'Watch', exact: true }).click();
  const form = v.page.getByRole('form', { name: 'Watch for it' });
  assert.match(await form.innerText(), /any pane prints a\.b\|Cd\./);
  await v.page.keyboard.press('Escape');
  await form.waitFor({ state: 'detached' });
  assert.ok(await p.panel.isVisible(), 'Escape closes the line alone');
  await p.input.fill('\\Sa(');
  await p.panel.getByRole('button', { name: 'Watch', exact: true }).click();
  await v.page.getByRole('spinbutton', { name: 'Seconds' }).waitFor();
  await v.page.keyboard.press('Enter');
  await form.getByRole('alert').getByText(/parenthesis/).waitFor();
  assert.match(await form.innerText(), /in any case/, 'the capital of \\S is none');
  await v.close();
});

test('on a phone', async () => {
  const v = await rig.open({ pane: world.live, context: PHONE });
  const p = parts(v);
  await v.page.getByRole('button', { name: 'Search' }).tap();
  await p.input.fill('lantern');
  await says(v, /^7 lines/);
  await p.head('Lanterns of the harbour').waitFor();
  await v.shot('search-all-phone');
  assert.ok(await narrow(v));
  await p.rows.filter({ hasText: 'in a pane' }).first().tap();
  await p.strip.waitFor();
  await v.shot('history-turn-phone');
  assert.ok(await narrow(v));
  await v.close();
});
