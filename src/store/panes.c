#include "config.h"

#include "store/panes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "store/sql.h"

/* What an operation needs of its own; the strings are copies. */
struct act {
	int64_t run_started_ms, run_pid;
	char *version;
	char *id, *name, *command, *cwd;
	int64_t pid, started_ms, ended_ms;
	int exit_status;
	struct store_lost lost;
	store_lost_cb lost_done;
	store_done_cb done;
	void *arg;
};

static char *
copy(const char *s)
{
	return s == NULL ? NULL : xstrdup(s);
}

static size_t
length(const char *s)
{
	return s == NULL ? 0 : strlen(s) + 1;
}

static struct act *
act_new(const struct store_run *run, store_done_cb done, void *arg)
{
	struct act *a = xcalloc(1, sizeof *a);

	a->run_started_ms = run->started_ms;
	a->run_pid = run->pid;
	a->version = xstrdup(run->version);
	a->done = done;
	a->arg = arg;
	return a;
}

static void
clear_lost(struct store_lost *lost)
{
	for (size_t i = 0; i < lost->n; i++) {
		free(lost->panes[i].id);
		free(lost->panes[i].name);
		free(lost->panes[i].command);
	}
	*lost = (struct store_lost){0};
}

static void
act_done(int rc, void *data)
{
	struct act *a = data;

	if (rc != 0)
		clear_lost(&a->lost);
	if (a->lost_done != NULL)
		a->lost_done(rc, &a->lost, a->arg);
	else if (a->done != NULL)
		a->done(rc, a->arg);
	clear_lost(&a->lost);
	free(a->version);
	free(a->id);
	free(a->name);
	free(a->command);
	free(a->cwd);
	free(a);
}

static void
act_submit(struct store *s, struct act *a, int (*run)(sqlite3 *, void *))
{
	const struct store_op op = {
	    .run = run,
	    .done = act_done,
	    .data = a,
	    .size = sizeof *a + length(a->version) + length(a->id) + length(a->name) +
		    length(a->command) + length(a->cwd),
	};

	store_submit(s, &op);
}

static int
find_run(sqlite3 *db, const struct act *a, int64_t *run)
{
	return sql_get(db, run, "SELECT id FROM runs WHERE started_ms=? AND pid=?", "ll",
	    a->run_started_ms, a->run_pid);
}

/* Makes the run where it is missing: its row may have gone with a damaged file. */
static int
need_run(sqlite3 *db, const struct act *a, int64_t *run)
{
	int rc = find_run(db, a, run);

	if (rc != -ENOENT)
		return rc;
	rc = sql_run(db, "INSERT INTO runs(started_ms, version, pid) VALUES(?, ?, ?)", "ltl",
	    a->run_started_ms, a->version, a->run_pid);
	*run = sqlite3_last_insert_rowid(db);
	return rc;
}

/* The oldest of those that are lost. */
static int
list_lost(sqlite3 *db, struct store_lost *lost, int64_t run)
{
	sqlite3_stmt *st;
	int rc = sql_prepare(db, &st,
	    "SELECT id, name, command FROM panes WHERE ended_ms IS NULL AND run!=?"
	    " ORDER BY rowid LIMIT ?",
	    "li", run, STORE_LOST_MAX);

	if (rc != 0)
		return rc;
	while (lost->n < STORE_LOST_MAX && (rc = sql_step(st)) == 1) {
		lost->panes[lost->n].id = sql_text(st, 0);
		lost->panes[lost->n].name = sql_text(st, 1);
		lost->panes[lost->n++].command = sql_text(st, 2);
	}
	return sql_finish(st, rc);
}

static int
end_lost(sqlite3 *db, struct act *a, int64_t run)
{
	int rc;

	clear_lost(&a->lost); /* of an attempt before this one */
	if ((rc = list_lost(db, &a->lost, run)) != 0)
		return rc;
	rc = sql_run(db,
	    "UPDATE panes SET ended_ms=?, exit_status=NULL, lost=1"
	    " WHERE ended_ms IS NULL AND run!=?",
	    "ll", clock_wall_ms(), run);
	if (rc == 0)
		a->lost.count = (size_t)sqlite3_changes(db);
	return rc;
}

static int
run_begin(sqlite3 *db, void *data)
{
	struct act *a = data;
	int64_t run;
	int rc = need_run(db, a, &run);

	return rc != 0 ? rc : end_lost(db, a, run);
}

void
store_run_begin(struct store *s, const struct store_run *run, store_lost_cb done, void *arg)
{
	struct act *a = act_new(run, NULL, arg);

	a->lost_done = done;
	act_submit(s, a, run_begin);
}

void
store_run_continue(struct store *s, const struct store_run *run, store_done_cb done, void *arg)
{
	/* What the first worker could not write, this one does: losses too. */
	act_submit(s, act_new(run, done, arg), run_begin);
}

static int
run_end(sqlite3 *db, void *data)
{
	struct act *a = data;
	int64_t run;
	int rc = need_run(db, a, &run);

	return rc != 0 ? rc
		       : sql_run(db, "UPDATE runs SET ended_ms=? WHERE id=?", "ll", a->ended_ms,
			     run);
}

void
store_run_end(struct store *s, const struct store_run *run, int64_t ended_ms,
    store_done_cb done, void *arg)
{
	struct act *a = act_new(run, done, arg);

	a->ended_ms = ended_ms;
	act_submit(s, a, run_end);
}

static int
pane_started(sqlite3 *db, void *data)
{
	struct act *a = data;
	int64_t run;
	int rc = need_run(db, a, &run);

	return rc != 0 ? rc
		       : sql_run(db,
			     "INSERT INTO panes(run, id, name, command, cwd, pid, started_ms)"
			     " VALUES(?, ?, ?, ?, ?, ?, ?)",
			     "lttttll", run, a->id, a->name, a->command, a->cwd, a->pid,
			     a->started_ms);
}

void
store_pane_started(struct store *s, const struct store_run *run, const struct store_pane *pane,
    store_done_cb done, void *arg)
{
	struct act *a = act_new(run, done, arg);

	a->id = xstrdup(pane->id);
	a->name = copy(pane->name);
	a->command = xstrdup(pane->command);
	a->cwd = copy(pane->cwd);
	a->pid = pane->pid;
	a->started_ms = pane->started_ms;
	act_submit(s, a, pane_started);
}

static int
pane_ended(sqlite3 *db, void *data)
{
	struct act *a = data;
	int64_t run;
	int rc = find_run(db, a, &run);

	if (rc != 0)
		return rc;
	rc = sql_run(db,
	    "UPDATE panes SET ended_ms=?, exit_status=? WHERE run=? AND id=?"
	    " AND ended_ms IS NULL",
	    "lilt", a->ended_ms, a->exit_status, run, a->id);
	return rc == 0 && sqlite3_changes(db) == 0 ? -ENOENT : rc;
}

void
store_pane_ended(struct store *s, const struct store_run *run, const char *id, int64_t ended_ms,
    int exit_status, store_done_cb done, void *arg)
{
	struct act *a = act_new(run, done, arg);

	a->id = xstrdup(id);
	a->ended_ms = ended_ms;
	a->exit_status = exit_status;
	act_submit(s, a, pane_ended);
}
