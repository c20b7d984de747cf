#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "job/talk.h"
#include "owner.h"
#include "proto/json.h"

/* The owner of a talk: what was sent, told and recorded, as text; and a clock of its own. */
struct owner {
	struct talk *talk;
	struct talk_config config;
	struct buf sent, events, record, output;
	int64_t ms;
	bool full, input_ended, killed;
	unsigned clients;
};

static int64_t
on_now(void *arg)
{
	return ((struct owner *)arg)->ms;
}

static int
on_send(void *arg, const char *line, size_t len)
{
	struct owner *o = arg;

	if (o->full)
		return -ENOBUFS;
	assert_int_equal(line[len - 1], '\n');
	buf_append(&o->sent, line, len);
	return 0;
}

static void
on_end_input(void *arg)
{
	((struct owner *)arg)->input_ended = true;
}

static void
on_kill(void *arg)
{
	((struct owner *)arg)->killed = true;
}

static void
on_event(void *arg, uint64_t seq, const char *json, size_t len)
{
	struct owner *o = arg;
	cJSON *e = json_parse(json, len);

	assert_non_null(e);
	assert_int_equal((uint64_t)cJSON_GetObjectItem(e, "seq")->valuedouble, seq);
	assert_int_equal(seq, talk_seq(o->talk));
	buf_append(&o->events, json, len);
	buf_putc(&o->events, '\n');
	cJSON_Delete(e);
}

static void
on_record(void *arg, const char *line, size_t len)
{
	buf_append(&((struct owner *)arg)->record, line, len);
}

struct owner *
owner_new(void)
{
	struct owner *o = xcalloc(1, sizeof *o);

	buf_init(&o->sent, BUF_NO_MAX);
	buf_init(&o->events, BUF_NO_MAX);
	buf_init(&o->record, BUF_NO_MAX);
	buf_init(&o->output, BUF_NO_MAX);
	o->ms = 1000000;
	o->config = (struct talk_config){.permission_ms = 5000,
	    .now_ms = on_now,
	    .send = on_send,
	    .end_input = on_end_input,
	    .kill = on_kill,
	    .event = on_event,
	    .record = on_record,
	    .arg = o};
	return o;
}

void
owner_free(struct owner *o)
{
	talk_free(o->talk);
	buf_release(&o->sent);
	buf_release(&o->events);
	buf_release(&o->record);
	buf_release(&o->output);
	free(o);
}

/* What the agent says; kept, for another talk that reads it again. */
static void
say(struct owner *o, const char *text)
{
	uint64_t at = o->output.len;

	buf_puts(&o->output, text);
	talk_output(o->talk, at, text, strlen(text));
}

static void
tick(struct owner *o, int64_t ms)
{
	o->ms += ms;
	talk_tick(o->talk, o->clients);
}

/* What was sent since the last time is just this. */
static void
expect_sent(struct owner *o, const char *lines)
{
	assert_string_equal(o->sent.len != 0 ? o->sent.data : "", lines);
	buf_release(&o->sent);
	buf_init(&o->sent, BUF_NO_MAX);
}

/* How often it was told, as bytes of an event. */
static int
count(struct owner *o, const char *bytes)
{
	int n = 0;

	for (const char *s = o->events.data; s != NULL && (s = strstr(s, bytes)) != NULL; s++)
		n++;
	return n;
}

static const char *
phase(struct owner *o)
{
	return talk_phase_name(talk_phase(o->talk));
}

#define S "\"session_id\":\"s1\",\"uuid\":\"u\""
#define INIT_SENT \
	"{\"type\":\"control_request\",\"request_id\":\"req_1\",\"request\":{\"subtype\":" \
	"\"initialize\",\"hooks\":null}}\n"
#define READY \
	"{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":" \
	"\"req_1\",\"response\":{\"commands\":[]}}}\n"
#define BEGIN \
	"{\"type\":\"system\",\"subtype\":\"init\",\"cwd\":\"/srv\",\"tools\":[],\"model\":" \
	"\"claude-sonnet-4-6\"," S "}\n"
#define BLOCK(id, block) \
	"{\"type\":\"assistant\",\"message\":{\"id\":\"" id \
	"\",\"role\":\"assistant\",\"model\":" \
	"\"claude-sonnet-4-6\",\"content\":[" block "]},\"parent_tool_use_id\":null," S "}\n"
#define THOUGHT BLOCK("m1", "{\"type\":\"thinking\",\"thinking\":\"hm\"}")
#define TEXT(t) BLOCK("m2", "{\"type\":\"text\",\"text\":\"" t "\"}")
#define TOOL \
	BLOCK("m3", "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"Bash\",\"input\":" \
		    "{\"command\":\"ls\"}}")
