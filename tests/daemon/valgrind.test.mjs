// The commands under valgrind: nothing is read that was not written, and nothing lost that was taken.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { useDaemon } from './lib/daemon.mjs';
import { BINARY, run } from './lib/run.mjs';
import { each } from './lib/until.mjs';

/** What valgrind ends with when it has found something. */
const FOUND = 99;
/** A command that takes a second without it. */
const PATIENCE_MS = 180_000;

function whyNot() {
  if (spawnSync('valgrind', ['--version']).status !== 0) return 'valgrind is not installed';
  const program = readFileSync(BINARY);
  if (program.includes('__asan_init') || program.includes('__tsan_init') || program.includes('__ubsan_handle'))
    return 'a sanitized program cannot run under valgrind';
  return false;
}

describe('commands under valgrind', { skip: whyNot() }, () => {
  const d = useDaemon({ before, after });
  let reports = 0;
  let shell;
  let job;

  const under = () => {
    const log = join(d.dir, `valgrind.${++reports}`);
    return {
      log,
      command: ['valgrind', '-q', `--error-exitcode=${FOUND}`, '--leak-check=full', '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite', `--log-file=${log}`, BINARY],
    };
  };

  const clean = async (what, status, log) => {
    const said = await readFile(log, 'utf8');
    assert.ok(status !== FOUND && said === '', `${what}: ${said}`);
  };

  async function checked(args, { status = 0, ...more } = {}) {
    const v = under();
    const [program, ...rest] = [...v.command, ...args];
    const r = await run(program, rest, { ms: PATIENCE_MS, ...more, env: { ...d.env, ...more.env } });
    await clean(args.join(' '), r.status, v.log);
    assert.equal(r.status, status, `${args.join(' ')}: ${r.err}`);
    return r.out;
  }

  /** [arguments, status] of each, two at a time. */
  const all = (commands) => each(commands, 2, ([args, status = 0, more = {}]) => checked(args, { status, ...more }));

  before(async () => {
    if (whyNot()) return;
    shell = await d.sh('stty -echo; for i in 1 2 3 4 5 6 7 8 9; do echo "line $i of \u00e9 error"; done; exec cat');
    await d.shows(shell.id, 'line 9');
  });

  it('panes', async () => {
    await all([
      [['ls']],
      [['ls', '--json']],
      [['new', '--name', 'vg', '--env', 'A=b', '--size', '70x20', '--', 'cat']],
      [['search', 'err(or)?', '-C', '1', '-m', '3', '--color', 'always']],
      [['search', 'nowhere to be found'], 1],
      [['search', 'line', '--json']],
      [['search', '('], 2],
      [['capture', shell.id, '--history', 'all', '--format', 'ansi']],
      [['send', shell.id, '--enter', 'typed by hand']],
      [['send', shell.id, '--keys', 'C-l', 'Up']],
      [['wait', shell.id, '--for', 'line [5-9]', '--from', 'start']],
      [['wait', shell.id, '--for', 'never', '--timeout', '1'], 1],
      [['resize', shell.id, '90x30']],
    ]);
    await all([
      [['kill', 'vg']],
      [['capture', 'nobody'], 2],
      [['ls'], 3, { env: { PANESCRY_SOCKET: join(d.dir, 'none') } }],
    ]);
  });

  it('jobs', async () => {
    await all([
      [['run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 0']],
      [['run', '--json', '--detach', '--', 'sh', '-c', 'echo later']],
    ]);
    [job] = (await d.ok('GET', 'jobs')).jobs;
    await all([
      [['jobs', 'ls']],
      [['jobs', 'ls', '--json']],
      [['jobs', 'show', job.id]],
      [['jobs', 'output', job.id]],
      [['jobs', 'show', 'j999'], 2],
    ]);
  });

  it('sessions, usage, watches, tokens', async () => {
    await d.ok('POST', 'sessions', { agent: 'mine', title: 'a talk' }).catch(() => null);
    await all([
      [['sessions', 'ls']],
      [['sessions', 'ls', '--json']],
      [['usage']],
      [['usage', '--by', 'model', '--json']],
      [['watch', 'add', 'err', '--pane', shell.id, '--', 'true']],
      [['token', '--read-only', '--expires', '1h']],
      [['doctor', '--json']],
      [['--help']],
      [['frobnicate'], 2],
    ]);
    const [watch] = (await d.ok('GET', 'watches')).watches;
    await all([[['watch', 'ls']], [['watch', 'rm', watch.id]]]);
  });

  it('a flow that is wrong', async () => {
    const file = join(d.dir, 'wrong.toml');
    await writeFile(file, 'name = "a"\n[[steps]]\nname = 3\n');
    await checked(['flow', 'validate', file], { status: 2 });
  });

  it('attach, in a terminal of its own', async () => {
    const v = under();
    const outer = await d.new([...v.command, 'attach', shell.id], { env: d.env });
    await d.shows(outer.id, 'line 9', PATIENCE_MS);
    await d.type(outer.id, 'through both\r');
    await d.shows(shell.id, 'through both');
    await d.type(outer.id, '\r~.');
    const ended = await d.exited(outer.id, PATIENCE_MS);
    await clean('attach', ended.exit_status, v.log);
    assert.equal(ended.exit_status, 0);
  });

  it('left a report for each', async () => {
    const logs = (await readdir(d.dir)).filter((name) => name.startsWith('valgrind.'));
    assert.equal(logs.length, reports);
    assert.ok(reports > 30, `${reports} commands`);
  });
});
