// JSON that is too deep, too large, or not what a route wants, at each member of each body.

import { each } from '../../daemon/lib/until.mjs';
import { told } from './target.mjs';

const DEPTH = 100_000;

/*
 * What each route takes: an example that it takes, and the members that it knows with their types:
 * s string, n whole number, f number, b true or false, a array of strings, l list of numbers,
 * o object, x anything.
 * `made` gives the path of what an answer has made, which is removed at the end. `there` are
 * segments of the path that stand for something that is there. `raw`: the body is no JSON.
 */
const command = ['true'];
const job = { command: 'a', cwd: 's', env: 'o', name: 's', correlation: 's', agent: 's', model: 's', prompt: 's', pane: 's', session: 's', flow: 's', step: 's', pty: 'b', cols: 'n', rows: 'n', watch: 'x', idle_timeout_s: 'f', timeout_s: 'f', max_output: 'n', retries: 'n', retry_on: 'l', backoff_s: 'l', dedup: 'bf', force_refresh: 'b', wait_s: 'f' };
const one = (path) => (o) => `/api/v1/${path}/${o.id}`;
const reason = { takes: { reason: 's' } };

export const BODIES = {
  'POST /api/v1/panes': { body: { command }, takes: { command: 'a', name: 's', cwd: 's', cols: 'n', rows: 'n', env: 'o', tmux: 'bs', archive: 'b' }, made: one('panes') },
  'POST /api/v1/panes/:id/input': { raw: true },
  'POST /api/v1/panes/:id/resize': { body: { cols: 80, rows: 24 }, takes: { cols: 'n', rows: 'n' } },
  'POST /api/v1/panes/:id/show': { body: {}, takes: { line: 'n', client: 's' } },
  'POST /api/v1/panes/:id/signal': { body: { signal: 'CONT' }, takes: { signal: 's' } },
  'POST /api/v1/panes/:id/wait': { body: { pattern: 'ready', from: 'start', timeout_ms: 1 }, waits: true, takes: { pattern: 's', timeout_ms: 'n', from: 's', icase: 'b', fixed: 'b', from_line: 'n', seen: 's' } },
  'POST /api/v1/sessions': { body: { agent: 'attack', title: 'attack' }, takes: { agent: 's', native: 's', cwd: 's', title: 's', model: 's', pane: 's', parent: 'sn' }, made: (o) => `/api/v1/sessions/${encodeURIComponent(o.session?.id ?? o.id)}` },
  'POST /api/v1/sessions/import': { raw: true },
  'POST /api/v1/sessions/:id/events': { raw: true },
  'POST /api/v1/hooks': { raw: true },
  'POST /api/v1/jobs': { body: { command }, takes: job, made: one('jobs') },
  'POST /api/v1/jobs/:id/cancel': { body: {}, ...reason },
  'POST /api/v1/jobs/:id/retry': { raw: true, made: one('jobs') },
  'POST /api/v1/jobs/:id/input': { raw: true },
  'POST /api/v1/jobs/:id/resize': { body: { cols: 80, rows: 24 }, takes: { cols: 'n', rows: 'n' } },
  'POST /api/v1/jobs/:id/signal': { body: { signal: 'CONT' }, takes: { signal: 's' } },
  'POST /api/v1/streams': { body: {}, takes: { name: 's', correlation: 's', agent: 's', pane: 's', session: 's', command: 'a', channels: 'l', idle_timeout_s: 'f' }, made: one('jobs') },
  'POST /api/v1/streams/:id/channels/:n': { raw: true },
  'POST /api/v1/streams/:id/complete': { body: {}, takes: { exit_code: 'n', duration_ms: 'n', channel: 'n' } },
  'POST /api/v1/streams/:id/abort': { body: {}, takes: { reason: 's', channel: 'n' } },
  'POST /api/v1/streams/:id/cancel': { body: {}, ...reason },
  'POST /api/v1/flows': { body: { definition: { name: 'attack', steps: [{ name: 'a', command }] } }, takes: { definition: 'o', file: 's', force: 'b', resume: 's' }, made: one('flows') },
  'POST /api/v1/flows/validate': { body: { definition: { name: 'attack', steps: [{ name: 'a', command }] } }, takes: { definition: 'o' } },
  'POST /api/v1/flows/:id/cancel': { body: {}, ...reason },
  'POST /api/v1/flows/:id/resume': { body: {}, takes: { force: 'b' } },
  'POST /api/v1/flows/:id/steps/:name/approve': { body: { approve: false }, takes: { approve: 'b', reason: 's' } },
  'POST /api/v1/talks': { body: { agent: 'nobody' }, takes: { agent: 's', cwd: 's', model: 's', prompt: 's', resume: 's', idle_end_s: 'f', permission_timeout_s: 'f', args: 'a' }, made: one('jobs') },
  'POST /api/v1/talks/:id/messages': { body: { text: 'x' }, takes: { text: 's', priority: 's' } },
  'POST /api/v1/talks/:id/permissions/:pid': { body: { allow: false }, takes: { allow: 'b', message: 's', input: 'o' } },
  'POST /api/v1/talks/:id/interrupt': { body: {}, takes: {} },
  'POST /api/v1/talks/:id/model': { body: { model: 'x' }, takes: { model: 's' } },
  'POST /api/v1/talks/:id/end': { body: {}, takes: {} },
  'POST /api/v1/watches': { body: { pattern: 'nothing like it', pane: 'nowhere' }, takes: { pattern: 's', icase: 'b', fixed: 'b', pane: 's', command: 'as', url: 's', every_s: 'n' }, made: one('watches') },
  'POST /mcp': { body: { jsonrpc: '2.0', id: 1, method: 'ping', params: {} }, takes: { jsonrpc: 's', method: 's', params: 'o' } },
  'POST /api/v1/upgrade': { local: true },
  'POST /api/v1/tokens': { body: { read_only: true, expires_in: 60 }, takes: { read_only: 'b', once: 'b', expires_in: 'n', name: 's', pane: 's' }, made: (o) => `/api/v1/tokens/${encodeURIComponent(o.id ?? o.name ?? 'none')}` },
};

