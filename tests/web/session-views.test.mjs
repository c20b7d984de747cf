// The views of one session: conversation, timeline, calls and tokens, what is said as it is said, and
// the way to the terminal and back.

import assert from 'node:assert/strict';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PHONE, useRig } from './lib/browser.mjs';
import { Talk } from './lib/talk.mjs';
import { until } from './lib/until.mjs';

const EVIL = '<img src=x onerror=globalThis.owned=1>\u202e';
const TURNS = 1200;
const CALLS = 5000;
const NAMES = ['Read', 'Bash', 'Grep', 'Edit'];

const WORK = [
  ['The lamp test fails about once in ten runs on the build machine. Find out why, and mend it.', 5],
  ['Good. Does anything else sleep?', 3],
  ['Now make the lantern turn the other way at night, and say so in the manual.', 11],
  ['Stop, not the manual.', 2],
  ['Run all tests again, also those of the harbour', 7],
  ['And the release notes', 4],
];
const INPUTS = [
  ['Bash', (i) => ({ command: `node --test tests/lamp/turn-${i}.test.mjs`, description: 'Run it' })],
  ['Read', (i) => ({ file_path: `/home/ann/src/lighthouse/lamp/turn-${i}.mjs` })],
  ['Grep', () => ({ pattern: 'setTimeout|sleep', path: 'tests' })],
  ['Edit', (i) => ({ file_path: `/home/ann/src/lighthouse/lamp/turn-${i}.mjs`, old_string: 'left', new_string: 'right' })],
  ['Task', () => ({ description: 'Look at the harbour', prompt: 'Look at every test of the harbour' })],
];

/** Six turns of some hours. */
function story() {
  const talk = new Talk('story');
  let n = 0;
  for (const [prompt, calls] of WORK) {
    talk.user(prompt).thinks('Look at what there is first.');
    for (let i = 0; i < calls; i++, n++) {
      const [name, input] = INPUTS[(n * 7) % INPUTS.length];
      talk.calls(`c${n}`, name, input(n)).waits(((n * n * 977) % 90_000) * (n % 4 ? 0.1 : 1));
      talk.result(`c${n}`, n % 6 === 2 ? 'String to replace was found twice.' : 'ok 1 - the lamp turns\n'.repeat(30), n % 6 === 2);
    }
    talk.says(`Done: ${prompt}`, 'end_turn', { output_tokens: 500 + n * 90, cache_read_input_tokens: 20_000 + n * 5000 });
    talk.waits(prompt.startsWith('Stop') ? 3 * 3600_000 : 100_000);
  }
  return talk;
}

/** Each call has a number, which is in its input; every 50th fails, every 100th takes a minute and more. */
function long() {
  const talk = new Talk('long', '/home/ann/src/novel');
  let n = 0;
  for (let turn = 1; turn <= TURNS; turn++) {
    talk.user(`question ${turn} of many`);
    for (const end = Math.floor((turn * CALLS) / TURNS); n < end; n++) {
      talk.calls(`c${n}`, NAMES[n % NAMES.length], { file_path: `chapter ${n}.` });
      if (n % 100 === 99) talk.waits(60_000);
      talk.result(`c${n}`, `text of ${n}`, n % 50 === 7);
    }
    talk.says(`answer ${turn}.`);
  }
  return talk;
}

const hostile = () =>
  new Talk('hostile', `/tmp/${EVIL}`)
    .user(`${EVIL} first line\nsecond line`)
    .calls('h1', `${EVIL}tool`, { command: EVIL })
    .result('h1', EVIL, true)
    .says(EVIL);

let claude;
async function prepare(home) {
  claude = join(home, '.claude', 'projects', '-work');
  await mkdir(claude, { recursive: true });
  for (const talk of [story(), long(), hostile()]) await writeFile(join(claude, `${talk.id}.jsonl`), talk.text);
}

