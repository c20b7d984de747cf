// The examples of the manual and of README, as tests/daemon/examples.test.mjs runs them.
//
// An example is a block of lines: in README one that is indented by a tab, in a page of the
// manual a .Bd -literal or a .Dl. It is a transcript: `$ ` begins a command, `> ` goes on with
// it, and what follows is what it prints. A transcript with a line of keys in it is one of a
// terminal: `<C-b />` or `<make Enter>`, names of keys as tmux has them and text that is typed,
// or `~.`, `^C`, `^D` alone. There what a line says must come on the screen.
//
// A command ends with the status 0, or the next one is `echo $?`. What it prints is what is
// shown, line by line, where
//
//   ...                 alone on a line is any number of lines, elsewhere any text,
//   blanks              are any number of blanks,
//   p1 j12 f3 w1 t%3    and numbers of 8 or more hexadecimal digits, and ports of 127.0.0.1,
//                       stand for those that came, the same ones from then on; commands that
//                       follow have what came in their place,
//   2026-11-22 4.1s 3K  dates, times, durations, and sizes with a unit are any of their kind.
//
// Comments before a block of a page say what else it is: `.\" file: PATH`, it is what is in that
// file; `.\" not run: WHY`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { run } from './run.mjs';
import { until } from './until.mjs';

const KEY = /^(?:[CM]-.|[CM]-(?:Up|Down|Left|Right)|Enter|Escape|Tab|BSpace|Space|Up|Down|Left|Right|Home|End|PageUp|PageDown|F\d+|.)$/;
const TYPED = { '~.': ['~', '.'], '^C': ['C-c'], '^D': ['C-d'] };

/** The keys that a line says, or null. */
function keysOf(line) {
  if (TYPED[line.trim()]) return TYPED[line.trim()];
  const m = line.match(/^<(.+)>$/);
  return m && m[1].split(' ').filter(Boolean);
}

/** Steps of a transcript: {command, shown} and, in a terminal, {keys, shown}. */
export function stepsOf(lines) {
  const steps = [];
  for (const line of lines) {
    const last = steps.at(-1);
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), shown: [] });
    else if (line.startsWith('> ') && last?.command && !last.shown.length) last.command += `\n${line.slice(2)}`;
    else if (keysOf(line)) steps.push({ keys: keysOf(line), shown: [] });
    else if (last) last.shown.push(line);
    else throw new Error(`an example begins with a command: ${line}`);
  }
  while (steps.at(-1)?.shown.at(-1) === '') steps.at(-1).shown.pop();
  return steps;
}

function block(lines, about) {
  const b = { ...about, lines };
  if (b.file || b.notRun) return b;
  return { ...b, steps: stepsOf(lines), terminal: lines.some((l) => keysOf(l)) };
}

