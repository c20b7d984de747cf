// panescry mcp and POST /mcp as the inspector's command line sees them (make check-mcp-inspector). It
// is 162 MB with all that it needs, so it is no dependency of the tests: it is installed for this run
// into a directory of its own, unless INSPECTOR names one in which it is.

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { privateDir, startDaemon } from '../lib/daemon.mjs';
import { BINARY, run } from '../lib/run.mjs';

const VERSION = '1.0.3';
const LONG_MS = 600_000;

const dir = process.env.INSPECTOR ?? (await privateDir());
if (!process.env.INSPECTOR) {
  const npm = await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', dir, `@modelcontextprotocol/inspector@${VERSION}`], { ms: LONG_MS });
  assert.equal(npm.status, 0, npm.err);
}
const program = join(dir, 'node_modules', '@modelcontextprotocol', 'inspector', 'cli', 'build', 'cli.js');
const d = await startDaemon({ args: ['--no-tmux'] });
let done = 0;

try {
  const ways = {
    stdio: ['-e', `PANESCRY_SOCKET=${d.socket}`, BINARY, 'mcp', '--allow-write'],
    http: [`http://127.0.0.1:${d.port}/mcp`, '--transport', 'http', '--header', `Authorization: Bearer ${d.token}`],
  };
  const ask = async (way, method, ...more) => {
    const r = await run(process.execPath, [program, '--cli', ...ways[way], '--method', method, ...more], { ms: 120_000 });
    assert.equal(r.status, 0, `${way} ${method} ${more.join(' ')}: ${r.err}`);
    done++;
    return JSON.parse(r.out);
  };
  const call = async (way, name, args = {}) => {
    const r = await ask(way, 'tools/call', '--tool-name', name, ...Object.entries(args).flatMap(([k, v]) => ['--tool-arg', `${k}=${JSON.stringify(v)}`]));
    assert.equal(r.isError, false, JSON.stringify(r));
    return JSON.parse(r.content[0].text);
  };
  const { tools } = await ask('stdio', 'tools/list');
  assert.equal(tools.length, 14);
  const { id } = await call('stdio', 'pane_new', { command: ['cat'], name: 'inspected' });
  await call('stdio', 'pane_send', { pane: id, text: 'typed', enter: true });
  const job = await call('stdio', 'job_run', { command: ['echo', 'out'], wait_s: 20 });
  const sleeper = await call('stdio', 'job_run', { command: ['sleep', '600'] });
  await call('stdio', 'job_cancel', { job: sleeper.id });
  await call('stdio', 'watch_add', { pattern: 'alarm' });
  const made = await d.ok('POST', 'sessions', { agent: 'maker', title: 'inspected' });
  const reads = {
    panes_list: {}, pane_capture: { pane: id }, pane_wait: { pane: id, pattern: 'typed', from: 'start' }, search: { pattern: 'typed', limit: 2 },
    sessions_list: {}, session_read: { session: String(made.id), what: 'summary' }, usage: {}, job_status: { job: job.id }, job_output: { job: job.id },
  };
  for (const way of Object.keys(ways)) {
    assert.equal((await ask(way, 'tools/list')).tools.length, way === 'stdio' ? 14 : 9);
    for (const [name, args] of Object.entries(reads)) await call(way, name, args);
    assert.ok((await ask(way, 'resources/list')).resources.some((r) => r.uri === `panescry://panes/${id}`));
    assert.equal((await ask(way, 'resources/templates/list')).resourceTemplates.length, 3);
    assert.match((await ask(way, 'resources/read', '--uri', `panescry://panes/${id}`)).contents[0].text, /typed/);
  }
  await d.well();
  console.log(`inspector ${VERSION}: ${done} commands, stdio and HTTP, each of the 14 tools: all answered as they should`);
} finally {
  await d.stop();
  if (!process.env.INSPECTOR) await rm(dir, { recursive: true, force: true });
}
