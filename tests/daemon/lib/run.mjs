// Runs the binary as a command of its own and waits for its end.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { within } from './until.mjs';

export const BINARY = resolve(process.env.PANESCRY ?? 'panescry');

/** Whether there is such a program. */
export const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

let noServers = null;

/** Where no tmux server is: those of whoever runs the tests are left alone. */
function emptyDir() {
  if (noServers === null) {
    noServers = mkdtempSync(join(tmpdir(), 'panescry-none-'));
    process.on('exit', () => rmSync(noServers, { recursive: true, force: true }));
  }
  return noServers;
}

/** An environment in which nothing points at another daemon, terminal or tmux server. */
export function cleanEnv(more = {}) {
  const env = { ...process.env };
  for (const name of ['PANESCRY_SOCKET', 'PANESCRY_PANE', 'TMUX', 'TMUX_PANE', 'XDG_RUNTIME_DIR'])
    delete env[name];
  // What a sanitizer keeps of freed memory would look like growth.
  env.ASAN_OPTIONS = ['quarantine_size_mb=1', env.ASAN_OPTIONS].filter(Boolean).join(':');
  // No tmux server, and no transcripts of agents, of whoever runs this.
  return { ...env, TMUX_TMPDIR: emptyDir(), HOME: emptyDir(), ...more };
}

export async function run(command, args, { env = {}, input, cwd, ms } = {}) {
  const child = spawn(command, args, {
    env: cleanEnv(env),
    cwd,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const out = [];
  const err = [];
  child.stdout.on('data', (d) => out.push(d));
  child.stderr.on('data', (d) => err.push(d));
  // What it does not read is its own business.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  const ended = new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => done({ code, signal }));
  });
  try {
    const { code, signal } = await within(`${command} ${args.join(' ')} to end`, ended, ms);
    return {
      status: code,
      signal,
      out: Buffer.concat(out).toString(),
      err: Buffer.concat(err).toString(),
      pid: child.pid,
    };
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
}

export const panescry = (args, options) => run(BINARY, args, options);

/** The command failed as every command must: one line that says what and why. */
export function assertRefused(result, status, pattern) {
  assert.equal(result.status, status, `exit status; it said ${result.err || result.out}`);
  assert.equal(result.out, '', 'nothing on standard output');
  assert.match(result.err, /^panescry: [^\n]+\n$/, 'one line on standard error');
  if (pattern) assert.match(result.err, pattern);
}

export function assertDone(result) {
  assert.equal(result.err, '');
  assert.equal(result.status, 0);
  return result.out;
}

/** Is there such a process, not counting one that only waits to be reaped? */
export async function alive(pid) {
  const { readFile } = await import('node:fs/promises');
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}
