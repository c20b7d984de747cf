/* What listeners are told of a session: deltas, and snapshots. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/agent.h"
#include "agent/secrets.h"
#include "app/agents_priv.h"
#include "app/agents_query.h"
#include "app/app_priv.h"
#include "app/events.h"
#include "app/live.h"
#include "app/live_priv.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "proto/json.h"
#include "store/sessions_live.h"
#include "store/sessions_read.h"

enum {
	SNAPSHOT_ROWS = 50,
	SNAPSHOT_BYTES = 1024 * 1024, /* of texts, of messages and of tool calls each */
};

/* Without its secrets. Returns whether there was more. */
static bool
add_text(cJSON *o, const char *name, const char *text)
{
	char *masked = secrets_masked(text), *part;
	bool more;
	size_t n;

	text = masked != NULL ? masked : text;
	n = text != NULL ? (size_t)utf8_prefix(text, TEXT_MAX) : 0;
	more = text != NULL && text[n] != '\0';
	part = more ? xstrndup(text, n) : NULL;
	json_add_text(o, name, more ? part : text);
	free(part);
	free(masked);
	return more;
}

/* Deltas. */

struct told {
	struct live_session *live; /* NULL: there is no such session */
	char topic[EVENT_TOPIC_MAX];
	char *alias; /* the same by the agent's own id */
	bool told;
	int state;
	const char *phase; /* as it was told last */
	bool stated;       /* the batch says its state */
	int64_t worked_ms, prompted_ms;
};

struct telling_batch {
	struct live *live;
	struct told *sessions; /* by number */
};

static cJSON *
delta(struct live *l, struct told *t, const char *channel, int64_t time_ms)
{
	struct live_session *s = t->live;
	char iso[CLOCK_ISO_LEN];
	cJSON *o = json_object();

	if (s->n == 0)
		s->n = events_next(l->app) - 1;
	cJSON_AddStringToObject(o, "type", "delta");
	cJSON_AddNumberToObject(o, "session", (double)s->id);
	cJSON_AddNumberToObject(o, "n", (double)++s->n);
	cJSON_AddStringToObject(o, "channel", channel);
	clock_iso(time_ms, iso);
	json_add_text(o, "time", time_ms != 0 ? iso : NULL);
	return o;
}

static void
put_delta(struct live *l, struct told *t, cJSON *take)
{
	events_add_alias(l->app, t->topic, t->alias, take);
}

static void
tell_message(struct live *l, struct told *t, const struct sessions_change *c)
{
	static const char *const roles[] = {"user", "assistant", "thinking", "system"};
	cJSON *o;

	if (c->text == NULL && !c->hidden)
		return;
	o = delta(l, t, "text", c->time_ms);
	json_add_text(o, "message", c->id);
	if (c->kind == SESSIONS_APPEND)
		cJSON_AddTrueToObject(o, "append");
	else
		cJSON_AddNumberToObject(o, "part", c->part);
	json_add_text(o, "role", c->role >= 0 && c->role < 4 ? roles[c->role] : NULL);
	if (c->hidden) /* no more, or never: it is only said that it is */
		cJSON_AddTrueToObject(o, "hidden");
	else if (add_text(o, "text", c->text))
		cJSON_AddTrueToObject(o, "truncated");
	put_delta(l, t, o);
}

static void
tell_tool(struct live *l, struct told *t, const struct sessions_change *c)
{
	bool result = c->kind == SESSIONS_RESULT;
	cJSON *o = delta(l, t, result ? "tool_result" : "tool_call", c->time_ms);

	json_add_text(o, "call", c->id);
	if (result) {
		json_add_text(o, "outcome", question_outcome(c->outcome));
	} else {
		json_add_text(o, "message", c->message);
		json_add_text(o, "tool", c->name);
	}
	if (add_text(o, "text", c->text))
		cJSON_AddTrueToObject(o, "truncated");
	put_delta(l, t, o);
}

