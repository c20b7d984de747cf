#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/sessions.h"
#include "store/sessions_live.h"
#include "store/sessions_places.h"
#include "store/sql.h"
#include "store_owner.h"

/* One submission, to its end. */
static int result;
static bool over;

static void
on_done(int rc, void *arg)
{
	(void)arg;
	result = rc;
	over = true;
}

static bool
is_over(struct owner *o, long arg)
{
	(void)o;
	(void)arg;
	return over;
}

static void
submit(struct owner *o, struct sessions_batch *take)
{
	over = false;
	sessions_submit(o->store, take, on_done, NULL);
	assert_true(owner_until(o, is_over, 0));
	assert_int_equal(result, 0);
}

static void
open_store(struct owner *o)
{
	o->config.scripts = NULL;
	owner_open(o);
	assert_true(owner_await_state(o, STORE_READY));
}

static unsigned
add_session(struct sessions_batch *b, const char *native, int64_t time_ms)
{
	return sessions_add_session(
	    b, &(struct sessions_session){
		   .agent = "claude", .native = native, .cwd = "/work", .time_ms = time_ms});
}

static void
add_usage(struct sessions_batch *b, unsigned session, const char *key, uint64_t rank,
    int64_t input, int64_t output)
{
	sessions_add_usage(b, session,
	    &(struct sessions_usage){.key = key,
		.model = "claude-opus-4-5",
		.rank = rank,
		.input = input,
		.cache_read = 7,
		.cache_write_5m = SESSIONS_UNKNOWN,
		.cache_write_1h = SESSIONS_UNKNOWN,
		.output = output,
		.reasoning = SESSIONS_UNKNOWN,
		.searches = 3,
		.stated_usd = -1,
		.time_ms = 1000});
}

/* What a parser gives of one small session. */
static struct sessions_batch *
whole(void)
{
	struct sessions_batch *b = sessions_batch_new();
	unsigned s = add_session(b, "s1", 1000);

	sessions_add_turn(b, s, "t1", "do it", 1000);
	sessions_add_message(b, s, "m1", NULL, 0, 1, false, "I will", 1100);
	sessions_add_message(b, s, "m1", NULL, 1, 1, false, "and then", 1200);
	sessions_add_tool(b, s, "call_1", "m1", "Bash", "{\"command\":\"ls\"}", 1200);
	sessions_add_result(b, s, "call_1", 1, "a\nb", SESSIONS_UNKNOWN, 1500);
	add_usage(b, s, "msg_1", 5, 10, 5);
	add_usage(b, s, "msg_1", 631, 10, 631);
	add_usage(b, s, "msg_1", 5, 10, 5);
	sessions_end_turn(b, s, NULL, 1, NULL, 900, 1900);
	sessions_add_turn(b, s, "t2", NULL, 2000);
	sessions_add_message(b, s, "m2", NULL, 0, 0, true, "hidden", 2000);
	sessions_add_note(b, s, "compaction", NULL, 77, 2100);
	sessions_add_state(b, s, 1, "a question", 2200);
	sessions_add_source(b, &(struct sessions_source){.path = "/x/s1.jsonl",
				   .format = "claude-transcript",
				   .device = UINT64_MAX,
				   .inode = 3,
				   .size = 400,
				   .offset = 380,
				   .modified_ns = 12,
				   .head = UINT64_MAX - 1,
				   .parser = "{}"});
	return b;
}

static void
check_whole(struct owner *o)
{
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM sessions"), 1);
	assert_int_equal(owner_read(o, "SELECT started_ms FROM sessions"), 1000);
	assert_int_equal(
	    owner_read(o, "SELECT state FROM sessions WHERE state_text='a question'"), 1);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM turns"), 2);
	assert_int_equal(owner_read(o, "SELECT duration_ms FROM turns WHERE seq=1"), 900);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM messages"), 3);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM messages WHERE turn=1"), 2);
	assert_int_equal(owner_read(o, "SELECT finished_ms-started_ms FROM tool_traces"
				       " WHERE name='Bash' AND output='a'||char(10)||'b'"),
	    300);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM usage"), 1);
	assert_int_equal(owner_read(o, "SELECT output FROM usage WHERE turn=1"), 631);
	assert_int_equal(owner_read(o, "SELECT cache_write_5m IS NULL FROM usage"), 1);
	assert_int_equal(owner_read(o, "SELECT stated_usd IS NULL FROM usage"), 1);
	assert_int_equal(owner_read(o, "SELECT time_ms FROM usage WHERE searches=3"), 1000);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM notes"), 1);
	assert_int_equal(owner_read(o, "SELECT offset FROM sources WHERE device=-1"), 380);
}

