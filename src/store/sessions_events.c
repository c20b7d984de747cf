#include "config.h"

#include "store/sessions_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/xmalloc.h"
#include "store/sql.h"
#include "store/store.h"

enum {
	SEEN_MAX = 256,                /* sessions that are remembered */
	AGAIN_BYTES = 2 * 1024 * 1024, /* of a batch, when texts are made again */
};

struct seen {
	int64_t session, last;
	struct sessions_gap *gaps;
	size_t n;
	UT_hash_handle hh;
};

struct sessions_seen {
	struct seen *sessions;
};

/* What has been seen. */

struct sessions_seen *
sessions_seen_new(void)
{
	return xcalloc(1, sizeof(struct sessions_seen));
}

static void
forget(struct sessions_seen *s, struct seen *one)
{
	HASH_DEL(s->sessions, one);
	free(one->gaps);
	free(one);
}

static void
forget_all(struct sessions_seen *s)
{
	struct seen *one, *next;

	HASH_ITER (hh, s->sessions, one, next)
		forget(s, one);
}

void
sessions_seen_free(struct sessions_seen *s)
{
	if (s == NULL)
		return;
	forget_all(s);
	free(s);
}

static int
add_gap(struct seen *s, size_t at, int64_t from, int64_t to)
{
	if (s->n == EVENTS_GAPS_MAX)
		return -E2BIG;
	s->gaps = xreallocarray(s->gaps, s->n + 1, sizeof *s->gaps);
	memmove(s->gaps + at + 1, s->gaps + at, (s->n - at) * sizeof *s->gaps);
	s->gaps[at] = (struct sessions_gap){from, to};
	s->n++;
	return 0;
}

/* A number that was not there before. */
static int
see(struct seen *s, int64_t seq)
{
	size_t i = 0;
	int64_t to;

	if (seq > s->last) {
		int rc = seq > s->last + 1 ? add_gap(s, s->n, s->last + 1, seq - 1) : 0;

		s->last = seq;
		return rc;
	}
	while (i < s->n && s->gaps[i].to < seq)
		i++;
	if (i == s->n)
		return 0;
	to = s->gaps[i].to;
	s->gaps[i].to = seq - 1;
	if (s->gaps[i].from <= s->gaps[i].to)
		return seq < to ? add_gap(s, i + 1, seq + 1, to) : 0;
	s->gaps[i] = (struct sessions_gap){seq + 1, to};
	if (seq == to) {
		s->n--;
		memmove(s->gaps + i, s->gaps + i + 1, (s->n - i) * sizeof *s->gaps);
	}
	return 0;
}

static int
look(sqlite3 *db, struct seen *s)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(
	    db, &st, "SELECT seq FROM events WHERE session=? ORDER BY seq", "l", s->session);

	while (rc == 0 && (rc = sql_step(st)) == 1)
		rc = see(s, sqlite3_column_int64(st, 0));
	return sql_finish(st, rc);
}

/* What is remembered is that of the table as long as both end with the same number. */
static int
seen_of(struct sessions_seen *all, sqlite3 *db, int64_t session, struct seen **out)
{
	int64_t last = 0;
	struct seen *s;
	int rc = sql_get(db, &last, "SELECT COALESCE(MAX(seq), 0) FROM events WHERE session=?",
	    "l", session);

	if (rc != 0)
		return rc;
	HASH_FIND(hh, all->sessions, &session, sizeof session, s);
	if (s != NULL && s->last == last) {
		*out = s;
		return 0;
	}
	if (s != NULL)
		forget(all, s);
	if (HASH_COUNT(all->sessions) >= SEEN_MAX)
		forget_all(all);
	s = xcalloc(1, sizeof *s);
	s->session = session;
	HASH_ADD(hh, all->sessions, session, sizeof s->session, s);
	*out = s;
	return look(db, s);
}

/* Writing. */

struct job {
	struct sessions_events e;
	struct sessions_seen *seen;
	bool ran;
	int64_t first; /* that is new; 0: none is */
	struct sessions_events_result result;
	struct sessions_gap *missing;
	struct sessions_batch *batch; /* that was written last */
};

struct found {
	int64_t id;
	char *agent, *native, *newest;
};

