// The API schema, the daemon's tables, the manual and the page's types say the same.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import Ajv2020 from 'ajv/dist/2020.js';
import { run } from './lib/run.mjs';
import { schema } from './lib/schema.mjs';

const TOP = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const read = (path) => readFile(join(TOP, path), 'utf8');

async function sources(...folders) {
  const texts = [];
  for (const folder of folders) {
    for (const name of await readdir(join(TOP, folder)))
      if (name.endsWith('.c')) texts.push(await read(join(folder, name)));
  }
  return texts.join('\n');
}

/** All that a pattern finds, of which there must be as many as that at least. */
function found(text, pattern, least) {
  const all = [...text.matchAll(pattern)];
  assert.ok(all.length >= least, `${all.length} of ${pattern}, where ${least} are looked for`);
  return all;
}

const same = (a, b) => assert.deepEqual([...new Set(a)].sort(), [...new Set(b)].sort());

describe('the API schema', () => {
  it('is a schema', () => {
    const ajv = new Ajv2020({ strict: false });
    assert.ok(ajv.validateSchema({ $defs: schema.$defs }), JSON.stringify(ajv.errors));
  });

  it('has the routes that the daemon has', async () => {
    const text = await read('src/app/app.c');
    const [, table] = text.match(/app_routes\[\] = \{\n(.*?)\n\};/s) ?? [];
    assert.ok(table, 'the table of routes is not where it was');
    const routes = found(table, /\{"([A-Z]+)",\s*"([^"]+)"/g, 60);
    assert.equal(routes.length + 1, found(table, /^\s*\{/gm, 60).length, 'each row but the last is a route');
    same(routes.map((m) => `${m[1]} ${m[2]}`), Object.keys(schema.routes));
  });

  it('has the WebSockets that the daemon has', async () => {
    const text = await sources('src/app');
    same(found(text, /\.path = "(\/(?:ws|p)\/[^"]+)"/g, 3).map((m) => m[1]), Object.keys(schema.sockets));
    const all = (await read('src/proto/attach.h')) + (await read('src/app/events.h')) + (await read('src/proto/tty.h'));
    for (const { protocol } of Object.values(schema.sockets)) assert.ok(all.includes(`"${protocol}"`), protocol);
  });

  it('has the errors that the daemon sends', async () => {
    const text = await sources('src/app', 'src/net', 'src/job', 'src/keeper');
    // http_reply_error(r, 404, "no_such_pane", ...), and what is put together by hand.
    const said = [
      ...found(text, /\b(?:http_reply_error|refuse|fail|create_fail|reply_offset)\(\s*[\w>.-]+,\s*[^,;]*?,\s*([^,;]*?),/g, 100),
      ...found(text, /AddStringToObject\(\s*o, "error", ([^;]*)\);/g, 3),
      ...found(text, /\bolder_error\(r, ("\w+")/g, 3),
      ...found(text, /\\"error\\":\\("\w+)\\"/g, 1),
    ];
    const codes = said.flatMap((m) => [...m[1].matchAll(/"(\w+)/g)].map((c) => c[1]));
    for (const code of Object.keys(schema.errors)) assert.match(text, new RegExp(`"${code}\\\\?"`), `${code} is nowhere`);
    for (const code of codes) assert.ok(code in schema.errors, `${code} is not in the schema`);
  });

  it('has no type that is sent nowhere', () => {
    const reached = new Set();
    const walk = (name) => {
      if (reached.has(name)) return;
      reached.add(name);
      assert.ok(name in schema.$defs, `${name} is not there`);
      for (const m of JSON.stringify(schema.$defs[name]).matchAll(/"#\/\$defs\/(\w+)"/g)) walk(m[1]);
    };
    const answers = Object.values(schema.routes).flatMap((r) => Object.values(r).flat());
    for (const name of answers) if (name !== null && !name.includes('/')) walk(name);
    for (const { answer } of Object.values(schema.errors)) walk(answer ?? 'Refusal');
    for (const { sends, takes } of Object.values(schema.sockets)) [sends, takes].forEach(walk);
    for (const types of Object.values(schema.events)) Object.values(types).forEach(walk);
    walk('OlderError');
    same(Object.keys(schema.$defs), reached);
  });

  it('has the routes that the manual has', async () => {
    const text = (await read('man/panescry-protocol.7')).replace(/\\&/g, '');
    const told = found(text, /^\.It (GET|POST|DELETE) (\/\S*)/gm, 50)
      .map((m) => `${m[1]} ${m[2].replace(/\?.*/, '')}`)
      .filter((r) => !/\/ws(\/|$)/.test(r));
    const spoken = Object.keys(schema.routes)
      .map((r) => r.replace(/:n\b/g, 'N').replace(/:\w+/g, (p) => p.slice(1).toUpperCase()))
      .filter((r) => !/ \/(assets\/.*)?$/.test(r)); // the page's own files
    same(told, spoken);
  });

  it('has no member and no value that the manual does not name', async () => {
    const words = new Set((await read('man/panescry-protocol.7')).match(/\w+/g));
    const nowhere = [];
    const walk = (s, type) => {
      const names = [...Object.keys(s.properties ?? {}), ...(s.enum ?? []), ...('const' in s ? [String(s.const)] : [])];
      for (const name of names) if (!words.has(name)) nowhere.push(`${type}: ${name}`);
      for (const part of [...Object.values(s.properties ?? {}), ...(s.anyOf ?? []), ...(s.items ? [s.items] : [])]) walk(part, type);
    };
    for (const [type, s] of Object.entries(schema.$defs)) walk(s, type);
    assert.deepEqual(nowhere, []);
  });

  it('is what the types of the page were made from', async () => {
    const r = await run(process.execPath, [join(TOP, 'src/web/types.mjs'), '--check']);
    assert.equal(r.status, 0, r.err);
  });
});
