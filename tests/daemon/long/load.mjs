// Loads at full size, which takes minutes, and an hour with the soak: `make check-long`, or
//
//	PANESCRY=build/panescry node tests/daemon/long/load.mjs [PART...]
//
// Prints memory, descriptors and the time of an echo before, during and after each, and ends with how
// many were borne. Parts: those of lib/load.mjs, and soak, all of them at a time again and again.
// PANESCRY_SCALE=0.1 makes each ten times smaller, PANESCRY_SOAK says how many seconds that lasts
// (an hour).

import { now, startKept } from '../lib/keeper.mjs';
import { CONF, Echo, parts, report, state, watched } from '../lib/load.mjs';

const scale = Number(process.env.PANESCRY_SCALE ?? 1);
const soakSeconds = Number(process.env.PANESCRY_SOAK ?? 3600 * scale);
const many = (n) => Math.max(1, Math.round(n * scale));
const SIZES = {
  idle: { n: many(10_000), seconds: 10, warm: true }, panes: { n: many(1000), seconds: 5, warm: true }, flood: { n: many(200), seconds: 20 },
  requests: { n: many(4000), seconds: many(60) }, slow: { n: many(50), seconds: 10, warm: true }, half: { n: many(5000), seconds: 5 },
  drip: { n: many(200), seconds: 5 }, churn: { n: many(100_000), seconds: 10 },
};
const SOAK_ROUND = { idle: 500, panes: 20, flood: 20, requests: 300, slow: 5, half: 300, drip: 10, churn: 1000 };
const SOAK_MARGIN = 48 * 1024 * 1024; // that memory may be off from the first round's end

/** All parts at a time, round after round: the memory after the last is that after the first. */
async function soak(d) {
  const echo = await Echo.start(d);
  const end = now() + soakSeconds * 1000;
  let first = null;
  let last = null;
  for (let round = 1; now() < end || round <= 2; round++) {
    // Those that count the daemon's panes and viewers would see each other's.
    await parts.panes(d, { n: SOAK_ROUND.panes, during: async () => {} });
    const along = ['requests', 'half', 'drip', 'churn'];
    await Promise.all(along.map((name) => parts[name](d, { n: SOAK_ROUND[name], seconds: 5, during: async () => {} })));
    for (const name of ['idle', 'flood', 'slow']) await parts[name](d, { n: SOAK_ROUND[name], seconds: 2, during: async () => {} });
    last = await state(d);
    first ??= last;
    const t = await echo.take();
    console.log(`soak round ${round}: echo ms p50/p99 ${t.p50.toFixed(1)}/${t.p99.toFixed(1)}, worker ${(last.worker.anon / 1048576).toFixed(1)} MiB of its own, ${last.worker.descriptors} descriptors`);
  }
  await echo.stop();
  if (last.worker.anon > first.worker.anon + SOAK_MARGIN) throw new Error('its memory grows');
  if (last.worker.descriptors > first.worker.descriptors + 2) throw new Error('its descriptors grow');
}

let failed = 0;
let borne = 0;
const chosen = process.argv.slice(2);
for (const name of chosen.length ? chosen : [...Object.keys(parts), 'soak']) {
  const d = await startKept({ conf: CONF, args: ['--no-tmux'] });
  try {
    if (name === 'soak') await soak(d);
    else console.log(report(name, SIZES[name].n, await watched(d, name, SIZES[name], SIZES[name])));
    borne++;
  } catch (e) {
    failed++;
    console.log(`${name} was not borne: ${e.message}`);
  }
  await d.stop();
}
console.log(`${borne} of ${borne + failed} loads were borne`);
process.exit(failed ? 1 : 0);
