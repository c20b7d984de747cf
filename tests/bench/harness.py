"""What the benches that start a daemon of their own share: the daemon, runs, tables."""
import http.client
import json
import os
import socket
import statistics
import subprocess
import time

import guard

QUICK = bool(os.environ.get("QUICK"))
RUNS = int(os.environ.get("RUNS", "1" if QUICK else "5"))
BUILD = os.environ.get("BUILDDIR", os.getcwd())
PANESCRY = os.environ.get("PANESCRY", os.path.join(BUILD, "panescry"))
ONLY = os.environ.get("ONLY", "").split()

PATIENCE = 300
HZ = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def until(what, probe, step=0.002):
    end = time.monotonic() + PATIENCE
    while True:
        got = probe()
        if got:
            return got
        if time.monotonic() > end:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(step)


def environment(home):
    keep = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
    return {**{k: v for k, v in os.environ.items() if k in keep}, "HOME": home, "TZ": "UTC"}


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


class Daemon:
    """One with this home, until the end of the block; without a keeper unless asked for."""

    def __init__(self, folder, home, keeper=False):
        self.folder, self.home, self.keeper = folder, home, keeper
        self.socket = os.path.join(folder, "s")

    def __enter__(self):
        os.makedirs(os.path.join(self.folder, "state"), exist_ok=True)
        self.log = open(os.path.join(self.folder, "log"), "a")
        self.began = time.monotonic()
        self.proc = subprocess.Popen(
            [PANESCRY, "serve", "--foreground", "--no-tmux", "--listen", "127.0.0.1:0", "--socket",
             self.socket, "--state-dir", os.path.join(self.folder, "state"),
             *([] if self.keeper else ["--no-keeper"])],
            env=environment(self.home), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        return self

    def __exit__(self, *_):
        self.proc.terminate()
        self.proc.wait(60)
        self.log.close()

    def connect(self):
        c = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        c.sock = socket.socket(socket.AF_UNIX)
        c.sock.connect(self.socket)
        return c

    def ask(self, path, c=None):
        """The answer, or {} while there is none."""
        own = None
        try:
            own = c or self.connect()
            own.request("GET", f"/api/v1/{path}")
            r = own.getresponse()
            text = r.read()
            return json.loads(text) if r.status == 200 else {}
        except OSError:
            if self.proc.poll() is not None:
                raise RuntimeError("the daemon has ended") from None
            return {}
        finally:
            if own and not c:
                own.close()

    def settled(self):
        """Seconds from the start until everything has been read and written."""
        until("it to be read", lambda: self.ask("info").get("sessions", {}).get("settled"))
        return time.monotonic() - self.began

    def pids(self):
        """Its own processes: with a keeper that and its worker."""
        name = os.path.realpath(f"/proc/{self.proc.pid}/exe")
        folder = os.path.dirname(name)
        found = [self.proc.pid]
        for p in children(self.proc.pid) if self.keeper else []:
            try:
                if os.path.dirname(os.path.realpath(f"/proc/{p}/exe")) == folder:
                    found.append(p)
            except OSError:
                pass
        return found

    def cpu(self):
        ticks = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/stat") as f:
                v = f.read().rsplit(")", 1)[1].split()
            ticks += int(v[11]) + int(v[12])
        return ticks / HZ

    def rss(self):
        pages = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/statm") as f:
                pages += int(f.read().split()[1])
        return pages * PAGE / 1e6


def measure(f, out):
    r = guard.run(f)
    out.write(json.dumps(r) + "\n")
    out.flush()
    return r


def median(runs, key):
    quiet = [r for r in runs if not r.get("disturbed")] or runs
    return statistics.median(r[key] for r in quiet)


def turns(ways, out):
    """Runs of each of these (name, function), in an order that turns by one every time."""
    runs = {name: [] for name, _ in ways}
    for i in range(RUNS):
        for name, f in ways[i % len(ways):] + ways[:i % len(ways)]:
            runs[name].append(measure(f, out))
    return runs


def row(*cells):
    print("".join(f"{c:<34}" if i == 0 else f"{c:>14}" for i, c in enumerate(cells)), flush=True)
