#include "config.h"

#include "store/sessions_timeline.h"

#include <errno.h>

#include "store/sessions.h"
#include "store/sql.h"

/* One pass over the tool calls of these turns, as there is no index by turn. */
static const char turns_sql[] =
    "WITH page AS MATERIALIZED (SELECT * FROM turns WHERE session=?1 AND seq>?2"
    " ORDER BY seq LIMIT ?3 OFFSET ?4), done AS MATERIALIZED (SELECT turn, COUNT(*) AS n,"
    " SUM(outcome IS 2) AS failed FROM tool_traces WHERE session=?1"
    " AND turn BETWEEN (SELECT MIN(seq) FROM page) AND (SELECT MAX(seq) FROM page)"
    " GROUP BY turn)"
    " SELECT p.seq, p.prompt, p.error, p.outcome, p.started_ms, p.ended_ms,"
    " COALESCE(p.ended_ms, (SELECT n.started_ms FROM turns n WHERE n.session=?1"
    " AND n.seq=p.seq+1)), COALESCE(p.duration_ms, p.ended_ms-p.started_ms),"
    " COALESCE(d.n, 0), COALESCE(d.failed, 0)"
    " FROM page p LEFT JOIN done d ON d.turn=p.seq ORDER BY p.seq";

int
sessions_read_turns(sqlite3 *db, int64_t session, int64_t after, int64_t limit, int64_t offset,
    bool (*cb)(void *arg, const struct sessions_turn_row *row), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st, turns_sql, "llll", session, after, limit, offset);

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		struct sessions_turn_row r = {.seq = sqlite3_column_int64(st, 0),
		    .prompt = (const char *)sqlite3_column_text(st, 1),
		    .error = (const char *)sqlite3_column_text(st, 2),
		    .outcome = (int)sql_count(st, 3),
		    .started_ms = sqlite3_column_int64(st, 4),
		    .ended_ms = sqlite3_column_int64(st, 5),
		    .until_ms = sqlite3_column_int64(st, 6),
		    .duration_ms = sql_count(st, 7),
		    .tools = sqlite3_column_int64(st, 8),
		    .tools_failed = sqlite3_column_int64(st, 9)};

		rc = cb(arg, &r) ? 0 : -ECANCELED;
	}
	rc = sql_finish(st, rc);
	return rc == -ECANCELED ? 0 : rc;
}

int
sessions_count_turns(sqlite3 *db, int64_t session, int64_t *n)
{
	return sql_get(db, n, "SELECT COUNT(*) FROM turns WHERE session=?", "l", session);
}

/* Sessions are few beside what is in them; from each its key leads to the one turn. */
static const char turn_at_sql[] =
    "SELECT s.id, t.seq, t.started_ms, t.ended_ms, t.outcome, s.state, s.agent, s.native,"
    " COALESCE(s.title, (SELECT f.prompt FROM turns f WHERE f.session=s.id ORDER BY f.seq"
    " LIMIT 1)), t.prompt, COALESCE((SELECT u.model FROM usage u WHERE u.session=s.id"
    " AND u.turn=t.seq AND u.model IS NOT NULL ORDER BY u.time_ms DESC LIMIT 1), s.model)"
    " FROM sessions s JOIN turns t ON t.session=s.id AND t.seq=(SELECT l.seq FROM turns l"
    " WHERE l.session=s.id AND l.started_ms<=?2 ORDER BY l.seq DESC LIMIT 1)"
    " WHERE s.pane=?1 AND (t.ended_ms>=?2-?3 OR (t.ended_ms IS NULL AND (s.state=0"
    " OR s.updated_ms>=?2-?3)) OR EXISTS(SELECT 1 FROM turns n WHERE n.session=s.id"
    " AND n.seq>t.seq))"
    " ORDER BY s.parent_native IS NOT NULL AND s.fork IS NOT 1, t.started_ms DESC LIMIT 1";

int
sessions_read_turn_at(sqlite3 *db, const char *pane, int64_t time_ms,
    void (*cb)(void *arg, const struct sessions_turn_at *row), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(
	    db, &st, turn_at_sql, "tll", pane, time_ms, (int64_t)SESSIONS_TURN_SLACK_MS);

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		struct sessions_turn_at r = {.session = sqlite3_column_int64(st, 0),
		    .turn = sqlite3_column_int64(st, 1),
		    .started_ms = sqlite3_column_int64(st, 2),
		    .ended_ms = sqlite3_column_int64(st, 3),
		    .outcome = (int)sql_count(st, 4),
		    .state = (int)sql_count(st, 5),
		    .agent = (const char *)sqlite3_column_text(st, 6),
		    .native = (const char *)sqlite3_column_text(st, 7),
		    .title = (const char *)sqlite3_column_text(st, 8),
		    .prompt = (const char *)sqlite3_column_text(st, 9),
		    .model = (const char *)sqlite3_column_text(st, 10)};

		cb(arg, &r);
		rc = 0;
	}
	return sql_finish(st, rc);
}

/* With MIN, SQLite takes the other columns from the row that has it. */
int
sessions_read_prompts(sqlite3 *db, int chars,
    bool (*cb)(void *arg, int64_t session, const char *prompt), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT session, substr(prompt, 1, ?), MIN(seq) FROM turns"
	    " WHERE prompt IS NOT NULL GROUP BY session",
	    "i", chars);

	while (rc == 0 && (rc = sql_step(st)) == 1)
		rc = cb(arg, sqlite3_column_int64(st, 0),
			 (const char *)sqlite3_column_text(st, 1))
			 ? 0
			 : -ECANCELED;
	rc = sql_finish(st, rc);
	return rc == -ECANCELED ? 0 : rc;
}
