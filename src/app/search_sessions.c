#include "config.h"

#include "app/search_sessions.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "app/search_hits.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "proto/json.h"
#include "search/scan.h"
#include "search/texts.h"
#include "store/sessions_texts.h"
#include "store/store.h"

enum {
	OPEN_MS = 20,         /* until the store is looked at again that is being opened */
	NAME_MAX_LEN = 1024,  /* of a tool; a longer one is none that a glob means */
	STEPS_A_LOOK = 10000, /* of SQLite, between looks at the clock */
	ROWS_A_LOOK = 256,
};

/* Where a text comes from that is in the buffer. */
struct origin {
	struct session_hit key;
	size_t name; /* in the buffer of names, from 1; 0: none */
};

struct walk {
	const struct search_sessions *s;
	struct session_info *sessions; /* those that are meant, by id */
	const struct session_info *last;
	struct sessions_texts *rows;
	struct texts *texts;
	struct origin *origins; /* of the texts in the buffer */
	size_t norigins, cap;
	struct buf names;
	struct session_hits hits;
	struct span *spans;
	uint64_t total;
	int64_t from_ms, to_ms; /* what can still matter */
	uint64_t full_at; /* bytes that had been looked at when there was no room any more */
	bool known;       /* there are sessions of that id */
	bool full, partial;
};

/* Sessions. */

static bool
is_pane_meant(const struct search_sessions_filter *f, const char *pane)
{
	if (f->pane == NULL || pane == NULL)
		return f->pane == NULL;
	return (f->one ? strcmp(f->pane, pane) : fnmatch(f->pane, pane, 0)) == 0;
}

static void
add_session(void *arg, const struct sessions_texts_session *row)
{
	struct walk *w = arg;
	const struct search_sessions_filter *f = &w->s->filter;
	struct session_info *s;

	w->known = true;
	if ((f->agent != NULL && strcmp(f->agent, row->agent) != 0) ||
	    !is_pane_meant(f, row->pane))
		return;
	s = xcalloc(1, sizeof *s);
	s->id = row->id;
	s->agent = xstrdup(row->agent);
	s->native = xstrdup(row->native);
	s->pane = row->pane != NULL ? xstrdup(row->pane) : NULL;
	s->time_ms = row->time_ms;
	HASH_ADD(hh, w->sessions, id, sizeof s->id, s);
}

static const struct session_info *
find_session(struct walk *w, int64_t id)
{
	struct session_info *s;

	if (w->last != NULL && w->last->id == id)
		return w->last;
	HASH_FIND(hh, w->sessions, &id, sizeof id, s);
	if (s != NULL)
		w->last = s;
	return s;
}

static void
free_sessions(struct walk *w)
{
	struct session_info *s, *next;

	HASH_ITER (hh, w->sessions, s, next) {
		HASH_DEL(w->sessions, s);
		free(s->agent);
		free(s->native);
		free(s->pane);
		free(s);
	}
}

/* Hits. */

static struct query_line
copy_line(const char *text, uint32_t len, size_t *bytes)
{
	*bytes += len + sizeof(struct query_line);
	return query_line_copy(text, len);
}

static void
copy_before(const struct texts_hit *hit, unsigned n, struct session_hit *h)
{
	struct query_line lines[QUERY_CONTEXT_MAX];
	const char *at = hit->content;
	uint32_t len, count = 0;

	while (count < n && texts_before(hit, &at, &len))
		lines[count++] = copy_line(at, len, &h->bytes);
	h->hit.before = xcalloc(count + 1, sizeof *h->hit.before);
	h->hit.nbefore = count;
	for (uint32_t i = 0; i < count; i++)
		h->hit.before[i] = lines[count - 1 - i];
}

static void
copy_after(const struct texts_hit *hit, unsigned n, struct session_hit *h)
{
	const char *at = hit->content;
	uint32_t len;

	h->hit.after = xcalloc(n + 1, sizeof *h->hit.after);
	while (h->hit.nafter < n && texts_after(hit, &at, &len))
		h->hit.after[h->hit.nafter++] = copy_line(at, len, &h->bytes);
}