static void
writing_the_same_again_changes_nothing(void **state)
{
	struct owner *o = *state;

	open_store(o);
	for (int i = 0; i < 3; i++) {
		submit(o, whole());
		check_whole(o);
	}
	owner_reopen(o);
	check_whole(o);
}

static void
usage_stays_with_the_session_that_had_it_first(void **state)
{
	struct owner *o = *state;
	struct sessions_batch *b = sessions_batch_new();
	unsigned fork;

	open_store(o);
	submit(o, whole());
	fork = sessions_add_session(
	    b, &(struct sessions_session){
		   .agent = "claude", .native = "s2", .parent = "s1", .fork = true});
	add_usage(b, fork, "msg_1", 700, 10, 700);
	add_usage(b, fork, "msg_2", 1, 1, 1);
	submit(o, b);
	assert_int_equal(owner_read(o, "SELECT SUM(output) FROM usage"), 701);
	assert_int_equal(
	    owner_read(o, "SELECT u.output FROM usage u JOIN sessions s ON s.id=u.session"
			  " WHERE s.native='s1'"),
	    700);
	assert_int_equal(
	    owner_read(o, "SELECT fork FROM sessions WHERE parent_native='s1'"), 1);
}

static void
what_is_not_said_again_stays(void **state)
{
	struct owner *o = *state;
	struct sessions_batch *b = sessions_batch_new();

	open_store(o);
	submit(o, whole());
	sessions_add_session(
	    b, &(struct sessions_session){
		   .agent = "claude", .native = "s1", .title = "A title", .time_ms = 500});
	assert_int_equal(add_session(b, "s1", 9000), 0);
	assert_int_equal(add_session(b, "s3", 0), 1);
	submit(o, b);
	assert_int_equal(
	    owner_read(o, "SELECT COUNT(*) FROM sessions WHERE cwd='/work' AND"
			  " title='A title' AND started_ms=500 AND updated_ms=9000"),
	    1);
	assert_int_equal(
	    owner_read(o, "SELECT COUNT(*) FROM sessions WHERE started_ms IS NULL"), 1);
}

static void
results_come_before_their_calls(void **state)
{
	struct owner *o = *state;
	struct sessions_batch *b = sessions_batch_new();
	unsigned s = add_session(b, "s1", 1);

	open_store(o);
	sessions_add_result(b, s, "c", 2, "no", 12, 50);
	sessions_add_tool(b, s, "c", NULL, "Read", "{}", 20);
	submit(o, b);
	assert_int_equal(
	    owner_read(o, "SELECT finished_ms-started_ms FROM tool_traces WHERE name='Read'"
			  " AND output='no' AND outcome=2 AND duration_ms=12"),
	    30);
}

static void
long_texts_are_cut_between_characters(void **state)
{
	struct owner *o = *state;
	struct sessions_batch *b = sessions_batch_new();
	size_t n = SESSIONS_TEXT_MAX + 1;
	char *text = calloc(1, n + 3);
	unsigned s = add_session(b, "s1", 1);

	open_store(o);
	memset(text, 'x', n);
	memcpy(text + SESSIONS_TEXT_MAX - 1, "\xc3\xa4zz", 4);
	sessions_add_message(b, s, "m", NULL, 0, 1, false, text, 1);
	free(text);
	submit(o, b);
	assert_int_equal(
	    owner_read(o, "SELECT LENGTH(text) FROM messages"), SESSIONS_TEXT_MAX - 1);
}

/* Each change as a line. */
static void
note_change(void *arg, const struct sessions_change *c)
{
	static const char *const kinds[] = {"state", "turn", "turn-end", "message", "append",
	    "tool", "result", "note", "patch"};
	char *at = (char *)arg + strlen(arg);
	const char *const texts[] = {c->id, c->message, c->name, c->text};

	at += sprintf(at, "%u %s", c->session, kinds[c->kind]);
	for (unsigned i = 0; i < 4; i++)
		at += sprintf(at, " %s", texts[i] != NULL ? texts[i] : "-");
	sprintf(at, " %d %d %d %d%s %lld\n", c->part, c->role, c->state, c->outcome,
	    c->hidden ? " hidden" : "", (long long)c->time_ms);
}

