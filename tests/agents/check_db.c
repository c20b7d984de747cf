/* opencode's database, made here with the tables that it has. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "agent/opencode_db.h"
#include "base/xmalloc.h"
#include "sample.h"
#include "store/sql.h"

static const char schema[] =
    "PRAGMA journal_mode=WAL;"
    "CREATE TABLE session(id TEXT PRIMARY KEY, project_id TEXT, parent_id TEXT, directory TEXT,"
    " title TEXT, version TEXT, cost REAL, time_created INTEGER, time_updated INTEGER);"
    "CREATE TABLE message(id TEXT PRIMARY KEY, session_id TEXT, time_created INTEGER,"
    " time_updated INTEGER, data TEXT);"
    "CREATE TABLE part(id TEXT PRIMARY KEY, message_id TEXT, session_id TEXT,"
    " time_created INTEGER, time_updated INTEGER, data TEXT);";

static const char rows[] =
    "INSERT INTO session VALUES('ses_1','p',NULL,'/proj','Echo','1.18.33',0,1000,5000),"
    "('ses_2','p','ses_1','/proj','Sub-agent',NULL,0,2000,5000);"
    "INSERT INTO message VALUES"
    "('msg_1','ses_1',1000,1000,'{\"role\":\"user\"}'),"
    "('msg_2','ses_1',1100,3000,'{\"role\":\"assistant\",\"modelID\":\"m\",\"cost\":0.01,"
    "\"tokens\":{\"input\":10,\"output\":4,\"reasoning\":2,\"cache\":{\"read\":5,\"write\":1}},"
    "\"time\":{\"created\":1100,\"completed\":1900},\"finish\":\"stop\"}'),"
    /* No steps: what the message says counts. */
    "('msg_3','ses_2',1200,3000,'{\"role\":\"assistant\",\"modelID\":\"m\",\"cost\":0,"
    "\"tokens\":{\"input\":100,\"output\":40,\"reasoning\":0,\"cache\":{\"read\":0,\"write\":0}"
    "},"
    "\"error\":{\"name\":\"APIError\",\"data\":{\"message\":\"429\",\"statusCode\":429}}}'),"
    "('msg_4','ses_2',1300,3000,'no JSON');"
    "INSERT INTO part VALUES"
    "('prt_1','msg_1','ses_1',1000,1000,'{\"type\":\"text\",\"text\":\"run echo\"}'),"
    "('prt_2','msg_2','ses_1',1100,1100,'{\"type\":\"reasoning\",\"text\":\"plan\"}'),"
    "('prt_3','msg_2','ses_1',1100,1500,'{\"type\":\"tool\",\"tool\":\"bash\",\"callID\":\"c\","
    "\"state\":{\"status\":\"completed\",\"input\":{\"command\":\"false\"},\"output\":\"\","
    "\"metadata\":{\"exit\":1},\"time\":{\"start\":1200,\"end\":1450}}}'),"
    "('prt_4','msg_2','ses_1',1100,1900,'{\"type\":\"step-finish\",\"cost\":0.01,\"tokens\":"
    "{\"input\":10,\"output\":4,\"reasoning\":2,\"cache\":{\"read\":5,\"write\":1}}}');";

