// Symbolic links, pipes and devices where the daemon's own files, its socket and transcripts are
// looked for: nothing that they lead to is written, and nothing of it is shown.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { privateDir, startDaemon } from './lib/daemon.mjs';
import { panescry } from './lib/run.mjs';
import { until } from './lib/until.mjs';

const VICTIM = 'not to be touched\n';
const KEY = 'c0ffee-private-key';

describe('symbolic links', () => {
  let dir, victims;

  before(async () => {
    dir = await privateDir();
    victims = join(dir, 'victims');
    await mkdir(victims);
  });
  after(() => rm(dir, { recursive: true, force: true }));

  /** Something of each kind that is kept: tokens, watches, a pane and its lines, a job. */
  const use = async (d) => {
    await d.request('POST', '/api/v1/tokens', { json: { read_only: true } });
    await d.request('POST', '/api/v1/watches', { json: { pattern: 'nothing', pane: 'nowhere' } });
    const pane = await d.sh('seq 5000; sleep 600');
    await d.shows(pane.id, '5000');
    await d.request('POST', '/api/v1/jobs', { json: { command: ['echo', 'job'], wait_s: 2 } });
    await d.remove(pane.id);
    // It may say that it keeps nothing; it must be there.
    assert.equal((await d.request('GET', '/healthz', { token: null })).status, 200);
  };
  const useAndStop = async (d, name) => {
    try {
      await use(d);
    } catch (e) {
      throw new Error(`with ${name} a link: ${e.message}`);
    } finally {
      await d.stop();
    }
  };
  const serves = async (state) => {
    try {
      return await startDaemon({ dir: state, keep: true });
    } catch (e) {
      // It may refuse, in one line.
      assert.match(e.message, /ended: (.* (info|warn|error) .*\n)*panescry: [^\n]+\n$/);
      return null;
    }
  };

  it('in the state directory are not written through', async () => {
    const first = join(dir, 'first');
    await mkdir(first, { mode: 0o700 });
    const d = await startDaemon({ dir: first, keep: true });
    await useAndStop(d, 'nothing');
    const names = (await readdir(first)).filter((n) => n !== 's.sock');
    assert.ok(names.includes('tokens.json') && names.includes('watches.json') && names.length >= 4, `${names}`);
    for (const [i, name] of [...names, ...names.map((n) => `${n}.new`), ...names.map((n) => `${n}.tmp`)].entries()) {
      const like = await stat(join(first, name)).catch(() => null);
      const victim = join(victims, `${i}`);
      if (like?.isDirectory()) {
        await mkdir(victim, { mode: 0o755 });
        await writeFile(join(victim, 'mine'), VICTIM);
      } else {
        await writeFile(victim, VICTIM);
        await chmod(victim, 0o644);
      }
      const state = join(dir, `state-${i}`);
      await mkdir(state, { mode: 0o700 });
      await symlink(victim, join(state, name));
      const other = await serves(state);
      if (other) await useAndStop(other, name);
      const s = await stat(victim);
      assert.equal(s.mode & 0o777, like?.isDirectory() ? 0o755 : 0o644, `${name}: the mode of what it leads to`);
      const files = like?.isDirectory() ? (await readdir(victim)).map((n) => join(victim, n)) : [victim];
      assert.equal(files.length, 1, `${name}: ${files}`);
      assert.equal(await readFile(files[0], 'utf8'), VICTIM, name);
    }
  });

  it('that lead nowhere make nothing there', async () => {
    for (const name of ['tokens.json', 'watches.json', 'panescry.db', 'panescry.db-wal', 'archive', 'hooks', 'jobs', 'log']) {
      const state = await privateDir();
      const nowhere = join(victims, `none-${name}`);
      await symlink(nowhere, join(state, name));
      const d = await serves(state);
      if (d) await useAndStop(d, name);
      await assert.rejects(stat(nowhere), { code: 'ENOENT' }, name);
      await rm(state, { recursive: true });
    }
  });

  it('at the place of the socket are refused', async () => {
    const victim = join(victims, 'socket');
    await writeFile(victim, VICTIM);
    for (const to of [victim, join(victims, 'no-socket'), victims, '/dev/null']) {
      const state = await privateDir();
      await symlink(to, join(state, 's.sock'));
      const r = await panescry(['serve', '--foreground', '--listen', '127.0.0.1:0', '--socket', join(state, 's.sock'), '--state-dir', state]);
      assert.equal(r.status, 2, r.out);
      assert.match(r.err, /^panescry: [^\n]*s\.sock[^\n]*\n$/);
      await rm(state, { recursive: true });
    }
    assert.equal(await readFile(victim, 'utf8'), VICTIM);
    await assert.rejects(stat(join(victims, 'no-socket')), { code: 'ENOENT' });
  });

  it('among transcripts, pipes and devices too, hold up nothing and show nothing', async () => {
    const home = join(dir, 'home');
    const project = join(home, '.claude', 'projects', '-own');
    await mkdir(project, { recursive: true });
    const key = join(victims, 'id_key');
    await writeFile(key, `-----BEGIN PRIVATE KEY-----\n${KEY}\n`);
    const line = { type: 'user', uuid: 'u1', sessionId: 'whole', timestamp: new Date().toISOString(), cwd: '/', message: { role: 'user', content: 'a transcript that is whole' } };
    await writeFile(join(project, 'whole.jsonl'), `${JSON.stringify(line)}\n`);
    await promisify(execFile)('mkfifo', [join(project, 'pipe.jsonl')]);
    for (const [name, to] of [['key.jsonl', key], ['zero.jsonl', '/dev/zero'], ['tty.jsonl', '/dev/tty'], ['self.jsonl', 'self.jsonl'], ['mem.jsonl', '/proc/self/mem'], ['none.jsonl', join(victims, 'nothing')], ['up', '..'], ['root', '/']])
      await symlink(to, join(project, name));
    await mkdir(join(project, 'dir.jsonl'));
    const d = await startDaemon({ env: { HOME: home } });
    try {
      await until('all transcripts', async () => (await d.info()).sessions.settled);
      await until('the whole one', async () => (await d.ok('GET', 'search?source=sessions&pattern=whole')).total > 0);
      assert.equal((await d.ok('GET', `search?source=sessions&pattern=${KEY}`)).total, 0);
      assert.ok(!(await d.request('GET', '/api/v1/sessions')).text.includes(KEY));
      assert.ok(!d.stderr().includes(KEY), 'nor is it in the log');
      const { sessions } = await d.info();
      assert.ok(sessions.bytes_read < 1024 * 1024, 'what has no end is not read');
      await d.well();
    } finally {
      await d.stop();
    }
    assert.equal(await readFile(key, 'utf8'), `-----BEGIN PRIVATE KEY-----\n${KEY}\n`);
  });
});
