'use strict';
// The peer: node-pty and ws in a few lines. Output goes out as it comes, one binary message
// for each chunk; what comes in is typed.
//
//   node bridge.js PORT own|shared bound|free COMMAND...
//
// own: a process for each client. shared: one process for each path, for all its clients.
// bound: the PTY is not read while a client has more than HIGH bytes waiting; free: no limit.
const http = require('http');
const pty = require('node-pty');
const { WebSocketServer } = require('ws');

const HIGH = 4 << 20;
const LOW = 1 << 20;
const [port, form, limit, ...argv] = process.argv.slice(2);
const shared = new Map();

function spawn() {
	const term = pty.spawn(argv[0], argv.slice(1), {
		name: 'xterm-256color', cols: 120, rows: 40, encoding: null,
	});
	const pane = { term, clients: new Set(), paused: false };
	const settle = () => {
		if (!pane.paused || [...pane.clients].some((ws) => ws.bufferedAmount > LOW))
			return;
		pane.paused = false;
		term.resume();
	};
	term.onData((data) => {
		for (const ws of pane.clients) {
			if (limit === 'free') {
				ws.send(data);
				continue;
			}
			ws.send(data, settle);
			if (ws.bufferedAmount > HIGH && !pane.paused) {
				pane.paused = true;
				term.pause();
			}
		}
	});
	term.onExit(() => pane.clients.forEach((ws) => ws.close(1000)));
	pane.settle = settle;
	return pane;
}

function paneFor(url) {
	if (form === 'own')
		return spawn();
	if (!shared.has(url))
		shared.set(url, spawn());
	return shared.get(url);
}

const server = http.createServer((req, res) => res.end('bridge\n'));
const wss = new WebSocketServer({ server, perMessageDeflate: false });
wss.on('connection', (ws, req) => {
	const pane = paneFor(req.url);
	pane.clients.add(ws);
	ws.on('message', (data) => pane.term.write(data));
	ws.on('error', () => {});
	ws.on('close', () => {
		pane.clients.delete(ws);
		if (form === 'own')
			pane.term.kill();
		else
			pane.settle();
	});
});
process.on('SIGTERM', () => process.exit(0));
server.listen(Number(port), '127.0.0.1');
