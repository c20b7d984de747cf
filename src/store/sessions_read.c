#include "config.h"

#include "store/sessions_read.h"

#include <errno.h>
#include <stdlib.h>

#include "base/xmalloc.h"
#include "store/sql.h"

static const char *
text(sqlite3_stmt *st, int column)
{
	return (const char *)sqlite3_column_text(st, column);
}

static int64_t
count(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL
		   ? SESSIONS_UNKNOWN
		   : sqlite3_column_int64(st, column);
}

int
sessions_read_sources(
    sqlite3 *db, bool (*cb)(void *arg, const struct sessions_source *s), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT path, format, device, inode, size, offset, modified_ns, head, parser"
	    " FROM sources",
	    "");

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		struct sessions_source s = {.path = text(st, 0),
		    .format = text(st, 1),
		    .device = (uint64_t)sqlite3_column_int64(st, 2),
		    .inode = (uint64_t)sqlite3_column_int64(st, 3),
		    .size = (uint64_t)sqlite3_column_int64(st, 4),
		    .offset = (uint64_t)sqlite3_column_int64(st, 5),
		    .modified_ns = sqlite3_column_int64(st, 6),
		    .head = (uint64_t)sqlite3_column_int64(st, 7),
		    .parser = text(st, 8)};

		rc = cb(arg, &s) ? 0 : -ECANCELED;
	}
	rc = sql_finish(st, rc);
	return rc == -ECANCELED ? 0 : rc;
}

/* The sums of a stream count while nothing else is known of the session and those below it, as
 * AGENT_STREAM_KEY of agent/agent.h says. */
#define NO_SUMS \
	" AND NOT (u.key>='stream:' AND u.key<'stream;' AND EXISTS(SELECT 1 FROM usage v" \
	" JOIN sessions t ON t.id=v.session WHERE t.agent=s.agent AND (t.native=s.native" \
	" OR (t.native>s.native||'/' AND t.native<s.native||'0'))" \
	" AND NOT (v.key>='stream:' AND v.key<'stream;')))"

int
sessions_read_usage(sqlite3 *db, int64_t from_ms, int64_t to_ms,
    bool (*cb)(void *arg, const struct sessions_usage_row *row), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT u.agent, s.native, s.cwd, s.title, u.key, u.message, u.model, u.fast,"
	    " u.input, u.cache_read, u.cache_write_5m, u.cache_write_1h, u.output, u.reasoning,"
	    " u.stated_usd, u.time_ms, u.searches FROM usage u JOIN sessions s ON "
	    "s.id=u.session"
	    " WHERE COALESCE(u.time_ms, ?)>=? AND COALESCE(u.time_ms, ?)<=?" NO_SUMS,
	    "llll", INT64_MIN, from_ms, INT64_MIN, to_ms);

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		struct sessions_usage_row row = {text(st, 0), text(st, 1), text(st, 2),
		    text(st, 3),
		    {.key = text(st, 4),
			.message = text(st, 5),
			.model = text(st, 6),
			.fast = sqlite3_column_int(st, 7) != 0,
			.input = count(st, 8),
			.cache_read = count(st, 9),
			.cache_write_5m = count(st, 10),
			.cache_write_1h = count(st, 11),
			.output = count(st, 12),
			.reasoning = count(st, 13),
			.searches = count(st, 16),
			.stated_usd = sqlite3_column_type(st, 14) == SQLITE_NULL
					  ? -1
					  : sqlite3_column_double(st, 14),
			.time_ms = sqlite3_column_int64(st, 15)}};

		rc = cb(arg, &row) ? 0 : -ECANCELED;
	}
	rc = sql_finish(st, rc);
	return rc == -ECANCELED ? 0 : rc;
}

/* Sessions. */

#define WANTED \
	" FROM sessions s WHERE (?1 IS NULL OR agent=?1) AND (?2 IS NULL OR cwd=?2)" \
	" AND (?3 IS NULL OR pane=?3)" \
	" AND (?4 IS NULL OR native=?4 OR CAST(id AS TEXT)=?4)" \
	" AND (?5 IS NULL OR instr(lower(COALESCE(title, '')), lower(?5))" \
	" OR instr(lower(COALESCE(cwd, '')), lower(?5))" \
	" OR EXISTS(SELECT 1 FROM turns WHERE session=s.id" \
	" AND instr(lower(prompt), lower(?5))))" \
	" AND (?6=0 OR updated_ms>=?6) AND (?7=0 OR started_ms<=?7)"

static int
prepare(sqlite3 *db, sqlite3_stmt **st, const char *sql, const struct sessions_filter *f)
{
	const char *const texts[] = {f->agent, f->project, f->pane, f->id, f->text};

	*st = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, st, NULL) != SQLITE_OK)
		return sql_error(db);
	for (int i = 0; i < 5; i++) {
		if (texts[i] != NULL)
			sqlite3_bind_text(*st, i + 1, texts[i], -1, SQLITE_STATIC);
	}
	sqlite3_bind_int64(*st, 6, f->since_ms);
	sqlite3_bind_int64(*st, 7, f->until_ms);
	return 0;
}

static int
count_all(sqlite3 *db, const struct sessions_filter *f, int64_t *total)
{
	sqlite3_stmt *st;
	int rc = prepare(db, &st, "SELECT COUNT(*)" WANTED, f);

	if (rc == 0 && (rc = sql_step(st)) == 1)
		*total = sqlite3_column_int64(st, 0);
	return sql_finish(st, rc);
}

