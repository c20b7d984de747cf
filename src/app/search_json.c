#include "config.h"

#include "app/search_json.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "app/search.h"
#include "base/clock.h"
#include "proto/json.h"

static void
add_lines(cJSON *o, const char *name, const struct query_line *lines, uint32_t n)
{
	cJSON *list = cJSON_AddArrayToObject(o, name);

	for (uint32_t i = 0; i < n; i++)
		json_add_item(list, lines[i].text);
}

static cJSON *
match(const struct search_source *name, const struct query_hit *hit)
{
	cJSON *o = json_object(), *spans;
	char iso[CLOCK_ISO_LEN];

	cJSON_AddStringToObject(o, "pane", name->pane);
	cJSON_AddNumberToObject(o, "line", (double)hit->line);
	clock_iso(hit->time_ms, iso);
	cJSON_AddStringToObject(o, "time", iso);
	json_add_text(o, "content", hit->text.text);
	spans = cJSON_AddArrayToObject(o, "spans");
	for (uint32_t i = 0; i < hit->nspans; i++) {
		int pair[] = {(int)hit->spans[i].from, (int)hit->spans[i].to};
		cJSON_AddItemToArray(spans, cJSON_CreateIntArray(pair, 2));
	}
	add_lines(o, "before", hit->before, hit->nbefore);
	add_lines(o, "after", hit->after, hit->nafter);
	cJSON_AddStringToObject(o, "source", name->what);
	return o;
}

/* What all have in common, or "mixed". */
static const char *
common_source(const struct search_source *names, size_t n, unsigned sources)
{
	const char *what = NULL;

	for (size_t i = 0; i < n; i++) {
		if (what != NULL && strcmp(what, names[i].what) != 0)
			return "mixed";
		what = names[i].what;
	}
	if (what != NULL)
		return what;
	return sources & SEARCH_RING      ? "ring"
	       : sources & SEARCH_CAPTURE ? "capture"
					  : "archive";
}

cJSON *
search_json(
    const struct search_source *names, size_t n, unsigned sources, const struct query_result *r)
{
	cJSON *o = json_object(), *list = cJSON_AddArrayToObject(o, "matches");

	for (size_t i = 0; i < r->nhits; i++)
		cJSON_AddItemToArray(list, match(&names[r->hits[i].source], &r->hits[i]));
	cJSON_AddNumberToObject(o, "total", (double)r->total);
	cJSON_AddBoolToObject(o, "truncated", r->truncated);
	cJSON_AddBoolToObject(o, "partial", r->partial);
	cJSON_AddStringToObject(o, "source", common_source(names, n, sources));
	cJSON_AddNumberToObject(o, "scanned_lines", (double)r->scanned_lines);
	cJSON_AddNumberToObject(o, "scanned_bytes", (double)r->scanned_bytes);
	cJSON_AddNumberToObject(o, "elapsed_us", (double)r->elapsed_us);
	return o;
}

cJSON *
search_json_older(const struct search_source *names, const struct query_result *r)
{
	cJSON *o = json_object(), *list = cJSON_AddArrayToObject(o, "matches");

	for (size_t i = 0; i < r->nhits; i++) {
		const struct query_hit *hit = &r->hits[i];
		cJSON *m = json_object();

		cJSON_AddNumberToObject(m, "line", (double)hit->line);
		json_add_text(m, "content", hit->text.text);
		add_lines(m, "contextBefore", hit->before, hit->nbefore);
		add_lines(m, "contextAfter", hit->after, hit->nafter);
		cJSON_AddItemToArray(list, m);
	}
	cJSON_AddNumberToObject(o, "total", (double)r->total);
	cJSON_AddBoolToObject(o, "truncated", r->truncated);
	cJSON_AddStringToObject(o, "source", names[0].what != NULL ? names[0].what : "ring");
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