static void
on_line(void *arg, const struct texts_hit *hit)
{
	struct walk *w = arg;
	const struct origin *o = &w->origins[hit->which];
	struct session_hit h = o->key;
	unsigned context = w->s->options->context;
	size_t n;

	h.hit.line = hit->line;
	if (!session_hits_want(&w->hits, &h)) {
		w->total++;
		return;
	}
	n = texts_spans(w->texts, hit, w->spans, SCAN_SPANS_MAX);
	if (n == 0)
		return;
	w->total++;
	h.bytes = sizeof h;
	h.name = o->name != 0 ? xstrdup(w->names.data + o->name - 1) : NULL;
	h.hit.text = copy_line(hit->content, hit->len, &h.bytes);
	h.hit.nspans = (uint32_t)n;
	h.hit.spans = xcalloc(n, sizeof *h.hit.spans);
	memcpy(h.hit.spans, w->spans, n * sizeof *w->spans);
	copy_before(hit, context, &h);
	copy_after(hit, context, &h);
	session_hits_take(&w->hits, &h);
}

/* Rows. */

/* Without room for more, less can matter; but first it is looked for whether there is more at
 * all. */
static void
narrow(struct walk *w)
{
	struct texts_stats st;
	int64_t bound;

	if (!session_hits_bound(&w->hits, &bound))
		return;
	texts_stats(w->texts, &st);
	if (!w->full)
		w->full_at = st.bytes;
	w->full = true;
	if (st.bytes - w->full_at >= SCAN_LOOKAHEAD)
		w->hits.left_out = true;
	if (!w->hits.left_out)
		return;
	if (w->hits.newest_first && bound > w->from_ms)
		w->from_ms = bound;
	else if (!w->hits.newest_first && bound < w->to_ms)
		w->to_ms = bound;
	else
		return;
	sessions_texts_narrow(w->rows, w->from_ms, w->to_ms);
}

static void
scan(struct walk *w)
{
	texts_scan(w->texts, on_line, w);
	w->norigins = 0;
	buf_reset(&w->names);
}

static void
add_text(struct walk *w, const struct sessions_texts_row *row,
    const struct session_info *session, bool output, bool *scanned)
{
	const struct sessions_text *t = &row->texts[output];
	int64_t time_ms = t->time_ms != 0 ? t->time_ms : session->time_ms;
	struct origin *o;

	if (t->text == NULL || time_ms < w->from_ms || time_ms > w->to_ms)
		return;
	if (texts_full(w->texts, t->len)) {
		scan(w);
		*scanned = true;
	}
	if (w->norigins == w->cap) {
		w->cap = w->cap * 2 + 256;
		w->origins = xreallocarray(w->origins, w->cap, sizeof *w->origins);
	}
	o = &w->origins[w->norigins++];
	*o = (struct origin){.key = {.session = session,
				 .row = row->id,
				 .tool = row->tool,
				 .output = output,
				 .hidden = row->hidden,
				 .role = row->role,
				 .hit = {.time_ms = time_ms}}};
	if (row->name != NULL) {
		o->name = w->names.len + 1;
		buf_append(&w->names, row->name, row->name_len + 1);
	}
	texts_add(w->texts, t->text, t->len);
}

static bool
is_meant(const struct walk *w, const struct sessions_texts_row *row)
{
	const struct search_sessions_filter *f = &w->s->filter;
	unsigned role = row->tool ? SESSION_ROLE_TOOL : (unsigned)row->role;

	if (f->roles != 0 && (role >= SESSION_ROLES || !(f->roles & 1U << role)))
		return false;
	return f->tool == NULL || (row->name != NULL && row->name_len <= NAME_MAX_LEN &&
				      fnmatch(f->tool, row->name, 0) == 0);
}

static int
go_through(struct walk *w)
{
	struct sessions_texts_row row;
	unsigned n = 0;
	int rc;

	while ((rc = sessions_texts_next(w->rows, &row)) == 1) {
		const struct session_info *session = find_session(w, row.session);
		bool scanned = false;

		if (++n % ROWS_A_LOOK == 0 && texts_over(w->texts))
			break;
		if (session == NULL || !is_meant(w, &row))
			continue;
		add_text(w, &row, session, false, &scanned);
		if (row.tool)
			add_text(w, &row, session, true, &scanned);
		if (scanned)
			narrow(w);
	}
	scan(w);
	return rc < 0 ? rc : 0;
}

