#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "history/history.h"
#include "search/literal.h"
#include "search/pattern.h"
#include "search/query.h"
#include "search/scan.h"

/* Helpers */

static struct pattern *
compile(const char *text, unsigned flags)
{
	struct pattern *p = NULL;

	assert_int_equal(pattern_new(&p, text, strlen(text), flags, NULL, NULL), 0);
	return p;
}

static struct history *
new_history(uint64_t lines)
{
	return history_new(&(struct history_limits){lines, 64 << 20}, NULL);
}

static void
push(struct history *h, const char *text, int64_t time_ms)
{
	history_push(h, text, strlen(text), NULL, 0, time_ms, (uint64_t)time_ms, 0);
}

static bool
matches(const char *pattern, unsigned flags, const char *line)
{
	struct pattern *p = compile(pattern, flags);
	struct scanner *s = scanner_new(p);
	struct scan_line l = {.text = line, .len = (uint32_t)strlen(line)};
	struct scan_options o = SCAN_OPTIONS_INIT;
	struct scan_stats st;

	scan_lines(s, &l, 1, &o, NULL, NULL, &st);
	assert_false(st.partial);
	scanner_free(s);
	pattern_free(p);
	return st.matched == 1;
}

struct told {
	uint64_t numbers[100];
	char text[100][64];
	struct span first[100];
	unsigned nspans[100];
	size_t n, stop_after;
};

static bool
tell(void *arg, const struct scan_hit *hit)
{
	struct told *t = arg;

	if (t->n < 100) {
		t->numbers[t->n] = hit->number;
		snprintf(t->text[t->n], sizeof t->text[0], "%.*s", (int)hit->len, hit->text);
		t->first[t->n] = hit->spans[0];
		t->nspans[t->n] = hit->nspans;
	}
	return ++t->n != t->stop_after;
}

static void
scan_all(const char *pattern, const struct history_view *v, const struct scan_options *o,
    struct told *t, struct scan_stats *st)
{
	struct pattern *p = compile(pattern, 0);
	struct scanner *s = scanner_new(p);

	t->n = 0;
	scan_view(s, v, 0, v->n, o, tell, t, st);
	scanner_free(s);
	pattern_free(p);
}

/* Patterns */

static void
refused(const char *text, size_t len, int err, size_t offset, const char *message)
{
	struct pattern_error e = {99, 99};
	struct pattern *p = NULL;
	char *cause = NULL;

	assert_int_equal(pattern_new(&p, text, len, 0, &e, &cause), err);
	assert_null(p);
	assert_non_null(strstr(cause, message));
	assert_int_equal(e.which, 0);
	assert_int_equal(e.offset, offset);
	free(cause);
}

static void
patterns_are_refused_with_the_place(void **state)
{
	static char longest[PATTERN_MAX + 1];

	(void)state;
	memset(longest, 'a', sizeof longest);
	refused("", 0, -EINVAL, 0, "empty");
	refused(longest, PATTERN_MAX + 1, -E2BIG, PATTERN_MAX, "1,000");
	refused("ab\0c", 4, -EINVAL, 2, "NUL");
	refused("ab\xFF", 3, -EINVAL, 2, "UTF-8");
	refused("a\xEF\xBF\xBD\xE7\xBC", 6, -EINVAL, 4, "UTF-8");
	refused("abc(def", 7, -EINVAL, 7, "missing closing parenthesis");
	refused("a[b", 3, -EINVAL, 3, "missing terminating ]");
	refused("a**", 3, -EINVAL, 2, "quantifier does not follow");
	refused("a\\Cb", 4, -EINVAL, 3, "\\C");
	refused("x)", 2, -EINVAL, 1, "unmatched closing parenthesis");
	pattern_free(compile("a\xEF\xBF\xBD", 0));
	longest[PATTERN_MAX] = '\0';
	pattern_free(compile(longest, 0));
}

