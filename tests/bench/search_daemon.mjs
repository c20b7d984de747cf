// node search_daemon.mjs PROGRAM [PANES]: searches over HTTP, as a client sees them. See README.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [program, count = '1000'] = process.argv.slice(2);
const LINES = 5000;
const dir = mkdtempSync(join(tmpdir(), 'panescry-bench-'));
writeFileSync(join(dir, 'conf'), `max_panes = ${Number(count) + 10}\narchive = off\n`);
const socketPath = join(dir, 's.sock');
const child = spawn(
  program,
  ['serve', '--foreground', '--listen', '127.0.0.1:0', '--socket', socketPath, '--state-dir', dir, '--no-auth'],
  { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, PANESCRY_CONFIG: join(dir, 'conf') } },
);
const port = await new Promise((resolve) => {
  child.stdout.on('data', (d) => resolve(Number(new URL(String(d).split('\n')[0]).port)));
});
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

const ask = (method, path, body) =>
  new Promise((resolve, reject) => {
    const r = http.request({ port, host: '127.0.0.1', method, path, agent }, (res) => {
      const parts = [];
      res.on('data', (d) => parts.push(d));
      res.on('end', () => resolve(JSON.parse(Buffer.concat(parts))));
    });
    r.on('error', reject);
    r.end(body);
  });
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const command = ['sh', '-c', `seq -f "%.0f INFO request served in 12 ms by worker 3 of the pool, status 200" 1 ${LINES - 1}; echo the needle; sleep 100000`];
const fill = async (n) => {
  for (let i = 0; i < n; i++) await ask('POST', '/api/v1/panes', JSON.stringify({ command, cols: 120 }));
  for (;;) {
    const { panes } = await ask('GET', '/api/v1/panes');
    if (panes.every((p) => p.last_line >= LINES)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};
const time = async (runs, path) => {
  const ms = [];
  const inside = [];
  for (let i = 0; i < runs; i++) {
    const began = process.hrtime.bigint();
    const answer = await ask('GET', path);
    ms.push(Number(process.hrtime.bigint() - began) / 1e6);
    inside.push(answer.elapsed_us / 1e3);
  }
  return `${median(ms).toFixed(2)} ms round trip, ${median(inside).toFixed(2)} ms inside`;
};

await fill(1);
for (let i = 0; i < 50; i++) await ask('GET', '/healthz');
console.log(`GET /healthz: ${await (async () => {
  const ms = [];
  for (let i = 0; i < 200; i++) {
    const began = process.hrtime.bigint();
    await ask('GET', '/healthz');
    ms.push(Number(process.hrtime.bigint() - began) / 1e6);
  }
  return median(ms).toFixed(2);
})()} ms round trip`);
for (const [name, query] of [['needle', 'pattern=needle'], ['no hit', 'pattern=zqxjkvbnope'], ['50 of all lines', 'pattern=status']])
  console.log(`1 pane of ${LINES} lines, ${name}: ${await time(200, `/api/v1/search?${query}`)}`);
await fill(Number(count) - 1);
for (const [name, query] of [['needle', 'pattern=needle'], ['no hit', 'pattern=zqxjkvbnope'], ['expression', 'pattern=worker%20%5B4-9%5D'], ['newest 50', 'pattern=status&order=newest']])
  console.log(`${count} panes of ${LINES} lines, ${name}: ${await time(15, `/api/v1/search?${query}`)}`);
child.kill('SIGTERM');
child.on('exit', () => {
  rmSync(dir, { recursive: true, force: true });
  process.exit(0);
});
