// A TCP proxy between browser and daemon whose connections can be cut.

import { once } from 'node:events';
import net from 'node:net';

/** One that nobody listens at: the daemon has to be told a proxy's before there is a proxy. */
export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export async function startProxy(target, port = 0) {
  const pairs = new Set();
  let refusing = false;
  let cutAfter = Infinity;
  let refused = 0;
  let attached = 0;
  let cuts = 0;
  const server = net.createServer((client) => {
    if (refusing) {
      refused++;
      client.destroy();
      return;
    }
    const upstream = net.connect(target, '127.0.0.1');
    const pair = { client, upstream };
    pairs.add(pair);
    const end = () => {
      client.destroy();
      upstream.destroy();
      pairs.delete(pair);
    };
    client.on('error', end).on('close', end);
    upstream.on('error', end).on('close', end);
    client.once('data', (data) => {
      attached += data.includes('GET /ws/panes/');
    });
    client.pipe(upstream);
    let seen = 0;
    upstream.on('data', (data) => {
      seen += data.length;
      if (seen > cutAfter) {
        // Some bytes of a message arrive and the rest does not.
        client.write(data.subarray(0, Math.floor(data.length / 2)), end);
        cutAfter = Infinity;
        cuts++;
      } else if (!client.write(data)) {
        upstream.pause();
        client.once('drain', () => upstream.resume());
      }
    });
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const cut = () => {
    for (const { client, upstream } of pairs) {
      client.destroy();
      upstream.destroy();
    }
    pairs.clear();
  };
  return {
    port: server.address().port,
    cut,
    /** Cuts each connection once, when it has brought more than so many bytes. */
    cutOnceAfter: (bytes) => (cutAfter = bytes),
    refuse: (on) => (refusing = on),
    refused: () => refused,
    /** Viewers that have come so far, and connections that cutOnceAfter has cut. */
    attached: () => attached,
    cuts: () => cuts,
    stop: () =>
      new Promise((resolve) => {
        cut();
        server.close(resolve);
      }),
  };
}
