// Agents' sessions: the list and the transcripts, from files in a home of the daemon's own.

import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PHONE, useRig } from './lib/browser.mjs';
import { Talk } from './lib/talk.mjs';
import { until } from './lib/until.mjs';

const SAMPLES = join(dirname(fileURLToPath(import.meta.url)), '..', 'agents', 'samples');
const EVIL = '<img src=x onerror=globalThis.owned=1><script>globalThis.owned=1</script>';
const CONTROLS = '\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202eturned\u202c nul\0 del\x7f c1\x9b';
const BIG = `${'many words of a big message \n'.repeat(144_000)}the end of it`; // nearly 4 MiB, which is the most
const LONG = 20_000; // messages
const MORE = 60; // sessions of little interest

const story = () =>
  new Talk('story')
    .user('The lamp test fails about once in ten runs on the build machine. Find out why, and mend it.')
    .thinks('A test that fails once in ten runs waits for a time, not for a condition. Look at how it waits for the lamp first.')
    .says('I will look at how the test waits for the lamp.', null)
    .calls('t1', 'Grep', { pattern: 'setTimeout|sleep', path: 'tests/lamp' })
    .result('t1', 'tests/lamp/turn.test.mjs:41:  await sleep(50);\ntests/lamp/turn.test.mjs:58:  await sleep(50);')
    .calls('t2', 'Bash', { command: 'for i in $(seq 20); do node --test tests/lamp || echo FAILED; done', description: 'Run it twenty times' })
    .result('t2', `${'ok 1 - the lamp turns\n'.repeat(60)}FAILED\n`)
    .calls('t3', 'Edit', { file_path: '/home/ann/src/lighthouse/tests/lamp/turn.test.mjs', old_string: 'await sleep(50);', new_string: "await until('the lamp to turn', () => lamp.turned);" })
    .result('t3', 'String to replace was found twice.', true)
    .calls('t4', 'Edit', { file_path: '/home/ann/src/lighthouse/tests/lamp/turn.test.mjs', old_string: 'await sleep(50);', new_string: "await until('the lamp to turn', () => lamp.turned);", replace_all: true })
    .result('t4', 'The file has been updated.')
    .says('Both places slept for 50 ms and hoped. They now wait until the lamp has turned:\n\n    await until(\'the lamp to turn\', () => lamp.turned);\n\nTwenty runs in a row pass.')
    .user('Good. Does anything else sleep?')
    .calls('t5', 'Grep', { pattern: 'sleep\\(', path: 'tests' })
    .result('t5', 'No matches found')
    .says('No. Nothing else in tests/ sleeps.');

function long() {
  const talk = new Talk('long', '/home/ann/src/novel');
  for (let i = 0; i < LONG / 2; i++) {
    talk.user(`question ${i}`);
    if (i % 10 === 3) talk.calls(`c${i}`, 'Read', { file_path: `chapter ${i}` }).result(`c${i}`, `text of ${i}`);
    talk.says(`answer ${i}`);
  }
  return talk;
}

const hostile = () =>
  new Talk('hostile', `/tmp/${EVIL}`)
    .user(`${EVIL} ${CONTROLS}`)
    .thinks(`${EVIL} in thought`)
    .calls('h1', EVIL, { command: EVIL, __proto__: { polluted: 1 } })
    .result('h1', `${EVIL}\n${CONTROLS}`)
    .says(`${EVIL} ${CONTROLS} [a](javascript:globalThis.owned=1)`)
    .says(BIG)
    .says('z'.repeat(3_000_000))
    .says('after the big ones');

let claude;
async function prepare(home) {
  claude = join(home, '.claude', 'projects', '-work');
  const codex = join(home, '.codex', 'sessions', '2026', '11', '21');
  await mkdir(claude, { recursive: true });
  await cp(join(SAMPLES, 'codex'), codex, { recursive: true });
  await cp(join(SAMPLES, 'claude'), join(home, '.claude', 'projects', 'samples'), { recursive: true });
  for (const talk of [story(), long(), hostile()]) await writeFile(join(claude, `${talk.id}.jsonl`), talk.text);
  for (let i = 0; i < MORE; i++) {
    const talk = new Talk(`more-${i}`, '/srv/more').user(`Small matter ${i}`).says('Done.');
    await writeFile(join(claude, `${talk.id}.jsonl`), talk.text);
  }
}


