// Jobs, live sessions and flows: the lists, what runs as it runs, what has ended as it was, and what
// one can do about them.

import assert from 'node:assert/strict';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PHONE, useRig, WITHOUT_POLLS } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const TOP = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const EVIL = '<img src=x onerror=globalThis.owned=1><script>globalThis.owned=1</script>';
const CONTROLS = '\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202eturned\u202c';

/** `claude` is the stand-in, which does what its prompts say. */
async function prepare(home) {
  await mkdir(join(home, 'bin'));
  await symlink(join(TOP, 'tests', 'agents', 'standin'), join(home, 'bin', 'claude'));
  return { PATH: `${join(home, 'bin')}:${process.env.PATH}`, PYTHONDONTWRITEBYTECODE: '1' };
}

const rig = useRig({ before, after }, [], prepare);
const api = (...args) => rig.daemon.api(...args);
const over = (job) => !['queued', 'running', 'pending', 'waiting'].includes(job.state);
const run = (command, more = {}) => api('POST', 'jobs', { command, cwd: rig.daemon.dir, ...more });
const sh = (script, more) => run(['sh', '-c', script], more);
const state = (id, want) => until(`${id} to be ${want}`, async () => (await api('GET', `jobs/${id}`)).state === want);
const ended = (path) => until(`the end of ${path}`, async () => {
  const it = await api('GET', path);
  return over(it) && it;
});
const write = (id, text) =>
  fetch(`http://127.0.0.1:${rig.daemon.port}/api/v1/jobs/${id}/input`, {
    method: 'POST', headers: { Authorization: `Bearer ${rig.daemon.token}` }, body: text,
  }).then((r) => assert.ok(r.ok, `input: ${r.status}`));
const talk = (prompt, more = {}) =>
  api('POST', 'talks', { agent: 'claude', cwd: rig.daemon.dir, prompt, ...more });
const flow = (definition) => api('POST', 'flows', { definition });

async function open(hash, options, script = '') {
  const v = await rig.open(options);
  await v.page.addInitScript(script);
  await v.page.goto('about:blank');
  await v.page.goto(`${v.origin}/${hash}`);
  const { page } = v;
  v.list = (name) => page.getByRole('region', { name, exact: true });
  v.rows = page.locator('.sessions-list a');
  v.filter = page.getByRole('searchbox', { name: 'Filter' });
  v.job = page.getByRole('region', { name: 'Job', exact: true });
  v.head = v.job.locator('.transcript-head');
  v.dialog = page.getByRole('dialog');
  v.conversation = page.getByRole('document', { name: 'Conversation' });
  v.ask = page.getByRole('region', { name: 'Permissions' }).getByRole('group');
  v.flow = page.getByRole('region', { name: 'Flow', exact: true });
  v.step = (name) => v.flow.locator('.step').filter({ has: page.locator('.step-name').getByText(name, { exact: true }) });
  return v;
}

const hash = (v) => new URL(v.page.url()).hash;
const narrow = (v) => v.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
const stateOf = (where) => where.locator('.badge').first().getAttribute('data-state');
const shows = (where, want) => until(want, async () => (await stateOf(where)) === want);
const clean = async (v) => {
  assert.equal(await v.page.evaluate(() => globalThis.owned), undefined);
  assert.equal(await v.page.locator('#app img, #app script, #app iframe').count(), 0);
};

