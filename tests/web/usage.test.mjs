// What agents used: the chart, its numbers, parts of them, and what the page fetches at first.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PHONE, useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const EVIL = '<img src=x onerror=globalThis.owned=1>';
const FIRST_LOAD_MOST = 250 * 1024;

/** Of so many days ago. */
const midnight = (days) => {
  const d = new Date();
  return new Date(d.getFullYear(), d.getMonth(), d.getDate() - days);
};

/** What a session of one day used, as Claude Code writes it. */
function transcript(id, { day, model, cwd, calls, prompt }) {
  const lines = [];
  const put = (type, message, more = {}) => {
    const uuid = `${id}-${lines.length + 1}`;
    lines.push(JSON.stringify({
      type, uuid, parentUuid: lines.length ? `${id}-${lines.length}` : null, sessionId: id, version: '2.1.0', cwd,
      timestamp: new Date(midnight(day).getTime() + lines.length * 1000).toISOString(), message, ...more }));
  };
  put('user', { role: 'user', content: prompt });
  for (let i = 0; i < calls; i++) {
    put('assistant', {
      id: `msg_${id}_${i}`, model, role: 'assistant', content: [{ type: 'text', text: 'Done.' }], stop_reason: 'end_turn',
      usage: { input_tokens: 9000 + 100 * i, output_tokens: 2400, cache_read_input_tokens: 480_000, cache_creation_input_tokens: 20_000 },
    }, { requestId: `req_${id}_${i}` });
  }
  return `${lines.join('\n')}\n`;
}

const MODELS = ['claude-opus-4-5', 'claude-sonnet-4-5', 'claude-haiku-4-5'];
const PROJECTS = ['/home/ann/src/lighthouse', '/home/ann/src/novel', '/srv/harbour/crane'];

let sessions = 0;
async function prepare(home) {
  const dir = join(home, '.claude', 'projects', '-work');
  await mkdir(dir, { recursive: true });
  const put = (id, of) => {
    sessions++;
    return writeFile(join(dir, `${id}.jsonl`), transcript(id, of));
  };
  for (let day = 0; day < 40; day++) {
    if (day % 7 === 5) continue; // nothing at all
    for (let m = 0; m < 3; m++) {
      const calls = 1 + ((day * 7 + m * 5) % 9);
      const cwd = PROJECTS[(day + m) % 3];
      await put(`s${day}-${m}`, { day, model: MODELS[m], cwd, calls, prompt: `Matter ${m} of the day ${day}` });
    }
  }
  await put('free', { day: 1, model: `made-here-${EVIL}`, cwd: `/tmp/${EVIL}`, calls: 3, prompt: `${EVIL} of no price` });
}

const usage = (query) => rig.daemon.api('GET', `usage?hits=1&${query}`);
const rig = useRig({
  before: (start) => before(async () => {
    await start();
    await until('all that is in the files', async () =>
      (await rig.daemon.api('GET', 'info')).sessions.settled && (await usage('by=session')).rows.length === sessions);
  }),
  after,
}, [], prepare);

async function open(hash = '#usage', options) {
  const v = await rig.open(options);
  v.fetched = [];
  v.page.on('request', (r) => v.fetched.push(r.url()));
  await v.page.goto('about:blank');
  await v.page.goto(`${v.origin}/${hash}`);
  v.usage = v.page.getByRole('region', { name: 'Usage', exact: true });
  v.card = (name) => v.usage.getByRole('region', { name, exact: true });
  v.range = (name) => v.usage.getByRole('group', { name: 'Range' }).getByRole('button', { name, exact: true }).click();
  v.chart = v.usage.getByRole('img');
  v.sum = (name) => v.usage.locator('.usage-sums > div').filter({ hasText: name }).locator('dd');
  v.keys = (name) => v.card(name).locator('tbody tr').evaluateAll((l) => l.map((tr) => tr.dataset.key));
  v.filter = v.usage.getByRole('group', { name: 'Filters' });
  return v;
}

const money = (usd) => (usd === null ? 'unknown' : usd > 0 && usd < 0.01 ? '< $0.01' : `$${usd.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`);
const short = (n) => (n < 1000 ? String(n) : n < 999_500 ? `${(n / 1000).toPrecision(3).replace(/\.0+$/, '')} k` : `${(n / 1e6).toPrecision(3).replace(/\.0+$/, '')} M`);
const tokens = (u) => u.input_tokens + u.cache_read_tokens + u.cache_write_5m_tokens + (u.cache_write_1h_tokens ?? 0) + u.output_tokens;
const percent = (x) => `${(x * 100).toFixed(1)} %`;
const since = (days) => `since=${midnight(days - 1).toISOString()}`;

