/*
 * Lines of the archive by number, in the shape of a capture. They are read on the thread pool: the
 * records of the pane that the range touches, each of which has a table of styles of its own.
 */
#include "config.h"

#include "app/archive_lines.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "app/app_priv.h"
#include "app/archiver.h"
#include "app/job_panes.h"
#include "app/lines_json.h"
#include "app/mux.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "history/history.h"
#include "proto/json.h"
#include "store/archive.h"

enum { RANGE_MAX = 10000, NO_STYLE = UINT16_MAX };

struct reading {
	uv_work_t work;
	struct app *app;
	struct http_req *req; /* NULL: the client has gone */
	char id[ID_MAX + 1];
	int64_t run_ms; /* start of the daemon that had it; 0: what is there now */
	struct archive_run runs[1 + MUX_SERVERS_MAX];
	size_t nruns;
	uint64_t from, to;
	bool last; /* of too many the last ones, not the first */

	uint64_t first_line, last_line; /* that the archive has; 0: nothing */
	struct styles *styles;
	bool *used;
	struct style_run *line_runs;
	cJSON *lines;
	char *answer;
};

/* On the pool. */

static bool
wanted(const struct archive_run *run, const char *id, void *arg)
{
	const struct reading *r = arg;

	if (strcmp(id, r->id) != 0)
		return false;
	if (r->run_ms != 0)
		return run->started_ms == r->run_ms;
	for (size_t i = 0; i < r->nruns; i++)
		if (run->started_ms == r->runs[i].started_ms && run->pid == r->runs[i].pid)
			return true;
	return job_panes_is_run(run);
}

static void
find_ends(struct reading *r, const struct archive_snapshot *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct archive_record *a = &s->records[i];

		if (a->gap || a->lines == 0)
			continue;
		if (r->first_line == 0 || a->first < r->first_line)
			r->first_line = a->first;
		if (a->first + a->lines - 1 > r->last_line)
			r->last_line = a->first + a->lines - 1;
	}
	if (r->from < r->first_line)
		r->from = r->first_line;
	if (r->to > r->last_line)
		r->to = r->last_line;
	if (r->to < r->from || r->to - r->from < RANGE_MAX)
		return;
	if (r->last)
		r->from = r->to - RANGE_MAX + 1;
	else
		r->to = r->from + RANGE_MAX - 1;
}

/* An id of the block's as one of the answer's. */
static uint16_t
style_of(struct reading *r, const struct archive_block *b, uint16_t *ids, unsigned id)
{
	if (id >= b->nstyles)
		return 0;
	if (ids[id] == NO_STYLE) {
		struct style style = b->styles[id];

		style.link = 0;
		ids[id] = style_add(r->styles, &style);
	}
	return ids[id];
}

static void
add_block(struct reading *r, const struct archive_block *b)
{
	const struct slab_extent *extent = slab_extent(b->slab);
	uint16_t *ids = xreallocarray(NULL, b->nstyles, sizeof *ids);
	struct slab_cursor cursor;
	struct slab_line s;

	for (unsigned i = 0; i < b->nstyles; i++)
		ids[i] = NO_STYLE;
	slab_seek(&cursor, b->slab, extent, 0);
	while (slab_next(&cursor, &s) && s.number <= r->to) {
		struct text_line l = {s.number, s.time_ms, s.text, s.len, r->line_runs, 0};

		if (s.number < r->from)
			continue;
		l.nruns = slab_runs(b->slab, extent, &s, r->line_runs, HISTORY_RUNS_MAX);
		for (size_t i = 0; i < l.nruns; i++)
			r->line_runs[i].style = style_of(r, b, ids, r->line_runs[i].style);
		lines_json_add(r->lines, &l, r->used);
	}
	free(ids);
}

