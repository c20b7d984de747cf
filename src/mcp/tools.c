/* Tools: the list of them, calls, and what comes of a call. */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "mcp/mcp_priv.h"
#include "proto/json.h"

static const struct tool *const families[] = {pane_tools, memory_tools, job_tools};

enum { FAMILIES = sizeof families / sizeof *families };

static cJSON *
tool_json(const struct tool *t)
{
	cJSON *o = json_object(), *hints = json_object();

	cJSON_AddStringToObject(o, "name", t->name);
	cJSON_AddStringToObject(o, "title", t->title);
	cJSON_AddStringToObject(o, "description", t->help);
	cJSON_AddItemToObject(o, "inputSchema", fields_schema(t->fields));
	cJSON_AddStringToObject(hints, "title", t->title);
	cJSON_AddBoolToObject(hints, "readOnlyHint", !t->write);
	if (t->write) {
		cJSON_AddBoolToObject(hints, "destructiveHint", t->destructive);
		cJSON_AddBoolToObject(hints, "idempotentHint", false);
	}
	/* What a command does is done to the world; what is read is the daemon's own. */
	cJSON_AddBoolToObject(hints, "openWorldHint", t->write);
	cJSON_AddItemToObject(o, "annotations", hints);
	return o;
}

cJSON *
tools_list(const struct mcp *m)
{
	cJSON *o = json_object(), *list = json_array();

	cJSON_AddItemToObject(o, "tools", list);
	for (size_t i = 0; i < FAMILIES; i++) {
		for (const struct tool *t = families[i]; t->name != NULL; t++) {
			if (!t->write || m->cfg.write)
				cJSON_AddItemToArray(list, tool_json(t));
		}
	}
	return o;
}

static const struct tool *
find(const char *name)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		for (const struct tool *t = families[i]; t->name != NULL; t++) {
			if (strcmp(t->name, name) == 0)
				return t;
		}
	}
	return NULL;
}

void
tools_call(struct request *r)
{
	const char *name = json_string(r->args, "name");
	const cJSON *args = cJSON_GetObjectItemCaseSensitive(r->args, "arguments");
	const struct tool *t = name != NULL ? find(name) : NULL;
	char *fault;

	if (name == NULL) {
		reply_error(r, RPC_PARAMS, "name must be a string");
	} else if (t == NULL) {
		reply_error(r, RPC_PARAMS, "Unknown tool: %.100s", name);
	} else if (t->write && !r->m->cfg.write) {
		reply_error(r, RPC_PARAMS, "Unknown tool: %s, as this server only reads (%s)",
		    name, r->m->cfg.allow);
	} else if (args != NULL && !cJSON_IsObject(args)) {
		reply_error(r, RPC_PARAMS, "arguments must be an object");
	} else if ((fault = fields_fault(t->fields, args)) != NULL) {
		reply_error(r, RPC_PARAMS, "Invalid arguments for tool %s: %s", name, fault);
		free(fault);
	} else {
		r->tool = t;
		r->args = args;
		t->start(r);
	}
}

/* Results. */

static void
add_text(cJSON *list, const char *text)
{
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "type", "text");
	json_add_text(o, "text", text);
	cJSON_AddItemToArray(list, o);
}

static cJSON *
result(cJSON **list, bool failed)
{
	cJSON *o = json_object();

	*list = json_array();
	cJSON_AddItemToObject(o, "content", *list);
	cJSON_AddBoolToObject(o, "isError", failed);
	return o;
}

void
result_two(struct request *r, cJSON *o, char *text)
{
	cJSON *list, *whole = result(&list, false);
	char *json = json_print_take(o);

	add_text(list, json);
	if (text != NULL)
		add_text(list, text);
	free(json);
	free(text);
	reply_take(r, whole);
}

void
result_json(struct request *r, cJSON *o)
{
	result_two(r, o, NULL);
}

/* Of a method that is no tool it is an error. */
void
result_failed(struct request *r, const char *fmt, ...)
{
	cJSON *list, *whole;
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	if (r->tool == NULL) {
		reply_error(r, RPC_INTERNAL, "%s", text);
	} else {
		whole = result(&list, true);
		add_text(list, text);
		reply_take(r, whole);
	}
	free(text);
}

char *
refusal_of(const struct answer *a)
{
	const char *code = json_string(a->json, "error");
	const char *message = json_string(a->json, "message");

	if (message == NULL)
		return xasprintf("the daemon answered with status %d", a->status);
	return xasprintf("%.*s%s%s", CELL_BYTES, message, code != NULL ? ": " : "",
	    code != NULL ? code : "");
}
