// ttyd's own page, a file that TTYD_PAGE names, in front of a daemon as a ttyd would serve it: the page
// itself at each /p/PANE/, everything else the daemon's. A ttyd gives it: curl http://127.0.0.1:7681/

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';

export async function startTtydPage(target, port) {
  const page = await readFile(process.env.TTYD_PAGE);
  const server = http.createServer((req, res) => {
    const { pathname } = new URL(req.url, 'http://x');
    if (/^\/(p\/[^/]+\/)?$/.test(pathname) && !req.url.includes('token=')) {
      res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      return res.end(page);
    }
    const on = http.request({ port: target, host: '127.0.0.1', method: req.method, path: req.url, headers: req.headers }, (r) => {
      res.writeHead(r.statusCode, r.headers);
      r.pipe(res);
    });
    on.on('error', () => res.destroy());
    return req.pipe(on);
  });
  const taken = new Set();
  server.on('upgrade', (req, socket, head) => {
    const on = net.connect(target, '127.0.0.1');
    const lines = [];
    for (let i = 0; i < req.rawHeaders.length; i += 2) lines.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`);
    on.write(`${req.method} ${req.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    on.write(head);
    for (const s of [socket, on]) s.on('error', () => (socket.destroy(), on.destroy())).on('close', () => (socket.destroy(), on.destroy(), taken.delete(socket)));
    socket.pipe(on).pipe(socket);
    taken.add(socket);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    cut: () => taken.forEach((s) => s.destroy()),
    stop: async () => {
      for (const s of taken) s.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