static void
settings_are_refused(void **state)
{
	static const char *const settings[] = {"UTF", "UCP", "NO_JIT", "NO_START_OPT",
	    "NO_AUTO_POSSESS", "NO_DOTSTAR_ANCHOR", "NOTEMPTY", "NOTEMPTY_ATSTART", "CR", "LF",
	    "CRLF", "ANYCRLF", "ANY", "NUL", "BSR_ANYCRLF", "BSR_UNICODE", "LIMIT_MATCH=1",
	    "LIMIT_DEPTH=1", "LIMIT_HEAP=1", "LIMIT_RECURSION=1"};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		struct pattern_error e;
		struct pattern *p = NULL;
		char *cause = NULL;
		int n = snprintf(text, sizeof text, "(*%s)a", settings[i]);

		assert_int_equal(pattern_new(&p, text, (size_t)n, 0, &e, &cause), -EINVAL);
		assert_true(e.offset > 0 && e.offset < (size_t)n);
		assert_non_null(strstr(cause, "(*VERB) not recognized"));
		free(cause);
	}
	/* Not settings. */
	assert_true(matches("(*ACCEPT)a", 0, "x"));
	assert_true(matches("(*COMMIT)a", 0, "a"));
	assert_true(matches("(*atomic:a+)b", 0, "aab"));
}

static void
flags_mean_what_they_say(void **state)
{
	(void)state;
	assert_false(matches("error", 0, "ERROR"));
	assert_true(matches("error", PATTERN_ICASE, "ERROR"));
	assert_true(matches("\xC3\xA9t\xC3\xA9", PATTERN_ICASE, "\xC3\x89T\xC3\x89"));
	assert_true(matches("skin", PATTERN_ICASE | PATTERN_FIXED, "\xC5\xBF\xE2\x84\xAAin"));
	assert_true(matches("error\\S", PATTERN_SMART_CASE, "ERRORx"));
	assert_true(matches("error\\p{Lu}", PATTERN_SMART_CASE, "ERRORX"));
	assert_false(matches("Error", PATTERN_SMART_CASE, "ERROR"));
	assert_false(matches("\xC3\x89t", PATTERN_SMART_CASE, "\xC3\xA9t"));
	assert_false(matches("\\S", PATTERN_SMART_CASE | PATTERN_FIXED, "\\s"));
	assert_true(matches("a.b*(", PATTERN_FIXED, "xa.b*(y"));
	assert_false(matches("a.b", PATTERN_FIXED, "axb"));
	assert_true(matches("\\Qa\\E#{2}[", PATTERN_FIXED, "\\Qa\\E#{2}["));
	assert_true(matches("cat", PATTERN_WORD, "a cat."));
	assert_false(matches("cat", PATTERN_WORD, "concatenate"));
	assert_false(matches("a|b", PATTERN_WORD, "ab"));
	assert_true(matches("a.b", PATTERN_WORD | PATTERN_FIXED, "(a.b)"));
}

static void
a_line_is_a_line(void **state)
{
	(void)state;
	assert_true(matches("\\Aab\\z", 0, "ab"));
	assert_true(matches("^$", 0, ""));
	assert_true(matches("a$", 0, "a"));
	assert_false(matches("a$", 0, "a\r"));
	assert_true(matches("a\\s$", 0, "a\r"));
	assert_false(matches("\\n", 0, "a"));
	assert_true(matches("(?x) a b # comment", 0, "ab"));
	assert_true(matches("^(?:(\\()|[^()])+(?(1)\\))$", 0, "(x)"));
	assert_true(matches("^(.)(.)\\2\\1$", 0, "abba"));
	assert_false(matches("^(a|b)\\1$", 0, "ab"));
	assert_true(matches("^(\\((?1)*\\))$", 0, "(()())"));
	assert_false(matches("^(\\((?1)*\\))$", 0, "(()"));
}

