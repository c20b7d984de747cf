// What the daemon sends, checked against src/web/api/schema.json. On the wire members may be
// added; here one that the schema does not know is a fault, so that schema and daemon agree.
// Beside the check it keeps book of what of the schema has been seen.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';

export const schema = JSON.parse(readFileSync(new URL('../../../src/web/api/schema.json', import.meta.url), 'utf8'));

const REF = '#/$defs/';
const open = (name) => `${name}+`; // as a base of others it may have more members

/** The same schema, in which no object may have a member that it does not name. */
function strict(s, base = false) {
  if (Array.isArray(s)) return s.map((x) => strict(x));
  if (typeof s !== 'object' || s === null) return s;
  const out = {};
  for (const [key, value] of Object.entries(s)) {
    if (key === 'allOf') out[key] = value.map((b) => ({ $ref: open(b.$ref) }));
    else if (key === 'properties') out[key] = Object.fromEntries(Object.entries(value).map(([n, m]) => [n, strict(m)]));
    else if (key === 'const' || key === 'enum' || key === 'required') out[key] = value;
    else out[key] = strict(value);
  }
  const closed = s.type === 'object' && !base && !('additionalProperties' in s);
  if (closed) out[s.allOf ? 'unevaluatedProperties' : 'additionalProperties'] = false;
  return out;
}

const $defs = {};
for (const [name, s] of Object.entries(schema.$defs)) {
  $defs[name] = strict(s);
  $defs[open(name)] = strict(s, true);
}
const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: 'log', logger: false });
ajv.addSchema({ $id: 'panescry', $defs });

const validators = new Map();
function validator(name) {
  if (!validators.has(name)) validators.set(name, ajv.compile({ $ref: `panescry${REF}${name}` }));
  return validators.get(name);
}

/** What is wrong with a value, in a few lines; '' for nothing. */
export function wrong(name, value) {
  const check = validator(name);
  if (check(value)) return '';
  const faults = check.errors.filter((e) => e.keyword !== 'anyOf').slice(0, 8);
  return faults.map((e) => `${name}${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`).join('\n');
}

/* Book-keeping: which types, members and routes were seen. */

export const seen = new Set();

const bases = (s) => (s.allOf ?? []).map((b) => b.$ref.slice(REF.length));

const shells = new Map();
/** Of several the one that it is: a $ref is looked into, others are told by their type or value. */
function fits(s, value) {
  if (s.$ref) return validator(s.$ref.slice(REF.length))(value);
  if (!shells.has(s)) {
    const shell = Object.fromEntries(['type', 'enum', 'const'].filter((k) => k in s).map((k) => [k, s[k]]));
    shells.set(s, ajv.compile(shell));
  }
  return shells.get(s)(value);
}

/** Marks what a value that is right has of the schema. */
function mark(s, value, name) {
  if (s.$ref) {
    const to = s.$ref.slice(REF.length);
    seen.add(to);
    mark(schema.$defs[to], value, to);
  } else if (s.anyOf) {
    const part = s.anyOf.find((p) => fits(p, value));
    if (part) mark(part, value, name);
  } else if (Array.isArray(value) && s.items) {
    for (const v of value) mark(s.items, v, name);
  } else if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    for (const b of bases(s)) mark({ $ref: REF + b }, value);
    for (const [n, m] of Object.entries(s.properties ?? {})) {
      if (!(n in value)) continue;
      seen.add(`${name}.${n}`);
      mark(m, value[n], name);
    }
  }
}

/** All that `seen` can have: types, and members that may be missing. */
export const things = () =>
  Object.entries(schema.$defs).flatMap(([name, s]) => {
    const members = Object.keys(s.properties ?? {}).filter((n) => !s.required?.includes(n));
    return [name, ...members.map((n) => `${name}.${n}`)];
  });

let booking = false;
/** From now on it is kept; it takes its time. */
export const keepBook = () => (booking = true);

