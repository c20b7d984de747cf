#include "config.h"

#include "app/streams.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/job_channels.h"
#include "app/job_events.h"
#include "app/job_panes.h"
#include "app/jobs_json.h"
#include "app/streams_priv.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"

enum { SWEEP_MS = 300 };

static void on_sweep(uv_timer_t *t);

/* Finding. */

static struct job_stream *
find(const struct app *a, uint64_t number)
{
	struct job_stream *s = NULL;

	if (a->job_streams != NULL)
		HASH_FIND(hh, a->job_streams->table, &number, sizeof number, s);
	return s;
}

const struct jobs_row *
streams_find(struct app *a, uint64_t job)
{
	const struct job_stream *s = find(a, job);

	return s != NULL && s->recorded ? &s->row : NULL;
}

struct job_stream *
stream_find(struct app *a, uint64_t job)
{
	struct job_stream *s = find(a, job);

	return s != NULL && s->recorded ? s : NULL;
}

unsigned
streams_count(const struct app *a)
{
	return a->job_streams != NULL ? a->job_streams->count : 0;
}

struct jobs_channel *
stream_channel(struct job_stream *s, unsigned n)
{
	for (unsigned i = 0; i < s->row.nchannels; i++)
		if (s->channels[i].n == n)
			return &s->channels[i];
	return NULL;
}

struct jobs_channel *
stream_add_channel(struct job_stream *s, unsigned n)
{
	struct jobs_channel *c = stream_channel(s, n);

	if (c != NULL)
		return c;
	c = &s->channels[s->row.nchannels++];
	*c = (struct jobs_channel){.n = n, .exit_status = -1, .duration_ms = -1};
	return c;
}

bool
stream_channel_open(const struct jobs_channel *c)
{
	return c->state <= CHANNEL_STREAMING;
}

bool
streams_channel(struct app *a, uint64_t job, unsigned channel, int *rc, bool *closed)
{
	struct job_stream *s = find(a, job);
	const struct jobs_channel *c;
	const struct piece *p;

	if (s == NULL || !s->recorded)
		return false;
	c = stream_channel(s, channel);
	*rc = c != NULL ? 0 : -ENXIO;
	*closed = c != NULL && !stream_channel_open(c);
	DL_FOREACH (s->pieces, p)
		if (p->channel == c)
			*closed = false;
	return true;
}

void
streams_list_json(struct app *a, cJSON *list, unsigned max)
{
	struct job_stream *s, *next;
	unsigned n = 0;

	if (a->job_streams == NULL)
		return;
	HASH_ITER (hh, a->job_streams->table, s, next)
		if (s->recorded && n++ + max >= a->job_streams->count)
			cJSON_AddItemToArray(list, jobs_row_json(&s->row, false));
}

/* Making and freeing. */

