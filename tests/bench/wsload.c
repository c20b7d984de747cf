/* wsload: a load of WebSocket viewers for a terminal server. See README and --help. */
#include "config.h"

#include "wsload.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

struct settings {
	const char *url;
	const char *mode;
	bool verbose;
	unsigned count, cols, rows;
	const char *until;
	const struct ws_proto *proto;
	struct ws_options o;
};

static char *
unescape(const char *s)
{
	char *out = bench_alloc(strlen(s) + 1), *p = out;

	for (; *s != '\0'; s++) {
		if (*s != '\\' || s[1] == '\0') {
			*p++ = *s;
			continue;
		}
		s++;
		*p++ = *s == 'n' ? '\n' : *s == 'r' ? '\r' : *s == 't' ? '\t' : *s;
	}
	*p = '\0';
	return out;
}

static unsigned
number(const char *s)
{
	return (unsigned)strtoul(s, NULL, 10);
}

static const char *const option_help =
    "wsload --url ws://127.0.0.1:PORT/PATH [options] [-- server argv, for start-up]\n"
    "  --proto NAME         panescry, ttyd or plain (output and input are whole messages)\n"
    "  --mode NAME          throughput, latency, idle, slow or startup\n"
    "  --clients N          how many connect; --window N of them at a time\n"
    "  --cmd TEXT           what each types when the run starts (\\n, \\r, \\t are known);\n"
    "  --cmd-first          client 0 alone types it\n"
    "  --until TEXT         the end of the output\n"
    "  --server-pid P,P     whose CPU and memory are counted\n"
    "  --label TEXT --cols N --rows N --settle MS --timeout S --idle-end S --hold S\n"
    "  --samples N --gap-us N --slow-after BYTES --verbose\n";

static const struct option options[] = {
    {"url", 1, NULL, 'u'},
    {"proto", 1, NULL, 'p'},
    {"mode", 1, NULL, 'm'},
    {"clients", 1, NULL, 'n'},
    {"window", 1, NULL, 'w'},
    {"cmd", 1, NULL, 'c'},
    {"cmd-first", 0, NULL, 'f'},
    {"until", 1, NULL, 'e'},
    {"server-pid", 1, NULL, 'P'},
    {"label", 1, NULL, 'l'},
    {"cols", 1, NULL, 'x'},
    {"rows", 1, NULL, 'y'},
    {"settle", 1, NULL, 's'},
    {"timeout", 1, NULL, 't'},
    {"idle-end", 1, NULL, 'i'},
    {"hold", 1, NULL, 'h'},
    {"samples", 1, NULL, 'k'},
    {"gap-us", 1, NULL, 'g'},
    {"slow-after", 1, NULL, 'b'},
    {"verbose", 0, NULL, 'v'},
    {"help", 0, NULL, '?'},
    {NULL, 0, NULL, 0},
};

static int
set_time(struct ws_options *o, int opt, const char *arg)
{
	switch (opt) {
	case 's':
		o->settle_ms = atol(arg);
		return 0;
	case 't':
		o->timeout = atof(arg);
		return 0;
	case 'i':
		o->idle_end = atof(arg);
		return 0;
	case 'h':
		o->hold = atof(arg);
		return 0;
	case 'k':
		o->samples = number(arg);
		return 0;
	case 'g':
		o->gap_us = atol(arg);
		return 0;
	case 'b':
		o->slow_after = atoll(arg);
		return 0;
	}
	return -1;
}

static int
set_option(struct settings *s, int opt, const char *arg)
{
	switch (opt) {
	case 'u':
		s->url = arg;
		return 0;
	case 'p':
		s->proto = ws_proto_find(arg);
		return s->proto != NULL ? 0 : -1;
	case 'm':
		s->mode = arg;
		return 0;
	case 'n':
		s->count = number(arg);
		return s->count > 0 ? 0 : -1;
	case 'w':
		s->o.window = number(arg);
		return 0;
	case 'c':
		s->o.cmd = unescape(arg);
		return 0;
	case 'f':
		s->o.cmd_first = true;
		return 0;
	case 'e':
		s->until = arg;
		return 0;
	case 'P':
		procs_parse(&s->o.srv, arg);
		return 0;
	case 'l':
		s->o.label = arg;
		return 0;
	case 'x':
		s->cols = number(arg);
		return 0;
	case 'y':
		s->rows = number(arg);
		return 0;
	case 'v':
		s->verbose = true;
		return 0;
	}
	return set_time(&s->o, opt, arg);
}

static int
usage(void)
{
	fputs(option_help, stderr);
	return 2;
}

static void
raise_file_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int
run(const struct settings *s, struct ws_load *l, char **server)
{
	static const struct {
		const char *name;
		void (*run)(struct ws_load *l, const struct ws_options *o);
	} modes[] = {
	    {"throughput", mode_throughput},
	    {"latency", mode_latency},
	    {"idle", mode_idle},
	    {"slow", mode_slow},
	};
	size_t i;

	for (i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(s->mode, modes[i].name) == 0) {
			modes[i].run(l, &s->o);
			return 0;
		}
	}
	if (strcmp(s->mode, "startup") != 0 || *server == NULL || s->o.samples == 0)
		return usage();
	mode_startup(l, &s->o, server);
	return 0;
}

int
main(int argc, char **argv)
{
	static struct ws_load load;
	struct settings s = {
	    .mode = "throughput",
	    .count = 1,
	    .cols = 120,
	    .rows = 40,
	    .proto = ws_proto_find("panescry"),
	    .o = {.label = "",
		.window = 32,
		.settle_ms = 300,
		.timeout = 120,
		.idle_end = 3,
		.hold = 10,
		.samples = 2000,
		.gap_us = 5000,
		.slow_after = 1 << 20},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "+", options, NULL)) != -1)
		if (set_option(&s, opt, optarg) != 0)
			return usage();
	if (s.url == NULL || ws_load_init(&load, s.url) != 0)
		return usage();
	load.proto = s.proto;
	load.count = s.count;
	load.cols = s.cols;
	load.rows = s.rows;
	load.until = s.until;
	load.verbose = s.verbose;
	signal(SIGPIPE, SIG_IGN);
	srand((unsigned)getpid());
	raise_file_limit();
	return run(&s, &load, argv + optind);
}