int
sessions_read_list(sqlite3 *db, const struct sessions_filter *f, int64_t limit, int64_t offset,
    int64_t *total, bool (*cb)(void *arg, const struct sessions_row *row), void *arg)
{
	sqlite3_stmt *st;
	int rc = total != NULL ? count_all(db, f, total) : 0;

	if (rc != 0)
		return rc;
	rc = prepare(db, &st,
	    "SELECT id, agent, native, cwd, title, COALESCE(model, (SELECT model FROM usage"
	    " WHERE session=s.id AND model IS NOT NULL ORDER BY time_ms DESC LIMIT 1)),"
	    " mode, version, branch, pane,"
	    " (SELECT prompt FROM turns WHERE session=s.id AND prompt IS NOT NULL"
	    " ORDER BY seq LIMIT 1),"
	    " (SELECT p.id FROM sessions p WHERE p.agent=s.agent AND p.native=s.parent_native),"
	    " fork, state, started_ms, updated_ms,"
	    " (SELECT COUNT(*) FROM turns WHERE session=s.id),"
	    " (SELECT COUNT(*) FROM messages WHERE session=s.id),"
	    " (SELECT COUNT(*) FROM tool_traces WHERE session=s.id)" WANTED
	    " ORDER BY updated_ms DESC, id DESC LIMIT ?8 OFFSET ?9",
	    f);
	if (rc == 0) {
		sqlite3_bind_int64(st, 8, limit);
		sqlite3_bind_int64(st, 9, offset);
	}
	while (rc == 0 && (rc = sql_step(st)) == 1) {
		struct sessions_row r = {.id = sqlite3_column_int64(st, 0),
		    .parent = sqlite3_column_int64(st, 11),
		    .agent = text(st, 1),
		    .native = text(st, 2),
		    .cwd = text(st, 3),
		    .title = text(st, 4),
		    .model = text(st, 5),
		    .mode = text(st, 6),
		    .version = text(st, 7),
		    .branch = text(st, 8),
		    .pane = text(st, 9),
		    .prompt = text(st, 10),
		    .fork = sqlite3_column_int(st, 12) != 0,
		    .state = (int)count(st, 13),
		    .started_ms = sqlite3_column_int64(st, 14),
		    .updated_ms = sqlite3_column_int64(st, 15),
		    .turns = sqlite3_column_int64(st, 16),
		    .messages = sqlite3_column_int64(st, 17),
		    .tools = sqlite3_column_int64(st, 18)};

		rc = cb(arg, &r) ? 0 : -ECANCELED;
	}
	rc = sql_finish(st, rc);
	return rc == -ECANCELED ? 0 : rc;
}

int
sessions_read_messages(sqlite3 *db, int64_t session, int64_t after, int64_t limit,
    int64_t offset, bool (*cb)(void *arg, const struct sessions_message_row *row), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT id, turn, time_ms, native, text, part, CASE role WHEN 4 THEN COALESCE("
	    "(SELECT w.role FROM messages w WHERE w.session=m.session AND w.native=m.message"
	    " AND w.role<4 LIMIT 1), 1) ELSE role END, hidden FROM messages m"
	    " WHERE session=? AND id>? AND text IS NOT NULL ORDER BY id LIMIT ? OFFSET ?",
	    "llll", session, after, limit, offset);

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		struct sessions_message_row r = {.id = sqlite3_column_int64(st, 0),
		    .turn = sqlite3_column_int64(st, 1),
		    .time_ms = sqlite3_column_int64(st, 2),
		    .native = text(st, 3),
		    .text = text(st, 4),
		    .part = (unsigned)sqlite3_column_int(st, 5),
		    .role = sqlite3_column_int(st, 6),
		    .hidden = sqlite3_column_int(st, 7) != 0};

		rc = cb(arg, &r) ? 0 : -ECANCELED;
	}
	rc = sql_finish(st, rc);
	return rc == -ECANCELED ? 0 : rc;
}

int
sessions_read_tools(sqlite3 *db, int64_t session, int64_t after, int64_t limit, int64_t offset,
    bool (*cb)(void *arg, const struct sessions_tool_row *row), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT id, turn, call, message, name, input, output, outcome, started_ms,"
	    " finished_ms, COALESCE(duration_ms, finished_ms-started_ms) FROM tool_traces"
	    " WHERE session=? AND id>? ORDER BY id LIMIT ? OFFSET ?",
	    "llll", session, after, limit, offset);

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		struct sessions_tool_row r = {.id = sqlite3_column_int64(st, 0),
		    .turn = sqlite3_column_int64(st, 1),
		    .call = text(st, 2),
		    .message = text(st, 3),
		    .name = text(st, 4),
		    .input = text(st, 5),
		    .output = text(st, 6),
		    .outcome = (int)count(st, 7),
		    .started_ms = sqlite3_column_int64(st, 8),
		    .finished_ms = sqlite3_column_int64(st, 9),
		    .latency_ms = count(st, 10)};

		rc = cb(arg, &r) ? 0 : -ECANCELED;
	}
	rc = sql_finish(st, rc);
	return rc == -ECANCELED ? 0 : rc;
}

int
sessions_count_messages(sqlite3 *db, int64_t session, int64_t *n)
{
	return sql_get(db, n,
	    "SELECT COUNT(*) FROM messages WHERE session=? AND text IS NOT NULL", "l", session);
}

int
sessions_count_tools(sqlite3 *db, int64_t session, int64_t *n)
{
	return sql_get(db, n, "SELECT COUNT(*) FROM tool_traces WHERE session=?", "l", session);
}
