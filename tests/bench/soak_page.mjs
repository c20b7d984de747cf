// node soak_page.mjs: one page with a grid of four floods, for an hour. See README.

import { readFileSync } from 'node:fs';
import { openGrid, counters, frames, median } from '../web/lib/frames.mjs';
import { startDaemon } from '../web/lib/daemon.mjs';
import { launch } from '../web/lib/browser.mjs';

const SECONDS = Number(process.env.SECONDS ?? 3600);
const EVERY = Number(process.env.EVERY ?? Math.min(60, SECONDS / 10));
const SAMPLE_MS = 5000;
const WARM = 0.2; // of the time; what grows in it is not growth
const GROWTH = 4; // MB that the heap may gain over the rest, by its trend

const FLOODS = [
  'yes',
  'seq 1 1000000000000',
  'yes "$(printf "\\033[31mred \\033[32mgreen \\033[1;44mblue\\033[m and plain text")"',
  'while :; do seq -f "%.0f INFO request served in 12 ms by worker 3, status 200" 1 100000; sleep 0.2; done',
];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const MB = (bytes) => bytes / 1e6;

/** MB of the worker. */
const resident = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1e3;

/** Of y over x, by least squares. */
function slope(points) {
  const mean = (k) => points.reduce((sum, p) => sum + p[k], 0) / points.length;
  const [mx, my] = [mean(0), mean(1)];
  const over = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  const under = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  return under ? over / under : 0;
}

const COLUMNS = ['s', 'fps', 'p50', 'p95', 'p99', 'long', 'heap MB', 'nodes', 'worker MB', 'pane GB', 'skips', 'waits MB'];
const line = (cells) => console.log(cells.map((c, i) => String(c).padStart(Math.max(COLUMNS[i].length, 6) + 1)).join(''));

const daemon = await startDaemon();
const browser = await launch();
let failed = '';
try {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  const page = await context.newPage();
  page.on('pageerror', (e) => (failed ||= `the page: ${e.message}`));
  const origin = `http://127.0.0.1:${daemon.port}`;
  const ids = [];
  for (const f of FLOODS) ids.push(await daemon.pane(['sh', '-c', f]));
  await page.goto(`${origin}/?token=${daemon.token}`);
  await openGrid({ page, origin }, ids);
  const count = await counters(page);
  const began = Date.now();
  const since = () => (Date.now() - began) / 1000;
  const rows = [];
  line(COLUMNS);
  for (let n = 1; since() < SECONDS; n++) {
    await pause(Math.max(0, n * EVERY * 1000 - SAMPLE_MS - since() * 1000));
    const f = await frames(page, SAMPLE_MS);
    const heap = MB(await count.heap());
    const { Nodes: nodes } = await count.all();
    const pace = await page.evaluate(() => globalThis.panescry.pace);
    const { panes } = await daemon.api('GET', 'panes');
    const offsets = panes.reduce((sum, p) => sum + p.offset, 0);
    const { pid } = await daemon.api('GET', 'info');
    rows.push({ s: since(), fps: f.fps, p99: f.p99, heap, nodes });
    line([
      since().toFixed(0), f.fps.toFixed(1), f.p50.toFixed(1), f.p95.toFixed(1), f.p99.toFixed(1), f.long,
      heap.toFixed(1), nodes, resident(pid).toFixed(0), (offsets / 1e9).toFixed(2), pace.skipped,
      MB(pace.waiting).toFixed(2),
    ]);
  }
  const late = rows.filter((r) => r.s > SECONDS * WARM);
  const rest = SECONDS * (1 - WARM);
  const grown = slope(late.map((r) => [r.s, r.heap])) * rest;
  const nodes = slope(late.map((r) => [r.s, r.nodes])) * rest;
  console.log(
    `medians: ${median(rows.map((r) => r.fps)).toFixed(1)} fps, p99 ${median(rows.map((r) => r.p99)).toFixed(1)} ms, ` +
      `heap ${median(late.map((r) => r.heap)).toFixed(1)} MB; trend of the heap ${grown.toFixed(2)} MB ` +
      `and of nodes ${nodes.toFixed(0)} in ${rest.toFixed(0)} s`,
  );
  if (late.length > 3 && grown > GROWTH) failed ||= `the heap grew by ${grown.toFixed(1)} MB`;
  if (late.length > 3 && nodes > 2000) failed ||= `${nodes.toFixed(0)} more nodes`;
} finally {
  await browser.close();
  await daemon.stop();
}
if (failed) {
  console.error(`soak_page: ${failed}`);
  process.exit(1);
}
