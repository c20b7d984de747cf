// What is too much is refused with an error of its own, and all that was there goes on.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFile, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { privateDir } from './lib/daemon.mjs';
import { startKept } from './lib/keeper.mjs';
import { Raw, requestText, upgradeText } from './lib/raw.mjs';
import { BINARY, cleanEnv } from './lib/run.mjs';
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

/** What comes back to these bytes, until the other side has closed. */
async function sent(where, ...parts) {
  const raw = await Raw.open(where);
  try {
    for (const part of parts) await raw.write(Buffer.from(part, 'latin1'));
    await raw.over();
    return raw.data.toString('latin1');
  } finally {
    raw.close();
  }
}

const saysError = (text, status, error, name = '') => {
  assert.match(text, new RegExp(`^HTTP/1\\.[01] ${status} `), `${name}: ${text || 'closed without a word'}`);
  assert.equal(JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)).error, error);
};

describe('heads that are none', () => {
  const d = useKept({ header_seconds: 2, body_seconds: 2 });
  const lines = (more = []) => [`Host: 127.0.0.1:${d.port}`, `Authorization: Bearer ${d.token}`, ...more];
  const get = (path, more) => requestText('GET', path, lines(more));
  const post = (more, body = '{}') => `${requestText('POST', '/api/v1/tokens', lines(more))}${body}`;
  const greeted = async (where) => {
    const raw = await Raw.open(where);
    await raw.write(get('/healthz'));
    assert.equal((await raw.answer()).status, 200);
    return raw;
  };

  it('takes no request for two, and none for another', async () => {
    const wrong = {
      'a length and a coding': post(['Content-Length: 2', 'Transfer-Encoding: chunked']),
      'a coding and a length': post(['Transfer-Encoding: chunked', 'Content-Length: 2']),
      'two lengths': post(['Content-Length: 2', 'Content-Length: 3']),
      'the same twice': post(['Content-Length: 2', 'content-length: 2']),
      'a blank before the colon': post(['Content-Length : 2']),
      'two hosts': get('/healthz', ['Host: elsewhere.example']),
      'an escaped line feed': get('/healthz%0aHost:%20127.0.0.1'),
      'an escaped end of line': get('/api/v1/panes/a%0d%0aX-B:%20c'),
      'another version': get('/healthz').replace('HTTP/1.1', 'HTTP/9.9'),
    };
    for (const [name, text] of Object.entries(wrong)) {
      saysError(await sent(d.tcp, text, get('/healthz')), 400, 'bad_request', name);
      const behind = await greeted(d.tcp);
      await behind.write(text + get('/healthz'));
      await behind.over();
      // Where it had a body, lws may have taken its head for that, and ends the connection.
      const got = behind.data.toString('latin1');
      if (got !== '' || !text.startsWith('POST')) saysError(got, 400, 'bad_request', name);
      behind.close();
      saysError(await sent({ path: d.socket }, text), 400, 'bad_request', `${name}, local`);
    }
    assert.equal((await d.ok('GET', 'panes')).panes.length, 0);
  });

  it('takes the first head of a connection to the letter', async () => {
    for (const text of [
      get('/healthz').replaceAll('\r\n', '\n'), get('/healthz', ['Other: b\nB: c']), get('/healthz', ['Other: b\rB: c']), get('/healthz', ['Other: b', ' c']),
      get('/healthz', ['Other']), get('/healthz', [': b']), get('/healthz', ['Other: \0']), get(`http://127.0.0.1:${d.port}/healthz`), get('http://elsewhere.example/'),
      get('/healthz', ['X-A: b']), get('/%00'), get('/healthz').replace(' HTTP/1.1', ''), '\x16\x03\x01\x02\x00', '\r\n\r\n',
      upgradeText(d, '/ws/events', { protocol: 'panescry.events.v1', headers: ['Host: elsewhere.example'] }),
    ])
      saysError(await sent(d.tcp, text), 400, 'bad_request', text);
    for (const text of [get('/healthz', [`Other: ${'a'.repeat(20_000)}`]), get('/healthz', Array(101).fill('Other: b')), get(`/healthz?${'a=b&'.repeat(100)}`),
      get(`/${'a'.repeat(20_000)}`)])
      saysError(await sent(d.tcp, text), 431, 'headers_too_large');
  });

  it('ends a connection on which a body has no end that it knows', async () => {
    const text = post(['Transfer-Encoding: chunked'], `0\r\n\r\n${get('/healthz')}`);
    const got = await sent(d.tcp, text);
    assert.equal(got.match(/^HTTP/gm).length, 1, got);
    assert.match(got, /^HTTP\/1\.1 411 /);
  });

  it('gives a head its time, byte by byte or not, and not more', async () => {
    const slow = await Raw.open(d.tcp);
    const kept = await greeted(d.tcp);
    const local = await Raw.open({ path: d.socket });
    const mute = await Raw.open(d.tcp);
    let on = true;
    const drip = async (raw, text) => {
      for (let i = 0; on && i < text.length && !raw.ended; i++) {
        await raw.write(text[i]);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    const drips = [slow, kept, local].map((raw) => drip(raw, `GET /healthz HTTP/1.1\r\nOther: ${'b'.repeat(1000)}`));
    await Promise.all([slow, kept, local, mute].map((raw) => raw.over()));
    on = false;
    saysError(slow.data.toString('latin1'), 408, 'header_timeout');
    for (const raw of [kept, local, mute]) assert.equal(raw.data.toString('latin1'), '');
    await Promise.all(drips);
    for (const raw of [slow, kept, local, mute]) raw.close();
    await until('them to be forgotten', async () => (await d.metric('panescry_connections')) === 1);
  });

  it('gives a body its time, and not more', async () => {
    for (const where of [d.tcp, { path: d.socket }]) {
      const raw = await Raw.open(where);
      await raw.write(requestText('POST', '/api/v1/tokens', lines(['Content-Length: 1000'])));
      const timer = setInterval(() => raw.write(' '), 100);
      await raw.over();
      clearInterval(timer);
      saysError(raw.data.toString('latin1'), 408, 'body_timeout');
      raw.close();
    }
    await until('them to be forgotten', async () => (await d.metric('panescry_connections')) === 1);
  });
});

describe('bounds of connections', () => {
  const d = useKept({ max_connections: 40, max_connections_per_address: 30, max_half_open: 10, max_requests: 4, send_seconds: 15, max_answer_bytes: '40M', history_lines: 200_000, history_bytes: '64M' });
  const opened = (n, where = d.tcp) => Promise.all(Array.from({ length: n }, () => Raw.open(where)));
  const ask = (path) => requestText('GET', path, [`Host: 127.0.0.1:${d.port}`, `Authorization: Bearer ${d.token}`]);
  const close = async (raws) => {
    for (const raw of raws) raw.close();
    await until('them to be forgotten', async () => (await d.metric('panescry_connections')) === 1);
  };

  it('closes the oldest of those that send no request, and serves who does', async () => {
    const raws = [];
    for (let i = 0; i < 200; i++) {
      const raw = await Raw.open(d.tcp);
      await raw.write('GET /healthz HTTP/1.1\r\nHo');
      raws.push(raw);
      if (i % 20 === 0) await d.well();
    }
    await until('most to be closed', () => raws.filter((r) => r.ended).length >= 190);
    const [last] = raws.splice(-1);
    await last.write(`st: localhost:${d.port}\r\n\r\n`);
    assert.equal((await last.answer()).status, 200, 'the newest are kept');
    assert.ok(raws.slice(0, 150).every((r) => r.ended), 'the oldest go');
    await close([...raws, last]);
  });

  it('has a bound for one address', async () => {
    const raws = [];
    for (let i = 0; i < 30; i++) {
      const raw = await Raw.open(d.tcp);
      await raw.write(ask('/healthz'));
      await raw.answer();
      raws.push(raw);
    }
    saysError(await sent(d.tcp, ''), 429, 'too_many_connections');
    assert.equal((await d.local('GET', '/healthz')).status, 200, 'another door has its own');
    await close(raws);
    await d.well();
  });

  it('has a bound for all, where those without a request make room', async () => {
    const { id } = await d.new(['cat']);
    const viewers = [];
    for (let i = 0; i < 20; i++) viewers.push(await d.attach(id));
    const local = [];
    for (let i = 0; i < 20; i++) {
      const raw = await Raw.open({ path: d.socket });
      await raw.write(ask('/healthz'));
      await raw.answer();
      local.push(raw);
    }
    await until('a place for each', async () => (await d.metric('panescry_connections')) >= 39);
    for (let i = 0; i < 5; i++) await d.well();
    await until('the idle to make room', () => local[0].ended);
    for (const v of viewers) assert.equal(v.closed, null, 'no viewer is sent away');
    for (let i = 0; i < 9; i++) viewers.push(await d.attach(id));
    for (const v of viewers) await v.close();
    await d.remove(id);
    await close(local);
  });

  it('has a bound of requests at work', async () => {
    const { id } = await d.new(['cat']);
    const wait = () => d.request('POST', `/api/v1/panes/${id}/wait`, { json: { pattern: 'go' } });
    const waits = [wait(), wait(), wait()];
    await until('them to wait', async () => (await d.metric('panescry_waits')) === 3);
    const last = wait();
    await until('a refusal', async () => (await d.request('GET', '/healthz')).status === 503);
    refused(await wait(), 503, 'too_many_requests');
    await d.local('GET', '/healthz').then((r) => refused(r, 503, 'too_many_requests'));
    const v = d.viewer(id);
    await until('a viewer, which is none', () => v.hello);
    v.send(Buffer.concat([Buffer.from([1]), Buffer.from('go\n')]));
    for (const w of [...waits, last]) assert.equal((await w).status, 200);
    await v.close();
    await d.remove(id);
  });

  it('has a bound of what nobody reads, and gives up who does not', async () => {
    const { id } = await d.sh("stty -echo; seq -f '%0250.0f' 1 120000; echo END; exec cat");
    await d.shows(id, 'END');
    const whole = ask(`/api/v1/panes/${id}/capture?history=all`);
    const [slow] = await opened(1);
    slow.socket.on('data', () => slow.socket.pause());
    await slow.write(whole);
    await until('an answer that is not read', () => slow.socket.isPaused());
    assert.match(slow.data.toString('latin1', 0, 20), /^HTTP\/1.1 200/);
    await until('a refusal', async () => {
      const r = await d.request('GET', `/api/v1/panes/${id}/capture?history=all`);
      if (r.status === 503) refused(r, 503, 'answers_full');
      return r.status === 503;
    });
    await d.well(); // what is small is answered all the same
    await until('its memory back', async () => (await d.request('GET', `/api/v1/panes/${id}/capture?history=all`)).status === 200, 60_000);
    slow.close();
    await d.remove(id);
  });
});

describe('the log', () => {
  /** A daemon whose standard error is that file of its state directory. */
  const logging = async (dir, name, work) => {
    const conf = join(dir, 'panescry.conf');
    await writeFile(conf, 'max_log_bytes = 64K\n');
    const log = await open(join(dir, name), 'a');
    const args = ['serve', '--foreground', '--no-tmux', '--listen', '127.0.0.1:0', '--socket', join(dir, 's.sock'), '--state-dir', dir];
    const child = spawn(BINARY, args, { stdio: ['ignore', 'ignore', log.fd], env: cleanEnv({ PANESCRY_CONFIG: conf }) });
    const over = new Promise((resolve) => child.on('close', resolve));
    await log.close();
    try {
      await until('the socket', () => stat(join(dir, 's.sock')).catch(() => null));
      await work(join(dir, name));
    } finally {
      child.kill('SIGTERM');
      await over;
    }
  };

  it('begins anew when it is too long, and keeps what was there', async () => {
    const dir = await privateDir();
    await logging(dir, 'panescry.log', async (path) => {
      await appendFile(path, `${'x'.repeat(99)}\n`.repeat(1000));
      await until('it to be short', async () => (await stat(path)).size < 1000);
      await until('a word of it', async () => (await readFile(path, 'latin1')).includes('what was here is in'));
      assert.match(await readFile(`${path}.1`, 'latin1'), /x{99}\n/);
      assert.equal((await stat(`${path}.1`)).mode & 0o777, 0o600);
    });
    await rm(dir, { recursive: true });
  });

  it('leaves alone what is not its own', async () => {
    const dir = await privateDir();
    await writeFile(join(dir, 'other'), 'y'.repeat(200_000));
    await logging(dir, 'other', async (path) => {
      await new Promise((resolve) => setTimeout(resolve, 6000)); // there is nothing to wait for
      assert.ok((await stat(path)).size >= 200_000);
    });
    await rm(dir, { recursive: true });
  });
});

describe('requests of a connection', () => {
  const d = useKept({ max_requests_per_connection: 3 });

  it('have a bound, and the last of them says so', async () => {
    for (const where of [d.tcp, { path: d.socket }]) {
      const raw = await Raw.open(where);
      for (let i = 1; i <= 3; i++) {
        await raw.write(requestText('GET', '/healthz', [`Host: 127.0.0.1:${d.port}`]));
        const a = await raw.answer();
        assert.equal(a.status, 200);
        assert.equal(a.headers.connection === 'close', i === 3, `${i}: ${JSON.stringify(a.headers)}`);
      }
      await raw.over();
      raw.close();
    }
  });
});

describe('what jobs have written', () => {
  const d = useKept({ jobs_bytes: '1M' });
  const job = async (id) => d.ok('GET', `jobs/${id}`);
  const run = async (script) => (await d.ok('POST', 'jobs', { command: ['/bin/sh', '-c', script] })).id;
  const ended = (id) => until(`${id} to end`, async () => (await job(id)).ended, 60_000);
  const read = (id) => d.request('GET', `/api/v1/jobs/${id}/channels/1`);
  const write = (bytes) => `head -c ${bytes} /dev/zero`;

  it('goes when there is too much of it, oldest first, and the record says so', async () => {
    const stays = await run(`${write(100_000)}; exec sleep 600`);
    const first = await run(write(500_000));
    await ended(first);
    const second = await run(write(400_000));
    await ended(second);
    assert.equal((await read(first)).status, 200);
    const third = await run(write(400_000));
    await ended(third);
    await until('the first to go', async () => (await read(first)).status === 410, 60_000);
    refused(await read(first), 410, 'output_removed');
    const [channel] = (await job(first)).channels;
    assert.equal(channel.bytes, 500_000);
    assert.match(channel.reason, /removed/);
    assert.equal((await job(first)).state, 'completed');
    for (const id of [second, third, stays]) assert.equal((await read(id)).status, 200, id);
    await d.ok('POST', `jobs/${stays}/cancel`, {});
    await ended(stays);
  });

  it('ends the one that wrote most where those that run have too much', async () => {
    const small = await run(`${write(200_000)}; exec sleep 600`);
    const large = await run(`${write(900_000)}; exec sleep 600`);
    await ended(large);
    const j = await job(large);
    assert.equal(j.state, 'failed');
    assert.match(j.error, /jobs_bytes/);
    assert.equal((await job(small)).state, 'running');
    await d.ok('POST', `jobs/${small}/cancel`, {});
    await ended(small);
  });
});

it('what was asked for longer than an answer may take to be sent is answered', async () => {
  const d = await startKept({ conf: { send_seconds: 1 } });
  try {
    const { id } = await d.sh('exec cat');
    const { pid } = await d.info();
    const asked = Array.from({ length: 20 }, () => d.request('POST', `/api/v1/panes/${id}/wait`, { json: { pattern: 'never', timeout_ms: 8000 } }));
    const due = performance.now() + 8000;
    await until('all to wait', async () => (await d.metric('panescry_waits')) === 20);
    // So that all answers, and a look at what is not sent, are due in one turn of the loop.
    process.kill(pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, due - performance.now() + 1500));
    process.kill(pid, 'SIGCONT');
    assert.deepEqual((await Promise.all(asked)).map((r) => r.status), asked.map(() => 408));
  } finally {
    await d.stop();
  }
});