const api = (path) => rig.daemon.api('GET', path);
const settled = () =>
  until('all that is in the files', async () => {
    if (!(await api('info')).sessions.settled) return false;
    const total = async (path) => (await api(path).catch(() => null))?.total;
    return (await total('sessions/long/traces?limit=1')) === CALLS && (await total('sessions?limit=1')) >= 3;
  }, 60_000);
const rig = useRig({
  before: (start) => before(async () => {
    await start();
    await settled();
  }),
  after,
}, [], prepare);

async function open(hash, options) {
  const v = await rig.open(options);
  await v.page.goto('about:blank');
  await v.page.goto(`${v.origin}/${hash}`);
  const { page } = v;
  v.tab = (name) => page.getByRole('tab', { name });
  v.scroller = page.getByRole('document', { name: 'Transcript' });
  v.turns = page.locator('.turn');
  v.calls = page.locator('.call');
  v.marked = page.locator('.at');
  v.hash = () => decodeURIComponent(new URL(page.url()).hash);
  v.inView = (locator) =>
    until('it to be in view', () =>
      locator.first().evaluate((e) => {
        const box = e.closest('.rows, .transcript-scroll').getBoundingClientRect();
        const r = e.getBoundingClientRect();
        return r.top >= box.top - 1 && r.bottom <= box.bottom + 1;
      }));
  return v;
}

const all = async (path) => {
  const rows = [];
  for (let cursor = 0; cursor !== null; ) {
    const p = await api(`${path}?limit=200${cursor ? `&cursor=${cursor}` : ''}`);
    rows.push(...p.data);
    cursor = p.next_cursor;
  }
  return rows;
};

const narrow = (v) => v.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

test('every view is a tab, by pointer and by keyboard', async () => {
  const v = await open('#session=story', { context: { colorScheme: 'light' } });
  await v.scroller.getByText('Done: And the release notes').waitFor();
  assert.equal(await v.tab('Conversation').getAttribute('aria-selected'), 'true');
  await v.tab('Timeline').click();
  await v.turns.last().waitFor();
  assert.equal(v.hash(), '#session=story?view=timeline');
  await v.shot('session-timeline-light');
  await v.tab('Timeline').press('ArrowRight');
  await v.calls.first().waitFor();
  assert.equal(v.hash(), '#session=story?view=trace');
  assert.equal(await v.page.evaluate(() => document.activeElement.textContent), 'Trace');
  await v.shot('session-trace-light');
  await v.page.keyboard.press('ArrowRight');
  await v.page.locator('.chart').nth(2).waitFor();
  await v.shot('session-tokens-light');
  await v.page.keyboard.press('ArrowRight');
  await v.scroller.getByText('Done: And the release notes').waitFor();
  assert.equal(v.hash(), '#session=story');
  for (const [name, what] of [['Timeline', v.turns.last()], ['Trace', v.calls.first()], ['Tokens', v.page.locator('.chart').first()]]) {
    await v.tab(name).click();
    await what.waitFor();
    await v.page.emulateMedia({ colorScheme: 'dark' });
    await v.shot(`session-${name.toLowerCase()}-dark`);
  }
  // Of the four, one is there.
  assert.equal(await v.page.locator('.session-body > *').count(), 1);
  await v.page.keyboard.press('Escape');
  await until('the list', () => v.hash() === '#sessions');
  await v.close();
});

