#include "config.h"

#include "store/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "store/sessions_live.h"
#include "store/sessions_remove.h"
#include "store/sql.h"
#include "store/store.h"

enum kind {
	SESSION,
	STATE,
	TURN,
	TURN_END,
	MESSAGE,
	TOOL,
	RESULT,
	PATCH,
	NOTE,
	USAGE,
	SOURCE,
	APPEND,
	RESET,
	RESET_PARTS,
	PROMPT,
	PANE,
	KINDS,
};

enum { TEXTS = 11, NUMBERS = 11 };

/* What one statement is given: first the session, then texts, numbers, and the cost. */
struct row {
	enum kind kind;
	unsigned session;
	size_t text[TEXTS]; /* in the batch's text, and one more; 0: NULL */
	int64_t number[NUMBERS];
	uint16_t unknown; /* a bit for each number that is NULL */
	bool same;        /* written, it changed nothing */
	double cost;
};

struct named {
	char *key; /* agent, newline, own id */
	unsigned number;
	int64_t rowid;     /* while it is written */
	size_t rows, same; /* of it, but for the session's own; those that changed nothing */
	struct sessions_brief brief;
	UT_hash_handle hh;
};

struct sessions_batch {
	struct row *rows;
	size_t n, cap;
	struct buf text;
	struct named *names; /* by key */
	struct named **by_number;
	unsigned nsessions;
	void (*done)(int rc, void *arg);
	void *arg;
};

/* Building. */

struct sessions_batch *
sessions_batch_new(void)
{
	struct sessions_batch *b = xcalloc(1, sizeof *b);

	buf_init(&b->text, BUF_NO_MAX);
	return b;
}

void
sessions_batch_free(struct sessions_batch *b)
{
	struct named *n, *next;

	if (b == NULL)
		return;
	HASH_ITER (hh, b->names, n, next) {
		HASH_DEL(b->names, n);
		sessions_brief_release(&n->brief);
		free(n->key);
		free(n);
	}
	free(b->by_number);
	free(b->rows);
	buf_release(&b->text);
	free(b);
}

size_t
sessions_batch_bytes(const struct sessions_batch *b)
{
	return sizeof *b + b->n * sizeof *b->rows + b->text.len;
}

static struct row *
add(struct sessions_batch *b, enum kind kind, unsigned session)
{
	struct row *r;

	if (b->n == b->cap) {
		b->cap = b->cap * 2 + 64;
		b->rows = xreallocarray(b->rows, b->cap, sizeof *b->rows);
	}
	r = &b->rows[b->n++];
	*r = (struct row){.kind = kind, .session = session, .cost = -1};
	return r;
}

/* Whole characters of UTF-8. */
static size_t
cut(const char *s)
{
	size_t n = strnlen(s, SESSIONS_TEXT_MAX + 1);

	if (n <= SESSIONS_TEXT_MAX)
		return n;
	for (n = SESSIONS_TEXT_MAX; n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80; n--)
		;
	return n;
}

static void
put_text(struct sessions_batch *b, struct row *r, unsigned i, const char *s)
{
	if (s == NULL)
		return;
	r->text[i] = b->text.len + 1;
	buf_append(&b->text, s, cut(s));
	buf_putc(&b->text, '\0');
}

static void
put_number(struct row *r, unsigned i, int64_t n)
{
	r->number[i] = n;
	if (n < 0)
		r->unknown |= (uint16_t)(1u << i);
}

/* 0 is none. */
static void
put_time(struct row *r, unsigned i, int64_t ms)
{
	put_number(r, i, ms > 0 ? ms : SESSIONS_UNKNOWN);
}