static void
add_lines(struct reading *r, struct archive_snapshot *s)
{
	struct archive_block block = {0};

	r->styles = styles_new();
	r->used = xcalloc(STYLE_MAX, sizeof *r->used);
	r->line_runs = xreallocarray(NULL, HISTORY_RUNS_MAX, sizeof *r->line_runs);
	for (size_t i = 0; i < s->n; i++) {
		const struct archive_record *a = &s->records[i];

		if (!a->gap && a->lines != 0 && a->first <= r->to &&
		    a->first + a->lines > r->from && archive_read(s, a, &block, NULL) == 0)
			add_block(r, &block);
	}
	archive_block_release(&block);
}

static void
read_work(uv_work_t *w)
{
	struct reading *r = w->data;
	struct archive_query q = {.wanted = wanted, .arg = r};
	struct archive_snapshot s;
	cJSON *o;

	archive_snapshot(r->app->archive, &q, &s);
	find_ends(r, &s);
	if (r->last_line != 0) {
		o = json_object();
		cJSON_AddStringToObject(o, "pane", r->id);
		cJSON_AddNumberToObject(o, "first_line", (double)r->first_line);
		cJSON_AddNumberToObject(o, "last_line", (double)r->last_line);
		r->lines = cJSON_AddArrayToObject(o, "lines");
		add_lines(r, &s);
		cJSON_AddItemToObject(o, "styles", lines_json_styles(r->styles, r->used));
		r->answer = json_print_take(o);
	}
	archive_snapshot_release(&s);
}

/* On the loop. */

static void
read_done(uv_work_t *w, int status)
{
	struct reading *r = w->data;

	(void)status;
	archiver_unuse(r->app);
	if (r->req != NULL && r->answer == NULL)
		http_reply_error(
		    r->req, 404, "no_such_lines", "the archive has no line of %s", r->id);
	else if (r->req != NULL) {
		http_reply_take(r->req, 200, "application/json", r->answer, strlen(r->answer));
		r->answer = NULL;
	}
	if (r->styles != NULL)
		styles_free(r->styles);
	free(r->used);
	free(r->line_runs);
	free(r->answer);
	free(r);
}

static void
asker_gone(void *arg)
{
	((struct reading *)arg)->req = NULL;
}

static bool
read_args(struct http_req *q, struct reading *r)
{
	const char *pane = http_query(q, "pane"), *run = http_query(q, "run");

	if (pane == NULL || !str_id_valid(pane)) {
		http_reply_error(q, 400, "bad_params", "pane must be the id of one");
		return false;
	}
	if (run != NULL &&
	    (clock_parse(run, clock_wall_ms(), &r->run_ms) != 0 || r->run_ms <= 0)) {
		http_reply_error(
		    q, 400, "bad_params", "run must be a time, as a match of a search has it");
		return false;
	}
	if (!http_query_u64(q, "from", 1, INT64_MAX, 1, &r->from) ||
	    !http_query_u64(q, "to", 1, INT64_MAX, INT64_MAX, &r->to))
		return false;
	if (r->from > r->to) {
		http_reply_error(q, 400, "bad_params", "from must not be behind to");
		return false;
	}
	r->last = http_query(q, "from") == NULL;
	snprintf(r->id, sizeof r->id, "%s", pane);
	return true;
}

void
archive_lines(struct http_req *q, void *arg)
{
	struct app *a = arg;
	struct reading *r = xcalloc(1, sizeof *r);

	r->app = a;
	r->req = q;
	r->work.data = r;
	if (!read_args(q, r)) {
		free(r);
		return;
	}
	if (a->archive == NULL) {
		http_reply_error(q, 404, "no_such_lines", "there is no archive");
		free(r);
		return;
	}
	r->runs[0] = (struct archive_run){a->cfg.daemon_started_ms, a->cfg.daemon_pid};
	r->nruns = 1 + mux_runs(a, r->runs + 1);
	archiver_use(a);
	http_on_gone(q, asker_gone, r);
	uv_queue_work(a->loop, &r->work, read_work, read_done);
}
