#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/codex_priv.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"

enum { OUTPUT_HEAD = 400 }; /* bytes of a tool's output that may say how it ended */

/* Items have ids in newer versions only. */
static char *
id_of(const struct agent_parser *p, const cJSON *item)
{
	const char *id = get_string(item, "id");

	return id != NULL ? xstrdup(id) : xasprintf("L%llu", (unsigned long long)p->s.at);
}

void
codex_turn_shown(struct agent_parser *p, const char *prompt)
{
	struct agent_event e = source_event(&p->s, AGENT_TURN);

	if (p->tasks ? !p->pending : prompt == NULL)
		return;
	p->pending = false;
	e.id = p->tasks ? p->turn : NULL;
	e.text = prompt;
	source_give(&p->s, &e);
}

/* What the program itself says to the model in the user's name. */
static bool
is_injected(const cJSON *item, const char *text)
{
	static const char *const heads[] = {"<environment_context", "<user_instructions",
	    "# AGENTS.md instructions", "<INSTRUCTIONS>", "<turn_aborted", "<skill",
	    "<subagent_notification", "<user_shell_command", "<permissions instructions",
	    "<collaboration_mode", NULL};
	const cJSON *kinds =
	    get(get(item, "internal_chat_message_metadata_passthrough"), "content_item_kinds");
	const cJSON *kind;
	bool of_user = !cJSON_IsArray(kinds) || cJSON_GetArraySize(kinds) == 0;

	cJSON_ArrayForEach (kind, kinds) {
		if (cJSON_IsString(kind) && str_starts(kind->valuestring, "user."))
			of_user = true;
	}
	for (size_t i = 0; of_user && heads[i] != NULL; i++)
		if (str_starts(text, heads[i]))
			of_user = false;
	return !of_user;
}

static void
give_text(struct agent_parser *p, const cJSON *item, enum agent_role role, const char *text)
{
	struct agent_event e = source_event(&p->s, AGENT_MESSAGE);
	char *id;

	if (text == NULL)
		return;
	e.id = id = id_of(p, item);
	e.role = role;
	e.text = text;
	e.model = role == AGENT_USER ? NULL : p->model;
	if (role == AGENT_USER && is_injected(item, text))
		e.role = AGENT_SYSTEM;
	e.hidden = e.role == AGENT_SYSTEM;
	if (!e.hidden)
		codex_turn_shown(p, role == AGENT_USER ? text : NULL);
	source_give(&p->s, &e);
	free(id);
}

static void
give_message(struct agent_parser *p, const cJSON *item)
{
	const char *role = get_string(item, "role");
	char *text = said_of(get(item, "content"));

	if (role != NULL && strcmp(role, "assistant") == 0)
		give_text(p, item, AGENT_ASSISTANT, text);
	else if (role != NULL && strcmp(role, "user") == 0)
		give_text(p, item, AGENT_USER, text);
	else
		give_text(p, item, AGENT_SYSTEM, text);
	free(text);
}

static void
give_reasoning(struct agent_parser *p, const cJSON *item)
{
	char *text = said_of(get(item, "summary"));

	if (text == NULL)
		text = said_of(get(item, "content"));
	p->bare = text == NULL;
	give_text(p, item, AGENT_THINKING, text);
	free(text);
}

static enum agent_outcome
outcome_of_exit(int64_t code)
{
	return code < 0 ? AGENT_OUTCOME_UNKNOWN : code == 0 ? AGENT_OK : AGENT_FAILED;
}

static enum agent_outcome
outcome_of_status(const char *status)
{
	static const char *const ok[] = {"completed", "success", NULL};
	static const char *const failed[] = {"failed", "error", NULL};

	if (is_any(status, ok))
		return AGENT_OK;
	if (is_any(status, failed))
		return AGENT_FAILED;
	if (status != NULL && strcmp(status, "declined") == 0)
		return AGENT_DENIED;
	return AGENT_OUTCOME_UNKNOWN;
}