static void
several_patterns(void **state)
{
	struct pattern_text two[] = {{"a(b)\\1|x", 8}, {"(c)\\1", 5}};
	struct pattern_text bad[] = {{"a", 1}, {"b(", 2}}, named[] = {{"a", 1}, {"(?<n>b)", 7}};
	struct pattern_text fixed[] = {{"a.b", 3}, {"(", 1}};
	struct pattern_error e;
	struct pattern *p = NULL;
	struct scan_options o = SCAN_OPTIONS_INIT;
	const char *lines[] = {"abb", "ab", "acc", "c", "x", "a.b", "axb", "("};
	struct scan_line l[8];
	struct scan_stats st;
	struct told t = {0};
	struct scanner *s;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		l[i] = (struct scan_line){
		    .text = lines[i], .len = (uint32_t)strlen(lines[i]), .number = i + 1};
	assert_int_equal(pattern_new_list(&p, two, 2, 0, NULL, NULL), 0);
	s = scanner_new(p);
	scan_lines(s, l, 8, &o, tell, &t, &st);
	assert_int_equal(st.matched, 4);
	assert_int_equal(t.numbers[0], 1);
	assert_int_equal(t.numbers[1], 3);
	assert_int_equal(t.numbers[2], 5);
	assert_int_equal(t.numbers[3], 7);
	scanner_free(s);
	pattern_free(p);
	assert_int_equal(pattern_new_list(&p, fixed, 2, PATTERN_FIXED, NULL, NULL), 0);
	s = scanner_new(p);
	scan_lines(s, l, 8, &o, NULL, NULL, &st);
	assert_int_equal(st.matched, 2);
	scanner_free(s);
	pattern_free(p);
	assert_int_equal(pattern_new_list(&p, bad, 2, 0, &e, NULL), -EINVAL);
	assert_int_equal(e.which, 1);
	assert_int_equal(e.offset, 2);
	assert_int_equal(pattern_new_list(&p, named, 2, 0, &e, NULL), -EINVAL);
	assert_int_equal(e.which, 1);
	assert_int_equal(pattern_new_list(&p, two, 0, 0, &e, NULL), -EINVAL);
}

/* What the speed rests on: these must not fall back to line by line unnoticed. */
static void
usual_patterns_take_many_lines(void **state)
{
	static const char *const many[] = {"error", "(?i)warning", "E[0-9]{4}",
	    "^\\s+at .*\\(.*:\\d+:\\d+\\)$", "\\b(GET|POST) /[a-z]+/\\d+\\b", "(a+)+$",
	    "[^ ]+@[\\w.]+", "(?:foo|bar)(?!baz)", "(?<=a)b|\\Ax\\z", "[\\s\\S]+",
	    "\\{\"k\": *\"[^\"]*\"", "(?<y>\\d{4})-", "(?s)a.b", "\\p{Lu}+", "(\\w)\\1", "a++b",
	    "(?>a|b)c", "(?m)^x$"};
	static const char *const single[] = {"\\Ga", "a\\Kb", "\\R", "\\X", "(?x)a", "(?R)?a",
	    "(?(?=a)a|b)", "(*COMMIT)a", "a(?C1)", "(a|b)\\1", "a\\nb", "(?1)(a)", "\\Qa\\E"};

	(void)state;
	for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
		struct pattern *p = compile(many[i], 0);

		if (!pattern_many_lines(p))
			fail_msg("%s", many[i]);
		pattern_free(p);
	}
	for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
		struct pattern *p = compile(single[i], 0);

		if (pattern_many_lines(p))
			fail_msg("%s", single[i]);
		pattern_free(p);
	}
}

/* Every length, place and end of the text, in both cases. */
static void
literals_are_found_everywhere(void **state)
{
	char text[400];
	struct literal l = {.bytes = "xq.z", .len = 4};

	(void)state;
	for (int caseless = 0; caseless < 2; caseless++) {
		l.caseless = caseless;
		literal_prepare(&l);
		for (size_t at = 0; at + 4 <= sizeof text; at++) {
			memset(text, 'x', sizeof text);
			memcpy(text + at, caseless ? "Xq.Z" : "xq.z", 4);
			assert_ptr_equal(literal_find(&l, text, text + sizeof text), text + at);
			assert_ptr_equal(literal_find(&l, text, text + at + 4), text + at);
			assert_null(literal_find(&l, text, text + at + 3));
			assert_null(literal_find(&l, text + at + 1, text + sizeof text));
		}
	}
	l.caseless = false;
	assert_null(literal_find(&l, "XQ.Z", "XQ.Z" + 4));
}

