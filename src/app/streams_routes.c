/* The routes under /api/v1/streams. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/job_channels.h"
#include "app/job_panes.h"
#include "app/jobs_json.h"
#include "app/streams_priv.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "job/runner.h"
#include "proto/json.h"

enum { REASON_MAX = 4096, EARLY_MAX = 256 };

/* Making. */

static void
creator_gone(void *arg)
{
	((struct job_stream *)arg)->creator = NULL;
}

static void
on_added(int rc, void *arg)
{
	struct job_stream *s = arg;
	struct app *a = s->app;
	struct http_req *r = s->creator;

	s->creator = NULL;
	s->recorded = rc == 0;
	if (r != NULL && rc == 0)
		http_reply_json_take(r, 201, jobs_row_json(&s->row, true));
	else if (r != NULL)
		http_reply_error(
		    r, 503, "not_recorded", "it could not be put on record: %s", strerror(-rc));
	if (stream_worked(a))
		return;
	if (rc != 0)
		stream_drop(s);
	else
		stream_tell(s);
}

/* Which channels are proposed; NULL, or what is wrong. */
static const char *
read_channels(const cJSON *list, bool wanted[JOBS_CHANNELS_MAX + 1])
{
	static const char wrong[] = "channels must be an array of different numbers, 1 to 16";
	const cJSON *v;

	if (list == NULL || cJSON_IsNull(list)) {
		wanted[1] = true;
		return NULL;
	}
	if (!cJSON_IsArray(list))
		return wrong;
	cJSON_ArrayForEach (v, list) {
		int n = cJSON_IsNumber(v) ? v->valueint : 0;

		if (n < 1 || n > JOBS_CHANNELS_MAX || v->valuedouble != n || wanted[n])
			return wrong;
		wanted[n] = true;
	}
	return NULL;
}

static bool
read_spec(struct app *a, struct http_req *r, cJSON *o, struct job_spec *spec)
{
	const char *kind = json_string(o, "kind");
	char *cause = NULL;

	if (kind == NULL) {
		cJSON_DeleteItemFromObjectCaseSensitive(o, "kind");
		cJSON_AddStringToObject(o, "kind", job_kind_name(JOB_STREAM));
	}
	if (!cJSON_HasObjectItem(o, "idle_timeout_s"))
		cJSON_AddNumberToObject(o, "idle_timeout_s", STREAM_IDLE_S);
	if (job_spec_parse(o, NULL, spec, &cause) != 0) {
		http_reply_error(r, 400, "bad_params", "%s", cause);
		free(cause);
		return false;
	}
	if (spec->max_output == 0)
		spec->max_output = a->cfg.limits.jobs_max_output;
	if (spec->kind == JOB_STREAM)
		return true;
	job_spec_release(spec);
	http_reply_error(r, 400, "bad_params", "kind must be stream");
	return false;
}

static void
create(struct app *a, struct http_req *r, struct job_spec *take, const bool *wanted)
{
	struct job_stream *s = stream_new(a, runner_new_number(a->jobs->runner));

	s->spec = *take;
	s->row.spec = json_print_take(job_spec_json(&s->spec));
	s->row.created_ms = s->row.started_ms = clock_wall_ms();
	for (unsigned n = 1; n <= JOBS_CHANNELS_MAX; n++)
		if (wanted[n])
			stream_add_channel(s, n);
	s->creator = r;
	http_on_gone(r, creator_gone, s);
	a->job_streams->working++;
	jobs_add(a->store, &s->row, true, on_added, s);
}

/* A request that came before those of the worker before were read. */
struct stream_early {
	struct stream_early *prev, *next;
	struct app *app;
	struct http_req *req;
	void (*handler)(struct http_req *, void *arg);
};

static void
early_drop(struct stream_early *q)
{
	DL_DELETE(q->app->streams_early, q);
	free(q);
}

static void
early_gone(void *arg)
{
	early_drop(arg);
}

void
streams_go_on(struct app *a)
{
	struct stream_early *e, q;
	int n;

	/* One may come to wait again. */
	DL_COUNT(a->streams_early, e, n);
	while (n-- > 0 && a->streams_early != NULL) {
		q = *a->streams_early;
		early_drop(a->streams_early);
		q.handler(q.req, a);
	}
}

