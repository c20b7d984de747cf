// opencode's database, made here with the tables that it has, and changed as opencode does.

import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { privateDir, startDaemon } from './lib/daemon.mjs';
import { run } from './lib/run.mjs';
import { until } from './lib/until.mjs';

const skip = (await run('sh', ['-c', 'command -v sqlite3'])).status === 0 ? false : 'no sqlite3';

const tables = `
  PRAGMA journal_mode=WAL;
  CREATE TABLE session(id TEXT PRIMARY KEY, project_id TEXT, parent_id TEXT, directory TEXT,
    title TEXT, version TEXT, cost REAL, time_created INTEGER, time_updated INTEGER);
  CREATE TABLE message(id TEXT PRIMARY KEY, session_id TEXT, time_created INTEGER, time_updated INTEGER, data TEXT);
  CREATE TABLE part(id TEXT PRIMARY KEY, message_id TEXT, session_id TEXT, time_created INTEGER, time_updated INTEGER, data TEXT);`;

const quoted = (o) => `'${JSON.stringify(o).replaceAll("'", "''")}'`;

/** An answer, with what it took. */
const answer = (session, n, ms, output) => `
  INSERT INTO message VALUES('msg_${session}_${n}', '${session}', ${ms}, ${ms},
    ${quoted({ role: 'assistant', modelID: 'claude-opus-4-5', time: { created: ms, completed: ms }, finish: 'stop' })});
  INSERT INTO part VALUES('prt_${session}_${n}a', 'msg_${session}_${n}', '${session}', ${ms}, ${ms},
    ${quoted({ type: 'text', text: `answer ${n}` })});
  INSERT INTO part VALUES('prt_${session}_${n}b', 'msg_${session}_${n}', '${session}', ${ms}, ${ms},
    ${quoted({ type: 'step-finish', cost: 0, tokens: { input: 10, output, reasoning: 2, cache: { read: 5, write: 1 } } })});
  UPDATE session SET time_updated = ${ms} WHERE id = '${session}';`;

describe('the database of opencode', { skip }, () => {
  let d, home, path;
  const sql = async (text) => {
    const r = await run('sqlite3', ['-cmd', '.timeout 10000', path, text]);
    assert.equal(r.status, 0, r.err);
  };
  const totals = async () => (await d.ok('GET', 'usage')).totals;
  const start = async () => {
    d = await startDaemon({ env: { HOME: home, TZ: 'UTC' }, dir: join(home, 'd') });
  };

  before(async () => {
    home = await privateDir();
    const dir = join(home, '.local', 'share', 'opencode');
    path = join(dir, 'opencode.db');
    await mkdir(dir, { recursive: true });
    await mkdir(join(home, 'd'), { mode: 0o700 });
    await sql(`${tables} INSERT INTO session VALUES('ses_1', 'p', NULL, '/work/thing', 'A title', '1.18.33', 0, 1000, 1000);
      ${answer('ses_1', 1, 2000, 4)}`);
    await start();
  });
  after(async () => {
    await d.well();
    await d.stop();
    await rm(home, { recursive: true, force: true });
  });

  it('is read', async () => {
    await until('its usage', async () => (await totals()).output_tokens === 6);
    const { data } = await d.ok('GET', 'sessions');
    assert.deepEqual(data.map((s) => [s.agent, s.agent_session, s.title, s.project]), [['opencode', 'ses_1', 'A title', '/work/thing']]);
    assert.deepEqual((await d.ok('GET', 'sessions/ses_1/messages')).data.map((m) => m.text), ['answer 1']);
  });

  it('is followed, each row once', async () => {
    for (let n = 2; n <= 20; n++) await sql(answer('ses_1', n, n * 5000, 10));
    await until('all of it', async () => (await totals()).output_tokens === 6 + 19 * 12);
    await sql(`UPDATE part SET data = json_set(data, '$.tokens.output', 100), time_updated = 200000 WHERE id = 'prt_ses_1_20b'`);
    await until('what was changed', async () => (await totals()).output_tokens === 6 + 18 * 12 + 102);
  });

  it('is read on after a pause', async () => {
    await d.stop();
    await sql(`INSERT INTO session VALUES('ses_2', 'p', 'ses_1', '/work/thing', NULL, '1.18.33', 0, 300000, 300000); ${answer('ses_2', 1, 300000, 8)}`);
    await start();
    await until('the new session', async () => (await totals()).output_tokens === 6 + 18 * 12 + 102 + 10);
    assert.equal((await d.ok('GET', 'sessions')).total, 2);
  });

  it('may be no database', async () => {
    const other = join(home, '.local', 'share', 'opencode', 'opencode-dev.db');
    await writeFile(other, 'this is none, whatever its name says\n'.repeat(100));
    await until('it to be passed over', async () => (await d.info()).sessions.passed_over === 1);
    assert.equal((await totals()).output_tokens, 6 + 18 * 12 + 102 + 10);
  });
});
