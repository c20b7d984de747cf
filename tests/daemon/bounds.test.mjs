// What is too much is refused with an error of its own, and all that was there goes on.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { startKept } from './lib/keeper.mjs';
import { until } from './lib/until.mjs';

/** A daemon with settings of its own, for the tests of a group. */
function useKept(conf) {
  const use = {};
  before(async () => {
    Object.assign(use, await startKept({ conf, args: ['--no-tmux'] }));
  });
  after(async () => {
    if (!use.stop) return;
    try {
      await use.well();
    } finally {
      await use.stop();
    }
  });
  return use;
}

/** Listens to the events of panes. */
class Listener {
  constructor(d) {
    const headers = { authorization: `Bearer ${d.token}` };
    this.ws = new WebSocket(`ws://127.0.0.1:${d.port}/ws/events`, ['panescry.events.v1'], { headers });
    this.types = [];
    this.ws.on('open', () => this.ws.send(JSON.stringify({ type: 'subscribe', topics: ['panes'] })));
    this.ws.on('message', (m) => this.types.push(JSON.parse(m).type));
    this.over = new Promise((resolve) => this.ws.on('close', resolve));
  }

  hears(type) {
    return until(type, () => this.types.find((t) => t === type));
  }
}

const refused = (r, status, error) => {
  assert.equal(r.status, status, r.text);
  assert.equal(r.json.error, error);
};

describe('bounds of what asks', () => {
  const d = useKept({ max_panes: 2, max_viewers: 2, max_subscribers: 2, max_waits: 2, max_watches: 1, events_bytes: '64K' });
  let pane;

  before(async () => {
    pane = (await d.sh('stty raw -echo; echo ready; exec cat')).id;
    await d.shows(pane, 'ready');
  });

  it('has a bound of requests that wait', async () => {
    const wait = () => d.request('POST', `/api/v1/panes/${pane}/wait`, { json: { pattern: 'in the end' } });
    const waits = [wait(), wait()];
    await until('both to wait', async () => (await d.metric('panescry_waits')) === 2);
    refused(await wait(), 503, 'too_many_waits');
    await d.type(pane, 'in the end\r\n');
    for (const w of waits) assert.equal((await w).status, 200);
    await until('none to wait', async () => (await d.metric('panescry_waits')) === 0);
    assert.equal((await d.request('POST', `/api/v1/panes/${pane}/wait`, { json: { pattern: 'in the', from: 'start' } })).status, 200);
  });

  it('has a bound of watches', async () => {
    const watch = () => d.request('POST', '/api/v1/watches', { json: { pattern: 'x' } });
    const first = await watch();
    assert.equal(first.status, 201, first.text);
    refused(await watch(), 429, 'too_many_watches');
    await d.ok('DELETE', `watches/${first.json.id}`);
    const again = await watch();
    assert.equal(again.status, 201);
    await d.ok('DELETE', `watches/${again.json.id}`);
  });

  it('has a bound of viewers', async () => {
    const there = [await d.attach(pane), await d.attach(pane)];
    assert.equal((await d.viewer(pane).over).code, 1013);
    await d.type(pane, 'for both');
    for (const v of there) await v.sees('for both');
    await there[0].close();
    await until('its place', async () => (await d.metric('panescry_viewers')) === 1);
    const last = await d.attach(pane);
    await last.close();
    await there[1].close();
  });

  it('has a bound of subscribers', async () => {
    const there = [new Listener(d), new Listener(d)];
    for (const l of there) assert.equal(await l.hears('reset'), 'reset');
    assert.equal(await new Listener(d).over, 1013);
    there[0].ws.close();
    await there[0].over;
    const next = new Listener(d);
    assert.equal(await next.hears('reset'), 'reset');
    for (const l of [there[1], next]) l.ws.terminate();
  });

  it('has a bound of panes', async () => {
    await d.new(['sleep', '1000']);
    refused(await d.request('POST', '/api/v1/panes', { json: { command: ['true'] } }), 429, 'too_many_panes');
  });
});
