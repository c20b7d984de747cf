#include "config.h"

#include "store/sessions_texts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/xmalloc.h"
#include "store/sql.h"

enum { MESSAGES, TOOLS, TABLES };
enum { SQL_SIZE = 1024 };

/* ?1: behind which id, ?2 and ?3: from when to when, ?4: of which session. */
static const char *const selects[TABLES] = {
    "SELECT id, session, time_ms, hidden, CASE role WHEN 4 THEN COALESCE((SELECT w.role FROM"
    " messages w WHERE w.session=m.session AND w.native=m.message AND w.role<4 LIMIT 1), 1)"
    " ELSE role END, text FROM messages m WHERE COALESCE(time_ms, ?2)>=?2"
    " AND COALESCE(time_ms, ?3)<=?3",
    "SELECT id, session, started_ms, finished_ms, name, input, output FROM tool_traces"
    " WHERE MAX(COALESCE(started_ms, finished_ms, ?2), COALESCE(finished_ms, started_ms, ?2))"
    ">=?2 AND MIN(COALESCE(started_ms, finished_ms, ?3), COALESCE(finished_ms, started_ms,"
    " ?3))<=?3",
};

struct table {
	sqlite3_stmt *st; /* NULL: not wanted, or at its end */
	int64_t last;     /* id of the row that was given last */
	bool ready;       /* there is a row that was not given yet */
	int64_t time_ms;  /* its */
};

struct sessions_texts {
	sqlite3 *db;
	struct sessions_texts_options o;
	struct table tables[TABLES];
};

int
sessions_texts_sessions(sqlite3 *db, const char *id,
    void (*cb)(void *arg, const struct sessions_texts_session *s), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT id, agent, native, pane, COALESCE(updated_ms, started_ms, 0) FROM sessions"
	    " WHERE ?1 IS NULL OR native=?1 OR CAST(id AS TEXT)=?1",
	    "t", id);

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		cb(arg,
		    &(struct sessions_texts_session){sqlite3_column_int64(st, 0),
			(const char *)sqlite3_column_text(st, 1),
			(const char *)sqlite3_column_text(st, 2),
			(const char *)sqlite3_column_text(st, 3), sqlite3_column_int64(st, 4)});
		rc = 0;
	}
	return sql_finish(st, rc);
}

static void
bind(const struct sessions_texts *c, const struct table *t)
{
	sqlite3_bind_int64(t->st, 1, t->last);
	sqlite3_bind_int64(t->st, 2, c->o.from_ms);
	sqlite3_bind_int64(t->st, 3, c->o.to_ms);
	if (c->o.session != 0)
		sqlite3_bind_int64(t->st, 4, c->o.session);
}

static int
open_table(struct sessions_texts *c, int which)
{
	struct table *t = &c->tables[which];
	char sql[SQL_SIZE];

	snprintf(sql, sizeof sql, "%s AND id%s?1%s ORDER BY id%s", selects[which],
	    c->o.newest_first ? "<" : ">", c->o.session != 0 ? " AND session=?4" : "",
	    c->o.newest_first ? " DESC" : "");
	if (sqlite3_prepare_v2(c->db, sql, -1, &t->st, NULL) != SQLITE_OK)
		return sql_error(c->db);
	t->last = c->o.newest_first ? INT64_MAX : INT64_MIN;
	bind(c, t);
	return 0;
}

int
sessions_texts_open(
    sqlite3 *db, const struct sessions_texts_options *o, struct sessions_texts **out)
{
	struct sessions_texts *c = xcalloc(1, sizeof *c);
	int rc;

	c->db = db;
	c->o = *o;
	*out = NULL;
	rc = sql_run(db, "SAVEPOINT texts", "");
	if (rc == 0 && o->messages)
		rc = open_table(c, MESSAGES);
	if (rc == 0 && o->tools)
		rc = open_table(c, TOOLS);
	if (rc != 0)
		sessions_texts_close(c);
	else
		*out = c;
	return rc;
}

void
sessions_texts_close(struct sessions_texts *c)
{
	if (c == NULL)
		return;
	for (int i = 0; i < TABLES; i++)
		sqlite3_finalize(c->tables[i].st);
	sql_run(c->db, "RELEASE texts", "");
	free(c);
}

void
sessions_texts_narrow(struct sessions_texts *c, int64_t from_ms, int64_t to_ms)
{
	c->o.from_ms = from_ms;
	c->o.to_ms = to_ms;
	for (int i = 0; i < TABLES; i++) {
		struct table *t = &c->tables[i];

		if (t->st == NULL)
			continue;
		sqlite3_reset(t->st);
		bind(c, t);
		t->ready = false;
	}
}

/* 1: there is a row that was not given yet. */
static int
step(struct table *t)
{
	int rc;

	if (t->st == NULL || t->ready)
		return t->st != NULL;
	rc = sql_step(t->st);
	if (rc != 1) {
		sqlite3_finalize(t->st);
		t->st = NULL;
		return rc;
	}
	t->ready = true;
	t->time_ms = sqlite3_column_int64(t->st, 2);
	return 1;
}

static struct sessions_text
text_at(sqlite3_stmt *st, int column, int64_t time_ms)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return (struct sessions_text){text, (size_t)sqlite3_column_bytes(st, column), time_ms};
}

static void
read_message(sqlite3_stmt *st, struct sessions_texts_row *row)
{
	row->hidden = sqlite3_column_int(st, 3) != 0;
	row->role = sqlite3_column_int(st, 4);
	row->texts[0] = text_at(st, 5, sqlite3_column_int64(st, 2));
}

static void
read_tool(sqlite3_stmt *st, struct sessions_texts_row *row)
{
	int64_t started = sqlite3_column_int64(st, 2), finished = sqlite3_column_int64(st, 3);

	row->tool = true;
	row->name = (const char *)sqlite3_column_text(st, 4);
	row->name_len = (size_t)sqlite3_column_bytes(st, 4);
	row->texts[0] = text_at(st, 5, started != 0 ? started : finished);
	row->texts[1] = text_at(st, 6, finished != 0 ? finished : started);
}

int
sessions_texts_next(struct sessions_texts *c, struct sessions_texts_row *row)
{
	struct table *m = &c->tables[MESSAGES], *t = &c->tables[TOOLS], *next;
	int rc = step(m), more;

	if (rc < 0 || (more = step(t)) < 0)
		return rc < 0 ? rc : more;
	if (rc == 0 && more == 0)
		return 0;
	next = m;
	if (rc == 0 || (more == 1 && c->o.newest_first == (t->time_ms > m->time_ms)))
		next = t;
	next->ready = false;
	next->last = sqlite3_column_int64(next->st, 0);
	*row = (struct sessions_texts_row){
	    .id = next->last, .session = sqlite3_column_int64(next->st, 1)};
	if (next == m)
		read_message(next->st, row);
	else
		read_tool(next->st, row);
	return 1;
}