/** Of troff: what is printed for a line. */
const plain = (s) => s.replace(/\\(?:e|\(rs)/g, '\\').replace(/\\-/g, '-').replace(/\\&/g, '').replace(/\\\(aq/g, "'").replace(/\\\(ga/g, '`').replace(/\\\(ti/g, '~').replace(/\\\(ha/g, '^');

/** The blocks of a page: all in EXAMPLES, and wherever `all`; elsewhere transcripts. */
export function manBlocks(text, { all = false } = {}) {
  const blocks = [];
  let section = '';
  let about = {};
  let open = null;
  const close = (lines) => {
    if (all || section === 'EXAMPLES' || /^\$ /.test(lines[0]) || about.notRun || about.file) blocks.push(block(lines, { section, ...about }));
    about = {};
  };
  for (const line of text.split('\n')) {
    const comment = line.match(/^\.\\" (file|not run): (.*)/);
    if (comment) about = comment[1] === 'file' ? { file: comment[2] } : { notRun: comment[2] };
    else if (line.startsWith('.Sh ')) section = line.slice(4);
    else if (line.startsWith('.Bd -literal')) open = [];
    else if (open && line === '.Ed') {
      close(open);
      open = null;
    } else if (line.startsWith('.Dl ')) {
      assert.ok(!/"/.test(line), `quotes mean something to .Dl: ${line}`);
      close([plain(line.slice(4))]);
    } else if (open && !/^\.\\"/.test(line)) open.push(plain(line));
  }
  return blocks;
}

/** Those of a text; `notRun` has reasons, by what the first line begins with. */
export function textBlocks(text, notRun) {
  const blocks = [];
  let open = [];
  for (const line of [...text.split('\n'), 'end']) {
    if (line.startsWith('\t')) open.push(line.slice(1));
    else {
      const [, why] = notRun.find(([begin]) => open[0]?.startsWith(begin)) ?? [];
      if (why) blocks.push(block(open, { notRun: why }));
      else if (open[0]?.startsWith('$ ')) blocks.push(block(open, {}));
      open = [];
    }
  }
  return blocks;
}

/* What varies. */

const escape = (s) => s.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
const NAMES = String.raw`/usr/share/panescry\b|127\.0\.0\.1:\d+|\bt%\d+|(?<![\w%])%\d+\b|\b[pjfw]\d+\b|\b(?=[a-f]*\d)[0-9a-f]{8,}\b`;
const KINDS = [
  /\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?Z)?/,
  /\d\d:\d\d(?::\d\d)?\b/,
  /(?:\d+[dhm])*\d+(?:\.\d+)?(?:ms|[smhd])\b/,
  /\d+(?:\.\d+)? ?[KMG](?:iB)?\b/,
].map((r) => r.source);
const VARIES = new RegExp([`(?<name>${NAMES})`, ...KINDS.map((k, i) => `(?<k${i}>${k})`), String.raw`(?<any>\.\.\.)`, String.raw`(?<blank>\s+)`].join('|'), 'g');
const NAME = new RegExp(NAMES, 'g');

/** What a page's names stand for. */
export class Names {
  #map = new Map();

  in(command) {
    return command.replace(NAME, (n) => this.#map.get(n) ?? n);
  }

  /** A pattern for a line, and the names that its groups are. */
  pattern(line) {
    const groups = [];
    let at = 0;
    let source = '';
    for (const m of line.trim().matchAll(VARIES)) {
      source += escape(line.trim().slice(at, m.index));
      at = m.index + m[0].length;
      const kind = KINDS.findIndex((_, i) => m.groups[`k${i}`] !== undefined);
      const known = this.#map.get(m.groups.name);
      if (m.groups.any) source += '.*';
      else if (m.groups.blank) source += '\\s+';
      else if (kind >= 0) source += `(?:${KINDS[kind]})`;
      else if (known) source += escape(known);
      else if (groups.includes(m.groups.name)) source += `\\${groups.indexOf(m.groups.name) + 1}`;
      else {
        groups.push(m.groups.name);
        source += `(${m.groups.name.startsWith('127') ? '127\\.0\\.0\\.1:\\d+' : m.groups.name.replace(/[0-9a-f]{8,}|\d+/, (d) => (d.length < 8 ? '\\d+' : '[0-9a-f]{8,}'))})`;
      }
    }
    return { source: source + escape(line.trim().slice(at)), groups };
  }

  learn(groups, values) {
    groups.forEach((g, i) => this.#map.set(g, values[i]));
  }

  /** Are these lines those? What the names stand for is known from then on. */
  match(shown, came) {
    const patterns = shown.map((l) => (l.trim() === '...' ? null : this.pattern(l)));
    const found = [];
    const from = (i, j) => {
      if (i === patterns.length) return j === came.length;
      if (patterns[i] === null) {
        for (let k = j; k <= came.length; k++) if (from(i + 1, k)) return true;
        return false;
      }
      const m = j < came.length && came[j].trim().match(new RegExp(`^${patterns[i].source}$`, 'd'));
      if (!m) return false;
      found[i] = m.slice(1);
      return from(i + 1, j + 1);
    };
    if (!from(0, 0)) return false;
    patterns.forEach((p, i) => p && this.learn(p.groups, found[i]));
    return true;
  }

  /** Are these on the screen, one below the other and below the command? */
  onScreen(shown, screen, command) {
    let j = command ? screen.findLastIndex((l) => l.includes(command)) + 1 : 0;
    const learnt = [];
    for (const line of shown) {
      if (line.trim() === '...') continue;
      const p = this.pattern(line);
      let m = null;
      while (j < screen.length && !(m = screen[j++].match(new RegExp(p.source))));
      if (!m) return false;
      learnt.push([p.groups, m.slice(1)]);
    }
    for (const [groups, values] of learnt) this.learn(groups, values);
    return true;
  }
}

/* Where they run. */

const LOOKS = /^(?:panescry (?:ls|search|capture|status|doctor|usage|(?:jobs|flow|sessions|watch|token)(?: ls| show| output)?(?:$| -| \w+$)|flow ls|flow show)|tmux (?:list|show|display-message|capture)|cat|curl)/;

const COLS = 110;
const LOOK_MS = Number(process.env.EXAMPLES_MS ?? 30_000);

/** A shell of a page's own, and a terminal. `env` is all that it has. */
export class Place {
  names = new Names();
  #status = 0;
  #out = '';
  #shell;

  constructor(dir, env, cwd) {
    Object.assign(this, { dir, env, cwd });
    this.#shell = spawn('sh', ['-s'], { env, cwd, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#shell.stdout.on('data', (d) => (this.#out += d));
  }

  /** Commands are read from a file by one shell, so that directories and variables stay. */
  async #run(command) {
    const [file, out] = [join(this.dir, 'command'), join(this.dir, 'output')];
    await writeFile(file, `${command}\n`);
    this.#out = '';
    this.#shell.stdin.write(`{ (exit ${this.#status}); . '${file}'; } >'${out}' 2>&1 </dev/null; echo "ended $? $PWD"\n`);
    const m = await until(`the end of ${command}`, () => this.#out.match(/ended (\d+) (.*)\n/), 60_000);
    this.cwd = m[2];
    return { status: Number(m[1]), out: await readFile(out, 'utf8') };
  }

  async #step({ command, shown }, next) {
    const real = this.names.in(command);
    const end = Date.now() + LOOK_MS;
    for (;;) {
      const { status, out } = await this.#run(real);
      const came = out.split('\n');
      if (came.at(-1) === '') came.pop();
      const may = status === 0 || /^echo \$\?/.test(next?.command ?? '');
      if (may && this.names.match(shown, came)) {
        this.#status = status;
        return;
      }
      // What only looks is asked again: somebody who reads is slower than a test.
      if (!LOOKS.test(command) || Date.now() > end)
        assert.fail(`$ ${real}\nhas the status ${status} and prints\n${out}---\nwhere the page has\n${shown.join('\n')}`);
      await new Promise((r) => setTimeout(r, 100));
    }
  }

  tmux(...args) {
    return run('tmux', ['-u', '-S', join(this.dir, 'outer'), '-f', '/dev/null', ...args], { env: this.env });
  }

  screen = async () => (await this.tmux('capture-pane', '-p')).out.replace(/\n+$/, '').split('\n');

  async openTerminal() {
    await writeFile(join(this.dir, 'env'), Object.entries(this.env).map(([k, v]) => `export ${k}='${v.replaceAll("'", "'\\''")}'\n`).join(''));
    const r = await this.tmux('new-session', '-d', '-x', `${COLS}`, '-y', '30', '-c', this.cwd, `env -i sh -c '. "${this.dir}/env"; TERM=screen ENV= PS1="$ " sh -i; echo "status $?"; exec sleep 1000'`);
    assert.equal(r.status, 0, r.err);
    await this.#sees(['$'], 'a prompt');
  }

  async #sees(shown, after, command) {
    let last = [];
    await until('', async () => this.names.onScreen(shown, (last = await this.screen()), command), LOOK_MS).catch(() => {
      assert.fail(`after ${after} the screen is\n${last.join('\n')}\n---\nwhere the page has\n${shown.join('\n')}`);
    });
  }

  async press(keys) {
    for (const key of keys) {
      const r = KEY.test(key) ? await this.tmux('send-keys', key.replace(/;$/, '\\;')) : await this.tmux('send-keys', '-l', '--', key);
      assert.equal(r.status, 0, r.err);
      // Faster than a person it would be taken for something that is pasted.
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  async #inTerminal(steps, stays) {
    if (!stays) await this.openTerminal();
    for (const step of steps) {
      const typed = step.command && this.names.in(step.command);
      if (step.keys) await this.press(step.keys);
      else for (const line of typed.split('\n')) await this.press([line, 'Enter']);
      await this.#sees(step.shown, typed ?? step.keys.join(' '), typed?.split('\n').at(-1).slice(0, COLS / 2));
    }
    if (stays) return;
    await until('the prompt', async () => /^\$$/.test((await this.screen()).at(-1).trim()));
    await this.press(['exit', 'Enter']);
    await this.#sees(['status ...'], 'exit');
    const text = (await this.screen()).join('\n');
    if (!steps.some((s) => s.keys?.includes('C-c'))) assert.match(text, /^status 0$/m, text);
    await this.tmux('kill-server');
  }

  /** Runs a block; with `stays` all that are of a terminal are of the same one. */
  async play(b, { stays = false } = {}) {
    if (b.file) return writeFile(resolve(this.cwd, b.file.replace(/^~/, this.env.HOME)), `${this.names.in(b.lines.join('\n'))}\n`);
    if (b.terminal) return this.#inTerminal(b.steps, stays);
    for (const [i, step] of b.steps.entries()) await this.#step(step, b.steps[i + 1]);
  }

  /** Ends whatever has been started here, and is not gone by itself: it has the mark in its environment. */
  async close() {
    this.#shell.stdin.end();
    await this.tmux('kill-server');
    const ours = async () => (await run('sh', ['-c', `grep -lsF 'EXAMPLES=${this.dir}' /proc/[0-9]*/environ`], {})).out.match(/\d+/g) ?? [];
    for (const signal of ['SIGTERM', 'SIGKILL']) {
      for (const pid of await ours()) {
        try {
          process.kill(Number(pid), signal);
        } catch {
          // It was faster.
        }
      }
      await until('all to end', async () => (await ours()).length === 0, signal === 'SIGTERM' ? 8000 : 30_000).catch(() => {});
    }
  }
}
