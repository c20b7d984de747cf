/*
 * Resources: panescry://panes/ID is what a pane shows, panescry://sessions/ID and panescry://jobs/ID
 * are JSON.
 *
 * The list has every pane, the newest sessions, and a page of the newest jobs; what it has not is found with tools,
 * and read by the templates. A page is of one kind: its cursor is the kind, and its place in it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "mcp/mcp_priv.h"
#include "proto/json.h"

#define SCHEME "panescry://"
#define API "/api/v1/"

enum {
	PAGE = 100,
	LISTED = 200, /* sessions; of jobs one page */
	SAID = 30,    /* messages of a session */
	SAID_TEXT = 4000,
	NAME = 200, /* bytes */
};

enum { PANES, SESSIONS, JOBS, KINDS };

static const struct kind {
	const char *name, *rows, *type, *title, *help;
	const char *labels[3]; /* members that may name one; the first that is there does */
} kinds[KINDS] = {
    [PANES] = {"panes", "panes", "text/plain", "A terminal", "What a terminal shows now",
	{"name", "title", "program"}},
    [SESSIONS] = {"sessions", "data", "application/json", "A session",
	"A session of an AI agent, with what was said last", {"title", "project", "agent"}},
    [JOBS] = {"jobs", "jobs", "application/json", "A job",
	"A command that was run to its end, and how it went", {"name", "state", "id"}},
};

/* Addresses. */

static const struct kind *
kind_of(const char *uri, const char **rest)
{
	if (!str_starts(uri, SCHEME) || strlen(uri) > SUBJECT_MAX)
		return NULL;
	uri += strlen(SCHEME);
	for (int i = 0; i < KINDS; i++) {
		size_t n = strlen(kinds[i].name);

		if (strncmp(uri, kinds[i].name, n) != 0 || uri[n] != '/')
			continue;
		*rest = uri + n + 1;
		return &kinds[i];
	}
	return NULL;
}

/* The id in it, for the caller to free; NULL: it is none of ours. */
static char *
id_of(const char *uri, const struct kind **kind)
{
	const char *rest;
	char *id;

	*kind = kind_of(uri, &rest);
	if (*kind == NULL || *rest == '\0' || strpbrk(rest, "/?#") != NULL)
		return NULL;
	id = xstrdup(rest);
	if (str_url_decode(id, false) != 0 || *id == '\0' || strpbrk(id, "/?#") != NULL ||
	    !utf8_valid(id, strlen(id)) || strcmp(id, ".") == 0 || strcmp(id, "..") == 0) {
		free(id);
		return NULL;
	}
	return id;
}

char *
resource_path(const char *uri)
{
	const struct kind *kind;
	char *id = id_of(uri, &kind), *base, *path;

	if (id == NULL)
		return NULL;
	base = xasprintf(API "%s", kind->name);
	path = path_of(base, id, "");
	free(base);
	free(id);
	return path;
}

/* The list. */

static cJSON *
resource(const struct kind *kind, const cJSON *row)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(row, "id");
	char *text = cJSON_IsNumber(id) ? xasprintf("%.0f", id->valuedouble)
					: xstrdup(cJSON_IsString(id) ? id->valuestring : "");
	char *part = str_url_encode(text), *uri = xasprintf(SCHEME "%s/%s", kind->name, part);
	cJSON *o = json_object();
	const char *label = NULL;
	char *name;

	for (size_t i = 0; i < 3 && (label == NULL || *label == '\0'); i++)
		label = json_string(row, kind->labels[i]);
	name = label != NULL && *label != '\0'
		   ? xasprintf("%s %.*s", text, utf8_prefix(label, NAME), label)
		   : xstrdup(text);
	json_add_text(o, "uri", uri);
	json_add_text(o, "name", name);
	cJSON_AddStringToObject(o, "title", name);
	cJSON_AddStringToObject(o, "description", kind->help);
	cJSON_AddStringToObject(o, "mimeType", kind->type);
	free(name);
	free(uri);
	free(part);
	free(text);
	return o;
}

/* r->limit is the kind's number, r->skip the place. */
static void
listed(struct request *r, const struct answer *a)
{
	const struct kind *kind = &kinds[r->limit];
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(a->json, kind->rows), *row;
	cJSON *o = json_object(), *list = json_array();
	uint64_t at = 0, from = r->limit == PANES ? r->skip : 0;
	char *next = NULL;

	cJSON_AddItemToObject(o, "resources", list);
	cJSON_ArrayForEach (row, rows) {
		if (at++ < from)
			continue;
		if (cJSON_GetArraySize(list) == PAGE) {
			next = xasprintf("%s:%llu", kind->name, (unsigned long long)at - 1);
			break;
		}
		cJSON_AddItemToArray(list, resource(kind, row));
	}
	if (r->limit == SESSIONS && cJSON_GetArraySize(list) == PAGE && r->skip + PAGE < LISTED)
		next = xasprintf("%s:%llu", kind->name, (unsigned long long)r->skip + PAGE);
	if (next == NULL && r->limit + 1 < KINDS)
		next = xasprintf("%s:0", kinds[r->limit + 1].name);
	if (next != NULL)
		cJSON_AddStringToObject(o, "nextCursor", next);
	free(next);
	reply_take(r, o);
}

