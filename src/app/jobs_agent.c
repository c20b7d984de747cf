/*
 * What agents print that run as jobs, into the log of sessions.
 *
 * Channel 1 of a job with an agent is read as it grows, every READ_MS, by the parser of that
 * agent's streams (agent/import.h); what is no such stream is nothing. After a worker's death it is
 * read from its beginning, which changes nothing that is there.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "agent/import.h"
#include "app/jobs_priv.h"
#include "app/live.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "job/spool.h"
#include "store/sessions.h"

enum { READ_MS = 250, SLICE = 64 * 1024, STEP = 4 * 1024 * 1024 };

struct reading {
	struct reading *prev, *next;
	uv_work_t work;
	struct app *app;
	uint64_t number, fed, size; /* size: that there are by now */
	uint64_t upto;              /* that this step reads */
	struct import *import;
	struct sessions_batch *batch;
	int rc;
	bool busy, ended, last, flushed; /* last: nothing follows behind `upto` */
};

static void
reading_free(struct reading *g)
{
	DL_DELETE(g->app->jobs->readings, g);
	import_free(g->import);
	free(g);
}

/* On the pool. */
static void
on_read(uv_work_t *work)
{
	struct reading *g = work->data;
	char *slice = xmalloc(SLICE);
	uint64_t stop = g->fed + STEP;
	ssize_t n = 0;

	while (g->fed < g->upto && g->fed < stop) {
		uint64_t left = g->upto - g->fed;

		n = spool_read(g->app->jobs->dir, g->number, 1, g->fed, slice,
		    left < SLICE ? (size_t)left : SLICE);
		if (n <= 0)
			break;
		import_feed(g->import, slice, (size_t)n);
		g->fed += (uint64_t)n;
	}
	free(slice);
	g->rc = n < 0 ? (int)n : 0;
	if (g->fed == g->upto && g->last) {
		import_flush(g->import, true);
		g->flushed = true;
	}
	g->batch = import_take(g->import);
}

static void step(struct reading *g);

static void
go_on(struct reading *g)
{
	g->busy = false;
	if (g->rc != 0)
		log_warn("job", "j%llu: its output is no part of the log of sessions: %s",
		    (unsigned long long)g->number, strerror(-g->rc));
	if (g->rc != 0 || g->flushed || g->app->closed)
		reading_free(g);
	else if (g->ended || g->size - g->fed > STEP)
		step(g);
}

static void
on_written(int rc, void *arg)
{
	struct reading *g = arg;

	g->rc = rc;
	go_on(g);
}

static void
on_done(uv_work_t *work, int status)
{
	struct reading *g = work->data;
	struct sessions_batch *b = g->batch;

	(void)status;
	g->batch = NULL;
	if (b != NULL && g->rc == 0 && !g->app->closed) {
		live_submit(g->app, b, on_written, g);
		return;
	}
	sessions_batch_free(b);
	go_on(g);
}

static void
step(struct reading *g)
{
	g->busy = true;
	g->upto = g->size;
	g->last = g->ended;
	g->work.data = g;
	uv_queue_work(g->app->loop, &g->work, on_read, on_done);
}

static void
on_timer(uv_timer_t *t)
{
	struct app *a = t->data;
	struct reading *g;

	DL_FOREACH (a->jobs->readings, g) {
		if (!g->busy && g->fed < g->size)
			step(g);
	}
	if (a->jobs->readings != NULL)
		uv_timer_start(t, on_timer, READ_MS, 0);
}

static struct reading *
find(struct app *a, const struct job *j)
{
	struct reading *g;

	DL_FOREACH (a->jobs->readings, g) {
		if (g->number == j->number)
			return g;
	}
	return NULL;
}

void
jobs_agent_output(struct app *a, const struct job *j)
{
	struct reading *g;

	if (j->spec.agent == NULL || a->closed)
		return;
	if ((g = find(a, j)) == NULL) {
		g = xcalloc(1, sizeof *g);
		g->app = a;
		g->number = j->number;
		import_new(NULL, NULL, &g->import);
		DL_APPEND(a->jobs->readings, g);
	}
	g->size = j->channels[0].bytes;
	if (!uv_is_active((uv_handle_t *)&a->jobs->reads))
		uv_timer_start(&a->jobs->reads, on_timer, READ_MS, 0);
}

void
jobs_agent_ended(struct app *a, const struct job *j)
{
	struct reading *g = find(a, j);

	if (g == NULL)
		return;
	g->ended = true;
	if (!g->busy)
		step(g);
}

void
jobs_agent_close(struct app *a)
{
	struct reading *g, *next;

	DL_FOREACH_SAFE (a->jobs->readings, g, next)
		if (!g->busy)
			reading_free(g);
	uv_close((uv_handle_t *)&a->jobs->reads, NULL);
}