/* Scans */

static void
orders_limits_and_spans(void **state)
{
	struct history *h = new_history(1000);
	struct scan_options o = SCAN_OPTIONS_INIT;
	struct history_view v;
	struct scan_stats st;
	struct told t = {0};
	char line[32];

	(void)state;
	for (int i = 1; i <= 20; i++) {
		snprintf(line, sizeof line, i % 2 ? "odd %d" : "even odd odd %d", i);
		push(h, line, i * 10);
	}
	history_view(h, 0, UINT64_MAX, &v);
	scan_all("odd", &v, &o, &t, &st);
	assert_int_equal(st.matched, 20);
	assert_int_equal(st.lines, 20);
	assert_false(st.truncated || st.partial);
	assert_int_equal(t.nspans[0], 1);
	assert_int_equal(t.nspans[1], 2);
	assert_int_equal(t.first[1].from, 5);
	assert_int_equal(t.first[1].to, 8);
	assert_string_equal(t.text[19], "even odd odd 20");
	o.limit = 3;
	scan_all("even", &v, &o, &t, &st);
	assert_int_equal(t.n, 3);
	assert_int_equal(t.numbers[2], 6);
	assert_true(st.truncated);
	o.newest_first = true;
	scan_all("even", &v, &o, &t, &st);
	assert_int_equal(t.numbers[0], 20);
	assert_int_equal(t.numbers[2], 16);
	/* As many as there are is not too many. */
	o.limit = 10;
	scan_all("even", &v, &o, &t, &st);
	assert_int_equal(st.matched, 10);
	assert_false(st.truncated);
	o.limit = 0;
	o.since_ms = 45;
	o.until_ms = 70;
	scan_all("odd", &v, &o, &t, &st);
	assert_int_equal(t.n, 3);
	assert_int_equal(t.numbers[0], 7);
	assert_int_equal(t.numbers[2], 5);
	assert_int_equal(st.lines, 3);
	t.stop_after = 2;
	scan_all("odd", &v, &o, &t, &st);
	assert_int_equal(t.n, 2);
	history_view_release(&v);
	history_free(h);
}

static void
empty_matches_have_spans(void **state)
{
	struct history *h = new_history(1000);
	struct scan_options o = SCAN_OPTIONS_INIT;
	struct history_view v;
	struct scan_stats st;
	struct told t = {0};

	(void)state;
	push(h, "axx\xC3\xA9", 1);
	push(h, "", 1);
	history_view(h, 0, UINT64_MAX, &v);
	scan_all("x*", &v, &o, &t, &st);
	assert_int_equal(t.n, 2);
	/* before a, xx, before and behind the last letter */
	assert_int_equal(t.nspans[0], 4);
	assert_int_equal(t.nspans[1], 1);
	assert_int_equal(t.first[1].to, 0);
	history_view_release(&v);
	history_free(h);
}

/* The newest lines are found without reading the oldest. */
static void
newest_first_reads_little(void **state)
{
	struct history *h = new_history(1000000);
	struct scan_options o = SCAN_OPTIONS_INIT;
	struct history_view v;
	struct scan_stats st;
	struct told t = {0};
	char line[64];

	(void)state;
	for (int i = 1; i <= 200000; i++) {
		snprintf(line, sizeof line, "line %d of many, many lines of a history", i);
		push(h, line, i);
	}
	history_view(h, 0, UINT64_MAX, &v);
	o.newest_first = true;
	o.limit = 5;
	scan_all("line \\d+", &v, &o, &t, &st);
	assert_int_equal(t.n, 5);
	assert_int_equal(t.numbers[0], 200000);
	assert_true(st.truncated);
	assert_true(st.lines < 2000);
	/* One match only: what comes behind it is looked at, but not all of it. */
	o.limit = 1;
	scan_all("line 200000 ", &v, &o, &t, &st);
	assert_int_equal(t.numbers[0], 200000);
	assert_true(st.truncated);
	assert_true(st.bytes < 3 * SCAN_LOOKAHEAD);
	o.since_ms = 100001;
	o.until_ms = 100010;
	o.limit = 0;
	scan_all("of", &v, &o, &t, &st);
	assert_int_equal(t.n, 10);
	assert_int_equal(t.numbers[9], 100001);
	assert_int_equal(st.lines, 10);
	history_view_release(&v);
	history_free(h);
}