const session = (id) =>
  until(`session ${id}`, () => rig.daemon.api('GET', `sessions/${id}`).catch(() => null));
/** Everything that was there has been read, and written. */
const settled = () =>
  until('all that is in the files', async () => {
    if (!(await rig.daemon.api('GET', 'info')).sessions.settled) return false;
    const said = (id) => rig.daemon.api('GET', `sessions/${id}/messages?limit=1&text_max=9`).catch(() => null);
    const small = await rig.daemon.api('GET', 'sessions?limit=1&text=Small%20matter');
    return small.total === MORE && (await said('long'))?.total === LONG && (await said('hostile'))?.total === 6;
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
  v.rows = v.page.locator('.sessions-list a');
  v.filter = v.page.getByRole('searchbox', { name: 'Filter' });
  v.scroller = v.page.getByRole('document', { name: 'Transcript' });
  v.said = v.page.locator('.said');
  v.atEnd = () =>
    v.scroller.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight < 40 && e.scrollHeight > e.clientHeight);
  return v;
}

const hash = (v) => new URL(v.page.url()).hash;
const narrow = (v) => v.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

test('the list shows what there is, by text and agent, in pages', async () => {
  const v = await open('#sessions');
  await v.rows.first().waitFor();
  const { total } = await rig.daemon.api('GET', 'sessions?limit=1');
  assert.ok(total > MORE, `${total} sessions`);
  await v.page.getByText(`1–50 of ${total}`).waitFor();
  assert.equal(await v.rows.count(), 50);
  await v.page.getByRole('button', { name: 'Older' }).click();
  await v.page.getByText(`51–${Math.min(100, total)} of ${total}`).waitFor();
  await v.page.getByRole('button', { name: 'Newer' }).click();
  await v.page.getByText(`1–50 of ${total}`).waitFor();

  await v.filter.fill('lamp test fails');
  await until('one', async () => (await v.rows.count()) === 1);
  const row = v.rows.first();
  assert.match(await row.innerText(), /^The lamp test fails about once[^\n]*\s+Waits for input\s+claude\s+…\/src\/lighthouse · 2 turns/);
  assert.equal(await row.locator('.badge').getAttribute('data-state'), 'waiting_input');
  await v.filter.fill('nothing is like this');
  await v.page.getByText('No session matches.').waitFor();
  await v.filter.fill('');
  await v.page.getByRole('combobox', { name: 'Agent' }).selectOption('codex');
  const codex = (await rig.daemon.api('GET', 'sessions?agent=codex&limit=200')).data;
  await until('those of Codex alone', async () => (await v.rows.count()) === Math.min(50, codex.length));
  assert.deepEqual([...new Set(await v.page.locator('.session-agent').allInnerTexts())], ['codex']);
  await v.close();
});