unsigned
sessions_add_session(struct sessions_batch *b, const struct sessions_session *s)
{
	const char *texts[] = {s->agent, s->native, s->parent, s->cwd, s->title, s->model,
	    s->mode, s->version, s->branch, s->pane};
	char *key = xasprintf("%s\n%s", s->agent, s->native);
	struct named *n;
	struct row *r;

	HASH_FIND_STR(b->names, key, n);
	if (n == NULL) {
		n = xcalloc(1, sizeof *n);
		n->key = key;
		n->number = b->nsessions++;
		b->by_number =
		    xreallocarray(b->by_number, b->nsessions, sizeof(struct named *));
		b->by_number[n->number] = n;
		HASH_ADD_KEYPTR(hh, b->names, n->key, strlen(n->key), n);
	} else {
		free(key);
	}
	r = add(b, SESSION, n->number);
	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
		put_text(b, r, i, texts[i]);
	put_number(r, 0, s->parent != NULL ? s->fork : SESSIONS_UNKNOWN);
	put_time(r, 1, s->time_ms);
	return n->number;
}

void
sessions_add_state(
    struct sessions_batch *b, unsigned session, int state, const char *text, int64_t time_ms)
{
	struct row *r = add(b, STATE, session);

	put_text(b, r, 0, text);
	put_number(r, 0, state);
	put_time(r, 1, time_ms);
}

void
sessions_add_turn(struct sessions_batch *b, unsigned session, const char *native,
    const char *prompt, int64_t time_ms)
{
	struct row *r = add(b, TURN, session);

	put_text(b, r, 0, native);
	put_text(b, r, 1, prompt);
	put_time(r, 0, time_ms);
}

void
sessions_end_turn(struct sessions_batch *b, unsigned session, const char *native, int outcome,
    const char *error, int64_t duration_ms, int64_t time_ms)
{
	struct row *r = add(b, TURN_END, session);

	put_text(b, r, 0, native);
	put_text(b, r, 1, error);
	put_number(r, 0, outcome);
	put_number(r, 1, duration_ms);
	put_time(r, 2, time_ms);
}

void
sessions_add_message(struct sessions_batch *b, unsigned session, const char *native,
    const char *message, unsigned part, int role, bool hidden, const char *text,
    int64_t time_ms)
{
	struct row *r = add(b, MESSAGE, session);

	put_text(b, r, 0, native);
	put_text(b, r, 1, message);
	put_text(b, r, 2, text);
	put_number(r, 0, part);
	put_number(r, 1, role);
	put_number(r, 2, hidden);
	put_time(r, 3, time_ms);
}

void
sessions_append_message(struct sessions_batch *b, unsigned session, const char *native,
    int role, const char *text, int64_t time_ms)
{
	struct row *r = add(b, APPEND, session);

	put_text(b, r, 0, native);
	put_text(b, r, 1, text);
	put_number(r, 0, role);
	put_time(r, 1, time_ms);
}

void
sessions_reset_message(struct sessions_batch *b, unsigned session, const char *native)
{
	put_text(b, add(b, RESET, session), 0, native);
	put_text(b, add(b, RESET_PARTS, session), 0, native);
}

void
sessions_add_prompt(struct sessions_batch *b, unsigned session, const char *native)
{
	put_text(b, add(b, PROMPT, session), 0, native);
}

void
sessions_add_pane(struct sessions_batch *b, unsigned session, const char *pane)
{
	put_text(b, add(b, PANE, session), 0, pane);
}

void
sessions_add_tool(struct sessions_batch *b, unsigned session, const char *call,
    const char *message, const char *name, const char *input, int64_t time_ms)
{
	struct row *r = add(b, TOOL, session);

	put_text(b, r, 0, call);
	put_text(b, r, 1, message);
	put_text(b, r, 2, name);
	put_text(b, r, 3, input);
	put_time(r, 0, time_ms);
}

void
sessions_add_result(struct sessions_batch *b, unsigned session, const char *call, int outcome,
    const char *output, int64_t duration_ms, int64_t time_ms)
{
	struct row *r = add(b, RESULT, session);

	put_text(b, r, 0, call);
	put_text(b, r, 1, output);
	put_number(r, 0, outcome);
	put_number(r, 1, duration_ms);
	put_time(r, 2, time_ms);
}

void
sessions_add_patch(struct sessions_batch *b, unsigned session, const char *call,
    const char *patch, int64_t time_ms)
{
	struct row *r = add(b, PATCH, session);

	put_text(b, r, 0, call);
	put_text(b, r, 1, patch);
	put_time(r, 0, time_ms);
}

