#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "job/job.h"
#include "jobs_owner.h"
#include "proto/json.h"
#include "store/sql.h"

static char *
spec_of(const char *arg, const char *name)
{
	cJSON *o = json_object();
	char *const argv[] = {"run", (char *)(uintptr_t)arg, NULL};

	cJSON_AddItemToObject(o, "command", json_texts(argv));
	json_add_text(o, "name", name);
	return json_print_take(o);
}

static const char *const hostile[] = {"'; DROP TABLE jobs; --", "100%", "a_b", "back\\slash",
    "\"quoted\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "tab\tand\nline", "%_\\", ""};

/* In one string: the numbers of a page, and how many there are. */
static void
assert_list(struct owner *o, struct jobs_query q, const char *want)
{
	sqlite3 *db = rec_reader(o);
	struct rec_seen s = {0};
	uint64_t total = 0;
	struct buf b;

	q.limit = q.limit != 0 ? q.limit : 50;
	buf_init(&b, BUF_NO_MAX);
	assert_int_equal(jobs_each(db, &q, rec_on_row, &s, &total), 0);
	for (unsigned i = 0; i < s.n; i++)
		buf_printf(&b, "%llu ", (unsigned long long)s.ids[i]);
	buf_printf(&b, "of %llu", (unsigned long long)total);
	assert_string_equal(b.data, want);
	buf_release(&b);
	sqlite3_close(db);
}

static void
texts_are_kept_and_found_as_they_are(void **state)
{
	struct owner *o = *state;
	const unsigned n = sizeof hostile / sizeof *hostile;
	struct jobs_row row;

	rec_open(o);
	for (unsigned i = 0; i < n; i++) {
		row = rec_queued(i + 1, spec_of(hostile[i], hostile[i]));
		row.session = (char *)(uintptr_t)hostile[i];
		assert_int_equal(rec_add_row(o, &row), 0);
		free(row.spec);
	}
	for (unsigned i = 0; i < n; i++) {
		char *spec = spec_of(hostile[i], hostile[i]);
		char want[32];

		row = rec_read(o, i + 1);
		assert_string_equal(row.spec, spec);
		assert_string_equal(row.session, hostile[i]);
		jobs_row_release(&row);
		free(spec);
		snprintf(want, sizeof want, "%u of 1", i + 1);
		assert_list(o, (struct jobs_query){.kind = -1, .session = hostile[i]}, want);
		assert_list(o, (struct jobs_query){.kind = -1, .name = hostile[i]}, want);
		if (*hostile[i] != '\0')
			assert_list(
			    o, (struct jobs_query){.kind = -1, .text = hostile[i]}, want);
	}
	assert_list(o, (struct jobs_query){.kind = -1, .text = "DROP table"}, "1 of 1");
	assert_list(o, (struct jobs_query){.kind = -1, .text = "RUN 100"}, "2 of 1");
	assert_list(o, (struct jobs_query){.kind = -1, .text = "%"}, "8 2 of 2");
	assert_list(o, (struct jobs_query){.kind = -1, .text = "_"}, "8 3 of 2");
	assert_list(o, (struct jobs_query){.kind = -1, .text = "axb"}, "of 0");
}

static void
a_spec_may_be_large_and_must_be_an_object(void **state)
{
	static const char *const bad[] = {"", "[]", "{", "{\"command\":\"\\u0000\"}", "{} x"};
	struct owner *o = *state;
	char *arg = xmalloc(JOB_SPEC_MAX - 100), *spec;
	struct jobs_row row;

	rec_open(o);
	memset(arg, 'x', JOB_SPEC_MAX - 101);
	memcpy(arg + JOB_SPEC_MAX - 101 - 6, "needle", 7);
	spec = spec_of(arg, "large");
	row = rec_queued(1, spec);
	assert_int_equal(rec_add_row(o, &row), 0);
	row = rec_read(o, 1);
	assert_string_equal(row.spec, spec);
	jobs_row_release(&row);
	assert_list(o, (struct jobs_query){.kind = -1, .text = "NEEDLE"}, "1 of 1");
	free(spec);
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		row = rec_queued(2, (char *)(uintptr_t)bad[i]);
		assert_int_equal(rec_add_row(o, &row), -EINVAL);
	}
	row = rec_queued(2, NULL);
	assert_int_equal(rec_add_row(o, &row), -EINVAL);
	row = rec_queued(2, "{\"command\":7,\"name\":[],\"agent\":{}}");
	assert_int_equal(rec_add_row(o, &row), 0); /* it is not for this to judge */
	arg[JOBS_PATTERN_MAX + 1] = '\0';
	assert_int_equal(jobs_each(NULL, &(struct jobs_query){.kind = -1, .text = arg},
			     rec_on_row, NULL, NULL),
	    -EINVAL);
	free(arg);
}

