#include "config.h"

#include "wsload.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "bench.h"

#define RSS_SAMPLES 512
#define RSS_EVERY 0.25 /* seconds */

static volatile sig_atomic_t told_to_end;

static void
on_signal(int sig)
{
	(void)sig;
	told_to_end = 1;
}

static void
open_clients(struct ws_load *l, const struct ws_options *o)
{
	ws_connect_all(l, o->window, o->timeout);
	ws_run_for(l, (double)o->settle_ms / 1000);
	ws_counters_reset(l);
}

static void
type_command(struct ws_load *l, const struct ws_options *o)
{
	unsigned i, n = o->cmd_first ? 1 : l->count;

	if (o->cmd == NULL)
		return;
	for (i = 0; i < n; i++)
		ws_type(&l->conns[i], o->cmd, strlen(o->cmd));
}

/* Of clients first..count-1. */
static struct ws_counters
sum(const struct ws_load *l, unsigned first)
{
	struct ws_counters r = {0};
	const struct ws_counters *n;
	unsigned i;

	for (i = first; i < l->count; i++) {
		n = &l->conns[i].n;
		r.out += n->out;
		r.msgs += n->msgs;
		r.wire += n->wire;
		r.gaps += n->gaps;
		r.snapshots += n->snapshots;
		r.snapshot_bytes += n->snapshot_bytes;
		r.skipped += n->skipped;
		r.bad += n->bad;
		if (n->t_last > r.t_last)
			r.t_last = n->t_last;
	}
	return r;
}

/* How far the pane came, as the viewer that saw most of it knows. */
static long long
pane_advance(const struct ws_load *l)
{
	const struct ws_conn *c;
	long long n, most = 0;
	unsigned i;

	for (i = 0; i < l->count; i++) {
		c = &l->conns[i];
		n = (long long)(c->pos - c->start);
		if (n > most)
			most = n;
	}
	return most;
}

static double
per(double v, double by)
{
	return by > 0 ? v / by : 0;
}

static void
print_received(const struct ws_load *l, const struct ws_counters *n, double secs)
{
	out_int("out_bytes", n->out);
	out_num("secs", secs, 4);
	out_num("MBps", per((double)n->out / BENCH_MB, secs), 2);
	out_int("msgs", n->msgs);
	out_num("bytes_per_msg", per((double)n->out, (double)n->msgs), 0);
	out_int("frame_errors", n->bad);
	if (!l->proto->attach)
		return;
	out_int("gaps", n->gaps);
	out_int("snapshots", n->snapshots);
	out_int("snapshot_bytes", n->snapshot_bytes);
	out_int("skipped_bytes", n->skipped);
	out_num("skipped_pct", 100 * per((double)n->skipped, (double)(n->skipped + n->out)), 2);
	out_int("pane_bytes", pane_advance(l));
	out_num("pane_MBps", per((double)pane_advance(l) / BENCH_MB, secs), 2);
}

/* ------------------------------------------------------------------ throughput */

static const char *
run_to_the_end(struct ws_load *l, const struct ws_options *o)
{
	double t0 = bench_now(), t, last = t0;
	long long seen = 0, n;
	unsigned want = l->n_open;

	while ((t = bench_now()) - t0 < o->timeout) {
		ws_poll(l, 200);
		if (told_to_end)
			return "signal";
		if (l->n_done >= want)
			return "marker";
		if (l->n_closed >= want)
			return "closed";
		n = sum(l, 0).wire;
		if (n != seen) {
			seen = n;
			last = t;
		} else if (t - last > o->idle_end) {
			return "idle";
		}
	}
	return "timeout";
}

void
mode_throughput(struct ws_load *l, const struct ws_options *o)
{
	struct proc_stat a, b;
	struct sys_stat sa, sb;
	struct ws_counters n;
	const char *why;
	double own, t0, secs, gb;

	signal(SIGTERM, on_signal);
	open_clients(l, o);
	procs_reset_hwm(&o->srv);
	a = procs_read(&o->srv);
	sa = system_read();
	own = bench_self_cpu();
	t0 = bench_now();
	type_command(l, o);
	why = run_to_the_end(l, o);
	b = procs_read(&o->srv);
	sb = system_read();
	n = sum(l, 0);
	secs = n.t_last > t0 ? n.t_last - t0 : 0;
	gb = (double)n.out / BENCH_GB;

	out_begin(o->label, "throughput");
	out_int("clients", l->count);
	out_int("open", l->n_open);
	out_str("end", why);
	print_received(l, &n, secs);
	out_num("srv_cpu_s", b.cpu - a.cpu, 2);
	out_num("srv_sys_s", b.sys - a.sys, 2);
	out_num("srv_cpu_s_per_GB", per(b.cpu - a.cpu, gb), 3);
	if (l->proto->attach)
		out_num("srv_cpu_s_per_pane_GB",
		    per(b.cpu - a.cpu, (double)pane_advance(l) / BENCH_GB), 3);
	out_int("srv_rss_KiB", b.rss);
	out_int("srv_hwm_KiB", b.hwm);
	out_num("client_cpu_s", bench_self_cpu() - own, 2);
	out_num("busy_cores", per(sb.busy - sa.busy, secs), 2);
	out_num("steal_s", sb.steal - sa.steal, 2);
	out_end();
}

