// term.mjs FILE COLS ROWS: MB/s of @xterm/headless, in CPU seconds; found by NODE_PATH.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const require = createRequire(path.join(process.env.NODE_PATH ?? process.cwd(), 'x'));
const { Terminal } = require('@xterm/headless');
const [file, cols, rows] = process.argv.slice(2);
const data = fs.readFileSync(file);
const t = new Terminal({ cols: Number(cols), rows: Number(rows), scrollback: 50000, allowProposedApi: true, logLevel: 'off' });
const before = process.cpuUsage();
for (let i = 0; i < data.length; i += 65536) {
  await new Promise((done) => t.write(data.subarray(i, i + 65536), done));
}
const used = process.cpuUsage(before);
console.log(`xterm.js ${Math.round(data.length / (used.user + used.system))}`);