/** How many pixels of the chart have each of the colours of bars. */
const drawn = (v) => v.chart.evaluate((e) => {
  const canvas = e.querySelector('canvas');
  if (!canvas) return 0;
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Map();
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] !== 255) continue;
    const key = `${data[i]},${data[i + 1]},${data[i + 2]}`;
    colours.set(key, (colours.get(key) ?? 0) + 1);
  }
  return [...colours.values()].filter((n) => n > 800).length;
});

const cells = (row) => row.locator('th, td').evaluateAll((l) => l.map((e) => e.innerText.trim().replace(/\s+/g, ' ')));

test('the numbers are the daemon’s, and the chart is drawn', async () => {
  const v = await open();
  await until('a chart with three models', async () => (await drawn(v)) >= 3);
  const day = await usage(`by=day&split=model&${since(30)}`);
  const t = day.totals;
  assert.equal((await v.sum('Cost').innerText()).replace(/\s+/g, ' '), `${money(t.cost_usd)} ${t.cost_source}`.replace(' computed', 'computed'));
  assert.equal(await v.sum('Cache hit rate').innerText(), percent(t.cache_hit_rate));
  assert.equal(await v.sum('Output').innerText(), short(t.output_tokens));
  assert.ok((await v.chart.getAttribute('aria-label')).startsWith('Cost by day, '));

  await v.usage.getByText('The days as a table').click();
  const rows = v.card('By day').locator('tbody tr');
  assert.deepEqual(await v.keys('By day'), day.rows.map((r) => r.key).reverse());
  const unsure = (r) => (r.models.some((m) => m.cost_usd === null) ? ' + unknown' : '');
  for (const [i, r] of day.rows.slice(-5).reverse().entries()) {
    assert.deepEqual((await cells(rows.nth(i))).slice(1), [
      `${money(r.cost_usd)}${unsure(r)}`, short(tokens(r)), short(r.input_tokens), short(r.output_tokens), percent(r.cache_hit_rate), String(r.sessions)]);
  }
  assert.ok(day.rows.some((r) => unsure(r)), 'a day has what has no price');
  await v.usage.getByText(/^No price is known for made-here-<img/).waitFor();

  for (const facet of ['model', 'project', 'agent']) {
    const name = `By ${facet}`;
    const { rows: want } = await usage(`by=${facet}&split=model&${since(30)}`);
    const byKey = new Map(want.map((r) => [r.key, r]));
    const keys = await v.keys(name);
    assert.deepEqual([...keys].sort(), [...byKey.keys()].sort(), name);
    for (const [i, key] of keys.entries()) {
      const r = byKey.get(key);
      const all = await cells(v.card(name).locator('tbody tr').nth(i));
      assert.deepEqual(all.slice(1), [
        `${money(r.cost_usd)}${r.cost_usd === null ? '' : facet === 'model' ? '' : unsure(r)}`, short(tokens(r)), percent(r.cache_hit_rate), String(r.sessions)], key);
    }
    const costs = keys.map((k) => byKey.get(k).cost_usd ?? -1);
    assert.deepEqual(costs, [...costs].sort((a, b) => b - a), 'those that cost most first');
  }
  assert.equal(await v.page.evaluate(() => globalThis.owned), undefined);
  await v.usage.getByText('The days as a table').click();
  await v.page.setViewportSize({ width: 1480, height: 1000 });
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await until('bars', async () => (await drawn(v)) >= 3);
  await v.shot('usage-dark');
  await v.close();
});

test('a table is sorted by its heads, by keyboard too', async () => {
  const v = await open();
  const card = v.card('By project');
  const head = (name) => card.getByRole('columnheader', { name, exact: true });
  await card.locator('tbody tr').first().waitFor();
  assert.equal(await head('Cost').getAttribute('aria-sort'), 'descending');
  const { rows } = await usage(`by=project&${since(30)}`);
  const order = (value, down) => [...rows].sort((a, b) => (value(a) - value(b)) * (down ? -1 : 1)).map((r) => r.key);
  await head('Tokens').getByRole('button').focus();
  await v.page.keyboard.press('Enter');
  assert.deepEqual(await v.keys('By project'), order(tokens, true));
  await v.page.keyboard.press('Enter');
  assert.equal(await head('Tokens').getAttribute('aria-sort'), 'ascending');
  assert.equal(await head('Cost').getAttribute('aria-sort'), null);
  assert.deepEqual(await v.keys('By project'), order(tokens, false));
  await head('Cost').getByRole('button').click();
  await head('Cost').getByRole('button').click();
  assert.equal((await v.keys('By project')).at(-1), `/tmp/${EVIL}`, 'what is not known is last in either order');
  await v.close();
});

