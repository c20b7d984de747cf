#include "config.h"

#include "cli/search.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "proto/json.h"

static void
add_text(struct buf *b, const char *name, const char *value)
{
	char *escaped;

	if (value == NULL)
		return;
	escaped = str_url_encode(value);
	buf_printf(b, "&%s=%s", name, escaped);
	free(escaped);
}

char *
search_path(const struct search_query *q)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_printf(&b, "/api/v1/search?limit=%u&context=%u&order=%s", q->limit, q->context,
	    q->newest ? "newest" : "oldest");
	for (unsigned i = 0; i < q->npatterns; i++)
		add_text(&b, "pattern", q->patterns[i]);
	add_text(&b, "pane", q->pane);
	add_text(&b, "source", q->source);
	add_text(&b, "since", q->since);
	add_text(&b, "until", q->until);
	add_text(&b, "role", q->role);
	add_text(&b, "tool", q->tool);
	add_text(&b, "session", q->session);
	add_text(&b, "agent", q->agent);
	add_text(&b, "jobs", q->jobs ? "1" : NULL);
	add_text(&b, "fixed", q->fixed ? "1" : NULL);
	add_text(&b, "icase", q->icase ? "1" : NULL);
	add_text(&b, "smart", q->smart ? "1" : NULL);
	add_text(&b, "word", q->word ? "1" : NULL);
	return buf_take(&b);
}

/* Where a line of an agent's session is. */
static int
read_session(struct search_hit *h, cJSON *o)
{
	uint64_t id;

	if (json_u64(o, "session", 0, JSON_INT_MAX, &id) != 0 ||
	    json_u64(o, "message", 0, JSON_INT_MAX, &h->message) != 0)
		return -EPROTO;
	snprintf(h->id, sizeof h->id, "%llu", (unsigned long long)id);
	h->pane = h->id;
	h->field = json_string(o, "field");
	return h->field != NULL ? 0 : -EPROTO;
}

static int
read_hit(struct search_hit *h, cJSON *o)
{
	h->json = o;
	h->pane = json_string(o, "pane");
	h->time = json_string(o, "time");
	h->content = json_string(o, "content");
	h->spans = cJSON_GetObjectItemCaseSensitive(o, "spans");
	h->before = cJSON_GetObjectItemCaseSensitive(o, "before");
	h->after = cJSON_GetObjectItemCaseSensitive(o, "after");
	h->nbefore = (unsigned)cJSON_GetArraySize(h->before);
	h->nafter = (unsigned)cJSON_GetArraySize(h->after);
	if (cJSON_HasObjectItem(o, "session") && read_session(h, o) != 0)
		return -EPROTO;
	if (h->pane == NULL || (h->time == NULL && h->field == NULL) || h->content == NULL)
		return -EPROTO;
	return json_u64(o, "line", h->nbefore, JSON_INT_MAX, &h->line);
}

int
search_answer_parse(struct search_answer *a, const char *text, size_t len)
{
	cJSON *list, *o;
	int rc = 0;

	*a = (struct search_answer){.json = json_parse(text, len)};
	list = cJSON_GetObjectItemCaseSensitive(a->json, "matches");
	if (!cJSON_IsArray(list) || json_u64(a->json, "total", 0, JSON_INT_MAX, &a->total) != 0)
		rc = -EPROTO;
	a->truncated = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(a->json, "truncated"));
	a->partial = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(a->json, "partial"));
	a->hits = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *a->hits);
	cJSON_ArrayForEach (o, list) {
		if (rc == 0)
			rc = read_hit(&a->hits[a->n++], o);
	}
	if (rc != 0)
		search_answer_release(a);
	return rc != 0 ? -EPROTO : 0;
}

void
search_answer_release(struct search_answer *a)
{
	cJSON_Delete(a->json);
	free(a->hits);
	*a = (struct search_answer){0};
}

bool
search_span(
    const struct search_hit *h, size_t len, const cJSON **span, size_t *from, size_t *to)
{
	size_t end = *span != NULL ? *to : 0;

	*span = *span != NULL ? (*span)->next : h->spans != NULL ? h->spans->child : NULL;
	if (*span == NULL)
		return false;
	*from = (size_t)cJSON_GetNumberValue(cJSON_GetArrayItem(*span, 0));
	*to = (size_t)cJSON_GetNumberValue(cJSON_GetArrayItem(*span, 1));
	return *from >= end && *from <= *to && *to <= len;
}