test('the list shows jobs by words and state, in pages, as they change', async () => {
  const small = [];
  for (let i = 0; i < 52; i++) small.push((await run(['true', `small-${i}`])).id);
  for (const id of small) await ended(`jobs/${id}`);
  await ended(`jobs/${(await sh('exit 3', { name: 'the failing one' })).id}`);
  const live = await sh('echo begun; read x; echo "$x"', { name: 'the live one', input: true });
  await state(live.id, 'running');

  const v = await open('#jobs');
  await v.rows.first().waitFor();
  assert.match(await v.rows.nth(0).innerText(), /^the live one\s+Running\s+j\d+ · /);
  assert.match(await v.rows.nth(1).innerText(), /^the failing one\s+Failed\s+j\d+ · [^\n]*status 3/);
  const { total } = await api('GET', 'jobs?limit=1');
  const foot = v.page.locator('.sessions-foot');
  await foot.getByText(`1–50 of ${total}`).waitFor();
  await foot.getByRole('button', { name: 'Older' }).click();
  await foot.getByText(`51–${total} of ${total}`).waitFor();
  assert.match(await v.rows.last().innerText(), /^true small-0\s/);
  await foot.getByRole('button', { name: 'Newer' }).click();
  await foot.getByText(`1–50 of ${total}`).waitFor();

  await v.filter.fill('SMALL-51');
  await until('one', async () => (await v.rows.count()) === 1);
  await v.filter.fill('nothing is like this');
  await v.page.getByText('No job matches.').waitFor();
  await v.filter.fill('');
  await v.page.getByRole('combobox', { name: 'State' }).selectOption('failed');
  await until('the one that failed', async () => (await v.rows.count()) === 1);
  assert.match(await v.rows.first().innerText(), /^the failing one/);
  await v.page.getByRole('combobox', { name: 'State' }).selectOption('running');
  await until('the one that runs', async () => /^the live one/.test(await v.rows.first().innerText()));
  await v.page.getByRole('combobox', { name: 'State' }).selectOption('');
  await until('all', async () => (await v.rows.count()) === 50);
  await write(live.id, 'done\n');
  await until('its end', async () => (await stateOf(v.rows.first())) === 'completed');
  await v.shot('jobs-list');
  await v.close();
});

test('by keyboard: there, choose, open, back', async () => {
  const pane = await rig.daemon.shell();
  const job = await ended(`jobs/${(await run(['echo', 'by keyboard'])).id}`);
  const v = await open(`#${pane}`);
  await v.online();
  await v.page.locator('.xterm-helper-textarea').focus();
  await v.page.keyboard.press('Control+Shift+J');
  await v.list('Jobs').waitFor();
  assert.equal(hash(v), '#jobs');
  const focused = () => v.page.evaluate(() => document.activeElement?.textContent ?? '');
  await until('the first', async () => (await focused()).startsWith("echo 'by keyboard'"));
  await v.page.keyboard.press('Enter');
  await v.job.getByRole('document', { name: 'Output' }).getByText('by keyboard').waitFor();
  assert.equal(hash(v), `#job=${job.id}`);
  await v.page.keyboard.press('Escape');
  await until('the list as it was', async () => (await focused()).startsWith("echo 'by keyboard'"));
  await v.page.keyboard.press('Escape');
  await v.online();
  assert.equal(hash(v), `#${pane}`);
  const nav = v.page.getByRole('navigation', { name: 'Panes' });
  await nav.getByRole('link', { name: 'Jobs' }).click();
  await v.list('Jobs').waitFor();
  assert.equal(await nav.getByRole('link', { name: 'Jobs' }).getAttribute('aria-current'), 'page');
  await nav.getByRole('link', { name: 'Flows' }).click();
  await v.list('Flows').waitFor();
  assert.equal(await nav.getByRole('link', { name: 'Jobs' }).getAttribute('aria-current'), null);
  await until('its focus', () => v.list('Flows').evaluate((e) => e.contains(document.activeElement)));
  await v.page.keyboard.press('Escape');
  await v.online();
  await v.close();
  await api('DELETE', `panes/${pane}`);
});

test('output in a terminal as it comes, then as text; cancel, again, remove', async () => {
  const { id } = await sh('echo first; while read x; do echo "got $x"; done; sleep 1000', { input: true, name: 'reader' });
  const v = await open(`#job=${id}`);
  await v.sees('first');
  await write(id, 'second\n');
  await v.sees('got second');
  await shows(v.head, 'running');
  await v.shot('job-live');
  // Nothing of what is typed here goes to a job without a terminal, and Escape is not kept by one.
  await v.page.locator('.xterm-helper-textarea').focus();
  await v.page.keyboard.type('typed');
  await v.job.getByRole('button', { name: 'Cancel' }).click();
  await v.dialog.getByRole('button', { name: 'Cancel the job' }).click();
  await shows(v.head, 'cancelled');
  const text = v.job.getByRole('document', { name: 'Output' });
  await text.getByText('got second').waitFor();
  assert.equal((await text.innerText()).trim(), 'first\ngot second');
  assert.equal(await v.job.locator('.xterm').count(), 0);

  await v.job.getByRole('button', { name: 'Retry' }).click();
  await until('another job', () => hash(v) !== `#job=${id}`);
  const again = hash(v).slice('#job='.length);
  await v.sees('first');
  await v.page.locator('.xterm-helper-textarea').focus();
  await v.page.keyboard.press('Escape');
  await v.list('Jobs').waitFor();
  await api('POST', `jobs/${again}/cancel`, {});
  await ended(`jobs/${again}`);
  await v.page.goto(`${v.origin}/#job=${again}`);
  await v.job.getByRole('button', { name: 'Remove' }).click();
  await v.dialog.getByRole('button', { name: 'Remove' }).click();
  await v.list('Jobs').waitFor();
  await assert.rejects(api('GET', `jobs/${again}`), /404/);
  await v.page.goto(`${v.origin}/#job=${again}`);
  await v.page.getByText('There is no such job.').waitFor();
  await v.close();
});

