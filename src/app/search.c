#include "config.h"

#include "app/search.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "app/archiver.h"
#include "app/job_panes.h"
#include "app/mux.h"
#include "app/search_archive.h"
#include "app/search_capture.h"
#include "app/search_json.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "pane/record.h"
#include "proto/json.h"

enum {
	RUNNING_MAX = 2,  /* searches at a time */
	THREADS_MAX = 4,  /* of one: libuv's pool has no more */
	SMALL_PIECES = 4, /* up to these a second hand-over costs more than it saves */
};

struct step {
	uv_work_t work;
	struct search *search;
};

struct search {
	struct search *prev, *next;
	struct app *app;
	struct http_req *req; /* NULL: the client has gone */
	char *patterns[PATTERN_LIST_MAX], *pane;
	char *tool, *session, *agent; /* of SEARCH_SESSIONS */
	struct search_spec spec;      /* its strings are the copies above */
	struct grabs *grabs;          /* NULL: tmux is not asked */
	bool asking, running;

	struct record_view *views; /* one a pane; what comes from tmux has none */
	struct archive_live *live;
	struct archive_run runs[1 + MUX_SERVERS_MAX];
	size_t nruns;
	struct search_found found; /* its first batch has the names of the sources */
	uint64_t began_us;
	struct query_source *sources;
	struct scan_line **screens;
	bool *captured;
	int64_t *times;
	size_t n;

	struct pattern *pattern;
	struct query *query;
	atomic_int cancel;
	atomic_size_t next_piece;
	atomic_uint busy; /* steps that are still at work */
	unsigned steps_left;
	struct step steps[THREADS_MAX];

	bool done; /* there is an answer */
	int status;
	char *answer;
	size_t answer_len;
};

/* Sources. */

static bool
is_meant(const struct search *s, const struct entry *e)
{
	if (!e->listed && e->job == NULL)
		return false;
	if (s->spec.one)
		return strcmp(pane_id(e->pane), s->pane) == 0;
	if (s->spec.jobs ? e->job == NULL : e->job != NULL && !job_panes_glob(s->pane))
		return false;
	return s->pane == NULL || entry_matches(e, s->pane);
}

static struct scan_line *
screen_lines(const struct record_view *v, int64_t time_ms)
{
	const struct term_text *t = &v->screen;
	struct scan_line *lines = xcalloc(t->used + 1, sizeof *lines);

	for (size_t i = 0; i < t->used; i++)
		lines[i] = (struct scan_line){
		    t->text + t->lines[i].text, t->lines[i].len, v->first_line + i, time_ms};
	return lines;
}

static void
name_source(struct search *s, size_t i, const char *pane, const char *what)
{
	s->found.batches[0].names[i].pane = xstrdup(pane);
	s->found.batches[0].names[i].what = what;
	s->found.batches[0].n = s->n;
	s->live[i].pane = s->found.batches[0].names[i].pane;
}

/* tmux's lines are made on the pool, from the view of the source that follows. They come first,
 * as they are older than those of one moment that are here. */
static bool
add_captured(struct search *s, struct entry *e)
{
	const char *id = pane_id(e->pane);
	bool answered;

	if (s->grabs == NULL || !grabs_has(s->grabs, id, &answered) || !answered)
		return false;
	name_source(s, s->n++, id, "capture");
	s->captured[s->n - 1] = true;
	return true;
}

static void
add_source(struct search *s, struct entry *e)
{
	bool ring = (s->spec.sources & SEARCH_RING) != 0;
	bool own = ring || (s->spec.sources & SEARCH_CAPTURE);
	/* All that tmux has is more than what is here. */
	bool less = add_captured(s, e) && !ring;
	size_t i = s->n++;
	struct record_view *v = &s->views[i];

	record_view(pane_record(e->pane), UINT64_MAX, true, false, v);
	name_source(
	    s, i, pane_id(e->pane), ring || pane_is_remote(e->pane) ? "ring" : "capture");
	s->live[i].run = archiver_run(e);
	if (own || (s->spec.sources & SEARCH_PAST))
		s->live[i].first = v->history.n != 0 ? v->history.first : v->first_line;
	s->screens[i] = screen_lines(v, pane_last_activity(e->pane));
	s->times[i] = pane_last_activity(e->pane);
	if (own && !less)
		s->sources[i] =
		    (struct query_source){&v->history, s->screens[i], v->screen.used};
}

static void
take_sources(struct search *s)
{
	struct app *a = s->app;
	size_t max = 2 * a->entry_count + 1;
	struct entry *e;

	s->views = xcalloc(max, sizeof *s->views);
	s->live = xcalloc(max, sizeof *s->live);
	search_add_batch(&s->found, max)->n = 0;
	s->runs[0] = (struct archive_run){a->cfg.daemon_started_ms, a->cfg.daemon_pid};
	s->nruns = 1 + mux_runs(a, s->runs + 1);
	s->sources = xcalloc(max, sizeof *s->sources);
	s->screens = xcalloc(max, sizeof *s->screens);
	s->captured = xcalloc(max, sizeof *s->captured);
	s->times = xcalloc(max, sizeof *s->times);
	if (s->grabs != NULL && grabs_partial(s->grabs))
		s->found.partial = true;
	DL_FOREACH (a->entries, e) {
		if (is_meant(s, e))
			add_source(s, e);
	}
}