/* Lists. */

/* Twelve: numbers 1 to 12 with states 0 to 6 in turn. */
static void
fill(struct owner *o)
{
	static const char *const members[] = {"\"agent\":\"claude\",\"pane\":\"p1\"",
	    "\"agent\":\"codex\",\"flow\":\"f3\",\"step\":\"build\"",
	    "\"session\":\"s1\",\"correlation\":\"c1\"",
	    "\"agent\":\"claude\",\"name\":\"Nightly\",\"pane\":\"p2\""};

	for (unsigned i = 0; i < 12; i++) {
		char *spec =
		    xasprintf("{\"command\":[\"echo\",\"n%u\"],%s}", i + 1, members[i % 4]);
		struct jobs_row row = rec_queued(i + 1, spec);
		int to = (int)(i % 7);

		row.kind = i == 4 ? JOB_TALK : i == 5 ? JOB_STREAM : JOB_COMMAND;
		row.session = i == 0 ? "s1" : i == 2 ? "s1" : NULL;
		row.channels =
		    &(struct jobs_channel){.n = 1, .exit_status = -1, .duration_ms = -1};
		row.nchannels = 1;
		assert_int_equal(rec_add_row(o, &row), 0);
		free(spec);
		if (to >= JOB_RUNNING)
			assert_int_equal(rec_begin(o, i + 1, 1, 1), 0);
		if (to >= JOB_COMPLETED)
			assert_int_equal(rec_end(o, i + 1, to, 10000 - i), 0);
	}
}

#define STATE(s) (1u << (s))

static void
lists_are_filtered_newest_first(void **state)
{
	static const struct {
		struct jobs_query q;
		const char *want;
	} cases[] = {
	    {{.kind = -1}, "12 11 10 9 8 7 6 5 4 3 2 1 of 12"},
	    {{.kind = -1, .limit = 3}, "12 11 10 of 12"},
	    {{.kind = -1, .limit = 3, .before = 10}, "9 8 7 of 12"},
	    {{.kind = -1, .limit = 3, .before = 2}, "1 of 12"},
	    {{.kind = -1, .limit = 3, .before = 1}, "of 12"},
	    {{.kind = -1, .before = UINT64_MAX, .limit = 1}, "12 of 12"},
	    {{.kind = JOB_COMMAND}, "12 11 10 9 8 7 4 3 2 1 of 10"},
	    {{.kind = JOB_TALK}, "5 of 1"},
	    {{.kind = JOB_STREAM}, "6 of 1"},
	    {{.kind = 77}, "of 0"},
	    {{.kind = -1, .states = STATE(JOB_QUEUED)}, "8 1 of 2"},
	    {{.kind = -1, .states = STATE(JOB_QUEUED) | STATE(JOB_RUNNING)}, "9 8 2 1 of 4"},
	    {{.kind = -1, .states = STATE(JOB_COMPLETED) | STATE(JOB_ORPHANED)}, "10 7 3 of 3"},
	    {{.kind = -1,
		 .states = STATE(JOB_COMPLETED) | STATE(JOB_ORPHANED),
		 .limit = 1,
		 .before = 10},
		"7 of 3"},
	    {{.kind = -1, .states = 0x7f, .limit = 2}, "12 11 of 12"},
	    {{.kind = -1, .states = 0x80}, "of 0"},
	    {{.kind = -1, .agent = "claude"}, "12 9 8 5 4 1 of 6"},
	    {{.kind = -1, .agent = "claude", .states = STATE(JOB_RUNNING)}, "9 of 1"},
	    {{.kind = -1,
		 .agent = "claude",
		 .states = STATE(JOB_FAILED) | STATE(JOB_CANCELLED) | STATE(JOB_RUNNING)},
		"12 9 5 4 of 4"},
	    {{.kind = JOB_TALK, .agent = "claude"}, "5 of 1"},
	    {{.kind = -1, .agent = "Claude"}, "of 0"},
	    {{.kind = -1, .pane = "p1"}, "9 5 1 of 3"},
	    {{.kind = -1, .pane = "p1", .agent = "codex"}, "of 0"},
	    {{.kind = -1, .flow = "f3"}, "10 6 2 of 3"},
	    {{.kind = -1, .flow = "f3", .limit = 1, .before = 10}, "6 of 3"},
	    {{.kind = -1, .name = "Nightly"}, "12 8 4 of 3"},
	    {{.kind = -1, .correlation = "c1"}, "11 7 3 of 3"},
	    {{.kind = -1, .correlation = "c1", .session = "s1"}, "11 7 3 of 3"},
	    {{.kind = -1, .session = "s1"}, "11 7 3 1 of 4"},
	    {{.kind = -1, .session = "s1", .limit = 2, .before = 11}, "7 3 of 4"},
	    {{.kind = -1, .session = "s1", .states = STATE(JOB_QUEUED)}, "1 of 1"},
	    {{.kind = -1, .text = "ECHO N1"}, "12 11 10 1 of 4"},
	    {{.kind = -1, .text = "nightly"}, "12 8 4 of 3"},
	    {{.kind = -1, .text = "nightly", .states = STATE(JOB_QUEUED)}, "8 of 1"},
	    {{.kind = -1, .text = "n1", .limit = 2, .before = 12}, "11 10 of 4"},
	    {{.kind = -1, .text = "claude"}, "of 0"},
	};
	struct owner *o = *state;

	rec_open(o);
	fill(o);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_list(o, cases[i].q, cases[i].want);
}

