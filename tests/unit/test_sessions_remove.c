#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "store/sessions.h"
#include "store/sessions_read.h"
#include "store/sessions_remove.h"
#include "store/sessions_timeline.h"
#include "store_owner.h"

static int result;
static int64_t gone;
static bool over;

static void
on_done(int rc, void *arg)
{
	(void)arg;
	result = rc;
	over = true;
}

static void
on_removed(int rc, int64_t n, void *arg)
{
	gone = n;
	on_done(rc, arg);
}

static bool
is_over(struct owner *o, long arg)
{
	(void)o;
	(void)arg;
	return over;
}

static void
await(struct owner *o)
{
	assert_true(owner_until(o, is_over, 0));
}

static void
submit(struct owner *o, struct sessions_batch *take)
{
	over = false;
	sessions_submit(o->store, take, on_done, NULL);
	await(o);
	assert_int_equal(result, 0);
}

static void
remove_one(struct owner *o, const char *id, int64_t n)
{
	over = false;
	sessions_remove(o->store, id, on_removed, NULL);
	await(o);
	assert_int_equal(result, n != 0 ? 0 : -ENOENT);
	assert_int_equal(gone, n);
}

static void
remove_before(struct owner *o, int64_t before_ms, bool forget, int64_t n)
{
	over = false;
	sessions_remove_before(o->store, before_ms, forget, on_removed, NULL);
	await(o);
	assert_int_equal(result, 0);
	assert_int_equal(gone, n);
}

static void
open_store(struct owner *o)
{
	o->config.scripts = NULL;
	owner_open(o);
	assert_true(owner_await_state(o, STORE_READY));
}

static void
add_usage(struct sessions_batch *b, unsigned session, const char *key, int64_t output)
{
	sessions_add_usage(b, session,
	    &(struct sessions_usage){.key = key,
		.rank = (uint64_t)output,
		.input = 1,
		.output = output,
		.stated_usd = -1,
		.time_ms = 1000});
}

/* One with a row in each table. */
static unsigned
add_session(struct sessions_batch *b, const char *native, const char *parent, bool fork,
    int64_t time_ms)
{
	unsigned s = sessions_add_session(b, &(struct sessions_session){.agent = "claude",
						 .native = native,
						 .parent = parent,
						 .fork = fork,
						 .title = "a word to be found",
						 .time_ms = time_ms});

	sessions_add_turn(b, s, "t1", "find the needle", time_ms);
	sessions_add_message(b, s, "m1", NULL, 0, 1, false, "here: needle-in-text", time_ms);
	sessions_add_tool(b, s, "c1", "m1", "Bash", "{\"command\":\"needle\"}", time_ms);
	sessions_add_note(b, s, "error", "needle", 1, time_ms);
	add_usage(b, s, native, 5);
	return s;
}

static long
rows(struct owner *o)
{
	return owner_read(o,
	    "SELECT (SELECT COUNT(*) FROM sessions)+(SELECT COUNT(*) FROM turns)"
	    "+(SELECT COUNT(*) FROM messages)"
	    "+(SELECT COUNT(*) FROM tool_traces)"
	    "+(SELECT COUNT(*) FROM usage)+(SELECT COUNT(*) FROM notes)");
}

static struct sessions_batch *
family(void)
{
	struct sessions_batch *b = sessions_batch_new();

	add_session(b, "main", NULL, false, 1000);
	add_session(b, "main/a1", "main", false, 1100);
	add_session(b, "thread", "main/a1", false, 1200);
	add_session(b, "fork", "main", true, 9000);
	add_session(b, "other", NULL, false, 5000);
	return b;
}

static bool
file_has(const char *path, const char *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t cap = 1 << 20;
	char *data = xmalloc(cap);
	ssize_t n = fd >= 0 ? read(fd, data, cap) : 0;
	bool has = n > 0 && memmem(data, (size_t)n, text, strlen(text)) != NULL;

	close(fd);
	free(data);
	return has;
}

