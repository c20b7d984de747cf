// Options, the groups in their order, and what is said of them.

import { readFile, stat } from 'node:fs/promises';
import { after, before } from './health.mjs';
import { bodies } from './bodies.mjs';
import { frames } from './frames.mjs';
import { guessing } from './guess.mjs';
import { http } from './http.mjs';
import { local } from './local.mjs';
import { log, size } from './log.mjs';
import { origins } from './origins.mjs';
import { paths } from './paths.mjs';
import { patterns } from './patterns.mjs';
import { Group } from './report.mjs';
import { Target } from './target.mjs';
import { tokens } from './tokens.mjs';

const USAGE = `usage: attack [options] URL

Attacks the panescry at URL, such as http://127.0.0.1:7263/, and says what gave way. It makes
panes, jobs and tokens of its own and removes them; what others have is left alone. It costs the
instance some load for a minute or two, so do not run it against one that somebody works on.

  --token-file FILE   a read-write token, from which the others are made; else $PANESCRY_TOKEN, or
                      the token in URL
  --socket PATH       the Unix socket of the instance: what only it may do is tried there, too
  --log FILE          the instance's log: each refusal must be in it once
  --only GROUP        this group only; may be repeated
  --json              print one JSON object
  --help              print this

Groups:
`;

/* In this order: the last ones are those that use up what an address may do. */
const GROUPS = [
  ['origins', 'foreign Origins and Hosts, re-bound names, headers of proxies', origins],
  ['paths', 'paths that lead out of files and routes, and past the check of a token', paths],
  ['http', 'requests within requests, lines of heads, odd methods, sizes, slow and endless bodies', http],
  ['frames', 'frames and messages that no client may send, floods, wrong upgrades', frames],
  ['bodies', 'JSON that is too deep, too large, or wrong at each member of each body', bodies],
  ['patterns', 'patterns that run away, on every route that searches', patterns],
  ['tokens', 'every route and socket without the token that it needs', tokens],
  ['local', 'the Unix socket and the modes of files', local],
  ['guess', 'guessing at tokens', guessing],
  ['log', 'lines and secrets in the log', log],
];

function fail(what) {
  process.stderr.write(`attack: ${what}\n`);
  process.exit(2);
}

function options(args) {
  const o = { only: [], json: false };
  const value = (name, i) => args[i] ?? fail(`${name} needs a value`);
  for (let i = 0; i < args.length; i++) {
    const [name, given] = args[i].startsWith('--') && args[i].includes('=') ? [args[i].slice(0, args[i].indexOf('=')), args[i].slice(args[i].indexOf('=') + 1)] : [args[i], null];
    const take = () => given ?? value(name, ++i);
    if (name === '--help') o.help = true;
    else if (name === '--json') o.json = true;
    else if (name === '--token-file') o.tokenFile = take();
    else if (name === '--socket') o.socket = take();
    else if (name === '--log') o.log = take();
    else if (name === '--only') o.only.push(take());
    else if (name.startsWith('-')) fail(`unknown option ${name}: see --help`);
    else if (o.url) fail('one URL is enough: see --help');
    else o.url = name;
  }
  return o;
}

async function token(o, url) {
  if (o.tokenFile) return (await readFile(o.tokenFile, 'utf8').catch((e) => fail(`cannot read the token: ${e.message}`))).trim();
  return process.env.PANESCRY_TOKEN ?? url.searchParams.get('token') ?? fail('a token is needed: --token-file FILE');
}

function report(o, groups, summary) {
  const gaveWay = groups.flatMap((g) => g.gaveWay.map((x) => ({ group: g.name, ...x })));
  const tried = groups.reduce((n, g) => n + g.tried, 0);
  if (o.json) {
    const rows = groups.map(({ name, about, tried: n, refused, served, gaveWay: bad, known, notes, counts, ms }) => ({ name, about, tried: n, refused, served, gave_way: bad, known, notes, in_log: counts, ms }));
    process.stdout.write(`${JSON.stringify({ tried, gave_way: gaveWay.length, groups: rows, summary })}\n`);
    return gaveWay.length;
  }
  for (const { group, what, got, repeat } of gaveWay) process.stdout.write(`\ngave way: ${group}: ${what}\n  got: ${got}\n${repeat ? `  again: ${repeat}\n` : ''}`);
  process.stdout.write(`\n${tried} attacks and checks, ${gaveWay.length} gave way\n`);
  return gaveWay.length;
}

async function attack(o, t) {
  const { groups } = t;
  const say = (line) => o.json || process.stdout.write(`${line}\n`);
  const run = async (name, about, work) => {
    const g = new Group(name, about);
    const from = Date.now();
    groups.push(g);
    try {
      await work(g);
    } catch (e) {
      g.serves(false, 'the group came to its end', e.stack);
    }
    g.ms = Date.now() - from;
    say(g.line);
    for (const { what, why } of g.known) say(`          known: ${what}: ${why}`);
    for (const note of g.notes) say(`          not tried: ${note}`);
  };
  await t.prepare();
  const was = await before(t);
  o.logFrom = await size(o.log);
  for (const [name, about, work] of GROUPS) if (!o.only.length || o.only.includes(name)) await run(name, about, (g) => work(t, g, o));
  let summary = '';
  await t.finish(true);
  await run('health', 'the instance is as it was', async (g) => {
    summary = (await after(t, g, was)).line;
  });
  say(`          ${summary}`);
  const told = groups.find((g) => g.counts)?.counts;
  if (told) say(`          in the log: ${Object.entries(told).map(([kind, n]) => `${n} times "${kind}"`).join(', ') || 'no refusal'}`);
  return [groups, summary];
}

export async function main(args) {
  const o = options(args);
  if (o.help) {
    process.stdout.write(USAGE + GROUPS.map(([name, about]) => `  ${name.padEnd(10)}${about}\n`).join(''));
    return;
  }
  let url;
  try {
    url = new URL(o.url);
  } catch {
    fail('the URL of the instance is needed: see --help');
  }
  for (const name of o.only) if (!GROUPS.some(([n]) => n === name)) fail(`no group ${name}: see --help`);
  if (o.log) await stat(o.log).catch((e) => fail(`cannot read the log: ${e.message}`));
  const t = new Target({ url: `${url.origin}${url.pathname}`, token: await token(o, url), socket: o.socket });
  try {
    const [groups, summary] = await attack(o, t);
    const gaveWay = report(o, groups, summary);
    process.exitCode = gaveWay ? 1 : 0;
  } catch (e) {
    process.stderr.write(`attack: cannot attack ${url.origin}: ${e.message}\n`);
    process.exitCode = 2;
  } finally {
    await t.finish();
  }
}
