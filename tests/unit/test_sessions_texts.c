#include "config.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "store/sessions.h"
#include "store/sessions_texts.h"
#include "store_owner.h"

static bool over;

static void
on_done(int rc, void *arg)
{
	(void)arg;
	assert_int_equal(rc, 0);
	over = true;
}

static bool
is_over(struct owner *o, long arg)
{
	(void)o;
	(void)arg;
	return over;
}

static unsigned
add_session(struct sessions_batch *b, const char *native)
{
	return sessions_add_session(
	    b, &(struct sessions_session){.agent = "claude", .native = native, .time_ms = 900});
}

/* Two sessions; what was read later is older. */
static sqlite3 *
fill(struct owner *o)
{
	struct sessions_batch *b = sessions_batch_new();
	unsigned s = add_session(b, "one"), t = add_session(b, "two");
	sqlite3 *db;

	o->config.scripts = NULL;
	owner_open(o);
	assert_true(owner_await_state(o, STORE_READY));
	sessions_add_message(b, s, "m1", NULL, 0, 0, false, "first", 1000);
	sessions_add_message(b, s, "m2", NULL, 0, 1, true, "second", 2000);
	sessions_add_tool(b, s, "c1", "m2", "Bash", "in", 2100);
	sessions_add_result(b, s, "c1", 1, "out", SESSIONS_UNKNOWN, 2900);
	sessions_add_message(b, s, "m3", NULL, 0, 2, false, "third", 3000);
	sessions_add_message(b, s, "m4", NULL, 0, 1, false, NULL, 3100);
	sessions_add_message(b, t, "n1", NULL, 0, 3, false, "old", 500);
	sessions_add_message(b, t, "n2", NULL, 0, 0, false, "timeless", 0);
	sessions_add_message(b, t, "n3", "n2", 0, SESSIONS_ROLE_OF_MESSAGE, false, "part", 600);
	sessions_add_tool(b, t, "c2", NULL, NULL, "unfinished", 550);
	over = false;
	sessions_submit(o->store, b, on_done, NULL);
	assert_true(owner_until(o, is_over, 0));
	assert_int_equal(store_reader_open(o->store, &db, NULL), 0);
	return db;
}

static const struct sessions_texts_options everything = {
    .messages = true, .tools = true, .from_ms = INT64_MIN, .to_ms = INT64_MAX};

static void
put(struct buf *b, const struct sessions_text *t)
{
	buf_printf(b, " %s@%lld", t->text != NULL ? t->text : "-", (long long)t->time_ms);
}

/* What comes, up to that many rows, then narrowed. */
static void
expect(
    sqlite3 *db, const struct sessions_texts_options *options, int narrow_at, const char *want)
{
	struct sessions_texts_row r;
	struct sessions_texts *c;
	struct buf b;
	int rc;

	buf_init(&b, BUF_NO_MAX);
	assert_int_equal(sessions_texts_open(db, options, &c), 0);
	for (int i = 1; (rc = sessions_texts_next(c, &r)) == 1; i++) {
		buf_printf(&b, "%s%s", r.tool ? r.name != NULL ? r.name : "?" : "",
		    r.hidden ? "hidden" : "");
		if (!r.tool)
			buf_printf(&b, "%d", r.role);
		put(&b, &r.texts[0]);
		if (r.tool)
			put(&b, &r.texts[1]);
		buf_puts(&b, "|");
		if (i == narrow_at)
			sessions_texts_narrow(c, 2500, INT64_MAX);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(sessions_texts_next(c, &r), 0);
	sessions_texts_close(c);
	buf_putc(&b, '\0');
	assert_string_equal(b.data, want);
	buf_release(&b);
}

static void
rows_come_by_the_order_in_which_they_were_written(void **state)
{
	struct sessions_texts_options o = everything;
	sqlite3 *db = fill(*state);

	expect(db, &o, 0,
	    "0 first@1000|hidden1 second@2000|Bash in@2100 out@2900|? unfinished@550 -@550|"
	    "2 third@3000|1 -@3100|3 old@500|0 timeless@0|0 part@600|");
	o.newest_first = true;
	expect(db, &o, 0,
	    "0 part@600|? unfinished@550 -@550|Bash in@2100 out@2900|0 timeless@0|3 old@500|"
	    "1 -@3100|2 third@3000|hidden1 second@2000|0 first@1000|");
	o.tools = false;
	o.session = 2;
	expect(db, &o, 0, "0 part@600|0 timeless@0|3 old@500|");
	o = everything;
	o.messages = false;
	expect(db, &o, 0, "Bash in@2100 out@2900|? unfinished@550 -@550|");
	o.tools = false;
	expect(db, &o, 0, "");
	sqlite3_close(db);
}

static void
rows_of_other_times_are_passed_over(void **state)
{
	struct sessions_texts_options o = everything;
	sqlite3 *db = fill(*state);

	o.from_ms = 2500;
	expect(db, &o, 0, "Bash in@2100 out@2900|2 third@3000|1 -@3100|0 timeless@0|");
	o.to_ms = 2950;
	expect(db, &o, 0, "0 timeless@0|Bash in@2100 out@2900|");
	o.from_ms = INT64_MIN;
	o.to_ms = 600;
	expect(db, &o, 0, "3 old@500|0 timeless@0|? unfinished@550 -@550|0 part@600|");
	sqlite3_close(db);
}

static void
a_cursor_that_is_narrowed_goes_on_where_it_was(void **state)
{
	struct sessions_texts_options o = everything;
	sqlite3 *db = fill(*state);

	expect(db, &o, 1,
	    "0 first@1000|Bash in@2100 out@2900|2 third@3000|1 -@3100|0 timeless@0|");
	expect(db, &o, 3,
	    "0 first@1000|hidden1 second@2000|Bash in@2100 out@2900|2 third@3000|1 -@3100|"
	    "0 timeless@0|");
	o.newest_first = true;
	expect(db, &o, 2,
	    "0 part@600|? unfinished@550 -@550|Bash in@2100 out@2900|0 timeless@0|1 -@3100|"
	    "2 third@3000|");
	sqlite3_close(db);
}

static void
add_name(void *arg, const struct sessions_texts_session *s)
{
	buf_printf(arg, "%s/%s/%s@%lld|", s->agent, s->native, s->pane != NULL ? s->pane : "-",
	    (long long)s->time_ms);
}

static void
sessions_are_known_by_both_ids(void **state)
{
	static const char *const ids[] = {NULL, "two", "1", "three"};
	static const char *const want[] = {
	    "claude/one/-@900|claude/two/-@900|", "claude/two/-@900|", "claude/one/-@900|", ""};
	sqlite3 *db = fill(*state);

	for (int i = 0; i < 4; i++) {
		struct buf b;

		buf_init(&b, BUF_NO_MAX);
		assert_int_equal(sessions_texts_sessions(db, ids[i], add_name, &b), 0);
		buf_putc(&b, '\0');
		assert_string_equal(b.data, want[i]);
		buf_release(&b);
	}
	sqlite3_close(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(rows_come_by_the_order_in_which_they_were_written),
	    CASE(rows_of_other_times_are_passed_over),
	    CASE(a_cursor_that_is_narrowed_goes_on_where_it_was),
	    CASE(sessions_are_known_by_both_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
