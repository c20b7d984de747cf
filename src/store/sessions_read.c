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

/* A session and its sub-agents have this in common. */
#define ROOT(name) \
	"substr(" name ", 1, CASE WHEN instr(" name ", '/')>1 THEN instr(" name \
	", '/')-1 ELSE length(" name ") END)"
#define FAMILY(s) \
	s "agent, CASE WHEN " s "fork=0 AND " s "parent_native IS NOT NULL THEN " ROOT( \
	    s "parent_native") " ELSE " ROOT(s "native") " END"
#define IS_SUM "key>='" SESSIONS_SUM_KEY "' AND key<'" SESSIONS_SUM_KEY_END "'"

/* Sums of a stream are left out where any of the family is known call by call. */
#define USAGE_ROWS \
	"SELECT u.agent, s.native, s.cwd, s.title, u.key, u.message, u.model, u.fast," \
	" u.input, u.cache_read, u.cache_write_5m, u.cache_write_1h, u.output, u.reasoning," \
	" u.stated_usd, u.time_ms, u.searches, u.session, u.turn" \
	" FROM usage u JOIN sessions s ON s.id=u.session" \
	" WHERE NOT (u." IS_SUM " AND (" FAMILY("s.") ") IN (SELECT " FAMILY( \
	    "f.") " FROM sessions f WHERE EXISTS(SELECT 1 FROM usage WHERE session=f.id" \
		  " AND NOT (" IS_SUM "))))"

static int
give_usage(sqlite3_stmt *st, int rc,
    bool (*cb)(void *arg, const struct sessions_usage_row *row), void *arg)
{
	while (rc == 0 && (rc = sql_step(st)) == 1) {
		struct sessions_usage_row row = {text(st, 0), text(st, 1), text(st, 2),
		    text(st, 3),
		    {.key = text(st, 4),
			.message = text(st, 5),
			.model = text(st, 6),
			.fast = sqlite3_column_int(st, 7) != 0,
			.input = sql_count(st, 8),
			.cache_read = sql_count(st, 9),
			.cache_write_5m = sql_count(st, 10),
			.cache_write_1h = sql_count(st, 11),
			.output = sql_count(st, 12),
			.reasoning = sql_count(st, 13),
			.searches = sql_count(st, 16),
			.stated_usd = sqlite3_column_type(st, 14) == SQLITE_NULL
					  ? -1
					  : sqlite3_column_double(st, 14),
			.time_ms = sqlite3_column_int64(st, 15)},
		    sqlite3_column_int64(st, 17), sqlite3_column_int64(st, 18)};

		rc = cb(arg, &row) ? 0 : -ECANCELED;
	}
	rc = sql_finish(st, rc);
	return rc == -ECANCELED ? 0 : rc;
}

int
sessions_read_usage(sqlite3 *db, int64_t from_ms, int64_t to_ms,
    bool (*cb)(void *arg, const struct sessions_usage_row *row), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    USAGE_ROWS " AND COALESCE(u.time_ms, ?)>=? AND COALESCE(u.time_ms, ?)<=?", "llll",
	    INT64_MIN, from_ms, INT64_MIN, to_ms);

	return give_usage(st, rc, cb, arg);
}

int
sessions_read_usage_of(sqlite3 *db, int64_t session,
    bool (*cb)(void *arg, const struct sessions_usage_row *row), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st, USAGE_ROWS " AND u.session=?", "l", session);

	return give_usage(st, rc, cb, arg);
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
	" AND (?6=0 OR updated_ms>=?6) AND (?7=0 OR started_ms<=?7)" \
	" AND (?10 IS NULL OR fork=0 AND EXISTS(SELECT 1 FROM sessions p WHERE " \
	"p.agent=s.agent" \
	" AND p.native=s.parent_native AND (p.native=?10 OR CAST(p.id AS TEXT)=?10)))"

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
	if (f->parent != NULL)
		sqlite3_bind_text(*st, 10, f->parent, -1, SQLITE_STATIC);
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
		    .state = (int)sql_count(st, 13),
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
sessions_find(sqlite3 *db, const char *id, int64_t *session)
{
	return sql_get(db, session,
	    "SELECT id FROM sessions WHERE id IN (SELECT CAST(?1 AS INTEGER)"
	    " WHERE CAST(CAST(?1 AS INTEGER) AS TEXT)=?1"
	    " UNION ALL SELECT id FROM sessions WHERE native=?1)"
	    " ORDER BY updated_ms DESC, id DESC LIMIT 1",
	    "t", id);
}

#define MESSAGES \
	"SELECT id, turn, time_ms, native, text, part, CASE role WHEN 4 THEN COALESCE(" \
	"(SELECT w.role FROM messages w WHERE w.session=m.session AND w.native=m.message" \
	" AND w.role<4 LIMIT 1), 1) ELSE role END, hidden FROM messages m" \
	" WHERE session=? AND text IS NOT NULL"

/* Takes the statement. */
static int
give_messages(sqlite3_stmt *st, int rc,
    bool (*cb)(void *arg, const struct sessions_message_row *row), void *arg)
{
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
sessions_read_messages(sqlite3 *db, int64_t session, int64_t after, int64_t limit,
    int64_t offset, bool (*cb)(void *arg, const struct sessions_message_row *row), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st, MESSAGES " AND id>? ORDER BY id LIMIT ? OFFSET ?", "llll",
	    session, after, limit, offset);

	return give_messages(st, rc, cb, arg);
}

int
sessions_last_messages(sqlite3 *db, int64_t session, int64_t limit,
    bool (*cb)(void *arg, const struct sessions_message_row *row), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(
	    db, &st, MESSAGES " AND NOT hidden ORDER BY id DESC LIMIT ?", "ll", session, limit);

	return give_messages(st, rc, cb, arg);
}

#define TOOLS SESSIONS_TOOL_COLUMNS " FROM tool_traces WHERE session=?"

int
sessions_give_tools(sqlite3_stmt *st, int rc,
    bool (*cb)(void *arg, const struct sessions_tool_row *row), void *arg)
{
	while (rc == 0 && (rc = sql_step(st)) == 1) {
		struct sessions_tool_row r = {.id = sqlite3_column_int64(st, 0),
		    .turn = sqlite3_column_int64(st, 1),
		    .call = text(st, 2),
		    .message = text(st, 3),
		    .name = text(st, 4),
		    .input = text(st, 5),
		    .output = text(st, 6),
		    .outcome = (int)sql_count(st, 7),
		    .started_ms = sqlite3_column_int64(st, 8),
		    .finished_ms = sqlite3_column_int64(st, 9),
		    .latency_ms = sql_count(st, 10)};

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
	int rc = sql_prepare(db, &st, TOOLS " AND id>? ORDER BY id LIMIT ? OFFSET ?", "llll",
	    session, after, limit, offset);

	return sessions_give_tools(st, rc, cb, arg);
}

int
sessions_last_tools(sqlite3 *db, int64_t session, int64_t limit,
    bool (*cb)(void *arg, const struct sessions_tool_row *row), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st, TOOLS " ORDER BY id DESC LIMIT ?", "ll", session, limit);

	return sessions_give_tools(st, rc, cb, arg);
}

int
sessions_count_messages(sqlite3 *db, int64_t session, int64_t *n)
{
	return sql_get(db, n,
	    "SELECT COUNT(*) FROM messages WHERE session=? AND text IS NOT NULL", "l", session);
}
