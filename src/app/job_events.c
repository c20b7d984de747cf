#include "config.h"

#include "app/job_events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/events.h"
#include "app/job_bytes.h"
#include "app/job_events_priv.h"
#include "app/streams.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "job/runner.h"
#include "proto/json.h"

enum {
	FLUSH_MS = 1000 / JOB_OUTPUT_HZ,
	LINGER_MS = 10 * 1000,
	TOPIC_SIZE = 40,
	STATE_MAX = 200, /* jobs in a state */
};

#define ALL UINT64_MAX /* in place of a number: the topic "jobs" */

/* What listeners hear. */

static bool
parse(const char *topic, uint64_t *number)
{
	*number = ALL;
	return strcmp(topic, "jobs") == 0 || (str_starts(topic, "job:") && topic[4] == 'j' &&
						 job_id_parse(topic + 4, number));
}

bool
job_events_is_topic(const char *topic)
{
	uint64_t number;

	return parse(topic, &number);
}

struct job_told *
job_told_find(const struct app *a, uint64_t job)
{
	struct job_told *t = NULL;

	if (a->job_events != NULL)
		HASH_FIND(hh, a->job_events, &job, sizeof job, t);
	return t;
}

bool
job_events_wanted(const struct app *a, uint64_t job)
{
	return job_told_find(a, ALL) != NULL || job_told_find(a, job) != NULL;
}

static void
on_closed(uv_handle_t *h)
{
	free(h->data);
}

static void
drop(struct job_told *t)
{
	struct job_snapshot *s;

	DL_FOREACH (t->snapshots, s)
		job_snapshot_forget(s);
	HASH_DEL(t->app->job_events, t);
	for (unsigned i = 0; i < JOBS_CHANNELS_MAX; i++)
		buf_release(&t->heard[i].bytes);
	uv_close((uv_handle_t *)&t->timer, on_closed);
}

/* Output. */

static void
tell_output(struct job_told *t, unsigned channel, struct heard *h, size_t n)
{
	char topic[TOPIC_SIZE];
	cJSON *o = json_object();

	snprintf(topic, sizeof topic, "job:j%" PRIu64, t->job);
	cJSON_AddStringToObject(o, "type", "output");
	cJSON_AddNumberToObject(o, "channel", channel);
	cJSON_AddNumberToObject(o, "offset", (double)h->from);
	job_bytes_json(o, h->bytes.data, n);
	events_add(t->app, topic, o);
	buf_drain(&h->bytes, n);
	h->from += n;
}

/* A character that is not whole waits for its end, unless none comes. */
static void
flush(struct job_told *t, bool last)
{
	for (unsigned i = 0; i < JOBS_CHANNELS_MAX; i++) {
		struct heard *h = &t->heard[i];
		size_t n =
		    h->bytes.len - (last ? 0 : job_bytes_cut(h->bytes.data, h->bytes.len));

		if (n != 0)
			tell_output(t, i + 1, h, n);
	}
	t->flushed = uv_now(t->app->loop);
}

static void
on_timer(uv_timer_t *timer)
{
	struct job_told *t = timer->data;

	if (t->refs == 0 && uv_now(t->app->loop) - t->left >= LINGER_MS)
		drop(t);
	else if (t->snapshots == NULL)
		flush(t, false);
}

static void
set_timer(struct job_told *t, uint64_t ms)
{
	if (!uv_is_active((uv_handle_t *)&t->timer) || uv_timer_get_due_in(&t->timer) > ms)
		uv_timer_start(&t->timer, on_timer, ms, 0);
}

/* Only the newest is kept of what is too much to be told. */
static void
keep(struct heard *h, uint64_t offset, const char *data, size_t len)
{
	size_t over;

	if (h->bytes.len == 0 || offset != h->from + h->bytes.len) {
		buf_reset(&h->bytes);
		h->from = offset;
	}
	if (len > JOB_OUTPUT_BYTES) {
		over = len - JOB_OUTPUT_BYTES;
		buf_reset(&h->bytes);
		h->from = offset + over;
		data += over;
		len -= over;
	}
	if (h->bytes.len + len > JOB_OUTPUT_BYTES) {
		over = h->bytes.len + len - JOB_OUTPUT_BYTES;
		buf_drain(&h->bytes, over);
		h->from += over;
	}
	buf_append(&h->bytes, data, len);
}

