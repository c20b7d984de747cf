/* Bounds of what is answered: cells, rows, pages, and the places that pages begin at. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "mcp/mcp_priv.h"
#include "proto/json.h"

#define ELLIPSIS "\xe2\x80\xa6"

void
cut_texts(cJSON *o, size_t max)
{
	cJSON *child;
	char *cut;

	if (cJSON_IsString(o) && strlen(o->valuestring) > max) {
		cut = xasprintf(
		    "%.*s" ELLIPSIS, utf8_prefix(o->valuestring, (int)max), o->valuestring);
		cJSON_SetValuestring(o, cut);
		free(cut);
	}
	/* Not cJSON_ArrayForEach, which is for borrowed ones. */
	for (child = o != NULL ? o->child : NULL; child != NULL; child = child->next)
		cut_texts(child, max);
}

cJSON *
pick(cJSON *from, const char *const *names)
{
	cJSON *o = json_object(), *member;

	for (; *names != NULL; names++) {
		member = cJSON_DetachItemFromObjectCaseSensitive(from, *names);
		if (member != NULL)
			cJSON_AddItemToObject(o, *names, member);
	}
	return o;
}

static size_t
size_of(const cJSON *o)
{
	char *text = cJSON_PrintUnformatted(o);
	size_t n = text != NULL ? strlen(text) : 0;

	free(text);
	return n;
}

/* A row that has so many small members that cells alone do not bound it. */
static cJSON *
too_long(cJSON *row)
{
	cJSON *o = json_object(), *id = cJSON_DetachItemFromObjectCaseSensitive(row, "id");

	if (id != NULL)
		cJSON_AddItemToObject(o, "id", id);
	cJSON_AddBoolToObject(o, "too_long", true);
	cJSON_Delete(row);
	return o;
}

cJSON *
rows_take(cJSON *answer, const struct rows *how)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(answer, how->name), *row, *out;
	cJSON *o = json_object();
	uint64_t taken = 0;
	size_t bytes = 0, n;

	out = json_array();
	cJSON_AddItemToObject(o, how->name, out);
	for (uint64_t i = 0; i < how->skip && cJSON_GetArraySize(list) != 0; i++)
		cJSON_DeleteItemFromArray(list, 0);
	for (; taken < how->limit; taken++) {
		if ((row = cJSON_DetachItemFromArray(list, 0)) == NULL)
			break;
		if (how->members != NULL) {
			cJSON *all = row;
			row = pick(all, how->members);
			cJSON_Delete(all);
		}
		cut_texts(row, how->cell);
		n = size_of(row);
		if (n > PAGE_BYTES) {
			row = too_long(row);
			n = size_of(row);
		}
		if (bytes + n > PAGE_BYTES) {
			cJSON_InsertItemInArray(list, 0, row);
			break;
		}
		bytes += n;
		cJSON_AddItemToArray(out, row);
	}
	if (cJSON_GetArraySize(list) != 0 || (how->more && taken != 0))
		cursor_add(o, "next_cursor", how->at + taken);
	return o;
}

void
cursor_add(cJSON *o, const char *name, uint64_t place)
{
	char text[32];

	snprintf(text, sizeof text, "o%llu", (unsigned long long)place);
	cJSON_AddStringToObject(o, name, text);
}

bool
cursor_read(struct request *r, uint64_t *place)
{
	const char *cursor = arg_text(r, "cursor");

	*place = 0;
	if (cursor == NULL)
		return true;
	if (*cursor == 'o' && str_u64(cursor + 1, 0, JSON_INT_MAX / 2, place) == 0)
		return true;
	reply_error(r, RPC_PARAMS, "there is no such cursor");
	return false;
}

/* Paths. */

void
query_text(struct buf *b, const char *name, const char *value)
{
	char *coded;

	if (value == NULL)
		return;
	coded = str_url_encode(value);
	buf_printf(b, "%c%s=%s", memchr(b->data, '?', b->len) != NULL ? '&' : '?', name, coded);
	free(coded);
}

void
query_number(struct buf *b, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	query_text(b, name, text);
}

void
query_args(struct buf *b, const struct request *r, const char *const *names)
{
	for (; *names != NULL; names++)
		query_text(b, *names, arg_text(r, *names));
}

char *
path_of(const char *base, const char *id, const char *rest)
{
	char *part = str_url_encode(id), *path = xasprintf("%s/%s%s", base, part, rest);

	free(part);
	return path;
}

/* Bytes as text. */

char *
bytes_to_text(const char *data, size_t len, bool last, size_t *used)
{
	struct buf b;
	char enc[UTF8_MAX];
	uint32_t cp;
	size_t n = 0, at = 0;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	for (; at < len; at += n) {
		n = utf8_decode(data + at, len - at, &cp);
		if (n == 0 && !last && at != 0)
			break;
		if (n == 0 || cp == 0)
			cp = UTF8_REPLACEMENT;
		if (n == 0)
			n = len - at;
		buf_append(&b, enc, utf8_encode(cp, enc));
	}
	*used = at;
	return buf_take(&b);
}
