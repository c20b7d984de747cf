// A daemon whose worker is killed: who is who, panes whose every byte is known, and viewers that
// come back by themselves and keep book of what they were sent.

import assert from 'node:assert/strict';
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import WebSocket from 'ws';
import { privateDir, startDaemon } from './daemon.mjs';
import { alive } from './run.mjs';
import { until } from './until.mjs';
import { attachPath, controlFrame, SUBPROTOCOL } from './viewer.mjs';

export const now = () => performance.now();
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Pseudo-random numbers of 0 <= n < 1 (mulberry32), so that a run can be had again. */
export function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** PANESCRY_SEED, or one that nobody chose. */
export const seed = () => Number(process.env.PANESCRY_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** A daemon with a panescry.conf of its own: `conf` is an object of settings. */
export async function startKept({ conf = {}, env = {}, ...more } = {}) {
  const dir = more.dir ?? (await privateDir());
  const file = join(dir, 'panescry.conf');
  const settings = { max_crashes: 0, ...conf };
  await writeFile(file, Object.entries(settings).map(([k, v]) => `${k} = ${v}\n`).join(''));
  return startDaemon({ ...more, dir, env: { ...env, PANESCRY_CONFIG: file } });
}

/**
 * /api/v1/info from the next worker that gives it. One that is killed while it answers breaks
 * the connection, which is no failure here.
 */
export const info = (d, test = () => true, ms) =>
  until('a worker to answer', async () => {
    const r = await d.local('GET', '/api/v1/info').catch(() => null);
    return r?.status === 200 && test(r.json) && r.json;
  }, ms);

export async function pids(d) {
  const i = await info(d);
  return { worker: i.pid, keeper: i.keeper.pid };
}

/** Ends the worker and waits for the next one; returns that one's info. */
export async function killWorker(d, signal = 'SIGKILL') {
  const { worker } = await pids(d);
  process.kill(worker, signal);
  return info(d, (i) => i.pid !== worker);
}

/** What a process holds open: number and what the link says. */
export async function descriptors(pid) {
  const all = [];
  for (const n of await readdir(`/proc/${pid}/fd`)) {
    const to = await readlink(`/proc/${pid}/fd/${n}`).catch(() => '');
    all.push({ n: Number(n), to, path: `/proc/${pid}/fd/${n}` });
  }
  return all.sort((a, b) => a.n - b.n);
}

export async function residentOf(pid) {
  const text = await readFile(`/proc/${pid}/status`, 'latin1');
  return Number(text.match(/^VmRSS:\s+(\d+) kB/m)[1]) * 1024;
}

export const allGone = (what, processes, ms) =>
  until(`${what} to be gone`, async () => {
    for (const pid of processes) if (await alive(pid)) return false;
    return true;
  }, ms);

// Numbered lines. Each is 16 bytes, so the bytes at any offset are known without having seen
// those before.

const LINE = 16;
const FAST = 'stty -echo; exec seq -f %014.0f 1 99999999999999';
const SLOW = (s) => `stty -echo; i=0; while i=$((i+1)); do printf '%014d\\n' $i; sleep ${s}; done`;
const FEW = (n) => `stty -echo; seq -f %014.0f 1 ${n}; exec cat`;

export const fast = (d, more) => d.sh(FAST, more);
export const slow = (d, more, seconds = 0.05) => d.sh(SLOW(seconds), more);
export const few = (d, lines, more) => d.sh(FEW(lines), more);

/** What such a pane writes from `offset` on. */
export function numbered(offset, length) {
  const first = Math.floor(offset / LINE);
  const count = Math.floor((offset + length - 1) / LINE) - first + 1;
  const out = Buffer.allocUnsafe(count * LINE);
  const line = Buffer.from(`${String(first + 1).padStart(14, '0')}\r\n`);
  for (let i = 0; i < count; i++) {
    line.copy(out, i * LINE);
    let at = 13;
    while (at >= 0 && line[at] === 57) line[at--] = 48;
    line[at]++;
  }
  return out.subarray(offset - first * LINE, offset - first * LINE + length);
}

/** Every line of the history that is kept bears its own number. Returns how many there are. */
export async function checkHistory(d, id) {
  const r = await d.request('GET', `/api/v1/panes/${id}/capture?history=all&format=json`);
  assert.equal(r.status, 200, r.text);
  const lines = r.json.lines.filter((l) => l.text !== '');
  for (const l of lines) {
    // The last one may have been written in part.
    if (l === lines.at(-1) && l.text.length < 14) continue;
    assert.equal(l.text, String(l.line).padStart(14, '0'), `line ${l.line} of ${id}`);
  }
  for (let i = 1; i < lines.length; i++) assert.equal(lines[i].line, lines[i - 1].line + 1, `${id} has no gap`);
  return lines.length;
}

/**
 * A viewer that comes back at once, with its offset, whenever its connection ends. `content`
 * says what the pane writes; a SNAPSHOT is a fault unless `ring` bytes had passed by.
 */
export class Follower {
  constructor(d, pane, { content = numbered, ring = 1024 * 1024, offset = 0 } = {}) {
    Object.assign(this, { d, pane, content, ring });
    this.next = offset;
    this.acked = offset;
    this.faults = [];
    this.closes = {}; // code: how often
    this.attaches = 0;
    this.dropped = 0; // times that it fell out of the ring
    this.bytes = 0;
    this.openedAt = 0; // of the present connection
    this.flowing = 0; // when the first byte came on it; 0: not yet
    this.done = false;
    this.#open();
  }

  #open() {
    const url = `ws://127.0.0.1:${this.d.port}${attachPath(this.pane, { offset: this.next })}`;
    const ws = new WebSocket(url, [SUBPROTOCOL], {
      headers: { authorization: `Bearer ${this.d.token}` },
      perMessageDeflate: false,
    });
    this.ws = ws;
    this.openedAt = now();
    this.flowing = 0;
    this.acked = this.next;
    let greeted = false;
    ws.on('message', (data) => {
      if (data[0] === 1) this.#output(Number(data.readBigUInt64BE(1)), data.subarray(9));
      else if (data[0] === 2) this.#snapshot(Number(data.readBigUInt64BE(1)));
      else if (JSON.parse(data.subarray(1)).type === 'hello') {
        this.attaches++;
        greeted = true;
      }
    });
    ws.on('unexpected-response', (_, res) => {
      res.resume();
      ws.terminate();
    });
    ws.on('error', () => {});
    ws.on('close', (code) => {
      this.closes[code] = (this.closes[code] ?? 0) + 1;
      this.closed = code;
      if (this.done || code === 1000 || code >= 4400) return;
      if (greeted) this.#open();
      else setTimeout(() => !this.done && this.#open(), 5);
    });
  }

  #output(offset, bytes) {
    this.flowing ||= now();
    if (offset !== this.next) this.faults.push(`output at ${offset} where ${this.next} was due`);
    if (this.content && !this.content(offset, bytes.length).equals(bytes))
      this.faults.push(`other bytes at ${offset}: ${this.#difference(offset, bytes)}`);
    this.next = offset + bytes.length;
    this.bytes += bytes.length;
    if (this.next - this.acked >= 64 * 1024) {
      this.acked = this.next;
      if (this.ws.readyState === WebSocket.OPEN) this.ws.send(controlFrame({ type: 'ack', offset: this.next }));
    }
  }

  #difference(offset, bytes) {
    const want = this.content(offset, bytes.length);
    let i = 0;
    while (want[i] === bytes[i]) i++;
    const from = Math.max(0, i - 20);
    return `at ${offset + i} ${JSON.stringify(bytes.toString('latin1', from, i + 40))} for ${JSON.stringify(want.toString('latin1', from, i + 40))}`;
  }

  #snapshot(offset) {
    if (offset - this.next <= this.ring) this.faults.push(`a snapshot at ${offset}, though ${this.next} was in the ring`);
    this.dropped++;
    this.next = offset;
    this.acked = offset;
    this.ws.send(controlFrame({ type: 'ack', offset }));
  }

  /** Resolves when bytes flow on a connection that was opened after `since`. */
  flowsAfter(since, ms) {
    return until(`bytes of ${this.pane} after a kill`, () => this.openedAt >= since && this.flowing, ms);
  }

  check() {
    assert.deepEqual(this.faults.slice(0, 3), [], `viewer of ${this.pane}`);
  }

  async close() {
    this.done = true;
    this.ws.terminate();
    this.check();
  }
}

