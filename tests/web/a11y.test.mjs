// Nothing that shuts somebody out: axe-core looks over every view in light, in dark and on a phone,
// and what it cannot see is tried out.

import assert from 'node:assert/strict';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PHONE, useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const TOP = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
/** In what colours a program prints is its own affair, as it is on the canvas of a terminal. */
const PRINTED = ['.result-lines span[style]', '.history-line span[style]', '.xterm-rows'];

const session = [
  ['user', 'Does anything sleep?'],
  ['assistant', [{ type: 'thinking', thinking: 'Look for it.', signature: '' }]],
  ['assistant', [{ type: 'tool_use', id: 't1', name: 'Grep', input: { pattern: 'sleep' } }]],
  ['user', [{ type: 'tool_result', tool_use_id: 't1', content: 'No such file', is_error: true }]],
  ['assistant', [{ type: 'tool_use', id: 't2', name: 'Bash', input: { command: 'make check' } }]],
  ['user', [{ type: 'tool_result', tool_use_id: 't2', content: 'ok 1' }]],
  ['assistant', [{ type: 'text', text: 'No.' }]],
].map(([role, content], i) =>
  JSON.stringify({
    type: role, uuid: `u${i}`, parentUuid: i ? `u${i - 1}` : null, sessionId: 'one', version: '2.1.0',
    timestamp: new Date(Date.UTC(2026, 10, 20, 8, 0, i * 7)).toISOString(), cwd: '/home/ann/lamp',
    message: role === 'user' ? { role, content } : {
      role, content, id: `msg${i}`, model: 'claude-opus-4-5', stop_reason: null,
      usage: { input_tokens: 1200, output_tokens: 340, cache_read_input_tokens: 48_000 } },
  }));

async function prepare(home) {
  const claude = join(home, '.claude', 'projects', '-lamp');
  await mkdir(claude, { recursive: true });
  await writeFile(join(claude, 'one.jsonl'), `${session.join('\n')}\n`);
  await mkdir(join(home, 'bin'));
  await symlink(join(TOP, 'tests', 'agents', 'standin'), join(home, 'bin', 'claude'));
  return { PATH: `${join(home, 'bin')}:${process.env.PATH}`, PYTHONDONTWRITEBYTECODE: '1' };
}

const rig = useRig({
  before: (start) => before(async () => {
    await start();
    await fill();
  }),
  after,
}, [], prepare);
const api = (...args) => rig.daemon.api(...args);
const run = (script, more = {}) =>
  api('POST', 'jobs', { command: ['sh', '-c', script], cwd: rig.daemon.dir, ...more });

/** An agent that waits for an answer, which it does for some minutes only. */
const talk = async () =>
  (await api('POST', 'talks', {
    agent: 'claude', cwd: rig.daemon.dir,
    prompt: 'say I will look at it.; tool Bash {"command":"ls"}; ask Bash {"command":"make check"}',
  })).id;

/** One of everything; the ids. */
const world = {};
async function fill() {
  world.failed = await rig.daemon.pane(['sh', '-c', 'exit 3'], { name: 'failing' });
  world.pane = await rig.daemon.shell({ name: 'main' });
  const script = 'for i in $(seq 40); do printf "\\033[3%dmline %d\\033[m of \\033[1;44mwork\\033[m\\n" $((i % 8)) $i; done\n';
  await rig.daemon.type(world.pane, script);
  world.job = (await run('echo out; echo err >&2; exit 3', { name: 'the failing one' })).id;
  world.live = (await run('echo begun; read x', { name: 'the live one', input: true })).id;
  world.flow = (await api('POST', 'flows', { definition: {
    name: 'held', steps: [
      { name: 'gate', type: 'approval', message: 'Go on with all of it?' },
    ] } })).id;
  world.session = (await until('the session', async () => {
    const { data } = await api('GET', 'sessions?limit=1&text=Does%20anything');
    return data[0];
  })).id;
}

/**
 * What is looked at: where, what to do there, and what must then be in sight. A new view gets a
 * line here.
 */
