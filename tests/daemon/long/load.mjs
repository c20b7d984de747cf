// Loads at full size, which takes minutes, and an hour with the soak: `make check-long`, or
//
//	PANESCRY=build/panescry node tests/daemon/long/load.mjs [PART...]
//
// Prints memory, descriptors and the time of an echo before, during and after each, and ends with how
// many were borne. Parts: those of lib/load.mjs, and soak, all of them at once.
// PANESCRY_SCALE=0.1 makes each ten times smaller, PANESCRY_SOAK says how many seconds the soak lasts
// (an hour).

import { now, pause, startKept } from '../lib/keeper.mjs';
import { CONF, Echo, parts, report, state, watched } from '../lib/load.mjs';

const scale = Number(process.env.PANESCRY_SCALE ?? 1);
const soakSeconds = Number(process.env.PANESCRY_SOAK ?? 3600 * scale);
const many = (n) => Math.max(1, Math.round(n * scale));
const SIZES = {
  idle: { n: many(10_000), seconds: 10, warm: true }, panes: { n: many(1000), seconds: 5, warm: true }, flood: { n: many(200), seconds: 20 },
  requests: { n: many(4000), seconds: many(60) }, slow: { n: many(50), seconds: 10, warm: true }, half: { n: many(5000), seconds: 5 },
  drip: { n: many(200), seconds: 5 }, churn: { n: many(100_000), seconds: 10 }, jobs: { n: many(2000), seconds: 10, spare: 8 },
};

/** How much of each there is at any time of the soak. */
const SOAK = {
  idle: { n: 500 }, panes: { n: 20 }, flood: { n: 20 }, requests: { n: 100, seconds: 5 }, slow: { n: 5 }, half: { n: 100 }, drip: { n: 10 },
  churn: { n: 500 }, jobs: { n: 10 },
};
/* The index of the archive is in memory, so it is to be full before the first quarter is over. */
const SOAK_CONF = { ...CONF, archive: 'on', archive_bytes: '4M', jobs_bytes: '16M' };
const SOAK_MARGIN = 8 * 1024 * 1024; // that the last quarter's memory may be above the second's
const SAMPLES = 60;

const MiB = (bytes) => (bytes / 1048576).toFixed(1);

/** All parts at once, each again and again, beside an archive that is full all the time. */
async function soak(d) {
  const echo = await Echo.start(d);
  const end = now() + soakSeconds * 1000;
  const times = Object.fromEntries(Object.keys(SOAK).map((name) => [name, 0]));
  const samples = [];
  let broken = null;
  const again = async (name) => {
    for (; now() < end && !broken; times[name]++) await parts[name](d, { ...SOAK[name], during: () => pause(2000) });
  };
  const all = Object.keys(SOAK).map((name) => again(name).catch((e) => (broken ??= `${name}: ${e.message}`)));
  while (now() < end && !broken) {
    await pause((soakSeconds * 1000) / SAMPLES);
    const s = await state(d);
    const t = await echo.take();
    samples.push(s.worker.anon);
    console.log(`soak ${((soakSeconds * 1000 - (end - now())) / 60_000).toFixed(1)} min: echo ms p50/p99 ${t.p50.toFixed(1)}/${t.p99.toFixed(1)}, worker ${MiB(s.worker.anon)} MiB of its own, ${s.worker.descriptors} descriptors, keeper ${MiB(s.keeper.anon)} MiB`);
  }
  await Promise.all(all);
  await echo.stop();
  if (broken) throw new Error(broken);
  const quarter = Math.floor(samples.length / 4);
  // The least of each: what a load holds at the moment of a sample comes on top.
  const was = Math.min(...samples.slice(quarter, 2 * quarter));
  const is = Math.min(...samples.slice(-quarter));
  console.log(`soak: at least ${MiB(was)} MiB in its second quarter, ${MiB(is)} in its last; rounds ${JSON.stringify(times)}`);
  if (is > was + SOAK_MARGIN) throw new Error('its memory grows');
}

let failed = 0;
let borne = 0;
const chosen = process.argv.slice(2);
for (const name of chosen.length ? chosen : [...Object.keys(parts), 'soak']) {
  const d = await startKept({ conf: name === 'soak' ? SOAK_CONF : CONF, args: ['--no-tmux'] });
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
