// The attacks that whoever likes can make on an instance (tests/siege/attack), on a daemon with
// everything on: nothing may give way. And one that lets everybody in: that must be told.

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { privateDir, startDaemon, useDaemon } from './lib/daemon.mjs';
import { run } from './lib/run.mjs';
import { schema } from './lib/schema.mjs';

const ATTACK = fileURLToPath(new URL('../siege/attack', import.meta.url));
const attack = (...args) => run(process.execPath, [ATTACK, ...args], { ms: 200_000 });

describe('the table of routes', () => {
  const d = useDaemon({ before, after });

  it('is told as it is', async () => {
    const { routes, sockets } = await d.ok('GET', 'routes');
    assert.deepEqual(routes.map((r) => `${r.method} ${r.path}`).sort(), Object.keys(schema.routes).sort());
    assert.deepEqual(sockets.map((s) => [s.path, s.subprotocol]).sort(), Object.entries(schema.sockets).map(([path, s]) => [path, s.protocol]).sort());
    assert.deepEqual(routes.filter((r) => r.access === 'open').map((r) => r.path), ['/healthz', '/p/:id/', '/p/:id', '/assets/:file', '/']);
    assert.ok(sockets.every((s) => s.max_message > 0));
  });
});

describe('attack', () => {
  it('finds nothing that gives way', async () => {
    const dir = await privateDir();
    const file = join(dir, 'token');
    const log = join(dir, 'log');
    const d = await startDaemon({ args: ['--token-file', file], under: ['sh', '-c', 'exec "$@" 2>>"$0"', log] });
    try {
      const r = await attack('--token-file', file, '--socket', d.socket, '--log', log, '--json', `http://127.0.0.1:${d.port}/`);
      const { groups, tried } = JSON.parse(r.out);
      assert.deepEqual(groups.flatMap((g) => g.gave_way.map((x) => `${g.name}: ${x.what}: ${x.got}`)), []);
      assert.equal(r.status, 0, r.err);
      assert.ok(tried > 8000, `${tried}`);
      assert.ok(groups.length > 10 && groups.every((g) => g.refused + g.served > 0), 'each group has tried something');
      assert.deepEqual(groups.flatMap((g) => g.notes), [], 'nothing was left out');
      await d.well();
    } finally {
      await d.stop();
      await rm(dir, { recursive: true });
    }
  });

  it('says how it is used, and what is wrong with its options', async () => {
    const help = await attack('--help');
    assert.equal(help.status, 0);
    assert.match(help.out, /^usage: attack \[options\] URL\n/);
    for (const args of [[], ['--frob', 'http://127.0.0.1:1/'], ['no url'], ['--only', 'nothing', 'http://127.0.0.1:1/?token=x'], ['http://127.0.0.1:1/'],
      ['--token-file', '/nowhere', 'http://127.0.0.1:1/'], ['http://127.0.0.1:1/?token=x']]) {
      const r = await attack(...args);
      assert.equal(r.status, 2, args.join(' '));
      assert.match(r.err, /^attack: [^\n]+\n$/);
      assert.equal(r.out, '');
    }
  });

  it('tells of an instance that lets everybody in', async () => {
    const d = await startDaemon({ args: ['--no-auth'] });
    try {
      const file = join(d.dir, 'token');
      await writeFile(file, 'any token will do\n');
      const r = await attack('--token-file', file, '--only', 'tokens', '--json', `http://127.0.0.1:${d.port}/`);
      assert.equal(r.status, 1, r.err);
      const { groups, gave_way: gaveWay } = JSON.parse(r.out);
      const tokens = groups.find((g) => g.name === 'tokens');
      assert.ok(gaveWay > 100, `${gaveWay}`);
      assert.ok(tokens.gave_way.some((x) => x.what === 'GET /api/v1/info with no token' && /^200 /.test(x.got)));
      assert.ok(tokens.gave_way.every((x) => !x.repeat.includes('any token will do')), 'the token is not told');
      await d.well();
    } finally {
      await d.stop();
    }
  });
});