void
sessions_add_note(struct sessions_batch *b, unsigned session, const char *name,
    const char *text, uint64_t at, int64_t time_ms)
{
	struct row *r = add(b, NOTE, session);

	put_text(b, r, 0, name);
	put_text(b, r, 1, text);
	put_number(r, 0, (int64_t)(at & INT64_MAX));
	put_time(r, 1, time_ms);
}

char *
sessions_own_key(const struct sessions_batch *b, unsigned session, const char *id)
{
	return xasprintf("own:%s\n%s", strchr(b->by_number[session]->key, '\n') + 1, id);
}

void
sessions_add_usage(struct sessions_batch *b, unsigned session, const struct sessions_usage *u)
{
	const int64_t counts[] = {u->input, u->cache_read, u->cache_write_5m, u->cache_write_1h,
	    u->output, u->reasoning, u->searches};
	struct row *r = add(b, USAGE, session);

	put_text(b, r, 0, u->key);
	put_text(b, r, 1, u->message);
	put_text(b, r, 2, u->model);
	put_number(r, 0, (int64_t)(u->rank & INT64_MAX));
	put_number(r, 1, u->fast);
	for (unsigned i = 0; i < 7; i++)
		put_number(r, 2 + i, counts[i]);
	put_time(r, 9, u->time_ms);
	r->cost = u->stated_usd;
}

void
sessions_add_source(struct sessions_batch *b, const struct sessions_source *s)
{
	const uint64_t numbers[] = {s->device, s->inode, s->size, s->offset, s->head};
	struct row *r = add(b, SOURCE, 0);

	put_text(b, r, 0, s->path);
	put_text(b, r, 1, s->format);
	put_text(b, r, 2, s->parser);
	for (unsigned i = 0; i < 5; i++)
		r->number[i] = (int64_t)numbers[i];
	r->number[5] = s->modified_ns;
}

/* Reading it. */

static const char *
text_of(const struct sessions_batch *b, const struct row *r, unsigned i)
{
	return r->text[i] != 0 ? b->text.data + r->text[i] - 1 : NULL;
}

static int64_t
number_of(const struct row *r, unsigned i)
{
	return r->unknown & 1u << i ? SESSIONS_UNKNOWN : r->number[i];
}

/* Where the rows of a kind have what a change says: texts id, message, name, text, then numbers
 * part, role, state, outcome, hidden, time; -1: nowhere. */
static const struct {
	bool told;
	enum sessions_kind kind;
	int8_t text[4], number[6];
} changes[KINDS] = {
    [STATE] = {true, SESSIONS_STATE, {-1, -1, -1, 0}, {-1, -1, 0, -1, -1, 1}},
    [TURN] = {true, SESSIONS_TURN, {0, -1, -1, 1}, {-1, -1, -1, -1, -1, 0}},
    [TURN_END] = {true, SESSIONS_TURN_END, {0, -1, -1, 1}, {-1, -1, -1, 0, -1, 2}},
    [MESSAGE] = {true, SESSIONS_MESSAGE, {0, 1, -1, 2}, {0, 1, -1, -1, 2, 3}},
    [APPEND] = {true, SESSIONS_APPEND, {0, -1, -1, 1}, {-1, 0, -1, -1, -1, 1}},
    [TOOL] = {true, SESSIONS_TOOL, {0, 1, 2, 3}, {-1, -1, -1, -1, -1, 0}},
    [RESULT] = {true, SESSIONS_RESULT, {0, -1, -1, 1}, {-1, -1, -1, 0, -1, 2}},
    [PATCH] = {true, SESSIONS_PATCH, {0, -1, -1, 1}, {-1, -1, -1, -1, -1, 0}},
    [NOTE] = {true, SESSIONS_NOTE, {-1, -1, 0, 1}, {-1, -1, -1, -1, -1, 1}},
};

