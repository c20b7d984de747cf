#include "config.h"

#include "cli/search_print.h"

#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "cli/columns.h"
#include "cli/put.h"
#include "cli/search.h"
#include "proto/json.h"

/* What grep has without GREP_COLORS. */
#define COLOR_PANE "\033[35m"
#define COLOR_LINE "\033[32m"
#define COLOR_SEPARATOR "\033[36m"
#define COLOR_MATCH "\033[01;31m"
#define COLOR_END "\033[m"

static void
put(const struct search_style *s, const char *text, size_t len)
{
	unsigned left = UINT_MAX;
	struct buf b;

	if (!s->harmless) {
		fwrite(text, 1, len, stdout);
		return;
	}
	buf_init(&b, BUF_NO_MAX);
	columns_put(&b, text, len, &left);
	if (b.len != 0)
		fwrite(b.data, 1, b.len, stdout);
	buf_release(&b);
}

static void
put_in(const struct search_style *s, const char *color, const char *text, size_t len)
{
	if (s->color)
		fputs(color, stdout);
	put(s, text, len);
	if (s->color)
		fputs(COLOR_END, stdout);
}

static void
print_prefix(const struct search_style *s, const char *pane, uint64_t line, const char *between)
{
	char number[24];
	int n = snprintf(number, sizeof number, "%" PRIu64, line);

	if (s->pane) {
		put_in(s, COLOR_PANE, pane, strlen(pane));
		put_in(s, COLOR_SEPARATOR, between, 1);
	}
	if (s->line) {
		put_in(s, COLOR_LINE, number, (size_t)n);
		put_in(s, COLOR_SEPARATOR, between, 1);
	}
}

/* Objects */

static void
print_json(cJSON *take)
{
	char *text = json_print_take(take);

	put_json_line(text);
	free(text);
}

/* More context may have been asked for than is wanted on one of the sides. */
static void
print_hit_json(const struct search_style *s, const struct search_hit *h)
{
	for (unsigned n = h->nbefore; n > s->before; n--)
		cJSON_DeleteItemFromArray(h->before, 0);
	for (unsigned n = h->nafter; n > s->after; n--)
		cJSON_DeleteItemFromArray(h->after, (int)n - 1);
	print_json(cJSON_Duplicate(h->json, 1));
}

/* Lines */

static void
print_hit(const struct search_style *s, const struct search_hit *h)
{
	size_t len = strlen(h->content), at = 0, from, to;
	const cJSON *span = NULL;

	print_prefix(s, h->pane, h->line, ":");
	while (s->color && search_span(h, len, &span, &from, &to)) {
		put(s, h->content + at, from - at);
		if (to > from)
			put_in(s, COLOR_MATCH, h->content + from, to - from);
		at = to;
	}
	put(s, h->content + at, len - at);
	putchar('\n');
}

static void
print_parts(const struct search_style *s, const struct search_hit *h)
{
	size_t len = strlen(h->content), from, to;
	const cJSON *span = NULL;

	while (search_span(h, len, &span, &from, &to)) {
		if (from == to)
			continue;
		print_prefix(s, h->pane, h->line, ":");
		put_in(s, COLOR_MATCH, h->content + from, to - from);
		putchar('\n');
	}
}

static void
print_plain(const struct search_answer *a, const struct search_style *s)
{
	for (size_t i = 0; i < a->n; i++) {
		if (s->json)
			print_hit_json(s, &a->hits[i]);
		else if (s->what == SEARCH_PARTS)
			print_parts(s, &a->hits[i]);
		else
			print_hit(s, &a->hits[i]);
	}
}

/* Groups */

struct place {
	const struct search_hit *hit;
	size_t rank; /* in the answer */
};

struct group {
	size_t from, n; /* places */
	size_t rank;    /* of its first in the answer */
};

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static int
compare_places(const void *x, const void *y)
{
	const struct search_hit *a = ((const struct place *)x)->hit,
				*b = ((const struct place *)y)->hit;
	int c = strcmp(a->pane, b->pane);

	if (c == 0 && a->message != b->message)
		c = a->message < b->message ? -1 : 1;
	if (c == 0 && a->field != NULL)
		c = strcmp(a->field, b->field);
	return c != 0 ? c : a->line < b->line ? -1 : a->line > b->line;
}

static int
compare_groups(const void *x, const void *y)
{
	size_t a = ((const struct group *)x)->rank, b = ((const struct group *)y)->rank;

	return a < b ? -1 : a > b;
}

/* Whether their numbers are of the same lines: of a pane, or of one text in a session. */
static bool
count_together(const struct search_hit *a, const struct search_hit *b)
{
	return strcmp(a->pane, b->pane) == 0 && a->message == b->message &&
	       (a->field == NULL || strcmp(a->field, b->field) == 0);
}

