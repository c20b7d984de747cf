// HTTP: routes, statuses, limits and headers.

import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { request, startDaemon, useDaemon } from './lib/daemon.mjs';
import { Raw, requestText } from './lib/raw.mjs';
import { each, until } from './lib/until.mjs';

const ROUTES = [
  { method: 'GET', path: '/healthz', open: true },
  { method: 'GET', path: '/metrics' },
  { method: 'GET', path: '/api/v1/info' },
  { method: 'GET', path: '/api/v1/panes' },
  { method: 'POST', path: '/api/v1/panes', writes: true },
  { method: 'GET', path: '/api/v1/panes/p1' },
  { method: 'DELETE', path: '/api/v1/panes/p1', writes: true },
  { method: 'POST', path: '/api/v1/panes/p1/input', writes: true },
  { method: 'POST', path: '/api/v1/panes/p1/resize', writes: true },
  { method: 'POST', path: '/api/v1/panes/p1/signal', writes: true },
  { method: 'GET', path: '/api/v1/panes/p1/capture' },
  { method: 'GET', path: '/api/v1/panes/p1/commands' },
  { method: 'GET', path: '/api/v1/tokens', writes: true },
  { method: 'POST', path: '/api/v1/tokens', writes: true },
  { method: 'DELETE', path: '/api/v1/tokens/nobody', writes: true },
  { method: 'GET', path: '/', open: true },
];

function assertError(r, status, code) {
  assert.equal(r.status, status, r.text);
  assert.match(r.headers['content-type'], /^application\/json/);
  assert.deepEqual(Object.keys(r.json).sort(), ['error', 'message']);
  if (code) assert.equal(r.json.error, code, r.text);
  assert.notEqual(r.json.message, '');
  assert.doesNotMatch(r.json.message, /[\x00-\x1f]/);
}