test('a place deep in a session of thousands of rows is found, and marked', async () => {
  const messages = await all('sessions/long/messages');
  const traces = await all('sessions/long/traces');
  const m = messages.find((x) => x.text === 'answer 611.');
  const t = traces[3210];
  const v = await open(`#session=long?at=m${m.id}`);
  const at = async (hash, text) => {
    await v.page.evaluate((h) => (location.hash = h), hash);
    await v.marked.filter({ hasText: text }).waitFor();
    await v.inView(v.marked);
    assert.ok((await v.page.locator('.said').count()) <= 600);
  };
  await v.marked.filter({ hasText: 'answer 611.' }).waitFor();
  await v.inView(v.marked);
  await at(`#session=long?at=t${t.id}`, 'chapter 3210.');
  await at('#session=long?at=n7', 'question 7 of many');
  await at('#session=long?at=n1200', 'question 1200 of many');
  await at('#session=long?at=n1', 'question 1 of many');
  await at('#session=long?at=n600', 'question 600 of many');
  // Around it the transcript has no gap, in both directions.
  for (const to of ['0', 'e.scrollHeight']) {
    const before = await v.page.locator('.said').count();
    await v.scroller.evaluate((e, top) => (e.scrollTop = top === '0' ? 0 : e.scrollHeight), to);
    await until('more rows', async () => (await v.page.locator('.said').count()) > before);
  }
  const said = await v.page.locator('article.said[data-role="user"] .text').allInnerTexts();
  const numbers = said.map((x) => Number(x.split(' ')[1]));
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));
  const calls = (await v.page.locator('.tool .said-hint').allInnerTexts()).map((x) => parseInt(x.split(' ')[1], 10));
  assert.deepEqual(calls, calls.map((_, i) => calls[0] + i));
  await v.page.evaluate(() => (location.hash = '#session=long?at=m999999999'));
  await v.page.getByText('The session has no such place.').waitFor();
  await v.close();
});

test('the timeline has the numbers of the API', async () => {
  const want = await all('sessions/story/timeline');
  const v = await open('#session=story?view=timeline', { context: { viewport: { width: 1300, height: 800 } } });
  await until('all turns', async () => (await v.turns.count()) === want.length);
  const short = (n) => (n < 1000 ? String(n) : n < 999_500 ? `${(n / 1000).toPrecision(3).replace(/\.0+$/, '')} k` : `${(n / 1e6).toPrecision(3).replace(/\.0+$/, '')} M`);
  const shown = await v.turns.evaluateAll((l) => l.map((e) => ({
    turn: Number(e.querySelector('.turn-number').textContent),
    prompt: e.querySelector('.turn-prompt').textContent,
    about: e.querySelector('.turn-about').textContent,
    tokens: [...e.querySelectorAll('.turn-tokens b')].map((b) => b.textContent),
    cost: e.querySelector('.turn-cost').textContent,
    took: e.querySelector('.turn-took').textContent,
    bar: e.querySelector('.turn-bar').getBoundingClientRect().toJSON(),
  })));
  shown.forEach((s, i) => {
    const t = want[i];
    assert.equal(s.turn, t.turn);
    assert.equal(s.prompt, t.prompt);
    assert.ok(s.about.includes(t.model) && s.about.includes(`${t.tools} calls`), s.about);
    assert.equal(s.about.includes(`${t.tools_failed} failed`), t.tools_failed > 0);
    assert.deepEqual(s.tokens, [short(t.input_tokens + t.cache_write_5m_tokens), short(t.output_tokens), short(t.cache_read_tokens)]);
    assert.equal(s.cost, `$${t.cost_usd.toFixed(2)}`);
    const s_ = Math.round(t.duration_ms / 1000);
    assert.equal(s.took, s_ >= 60 ? `${Math.floor(s_ / 60)} min ${s_ % 60} s` : `${(t.duration_ms / 1000).toFixed(1)} s`);
  });
  // One after the other on one axis; twice as long is twice as wide; three hours without a turn are folded.
  for (let i = 1; i < shown.length; i++) assert.ok(shown[i].bar.left >= shown[i - 1].bar.right - 4, `turn ${i + 1}`);
  const [a, b] = [0, 2].map((i) => shown[i].bar.width / want[i].duration_ms);
  assert.ok(Math.abs(a / b - 1) < 0.1, `${a} ${b}`);
  const gap = shown[4].bar.left - shown[3].bar.right;
  assert.ok(gap > 0 && gap < shown[2].bar.width, 'folded');
  assert.match(await v.turns.nth(4).locator('.turn-pause').textContent(), /^after 3\.0 h$/);
  await v.turns.nth(2).locator('.turn-number').click();
  await v.marked.filter({ hasText: 'Now make the lantern turn' }).waitFor();
  assert.equal(v.hash(), '#session=story?at=n3');
  // And back, to the same turn.
  await v.tab('Timeline').click();
  await until('the turn', () => v.hash() === '#session=story?view=timeline&at=n3');
  await v.turns.nth(2).waitFor();
  await v.page.goBack();
  await v.scroller.waitFor();
  await v.close();
});