void
sessions_batch_each(const struct sessions_batch *b,
    void (*cb)(void *arg, const struct sessions_change *c), void *arg)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct row *r = &b->rows[i];
		const int8_t *t = changes[r->kind].text, *n = changes[r->kind].number;
		struct sessions_change c = {
		    .kind = changes[r->kind].kind, .session = r->session};
		const char **texts[] = {&c.id, &c.message, &c.name, &c.text};
		int *numbers[] = {&c.part, &c.role, &c.state, &c.outcome};

		if (!changes[r->kind].told || r->same)
			continue;
		for (unsigned j = 0; j < 4; j++) {
			*texts[j] = t[j] >= 0 ? text_of(b, r, (unsigned)t[j]) : NULL;
			*numbers[j] =
			    n[j] >= 0 ? (int)number_of(r, (unsigned)n[j]) : SESSIONS_UNKNOWN;
		}
		c.hidden = n[4] >= 0 && number_of(r, (unsigned)n[4]) > 0;
		c.time_ms = number_of(r, (unsigned)n[5]);
		if (c.time_ms < 0)
			c.time_ms = 0;
		cb(arg, &c);
	}
}

unsigned
sessions_batch_count(const struct sessions_batch *b)
{
	return b->nsessions;
}

const struct sessions_brief *
sessions_batch_brief(const struct sessions_batch *b, unsigned session)
{
	const struct sessions_brief *s = &b->by_number[session]->brief;

	return s->id != 0 ? s : NULL;
}

bool
sessions_batch_repeats(const struct sessions_batch *b, unsigned session)
{
	const struct named *n = b->by_number[session];

	return n->rows != 0 && n->rows == n->same;
}

/* Writing. */