/* ------------------------------------------------------------------ latency */

static bool
probe(struct ws_load *l, unsigned char byte)
{
	struct ws_probe *p = &l->probe;

	p->byte = byte;
	p->wait = true;
	p->sent = bench_now();
	ws_type(&l->conns[0], &byte, 1);
	while (p->wait && bench_now() - p->sent < 5 && l->conns[0].state == WS_OPEN)
		ws_poll(l, 50);
	if (!p->wait)
		return true;
	p->wait = false;
	return false;
}

void
mode_latency(struct ws_load *l, const struct ws_options *o)
{
	struct proc_stat a, b;
	double *us = bench_alloc(o->samples * sizeof *us), t0;
	unsigned i, n = 0, lost = 0;

	open_clients(l, o);
	type_command(l, o);
	ws_run_for(l, (double)o->settle_ms / 1000);
	a = procs_read(&o->srv);
	t0 = bench_now();
	for (i = 0; i < o->samples && l->conns[0].state == WS_OPEN; i++) {
		if (probe(l, (unsigned char)('a' + i % 26)))
			us[n++] = l->probe.took * 1e6;
		else
			lost++;
		ws_run_for(l, bench_jitter(o->gap_us));
		if (bench_now() - t0 > o->timeout)
			break;
	}
	b = procs_read(&o->srv);

	out_begin(o->label, "latency");
	out_int("lost", lost);
	out_int("gap_us", o->gap_us);
	out_percentiles(us, n);
	out_num("srv_cpu_us_per_key", per((b.cpu - a.cpu) * 1e6, n), 1);
	out_int("stray_bytes", l->probe.stray);
	out_end();
	free(us);
}

/* ------------------------------------------------------------------ idle viewers */

void
mode_idle(struct ws_load *l, const struct ws_options *o)
{
	struct proc_stat a, b, c;
	double connect_s, t0, secs;

	a = procs_memory(&o->srv);
	connect_s = ws_connect_all(l, o->window, o->timeout);
	ws_run_for(l, (double)o->settle_ms / 1000);
	b = procs_memory(&o->srv);
	t0 = bench_now();
	ws_run_for(l, o->hold);
	secs = bench_now() - t0;
	c = procs_read(&o->srv);

	out_begin(o->label, "idle");
	out_int("clients", l->count);
	out_int("open", l->n_open);
	out_int("failed", l->n_failed);
	out_int("closed", l->n_closed);
	out_num("connect_s", connect_s, 3);
	out_num("connect_cpu_s", b.cpu - a.cpu, 2);
	out_int("rss_before_KiB", a.rss);
	out_int("rss_KiB", b.rss);
	out_num("rss_per_viewer_KiB", per((double)(b.rss - a.rss), l->n_open), 2);
	out_num("pss_per_viewer_KiB", per((double)(b.pss - a.pss), l->n_open), 2);
	out_num("dirty_per_viewer_KiB", per((double)(b.dirty - a.dirty), l->n_open), 2);
	out_num("idle_cpu_pct", per(c.cpu - b.cpu, secs) * 100, 2);
	out_end();
}

/* ------------------------------------------------------------------ a viewer that stops reading */

struct rss_series {
	double v[RSS_SAMPLES]; /* MB */
	size_t n;
	long peak; /* KiB */
	double next;
};

static void
rss_sample(struct rss_series *s, const struct proc_set *srv, double t)
{
	struct proc_stat p;

	if (t < s->next)
		return;
	s->next = t + RSS_EVERY;
	p = procs_read(srv);
	if (p.rss > s->peak)
		s->peak = p.rss;
	if (s->n < RSS_SAMPLES)
		s->v[s->n++] = (double)p.rss * 1024 / BENCH_MB;
}

/* Reads on at all other clients until they have seen the end; returns the seconds. */
static double
others_go_on(struct ws_load *l, const struct ws_options *o, struct rss_series *rss)
{
	double t0 = bench_now(), t = 0;

	rss->next = 0;
	while (t < o->hold && l->n_done < l->count - 1 && l->n_closed < l->count) {
		ws_poll(l, 50);
		t = bench_now() - t0;
		rss_sample(rss, &o->srv, t);
	}
	return t;
}

