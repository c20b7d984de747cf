// Ways to defects of the libraries that are known, seen from outside: contrib/advisories says which.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import tls from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { privateDir, startDaemon, useDaemon } from './lib/daemon.mjs';
import { Raw } from './lib/raw.mjs';
import { run } from './lib/run.mjs';
import { until, within } from './lib/until.mjs';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]); // an empty frame of that type

// A server that speaks HTTP/2 begins with its own settings, whatever it was sent.
const saysSettings = (data) => data.length >= 9 && data[3] === 4 && data.readUInt32BE(5) === 0;

async function alive(d) {
  assert.equal((await d.request('GET', '/healthz', { token: null })).status, 200);
}

async function ended(raw) {
  await until('the end of the connection', () => raw.ended);
  return raw.data;
}

describe('HTTP/2', () => {
  const d = useDaemon({ before, after });

  it('is not spoken to who begins with it', async () => {
    const raw = await Raw.open({ host: '127.0.0.1', port: d.port });
    await raw.write(Buffer.concat([Buffer.from(PREFACE), SETTINGS]));
    raw.socket.end();
    assert.ok(!saysSettings(await ended(raw)));
    await alive(d);
  });

  it('is not what a connection is upgraded to', async () => {
    const raw = await Raw.open({ host: '127.0.0.1', port: d.port });
    await raw.write(
      'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n' +
        'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n',
    );
    raw.socket.end();
    assert.match((await ended(raw)).toString('latin1'), /^HTTP\/1\.[01] 501 /);
    await alive(d);
  });

  it('is not offered with TLS', async () => {
    const dir = await privateDir();
    const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
    const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert]);
    assert.equal(made.status, 0, made.err);
    const s = await startDaemon({ dir, args: ['--tls-cert', cert, '--tls-key', key] });
    try {
      for (const [ask, chosen] of [[['h2', 'http/1.1'], 'http/1.1'], [['h2'], false]]) {
        const said = await within('a handshake', new Promise((resolve) => {
          const c = tls.connect({ host: '127.0.0.1', port: s.port, rejectUnauthorized: false, ALPNProtocols: ask });
          c.on('secureConnect', () => {
            resolve(c.alpnProtocol);
            c.destroy();
          });
          c.on('error', () => resolve(false));
        }));
        assert.equal(said, chosen, ask.join());
      }
      // Nor without having agreed on it.
      const data = await within('an end', new Promise((resolve) => {
        let all = Buffer.alloc(0);
        const c = tls.connect({ host: '127.0.0.1', port: s.port, rejectUnauthorized: false });
        c.on('secureConnect', () => c.end(Buffer.concat([Buffer.from(PREFACE), SETTINGS])));
        c.on('data', (chunk) => (all = Buffer.concat([all, chunk])));
        c.on('error', () => resolve(all));
        c.on('close', () => resolve(all));
      }));
      assert.ok(!saysSettings(data));
      await alive(s);
    } finally {
      await s.stop();
    }
  });
});

describe('JSON', () => {
  const d = useDaemon({ before, after });

  for (const [what, body] of [
    ['arrays', `{"command":${'['.repeat(100000)}${']'.repeat(100000)}}`],
    ['objects', `${'{"command":'.repeat(20000)}1${'}'.repeat(20000)}`],
    ['arrays without an end', `{"command":${'['.repeat(100000)}`],
  ]) {
    it(`may not be deep: ${what}`, async () => {
      const r = await d.request('POST', '/api/v1/panes', { body });
      assert.equal(r.status, 400, r.text);
      await alive(d);
    });
  }
});