const views = (w) => [
  { name: 'a pane', hash: `#${w.pane}`, sight: '.room .xterm-screen' },
  { name: 'a pane to read', hash: `#${w.pane}?mode=ro`, sight: '.bar [aria-pressed="true"]' },
  { name: 'a pane that has ended', hash: `#${w.failed}`, sight: '.banner' },
  { name: 'a place in history', hash: `#${w.pane}?line=5`, sight: '.history-line.found' },
  { name: 'sessions', hash: '#sessions', sight: '.session' },
  { name: 'a session', hash: `#session=${w.session}`, sight: '.said.tool',
    act: (page) => page.locator('.said.tool').first().locator('summary').click() },
  { name: 'a timeline', hash: `#session=${w.session}?view=timeline`, sight: '.turn' },
  { name: 'a trace', hash: `#session=${w.session}?view=trace`, sight: '.call-name' },
  { name: 'tokens', hash: `#session=${w.session}?view=tokens`, sight: '.chart' },
  { name: 'usage', hash: '#usage', sight: '.usage-cards canvas' },
  { name: 'jobs', hash: '#jobs', sight: '.session' },
  { name: 'a job', hash: `#job=${w.job}`, sight: '.output-text' },
  { name: 'a live job', hash: `#job=${w.live}`, sight: '.output-live .xterm-screen' },
  { name: 'a conversation', hash: `#job=${w.talk}`, sight: '.ask' },
  { name: 'flows', hash: '#flows', sight: '.session' },
  { name: 'a flow', hash: `#flow=${w.flow}`, sight: '.ask' },
  { name: 'search', hash: `#${w.pane}`, sight: '.result',
    act: async (page) => {
      await page.keyboard.press('Control+Shift+F');
      await page.getByRole('combobox', { name: 'Search all panes' }).fill('line 1');
    } },
  { name: 'the palette', hash: `#${w.pane}`, sight: '.palette-row',
    act: (page) => page.keyboard.press('Control+K') },
  { name: 'all keys', hash: '#jobs', sight: 'dialog.help', act: (page) => page.keyboard.press('Control+Shift+Slash') },
  { name: 'settings', hash: `#${w.pane}`, sight: 'dialog.settings .field-wrong:not(:empty)',
    act: async (page) => {
      await page.keyboard.press('Control+Shift+Comma');
      await page.getByLabel('Theme of your own').fill('{"background":"red"}');
    } },
  { name: 'a question', hash: `#job=${w.live}`, sight: 'dialog[open]',
    act: (page) => page.getByRole('button', { name: 'Cancel' }).click() },
];

/** The serious faults of what is shown, in words. */
async function faults(page) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AXE);
  const { violations } = await page.evaluate(
    ([exclude, values]) => globalThis.axe.run({ exclude }, { runOnly: { type: 'tag', values } }),
    [PRINTED, TAGS],
  );
  return violations
    .filter((v) => ['serious', 'critical'].includes(v.impact))
    .flatMap((v) => v.nodes.map((n) => {
      const { fgColor: fg, bgColor: bg, contrastRatio: ratio } = n.any[0]?.data ?? {};
      return `${v.id} at ${n.target.join(' ')}${ratio ? ` (${fg} on ${bg}: ${ratio})` : ''}`;
    }))
    // Of an item of a tree it takes what is below for its label, and state and label are in another order.
    .filter((fault) => !fault.startsWith('label-content-name-mismatch at li[data-key'));
}

const looks = [
  ['light', { colorScheme: 'light', reducedMotion: 'reduce' }],
  ['dark', { colorScheme: 'dark', reducedMotion: 'reduce' }],
  ['a phone', { ...PHONE, colorScheme: 'light', reducedMotion: 'reduce' }],
];

for (const [look, context] of looks) {
  test(`axe finds no serious fault in ${look}`, async () => {
    const wrong = [];
    const v = await rig.open({ context });
    for (const { name, hash, act, sight } of views({ ...world, talk: await talk() })) {
      await v.page.goto('about:blank');
      await v.page.goto(`${v.origin}/${hash}`);
      await v.page.locator('main section').first().waitFor();
      await act?.(v.page);
      await v.page.locator(sight).first().waitFor({ timeout: 20_000 }).catch((e) => {
        throw new Error(`${name}: ${e.message}`);
      });
      for (const fault of await faults(v.page)) wrong.push(`${name}: ${fault}`);
      const wide = await v.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) wrong.push(`${name}: ${wide} pixels too wide`);
    }
    await v.close();
    assert.deepEqual([...new Set(wrong)], []);
  });
}

