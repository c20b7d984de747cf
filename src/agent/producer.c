#include "config.h"

#include "agent/producer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/agent.h"
#include "agent/source.h"
#include "base/err.h"
#include "base/xmalloc.h"
#include "proto/json.h"

enum { NATIVE_SIZE = 32, REQUIRED_MAX = 2 };

static const char *const roles[] = {"user", "assistant", "thinking", "system", NULL};
static const char *const outcomes[] = {"ok", "failed", "interrupted", "denied", NULL};
static const char *const counts[] = {"input_tokens", "cache_read_tokens",
    "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens", "reasoning_tokens",
    NULL};

/* Members that mean something, wherever they are. */
enum value { TEXT, ID, ROLE, OUTCOME, COUNT, COST, TIME, OBJECT };
static const struct field {
	const char *name;
	enum value value;
} fields[] = {
    {"time", TIME},
    {"message", ID},
    {"call", ID},
    {"id", ID},
    {"role", ROLE},
    {"text", TEXT},
    {"model", TEXT},
    {"name", TEXT},
    {"error", TEXT},
    {"outcome", OUTCOME},
    {"duration_ms", COUNT},
    {"input_tokens", COUNT},
    {"cache_read_tokens", COUNT},
    {"cache_write_5m_tokens", COUNT},
    {"cache_write_1h_tokens", COUNT},
    {"output_tokens", COUNT},
    {"reasoning_tokens", COUNT},
    {"cost_usd", COST},
    {"usage", OBJECT},
};

/* What an event is added with. */
struct adding {
	struct producer *p;
	const struct sessions_target *t;
	const cJSON *o;
	int64_t seq, time_ms;
};

static void add_message_start(const struct adding *a);
static void add_text(const struct adding *a);
static void add_thinking(const struct adding *a);
static void add_call(const struct adding *a);
static void add_result(const struct adding *a);
static void add_usage(const struct adding *a);
static void add_message_end(const struct adding *a);
static void add_agent_end(const struct adding *a);
static void add_error(const struct adding *a);

static const struct type {
	const char *name, *required[REQUIRED_MAX];
	void (*add)(const struct adding *a);
	bool texts; /* is a part of what is made again */
} types[] = {
    {"message_start", {NULL}, add_message_start, true},
    {"text_delta", {"text"}, add_text, true},
    {"thinking", {"text"}, add_thinking, true},
    {"tool_call", {"call", "name"}, add_call, false},
    {"tool_result", {"call"}, add_result, false},
    {"token_usage", {NULL}, add_usage, false},
    {"message_end", {NULL}, add_message_end, true},
    {"agent_end", {NULL}, add_agent_end, false},
    {"error", {"text"}, add_error, false},
};

static const struct type *
type_of(const cJSON *o)
{
	const char *name = json_string(o, "type");

	for (size_t i = 0; name != NULL && i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

/* Checking. */

static bool
is_fit(const cJSON *v, enum value value)
{
	const char *s = cJSON_GetStringValue(v);

	switch (value) {
	case TEXT:
		return s != NULL;
	case ID:
		return s != NULL && *s != '\0' && strlen(s) <= PRODUCER_ID_MAX;
	case ROLE:
		return is_any(s, roles);
	case OUTCOME:
		return is_any(s, outcomes);
	case COUNT:
		return cJSON_IsNumber(v) && v->valuedouble >= 0 &&
		       v->valuedouble <= (double)JSON_INT_MAX &&
		       (double)(int64_t)v->valuedouble == v->valuedouble;
	case COST:
		return cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble < 1e12;
	case OBJECT:
		return cJSON_IsObject(v);
	case TIME:
		break;
	}
	return true; /* get_time says more */
}

static int
check_members(const cJSON *o, char **cause)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const cJSON *v = get(o, fields[i].name);
		bool fit = v == NULL || cJSON_IsNull(v) || is_fit(v, fields[i].value);

		if (fit && fields[i].value == TIME && v != NULL && !cJSON_IsNull(v))
			fit = get_time(o, fields[i].name) != 0;
		if (!fit)
			return err_set(
			    cause, -EINVAL, "%s is not what it may be", fields[i].name);
	}
	return 0;
}

