// `panescry search`, beside grep on what capture prints.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { useDaemon } from './lib/daemon.mjs';
import { assertDone, assertRefused, panescry, run } from './lib/run.mjs';

const LC = { LC_ALL: 'C.UTF-8' };

/** Some thousands of lines like those that people look for. */
function log(lines) {
  const words = ['error', 'Error', 'warning:', 'make[2]', 'über', '你好', 'src/term/parser.c:41', '(deprecated)', 'a.b', 'aXb', '$HOME', '--flag', 'errors', '127.0.0.1'];
  const out = [];
  for (let i = 0, x = 7; i < lines; i++) {
    const line = [];
    for (let n = 0; n < 6; n++) {
      x = (x * 1103515245 + 12345) % 2147483648;
      line.push(words[(x >> 8) % words.length]);
    }
    out.push(`${i} ${line.join(' ')}`);
  }
  return `${out.join('\n')}\n`;
}

describe('search', () => {
  const d = useDaemon({ before, after });
  let big;
  let small;
  const grep = async (args, pane = big) => {
    const file = join(d.dir, `${pane}.txt`);
    await writeFile(file, assertDone(await d.cli(['capture', pane, '--history', 'all'])));
    return run('grep', [...args, '--', file], { env: { ...LC, GREP_COLORS: 'ne' } });
  };
  const search = (args, more) => d.cli(['search', ...args], more);

  before(async () => {
    await writeFile(join(d.dir, 'log'), log(3000));
    big = (await d.new(['sh', '-c', 'stty -echo; cat "$1"; exec cat', 'sh', join(d.dir, 'log')], { name: 'big.log', cols: 120, rows: 30 })).id;
    await d.shows(big, /^2999 /m);
    small = (await d.sh('stty -echo; printf "one\\ntwo error\\nthree\\n"; exec cat', { name: 'small' })).id;
    await d.shows(small, 'three');
  });

  it('finds what grep -P finds', async () => {
    for (const args of [['error'], ['-i', 'ERROR'], ['-w', 'error'], ['-F', 'a.b'], ['a.b'], ['-F', '$HOME'], ['^1\\d*0 '], ['\\)$'], ['(?i)WARN|deprec'],
      ['(\\w+) \\1'], ['über'], ['-i', 'ÜBER'], ['你.'], ['-e', 'make\\[', '-e', '--flag'], ['-Fwi', 'error'], ['[^ -~]'], ['(?<!1)27\\.'], ['-C', '1', '^15\\d\\d '],
      ['-A', '2', '^77 '], ['-B', '3', '^88 '], ['-A', '1', '-B', '2', '^9[0-5]'], ['-C2', '^(0|3|7|2999) '], ['-o', 'err\\w+'], ['-o', '-i', 'e[^ ]'], ['no such line'], ['-A1', '-C3', '^500 ']]) {
      // grep -P has one pattern only, and -F none of its own.
      const flags = args.some((a) => /^-Fw?i?$/.test(a)) ? [] : args.includes('-e') ? ['-E'] : ['-P'];
      const want = await grep(['-n', ...flags, ...args]);
      const got = await search(['--pane', big, '--no-pane', ...args]);
      assert.equal(got.out, want.out, args.join(' '));
      assert.equal(got.status, want.status, args.join(' '));
      assert.equal(got.err, '');
    }
  });

  it('prints pane and line before the text, unless told not to', async () => {
    assert.equal(assertDone(await search(['two'])), `${small}:2:two error\n`);
    assert.equal(assertDone(await search(['-n', 'two'])), `${small}:2:two error\n`);
    assert.equal(assertDone(await search(['-N', 'two'])), `${small}:two error\n`);
    assert.equal(assertDone(await search(['-N', '--no-pane', 'two'])), 'two error\n');
    assert.equal(assertDone(await search(['-C1', 'two'])), `${small}-1-one\n${small}:2:two error\n${small}-3-three\n`);
    assert.equal(assertDone(await search(['-o', 't..?.?', '--pane', small])), `${small}:2:two \n${small}:3:thre\n`);
  });

  it('has the colours of grep', async () => {
    const path = join(d.dir, `${small}.txt`);
    for (const args of [['e'], ['-C1', 'wo'], ['-o', 'e'], ['-i', 'T'], ['-C0', 'x?'], ['-A1', '-m1', 'o']]) {
      const want = (await grep(['-H', '-n', '-P', '--color=always', ...args], small)).out.replaceAll(path, small);
      assert.equal(assertDone(await search(['--color', 'always', '--pane', small, ...args])), want, args.join(' '));
      assert.ok(!assertDone(await search(['--pane', small, ...args])).includes('\u001b'), 'none into a pipe');
    }
    assert.equal(assertDone(await search(['--color=always', 'two'])),
      `\u001b[35m${small}\u001b[m\u001b[36m:\u001b[m\u001b[32m2\u001b[m\u001b[36m:\u001b[m\u001b[01;31mtwo\u001b[m error\n`);
    const groups = assertDone(await search(['--color=always', '-C1', '-N', '--pane', big, '^(5|50) ']));
    assert.match(groups, /\n\u001b\[36m--\u001b\[m\n/);
    assertRefused(await search(['--color', 'sometimes', 'x']), 2, /color/);
  });

  it('has colours on a terminal, and nothing that acts there', async () => {
    const on = async (env, args) => {
      const r = await run('script', ['-qfec', `"$PANESCRY" search ${args}`, '/dev/null'], { env: { ...d.env, PANESCRY: process.env.PANESCRY, SHELL: '/bin/sh', TERM: 'xterm', NO_COLOR: '', ...env }, input: '' });
      return r.out;
    };
    assert.match(await on({}, 'two'), /\u001b\[01;31mtwo\u001b\[m error/);
    for (const [env, args] of [[{ NO_COLOR: '1' }, 'two'], [{ TERM: 'dumb' }, 'two'], [{}, '--color never two']])
      assert.match(await on(env, args), new RegExp(`^${small}:2:two error\\r\\n$`));
    assert.match(await on({ NO_COLOR: '1' }, '--color always two'), /\u001b\[01;31mtwo/);
  });

  it('counts, and lists panes', async () => {
    const { out } = await grep(['-c', 'error']);
    assert.equal(assertDone(await search(['-c', 'error'])), `${big}:${out}${small}:1\n`);
    assert.equal(assertDone(await search(['-c', '--no-pane', 'error', '--pane', 'big*'])), out);
    assert.equal(assertDone(await search(['-l', 'error'])), `${big}\n${small}\n`);
    assert.equal(assertDone(await search(['-l', '-c', 'two'])), `${small}\n`);
    assert.deepEqual(assertDone(await search(['-c', '--json', 'error'])).trim().split('\n').map(JSON.parse), [{ pane: big, count: Number(out) }, { pane: small, count: 1 }]);
    assert.deepEqual(JSON.parse(assertDone(await search(['-l', '--json', 'two']))), { pane: small });
    assert.equal(assertDone(await search(['-q', 'error'])), '');
    assert.equal((await search(['-q', 'nowhere'])).status, 1);
  });

  it('prints objects', async () => {
    const lines = assertDone(await search(['--json', '-A1', 't[wh]'])).trim().split('\n').map(JSON.parse);
    const { time } = lines[0];
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(lines[0], { pane: small, line: 2, time, content: 'two error', spans: [[0, 2]], before: [], after: ['three'], source: 'ring' });
    assert.equal(lines.at(-1).line, 3);
    const both = JSON.parse(assertDone(await search(['-j', '-B1', '-A9', '--pane', small, 'wo'])));
    assert.deepEqual([both.before, both.after], [['one'], ['three']]);
    const spans = JSON.parse(assertDone(await search(['--json', '-m1', '--pane', big, 'über'])));
    const bytes = Buffer.from(spans.content);
    for (const [from, to] of spans.spans) assert.equal(bytes.subarray(from, to).toString(), 'über');
  });

  it('orders, limits, and picks panes', async () => {
    const numbers = async (args) => assertDone(await search(['--no-pane', '--pane', big, ...args])).trim().split('\n').map((l) => Number(l.split(/[:-]/)[0]));
    assert.deepEqual(await numbers(['-m', '3', '.']), [1, 2, 3]);
    assert.deepEqual(await numbers(['-m', '3', '-r', '.']), [3000, 2999, 2998]);
    const groups = assertDone(await search(['-r', '-C1', '-N', '--no-pane', '--pane', small, '^(one|three)$']));
    assert.equal(groups, 'one\ntwo error\nthree\n', 'neighbours ascend');
    for (const glob of ['small', 'sm*', small, '[s]mall']) assert.equal(assertDone(await search(['-c', 'error', '-p', glob])), `${small}:1\n`);
    assert.equal((await search(['error', '--pane', 'nobody*'])).status, 1);
    assert.equal((await search(['error', '--since', '2999-01-01'])).status, 1);
    assert.equal((await search(['error', '--until', '2001-01-01'])).status, 1);
    assertDone(await search(['two', '--since', '1h', '--until', '2999-01-01T00:00:00Z']));
    for (const source of ['auto', 'ring', 'capture']) assertDone(await search(['two', '--source', source]));
    assert.equal((await search(['-s', 'Two'])).status, 1);
    assert.ok(assertDone(await search(['-s', 'error', '--pane', big])).includes('Error'));
  });

  it('says on standard error that there is more', async () => {
    const { id } = await d.sh('seq 1 12000; exec cat');
    await d.shows(id, /^12000$/m);
    const r = await search(['--pane', id, '-N', '--no-pane', '^\\d+$']);
    assert.equal(r.status, 0);
    assert.equal(r.out, [...Array(10000)].map((_, i) => `${i + 1}\n`).join(''));
    assert.equal(r.err, 'panescry: search: more than 10000 lines match\n');
    assert.equal((await search(['--pane', id, '-c', '.'])).err, r.err);
    assert.equal(assertDone(await search(['--pane', id, '-m', '5', '-c', '.'])), `${id}:5\n`, 'not where it was asked for');
    await d.remove(id);
  });

  it('says on standard error that time ran out', async () => {
    const { id } = await d.sh(`seq -f "${'a'.repeat(60)} %.0f b" 1 20000; exec cat`);
    await d.shows(id, ' 20000 b');
    assertRefused(await search(['--pane', id, '(a|aa)+ x?$']), 2, /too long/);
    await d.remove(id);
  });

  it('takes long patterns', async () => {
    const é = 'é'.repeat(500);
    for (const n of [1, 2, 12]) assert.equal((await search(Array(n).fill(['-e', é]).flat())).status, 1);
    assertRefused(await search(Array(13).fill(['-e', é]).flat()), 2, /12288 bytes/);
    assertRefused(await search(Array(40).fill(['-e', 'x']).flat()), 2, /at most 31/);
    assertRefused(await search(['a'.repeat(1001)]), 2, /1000 bytes/);
  });

  it('refuses with status 2, and with 3 where there is no daemon', async () => {
    assertRefused(await search(['(']), 2, /missing closing parenthesis/);
    assertRefused(await search(['']), 2, /pattern/);
    assertRefused(await search([]), 2, /pattern/);
    assertRefused(await search(['a', 'b']), 2, /one pattern/);
    assertRefused(await search(['-e', 'a', 'b']), 2, /-e/);
    for (const args of [['-m', '0'], ['-m', '10001'], ['-C', '51'], ['-A', 'x'], ['-B', '-1'], ['--since', 'teatime'], ['--until', ''], ['--source', 'moon'], ['--pane', '']])
      assertRefused(await search([...args, 'x']), 2);
    assertRefused(await panescry(['search', 'x'], { env: { PANESCRY_SOCKET: join(d.dir, 'nobody') } }), 3, /no daemon/);
  });
});