static void
evicted_lines_are_not_found(void **state)
{
	struct history *h = new_history(100);
	struct scan_options o = SCAN_OPTIONS_INIT;
	struct history_view v;
	struct scan_stats st;
	struct told t = {0};
	char line[32];

	(void)state;
	for (int i = 1; i <= 250; i++) {
		snprintf(line, sizeof line, "line %d", i);
		push(h, line, i);
	}
	history_view(h, 0, UINT64_MAX, &v);
	assert_true(v.parts[0].skip_lines == 150);
	scan_all("line", &v, &o, &t, &st);
	assert_int_equal(t.n, 100);
	assert_int_equal(t.numbers[0], 151);
	assert_int_equal(st.lines, 100);
	o.newest_first = true;
	scan_all("^line 1\\d\\d$", &v, &o, &t, &st);
	assert_int_equal(t.n, 49);
	assert_int_equal(t.numbers[48], 151);
	history_view_release(&v);
	history_view(h, 200, 210, &v);
	scan_all("$", &v, &o, &t, &st);
	assert_int_equal(t.n, 11);
	assert_int_equal(t.numbers[0], 210);
	history_view_release(&v);
	history_free(h);
}

static void
a_runaway_pattern_ends_in_time(void **state)
{
	struct history *h = new_history(100000);
	struct scan_options o = SCAN_OPTIONS_INIT;
	struct history_view v;
	struct scan_stats st;
	struct told t = {0};
	uint64_t began;
	atomic_int cancel = 1;

	(void)state;
	push(h, "aaaa", 1);
	for (int i = 0; i < 20000; i++)
		push(h, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 2);
	push(h, "aaa", 3);
	history_view(h, 0, UINT64_MAX, &v);
	began = clock_mono_us();
	o.deadline_us = began + 200000;
	scan_all("(a+)+$", &v, &o, &t, &st);
	assert_true(st.partial);
	assert_true(clock_mono_us() - began < 1500000);
	assert_true(t.n >= 1);
	assert_int_equal(t.numbers[0], 1);
	/* A line that is given up does not stop the others. */
	o.deadline_us = 0;
	history_view_release(&v);
	history_view(h, 19000, UINT64_MAX, &v);
	scan_all("(a+)+$", &v, &o, &t, &st);
	assert_true(st.partial);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.numbers[0], 20002);
	o.cancel = &cancel;
	scan_all("b", &v, &o, &t, &st);
	assert_true(st.partial);
	assert_int_equal(t.n, 0);
	assert_int_equal(st.lines, 0);
	history_view_release(&v);
	history_free(h);
}

/* Queries */

struct panes {
	struct history *h[3];
	struct history_view v[3];
	struct scan_line screen[2];
	struct query_source sources[3];
};

/* Pane i has the lines "pane i line n" at the times n * 10 + i, and the second one a screen. */
static int
panes_setup(void **state)
{
	struct panes *p = calloc(1, sizeof *p);
	char line[64];

	for (int i = 0; i < 3; i++) {
		p->h[i] = new_history(1000);
		for (int n = 1; n <= 9; n++) {
			snprintf(line, sizeof line, "pane %d line %d", i, n);
			push(p->h[i], line, n * 10 + i);
		}
		history_view(p->h[i], 0, UINT64_MAX, &p->v[i]);
		p->sources[i].history = &p->v[i];
	}
	p->screen[0] = (struct scan_line){"pane 1 line 10", 14, 10, 100};
	p->screen[1] = (struct scan_line){"pane 1 prompt", 13, 11, 0};
	p->sources[1].screen = p->screen;
	p->sources[1].nscreen = 2;
	*state = p;
	return 0;
}

static int
panes_teardown(void **state)
{
	struct panes *p = *state;

	for (int i = 0; i < 3; i++) {
		history_view_release(&p->v[i]);
		history_free(p->h[i]);
	}
	free(p);
	return 0;
}

