/* Live sessions in the daemon: their life, and who hears of them. */
#include "config.h"

#include "app/talks.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/events.h"
#include "app/job_events.h"
#include "app/jobs.h"
#include "app/jobs_priv.h"
#include "app/talks_priv.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "job/runner.h"
#include "proto/json.h"

enum {
	ENDED_MAX = 32,
	LINGER_MS = 60 * 1000,    /* a topic is told after its last listener has gone */
	THERE_MS = 5 * 1000,      /* who has asked is still there */
	EVENTS_AT_ONCE = 1 << 20, /* bytes of an answer */
};

struct talking *
talks_find(struct app *a, uint64_t number)
{
	struct talking *l;

	DL_FOREACH (a->talks->all, l)
		if (l->number == number && !l->forgotten)
			return l;
	return NULL;
}

struct job *
talks_job(const struct talking *l)
{
	struct jobs *jobs = l->app->jobs;

	return jobs != NULL && jobs->runner != NULL ? runner_find(jobs->runner, l->number)
						    : NULL;
}

static void
topic_of(const struct talking *l, char topic[EVENT_TOPIC_MAX])
{
	snprintf(topic, EVENT_TOPIC_MAX, "job:%s", l->id);
}

static unsigned
listeners(const struct talking *l)
{
	char topic[EVENT_TOPIC_MAX];

	topic_of(l, topic);
	return events_listeners(l->app, topic);
}

unsigned
talks_clients(const struct talking *l)
{
	unsigned polls = l->npolls;

	if (polls == 0 && l->asked_at != 0 && uv_now(l->app->loop) - l->asked_at < THERE_MS)
		polls = 1;
	return listeners(l) + polls;
}

/* What the talk does. */

static int64_t
on_now(void *arg)
{
	(void)arg;
	return (int64_t)(clock_mono_us() / 1000);
}

static int
on_send(void *arg, const char *line, size_t len)
{
	struct job *j = talks_job(arg);

	return j != NULL ? job_write(j, line, len) : -EPIPE;
}

static void
on_end_input(void *arg)
{
	struct job *j = talks_job(arg);

	if (j != NULL)
		job_end_input(j);
}

static void
on_kill(void *arg)
{
	struct job *j = talks_job(arg);

	if (j != NULL)
		job_cancel(j, "it did not end with its input");
}

/* Those who do not follow this one hear of its phase alone. */
static void
tell_phase(struct talking *l)
{
	cJSON *o;

	if (l->talk == NULL || (int)talk_phase(l->talk) == l->phase)
		return;
	l->phase = (int)talk_phase(l->talk);
	if (!job_events_wanted(l->app, l->number))
		return;
	o = json_object();
	cJSON_AddStringToObject(o, "type", "phase");
	cJSON_AddStringToObject(o, "id", l->id);
	cJSON_AddStringToObject(o, "phase", talk_phase_name(talk_phase(l->talk)));
	events_add(l->app, "jobs", o);
}

static void
on_event(void *arg, uint64_t seq, const char *json, size_t len)
{
	struct talking *l = arg;
	uint64_t now = uv_now(l->app->loop);
	char topic[EVENT_TOPIC_MAX];
	cJSON *o;

	(void)seq;
	(void)len;
	tell_phase(l);
	if (listeners(l) != 0)
		l->listened_at = now;
	if (l->listened_at == 0 || now - l->listened_at > LINGER_MS)
		return;
	topic_of(l, topic);
	o = json_object();
	cJSON_AddStringToObject(o, "type", "talk");
	cJSON_AddItemToObject(o, "event", cJSON_CreateRaw(json));
	events_add(l->app, topic, o);
}

/* Polls. */

static void
poll_free(struct talk_poll *p)
{
	DL_DELETE(p->talking->polls, p);
	p->talking->npolls--;
	free(p);
}

static void
poller_gone(void *arg)
{
	poll_free(arg);
}

static void
answer_events(struct talking *l, struct http_req *r, uint64_t after)
{
	cJSON *o = json_object();
	uint64_t next;

	cJSON_AddItemToObject(o, "events", talk_events(l->talk, after, EVENTS_AT_ONCE, &next));
	cJSON_AddNumberToObject(o, "next", (double)next);
	http_reply_json_take(r, 200, o);
}