static void
a_list_has_tries_and_channels_and_ends_when_told(void **state)
{
	struct jobs_query q = {.kind = -1, .limit = 12};
	struct owner *o = *state;
	struct rec_seen s = {0};
	sqlite3 *db;

	rec_open(o);
	fill(o);
	db = rec_reader(o);
	assert_int_equal(jobs_each(db, &q, rec_on_row, &s, NULL), 0);
	assert_int_equal(s.n, 12);
	assert_int_equal(s.tries, 10);
	assert_int_equal(s.channels, 12);
	s = (struct rec_seen){.answer = 42};
	assert_int_equal(jobs_each(db, &q, rec_on_row, &s, NULL), 42);
	assert_int_equal(s.n, 1);
	s = (struct rec_seen){.answer = -EPIPE};
	assert_int_equal(jobs_open_ones(db, rec_on_row, &s), -EPIPE);
	assert_int_equal(s.n, 1);
	sqlite3_close(db);
}

static void
on_key(void *arg, const unsigned char *key, uint64_t id, int64_t ended_ms)
{
	struct rec_seen *s = arg;

	assert_int_equal(key[0], id);
	assert_int_equal(key[31], id);
	assert_int_equal(ended_ms, 1000 - (int64_t)id);
	s->ids[s->n++] = id;
}

static void
keys_of_what_was_completed_are_known(void **state)
{
	struct owner *o = *state;
	struct rec_seen s = {0};
	sqlite3 *db;

	rec_open(o);
	for (unsigned i = 1; i <= 8; i++) {
		struct jobs_row row = rec_queued(i, REC_SPEC);

		row.keyed = i != 4;
		memset(row.key, (int)i, sizeof row.key);
		assert_int_equal(rec_add_row(o, &row), 0);
		if (i < 8)
			assert_int_equal(
			    rec_end(o, i, i == 2 ? JOB_FAILED : JOB_COMPLETED, 1000 - i), 0);
	}
	db = rec_reader(o);
	assert_int_equal(jobs_keys(db, 994, on_key, &s), 0);
	assert_int_equal(s.n, 4);
	assert_memory_equal(s.ids, ((uint64_t[]){6, 5, 3, 1}), 4 * sizeof *s.ids);
	sqlite3_close(db);
}