/* ?1 is the session's row, ?2.. the texts, then the numbers, then the cost. */
static const struct statement {
	const char *sql;
	unsigned texts, numbers;
	bool session, cost;
} statements[KINDS] = {
    [SESSION] = {"INSERT INTO sessions(agent, native, parent_native, cwd, title, model, mode,"
		 " version, branch, pane, fork, started_ms, updated_ms)"
		 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12)"
		 " ON CONFLICT(agent, native) DO UPDATE SET"
		 " parent_native=COALESCE(parent_native, excluded.parent_native),"
		 " cwd=COALESCE(excluded.cwd, cwd), title=COALESCE(excluded.title, title),"
		 " model=COALESCE(excluded.model, model), mode=COALESCE(excluded.mode, mode),"
		 " version=COALESCE(excluded.version, version),"
		 " branch=COALESCE(excluded.branch, branch),"
		 " pane=COALESCE(pane, excluded.pane), fork=COALESCE(fork, excluded.fork),"
		 " started_ms=MIN(COALESCE(started_ms, excluded.started_ms),"
		 " COALESCE(excluded.started_ms, started_ms)),"
		 " updated_ms=MAX(COALESCE(updated_ms, excluded.updated_ms),"
		 " COALESCE(excluded.updated_ms, updated_ms))",
	10, 2, false, false},
    [STATE] = {"UPDATE sessions SET state_text=?2, state=?3, state_ms=?4 WHERE id=?1"
	       " AND COALESCE(?4, 0)>=COALESCE(state_ms, 0)"
	       " AND (state IS NOT ?3 OR state_text IS NOT ?2 OR state_ms IS NOT ?4)",
	1, 2, true, false},
    [TURN] =
	{"INSERT INTO turns(session, native, prompt, started_ms, seq) VALUES(?1, ?2, ?3, ?4,"
	 " (SELECT COALESCE(MAX(seq), 0)+1 FROM turns WHERE session=?1))"
	 " ON CONFLICT(session, native) DO UPDATE SET"
	 " prompt=excluded.prompt WHERE excluded.prompt IS NOT NULL"
	 " AND excluded.prompt IS NOT prompt",
	    2, 1, true, false},
    [TURN_END] =
	{"UPDATE turns SET error=COALESCE(?3, error), outcome=MAX(COALESCE(outcome, 0), ?4),"
	 " duration_ms=COALESCE(?5, duration_ms), ended_ms=COALESCE(?6, ended_ms)"
	 " WHERE session=?1 AND seq=COALESCE("
	 "(SELECT seq FROM turns WHERE session=?1 AND native=?2),"
	 " (SELECT MAX(seq) FROM turns WHERE session=?1 AND started_ms<=?6),"
	 " (SELECT MAX(seq) FROM turns WHERE session=?1))"
	 " AND (error IS NOT COALESCE(?3, error)"
	 " OR outcome IS NOT MAX(COALESCE(outcome, 0), ?4)"
	 " OR duration_ms IS NOT COALESCE(?5, duration_ms)"
	 " OR ended_ms IS NOT COALESCE(?6, ended_ms))",
	    2, 3, true, false},
    [MESSAGE] =
	{"INSERT INTO messages(session, turn, native, message, text, part, role, hidden,"
	 " time_ms) VALUES(?1, (SELECT MAX(seq) FROM turns WHERE session=?1), ?2, ?3, ?4,"
	 " ?5, ?6, ?7, ?8) ON CONFLICT(session, native, part) DO UPDATE SET"
	 " text=COALESCE(excluded.text, text), role=excluded.role,"
	 " message=COALESCE(excluded.message, message), hidden=excluded.hidden"
	 " WHERE excluded.text IS NOT text OR excluded.hidden IS NOT hidden"
	 " OR excluded.role IS NOT role",
	    3, 4, true, false},
    [TOOL] = {"INSERT INTO tool_traces(session, turn, call, message, name, input, started_ms)"
	      " VALUES(?1, (SELECT MAX(seq) FROM turns WHERE session=?1), ?2, ?3, ?4, ?5, ?6)"
	      " ON CONFLICT(session, call) DO UPDATE SET name=excluded.name,"
	      " input=excluded.input, message=excluded.message,"
	      " started_ms=COALESCE(started_ms, excluded.started_ms)"
	      " WHERE name IS NOT excluded.name OR input IS NOT excluded.input"
	      " OR message IS NOT excluded.message"
	      " OR started_ms IS NOT COALESCE(started_ms, excluded.started_ms)",
	4, 1, true, false},
    [RESULT] = {"INSERT INTO tool_traces(session, call, output, outcome, duration_ms,"
		" finished_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT(session, call) DO UPDATE SET"
		" output=COALESCE(excluded.output, output),"
		" outcome=CASE excluded.outcome WHEN 0 THEN COALESCE(outcome, 0)"
		" ELSE excluded.outcome END,"
		" duration_ms=COALESCE(excluded.duration_ms, duration_ms),"
		" finished_ms=COALESCE(finished_ms, excluded.finished_ms)"
		" WHERE output IS NOT COALESCE(excluded.output, output)"
		" OR outcome IS NULL OR (excluded.outcome<>0 AND outcome<>excluded.outcome)"
		" OR duration_ms IS NOT COALESCE(excluded.duration_ms, duration_ms)"
		" OR finished_ms IS NOT COALESCE(finished_ms, excluded.finished_ms)",
	2, 3, true, false},
    [NOTE] = {"INSERT INTO notes(session, name, text, at, time_ms) VALUES(?1, ?2, ?3, ?4, ?5)"
	      " ON CONFLICT(session, name, at) DO NOTHING",
	2, 2, true, false},
    [USAGE] =
	{"INSERT INTO usage(agent, session, turn, key, message, model, rank, fast, input,"
	 " cache_read, cache_write_5m, cache_write_1h, output, reasoning, searches, time_ms,"
	 " stated_usd) VALUES((SELECT agent FROM sessions WHERE id=?1), ?1,"
	 " (SELECT MAX(seq) FROM turns WHERE session=?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
	 " ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT(agent, key) DO UPDATE SET"
	 " model=excluded.model, rank=excluded.rank, fast=excluded.fast,"
	 " input=excluded.input, cache_read=excluded.cache_read,"
	 " cache_write_5m=excluded.cache_write_5m,"
	 " cache_write_1h=excluded.cache_write_1h, output=excluded.output,"
	 " reasoning=excluded.reasoning, searches=excluded.searches, "
	 "stated_usd=excluded.stated_usd"
	 " WHERE excluded.rank>rank",
	    3, 10, true, true},
    [SOURCE] = {"INSERT INTO sources(path, format, parser, device, inode, size, offset, head,"
		" modified_ns) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
		" ON CONFLICT(path) DO UPDATE SET format=excluded.format,"
		" parser=excluded.parser, device=excluded.device, inode=excluded.inode,"
		" size=excluded.size, offset=excluded.offset, head=excluded.head,"
		" modified_ns=excluded.modified_ns",
	3, 6, false, false},
    /* l: the last part there is. 2 is what is thought, 1 what is said. */
    [APPEND] = {"INSERT INTO messages(session, turn, native, part, role, hidden, time_ms, text)"
		" SELECT ?1, (SELECT MAX(seq) FROM turns WHERE session=?1), ?2,"
		" COALESCE(l.part+(COALESCE(l.text, '')<>''"
		" AND (l.role=2)<>(COALESCE(?4, 1)=2)), 0),"
		" COALESCE(?4, CASE l.role WHEN 2 THEN 1 ELSE l.role END, 1), 0, ?5, ?3"
		" FROM (SELECT 1) LEFT JOIN (SELECT part, role, text FROM messages"
		" WHERE session=?1 AND native=?2 ORDER BY part DESC LIMIT 1) l WHERE TRUE"
		" ON CONFLICT(session, native, part) DO UPDATE SET role=excluded.role,"
		" text=COALESCE(text, '')||excluded.text"
		" WHERE length(COALESCE(text, ''))<4194304",
	2, 2, true, false},
    [RESET] = {"UPDATE messages SET text=NULL WHERE session=?1 AND native=?2 AND part=0", 1, 0,
	true, false},
    [RESET_PARTS] = {"DELETE FROM messages WHERE session=?1 AND native=?2 AND part>0", 1, 0,
	true, false},
    [PROMPT] = {"UPDATE turns SET prompt=COALESCE((SELECT text FROM messages"
		" WHERE session=?1 AND native=?2 AND part=0), prompt)"
		" WHERE session=?1 AND native=?2",
	1, 0, true, false},
    [PANE] = {"UPDATE sessions SET pane=?2 WHERE id=?1 AND pane IS NOT ?2", 1, 0, true, false},
};

