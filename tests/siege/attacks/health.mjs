// Before and after: is it the same process with the same panes, is it as quick, has it kept anything?

import { readdir, readFile } from 'node:fs/promises';
import { told } from './target.mjs';
import { pause } from './wire.mjs';

const MB = 1024 * 1024;
const GROWTH = 64 * MB; /* that caches, threads and allocators may take once */
const SPARE = 8; /* descriptors: of databases and archives that were opened meanwhile */
const SETTLED_MS = 60_000;
const ECHO_MS = 5000;

/** Of the process itself where it runs on this machine, else what it says of itself. */
async function measure(t) {
  const info = await t.ok('GET', '/api/v1/info');
  const text = await t.ok('GET', '/metrics');
  const metric = (name) => Number(text.match(new RegExp(`^${name} (\\S+)$`, 'm'))?.[1] ?? NaN);
  const out = {
    pid: info.pid,
    restarts: info.keeper?.restarts ?? 0,
    panes: new Set((await t.ok('GET', '/api/v1/panes')).panes.map((p) => p.id)),
    descriptors: metric('panescry_open_descriptors'),
    memory: metric('panescry_resident_bytes'),
    connections: metric('panescry_connections'),
    refused: metric('panescry_refused_total'),
    from: '/metrics',
  };
  try {
    const status = await readFile(`/proc/${info.pid}/status`, 'latin1');
    if (!/^Name:\s+panescry/m.test(status)) return out;
    out.memory = Number(status.match(/^RssAnon:\s+(\d+) kB/m)[1]) * 1024;
    out.descriptors = (await readdir(`/proc/${info.pid}/fd`)).length;
    out.from = '/proc';
  } catch {
    // Elsewhere, or somebody else's.
  }
  return out;
}

async function echoes(t) {
  const viewer = await t.attach();
  const times = [];
  for (let i = 0; i < 50; i++) {
    const ms = await t.echo(viewer);
    if (ms === null) return null;
    times.push(ms);
  }
  viewer.close();
  return times.sort((a, b) => a - b)[47];
}

export async function before(t) {
  await echoes(t); // what is made once is there
  return { ...(await measure(t)), echo: await echoes(t) };
}

export async function after(t, g, was) {
  let now = await measure(t);
  // Connections that were left open on purpose are given up in their time.
  for (const end = Date.now() + SETTLED_MS; Date.now() < end && (now.descriptors > was.descriptors + SPARE || now.connections > was.connections + SPARE); now = await measure(t))
    await pause(1000);
  const echo = await echoes(t);
  const health = await t.ask({ path: '/healthz', token: null });
  g.serves(health.json?.status === 'ok', 'GET /healthz', told(health), t.again(health));
  g.serves(now.pid === was.pid && now.restarts === was.restarts, 'the same process', `pid ${was.pid} then ${now.pid}, ${now.restarts - was.restarts} restarts`);
  const lost = [...was.panes].filter((id) => !now.panes.has(id));
  g.serves(lost.length === 0, 'the panes that were there', `without ${lost}`);
  g.serves(now.descriptors <= was.descriptors + SPARE, 'no descriptor kept', `${was.descriptors} then ${now.descriptors} (${now.from})`);
  g.serves(now.connections <= was.connections + SPARE, 'no connection kept', `${was.connections} then ${now.connections}`);
  g.serves(now.memory <= was.memory + GROWTH, 'no memory kept', `${(was.memory / MB).toFixed(1)} then ${(now.memory / MB).toFixed(1)} MiB (${now.from})`);
  g.serves(echo !== null && echo < ECHO_MS, 'echo', `p95 of ${was.echo?.toFixed(1)} ms then ${echo?.toFixed(1)} ms`);
  return {
    line: `echo p95 ${was.echo.toFixed(2)} then ${echo?.toFixed(2)} ms, descriptors ${was.descriptors} then ${now.descriptors}, memory ${(was.memory / MB).toFixed(1)} then ${(now.memory / MB).toFixed(1)} MiB (${now.from}), ${now.refused - was.refused} refusals counted`,
    refused: now.refused - was.refused,
  };
}
