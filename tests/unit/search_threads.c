/* Pieces of a query, run by several threads under ThreadSanitizer: the same hits as in one. */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "search/pattern.h"
#include "search/query.h"

enum { PANES = 3, LINES = 60000, THREADS = 4 };

static struct query *query;
static atomic_size_t next_piece;

static void *
work(void *arg)
{
	size_t i;

	while ((i = atomic_fetch_add(&next_piece, 1)) < query_pieces(query))
		query_run_piece(query, i);
	return arg;
}

static struct history *
fill(int pane)
{
	struct history *h =
	    history_new(&(struct history_limits){.lines = LINES, .bytes = 64 << 20}, NULL);
	char line[128];

	for (int i = 0; i < LINES; i++) {
		int n = snprintf(line, sizeof line,
		    "pane %d has a line that is the number %d, and some more text behind it",
		    pane, i * 7 % 1000);

		history_push(h, line, (size_t)n, NULL, 0, i, (uint64_t)i, 0);
	}
	return h;
}

static bool
same(const struct query_result *a, const struct query_result *b)
{
	if (a->nhits != b->nhits || a->truncated != b->truncated || a->partial || b->partial)
		return false;
	for (size_t i = 0; i < a->nhits; i++)
		if (a->hits[i].source != b->hits[i].source ||
		    a->hits[i].line != b->hits[i].line)
			return false;
	return true;
}

static bool
ask(const char *text, const struct query_source *sources, bool newest_first)
{
	struct query_options o = QUERY_OPTIONS_INIT;
	struct query_result alone, together;
	pthread_t threads[THREADS];
	struct pattern *p;
	bool ok;

	if (pattern_new(&p, text, strlen(text), 0, NULL, NULL) < 0)
		return false;
	o.newest_first = newest_first;
	o.budget_us = 0;
	query_run(p, sources, PANES, &o, &alone);
	query = query_new(p, sources, PANES, &o);
	atomic_store(&next_piece, 0);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	query_finish(query, &together);
	ok = same(&alone, &together);
	query_free(query);
	query_result_release(&alone);
	query_result_release(&together);
	pattern_free(p);
	return ok;
}

int
main(void)
{
	static const char *const patterns[] = {
	    "number 77\\d", "number", "nothing", "(\\w+) \\1"};
	struct query_source sources[PANES] = {{0}};
	struct history_view views[PANES];
	struct history *h[PANES];
	int failed = 0;

	for (int i = 0; i < PANES; i++) {
		h[i] = fill(i);
		history_view(h[i], 0, UINT64_MAX, &views[i]);
		sources[i].history = &views[i];
	}
	for (size_t i = 0; i < 2 * sizeof patterns / sizeof *patterns; i++)
		if (!ask(patterns[i / 2], sources, i % 2)) {
			printf("%s: not the same\n", patterns[i / 2]);
			failed = 1;
		}
	for (int i = 0; i < PANES; i++) {
		history_view_release(&views[i]);
		history_free(h[i]);
	}
	return failed;
}
