// A client of panescry.events.v1 for topics of sessions.

import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { checkEvent, checkSubscribe, fault } from './schema.mjs';
import { until, within } from './until.mjs';

export class Listener {
  /** `after` as in a subscribe; undefined: none. */
  static async on(d, topics, after, { token = d.token } = {}) {
    const l = new Listener();
    Object.assign(l, { all: [], last: 0, faults: [] });
    l.ws = new WebSocket(`ws://127.0.0.1:${d.port}/ws/events`, ['panescry.events.v1'], { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false });
    l.ws.on('message', (data) => {
      const o = JSON.parse(data.toString());
      if (o.seq < l.last) l.faults.push(`${o.seq} after ${l.last}`);
      l.last = o.seq;
      const wrong = fault(checkEvent, o);
      if (wrong) l.faults.push(wrong);
      l.all.push(o);
    });
    l.over = new Promise((r) => l.ws.on('close', (code) => r((l.code = code))));
    l.ws.on('error', () => {});
    await within('the connection', new Promise((r) => l.ws.on('open', r)));
    l.subscribe(topics, after);
    return l;
  }

  subscribe(topics, after) {
    const o = { type: 'subscribe', topics, ...(after === undefined ? {} : { after }) };
    checkSubscribe(o);
    this.ws.send(JSON.stringify(o));
  }

  of(type, topic) {
    return this.all.filter((o) => o.type === type && (topic === undefined || o.topic === topic));
  }

  hears(what, test, ms) {
    return until(what, () => {
      if (this.code) throw new Error(`closed with ${this.code} before ${what}`);
      return this.all.find(test);
    }, ms).catch((e) => {
      throw new Error(`${e.message}; it heard ${JSON.stringify(this.all).slice(-3000)}`);
    });
  }

  async close() {
    assert.deepEqual(this.faults, []);
    this.ws.close();
    await within('the close', this.over);
  }
}