/** What a member of that type never is. */
const WRONG = {
  s: [1, -1.5, true, [], ['a'], {}, { a: 'b' }],
  n: ['1', '', true, [], [1], {}, -1, -1e308, 1e308, 0.5],
  f: ['1', '', true, [], [1], {}, -1, -1e308, 1e308],
  b: ['true', '', 1, 0, [], [true], {}],
  a: ['true', 1, true, {}, [1], [null], [['a']], ['a\u0000b'], [{}]],
  l: ['1', 1, true, {}, ['1'], [null], [[1]], [-1e308]],
  o: ['x', 1, true, ['a'], [{}]],
  x: [],
};
const kind = (v) => (Array.isArray(v) ? 'al' : v === null ? '' : { string: 's', number: 'nf', boolean: 'b', object: 'o' }[typeof v]);

/** Texts that are no JSON, or hardly. */
function hardly(max) {
  const fits = Math.max(4, Math.min(DEPTH, max >> 1));
  return [
    ['arrays 100,000 deep', '['.repeat(DEPTH)], ['arrays 100,000 deep that end', '['.repeat(DEPTH) + ']'.repeat(DEPTH)], ['objects 100,000 deep', '{"a":'.repeat(DEPTH)], ['arrays as deep as the body may be', '['.repeat(fits) + ']'.repeat(fits)],
    ['a member that deep', `{"a":${'['.repeat(fits - 4)}${']'.repeat(fits - 4)}}`], ...(fits < 12_000 ? [] : [['members that deep', '{"command":'.repeat(fits / 12) + '1' + '}'.repeat(fits / 12)]]),
    ['nothing of an object', '{'], ['no comma', '{"a":1 "b":2}'], ['a comma more', '{"a":1,}'], ['no quotes', '{a:1}'], ['single quotes', "{'a':1}"], ['a comment', '{}/**/x'], ['two', '{}{}'], ['bytes behind', '{}\0x'], ['a byte order mark', '\ufeff{"a":'],
    ['null', 'null'], ['true', 'true'], ['a number', '1'], ['a string', '"x"'], ['an array', '[]'], ['NaN', '{"a":NaN}'], ['Infinity', '{"a":-Infinity}'], ['hexadecimal', '{"a":0x10}'], ['spaces only', ' '.repeat(Math.min(max, 1000))],
    ['UTF-16', Buffer.from('{}', 'utf16le')], ['a NUL', Buffer.from('{"a\0":1}')],
  ];
}

/** What may be taken or not, but answered it must be, with what is JSON. */
function odd(name) {
  const big = '9'.repeat(400);
  return [
    `{"${name}":1e999}`, `{"${name}":-1e999}`, `{"${name}":${big}}`, `{"${name}":1e-999}`, `{"${name}":18446744073709551616}`, `{"${name}":-0}`, `{"${name}":true,"${name}":false}`, `{"${name}":"a","${name}":1,"${name}":[]}`,
    `{"${name}":"\n"}`, `{"${name}":"\\ud800"}`, `{"${name}":"\\udc00\\ud800"}`, `{"${name}":"\\u0000"}`, `{"${name}":"a\\u0000b"}`, `{"${name}":"\\r\\nX-Evil: yes"}`, `{"${name}":"\\u001b]0;x\\u0007"}`, `{"${name}":"${'x'.repeat(900)}"}`, `{"\\u0000${name}":1}`, `{"__proto__":{"a":1},"constructor":1}`,
    Buffer.concat([Buffer.from(`{"${name}":"`), Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80]), Buffer.from('"}')]), Buffer.concat([Buffer.from(`{"${name}":"`), Buffer.from([0xe2, 0x82]), Buffer.from('"}')]),
  ];
}

