#include "config.h"

#include "app/search_hits.h"

#include <stdlib.h>

#include <cjson/cJSON.h>

#include "agent/secrets.h"
#include "app/search_json.h"
#include "base/xmalloc.h"
#include "proto/json.h"

enum {
	SPAN_BYTES = 200, /* that a span takes, in the answer's making */
	SPANS_MAX = 256 * 1024,
};

const char *
session_role_name(unsigned role)
{
	static const char *const names[SESSION_ROLES] = {
	    "user", "assistant", "thinking", "system", "tool"};

	return role < SESSION_ROLES ? names[role] : NULL;
}

static void
release(struct session_hit *hit)
{
	free(hit->name);
	query_hit_release(&hit->hit);
}

void
session_hits_release(struct session_hits *h)
{
	for (size_t i = 0; i < h->n; i++)
		release(&h->list[i]);
	free(h->list);
	*h = (struct session_hits){0};
}

/* Order. */

static int
by_number(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int
compare(const void *a, const void *b)
{
	const struct session_hit *x = a, *y = b;
	int c = by_number(x->hit.time_ms, y->hit.time_ms);

	if (c == 0)
		c = by_number(x->session->id, y->session->id);
	if (c == 0)
		c = x->tool - y->tool;
	if (c == 0)
		c = by_number(x->row, y->row);
	if (c == 0)
		c = x->output - y->output;
	return c != 0 ? c : by_number((int64_t)x->hit.line, (int64_t)y->hit.line);
}

static int
compare_back(const void *a, const void *b)
{
	return compare(b, a);
}

static bool
comes_before(
    const struct session_hits *h, const struct session_hit *a, const struct session_hit *b)
{
	return (h->newest_first ? compare_back(a, b) : compare(a, b)) < 0;
}

/* The heap. */

static void
swap(struct session_hit *a, struct session_hit *b)
{
	struct session_hit t = *a;

	*a = *b;
	*b = t;
}

static void
sift_up(struct session_hits *h, size_t i)
{
	for (; i > 0 && comes_before(h, &h->list[(i - 1) / 2], &h->list[i]); i = (i - 1) / 2)
		swap(&h->list[(i - 1) / 2], &h->list[i]);
}

static void
sift_down(struct session_hits *h)
{
	size_t i = 0, child;

	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && comes_before(h, &h->list[child], &h->list[child + 1]))
			child++;
		if (!comes_before(h, &h->list[i], &h->list[child]))
			break;
		swap(&h->list[i], &h->list[child]);
		i = child;
	}
}

static void
drop_last(struct session_hits *h)
{
	h->bytes -= h->list[0].bytes;
	h->nspans -= h->list[0].hit.nspans;
	release(&h->list[0]);
	h->list[0] = h->list[--h->n];
	sift_down(h);
	h->left_out = true;
}

static bool
is_full(const struct session_hits *h)
{
	return h->n >= h->limit || h->bytes >= QUERY_RESULT_BYTES;
}

bool
session_hits_want(struct session_hits *h, const struct session_hit *key)
{
	if (!is_full(h) || comes_before(h, key, &h->list[0]))
		return true;
	h->left_out = true;
	return false;
}

void
session_hits_take(struct session_hits *h, const struct session_hit *take)
{
	struct session_hit *hit;

	if (h->n == h->cap) {
		h->cap = h->cap * 2 + 64;
		h->list = xreallocarray(h->list, h->cap, sizeof *h->list);
	}
	hit = &h->list[h->n];
	*hit = *take;
	/* A line of thousands of matches is told with its first only, once there are many. */
	if (h->nspans + hit->hit.nspans > SPANS_MAX)
		hit->hit.nspans = 1;
	hit->bytes += hit->hit.nspans * SPAN_BYTES;
	h->bytes += hit->bytes;
	h->nspans += hit->hit.nspans;
	sift_up(h, h->n++);
	while (h->n > h->limit || h->bytes - h->list[0].bytes >= QUERY_RESULT_BYTES)
		drop_last(h);
}

bool
session_hits_bound(const struct session_hits *h, int64_t *time_ms)
{
	if (!is_full(h))
		return false;
	*time_ms = h->list[0].hit.time_ms;
	return true;
}

/* As JSON. */

/* Whether it held any. */
static bool
mask(cJSON *text)
{
	char *masked = secrets_masked(cJSON_GetStringValue(text));
	bool any = masked != NULL;

	if (any)
		cJSON_SetValuestring(text, masked);
	free(masked);
	return any;
}

/* Spans into a text that is not shown as it is would say nothing. */
static void
mask_hit(cJSON *o)
{
	static const char *const around[] = {"before", "after"};
	cJSON *line;

	if (mask(cJSON_GetObjectItemCaseSensitive(o, "content")))
		cJSON_ReplaceItemInObjectCaseSensitive(o, "spans", json_array());
	for (int i = 0; i < 2; i++)
		cJSON_ArrayForEach (line, cJSON_GetObjectItemCaseSensitive(o, around[i]))
			mask(line);
}

static cJSON *
match(const struct session_hit *h)
{
	cJSON *o = json_object();

	cJSON_AddNumberToObject(o, "session", (double)h->session->id);
	json_add_text(o, "agent", h->session->agent);
	json_add_text(o, "native", h->session->native);
	json_add_text(o, "pane", h->session->pane);
	json_add_text(
	    o, "role", session_role_name(h->tool ? SESSION_ROLE_TOOL : (unsigned)h->role));
	json_add_text(o, "tool", h->name);
	cJSON_AddNumberToObject(o, "message", (double)h->row);
	cJSON_AddStringToObject(o, "field", !h->tool ? "text" : h->output ? "output" : "input");
	cJSON_AddBoolToObject(o, "hidden", h->hidden);
	search_json_hit(o, &h->hit);
	mask_hit(o);
	cJSON_AddStringToObject(o, "source", "sessions");
	return o;
}

cJSON *
session_hits_json(struct session_hits *h)
{
	cJSON *list = json_array();

	if (h->n != 0)
		qsort(h->list, h->n, sizeof *h->list, h->newest_first ? compare_back : compare);
	for (size_t i = 0; i < h->n; i++)
		cJSON_AddItemToArray(list, match(&h->list[i]));
	return list;
}
