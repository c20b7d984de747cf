#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "agent/jv.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "job/talk_priv.h"
#include "proto/json.h"

enum { REQUEST_MAX = 200, TOOL_MAX = 200 }; /* bytes of names */

static const char *const outcomes[] = {"allowed", "denied", "timed_out", "cancelled"};

const char *
talk_outcome_name(enum talk_outcome o)
{
	return outcomes[o];
}

bool
talk_outcome_parse(const char *name, enum talk_outcome *out)
{
	for (unsigned i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
		if (strcmp(name, outcomes[i]) == 0) {
			*out = (enum talk_outcome)i;
			return true;
		}
	return false;
}

/* Answers. */

static cJSON *
response(const char *subtype, const char *request, cJSON **inner)
{
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "type", "control_response");
	*inner = cJSON_AddObjectToObject(o, "response");
	cJSON_AddStringToObject(*inner, "subtype", subtype);
	cJSON_AddStringToObject(*inner, "request_id", request);
	return o;
}

static int
send_error(struct talk *t, const char *request, const char *why)
{
	cJSON *inner, *o = response("error", request, &inner);

	cJSON_AddStringToObject(inner, "error", why);
	return talk_send_take(t, o);
}

/* The call's id is in the answer as well, as the agent's own hosts have it. */
static int
send_answer(struct talk *t, const char *request, const char *tool_use, bool allow, cJSON *take)
{
	cJSON *inner, *o = response("success", request, &inner);
	cJSON *r = cJSON_AddObjectToObject(inner, "response");

	cJSON_AddStringToObject(r, "behavior", allow ? "allow" : "deny");
	cJSON_AddItemToObject(r, allow ? "updatedInput" : "message", take);
	if (tool_use != NULL)
		cJSON_AddStringToObject(r, "toolUseID", tool_use);
	return talk_send_take(t, o);
}

static void
permission_free(struct talk_permission *p)
{
	free(p->request);
	free(p->tool);
	free(p->tool_use);
	free(p->input);
	free(p->about);
	free(p);
}

void
talk_resolve(
    struct talk *t, struct talk_permission *p, enum talk_outcome outcome, const char *message)
{
	cJSON *o = json_object();
	char id[TALK_ID_MAX];

	snprintf(id, sizeof id, "p%u", p->number);
	cJSON_AddStringToObject(o, "id", id);
	cJSON_AddStringToObject(o, "outcome", outcomes[outcome]);
	talk_show(o, "message", message);
	DL_DELETE(t->permissions, p);
	t->waiting--;
	permission_free(p);
	talk_emit(t, "answered", o);
	talk_tell_phase(t);
}

static void
keep_answer(struct talk *t, const struct talk_permission *p, enum talk_outcome outcome,
    const char *text)
{
	cJSON *o = json_object();
	char id[TALK_ID_MAX];

	snprintf(id, sizeof id, "p%u", p->number);
	cJSON_AddStringToObject(o, "permission", id);
	cJSON_AddStringToObject(o, "outcome", outcomes[outcome]);
	if (text != NULL)
		cJSON_AddStringToObject(o, "text", text);
	talk_keep(t, "answer", o);
}

struct talk_permission *
talk_find_permission(struct talk *t, const char *id)
{
	unsigned number = talk_number(id, 'p');
	struct talk_permission *p;

	DL_FOREACH (t->permissions, p)
		if (p->number == number)
			return p;
	return NULL;
}

int
talk_answer(
    struct talk *t, const char *permission, bool allow, const char *message, const cJSON *input)
{
	struct talk_permission *p = talk_find_permission(t, permission);
	unsigned number = talk_number(permission, 'p');
	cJSON *value;
	int rc;

	if (p == NULL)
		return number != 0 && number <= t->asked ? -EALREADY : -ENOENT;
	if (message != NULL &&
	    (strlen(message) > TALK_TEXT_MAX || !utf8_valid(message, strlen(message))))
		return -EINVAL;
	if (!allow)
		value = cJSON_CreateString(
		    message != NULL && *message != '\0' ? message : "The user denied it.");
	else if (input != NULL)
		value = cJSON_Duplicate(input, true);
	else
		value = cJSON_CreateRaw(p->input);
	rc = send_answer(t, p->request, p->tool_use, allow, value);
	if (rc != 0)
		return rc;
	keep_answer(t, p, allow ? TALK_ALLOWED : TALK_DENIED, message);
	talk_resolve(t, p, allow ? TALK_ALLOWED : TALK_DENIED, message);
	return 0;
}

void
talk_time_out(struct talk *t, int64_t now)
{
	struct talk_permission *p, *next;

	DL_FOREACH_SAFE (t->permissions, p, next) {
		if (now < p->deadline_ms ||
		    send_answer(t, p->request, p->tool_use, false,
			cJSON_CreateString("Nobody answered in time.")) != 0)
			continue;
		keep_answer(t, p, TALK_TIMED_OUT, NULL);
		talk_resolve(t, p, TALK_TIMED_OUT, NULL);
	}
}

