#include "config.h"

#include "store/sessions_remove.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "store/sessions_read.h"
#include "store/sql.h"
#include "store/store.h"

struct removal {
	char *id; /* NULL: by time */
	int64_t before_ms, n;
	int64_t keep; /* 0: any number */
	bool forget;
	sessions_removed_cb done;
	void *arg;
};

static const char make_going[] = "CREATE TEMP TABLE IF NOT EXISTS going("
				 "id INTEGER PRIMARY KEY, agent TEXT, native TEXT,"
				 " UNIQUE(agent, native))";

/* Sub-agents of what is to go, until no more are found: each that names its parent, or has its
 * session's id before a slash. */
static const char add_below[] =
    "INSERT OR IGNORE INTO temp.going SELECT id, agent, native FROM sessions s WHERE"
    " (s.fork=0 AND EXISTS(SELECT 1 FROM temp.going g WHERE g.agent=s.agent"
    " AND g.native=s.parent_native)) OR EXISTS(SELECT 1 FROM temp.going g"
    " WHERE g.agent=s.agent AND g.native=substr(s.native, 1, instr(s.native, '/')-1))";

static const char add_one[] =
    "INSERT INTO temp.going SELECT id, agent, native FROM sessions WHERE id=?";

/* A sub-agent stays while its session does, and a session while one of its sub-agents does. */
static const char add_old[] =
    "INSERT INTO temp.going SELECT id, agent, native FROM sessions s WHERE updated_ms<?1"
    " AND NOT EXISTS(SELECT 1 FROM sessions o WHERE s.fork=0 AND o.agent=s.agent"
    " AND o.native=s.parent_native AND o.updated_ms>=?1)"
    " AND (agent, native) NOT IN (SELECT agent, parent_native FROM sessions WHERE fork=0"
    " AND parent_native IS NOT NULL AND updated_ms>=?1)";

static int
add_all_below(sqlite3 *db)
{
	int rc, n;

	do {
		rc = sql_run(db, add_below, "");
		n = sqlite3_changes(db);
	} while (rc == 0 && n != 0);
	return rc;
}

static int
remove_going(sqlite3 *db, struct removal *r)
{
	int rc = 0;

	if (!r->forget)
		rc = sql_run(db,
		    "INSERT OR IGNORE INTO removed(agent, native, time_ms)"
		    " SELECT agent, native, ? FROM temp.going",
		    "l", clock_wall_ms());
	if (rc == 0)
		rc = sql_run(
		    db, "DELETE FROM sessions WHERE id IN (SELECT id FROM temp.going)", "");
	r->n = sqlite3_changes(db);
	return rc;
}

/* From the newest of those that are too many on, all that are older. */
static int
find_beyond(sqlite3 *db, struct removal *r)
{
	int rc = sql_get(db, &r->before_ms,
	    "SELECT COALESCE(updated_ms, -1)+1 FROM sessions ORDER BY updated_ms DESC"
	    " LIMIT 1 OFFSET ?",
	    "l", r->keep);

	if (rc == -ENOENT)
		r->before_ms = 0;
	return rc == -ENOENT ? 0 : rc;
}

static int
run(sqlite3 *db, void *data)
{
	struct removal *r = data;
	int64_t id = 0;
	int rc = r->id != NULL ? sessions_find(db, r->id, &id) : 0;

	if (rc == 0 && r->keep != 0)
		rc = find_beyond(db, r);
	if (rc == 0)
		rc = sql_run(db, make_going, "");
	if (rc == 0)
		rc = sql_run(db, "DELETE FROM temp.going", "");
	if (rc == 0)
		rc = r->id != NULL ? sql_run(db, add_one, "l", id)
				   : sql_run(db, add_old, "l", r->before_ms);
	if (rc == 0)
		rc = add_all_below(db);
	if (rc == 0)
		rc = remove_going(db, r);
	if (rc == 0)
		rc = sql_run(db, "DELETE FROM temp.going", "");
	return rc;
}

static void
done(int rc, void *data)
{
	struct removal *r = data;

	if (r->done != NULL)
		r->done(rc, r->n, r->arg);
	free(r->id);
	free(r);
}

static void
submit(struct store *s, struct removal *take)
{
	const struct store_op op = {.run = run,
	    .done = done,
	    .data = take,
	    .size = sizeof *take + (take->id != NULL ? strlen(take->id) + 1 : 0),
	    .erase = true};

	store_submit(s, &op);
}

void
sessions_remove(struct store *s, const char *id, sessions_removed_cb cb, void *arg)
{
	struct removal *r = xcalloc(1, sizeof *r);

	r->id = xstrdup(id);
	r->done = cb;
	r->arg = arg;
	submit(s, r);
}

void
sessions_remove_before(
    struct store *s, int64_t before_ms, bool forget, sessions_removed_cb cb, void *arg)
{
	struct removal *r = xcalloc(1, sizeof *r);

	r->before_ms = before_ms;
	r->forget = forget;
	r->done = cb;
	r->arg = arg;
	submit(s, r);
}

void
sessions_remove_beyond(struct store *s, unsigned keep, sessions_removed_cb cb, void *arg)
{
	struct removal *r = xcalloc(1, sizeof *r);

	r->keep = keep;
	r->forget = true;
	r->done = cb;
	r->arg = arg;
	submit(s, r);
}

int
sessions_refuse(sqlite3 *db, const char *agent, const char *native, const char *parent)
{
	int64_t one;
	int rc = sql_get(db, &one,
	    "SELECT 1 FROM removed WHERE agent=?1 AND native IN"
	    " (?2, substr(?2, 1, instr(?2, '/')-1), ?3) LIMIT 1",
	    "ttt", agent, native, parent);

	if (rc == -ENOENT)
		return 0;
	if (rc == 0)
		rc = sql_run(db, "INSERT OR IGNORE INTO removed VALUES(?, ?, ?)", "ttl", agent,
		    native, clock_wall_ms());
	if (rc == 0)
		rc = sql_run(
		    db, "DELETE FROM sessions WHERE agent=? AND native=?", "tt", agent, native);
	return rc == 0 ? 1 : rc;
}