/* False: it is answered, or the handler is called again when they are. */
static bool
is_ready(struct app *a, struct http_req *r, void (*handler)(struct http_req *, void *arg))
{
	struct stream_early *q;
	int n;

	if (a->stopping || (a->job_streams != NULL && a->job_streams->stopped)) {
		http_reply_error(r, 503, "stopping", "the daemon is ending");
		return false;
	}
	if (a->job_streams != NULL && a->job_streams->ready)
		return true;
	if (stored_refuses(a, r))
		return false;
	DL_COUNT(a->streams_early, q, n);
	if (n >= EARLY_MAX) {
		http_add_header(r, "retry-after", "1");
		http_reply_error(r, 503, "starting", "the daemon has just been started");
		return false;
	}
	q = xcalloc(1, sizeof *q);
	q->app = a;
	q->req = r;
	q->handler = handler;
	DL_APPEND(a->streams_early, q);
	http_on_gone(r, early_gone, q);
	return false;
}

void
streams_create(struct http_req *r, void *arg)
{
	bool wanted[JOBS_CHANNELS_MAX + 1] = {false};
	struct app *a = arg;
	struct job_spec spec;
	const char *wrong;
	cJSON *o;

	if (!is_ready(a, r, streams_create) || (o = http_body_json(r)) == NULL)
		return;
	wrong = read_channels(cJSON_GetObjectItemCaseSensitive(o, "channels"), wanted);
	cJSON_DeleteItemFromObjectCaseSensitive(o, "channels");
	if (wrong != NULL)
		http_reply_error(r, 400, "bad_params", "%s", wrong);
	else if (streams_count(a) >= STREAMS_MAX)
		http_reply_error(
		    r, 429, "too_many_streams", "there are %d streams", STREAMS_MAX);
	else if (read_spec(a, r, o, &spec))
		create(a, r, &spec, wanted);
	cJSON_Delete(o);
}

/* The others. */

struct missing {
	struct http_req *req;
};

static void
missing_gone(void *arg)
{
	((struct missing *)arg)->req = NULL;
}

/* It does not live: it has ended, or never was. */
static void
on_looked(void *arg, int rc, const struct jobs_row *row)
{
	struct missing *m = arg;

	if (m->req == NULL) {
		free(m);
		return;
	}
	if (rc != 0)
		jobs_unavailable(m->req, rc);
	else if (row->kind != JOB_STREAM)
		http_reply_error(m->req, 409, "no_stream", "the job has a command of its own");
	else
		http_reply_error(m->req, 409, "ended", "the stream has ended");
	free(m);
}

static struct job_stream *
resolve(struct http_req *r, struct app *a, void (*handler)(struct http_req *, void *arg))
{
	struct job_stream *s;
	struct missing *m;
	uint64_t number;

	if (!is_ready(a, r, handler) || !jobs_number(r, &number))
		return NULL;
	if ((s = stream_find(a, number)) != NULL)
		return s;
	m = xcalloc(1, sizeof *m);
	m->req = r;
	http_on_gone(r, missing_gone, m);
	jobs_look(a, number, on_looked, m);
	return NULL;
}

void
streams_append(struct http_req *r, void *arg)
{
	struct job_stream *s = resolve(r, arg, streams_append);
	uint64_t channel = 0, offset;

	if (s == NULL)
		return;
	if (str_u64(http_param(r, 1), 1, JOBS_CHANNELS_MAX, &channel) != 0)
		http_reply_error(r, 400, "bad_params", "a channel is a number from 1 to %d",
		    JOBS_CHANNELS_MAX);
	else if (http_query_u64(r, "offset", 0, JSON_INT_MAX, 0, &offset))
		stream_append(s, (unsigned)channel, r, http_query(r, "offset") != NULL, offset);
}

/* What is said of an end. */
struct end {
	struct jobs_channel *channel; /* NULL: all */
	const char *reason;           /* borrowed from the JSON */
	uint64_t exit_code, duration_ms;
	bool timed;
};