void
job_events_output(struct app *a, uint64_t job, unsigned channel, uint64_t offset,
    const void *data, size_t len)
{
	struct job_told *t = job_told_find(a, job);
	struct heard *h;
	uint64_t past;

	if (t == NULL || channel == 0 || channel > JOBS_CHANNELS_MAX || len == 0)
		return;
	h = &t->heard[channel - 1];
	/* The file is read again, behind a worker's death. */
	past = offset < h->begins ? h->begins - offset : 0;
	if (past >= len)
		return;
	keep(h, offset + past, (const char *)data + past, len - (size_t)past);
	if (t->snapshots != NULL)
		return; /* it is told behind them */
	past = uv_now(a->loop) - t->flushed;
	set_timer(t, past < FLUSH_MS ? FLUSH_MS - past : 0);
}

void
jobs_tell(struct app *a, const char *id, cJSON *take)
{
	struct job_told *t;
	char topic[TOPIC_SIZE];
	uint64_t number;
	cJSON *o;

	if (a->closed || !job_id_parse(id, &number) || !job_events_wanted(a, number)) {
		cJSON_Delete(take);
		return;
	}
	if ((t = job_told_find(a, number)) != NULL && t->snapshots == NULL)
		flush(t, json_string(take, "ended") != NULL);
	o = json_object();
	snprintf(topic, sizeof topic, "job:%s", id);
	cJSON_AddStringToObject(o, "type", "job");
	cJSON_AddItemToObject(o, "job", take);
	events_add_alias(a, "jobs", topic, o);
}

/* Listeners. */

bool
job_events_listen(struct app *a, const char *topic, uint64_t after)
{
	struct job_told *t;
	uint64_t number;

	if (a->closed || !parse(topic, &number))
		return false;
	if ((t = job_told_find(a, number)) == NULL) {
		t = xcalloc(1, sizeof *t);
		t->app = a;
		t->job = number;
		t->since = events_next(a);
		for (unsigned i = 0; i < JOBS_CHANNELS_MAX; i++)
			buf_init(&t->heard[i].bytes, BUF_NO_MAX);
		uv_timer_init(a->loop, &t->timer);
		t->timer.data = t;
		HASH_ADD(hh, a->job_events, job, sizeof t->job, t);
	}
	t->refs++;
	return after + 1 >= t->since;
}

void
job_events_unlisten(struct app *a, const char *topic)
{
	struct job_told *t;
	uint64_t number;

	if (!parse(topic, &number) || (t = job_told_find(a, number)) == NULL || --t->refs != 0)
		return;
	t->left = uv_now(a->loop);
	set_timer(t, LINGER_MS);
}

void
job_events_close(struct app *a)
{
	struct job_told *t, *next;

	HASH_ITER (hh, a->job_events, t, next)
		drop(t);
}

/* Before the first output: what lies before is in the state. */
void
job_told_begins(struct job_told *t, unsigned channel, uint64_t end)
{
	struct heard *h = &t->heard[channel - 1];
	size_t n;

	if (t->refs != 1)
		return;
	if (end > h->begins)
		h->begins = end;
	if (h->bytes.len == 0 || h->from >= end)
		return;
	n = end - h->from < h->bytes.len ? (size_t)(end - h->from) : h->bytes.len;
	buf_drain(&h->bytes, n);
	h->from += n;
}

void
job_told_go_on(struct job_told *t)
{
	set_timer(t, 0);
}

void
job_events_state(struct app *a, cJSON *state)
{
	cJSON *list = cJSON_AddArrayToObject(state, "jobs");
	unsigned running, queued, n = 0;
	struct job *j;

	runner_count(a->jobs->runner, &running, &queued);
	DL_FOREACH (runner_jobs(a->jobs->runner), j)
		if (n++ + STATE_MAX >= running + queued)
			cJSON_AddItemToArray(list, jobs_live_json(j));
	streams_list_json(a, list, STATE_MAX);
	cJSON_AddNumberToObject(state, "running", running);
	cJSON_AddNumberToObject(state, "queued", queued);
}