describe('routes', () => {
  const d = useDaemon({ before, after });
  let readOnly;
  let pane;

  before(async () => {
    readOnly = (await d.ok('POST', 'tokens', { read_only: true })).token;
    pane = await d.new(['cat']);
    assert.equal(pane.id, 'p1', 'the list of routes names p1');
  });

  it('tells its health without a token', async () => {
    const r = await d.request('GET', '/healthz', { token: null });
    assert.equal(r.status, 200);
    assert.equal(r.json.status, 'ok');
    assert.equal(typeof r.json.version, 'string');
    assert.equal(r.json.panes, (await d.ok('GET', 'panes')).panes.length);
    assert.ok(r.json.uptime_s >= 0);
  });

  it('tells the name of its machine', async () => {
    assert.equal((await d.ok('GET', 'info')).host, hostname());
  });

  for (const { method, path, open, writes } of ROUTES) {
    it(`${method} ${path} asks for the right token`, async () => {
      const none = await d.request(method, path, { token: null });
      const wrong = await d.request(method, path, { token: 'f'.repeat(40) });
      if (open) {
        assert.equal(none.status, 200);
        assert.equal(wrong.status, 200);
        return;
      }
      assertError(none, 401, 'unauthorised');
      assertError(wrong, 401, 'unauthorised');
      assert.match(none.headers['www-authenticate'], /^Bearer/);
      const reader = await d.request(method, path, { token: readOnly });
      if (writes) assertError(reader, 403, 'read_only');
      else assert.equal(reader.status, 200, reader.text);
    });
  }

  it('did nothing of what it refused', async () => {
    const { panes } = await d.ok('GET', 'panes');
    assert.deepEqual(panes.map((p) => [p.id, p.state]), [['p1', 'running']]);
  });

  it('answers HEAD as GET without the body', async () => {
    for (const path of ['/healthz', '/metrics', '/api/v1/panes', '/']) {
      const get = await d.request('GET', path);
      const head = await d.request('HEAD', path);
      assert.equal(head.status, 200, path);
      assert.equal(head.bytes.length, 0);
      assert.ok(Number(head.headers['content-length']) > 0);
      assert.equal(head.headers['content-type'], get.headers['content-type']);
    }
    const missing = await d.request('HEAD', '/api/v1/panes/nobody');
    assert.equal(missing.status, 404);
  });

  it('404 for what is not there', async () => {
    for (const path of ['/nothing', '/api/v1/nothing', '/api/v1/panes/p1/nothing', '/assets/nothing.js',
      '/api/v1/', '/api/v1/panes/', '/ws/panes/p1', '/..%2f..%2fetc%2fpasswd', '/assets/../../../etc/passwd'])
      assertError(await d.request('GET', path), 404);
    for (const [method, path] of [['GET', '/api/v1/panes/nobody'], ['DELETE', '/api/v1/panes/nobody'],
      ['POST', '/api/v1/panes/nobody/input'], ['POST', '/api/v1/panes/nobody/resize'],
      ['POST', '/api/v1/panes/nobody/signal'], ['GET', '/api/v1/panes/nobody/capture']])
      assertError(await d.request(method, path), 404, 'no_such_pane');
  });

  it('405 for a path that has other methods', async () => {
    for (const [method, path] of [['DELETE', '/api/v1/panes'], ['PUT', '/api/v1/panes/p1'],
      ['PATCH', '/api/v1/panes/p1'], ['GET', '/api/v1/panes/p1/input'], ['POST', '/healthz'],
      ['PUT', '/api/v1/tokens'], ['OPTIONS', '/api/v1/panes']])
      assertError(await d.request(method, path, {}), 405, 'bad_method');
  });

  it('400 for a body that is not a JSON object', async () => {
    for (const body of ['{', 'null', '[]', '"x"', '7', '{"command":["true"]} x', '{"command":["true"]',
      "{'command':['true']}", '\xff\xfe', Buffer.from([0x7b, 0xff, 0x7d]), '{"read_only\0":true}', '['.repeat(5000),
      `{"command":${'['.repeat(5000)}`])
      for (const path of ['/api/v1/panes', '/api/v1/panes/p1/resize', '/api/v1/tokens']) {
        const r = await d.request('POST', path, { body });
        if (r.status === 413) continue; // over the size of this route's bodies
        assertError(r, 400, 'bad_json');
      }
  });

  it('400 for members of the wrong type or out of range', async () => {
    const bad = [{ command: 'sh' }, { command: [1] }, { command: [['sh']] }, { command: {} }, { command: [''] },
      { command: [null] }, { env: [] }, { env: { A: 1 } }, { env: { '': 'x' } }, { env: { 'A-B': 'x' } },
      { env: { '1A': 'x' } }, { env: { 'A B': 'x' } }, { name: 7 }, { name: '' }, { name: 'a b' },
      { name: 'a/b' }, { name: 'é' }, { name: 'x'.repeat(65) }, { cwd: 1 }, { cwd: ['/'] },
      { command: ['a\0b'] }, { env: { A: 'x\0y' } }, { cwd: '/tmp\0/x' }, { name: 'a\0b' }];
    for (const size of [0, 2001, 1.5, '80', -1, 1e20, null, true, [80], {}])
      bad.push({ cols: size }, { rows: size });
    for (const archive of ['false', 0, [], {}]) bad.push({ archive });
    for (const tmux of [1, ['x'], {}, 'a b']) bad.push({ tmux });
    const before = (await d.ok('GET', 'panes')).panes.length;
    for (const json of bad) {
      const r = await d.request('POST', '/api/v1/panes', { json: { command: ['true'], ...json } });
      assert.equal(r.status, 400, `${JSON.stringify(json)} gave ${r.text}`);
      assertError(r, 400, JSON.stringify(json).includes('\\u0000') ? 'bad_json' : 'bad_params');
    }
    assert.equal((await d.ok('GET', 'panes')).panes.length, before, 'no pane is left');
  });

  it('400 for a size that is none', async () => {
    for (const size of [0, 2001, 1.5, '80', -1, null, true])
      for (const json of [{ cols: size, rows: 24 }, { cols: 80, rows: size }, { cols: 80 }, { rows: 24 }, {}])
        assertError(await d.request('POST', '/api/v1/panes/p1/resize', { json }), 400, 'bad_params');
    assert.deepEqual([(await d.pane('p1')).cols, (await d.pane('p1')).rows], [80, 24]);
    for (const [cols, rows] of [[2000, 2000], [1, 1], [80, 24]]) {
      const r = await d.request('POST', '/api/v1/panes/p1/resize', { json: { cols, rows } });
      assert.equal(r.status, 200);
      assert.deepEqual([r.json.cols, r.json.rows], [cols, rows]);
    }
  });

  it('400 for an id that is none', async () => {
    for (const id of ['a%20b', 'x'.repeat(65), '%00', 'p1%00', '%C3%A9', 'a%2Fb', 'a+b', 'p1%0a', '%ff'])
      for (const [method, rest] of [['GET', ''], ['DELETE', ''], ['POST', '/input'], ['GET', '/capture']]) {
        const r = await d.request(method, `/api/v1/panes/${id}${rest}`).catch((e) => e);
        if (/%(00|0a|0d)/.test(id)) {
          // Refused by the parser of requests: no answer, or one to a request that says nothing.
          assert.ok(r instanceof Error || (r.status >= 400 && r.status < 500), `${method} ${id}: ${r.status}`);
          continue;
        }
        assert.ok(r.status === 400 || r.status === 404, `${method} ${id}: ${r.status} ${r.text}`);
        if (!/%(2F|ff)/.test(id)) assertError(r, 400, 'bad_id');
      }
    assert.equal((await d.pane('p1')).state, 'running');
  });

  it('400 for a capture in an unknown format', async () => {
    assertError(await d.request('GET', '/api/v1/panes/p1/capture?format=pdf'), 400, 'bad_params');
    assert.equal((await d.request('GET', '/api/v1/panes/p1/capture?format=text')).status, 200);
    assert.equal((await d.request('GET', '/api/v1/panes/p1/capture?format=ansi')).status, 200);
  });

  it('400 for a token that ends at a time that is none', async () => {
    for (const expires_in of [0, -1, 1.5, '60', 1e18, null])
      assertError(await d.request('POST', '/api/v1/tokens', { json: { expires_in } }), 400, 'bad_params');
  });

  it('400 for a signal that is none', async () => {
    for (const signal of ['', 'SIG', 'NOPE', 9, null, 'SIGKILLL', 'kill'])
      assertError(await d.request('POST', '/api/v1/panes/p1/signal', { json: { signal } }), 400, 'bad_params');
    assert.equal((await d.pane('p1')).state, 'running');
  });

  it('409 for a name that is taken, and for a prefix that two have', async () => {
    const one = await d.new(['cat'], { name: 'work.one' });
    await d.new(['cat'], { name: 'work.two' });
    assertError(await d.request('POST', '/api/v1/panes', { json: { command: ['cat'], name: 'work.one' } }), 409, 'name_taken');
    assertError(await d.request('POST', '/api/v1/panes', { json: { command: ['cat'], name: 'p1' } }), 409, 'name_taken');
    for (const [method, rest] of [['GET', ''], ['DELETE', ''], ['POST', '/input'], ['GET', '/capture']])
      assertError(await d.request(method, `/api/v1/panes/work${rest}`), 409, 'ambiguous');
    assert.equal((await d.pane('work.o')).id, one.id);
    await d.remove('work.one');
    await until('the first to be gone', () => d.gone(one.id));
    assert.equal((await d.pane('work')).name, 'work.two');
    await d.remove('work.two');
  });

  it('409 for a pane that has ended', async () => {
    const { id } = await d.new(['true']);
    await d.exited(id);
    assertError(await d.request('POST', `/api/v1/panes/${id}/input`, { body: 'x' }), 409, 'pane_exited');
    assertError(await d.request('POST', `/api/v1/panes/${id}/resize`, { json: { cols: 9, rows: 9 } }), 409, 'pane_exited');
    assertError(await d.request('POST', `/api/v1/panes/${id}/signal`, { json: { signal: 'INT' } }), 409, 'pane_exited');
  });

  it('413 for a body over its limit, 411 for one of unknown length', async () => {
    const big = Buffer.alloc(1024 * 1024 + 1, 'x');
    assertError(await d.request('POST', '/api/v1/panes/p1/resize', { body: 'x'.repeat(1025) }), 413, 'too_large');
    assertError(await d.request('POST', '/api/v1/panes', { body: big.subarray(0, 256 * 1024 + 1) }), 413, 'too_large');
    const raw = await Raw.open(d.tcp);
    try {
      const host = `Host: 127.0.0.1:${d.port}`;
      const token = `Authorization: Bearer ${d.token}`;
      await raw.write(requestText('POST', '/api/v1/panes/p1/input', [host, token, `Content-Length: ${big.length}`]));
      assert.equal((await raw.answer()).status, 413, 'refused before it is sent');
    } finally {
      raw.close();
    }
    const chunked = await Raw.open(d.tcp);
    try {
      await chunked.write(requestText('POST', '/api/v1/panes/p1/input',
        [`Host: 127.0.0.1:${d.port}`, `Authorization: Bearer ${d.token}`, 'Transfer-Encoding: chunked']) + '3\r\nabc\r\n0\r\n\r\n');
      const r = await chunked.answer();
      assert.equal(r.status, 411);
      assert.equal(JSON.parse(r.body).error, 'length_required');
    } finally {
      chunked.close();
    }
  });

  it('422 for a command that cannot be started, and no pane', async () => {
    const before = (await d.ok('GET', 'panes')).panes.map((p) => p.id);
    const cases = [
      [{ command: ['no-such-command-here'] }, /No such file/],
      [{ command: ['/no/such/command'] }, /No such file/],
      [{ command: [d.socket] }, /Permission denied/],
      [{ command: ['/'] }, /Permission denied/],
      [{ command: ['/etc/passwd'] }, /Permission denied/],
      [{ command: ['true'], cwd: '/no/such/place' }, /No such file/],
      [{ command: ['true'], cwd: '/etc/passwd' }, /Not a directory/],
      [{ command: ['sh', '-c', 'true'], env: { PATH: '/nowhere' } }, /No such file/],
      [{ command: ['true', 'x'.repeat(200 * 1024)] }, /too long/],
    ];
    for (const [json, why] of cases) {
      const r = await d.request('POST', '/api/v1/panes', { json });
      assertError(r, 422, 'cannot_start');
      assert.match(r.json.message, why);
    }
    assert.deepEqual((await d.ok('GET', 'panes')).panes.map((p) => p.id), before);
  });

  it('goes on with a connection after what it has refused', async () => {
    const raw = await Raw.open(d.tcp);
    const host = `Host: 127.0.0.1:${d.port}`;
    const token = `Authorization: Bearer ${d.token}`;
    try {
      await raw.write(requestText('POST', '/api/v1/panes/p1/resize', [host, token], '{'));
      assert.equal((await raw.answer()).status, 400);
      await raw.write(requestText('POST', '/api/v1/panes/p1/resize', [host], '{"cols":80,"rows":24}'));
      assert.equal((await raw.answer()).status, 401);
      await raw.write(requestText('GET', '/api/v1/panes/nobody', [host, token]));
      assert.equal((await raw.answer()).status, 404);
      await raw.write(requestText('GET', '/healthz', [host]));
      assert.equal((await raw.answer()).status, 200);
    } finally {
      raw.close();
    }
  });

  it('gives the page with ETag, gzip and a strict policy', async () => {
    const plain = await d.request('GET', '/', { token: null });
    assert.equal(plain.status, 200);
    assert.match(plain.headers['content-type'], /^text\/html/);
    const csp = plain.headers['content-security-policy'];
    assert.match(csp, /default-src 'none'/);
    assert.match(csp, /frame-ancestors 'none'/);
    assert.match(csp, /script-src 'self'(;|$)/);
    assert.match(csp, /require-trusted-types-for 'script'; trusted-types 'none'$/);
    assert.doesNotMatch(csp, /script-src[^;]*unsafe/);
    assert.equal(plain.headers['x-content-type-options'], 'nosniff');
    assert.equal(plain.headers['referrer-policy'], 'no-referrer');
    assert.equal(plain.headers['content-encoding'], undefined);
    const zipped = await d.request('GET', '/', { headers: { 'accept-encoding': 'gzip, br' } });
    assert.equal(zipped.headers['content-encoding'], 'gzip');
    assert.match(zipped.headers.vary, /accept-encoding/i);
    assert.deepEqual(gunzipSync(zipped.bytes), plain.bytes);
    const { etag } = plain.headers;
    assert.match(etag, /^"[^"]+"$/);
    const same = await d.request('GET', '/', { headers: { 'if-none-match': etag } });
    assert.equal(same.status, 304);
    assert.equal(same.bytes.length, 0);
    assert.equal(same.headers.etag, etag);
    const other = await d.request('GET', '/', { headers: { 'if-none-match': '"other"' } });
    assert.equal(other.status, 200);
    const files = [...plain.text.matchAll(/(?:src|href)="\/?([^"]+)"/g)].map((m) => m[1]);
    for (const file of files) {
      assert.doesNotMatch(file, /^(https?:)?\/\//, 'nothing from elsewhere');
      const r = await d.request('GET', `/${file}`, { token: null });
      assert.equal(r.status, 200, file);
      assert.ok(r.bytes.length > 0);
    }
  });

  it('does not zip for who refuses it', async () => {
    const r = await d.request('GET', '/', { headers: { 'accept-encoding': 'identity, gzip;q=0' } });
    assert.equal(r.status, 200);
    assert.equal(r.headers['content-encoding'], undefined);
    assert.match(r.text, /<html/i);
  });

  it('gives metrics as Prometheus reads them', async () => {
    const r = await d.request('GET', '/metrics');
    assert.match(r.headers['content-type'], /^text\/plain; version=0\.0\.4/);
    assert.ok(r.text.endsWith('\n'));
    const types = new Map();
    const seen = new Set();
    for (const line of r.text.trimEnd().split('\n')) {
      const help = line.match(/^# HELP (\S+) .+$/);
      const type = line.match(/^# TYPE (\S+) (counter|gauge|histogram|summary|untyped)$/);
      const value = line.match(/^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})? ([-+0-9.eE]+|NaN|[+-]Inf)$/);
      assert.ok(help || type || value, line);
      if (type) types.set(type[1], type[2]);
      if (!value) continue;
      assert.ok(types.has(value[1]), `${value[1]} has a type`);
      assert.ok(!seen.has(value[1]), `${value[1]} is there once`);
      assert.ok(!Number.isNaN(Number(value[3])), line);
      if (types.get(value[1]) === 'counter') assert.match(value[1], /_total$/);
      seen.add(value[1]);
    }
    assert.ok(seen.has('panescry_panes_running'));
    const one = await d.metric('panescry_http_requests_total');
    const two = await d.metric('panescry_http_requests_total');
    assert.equal(two, one + 1);
  });

  it('shows a pane as the contract says', async () => {
    const p = await d.pane('p1');
    assert.equal(p.kind, 'native');
    assert.equal(p.state, 'running');
    assert.equal(p.exit_status, null);
    assert.deepEqual(p.command, ['cat']);
    for (const name of ['pid', 'cols', 'rows', 'offset', 'first_line', 'last_line', 'viewers'])
      assert.ok(Number.isInteger(p[name]), name);
    for (const name of ['name', 'title', 'cwd']) assert.ok(name in p, name);
    assert.match(p.last_activity, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const listed = (await d.ok('GET', 'panes')).panes.find((q) => q.id === 'p1');
    assert.deepEqual(Object.keys(listed), Object.keys(p));
  });

  it('is the same over the Unix socket, without a token', async () => {
    assert.equal((await d.local('GET', '/api/v1/panes')).status, 200);
    const made = await d.local('POST', '/api/v1/panes', { json: { command: ['cat'] } });
    assert.equal(made.status, 201);
    const gone = await d.local('DELETE', `/api/v1/panes/${made.json.id}`);
    assert.equal(gone.status, 200);
    // Whoever can open the socket is the user: no name or origin is asked for.
    const odd = await request({ socketPath: d.socket }, 'GET', '/api/v1/panes',
      { headers: { host: 'elsewhere.example', origin: 'https://elsewhere.example' } });
    assert.equal(odd.status, 200);
  });
});

describe('the number of panes', () => {
  it('has a limit; those that have ended make room', async () => {
    const d = await startDaemon();
    try {
      const { panes: limit } = (await d.info()).limits;
      assert.equal(limit, 256);
      const ids = [];
      await each(Array.from({ length: limit }), 8, async () => {
        ids.push((await d.new(['sleep', '1000'])).id);
      });
      assert.equal(new Set(ids).size, limit);
      const r = await d.request('POST', '/api/v1/panes', { json: { command: ['sleep', '1000'] } });
      assertError(r, 429, 'too_many_panes');
      await d.ok('POST', `panes/${ids[7]}/signal`, { signal: 'KILL' });
      await d.exited(ids[7]);
      const next = await d.new(['sleep', '1000']);
      assert.ok(!ids.includes(next.id), 'ids are not used again');
      assert.ok(await d.gone(ids[7]), 'the one that had ended made room');
      assert.equal((await d.ok('GET', 'panes')).panes.length, limit);
      assertError(await d.request('POST', '/api/v1/panes', { json: { command: ['true'] } }), 429, 'too_many_panes');
      await d.well();
    } finally {
      await d.stop();
    }
  });
});
