// node search.mjs FILE PATTERNS RUNS: RegExp.test over an array of strings, one for each line.
import fs from 'node:fs';

const [file, patterns, runs] = process.argv.slice(2);
const lines = fs.readFileSync(file, 'utf8').split('\n');
lines.pop();
// Flat copies, as lines that arrived one by one are, not slices of one large string.
for (let i = 0; i < lines.length; i++)
	lines[i] = Buffer.from(lines[i]).toString('utf8');
for (const pattern of fs.readFileSync(patterns, 'utf8').split('\n')) {
	if (pattern === '')
		continue;
	const icase = pattern.startsWith('(?i)');
	const re = new RegExp(icase ? pattern.slice(4) : pattern, icase ? 'i' : '');
	const ms = [];
	let matched = 0;
	for (let r = -1; r < Number(runs); r++) {
		const began = process.hrtime.bigint();
		matched = 0;
		for (const line of lines)
			if (re.test(line))
				matched++;
		if (r >= 0)
			ms.push(Number(process.hrtime.bigint() - began) / 1e6);
	}
	ms.sort((a, b) => a - b);
	console.log(JSON.stringify({ label: 'node', mode: 'node', pattern, ms: ms[ms.length >> 1], matched }));
}