test('ranges and what is counted are chosen, and remembered', async () => {
  const v = await open();
  await v.card('By day').waitFor();
  for (const [name, query] of [['7 days', since(7)], ['90 days', since(90)], ['All', ''], ['30 days', since(30)]]) {
    await v.range(name);
    const { totals, rows } = await usage(`by=day&${query}`);
    await until(name, async () => (await v.sum('Output').innerText()) === short(totals.output_tokens));
    await until(name, async () => (await v.keys('By day')).length === rows.length);
  }
  await v.range('Custom');
  const [from, to] = [12, 10].map((n) => midnight(n).toLocaleDateString('sv'));
  await v.usage.getByLabel('From', { exact: true }).fill(from);
  await v.usage.getByLabel('To', { exact: true }).fill(to);
  const { rows } = await usage(`by=day&since=${midnight(12).toISOString()}&until=${new Date(midnight(9).getTime() - 1).toISOString()}`);
  await until('those days', async () => (await v.keys('By day')).join() === rows.map((r) => r.key).reverse().join());
  assert.ok(rows.length >= 2 && rows.length <= 3, `${rows.length}`);

  await v.usage.getByRole('button', { name: 'Tokens', exact: true }).first().click();
  await until('tokens', async () => (await v.chart.getAttribute('aria-label')).startsWith('Tokens by day, '));
  await v.page.reload();
  await until('tokens again', async () => (await v.chart.getAttribute('aria-label').catch(() => ''))?.startsWith('Tokens by day, '));
  assert.equal(await v.usage.getByLabel('From', { exact: true }).inputValue(), from);
  await v.usage.getByLabel('From', { exact: true }).fill('2001-01-01');
  await v.usage.getByLabel('To', { exact: true }).fill('2001-01-02');
  await v.usage.getByText('Nothing was used in this time.').waitFor();
  await v.close();
});

test('a day, a model and a project leave their part, and list its sessions', async () => {
  const v = await open();
  await v.card('By day').waitFor();
  await until('a chart', async () => (await drawn(v)) >= 3);
  // The last bar but one: yesterday.
  const over = v.chart.locator('.u-over');
  const box = await over.boundingBox();
  await over.hover({ position: { x: box.width * (28.5 / 30), y: box.height / 2 } });
  const { rows: days } = await usage(`by=day&split=model&${since(30)}`);
  const yesterday = midnight(1).toLocaleDateString('sv');
  const row = days.find((r) => r.key === yesterday);
  await v.chart.getByText(`${money(row.cost_usd)} + unknown`).waitFor();
  await v.shot('usage-hover');
  await over.click({ position: { x: box.width * (28.5 / 30), y: box.height / 2 } });
  await v.filter.getByRole('button', { name: `Remove the filter day ${yesterday}` }).waitFor();
  const part = await usage(`by=session&day=${yesterday}`);
  await until('that day’s sessions', async () => (await v.keys('Sessions')).sort().join() === part.rows.map((r) => r.key).join());
  assert.equal((await v.sum('Cost').innerText()).replace(/\s*computed/, ''), money(part.totals.cost_usd));
  assert.equal((await v.keys('By day')).length, days.length, 'the other days stay');
  assert.deepEqual((await v.keys('By project')).sort(), (await usage(`by=project&day=${yesterday}`)).rows.map((r) => r.key));
  await v.shot('usage-day');

  await v.card('By model').getByRole('button', { name: 'claude-opus-4-5' }).click();
  const both = await usage(`by=session&day=${yesterday}&model=claude-opus-4-5`);
  assert.equal(both.rows.length, 1);
  await until('one', async () => (await v.keys('Sessions')).join() === both.rows[0].key);
  assert.equal(await v.card('By model').getByRole('button', { name: 'claude-opus-4-5' }).getAttribute('aria-pressed'), 'true');
  const session = v.card('Sessions').getByRole('link');
  assert.match(await session.innerText(), /^Matter 0 of the day 1$/);

  await v.page.keyboard.press('Escape');
  await v.filter.waitFor({ state: 'hidden' });
  await v.card('Sessions').waitFor({ state: 'hidden' });
  await v.card('By project').getByRole('button', { name: '…/harbour/crane' }).focus();
  await v.page.keyboard.press('Enter');
  const project = await usage(`by=session&project=/srv/harbour/crane&${since(30)}`);
  await until('its sessions', async () => (await v.keys('Sessions')).sort().join() === project.rows.map((r) => r.key).sort().join());
  await until('the focus to be kept', () =>
    v.card('By project').getByRole('button', { name: '…/harbour/crane' }).evaluate((e) => e === document.activeElement));
  await v.card('Sessions').getByRole('link').first().click();
  await v.page.getByRole('document', { name: 'Transcript' }).getByText('Done.').first().waitFor();
  await v.close();
});