test('the list and a job change by events, not by asking; the retry is shown', async () => {
  const v = await open('#jobs', {}, WITHOUT_POLLS);
  await v.list('Jobs').waitFor();
  const { id } = await sh('echo begun; read x; exit 3', { name: 'the told one', input: true });
  await until('it in the list', async () => /^the told one\s+Running/.test(await v.rows.first().innerText().catch(() => '')));
  const other = await open(`#job=${id}`, {}, WITHOUT_POLLS);
  await shows(other.head, 'running');
  await write(id, 'x\n');
  await until('its end', async () => (await stateOf(v.rows.first())) === 'failed');
  await shows(other.head, 'failed');
  await other.job.getByRole('button', { name: 'Retry' }).click();
  await until('another job', () => hash(other) !== `#job=${id}`);
  const again = hash(other).slice('#job='.length);
  await shows(other.head, 'running');
  await until('both in the list', async () =>
    /^the told one\s+Running/.test(await v.rows.first().innerText()) && /^the told one\s+Failed/.test(await v.rows.nth(1).innerText()));
  await other.job.getByRole('button', { name: 'Cancel' }).click();
  await other.dialog.getByRole('button', { name: 'Cancel the job' }).click();
  await shows(other.head, 'cancelled');
  await until('it in the list', async () => (await stateOf(v.rows.first())) === 'cancelled');
  assert.equal((await api('GET', `jobs/${again}`)).state, 'cancelled');
  await other.close();
  await v.close();
});