static int
check_required(const cJSON *o, const struct type *type, char **cause)
{
	for (int i = 0; i < REQUIRED_MAX && type->required[i] != NULL; i++) {
		const cJSON *v = get(o, type->required[i]);

		if (v == NULL || cJSON_IsNull(v))
			return err_set(
			    cause, -EINVAL, "%s needs %s", type->name, type->required[i]);
	}
	return 0;
}

int
producer_check(const char *line, size_t len, struct sessions_event *e, char **cause)
{
	cJSON *o = json_parse(line, len);
	const struct type *type = type_of(o);
	uint64_t seq = 0;
	int rc;

	if (o == NULL)
		return err_set(
		    cause, -EINVAL, "no JSON object, or one that is nested too deep");
	if (json_u64(o, "seq", 1, JSON_INT_MAX, &seq) != 0)
		rc = err_set(cause, -EINVAL, "seq must be a number from 1 to 2^53 - 1");
	else if (type == NULL)
		rc = err_set(cause, -EINVAL, "type is none of those that there are");
	else
		rc = check_required(o, type, cause);
	if (rc == 0)
		rc = check_members(o, cause);
	if (rc == 0 && get(o, "usage") != NULL)
		rc = check_members(get(o, "usage"), cause);
	*e = (struct sessions_event){(int64_t)seq, get_time(o, "time"), line};
	cJSON_Delete(o);
	return rc;
}

/* Adding. */

