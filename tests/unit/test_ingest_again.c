/*
 * Samples of all formats that are read on when they grow: reading them again from any place they had,
 * as after a crash, changes nothing and is told to nobody.
 */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "agent/agent.h"
#include "agent/ingest_priv.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/xmalloc.h"
#include "store/schema.h"
#include "store/sessions.h"

enum { SAMPLE_MAX = 1024 * 1024, LINES_MAX = 1000 };

struct sample {
	const struct agent_format *format;
	char *path, *data;
	size_t at[LINES_MAX + 1]; /* where its lines begin, and its end */
	size_t n;
	sqlite3 *db;
	struct rows rows;
};

static size_t samples, told;

static sqlite3 *
new_db(void)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	for (size_t i = 0; store_schema[i] != NULL; i++)
		assert_int_equal(
		    sqlite3_exec(db, store_schema[i], NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static int
dump_row(void *arg, int n, char **values, char **names)
{
	struct buf *b = arg;

	for (int i = 0; i < n; i++)
		buf_printf(b, "%s=%s ", names[i], values[i] != NULL ? values[i] : "(null)");
	buf_putc(b, '\n');
	return 0;
}

static char *
dump(sqlite3 *db)
{
	static const char *const tables[] = {
	    "sessions", "turns", "messages", "tool_traces", "usage", "notes"};
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		char *sql = xasprintf("SELECT '%s', * FROM %s", tables[i], tables[i]);

		assert_int_equal(sqlite3_exec(db, sql, dump_row, &b, NULL), SQLITE_OK);
		free(sql);
	}
	buf_putc(&b, '\0');
	return buf_take(&b);
}

static void
load(struct sample *s, const char *top, const char *file)
{
	size_t len;

	s->path = xasprintf("%s/tests/agents/samples/%s", top, file);
	assert_int_equal(file_read(s->path, SAMPLE_MAX, &s->data, &len), 0);
	for (size_t at = 0; at < len; s->n++) {
		const char *nl = memchr(s->data + at, '\n', len - at);

		assert_true(s->n < LINES_MAX);
		s->at[s->n] = at;
		at = nl != NULL ? (size_t)(nl - s->data) + 1 : len + 1;
		s->at[s->n + 1] = at;
	}
}

static void
on_told(void *arg, const struct sessions_change *c)
{
	(void)arg;
	/* Without a time each state is later than the one before it. */
	if (c->kind != SESSIONS_STATE || c->time_ms != 0)
		told++;
}

static void
begin(struct sample *s)
{
	rows_begin(&s->rows, sessions_batch_new(), s->format->agent);
}

static void
feed(struct sample *s, struct agent_parser *p, size_t line)
{
	s->format->feed(
	    p, s->data + s->at[line], s->at[line + 1] - s->at[line] - 1, s->at[line]);
}

static void
end(struct sample *s)
{
	assert_int_equal(sessions_write(s->db, s->rows.batch), 0);
	told = 0;
	sessions_batch_each(s->rows.batch, on_told, NULL);
	sessions_batch_free(s->rows.batch);
}

/* As it grows, line by line, with a place before this one; to be freed. */
static char *
follow(struct sample *s, const struct agent_sink *sink, size_t place)
{
	struct agent_parser *p = s->format->open(s->path, sink);
	struct buf state;

	buf_init(&state, BUF_NO_MAX);
	for (size_t i = 0; i < s->n; i++) {
		begin(s);
		if (i == place) {
			s->format->flush(p);
			s->format->save(p, &state);
		}
		feed(s, p, i);
		if (i + 1 == s->n)
			s->format->flush(p);
		end(s);
	}
	s->format->close(p);
	return buf_take(&state);
}

static void
again(struct sample *s, const struct agent_sink *sink, const char *state, size_t from)
{
	struct agent_parser *p = s->format->open(s->path, sink);

	assert_true(s->format->restore(p, state, strlen(state)));
	begin(s);
	for (size_t i = from; i < s->n; i++)
		feed(s, p, i);
	s->format->flush(p);
	end(s);
	s->format->close(p);
}

static void
check_place(struct sample *s, size_t place)
{
	const struct agent_sink sink = {rows_event, rows_baseline, &s->rows};
	char *state, *before, *after;

	s->db = new_db();
	state = follow(s, &sink, place);
	before = dump(s->db);
	again(s, &sink, state, place);
	after = dump(s->db);
	if (strcmp(before, after) != 0)
		print_error("%s from line %zu\n", s->path, place);
	assert_string_equal(after, before);
	/* In this one two calls have one id, and each takes the other's place. */
	if (strstr(s->path, "asv_function_calls") == NULL)
		assert_int_equal(told, 0);
	sqlite3_close(s->db);
	free(before);
	free(after);
	free(state);
}

static void
check(const char *top, const char *format, const char *file)
{
	struct sample *s = xcalloc(1, sizeof *s);

	s->format = agent_format_find(format);
	assert_non_null(s->format);
	load(s, top, file);
	/* Streams are no files that are followed. */
	if (s->format->layout == AGENT_LINES && strstr(format, "-stream") == NULL &&
	    strstr(format, "-exec") == NULL) {
		samples++;
		for (size_t i = 0; i < s->n; i++)
			check_place(s, i);
	}
	rows_release(&s->rows);
	free(s->data);
	free(s->path);
	free(s);
}

static void
check_index(const char *name)
{
	const char *top = getenv("top_srcdir") != NULL ? getenv("top_srcdir") : ".";
	char *path = xasprintf("%s/tests/agents/%s", top, name), *text, *next, *line;
	size_t len;

	assert_int_equal(file_read(path, SAMPLE_MAX, &text, &len), 0);
	for (next = text; (line = strsep(&next, "\n")) != NULL;) {
		char *formats, *files, *file, *format = NULL, *f;

		strsep(&line, "\t");
		formats = strsep(&line, "\t");
		files = strsep(&line, "\t");
		if (files == NULL || strcmp(formats, "format") == 0)
			continue;
		while ((file = strsep(&files, ",")) != NULL) {
			if ((f = strsep(&formats, ",")) != NULL)
				format = f;
			check(top, format, file);
		}
	}
	free(text);
	free(path);
}

static void
nothing_changes(void **state)
{
	(void)state;
	check_index("index.tsv");
	check_index("index-codex.tsv");
	assert_true(samples > 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