static enum agent_outcome
outcome_of_cJSON(const cJSON *o, const char *name)
{
	const cJSON *code = get(o, name);

	if (!cJSON_IsNumber(code))
		return AGENT_OUTCOME_UNKNOWN;
	return code->valuedouble == 0 ? AGENT_OK : AGENT_FAILED;
}

/* An output in words says the exit status in one of its first lines, if at all. */
static enum agent_outcome
outcome_of_words(const char *text)
{
	static const char *const heads[] = {"Process exited with code ", "Exit code: ", NULL};
	char head[OUTPUT_HEAD + 1];

	if (str_starts(text, "aborted by user"))
		return AGENT_INTERRUPTED;
	snprintf(head, sizeof head, "%s", text);
	for (size_t i = 0; heads[i] != NULL; i++) {
		const char *at = strstr(head, heads[i]);

		if (at != NULL && (at == head || at[-1] == '\n'))
			return outcome_of_exit(atoi(at + strlen(heads[i])) == 0 ? 0 : 1);
	}
	return AGENT_OUTCOME_UNKNOWN;
}

static void
give_result(struct agent_parser *p, const cJSON *item)
{
	struct agent_event e = source_event(&p->s, AGENT_TOOL_RESULT);
	const cJSON *output = get(item, "output");
	cJSON *inner = NULL;
	char *text;

	if (cJSON_IsObject(output) && get(output, "content") != NULL) {
		if (cJSON_IsBool(get(output, "success")))
			e.outcome = get_true(output, "success") ? AGENT_OK : AGENT_FAILED;
		output = get(output, "content");
	}
	text = cJSON_IsString(output) ? xstrdup(output->valuestring) : said_of(output);
	if (text == NULL)
		text = text_of(output);
	/* Older versions wrap it: {"output":"...","metadata":{"exit_code":0}}. */
	if (text != NULL && str_starts(text, "{\"output\":") &&
	    (inner = source_parse(text, strlen(text))) != NULL)
		e.outcome = outcome_of_cJSON(get(inner, "metadata"), "exit_code");
	if (text != NULL && e.outcome == AGENT_OUTCOME_UNKNOWN)
		e.outcome = outcome_of_words(text);
	e.id = get_string(item, "call_id");
	e.text = inner != NULL && get_string(inner, "output") != NULL
		     ? get_string(inner, "output")
		     : text;
	if (e.id != NULL)
		source_give(&p->s, &e);
	cJSON_Delete(inner);
	free(text);
}

static void
give_call(struct agent_parser *p, const cJSON *item, const char *name, const cJSON *input)
{
	struct agent_event e = source_event(&p->s, AGENT_TOOL_CALL);
	const char *call = get_string(item, "call_id");
	char *id = call != NULL ? xstrdup(call) : id_of(p, item), *text = text_of(input);

	codex_turn_shown(p, NULL);
	e.id = id;
	e.name = name != NULL ? name : "unknown";
	e.input = text;
	source_give(&p->s, &e);
	if (call == NULL || strcmp(e.name, "web_search") == 0) { /* nothing else will say */
		e = source_event(&p->s, AGENT_TOOL_RESULT);
		e.id = id;
		e.outcome = outcome_of_status(get_string(item, "status"));
		if (e.outcome != AGENT_OUTCOME_UNKNOWN)
			source_give(&p->s, &e);
	}
	free(id);
	free(text);
}

void
codex_item(struct agent_parser *p, const cJSON *item)
{
	static const char *const outputs[] = {
	    "function_call_output", "custom_tool_call_output", "mcp_tool_call_output", NULL};
	const char *type = get_string(item, "type");

	if (type == NULL || strcmp(type, "message") == 0)
		give_message(p, item);
	else if (strcmp(type, "reasoning") == 0)
		give_reasoning(p, item);
	else if (strcmp(type, "function_call") == 0)
		give_call(p, item, get_string(item, "name"), get(item, "arguments"));
	else if (strcmp(type, "custom_tool_call") == 0)
		give_call(p, item, get_string(item, "name"), get(item, "input"));
	else if (strcmp(type, "local_shell_call") == 0)
		give_call(p, item, "local_shell", get(item, "action"));
	else if (strcmp(type, "web_search_call") == 0)
		give_call(p, item, "web_search", get(item, "action"));
	else if (is_any(type, outputs))
		give_result(p, item);
}

