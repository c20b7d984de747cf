#include "config.h"

#include "store/schema.h"

#include <stddef.h>

/* gaps is the store's own (store/store.h); runs and panes are explained in store/panes.h. */
static const char v1[] = "CREATE TABLE gaps("
			 " id INTEGER PRIMARY KEY,"
			 " from_ms INTEGER NOT NULL,"
			 " to_ms INTEGER NOT NULL,"
			 " dropped INTEGER NOT NULL);"

			 "CREATE TABLE runs("
			 " id INTEGER PRIMARY KEY AUTOINCREMENT,"
			 " started_ms INTEGER NOT NULL,"
			 " ended_ms INTEGER,"
			 " version TEXT NOT NULL,"
			 " pid INTEGER NOT NULL,"
			 " UNIQUE(started_ms, pid));"

			 "CREATE TABLE panes("
			 " run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,"
			 " id TEXT NOT NULL,"
			 " name TEXT,"
			 " command TEXT NOT NULL,"
			 " cwd TEXT,"
			 " pid INTEGER,"
			 " started_ms INTEGER NOT NULL,"
			 " ended_ms INTEGER,"
			 " exit_status INTEGER,"
			 " lost INTEGER NOT NULL DEFAULT 0,"
			 " UNIQUE(run, id));"

			 "CREATE INDEX panes_open ON panes(run) WHERE ended_ms IS NULL;";

/* store/sessions.h. Times are ms since 1970; what is not known is NULL. */
static const char v2[] =
    "CREATE TABLE sessions("
    " id INTEGER PRIMARY KEY,"
    " agent TEXT NOT NULL,"
    " native TEXT NOT NULL,"
    " parent_native TEXT,"
    " fork INTEGER,"
    " cwd TEXT, title TEXT, model TEXT, mode TEXT, version TEXT, branch TEXT, pane TEXT,"
    " state INTEGER, state_text TEXT, state_ms INTEGER,"
    " started_ms INTEGER, updated_ms INTEGER,"
    " UNIQUE(agent, native));"
    "CREATE INDEX sessions_updated ON sessions(updated_ms);"

    "CREATE TABLE turns("
    " session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " seq INTEGER NOT NULL,"
    " native TEXT,"
    " prompt TEXT,"
    " started_ms INTEGER, ended_ms INTEGER, duration_ms INTEGER,"
    " outcome INTEGER, error TEXT,"
    " PRIMARY KEY(session, seq), UNIQUE(session, native)) WITHOUT ROWID;"

    "CREATE TABLE messages("
    " id INTEGER PRIMARY KEY,"
    " session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " turn INTEGER,"
    " native TEXT NOT NULL, part INTEGER NOT NULL, message TEXT,"
    " role INTEGER NOT NULL, hidden INTEGER NOT NULL,"
    " time_ms INTEGER, text TEXT,"
    " UNIQUE(session, native, part));"
    "CREATE INDEX messages_session ON messages(session);"

    "CREATE TABLE tool_traces("
    " id INTEGER PRIMARY KEY,"
    " session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " turn INTEGER,"
    " call TEXT NOT NULL, message TEXT, name TEXT, input TEXT, output TEXT,"
    " started_ms INTEGER, finished_ms INTEGER, duration_ms INTEGER,"
    " outcome INTEGER,"
    " UNIQUE(session, call));"
    "CREATE INDEX tool_traces_session ON tool_traces(session);"

    "CREATE TABLE usage("
    " agent TEXT NOT NULL, key TEXT NOT NULL,"
    " session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " turn INTEGER, message TEXT, model TEXT,"
    " rank INTEGER NOT NULL, fast INTEGER NOT NULL,"
    " input INTEGER, cache_read INTEGER, cache_write_5m INTEGER, cache_write_1h INTEGER,"
    " output INTEGER, reasoning INTEGER, searches INTEGER,"
    " time_ms INTEGER, stated_usd REAL,"
    " PRIMARY KEY(agent, key)) WITHOUT ROWID;"
    "CREATE INDEX usage_session ON usage(session);"
    "CREATE INDEX usage_time ON usage(time_ms);"

    "CREATE TABLE notes("
    " session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL, at INTEGER NOT NULL, time_ms INTEGER, text TEXT,"
    " PRIMARY KEY(session, name, at)) WITHOUT ROWID;"

    "CREATE TABLE sources("
    " path TEXT PRIMARY KEY,"
    " format TEXT NOT NULL, parser TEXT,"
    " device INTEGER NOT NULL, inode INTEGER NOT NULL,"
    " size INTEGER NOT NULL, offset INTEGER NOT NULL, head INTEGER NOT NULL,"
    " modified_ns INTEGER NOT NULL) WITHOUT ROWID;";