/** It was answered, with JSON where it is to be, or is waited for as it asked. */
const sane = (a) => a.waits || (a.status !== 0 && a.status !== 500 && a.status !== 502 && a.json !== undefined && a.headers['x-evil'] === undefined);

class Walk {
  constructor(t, g) {
    Object.assign(this, { t, g });
  }

  /** Something of our own for each kind of path. */
  async prepare() {
    const { t } = this;
    const made = async (path, json, type) => {
      const o = await t.ok('POST', `/api/v1/${path}`, json);
      t.own(`/api/v1/${type}/${o.id}`);
      return o.id;
    };
    this.job = await made('jobs', { command: ['sleep', '600'], pty: true }, 'jobs');
    t.own(`/api/v1/jobs/${this.job}`);
    this.stream = await made('streams', {}, 'jobs');
    this.flow = await made('flows', { definition: { name: 'attack', steps: [{ name: 'a', type: 'approval', message: 'attack' }] } }, 'flows');
  }

  async finish() {
    const { t } = this;
    for (const path of [`jobs/${this.job}/cancel`, `streams/${this.stream}/cancel`, `flows/${this.flow}/cancel`]) await t.ask({ method: 'POST', path: `/api/v1/${path}`, body: '{}' });
  }

  path(r) {
    const { t } = this;
    const id = r.path.includes('/jobs/') ? this.job : r.path.includes('/streams/') ? this.stream : r.path.includes('/flows/') ? this.flow : null;
    return t.fill(id ? r.path.replace(':id', id).replace(':name', 'a') : r.path);
  }

  async send(r, body) {
    const { t } = this;
    const { made, waits } = BODIES[`${r.method} ${r.path}`];
    const a = await t.ask({ method: r.method, path: this.path(r), body, ms: waits ? 1000 : 20_000 });
    if (a.status >= 200 && a.status < 300 && made && a.json?.id !== undefined) t.own(made(a.json));
    a.waits = waits && a.how === 'no answer came';
    if (a.json?.token) {
      t.secrets.push([`TOKEN${t.secrets.length}`, a.json.token]);
      t.own(BODIES['POST /api/v1/tokens'].made(a.json));
    }
    return a;
  }

  async json(r, { body, takes }) {
    const { t, g } = this;
    const name = `${r.method} ${r.path}`;
    await each(hardly(r.max_body), 4, async ([what, text]) => {
      const a = await this.send(r, text);
      const ok = [400, 413].includes(a.status) || (a.status >= 404 && a.status < 500);
      g.refuses(ok && sane(a), `${name} with ${what}`, told(a), t.again(a));
    });
    const texts = odd(Object.keys(takes)[0] ?? 'a').filter((x) => x.length <= r.max_body);
    await each(texts, 4, async (text) => {
      const a = await this.send(r, text);
      g.refuses(sane(a), `${name} with ${String(text).slice(0, 50)}`, told(a), t.again(a));
    });
    const wrong = Object.entries(takes).flatMap(([member, types]) => [...types].flatMap((type) => WRONG[type].filter((v) => ![...types].some((x) => x !== type && kind(v).includes(x))).map((v) => [member, v])));
    await each(wrong, 4, async ([member, value]) => {
      const a = await this.send(r, JSON.stringify({ ...body, [member]: value }));
      g.refuses(sane(a) && a.status >= 400, `${name} with ${member} ${JSON.stringify(value)}`, told(a), t.again(a));
    });
  }

  async raw(r) {
    const { t, g } = this;
    const bytes = [Buffer.from([0xff, 0xfe, 0, 0xc0, 0x80]), Buffer.from('['.repeat(DEPTH)), Buffer.from('{"type":'.repeat(1000)), Buffer.from('{"seq":1e999,"type":{}}\n'.repeat(50)), Buffer.alloc(Math.min(r.max_body + 1, 16 * 1024 * 1024), 'x')];
    for (const body of bytes) {
      const a = await this.send(r, body);
      g.refuses(sane(a) || (body.length > r.max_body && a.how === 'the connection ended'), `${r.method} ${r.path} with ${body.length} odd bytes`, told(a), t.again(a));
    }
  }
}

export async function bodies(t, g) {
  const w = new Walk(t, g);
  await w.prepare();
  try {
    for (const r of t.routes.filter((x) => x.max_body > 0 && x.access !== 'local')) {
      const name = `${r.method} ${r.path}`;
      const known = BODIES[name];
      g.serves(known !== undefined, name, 'it takes a body that this script does not know: add it to BODIES');
      if (known?.raw) await w.raw(r);
      else if (known) await w.json(r, known);
    }
    const viewer = await t.attach();
    g.serves((await t.echo(viewer)) !== null, 'an echo after all of them', 'none came');
    viewer.close();
  } finally {
    await w.finish();
  }
}
