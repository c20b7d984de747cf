#include "config.h"

#include "app/search_json.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "app/search.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "proto/json.h"

static void
add_lines(cJSON *o, const char *name, const struct query_line *lines, uint32_t n)
{
	cJSON *list = cJSON_AddArrayToObject(o, name);

	for (uint32_t i = 0; i < n; i++)
		json_add_item(list, lines[i].text);
}

struct search_batch *
search_add_batch(struct search_found *f, size_t n)
{
	struct search_batch *b;

	if (f->n == f->cap) {
		f->cap = f->cap * 2 + 4;
		f->batches = xreallocarray(f->batches, f->cap, sizeof *f->batches);
	}
	b = &f->batches[f->n++];
	*b = (struct search_batch){.n = n};
	b->names = xcalloc(n + 1, sizeof *b->names);
	return b;
}

void
search_found_release(struct search_found *f)
{
	for (size_t i = 0; i < f->n; i++) {
		query_result_release(&f->batches[i].result);
		for (size_t j = 0; j < f->batches[i].n; j++)
			free(f->batches[i].names[j].pane);
		free(f->batches[i].names);
	}
	free(f->batches);
	*f = (struct search_found){0};
}

/* Putting them in order. */

struct ordered {
	const struct query_hit *hit;
	const struct search_source *name;
	size_t place; /* as they were found, which decides among equals */
};

static int
by_time(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->hit->time_ms != y->hit->time_ms)
		return x->hit->time_ms < y->hit->time_ms ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static int
by_time_back(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->hit->time_ms != y->hit->time_ms)
		return x->hit->time_ms > y->hit->time_ms ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static struct ordered *
put_in_order(const struct search_found *f, bool newest_first, size_t *n)
{
	struct ordered *list;
	size_t count = 0;

	for (size_t i = 0; i < f->n; i++)
		count += f->batches[i].result.nhits;
	list = xcalloc(count + 1, sizeof *list);
	*n = 0;
	for (size_t i = 0; i < f->n; i++) {
		const struct search_batch *b = &f->batches[i];

		for (size_t j = 0; j < b->result.nhits; j++) {
			const struct query_hit *hit = &b->result.hits[j];
			list[*n] = (struct ordered){hit, &b->names[hit->source], *n};
			++*n;
		}
	}
	qsort(list, *n, sizeof *list, newest_first ? by_time_back : by_time);
	return list;
}

bool
search_bound(const struct search_found *f, unsigned limit, bool newest_first, int64_t *time_ms)
{
	struct ordered *list;
	size_t n;

	list = put_in_order(f, newest_first, &n);
	if (n >= limit)
		*time_ms = list[limit - 1].hit->time_ms;
	free(list);
	return n >= limit;
}

/* As JSON. */

void
search_json_hit(cJSON *o, const struct query_hit *hit)
{
	char iso[CLOCK_ISO_LEN];
	cJSON *spans;

	cJSON_AddNumberToObject(o, "line", (double)hit->line);
	clock_iso(hit->time_ms, iso);
	json_add_text(o, "time", hit->time_ms != 0 ? iso : NULL);
	json_add_text(o, "content", hit->text.text);
	spans = cJSON_AddArrayToObject(o, "spans");
	for (uint32_t i = 0; i < hit->nspans; i++) {
		int pair[] = {(int)hit->spans[i].from, (int)hit->spans[i].to};
		cJSON_AddItemToArray(spans, cJSON_CreateIntArray(pair, 2));
	}
	add_lines(o, "before", hit->before, hit->nbefore);
	add_lines(o, "after", hit->after, hit->nafter);
}

static cJSON *
match(const struct search_source *name, const struct query_hit *hit)
{
	cJSON *o = json_object();
	char iso[CLOCK_ISO_LEN];

	cJSON_AddStringToObject(o, "pane", name->pane);
	if (name->run_ms != 0) {
		clock_iso(name->run_ms, iso);
		cJSON_AddStringToObject(o, "run", iso);
	}
	search_json_hit(o, hit);
	cJSON_AddStringToObject(o, "source", name->what);
	return o;
}

/* What all hits have in common, or "mixed"; without hits, what was asked for. */
static const char *
common_source(const struct ordered *list, size_t n, unsigned sources)
{
	for (size_t i = 1; i < n; i++)
		if (strcmp(list[i].name->what, list[0].name->what) != 0)
			return "mixed";
	if (n != 0)
		return list[0].name->what;
	return sources & SEARCH_RING      ? "ring"
	       : sources & SEARCH_CAPTURE ? "capture"
					  : "archive";
}

cJSON *
search_json(const struct search_found *f, unsigned sources, const struct query_options *options,
    uint64_t elapsed_us)
{
	cJSON *o = json_object(), *matches = cJSON_AddArrayToObject(o, "matches");
	bool truncated = f->truncated, partial = f->partial;
	uint64_t total = 0, lines = f->lines, bytes = f->bytes;
	struct ordered *list;
	size_t n;

	list = put_in_order(f, options->newest_first, &n);
	for (size_t i = 0; i < f->n; i++) {
		const struct query_result *r = &f->batches[i].result;

		total += r->total;
		lines += r->scanned_lines;
		bytes += r->scanned_bytes;
		truncated = truncated || r->truncated;
		partial = partial || r->partial;
	}
	truncated = truncated || n > options->limit;
	if (n > options->limit)
		n = options->limit;
	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(matches, match(list[i].name, list[i].hit));
	cJSON_AddNumberToObject(o, "total", (double)total);
	cJSON_AddBoolToObject(o, "truncated", truncated);
	cJSON_AddBoolToObject(o, "partial", partial);
	cJSON_AddStringToObject(o, "source", common_source(list, n, sources));
	cJSON_AddNumberToObject(o, "scanned_lines", (double)lines);
	cJSON_AddNumberToObject(o, "scanned_bytes", (double)bytes);
	cJSON_AddNumberToObject(o, "elapsed_us", (double)elapsed_us);
	free(list);
	return o;
}

cJSON *
search_json_older(const struct search_found *f)
{
	cJSON *o = json_object(), *list = cJSON_AddArrayToObject(o, "matches");
	const struct query_result *r = &f->batches[0].result;

	const char *source = "ring";

	for (size_t i = 0; i < r->nhits; i++) {
		const struct query_hit *hit = &r->hits[i];
		cJSON *m = json_object();

		if (strcmp(f->batches[0].names[hit->source].what, "capture") == 0)
			source = "capture";
		cJSON_AddNumberToObject(m, "line", (double)hit->line);
		json_add_text(m, "content", hit->text.text);
		add_lines(m, "contextBefore", hit->before, hit->nbefore);
		add_lines(m, "contextAfter", hit->after, hit->nafter);
		cJSON_AddItemToArray(list, m);
	}
	cJSON_AddNumberToObject(o, "total", (double)r->total);
	cJSON_AddBoolToObject(o, "truncated", r->truncated);
	cJSON_AddStringToObject(o, "source", source);
	return o;
}

cJSON *
search_json_bad_pattern(bool older, const struct pattern_error *error, const char *cause)
{
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "error", older ? "bad_query" : "bad_pattern");
	json_add_text(o, "message", cause);
	if (older) {
		json_add_text(o, "details", cause);
		return o;
	}
	cJSON_AddNumberToObject(o, "offset", (double)error->offset);
	cJSON_AddNumberToObject(o, "which", (double)error->which);
	return o;
}
