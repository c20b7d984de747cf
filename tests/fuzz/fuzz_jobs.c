/*
 * What is asked for of jobs and flows, and what an agent says in a live session: nothing crashes; a
 * spec that is taken is the same when it has been on record; and a session that is made anew from its
 * record has the same events. And what a job wrote, or what its record became: it is read for what it
 * says of the session and its errors, and as a step's result, and the events are such that can be told.
 * Input: which of these, then JSON, or lines in which a line "!" and a letter is something that a client
 * does, or a byte that says whose output it is and the output, or the lines of a record, or the states of steps, a
 * flow and a result of its steps, with NULs between.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "job/flow.h"
#include "job/flow_result.h"
#include "job/job.h"
#include "job/outcome.h"
#include "job/spool.h"
#include "job/talk.h"
#include "proto/json.h"

static char *
kept(const struct job_spec *s)
{
	return json_print_take(job_spec_json(s));
}

static void
try_spec(const cJSON *o)
{
	struct job_spec s, again;
	char *cause = NULL, *one, *two;
	cJSON *back;

	if (job_spec_parse(o, "/", &s, &cause) != 0) {
		if (cause == NULL || !utf8_valid(cause, strlen(cause)))
			abort();
		free(cause);
		return;
	}
	one = kept(&s);
	back = json_parse(one, strlen(one));
	if (back == NULL || job_spec_parse(back, "/elsewhere", &again, NULL) != 0)
		abort();
	two = kept(&again);
	if (strcmp(one, two) != 0)
		abort();
	free(one);
	free(two);
	cJSON_Delete(back);
	job_spec_release(&s);
	job_spec_release(&again);
}

static void
try_flow(const cJSON *o)
{
	struct flow_error error = {0};
	struct flow *f = NULL;

	if (flow_parse(o, &f, &error) != 0)
		flow_error_release(&error);
	else
		flow_free(f);
}

/* A run of a flow, whose steps have ended as the input says. */

struct run {
	const char *states; /* one of each step, as far as they go */
	size_t nstates;
	const cJSON *result; /* of all */
};

static void
on_step(void *arg, unsigned n, struct flow_known *out)
{
	static const unsigned char hash[FLOW_HASH_SIZE];
	const struct run *r = arg;

	out->state =
	    n < r->nstates ? (unsigned char)r->states[n] % (FLOW_WAITING + 1) : FLOW_COMPLETED;
	out->exit_status = (int)n - 1;
	out->result = r->result;
	out->session = n & 1 ? "a-session" : NULL;
	out->hash = hash;
}

static const char *
on_env(void *arg, const char *name)
{
	(void)arg;
	return *name == 'A' ? "${flow.name}; some \"text\"" : NULL;
}

/* What is put into a step is text, and the same again; no word of it becomes several. */
static void
try_steps(const struct flow *f, struct run *r)
{
	const struct flow_context c = {f, "f3", "/srv", r, on_step, on_env};

	for (unsigned i = 0; i < f->nsteps; i++) {
		struct flow_ready one, two;
		char *cause = NULL;
		size_t n = 0;

		flow_turn(&c, i);
		flow_condition(&c, i);
		if (flow_ready(&c, i, &one, &cause) != 0) {
			must(cause != NULL && utf8_valid(cause, strlen(cause)));
			free(cause);
			continue;
		}
		must(flow_ready(&c, i, &two, NULL) == 0);
		must(memcmp(one.hash, two.hash, sizeof one.hash) == 0);
		for (; one.argv != NULL && one.argv[n] != NULL; n++) {
			must(utf8_valid(one.argv[n], strlen(one.argv[n])));
			must(two.argv[n] != NULL && strcmp(one.argv[n], two.argv[n]) == 0);
		}
		flow_ready_release(&one);
		flow_ready_release(&two);
	}
}

