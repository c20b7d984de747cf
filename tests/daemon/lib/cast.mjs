// asciicasts, read as their documents say, without the program that wrote them.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

/** {header, events: [{time, code, text}]}, times in seconds since the beginning. Every line must be whole. */
export function parseCast(text) {
  assert.ok(text.endsWith('\n'), 'the last line is whole');
  const [first, ...rest] = text.slice(0, -1).split('\n');
  const header = JSON.parse(first);
  const events = [];
  let now = 0;
  for (const line of rest) {
    if (header.version === 3 && line.startsWith('#')) continue;
    const [time, code, data, ...more] = JSON.parse(line);
    assert.deepEqual([typeof time, typeof code, typeof data, more], ['number', 'string', 'string', []], line);
    assert.match(line, /^\[\d+\.\d{3}, /, 'three decimals');
    assert.ok(time >= 0, line);
    const at = header.version === 3 ? now + time : time;
    assert.ok(at >= now, `times do not go back: ${line}`);
    now = at;
    events.push({ time: at, code, text: data });
  }
  return { header, events };
}

export const readCast = async (path) => parseCast(await readFile(path, 'utf8'));

export const printed = (cast) => cast.events.filter((e) => e.code === 'o').map((e) => e.text).join('');

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"' };
const unescape = (s) =>
  s.replace(/&(?:#(\d+)|(\w+));/g, (_, n, name) => (n ? String.fromCodePoint(Number(n)) : ENTITIES[name]));

const bare = (s) => unescape(s.replace(/<[^>]*>/g, ''));

/** The lines of a page, or of a picture, where rows that go on are joined. */
export const htmlLines = (text) =>
  text.match(/<pre>\n([^]*)<\/pre>/)[1].split('\n').slice(0, -1).map((l) => bare(l).trimEnd());

export function svgLines(text) {
  const lines = [];
  for (const [, goesOn, row] of text.matchAll(/<text( class="w")? [^>]*>([^\n]*)<\/text>/g))
    if (goesOn) lines[lines.length - 1] += bare(row);
    else lines.push(bare(row));
  return lines.map((l) => l.trimEnd());
}