test('a timeline of many turns has few rows in the page, and goes by keys', async () => {
  const v = await open('#session=long?view=timeline&at=n700');
  await v.turns.filter({ hasText: 'question 700 of many' }).waitFor();
  await v.inView(v.turns.filter({ hasText: 'question 700 of many' }));
  assert.ok((await v.turns.count()) < 60);
  await v.page.getByRole('button', { name: 'Go to the start' }).click();
  await v.turns.filter({ hasText: /question 1 of many/ }).waitFor();
  await v.turns.first().focus();
  for (let i = 0; i < 30; i++) await v.page.keyboard.press('ArrowDown');
  await until('the 31st', async () => (await v.page.evaluate(() => document.activeElement.querySelector('.turn-number')?.textContent)) === '31');
  await v.inView(v.turns.filter({ hasText: 'question 31 of many' }));
  await v.page.keyboard.press('End');
  await v.turns.filter({ hasText: 'question 1200 of many' }).waitFor();
  assert.ok((await v.turns.count()) < 60);
  await v.page.keyboard.press('Home');
  await v.turns.filter({ hasText: /question 1 of many/ }).focus();
  await v.page.keyboard.press('ArrowDown');
  await v.page.keyboard.press('Enter');
  await v.marked.filter({ hasText: 'question 2 of many' }).waitFor();
  await v.close();
});

test('calls come by filters over the whole session, in few rows', async () => {
  const v = await open('#session=long?view=trace', { context: { viewport: { width: 1200, height: 760 } } });
  const { page } = v;
  const bounded = async () => assert.ok((await v.calls.count()) < 80, `${await v.calls.count()} rows`);
  const found = (n) => page.getByText(`${n.toLocaleString('en')} found`, { exact: true }).waitFor();
  const last = (text) => v.calls.filter({ hasText: text }).waitFor();
  const nobody = () => until('no filter', async () => (await page.locator('.trace-found').textContent()) === '');
  await last(`chapter ${CALLS - 1}.`);
  await bounded();
  const stats = await api('sessions/long/traces/stats');
  assert.equal(stats.all.calls, CALLS);
  await page.getByText(`5,000 calls · ${stats.all.failed} failed · median 7.0 s · 95 % within 7.0 s`).waitFor();
  await page.locator('.tools-line').click();
  const rows = await page.locator('.tools tbody tr').evaluateAll((l) => l.map((r) => [...r.cells].map((c) => c.textContent)));
  const cells = stats.tools.map((t) => [t.name, t.calls.toLocaleString('en'), String(t.failed), '7.0 s', '7.0 s', t.max_ms > 60_000 ? '1 min 7 s' : '7.0 s']);
  assert.deepEqual(rows, cells);
  await v.shot('session-trace-tools');
  await page.locator('.tools-line').click();

  await page.getByRole('button', { name: 'Errors' }).click();
  await found(100);
  await until('failed ones alone', async () => {
    const l = await v.calls.evaluateAll((e) => e.map((c) => c.dataset.outcome));
    return l.length > 0 && l.every((o) => o === 'failed');
  });
  await page.getByRole('combobox', { name: 'Tool' }).selectOption('Edit');
  await found((await api('sessions/long/traces?tool=Edit&outcome=failed&limit=1')).total);
  await page.getByRole('button', { name: 'Errors' }).click();
  await found(CALLS / 4);
  await page.getByRole('combobox', { name: 'Duration' }).selectOption({ label: '1 min or longer' });
  await found(50);
  await page.getByRole('combobox', { name: 'Tool' }).selectOption('');
  await page.getByRole('combobox', { name: 'Duration' }).selectOption({ label: 'Any duration' });
  await nobody();
  const text = page.getByRole('searchbox', { name: 'Text in the input' });
  await text.fill('CHAPTER 421');
  await found(11);
  await until('eleven', async () => (await v.calls.count()) === 11);
  await text.fill('nothing is like this');
  await page.getByText('No call is like that.').waitFor();
  await text.press('Escape');
  await nobody();
  await last(`chapter ${CALLS - 1}.`);

  // Through all of it.
  const list = page.locator('.trace .rows');
  for (const part of [0, 0.3, 0.71, 0.5]) {
    await list.evaluate((e, p) => (e.scrollTop = p * e.scrollHeight), part);
    const index = await list.evaluate((e) => Math.ceil(e.scrollTop / 32) + 2);
    await v.calls.filter({ hasText: `chapter ${index}.` }).waitFor();
    await bounded();
  }
  await v.close();
});