/* Whether nothing lies between two hits and their context. */
static bool
touch(const struct search_style *s, const struct search_hit *a, const struct search_hit *b)
{
	return count_together(a, b) && a->line + least(s->after, a->nafter) + 1 >=
					   b->line - least(s->before, b->nbefore);
}

static size_t
make_groups(
    const struct search_style *s, const struct place *places, size_t n, struct group *groups)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !touch(s, places[i - 1].hit, places[i].hit))
			groups[count++] = (struct group){.from = i, .rank = places[i].rank};
		groups[count - 1].n++;
		if (places[i].rank < groups[count - 1].rank)
			groups[count - 1].rank = places[i].rank;
	}
	qsort(groups, count, sizeof *groups, compare_groups);
	return count;
}

/* Those of the list's lines, which begin at number `first`, that lie in from..to-1. */
static void
print_context(const struct search_style *s, const char *pane, const cJSON *list, uint64_t first,
    uint64_t from, uint64_t to)
{
	const cJSON *o;

	cJSON_ArrayForEach (o, list) {
		const char *text = cJSON_GetStringValue(o);
		uint64_t line = first++;

		if (line < from || line >= to || text == NULL)
			continue;
		print_prefix(s, pane, line, "-");
		put(s, text, strlen(text));
		putchar('\n');
	}
}

static void
print_group(const struct search_style *s, const struct place *places, size_t n)
{
	uint64_t next = 0, from, to;

	for (size_t i = 0; i < n; i++) {
		const struct search_hit *h = places[i].hit;

		from = h->line - least(s->before, h->nbefore);
		print_context(s, h->pane, h->before, h->line - h->nbefore,
		    from > next ? from : next, h->line);
		print_hit(s, h);
		to = h->line + 1 + least(s->after, h->nafter);
		if (i + 1 < n && to > places[i + 1].hit->line)
			to = places[i + 1].hit->line;
		print_context(s, h->pane, h->after, h->line + 1, h->line + 1, to);
		next = to;
	}
}

static void
print_groups(const struct search_answer *a, const struct search_style *s)
{
	struct place *places = xcalloc(a->n + 1, sizeof *places);
	struct group *groups = xcalloc(a->n + 1, sizeof *groups);
	size_t n;

	for (size_t i = 0; i < a->n; i++)
		places[i] = (struct place){&a->hits[i], i};
	qsort(places, a->n, sizeof *places, compare_places);
	n = make_groups(s, places, a->n, groups);
	for (size_t i = 0; i < n; i++) {
		if (i != 0) {
			put_in(s, COLOR_SEPARATOR, "--", 2);
			putchar('\n');
		}
		print_group(s, places + groups[i].from, groups[i].n);
	}
	free(places);
	free(groups);
}

/* Panes */

static void
print_pane(const struct search_style *s, const char *pane, size_t count)
{
	cJSON *o;

	if (s->json) {
		o = json_object();
		if (s->sessions)
			cJSON_AddNumberToObject(o, "session", strtod(pane, NULL));
		else
			cJSON_AddStringToObject(o, "pane", pane);
		if (s->what == SEARCH_COUNTS)
			cJSON_AddNumberToObject(o, "count", (double)count);
		print_json(o);
		return;
	}
	if (s->pane || s->what == SEARCH_PANES)
		put_in(s, COLOR_PANE, pane, strlen(pane));
	if (s->pane && s->what == SEARCH_COUNTS)
		put_in(s, COLOR_SEPARATOR, ":", 1);
	if (s->what == SEARCH_COUNTS)
		printf("%zu", count);
	putchar('\n');
}

/* There are hundreds of panes at most, and hits are few: each is looked for. */
static void
print_panes(const struct search_answer *a, const struct search_style *s)
{
	size_t *counts = xcalloc(a->n + 1, sizeof *counts), n = 0, p;
	const char **panes = xcalloc(a->n + 1, sizeof *panes);

	for (size_t i = 0; i < a->n; i++) {
		for (p = 0; p < n && strcmp(panes[p], a->hits[i].pane) != 0; p++)
			;
		if (p == n)
			panes[n++] = a->hits[i].pane;
		counts[p]++;
	}
	for (p = 0; p < n; p++)
		print_pane(s, panes[p], counts[p]);
	free(counts);
	free(panes);
}

void
search_print(const struct search_answer *a, const struct search_style *s)
{
	if (s->what == SEARCH_COUNTS || s->what == SEARCH_PANES)
		print_panes(a, s);
	else if (s->what == SEARCH_LINES && s->context && !s->json)
		print_groups(a, s);
	else if (s->what != SEARCH_STATUS)
		print_plain(a, s);
}