static void
run(sqlite3 *db, const char *sql)
{
	CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

int
read_db(struct tally *t, const char *path, int64_t *since)
{
	struct agent_sink sink = tally_sink(t);
	char *cause = NULL;
	int rc = opencode_db_read(path, &sink, since, &cause);

	CHECK(rc == 0 || cause != NULL);
	free(cause);
	return rc;
}

static void
check_read(sqlite3 *db, const char *path)
{
	struct tally t = {0}, later = {0};
	struct agent_usage u;
	int64_t since = 0;
	double cost;

	CHECK(read_db(&t, path, &since) == 0);
	u = tally_sum(&t, NULL, &cost);
	CHECK(t.n == 2 && u.input == 110 && u.output == 46 && u.cache_read == 5 &&
	      u.reasoning == 2);
	CHECK(u.cache_write_5m == 1 && u.cache_write_1h == AGENT_UNKNOWN);
	CHECK(fabs(cost - 0.01) < 1e-9);
	CHECK(t.shown[AGENT_USER] == 1 && t.shown[AGENT_THINKING] == 1 && t.failed == 1);
	CHECK(t.types[AGENT_SESSION] == 2 && t.parents == 1 && since == 3000);

	/* A file and a stream that say the same add nothing. */
	static const char file[] =
	    "{\"id\":\"msg_2\",\"sessionID\":\"ses_1\",\"role\":\"assistant\","
	    "\"tokens\":{\"input\":10,\"output\":4}}";
	feed(&t, "opencode-storage", "/storage/message/ses_1/msg_2.json", file, sizeof file - 1,
	    PLAIN, 0);
	u = tally_sum(&t, NULL, NULL);
	CHECK(t.n == 2 && u.input == 110);

	/* Only what changed, with what it belongs to. */
	run(db, "UPDATE part SET data = json_set(data, '$.tokens.input', 30),"
		" time_updated = 9000 WHERE id = 'prt_4'");
	CHECK(read_db(&later, path, &since) == 0 && since == 7000);
	u = tally_sum(&later, "ses_1", NULL);
	CHECK(u.input == 30 && later.shown[AGENT_USER] == 0);
	tally_free(&later);
	later = (struct tally){0};
	CHECK(read_db(&later, path, &since) == 0 && since == 7000);
	CHECK(later.n == 1 && later.types[AGENT_SESSION] == 0);
	tally_free(&later);
	tally_free(&t);
}

static void
check_busy(const char *path)
{
	struct tally t = {0};
	int64_t since = 0;
	sqlite3 *db;

	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	run(db, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE;");
	CHECK(read_db(&t, path, &since) == -EBUSY && since == 0);
	sqlite3_close(db);
	CHECK(read_db(&t, path, &since) == 0);
	tally_free(&t);
}

static void
check_wrong(const char *path)
{
	struct tally t = {0};
	int64_t since = 0;
	FILE *f;

	CHECK(read_db(&t, path, &since) == -ENOENT);
	f = fopen(path, "w");
	fputs(
	    "this is no database, however long it may be, and whatever it says of itself\n", f);
	fclose(f);
	CHECK(read_db(&t, path, &since) == -EBADMSG);
	f = fopen(path, "w"); /* empty: a database without tables */
	fclose(f);
	CHECK(read_db(&t, path, &since) == -ENOTSUP);
	CHECK(t.n == 0 && since == 0);
	unlink(path);
}

static void
unlink_db(const char *path)
{
	char *wal = xasprintf("%s-wal", path), *shm = xasprintf("%s-shm", path);

	unlink(path);
	unlink(wal);
	unlink(shm);
	free(wal);
	free(shm);
}

/* What is a view or a virtual table runs the file's own SQL, or an extension on what the file holds. */
static void
check_not_tables(const char *path)
{
	static const char *const with[] = {
	    "ALTER TABLE session RENAME TO other; CREATE VIEW session AS SELECT * FROM other",
	    "ALTER TABLE part RENAME TO other; CREATE VIEW Part AS WITH a AS (SELECT * FROM "
	    "other)"
	    " SELECT * FROM a",
	    "DROP TABLE message; CREATE VIRTUAL TABLE message USING fts5(id, session_id,"
	    " time_created, time_updated, data)",
	};

	for (size_t i = 0; i < sizeof with / sizeof *with; i++) {
		struct tally t = {0};
		int64_t since = 0;
		sqlite3 *db;

		CHECK(sqlite3_open(path, &db) == SQLITE_OK);
		run(db, schema);
		run(db, rows);
		run(db, with[i]);
		CHECK(read_db(&t, path, &since) == -ENOTSUP && t.n == 0 && since == 0);
		sqlite3_close(db);
		unlink_db(path);
	}
}

void
check_db(void)
{
	char tmp[] = "/tmp/opencode-XXXXXX", *path;
	sqlite3 *db;

	CHECK(mkdtemp(tmp) != NULL);
	path = xasprintf("%s/opencode.db", tmp);
	CHECK(opencode_db_is_one(path) && !opencode_db_is_one("/x/other.db"));
	check_wrong(path);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	run(db, schema);
	run(db, rows);
	check_read(db, path);
	sqlite3_close(db);
	check_busy(path);
	unlink_db(path);
	check_not_tables(path);
	rmdir(tmp);
	free(path);
}
