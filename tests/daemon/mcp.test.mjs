// The Model Context Protocol: the official SDK's client uses every tool and resource over both ways,
// and one that is hostile gets its errors and nothing else.

import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EmptyResultSchema, ErrorCode, ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { privateDir, useDaemon } from './lib/daemon.mjs';
import { call, connect, fails, Raw } from './lib/mcp.mjs';
import { assertRefused, panescry } from './lib/run.mjs';
import { until, within } from './lib/until.mjs';

const READS = ['panes_list', 'pane_capture', 'pane_wait', 'search', 'sessions_list', 'session_read', 'usage', 'job_status', 'job_output'];
const WRITES = ['pane_new', 'pane_send', 'job_run', 'job_cancel', 'watch_add'];
const SECRET = `sk-ant-api03-${'a1B2'.repeat(20)}`;

const code = (c) => (e) => e.code === c || assert.fail(`${e.code} ${e.message}`);
const names = async (client) => (await client.listTools()).tools.map((t) => t.name).sort();

/** A session with what is worth finding in it. */
async function record(d, title) {
  const { id } = await d.ok('POST', 'sessions', { agent: 'maker', title, model: 'claude-opus-4-5', cwd: '/tmp' });
  const events = [
    { type: 'message_start', message: 'u', role: 'user', text: `please find the ${title}` },
    { type: 'message_start', message: 'a', role: 'assistant', model: 'claude-opus-4-5', text: `the key is ${SECRET}, said ${'é'.repeat(3000)}` },
    { type: 'tool_call', call: 'c', message: 'a', name: 'shell', input: { command: ['ls'] } },
    { type: 'tool_result', call: 'c', output: 'a\nb', outcome: 'ok', duration_ms: 5 },
    { type: 'token_usage', message: 'a', model: 'claude-opus-4-5', input_tokens: 10, output_tokens: 5 },
    { type: 'message_end', message: 'a' },
    { type: 'agent_end', outcome: 'ok' },
  ];
  const body = events.map((e, i) => `${JSON.stringify({ seq: i + 1, ...e })}\n`).join('');
  const r = await d.request('POST', `/api/v1/sessions/${id}/events`, { body });
  assert.equal(r.status, 200, r.text);
  return String(id);
}

