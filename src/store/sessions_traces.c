#include "config.h"

#include "store/sessions_traces.h"

#include <errno.h>

#include "store/sessions.h"
#include "store/sql.h"

#define LATENCY "COALESCE(duration_ms, finished_ms-started_ms)"

/* What is cheap to look at comes first: texts may be long. */
#define WANTED \
	" FROM tool_traces WHERE session=?1 AND (?2=0 OR (?2>>COALESCE(outcome, 5))&1)" \
	" AND (?3<0 OR " LATENCY ">=?3) AND (?4 IS NULL OR name=?4)" \
	" AND (?5 IS NULL OR instr(lower(input), lower(?5)))"

int
sessions_filter_count(
    sqlite3 *db, int64_t session, const struct sessions_tools_filter *f, int64_t *n)
{
	return sql_get(db, n, "SELECT COUNT(*)" WANTED, "llltt", session, (int64_t)f->outcomes,
	    f->min_ms, f->tool, f->text);
}

int
sessions_filter_tools(sqlite3 *db, int64_t session, const struct sessions_tools_filter *f,
    int64_t after, int64_t limit, int64_t offset,
    bool (*cb)(void *arg, const struct sessions_tool_row *row), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    SESSIONS_TOOL_COLUMNS WANTED " AND id>?6 ORDER BY id LIMIT ?7 OFFSET ?8",
	    "lllttlll", session, (int64_t)f->outcomes, f->min_ms, f->tool, f->text, after,
	    limit, offset);

	return sessions_give_tools(st, rc, cb, arg);
}

/* Numbers each tool's calls by their latency; those without one are apart. */
static const char stats_sql[] =
    "WITH calls AS (SELECT CASE WHEN ?2 THEN name END AS name, outcome, " LATENCY " AS ms"
    " FROM tool_traces WHERE session=?1),"
    " ranks AS (SELECT name, outcome, ms, COUNT(ms) OVER (PARTITION BY name) AS n,"
    " ROW_NUMBER() OVER (PARTITION BY name, ms IS NULL ORDER BY ms) AS i FROM calls)"
    " SELECT name, COUNT(*) AS all_calls, SUM(COALESCE(outcome, 0)>1),"
    " MAX(CASE WHEN i=(n+1)/2 THEN ms END), MAX(CASE WHEN i=(n*95+99)/100 THEN ms END),"
    " MAX(ms), SUM(ms) FROM ranks GROUP BY name ORDER BY all_calls DESC, name LIMIT ?3";

int
sessions_read_tool_stats(sqlite3 *db, int64_t session, bool by_name, int64_t limit,
    bool (*cb)(void *arg, const struct sessions_tool_stats *s), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st, stats_sql, "lil", session, by_name, limit);

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		struct sessions_tool_stats s = {
		    .name = (const char *)sqlite3_column_text(st, 0),
		    .calls = sqlite3_column_int64(st, 1),
		    .failed = sqlite3_column_int64(st, 2),
		    .median_ms = sql_count(st, 3),
		    .p95_ms = sql_count(st, 4),
		    .max_ms = sql_count(st, 5),
		    .total_ms = sql_count(st, 6)};

		rc = cb(arg, &s) ? 0 : -ECANCELED;
	}
	rc = sql_finish(st, rc);
	return rc == -ECANCELED ? 0 : rc;
}

/* Places. */

/* The first row of a list that is not before a turn (?2) and, within it, a time (?3). */
#define FIRST(from, time) \
	"COALESCE((SELECT MIN(id) FROM " from " AND (turn>?2 OR turn=?2 AND " time \
	">?3)), 9223372036854775807)"
#define MESSAGES "messages WHERE session=?1 AND text IS NOT NULL"
#define TOOLS "tool_traces WHERE session=?1"

static int
find_row(sqlite3 *db, int64_t session, char kind, int64_t id, int64_t *turn, int64_t *time_ms)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    kind == 'm' ? "SELECT turn, time_ms FROM " MESSAGES " AND id=?2"
			: "SELECT turn, COALESCE(started_ms, finished_ms) FROM " TOOLS
			  " AND id=?2",
	    "ll", session, id);

	if (rc == 0 && (rc = sql_step(st)) == 1) {
		*turn = sqlite3_column_int64(st, 0);
		*time_ms = sqlite3_column_int64(st, 1);
	} else if (rc == 0) {
		rc = -ENOENT;
	}
	return sql_finish(st, rc);
}

int
sessions_find_place(
    sqlite3 *db, int64_t session, char kind, int64_t id, struct sessions_place *out)
{
	int64_t time_ms = INT64_MIN, message = id, tool = id;
	int rc = 0;

	out->turn = id;
	if (kind != 'n')
		rc = find_row(db, session, kind, id, &out->turn, &time_ms);
	if (rc == 0 && kind != 'm')
		rc = sql_get(db, &message, "SELECT " FIRST(MESSAGES, "time_ms"), "lll", session,
		    out->turn, time_ms);
	if (rc == 0 && kind != 't')
		rc = sql_get(db, &tool,
		    "SELECT " FIRST(TOOLS, "COALESCE(started_ms, finished_ms)"), "lll", session,
		    out->turn, time_ms);
	if (rc == 0)
		rc = sql_get(db, &out->messages, "SELECT COUNT(*) FROM " MESSAGES " AND id<?2",
		    "ll", session, message);
	if (rc == 0)
		rc = sql_get(db, &out->tools, "SELECT COUNT(*) FROM " TOOLS " AND id<?2", "ll",
		    session, tool);
	return rc;
}