static void
tell_error(struct live *l, struct told *t, const struct sessions_change *c, const char *name)
{
	cJSON *o = delta(l, t, "error", c->time_ms);

	json_add_text(o, "name", name);
	json_add_text(o, "outcome", question_outcome(c->outcome));
	if (add_text(o, "text", c->text))
		cJSON_AddTrueToObject(o, "truncated");
	put_delta(l, t, o);
}

/* What is a remark of the agent on the session; how far it was read is none. */
static void
tell_note(struct live *l, struct told *t, const struct sessions_change *c)
{
	static const char *const errors[] = {
	    "error", "rate_limit", "retry", "permission_denied"};
	const char *name = c->name != NULL ? c->name : "note";
	cJSON *o;

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		if (strcmp(name, errors[i]) == 0) {
			tell_error(l, t, c, name);
			return;
		}
	}
	if (strcmp(name, "unreadable") == 0 || strcmp(name, "rewind") == 0)
		return;
	o = delta(l, t, "status", c->time_ms);
	json_add_text(o, "state", session_state_name(t->state));
	json_add_text(o, "phase", t->phase);
	json_add_text(o, "name", name);
	if (add_text(o, "text", c->text))
		cJSON_AddTrueToObject(o, "truncated");
	put_delta(l, t, o);
}

/* The state when it is another, and the phase, which follows from it and from what came last. */
static void
tell_status(struct live *l, struct told *t, int state, int64_t time_ms)
{
	const char *phase = live_phase(state, t->live->last);
	cJSON *o;

	if (state == t->state && strcmp(phase, t->phase) == 0)
		return;
	t->state = state;
	t->phase = phase;
	if (!t->told)
		return;
	o = delta(l, t, "status", time_ms);
	json_add_text(o, "state", session_state_name(state));
	cJSON_AddStringToObject(o, "phase", phase);
	put_delta(l, t, o);
}

static enum live_last
last_of(const struct sessions_change *c, enum live_last before)
{
	switch (c->kind) {
	case SESSIONS_TURN:
		return LAST_PROMPT;
	case SESSIONS_MESSAGE:
	case SESSIONS_APPEND:
		if (c->text == NULL || c->hidden || c->role == AGENT_SYSTEM)
			return before;
		if (c->role == AGENT_USER)
			return LAST_PROMPT;
		return c->role == AGENT_THINKING ? LAST_THOUGHT : LAST_ANSWER;
	case SESSIONS_TOOL:
		return LAST_ANSWER;
	case SESSIONS_RESULT:
		return LAST_RESULT;
	default:
		return before;
	}
}

static void
note_work(struct told *t, const struct sessions_change *c)
{
	bool prompt = c->kind == SESSIONS_TURN;

	if ((c->kind == SESSIONS_MESSAGE || c->kind == SESSIONS_APPEND) && !c->hidden &&
	    c->text != NULL)
		prompt = c->role == AGENT_USER;
	else if (!prompt && c->kind != SESSIONS_TOOL && c->kind != SESSIONS_RESULT)
		return;
	if (c->time_ms > t->worked_ms)
		t->worked_ms = c->time_ms;
	if (prompt && c->time_ms > t->prompted_ms)
		t->prompted_ms = c->time_ms;
}

/* Transcripts do not say again that it works when it was found elsewhere that it waits for a
 * permission, or has ended: what is written later says so. */
static void
work_again(struct live *l, const struct told *t, const struct sessions_brief *b)
{
	int64_t ms = b->state == AGENT_DONE ? t->prompted_ms : t->worked_ms;

	if (!t->stated && !b->sub && ms > b->state_ms &&
	    (live_over(b) || b->state == AGENT_WAITS_PERMISSION))
		live_set_state(l, b, AGENT_WORKING, "it goes on", ms);
}

