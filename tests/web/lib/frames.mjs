// Measures in a page: frames, long tasks, the heap; and lays out its grid of cells.

/** What the page keeps of a grid of these panes, in rows of two. The `focus`ed one is 1, 2... */
export function gridOf(panes, focus = 1) {
  const leaf = (i) => ({ id: i + 1, at: `#${encodeURIComponent(panes[i])}` });
  const halves = (row, list) => {
    if (list.length === 1) return list[0];
    const [a, ...rest] = list;
    return { row, share: 1 / list.length, a, b: halves(row, rest) };
  };
  const rows = [];
  for (let i = 0; i < panes.length; i += 2) {
    rows.push(i + 1 < panes.length ? halves(true, [leaf(i), leaf(i + 1)]) : leaf(i));
  }
  return { tree: halves(false, rows), focus };
}

/** Opens the panes in a grid, in a tab of its own that is signed in. */
export async function openGrid(v, panes, focus = 1) {
  await v.page.goto('about:blank');
  await v.page.addInitScript(
    (grid) => {
      if (location.protocol === 'about:' || sessionStorage.getItem('laid')) return;
      sessionStorage.setItem('laid', 'yes');
      sessionStorage.setItem('panescry.grid', grid);
    },
    JSON.stringify(gridOf(panes, focus)),
  );
  await v.page.goto(`${v.origin}/#${encodeURIComponent(panes[focus - 1])}`);
  await v.page.waitForFunction(
    (n) => {
      const cells = globalThis.panescry?.cells ?? [];
      return cells.length === n && cells.every((c) => c.link === 'online');
    },
    panes.length,
    { polling: 50 },
  );
}

export const quantile = (list, q) => {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? null;
};
export const median = (list) => quantile(list, 0.5);

/** Frames and long tasks of the page for so long. */
export async function frames(page, ms) {
  const { times, long } = await page.evaluate(
    (forMs) =>
      new Promise((resolve) => {
        const got = { times: [], long: 0 };
        const tasks = new PerformanceObserver((list) => (got.long += list.getEntries().length));
        tasks.observe({ entryTypes: ['longtask'] });
        let last = 0;
        let end = 0;
        const frame = (now) => {
          if (last) got.times.push(now - last);
          else end = now + forMs;
          last = now;
          if (now < end) return requestAnimationFrame(frame);
          tasks.disconnect();
          resolve(got);
        };
        requestAnimationFrame(frame);
      }),
    ms,
  );
  const [p50, p95, p99, most] = [0.5, 0.95, 0.99, 1].map((q) => quantile(times, q));
  const whole = times.reduce((a, b) => a + b, 0);
  return { fps: (times.length * 1000) / whole, p50, p95, p99, most, long };
}

/** A session of the developer tools' protocol that counts. */
export async function counters(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable');
  const all = async () => {
    const { metrics } = await cdp.send('Performance.getMetrics');
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  };
  return {
    all,
    /** Bytes in use once what is not has been collected. */
    heap: async () => {
      await cdp.send('HeapProfiler.collectGarbage');
      return (await all()).JSHeapUsedSize;
    },
  };
}
