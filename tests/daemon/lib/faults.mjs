// A daemon whose state directory is a small disk of its own, in a private mount namespace.

import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { privateDir } from './daemon.mjs';
import { startKept } from './keeper.mjs';
import { BINARY } from './run.mjs';
import { until } from './until.mjs';

export const SANITIZED = execFileSync('ldd', [BINARY]).includes('libasan');

/** A tmpfs in a mount namespace of one's own: as root, or where user namespaces allow it. */
export const canMount = () => {
  try {
    execFileSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=64k none /mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** Runs a command within the mounts that a process has. */
export const nsenter = (pid, ...command) => execFileSync('nsenter', ['-t', String(pid), '-m', ...command], { stdio: ['ignore', 'pipe', 'pipe'] }).toString();

/** The disk from outside, through the root that the process `pid` sees. */
class Disk {
  constructor(pid, path) {
    this.pid = pid;
    this.at = path;
    this.path = `/proc/${pid}/root${path}`;
  }

  /** Leaves that many MiB; none: to the last byte. */
  fill(leave = 0) {
    const file = join(this.path, 'ballast');
    const { bsize, bavail } = statfsSync(this.path);
    const blocks = Math.max(0, bavail - Math.ceil((leave * 1024 * 1024) / bsize));
    try {
      writeFileSync(file, Buffer.alloc(blocks * bsize));
    } catch (e) {
      if (e.code !== 'ENOSPC') throw e; // others write, too
    }
    if (leave === 0) execFileSync('sh', ['-c', 'cat /dev/zero >>"$0" 2>/dev/null || :', file]);
  }

  free() {
    rmSync(join(this.path, 'ballast'), { force: true });
  }

  /** Read-only to whoever opens something from now on: a disk with open files cannot be made so. */
  cover() {
    nsenter(this.pid, 'mount', '--bind', this.at, this.at);
    nsenter(this.pid, 'mount', '-o', 'remount,ro,bind', this.at);
  }

  uncover() {
    nsenter(this.pid, 'umount', '-l', this.at);
  }

  read(name) {
    try {
      return readFileSync(join(this.path, name), 'utf8');
    } catch {
      return null;
    }
  }

  size(name) {
    try {
      return statSync(join(this.path, name)).size;
    } catch {
      return 0;
    }
  }

  list() {
    return readdirSync(this.path, { recursive: true }).map((n) => `${n} ${this.size(n)}`).join(', ');
  }
}

/** `size` MiB; `mount` runs in the namespace before the daemon. */
export async function startOnDisk(size, { mount = '', ...more } = {}) {
  const dir = await privateDir();
  const at = join(dir, 'state');
  mkdirSync(at, { mode: 0o700 });
  try {
    const d = await startKept({
      ...more,
      dir,
      args: ['--state-dir', at, ...(more.args ?? [])],
      under: ['unshare', '-m', 'sh', '-c', `mount -t tmpfs -o size=${size}m,mode=700 none "$0" && ${mount || ':'} && exec "$@"`, at],
    });
    d.disk = new Disk(d.pid, at);
    return d;
  } catch (e) {
    rmSync(dir, { recursive: true, force: true });
    throw e;
  }
}

/** A test on a daemon of its own, which is ended whatever comes of it. */
export const using = (start, work) => async (t) => {
  const d = await start();
  try {
    await work(d, t);
  } catch (e) {
    e.message += `\n--- it said:\n${d.stderr().slice(-3000)}`;
    await d.stop().catch(() => {});
    throw e;
  }
  await d.stop();
};

/** A command in front of another, for root. */
export const become = (uid) => ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];

/** Under limits, as of prlimit; with `uid`, of another user, which root alone can become. */
export async function startLimited(limits, { uid, ...more } = {}) {
  const dir = await privateDir();
  const under = [];
  if (limits.length !== 0) under.push('prlimit', ...limits);
  if (uid !== undefined) {
    chownSync(dir, uid, uid);
    under.push(...become(uid));
  }
  return startKept({ ...more, dir, under });
}

export const clockLibrary = ['x86_64-linux-gnu/', 'aarch64-linux-gnu/', ''].map((at) => `/usr/lib/${at}faketime/libfaketime.so.1`).find((f) => existsSync(f));

/** A daemon whose wall clock is what `set` says; the monotonic one goes on as it is. */
export async function startAt(more = {}) {
  const dir = await privateDir();
  const file = join(dir, 'clock');
  writeFileSync(file, '+0');
  const d = await startKept({
    ...more,
    dir,
    env: { LD_PRELOAD: clockLibrary, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1', ...more.env },
  });
  d.clock = async (offset) => {
    writeFileSync(`${file}.new`, offset);
    renameSync(`${file}.new`, file);
    const want = Date.now() + { d: 86400e3, h: 3600e3, m: 60e3, s: 1e3 }[offset.at(-1)] * Number(offset.slice(0, -1));
    await until('the clock to be so', async () => {
      const r = await d.request('POST', '/api/v1/panes', { json: { command: ['true'] } }).catch(() => null);
      if (r?.status !== 201) return false;
      await d.remove(r.json.id);
      return Math.abs(Date.parse(r.json.created) - want) < 60_000;
    });
  };
  return d;
}
