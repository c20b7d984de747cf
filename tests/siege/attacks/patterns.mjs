// Patterns that run away: answered within their time, or refused, while a pane stays quick.

import { told } from './target.mjs';
import { pause } from './wire.mjs';

const BUDGET_MS = 2000; /* of a search, panescry-protocol(7) */
const SLACK_MS = 20_000; /* that a loaded machine may take beside it: what runs away takes hours */
const ECHO_MS = 5000; /* nothing of a search is waited for by the loop, but the machine may be loaded */

const PATTERNS = [
  '(a+)+$', '(a*)*b', '(a|a)*$', '(a|aa)+$', '([a-zA-Z]+)*$', '(.*a){20}', '(.*)*x', '(a?){50}a{50}', '^(([a-z])+.)+[A-Z]([a-z])+$', '(x+x+)+y', '((a*)*)*b', '(?:(?:(?:a+)+)+)+b', 'a{1,65535}b', '(a{1,1000}){1,1000}b', '(?:a{65535}){65535}', '(.{1,500}){1,500}z',
  '(?<=a{1,200})b', '(?<!(a|aa|aaa))b', '(?=(a+))\\1b', '(a+)\\1+b', '(?R)?a', '(a(?1)?b?)+', '(?<n>a\\g<n>?)+b', '(?(DEFINE)(?<x>(a+)+))(?&x)b', '\\X+\\X+\\X+z', '(\\w+\\s?)+[^\\w]$', '.*.*.*.*.*.*.*.*=.*', '(?s).*(?:.*)*.*q', 'a*a*a*a*a*a*a*a*a*a*b', '(?i)(A+)+Z', '[\\s\\S]*?[\\s\\S]*?[\\s\\S]*?~', '(*NO_JIT)(a+)+$', '(*LIMIT_MATCH=4294967295)(a+)+$', '(*LIMIT_DEPTH=4294967295)(a|b|ab)*c', '(*LIMIT_HEAP=4294967295)((a))+$',
  '(?C1)(a+)+$', '(?#comment)((a+)+)$', '\\K(a+)+$', '(a++)+b', '(?>a+)+b', `${'('.repeat(240)}a+${')+'.repeat(240)}b`, `${'(?:'.repeat(200)}${')'.repeat(200)}`, `${'a?'.repeat(300)}${'a'.repeat(300)}`, `(${'a|'.repeat(400)}b)*c`, '\\p{L}+\\p{L}+\\p{L}+\\d', '(?=a*)(?=a*)(?=a*)(a*)*b', '(.)(.)(.)(.)(.)(.)(.)(.)\\8\\7\\6\\5\\4\\3\\2\\1',
];
const BAD = ['(', ')', '[', 'a{2,1}', '*', '(?<', '(?P<a>', '\\', '(?<=a+)b', '(?<=(a|b)*)c', '(?1)', '\\1'.repeat(3), '(?&x)', '[z-a]', '\\p{Frob}', '(?C256)', 'x'.repeat(1001), 'x'.repeat(4000), `${'('.repeat(400)}${')'.repeat(400)}`, '(a{65535}){65535}{65535}', '(*FROB)', '(?P>x)', '\\x{110000}', '\\Cx'];

/** Each route that searches, as the table has it. */
function searches(t) {
  const q = (pattern, more = '') => `pattern=${encodeURIComponent(pattern)}&limit=10${more}`;
  const post = (path, more) => (pattern) => ({ method: 'POST', path, body: JSON.stringify({ pattern, ...more }) });
  return [
    ['GET /api/v1/search', (p) => ({ path: `/api/v1/search?${q(p)}` })],
    ['GET /api/v1/search of sessions', (p) => ({ path: `/api/v1/search?${q(p, '&source=sessions')}` })],
    ['GET /api/v1/search of captures', (p) => ({ path: `/api/v1/search?${q(p, '&source=capture')}` })],
    ['GET /api/v1/search of the archive', (p) => ({ path: `/api/v1/search?${q(p, '&source=archive')}` })],
    ['GET /api/v1/panes/:id/search', (p) => ({ path: `/api/v1/panes/${t.hay}/search?${q(p)}` })],
    ['GET /api/term/sessions/:sid/panes/:pid/search', (p) => ({ path: `/api/term/sessions/x/panes/${t.hay}/search?${q(p)}` })],
    ['POST /api/v1/panes/:id/wait', post(`/api/v1/panes/${t.hay}/wait`, { from: 'start', timeout_ms: 500 })],
    ['POST /api/v1/watches', post('/api/v1/watches', { pane: t.hay, every_s: 1 })],
  ].map(([name, make]) => ({ name, make }));
}

export async function patterns(t, g) {
  // Lines of one letter, of words, and one that is long.
  t.hay = await t.start(`i=0; while [ $i -lt 400 ]; do printf '%0300d\\n' 0 | tr 0 a; printf 'the quick brown fox %d aaab xxxx\\n' $i; i=$((i+1)); done; head -c 60000 /dev/zero | tr '\\0' a; echo; echo filled; exec sleep 600`);
  for (let i = 0; i < 200 && !(await t.ask({ path: `/api/v1/panes/${t.hay}/capture` })).text.includes('filled'); i++) await pause(100);
  const viewer = await t.attach();
  let worst = 0;
  let over = false;
  let slowest = { ms: 0 };
  const watch = (async () => {
    while (!over) {
      worst = Math.max(worst, (await t.echo(viewer)) ?? Infinity);
      await pause(20);
    }
  })();
  try {
    for (const { name, make } of searches(t)) {
      const all = [...PATTERNS, ...BAD];
      const lane = async () => {
        for (let next = all.shift(); next; next = all.shift()) {
          const p = next;
          const from = Date.now();
          const a = await t.ask({ ...make(p), ms: BUDGET_MS + 2 * SLACK_MS });
          const ms = Date.now() - from;
          if (ms > slowest.ms) slowest = { ms, said: a.json?.elapsed_us, of: `${name} for ${p.slice(0, 40)}` };
          if (a.status === 201 && a.json?.id) await t.ask({ method: 'DELETE', path: `/api/v1/watches/${a.json.id}` });
          const answered = a.status === 200 || a.status === 201 || a.status === 408 || a.status === 400 || (a.status === 503 && /tmux/.test(a.text));
          const ok = answered && a.json !== undefined && ms < BUDGET_MS + SLACK_MS;
          g.refuses(ok, `${name} for ${p.slice(0, 60)}`, `${told(a)} after ${ms} ms`, t.again(a));
        }
      };
      await Promise.all([lane(), lane()]);
    }
  } finally {
    over = true;
    await watch;
    viewer.close();
  }
  g.serves(worst < ECHO_MS, 'an echo beside them', `${worst.toFixed(0)} ms`);
  g.figures = `slowest answer ${slowest.ms} ms, by the instance's clock ${((slowest.said ?? 0) / 1000).toFixed(0)}, of ${slowest.of}; slowest echo meanwhile ${worst.toFixed(0)} ms`;
}