#define TOOL_RESULT \
	"{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":[{\"tool_use_id\":" \
	"\"toolu_1\",\"type\":\"tool_result\",\"content\":\"x\",\"is_error\":false}]}," \
	"\"parent_tool_use_id\":null," S "}\n"
#define ASK(r) \
	"{\"type\":\"control_request\",\"request_id\":\"" r "\",\"request\":{\"subtype\":" \
	"\"can_use_tool\",\"tool_name\":\"Bash\",\"input\":{\"command\":\"ls\"}," \
	"\"tool_use_id\":\"toolu_1\",\"description\":\"List\"}}\n"
#define RESULT \
	"{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"num_turns\":1," \
	"\"duration_ms\":5,\"result\":\"ok\",\"total_cost_usd\":0.25," S "}\n"
#define INTERRUPTED \
	"{\"type\":\"result\",\"subtype\":\"error_during_execution\",\"is_error\":true," \
	"\"num_turns\":1,\"duration_ms\":5," S "}\n"
#define ACK(r) \
	"{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":" \
	"\"" r "\"}}\n"
#define USER(text, session) \
	"{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":[{\"type\":\"text\"," \
	"\"text\":\"" text "\"}]},\"parent_tool_use_id\":null,\"session_id\":\"" session \
	"\"}\n"
#define INTERRUPT(r) \
	"{\"type\":\"control_request\",\"request_id\":\"" r "\",\"request\":{\"subtype\":" \
	"\"interrupt\"}}\n"
#define ANSWER(r, body) \
	"{\"type\":\"control_response\",\"response\":{\"subtype\":\"success\",\"request_id\":" \
	"\"" r "\",\"response\":{" body ",\"toolUseID\":\"toolu_1\"}}}\n"
#define ALLOW(r) ANSWER(r, "\"behavior\":\"allow\",\"updatedInput\":{\"command\":\"ls\"}")
#define DENY(r, why) ANSWER(r, "\"behavior\":\"deny\",\"message\":\"" why "\"")

static void
open_ready(struct owner *o)
{
	o->talk = talk_new(&o->config);
	talk_started(o->talk);
	expect_sent(o, INIT_SENT);
	say(o, READY);
}

/* Ready, with a turn under way. */
static void
open_turn(struct owner *o)
{
	char id[TALK_ID_MAX];

	open_ready(o);
	assert_int_equal(talk_message(o->talk, "go", TALK_NEXT, id), 0);
	expect_sent(o, USER("go", "default"));
	say(o, BEGIN);
}

static void
phases_follow_what_is_said(void **state)
{
	struct owner *o = *state;
	char id[TALK_ID_MAX];

	o->talk = talk_new(&o->config);
	assert_string_equal(phase(o), "connecting");
	/* Before it is ready nothing is sent. */
	assert_int_equal(talk_message(o->talk, "go", TALK_NEXT, id), 0);
	assert_string_equal(id, "m1");
	talk_started(o->talk);
	expect_sent(o, INIT_SENT);
	assert_string_equal(phase(o), "connecting");
	say(o, READY);
	expect_sent(o, USER("go", "default"));
	assert_string_equal(phase(o), "connecting");
	say(o, BEGIN);
	assert_string_equal(talk_session(o->talk), "s1");
	say(o, THOUGHT);
	assert_string_equal(phase(o), "thinking");
	say(o, TEXT("hello"));
	assert_string_equal(phase(o), "streaming");
	say(o, TOOL);
	assert_string_equal(phase(o), "streaming");
	say(o, ASK("r"));
	assert_string_equal(phase(o), "awaiting_approval");
	assert_int_equal(talk_answer(o->talk, "p1", true, NULL, NULL), 0);
	assert_string_equal(phase(o), "streaming");
	say(o, TOOL_RESULT);
	assert_string_equal(phase(o), "connecting");
	say(o, RESULT);
	assert_string_equal(phase(o), "idle");
	assert_int_equal(count(o, "\"type\":\"turn\""), 1);
	assert_int_equal(count(o, "\"cost_usd\":0.25"), 1);
	assert_int_equal(count(o, "\"text\":\"hello\""), 1);
	talk_ended(o->talk);
	assert_int_equal(count(o, "\"type\":\"ended\""), 1);
	assert_int_equal(talk_message(o->talk, "x", TALK_NOW, id), -EPIPE);
}

static void
sub_agents_and_pieces(void **state)
{
	struct owner *o = *state;

	open_turn(o);
	say(o,
	    "{\"type\":\"stream_event\",\"event\":{\"type\":\"content_block_delta\",\"delta\":"
	    "{\"type\":\"thinking_delta\",\"thinking\":\"a\"}},\"parent_tool_use_id\":null," S
	    "}\n");
	assert_string_equal(phase(o), "thinking");
	say(o,
	    "{\"type\":\"stream_event\",\"event\":{\"type\":\"content_block_delta\",\"delta\":"
	    "{\"type\":\"text_delta\",\"text\":\"b\"}},\"parent_tool_use_id\":null," S "}\n");
	assert_string_equal(phase(o), "streaming");
	say(o, TOOL_RESULT);
	assert_string_equal(phase(o), "connecting");
	/* What a sub-agent says is told, and changes no phase. */
	say(o, "{\"type\":\"assistant\",\"message\":{\"id\":\"m9\",\"role\":\"assistant\","
	       "\"model\":\"x\",\"content\":[{\"type\":\"text\",\"text\":\"deep\"}]},"
	       "\"parent_tool_use_id\":\"toolu_7\"," S "}\n");
	assert_string_equal(phase(o), "connecting");
	assert_int_equal(count(o, "\"agent\":\"toolu_7\",\"text\":\"deep\""), 1);
	assert_int_equal(count(o, "\"type\":\"delta\""), 2);
}

static void
messages_wait_for_their_turn(void **state)
{
	struct owner *o = *state;
	char id[TALK_ID_MAX];

	open_turn(o);
	assert_int_equal(talk_message(o->talk, "later 1", TALK_LATER, id), 0);
	assert_int_equal(talk_message(o->talk, "next 1", TALK_NEXT, id), 0);
	assert_int_equal(talk_message(o->talk, "later 2", TALK_LATER, id), 0);
	assert_int_equal(talk_message(o->talk, "next 2", TALK_NEXT, id), 0);
	expect_sent(o, "");
	say(o, RESULT);
	expect_sent(o, USER("next 1", "s1"));
	say(o, RESULT);
	expect_sent(o, USER("next 2", "s1"));
	say(o, RESULT);
	expect_sent(o, USER("later 1", "s1"));
	/* One that comes in between goes before the last. */
	assert_int_equal(talk_message(o->talk, "next 3", TALK_NEXT, id), 0);
	say(o, RESULT);
	expect_sent(o, USER("next 3", "s1"));
	say(o, RESULT);
	expect_sent(o, USER("later 2", "s1"));
	say(o, RESULT);
	expect_sent(o, "");
	assert_string_equal(phase(o), "idle");
}

static void
now_interrupts(void **state)
{
	struct owner *o = *state;
	char id[TALK_ID_MAX];

	open_turn(o);
	assert_int_equal(talk_message(o->talk, "next", TALK_NEXT, id), 0);
	assert_int_equal(talk_message(o->talk, "stop", TALK_NOW, id), 0);
	expect_sent(o, INTERRUPT("req_2"));
	assert_int_equal(talk_message(o->talk, "stop too", TALK_NOW, id), 0);
	expect_sent(o, "");
	/* Not before both its answer and the end of the turn, in either order. */
	say(o, INTERRUPTED);
	expect_sent(o, "");
	say(o, ACK("req_2"));
	expect_sent(o, USER("stop", "s1"));
	tick(o, 1); /* the other one came before this turn */
	expect_sent(o, "");
	say(o, RESULT);
	expect_sent(o, USER("stop too", "s1"));
	say(o, BEGIN);
	assert_int_equal(talk_interrupt(o->talk), 0);
	assert_int_equal(talk_interrupt(o->talk), 0);
	expect_sent(o, INTERRUPT("req_3"));
	say(o, ACK("req_3"));
	expect_sent(o, "");
	say(o, INTERRUPTED);
	expect_sent(o, USER("next", "s1"));
	say(o, RESULT);
	assert_int_equal(talk_interrupt(o->talk), -EAGAIN);
	/* Without a turn there is nothing to interrupt. */
	assert_int_equal(talk_message(o->talk, "at once", TALK_NOW, id), 0);
	expect_sent(o, USER("at once", "s1"));
}

static void
an_interrupt_that_is_not_heard(void **state)
{
	struct owner *o = *state;
	char id[TALK_ID_MAX];

	open_turn(o);
	assert_int_equal(talk_message(o->talk, "stop", TALK_NOW, id), 0);
	expect_sent(o, INTERRUPT("req_2"));
	tick(o, TALK_INTERRUPT_MS - 1);
	expect_sent(o, "");
	tick(o, 1);
	expect_sent(o, USER("stop", "s1"));
	/* The turn has ended, and no answer comes. */
	assert_int_equal(talk_message(o->talk, "again", TALK_NOW, id), 0);
	expect_sent(o, INTERRUPT("req_3"));
	say(o, RESULT);
	expect_sent(o, "");
	tick(o, TALK_INTERRUPT_MS);
	expect_sent(o, USER("again", "s1"));
}

static void
permissions_are_answered_once(void **state)
{
	struct owner *o = *state;
	cJSON *input = json_object();

	open_turn(o);
	say(o, ASK("a"));
	say(o, ASK("b"));
	say(o, ASK("c"));
	assert_int_equal(count(o, "\"type\":\"permission\""), 3);
	assert_int_equal(count(o, "\"description\":\"List\",\"id\":\"p1\",\"tool\":\"Bash\","
				  "\"input\":{\"command\":\"ls\"}"),
	    1);
	assert_int_equal(talk_answer(o->talk, "p2", true, NULL, NULL), 0);
	expect_sent(o, ALLOW("b"));
	assert_int_equal(talk_answer(o->talk, "p2", false, NULL, NULL), -EALREADY);
	assert_int_equal(talk_answer(o->talk, "p4", true, NULL, NULL), -ENOENT);
	assert_int_equal(talk_answer(o->talk, "p0", true, NULL, NULL), -ENOENT);
	assert_int_equal(talk_answer(o->talk, "x", true, NULL, NULL), -ENOENT);
	assert_int_equal(talk_answer(o->talk, "p1", false, "not \"that\"", NULL), 0);
	expect_sent(o, DENY("a", "not \\\"that\\\""));
	assert_string_equal(phase(o), "awaiting_approval");
	cJSON_AddStringToObject(input, "command", "pwd");
	assert_int_equal(talk_answer(o->talk, "p3", true, NULL, input), 0);
	expect_sent(
	    o, ANSWER("c", "\"behavior\":\"allow\",\"updatedInput\":{\"command\":\"pwd\"}"));
	assert_int_equal(count(o, "\"outcome\":\"allowed\""), 2);
	assert_int_equal(count(o, "\"outcome\":\"denied\""), 1);
	assert_string_not_equal(phase(o), "awaiting_approval");
	cJSON_Delete(input);
}

static void
permissions_end_without_an_answer(void **state)
{
	struct owner *o = *state;

	open_turn(o);
	/* Nobody answers. */
	say(o, ASK("a"));
	tick(o, 4999);
	expect_sent(o, "");
	tick(o, 1);
	expect_sent(o, DENY("a", "Nobody answered in time."));
	assert_int_equal(count(o, "\"id\":\"p1\",\"outcome\":\"timed_out\""), 1);
	assert_int_equal(talk_answer(o->talk, "p1", true, NULL, NULL), -EALREADY);
	/* The agent asks no more. */
	say(o, ASK("b"));
	say(o, "{\"type\":\"control_cancel_request\",\"request_id\":\"b\"}\n");
	assert_int_equal(count(o, "\"id\":\"p2\",\"outcome\":\"cancelled\""), 1);
	/* Its tool ran, by whatever way. */
	say(o, ASK("c"));
	say(o, TOOL_RESULT);
	assert_int_equal(count(o, "\"id\":\"p3\",\"outcome\":\"cancelled\""), 1);
	/* The turn ends; the process ends. */
	say(o, ASK("d"));
	say(o, RESULT);
	assert_int_equal(count(o, "\"id\":\"p4\",\"outcome\":\"cancelled\""), 1);
	say(o, ASK("e"));
	talk_ended(o->talk);
	assert_int_equal(count(o, "\"id\":\"p5\",\"outcome\":\"cancelled\""), 1);
	assert_int_equal(talk_answer(o->talk, "p5", true, NULL, NULL), -EALREADY);
	expect_sent(o, "");
}

static void
what_cannot_be_asked_is_denied(void **state)
{
	struct owner *o = *state;
	char *big = xmalloc(TALK_INPUT_MAX + 1), *line;

	open_turn(o);
	memset(big, 'x', TALK_INPUT_MAX);
	big[TALK_INPUT_MAX] = '\0';
	line =
	    xasprintf("{\"type\":\"control_request\",\"request_id\":\"a\",\"request\":"
		      "{\"subtype\":\"can_use_tool\",\"tool_name\":\"Write\",\"input\":{\"x\":"
		      "\"%s\"},\"tool_use_id\":\"toolu_1\"}}\n",
		big);
	say(o, line);
	expect_sent(o, DENY("a", "Its input is too long to be shown."));
	free(line);
	free(big);
	say(o, "{\"type\":\"control_request\",\"request_id\":\"b\",\"request\":{\"subtype\":"
	       "\"can_use_tool\",\"tool_name\":\"Write\",\"input\":3,\"tool_use_id\":\"toolu_"
	       "1\"}}\n");
	expect_sent(o, DENY("b", "It does not say what for."));
	say(o, "{\"type\":\"control_request\",\"request_id\":\"c\",\"request\":{\"subtype\":"
	       "\"hook_callback\"}}\n");
	expect_sent(o, "{\"type\":\"control_response\",\"response\":{\"subtype\":\"error\","
		       "\"request_id\":\"c\",\"error\":\"Unsupported control request subtype: "
		       "hook_callback\"}}\n");
	say(o, "{\"type\":\"control_request\",\"request\":{\"subtype\":\"can_use_tool\"}}\n");
	expect_sent(o, "");
	for (int i = 0; i <= TALK_PERMISSIONS_MAX; i++) {
		char ask[400];

		snprintf(ask, sizeof ask,
		    "{\"type\":\"control_request\",\"request_id\":\"n%d\",\"request\":{"
		    "\"subtype\":\"can_use_tool\",\"tool_name\":\"Bash\",\"input\":{},"
		    "\"tool_use_id\":\"toolu_1\"}}\n",
		    i);
		say(o, ask);
	}
	expect_sent(o, DENY("n64", "Too many others wait."));
	/* The same request again is not asked twice. */
	say(o, ASK("n3"));
	assert_int_equal(count(o, "\"type\":\"permission\""), TALK_PERMISSIONS_MAX);
}

static void
garbage_is_passed_over(void **state)
{
	struct owner *o = *state;
	struct buf b;

	open_turn(o);
	say(o, "{\"type\":\"assistant\",\"message\":{\"id\":\"m2\",\"rol\n");
	assert_int_equal(count(o, "\"name\":\"unreadable\""), 1);
	for (int i = 0; i < 1000; i++)
		say(o, "\xff\x00garbage\n");
	assert_true(count(o, "\"name\":\"unreadable\"") <= 11);
	say(o, "\n  \n[]\n{}\n{\"type\":7}\n{\"type\":\"control_response\"}\n"
	       "{\"type\":\"control_request\"}\n{\"type\":\"control_cancel_request\"}\n"
	       "{\"type\":\"new_kind\",\"session_id\":\"s1\"}\n");
	/* Beyond the longest line: nothing of it is kept. */
	buf_init(&b, BUF_NO_MAX);
	for (int i = 0; i < TALK_LINE_MAX / 1024 + 2; i++) {
		memset(buf_reserve(&b, 1024), 'x', 1024);
		buf_commit(&b, 1024);
	}
	buf_puts(&b, "\n" TEXT("still here"));
	buf_putc(&b, '\0');
	say(o, b.data);
	buf_release(&b);
	assert_int_equal(count(o, "still here"), 1);
	assert_string_equal(phase(o), "streaming");
}

static void
any_cut_says_the_same(void **state)
{
	struct owner *o = *state;
	static const char text[] =
	    READY BEGIN THOUGHT TEXT("a") TOOL ASK("r") TOOL_RESULT RESULT;
	char *whole;
	cJSON *j;

	o->talk = talk_new(&o->config);
	talk_started(o->talk);
	talk_output(o->talk, 0, text, sizeof text - 1);
	j = talk_json(o->talk);
	whole = cJSON_PrintUnformatted(j);
	cJSON_Delete(j);
	for (size_t cut = 0; cut < sizeof text; cut++) {
		struct talk *t = talk_new(&o->config);
		struct talk *before = o->talk;
		char *s;

		o->talk = t;
		talk_started(t);
		talk_output(t, 0, text, cut);
		assert_int_equal(talk_offset(t), cut);
		/* What it has read already is given again. */
		talk_output(t, 0, text, sizeof text - 1);
		j = talk_json(t);
		s = cJSON_PrintUnformatted(j);
		assert_string_equal(s, whole);
		cJSON_Delete(j);
		free(s);
		o->talk = before;
		talk_free(t);
	}
	free(whole);
}

/* A list of events as text, without their times. */
static char *
all_events(struct owner *o)
{
	uint64_t next;
	cJSON *list = talk_events(o->talk, 0, SIZE_MAX, &next), *read, *e, *p;
	char *text = json_print_take(list), *whole = xasprintf("{\"e\":%s}", text);

	read = json_parse(whole, strlen(whole));
	cJSON_ArrayForEach (e, cJSON_GetObjectItem(read, "e")) {
		cJSON_DeleteItemFromObject(e, "time");
		if ((p = cJSON_GetObjectItem(e, "permission")) != NULL)
			cJSON_DeleteItemFromObject(p, "expires");
	}
	free(text);
	free(whole);
	return json_print_take(read);
}

/* Another talk, from the record and the output, is the same. */
static void
replace(struct owner *o)
{
	struct talk *old = o->talk;
	char *before = all_events(o), *after;
	uint64_t seq = talk_seq(old);
	struct buf events = o->events;

	buf_init(&o->events, BUF_NO_MAX);
	o->talk = talk_new(&o->config);
	talk_restore(o->talk, o->record.data, o->record.len);
	talk_output(o->talk, 0, o->output.data, o->output.len);
	talk_live(o->talk);
	talk_started(o->talk);
	expect_sent(o, "");
	assert_int_equal(o->events.len, 0);
	after = all_events(o);
	assert_string_equal(after, before);
	assert_int_equal(talk_seq(o->talk), seq);
	assert_int_equal(talk_phase(o->talk), talk_phase(old));
	free(before);
	free(after);
	talk_free(old);
	buf_release(&o->events);
	o->events = events;
}

static void
another_worker_goes_on(void **state)
{
	struct owner *o = *state;
	char id[TALK_ID_MAX];

	open_ready(o);
	replace(o);
	assert_int_equal(talk_message(o->talk, "go", TALK_NEXT, id), 0);
	assert_int_equal(talk_message(o->talk, "then", TALK_LATER, id), 0);
	expect_sent(o, USER("go", "default"));
	replace(o);
	say(o, BEGIN THOUGHT TOOL ASK("a") ASK("b"));
	assert_int_equal(talk_answer(o->talk, "p1", true, NULL, NULL), 0);
	expect_sent(o, ALLOW("a"));
	replace(o);
	/* What was answered stays so; what was not is still to be. */
	assert_int_equal(talk_answer(o->talk, "p1", false, NULL, NULL), -EALREADY);
	assert_string_equal(phase(o), "awaiting_approval");
	assert_int_equal(talk_answer(o->talk, "p2", false, "no", NULL), 0);
	expect_sent(o, DENY("b", "no"));
	replace(o);
	assert_int_equal(talk_message(o->talk, "now", TALK_NOW, id), 0);
	assert_string_equal(id, "m3");
	expect_sent(o, INTERRUPT("req_2"));
	replace(o);
	say(o, ACK("req_2"));
	replace(o);
	say(o, INTERRUPTED);
	expect_sent(o, USER("now", "s1"));
	replace(o);
	say(o, TEXT("x") "{\"type\":\"result\",");
	replace(o);
	say(o, "\"subtype\":\"success\",\"is_error\":false,\"num_turns\":1," S "}\n");
	expect_sent(o, USER("then", "s1"));
	replace(o);
	say(o, ASK("c"));
	tick(o, 5000);
	expect_sent(o, DENY("c", "Nobody answered in time."));
	replace(o);
	talk_end(o->talk, "done");
	assert_true(o->input_ended);
	o->input_ended = false;
	replace(o);
	assert_true(o->input_ended);
}

static unsigned
draw(uint32_t *seed, unsigned n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % n;
}

/* A line that may be anywhere in a stream, now and then with a byte that is another. */
static void
say_anything(struct owner *o, uint32_t *seed, bool damaged)
{
	static const char *const lines[] = {READY, BEGIN, THOUGHT, TEXT("x"), TOOL, ASK("a"),
	    ASK("b"), TOOL_RESULT, RESULT, INTERRUPTED, ACK("req_2"), ACK("req_3"),
	    "{\"type\":\"control_cancel_request\",\"request_id\":\"a\"}\n", "cut\n"};
	char *line = xstrdup(lines[draw(seed, sizeof lines / sizeof *lines)]);
	size_t len = strlen(line), cut;

	if (damaged && draw(seed, 3) == 0)
		line[draw(seed, (unsigned)len - 1)] = (char)(1 + draw(seed, 255));
	cut = draw(seed, (unsigned)len);
	buf_append(&o->output, line, len);
	talk_output(o->talk, o->output.len - len, line, cut);
	talk_output(o->talk, o->output.len - len + cut, line + cut, len - cut);
	free(line);
}

static void
do_anything(struct owner *o, uint32_t *seed)
{
	char id[TALK_ID_MAX];

	switch (draw(seed, 6)) {
	case 0:
		talk_message(o->talk, "text", (enum talk_priority)draw(seed, 3), id);
		break;
	case 1:
		snprintf(id, sizeof id, "p%u", draw(seed, 8));
		talk_answer(o->talk, id, draw(seed, 2) == 0, "why", NULL);
		break;
	case 2:
		talk_interrupt(o->talk);
		break;
	case 3:
		talk_set_model(o->talk, "m");
		break;
	default:
		tick(o, (int64_t)draw(seed, 4) * 3000);
	}
}

static void
whatever_happened_another_worker_knows(void **state)
{
	struct owner *o = *state;
	uint32_t seed = 2463534242u;

	for (int round = 0; round < 200; round++) {
		o->talk = talk_new(&o->config);
		talk_started(o->talk);
		for (int i = 0; i < 60; i++) {
			if (draw(&seed, 2) == 0)
				say_anything(o, &seed, round % 2 == 1);
			else
				do_anything(o, &seed);
			if (draw(&seed, 12) == 0) {
				buf_reset(&o->sent);
				replace(o);
			}
		}
		buf_reset(&o->sent);
		replace(o);
		talk_ended(o->talk);
		talk_free(o->talk);
		o->talk = NULL;
		buf_reset(&o->sent);
		buf_reset(&o->events);
		buf_reset(&o->record);
		buf_reset(&o->output);
	}
}

/* The end of the record was lost: it may be behind, and never wrong. */
static void
a_record_without_its_end(void **state)
{
	static const char bad[] = "garbage\n{\"at\":-1}\n{\"at\":0,\"do\":\"send\"}\n";
	struct owner *o = *state;
	struct talk *old;
	char id[TALK_ID_MAX];

	open_turn(o);
	say(o, ASK("a"));
	assert_int_equal(talk_answer(o->talk, "p1", true, NULL, NULL), 0);
	expect_sent(o, ALLOW("a"));
	old = o->talk;
	o->talk = talk_new(&o->config);
	talk_restore(o->talk, o->record.data, o->record.len - 5);
	talk_output(o->talk, 0, o->output.data, o->output.len);
	talk_live(o->talk);
	talk_free(old);
	assert_string_equal(phase(o), "awaiting_approval");
	say(o, TOOL_RESULT);
	assert_string_equal(phase(o), "connecting");
	/* Without any, it begins with what the output says. */
	old = o->talk;
	o->talk = talk_new(&o->config);
	talk_restore(o->talk, bad, sizeof bad - 1);
	talk_output(o->talk, 0, o->output.data, o->output.len);
	talk_live(o->talk);
	talk_started(o->talk);
	talk_free(old);
	expect_sent(o, INIT_SENT);
	say(o,
	    "{\"type\":\"control_response\",\"response\":{\"subtype\":\"error\",\"request_id\":"
	    "\"req_1\",\"error\":\"Already initialized\"}}\n" RESULT);
	assert_int_equal(talk_message(o->talk, "go", TALK_NEXT, id), 0);
	expect_sent(o, USER("go", "s1"));
}

static void
the_first_session_stays(void **state)
{
	struct owner *o = *state;

	o->config.resume = "first";
	o->talk = talk_new(&o->config);
	talk_started(o->talk);
	say(o, READY BEGIN);
	assert_string_equal(talk_session(o->talk), "first");
	assert_int_equal(count(o, "\"type\":\"session\""), 1);
	assert_int_equal(count(o, "\"name\":\"session\",\"text\":\"s1\""), 1);
	say(o, BEGIN);
	assert_int_equal(count(o, "\"name\":\"session\""), 1);
	o->config.resume = NULL;
	expect_sent(o, INIT_SENT);
	replace(o);
	assert_string_equal(talk_session(o->talk), "first");
}

static void
events_are_kept_within_bounds(void **state)
{
	struct owner *o = *state;
	uint64_t next, seq;
	cJSON *list;
	char *text;

	open_turn(o);
	seq = talk_seq(o->talk);
	list = talk_events(o->talk, seq - 2, SIZE_MAX, &next);
	assert_int_equal(cJSON_GetArraySize(list), 2);
	assert_int_equal(next, seq);
	cJSON_Delete(list);
	/* One at a time is the least. */
	list = talk_events(o->talk, 0, 0, &next);
	assert_int_equal(cJSON_GetArraySize(list), 1);
	assert_int_equal(next, 1);
	cJSON_Delete(list);
	list = talk_events(o->talk, seq, SIZE_MAX, &next);
	assert_int_equal(cJSON_GetArraySize(list), 0);
	assert_int_equal(next, seq);
	cJSON_Delete(list);
	/* One that has never been: of another talk. */
	list = talk_events(o->talk, seq + 1, SIZE_MAX, &next);
	assert_int_equal(next, seq);
	assert_int_equal((uint64_t)cJSON_GetArraySize(list), seq + 1);
	cJSON_Delete(list);
	for (int i = 0; i < TALK_EVENTS_MAX; i++)
		say(o, i % 2 == 0 ? TEXT("even") : TEXT("odd"));
	list = talk_events(o->talk, 3, SIZE_MAX, &next);
	assert_int_equal(cJSON_GetArraySize(list), TALK_EVENTS_MAX + 1);
	text = cJSON_PrintUnformatted(cJSON_GetArrayItem(list, 0));
	assert_non_null(strstr(text, "\"type\":\"reset\""));
	free(text);
	cJSON_Delete(list);
	/* Long texts are cut, and their bytes have a bound as well. */
	text = xmalloc(TALK_SHOWN * 2 + 1);
	memset(text, 'x', TALK_SHOWN * 2);
	text[TALK_SHOWN * 2] = '\0';
	for (int i = 0; i < 300; i++) {
		char *line =
		    xasprintf("{\"type\":\"assistant\",\"message\":{\"id\":\"n%d\",\"role\":"
			      "\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}"
			      "]}," S "}\n",
			i, text);

		say(o, line);
		free(line);
	}
	list = talk_events(o->talk, 0, SIZE_MAX, &next);
	assert_true(cJSON_GetArraySize(list) < 300);
	cJSON_Delete(list);
	assert_int_equal(count(o, "\"truncated\":true"), 300);
	free(text);
}

static void
an_agent_that_does_not_read(void **state)
{
	struct owner *o = *state;
	char id[TALK_ID_MAX], *text;

	open_turn(o);
	o->full = true;
	say(o, ASK("a"));
	say(o, ASK("b"));
	assert_int_equal(talk_answer(o->talk, "p1", true, NULL, NULL), 0);
	assert_int_equal(talk_answer(o->talk, "p2", true, NULL, NULL), 0);
	o->full = false;
	tick(o, 1);
	expect_sent(o, ALLOW("a") ALLOW("b"));
	/* So much, and no more. */
	text = xmalloc(TALK_TEXT_MAX + 2);
	memset(text, 'x', TALK_TEXT_MAX + 1);
	text[TALK_TEXT_MAX + 1] = '\0';
	assert_int_equal(talk_message(o->talk, text, TALK_NEXT, id), -EINVAL);
	assert_int_equal(talk_message(o->talk, "\xff", TALK_NEXT, id), -EINVAL);
	text[TALK_TEXT_MAX] = '\0';
	for (int i = 0; i < TALK_QUEUE_MAX; i++)
		assert_int_equal(talk_message(o->talk, text, TALK_NEXT, id), 0);
	assert_int_equal(talk_message(o->talk, "x", TALK_NOW, id), -ENOSPC);
	o->full = true;
	for (int i = 0; i < 30; i++)
		say(o, RESULT);
	o->full = false;
	tick(o, 1);
	assert_true(o->sent.len > TALK_TEXT_MAX &&
		    o->sent.len <= TALK_OUTBOX_MAX + TALK_TEXT_MAX + 1024);
	/* What had no room stays in the queue. */
	say(o, RESULT);
	assert_int_equal(talk_message(o->talk, "x", TALK_NEXT, id), 0);
	free(text);
}

static void
an_idle_talk_ends(void **state)
{
	struct owner *o = *state;

	o->config.idle_end_ms = 1000;
	open_turn(o);
	tick(o, 5000);
	assert_false(o->input_ended); /* it is at work */
	say(o, RESULT);
	o->clients = 1;
	tick(o, 5000);
	assert_false(o->input_ended); /* somebody is there */
	o->clients = 0;
	tick(o, 999);
	assert_false(o->input_ended);
	tick(o, 1);
	assert_true(o->input_ended);
	assert_int_equal(count(o, "\"type\":\"ending\""), 1);
	tick(o, TALK_END_MS - 1);
	assert_false(o->killed);
	tick(o, 1);
	assert_true(o->killed);
	o->killed = false;
	tick(o, TALK_END_MS);
	assert_false(o->killed);
}

static void
an_idle_talk_may_stay(void **state)
{
	struct owner *o = *state;

	open_ready(o);
	tick(o, 365ll * 24 * 3600 * 1000);
	assert_false(o->input_ended);
}

static void
an_agent_that_does_not_answer_the_first_request(void **state)
{
	struct owner *o = *state;
	char id[TALK_ID_MAX];

	o->talk = talk_new(&o->config);
	talk_started(o->talk);
	expect_sent(o, INIT_SENT);
	assert_int_equal(talk_message(o->talk, "go", TALK_NOW, id), 0);
	tick(o, TALK_INIT_MS - 1);
	expect_sent(o, "");
	tick(o, 1);
	expect_sent(o, USER("go", "default"));
	assert_int_equal(talk_set_model(o->talk, "opus"), 0);
	expect_sent(o, "{\"type\":\"control_request\",\"request_id\":\"req_2\",\"request\":"
		       "{\"subtype\":\"set_model\",\"model\":\"opus\"}}\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(phases_follow_what_is_said),
	    CASE(sub_agents_and_pieces),
	    CASE(messages_wait_for_their_turn),
	    CASE(now_interrupts),
	    CASE(an_interrupt_that_is_not_heard),
	    CASE(permissions_are_answered_once),
	    CASE(permissions_end_without_an_answer),
	    CASE(what_cannot_be_asked_is_denied),
	    CASE(garbage_is_passed_over),
	    CASE(any_cut_says_the_same),
	    CASE(another_worker_goes_on),
	    CASE(whatever_happened_another_worker_knows),
	    CASE(a_record_without_its_end),
	    CASE(the_first_session_stays),
	    CASE(events_are_kept_within_bounds),
	    CASE(an_agent_that_does_not_read),
	    CASE(an_idle_talk_ends),
	    CASE(an_idle_talk_may_stay),
	    CASE(an_agent_that_does_not_answer_the_first_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
