#!/bin/sh
# term.sh PROGRAM FILE [COLS ROWS [RUNS]]: terminal engines over a recording, in turn, RUNS times (5);
# prints the medians as a table. PROGRAM is tests/bench/term. tmux (a detached pane, its server's
# CPU time and the time on the clock) and @xterm/headless (NODE_PATH) where they are there.
set -eu
program=${1:?usage: term.sh PROGRAM FILE [COLS ROWS [RUNS]]}
file=${2:?usage: term.sh PROGRAM FILE [COLS ROWS [RUNS]]}
cols=${3:-120} rows=${4:-40} runs=${5:-5}
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
size=$(wc -c <"$file")
path=$(cd "$(dirname "$file")" && pwd)/$(basename "$file")

cleanup() {
	tmux -L "bench$$" kill-server 2>/dev/null || :
	rm -rf "$tmp"
}
trap cleanup EXIT INT TERM

# CPU ticks of the tmux server so far.
ticks() {
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

run_tmux() {
	command -v tmux >/dev/null || return 0
	tmux -L "bench$$" -f /dev/null new-session -d -s b -x "$cols" -y "$rows" \
	    "tmux -L bench$$ wait-for go; cat '$path'; tmux -L bench$$ wait-for -S done; sleep 1000"
	tmux -L "bench$$" set -g history-limit 50000
	pid=$(tmux -L "bench$$" display-message -p '#{pid}')
	before=$(ticks "$pid")
	start=$(date +%s%N)
	tmux -L "bench$$" wait-for -S go
	tmux -L "bench$$" wait-for "done"
	end=$(date +%s%N)
	after=$(ticks "$pid")
	hz=$(getconf CLK_TCK)
	awk -v s="$size" -v t=$((end - start)) 'BEGIN { printf "tmux %.0f\n", s / t * 1000 }'
	awk -v s="$size" -v t=$((after - before)) -v hz="$hz" 'BEGIN { printf "tmux-cpu %.0f\n", s / 1e6 / (t / hz) }'
	tmux -L "bench$$" kill-server
}

run_xterm() {
	command -v node >/dev/null || return 0
	node "$here/term.mjs" "$file" "$cols" "$rows" 2>/dev/null || :
}

i=0
while [ "$i" -lt "$runs" ]; do
	"$program" "$file" "$cols" "$rows" | tee -a "$tmp/notes" | awk '{ print $1, $2 }' >>"$tmp/figures"
	run_tmux >>"$tmp/figures"
	run_xterm >>"$tmp/figures"
	i=$((i + 1))
done
printf '%-12s %10s %10s %10s   MB/s, %d runs, %s bytes, %sx%s\n' engine median lowest highest "$runs" "$size" "$cols" "$rows"
awk '{ print $1 }' "$tmp/figures" | awk '!seen[$0]++' | while read -r name; do
	awk -v n="$name" '$1 == n { print $2 }' "$tmp/figures" | sort -n |
	    awk -v n="$name" '{ v[NR] = $1 } END { printf "%-12s %10.0f %10.0f %10.0f\n", n, v[int((NR + 1) / 2)], v[1], v[NR] }'
done
sed -n 's/^panescry [0-9]* /panescry: /p' "$tmp/notes" | tail -1