static void
try_run(const char *data, size_t size)
{
	const char *json = memchr(data, '\0', size), *result;
	struct flow_error error = {0};
	struct flow *f = NULL;
	cJSON *o, *value;
	struct run r = {.states = data};

	if (json == NULL)
		return;
	r.nstates = (size_t)(json++ - data);
	result = memchr(json, '\0', (size_t)(data + size - json));
	if (result == NULL)
		return;
	o = json_parse(json, (size_t)(result - json));
	value = json_parse(result + 1, (size_t)(data + size - result - 1));
	r.result = value != NULL ? value->child : NULL;
	if (o != NULL && flow_parse(o, &f, &error) == 0) {
		try_steps(f, &r);
		flow_free(f);
	} else if (o != NULL) {
		flow_error_release(&error);
	}
	cJSON_Delete(value);
	cJSON_Delete(o);
}

/* A live session. */

struct owner {
	struct talk *talk;
	struct buf events, record, output;
	int64_t ms;
};

static int64_t
on_now(void *arg)
{
	return ((struct owner *)arg)->ms;
}

static int
on_send(void *arg, const char *line, size_t len)
{
	(void)arg;
	if (len == 0 || line[len - 1] != '\n' || memchr(line, '\n', len) != line + len - 1 ||
	    !utf8_valid(line, len))
		abort();
	return 0;
}

static void
on_nothing(void *arg)
{
	(void)arg;
}

static void
on_event(void *arg, uint64_t seq, const char *json, size_t len)
{
	cJSON *e = json_parse(json, len);

	(void)arg;
	if (e == NULL || seq == 0)
		abort();
	cJSON_Delete(e);
}

static void
on_record(void *arg, const char *line, size_t len)
{
	buf_append(&((struct owner *)arg)->record, line, len);
}

static struct talk *
talk_of(struct owner *o)
{
	struct talk_config cfg = {.permission_ms = 5000,
	    .now_ms = on_now,
	    .send = on_send,
	    .end_input = on_nothing,
	    .kill = on_nothing,
	    .event = on_event,
	    .record = on_record,
	    .arg = o};

	return talk_new(&cfg);
}

static void
act(struct owner *o, char what)
{
	char id[TALK_ID_MAX];

	switch (what) {
	case 'n':
	case 'x':
	case 'l':
		talk_message(o->talk, "text",
		    what == 'n'   ? TALK_NOW
		    : what == 'x' ? TALK_NEXT
				  : TALK_LATER,
		    id);
		break;
	case 'i':
		talk_interrupt(o->talk);
		break;
	case 'm':
		talk_set_model(o->talk, "opus");
		break;
	case 't':
		o->ms += 1000;
		talk_tick(o->talk, 1);
		break;
	case 'e':
		talk_end(o->talk, "enough");
		break;
	default:
		id[0] = 'p';
		id[1] = what;
		id[2] = '\0';
		talk_answer(o->talk, id, (what & 1) != 0, NULL, NULL);
	}
}

/* When it was is not the same in both. */
static char *
events_of(const struct talk *t)
{
	uint64_t next;
	char *text = json_print_take(talk_events(t, 0, (size_t)-1 / 2, &next));
	cJSON *list = cJSON_Parse(text), *e;

	free(text);
	cJSON_ArrayForEach (e, list) {
		cJSON_DeleteItemFromObjectCaseSensitive(e, "time");
		cJSON_DeleteItemFromObjectCaseSensitive(
		    cJSON_GetObjectItemCaseSensitive(e, "permission"), "expires");
	}
	return json_print_take(list);
}

static void
compare(struct owner *o)
{
	struct owner other = {.ms = o->ms};
	char *one, *two;

	buf_init(&other.record, BUF_NO_MAX);
	other.talk = talk_of(&other);
	talk_restore(other.talk, o->record.data != NULL ? o->record.data : "", o->record.len);
	talk_output(other.talk, 0, o->output.data != NULL ? o->output.data : "", o->output.len);
	talk_live(other.talk);
	one = events_of(o->talk);
	two = events_of(other.talk);
	if (strcmp(one, two) != 0)
		abort();
	free(one);
	free(two);
	talk_free(other.talk);
	buf_release(&other.record);
}

/* cJSON, with which the events are looked at here, takes no number of more than 63 characters. */
static bool
has_long_number(const char *data, size_t size)
{
	size_t run = 0;

	for (size_t i = 0; i < size; i++) {
		run = memchr("0123456789+-.eE", data[i], 15) != NULL ? run + 1 : 0;
		if (run > 60)
			return true;
	}
	return false;
}