static void
read_again(struct ws_load *l, const struct ws_options *o)
{
	struct ws_conn *c = &l->conns[0];
	double t0 = bench_now(), last = t0;
	long long seen = c->n.wire;

	ws_pause(c, false);
	while (bench_now() - t0 < o->timeout && bench_now() - last < o->idle_end &&
	       c->state == WS_OPEN && !c->done) {
		ws_poll(l, 50);
		if (c->n.wire != seen) {
			seen = c->n.wire;
			last = bench_now();
		}
	}
}

static void
print_slow(
    struct ws_load *l, const struct ws_options *o, const struct rss_series *rss, double held)
{
	struct ws_conn *c = &l->conns[0];

	out_num("held_s", held, 2);
	out_num("rss_peak_MB", (double)rss->peak * 1024 / BENCH_MB, 1);
	out_list("rss_MB", rss->v, rss->n, 1);
	out_int("slow_closed", c->state == WS_CLOSED);
	out_int("slow_close_code", c->close_code);
	out_int("slow_saw_end", c->done);
	out_int("slow_gaps", c->n.gaps);
	out_int("slow_snapshots", c->n.snapshots);
	out_num("slow_skipped_MB", (double)c->n.skipped / BENCH_MB, 1);
	out_num("rss_after_MB", (double)procs_read(&o->srv).rss * 1024 / BENCH_MB, 1);
}

void
mode_slow(struct ws_load *l, const struct ws_options *o)
{
	static struct rss_series rss;
	struct ws_counters n;
	struct proc_stat a, b;
	long long got;
	double t0, held, secs;

	open_clients(l, o);
	a = procs_read(&o->srv);
	t0 = bench_now();
	type_command(l, o);
	while (l->conns[0].n.out < o->slow_after && bench_now() - t0 < o->timeout &&
	       l->conns[0].state == WS_OPEN)
		ws_poll(l, 50);
	ws_pause(&l->conns[0], true);
	got = l->conns[0].n.out;
	held = others_go_on(l, o, &rss);
	b = procs_read(&o->srv);
	n = sum(l, 1);
	secs = n.t_last > t0 ? n.t_last - t0 : 0;

	out_begin(o->label, "slow");
	out_int("others_saw_end", l->n_done);
	print_received(l, &n, secs);
	out_num("srv_cpu_s", b.cpu - a.cpu, 2);
	out_num("rss_before_MB", (double)a.rss * 1024 / BENCH_MB, 1);
	read_again(l, o);
	out_num("resumed_MB", (double)(l->conns[0].n.out - got) / BENCH_MB, 1);
	print_slow(l, o, &rss, held);
	out_end();
}

/* ------------------------------------------------------------------ start-up */

static pid_t
start_server(char **server)
{
	pid_t pid = fork();
	int null;

	if (pid < 0)
		bench_die("fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execvp(server[0], server);
	_exit(127);
}

static void
nap(long us)
{
	struct timespec w = {us / 1000000, us % 1000000 * 1000};

	nanosleep(&w, NULL);
}

static void
stop_server(pid_t pid)
{
	double t0 = bench_now();
	int status;

	kill(pid, SIGTERM);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		nap(2000);
		if (bench_now() - t0 > 5)
			kill(pid, SIGKILL);
	}
}

/* One start: milliseconds to the accepted connection, and to the first byte of an answer. */
static void
time_start(struct ws_load *l, char **server, double *connect_ms, double *answer_ms)
{
	double t0 = bench_now();
	pid_t pid = start_server(server);
	char text[768];
	int fd, n;

	while ((fd = ws_tcp_connect(l->host, l->port, false)) < 0) {
		if (bench_now() - t0 > 20)
			bench_die("the server did not start");
		nap(100);
	}
	*connect_ms = (bench_now() - t0) * 1e3;
	n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s:%d\r\n\r\n", l->path,
	    l->host, l->port);
	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n || recv(fd, text, 1, 0) != 1)
		bench_die("the server did not answer");
	*answer_ms = (bench_now() - t0) * 1e3;
	close(fd);
	stop_server(pid);
}

static int
cmp_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

void
mode_startup(struct ws_load *l, const struct ws_options *o, char **server)
{
	unsigned i, n = o->samples;
	double *c = bench_alloc(n * sizeof *c), *a = bench_alloc(n * sizeof *a);

	for (i = 0; i < n; i++)
		time_start(l, server, &c[i], &a[i]);
	qsort(c, n, sizeof *c, cmp_double);
	qsort(a, n, sizeof *a, cmp_double);
	out_begin(o->label, "startup");
	out_int("runs", n);
	out_num("connect_ms_min", c[0], 2);
	out_num("connect_ms_p50", c[n / 2], 2);
	out_num("connect_ms_max", c[n - 1], 2);
	out_num("answer_ms_p50", a[n / 2], 2);
	out_num("answer_ms_max", a[n - 1], 2);
	out_end();
	free(c);
	free(a);
}
