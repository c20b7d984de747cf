// Each load of long/load.mjs, small: nothing is lost, nothing stays, and others are served meanwhile.

import { after, before, describe, it } from 'node:test';
import { startKept } from './lib/keeper.mjs';
import { CONF, parts, report, watched } from './lib/load.mjs';

const SIZES = {
  idle: { n: 200 }, panes: { n: 30 }, flood: { n: 20 }, requests: { n: 400, seconds: 2 }, slow: { n: 5 }, half: { n: 300 },
  drip: { n: 10 }, churn: { n: 1000 }, jobs: { n: 20, spare: 8 },
};

describe('a daemon under load', () => {
  let d;
  before(async () => (d = await startKept({ conf: { ...CONF, header_seconds: 3 }, args: ['--no-tmux'] })));
  after(() => d?.stop());

  for (const name of Object.keys(parts))
    it(`bears ${name}`, async (t) => {
      for (const line of report(name, SIZES[name].n, await watched(d, name, { seconds: 1, ...SIZES[name] })).split('\n')) t.diagnostic(line);
    });
});