static void
on_change(void *arg, const struct sessions_change *c)
{
	struct telling_batch *b = arg;
	struct told *t = &b->sessions[c->session];

	if (t->live == NULL)
		return;
	t->live->last = last_of(c, t->live->last);
	t->stated |= c->kind == SESSIONS_STATE;
	note_work(t, c);
	tell_status(b->live, t, c->kind == SESSIONS_STATE ? c->state : t->state, c->time_ms);
	if (!t->told)
		return;
	switch (c->kind) {
	case SESSIONS_MESSAGE:
	case SESSIONS_APPEND:
		tell_message(b->live, t, c);
		break;
	case SESSIONS_TOOL:
	case SESSIONS_RESULT:
		tell_tool(b->live, t, c);
		break;
	case SESSIONS_TURN_END:
		if (c->text != NULL && c->outcome == AGENT_FAILED)
			tell_error(b->live, t, c, "turn");
		break;
	case SESSIONS_NOTE:
		tell_note(b->live, t, c);
		break;
	case SESSIONS_STATE:
	case SESSIONS_TURN:
	case SESSIONS_PATCH:
		break;
	}
}

void
live_tell(struct live *l, const struct sessions_batch *b)
{
	unsigned n = sessions_batch_count(b);
	struct telling_batch all = {l, xcalloc(n + 1, sizeof(struct told))};

	for (unsigned i = 0; i < n; i++) {
		const struct sessions_brief *brief = sessions_batch_brief(b, i);
		struct told *t = &all.sessions[i];

		if (brief == NULL)
			continue;
		t->live = live_known(l, brief);
		t->told = live_told(l, brief);
		t->alias = t->told ? xasprintf("session:%s", brief->native) : NULL;
		t->state = t->live->b.state;
		t->phase = live_phase(t->state, t->live->last);
		snprintf(t->topic, sizeof t->topic, "session:%lld", (long long)brief->id);
	}
	sessions_batch_each(b, on_change, &all);
	for (unsigned i = 0; i < n; i++) {
		const struct sessions_brief *brief = sessions_batch_brief(b, i);

		/* What is older than the state that was known changes nothing of it. */
		if (brief != NULL) {
			tell_status(l, &all.sessions[i], brief->state, brief->state_ms);
			work_again(l, &all.sessions[i], brief);
		}
		free(all.sessions[i].alias);
	}
	free(all.sessions);
}

/* Snapshots. The writer makes them: what was written before is in it, and has been told. */

struct live_snapshot {
	struct app *app;
	char *name;
	struct sessions_brief brief;
	cJSON *messages, *tools;
	size_t room; /* bytes */
	bool truncated;
	void (*done)(cJSON *take, void *arg); /* NULL: cancelled */
	void *arg;
};

/* The newest come first. A text that is cut has been masked before: what is left of a secret then
 * would not be known for one. */
static bool
take_text(struct live_snapshot *s, const char **text, char **part)
{
	size_t n = *text != NULL ? (size_t)utf8_prefix(*text, TEXT_MAX) : 0;

	if (n > s->room) {
		s->truncated = true;
		return false;
	}
	s->room -= n;
	if (*text == NULL || (*text)[n] == '\0')
		return true;
	*part = secrets_masked(*text);
	if (*part == NULL)
		*part = xstrndup(*text, n);
	(*part)[utf8_prefix(*part, (int)n)] = '\0';
	*text = *part;
	return true;
}

static void
add_first(cJSON *list, cJSON *take, bool truncated)
{
	if (truncated)
		cJSON_AddTrueToObject(take, "truncated");
	cJSON_InsertItemInArray(list, 0, take);
}

static bool
on_message(void *arg, const struct sessions_message_row *row)
{
	struct live_snapshot *s = arg;
	struct sessions_message_row r = *row;
	char *part = NULL;
	bool more = take_text(s, &r.text, &part);

	if (more)
		add_first(s->messages, session_message_json(&r, TEXT_MAX, false), part != NULL);
	free(part);
	return more;
}

