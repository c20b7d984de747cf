/* The state of a job for who begins to listen: the job, and the ends of its channels. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/job_events_priv.h"
#include "app/jobs_json.h"
#include "app/streams.h"
#include "app/job_bytes.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "job/runner.h"
#include "job/spool.h"
#include "proto/json.h"

/* On the pool. */

static void
read_channel(struct job_snapshot *s, struct snapshot_channel *c)
{
	ssize_t got;

	if (spool_length(s->dir, s->job, c->n, &c->total) != 0)
		return;
	c->begin = c->total > JOB_OUTPUT_BYTES ? c->total - JOB_OUTPUT_BYTES : 0;
	if (c->total == c->begin)
		return;
	c->data = xmalloc((size_t)(c->total - c->begin));
	got =
	    spool_read(s->dir, s->job, c->n, c->begin, c->data, (size_t)(c->total - c->begin));
	c->len = got > 0 ? (size_t)got : 0;
}

static void
on_work(uv_work_t *w)
{
	struct job_snapshot *s = w->data;
	sqlite3 *db;

	if ((s->rc = store_reader_open(s->app->store, &db, NULL)) != 0)
		return;
	s->rc = jobs_read(db, s->job, &s->row);
	sqlite3_close(db);
	for (unsigned i = 0; s->rc == 0 && !s->lived && i < s->row.nchannels; i++)
		s->channels[s->n++].n = s->row.channels[i].n;
	for (unsigned i = 0; i < s->n; i++)
		read_channel(s, &s->channels[i]);
}

/* On the loop. */

static void
forget_found(struct job_snapshot *s)
{
	for (unsigned i = 0; i < s->n; i++)
		free(s->channels[i].data);
	memset(s->channels, 0, sizeof s->channels);
	s->n = 0;
	if (s->rc == 0)
		jobs_row_release(&s->row);
	memset(&s->row, 0, sizeof s->row);
}

static bool
lives(struct app *a, uint64_t job)
{
	return runner_find(a->jobs->runner, job) != NULL || streams_find(a, job) != NULL;
}

static cJSON *
job_json(struct job_snapshot *s)
{
	const struct job *j = runner_find(s->app->jobs->runner, s->job);
	const struct jobs_row *stream = streams_find(s->app, s->job);

	if (j != NULL)
		return jobs_live_json(j);
	if (stream != NULL)
		return jobs_row_json(stream, false);
	return s->rc == 0 ? jobs_row_json(&s->row, false) : cJSON_CreateNull();
}

static cJSON *
snapshot_json(struct job_snapshot *s)
{
	cJSON *o = json_object(), *list, *c;

	cJSON_AddItemToObject(o, "job", job_json(s));
	list = cJSON_AddArrayToObject(o, "channels");
	for (unsigned i = 0; i < s->n; i++) {
		struct snapshot_channel *from = &s->channels[i];
		size_t skip = 0;

		/* Not in the midst of a character. */
		while (from->begin != 0 && skip < UTF8_MAX - 1 && skip < from->len &&
		       ((unsigned char)from->data[skip] & 0xC0) == 0x80)
			skip++;
		c = json_object();
		cJSON_AddNumberToObject(c, "channel", from->n);
		cJSON_AddNumberToObject(c, "offset", (double)(from->begin + skip));
		job_bytes_json(
		    c, from->data != NULL ? from->data + skip : "", from->len - skip);
		cJSON_AddItemToArray(list, c);
		job_told_begins(s->told, from->n, from->begin + from->len);
	}
	return o;
}

static void look(struct job_snapshot *s);

static void
on_done(uv_work_t *w, int status)
{
	struct job_snapshot *s = w->data;

	(void)status;
	stored_unuse(s->app);
	if (!s->cancelled && s->told != NULL && s->lived && !lives(s->app, s->job)) {
		forget_found(s);
		look(s);
		return;
	}
	if (s->told != NULL)
		DL_DELETE(s->told->snapshots, s);
	if (s->told != NULL && s->told->snapshots == NULL)
		job_told_go_on(s->told);
	if (!s->cancelled)
		s->done(s->told != NULL ? snapshot_json(s) : json_object(), s->arg);
	forget_found(s);
	free(s);
}

static void
look(struct job_snapshot *s)
{
	struct app *a = s->app;
	const struct job *j = runner_find(a->jobs->runner, s->job);
	const struct jobs_row *stream = streams_find(a, s->job);

	s->lived = j != NULL || stream != NULL;
	s->n = j != NULL ? (j->spec.pty ? 1 : JOB_CHANNELS) : 0;
	for (unsigned i = 0; i < s->n; i++)
		s->channels[i].n = i + 1;
	for (unsigned i = 0; stream != NULL && i < stream->nchannels; i++)
		s->channels[s->n++].n = stream->channels[i].n;
	stored_use(a);
	uv_queue_work(a->loop, &s->work, on_work, on_done);
}

struct job_snapshot *
job_snapshot(struct app *a, const char *topic, void (*done)(cJSON *take, void *arg), void *arg)
{
	struct job_snapshot *s = xcalloc(1, sizeof *s);

	s->app = a;
	s->done = done;
	s->arg = arg;
	s->dir = a->jobs->dir;
	s->work.data = s;
	job_id_parse(topic + strlen("job:"), &s->job);
	s->told = job_told_find(a, s->job);
	DL_APPEND(s->told->snapshots, s);
	look(s);
	return s;
}

void
job_snapshot_cancel(struct job_snapshot *s)
{
	if (s != NULL)
		s->cancelled = true;
}

void
job_snapshot_forget(struct job_snapshot *s)
{
	s->told = NULL;
}
