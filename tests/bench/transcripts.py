"""Makes transcripts as Claude Code and Codex write them, the same for the same seed.

make(home, size, seed) fills home/.claude and home/.codex with about `size` bytes, four fifths of
them Claude's, and returns what they come to: {"claude": {class: tokens}, "codex": {...}}, with
the classes of `usage --json`, and how much there is of what.

What is in them is in those that people have: one message on several lines, of which the last has
all of its tokens; results of tools twice, for the model and for the program, of some hundred bytes
up to 100 kB; sub-agents in files of their own; sessions that were resumed into a new file, which
begins with the lines of the old one, re-written with the new session's id; running totals, each
said twice, and reasoning that is encrypted.
"""
import base64
import collections
import json
import os
import random
import time

CLASSES = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
           "output_tokens")
BEGIN = 1793000000.0  # of the first session
PIECES = (
    "static int\ncount(struct row *r)\n{\n\treturn r->n != 0 ? (int)r->n : -EINVAL;\n}\n",
    "  120\t\tconst path = join(root, \"src\", `${name}.ts`);\n  121\t\tawait writeFile(path, text);\n",
    "src/store/archive.c:120: error: expected ';' before '}' token\n",
    "The quick fix would be to hold the lock for longer, but then every reader waits for it. ",
    "{\"name\": \"value\", \"path\": \"C:\\\\temp\\\\new\", \"n\": [1, 2, 3]}\n",
    "+\tif (rc != 0)\n+\t\tgoto out;\n-\treturn rc;\n",
    "\u2713 reads what was added (12 ms)\n\u2713 caf\u00e9 \u2014 na\u00efve \u2026\n",
    "drwxr-xr-x 2 user user  4096 Oct  5 08:00 node_modules\n",
)
CLAUDE = ("claude-opus-4-5", "claude-sonnet-4-6", "claude-haiku-4-5")


class Texts:
    """Strings of JSON of any size, cut from one that is made once."""

    def __init__(self, rng):
        self.rng = rng
        self.parts = [json.dumps(rng.choice(PIECES), ensure_ascii=False)[1:-1] for _ in range(4000)]
        self.sizes = [len(p) for p in self.parts]
        noise = random.Random(rng.random())
        self.noise = base64.b64encode(noise.randbytes(200_000)).decode()

    def text(self, size):
        i, out, n = self.rng.randrange(len(self.parts)), [], 0
        while n < size:
            i = (i + 1) % len(self.parts)
            out.append(self.parts[i])
            n += self.sizes[i]
        return "".join(out)

    def secret(self, size):
        i = self.rng.randrange(len(self.noise) - size)
        return self.noise[i:i + size]


def iso(t):
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(t)) + f"{int(t * 1000) % 1000:03d}Z"


