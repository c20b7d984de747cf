#include "config.h"

#include "agent/hook.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/agent.h"
#include "agent/jv.h"
#include "agent/source.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "proto/json.h"

enum { NOTHING = -1, SAYS = -2 /* the notification's type or message does */ };

const char *const hook_agents[] = {"claude", "codex", "gemini", NULL};

/* Of Claude Code, of Gemini CLI where it names them otherwise, and Codex's notification. What is
 * not here, as the end of a sub-agent, says nothing of the session. */
static const struct {
	const char *name;
	int state;
} events[] = {
    {"SessionStart", AGENT_WAITS_INPUT},
    {"UserPromptSubmit", AGENT_WORKING},
    {"PreToolUse", AGENT_WORKING},
    {"PostToolUse", AGENT_WORKING},
    {"PostToolUseFailure", AGENT_WORKING},
    {"PostToolBatch", AGENT_WORKING},
    {"PreCompact", AGENT_WORKING},
    {"SubagentStart", AGENT_WORKING},
    {"PermissionRequest", AGENT_WAITS_PERMISSION},
    {"PermissionDenied", AGENT_WORKING},
    {"Elicitation", AGENT_WAITS_INPUT},
    {"ElicitationResult", AGENT_WORKING},
    {"Notification", SAYS},
    {"Stop", AGENT_WAITS_INPUT},
    {"StopFailure", AGENT_DEAD},
    {"SessionEnd", AGENT_DONE},
    {"BeforeAgent", AGENT_WORKING},
    {"BeforeModel", AGENT_WORKING},
    {"AfterModel", AGENT_WORKING},
    {"BeforeTool", AGENT_WORKING},
    {"AfterTool", AGENT_WORKING},
    {"AfterAgent", AGENT_WAITS_INPUT},
    {"agent-turn-complete", AGENT_WAITS_INPUT},
};

static int
notified(const char *type, const char *message)
{
	static const char *const permission[] = {"permission_prompt", "ToolPermission", NULL};
	static const char *const input[] = {"idle_prompt", "elicitation_dialog", NULL};

	if (is_any(type, permission))
		return AGENT_WAITS_PERMISSION;
	if (is_any(type, input))
		return AGENT_WAITS_INPUT;
	if (type != NULL || message == NULL)
		return NOTHING;
	/* Older versions say it in words only. */
	if (strstr(message, "permission") != NULL)
		return AGENT_WAITS_PERMISSION;
	return strstr(message, "waiting for your input") != NULL ? AGENT_WAITS_INPUT : NOTHING;
}

int
hook_state(const char *name, const char *type, const char *message, const char *source)
{
	for (size_t i = 0; name != NULL && i < sizeof events / sizeof *events; i++) {
		if (strcmp(events[i].name, name) != 0)
			continue;
		if (events[i].state == SAYS)
			return notified(type, message);
		/* It begins anew within its turn. */
		if (source != NULL && strcmp(source, "compact") == 0)
			return AGENT_WORKING;
		return events[i].state;
	}
	return NOTHING;
}

/* Writing. */

/* What is kept of an event, by the names that agents have for it. */
static const struct kept {
	const char *as, *name, *of; /* of: NULL, or the object that it is in */
} kept[] = {
    {"session", "session_id", NULL},
    {"session", "thread-id", NULL},
    {"event", "hook_event_name", NULL},
    {"event", "type", NULL},
    {"cwd", "cwd", NULL},
    {"type", "notification_type", NULL},
    {"message", "message", NULL},
    {"source", "source", NULL},
    {"model", "model", NULL},
    {"model", "id", "model"},
};

static void
keep(cJSON *o, const char *as, struct jv v)
{
	char *text = jv_text(v);

	if (text != NULL && *text != '\0' && get(o, as) == NULL) {
		text[utf8_prefix(text, HOOK_TEXT_MAX)] = '\0';
		json_add_text(o, as, text);
	}
	free(text);
}

static void
keep_text(cJSON *o, const char *as, const char *text)
{
	if (text != NULL && *text != '\0' && strlen(text) <= HOOK_TEXT_MAX)
		json_add_text(o, as, text);
}

bool
hook_write(struct buf *out, const char *agent, const char *json, size_t len,
    const struct hook_place *where, int64_t now_ms)
{
	struct jv event;
	char *text;
	cJSON *o;

	if (!jv_object(json, len, &event))
		return false;
	o = json_object();
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		keep(o, kept[i].as,
		    kept[i].of != NULL ? jv_path(event, kept[i].of, kept[i].name)
				       : jv_get(event, kept[i].name));
	if (get_string(o, "session") == NULL) {
		cJSON_Delete(o);
		return false;
	}
	json_add_text(o, "agent", agent);
	cJSON_AddNumberToObject(o, "time", (double)now_ms);
	keep_text(o, "pane", where->pane);
	keep_text(o, "tmux_pane", where->tmux_pane);
	keep_text(o, "tmux_socket", where->tmux_socket);
	text = json_print_take(o);
	buf_puts(out, text);
	buf_putc(out, '\n');
	free(text);
	return true;
}

/* Reading. */

static char *
copy_of(const cJSON *o, const char *name)
{
	const char *s = get_string(o, name);

	return s != NULL ? xstrdup(s) : NULL;
}

/* "%3" */
static bool
is_tmux_pane(const char *s)
{
	return s != NULL && *s == '%' && s[1] != '\0' && strlen(s) < 12 &&
	       s[1 + strspn(s + 1, "0123456789")] == '\0';
}

bool
hook_read(const char *line, size_t len, struct hook_event *out)
{
	cJSON *o = json_parse(line, len);
	const char *agent = get_string(o, "agent"), *session = get_string(o, "session");
	const char *pane = get_string(o, "pane");

	*out = (struct hook_event){.state = NOTHING};
	if (!is_any(agent, hook_agents) || session == NULL) {
		cJSON_Delete(o);
		return false;
	}
	out->agent = xstrdup(agent);
	out->session = xstrdup(session);
	out->cwd = copy_of(o, "cwd");
	out->model = copy_of(o, "model");
	out->text = copy_of(o, "message");
	out->pane = pane != NULL && str_id_valid(pane) ? xstrdup(pane) : NULL;
	if (is_tmux_pane(get_string(o, "tmux_pane")))
		out->tmux_pane = copy_of(o, "tmux_pane");
	out->tmux_socket = copy_of(o, "tmux_socket");
	out->state = hook_state(get_string(o, "event"), get_string(o, "type"),
	    get_string(o, "message"), get_string(o, "source"));
	out->time_ms = get_time(o, "time");
	cJSON_Delete(o);
	return true;
}

void
hook_release(struct hook_event *e)
{
	free(e->agent);
	free(e->session);
	free(e->cwd);
	free(e->model);
	free(e->text);
	free(e->pane);
	free(e->tmux_pane);
	free(e->tmux_socket);
}