struct job_stream *
stream_new(struct app *a, uint64_t number)
{
	struct job_stream *s = xcalloc(1, sizeof *s);

	s->app = a;
	s->number = number;
	snprintf(s->id, sizeof s->id, "j%" PRIu64, number);
	s->row = (struct jobs_row){.id = number,
	    .kind = JOB_STREAM,
	    .state = JOB_RUNNING,
	    .exit_status = -1,
	    .usage = jobs_usage_unknown,
	    .channels = s->channels};
	s->touched = uv_now(a->loop);
	HASH_ADD(hh, a->job_streams->table, number, sizeof s->number, s);
	if (a->job_streams->count++ == 0)
		uv_timer_start(&a->job_streams->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	return s;
}

void
stream_drop(struct job_stream *s)
{
	struct job_streams *all = s->app->job_streams;

	HASH_DEL(all->table, s);
	if (--all->count == 0)
		uv_timer_stop(&all->sweep);
	for (unsigned i = 0; i < s->row.nchannels; i++) {
		free(s->channels[i].name);
		free(s->channels[i].reason);
	}
	free(s->row.spec);
	free(s->row.error);
	free(s->row.session);
	job_spec_release(&s->spec);
	free(s);
}

void
stream_tell(struct job_stream *s)
{
	if (job_events_wanted(s->app, s->number))
		jobs_tell(s->app, s->id, jobs_row_json(&s->row, false));
}

/* Those who ask. */

static void
asker_gone(void *arg)
{
	struct stream_asker *q = arg;

	DL_DELETE(q->stream->askers, q);
	free(q);
}

void
stream_ask(struct job_stream *s, struct http_req *r)
{
	struct stream_asker *q;

	if (r == NULL)
		return;
	q = xcalloc(1, sizeof *q);
	q->stream = s;
	q->req = r;
	DL_APPEND(s->askers, q);
	http_on_gone(r, asker_gone, q);
}

static void
answer_askers(struct job_stream *s, int rc)
{
	struct stream_asker *q, *next;

	DL_FOREACH_SAFE (s->askers, q, next) {
		DL_DELETE(s->askers, q);
		if (rc == 0)
			http_reply_json_take(q->req, 200, jobs_row_json(&s->row, true));
		else
			http_reply_error(q->req, 503, "not_recorded",
			    "it could not be put on record: %s", strerror(-rc));
		free(q);
	}
}

/* The end. */

bool
stream_worked(struct app *a)
{
	a->job_streams->working--;
	if (!a->job_streams->closed)
		return false;
	streams_close(a);
	return true;
}

static void
on_ended(int rc, void *arg)
{
	struct job_stream *s = arg;
	struct app *a = s->app;
	uint64_t number = s->number;

	s->submitted = false;
	if (stream_worked(a))
		return;
	if (rc != 0 && rc != -EALREADY && rc != -ENOENT && rc != -EROFS) {
		if (!s->late)
			log_warn("job", "the end of %s is not on record yet: %s", s->id,
			    strerror(-rc));
		s->late = true;
		return; /* the sweep tries again */
	}
	answer_askers(s, rc == -EROFS ? rc : 0);
	stream_tell(s);
	stream_drop(s);
	job_channels_closed(a, number);
	job_panes_ended(a, number, 0);
}

/* When nothing is being written, and what was is in the pane. */
void
stream_try_finish(struct job_stream *s)
{
	struct jobs_row *row = &s->row;

	if (!s->ending || s->submitted || !s->recorded || s->pieces != NULL || s->feed != 0 ||
	    s->app->store == NULL || s->app->job_streams->closed)
		return;
	s->submitted = true;
	s->app->job_streams->working++;
	if (row->ended_ms == 0)
		row->ended_ms = clock_wall_ms();
	jobs_end(s->app->store, row, on_ended, s);
}

static int
channel_end(enum job_state state)
{
	if (state == JOB_COMPLETED)
		return CHANNEL_RESOLVED;
	return state == JOB_CANCELLED ? CHANNEL_CANCELLED : CHANNEL_FAILED;
}

int
stream_end(struct job_stream *s, enum job_state state, const char *error, int exit_status)
{
	if (s->ending)
		return -EALREADY;
	s->ending = true;
	s->row.state = (int)state;
	s->row.exit_status = exit_status;
	s->row.error = error != NULL ? xstrdup(error) : NULL;
	for (unsigned i = 0; i < s->row.nchannels; i++) {
		struct jobs_channel *c = &s->channels[i];

		if (!stream_channel_open(c))
			continue;
		c->state = channel_end(state);
		if (error != NULL && c->reason == NULL)
			c->reason = xstrdup(error);
	}
	stream_try_finish(s);
	return 0;
}

/* Now and then. */

void
stream_touched(struct job_stream *s, struct jobs_channel *c)
{
	s->touched = uv_now(s->app->loop);
	s->dirty[c - s->channels] = true;
}

static void
save_channels(struct job_stream *s)
{
	bool any = false;

	if (!s->recorded || s->ending || s->app->store == NULL)
		return;
	for (unsigned i = 0; i < s->row.nchannels; i++) {
		if (!s->dirty[i])
			continue;
		s->dirty[i] = false;
		any = true;
		jobs_channel_set(s->app->store, s->number, &s->channels[i], NULL, NULL);
	}
	if (any)
		stream_tell(s);
}

static void
check_times(struct job_stream *s)
{
	int64_t idle = (int64_t)(uv_now(s->app->loop) - s->touched),
		age = clock_wall_ms() - s->row.created_ms;

	if (s->ending || !s->recorded || s->pieces != NULL)
		return;
	if (s->spec.idle_ms != 0 && idle >= s->spec.idle_ms)
		stream_end(s, JOB_TIMED_OUT, "nothing was written for too long", -1);
	else if (s->spec.total_ms != 0 && age >= s->spec.total_ms)
		stream_end(s, JOB_TIMED_OUT, "it took too long", -1);
}

static void
on_sweep(uv_timer_t *t)
{
	struct app *a = t->data;
	struct job_stream *s, *next;

	HASH_ITER (hh, a->job_streams->table, s, next) {
		save_channels(s);
		check_times(s);
		stream_try_finish(s); /* again, where the store had no room */
	}
}

void
streams_open(struct app *a)
{
	struct job_streams *all = xcalloc(1, sizeof *all);

	a->job_streams = all;
	uv_timer_init(a->loop, &all->sweep);
	all->sweep.data = a;
	streams_load(a);
}

bool
streams_idle(const struct app *a)
{
	return a->job_streams == NULL || a->job_streams->working == 0;
}

void
streams_stop(struct app *a)
{
	struct job_stream *s, *next;

	streams_go_on(a); /* to be told so */
	if (a->job_streams == NULL)
		return;
	a->job_streams->stopped = true;
	HASH_ITER (hh, a->job_streams->table, s, next) {
		save_channels(s);
		job_panes_leave(a, s->number);
	}
}

static void
on_closed(uv_handle_t *h)
{
	struct app *a = h->data;
	struct job_stream *s, *next;

	HASH_ITER (hh, a->job_streams->table, s, next)
		stream_drop(s);
	free(a->job_streams);
	a->job_streams = NULL;
}

/* The loop goes on until the last piece is written; then all goes. */
void
streams_close(struct app *a)
{
	struct job_streams *all = a->job_streams;
	struct job_stream *s, *next;

	if (all == NULL)
		return;
	if (!all->closed) {
		all->closed = true;
		HASH_ITER (hh, all->table, s, next)
			answer_askers(s, -ESHUTDOWN);
	}
	if (all->working == 0 && !uv_is_closing((uv_handle_t *)&all->sweep))
		uv_close((uv_handle_t *)&all->sweep, on_closed);
}