static int
index_of(const char *const *words, const char *word)
{
	for (int i = 0; word != NULL && words[i] != NULL; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

static void
set_state(const struct adding *a, int state)
{
	a->p->state = state;
	a->p->state_ms = a->time_ms;
}

/* The first time that its texts are made again, what there is of them goes. */
static void
begin_again(const struct adding *a, const char *message)
{
	struct producer *p = a->p;

	if (!a->t->again)
		return;
	for (size_t i = p->nbegun; i > 0; i--)
		if (strcmp(p->begun[i - 1], message) == 0)
			return;
	p->begun = xreallocarray(p->begun, p->nbegun + 1, sizeof *p->begun);
	p->begun[p->nbegun++] = xstrdup(message);
	sessions_reset_message(a->t->batch, a->t->session, message);
}

/* The one that is named, or that began last, or one for this event. */
static const char *
message_of(const struct adding *a, bool begins)
{
	const char *name = get_string(a->o, "message");
	char *copy;

	if (!begins && a->p->message != NULL)
		return name != NULL ? name : a->p->message;
	copy = name != NULL ? xstrdup(name) : xasprintf("@%lld", (long long)a->seq);
	free(a->p->message);
	a->p->message = copy;
	return copy;
}

static void
add_message_start(const struct adding *a)
{
	const char *message = message_of(a, true), *text = json_string(a->o, "text");
	int role = index_of(roles, json_string(a->o, "role"));
	unsigned s = a->t->session;

	begin_again(a, message);
	if (role == AGENT_USER && !a->t->again)
		sessions_add_turn(a->t->batch, s, message, text, a->time_ms);
	sessions_add_message(a->t->batch, s, message, NULL, 0,
	    role < 0 ? AGENT_ASSISTANT : role, false, text, a->time_ms);
	set_state(a, AGENT_WORKING);
}

static void
append(const struct adding *a, int role)
{
	const char *message = message_of(a, false);

	begin_again(a, message);
	sessions_append_message(
	    a->t->batch, a->t->session, message, role, json_string(a->o, "text"), a->time_ms);
	set_state(a, AGENT_WORKING);
}

static void
add_text(const struct adding *a)
{
	append(a, SESSIONS_UNKNOWN);
}

static void
add_thinking(const struct adding *a)
{
	append(a, AGENT_THINKING);
}

static void
add_call(const struct adding *a)
{
	char *input = text_of(get(a->o, "input"));

	sessions_add_tool(a->t->batch, a->t->session, get_string(a->o, "call"),
	    message_of(a, false), get_string(a->o, "name"), input, a->time_ms);
	free(input);
	set_state(a, AGENT_WORKING);
}

static int
outcome_of(const cJSON *o)
{
	int i = index_of(outcomes, json_string(o, "outcome"));

	return i < 0 ? AGENT_OK : i + AGENT_OK;
}

static void
add_result(const struct adding *a)
{
	char *output = text_of(get(a->o, "output"));

	sessions_add_result(a->t->batch, a->t->session, get_string(a->o, "call"),
	    outcome_of(a->o), output, get_count(a->o, "duration_ms"), a->time_ms);
	free(output);
	set_state(a, AGENT_WORKING);
}

static void
add_usage(const struct adding *a)
{
	const cJSON *u = cJSON_IsObject(get(a->o, "usage")) ? get(a->o, "usage") : a->o;
	const char *id = get_string(a->o, "id"), *model = get_string(a->o, "model");
	char own[NATIVE_SIZE], *key;
	struct sessions_usage row = {
	    .message = get_string(a->o, "message"),
	    .model = model != NULL ? model : get_string(u, "model"),
	    .rank = (uint64_t)a->seq,
	    .searches = SESSIONS_UNKNOWN,
	    .stated_usd = get_cost(u, "cost_usd"),
	    .time_ms = a->time_ms,
	};
	int64_t *const to[] = {&row.input, &row.cache_read, &row.cache_write_5m,
	    &row.cache_write_1h, &row.output, &row.reasoning};

	for (int i = 0; counts[i] != NULL; i++)
		*to[i] = get_count(u, counts[i]);
	if (row.stated_usd < 0)
		row.stated_usd = get_cost(a->o, "cost_usd");
	snprintf(own, sizeof own, "@%lld", (long long)a->seq);
	/* Keys are the agent's, and ids the producer's own: the session makes them one. */
	key = sessions_own_key(a->t->batch, a->t->session, id != NULL ? id : own);
	row.key = key;
	sessions_add_usage(a->t->batch, a->t->session, &row);
	free(key);
	set_state(a, AGENT_WORKING);
}

static void
add_message_end(const struct adding *a)
{
	/* Where it is the user's, its text is the prompt of the turn, and came in deltas perhaps. */
	sessions_add_prompt(a->t->batch, a->t->session, message_of(a, false));
}

static void
add_agent_end(const struct adding *a)
{
	int outcome = outcome_of(a->o);

	sessions_end_turn(a->t->batch, a->t->session, NULL, outcome, get_string(a->o, "error"),
	    get_count(a->o, "duration_ms"), a->time_ms);
	set_state(a, outcome == AGENT_FAILED ? AGENT_DEAD : AGENT_DONE);
}

static void
add_error(const struct adding *a)
{
	sessions_add_note(a->t->batch, a->t->session, "error", json_string(a->o, "text"),
	    (uint64_t)a->seq, a->time_ms);
}

void
producer_begin(void *arg, const struct sessions_target *t)
{
	struct producer *p = arg;

	*p = (struct producer){.state = SESSIONS_UNKNOWN};
	p->message = t->newest != NULL ? xstrdup(t->newest) : NULL;
}

void
producer_add(void *arg, const struct sessions_target *t, const struct sessions_event *e)
{
	cJSON *o = json_parse(e->json, strlen(e->json));
	const struct type *type = type_of(o);
	const struct adding a = {arg, t, o, e->seq, e->time_ms};

	if (type != NULL && (!t->again || type->texts))
		type->add(&a);
	cJSON_Delete(o);
}

void
producer_end(void *arg, const struct sessions_target *t)
{
	struct producer *p = arg;

	if (p->state != SESSIONS_UNKNOWN && !t->again && t->batch != NULL)
		sessions_add_state(t->batch, t->session, p->state, NULL, p->state_ms);
	for (size_t i = 0; i < p->nbegun; i++)
		free(p->begun[i]);
	free(p->begun);
	free(p->message);
	*p = (struct producer){.state = SESSIONS_UNKNOWN};
}