static int
find(sqlite3 *db, const char *name, struct found *f)
{
	static const char *const by[] = {
	    "SELECT id, agent, native FROM sessions WHERE id=CAST(?1 AS INTEGER)"
	    " AND CAST(id AS TEXT)=?1",
	    "SELECT id, agent, native FROM sessions WHERE native=?1"
	    " ORDER BY updated_ms DESC LIMIT 1"};
	sqlite3_stmt *st;
	int rc = 0;

	for (int i = 0; i < 2 && rc == 0 && f->id == 0; i++) {
		rc = sql_prepare(db, &st, by[i], "t", name);
		if (rc == 0 && (rc = sql_step(st)) == 1) {
			f->id = sqlite3_column_int64(st, 0);
			f->agent = sql_text(st, 1);
			f->native = sql_text(st, 2);
		}
		rc = sql_finish(st, rc);
	}
	if (rc != 0 || f->id == 0)
		return rc != 0 ? rc : -ENOENT;
	rc = sql_prepare(db, &st,
	    "SELECT native FROM messages WHERE session=? ORDER BY id DESC LIMIT 1", "l", f->id);
	if (rc == 0 && (rc = sql_step(st)) == 1)
		f->newest = sql_text(st, 0);
	return sql_finish(st, rc);
}

static void
start_batch(struct sessions_target *t, const struct found *f, int64_t time_ms)
{
	const struct sessions_session s = {
	    .agent = f->agent, .native = f->native, .time_ms = time_ms};

	t->batch = sessions_batch_new();
	t->session = sessions_add_session(t->batch, &s);
}

static int
end_batch(sqlite3 *db, struct sessions_target *t)
{
	int rc = sessions_write(db, t->batch);

	sessions_batch_free(t->batch);
	t->batch = NULL;
	return rc;
}

/* The texts again, from all events. */
static int
write_again(sqlite3 *db, const struct job *j, const struct found *f)
{
	struct sessions_target t = {.again = true};
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT seq, time_ms, json FROM events WHERE session=? ORDER BY seq", "l", f->id);

	start_batch(&t, f, 0);
	j->e.begin(j->e.arg, &t);
	while (rc == 0 && (rc = sql_step(st)) == 1) {
		const struct sessions_event e = {sqlite3_column_int64(st, 0),
		    sqlite3_column_int64(st, 1), (const char *)sqlite3_column_text(st, 2)};

		rc = 0;
		j->e.add(j->e.arg, &t, &e);
		if (sessions_batch_bytes(t.batch) < AGAIN_BYTES)
			continue;
		rc = end_batch(db, &t);
		start_batch(&t, f, 0);
	}
	j->e.end(j->e.arg, &t);
	rc = sql_finish(st, rc);
	if (rc == 0)
		return end_batch(db, &t);
	sessions_batch_free(t.batch);
	return rc;
}

static int
insert(sqlite3 *db, struct job *j, struct seen *seen, const struct found *f,
    struct sessions_target *t)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "INSERT OR IGNORE INTO events(session, seq, time_ms, json) VALUES(?1, ?2, ?3, ?4)",
	    "l", f->id);

	for (size_t i = 0; rc == 0 && i < j->e.n; i++) {
		const struct sessions_event *e = &j->e.events[i];

		sqlite3_bind_int64(st, 2, e->seq);
		sqlite3_bind_int64(st, 3, e->time_ms);
		sqlite3_bind_text(st, 4, e->json, -1, SQLITE_STATIC);
		rc = sqlite3_step(st) == SQLITE_DONE ? 0 : sql_error(db);
		sqlite3_reset(st);
		if (rc != 0)
			break;
		if (sqlite3_changes(db) == 0) {
			j->result.repeated++;
			continue;
		}
		if (j->result.accepted++ == 0)
			j->first = e->seq;
		rc = see(seen, e->seq);
		j->e.add(j->e.arg, t, e);
	}
	return sql_finish(st, rc);
}