static void
free_search(struct search *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->views[i].record != NULL)
			record_view_release(&s->views[i]);
		free(s->screens[i]);
	}
	free(s->views);
	free(s->live);
	search_found_release(&s->found);
	free(s->sources);
	free(s->screens);
	free(s->captured);
	free(s->times);
	grabs_free(s->grabs);
	query_free(s->query);
	pattern_free(s->pattern);
	for (unsigned i = 0; i < s->spec.npatterns; i++)
		free(s->patterns[i]);
	free(s->pane);
	free(s->tool);
	free(s->session);
	free(s->agent);
	free(s->answer);
	free(s);
}

/* On the pool. */

static void
set_answer(struct search *s, int status, cJSON *take)
{
	s->status = status;
	s->answer = json_print_take(take);
	s->answer_len = strlen(s->answer);
	s->done = true;
}

static bool
compile(struct search *s)
{
	struct pattern_text texts[PATTERN_LIST_MAX];
	struct pattern_error error = {0};
	char *cause = NULL;
	unsigned n = s->spec.npatterns;
	int rc;

	for (unsigned i = 0; i < n; i++)
		texts[i] = (struct pattern_text){s->patterns[i], strlen(s->patterns[i])};
	if (n == 1)
		rc = pattern_new(
		    &s->pattern, texts[0].text, texts[0].len, s->spec.flags, &error, &cause);
	else
		rc = pattern_new_list(&s->pattern, texts, n, s->spec.flags, &error, &cause);
	if (rc != 0)
		set_answer(s, 400, search_json_bad_pattern(s->spec.older, &error, cause));
	free(cause);
	return rc == 0;
}

static void
search_in_archive(struct search *s)
{
	struct app *a = s->app;
	struct archive_search as = {
	    .archive = a->archive,
	    .pattern = s->pattern,
	    .options = &s->spec.options,
	    .deadline_us = s->began_us + s->spec.options.budget_us,
	    .glob = s->pane,
	    .jobs = s->spec.jobs,
	    .runs = s->runs,
	    .nruns = s->nruns,
	    .live = s->live,
	    .nlive = s->n,
	};

	search_archive(&as, &s->found);
}

static void
finish(struct search *s)
{
	query_finish(s->query, &s->found.batches[0].result);
	if ((s->spec.sources & SEARCH_ARCHIVE) && s->app->archive != NULL)
		search_in_archive(s);
	set_answer(s, 200,
	    s->spec.older ? search_json_older(&s->found)
			  : search_json(&s->found, s->spec.sources, &s->spec.options,
				clock_mono_us() - s->began_us));
}

/* All that shares the pool with searches is work for the background, too. */
static void
give_way(void)
{
	static _Thread_local bool done;

	if (!done)
		os_thread_background();
	done = true;
}

static void
make_captured(struct search *s)
{
	bool all = (s->spec.sources & SEARCH_CAPTURE) != 0;

	for (size_t i = 0; i + 1 < s->n; i++) {
		struct grab_lines lines;

		if (!s->captured[i])
			continue;
		grabs_lines(
		    s->grabs, s->live[i].pane, &s->views[i + 1], all, s->times[i + 1], &lines);
		s->sources[i] = (struct query_source){NULL, lines.v, lines.n};
		if (!lines.placed && !all)
			s->found.partial = true;
	}
}

static void
search_in_sessions(struct search *s)
{
	struct search_sessions ss = {.store = s->app->store,
	    .pattern = s->pattern,
	    .options = &s->spec.options,
	    .began_us = s->began_us,
	    .filter = {
		s->spec.sessions.roles, s->tool, s->session, s->agent, s->pane, s->spec.one}};
	cJSON *answer;
	int status = search_sessions(&ss, &answer);

	set_answer(s, status, answer);
}

static void
prepare_work(uv_work_t *w)
{
	struct search *s = ((struct step *)w->data)->search;
	size_t pieces;

	give_way();
	if (!compile(s))
		return;
	s->spec.options.cancel = &s->cancel;
	if (s->spec.sources & SEARCH_SESSIONS) {
		search_in_sessions(s);
		return;
	}
	make_captured(s);
	s->query = query_new(s->pattern, s->sources, s->n, &s->spec.options);
	pieces = query_pieces(s->query);
	if (pieces > SMALL_PIECES)
		return;
	for (size_t i = 0; i < pieces; i++)
		query_run_piece(s->query, i);
	finish(s);
}

static void
pieces_work(uv_work_t *w)
{
	struct search *s = ((struct step *)w->data)->search;
	size_t pieces = query_pieces(s->query), i;

	give_way();
	while ((i = atomic_fetch_add(&s->next_piece, 1)) < pieces)
		query_run_piece(s->query, i);
	if (atomic_fetch_sub(&s->busy, 1) == 1)
		finish(s);
}

