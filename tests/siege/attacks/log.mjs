// The log: what was refused is in it, once for each kind and time; nothing that a client sends makes a
// line of its own, and no token gets in.

import { open, stat } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { told } from './target.mjs';

const LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warn|info|debug) [a-z]+: /;
const MOST = 4 * 1024 * 1024; /* bytes of log that all of these attacks may cost */
const MARK = `mark${randomBytes(4).toString('hex')}`;

export async function size(path) {
  return path ? (await stat(path)).size : 0;
}

/** Texts that are hoped to get into the log whole, wherever a name or a header is taken. */
async function inject(t, g) {
  const evil = `x\r\n2026-01-01T00:00:00.000Z error net: ${MARK} \u001b]0;${MARK}\u0007\u202e\n`;
  const one = evil.replace(/\r\n|\n/g, ' ');
  const q = encodeURIComponent(evil);
  const asks = [
    { path: `/${q}`, token: null }, { path: `/api/v1/panes/${q}` }, { path: `/api/v1/search?pattern=${q}` }, { path: '/', headers: [`User-Agent: ${one}`, `Referer: ${one}`, `X-Forwarded-For: ${one}`] }, { path: '/api/v1/panes', origin: one }, { path: '/api/v1/panes', host: one },
    { path: '/api/v1/panes', headers: [`Cookie: ${MARK}=${one}`] }, { path: `/?token=${q}`, token: null, from: true }, { path: '/api/v1/info', token: null, headers: [`Authorization: Bearer ${MARK}${one}`], from: true },
    ...[['panes', { command: ['true'], name: evil }], ['panes', { command: [evil] }], ['panes', { command: ['true'], cwd: evil }], ['jobs', { command: [evil], name: evil }], ['jobs', { command: ['true'], name: evil, correlation: evil }], ['sessions', { agent: evil, title: evil, native: evil }], ['watches', { pattern: evil, pane: evil }],
      ['watches', { pattern: 'nothing', pane: 'nowhere', url: `http://127.0.0.1:1/${evil}` }], ['flows', { definition: { name: evil, steps: [{ name: 'a', command: ['true'] }] } }], ['flows', { definition: { name: 'attack', steps: [{ name: evil, command: [evil] }] }, file: evil }], ['tokens', { name: evil, read_only: true, expires_in: 1 }], ['streams', { name: evil, agent: evil }], ['talks', { agent: evil, cwd: evil }]]
      .map(([path, o]) => ({ method: 'POST', path: `/api/v1/${path}`, body: JSON.stringify(o) })),
    { method: 'POST', path: `/api/v1/sessions/import?name=${q}&format=${q}`, body: evil },
  ];
  for (const ask of asks) {
    const a = await t.ask(ask);
    if (a.json?.token) t.secrets.push([`TOKEN${t.secrets.length}`, a.json.token]);
    const kind = /^\/api\/v1\/(panes|jobs|sessions|watches|flows|streams)$/.exec(ask.path)?.[1];
    if (a.status < 300 && kind && a.json?.id !== undefined) t.own(`/api/v1/${kind === 'streams' ? 'jobs' : kind}/${a.json.id}`);
    g.refuses(a.status < 500 || a.status === 503 || a.status === 507, `${ask.method ?? 'GET'} ${ask.path.slice(0, 40)} with lines of a log`, told(a), t.again(a));
  }
}

async function tail(path, from) {
  const f = await open(path);
  try {
    const { size: to } = await f.stat();
    // A log that was begun anew is read from its start.
    const at = to < from ? 0 : from;
    const bytes = Buffer.alloc(Math.min(to - at, 4 * MOST));
    await f.read(bytes, 0, bytes.length, at);
    return bytes;
  } finally {
    await f.close();
  }
}

/** How often each kind was told: what it was refused for, without whom. */
function kinds(lines) {
  const counts = {};
  for (const line of lines) {
    const m = /\b(?:warn|info) net: refused (.*)$/.exec(line);
    if (!m) continue;
    const kind = m[1].replace(/^[^:]*: /, '').replace(/;.*/, '').slice(0, 60);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

export async function log(t, g, o) {
  await inject(t, g);
  if (!o.log) {
    g.note('what is in the log: give it with --log');
    return;
  }
  const bytes = await tail(o.log, o.logFrom);
  const text = bytes.toString('latin1');
  const lines = text.split('\n').slice(0, -1);
  const stray = lines.filter((l) => !LINE.test(l));
  g.refuses(stray.length === 0, 'every line is one of the daemon', JSON.stringify(stray.slice(0, 3)));
  const control = lines.filter((l) => /[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]/.test(l));
  g.refuses(control.length === 0, 'no control character is in it', JSON.stringify(control.slice(0, 3)));
  for (const [name, secret] of t.secrets) {
    const value = secret.replace(/^[^=]*=/, '');
    const at = lines.find((l) => l.includes(value));
    g.refuses(at === undefined, `${name} is not in it`, at?.replaceAll(value, `$${name}`) ?? '');
  }
  g.refuses(bytes.length < MOST, 'attacks do not fill it', `${bytes.length} bytes`);
  const counts = kinds(lines);
  const refusals = t.refusals();
  g.serves(Object.keys(counts).length > 0 || refusals === 0, 'refusals are in it', `none of ${refusals}`);
  const most = Math.max(0, ...Object.values(counts));
  g.serves(most <= refusals, 'each refusal is in it once at the most', `${most} lines for ${refusals}`);
  g.counts = counts;
}