/* What came without a file that has it: as it came, by the producer's own numbers. And sessions that
 * were removed, of which nothing is to be taken up again. */
static const char v3[] = "CREATE TABLE events("
			 " session INTEGER NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,"
			 " seq INTEGER NOT NULL,"
			 " time_ms INTEGER, json TEXT NOT NULL,"
			 " PRIMARY KEY(session, seq)) WITHOUT ROWID;"

			 "CREATE TABLE removed("
			 " agent TEXT NOT NULL, native TEXT NOT NULL, time_ms INTEGER NOT NULL,"
			 " PRIMARY KEY(agent, native)) WITHOUT ROWID;";

/* store/jobs.h, store/flows.h. What is looked for is beside the spec, which comes last: a row that
 * is passed over is not read to its end. Of a job, `session` is what its output named,
 * of_session what it was started for. */
static const char v4[] =
    "CREATE TABLE jobs("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " kind INTEGER NOT NULL, state INTEGER NOT NULL, key BLOB,"
    " created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER,"
    " exit_status INTEGER, pid INTEGER, error TEXT, session TEXT,"
    " input INTEGER, cache_read INTEGER, cache_write_5m INTEGER, cache_write_1h INTEGER,"
    " output INTEGER, reasoning INTEGER, cost_usd REAL, cost_source INTEGER NOT NULL,"
    " agent TEXT, pane TEXT, of_session TEXT, flow TEXT, name TEXT, correlation TEXT,"
    " command TEXT, spec TEXT NOT NULL);"
    "CREATE INDEX jobs_state ON jobs(state);"
    "CREATE INDEX jobs_kind ON jobs(kind);"
    "CREATE INDEX jobs_agent ON jobs(agent, id, state) WHERE agent IS NOT NULL;"
    "CREATE INDEX jobs_pane ON jobs(pane) WHERE pane IS NOT NULL;"
    "CREATE INDEX jobs_session ON jobs(session) WHERE session IS NOT NULL;"
    "CREATE INDEX jobs_of_session ON jobs(of_session) WHERE of_session IS NOT NULL;"
    "CREATE INDEX jobs_flow ON jobs(flow) WHERE flow IS NOT NULL;"
    "CREATE INDEX jobs_name ON jobs(name) WHERE name IS NOT NULL;"
    "CREATE INDEX jobs_correlation ON jobs(correlation) WHERE correlation IS NOT NULL;"
    "CREATE INDEX jobs_ended ON jobs(ended_ms) WHERE state>=2;"

    "CREATE TABLE job_tries("
    " job INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,"
    " n INTEGER NOT NULL,"
    " started_ms INTEGER, ended_ms INTEGER, exit_status INTEGER, reason TEXT,"
    " retry_ms INTEGER, from1 INTEGER NOT NULL, from2 INTEGER NOT NULL,"
    " PRIMARY KEY(job, n)) WITHOUT ROWID;"

    "CREATE TABLE job_channels("
    " job INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,"
    " n INTEGER NOT NULL,"
    " state INTEGER NOT NULL, bytes INTEGER NOT NULL, name TEXT,"
    " exit_status INTEGER, duration_ms INTEGER, reason TEXT,"
    " PRIMARY KEY(job, n)) WITHOUT ROWID;"

    "CREATE TABLE flow_runs("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " state INTEGER NOT NULL, name TEXT, file TEXT,"
    " created_ms INTEGER NOT NULL, ended_ms INTEGER, error TEXT,"
    " definition TEXT NOT NULL);"
    "CREATE INDEX flow_runs_open ON flow_runs(id) WHERE state NOT BETWEEN 2 AND 5;"

    "CREATE TABLE flow_steps("
    " run INTEGER NOT NULL REFERENCES flow_runs(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL, n INTEGER NOT NULL,"
    " state INTEGER NOT NULL, hash BLOB, job INTEGER, cached_from INTEGER,"
    " started_ms INTEGER, ended_ms INTEGER, error TEXT, result TEXT,"
    " UNIQUE(run, name));"
    "CREATE INDEX flow_steps_hash ON flow_steps(hash, ended_ms, run) WHERE state=2;";

const char *const store_schema[] = {v1, v2, v3, v4, NULL};