static const char *
read_end(struct job_stream *s, const cJSON *o, struct end *e)
{
	const cJSON *reason = cJSON_GetObjectItemCaseSensitive(o, "reason");
	uint64_t channel = 0;
	int rc = json_u64(o, "channel", 1, JOBS_CHANNELS_MAX, &channel);

	if (rc == -EINVAL ||
	    (rc == 0 && (e->channel = stream_channel(s, (unsigned)channel)) == NULL))
		return "channel must be the number of one that there is";
	if (json_u64(o, "exit_code", 0, INT32_MAX, &e->exit_code) == -EINVAL)
		return "exit_code must be a number, not below 0";
	rc = json_u64(o, "duration_ms", 0, JSON_INT_MAX, &e->duration_ms);
	e->timed = rc == 0;
	if (rc == -EINVAL)
		return "duration_ms must be a number";
	if (reason != NULL && !cJSON_IsNull(reason) &&
	    (!cJSON_IsString(reason) || strlen(reason->valuestring) > REASON_MAX))
		return "reason must be a string of at most 4096 bytes";
	e->reason = reason != NULL && cJSON_IsString(reason) && *reason->valuestring != '\0'
			? reason->valuestring
			: NULL;
	return NULL;
}

static void
set_channel(struct jobs_channel *c, const struct end *e, enum channel_state state)
{
	if (!stream_channel_open(c))
		return;
	c->state = (int)state;
	if (e->reason != NULL)
		c->reason = xstrdup(e->reason);
	if (state != CHANNEL_CANCELLED && e->reason == NULL)
		c->exit_status = (int)e->exit_code;
	if (e->timed)
		c->duration_ms = (int64_t)e->duration_ms;
}

/* The record has it with the next sweep, and at the end. */
static void
end_channel(
    struct job_stream *s, struct http_req *r, const struct end *e, enum channel_state state)
{
	if (s->ending || !stream_channel_open(e->channel)) {
		http_reply_error(r, 409, "closed", "the channel is closed");
		return;
	}
	set_channel(e->channel, e, state);
	stream_touched(s, e->channel);
	http_reply_json_take(r, 200, jobs_row_json(&s->row, true));
	stream_tell(s);
	job_channels_closed(s->app, s->number);
	if (s->pieces == NULL && s->feed == 0)
		job_panes_ended(s->app, s->number, e->channel->n);
}

static void
end_all(struct job_stream *s, struct http_req *r, const struct end *e, enum job_state state)
{
	static const enum channel_state states[] = {[JOB_COMPLETED] = CHANNEL_RESOLVED,
	    [JOB_FAILED] = CHANNEL_FAILED,
	    [JOB_CANCELLED] = CHANNEL_CANCELLED};
	bool coded = state != JOB_CANCELLED && e->reason == NULL;

	if (s->ending) {
		http_reply_error(r, 409, "ended", "the stream has ended");
		return;
	}
	for (unsigned i = 0; i < s->row.nchannels; i++)
		set_channel(&s->channels[i], e, states[state]);
	stream_end(s, state, e->reason, coded ? (int)e->exit_code : -1);
	stream_ask(s, r);
}

static void
end_by(struct http_req *r, struct app *a, enum job_state how,
    void (*handler)(struct http_req *, void *arg))
{
	struct job_stream *s = resolve(r, a, handler);
	cJSON *o = s != NULL ? http_body_json(r) : NULL;
	enum job_state state = how;
	struct end e = {0};
	const char *wrong;

	if (o == NULL)
		return;
	if ((wrong = read_end(s, o, &e)) == NULL && how == JOB_FAILED && e.reason == NULL)
		wrong = "reason is missing";
	if (how == JOB_COMPLETED) {
		e.reason = NULL;
		state = e.exit_code == 0 ? JOB_COMPLETED : JOB_FAILED;
	}
	if (wrong != NULL)
		http_reply_error(r, 400, "bad_params", "%s", wrong);
	else if (e.channel == NULL || how == JOB_CANCELLED)
		end_all(s, r, &e, state);
	else
		end_channel(
		    s, r, &e, state == JOB_COMPLETED ? CHANNEL_RESOLVED : CHANNEL_FAILED);
	cJSON_Delete(o);
}

void
streams_complete(struct http_req *r, void *arg)
{
	end_by(r, arg, JOB_COMPLETED, streams_complete);
}

void
streams_abort(struct http_req *r, void *arg)
{
	end_by(r, arg, JOB_FAILED, streams_abort);
}

void
streams_cancel_route(struct http_req *r, void *arg)
{
	end_by(r, arg, JOB_CANCELLED, streams_cancel_route);
}