test('a token that may only read is offered nothing that would be refused', async () => {
  const { token } = await api('POST', 'tokens', { read_only: true });
  const done = await ended(`jobs/${(await sh('echo done')).id}`);
  const live = await run(['cat'], { pty: true, name: 'reads' });
  const asks = await talk('ask Bash {"command":"ls"}');
  const held = await flow({ name: 'for others', steps: [{ name: 'gate', type: 'approval', message: 'May they?' }] });
  const v = await open('#jobs');
  await v.page.goto(`${v.origin}/?token=${token}`);
  const offers = async (hash, where, none, ...there) => {
    await v.page.goto('about:blank');
    await v.page.goto(`${v.origin}/${hash}`);
    for (const what of there) await what.first().waitFor();
    for (const name of none) await where.getByRole('button', { name, exact: true }).first().waitFor({ state: 'hidden' });
  };
  await offers(`#job=${done.id}`, v.job, ['Retry', 'Remove'], v.job.getByText('done', { exact: true }));
  await offers(`#job=${live.id}`, v.job, ['Cancel'], v.head.getByText('Running'));
  await offers(`#job=${asks.id}`, v.job, ['Cancel', 'Allow', 'Deny', 'Send', 'Interrupt', 'End'], v.ask.getByText('May it use Bash?'));
  await v.page.getByRole('form', { name: 'Say something' }).waitFor({ state: 'hidden' });
  const ask = v.flow.getByRole('group', { name: 'Approval of gate' });
  await offers(`#flow=${held.id}`, v.flow, ['Cancel', 'Approve', 'Deny'], ask.getByText('May they?'));
  // The daemon would have refused them.
  const r = await fetch(`${v.origin}/api/v1/jobs/${done.id}/retry`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
  assert.equal(r.status, 403);
  await v.page.goto(`${v.origin}/?token=${rig.daemon.token}`);
  await v.page.goto('about:blank');
  await v.page.goto(`${v.origin}/#flow=${held.id}`);
  await ask.getByRole('button', { name: 'Approve' }).click();
  await shows(v.flow.locator('.transcript-head'), 'completed');
  for (const { id } of [live, asks]) await api('POST', `jobs/${id}/cancel`, {});
  await v.close();
});

test('what is typed into a terminal of a job goes to it', async () => {
  const { id } = await sh('printf "name? "; read x; echo "hello $x"; read y', { pty: true });
  const v = await open(`#job=${id}`);
  await v.sees('name?');
  await v.line('ann');
  await v.sees('hello ann');
  await v.line('');
  await shows(v.head, 'completed');
  await v.job.getByRole('document', { name: 'Terminal' }).getByText('hello ann').waitFor();
  await v.close();
});

test('long output from its end backwards, and both channels', async () => {
  const { id } = await sh('seq 120000; echo "the last" ; echo "an error" >&2; exit 4');
  await ended(`jobs/${id}`);
  const v = await open(`#job=${id}`);
  const text = v.job.getByRole('document', { name: 'Output' });
  const lines = async () => (await text.locator('.text-block').evaluateAll((l) => l.map((e) => e.textContent))).join('\n').trim().split('\n');
  await text.getByText('the last').waitFor();
  await until('its end', () => text.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight < 40));
  const first = Number((await lines())[0]);
  assert.ok(first > 60_000, `${first}`);
  const earlier = text.getByRole('button', { name: 'Show earlier' });
  await earlier.click();
  await until('more', async () => Number((await lines())[0]) < first);
  while (await earlier.isVisible()) {
    const [top] = await lines();
    await earlier.click();
    await until('more', async () => (await lines())[0] !== top);
  }
  assert.deepEqual(await lines(), [...Array.from({ length: 120_000 }, (_, i) => String(i + 1)), 'the last']);
  await v.job.getByRole('tab', { name: /^Errors, 9 bytes/ }).click();
  await v.job.getByRole('document', { name: 'Errors' }).getByText('an error').waitFor();
  await v.page.keyboard.press('ArrowLeft');
  await v.job.getByRole('document', { name: 'Output' }).getByText('the last').waitFor();
  assert.match(await v.head.innerText(), /exit status\s+4/);
  await v.close();
});

test('tries are told', async () => {
  const { id } = await sh('exit 9', { retries: 1, retry_on: [9], backoff_s: [0.05] });
  await ended(`jobs/${id}`);
  const v = await open(`#job=${id}`);
  const tries = v.job.getByRole('list', { name: 'Tries' }).getByRole('listitem');
  await until('both', async () => (await tries.count()) === 2);
  assert.match(await tries.first().innerText(), /^Try 1 · [^·]+ · status 9 · .*again after 50 ms$/);
  await v.page.getByText('Nothing was written.').waitFor();
  await v.close();
});

test('hostile output, names and commands are text', async () => {
  const { id } = await run(['printf', '%s\\n', `${EVIL} ${CONTROLS} \x9b`], { name: `${EVIL}${CONTROLS}` });
  await ended(`jobs/${id}`);
  const v = await open('#jobs');
  await v.filter.fill('onerror');
  await until('it', async () => (await v.rows.count()) === 1);
  assert.ok((await v.rows.first().innerText()).startsWith(EVIL));
  await clean(v);
  await v.rows.first().click();
  const text = v.job.getByRole('document', { name: 'Output' });
  await text.getByText('onerror').waitFor();
  const shown = await v.job.innerText();
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(shown, /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/, 'no control characters');
  assert.ok((await text.innerText()).startsWith(`${EVIL} red ^[]0;title^G turned`), await text.innerText());
  await clean(v);
  await v.shot('job-hostile');
  await v.close();
});

