#include "config.h"

#include "agent/opencode_db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "agent/opencode.h"
#include "base/err.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "store/sql.h"

enum {
	AGAIN_MS = 2000, /* rows get their time before they are committed */
	ROW_MAX = 256 * 1024 * 1024,
	EXPR_MAX = 100, /* levels in an expression, also of what the file's schema brings */
};

struct reading {
	sqlite3 *db;
	struct source s;
	int64_t since, newest;
};

/* A message, while its parts are read. */
struct message {
	const char *id, *model;
	enum agent_role role;
	struct opencode_sum sum;
	bool is_new; /* it has changed itself */
};

bool
opencode_db_is_one(const char *path)
{
	char *name = path_above(path, 0);
	bool is = str_starts(name, "opencode") && path_ends(name, ".db");

	free(name);
	return is;
}

static int
db_open(const char *path, sqlite3 **db, char **cause)
{
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
	int rc = 0;

	*db = NULL;
	if (access(path, R_OK) != 0)
		return err_sys(cause, -errno, "open %s", path);
	if (sqlite3_open_v2(path, db, flags, NULL) != SQLITE_OK) {
		rc = *db == NULL ? -ENOMEM : sql_error(*db);
		sqlite3_close(*db);
		*db = NULL;
		return err_sys(cause, rc != 0 ? rc : -EIO, "open %s", path);
	}
	sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(*db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_db_config(*db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_limit(*db, SQLITE_LIMIT_LENGTH, ROW_MAX);
	sqlite3_limit(*db, SQLITE_LIMIT_EXPR_DEPTH, EXPR_MAX);
	return 0;
}

/* The file is the agent's, or whoever's wrote it. What is read must be plain tables: a view brings
 * SQL of its own (CVE-2026-119371, CVE-2026-119591), a virtual table the code of an extension that
 * trusts what it has stored (CVE-2026-11822, CVE-2026-11824). */
static int
only_tables(sqlite3 *db)
{
	static const char sql[] = "SELECT count(*) FROM sqlite_master"
				  " WHERE lower(name) IN ('session', 'message', 'part')"
				  " AND NOT (type = 'table' AND sql LIKE 'CREATE TABLE%')";
	int64_t others = 0;
	int rc = sql_get(db, &others, sql, "");

	return rc == 0 && others > 0 ? -ENOTSUP : rc;
}

/* An id; one that is no text names nothing. */
static const char *
text_at(sqlite3_stmt *st, int column)
{
	const char *s = (const char *)sqlite3_column_text(st, column);

	return s == NULL || *s == '\0' || !utf8_valid(s, strlen(s)) ? NULL : s;
}

static char *
clean_at(sqlite3_stmt *st, int column)
{
	const char *s = (const char *)sqlite3_column_text(st, column);

	return s == NULL || *s == '\0' ? NULL : utf8_sanitize(s, strlen(s));
}

/* When, in milliseconds; 0 where it is none. */
static int64_t
ms_at(sqlite3_stmt *st, int column)
{
	int64_t ms = sqlite3_column_int64(st, column);

	return ms < 0 || ms > (int64_t)JSON_INT_MAX ? 0 : ms;
}

static void
saw(struct reading *r, int64_t ms)
{
	if (ms > r->newest && ms < (int64_t)JSON_INT_MAX)
		r->newest = ms;
}

static void
take_session(struct reading *r, sqlite3_stmt *st)
{
	char *dir = clean_at(st, 2), *title = clean_at(st, 3), *version = clean_at(st, 4);
	struct agent_event e;

	if (text_at(st, 0) != NULL) {
		source_name(&r->s, text_at(st, 0));
		r->s.time_ms = ms_at(st, 5);
		e = source_event(&r->s, AGENT_SESSION);
		e.parent = text_at(st, 1);
		e.cwd = dir;
		e.title = title;
		e.version = version;
		source_give(&r->s, &e);
	}
	free(dir);
	free(title);
	free(version);
}

static int
read_sessions(struct reading *r)
{
	static const char sql[] =
	    "SELECT id, parent_id, directory, title, version, time_created, time_updated"
	    " FROM session WHERE time_updated >= ? ORDER BY time_created, id";
	sqlite3_stmt *st;
	int rc = sql_prepare(r->db, &st, sql, "l", r->since);

	while (rc == 0 && (rc = sql_step(st)) == 1) {
		rc = 0;
		saw(r, ms_at(st, 6));
		take_session(r, st);
	}
	return sql_finish(st, rc);
}

static cJSON *
json_at(sqlite3_stmt *st, int column)
{
	const void *data = sqlite3_column_blob(st, column);

	return data == NULL ? NULL
			    : source_parse(data, (size_t)sqlite3_column_bytes(st, column));
}

static void
take_part(struct reading *r, sqlite3_stmt *st, struct message *m)
{
	cJSON *o = json_at(st, 3);
	const char *type = get_string(o, "type"), *id = text_at(st, 0);
	int64_t created = ms_at(st, 1), updated = ms_at(st, 2);

	saw(r, updated);
	r->s.time_ms = get_time(get(o, "time"), "start");
	if (r->s.time_ms == 0)
		r->s.time_ms = created;
	if (type == NULL || id == NULL)
		r->s.passed++;
	else if (strcmp(type, "step-finish") == 0)
		opencode_sum_add(&m->sum, o);
	else if (updated >= r->since || m->is_new)
		opencode_give_part(&r->s, o, id, m->id, m->role);
	cJSON_Delete(o);
}

/* Steps are what counts; the message itself has the same, or, of several steps, the last. */
static void
give_usage(struct reading *r, struct message *m, const cJSON *o)
{
	r->s.time_ms = get_time(get(o, "time"), "completed");
	if (r->s.time_ms == 0)
		r->s.time_ms = get_time(get(o, "time"), "created");
	if (m->sum.steps == 0 && cJSON_IsObject(get(o, "tokens")))
		opencode_sum_add(&m->sum, o);
	if (m->sum.steps != 0)
		opencode_give_usage(&r->s, m->id, m->model, &m->sum, OPENCODE_ALL);
}

static void
give_turn_end(struct reading *r, const cJSON *o)
{
	struct agent_event e = source_event(&r->s, AGENT_TURN_END);
	const char *finish = get_string(o, "finish"),
		   *name = get_string(get(o, "error"), "name");

	if (name != NULL)
		e.outcome =
		    strcmp(name, "MessageAbortedError") == 0 ? AGENT_INTERRUPTED : AGENT_FAILED;
	else if (finish != NULL && strcmp(finish, "tool-calls") != 0)
		e.outcome = AGENT_OK;
	else
		return;
	e.id = get_string(o, "parentID"); /* the prompt's message */
	e.text = name != NULL ? name : finish;
	source_give(&r->s, &e);
}

static int
take_message(struct reading *r, sqlite3_stmt *row, sqlite3_stmt *parts)
{
	cJSON *o = json_at(row, 4);
	const char *role = get_string(o, "role");
	struct message m = {.id = text_at(row, 0),
	    .model = get_string(o, "modelID"),
	    .role = role != NULL && strcmp(role, "user") == 0 ? AGENT_USER : AGENT_ASSISTANT,
	    .is_new = ms_at(row, 3) >= r->since};
	struct agent_event e;
	int rc;

	saw(r, ms_at(row, 3));
	if (o == NULL || m.id == NULL || text_at(row, 1) == NULL) {
		r->s.passed++;
		cJSON_Delete(o);
		return 0;
	}
	source_name(&r->s, text_at(row, 1));
	r->s.time_ms = ms_at(row, 2);
	e = source_event(&r->s, m.role == AGENT_USER ? AGENT_TURN : AGENT_MESSAGE);
	e.id = m.id;
	e.role = m.role;
	e.model = m.model;
	if (m.is_new)
		source_give(&r->s, &e);
	sqlite3_reset(parts);
	sqlite3_bind_text(parts, 1, m.id, -1, SQLITE_TRANSIENT);
	while ((rc = sql_step(parts)) == 1)
		take_part(r, parts, &m);
	if (rc == 0) {
		give_usage(r, &m, o);
		if (m.is_new) {
			opencode_give_error(&r->s, get(o, "error"));
			give_turn_end(r, o);
		}
	}
	cJSON_Delete(o);
	return rc;
}

static int
read_messages(struct reading *r)
{
	static const char sql[] =
	    "SELECT id, session_id, time_created, time_updated, data FROM message"
	    " WHERE time_updated >= ?1"
	    " OR id IN (SELECT message_id FROM part WHERE time_updated >= ?1)"
	    " ORDER BY time_created, id";
	static const char of_message[] = "SELECT id, time_created, time_updated, data FROM part"
					 " WHERE message_id = ? ORDER BY id";
	sqlite3_stmt *st, *parts = NULL;
	int rc = sql_prepare(r->db, &st, sql, "l", r->since);

	if (rc == 0)
		rc = sql_prepare(r->db, &parts, of_message, "");
	while (rc == 0 && (rc = sql_step(st)) == 1)
		rc = take_message(r, st, parts);
	sql_finish(parts, 0);
	return sql_finish(st, rc);
}

int
opencode_db_read(
    const char *path, const struct agent_sink *sink, int64_t *since_ms, char **cause)
{
	struct reading r = {.since = *since_ms, .newest = *since_ms};
	int rc = db_open(path, &r.db, cause);

	if (rc != 0)
		return rc;
	source_open(&r.s, path, sink);
	/* One state of all three tables. */
	rc = sql_run(r.db, "BEGIN", "");
	if (rc == 0)
		rc = only_tables(r.db);
	if (rc == 0)
		rc = read_sessions(&r);
	if (rc == 0)
		rc = read_messages(&r);
	if (rc == -EINVAL)
		rc = -ENOTSUP; /* no such table or column */
	if (rc == -ENOTSUP && sqlite3_errcode(r.db) == SQLITE_OK)
		err_set(cause, rc, "read %s: what should be a table is none", path);
	else if (rc != 0)
		err_set(cause, rc, "read %s: %s", path, sqlite3_errmsg(r.db));
	else if (r.newest > *since_ms + AGAIN_MS)
		*since_ms = r.newest - AGAIN_MS;
	sqlite3_close(r.db);
	source_close(&r.s);
	return rc;
}
