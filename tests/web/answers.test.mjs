// What answers in place of the daemon, such as the login page of a proxy, is no answer: the page says
// so and goes on when the daemon is back.

import { after, before, test } from 'node:test';
import { useRig } from './lib/browser.mjs';
import { until } from './lib/until.mjs';

const rig = useRig({ before, after });
const api = (...args) => rig.daemon.api(...args);

const OTHERS = {
  'a page': ['text/html', '<!doctype html><title>Login</title>'],
  'a list': ['application/json', '[]'],
  'another object': ['application/json', '{"data":"x","total":1}'],
};

for (const [what, [contentType, body]] of Object.entries(OTHERS)) {
  test(`${what} is no answer`, async () => {
    const { id } = await api('POST', 'jobs', { command: ['true'], cwd: '/' });
    const flow = await api('POST', 'flows', { definition: { name: 'one', steps: [{ name: 'a', command: ['true'] }] } });
    const v = await rig.open();
    const lists = ['#sessions', '#jobs', '#flows'];
    const ones = ['#session=1', `#job=${id}`, `#flow=${flow.id}`];
    await v.page.route('**/api/v1/**', (r) => r.fulfill({ contentType, body }));
    for (const hash of what === 'another object' ? lists : [...lists, ...ones]) {
      await v.page.goto('about:blank');
      await v.page.goto(`${v.origin}/${hash}`);
      await until(`${hash} to say so`, async () =>
        (await v.page.locator('body').innerText()).includes('Something else answers in place of the daemon'));
    }
    await v.page.unroute('**/api/v1/**');
    await v.page.goto('about:blank');
    await v.page.goto(`${v.origin}/#job=${id}`);
    await v.page.getByRole('region', { name: 'Job', exact: true }).getByText('true').first().waitFor();
    await v.close();
  });
}
