#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ingest_priv.h"
#include "base/xmalloc.h"

enum { NATIVE_SIZE = 32 };

void
rows_release(struct rows *r)
{
	free(r->session);
	r->session = NULL;
}

void
rows_begin(struct rows *r, struct sessions_batch *batch, const char *agent)
{
	rows_release(r);
	r->batch = batch;
	r->agent = agent;
}

/* The number of the event's session in the batch, whose row is there before others of it. */
static unsigned
session_of(struct rows *r, const struct agent_event *e)
{
	struct sessions_session s = {
	    .agent = r->agent, .native = e->session, .time_ms = e->time_ms};

	if (e->type == AGENT_SESSION) {
		s.parent = e->parent;
		s.fork = e->fork;
		s.cwd = e->cwd;
		s.title = e->title;
		s.model = e->model;
		s.mode = e->mode;
		s.version = e->version;
		s.branch = e->branch;
	} else if (r->session != NULL && strcmp(r->session, e->session) == 0 &&
		   e->type != AGENT_TURN && e->type != AGENT_TURN_END) {
		return r->number;
	}
	free(r->session);
	r->session = xstrdup(e->session);
	r->number = sessions_add_session(r->batch, &s);
	return r->number;
}

/* What has no id of its own is known by where it stands. */
static const char *
id_of(const struct agent_event *e, char buf[NATIVE_SIZE])
{
	if (e->id != NULL)
		return e->id;
	snprintf(buf, NATIVE_SIZE, "@%llu", (unsigned long long)e->at);
	return buf;
}

static void
add_usage(struct rows *r, unsigned session, const struct agent_event *e, const char *key)
{
	const struct sessions_usage u = {
	    .key = key,
	    .message = e->message,
	    .model = e->model,
	    .rank = e->rank,
	    .fast = e->fast,
	    .input = e->usage.input,
	    .cache_read = e->usage.cache_read,
	    .cache_write_5m = e->usage.cache_write_5m,
	    .cache_write_1h = e->usage.cache_write_1h,
	    .output = e->usage.output,
	    .reasoning = e->usage.reasoning,
	    .searches = e->usage.searches,
	    .stated_usd = e->cost_usd,
	    .time_ms = e->time_ms,
	};

	sessions_add_usage(r->batch, session, &u);
}

void
rows_event(void *arg, const struct agent_event *e)
{
	struct rows *r = arg;
	unsigned s = session_of(r, e);
	char at[NATIVE_SIZE];
	const char *id = id_of(e, at);

	switch (e->type) {
	case AGENT_TURN:
		sessions_add_turn(r->batch, s, id, e->text, e->time_ms);
		break;
	case AGENT_TURN_END:
		sessions_end_turn(
		    r->batch, s, e->id, e->outcome, e->text, e->duration_ms, e->time_ms);
		break;
	case AGENT_MESSAGE:
		sessions_add_message(r->batch, s, id, e->message, e->part, e->role, e->hidden,
		    e->text, e->time_ms);
		break;
	case AGENT_TOOL_CALL:
		sessions_add_tool(r->batch, s, id, e->message, e->name, e->input, e->time_ms);
		break;
	case AGENT_TOOL_RESULT:
		sessions_add_result(
		    r->batch, s, id, e->outcome, e->text, e->duration_ms, e->time_ms);
		if (e->input != NULL)
			sessions_add_patch(r->batch, s, id, e->input, e->time_ms);
		break;
	case AGENT_USAGE:
		add_usage(r, s, e, id);
		break;
	case AGENT_STATE:
		sessions_add_state(r->batch, s, e->state, e->text, e->time_ms);
		break;
	case AGENT_NOTE:
		sessions_add_note(r->batch, s, e->name, e->text, e->at, e->time_ms);
		break;
	case AGENT_SESSION: /* its row is there */
	case AGENT_COST:
		break;
	}
}

bool
rows_baseline(void *arg, const char *session, struct agent_usage *total)
{
	const struct rows *r = arg;

	return r->baseline != NULL && r->baseline(r->arg, r->agent, session, total);
}
