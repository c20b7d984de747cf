// Makes api/types.ts from api/schema.json: node types.mjs. With --check nothing is written, and
// the status is 1 when the file is not what it would be.
//
// It knows what the schema uses and refuses anything else. An object with an allOf extends the
// types that it names; a member that is not required is optional, and null only where it says so.

import { readFile, writeFile } from 'node:fs/promises';

const WIDTH = 100;
const here = new URL('./api/', import.meta.url);
const file = new URL('types.ts', here);
const schema = JSON.parse(await readFile(new URL('schema.json', here), 'utf8'));

const KNOWN = new Set([
  'description', 'type', 'properties', 'required', 'additionalProperties', 'items', 'prefixItems',
  'minItems', 'minimum', 'maximum', 'pattern', 'const', 'enum', 'anyOf', 'allOf', '$ref',
]);
const SIMPLE = { string: 'string', integer: 'number', number: 'number', boolean: 'boolean', null: 'null' };

const literal = (v) => (typeof v === 'string' ? `'${v.replace(/[\\']/g, '\\$&')}'` : JSON.stringify(v));
const indented = (text) => text.replace(/^(?=.)/gm, '  ');

function named(ref) {
  const name = ref.replace(/^#\/\$defs\//, '');
  if (!(name in schema.$defs)) throw new Error(`${ref} is not there`);
  return name;
}

/** On one line, or each on its own. */
function union(parts) {
  const line = parts.join(' | ');
  if (line.length <= WIDTH - 20) return line;
  return `\n${parts.map((p) => `  | ${p}`).join('\n')}`;
}

function array(s) {
  if (s.prefixItems) return `[${s.prefixItems.map((p) => type(p)).join(', ')}]`;
  const of = type(s.items);
  return /^\w+$/.test(of) ? `${of}[]` : `(${of})[]`;
}

function object(s) {
  if (s.additionalProperties) return `Record<string, ${type(s.additionalProperties)}>`;
  const members = Object.entries(s.properties ?? {});
  if (!members.length) return 'Record<string, never>';
  return `{\n${indented(members.map(([n, m]) => member(s, n, m)).join('\n'))}\n}`;
}

function member(of, name, s) {
  const optional = of.required?.includes(name) ? '' : '?';
  return `${comment(s.description)}${name}${optional}: ${type(s)};`;
}

function type(s) {
  for (const key of Object.keys(s)) {
    if (!KNOWN.has(key)) throw new Error(`${key} is not known: ${JSON.stringify(s)}`);
  }
  if (s.$ref) return named(s.$ref);
  if ('const' in s) return literal(s.const);
  if (s.enum) return union(s.enum.map(literal));
  if (s.anyOf) return union(s.anyOf.map((p) => type(p)));
  if (Array.isArray(s.type)) return s.type.map((t) => SIMPLE[t]).join(' | ');
  if (s.type === 'array') return array(s);
  if (s.type === 'object') return object(s);
  return s.type ? SIMPLE[s.type] : 'unknown';
}

function comment(text) {
  return text ? `/** ${text} */\n` : '';
}

const alias = (name, text) => `export type ${name} =${text.startsWith('\n') ? '' : ' '}${text};`;

function declaration(name, s) {
  if (!Object.keys(s.properties ?? {}).length) return comment(s.description) + alias(name, type(s));
  const bases = (s.allOf ?? []).map((p) => named(p.$ref));
  const base = bases.length ? ` extends ${bases.join(', ')}` : '';
  return `${comment(s.description)}export interface ${name}${base} ${object(s)}`;
}

const text = [
  '// Made from schema.json by types.mjs: do not edit. npm run types makes it again.',
  `/** What "error" may be in an answer. */\n${alias('ErrorCode', union(Object.keys(schema.errors).map(literal)))}`,
  ...Object.entries(schema.$defs).map(([name, s]) => declaration(name, s)),
  '',
].join('\n\n').replace(/\n\n$/, '\n');

if (process.argv[2] !== '--check') await writeFile(file, text);
else if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
  console.error('api/types.ts is not what api/schema.json says: run npm run types');
  process.exit(1);
}
