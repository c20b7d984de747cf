// The certificate, the versions and ciphers that are spoken, and addresses that others reach.

import assert from 'node:assert/strict';
import { chmod, copyFile, open, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { privateDir, startDaemon } from './lib/daemon.mjs';
import { assertRefused, panescry, run } from './lib/run.mjs';
import { until, within } from './lib/until.mjs';

async function certificate(dir, name) {
  const [cert, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
  const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', key, '-out', cert]);
  assert.equal(made.status, 0, made.err);
  return { cert, key };
}

/** What a handshake comes to: protocol, cipher and the name in the certificate, or the error. */
function handshake(port, options = {}) {
  return within('a handshake', new Promise((resolve) => {
    const s = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => {
      resolve({ protocol: s.getProtocol(), cipher: s.getCipher().name, name: s.getPeerCertificate().subject.CN });
      s.destroy();
    });
    s.on('error', (e) => resolve({ error: e.code ?? e.message }));
  }));
}

describe('TLS', () => {
  let dir, first, second, d;
  before(async () => {
    dir = await privateDir();
    [first, second] = [await certificate(dir, 'first'), await certificate(dir, 'second')];
    await copyFile(first.cert, join(dir, 'cert.pem'));
    await copyFile(first.key, join(dir, 'key.pem'));
    d = await startDaemon({ dir, args: ['--tls-cert', join(dir, 'cert.pem'), '--tls-key', join(dir, 'key.pem')] });
  });
  after(() => d?.stop());

  it('is 1.2 or 1.3, with forward secrecy', async () => {
    assert.equal((await handshake(d.port)).protocol, 'TLSv1.3');
    const old = await handshake(d.port, { maxVersion: 'TLSv1.2' });
    assert.equal(old.protocol, 'TLSv1.2');
    assert.match(old.cipher, /^ECDHE-.*(GCM|CHACHA20)/);
    const weak = 'DEFAULT@SECLEVEL=0';
    for (const version of ['TLSv1', 'TLSv1.1']) assert.ok((await handshake(d.port, { minVersion: version, maxVersion: version, ciphers: weak })).error, version);
    for (const ciphers of ['AES128-GCM-SHA256', 'AES256-SHA', 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384', 'NULL'])
      assert.ok((await handshake(d.port, { maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` })).error, ciphers);
  });

  it('takes a new certificate on SIGHUP, and keeps the old one if that is none', async () => {
    const { id } = await d.new(['cat']);
    const v = await d.attach(id, { headers: { origin: `https://127.0.0.1:${d.port}` } });
    const { pid } = await d.info();
    assert.equal((await handshake(d.port)).name, 'first');
    await copyFile(second.cert, join(dir, 'cert.pem'));
    process.kill(d.pid, 'SIGHUP');
    await until('a refusal of the key', () => /old certificate stays: .*key\.pem/.test(d.stderr()));
    assert.equal((await handshake(d.port)).name, 'first', 'the key is that of another');
    await copyFile(second.key, join(dir, 'key.pem'));
    process.kill(d.pid, 'SIGHUP');
    await until('the second certificate', async () => (await handshake(d.port)).name === 'second');
    await writeFile(join(dir, 'cert.pem'), 'rubbish');
    process.kill(pid, 'SIGHUP');
    await until('a refusal of rubbish', () => /old certificate stays: certificate .*cert\.pem/.test(d.stderr()));
    assert.equal((await handshake(d.port)).name, 'second');
    assert.equal((await d.info()).pid, pid, 'the same worker');
    v.input('still here\n');
    await v.sees('still here');
    await v.close();
    await d.remove(id);
  });
});

describe('tokens during an upgrade', () => {
  it('stay ended, and those that were given out stay good', async () => {
    const dir = await privateDir();
    const { cert, key } = await certificate(dir, 'pipe');
    const pipe = join(dir, 'key.pem');
    await copyFile(key, pipe);
    const d = await startDaemon({ dir, args: ['--tls-cert', cert, '--tls-key', pipe] });
    try {
      const { pid } = await d.info();
      const old = await d.ok('POST', 'tokens', {});
      // The new worker has read the tokens when it comes to its key, and waits for that.
      await unlink(pipe);
      assert.equal((await run('mkfifo', [pipe])).status, 0);
      const upgrade = d.cli(['serve', '--upgrade']);
      const writer = await open(pipe, 'w');
      const made = await d.ok('POST', 'tokens', {});
      assert.equal((await d.request('DELETE', `/api/v1/tokens/${old.id}`)).status, 200);
      assert.equal((await d.info()).pid, pid, 'the old worker');
      await rename(pipe, `${pipe}.read`);
      await copyFile(key, pipe);
      await writer.writeFile(await readFile(key));
      await writer.close();
      assert.equal((await upgrade).status, 0);
      assert.notEqual((await d.info()).pid, pid);
      const status = async (token) => (await d.request('GET', '/api/v1/panes', { token })).status;
      assert.equal(await status(made.token), 200, 'one that was given out is lost');
      assert.equal(await status(old.token), 401, 'one that was ended is back');
    } finally {
      await d.stop();
    }
  });
});

describe('addresses and certificates', () => {
  const serve = (dir, args) => panescry(['serve', '--foreground', '--socket', join(dir, 's.sock'), '--state-dir', dir, ...args]);

  it('says which file cannot be used, and why', async () => {
    const dir = await privateDir();
    const [one, two] = [await certificate(dir, 'one'), await certificate(dir, 'two')];
    await writeFile(join(dir, 'rubbish'), 'rubbish');
    const with_ = (cert, key) => serve(dir, ['--listen', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key]);
    assertRefused(await with_(join(dir, 'rubbish'), one.key), 2, /certificate .*rubbish: \S/);
    assertRefused(await with_(one.cert, join(dir, 'rubbish')), 2, /key .*rubbish: \S/);
    assertRefused(await with_(one.cert, two.key), 2, /key .*two\.key/);
    assertRefused(await with_(one.cert, join(dir, 'none')), 2, /key .*none: No such file/);
  });

  it('keeps its state where nobody else writes', async () => {
    for (const mode of [0o770, 0o707, 0o777, 0o1777]) {
      const dir = await privateDir();
      await chmod(dir, mode);
      assertRefused(await serve(dir, ['--listen', '127.0.0.1:0']), 2, /others may write to the state directory/);
    }
  });

  it('serves others only by TLS or when told to do without', async () => {
    const dir = await privateDir();
    assertRefused(await serve(dir, ['--listen', '0.0.0.0:0']), 2, /--insecure-http/);
    assertRefused(await serve(dir, ['--listen', '0.0.0.0:0', '--no-auth', '--insecure-http']), 2, /--no-auth/);
    const d = await startDaemon({ dir, listen: '0.0.0.0:0', args: ['--insecure-http'] });
    try {
      assert.equal((await d.request('GET', '/api/v1/info')).status, 200);
      assert.equal((await d.request('GET', '/api/v1/info', { headers: { host: `evil.example:${d.port}` } })).status, 403);
      assert.equal((await d.request('GET', '/api/v1/info', { token: null })).status, 401);
    } finally {
      await d.stop();
    }
  });
});