static bool
read_place(struct request *r)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(r->args, "cursor");
	const char *cursor = cJSON_GetStringValue(item);

	r->limit = PANES;
	r->skip = 0;
	if (item == NULL)
		return true;
	for (int i = 0; cursor != NULL && i < KINDS; i++) {
		size_t n = strlen(kinds[i].name);

		r->limit = (uint64_t)i;
		if (strncmp(cursor, kinds[i].name, n) == 0 && cursor[n] == ':' &&
		    str_u64(cursor + n + 1, 0, JSON_INT_MAX / 2, &r->skip) == 0)
			return true;
	}
	return false;
}

void
resources_list(struct request *r)
{
	struct buf b;

	if (!read_place(r)) {
		reply_error(r, RPC_PARAMS, "there is no such cursor");
		return;
	}
	buf_init(&b, BUF_NO_MAX);
	buf_printf(&b, API "%s", kinds[r->limit].name);
	if (r->limit != PANES)
		query_number(&b, "limit", PAGE);
	if (r->limit == SESSIONS)
		query_number(&b, "offset", r->skip);
	ask_get(r, buf_take(&b), listed);
}

void
resources_templates(struct request *r)
{
	cJSON *o, *list;

	if (cJSON_GetObjectItemCaseSensitive(r->args, "cursor") != NULL) {
		reply_error(r, RPC_PARAMS, "there is no such cursor");
		return;
	}
	o = json_object();
	list = json_array();
	cJSON_AddItemToObject(o, "resourceTemplates", list);
	for (int i = 0; i < KINDS; i++) {
		cJSON *t = json_object();
		char *uri = xasprintf(SCHEME "%s/{id}", kinds[i].name);

		cJSON_AddStringToObject(t, "uriTemplate", uri);
		cJSON_AddStringToObject(t, "name", kinds[i].name);
		cJSON_AddStringToObject(t, "title", kinds[i].title);
		cJSON_AddStringToObject(t, "description", kinds[i].help);
		cJSON_AddStringToObject(t, "mimeType", kinds[i].type);
		cJSON_AddItemToArray(list, t);
		free(uri);
	}
	reply_take(r, o);
}

/* Reading. */

static void
reply_contents(struct request *r, const char *type, const char *text)
{
	cJSON *o = json_object(), *list = json_array(), *one = json_object();

	cJSON_AddItemToObject(o, "contents", list);
	json_add_text(one, "uri", r->name);
	cJSON_AddStringToObject(one, "mimeType", type);
	json_add_text(one, "text", text);
	cJSON_AddItemToArray(list, one);
	reply_take(r, o);
}

static void
reply_json(struct request *r, cJSON *take)
{
	char *text = json_print_take(take);

	reply_contents(r, kinds[JOBS].type, text);
	free(text);
}

/* No such thing, or what the daemon has against it. True: that has been answered. */
static bool
refused(struct request *r, const struct answer *a)
{
	char *said;

	if (a->status < 400)
		return false;
	if (a->status == 404 || a->status == 400) {
		reply_no_resource(r, r->name);
		return true;
	}
	said = refusal_of(a);
	reply_error(r, RPC_INTERNAL, "%s", said);
	free(said);
	return true;
}

static void
pane_read(struct request *r, const struct answer *a)
{
	size_t used;
	char *text;

	if (refused(r, a))
		return;
	text = bytes_to_text(
	    a->body, a->len < MCP_RESULT_MAX ? a->len : MCP_RESULT_MAX, true, &used);
	reply_contents(r, kinds[PANES].type, text);
	free(text);
}

static void
job_read(struct request *r, const struct answer *a)
{
	if (refused(r, a))
		return;
	cut_texts(a->json, CELL_BYTES);
	reply_json(r, cJSON_Duplicate(a->json, true));
}

static void
said_read(struct request *r, const struct answer *a)
{
	struct rows how = {.name = "data", .limit = SAID, .cell = SAID_TEXT, .at = r->skip};
	cJSON *o, *rows;

	if (refused(r, a))
		return;
	o = rows_take(a->json, &how);
	rows = cJSON_DetachItemFromObjectCaseSensitive(o, "data");
	cJSON_Delete(o);
	o = json_object();
	cJSON_AddItemToObject(o, "session", r->kept);
	cJSON_AddItemToObject(o, "messages", rows);
	r->kept = NULL;
	reply_json(r, o);
}

static void
session_read(struct request *r, const struct answer *a)
{
	uint64_t n = 0;
	struct buf b;

	if (refused(r, a))
		return;
	json_u64(a->json, "messages", 0, JSON_INT_MAX, &n);
	r->skip = n > SAID ? n - SAID : 0;
	r->kept = cJSON_Duplicate(a->json, true);
	cut_texts(r->kept, CELL_BYTES);
	buf_init(&b, BUF_NO_MAX);
	buf_printf(&b, "%s/messages", r->text);
	query_number(&b, "offset", r->skip);
	query_number(&b, "limit", SAID);
	query_number(&b, "text_max", SAID_TEXT);
	ask_get(r, buf_take(&b), said_read);
}

void
resources_read(struct request *r)
{
	static const answered_cb read[KINDS] = {pane_read, session_read, job_read};
	const char *uri = json_string(r->args, "uri");
	const struct kind *kind = NULL;
	const char *rest;

	if (uri == NULL) {
		reply_error(r, RPC_PARAMS, "uri must be a string");
		return;
	}
	if ((r->text = resource_path(uri)) == NULL) {
		reply_no_resource(r, uri);
		return;
	}
	kind = kind_of(uri, &rest);
	r->name = xstrdup(uri);
	r->refusals = true;
	r->raw = kind == &kinds[PANES];
	ask_get(r,
	    xasprintf("%s%s", r->text, kind == &kinds[PANES] ? "/capture?format=text" : ""),
	    read[kind - kinds]);
}