static void
ask(struct panes *p, const char *pattern, const struct query_options *o, struct query_result *r)
{
	struct pattern *compiled = compile(pattern, 0);

	query_run(compiled, p->sources, 3, o, r);
	pattern_free(compiled);
}

static void
hits_are_in_order_of_time(void **state)
{
	struct query_options o = QUERY_OPTIONS_INIT;
	struct query_result r;

	ask(*state, "line", &o, &r);
	assert_int_equal(r.nhits, 28);
	assert_int_equal(r.total, 28);
	assert_false(r.truncated || r.partial);
	assert_int_equal(r.scanned_lines, 29);
	for (size_t i = 0; i < 27; i++) {
		assert_int_equal(r.hits[i].source, i % 3);
		assert_int_equal(r.hits[i].line, i / 3 + 1);
		assert_int_equal(r.hits[i].spans[0].from, 7);
	}
	assert_true(r.hits[27].screen);
	assert_int_equal(r.hits[27].line, 10);
	assert_string_equal(r.hits[27].text.text, "pane 1 line 10");
	query_result_release(&r);
	o.newest_first = true;
	o.limit = 4;
	ask(*state, "pane", &o, &r);
	assert_int_equal(r.nhits, 4);
	assert_true(r.truncated);
	/* A screen's line without a time has that of the line before. */
	assert_int_equal(r.hits[0].line, 11);
	assert_int_equal(r.hits[0].time_ms, 100);
	assert_int_equal(r.hits[1].line, 10);
	assert_int_equal(r.hits[2].source, 2);
	assert_int_equal(r.hits[2].line, 9);
	assert_int_equal(r.hits[3].source, 1);
	query_result_release(&r);
	o.since_ms = 51;
	o.until_ms = 61;
	o.limit = 50;
	ask(*state, "line", &o, &r);
	assert_int_equal(r.nhits, 4);
	assert_int_equal(r.hits[0].time_ms, 61);
	assert_int_equal(r.hits[3].time_ms, 51);
	query_result_release(&r);
}

static void
context_reaches_onto_the_screen(void **state)
{
	struct query_options o = QUERY_OPTIONS_INIT;
	struct query_result r;

	o.context = 2;
	ask(*state, "1 line (1|9|10)$", &o, &r);
	assert_int_equal(r.nhits, 3);
	assert_int_equal(r.hits[0].nbefore, 0);
	assert_int_equal(r.hits[0].nafter, 2);
	assert_string_equal(r.hits[0].after[1].text, "pane 1 line 3");
	assert_int_equal(r.hits[1].nbefore, 2);
	assert_string_equal(r.hits[1].before[0].text, "pane 1 line 7");
	assert_string_equal(r.hits[1].after[0].text, "pane 1 line 10");
	assert_string_equal(r.hits[1].after[1].text, "pane 1 prompt");
	assert_int_equal(r.hits[2].nbefore, 2);
	assert_string_equal(r.hits[2].before[1].text, "pane 1 line 9");
	assert_int_equal(r.hits[2].nafter, 1);
	query_result_release(&r);
	/* A screen alone, its lines without numbers, as the alternate one's are. */
	struct pattern *p = compile("two", 0);
	struct scan_line lines[] = {{"one", 3, 0, 0}, {"two", 3, 0, 0}, {"three", 5, 0, 0}};
	struct query_source alone = {.screen = lines, .nscreen = 3};

	query_run(p, &alone, 1, &o, &r);
	assert_int_equal(r.nhits, 1);
	assert_string_equal(r.hits[0].before[0].text, "one");
	assert_string_equal(r.hits[0].after[0].text, "three");
	query_result_release(&r);
	pattern_free(p);
}