test('a call is shown beside the others, and leads to the conversation', async () => {
  const traces = await all('sessions/long/traces');
  const t = traces[2607];
  const v = await open(`#session=long?view=trace&at=t${t.id}`, { context: { viewport: { width: 1200, height: 760 }, colorScheme: 'light' } });
  const details = v.page.getByRole('complementary', { name: 'Tool call' });
  await details.getByText('"file_path": "chapter 2607."').waitFor();
  await details.getByText('text of 2607').waitFor();
  await v.inView(v.calls.filter({ hasText: 'chapter 2607.' }));
  await v.shot('session-trace-details');
  await until('its turn', async () => (await v.page.locator('.trace-group').textContent()).includes('question '));
  await v.calls.filter({ hasText: 'chapter 2607.' }).focus();
  await v.page.keyboard.press('ArrowDown');
  await v.page.keyboard.press('Enter');
  await details.getByText('"file_path": "chapter 2608."').waitFor();
  await v.page.keyboard.press('Escape');
  await until('it is closed', () => details.isHidden());
  await v.calls.filter({ hasText: 'chapter 2607.' }).click();
  await details.getByRole('link', { name: 'In the conversation' }).click();
  await v.marked.filter({ hasText: 'chapter 2607.' }).waitFor();
  assert.equal(v.hash(), `#session=long?at=t${t.id}`);
  await v.marked.locator('summary').click();
  await v.page.getByRole('link', { name: 'In the trace' }).click();
  await details.getByText('text of 2607').waitFor();
  await v.close();
});

test('sub-agents of a session are named with their calls', async () => {
  const parent = await rig.daemon.api('POST', 'sessions', { agent: 'mine', native: 'parent', title: 'The whole' });
  await rig.daemon.api('POST', 'sessions', { agent: 'mine', native: 'child', parent: 'parent', title: `A part ${EVIL}` });
  const v = await open(`#session=${parent.id}?view=trace`);
  const link = v.page.getByRole('group', { name: 'Sub-agents' }).getByRole('link');
  await link.waitFor();
  assert.match(await link.textContent(), /^A part <img src=x onerror=globalThis.owned=1> · 0 calls$/);
  await v.page.getByText('No tool has been called yet.').waitFor();
  await link.click();
  await v.page.getByRole('heading', { name: 'A part' }).waitFor();
  assert.equal(await v.tab('Trace').getAttribute('aria-selected'), 'true');
  await v.close();
});