static int
write_events(sqlite3 *db, struct job *j, const struct found *f)
{
	struct sessions_target t = {.newest = f->newest};
	struct seen *seen = NULL;
	int64_t before;
	bool late;
	int rc = seen_of(j->seen, db, f->id, &seen);

	if (rc != 0)
		return rc;
	before = seen->last;
	start_batch(&t, f, j->e.n != 0 ? j->e.events[j->e.n - 1].time_ms : 0);
	j->e.begin(j->e.arg, &t);
	rc = insert(db, j, seen, f, &t);
	j->e.end(j->e.arg, &t);
	late = j->first != 0 && j->first < before;
	if (rc == 0 && j->result.accepted != 0)
		rc = sessions_write(db, t.batch);
	j->batch = t.batch;
	if (rc == 0 && j->result.accepted != 0)
		j->result.batch = t.batch;
	if (rc == 0 && late)
		rc = write_again(db, j, f);
	j->result.last_seq = seen->last;
	j->result.nmissing = seen->n;
	j->missing = xcalloc(seen->n + 1, sizeof *j->missing);
	if (seen->n != 0)
		memcpy(j->missing, seen->gaps, seen->n * sizeof *j->missing);
	j->result.missing = j->missing;
	return rc;
}

static int
run_events(sqlite3 *db, void *data)
{
	struct job *j = data;
	struct found f = {0};
	int rc;

	/* A commit that failed took with it what others before this one had seen. */
	if (j->ran)
		forget_all(j->seen);
	j->ran = true;
	sessions_batch_free(j->batch);
	j->batch = NULL;
	free(j->missing);
	j->missing = NULL;
	j->first = 0;
	j->result = (struct sessions_events_result){0};
	rc = find(db, j->e.session, &f);
	if (rc == 0)
		rc = write_events(db, j, &f);
	if (rc != 0)
		forget_all(j->seen);
	free(f.agent);
	free(f.native);
	free(f.newest);
	return rc;
}

static void
events_done(int rc, void *data)
{
	struct job *j = data;

	j->e.done(rc, &j->result, j->e.arg);
	sessions_batch_free(j->batch);
	free(j->missing);
	free(j);
}

static int
by_seq(const void *a, const void *b)
{
	const struct sessions_event *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void
sessions_submit_events(
    struct store *s, struct sessions_seen *seen, const struct sessions_events *e)
{
	struct job *j = xcalloc(1, sizeof *j);
	const struct store_op op = {
	    .run = run_events, .done = events_done, .data = j, .size = e->bytes};

	j->e = *e;
	j->seen = seen;
	if (e->n != 0)
		qsort(e->events, e->n, sizeof *e->events, by_seq);
	store_submit(s, &op);
}

/* Beginning one. */

struct beginning {
	struct sessions_batch *batch;
	char *agent, *native;
	bool existed;
	void (*done)(int rc, bool existed, const struct sessions_batch *b, void *arg);
	void *arg;
};

static int
run_new(sqlite3 *db, void *data)
{
	struct beginning *b = data;
	int64_t n = 0, removed = 0;
	int rc = sql_get(db, &n, "SELECT COUNT(*) FROM sessions WHERE agent=? AND native=?",
	    "tt", b->agent, b->native);

	if (rc == 0)
		rc = sql_get(db, &removed,
		    "SELECT COUNT(*) FROM removed WHERE agent=? AND native=?", "tt", b->agent,
		    b->native);
	if (rc != 0 || removed != 0)
		return rc != 0 ? rc : -EPERM;
	b->existed = n != 0;
	rc = sessions_write(db, b->batch);
	/* A parent may be called by our id of it. */
	return rc != 0 ? rc
		       : sql_run(db,
			     "UPDATE sessions SET parent_native=p.native FROM sessions p"
			     " WHERE sessions.agent=?1 AND sessions.native=?2"
			     " AND p.agent=?1 AND p.id=CAST(sessions.parent_native AS INTEGER)"
			     " AND CAST(p.id AS TEXT)=sessions.parent_native",
			     "tt", b->agent, b->native);
}

static void
new_done(int rc, void *data)
{
	struct beginning *b = data;

	b->done(rc, b->existed, b->batch, b->arg);
	sessions_batch_free(b->batch);
	free(b->agent);
	free(b->native);
	free(b);
}

void
sessions_submit_new(struct store *s, struct sessions_batch *take, const char *agent,
    const char *native,
    void (*done)(int rc, bool existed, const struct sessions_batch *b, void *arg), void *arg)
{
	struct beginning *b = xcalloc(1, sizeof *b);
	const struct store_op op = {
	    .run = run_new, .done = new_done, .data = b, .size = sessions_batch_bytes(take)};

	b->batch = take;
	b->agent = xstrdup(agent);
	b->native = xstrdup(native);
	b->done = done;
	b->arg = arg;
	store_submit(s, &op);
}