static void
what_has_not_ended_is_found_again(void **state)
{
	struct owner *o = *state;
	struct rec_seen s = {0};
	sqlite3 *db;

	rec_open(o);
	fill(o);
	owner_reopen(o);
	db = rec_reader(o);
	assert_int_equal(jobs_open_ones(db, rec_on_row, &s), 0);
	assert_int_equal(s.n, 4);
	assert_memory_equal(s.ids, ((uint64_t[]){1, 2, 8, 9}), 4 * sizeof *s.ids);
	assert_int_equal(s.tries, 2);
	assert_int_equal(s.channels, 4);
	sqlite3_close(db);
	assert_int_equal(rec_end(o, 2, JOB_ORPHANED, 1), 0);
	assert_int_equal(rec_end(o, 3, JOB_ORPHANED, 1), -EALREADY);
}

/* Plans. */

enum { MANY = 1000000 };

/* As operations would leave it, but sooner. */
static int
fill_many(sqlite3 *db, void *data)
{
	(void)data;
	return sql_run(db,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<?)"
	    " INSERT INTO jobs(id, kind, state, created_ms, ended_ms, cost_source, agent, pane,"
	    " of_session, flow, name, correlation, command, spec) SELECT i, i%50000=0,"
	    " CASE WHEN i%100000=0 THEN i/100000%2 WHEN i%1000=0 THEN 3 ELSE 2 END, i,"
	    " CASE WHEN i%100000=0 THEN NULL ELSE i END, 0,"
	    " CASE WHEN i%2=0 THEN 'claude' END, CASE WHEN i%100=0 THEN 'p'||(i%1000) END,"
	    " CASE WHEN i%100=1 THEN 's'||(i%1000) END, CASE WHEN i%100=2 THEN 'f3' END,"
	    " CASE WHEN i%100=3 THEN 'nightly' END, CASE WHEN i%100=4 THEN 'c'||i END,"
	    " 'make '||i, '{\"command\":[\"make\",\"'||i||'\"]}' FROM n",
	    "i", MANY);
}

struct trace {
	char *sql[16];
	unsigned n;
	long long steps;
};

static int
on_trace(unsigned what, void *arg, void *p, void *x)
{
	struct trace *t = arg;
	sqlite3_stmt *st = p;

	(void)what;
	(void)x;
	t->steps += sqlite3_stmt_status(st, SQLITE_STMTSTATUS_VM_STEP, 1);
	if (strstr(sqlite3_sql(st), "FROM job_") == NULL && t->n < 16)
		t->sql[t->n++] = xstrdup(sqlite3_sql(st));
	return 0;
}

/* Nothing of the jobs is read from one end to the other. A page, which says by what it is found, needs no
 * order to be made either. */
static void
assert_plan(sqlite3 *db, const char *sql, const char *by)
{
	char *explain = xasprintf("EXPLAIN QUERY PLAN %s", sql);
	sqlite3_stmt *st;
	bool found = false;

	assert_int_equal(sql_prepare(db, &st, explain, ""), 0);
	while (sql_step(st) == 1) {
		const char *line = (const char *)sqlite3_column_text(st, 3);

		if (strncmp(line, "SCAN jobs", 9) == 0 ||
		    (strstr(line, "TEMP B-TREE") != NULL && by != NULL))
			fail_msg("%s: %s", sql, line);
		found |= by == NULL || strstr(line, by) != NULL;
	}
	sql_finish(st, 0);
	if (!found)
		fail_msg("%s: not by %s", sql, by);
	free(explain);
}

static void
clear(struct trace *t)
{
	while (t->n > 0)
		free(t->sql[--t->n]);
	t->steps = 0;
}

/* Steps of the machine, for a page of 50. */
enum { PAGE_STEPS = 20000 };