test('bars have the numbers of what was used', async () => {
  const want = await all('sessions/story/timeline');
  const v = await open('#session=story?view=tokens');
  await v.page.locator('.chart').nth(2).waitFor();
  await v.page.locator('.tokens-table summary').click();
  const rows = await v.page.locator('.tokens-table tbody tr').evaluateAll((l) => l.map((r) => [...r.cells].map((c) => c.textContent)));
  const short = (n) => (n < 1000 ? String(n) : `${(n / 1000).toPrecision(3).replace(/\.0+$/, '')} k`);
  assert.deepEqual(rows, want.map((t) => [
    `Turn ${t.turn}`, short(t.cache_read_tokens), short(t.cache_write_5m_tokens), short(t.input_tokens), short(t.output_tokens),
    `${(t.cache_hit_rate * 100).toFixed(1)} %`, `$${t.cost_usd.toFixed(2)}`]));
  // Bars are as high as their numbers.
  const high = await v.page.locator('.chart').first().locator('rect.bar-read').evaluateAll((l) => l.map((r) => Number(r.getAttribute('height'))));
  want.forEach((t, i) => assert.ok(Math.abs(high[i] / high[0] - t.cache_read_tokens / want[0].cache_read_tokens) < 0.01));
  const { usage } = await api('sessions/story');
  await v.page.getByText(`so far, $${usage.cost_usd.toFixed(2)} in all`).waitFor();
  const charts = v.page.getByRole('group', { name: /^Tokens and cost/ });
  await charts.focus();
  await v.page.keyboard.press('ArrowRight');
  await v.page.keyboard.press('ArrowRight');
  const tip = v.page.locator('.chart-tip');
  await tip.getByText('Turn 2', { exact: true }).waitFor();
  assert.ok((await tip.textContent()).includes(short(want[1].output_tokens)));
  await v.page.locator('.chart-plot').first().hover({ position: { x: 60, y: 100 } });
  await tip.getByText('Turn 1', { exact: true }).waitFor();
  await v.shot('session-tokens-tip');
  await charts.focus();
  await v.page.keyboard.press('Home');
  await v.page.keyboard.press('Enter');
  await v.marked.filter({ hasText: WORK[0][0] }).waitFor();
  await v.page.goto(`${v.origin}/#session=long?view=tokens`);
  await v.page.getByText('Each bar is 8 turns.').waitFor();
  assert.equal(await v.page.locator('.chart').first().locator('rect.bar-output').count(), TURNS / 8);
  await v.shot('session-tokens-many');
  await v.close();
});

test('what is written to a transcript is there at once, and once', async () => {
  const talk = new Talk('grows').user('Begin').says('Begun.');
  const file = join(claude, 'grows.jsonl');
  await writeFile(file, talk.text);
  await until('the session', () => api('sessions/grows').catch(() => null));
  const v = await open('#session=grows');
  await v.scroller.getByText('Begun.').waitFor();
  const grow = (f) => {
    const before = talk.text.length;
    f();
    return appendFile(file, talk.text.slice(before));
  };
  await grow(() => talk.user('Go on').calls('g1', 'Bash', { command: 'make it' }));
  const call = v.page.locator('.tool', { hasText: 'make it' });
  await call.waitFor();
  await call.locator('summary').click();
  await grow(() => talk.result('g1', 'made').says('It is made.'));
  await v.scroller.getByText('It is made.').waitFor();
  await call.getByText('made', { exact: true }).waitFor(); // it stays open
  await until('stored ones', async () => (await call.locator('.tool-trace').count()) === 1);
  const kinds = await v.page.locator('.said').evaluateAll((l) => l.map((e) => e.dataset.role ?? 'tool'));
  assert.deepEqual(kinds, ['user', 'assistant', 'user', 'tool', 'assistant']);
  await v.tab('Trace').click();
  await v.calls.filter({ hasText: 'make it' }).waitFor();
  await grow(() => talk.user('More').calls('g2', 'Read', { file_path: 'a chapter' }));
  await v.calls.filter({ hasText: 'a chapter' }).waitFor();
  await v.tab('Timeline').click();
  await v.turns.filter({ hasText: 'More' }).waitFor();
  await grow(() => talk.result('g2', 'read').says('Read.').user('And more'));
  await v.turns.filter({ hasText: 'And more' }).waitFor();
  await v.close();
});