test('a transcript has messages, thoughts and calls in their order', async () => {
  const v = await open('#session=story', { context: { colorScheme: 'light' } });
  await v.scroller.getByText('No. Nothing else in tests/ sleeps.').waitFor();
  const kinds = await v.said.evaluateAll((l) =>
    l.map((e) => e.dataset.role ?? `${e.querySelector('.tool-name').textContent} ${e.dataset.outcome}`));
  assert.deepEqual(kinds, [
    'user', 'thinking', 'assistant', 'Grep ok', 'Bash ok', 'Edit failed', 'Edit ok', 'assistant',
    'user', 'Grep ok', 'assistant']);
  assert.match(await v.page.title(), /^The lamp test fails/);
  await v.page.locator('.transcript-sums', { hasText: 'output' }).waitFor();
  const { usage } = await session('story');
  const sums = await v.page.locator('.transcript-sums').innerText();
  assert.match(sums, new RegExp(`cost\\s+\\$${usage.cost_usd.toFixed(2).replace('.', '\\.')}`));
  assert.match(sums, /turns\s+2\s+tool calls\s+5/);

  await v.shot('session-light');
  const bash = v.said.filter({ hasText: 'for i in $(seq 20)' });
  assert.equal(await bash.locator('.text').count(), 0, 'what is folded is not made');
  await bash.locator('summary').click();
  await bash.getByText('"description": "Run it twenty times"').waitFor();
  const output = bash.locator('.text').last();
  assert.ok(!(await output.innerText()).includes('FAILED'));
  await bash.getByRole('button', { name: /^Show all/ }).click();
  await until('the rest', async () => (await output.innerText()).includes('FAILED'));
  await bash.locator('summary').click();
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await v.shot('session-dark');
  await v.close();
});

