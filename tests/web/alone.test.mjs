// The page of one pane, at p/PANE/.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

describe('the page of one pane', () => {
  const rig = useRig({ before, after });

  test('has that pane alone, and works', async () => {
    const id = await rig.daemon.shell();
    const other = await rig.daemon.pane(['cat'], { name: 'neighbour' });
    const v = await rig.open();
    await v.page.goto(`${v.origin}/p/${id}`);
    assert.equal(new URL(v.page.url()).pathname, `/p/${id}/`);
    await v.online();
    await v.line('echo al""one');
    await v.sees(/^alone$/m);
    await until('its name', async () => /\S/.test(await v.page.locator('.bar-name').textContent()));
    for (const part of ['.sidebar', '.menu', '.cell-tools']) assert.equal(await v.page.locator(part).count(), 0, part);
    assert.equal(await v.page.locator('.bar-search').isVisible(), false);
    assert.equal(await v.page.getByText('neighbour').count(), 0);
    const [cell, win] = await v.page.evaluate(() => [document.querySelector('.cell').getBoundingClientRect().width, innerWidth]);
    assert.equal(cell, win);
    await v.page.reload();
    await v.online();
    await v.sees(/^alone$/m);
    await v.page.getByRole('button', { name: 'Read only' }).click();
    await v.online();
    await v.type('not this');
    await v.sees(/^alone$/m);
    assert.doesNotMatch(await v.text(), /not this/);
    await v.shot('alone');
    await rig.daemon.api('DELETE', `panes/${other}`);
    await v.close();
  });

  test('lets in by a link of its own, and by a name', async () => {
    const named = await rig.daemon.pane(['sh', '-c', 'echo it is me; exec cat'], { name: 'it.s-me' });
    const v = await rig.open();
    await v.page.goto(`${v.origin}/p/it.s-me/?token=${rig.daemon.token}`);
    assert.equal(new URL(v.page.url()).pathname + new URL(v.page.url()).search, '/p/it.s-me/');
    await v.online();
    await v.sees('it is me');
    await rig.daemon.api('DELETE', `panes/${named}`);
    await v.close();
  });
});
