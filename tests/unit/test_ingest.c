/* Reading transcripts into a store that refuses some of the batches. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ingest.h"
#include "base/xmalloc.h"
#include "store/sessions.h"
#include "store_owner.h"

enum { FILES = 30, LINES = 20, TEXT = 12000 };

static struct ingest *reader; /* NULL: freed; what it gave may still be called back for */
static unsigned taken, refused;
static bool (*refuses)(unsigned n); /* the batch with this number, from 1 */

static void
on_ready(void *arg)
{
	owner_notify(arg);
}

static void
on_written(int rc, void *arg)
{
	(void)arg;
	if (reader != NULL)
		ingest_written(reader, rc);
}

/* One look at what is ready. */
static void
pass_on(struct owner *o)
{
	struct sessions_batch *b = ingest_take(reader);

	if (b == NULL)
		return;
	taken++;
	if (!refuses(taken)) {
		sessions_submit(o->store, b, on_written, NULL);
		return;
	}
	refused++;
	sessions_batch_free(b);
	ingest_written(reader, -EIO);
}

static bool
has_usage(struct owner *o, long rows)
{
	pass_on(o);
	return owner_read(o, "SELECT COUNT(*) FROM usage") == rows;
}

static bool
has_settled(struct owner *o, long arg)
{
	struct ingest_status st;

	(void)arg;
	pass_on(o);
	ingest_status(reader, &st);
	return st.settled;
}

static void
append(const char *dir, int file, int line)
{
	char *path = xasprintf("%s/s%d.jsonl", dir, file);
	char *text = xmalloc(TEXT + 1);
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	memset(text, 'x', TEXT);
	text[TEXT] = '\0';
	fprintf(f,
	    "{\"type\":\"assistant\",\"uuid\":\"u%d-%d\",\"sessionId\":\"s%d\",\"message\":{"
	    "\"id\":\"msg_%d_%d\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\","
	    "\"text\":\"%s\"}],\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\n",
	    file, line, file, file, line, text);
	assert_int_equal(fclose(f), 0);
	free(path);
	free(text);
}

static void
check_all(struct owner *o, long lines)
{
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM usage"), lines);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM messages"), lines);
	assert_int_equal(owner_read(o, "SELECT COUNT(*) FROM sessions"), FILES);
	assert_int_equal(
	    owner_read(o, "SELECT COUNT(*) FROM sources WHERE offset=size"), FILES);
}

static void
run(struct owner *o, bool (*which)(unsigned n))
{
	char dir[] = "/tmp/panescry-ingest-XXXXXX";
	const struct agent_place place = {"claude", dir};
	const struct ingest_config config = {
	    .places = &place, .nplaces = 1, .ready = on_ready, .arg = o->wake};

	owner_make_dir(dir);
	for (int i = 0; i < FILES * LINES; i++)
		append(dir, i % FILES, i / FILES);
	o->config.scripts = NULL;
	owner_open(o);
	assert_true(owner_await_state(o, STORE_READY));
	taken = refused = 0;
	refuses = which;
	reader = ingest_new(&config);
	assert_int_equal(ingest_start(reader), 0);
	assert_true(owner_until(o, has_settled, 0));
	check_all(o, FILES * LINES);
	assert_true(taken > refused + 2);
	append(dir, 3, LINES);
	assert_true(owner_until(o, has_usage, FILES * LINES + 1));
	check_all(o, FILES * LINES + 1);
	ingest_free(reader);
	reader = NULL;
	owner_remove_dir(dir);
}

static bool
none(unsigned n)
{
	(void)n;
	return false;
}

static bool
some(unsigned n)
{
	return n == 1 || n == 4;
}

static void
all_is_written(void **state)
{
	run(*state, none);
	assert_int_equal(refused, 0);
}

/* With what followed it, which knew of it. */
static void
what_was_refused_is_read_again(void **state)
{
	run(*state, some);
	assert_int_equal(refused, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(all_is_written),
	    CASE(what_was_refused_is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