static int
stop_at_last(void *arg)
{
	return texts_over(arg);
}

static int
read_all(struct walk *w, sqlite3 *db)
{
	const struct search_sessions_filter *f = &w->s->filter;
	struct sessions_texts_options o = {.newest_first = w->hits.newest_first,
	    .from_ms = w->from_ms,
	    .to_ms = w->to_ms,
	    .tools = f->roles == 0 || (f->roles & 1U << SESSION_ROLE_TOOL),
	    .messages =
		f->tool == NULL && (f->roles == 0 || (f->roles & ~(1U << SESSION_ROLE_TOOL)))};
	int rc;

	sqlite3_progress_handler(db, STEPS_A_LOOK, stop_at_last, w->texts);
	rc = sessions_texts_sessions(db, f->session, add_session, w);
	if (rc == 0 && w->sessions == NULL)
		return f->session != NULL && !w->known ? -ENOENT : 0;
	if (rc == 0 && HASH_COUNT(w->sessions) == 1)
		o.session = w->sessions->id;
	if (rc == 0)
		rc = sessions_texts_open(db, &o, &w->rows);
	if (rc == 0)
		rc = go_through(w);
	sessions_texts_close(w->rows);
	return rc;
}

/* A daemon that has just been started is still opening it. */
static int
open_store(struct walk *w, sqlite3 **db)
{
	int rc;

	while (
	    (rc = store_reader_open(w->s->store, db, NULL)) == -EAGAIN && !texts_over(w->texts))
		usleep(OPEN_MS * 1000);
	return rc;
}

/* The answer. */

static cJSON *
error_json(int rc, int *status)
{
	cJSON *o = json_object();

	*status = rc == -ENOENT ? 404 : 503;
	cJSON_AddStringToObject(
	    o, "error", rc == -ENOENT ? "no_such_session" : "store_unavailable");
	json_add_text(o, "message",
	    rc == -ENOENT   ? "there is no such session"
	    : rc == -EAGAIN ? "the store is being opened"
			    : strerror(-rc));
	return o;
}

static cJSON *
answer_json(struct walk *w)
{
	cJSON *o = json_object();
	struct texts_stats st;

	texts_stats(w->texts, &st);
	cJSON_AddItemToObject(o, "matches", session_hits_json(&w->hits));
	cJSON_AddNumberToObject(o, "total", (double)w->total);
	cJSON_AddBoolToObject(o, "truncated", w->hits.left_out);
	cJSON_AddBoolToObject(o, "partial", st.partial || w->partial);
	cJSON_AddStringToObject(o, "source", "sessions");
	cJSON_AddNumberToObject(o, "scanned_lines", (double)st.lines);
	cJSON_AddNumberToObject(o, "scanned_bytes", (double)st.bytes);
	cJSON_AddNumberToObject(o, "elapsed_us", (double)(clock_mono_us() - w->s->began_us));
	return o;
}

int
search_sessions(const struct search_sessions *s, cJSON **answer)
{
	const struct query_options *o = s->options;
	struct walk w = {.s = s, .from_ms = o->since_ms, .to_ms = o->until_ms};
	int rc, status = 200;
	sqlite3 *db;

	w.hits.limit = o->limit;
	w.hits.newest_first = o->newest_first;
	w.texts = texts_new(s->pattern, s->began_us + o->budget_us, o->cancel);
	w.spans = xcalloc(SCAN_SPANS_MAX, sizeof *w.spans);
	buf_init(&w.names, BUF_NO_MAX);
	rc = open_store(&w, &db);
	if (rc == 0) {
		rc = read_all(&w, db);
		sqlite3_close(db);
	}
	/* The time was over. */
	if (rc == -ECANCELED) {
		w.partial = true;
		rc = 0;
	}
	*answer = rc != 0 ? error_json(rc, &status) : answer_json(&w);
	session_hits_release(&w.hits);
	texts_free(w.texts);
	free(w.spans);
	free(w.origins);
	buf_release(&w.names);
	free_sessions(&w);
	return status;
}
