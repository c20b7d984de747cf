/* Streams of a worker before this one: from the store, and from files to panes. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "app/job_panes.h"
#include "app/streams_priv.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "job/spool.h"
#include "proto/json.h"

struct load {
	uv_work_t work;
	struct app *app;
	const char *dir;
	uint64_t *ids;
	struct jobs_row *rows;
	size_t nids, nrows;
	int rc;
};

/* On the pool. */

static int
on_row(void *arg, const struct jobs_row *row)
{
	struct load *l = arg;

	if (row->kind != JOB_STREAM)
		return 0;
	l->ids = xreallocarray(l->ids, l->nids + 1, sizeof *l->ids);
	l->ids[l->nids++] = row->id;
	return 0;
}

static void
on_work(uv_work_t *w)
{
	struct load *l = w->data;
	sqlite3 *db;

	if ((l->rc = store_reader_open(l->app->store, &db, NULL)) != 0)
		return;
	l->rc = jobs_open_ones(db, on_row, l);
	l->rows = xcalloc(l->nids + 1, sizeof *l->rows);
	for (size_t i = 0; l->rc == 0 && i < l->nids; i++) {
		struct jobs_row *row = &l->rows[l->nrows];

		if (jobs_read(db, l->ids[i], row) != 0)
			continue;
		l->nrows++;
		for (unsigned c = 0; c < row->nchannels; c++)
			spool_length(
			    l->dir, row->id, row->channels[c].n, &row->channels[c].bytes);
	}
	sqlite3_close(db);
}

/* On the loop. */

static char *
copy(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

static void
go_on(struct app *a, const struct jobs_row *row)
{
	cJSON *o = row->spec != NULL ? json_parse(row->spec, strlen(row->spec)) : NULL;
	struct job_spec spec = {0};
	struct job_stream *s;

	if (o != NULL && job_spec_parse(o, NULL, &spec, NULL) != 0)
		spec = (struct job_spec){0};
	cJSON_Delete(o);
	if (spec.max_output == 0)
		spec.max_output = a->cfg.limits.jobs_max_output;
	s = stream_new(a, row->id);
	s->spec = spec;
	s->row.spec = copy(row->spec);
	s->row.created_ms = row->created_ms;
	s->row.started_ms = row->started_ms;
	s->recorded = true;
	for (unsigned i = 0; i < row->nchannels; i++) {
		const struct jobs_channel *from = &row->channels[i];
		struct jobs_channel *c = stream_add_channel(s, from->n);

		*c = *from;
		c->name = copy(from->name);
		c->reason = copy(from->reason);
		if (c->bytes == 0)
			continue;
		s->feed |= 1U << (c - s->channels);
		s->dirty[c - s->channels] = true;
		if (c->state == CHANNEL_PROPOSED)
			c->state = CHANNEL_STREAMING;
	}
}

static void
on_loaded(uv_work_t *w, int status)
{
	struct load *l = w->data;
	struct app *a = l->app;

	(void)status;
	stored_unuse(a);
	if (l->rc != 0)
		log_error("job", "streams do not go on: %s", strerror(-l->rc));
	for (size_t i = 0; i < l->nrows; i++) {
		if (!a->job_streams->closed)
			go_on(a, &l->rows[i]);
		jobs_row_release(&l->rows[i]);
	}
	if (l->nrows != 0)
		log_info("job", "%zu streams go on", l->nrows);
	free(l->rows);
	free(l->ids);
	free(l);
	if (stream_worked(a))
		return;
	a->job_streams->ready = true;
	streams_go_on(a);
	streams_feed(a);
}

void
streams_load(struct app *a)
{
	struct load *l = xcalloc(1, sizeof *l);

	l->work.data = l;
	l->app = a;
	l->dir = a->jobs->dir;
	a->job_streams->working++;
	stored_use(a);
	uv_queue_work(a->loop, &l->work, on_work, on_loaded);
}

/* Panes. One piece of one channel at a time: what producers send now comes first. */

struct feed {
	uv_work_t work;
	struct app *app;
	const char *dir;
	uint64_t job, offset;
	unsigned channel;
	ssize_t got;
	char data[SPOOL_PIECE];
};

static void
on_read(uv_work_t *w)
{
	struct feed *f = w->data;

	f->got = spool_read(f->dir, f->job, f->channel, f->offset, f->data, sizeof f->data);
}

static void
fed(struct job_stream *s, const struct feed *f)
{
	struct jobs_channel *c = stream_channel(s, f->channel);
	const struct job_output from = {s->number, f->channel, &s->spec, s->row.created_ms};
	uint64_t at;

	if (f->got > 0)
		job_panes_output(s->app, &from, f->offset, f->data, (size_t)f->got);
	at = job_panes_resume(s->app, s->number, f->channel);
	/* It has all, or there is no room for a pane. */
	if (f->got > 0 && at > f->offset && at < c->bytes)
		return;
	s->feed &= ~(1U << (c - s->channels));
	if (!stream_channel_open(c))
		job_panes_ended(s->app, s->number, f->channel);
	stream_try_finish(s);
}

static void
on_fed(uv_work_t *w, int status)
{
	struct feed *f = w->data;
	struct app *a = f->app;
	struct job_stream *s;

	(void)status;
	s = stream_find(a, f->job);
	if (s != NULL && !a->job_streams->stopped && !a->job_streams->closed)
		fed(s, f);
	free(f);
	if (!stream_worked(a))
		streams_feed(a);
}

void
streams_feed(struct app *a)
{
	struct job_stream *s, *next;
	struct feed *f;

	HASH_ITER (hh, a->job_streams->table, s, next)
		if (s->feed != 0)
			break;
	if (s == NULL || a->job_streams->stopped)
		return;
	f = xcalloc(1, sizeof *f);
	f->work.data = f;
	f->app = a;
	f->dir = a->jobs->dir;
	f->job = s->number;
	f->channel = s->channels[__builtin_ctz(s->feed)].n;
	f->offset = job_panes_resume(a, f->job, f->channel);
	a->job_streams->working++;
	uv_queue_work(a->loop, &f->work, on_read, on_fed);
}