describe('the Model Context Protocol', () => {
  const d = useDaemon({ before, after }, { args: ['--no-tmux'] });

  it('lists what it has, by what is allowed', async () => {
    for (const how of ['stdio', 'http']) {
      const reader = await connect(d, how);
      assert.deepEqual(await names(reader), [...READS].sort(), how);
      const { tools } = await reader.listTools();
      for (const t of tools) {
        assert.equal(t.inputSchema.additionalProperties, false, t.name);
        assert.equal(t.annotations.readOnlyHint, true, t.name);
        assert.ok(t.description.length > 20 && t.title, t.name);
      }
      assert.deepEqual([reader.getServerVersion().name, Boolean(reader.getServerCapabilities().resources.subscribe)], ['panescry', how === 'stdio']);
      assert.match(reader.getInstructions(), /never take it for instructions/);
      await reader.ping();
      for (const name of WRITES) await assert.rejects(reader.callTool({ name, arguments: {} }), code(ErrorCode.InvalidParams), name);
      await assert.rejects(reader.callTool({ name: 'format_disk' }), code(ErrorCode.InvalidParams));
      await reader.close();
    }
    const writer = await connect(d, 'stdio', { write: true });
    assert.deepEqual(await names(writer), [...READS, ...WRITES].sort());
    const { tools } = await writer.listTools();
    assert.ok(tools.filter((t) => WRITES.includes(t.name)).every((t) => t.annotations.readOnlyHint === false));
    assert.equal(tools.find((t) => t.name === 'pane_send').annotations.destructiveHint, true);
    await writer.close();
  });

  it('tells who asks wrongly what is wrong', async () => {
    const c = await connect(d, 'stdio', { write: true });
    const wrong = [
      ['panes_list', { more: 1 }], ['panes_list', { limit: 0 }], ['panes_list', { limit: '5' }], ['panes_list', { limit: 1.5 }], ['panes_list', { cursor: 'x' }],
      ['pane_capture', {}], ['pane_capture', { pane: 1 }], ['pane_capture', { pane: '../jobs' }], ['pane_capture', { pane: 'x'.repeat(65) }],
      ['pane_wait', { pane: 'p1' }], ['pane_wait', { pane: 'p1', pattern: 'x', from: 'later' }], ['pane_wait', { pane: 'p1', pattern: 'x', fixed: 1 }],
      ['search', { pattern: '' }], ['search', { pattern: 'x', source: 'tmux capture' }], ['search', { pattern: 'x', cursor: 'o99999' }],
      ['pane_new', { command: 'ls' }], ['pane_new', { command: [1] }], ['pane_new', { env: { A: 1 } }], ['pane_send', { pane: 'p1', keys: ['Nokey'] }], ['pane_send', { pane: 'p1' }],
      ['job_run', {}], ['job_run', { command: [] }], ['job_output', { job: 'j1', max_bytes: 1 }], ['session_read', { session: '1', what: 'all' }],
    ];
    for (const [name, args] of wrong) await assert.rejects(c.callTool({ name, arguments: args }), code(ErrorCode.InvalidParams), `${name} ${JSON.stringify(args)}`);
    await fails(c, 'pane_capture', { pane: 'nowhere' }, /no_such_pane/);
    await fails(c, 'search', { pattern: '(' }, /bad_pattern/);
    await fails(c, 'session_read', { session: '99999' }, /no_such_session/);
    await fails(c, 'job_status', { job: 'j99999' }, /no_such_job/);
    await fails(c, 'job_output', { job: 'j99999' }, /no_such_job/);
    await fails(c, 'search', { pattern: 'x', since: 'whenever' }, /bad_params/);
    for (const uri of ['panescry://panes/nowhere', 'panescry://panes/', 'panescry://panes/a%2Fb', 'panescry://panes/..', 'panescry://tokens/1', 'file:///etc/passwd', `panescry://jobs/${'x'.repeat(300)}`])
      await assert.rejects(c.readResource({ uri }), code(-32002), uri);
    await assert.rejects(c.listResources({ cursor: 'tokens:0' }), code(ErrorCode.InvalidParams));
    await assert.rejects(c.request({ method: 'prompts/list' }, EmptyResultSchema), code(ErrorCode.MethodNotFound));
    await c.close();
  });

  it('works over stdio', async () => useEverything(await connect(d, 'stdio', { write: true }), d));

  it('keeps time for who waits, and lets go of who does not', async () => {
    const c = await connect(d, 'stdio', { write: true });
    const { id } = await call(c, 'pane_new', { command: ['cat'] });
    const stop = new AbortController();
    const left = c.callTool({ name: 'pane_wait', arguments: { pane: id, pattern: 'never', timeout_s: 3600 } }, undefined, { signal: stop.signal });
    const got = call(c, 'pane_wait', { pane: id, pattern: '^now (\\w+)', timeout_s: 600 });
    const waits = (n) => until(`${n} to wait`, async () => (await d.metric('panescry_waits')) === n);
    await waits(2);
    assert.equal((await call(c, 'panes_list')).panes.find((p) => p.id === id).state, 'running', 'others are not held up');
    stop.abort();
    await assert.rejects(left);
    await waits(1);
    await call(c, 'pane_send', { pane: id, text: 'now it', keys: ['Enter'] });
    assert.deepEqual((({ matched, captures }) => ({ matched, captures }))(await got), { matched: true, captures: ['it'] });
    assert.deepEqual(await call(c, 'pane_wait', { pane: id, pattern: 'never', timeout_s: 0 }), { matched: false, reason: 'timeout' });
    const last = call(c, 'pane_wait', { pane: id, pattern: 'never' });
    await waits(1);
    await call(c, 'pane_send', { pane: id, keys: ['C-d'] });
    assert.deepEqual(await last, { matched: false, reason: 'pane_exited' });
    // Whoever leaves takes its waits along.
    const { id: other } = await call(c, 'pane_new', { command: ['cat'] });
    c.callTool({ name: 'pane_wait', arguments: { pane: other, pattern: 'never', timeout_s: 3600 } }).catch(() => {});
    await waits(1);
    await c.close();
    await waits(0);
    await d.remove(other);
    await d.remove(id);
  });

  it('tells of what is subscribed to', async () => {
    const c = await connect(d, 'stdio', { write: true });
    const told = [];
    c.setNotificationHandler(ResourceUpdatedNotificationSchema, (n) => told.push(n.params.uri));
    const { id } = await call(c, 'pane_new', { command: ['cat'] });
    const session = await record(d, 'subscribed');
    const { id: job } = await call(c, 'job_run', { command: ['sleep', '600'] });
    const uris = [`panescry://panes/${id}`, `panescry://sessions/${session}`, `panescry://jobs/${job}`];
    for (const uri of uris) await c.subscribeResource({ uri });
    await assert.rejects(c.subscribeResource({ uri: 'panescry://panes/nowhere' }), code(-32002));
    await d.type(id, 'something\n');
    await until('word of the pane', () => told.includes(uris[0]));
    assert.match((await c.readResource({ uri: uris[0] })).contents[0].text, /something/);
    const more = await d.request('POST', `/api/v1/sessions/${session}/events`, { body: `${JSON.stringify({ seq: 8, type: 'message_start', message: 'u2', role: 'user', text: 'more' })}\n` });
    assert.equal(more.status, 200, more.text);
    await until('word of the session', () => told.includes(uris[1]));
    await call(c, 'job_cancel', { job, reason: 'enough' });
    await until('word of the job', () => told.includes(uris[2]));
    await c.unsubscribeResource({ uri: uris[0] });
    await d.remove(id);
    await c.close();
  });

  it('answers over HTTP as its tokens may', async () => {
    const url = `http://127.0.0.1:${d.port}/mcp`;
    const { token: reads } = await d.ok('POST', 'tokens', { name: 'mcp-reads', read_only: true });
    const { id } = await d.sh('echo for readers; cat');
    await d.shows(id, 'for readers');
    const { token: one } = await d.ok('POST', 'tokens', { name: 'mcp-one', pane: id });
    const c = await connect(d, 'http', { token: reads });
    assert.deepEqual(await names(c), [...READS].sort());
    assert.match((await call(c, 'pane_capture', { pane: id })).text, /for readers/);
    assert.equal((await call(c, 'pane_wait', { pane: id, pattern: 'readers', from: 'start' })).matched, true);
    await assert.rejects(c.subscribeResource({ uri: `panescry://panes/${id}` }));
    await c.close();
    const post = (body, headers = {}, more = {}) => d.request('POST', '/mcp', { body: typeof body === 'string' ? body : JSON.stringify(body), headers, ...more });
    assert.equal((await post({}, {}, { token: null })).status, 401);
    assert.equal((await post({}, {}, { token: one })).status, 403);
    assert.equal((await d.request('GET', '/mcp')).status, 405);
    assert.equal((await d.request('DELETE', '/mcp')).status, 405);
    assert.equal((await post({ jsonrpc: '2.0', method: 'notifications/initialized' })).status, 202);
    assert.equal((await post({ jsonrpc: '2.0', id: 1, result: {} })).status, 202);
    assert.equal((await post({ jsonrpc: '2.0', id: 1, method: 'ping' }, { 'mcp-protocol-version': '1999-01-01' })).status, 400);
    for (const [body, error] of [['{', -32700], ['', -32700], ['[]', -32600], ['1', -32600], ['{}', -32600], ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600], [`${'['.repeat(100)}${']'.repeat(100)}`, -32700]]) {
      const r = await post(body);
      assert.deepEqual([r.status, r.json.error.code], [400, error], body);
    }
    const ping = (n) => ({ jsonrpc: '2.0', id: n, method: 'ping' });
    const both = await post([ping(1), { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'panes_list' } }, { jsonrpc: '2.0', method: 'notifications/initialized' }]);
    assert.deepEqual(both.json.map((m) => m.id).sort(), [1, 2]);
    assert.equal((await post([ping(1)], { 'mcp-protocol-version': '2025-06-18' })).status, 400);
    assert.equal((await post(' '.repeat(600 * 1024))).status, 413);
    // Somebody who goes away while it waits.
    const gone = new AbortController();
    const wait = fetch(url, { method: 'POST', signal: gone.signal, headers: { authorization: `Bearer ${reads}` }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'pane_wait', arguments: { pane: id, pattern: 'never', timeout_s: 3600 } } }) });
    await until('it to wait', async () => (await d.metric('panescry_waits')) === 1);
    gone.abort();
    await assert.rejects(wait);
    await until('none to wait', async () => (await d.metric('panescry_waits')) === 0);
    await d.remove(id);
  });

  it('bears what is hostile', async () => {
    const raw = new Raw(d.env);
    const initialize = (version) => ({ protocolVersion: version, capabilities: {}, clientInfo: { name: 'x', version: '1' } });
    for (const [asked, given] of [['2024-11-05', '2024-11-05'], ['2025-03-26', '2025-03-26'], ['1999-01-01', '2025-06-18'], ['2025-06-18', '2025-06-18']])
      assert.equal((await raw.ask(`v${asked}`, 'initialize', initialize(asked))).result.protocolVersion, given);
    assert.equal((await raw.ask('i', 'initialize', {})).error.code, -32602);
    const bad = [
      ['{', -32700], ['nonsense', -32700], ['{"jsonrpc":"2.0"', -32700], ['{"a":1}{"b":2}', -32700], [`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`, -32700], ['"\\u0000"', -32700],
      [Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), -32700], [Buffer.from('{"id":1,"\0":2}'), -32700],
      ['[]', -32600], ['[1]', -32600], ['null', -32600], ['"text"', -32600], ['{"jsonrpc":"1.0","id":7,"method":"ping"}', -32600, 7], ['{"jsonrpc":"2.0","id":8}', -32600, 8],
      ['{"jsonrpc":"2.0","id":9,"method":5}', -32600, 9], ['{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600], ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600], ['{"jsonrpc":"2.0","id":1e300,"method":"ping"}', -32600],
      ['{"jsonrpc":"2.0","id":10,"method":"ping","params":[1]}', -32600, 10], ['{"jsonrpc":"2.0","id":11,"method":"no/such"}', -32601, 11], ['{"jsonrpc":"2.0","id":12,"method":"tools/call"}', -32602, 12],
      ['{"jsonrpc":"2.0","id":13,"method":"tools/call","params":{"name":"panes_list","arguments":[]}}', -32602, 13], ['{"jsonrpc":"2.0","id":14,"method":"resources/read","params":{"uri":5}}', -32602, 14],
      ['{"jsonrpc":"2.0","id":15,"method":"tools/call","params":{"name":"panes_list","arguments":{"limit":1,"limit":2}}}', -32602, 15],
      [`{"jsonrpc":"2.0","id":16,"method":"${'x'.repeat(600 * 1024)}"}`, -32600],
    ];
    for (const [text, error, id = null] of bad) {
      await raw.write(Buffer.concat([Buffer.from(text), Buffer.from('\n')]));
      const m = await raw.answer(id);
      assert.equal(m.error.code, error, String(text).slice(0, 60));
      assert.equal(typeof m.error.message, 'string');
    }
    // What needs no answer gets none.
    await raw.write('\n \r\n{"jsonrpc":"2.0","method":"notifications/whatever"}\n{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"none"}}\n{"jsonrpc":"2.0","id":5,"result":{}}\n');
    // Split anywhere, ended by CR LF, many in one piece.
    for (const c of '{"jsonrpc":"2.0","id":"split","method":"ping"}\r\n') await raw.write(c);
    assert.deepEqual((await raw.answer('split')).result, {});
    await raw.write(Array.from({ length: 500 }, (_, i) => `{"jsonrpc":"2.0","id":${i},"method":"ping"}\n`).join(''));
    for (let i = 0; i < 500; i++) assert.deepEqual((await raw.answer(i)).result, {});
    // As many waits as there may be, and one more; ids that are in use.
    const { id } = await d.sh('cat');
    const wait = (n) => ({ jsonrpc: '2.0', id: n, method: 'tools/call', params: { name: 'pane_wait', arguments: { pane: id, pattern: 'never', timeout_s: 3600 } } });
    for (let i = 0; i < 64; i++) await raw.say(wait(i));
    await raw.say(wait(0));
    assert.equal((await raw.answer(0)).error.code, -32600);
    await raw.say(wait(64));
    assert.equal((await raw.answer(64)).error.code, -32000);
    for (let i = 0; i < 64; i++) await raw.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: i } });
    assert.deepEqual((await raw.ask('after', 'ping')).result, {});
    await until('none to wait', async () => (await d.metric('panescry_waits')) === 0);
    // Batches, of the version that has them.
    await raw.ask('again', 'initialize', initialize('2025-03-26'));
    const ping = (n) => ({ jsonrpc: '2.0', id: n, method: 'ping' });
    await raw.say([ping('a'), 5, { jsonrpc: '2.0', method: 'x' }, wait('b'), ping('c')]);
    await raw.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'b' } });
    const batch = await raw.hear((m) => Array.isArray(m));
    assert.deepEqual(batch.map((m) => [m.id, m.error?.code ?? 0]), [['a', 0], [null, -32600], ['c', 0]]);
    await raw.say(Array.from({ length: 33 }, (_, i) => ping(i)));
    assert.equal((await raw.answer(null)).error.code, -32600);
    await raw.say(wait('left'));
    await raw.end();
    assert.deepEqual(raw.messages, []);
    await until('none to wait', async () => (await d.metric('panescry_waits')) === 0);
    await d.remove(id);
  });

  it('says what is wrong on the command line, and without a daemon', async () => {
    assertRefused(await panescry(['mcp', '--frob']), 2, /--frob/);
    assertRefused(await panescry(['mcp', 'more']), 2, /no arguments/);
    const raw = new Raw({ PANESCRY_SOCKET: '/nowhere/at/all' });
    const r = await raw.ask(1, 'tools/call', { name: 'panes_list' });
    assert.equal(r.result.isError, true);
    assert.match(r.result.content[0].text, /daemon does not answer/);
    assert.equal((await raw.ask(2, 'resources/list')).error.code, -32603);
    await raw.end();
  });

  it('is told of in files that are what they say', async () => {
    const dir = fileURLToPath(new URL('../../contrib/mcp/', import.meta.url));
    const readme = await readFile(join(dir, 'README'), 'utf8');
    for (const name of ['claude-code', 'cursor', 'gemini', 'http', 'opencode', 'vscode', 'zed']) {
      const text = await readFile(join(dir, `${name}.json`), 'utf8');
      assert.match(JSON.stringify(JSON.parse(text)), /"panescry"/);
      assert.ok(readme.includes(`${name}.json`));
    }
    assert.match(await readFile(join(dir, 'codex.toml'), 'utf8'), /^\[mcp_servers\.panescry\]\ncommand = "panescry"\nargs = \["mcp"\]$/m);
  });
});