static void
what_a_batch_holds_can_be_gone_through(void **state)
{
	struct sessions_batch *b = sessions_batch_new();
	unsigned s = add_session(b, "s1", 1), other = add_session(b, "s2", 0);
	char all[1024] = "";

	(void)state;
	sessions_add_turn(b, s, "t", "the prompt", 2);
	sessions_add_message(b, s, "m", "w", 3, 1, true, "text", 4);
	add_usage(b, s, "u", 1, 1, 1);
	sessions_add_tool(b, other, "c", "m", "Bash", "ls", 0);
	sessions_add_result(b, other, "c", 2, NULL, -1, 5);
	sessions_add_patch(b, other, "c", "@@", 5);
	sessions_add_state(b, s, 1, "why", 6);
	sessions_add_note(b, s, "error", "bad", 7, 8);
	sessions_end_turn(b, s, NULL, 1, NULL, -1, 9);
	sessions_add_source(b, &(struct sessions_source){.path = "/p", .format = "f"});
	sessions_batch_each(b, note_change, all);
	assert_string_equal(all, "0 turn t - - the prompt -1 -1 -1 -1 2\n"
				 "0 message m w - text 3 1 -1 -1 hidden 4\n"
				 "1 tool c m Bash ls -1 -1 -1 -1 0\n"
				 "1 result c - - - -1 -1 -1 2 5\n"
				 "1 patch c - - @@ -1 -1 -1 -1 5\n"
				 "0 state - - - why -1 -1 1 -1 6\n"
				 "0 note - - error bad -1 -1 -1 -1 8\n"
				 "0 turn-end - - - - -1 -1 -1 1 9\n");
	assert_int_equal(sessions_batch_count(b), 2);
	assert_null(sessions_batch_brief(b, 0)); /* it has not been written */
	sessions_batch_free(b);
}

static struct sessions_brief brief; /* of the first session of the last batch */

static void
on_brief(int rc, void *arg)
{
	const struct sessions_brief *s = sessions_batch_brief(arg, 0);

	assert_int_equal(rc, 0);
	assert_non_null(s);
	brief = *s;
	brief.native = strdup(s->native);
	brief.title = s->title != NULL ? strdup(s->title) : NULL;
	brief.pane = s->pane != NULL ? strdup(s->pane) : NULL;
	brief.root = s->root != NULL ? strdup(s->root) : NULL;
	brief.agent = brief.cwd = NULL;
	over = true;
}

static void
submit_for_brief(struct owner *o, struct sessions_batch *take)
{
	sessions_brief_release(&brief);
	over = false;
	sessions_submit(o->store, take, on_brief, take);
	assert_true(owner_until(o, is_over, 0));
}

static void
what_was_written_is_known_in_short(void **state)
{
	struct owner *o = *state;
	struct sessions_batch *b = sessions_batch_new();
	unsigned s = add_session(b, "s1", 5);
	int64_t id;

	open_store(o);
	sessions_add_turn(b, s, "t", " \n ", 5);
	submit_for_brief(o, b);
	assert_null(brief.title);
	assert_int_equal(brief.state, SESSIONS_UNKNOWN);
	assert_false(brief.sub);
	id = brief.id;
	b = sessions_batch_new();
	s = sessions_add_session(
	    b, &(struct sessions_session){.agent = "claude", .native = "s1", .pane = "p1"});
	sessions_add_turn(b, s, "t", "Make\n\tit work", 5);
	sessions_add_state(b, s, 1, NULL, 9);
	submit_for_brief(o, b);
	assert_int_equal(brief.id, id);
	assert_string_equal(brief.title, "Make it work");
	assert_string_equal(brief.pane, "p1");
	assert_int_equal(brief.state, 1);
	assert_int_equal(brief.state_ms, 9);
	assert_int_equal(brief.updated_ms, 5);
	b = sessions_batch_new();
	s = add_session(b, "s1", 7);
	sessions_add_state(b, s, 0, NULL, 8); /* older than what is known */
	submit_for_brief(o, b);
	assert_int_equal(brief.state, 1);
	assert_int_equal(brief.updated_ms, 7);
	sessions_brief_release(&brief);
}

static void
add_part(struct sessions_batch *b, const char *native, const char *parent, bool fork)
{
	sessions_add_session(
	    b, &(struct sessions_session){
		   .agent = "claude", .native = native, .parent = parent, .fork = fork});
}

static void
parts_of_a_session_have_its_name(void **state)
{
	static const struct {
		const char *native, *parent, *root;
		bool fork;
	} rows[] = {
	    {"s1/a", "s1", "s1", false}, /* before its parent is known */
	    {"s1", NULL, NULL, false},
	    {"s1/a/b", "s1/a", "s1", false},
	    {"f", "s1", NULL, true},
	    {"f/a", "f", "f", false},
	    {"round", "round", "round", false},
	};
	struct owner *o = *state;

	open_store(o);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sessions_batch *b = sessions_batch_new();

		add_part(b, rows[i].native, rows[i].parent, rows[i].fork);
		sessions_add_patch(b, 0, "c", "it is not written", 1);
		submit_for_brief(o, b);
		assert_int_equal(brief.sub, rows[i].root != NULL);
		if (rows[i].root == NULL)
			assert_null(brief.root);
		else
			assert_string_equal(brief.root, rows[i].root);
	}
	sessions_brief_release(&brief);
}