static void
assert_pages(sqlite3 *db)
{
	static const struct {
		struct jobs_query q;
		const char *by;
	} cases[] = {
	    {{.kind = -1}, "INTEGER PRIMARY KEY (rowid<?)"},
	    {{.kind = -1, .before = 500000}, "INTEGER PRIMARY KEY (rowid<?)"},
	    {{.kind = 1}, "jobs_kind (kind=? AND rowid<?)"},
	    {{.kind = -1, .agent = "claude"}, "jobs_agent (agent=? AND id<?)"},
	    {{.kind = -1, .agent = "claude", .before = 500}, "jobs_agent (agent=? AND id<?)"},
	    {{.kind = -1, .states = 1 << 1}, "jobs_state (state=? AND rowid<?)"},
	    {{.kind = -1, .states = 3}, "jobs_state (state=? AND rowid<?)"},
	    {{.kind = -1, .states = 1 << 2}, "jobs_state (state=? AND rowid<?)"},
	    {{.kind = -1, .states = 0x7c, .before = 300000},
		"jobs_state (state=? AND rowid<?)"},
	    {{.kind = -1, .states = 3, .agent = "claude"}, "jobs_state (state=? AND rowid<?)"},
	    {{.kind = -1, .states = 1 << 2, .agent = "claude"},
		"jobs_agent (agent=? AND id<?)"},
	    {{.kind = -1, .pane = "p100"}, "jobs_pane (pane=? AND rowid<?)"},
	    {{.kind = -1, .pane = "p100", .before = 20000}, "jobs_pane (pane=? AND rowid<?)"},
	    {{.kind = -1, .session = "s101", .before = 700000},
		"jobs_of_session (of_session=? AND rowid<?)"},
	    {{.kind = -1, .flow = "f3"}, "jobs_flow (flow=? AND rowid<?)"},
	    {{.kind = -1, .flow = "f3", .states = 1 << 2}, "jobs_flow (flow=? AND rowid<?)"},
	    {{.kind = -1, .name = "nightly", .states = 1 << 2},
		"jobs_name (name=? AND rowid<?)"},
	    {{.kind = -1, .correlation = "c404"},
		"jobs_correlation (correlation=? AND rowid<?)"},
	    {{.kind = -1, .text = "make 9"}, "INTEGER PRIMARY KEY (rowid<?)"},
	};
	struct trace t = {0};

	sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, on_trace, &t);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jobs_query q = cases[i].q;
		struct rec_seen s = {0};

		q.limit = 50;
		assert_int_equal(jobs_each(db, &q, rec_on_row, &s, NULL), 0);
		if (t.steps > PAGE_STEPS)
			fail_msg("page %u: %lld steps", i, t.steps);
		assert_int_equal(t.n, 1);
		sqlite3_trace_v2(db, 0, NULL, NULL);
		assert_plan(db, t.sql[0], cases[i].by);
		clear(&t);
		sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, on_trace, &t);
	}
}

static void
on_any_key(void *arg, const unsigned char *key, uint64_t id, int64_t ended_ms)
{
	(void)key;
	(void)id;
	(void)ended_ms;
	++*(unsigned *)arg;
}

static void
of_a_million_a_page_is_read_by_an_index(void **state)
{
	struct owner *o = *state;
	struct trace t = {0};
	struct rec_seen s = {0};
	unsigned keys = 0;
	sqlite3 *db;

	rec_open(o);
	owner_run(o, fill_many, NULL);
	jobs_remove(o->store, MANY + 1, rec_done, NULL);
	assert_int_equal(rec_outcome(o), -ENOENT);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM jobs"), MANY);
	db = rec_reader(o);
	assert_pages(db);
	sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, on_trace, &t);
	assert_int_equal(jobs_open_ones(db, rec_on_row, &s), 0);
	assert_int_equal(s.n, MANY / 100000);
	assert_int_equal(jobs_keys(db, MANY - 100, on_any_key, &keys), 0);
	assert_true(t.steps < PAGE_STEPS);
	sqlite3_trace_v2(db, 0, NULL, NULL);
	assert_int_equal(t.n, 2);
	assert_plan(db, t.sql[0], NULL);
	assert_plan(db, t.sql[1], "jobs_ended (ended_ms>?)");
	clear(&t);
	sqlite3_close(db);
	jobs_expire(o->store, 100, 1000, rec_on_expired, NULL);
	assert_int_equal(rec_outcome(o), 0);
	assert_int_equal(rec_nexpired, 99);
	free(rec_expired);
	rec_expired = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(texts_are_kept_and_found_as_they_are),
	    CASE(a_spec_may_be_large_and_must_be_an_object),
	    CASE(lists_are_filtered_newest_first),
	    CASE(a_list_has_tries_and_channels_and_ends_when_told),
	    CASE(keys_of_what_was_completed_are_known),
	    CASE(what_has_not_ended_is_found_again),
	    CASE(of_a_million_a_page_is_read_by_an_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
