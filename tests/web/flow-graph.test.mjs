// A flow as a graph: where its steps are, what they say as they go on, by pointer and by keys.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PHONE, useRig, WITHOUT_POLLS } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const EVIL = '<img src=x onerror=globalThis.owned=1>';
const rig = useRig({ before, after });
const api = (...args) => rig.daemon.api(...args);
const flow = (definition) => api('POST', 'flows', { definition });

async function open(hash, options, script = '') {
  const v = await rig.open({ context: { viewport: { width: 1320, height: 760 }, ...options } });
  await v.page.addInitScript(script);
  await v.page.goto('about:blank');
  await v.page.goto(`${v.origin}/${hash}`);
  v.flow = v.page.getByRole('region', { name: 'Flow', exact: true });
  v.graph = v.flow.getByRole('region', { name: 'Graph', exact: true });
  v.nodes = v.graph.locator('.node');
  v.node = (name) => v.nodes.filter({ has: v.page.locator('.node-name').getByText(name, { exact: true }) });
  v.state = (name, want) => until(`${name} to be ${want}`, async () => (await v.node(name).getAttribute('data-state')) === want);
  v.step = (name) => v.flow.locator('.step').filter({ has: v.page.locator('.step-name').getByText(name, { exact: true }) });
  v.focused = () => v.page.evaluate(() => document.activeElement?.querySelector('.node-name')?.textContent ?? document.activeElement?.className);
  v.boxes = async () => Object.fromEntries(await v.nodes.evaluateAll((l) => l.map((e) => {
    const { left, top, right, bottom } = e.getBoundingClientRect();
    return [e.querySelector('.node-name').textContent, { left, top, right, bottom }];
  })));
  return v;
}

const apart = (boxes) => {
  const all = Object.entries(boxes);
  for (const [i, [a, p]] of all.entries()) {
    for (const [b, q] of all.slice(i + 1)) {
      assert.ok(p.right <= q.left || q.right <= p.left || p.bottom <= q.top || q.bottom <= p.top, `${a} and ${b} overlap`);
    }
  }
};

/** Steps that go on when a file of their name is there. */
const held = (name, more) => ({ name, command: ['sh', '-c', `until [ -e ${join(rig.daemon.dir, `go-${name}`)} ]; do sleep 0.05; done; echo ${name} is done`], cache: false, ...more });
const release = (name) => writeFile(join(rig.daemon.dir, `go-${name}`), '');

const definition = () => ({
  name: 'ship it',
  steps: [
    { name: 'fetch', command: ['echo', 'fetched 1.2.0'] },
    held('build', { depends_on: ['fetch'] }),
    held('test', { depends_on: ['fetch'] }),
    { name: 'lint', command: ['sh', '-c', 'echo wrong >&2; exit 3'], depends_on: ['fetch'], cache: false },
    { name: 'fix', command: ['true'], depends_on: ['lint'] },
    { name: 'report', command: ['echo', `all ended ${EVIL}`], depends_on: ['fetch', 'lint', 'test'], trigger: 'all_done', cache: false },
    { name: 'ask', type: 'approval', message: 'Publish 1.2.0?', depends_on: ['build', 'test'] },
    { name: 'publish', command: ['echo', 'published'], depends_on: ['ask'], cache: false },
  ],
});