test('by keyboard: there, choose, open, back', async () => {
  const id = await rig.daemon.shell();
  const v = await open(`#${id}`);
  await v.online();
  await v.page.locator('.xterm-helper-textarea').focus();
  await v.page.keyboard.press('Control+Shift+L');
  await v.rows.first().waitFor();
  assert.equal(hash(v), '#sessions');
  const focused = () => v.page.evaluate(() => document.activeElement?.textContent ?? '');
  const titles = await v.page.locator('.session-title').allInnerTexts();
  await until('the first', async () => (await focused()).startsWith(titles[0]));
  await v.page.keyboard.press('ArrowDown');
  await v.page.keyboard.press('ArrowDown');
  assert.ok((await focused()).startsWith(titles[2]));
  await v.page.keyboard.press('/');
  await v.page.keyboard.type('lamp');
  await until('one', async () => (await v.rows.count()) === 1);
  await v.page.keyboard.press('ArrowDown');
  await v.page.keyboard.press('Enter');
  await v.scroller.getByText('No. Nothing else in tests/ sleeps.').waitFor();
  assert.match(hash(v), /^#session=\d+$/);
  await v.page.keyboard.press('Escape');
  await until('the list as it was', async () => (await focused()).startsWith('The lamp test fails'));
  assert.equal(await v.filter.inputValue(), 'lamp');
  await v.page.keyboard.press('Escape');
  await v.online();
  assert.equal(hash(v), `#${id}`);
  await v.page.getByRole('link', { name: 'Sessions' }).click();
  await v.rows.first().waitFor();
  assert.equal(await v.page.getByRole('link', { name: 'Sessions' }).getAttribute('aria-current'), 'page');
  await v.close();
  await rig.daemon.api('DELETE', `panes/${id}`);
});

test('it follows as the session goes on', async () => {
  const talk = new Talk('live').user('Begin').says('Begun.').calls('l1', 'Bash', { command: 'make' });
  const file = join(claude, 'live.jsonl');
  await writeFile(file, talk.text);
  await session('live');
  const v = await open('#session=live');
  const call = v.said.filter({ hasText: 'make' });
  await call.waitFor();
  assert.equal(await call.getAttribute('data-outcome'), 'running');
  await call.locator('summary').click();
  await call.getByText('"command": "make"').waitFor();
  const before = talk.text.length;
  talk.result('l1', 'made').says(`More. ${'\nline'.repeat(80)}`);
  await appendFile(file, talk.text.slice(before));
  await v.scroller.getByText('More.').waitFor();
  await until('the result', async () => (await call.getAttribute('data-outcome')) === 'ok');
  await call.getByText('made').waitFor(); // it is still open
  await until('its end', v.atEnd);
  await v.close();
});

test('20,000 messages are there, a part at a time', async () => {
  const v = await open('#session=long');
  await v.scroller.getByText(`answer ${LONG / 2 - 1}`, { exact: true }).waitFor();
  await until('its end', v.atEnd);
  assert.ok((await v.said.count()) <= 600);
  const numbers = () =>
    v.page.locator('article.said .text').evaluateAll((l) => l.map((e) => e.textContent));
  const gapless = async () => {
    const all = await numbers();
    const first = Number(all[0].split(' ')[1]);
    const from = all[0].startsWith('question') ? 0 : 1;
    const want = all.map((_, i) => {
      const n = i + from;
      return `${n % 2 ? 'answer' : 'question'} ${first + Math.floor(n / 2)}`;
    });
    assert.deepEqual(all, want);
    const calls = await v.page.locator('.tool').evaluateAll((l) =>
      l.map((e) => [e.querySelector('.said-hint').textContent, e.previousElementSibling?.textContent ?? '', e.nextElementSibling?.textContent ?? '']));
    for (const [what, above, below] of calls) {
      const n = what.split(' ')[1];
      if (above) assert.match(above, new RegExp(`question ${n}$`), 'a call is where it was made');
      if (below) assert.match(below, new RegExp(`answer ${n}$`));
    }
    return all;
  };
  await gapless();
  for (let i = 0; i < 12; i++) {
    const [top] = await numbers();
    await v.scroller.evaluate((e) => (e.scrollTop = 0));
    await until('earlier ones', async () => (await numbers())[0] !== top);
  }
  const all = await gapless();
  assert.ok(!all.includes(`answer ${LONG / 2 - 1}`), 'the farthest have left');
  assert.ok((await v.said.count()) <= 600);
  // Down again, to what had left.
  for (let i = 0; i < 4; i++) {
    const end = (await numbers()).at(-1);
    await v.scroller.evaluate((e) => (e.scrollTop = e.scrollHeight));
    await until('later ones', async () => (await numbers()).at(-1) !== end);
  }
  await gapless();
  await v.page.getByRole('button', { name: 'Go to the start' }).click();
  await v.scroller.getByText('question 0', { exact: true }).waitFor();
  await gapless();
  for (let i = 0; i < 8; i++) {
    const end = (await numbers()).at(-1);
    await v.scroller.evaluate((e) => (e.scrollTop = e.scrollHeight));
    await until('later ones', async () => (await numbers()).at(-1) !== end);
  }
  await gapless();
  await v.scroller.press('End');
  await v.scroller.getByText(`answer ${LONG / 2 - 1}`, { exact: true }).waitFor();
  await v.scroller.press('Home');
  await v.scroller.getByText('question 0', { exact: true }).waitFor();
  await v.close();
});

test('hostile texts are text', async () => {
  const v = await open('#session=hostile');
  await v.scroller.getByText('after the big ones').waitFor();
  const first = v.said.first();
  assert.ok((await first.innerText()).includes(EVIL));
  for (const summary of await v.page.locator('.said > summary').all()) await summary.click();
  await until('all of it', async () => (await v.page.locator('.tool .text').count()) === 2);
  const shown = await v.page.locator('.transcript').innerText();
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(shown, /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/, 'no control characters');
  assert.match(shown, /red \^\[\]0;title\^G turned nul. del\^\? c1�/);
  assert.equal(await v.page.evaluate(() => globalThis.owned), undefined);
  assert.equal(await v.page.locator('#app img, #app script, #app iframe, .text a').count(), 0);
  await v.shot('session-hostile');

  const big = v.said.filter({ hasText: 'many words of a big message' });
  assert.ok((await big.innerText()).length < 4000);
  await big.getByRole('button', { name: /^Show all, 4\.2 MB/ }).click();
  await until('its end', async () => (await big.locator('.text').evaluate((e) => e.textContent)).endsWith('the end of it'));
  const wide = v.said.filter({ hasText: 'zzzz' });
  await wide.getByRole('button', { name: /^Show all/ }).click();
  await until('all', async () => (await wide.locator('.text').evaluate((e) => e.textContent)).length === 3_000_000);
  assert.ok(await narrow(v));
  await v.page.goto(`${v.origin}/#sessions`);
  await v.filter.fill('onerror');
  await until('it in the list', async () => (await v.rows.count()) === 1);
  assert.ok((await v.rows.first().innerText()).includes('<img src=x onerror'));
  assert.equal(await v.page.evaluate(() => globalThis.owned), undefined);
  await v.close();
});

test('every sample can be opened', async () => {
  const v = await open('#sessions');
  const { data } = await rig.daemon.api('GET', 'sessions?agent=codex&limit=200');
  for (const s of data) {
    await v.page.goto(`${v.origin}/#session=${s.id}`);
    await v.page.locator('.transcript-sums', { hasText: 'turns' }).waitFor();
    const rows = (await rig.daemon.api('GET', `sessions/${s.id}/messages?limit=1`)).total + s.tool_calls;
    await until(`${rows} rows`, async () => (await v.said.count()) === rows);
    assert.equal(await v.page.locator('.history-note').isVisible(), false);
  }
  await v.page.goto(`${v.origin}/#session=none`);
  await v.page.getByText('There is no such session.').waitFor();
  await v.close();
});

test('only what is seen asks again', async () => {
  const v = await open('#sessions');
  await v.rows.first().waitFor();
  let asked = 0;
  v.page.on('request', (r) => (asked += r.url().includes('/sessions?') ? 1 : 0));
  await until('another question', () => asked > 0);
  await v.page.goto(`${v.origin}/#session=story`);
  await v.scroller.getByText('No. Nothing else in tests/ sleeps.').waitFor();
  asked = 0;
  let followed = 0;
  v.page.on('request', (r) => (followed += r.url().includes('/messages?') ? 1 : 0));
  await until('the transcript to be followed', () => followed > 0); // seldom, as events come
  assert.equal(asked, 0, 'the list is not shown');
  await v.close();
});

test('on a phone', async () => {
  const v = await open('#sessions', { context: { ...PHONE, colorScheme: 'light' } });
  await v.rows.first().waitFor();
  await v.shot('sessions-phone');
  assert.ok(await narrow(v));
  await v.filter.fill('lamp test');
  await until('one', async () => (await v.rows.count()) === 1);
  await v.rows.first().tap();
  await v.scroller.getByText('No. Nothing else in tests/ sleeps.').waitFor();
  await v.shot('session-phone');
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await v.page.getByRole('button', { name: 'Go to the start' }).tap();
  await v.shot('session-phone-dark');
  assert.ok(await narrow(v));
  await v.page.getByRole('button', { name: 'All sessions' }).tap();
  await v.rows.first().waitFor();
  await v.filter.fill('');
  await until('all', async () => (await v.rows.count()) === 50);
  await v.shot('sessions-phone-dark');
  await v.close();
});

test('as it looks', async () => {
  const v = await open('#sessions', { context: { colorScheme: 'light' } });
  await v.rows.first().waitFor();
  await v.shot('sessions-light');
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await v.shot('sessions-dark');
  await v.close();
});

test('what several change at the same time is said above them', async () => {
  const v = await open('#sessions');
  const said = v.page.getByRole('list', { name: 'Collisions' });
  await v.rows.first().waitFor();
  assert.equal(await said.isVisible(), false);
  const path = `/srv/${EVIL}`;
  for (const id of ['clash-1', 'clash-2']) {
    const talk = new Talk(id, '/srv').user('Write it').calls('w', 'Write', { file_path: path, content: '' });
    const now = new Date().toISOString();
    await writeFile(join(claude, `${id}.jsonl`), talk.text.replaceAll(/"timestamp":"[^"]*"/g, `"timestamp":"${now}"`));
  }
  const line = said.getByRole('listitem');
  await line.waitFor();
  assert.equal(await line.count(), 1);
  const text = await line.textContent();
  assert.match(text, /^claude session \d+ and claude session \d+ change the same lines of \/srv\//);
  assert.ok(text.endsWith(path), text);
  assert.equal(await v.page.evaluate(() => globalThis.owned), undefined);
  assert.ok(await narrow(v));
  await v.shot('sessions-collision');
  await v.close();
});