void
talks_answer_polls(struct talking *l, bool all)
{
	uint64_t now = uv_now(l->app->loop);
	struct talk_poll *p, *next;

	DL_FOREACH_SAFE (l->polls, p, next) {
		if (!all && !l->ended && p->after == talk_seq(l->talk) && now < p->until)
			continue;
		answer_events(l, p->req, p->after);
		poll_free(p);
		l->asked_at = now;
	}
}

void
talks_events(struct http_req *r, void *arg)
{
	struct app *a = arg;
	struct talking *l;
	struct talk_poll *p;
	uint64_t number, after, wait;

	if (!jobs_number(r, &number) ||
	    !http_query_u64(r, "after", 0, JSON_INT_MAX, 0, &after) ||
	    !http_query_u64(r, "wait_ms", 0, 30000, 0, &wait))
		return;
	if ((l = talks_find(a, number)) == NULL || l->loading) {
		talks_get(r, arg); /* which says why not */
		return;
	}
	l->asked_at = uv_now(a->loop);
	if (wait == 0 || l->ended || after != talk_seq(l->talk)) {
		answer_events(l, r, after);
		return;
	}
	if (l->npolls == POLLS_MAX) {
		http_reply_error(
		    r, 429, "too_many", "%d others wait for its events", POLLS_MAX);
		return;
	}
	p = xcalloc(1, sizeof *p);
	p->talking = l;
	p->req = r;
	p->after = after;
	p->until = l->asked_at + wait;
	DL_APPEND(l->polls, p);
	l->npolls++;
	http_on_gone(r, poller_gone, p);
}

/* Answers that wait for the record. */

static void
asker_gone(void *arg)
{
	((struct talk_answer *)arg)->req = NULL;
}

void
talks_answer_recorded(struct talking *l, struct http_req *r, cJSON *take)
{
	struct talk_answer *w = xcalloc(1, sizeof *w);

	w->req = r;
	w->body = take;
	w->at = l->recorded + l->under_way.len + l->pending.len;
	DL_APPEND(l->answers, w);
	http_on_gone(r, asker_gone, w);
	talks_record_go_on(l);
}

static void
answers_drop(struct talking *l)
{
	struct talk_answer *w, *next;

	DL_FOREACH_SAFE (l->answers, w, next) {
		DL_DELETE(l->answers, w);
		cJSON_Delete(w->body);
		if (w->req != NULL)
			http_reply_error(w->req, 503, "stopping", "the daemon is ending");
		free(w);
	}
}

/* Their life. */

static void on_tick(uv_timer_t *t);

static void
run_tick(struct app *a)
{
	struct talks *all = a->talks;

	if (!all->closed && !all->paused && !uv_is_active((uv_handle_t *)&all->tick))
		uv_timer_start(&all->tick, on_tick, TALK_TICK_MS, TALK_TICK_MS);
}

struct talking *
talks_add(struct app *a, uint64_t number, const struct talk_config *config)
{
	struct talking *l = xcalloc(1, sizeof *l);
	struct talk_config c = *config;

	l->app = a;
	l->number = number;
	snprintf(l->id, sizeof l->id, "j%llu", (unsigned long long)number);
	l->write.data = l->load.data = l;
	buf_init(&l->pending, BUF_NO_MAX);
	buf_init(&l->under_way, BUF_NO_MAX);
	c.now_ms = on_now;
	c.send = on_send;
	c.end_input = on_end_input;
	c.kill = on_kill;
	c.event = on_event;
	c.record = talks_record;
	c.arg = l;
	l->talk = talk_new(&c);
	DL_APPEND(a->talks->all, l);
	run_tick(a);
	return l;
}

static void
destroy(struct talking *l)
{
	DL_DELETE(l->app->talks->all, l);
	talk_free(l->talk);
	buf_release(&l->pending);
	buf_release(&l->under_way);
	free(l);
}

void
talks_forget(struct talking *l)
{
	talks_answer_polls(l, true);
	answers_drop(l);
	if (l->ended)
		l->app->talks->ended--;
	l->ended = false;
	l->forgotten = true;
	if (!l->writing && !l->loading)
		destroy(l);
}

static void
has_ended(struct talking *l)
{
	struct talks *all = l->app->talks;
	struct talking *old, *next;

	if (l->ended)
		return;
	talk_ended(l->talk);
	l->ended = true;
	talks_answer_polls(l, true);
	all->ended++;
	DL_FOREACH_SAFE (all->all, old, next)
		if (all->ended > ENDED_MAX && old->ended && old != l)
			talks_forget(old);
}