static bool
is_on_disk(struct owner *o, const char *text)
{
	char *log = xasprintf("%s-wal", o->path);
	bool has = file_has(o->path, text) || file_has(log, text);

	free(log);
	return has;
}

static void
everything_of_a_session_goes(void **state)
{
	struct owner *o = *state;

	open_store(o);
	submit(o, family());
	assert_int_equal(rows(o), 5 * 6);
	remove_one(o, "none", 0);
	remove_one(o, "main", 3);
	assert_int_equal(rows(o), 2 * 6);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM sessions WHERE native='fork'"), 1);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM removed"), 3);
	assert_true(is_on_disk(o, "needle-in-text"));
	remove_one(o, "fork", 1);
	remove_one(o, "other", 1);
	assert_int_equal(rows(o), 0);
	assert_false(is_on_disk(o, "needle"));
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM removed"), 5);
}

static void
what_was_removed_is_not_taken_up_again(void **state)
{
	struct owner *o = *state;
	struct sessions_batch *b;
	unsigned s;

	open_store(o);
	submit(o, family());
	remove_one(o, "main", 3);
	submit(o, family());
	assert_int_equal(rows(o), 2 * 6);
	/* sub-agents that were not known then: by their id, and by what they say later */
	b = sessions_batch_new();
	add_session(b, "main/a2", NULL, false, 2000);
	s = add_session(b, "late", NULL, false, 2000);
	add_session(b, "late", "main", false, 2000);
	add_usage(b, s, "late-2", 3);
	sessions_add_source(b, &(struct sessions_source){.path = "/x", .format = "f"});
	submit(o, b);
	b = sessions_batch_new();
	add_session(b, "late", NULL, false, 2000);
	submit(o, b);
	assert_int_equal(rows(o), 2 * 6);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM sources"), 1);
	/* a fork of it is a session of its own */
	b = sessions_batch_new();
	add_session(b, "fork2", "main", true, 2000);
	submit(o, b);
	assert_int_equal(rows(o), 3 * 6);
	owner_reopen(o);
	submit(o, family());
	assert_int_equal(rows(o), 3 * 6);
}

static void
what_is_old_goes_and_may_come_back(void **state)
{
	struct owner *o = *state;
	struct sessions_batch *b = family();

	open_store(o);
	add_session(b, "long", NULL, false, 1000);
	add_session(b, "long/a1", "long", false, 8000);
	add_session(b, "busy", NULL, false, 8000);
	add_session(b, "busy/a1", "busy", false, 1000);
	submit(o, b);
	remove_before(o, 500, true, 0);
	remove_before(o, 6000, true, 4); /* main and its two, and other */
	assert_int_equal(rows(o), 5 * 6);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM removed"), 0);
	b = sessions_batch_new();
	add_session(b, "main", NULL, false, 9500);
	submit(o, b);
	assert_int_equal(rows(o), 6 * 6);
	remove_before(o, 9200, false, 5);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM removed"), 5);
}

struct read {
	int64_t output, rows;
};

static bool
on_usage(void *arg, const struct sessions_usage_row *row)
{
	struct read *r = arg;

	r->output += row->usage.output;
	r->rows++;
	return true;
}

static struct read
read_usage(struct owner *o, int64_t session)
{
	struct read r = {0};
	sqlite3 *db;
	int rc;

	assert_int_equal(store_reader_open(o->store, &db, NULL), 0);
	rc = session != 0 ? sessions_read_usage_of(db, session, on_usage, &r)
			  : sessions_read_usage(db, INT64_MIN, INT64_MAX, on_usage, &r);
	assert_int_equal(rc, 0);
	sqlite3_close(db);
	return r;
}