test('what a producer streams is there word by word', async () => {
  const s = await rig.daemon.api('POST', 'sessions', { agent: 'mine', native: 'stream', title: 'Stream' });
  let seq = 0;
  const send = async (...events) => {
    const response = await fetch(`http://127.0.0.1:${rig.daemon.port}/api/v1/sessions/${s.id}/events`, {
      method: 'POST', headers: { Authorization: `Bearer ${rig.daemon.token}` },
      body: events.map((e) => `${JSON.stringify({ seq: ++seq, ...e })}\n`).join(''),
    });
    assert.equal(response.status, 200, await response.text());
  };
  await send({ type: 'message_start', message: 'u', role: 'user', text: 'Say it' });
  const v = await open(`#session=${s.id}`);
  await v.scroller.getByText('Say it').waitFor();
  // The stored rows do not come: what is shown is what was told.
  let held = true;
  await v.page.route(/\/(messages|traces)\?/, async (route) => {
    await until('to be let go', () => !held, 60_000);
    await route.continue().catch(() => undefined);
  });
  await send({ type: 'message_start', message: 'a', role: 'assistant' });
  const answer = v.page.locator('article.said[data-role="assistant"]');
  let told = '';
  for (const word of ['It ', 'is ', `${EVIL} `, 'said']) {
    await send({ type: 'text_delta', message: 'a', text: word });
    told += word;
    const want = told.replace('\u202e', '').trim();
    await until(want, async () => (await answer.locator('.text').allTextContents()).join() === want);
  }
  await send({ type: 'tool_call', call: 'c', name: `${EVIL}tool`, input: { command: 'x' }, message: 'a' });
  const call = v.page.locator('.tool');
  await call.waitFor();
  assert.equal(await call.getAttribute('data-outcome'), 'running');
  await send({ type: 'tool_result', call: 'c', output: 'y', outcome: 'failed' });
  await until('its result', async () => (await call.getAttribute('data-outcome')) === 'failed');
  await v.shot('session-stream');
  held = false;
  await send({ type: 'text_delta', message: 'a', text: ', all of it.' });
  await v.scroller.getByText('said, all of it.').waitFor();
  await send({ type: 'message_end', message: 'a' }, { type: 'agent_end', outcome: 'ok' });
  await until('stored rows', async () => {
    await call.evaluate((e) => (e.open = true));
    return (await call.locator('.tool-trace').count()) === 1;
  });
  assert.equal(await answer.count(), 1);
  assert.equal(await call.count(), 1);
  assert.equal(await v.page.locator('.said').count(), 3);
  assert.equal(await v.page.evaluate(() => globalThis.owned), undefined);
  await v.page.unrouteAll({ behavior: 'ignoreErrors' });
  await v.close();
});