struct writing {
	sqlite3 *db;
	struct sessions_batch *batch;
	sqlite3_stmt *st[KINDS];
	sqlite3_stmt *find;
	bool removed; /* there are sessions that are not to be written */
};

/* What is bound is copied nowhere, so that this cannot fail. */
static void
bind_row(struct writing *w, sqlite3_stmt *st, const struct statement *s, const struct row *r)
{
	const struct sessions_batch *b = w->batch;
	int at = 1;

	if (s->session)
		sqlite3_bind_int64(st, at++, b->by_number[r->session]->rowid);
	for (unsigned i = 0; i < s->texts; i++, at++) {
		if (r->text[i] != 0)
			sqlite3_bind_text(
			    st, at, b->text.data + r->text[i] - 1, -1, SQLITE_STATIC);
		else
			sqlite3_bind_null(st, at);
	}
	for (unsigned i = 0; i < s->numbers; i++, at++) {
		if (r->unknown & 1u << i)
			sqlite3_bind_null(st, at);
		else
			sqlite3_bind_int64(st, at, r->number[i]);
	}
	if (s->cost && r->cost >= 0)
		sqlite3_bind_double(st, at, r->cost);
	else if (s->cost)
		sqlite3_bind_null(st, at);
}

static int
step(sqlite3 *db, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st) == SQLITE_DONE ? 0 : sql_error(db);

	sqlite3_reset(st);
	return rc;
}

static int
find_session(struct writing *w, const struct row *r)
{
	const struct sessions_batch *b = w->batch;
	int rc = -ENOENT;

	sqlite3_bind_text(w->find, 1, b->text.data + r->text[0] - 1, -1, SQLITE_STATIC);
	sqlite3_bind_text(w->find, 2, b->text.data + r->text[1] - 1, -1, SQLITE_STATIC);
	if (sqlite3_step(w->find) == SQLITE_ROW) {
		b->by_number[r->session]->rowid = sqlite3_column_int64(w->find, 0);
		rc = 0;
	}
	sqlite3_reset(w->find);
	return rc;
}