static bool
on_tool(void *arg, const struct sessions_tool_row *row)
{
	struct live_snapshot *s = arg;
	struct sessions_tool_row r = *row;
	char *input = NULL, *output = NULL;
	bool more = take_text(s, &r.input, &input) && take_text(s, &r.output, &output);

	if (more)
		add_first(s->tools, session_tool_json(&r, TEXT_MAX, false),
		    input != NULL || output != NULL);
	free(input);
	free(output);
	return more;
}

static int
read_brief(sqlite3 *db, int64_t id, struct sessions_brief *out)
{
	sqlite3_stmt *st;
	int rc = sessions_brief_prepare(db, &st);

	if (rc == 0)
		rc = sessions_brief_read(st, id, out);
	sqlite3_finalize(st);
	return rc;
}

static int
snapshot_run(sqlite3 *db, void *data)
{
	struct live_snapshot *s = data;
	int64_t id = 0;
	int rc = sessions_live_find(db, s->name, &id);

	cJSON_Delete(s->messages);
	cJSON_Delete(s->tools);
	s->messages = json_array();
	s->tools = json_array();
	s->truncated = false;
	sessions_brief_release(&s->brief);
	if (rc == -ENOENT)
		return 0;
	if (rc == 0)
		rc = read_brief(db, id, &s->brief);
	s->room = SNAPSHOT_BYTES;
	if (rc == 0)
		rc = sessions_last_messages(db, id, SNAPSHOT_ROWS, on_message, s);
	s->room = SNAPSHOT_BYTES;
	if (rc == 0)
		rc = sessions_last_tools(db, id, SNAPSHOT_ROWS, on_tool, s);
	return rc;
}

static cJSON *
snapshot_json(struct live *l, struct live_snapshot *s)
{
	struct live_session *known;
	cJSON *o = json_object();

	if (s->brief.id == 0) {
		cJSON_AddNullToObject(o, "session");
		return o;
	}
	known = live_known(l, &s->brief);
	if (known->b.state == SESSIONS_UNKNOWN)
		known->b.state = s->brief.state;
	if (known->n == 0)
		known->n = events_next(l->app) - 1;
	cJSON_AddItemToObject(o, "session", live_session_json(known));
	cJSON_AddNumberToObject(o, "n", (double)known->n);
	cJSON_AddItemToObject(o, "messages", s->messages);
	cJSON_AddItemToObject(o, "traces", s->tools);
	cJSON_AddBoolToObject(o, "truncated", s->truncated);
	s->messages = s->tools = NULL;
	return o;
}

static void
snapshot_done(int rc, void *data)
{
	struct live_snapshot *s = data;
	struct live *l = s->app->live;
	cJSON *o;

	if (s->done != NULL && l != NULL) {
		if (rc == 0) {
			o = snapshot_json(l, s);
		} else {
			o = json_object();
			cJSON_AddNullToObject(o, "session");
			cJSON_AddStringToObject(o, "message", strerror(-rc));
		}
		s->done(o, s->arg);
	}
	cJSON_Delete(s->messages);
	cJSON_Delete(s->tools);
	sessions_brief_release(&s->brief);
	free(s->name);
	free(s);
}

struct live_snapshot *
live_snapshot(struct app *a, const char *topic, void (*done)(cJSON *take, void *arg), void *arg)
{
	struct live_snapshot *s = xcalloc(1, sizeof *s);
	const struct store_op op = {
	    .run = snapshot_run, .done = snapshot_done, .data = s, .size = sizeof *s};

	s->app = a;
	s->name = xstrdup(strchr(topic, ':') + 1);
	s->done = done;
	s->arg = arg;
	store_submit(a->store, &op);
	return s;
}

void
live_snapshot_cancel(struct live_snapshot *s)
{
	if (s != NULL)
		s->done = NULL;
}