/** A pane as the daemon tells it, without what may differ. */
export async function shown(d, id) {
  const ansi = await d.request('GET', `/api/v1/panes/${id}/capture?history=all&format=ansi`);
  const main = await d.request('GET', `/api/v1/panes/${id}/capture?history=all&format=ansi&main=1`);
  const json = await d.ok('GET', `panes/${id}/capture?history=all&format=json`);
  const { title, name, cwd, command, cols, rows, pid, created, first_line, last_line, offset } = await d.pane(id);
  return { ansi: ansi.text, main: main.text, json, pane: { title, name, cwd, command, cols, rows, pid, created, first_line, last_line, offset } };
}

/** What a viewer that has just come is drawn: it holds modes, margins and the cursor, too. */
export async function drawn(d, id) {
  const v = await d.attach(id);
  await until('a snapshot', () => v.snapshots.length === 1);
  await v.close();
  return v.snapshots[0].data.toString('latin1');
}

/** Waits until a pane writes no more, for the moment. */
export const rests = (d, id) => {
  let before = -1;
  return until(`${id} to rest`, async () => {
    const { offset } = await d.pane(id);
    const same = offset === before;
    before = offset;
    return same;
  });
};

// A full screen without a program that may be missing: the alternate screen, a scroll region,
// colours, a title, modes of the keys and the mouse, tab stops, and a cursor that is somewhere.
export const FULL_SCREEN = `stty raw -echo
printf 'on the main screen\\r\\n\\033[1;31mred\\033[m and \\033[38;2;1;2;3;48;5;200mmany\\033[m\\r\\n'
printf '\\033]2;full screen\\007\\033[?1049h\\033[2J\\033[3;20r\\033[?1h\\033=\\033[?1002h\\033[?1006h\\033[?2004h\\033[?25l\\033[4 q'
i=1; while [ $i -le 24 ]; do printf '\\033[%d;%dH\\033[%dmrow %d\\033[m' $i $i $((31 + i % 7)) $i; i=$((i+1)); done
printf '\\033]8;;http://example.org/\\033\\\\link\\033]8;;\\033\\\\\\033[5;7H\\033[4;34m'
`;