/* {"secs":0,"nanos":10786} */
static int64_t
duration_of(const cJSON *o, const cJSON *payload)
{
	int64_t s = get_count(get(o, "duration"), "secs");
	int64_t ns = get_count(get(o, "duration"), "nanos");
	int64_t from = get_count(payload, "started_at_ms");
	int64_t to = get_count(payload, "completed_at_ms");

	if (s >= 0 && s < 1000000000)
		return s * 1000 + (ns > 0 ? ns / 1000000 : 0);
	return from >= 0 && to >= from ? to - from : AGENT_UNKNOWN;
}

/* What was applied, by path: {"type":"update","unified_diff":"@@...","move_path"}. As a patch, to be
 * freed; NULL: nothing. */
static char *
patch_of(const cJSON *o)
{
	const cJSON *changes = get(o, "changes"), *change;
	struct buf b;

	if (!cJSON_IsObject(changes) || changes->child == NULL)
		return NULL;
	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "*** Begin Patch\n");
	cJSON_ArrayForEach (change, changes) {
		const char *type = get_string(change, "type");
		const char *diff = get_string(change, "unified_diff");
		const char *moved = get_string(change, "move_path");
		bool all = type == NULL || strcmp(type, "update") != 0;

		if (change->string == NULL || strchr(change->string, '\n') != NULL)
			continue;
		buf_printf(&b, "*** %s File: %s\n", all ? "Add" : "Update", change->string);
		if (moved != NULL && strchr(moved, '\n') == NULL)
			buf_printf(&b, "*** Move to: %s\n", moved);
		if (!all && diff != NULL)
			buf_printf(&b, "%s\n", diff);
	}
	return buf_take(&b);
}

/* How long it took and how it ended; what it said is in its output. */
static void
give_end(struct agent_parser *p, const cJSON *o, const char *id, const cJSON *payload)
{
	struct agent_event e = source_event(&p->s, AGENT_TOOL_RESULT);
	char *patch = NULL;

	e.id = id;
	e.duration_ms = duration_of(o, payload);
	e.outcome = outcome_of_status(get_string(o, "status"));
	if (e.outcome == AGENT_OUTCOME_UNKNOWN || e.outcome == AGENT_OK) {
		enum agent_outcome by_code = outcome_of_cJSON(o, "exit_code");

		if (by_code != AGENT_OUTCOME_UNKNOWN)
			e.outcome = by_code;
	}
	if (cJSON_IsBool(get(o, "success")))
		e.outcome = get_true(o, "success") ? AGENT_OK : AGENT_FAILED;
	if (get(get(o, "result"), "Err") != NULL)
		e.outcome = AGENT_FAILED;
	if (e.outcome == AGENT_OK)
		e.input = patch = patch_of(o);
	if (id != NULL)
		source_give(&p->s, &e);
	free(patch);
}

void
codex_item_event(struct agent_parser *p, const char *type, const cJSON *payload)
{
	static const char *const ends[] = {
	    "exec_command_end", "mcp_tool_call_end", "patch_apply_end", NULL};
	static const char *const tools[] = {
	    "CommandExecution", "McpToolCall", "FileChange", "DynamicToolCall", NULL};
	const cJSON *item = get(payload, "item");

	if (is_any(type, ends))
		give_end(p, payload, get_string(payload, "call_id"), NULL);
	else if (strcmp(type, "item_completed") == 0 && is_any(get_string(item, "type"), tools))
		give_end(p, item, get_string(item, "id"), payload);
	else if (strcmp(type, "agent_reasoning_raw_content") == 0 && p->bare)
		give_text(p, payload, AGENT_THINKING, get_string(payload, "text"));
}