test('a live session: what is said, what it asks for, and what one says', async () => {
  const { id } = await talk('think of it; say I will look.; tool Bash {"command":"ls"}; ask Write {"file_path":"lamp.txt","content":"on"}; say Written.');
  const v = await open(`#job=${id}`, { context: { colorScheme: 'light' } });
  await v.ask.waitFor();
  await v.conversation.getByText('I will look.', { exact: true }).waitFor();
  assert.equal(await v.ask.getAttribute('aria-label'), 'Permission for Write');
  assert.match(await v.ask.innerText(), /May it use Write\?\s+[45]:\d\d left\s+\{\s+"file_path": "lamp.txt",\s+"content": "on"\s+\}/);
  const form = v.page.getByRole('form', { name: 'Say something' });
  await shows(form, 'awaiting_approval');
  assert.match(await v.page.title(), /^● /);
  await v.shot('talk-ask');
  await v.ask.getByRole('button', { name: 'Allow' }).click();
  await v.conversation.getByText('Written.', { exact: true }).waitFor();
  await v.ask.waitFor({ state: 'detached' });
  const kinds = await v.conversation.locator('.said, .remark').evaluateAll((l) =>
    l.map((e) => e.dataset.role ?? (e.querySelector('.tool-name') ? `${e.querySelector('.tool-name').textContent} ${e.dataset.outcome}` : e.textContent)));
  assert.deepEqual(kinds, ['user', 'thinking', 'assistant', 'Bash ok', 'Write ok', 'Write: allowed', 'assistant']);
  await shows(form, 'idle');

  const message = form.getByRole('textbox', { name: 'Message' });
  await message.fill('ask Bash {"command":"rm lamp.txt"}; say Then not.');
  await message.press('Enter');
  await v.ask.getByText('rm lamp.txt').waitFor();
  assert.equal(await message.inputValue(), '');
  await v.ask.getByRole('textbox').fill('I need it');
  await v.ask.getByRole('button', { name: 'Deny' }).click();
  await v.conversation.getByText('Bash: denied (I need it)').waitFor();
  await v.conversation.getByText('Then not.', { exact: true }).waitFor();

  await message.fill('not to be lost');
  await message.press('Escape');
  await until('the conversation to have the keys', () => v.conversation.evaluate((e) => e === document.activeElement));
  assert.equal(await message.inputValue(), 'not to be lost');
  await message.fill('hang');
  await form.getByRole('button', { name: 'Send' }).click();
  await v.conversation.getByText('hang', { exact: true }).waitFor();
  await form.getByRole('combobox', { name: 'Priority' }).selectOption('later');
  await message.fill('say the late one');
  await message.press('Enter');
  const queue = v.page.getByRole('list', { name: 'Messages that wait' });
  await queue.getByText('say the late one').waitFor();
  assert.match(await queue.innerText(), /^later\s*say the late one$/);
  await form.getByRole('button', { name: 'Interrupt' }).click();
  await v.conversation.getByText('Interrupted.', { exact: true }).waitFor();
  await v.conversation.getByText('the late one', { exact: true }).waitFor();
  await queue.waitFor({ state: 'hidden' });
  await v.shot('talk-said');

  // Another page sees the same.
  const other = await open(`#job=${id}`);
  await other.conversation.getByText('the late one', { exact: true }).waitFor();
  await other.conversation.getByText('Write: allowed').waitFor();
  await other.close();
  await form.getByRole('button', { name: 'End', exact: true }).click();
  await v.dialog.getByRole('button', { name: 'End', exact: true }).click();
  await v.conversation.getByText('The session has ended.').waitFor();
  await form.waitFor({ state: 'hidden' });
  await shows(v.head, 'completed');
  await v.close();
});

test('a hostile session is text', async () => {
  const json = JSON.stringify({ command: `${EVIL} ${CONTROLS}`.replaceAll(';', '') }); // which is between steps
  const { id } = await talk(`say ${EVIL}; tool ${EVIL.replaceAll(' ', '')} ${json}; ask Bash ${json}; big 40000`);
  const v = await open(`#job=${id}`);
  await v.ask.waitFor();
  assert.ok((await v.ask.innerText()).includes('<img src=x onerror'));
  await clean(v);
  await v.ask.getByRole('button', { name: 'Deny' }).click();
  const big = v.conversation.locator('.said').filter({ hasText: 'xxxx' });
  await big.waitFor();
  assert.ok((await big.innerText()).length < 4000);
  for (const summary of await v.conversation.locator('summary').all()) await summary.click();
  await clean(v);
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(await v.job.innerText(), /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/);
  assert.ok(await narrow(v));
  await api('POST', `talks/${id}/end`, {});
  await ended(`jobs/${id}`);
  await v.close();
});