test('by keyboard: the first Tab skips to the terminal, and the focus is seen', async () => {
  const { pane } = world;
  const v = await rig.open({ pane });
  const skip = v.page.getByRole('button', { name: 'Skip to the terminal' });
  assert.ok(await skip.evaluate((e) => e === document.querySelector('body :is(a, button, input, textarea, [tabindex])')));
  await skip.focus();
  const box = await skip.boundingBox();
  assert.ok(box.width > 40 && box.x >= 0, 'it can be seen');
  await v.shot('skip');
  await v.page.keyboard.press('Enter');
  await until('the terminal', () =>
    v.page.evaluate(() => document.activeElement?.classList.contains('xterm-helper-textarea')),
  );
  // Everything else that Tab comes to shows that it is there.
  await v.page.goto(`${v.origin}/#jobs`);
  await v.page.locator('.session').first().waitFor();
  await v.page.evaluate(() => document.activeElement?.blur());
  await v.page.getByRole('button', { name: 'Settings' }).focus();
  for (let i = 0; i < 14; i++) {
    await v.page.keyboard.press('Tab');
    const seen = await v.page.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body) return 'body';
      const { outlineStyle, outlineWidth } = getComputedStyle(e.querySelector(':scope > .row') ?? e);
      return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1 ? '' : e.outerHTML.slice(0, 120);
    });
    if (seen === 'body') break;
    assert.equal(seen, '', 'it has an outline');
  }
  await v.close();
});

test('the page has landmarks, and each has a name', async () => {
  const { pane } = world;
  const v = await rig.open({ pane });
  assert.equal(await v.page.getByRole('main').count(), 1);
  assert.ok((await v.page.getByRole('navigation').count()) >= 1);
  for (const nav of await v.page.getByRole('navigation').all()) assert.ok(await nav.getAttribute('aria-label'));
  assert.equal(await v.page.locator('html').getAttribute('lang'), 'en');
  await v.close();
});

test('nothing moves for who does not want it', async () => {
  const v = await rig.open({ context: { reducedMotion: 'reduce' } });
  await v.page.goto('about:blank');
  await v.page.goto(`${v.origin}/#job=${await talk()}`);
  await v.page.locator('.ask').waitFor();
  assert.equal(await v.page.evaluate(() => document.getAnimations().length), 0);
  await v.close();
});

test('where the system forces its colours, states are still told apart', async () => {
  const { pane } = world;
  const v = await rig.open({ pane, context: { forcedColors: 'active' } });
  const look = (selector, pseudo) =>
    v.page.locator(selector).first().evaluate((e, p) => {
      const s = getComputedStyle(e, p);
      return `${s.backgroundColor} ${s.borderTopColor} ${s.borderRadius}`;
    }, pseudo);
  const mark = (state) => v.page.locator(`.mark[data-mark="${state}"] path`).first();
  await mark('failed').waitFor();
  assert.notEqual(await mark('running').getAttribute('d'), await mark('failed').getAttribute('d'));
  const ground = await v.page.locator('.sidebar').evaluate((e) => getComputedStyle(e).backgroundColor);
  for (const state of ['running', 'failed']) {
    assert.notEqual(await mark(state).evaluate((e) => getComputedStyle(e).stroke), ground, `${state} can be seen`);
  }
  await v.shot('forced-colors');
  await v.page.goto(`${v.origin}/#jobs`);
  const badge = (state) => `.session .badge[data-state="${state}"]`;
  await v.page.locator(badge('failed')).first().waitFor();
  const seen = new Set([await look(badge('failed'), '::before'), await look(badge('running'), '::before')]);
  assert.equal(seen.size, 2);
  await v.shot('forced-colors-jobs');
  await v.close();
});