/* Whatever the order in which pieces are run; and what is not run is partial. */
static void
pieces_are_independent(void **state)
{
	struct panes *panes = *state;
	struct query_options o = QUERY_OPTIONS_INIT;
	struct pattern *p = compile("line [3-9]", 0);
	struct query_result r;

	o.limit = 5;
	for (int newest = 0; newest < 2; newest++) {
		o.newest_first = newest;
		for (int order = 0; order < 3; order++) {
			struct query *q = query_new(p, panes->sources, 3, &o);
			size_t n = query_pieces(q);

			assert_int_equal(n, 4);
			for (size_t i = 0; i < n; i++)
				if (order < 2 || i > 0)
					query_run_piece(q, order == 1 ? n - 1 - i : i);
			query_finish(q, &r);
			query_free(q);
			assert_int_equal(r.partial, order == 2);
			assert_true(r.truncated);
			assert_int_equal(r.nhits, 5);
			if (order < 2) {
				assert_int_equal(r.hits[0].line, newest ? 9 : 3);
				assert_int_equal(r.hits[0].source, newest ? 2 : 0);
				assert_int_equal(r.hits[4].line, newest ? 8 : 4);
				assert_int_equal(r.hits[4].source, 1);
			}
			query_result_release(&r);
		}
	}
	pattern_free(p);
}

/* The past of a large history is left alone. */
static void
pieces_behind_the_limit_are_skipped(void **state)
{
	struct history *h = new_history(1000000);
	struct query_options o = QUERY_OPTIONS_INIT;
	struct pattern *p = compile("number", 0);
	struct history_view v;
	struct query_source source = {.history = &v};
	struct query_result r;
	char line[100];

	(void)state;
	for (int i = 0; i < 150000; i++) {
		snprintf(line, sizeof line,
		    "a line of some length that has its number in it: number %d", i);
		push(h, line, i);
	}
	history_view(h, 0, UINT64_MAX, &v);
	o.newest_first = true;
	query_run(p, &source, 1, &o, &r);
	assert_int_equal(r.nhits, 50);
	assert_int_equal(r.hits[49].line, 150000 - 49);
	assert_true(r.truncated);
	assert_true(r.scanned_lines < 5000);
	query_result_release(&r);
	o.limit = QUERY_LIMIT_MAX + 5;
	query_run(p, &source, 1, &o, &r);
	assert_int_equal(r.nhits, QUERY_LIMIT_MAX);
	query_result_release(&r);
	history_view_release(&v);
	history_free(h);
	pattern_free(p);
}

static void
nothing_to_search(void **state)
{
	struct query_options o = QUERY_OPTIONS_INIT;
	struct pattern *p = compile("a", 0);
	struct history *h = new_history(10);
	struct history_view v;
	struct query_source source = {.history = &v};
	struct query_result r;

	(void)state;
	history_view(h, 0, UINT64_MAX, &v);
	query_run(p, &source, 1, &o, &r);
	assert_int_equal(r.nhits, 0);
	assert_false(r.truncated || r.partial);
	query_result_release(&r);
	query_run(p, NULL, 0, &o, &r);
	assert_int_equal(r.total, 0);
	query_result_release(&r);
	history_view_release(&v);
	history_free(h);
	pattern_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(patterns_are_refused_with_the_place),
	    cmocka_unit_test(settings_are_refused),
	    cmocka_unit_test(flags_mean_what_they_say),
	    cmocka_unit_test(a_line_is_a_line),
	    cmocka_unit_test(several_patterns),
	    cmocka_unit_test(usual_patterns_take_many_lines),
	    cmocka_unit_test(literals_are_found_everywhere),
	    cmocka_unit_test(orders_limits_and_spans),
	    cmocka_unit_test(empty_matches_have_spans),
	    cmocka_unit_test(newest_first_reads_little),
	    cmocka_unit_test(evicted_lines_are_not_found),
	    cmocka_unit_test(a_runaway_pattern_ends_in_time),
	    cmocka_unit_test_setup_teardown(
		hits_are_in_order_of_time, panes_setup, panes_teardown),
	    cmocka_unit_test_setup_teardown(
		context_reaches_onto_the_screen, panes_setup, panes_teardown),
	    cmocka_unit_test_setup_teardown(
		pieces_are_independent, panes_setup, panes_teardown),
	    cmocka_unit_test(pieces_behind_the_limit_are_skipped),
	    cmocka_unit_test(nothing_to_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