test('steps are in layers, tell how they are, and a question is answered in place', async () => {
  const first = await flow({ name: 'ship it', steps: [{ name: 'fetch', command: ['echo', 'fetched 1.2.0'] }] });
  await until('its end', async () => (await api('GET', `flows/${first.id}`)).state === 'completed');
  const { id } = await flow(definition());
  const v = await open(`#flow=${id}`, { colorScheme: 'light' });
  await v.state('fetch', 'completed');
  await v.state('lint', 'failed');
  await v.state('fix', 'skipped');
  await v.state('build', 'running');
  await v.state('ask', 'pending');
  assert.match(await v.node('fetch').innerText(), /^fetch\s+command\s+Completed, cached$/);
  const boxes = await v.boxes();
  assert.equal(Object.keys(boxes).length, 8);
  apart(boxes);
  const { fetch, build, test: tested, lint, fix, ask, publish, report } = boxes;
  for (const b of [build, tested, lint]) assert.equal(b.left, build.left);
  for (const [a, b] of [[fetch, build], [build, ask], [ask, publish], [lint, fix], [lint, report]]) assert.ok(a.right < b.left);
  const { steps } = await api('GET', `flows/${id}`);
  assert.equal(await v.graph.locator('.wire').count(), steps.reduce((n, s) => n + s.depends_on.length, 0));

  // The time goes on by itself.
  assert.match(await v.node('build').innerText(), /^build\s+command\s+Running\s+\d/);
  const time = () => v.node('build').locator('.node-time').innerText();
  const before = await time();
  await until('a later time', async () => (await time()) !== before);
  await v.shot('flow-graph-running');

  await release('test');
  await v.state('report', 'completed');
  await release('build');
  const group = v.flow.getByRole('group', { name: 'Approval of ask' });
  await group.getByText('Publish 1.2.0?').waitFor();
  await v.state('ask', 'waiting');
  await v.shot('flow-graph-light');
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await v.shot('flow-graph-dark');

  await v.node('report').click();
  assert.equal(await v.node('report').getAttribute('aria-pressed'), 'true');
  await v.step('report').locator('summary').click();
  await v.step('report').getByText(`all ended ${EVIL}`).waitFor();
  assert.equal(await v.graph.locator('.wire[data-chosen]').count(), 3);
  assert.equal(await v.page.evaluate(() => globalThis.owned), undefined);
  await group.getByRole('textbox', { name: 'Reason' }).fill('it is time');
  await group.getByRole('button', { name: 'Approve' }).click();
  await v.state('publish', 'completed');
  await group.waitFor({ state: 'detached' });
  await v.node('lint').click();
  await v.step('report').waitFor({ state: 'hidden' });
  await v.step('lint').getByRole('link', { name: /^j\d+$/ }).click();
  await v.page.getByRole('region', { name: 'Job', exact: true }).getByText('wrong').first().waitFor();
  await v.page.keyboard.press('Escape');
  await v.node('lint').waitFor();
  assert.equal(await v.node('lint').getAttribute('aria-pressed'), 'true', 'what failed is chosen at first');
  await v.close();
});

test('changes come by events, not by asking', async () => {
  const { id } = await flow({ name: 'told', steps: [held('slow'), { name: 'next', command: ['true'], depends_on: ['slow'], cache: false }] });
  const v = await open(`#flow=${id}`, {}, WITHOUT_POLLS);
  await v.state('slow', 'running');
  await release('slow');
  await v.state('next', 'completed');
  await until('its end', async () => (await v.flow.locator('.transcript-head .badge').getAttribute('data-state')) === 'completed');
  await v.close();
});

test('by keyboard: along the edges, within a layer, chosen, larger and smaller', async () => {
  const { id } = await flow(definition());
  const v = await open(`#flow=${id}`);
  await v.nodes.first().waitFor();
  await until('the first step to have the keys', async () => (await v.focused()) === 'fetch');
  const press = async (key, want) => {
    await v.page.keyboard.press(key);
    assert.equal(await v.focused(), want, key);
  };
  const boxes = await v.boxes();
  const column = Object.entries(boxes).filter(([, b]) => b.left === boxes.build.left).sort(([, a], [, b]) => a.top - b.top).map(([name]) => name);
  assert.deepEqual([...column].sort(), ['build', 'lint', 'test']);
  await v.page.keyboard.press('ArrowRight');
  while ((await v.focused()) !== column[0]) await v.page.keyboard.press('ArrowUp');
  await press('ArrowUp', column[0]);
  await press('ArrowDown', column[1]);
  await press('ArrowDown', column[2]);
  await press('ArrowDown', column[2]);
  while ((await v.focused()) !== 'build') await v.page.keyboard.press('ArrowUp');
  await press('ArrowRight', 'ask');
  await press('ArrowRight', 'publish');
  await press('ArrowRight', 'publish');
  await press('ArrowLeft', 'ask');
  await press('End', 'publish');
  await press('Home', 'fetch');
  assert.equal(await v.nodes.evaluateAll((l) => l.filter((e) => e.tabIndex === 0).length), 1, 'one stop for Tab');
  await v.page.keyboard.press('Enter');
  assert.equal(await v.node('fetch').getAttribute('aria-pressed'), 'true');
  await v.step('fetch').waitFor();
  await v.page.keyboard.press('Enter');
  assert.equal(await v.node('fetch').getAttribute('aria-pressed'), 'false');
  await v.step('fetch').waitFor({ state: 'hidden' });

  const width = async () => { const b = await v.node('fetch').boundingBox(); return b.width; };
  const before = await width();
  await v.page.keyboard.press('+');
  await until('larger', async () => (await width()) > before * 1.2);
  await v.page.keyboard.press('-');
  await v.page.keyboard.press('-');
  await until('smaller', async () => (await width()) < before * 0.9);
  await v.graph.getByRole('button', { name: 'Fit' }).click();
  const frame = await v.graph.boundingBox();
  for (const [name, b] of Object.entries(await v.boxes())) {
    assert.ok(b.left >= frame.x && b.right <= frame.x + frame.width + 1 && b.bottom <= frame.y + frame.height + 1, name);
  }
  await v.page.keyboard.press('Escape');
  await v.page.getByRole('region', { name: 'Flows', exact: true }).waitFor();
  await v.close();
});