static void
sums_count_while_nothing_else_is_known(void **state)
{
	struct owner *o = *state;
	struct sessions_batch *b = sessions_batch_new();
	unsigned s;

	open_store(o);
	s = sessions_add_session(b, &(struct sessions_session){"claude", .native = "one"});
	add_usage(b, s, SESSIONS_SUM_KEY "one:1", 100);
	s = sessions_add_session(b, &(struct sessions_session){"claude", .native = "two"});
	add_usage(b, s, SESSIONS_SUM_KEY "two:1", 1000);
	add_usage(b, s, "streams", 7); /* begins nearly so */
	s = sessions_add_session(b, &(struct sessions_session){"codex", .native = "three"});
	add_usage(b, s, SESSIONS_SUM_KEY "three:1", 10000);
	submit(o, b);
	assert_int_equal(read_usage(o, 0).output, 100 + 7 + 10000);
	assert_int_equal(read_usage(o, 2).output, 7);
	/* sub-agents of them */
	b = sessions_batch_new();
	s = sessions_add_session(b, &(struct sessions_session){"claude", .native = "one/a1"});
	add_usage(b, s, "msg_1", 1);
	s = sessions_add_session(
	    b, &(struct sessions_session){"codex", .native = "own", .parent = "three"});
	add_usage(b, s, "msg_2", 2);
	submit(o, b);
	assert_int_equal(read_usage(o, 0).output, 1 + 7 + 2);
	assert_int_equal(read_usage(o, 0).rows, 3);
}

struct turns {
	struct sessions_turn_row row[8];
	int n;
};

static bool
on_turn(void *arg, const struct sessions_turn_row *row)
{
	struct turns *t = arg;

	t->row[t->n] = *row;
	t->row[t->n++].prompt = NULL; /* borrowed */
	return true;
}

static void
turns_have_their_tools_and_times(void **state)
{
	struct owner *o = *state;
	struct sessions_batch *b = sessions_batch_new();
	struct turns all = {.n = 0}, second = {.n = 0};
	unsigned s =
	    sessions_add_session(b, &(struct sessions_session){"claude", .native = "s"});
	sqlite3 *db;
	int64_t n = 0;

	open_store(o);
	sessions_add_turn(b, s, "t1", "one", 1000);
	sessions_add_tool(b, s, "c1", NULL, "Bash", "{}", 1100);
	sessions_add_result(b, s, "c1", 2, "no", 5, 1200);
	sessions_add_tool(b, s, "c2", NULL, "Bash", "{}", 1300);
	sessions_add_turn(b, s, "t2", NULL, 2000);
	sessions_end_turn(b, s, NULL, 1, NULL, SESSIONS_UNKNOWN, 2500);
	sessions_add_turn(b, s, "t3", "three", 3000);
	submit(o, b);
	assert_int_equal(store_reader_open(o->store, &db, NULL), 0);
	assert_int_equal(sessions_count_turns(db, 1, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(sessions_read_turns(db, 1, 0, 10, 0, on_turn, &all), 0);
	assert_int_equal(all.n, 3);
	assert_int_equal(all.row[0].tools, 2);
	assert_int_equal(all.row[0].tools_failed, 1);
	assert_int_equal(all.row[0].ended_ms, 0);
	assert_int_equal(all.row[0].until_ms, 2000);
	assert_int_equal(all.row[1].until_ms, 2500);
	assert_int_equal(all.row[1].duration_ms, 500);
	assert_int_equal(all.row[1].tools, 0);
	assert_int_equal(all.row[2].until_ms, 0);
	assert_int_equal(all.row[2].outcome, SESSIONS_UNKNOWN);
	assert_int_equal(sessions_read_turns(db, 1, 1, 1, 0, on_turn, &second), 0);
	assert_int_equal(second.n, 1);
	assert_int_equal(second.row[0].seq, 2);
	sqlite3_close(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(everything_of_a_session_goes),
	    CASE(what_was_removed_is_not_taken_up_again),
	    CASE(what_is_old_goes_and_may_come_back),
	    CASE(sums_count_while_nothing_else_is_known),
	    CASE(turns_have_their_tools_and_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