test('what runs goes on, and is shown, when the worker is killed', async () => {
  const past = await talk('say Long ago.');
  await until('its turn', async () => (await api('GET', `talks/${past.id}`)).phase === 'idle');
  await api('POST', `talks/${past.id}/end`, {});
  await ended(`jobs/${past.id}`);
  const reader = await sh('echo first; while read x; do echo "got $x"; done', { input: true });
  const { id } = await talk('say Before.; ask Bash {"command":"ls"}; say After.');
  const v = await open(`#job=${id}`);
  const w = await open(`#job=${reader.id}`);
  await w.sees('first');
  await v.conversation.getByText('Before.', { exact: true }).waitFor();
  await v.ask.waitFor();
  const { pid } = await api('GET', 'info');
  process.kill(pid, 'SIGKILL');
  await until('another worker', async () => {
    const info = await api('GET', 'info').catch(() => null);
    return info && info.pid !== pid;
  });
  await v.ask.getByRole('button', { name: 'Allow' }).click();
  await v.conversation.getByText('After.', { exact: true }).waitFor();
  assert.equal(await v.conversation.getByText('Before.', { exact: true }).count(), 1);
  await until('the reader', () => write(reader.id, 'more\n').then(() => true, () => false));
  await w.sees('got more');
  assert.equal((await w.text()).split('first').length, 2, 'nothing twice');
  // What was said in one that had ended is not kept; what it wrote is.
  await w.page.goto(`${w.origin}/#job=${past.id}`);
  await w.job.getByRole('document', { name: 'Output' }).getByText('Long ago.').first().waitFor();
  for (const job of [reader.id, id]) await api('POST', `jobs/${job}/cancel`, {});
  await shows(v.head, 'cancelled');
  await v.close();
  await w.close();
});

test('a stream of another producer is a job, too', async () => {
  const { id } = await api('POST', 'streams', { name: 'from elsewhere', channels: [1] });
  const v = await open(`#job=${id}`);
  await v.page.getByText('Nothing has been written yet.').waitFor();
  const put = await fetch(`http://127.0.0.1:${rig.daemon.port}/api/v1/streams/${id}/channels/1`, {
    method: 'POST', headers: { Authorization: `Bearer ${rig.daemon.token}` }, body: 'made elsewhere\n',
  });
  assert.ok(put.ok, `${put.status}`);
  await v.sees('made elsewhere');
  await v.job.getByRole('button', { name: 'Cancel' }).click();
  await v.dialog.getByRole('button', { name: 'Cancel the job' }).click();
  await shows(v.head, 'cancelled');
  await v.job.getByRole('document').getByText('made elsewhere').waitFor();
  assert.equal(await v.job.getByRole('button', { name: 'Retry' }).isVisible(), false);
  await v.close();
});

test('a flow is a tree; its question is answered in place', async () => {
  const definition = JSON.parse(await readFile(join(TOP, 'contrib', 'flows', 'release.json'), 'utf8'));
  const { id } = await flow(definition);
  const v = await open('#flows');
  await until('it in the list', async () => /^release\s+\S/.test(await v.rows.first().innerText().catch(() => '')));
  await v.rows.first().click();
  assert.equal(hash(v), `#flow=${id}`);
  const ask = v.flow.getByRole('group', { name: 'Approval of ask' });
  await ask.getByText('Publish 1.2.0, with 41 tests passed?').waitFor();
  await v.shot('flow-ask');
  await ask.getByRole('textbox', { name: 'Reason' }).fill('go <b>on</b>');
  await ask.getByRole('button', { name: 'Approve' }).click();
  await shows(v.flow.locator('.transcript-head'), 'completed');
  assert.deepEqual(await v.flow.locator('.step').evaluateAll((l) =>
    l.map((e) => [e.querySelector('.step-name').textContent, e.dataset.state, getComputedStyle(e).getPropertyValue('--depth')])), [
    ['state', 'completed', '0'],
    ['ask', 'completed', '1'],
    ['publish', 'completed', '2'],
    ['tell', 'completed', '3'],
    ['hold', 'skipped', '1'],
  ]);
  const list = v.flow.getByRole('group', { name: 'Show as' }).getByRole('button', { name: 'List' });
  await list.click(); // as a graph: flow-graph.test.mjs
  await v.step('publish').locator('summary').click();
  await v.step('publish').getByText('published 1.2.0 go <b>on</b>').waitFor();
  await v.step('publish').getByRole('link', { name: /^j\d+$/ }).click();
  await v.job.getByRole('document', { name: 'Output' }).getByText('published 1.2.0').waitFor();
  await v.job.getByRole('link', { name: `${id}, step publish` }).waitFor();
  await v.page.keyboard.press('Escape');
  await v.step('publish').waitFor();
  assert.equal(hash(v), `#flow=${id}`);
  await v.shot('flow-done');

  const second = await flow(definition);
  await v.page.goto(`${v.origin}/#flow=${second.id}`);
  await v.step('state').getByRole('link', { name: `cached, from ${id}` }).waitFor();
  await ask.getByRole('button', { name: 'Deny' }).click();
  await shows(v.flow.locator('.transcript-head'), 'failed');
  await shows(v.step('ask'), 'failed');
  await v.flow.getByRole('button', { name: 'Remove' }).click();
  await v.dialog.getByRole('button', { name: 'Remove' }).click();
  await v.list('Flows').waitFor();
  await v.close();
});

