// What runs the long tests: parts that are chosen by name, demands that are counted, figures.

import { now, random, seed } from './keeper.mjs';

const scale = Number(process.env.PANESCRY_SCALE ?? 1);
/** What PANESCRY_SEED would have to be. */
export const theSeed = seed();
const rows = [];
let passed = 0;
let failed = 0;

/** PANESCRY_SCALE of a number, at least 1. */
export const many = (n) => Math.max(1, Math.round(n * scale));

/** The choices of this run, from PANESCRY_SEED. */
export const chance = random(theSeed);

/** What is not met is told, and the part goes on. */
export async function demand(what, test) {
  try {
    await test();
    passed++;
  } catch (e) {
    failed++;
    console.log(`not met: ${what}: ${e.message.split('\n').slice(0, 4).join(' ')}`);
  }
}

export function figure(name, value) {
  rows.push([name, value]);
  console.log(`${name.padEnd(58)} ${value}`);
}

/** Those of the parts that the command line names, or all; ends the process. */
export async function runParts(parts, { table = false } = {}) {
  const chosen = process.argv.slice(2);
  console.log(`PANESCRY_SEED=${theSeed}`);
  const began = now();
  for (const [name, run] of Object.entries(parts)) {
    if (chosen.length !== 0 && !chosen.includes(name)) continue;
    try {
      await run();
    } catch (e) {
      failed++;
      console.log(`${name} came to no end: ${e.stack}`);
    }
  }
  if (table) console.log(`\n${rows.map(([a, b]) => `| ${a.trim()} | ${b} |`).join('\n')}\n`);
  console.log(`${((now() - began) / 1000).toFixed(0)} seconds`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