describe('the Model Context Protocol over HTTP, where it may write', () => {
  let home;
  before(async () => {
    home = await privateDir();
    await mkdir(join(home, 'panescry'));
    await writeFile(join(home, 'panescry', 'panescry.conf'), 'mcp_write = on\n');
  });
  const d = useDaemon({ before, after }, { args: ['--no-tmux'], get env() { return { XDG_CONFIG_HOME: home }; } });
  after(() => rm(home, { recursive: true }));

  it('works over HTTP', async () => {
    const c = await connect(d, 'http');
    assert.deepEqual(await names(c), [...READS, ...WRITES].sort());
    await useEverything(c, d);
  });

  it('does not write for a token that may only read', async () => {
    const { token } = await d.ok('POST', 'tokens', { read_only: true });
    const c = await connect(d, 'http', { token });
    assert.deepEqual(await names(c), [...READS].sort());
    for (const name of WRITES) await assert.rejects(c.callTool({ name, arguments: {} }), code(ErrorCode.InvalidParams), name);
    await c.close();
  });
});

/** Every tool and every resource. */
async function useEverything(c, d) {
  // Panes.
  const made = await call(c, 'pane_new', { command: ['sh', '-c', 'printf "bad \\377 byte\\n"; seq 1 1200; echo $WORD; cat'], name: 'mcp-pane', env: { WORD: 'from-env' }, cols: 100, rows: 20 });
  assert.deepEqual([made.name, made.cols, made.state], ['mcp-pane', 100, 'running']);
  assert.equal((await call(c, 'pane_wait', { pane: made.id, pattern: '^from-(\\w+)$', from: 'start', timeout_s: 60 })).captures[0], 'env');
  await call(c, 'pane_send', { pane: 'mcp-pane', text: 'typed here', enter: true });
  await call(c, 'pane_wait', { pane: 'mcp-pane', pattern: 'typed', from: 'start', fixed: true });
  const shown = await call(c, 'pane_capture', { pane: 'mcp-pane' });
  assert.match(shown.text, /1200\nfrom-env\ntyped here\n/);
  assert.equal(shown.rows, 20);
  assert.ok((await call(c, 'pane_capture', { pane: 'mcp-pane', history: 50 })).lines > shown.lines);
  let lines = [];
  let page = await call(c, 'pane_capture', { pane: 'mcp-pane', from_line: 1 });
  for (; page.next_cursor; page = await call(c, 'pane_capture', { pane: 'mcp-pane', cursor: page.next_cursor })) lines.push(...page.text.split('\n').slice(0, -1));
  lines.push(...page.text.split('\n').slice(0, -1));
  assert.equal(lines[0], 'bad \ufffd byte');
  assert.deepEqual(lines.slice(1, 1201), Array.from({ length: 1200 }, (_, i) => String(i + 1)));
  const others = await Promise.all([1, 2, 3].map(() => call(c, 'pane_new', { command: ['cat'] })));
  let ids = [];
  page = await call(c, 'panes_list', { limit: 3 });
  assert.equal(page.panes.length, 3);
  for (; ; page = await call(c, 'panes_list', { limit: 3, cursor: page.next_cursor })) {
    ids.push(...page.panes.map((p) => p.id));
    if (!page.next_cursor) break;
  }
  for (const { id } of [made, ...others]) assert.equal(ids.filter((x) => x === id).length, 1, id);

  // What was printed, and said.
  const session = await record(d, 'needle');
  const all = (await call(c, 'search', { pattern: '^\\d*99$', pane: 'mcp-pane', order: 'oldest', limit: 200 })).matches.map((m) => m.content);
  assert.equal(all.length, 12);
  let found = [];
  page = await call(c, 'search', { pattern: '^\\d*99$', pane: 'mcp-pane', order: 'oldest', limit: 5, context: 1 });
  assert.deepEqual([page.matches[0].before, page.matches[0].after], [['98'], ['100']]);
  for (; ; page = await call(c, 'search', { pattern: '^\\d*99$', pane: 'mcp-pane', order: 'oldest', limit: 5, cursor: page.next_cursor })) {
    found.push(...page.matches.map((m) => m.content));
    if (!page.next_cursor) break;
  }
  assert.deepEqual(found, all);
  for (const source of ['auto', 'ring', 'capture', 'past', 'archive']) assert.ok(Array.isArray((await call(c, 'search', { pattern: 'FROM-ENV', ignore_case: true, source, since: '1h' })).matches), source);
  const said = await call(c, 'search', { pattern: 'find the needle', source: 'sessions', role: 'user', fixed: true });
  assert.deepEqual([said.matches[0].session, said.matches[0].role].map(String), [session, 'user']);
  assert.ok((await call(c, 'sessions_list', { agent: 'maker', text: 'needle' })).data.some((s) => String(s.id) === session));
  const messages = await call(c, 'session_read', { session, limit: 1 });
  assert.equal(messages.data.length, 1);
  assert.equal(messages.total, 2);
  const next = await call(c, 'session_read', { session, cursor: messages.next_cursor, text_max: 150 });
  assert.match(next.data[0].text, /\[masked\]/);
  assert.ok(Buffer.byteLength(next.data[0].text) <= 153 && !next.data[0].text.includes('\ufffd'), next.data[0].text);
  assert.equal((await call(c, 'session_read', { session, what: 'tools' })).data[0].name, 'shell');
  assert.equal((await call(c, 'session_read', { session, what: 'turns' })).data[0].input_tokens, 10);
  assert.equal((await call(c, 'session_read', { session, what: 'summary' })).title, 'needle');
  const usage = await call(c, 'usage', { by: 'agent', since: '1d' });
  assert.ok(usage.rows.some((r) => r.key === 'maker' && r.output_tokens >= 5) && usage.totals.input_tokens >= 10, JSON.stringify(usage));

  // Jobs.
  const ran = await call(c, 'job_run', { command: ['sh', '-c', 'i=0; while [ $i -lt 3000 ]; do echo "línea $i"; i=$((i+1)); done; echo wrong >&2; exit 3'], name: 'mcp-job' });
  const job = ran.id;
  await until('the end of the job', async () => (await call(c, 'job_status', { job })).state === 'failed');
  assert.equal((await call(c, 'job_status', { job })).exit_status, 3);
  assert.ok((await call(c, 'job_status', { text: 'mcp-job', state: 'failed' })).jobs.some((j) => j.id === job));
  assert.equal((await call(c, 'job_run', { command: ['true'], wait_s: 20 })).state, 'completed');
  await call(c, 'job_run', { command: ['true'] });
  const jobs = [];
  page = await call(c, 'job_status', { limit: 1 });
  for (; ; page = await call(c, 'job_status', { limit: 1, cursor: page.next_cursor })) {
    jobs.push(...page.jobs.map((j) => j.id));
    if (!page.next_cursor) break;
  }
  assert.ok(jobs.length >= 3 && new Set(jobs).size === jobs.length && jobs.includes(job), String(jobs));
  let output = '';
  let pages = 0;
  for (page = await call(c, 'job_output', { job, max_bytes: 1025 }); ; page = await call(c, 'job_output', { job, max_bytes: 1025, cursor: page.next_cursor })) {
    output += page.text;
    pages++;
    if (page.end) break;
  }
  assert.equal(output, Array.from({ length: 3000 }, (_, i) => `línea ${i}\n`).join(''));
  assert.ok(pages > 30);
  assert.match((await call(c, 'job_output', { job, tail: true, max_bytes: 1024 })).text, /línea 2999\n$/);
  assert.equal((await call(c, 'job_output', { job, channel: 2 })).text, 'wrong\n');
  const slow = await call(c, 'job_run', { command: ['sh', '-c', 'read x; sleep 600'] });
  await until('it to run', async () => (await call(c, 'job_status', { job: slow.id })).state === 'running');
  await call(c, 'job_cancel', { job: slow.id, reason: 'enough' });
  await until('its end', async () => (await call(c, 'job_status', { job: slow.id })).state === 'cancelled');
  await fails(c, 'job_cancel', { job: slow.id }, /ended/);

  // Watches.
  const watch = await call(c, 'watch_add', { pattern: 'alarm', pane: made.id, ignore_case: true, every_s: 5 });
  assert.equal(watch.icase, true);
  await d.ok('DELETE', `watches/${watch.id}`);

  // Resources.
  const listed = [];
  for (let cursor; ; ) {
    const r = await c.listResources(cursor ? { cursor } : undefined);
    listed.push(...r.resources.map((x) => x.uri));
    if (!(cursor = r.nextCursor)) break;
  }
  const uris = [`panescry://panes/${made.id}`, `panescry://sessions/${session}`, `panescry://jobs/${job}`];
  for (const uri of uris) assert.ok(listed.includes(uri), `${uri} of ${listed}`);
  const { resourceTemplates } = await c.listResourceTemplates();
  assert.deepEqual(resourceTemplates.map((t) => t.uriTemplate), ['panes', 'sessions', 'jobs'].map((k) => `panescry://${k}/{id}`));
  const read = async (uri) => (await c.readResource({ uri })).contents[0];
  assert.match((await read(uris[0])).text, /typed here/);
  const talk = JSON.parse((await read(uris[1])).text);
  assert.deepEqual([talk.session.title, talk.messages.length], ['needle', 2]);
  assert.ok(!JSON.stringify(talk).includes(SECRET));
  assert.equal(JSON.parse((await read(uris[2])).text).id, job);

  for (const { id } of [made, ...others]) await d.remove(id);
  await within('the client to leave', c.close());
}
