/*
 * Jobs that had ended, and of which the archive may lack lines: the worker before was killed behind
 * their end, and before the archive wrote what it had taken. Their channels are read once more, as
 * those of a job that lives; the archive passes over the lines that it has.
 *
 * These are the jobs that ended within AGAIN_MS of the one that ended last: by then the others had
 * been written. One channel at a time, of the newest AGAIN_JOBS, of up to AGAIN_BYTES each.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "app/job_panes.h"
#include "app/jobs_priv.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "job/spool.h"
#include "proto/json.h"

enum {
	AGAIN_MS = 60 * 1000,
	AGAIN_JOBS = 1000,
	AGAIN_BYTES = 64 * 1024 * 1024,
	PIECE = 256 * 1024,
};

struct old {
	struct job_spec spec;
	uint64_t number, bytes[JOBS_CHANNELS_MAX];
	int64_t created_ms, ended_ms;
};

struct again {
	uv_work_t work;
	struct app *app;
	struct old *jobs; /* the newest first */
	size_t n, at;
	unsigned channel; /* from 1 */
	uint64_t offset;
	char *piece;
	ssize_t got;
};

static void
again_free(struct again *g)
{
	stored_unuse(g->app);
	for (size_t i = 0; i < g->n; i++)
		job_spec_release(&g->jobs[i].spec);
	free(g->jobs);
	free(g->piece);
	free(g);
}

/* On the pool. */

static int
on_row(void *arg, const struct jobs_row *row)
{
	struct again *g = arg;
	struct old job = {
	    .number = row->id, .created_ms = row->created_ms, .ended_ms = row->ended_ms};
	bool any = false;
	cJSON *o;
	int rc;

	for (unsigned i = 0; i < row->nchannels; i++) {
		if (row->channels[i].n <= JOBS_CHANNELS_MAX && row->channels[i].n != 0 &&
		    row->channels[i].bytes <= AGAIN_BYTES)
			job.bytes[row->channels[i].n - 1] = row->channels[i].bytes;
		any = any || row->channels[i].bytes != 0;
	}
	if (!any)
		return 0;
	o = json_parse(row->spec, strlen(row->spec));
	rc = o != NULL ? job_spec_parse(o, "/", &job.spec, NULL) : -EINVAL;
	cJSON_Delete(o);
	if (rc == 0)
		g->jobs[g->n++] = job;
	return 0;
}

static void
keep_late(struct again *g)
{
	int64_t last = 0;
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++)
		if (g->jobs[i].ended_ms > last)
			last = g->jobs[i].ended_ms;
	for (size_t i = 0; i < g->n; i++) {
		if (g->jobs[i].ended_ms >= last - AGAIN_MS)
			g->jobs[n++] = g->jobs[i];
		else
			job_spec_release(&g->jobs[i].spec);
	}
	g->n = n;
}

static void
on_list(uv_work_t *work)
{
	struct again *g = work->data;
	struct jobs_query query = {.kind = -1, .limit = AGAIN_JOBS};
	sqlite3 *db;

	for (int s = JOB_COMPLETED; s <= JOB_ORPHANED; s++)
		query.states |= 1u << s;
	g->jobs = xcalloc(AGAIN_JOBS, sizeof *g->jobs);
	if (store_reader_open(g->app->store, &db, NULL) != 0)
		return;
	jobs_each(db, &query, on_row, g, NULL);
	sqlite3_close(db);
	keep_late(g);
}

static void
on_read(uv_work_t *work)
{
	struct again *g = work->data;

	g->got = spool_read(
	    g->app->jobs->dir, g->jobs[g->at].number, g->channel, g->offset, g->piece, PIECE);
}

/* On the loop. */

static void next(struct again *g);

static void
next_channel(struct again *g)
{
	g->offset = 0;
	if (++g->channel > JOBS_CHANNELS_MAX) {
		job_panes_ended(g->app, g->jobs[g->at].number, 0);
		g->channel = 1;
		g->at++;
	}
}

static void
on_piece(uv_work_t *work, int status)
{
	struct again *g = work->data;
	struct old *job = &g->jobs[g->at];
	struct job_output from = {job->number, g->channel, &job->spec, job->created_ms};

	(void)status;
	if (g->got > 0 && !g->app->stopping) {
		job_panes_output(g->app, &from, g->offset, g->piece, (size_t)g->got);
		g->offset += (uint64_t)g->got;
	} else {
		next_channel(g);
	}
	next(g);
}

static void
next(struct again *g)
{
	while (g->at < g->n && g->jobs[g->at].bytes[g->channel - 1] == 0)
		next_channel(g);
	if (g->at == g->n || g->app->stopping)
		again_free(g);
	else
		uv_queue_work(g->app->loop, &g->work, on_read, on_piece);
}

static void
on_listed(uv_work_t *work, int status)
{
	struct again *g = work->data;

	(void)status;
	if (g->n != 0)
		log_debug("job", "%zu that ended last are read once more", g->n);
	next(g);
}

void
jobs_again(struct app *a)
{
	struct again *g = xcalloc(1, sizeof *g);

	g->work.data = g;
	g->app = a;
	g->channel = 1;
	g->piece = xmalloc(PIECE);
	stored_use(a);
	uv_queue_work(a->loop, &g->work, on_list, on_listed);
}