test('a flow is cancelled, and goes on', async () => {
  const { id } = await flow({
    name: `held ${EVIL}`,
    steps: [
      { name: 'one', command: ['echo', EVIL] },
      { name: 'gate', type: 'approval', message: `${EVIL} ?`, depends_on: ['one'] },
    ],
  });
  const v = await open(`#flow=${id}`);
  const ask = v.flow.getByRole('group', { name: 'Approval of gate' });
  await ask.getByText(EVIL).waitFor();
  await v.flow.getByRole('button', { name: 'Cancel' }).click();
  await v.dialog.getByRole('button', { name: 'Cancel the flow' }).click();
  await shows(v.flow.locator('.transcript-head'), 'cancelled');
  await v.flow.getByRole('button', { name: 'Resume' }).click();
  await ask.getByRole('button', { name: 'Approve' }).click();
  await shows(v.flow.locator('.transcript-head'), 'completed');
  await v.flow.getByRole('group', { name: 'Show as' }).getByRole('button', { name: 'List' }).click();
  await v.step('one').locator('summary').click();
  await v.step('one').locator('.text').getByText(EVIL).waitFor();
  await clean(v);
  await v.close();
});

test('on a phone', async () => {
  const { id } = await talk('say I will look at it.; ask Bash {"command":"make check","description":"Run all the tests"}');
  const held = await flow({ name: 'held', steps: [{ name: 'gate', type: 'approval', message: 'Go on with all of it?' }] });
  const v = await open('#jobs', { context: { ...PHONE, colorScheme: 'light' } });
  await v.rows.first().waitFor();
  assert.ok(await narrow(v));
  await v.shot('jobs-phone');
  await v.filter.fill('claude');
  await until('sessions', async () => /Running/.test(await v.rows.first().innerText()));
  await v.rows.first().tap();
  await v.ask.waitFor();
  assert.equal(hash(v), `#job=${id}`);
  assert.ok(await narrow(v));
  await v.shot('talk-phone');
  await v.ask.getByRole('button', { name: 'Deny' }).tap();
  await v.conversation.getByText('Bash: denied').waitFor();
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await v.shot('talk-phone-dark');
  await api('POST', `talks/${id}/end`, {});
  await ended(`jobs/${id}`);
  await v.page.goto(`${v.origin}/#flow=${held.id}`);
  const ask = v.flow.getByRole('group', { name: 'Approval of gate' });
  await ask.waitFor();
  assert.ok(await narrow(v));
  await v.shot('flow-phone-dark');
  await ask.getByRole('button', { name: 'Approve' }).tap();
  await shows(v.flow.locator('.transcript-head'), 'completed');
  const wide = await ended(`jobs/${(await run(['printf', '%0300d\\n', '7'])).id}`);
  await v.page.goto(`${v.origin}/#job=${wide.id}`);
  await v.job.getByRole('document', { name: 'Output' }).getByText('0007').waitFor();
  assert.ok(await narrow(v));
  await v.shot('job-phone-dark');
  await v.close();
});