test('as a list, which is remembered, and where there is no room', async () => {
  const { id } = await flow({ name: 'held', steps: [{ name: 'one', command: ['echo', '1'] }, { name: 'gate', type: 'approval', message: 'Go on?', depends_on: ['one'] }] });
  const v = await open(`#flow=${id}`);
  await v.state('gate', 'waiting');
  await v.step('one').waitFor({ state: 'hidden' });
  const reason = v.flow.getByRole('textbox', { name: 'Reason' });
  await reason.fill('not to be lost');
  const manner = v.flow.getByRole('group', { name: 'Show as' });
  await manner.getByRole('button', { name: 'List' }).click();
  await v.step('one').waitFor();
  await v.graph.waitFor({ state: 'hidden' });
  assert.equal(await reason.inputValue(), 'not to be lost');
  await v.page.reload();
  await v.step('one').waitFor();
  await v.graph.waitFor({ state: 'hidden' });
  await manner.getByRole('button', { name: 'Graph' }).click();
  await v.node('gate').waitFor();
  await v.close();

  const phone = await open(`#flow=${id}`, PHONE);
  await phone.step('one').waitFor();
  assert.equal(await phone.graph.isVisible(), false);
  assert.equal(await phone.flow.getByRole('group', { name: 'Show as' }).isVisible(), false);
  assert.ok(await phone.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await phone.shot('flow-graph-phone');
  await phone.close();
});

test('200 steps, which is the most', async () => {
  const steps = Array.from({ length: 200 }, (_, i) => {
    const layer = Math.floor(i / 10);
    const depends_on = layer === 0 ? [] : [`s${(layer - 1) * 10 + (i * 7) % 10}`, `s${(layer - 1) * 10 + (i * 3) % 10}`];
    if (layer > 2 && i % 4 === 0) depends_on.push(`s${i % 10}`);
    return { name: `s${i}`, command: ['true'], depends_on: [...new Set(depends_on)] };
  });
  const { id } = await flow({ name: 'large', concurrency: 8, steps });
  const v = await open(`#flow=${id}`);
  await until('all of them', async () => (await v.nodes.count()) === 200);
  apart(await v.boxes());
  await until('the last one', async () => (await v.node('s199').getAttribute('data-state')) === 'completed', 60_000);
  await v.node('s0').focus();
  await v.page.keyboard.press('End');
  await until('the end in sight', async () => {
    const [b, frame] = [await v.page.locator(':focus').boundingBox(), await v.graph.boundingBox()];
    return b.x + b.width <= frame.x + frame.width && b.x >= frame.x;
  });
  await v.shot('flow-graph-200');
  await v.close();
});

// Circles, what is not there, itself, all of all.
test('what a flow cannot be does no harm', async () => {
  const v = await open('#flow=f1');
  const odd = (steps) => ({
    id: 'f1', name: 'odd', state: 'running', file: null, created: new Date().toISOString(), ended: null, error: null,
    steps: steps.map(([name, depends_on]) => ({ name, depends_on, type: 'command', state: 'pending', job: null, cached: false, cached_from: null, started: null, ended: null, error: null, result: null })),
  });
  let body = odd([['a', ['b']], ['b', ['a']], ['c', ['c', 'nothing']], ['__proto__', ['a']], ['d', []], ['e', ['d', 'd']]]);
  await v.page.route('**/api/v1/flows/f1', (route) => route.fulfill({ json: body }));
  await v.page.reload();
  await until('all of them', async () => (await v.nodes.count()) === 6);
  apart(await v.boxes());
  body = odd(Array.from({ length: 200 }, (_, i) => [`n${i}`, Array.from({ length: i }, (_, k) => `n${k}`)]));
  await v.page.reload();
  await until('200 that depend on all before', async () => (await v.nodes.count()) === 200);
  apart(await v.boxes());
  await v.close();
});