static void
titles_are_one_line_of_eighty_characters(void **state)
{
	char text[400] = "  ", *title;

	(void)state;
	for (int i = 0; i < 90; i++)
		strcat(text, i == 40 ? " \n " : "\xc3\xa4");
	title = sessions_title(NULL, text);
	assert_int_equal(strlen(title), 79 * 2 + 1);
	assert_memory_equal(title + 80, " \xc3", 2);
	free(title);
	title = sessions_title("\x1b[31mred\x07", "prompt");
	assert_string_equal(title, "[31mred");
	free(title);
	title = sessions_title(" ", "the prompt");
	assert_string_equal(title, "the prompt");
	free(title);
	assert_null(sessions_title(NULL, NULL));
	assert_null(sessions_title("\n", ""));
}

/* n calls of each of two sessions, in turn, with numbers from `from`. */
static void
submit_calls(struct owner *o, unsigned from, unsigned n)
{
	struct sessions_batch *b = sessions_batch_new();
	unsigned s[] = {add_session(b, "s1", 1000), add_session(b, "s2", 1000)};
	char call[32];

	for (unsigned i = from; i < from + n; i++) {
		snprintf(call, sizeof call, "call_%u", i);
		for (int k = 0; k < 2; k++)
			sessions_add_tool(b, s[k], call, NULL, "Bash", "{}", 1000);
	}
	submit(o, b);
}

/* That the call with this number is where it is said to be, and how many there are. */
static void
check_place(
    struct owner *o, struct sessions_places *p, int64_t session, unsigned number, int64_t n)
{
	int64_t total, after, skip, wrong, rows;
	sqlite3 *db;
	char call[32];

	snprintf(call, sizeof call, "call_%u", number);
	assert_int_equal(store_reader_open(o->store, &db, NULL), 0);
	assert_int_equal(
	    sessions_places_find(p, db, session, number, &total, &after, &skip), 0);
	assert_int_equal(total, n);
	assert_in_range(skip, 0, 511);
	assert_int_equal(sql_get(db, &wrong,
			     "SELECT call<>? FROM tool_traces WHERE session=? AND id>?"
			     " ORDER BY id LIMIT 1 OFFSET ?",
			     "tlll", call, session, after, skip),
	    0);
	assert_int_equal(wrong, 0);
	assert_int_equal(sessions_places_find(p, db, session, n + 5, &total, &after, &skip), 0);
	assert_int_equal(
	    sql_get(db, &rows, "SELECT COUNT(*) FROM tool_traces WHERE session=? AND id>?",
		"ll", session, after),
	    0);
	assert_int_equal(rows, 0);
	sqlite3_close(db);
}

static int
remove_all(sqlite3 *db, void *data)
{
	(void)data;
	return sql_run(db, "DELETE FROM sessions", "");
}

static void
calls_are_found_by_their_number(void **state)
{
	struct owner *o = *state;
	struct sessions_places *p = sessions_places_new();

	open_store(o);
	submit_calls(o, 0, 1300);
	for (unsigned n = 0; n < 1300; n += 97)
		check_place(o, p, 1 + n % 2, n, 1300);
	check_place(o, p, 1, 511, 1300);
	check_place(o, p, 1, 512, 1300);
	submit_calls(o, 1300, 236);
	check_place(o, p, 1, 1299, 1536);
	check_place(o, p, 2, 1535, 1536);
	for (int64_t other = 100; other < 120; other++) {
		int64_t total, after, skip;
		sqlite3 *db;

		assert_int_equal(store_reader_open(o->store, &db, NULL), 0);
		assert_int_equal(
		    sessions_places_find(p, db, other, 3, &total, &after, &skip), 0);
		assert_int_equal(total, 0);
		sqlite3_close(db);
	}
	check_place(o, p, 1, 700, 1536);
	owner_run(o, remove_all, NULL);
	submit_calls(o, 0, 5);
	check_place(o, p, 1, 4, 5);
	sessions_places_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(writing_the_same_again_changes_nothing),
	    CASE(usage_stays_with_the_session_that_had_it_first),
	    CASE(what_is_not_said_again_stays),
	    CASE(results_come_before_their_calls),
	    CASE(long_texts_are_cut_between_characters),
	    CASE(what_a_batch_holds_can_be_gone_through),
	    CASE(what_was_written_is_known_in_short),
	    CASE(parts_of_a_session_have_its_name),
	    CASE(titles_are_one_line_of_eighty_characters),
	    CASE(calls_are_found_by_their_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