test('a call leads to what the terminal showed then', async () => {
  const pane = await rig.daemon.pane(['sh', '-c', 'seq 1 200; sleep 1; echo; echo at that moment; seq 1 200; exec cat']);
  const found = (pattern) => api(`panes/${pane}/search?pattern=${encodeURIComponent(pattern)}&limit=1`).then((x) => x.matches[0]);
  const line = await until('the line', async () => (await found('^at that moment')) ?? null);
  await until('lines behind it', async () => (await api(`panes/${pane}`)).last_line > 400);
  const { time } = await found('^at that moment');
  const s = await rig.daemon.api('POST', 'sessions', { agent: 'mine', native: 'in-pane', title: 'In a pane', pane });
  const at = Date.parse(time) - 300;
  const events = [
    { type: 'message_start', message: 'u', role: 'user', text: 'Look', time: at },
    { type: 'tool_call', call: 'c', name: 'Bash', input: { command: 'seq 200' }, time: at },
    { type: 'tool_result', call: 'c', output: 'y', time: at + 200 },
  ];
  await fetch(`http://127.0.0.1:${rig.daemon.port}/api/v1/sessions/${s.id}/events`, {
    method: 'POST', headers: { Authorization: `Bearer ${rig.daemon.token}` },
    body: events.map((e, i) => `${JSON.stringify({ seq: i + 1, ...e })}\n`).join(''),
  });
  const first = (await api(`panes/${pane}/search?pattern=%5E&since=${new Date(at).toISOString()}&limit=1&order=oldest`)).matches[0].line;
  // A line is completed when it leaves the screen, so it is the top of what was shown.
  assert.ok(first <= line.line && line.line - first < 30, `${first} ${line.line}`);
  const v = await open(`#session=${s.id}`);
  const then = { name: 'What the terminal showed then' };
  const shown = async () => {
    await until('the line in the history', () => v.hash() === `#${pane}?line=${first}`);
    await v.page.locator(`.history-line.found[data-line="${first}"]`).waitFor();
    await v.online(); // no terminal is left while it is being made
    await v.page.goBack();
  };
  const call = v.page.locator('.tool');
  await call.hover();
  await v.shot('session-then');
  await call.getByRole('button', then).click();
  await shown();
  await v.page.locator('article.said').getByRole('button', then).click();
  await shown();
  await v.tab('Trace').click();
  await v.calls.click();
  await v.page.getByRole('complementary', { name: 'Tool call' }).getByRole('button', then).click();
  await shown();
  await v.tab('Timeline').click();
  await v.turns.hover();
  await v.turns.getByRole('button', then).click();
  await until('the history', () => v.hash().startsWith(`#${pane}?line=`));
  await v.online();
  await v.page.goBack();
  await rig.daemon.api('DELETE', `panes/${pane}`);
  await until('it to be gone', async () => {
    const left = (await api('panes')).panes.find((p) => p.id === pane);
    if (left?.state === 'exited') await rig.daemon.api('DELETE', `panes/${pane}`).catch(() => null);
    return !left;
  });
  await v.turns.hover();
  // The archive has its lines a moment later.
  await until('the archive', async () => {
    if (v.hash().startsWith(`#archive=${pane}?line=`)) return true;
    await v.turns.getByRole('button', then).click({ timeout: 2000 }).catch(() => null);
    return false;
  });
  await v.page.getByText('gone, from the archive').waitFor();
  await v.page.locator('.history-line.found').waitFor();
  await v.close();
});

test('hostile prompts and names of tools are text in every view', async () => {
  const v = await open('#session=hostile?view=timeline');
  await v.turns.first().waitFor();
  assert.match(await v.turns.locator('.turn-prompt').textContent(), /^<img src=x onerror=globalThis.owned=1> +first line$/);
  await v.tab('Trace').click();
  await v.calls.first().waitFor();
  assert.match(await v.calls.locator('.call-name').textContent(), /^<img src=x/);
  await v.page.locator('.tools-line').click();
  await v.page.locator('.tools tbody button').click();
  await v.page.getByText('1 found').waitFor();
  await v.calls.first().click();
  await v.page.locator('.call-body .text').nth(1).waitFor();
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(await v.page.locator('.transcript').innerText(), /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/);
  await v.tab('Tokens').click();
  await v.page.locator('.chart').first().waitFor();
  assert.equal(await v.page.evaluate(() => globalThis.owned), undefined);
  assert.equal(await v.page.locator('#app img, #app script').count(), 0);
  await v.close();
});

test('on a phone', async () => {
  const v = await open('#session=story?view=timeline', { context: { ...PHONE, colorScheme: 'light' } });
  await v.turns.last().waitFor();
  await v.shot('session-timeline-phone');
  assert.ok(await narrow(v));
  await v.tab('Trace').tap();
  await v.calls.last().waitFor();
  await v.shot('session-trace-phone');
  assert.ok(await narrow(v));
  await v.calls.last().tap();
  await v.page.locator('.call-body .text').first().waitFor();
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await v.shot('session-call-phone');
  assert.ok(await narrow(v));
  await v.page.getByRole('button', { name: 'Close' }).tap();
  await v.calls.last().waitFor();
  await v.tab('Tokens').tap();
  await v.page.locator('.chart').nth(2).waitFor();
  await v.shot('session-tokens-phone');
  assert.ok(await narrow(v));
  await v.close();
});
