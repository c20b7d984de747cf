// xterm.mjs DUMP DIRECTORY: feeds snapshots to xterm.js and compares its screen with the recorded
// truth: text, cells' colours, cursor. Needs @xterm/headless and @xterm/addon-unicode11 (npm install, anywhere
// that NODE_PATH names). DUMP is the program tests/term/dump. Not part of make check.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const require = createRequire(path.join(process.env.NODE_PATH ?? process.cwd(), 'x'));
const { Terminal } = require('@xterm/headless');
const { Unicode11Addon } = require('@xterm/addon-unicode11');
const [dump, dir] = process.argv.slice(2);

function terminal(cols, rows) {
  const t = new Terminal({ cols, rows, scrollback: 1000000, allowProposedApi: true, logLevel: 'off' });
  t.loadAddon(new Unicode11Addon());
  t.unicode.activeVersion = '11';
  return t;
}

const write = (t, data) => new Promise((done) => t.write(data, done));

// Colours 0 to 15 are the same in either of their forms.
const P16 = 16777216, P256 = 33554432;
const mode = (m, colour) => (m === P256 && colour < 16 ? P16 : m);

function cell(c) {
  if (!c) return '';
  const ch = c.getChars();
  return [ch === '' ? ' ' : ch, c.getWidth(), c.isBold(), c.isInverse(), c.isUnderline(), mode(c.getFgColorMode(), c.getFgColor()), c.getFgColor(),
    mode(c.getBgColorMode(), c.getBgColor()), c.getBgColor()].join();
}

function difference(a, b) {
  const x = a.buffer.active, y = b.buffer.active;
  if (x.type !== y.type) return `type ${x.type} ${y.type}`;
  for (let row = 0; row < a.rows; row++) {
    const r = x.getLine(x.baseY + row), s = y.getLine(y.baseY + row);
    for (let col = 0; col < a.cols; col++) {
      if (cell(r.getCell(col)) !== cell(s.getCell(col))) return `cell ${col},${row}: ${cell(r.getCell(col))} | ${cell(s.getCell(col))}`;
    }
  }
  if (x.cursorX !== y.cursorX || x.cursorY !== y.cursorY) return `cursor ${x.cursorX},${x.cursorY} ${y.cursorX},${y.cursorY}`;
  const m = JSON.stringify(a.modes), n = JSON.stringify(b.modes);
  return m === n ? '' : `modes ${m} ${n}`;
}

// History and main screen, joined and trimmed as in NAME.WxH.expected.txt.
function lines(t) {
  const out = [];
  for (let i = 0; i < t.buffer.normal.length; i++) {
    const l = t.buffer.normal.getLine(i), text = l.translateToString(true);
    if (l.isWrapped && out.length) out[out.length - 1] += text;
    else out.push(text);
  }
  const trimmed = out.map((l) => l.replace(/ +$/, ''));
  while (trimmed.length && trimmed.at(-1) === '') trimmed.pop();
  return trimmed.map((l) => l + '\n').join('');
}

let done = 0, failed = 0;
for (const file of fs.readdirSync(dir).filter((f) => f.endsWith('.expected.txt')).sort()) {
  const [, name, size] = /^(.*)\.(\d+x\d+)\.expected\.txt$/.exec(file);
  const [cols, rows] = size.split('x').map(Number);
  const raw = path.join(dir, `${name}.raw`);
  const direct = terminal(cols, rows), second = terminal(cols, rows);
  await write(direct, new TextDecoder('utf-8').decode(fs.readFileSync(raw)));
  await write(second, execFileSync(dump, [raw, size, 'snapshot'], { maxBuffer: 1 << 28 }));
  const same = lines(second) === fs.readFileSync(path.join(dir, file), 'utf8');
  const why = difference(direct, second) || (same ? '' : 'lines');
  done++;
  if (why) {
    failed++;
    console.log(`${name}.${size}: ${why}`);
  }
}
console.log(`${done} recordings, ${failed} differ`);