static void
try_talk(const char *data, size_t size)
{
	struct owner o = {.ms = 1000000};

	if (has_long_number(data, size))
		return;
	buf_init(&o.record, BUF_NO_MAX);
	buf_init(&o.output, BUF_NO_MAX);
	o.talk = talk_of(&o);
	talk_started(o.talk);
	while (size != 0) {
		const char *end = memchr(data, '\n', size);
		size_t n = end != NULL ? (size_t)(end - data) + 1 : size;

		if (n == 3 && *data == '!') {
			act(&o, data[1]);
		} else {
			talk_output(o.talk, o.output.len, data, n);
			buf_append(&o.output, data, n);
		}
		data += n;
		size -= n;
	}
	compare(&o);
	cJSON_Delete(talk_json(o.talk));
	talk_ended(o.talk);
	talk_free(o.talk);
	buf_release(&o.record);
	buf_release(&o.output);
}

/* What a job wrote. */

static char dir[64];

static void
remove_dir(void)
{
	spool_unlink(dir, 1);
	rmdir(dir);
}

static void
check_text(const char *s)
{
	if (s != NULL && !utf8_valid(s, strlen(s)))
		abort();
}

static void
try_result(const char *data, size_t size)
{
	for (int kind = FLOW_TEXT; kind <= FLOW_LINES; kind++) {
		cJSON *value = NULL, *o = json_object(), *back;
		char *cause = NULL, *text;

		if (flow_result_of(data, size, kind, size % 2, &value, &cause) != 0 &&
		    (cause == NULL || kind != FLOW_JSON))
			abort();
		if (value == NULL)
			abort();
		cJSON_AddItemToObject(o, "v", value);
		text = json_print_take(o);
		if ((back = json_parse(text, strlen(text))) == NULL)
			abort();
		cJSON_Delete(back);
		free(text);
		free(cause);
	}
}

static void
try_output(const char *data, size_t size)
{
	static const char *const agents[] = {"claude", "codex", "gemini", "opencode", "grok"};
	static const uint64_t from[2];
	const char *agent = agents[(unsigned char)*data % 5];
	struct job_outcome o;

	try_result(data + 1, size - 1);
	if (dir[0] == '\0') {
		snprintf(dir, sizeof dir, "%s/panescry-fuzz-XXXXXX",
		    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		if (mkdtemp(dir) == NULL)
			abort();
		atexit(remove_dir);
	}
	spool_unlink(dir, 1);
	for (unsigned channel = 1; channel <= 2; channel++)
		if (spool_write(dir, 1, channel, 0, data + 1, size - 1) != 0)
			abort();
	if (outcome_read(dir, 1, agent, "a-model", from, &o) != 0)
		abort();
	check_text(o.text);
	check_text(o.session);
	check_text(o.model);
	if (o.text != NULL && strlen(o.text) > 500)
		abort();
	outcome_release(&o);
}

/* A record that is not what was written. */
static void
try_record(const char *data, size_t size)
{
	struct owner o = {.ms = 1000000};
	const char *output = memchr(data, '\0', size);
	size_t n = output != NULL ? (size_t)(output - data) : size;

	if (has_long_number(data, size))
		return;
	buf_init(&o.record, BUF_NO_MAX);
	o.talk = talk_of(&o);
	talk_restore(o.talk, data, n);
	if (output != NULL)
		talk_output(o.talk, 0, output + 1, size - n - 1);
	talk_live(o.talk);
	free(events_of(o.talk));
	cJSON_Delete(talk_json(o.talk));
	talk_ended(o.talk);
	talk_free(o.talk);
	buf_release(&o.record);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cJSON *o;

	const char *text = (const char *)data + 1;

	if (size < 2)
		return 0;
	switch (data[0]) {
	case '2':
		try_talk(text, size - 1);
		return 0;
	case '3':
		try_output(text, size - 1);
		return 0;
	case '4':
		try_record(text, size - 1);
		return 0;
	case '5':
		try_run(text, size - 1);
		return 0;
	}
	if ((o = json_parse(text, size - 1)) == NULL)
		return 0;
	if (data[0] == '0')
		try_spec(o);
	else
		try_flow(o);
	cJSON_Delete(o);
	return 0;
}