function check(what, names, value) {
  const faults = names.map((n) => wrong(n, value));
  const at = faults.indexOf('');
  if (at < 0) {
    const least = faults.sort((a, b) => a.split('\n').length - b.split('\n').length)[0];
    assert.fail(`${what} is not as the schema says:\n${least}\n${JSON.stringify(value).slice(0, 2000)}`);
  }
  if (booking) mark({ $ref: REF + names[at] }, value);
}

/* Answers. */

const table = Object.entries(schema.routes).map(([route, answers]) => {
  const [method, path] = route.split(' ');
  return { route, method, parts: path.split('/'), answers };
});

/** The route that a request is for. A segment that is written out goes before one that is not. */
export function routeOf(method, target) {
  const parts = target.replace(/[?#].*/s, '').split('/');
  const fit = table.filter(
    (r) => r.method === (method === 'HEAD' ? 'GET' : method) && r.parts.length === parts.length
      && r.parts.every((p, i) => (p.startsWith(':') ? parts[i] !== '' : p === parts[i])),
  );
  return fit.sort((a, b) => a.route.split(':').length - b.route.split(':').length)[0];
}

function checkRefusal(what, older, status, json) {
  const known = schema.errors[json?.error];
  assert.ok(known, `${what}: error ${json?.error} is not in the schema`);
  assert.ok(known.statuses.includes(status), `${what}: ${json.error} with ${status}`);
  const special = older && ['bad_params', 'bad_id_format', 'bad_query'].includes(json.error);
  check(what, [special ? 'OlderError' : (known.answer ?? 'Refusal')], json);
  seen.add(json.error);
}

/** One answer, as lib/daemon.mjs has it. What is no route may only be refused. */
export function checkAnswer(method, target, { status, headers, json, bytes }) {
  const what = `${status} of ${method} ${target}`;
  const found = routeOf(method, target);
  if (status >= 400 && found?.answers[status] === undefined) return json === null || method === 'HEAD' ? undefined : checkRefusal(what, target.startsWith('/api/term/'), status, json);
  if (!found) return assert.fail(`${what}: no route of the schema`);
  const answer = found.answers[status];
  assert.notEqual(answer, undefined, `${what}: not a status that the schema has`);
  seen.add(`${found.route} ${status}`);
  if (answer === null) return assert.equal(bytes.length, 0, `${what} has a body`);
  if (method === 'HEAD') return undefined;
  const names = [answer].flat();
  if (json !== null) return check(what, names.filter((n) => !n.includes('/')), json);
  const type = (headers['content-type'] ?? '').replace(/;.*/, '');
  return assert.ok(names.some((n) => n === type || n === '*/*'), `${what}: a body of type ${type}`);
}

/* What comes on WebSockets. */

const [ATTACH, EVENTS, TTY] = ['/ws/panes/:id', '/ws/events', '/p/:id/ws'].map((path) => schema.sockets[path]);

export const checkControl = (o) => check('a CONTROL message', [ATTACH.sends], o);
/** What a client sends, to each of the two. */
export const checkClientControl = (o) => check('a CONTROL message of a client', [ATTACH.takes], o);
export const checkSubscribe = (o) => check('a subscription', [EVENTS.takes], o);

/** Of a client of ttyd: what it says first, and what it is told to prefer. */
export const checkTtyHello = (o) => check('the first message of a client of ttyd', [TTY.takes], o);
export const checkTtyPreferences = (o) => check('preferences of a client of ttyd', [TTY.sends], o);

/** What is wrong, for who gathers faults; null for nothing. */
export function fault(test, o) {
  try {
    test(o);
    return null;
  } catch (e) {
    return e.message;
  }
}

/** One of /ws/events. */
export function checkEvent(o) {
  const topic = (o.topic ?? '').replace(/^(job|session):.*/s, '$1:ID');
  const name = schema.events[topic]?.[o.type];
  assert.ok(name, `an event ${o.type} of the topic ${JSON.stringify(o.topic)} is not in the schema`);
  check(`an event of ${o.topic}`, [name], o);
  if (booking) check('an event', [EVENTS.sends], o);
  seen.add(`event ${topic} ${o.type}`);
}
