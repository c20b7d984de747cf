/* Reading transcripts that grow, into a store that may refuse some of the batches. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ingest.h"
#include "base/xmalloc.h"
#include "store/sessions.h"
#include "store/sessions_read.h"
#include "store_owner.h"

enum { FILES = 30, LINES = 20, TEXT = 12000, NEVER_MS = 24 * 60 * 60 * 1000 };

static struct ingest *reader; /* NULL: freed; what it gave may still be called back for */
static unsigned taken, refused, told;
static size_t written;              /* bytes, to the files */
static bool (*refuses)(unsigned n); /* the batch with this number, from 1 */

static void
on_ready(void *arg)
{
	owner_notify(arg);
}

static void
on_told(void *arg, const struct sessions_change *c)
{
	(void)arg;
	(void)c;
	told++;
}

static void
on_written(int rc, void *arg)
{
	if (rc == 0)
		sessions_batch_each(arg, on_told, NULL);
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
		sessions_submit(o->store, b, on_written, b);
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

/* Rows can be read before it is heard that they were written. */
static bool
has_told(struct owner *o, long n)
{
	pass_on(o);
	return told >= n;
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
	written += (size_t)fprintf(f,
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
start(struct owner *o, struct ingest_config *config)
{
	config->nplaces = 1;
	config->ready = on_ready;
	config->arg = o->wake;
	taken = refused = told = 0;
	reader = ingest_new(config);
}

static void
settle(struct owner *o)
{
	assert_int_equal(ingest_start(reader), 0);
	assert_true(owner_until(o, has_settled, 0));
}

static void
stop(void)
{
	ingest_free(reader);
	reader = NULL;
}

static void
open_store(struct owner *o, char *dir)
{
	owner_make_dir(dir);
	o->config.scripts = NULL;
	owner_open(o);
	assert_true(owner_await_state(o, STORE_READY));
	written = 0;
}

/* Each file once more, for one line after the other. */
static void
grow(struct owner *o, const char *dir, int from, int to)
{
	for (int line = from; line < to; line++) {
		for (int i = 0; i < FILES; i++)
			append(dir, i, line);
		assert_true(owner_until(o, has_usage, FILES * (line + 1L)));
	}
}

static bool
has_places(struct owner *o, long bytes)
{
	pass_on(o);
	return owner_read(o, "SELECT SUM(offset) FROM sources") == bytes;
}

static void
run(struct owner *o, bool (*which)(unsigned n))
{
	char dir[] = "/tmp/panescry-ingest-XXXXXX";
	const struct agent_place place = {"claude", dir};
	struct ingest_config config = {.places = &place};

	open_store(o, dir);
	for (int i = 0; i < FILES * LINES; i++)
		append(dir, i % FILES, i / FILES);
	refuses = which;
	start(o, &config);
	settle(o);
	check_all(o, FILES * LINES);
	assert_true(taken > refused + 2);
	append(dir, 3, LINES);
	assert_true(owner_until(o, has_usage, FILES * LINES + 1));
	check_all(o, FILES * LINES + 1);
	stop();
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

static bool
third(unsigned n)
{
	return n % 3 == 0;
}

static bool
add_known(void *arg, const struct sessions_source *k)
{
	ingest_known(arg, k);
	return true;
}

/* As after a crash: the rows are there, and the places are older. */
static void
an_older_place_changes_nothing(void **state)
{
	struct owner *o = *state;
	char dir[] = "/tmp/panescry-ingest-XXXXXX";
	const struct agent_place place = {"claude", dir};
	struct ingest_config config = {.places = &place, .place_ms = NEVER_MS};
	struct ingest_status st;
	long placed;
	sqlite3 *db;

	open_store(o, dir);
	refuses = none;
	start(o, &config);
	settle(o);
	grow(o, dir, 0, 4);
	placed = owner_read(o, "SELECT SUM(offset) FROM sources");
	assert_true(placed > 0 && (size_t)placed < written);
	assert_true(owner_until(o, has_told, 4 * FILES + FILES));
	assert_int_equal(told, 4 * FILES + FILES); /* messages, and a state of each */
	stop();

	start(o, &config);
	assert_int_equal(store_reader_open(o->store, &db, NULL), 0);
	assert_int_equal(sessions_read_sources(db, add_known, reader), 0);
	sqlite3_close(db);
	settle(o);
	ingest_status(reader, &st);
	assert_int_equal(st.bytes, written - (size_t)placed);
	assert_int_equal(told, 0);
	check_all(o, 4 * FILES);
	assert_true(has_places(o, (long)written));
	grow(o, dir, 4, 6);
	check_all(o, 6 * FILES);
	stop();
	owner_remove_dir(dir);
}

/* Those that have to go have their places written, and go on from there. */
static void
few_parsers_are_kept(void **state)
{
	struct owner *o = *state;
	char dir[] = "/tmp/panescry-ingest-XXXXXX";
	const struct agent_place place = {"claude", dir};
	struct ingest_config config = {.places = &place, .place_ms = NEVER_MS, .kept_max = 2};

	open_store(o, dir);
	refuses = none;
	start(o, &config);
	settle(o);
	grow(o, dir, 0, 5);
	assert_true(owner_read(o, "SELECT SUM(offset) FROM sources") >=
		    (long)(written / (5 * FILES) * (5 * FILES - 2 * 3 - 1)));
	append(dir, 0, 5);
	append(dir, FILES - 1, 5);
	assert_true(owner_until(o, has_usage, 5 * FILES + 2));
	check_all(o, 5 * FILES + 2);
	stop();
	owner_remove_dir(dir);
}

static void
places_follow_when_it_is_quiet(void **state)
{
	struct owner *o = *state;
	char dir[] = "/tmp/panescry-ingest-XXXXXX";
	const struct agent_place place = {"claude", dir};
	struct ingest_config config = {.places = &place, .place_ms = 300};

	open_store(o, dir);
	refuses = none;
	start(o, &config);
	settle(o);
	grow(o, dir, 0, 5);
	assert_true(owner_until(o, has_places, (long)written));
	check_all(o, 5 * FILES);
	stop();
	owner_remove_dir(dir);
}

/* What was refused is behind rows that were written, and they behind the last place. */
static void
refusals_while_files_grow(void **state)
{
	struct owner *o = *state;
	char dir[] = "/tmp/panescry-ingest-XXXXXX";
	const struct agent_place place = {"claude", dir};
	struct ingest_config config = {.places = &place, .place_ms = NEVER_MS};

	open_store(o, dir);
	refuses = third;
	start(o, &config);
	settle(o);
	grow(o, dir, 0, 10);
	check_all(o, 10 * FILES);
	assert_true(refused > 2);
	assert_true(owner_until(o, has_told, 10 * FILES + FILES));
	assert_int_equal(told, 10 * FILES + FILES);
	stop();
	owner_remove_dir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(all_is_written),
	    CASE(what_was_refused_is_read_again),
	    CASE(an_older_place_changes_nothing),
	    CASE(few_parsers_are_kept),
	    CASE(places_follow_when_it_is_quiet),
	    CASE(refusals_while_files_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
