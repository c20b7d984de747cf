// The order in which the steps of a flow are shown: each below one that it depends on, the one
// that lies deepest.

import type { Step } from '../api/flows';

export interface Placed {
  step: Step;
  /** 0 depends on nothing. */
  depth: number;
}

export function placed(steps: Step[]): Placed[] {
  const byName = new Map(steps.map((s) => [s.name, s]));
  const depths = new Map<string, number>();
  const depth = (s: Step, above: number): number => {
    const known = depths.get(s.name);
    if (known !== undefined || above > steps.length) return known ?? 0; // a circle has no end
    const of = s.depends_on.flatMap((name) => byName.get(name) ?? []);
    const d = of.reduce((most, up) => Math.max(most, 1 + depth(up, above + 1)), 0);
    depths.set(s.name, d);
    return d;
  };
  for (const s of steps) depth(s, 0);
  const below = new Map<string, Step[]>();
  for (const s of steps) {
    const parent = s.depends_on.find((name) => depths.get(name) === (depths.get(s.name) ?? 0) - 1);
    below.set(parent ?? '', [...(below.get(parent ?? '') ?? []), s]);
  }
  const list: Placed[] = [];
  const put = (name: string): void => {
    for (const step of below.get(name) ?? []) {
      list.push({ step, depth: depths.get(step.name) ?? 0 });
      if (list.length <= steps.length) put(step.name);
    }
  };
  put('');
  return list;
}
