#include "config.h"

#include "app/search_archive.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "app/job_panes.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "history/history.h"
#include "store/archive.h"

enum { BATCH = 16 }; /* records that are unpacked at a time: up to 4 MiB */

/* One record, unpacked, as a history that a query can search. */
struct unpacked {
	struct archive_block block;
	struct history *history;
	struct history_view view;
	const struct archive_record *record;
};

struct walk {
	const struct archive_search *s;
	struct search_found *found;
	struct archive_snapshot records;
	struct unpacked slots[BATCH];
	size_t n; /* of them in use */
};

static bool
is_same(const struct archive_run *a, const struct archive_run *b)
{
	return a->started_ms == b->started_ms && a->pid == b->pid;
}

static bool
is_ours(const struct archive_search *s, const struct archive_run *run)
{
	for (size_t i = 0; i < s->nruns; i++)
		if (is_same(run, &s->runs[i]))
			return true;
	return job_panes_is_run(run);
}

static const struct archive_live *
live_pane(const struct archive_search *s, const struct archive_run *run, const char *id)
{
	for (size_t i = 0; i < s->nlive; i++)
		if (is_same(run, &s->live[i].run) && strcmp(s->live[i].pane, id) == 0)
			return &s->live[i];
	return NULL;
}

/* By id; by name only panes that are still listed can be meant. */
static bool
wanted(const struct archive_run *run, const char *id, void *arg)
{
	const struct archive_search *s = arg;
	bool job = job_panes_is_run(run);

	if (s->jobs ? !job : job && !job_panes_glob(s->glob))
		return false;
	return s->glob == NULL || fnmatch(s->glob, id, 0) == 0 || live_pane(s, run, id) != NULL;
}

static int
oldest_first(const void *a, const void *b)
{
	const struct archive_record *x = a, *y = b;

	if (x->first_ms != y->first_ms)
		return x->first_ms < y->first_ms ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static int
newest_first(const void *a, const void *b)
{
	const struct archive_record *x = a, *y = b;

	if (x->last_ms != y->last_ms)
		return x->last_ms > y->last_ms ? -1 : 1;
	return x->first > y->first ? -1 : x->first < y->first;
}

static void *
no_block(void *arg)
{
	(void)arg;
	return NULL;
}

static void
keep_block(void *arg, void *block)
{
	(void)arg;
	(void)block;
}

/* Lines from..to of a block as a view. */
static bool
open_view(struct unpacked *u, uint64_t to)
{
	static const struct history_limits limits = {UINT64_MAX, UINT64_MAX};
	static const struct history_allocator allocator = {no_block, keep_block, NULL};

	u->history = history_new(&limits, &allocator);
	if (history_adopt(u->history, u->block.slab, false) != 0) {
		history_free(u->history);
		u->history = NULL;
		return false;
	}
	history_view(u->history, u->record->first, to, &u->view);
	return true;
}

static bool
may_match(struct walk *w, const struct archive_record *r)
{
	const char *literal;
	size_t len;
	bool caseless;

	if (!pattern_literal(w->s->pattern, &literal, &len, &caseless))
		return true;
	return archive_may_contain(&w->records, r, literal, len, caseless) != 0;
}

static void
unpack(struct walk *w, const struct archive_record *r)
{
	const struct archive_live *live = live_pane(w->s, &r->run, r->id);
	uint64_t to = r->first + r->lines - 1;
	struct unpacked *u = &w->slots[w->n];

	if (live != NULL && live->first != 0 && live->first <= to)
		to = live->first - 1;
	if (r->gap || r->lines == 0 || to < r->first || to == UINT64_MAX)
		return;
	w->found->lines += to - r->first + 1;
	w->found->bytes += r->text;
	if (!may_match(w, r) || archive_read(&w->records, r, &u->block, NULL) != 0)
		return;
	u->record = r;
	if (open_view(u, to))
		w->n++;
}

static void
name_batch(struct walk *w, struct search_source *names)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct archive_record *r = w->slots[i].record;

		names[i].pane = xstrdup(r->id);
		names[i].what = "archive";
		names[i].run_ms = is_ours(w->s, &r->run) ? 0 : r->run.started_ms;
	}
}

static void
search_batch(struct walk *w)
{
	struct query_source sources[BATCH] = {0};
	struct query_options options = *w->s->options;
	struct search_batch *b = search_add_batch(w->found, w->n);
	uint64_t now = clock_mono_us();

	for (size_t i = 0; i < w->n; i++)
		sources[i].history = &w->slots[i].view;
	options.budget_us = now < w->s->deadline_us ? w->s->deadline_us - now : 1;
	name_batch(w, b->names);
	query_run(w->s->pattern, sources, w->n, &options, &b->result);
	b->result.scanned_lines = b->result.scanned_bytes = 0; /* counted by records */
	for (size_t i = 0; i < w->n; i++) {
		history_view_release(&w->slots[i].view);
		history_free(w->slots[i].history);
	}
	w->n = 0;
}

/* Whether lines of the record can still be among the first. */
static bool
matters(const struct walk *w, const struct archive_record *r)
{
	const struct query_options *o = w->s->options;
	int64_t bound;

	if (!search_bound(w->found, o->limit, o->newest_first, &bound))
		return true;
	return o->newest_first ? r->last_ms >= bound : r->first_ms <= bound;
}

static bool
is_over(const struct walk *w)
{
	return clock_mono_us() >= w->s->deadline_us || atomic_load(w->s->options->cancel) != 0;
}

static void
go_through(struct walk *w)
{
	size_t n = w->records.n, i;

	for (i = 0; i < n; i++) {
		if (is_over(w)) {
			w->found->partial = true;
			break;
		}
		unpack(w, &w->records.records[i]);
		if (w->n < BATCH && i + 1 < n)
			continue;
		if (w->n != 0)
			search_batch(w);
		if (i + 1 < n && !matters(w, &w->records.records[i + 1])) {
			w->found->truncated = true;
			break;
		}
	}
	if (w->n != 0)
		search_batch(w);
}

void
search_archive(const struct archive_search *s, struct search_found *found)
{
	struct walk *w = xcalloc(1, sizeof *w);
	struct archive_query q = {.from_ms = s->options->since_ms,
	    .to_ms = s->options->until_ms == INT64_MAX ? 0 : s->options->until_ms,
	    .wanted = wanted,
	    .arg = (void *)s};

	w->s = s;
	w->found = found;
	archive_snapshot(s->archive, &q, &w->records);
	if (w->records.n != 0)
		qsort(w->records.records, w->records.n, sizeof *w->records.records,
		    s->options->newest_first ? newest_first : oldest_first);
	go_through(w);
	for (size_t i = 0; i < BATCH; i++)
		archive_block_release(&w->slots[i].block);
	archive_snapshot_release(&w->records);
	free(w);
}