/* Where it was taken up by this worker. */
struct talking *
talks_of(struct app *a, const struct job *j)
{
	static const struct talk_config defaults = {.permission_ms = TALK_PERMISSION_MS};
	struct talking *l = talks_find(a, j->number);

	if (l == NULL && !a->talks->closed) {
		l = talks_add(a, j->number, &defaults);
		talk_restore(l->talk, "", 0);
		talks_load(l);
	}
	return l;
}

/* As far as its job is. */
static void
follow(struct talking *l)
{
	struct job *j = talks_job(l);

	if (l->loading)
		return;
	if (j == NULL || job_is_terminal(j->state))
		has_ended(l);
	else if (j->state == JOB_RUNNING && j->pid != 0)
		talk_started(l->talk);
	talks_answer_polls(l, false);
	talks_record_go_on(l);
}

void
talks_loaded(struct talking *l)
{
	struct job *j = talks_job(l);

	/* More has been given meanwhile. */
	if (j != NULL && talk_offset(l->talk) > l->loaded &&
	    j->channels[0].bytes > talk_offset(l->talk)) {
		l->loaded = talk_offset(l->talk);
		talks_load(l);
		return;
	}
	talk_live(l->talk);
	follow(l);
}

void
talks_changed(struct app *a, struct job *j)
{
	struct talking *l;

	if (j->spec.kind != JOB_TALK || a->talks == NULL)
		return;
	if (job_is_terminal(j->state))
		l = talks_find(a, j->number);
	else
		l = talks_of(a, j);
	if (l != NULL)
		follow(l);
}

void
talks_output(struct app *a, struct job *j, unsigned channel, uint64_t offset, const void *data,
    size_t len)
{
	struct talking *l = NULL;

	if (j->spec.kind == JOB_TALK && channel == 1 && a->talks != NULL)
		l = talks_of(a, j);
	if (l == NULL || l->loading || l->ended)
		return;
	talk_output(l->talk, offset, data, len);
	talks_answer_polls(l, false);
	talks_record_go_on(l);
}

uint64_t
talks_resume_offset(struct app *a, struct job *j, unsigned channel)
{
	if (j->spec.kind == JOB_TALK && channel == 1 && a->talks != NULL)
		talks_of(a, j);
	return UINT64_MAX;
}

static void
on_tick(uv_timer_t *t)
{
	struct app *a = t->data;
	struct talking *l, *next;
	bool any = false;

	DL_FOREACH_SAFE (a->talks->all, l, next) {
		any |= l->loading;
		if (l->loading || l->forgotten)
			continue;
		any |= !l->ended || l->polls != NULL || l->writing || l->pending.len != 0;
		if (listeners(l) != 0)
			l->listened_at = uv_now(a->loop);
		if (!l->ended)
			talk_tick(l->talk, talks_clients(l));
		talks_answer_polls(l, false);
		talks_record_go_on(l);
	}
	if (!any)
		uv_timer_stop(t);
}

void
talks_open(struct app *a)
{
	a->talks = xcalloc(1, sizeof *a->talks);
	a->talks->dir = xasprintf("%s/jobs", a->state_dir);
	uv_timer_init(a->loop, &a->talks->tick);
	a->talks->tick.data = a;
}

void
talks_pause(struct app *a, bool pause)
{
	a->talks->paused = pause;
	if (pause)
		uv_timer_stop(&a->talks->tick);
	else if (a->talks->all != NULL)
		run_tick(a);
}

bool
talks_idle(struct app *a)
{
	struct talking *l;

	DL_FOREACH (a->talks->all, l)
		if (l->loading || l->writing || l->pending.len != 0)
			return false;
	return true;
}

void
talks_close(struct app *a)
{
	struct talking *l, *next;

	if (a->talks == NULL || a->talks->closed)
		return;
	a->talks->closed = true;
	talks_drop_creations(a);
	uv_close((uv_handle_t *)&a->talks->tick, NULL);
	DL_FOREACH_SAFE (a->talks->all, l, next) {
		while (l->polls != NULL)
			poll_free(l->polls); /* their clients have gone */
		if (!l->forgotten)
			talks_forget(l);
	}
}

void
talks_free(struct app *a)
{
	if (a->talks == NULL)
		return;
	while (a->talks->all != NULL)
		destroy(a->talks->all);
	free(a->talks->dir);
	free(a->talks);
	a->talks = NULL;
}

void
talks_settled(struct talking *l)
{
	if (l->forgotten && !l->writing && !l->loading)
		destroy(l);
}