void
talk_cancel_all(struct talk *t)
{
	while (t->permissions != NULL)
		talk_resolve(t, t->permissions, TALK_CANCELLED, NULL);
}

/* A call that has a result is not asked about. */
void
talk_tool_ran(struct talk *t, const char *tool_use)
{
	struct talk_permission *p, *next;

	DL_FOREACH_SAFE (t->permissions, p, next)
		if (p->tool_use != NULL && strcmp(p->tool_use, tool_use) == 0)
			talk_resolve(t, p, TALK_CANCELLED, NULL);
}

void
talk_ask_no_more(struct talk *t, struct jv line)
{
	struct talk_permission *p, *next;
	char *request = jv_text(jv_get(line, "request_id"));

	DL_FOREACH_SAFE (t->permissions, p, next)
		if (request != NULL && strcmp(p->request, request) == 0)
			talk_resolve(t, p, TALK_CANCELLED, NULL);
	free(request);
}

/* Requests. */

cJSON *
talk_permission_json(const struct talk_permission *p)
{
	cJSON *o = p->about != NULL ? json_parse(p->about, strlen(p->about)) : json_object();
	char id[TALK_ID_MAX], iso[CLOCK_ISO_LEN];

	if (o == NULL)
		o = json_object();
	snprintf(id, sizeof id, "p%u", p->number);
	cJSON_AddStringToObject(o, "id", id);
	cJSON_AddStringToObject(o, "tool", p->tool);
	cJSON_AddItemToObject(o, "input", talk_shown_json(p->input));
	clock_iso(p->expires_ms, iso);
	cJSON_AddStringToObject(o, "expires", iso);
	return o;
}

/* What else the agent says for who is asked, as an object. */
static char *
about(struct jv r)
{
	static const char *const names[][2] = {{"tool_use_id", "tool_use"}, {"title", "title"},
	    {"display_name", "display_name"}, {"description", "description"},
	    {"decision_reason", "reason"}, {"blocked_path", "path"}, {"agent_id", "agent"}};
	cJSON *o = json_object();

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *text = jv_text(jv_get(r, names[i][0]));

		talk_show(o, names[i][1], text);
		free(text);
	}
	return json_print_take(o);
}

static const char *
why_not(const struct talk *t, const char *tool, const char *input, struct jv of)
{
	if (tool == NULL || strlen(tool) > TOOL_MAX || !jv_is_object(of))
		return "It does not say what for.";
	if (strlen(input) > TALK_INPUT_MAX)
		return "Its input is too long to be shown.";
	return t->waiting >= TALK_PERMISSIONS_MAX ? "Too many others wait." : NULL;
}

static void
add(struct talk *t, struct talk_permission *p)
{
	cJSON *o = json_object();

	p->number = ++t->asked;
	p->deadline_ms =
	    (t->replay ? 0 : t->config.now_ms(t->config.arg)) + t->config.permission_ms;
	p->expires_ms = clock_wall_ms() + t->config.permission_ms;
	t->waiting++;
	DL_APPEND(t->permissions, p);
	cJSON_AddItemToObject(o, "permission", talk_permission_json(p));
	talk_emit(t, "permission", o);
	talk_tell_phase(t);
}

static void
ask(struct talk *t, const char *request, struct jv r)
{
	struct jv input = jv_get(r, "input");
	struct talk_permission *p = xcalloc(1, sizeof *p);
	const char *why;

	p->request = xstrdup(request);
	p->tool = jv_text(jv_get(r, "tool_name"));
	p->tool_use = jv_text(jv_get(r, "tool_use_id"));
	p->input = jv_raw(input);
	p->about = about(r);
	why = why_not(t, p->tool, p->input, input);
	if (why == NULL) {
		add(t, p);
		return;
	}
	send_answer(t, request, p->tool_use, false, cJSON_CreateString(why));
	talk_note(t, "denied", why);
	permission_free(p);
}

static bool
is_asked(const struct talk *t, const char *request)
{
	const struct talk_permission *p;

	DL_FOREACH (t->permissions, p)
		if (strcmp(p->request, request) == 0)
			return true;
	return false;
}

void
talk_ask(struct talk *t, struct jv line)
{
	struct jv r = jv_get(line, "request"), subtype = jv_get(r, "subtype");
	char *request = jv_text(jv_get(line, "request_id")), *kind, *why;

	if (request == NULL || strlen(request) > REQUEST_MAX || is_asked(t, request)) {
		talk_note(t, "unreadable", "a request without an id of its own");
	} else if (jv_eq(subtype, "can_use_tool")) {
		ask(t, request, r);
	} else {
		kind = jv_text(subtype);
		why = xasprintf("Unsupported control request subtype: %.*s",
		    kind != NULL ? utf8_prefix(kind, 100) : 4, kind != NULL ? kind : "none");
		send_error(t, request, why);
		talk_note(t, "request", why);
		free(why);
		free(kind);
	}
	free(request);
}