/* On the loop. */

static void start_waiting(struct app *a);

static void
end(struct search *s)
{
	struct app *a = s->app;

	if (s->req != NULL) {
		http_reply_take(
		    s->req, s->status, "application/json", s->answer, s->answer_len);
		s->answer = NULL;
	}
	DL_DELETE(a->searches, s);
	archiver_unuse(a);
	stored_unuse(a);
	a->searches_running--;
	a->searches_count--;
	free_search(s);
	start_waiting(a);
}

static void
pieces_done(uv_work_t *w, int status)
{
	struct search *s = ((struct step *)w->data)->search;

	(void)status;
	if (--s->steps_left == 0)
		end(s);
}

static void
queue_step(struct search *s, unsigned i, uv_work_cb work, uv_after_work_cb after)
{
	s->steps[i].search = s;
	s->steps[i].work.data = &s->steps[i];
	uv_queue_work(s->app->loop, &s->steps[i].work, work, after);
}

static void
prepared(uv_work_t *w, int status)
{
	struct search *s = ((struct step *)w->data)->search;
	unsigned n = os_processors();

	(void)status;
	if (s->done) {
		end(s);
		return;
	}
	if (n > THREADS_MAX)
		n = THREADS_MAX;
	s->steps_left = n;
	atomic_store(&s->busy, n);
	for (unsigned i = 0; i < n; i++)
		queue_step(s, i, pieces_work, pieces_done);
}

static void
start_waiting(struct app *a)
{
	struct search *s;

	DL_FOREACH (a->searches, s) {
		if (a->searches_running >= RUNNING_MAX)
			return;
		if (s->running || s->asking)
			continue;
		s->running = true;
		a->searches_running++;
		archiver_use(a);
		s->began_us = clock_mono_us();
		if (!(s->spec.sources & SEARCH_SESSIONS))
			take_sources(s);
		queue_step(s, 0, prepare_work, prepared);
	}
}

static void
asker_gone(void *arg)
{
	struct search *s = arg;

	s->req = NULL;
	atomic_store(&s->cancel, 1);
}

/* Asking tmux. */

static void
on_grabbed(void *arg)
{
	struct search *s = arg;

	s->asking = false;
	start_waiting(s->app);
}

/* tmux has more of a pane than its history here: lines that it has lost, where no archive took
 * them, or of a server that is not followed everything. */
static bool
wants_capture(const struct search *s, struct entry *e)
{
	if (mux_preview(e) != NULL && !(s->spec.sources & SEARCH_CAPTURE))
		return is_meant(s, e) && (s->spec.sources & SEARCH_FALLBACK) != 0;
	if (!is_meant(s, e) || pane_state(e->pane) == PANE_EXITED || mux_pane(e) == NULL)
		return false;
	if (s->spec.sources & SEARCH_CAPTURE)
		return true;
	return (s->spec.sources & SEARCH_FALLBACK) &&
	       (mux_captures_only(e) ||
		   (record_first_line(pane_record(e->pane)) > 1 &&
		       (s->app->archive == NULL || pane_unarchived(e->pane))));
}

static void
ask_tmux(struct search *s)
{
	struct entry *e;

	DL_FOREACH (s->app->entries, e) {
		if (!wants_capture(s, e))
			continue;
		if (s->grabs == NULL)
			s->grabs = grabs_new(s->app, on_grabbed, s);
		if (mux_preview(e) != NULL)
			grabs_add_seed(s->grabs, e, mux_preview(e));
		else
			grabs_add(s->grabs, e);
	}
	s->asking = s->grabs != NULL && grabs_start(s->grabs);
}

static char *
copy(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

void
search_start(struct app *a, struct http_req *r, const struct search_spec *spec)
{
	struct search *s;

	if (a->searches_count >= RUNNING_MAX + SEARCH_WAITING) {
		http_add_header(r, "retry-after", "1");
		http_reply_error(r, 429, "too_many_searches",
		    "%u searches are under way or waiting", a->searches_count);
		return;
	}
	s = xcalloc(1, sizeof *s);
	s->app = a;
	s->req = r;
	s->spec = *spec;
	for (unsigned i = 0; i < spec->npatterns; i++)
		s->patterns[i] = xstrdup(spec->patterns[i]);
	s->pane = copy(spec->pane);
	s->tool = copy(spec->sessions.tool);
	s->session = copy(spec->sessions.session);
	s->agent = copy(spec->sessions.agent);
	http_on_gone(r, asker_gone, s);
	DL_APPEND(a->searches, s);
	a->searches_count++;
	stored_use(a); /* also while it waits */
	if (!(spec->sources & SEARCH_SESSIONS))
		ask_tmux(s);
	start_waiting(a);
}

void
searches_cancel(struct app *a)
{
	struct search *s;

	DL_FOREACH (a->searches, s)
		atomic_store(&s->cancel, 1);
}