class Maker:
    def __init__(self, home, seed):
        self.home = home
        self.rng = random.Random(seed)
        self.texts = Texts(self.rng)
        self.time = BEGIN
        self.totals = {a: collections.Counter() for a in ("claude", "codex")}
        self.counts = collections.Counter()
        self.written = 0

    def uuid(self):
        h = f"{self.rng.getrandbits(128):032x}"
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-8{h[17:20]}-{h[20:]}"

    def later(self, seconds):
        self.time += self.rng.uniform(0.2, 1.8) * seconds
        return iso(self.time)

    def result_size(self):
        return int(min(100_000, max(60, self.rng.lognormvariate(6.8, 1.4))))

    def write(self, path, lines):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = ("\n".join(lines) + "\n").encode()
        with open(path, "wb") as f:
            f.write(data)
        self.written += len(data)
        self.counts["files"] += 1
        self.counts["lines"] += len(lines)

    # Claude Code. Lines are kept with "@SESSION@" in place of the session's id.

    def frame(self, s, kind, more):
        uuid = self.uuid()
        parent = f'"{s["last"]}"' if s["last"] else "null"
        s["last"] = uuid
        agent = f'"agentId":"{s["agent"]}",' if s["agent"] else ""
        s["lines"].append(
            f'{{"parentUuid":{parent},"isSidechain":{"true" if agent else "false"},{agent}'
            f'"userType":"external","cwd":"{s["cwd"]}","sessionId":"@SESSION@","version":"2.1.180",'
            f'"gitBranch":"main","type":"{kind}",{more},"uuid":"{uuid}",'
            f'"timestamp":"{self.later(3)}"}}')

    def call(self, s, ends):
        """One call of the model: its blocks a line each, and the results of its tools."""
        rng, t = self.rng, self.texts
        mid, rid = f"msg_01{rng.getrandbits(100):025x}", f"req_01{rng.getrandbits(100):025x}"
        u = {"input_tokens": rng.randrange(3, 60), "cache_read_tokens": s["cached"],
             "cache_write_5m_tokens": 0, "cache_write_1h_tokens": 0,
             "output_tokens": rng.randrange(20, 1500)}
        written = rng.randrange(100, 4000)
        u["cache_write_1h_tokens" if s["hour"] else "cache_write_5m_tokens"] = written
        s["cached"] += written
        tools = [] if ends else [f"toolu_01{rng.getrandbits(88):022x}"
                                 for _ in range(1 if rng.random() < 0.8 else 2)]
        blocks = []
        if rng.random() < 0.3:
            blocks.append(f'{{"type":"thinking","thinking":"{t.text(rng.randrange(100, 900))}",'
                          f'"signature":"{t.secret(400)}"}}')
        if ends or rng.random() < 0.5:
            blocks.append(f'{{"type":"text","text":"{t.text(rng.randrange(80, 1200))}"}}')
        names = []
        for tool in tools:
            name, given = self.tool_input()
            names.append(name)
            blocks.append(f'{{"type":"tool_use","id":"{tool}","name":"{name}","input":{given}}}')
        for i, block in enumerate(blocks):
            last = i == len(blocks) - 1
            out = u["output_tokens"] if last else rng.randrange(1, 8)
            stop = ("null" if not last else '"end_turn"' if ends else '"tool_use"')
            self.frame(s, "assistant",
                       f'"message":{{"model":"{s["model"]}","id":"{mid}","type":"message",'
                       f'"role":"assistant","content":[{block}],"stop_reason":{stop},'
                       f'"stop_sequence":null,"usage":{{"input_tokens":{u["input_tokens"]},'
                       f'"cache_creation_input_tokens":{written},'
                       f'"cache_read_input_tokens":{u["cache_read_tokens"]},"cache_creation":'
                       f'{{"ephemeral_5m_input_tokens":{u["cache_write_5m_tokens"]},'
                       f'"ephemeral_1h_input_tokens":{u["cache_write_1h_tokens"]}}},'
                       f'"output_tokens":{out},"service_tier":"standard"}}}},"requestId":"{rid}"')
        for tool, name in zip(tools, names):
            self.result(s, tool, name)
        self.totals["claude"].update(u)
        self.counts["calls"] += 1
        self.counts["tools"] += len(tools)

    def tool_input(self):
        rng, t = self.rng, self.texts
        kind = rng.random()
        path = f"/srv/project/src/part{rng.randrange(90)}.c"
        if kind < 0.45:
            return "Bash", f'{{"command":"make -j4 check 2>&1 | tail -n {rng.randrange(90)}"}}'
        if kind < 0.8:
            return "Read", f'{{"file_path":"{path}","limit":200}}'
        return "Edit", (f'{{"file_path":"{path}","old_string":"{t.text(rng.randrange(40, 600))}",'
                        f'"new_string":"{t.text(rng.randrange(40, 900))}"}}')

    def result(self, s, tool, name):
        text = self.texts.text(self.result_size())
        own = {"Bash": f'{{"stdout":"{text}","stderr":"","interrupted":false,"isImage":false}}',
               "Read": f'{{"type":"text","file":{{"filePath":"/srv/project/a.c","content":"{text}",'
                       f'"numLines":90,"startLine":1,"totalLines":90}}}}',
               "Edit": f'{{"filePath":"/srv/project/a.c","originalFile":"{text}",'
                       f'"userModified":false,"replaceAll":false}}'}[name]
        self.frame(s, "user", f'"message":{{"role":"user","content":[{{"tool_use_id":"{tool}",'
                   f'"type":"tool_result","content":"{text}"}}]}},"toolUseResult":{own}')

    def new_session(self, agent=None):
        return {"lines": [], "last": None, "agent": agent, "model": self.rng.choice(CLAUDE),
                "cwd": f"/srv/project{self.rng.randrange(12)}", "hour": self.rng.random() < 0.2,
                "cached": self.rng.randrange(8000, 20000)}

    def turns(self, s, n):
        for _ in range(n):
            text = self.texts.text(self.rng.randrange(30, 400))
            self.frame(s, "user", f'"message":{{"role":"user","content":"{text}"}}')
            for _ in range(self.rng.randrange(2, 14)):
                self.call(s, False)
            self.call(s, True)

    def claude(self):
        folder = f"{self.home}/.claude/projects/-srv-project{self.rng.randrange(12)}"
        self.time = BEGIN + self.rng.uniform(0, 20 * 86400)
        s, name = self.new_session(), self.uuid()
        self.turns(s, self.rng.randrange(1, 9))
        self.write(f"{folder}/{name}.jsonl", [x.replace("@SESSION@", name) for x in s["lines"]])
        for _ in range(self.rng.choice((0, 0, 1, 3))):
            agent = f"a{self.rng.getrandbits(28):07x}"
            sub = self.new_session(agent)
            self.turns(sub, 1)
            self.write(f"{folder}/{name}/subagents/agent-{agent}.jsonl",
                       [x.replace("@SESSION@", name) for x in sub["lines"]])
        if self.rng.random() < 0.15:
            other = self.uuid()
            self.turns(s, self.rng.randrange(1, 3))
            self.write(f"{folder}/{other}.jsonl",
                       [x.replace("@SESSION@", other) for x in s["lines"]])
            self.counts["resumed"] += 1

    # Codex.

    def item(self, lines, kind, payload):
        lines.append(f'{{"timestamp":"{self.later(2)}","type":"{kind}","payload":{payload}}}')

    def codex_call(self, lines, total, ends):
        rng, t = self.rng, self.texts
        if rng.random() < 0.5:
            self.item(lines, "response_item", '{"type":"reasoning","summary":[],"content":null,'
                      f'"encrypted_content":"{t.secret(rng.randrange(800, 3000))}"}}')
        if ends:
            text = t.text(rng.randrange(80, 1200))
            self.item(lines, "event_msg", f'{{"type":"agent_message","message":"{text}"}}')
            self.item(lines, "response_item", '{"type":"message","role":"assistant","content":'
                      f'[{{"type":"output_text","text":"{text}"}}]}}')
        else:
            cid = f"call_{rng.getrandbits(96):024x}"
            given = json.dumps(json.dumps({"cmd": f"sed -n 1,{rng.randrange(999)}p src/a.c"}))
            self.item(lines, "response_item", '{"type":"function_call","name":"exec_command",'
                      f'"arguments":{given},"call_id":"{cid}"}}')
            self.item(lines, "response_item", f'{{"type":"function_call_output","call_id":"{cid}",'
                      f'"output":"{t.text(self.result_size())}"}}')
            self.counts["tools"] += 1
        fresh, cached = rng.randrange(50, 3000), total["context"]
        out = rng.randrange(20, 1200)
        last = (fresh + cached, cached, out, out // 3)
        total["context"] += fresh
        total["sum"] = [a + b for a, b in zip(total["sum"], last)]
        names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")

        def said(v):
            return json.dumps({**dict(zip(names, v)), "total_tokens": v[0] + v[2]})

        text = (f'{{"type":"token_count","info":{{"total_token_usage":{said(total["sum"])},'
                f'"last_token_usage":{said(last)},"model_context_window":272000}},'
                '"rate_limits":{"primary":{"used_percent":12.0,"window_minutes":300}}}')
        for _ in range(1 if rng.random() < 0.8 else 2):
            self.item(lines, "event_msg", text)
        self.totals["codex"].update({"input_tokens": fresh, "cache_read_tokens": cached,
                                     "output_tokens": out})
        self.counts["calls"] += 1

    def codex(self):
        rng, lines = self.rng, []
        self.time = BEGIN + rng.uniform(0, 20 * 86400)
        day = time.gmtime(self.time)
        ms = f"{int(self.time * 1000):012x}"
        sid = f"{ms[:8]}-{ms[8:]}-7{rng.getrandbits(12):03x}-8{rng.getrandbits(12):03x}-{rng.getrandbits(48):012x}"
        total = {"context": rng.randrange(6000, 12000), "sum": [0, 0, 0, 0]}
        self.item(lines, "session_meta", f'{{"id":"{sid}","timestamp":"{iso(self.time)}",'
                  '"cwd":"/srv/project","originator":"codex_cli_rs","cli_version":"0.150.0",'
                  '"source":"cli","model_provider":"openai"}')
        for turn in range(rng.randrange(1, 7)):
            text = self.texts.text(rng.randrange(30, 400))
            self.item(lines, "event_msg", f'{{"type":"task_started","turn_id":"turn-{turn}"}}')
            self.item(lines, "turn_context", f'{{"turn_id":"turn-{turn}","cwd":"/srv/project",'
                      '"approval_policy":"on-request","model":"gpt-5.2-codex","effort":"high"}')
            self.item(lines, "response_item", '{"type":"message","role":"user","content":'
                      f'[{{"type":"input_text","text":"{text}"}}]}}')
            self.item(lines, "event_msg", f'{{"type":"user_message","message":"{text}"}}')
            for _ in range(rng.randrange(2, 16)):
                self.codex_call(lines, total, False)
            self.codex_call(lines, total, True)
            self.item(lines, "event_msg", f'{{"type":"task_complete","turn_id":"turn-{turn}"}}')
        stamp = time.strftime("%Y-%m-%dT%H-%M-%S", day)
        self.write(f"{self.home}/.codex/sessions/{time.strftime('%Y/%m/%d', day)}"
                   f"/rollout-{stamp}-{sid}.jsonl", lines)


def make(home, size, seed=1):
    m = Maker(home, seed)
    while m.written < size * 4 // 5:
        m.claude()
    while m.written < size:
        m.codex()
    return {"totals": {a: {c: t[c] for c in CLASSES} for a, t in m.totals.items()},
            "bytes": m.written, **m.counts}