/* Whether its session was removed; what follows of it in the batch is then without one. */
static int
is_removed(struct writing *w, const struct row *r)
{
	const struct sessions_batch *b = w->batch;
	bool fork = (r->unknown & 1) == 0 && r->number[0] != 0;

	if (r->kind != SESSION)
		return statements[r->kind].session && b->by_number[r->session]->rowid == 0;
	b->by_number[r->session]->rowid = 0;
	return w->removed ? sessions_refuse(w->db, text_of(b, r, 0), text_of(b, r, 1),
				fork ? NULL : text_of(b, r, 2))
			  : 0;
}

static int
write_row(struct writing *w, struct row *r)
{
	const struct statement *s = &statements[r->kind];
	int rc;

	r->same = false;
	if (s->sql == NULL)
		return 0; /* it is only told */
	rc = is_removed(w, r);
	r->same = rc != 0;
	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (w->st[r->kind] == NULL &&
	    sqlite3_prepare_v3(w->db, s->sql, -1, SQLITE_PREPARE_PERSISTENT, &w->st[r->kind],
		NULL) != SQLITE_OK)
		return sql_error(w->db);
	bind_row(w, w->st[r->kind], s, r);
	rc = step(w->db, w->st[r->kind]);
	/* What is appended is said even where there is no room for it. */
	r->same = rc == 0 && r->kind != APPEND && sqlite3_changes(w->db) == 0;
	if (s->session) {
		w->batch->by_number[r->session]->rows++;
		w->batch->by_number[r->session]->same += r->same;
	}
	return rc == 0 && r->kind == SESSION ? find_session(w, r) : rc;
}

static int
read_briefs(struct writing *w)
{
	sqlite3_stmt *st;
	int rc = sessions_brief_prepare(w->db, &st);

	for (unsigned i = 0; rc == 0 && i < w->batch->nsessions; i++) {
		struct named *n = w->batch->by_number[i];

		sessions_brief_release(&n->brief); /* it may have been written before in vain */
		if (n->rowid != 0)                 /* it is not one that was removed */
			rc = sessions_brief_read(st, n->rowid, &n->brief);
	}
	sqlite3_finalize(st);
	return rc;
}

int
sessions_write(sqlite3 *db, struct sessions_batch *b)
{
	struct writing w = {.db = db, .batch = b};
	int64_t one;
	int rc = sql_get(db, &one, "SELECT 1 FROM removed LIMIT 1", "");

	for (unsigned i = 0; i < b->nsessions; i++)
		b->by_number[i]->rows = b->by_number[i]->same = 0;
	w.removed = rc == 0;
	if (rc == -ENOENT)
		rc = 0;
	if (rc == 0 &&
	    sqlite3_prepare_v2(db, "SELECT id FROM sessions WHERE agent=? AND native=?", -1,
		&w.find, NULL) != SQLITE_OK)
		rc = sql_error(db);
	for (size_t i = 0; rc == 0 && i < w.batch->n; i++)
		rc = write_row(&w, &w.batch->rows[i]);
	if (rc == 0)
		rc = read_briefs(&w);
	sqlite3_finalize(w.find);
	for (int i = 0; i < KINDS; i++)
		sqlite3_finalize(w.st[i]);
	return rc;
}

static int
write_batch(sqlite3 *db, void *data)
{
	return sessions_write(db, data);
}

static void
written(int rc, void *data)
{
	struct sessions_batch *b = data;

	if (b->done != NULL)
		b->done(rc, b->arg);
	sessions_batch_free(b);
}

void
sessions_submit(
    struct store *s, struct sessions_batch *take, void (*done)(int rc, void *arg), void *arg)
{
	const struct store_op op = {.run = write_batch,
	    .done = written,
	    .data = take,
	    .size = sessions_batch_bytes(take)};

	take->done = done;
	take->arg = arg;
	store_submit(s, &op);
}