test('the chart follows the size and the colours of the page', async () => {
  const v = await open('#usage', { context: { colorScheme: 'light' } });
  await until('a chart', async () => (await drawn(v)) >= 3);
  await v.shot('usage-light');
  const pixels = () => v.chart.evaluate((e) => e.querySelector('canvas').toDataURL());
  const width = () => v.chart.evaluate((e) => e.querySelector('canvas').getBoundingClientRect().width);
  const [light, wide] = [await pixels(), await width()];
  await v.page.emulateMedia({ colorScheme: 'dark' });
  await until('other colours', async () => (await drawn(v)) >= 3 && (await pixels()) !== light);
  await v.page.setViewportSize({ width: 760, height: 700 });
  await until('a smaller chart', async () => (await width()) < wide - 100);
  await until('bars', async () => (await drawn(v)) >= 3);
  await v.close();
});

test('on a phone', async () => {
  const v = await open('#usage', { context: { ...PHONE, colorScheme: 'light' } });
  await until('a chart', async () => (await drawn(v)) >= 1);
  const narrow = () => v.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert.ok(await narrow());
  await v.shot('usage-phone');
  await v.card('By model').scrollIntoViewIfNeeded();
  await v.shot('usage-phone-tables');
  assert.ok(await narrow());
  await v.card('By model').getByRole('button', { name: 'claude-haiku-4-5' }).tap();
  await v.filter.getByRole('button', { name: 'Remove the filter model claude-haiku-4-5' }).tap();
  await v.filter.waitFor({ state: 'hidden' });
  await v.close();
});

/** Bytes of the body as they go over the wire. */
const weigh = (path) => new Promise((resolve, reject) => {
  const headers = { Authorization: `Bearer ${rig.daemon.token}`, 'Accept-Encoding': 'gzip' };
  request({ host: '127.0.0.1', port: rig.daemon.port, path, headers }, (r) => {
    let bytes = 0;
    r.on('data', (d) => (bytes += d.length));
    r.on('end', () => resolve({ status: r.statusCode, bytes }));
  }).on('error', reject).end();
});

test('the first load is small, and the charts are not in it', async (t) => {
  const pane = await rig.daemon.shell();
  const v = await open(`#${pane}`);
  await v.online();
  await v.sees('$');
  const first = [...new Set(v.fetched.map((u) => u.slice(v.origin.length).replace(/#.*/, '')))];
  assert.ok(first.includes('/') && first.some((u) => /\/app-\w+\.js$/.test(u)) && first.some((u) => /\/app-\w+\.css$/.test(u)), first.join());
  assert.deepEqual(first.filter((u) => u.includes('chunk')), []);
  const icon = (await (await fetch(`${v.origin}/`)).text()).match(/assets\/icon-\w+\.svg/)[0];
  let sum = 0;
  for (const path of new Set([...first, `/${icon}`])) {
    const { status, bytes } = await weigh(path);
    assert.equal(status, 200, path);
    t.diagnostic(`${bytes} ${path}`);
    sum += bytes;
  }
  t.diagnostic(`first load: ${sum} bytes, ${(sum / 1024).toFixed(1)} KiB of ${FIRST_LOAD_MOST / 1024}`);
  assert.ok(sum > 50_000 && sum < FIRST_LOAD_MOST, `${sum} bytes`);

  await v.page.evaluate(() => { location.hash = '#usage'; });
  await until('a chart', async () => (await drawn(v)) >= 3);
  const chunks = v.fetched.filter((u) => /\/assets\/chunk-\w+\.js$/.test(u));
  assert.equal(chunks.length, 1);
  const chunk = await fetch(chunks[0]);
  assert.match(chunk.headers.get('cache-control'), /immutable/);
  const source = await chunk.text();
  assert.match(source, /uPlot[\s\S]*Permission is hereby granted, free of charge/, 'its licence is there');
  await v.close();
});
