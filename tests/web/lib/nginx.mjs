// A real nginx before the daemon, with TLS, below a path, as somebody would set it up; but it gives
// up on what is idle within two seconds. PANESCRY_NGINX names it where it is not in the path.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from './until.mjs';

const run = promisify(execFile);
export const IDLE_S = 2;

/** Its path, or null. */
export async function findNginx() {
  for (const path of [process.env.PANESCRY_NGINX, 'nginx', '/usr/sbin/nginx']) {
    if (path && (await run(path, ['-v']).then(() => true, () => false))) return path;
  }
  return null;
}

/** What panescry-security(7) says that nginx is to have: for http, and for the server. */
async function manual(base, upstream) {
  const page = await readFile(new URL('../../../man/panescry-security.7', import.meta.url), 'utf8');
  const [, map, location] = page.match(/^(map [^\n]+)\n\n(location [^]+?\n\})\n\.Ed/m);
  return { map, location: location.replace('/x/', `${base}/`).replace('127.0.0.1:7263', `127.0.0.1:${upstream}`) };
}

const conf = (port, { map, location }) => `
worker_processes 1;
daemon off;
pid nginx.pid;
error_log error.log info;
events { worker_connections 256; }
http {
  access_log access.log;
  client_body_temp_path tmp/body;
  proxy_temp_path tmp/proxy;
  fastcgi_temp_path tmp/fastcgi;
  uwsgi_temp_path tmp/uwsgi;
  scgi_temp_path tmp/scgi;
  proxy_read_timeout ${IDLE_S}s;
  proxy_send_timeout ${IDLE_S}s;
  ${map}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    ${location}
  }
}
`;

export async function startNginx(path, { port, base, upstream }) {
  const dir = await mkdtemp(join(tmpdir(), 'panescry-nginx-'));
  await mkdir(join(dir, 'tmp'));
  await run('openssl', [
    'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1',
    '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem'),
  ]);
  await writeFile(join(dir, 'nginx.conf'), conf(port, await manual(base, upstream)));
  // As root its worker would be another user, who may not look into the directory.
  const user = process.getuid() === 0 ? ['-g', 'user root;'] : [];
  const child = spawn(path, ['-p', dir, '-c', 'nginx.conf', '-e', 'error.log', ...user], {
    cwd: dir,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let err = '';
  child.stderr.on('data', (d) => (err += d));
  const ended = once(child, 'close');
  const log = (name) => readFile(join(dir, name), 'utf8').catch(() => '');
  const stop = async () => {
    if (child.exitCode === null) child.kill('SIGTERM');
    await ended;
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await until('nginx', async () => {
      if (child.exitCode !== null) throw new Error(`nginx ended: ${err}${await log('error.log')}`);
      const socket = net.connect(port, '127.0.0.1');
      const up = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'close')]).catch(() => null);
      socket.destroy();
      return up === true;
    });
  } catch (e) {
    await stop();
    throw e;
  }
  return { port, stop, asked: () => log('access.log'), errors: () => log('error.log') };
}
