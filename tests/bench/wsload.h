/* What wsload was asked to do, and the modes that do it. */
#ifndef BENCH_WSLOAD_H
#define BENCH_WSLOAD_H

#include <stdbool.h>

#include "procstat.h"
#include "wsconn.h"

struct ws_options {
	const char *label;
	const char *cmd;      /* typed when the measuring starts; escapes already resolved */
	bool cmd_first;       /* by client 0 alone */
	struct proc_set srv;  /* the server's processes */
	unsigned window;      /* connections being opened at a time */
	long settle_ms;       /* from the last connection to the start */
	double timeout;       /* seconds, for all that is waited for */
	double idle_end;      /* seconds without output that end a run */
	double hold;          /* seconds of idling, or at most of not reading */
	unsigned samples;     /* keystrokes, or starts */
	long gap_us;          /* between keystrokes */
	long long slow_after; /* bytes after which client 0 stops reading */
};

/* Each runs its case and prints one line of JSON. */
void mode_throughput(struct ws_load *l, const struct ws_options *o);
void mode_latency(struct ws_load *l, const struct ws_options *o);
void mode_idle(struct ws_load *l, const struct ws_options *o);
void mode_slow(struct ws_load *l, const struct ws_options *o);
void mode_startup(struct ws_load *l, const struct ws_options *o, char **server);

#endif
