/*
 * Any pattern on any lines: nothing crashes, what is wrong with a pattern is said with its place, and
 * the lines that match, with the place of the first match, are those that plain PCRE2 finds, line by
 * line, without machine code, without the pattern written anew for many lines and without looking for
 * a literal first. Input: a byte of flags, the pattern up to a newline, then the lines.
 */
#include "config.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <errno.h>
#include <stdbool.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "search/captures.h"
#include "search/pattern.h"
#include "search/scan.h"
#include "store/archive_filter.h"

enum { LINES_MAX = 200, STEPS = 100000 };

struct lines {
	struct scan_line line[LINES_MAX];
	size_t n;
};

struct found {
	bool unsure[LINES_MAX]; /* plain PCRE2 is wrong there, or may be */
	bool hit[LINES_MAX];
	struct span first[LINES_MAX];
	size_t n;
};

/* Plain PCRE2. */

static pcre2_code *
plain(const char *text, size_t len, unsigned flags, bool caseless)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
			   PCRE2_NEVER_UCP | (caseless ? PCRE2_CASELESS : 0);
	pcre2_code *code;
	size_t offset;
	int err;

	must(context != NULL);
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
	if (flags & PATTERN_WORD)
		pcre2_set_compile_extra_options(context, PCRE2_EXTRA_MATCH_WORD);
	if (flags & PATTERN_FIXED) /* no such option stands beside it */
		options |= PCRE2_LITERAL;
	if (flags & PATTERN_FIXED)
		options &= ~(uint32_t)(PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UCP);
	code = pcre2_compile((PCRE2_SPTR)text, len, options, &err, &offset, context);
	pcre2_compile_context_free(context);
	return code;
}

/*
 * Without machine code PCRE2 10.42 takes the place before a byte that is no UTF-8 for the end of the
 * subject where \z or \Z asks for that, and the place behind one for its beginning.
 */
static bool
asks_for_ends(const char *text, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++)
		if (text[i] == '\\' && strchr("zZAG", text[i + 1]) != NULL)
			return true;
	return false;
}

/* False when its limits were in the way. */
static bool
find_plain(const pcre2_code *code, const struct lines *l, struct found *f)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	bool whole = true;

	must(data != NULL && context != NULL);
	*f = (struct found){0};
	pcre2_set_match_limit(context, STEPS);
	pcre2_set_depth_limit(context, 2000);
	for (size_t i = 0; i < l->n && whole; i++) {
		const PCRE2_SIZE *at = pcre2_get_ovector_pointer(data);
		int r = pcre2_match(code, (PCRE2_SPTR)l->line[i].text, l->line[i].len, 0,
		    PCRE2_NO_JIT, data, context);

		whole = r >= 0 || r == PCRE2_ERROR_NOMATCH;
		f->hit[i] = r >= 0;
		if (r >= 0)
			f->first[i] = (struct span){
			    (uint32_t)(at[0] > at[1] ? at[1] : at[0]), (uint32_t)at[1]};
		f->n += r >= 0;
	}
	pcre2_match_context_free(context);
	pcre2_match_data_free(data);
	return whole;
}

/* Ours. */

static bool
on_hit(void *arg, const struct scan_hit *hit)
{
	struct found *f = arg;

	must(hit->number >= 1 && hit->number <= LINES_MAX && !f->hit[hit->number - 1]);
	must(hit->nspans >= 1);
	for (uint32_t i = 0; i < hit->nspans; i++) {
		must(hit->spans[i].from <= hit->spans[i].to && hit->spans[i].to <= hit->len);
		must(i == 0 || hit->spans[i].from >= hit->spans[i - 1].to);
	}
	f->hit[hit->number - 1] = true;
	f->first[hit->number - 1] = hit->spans[0];
	f->n++;
	return true;
}

static void
same(const struct found *want, const struct found *got, const struct lines *l, unsigned way)
{
	for (size_t i = 0; i < l->n; i++) {
		bool equal = want->unsure[i] || (want->hit[i] == got->hit[i] &&
						    memcmp(&want->first[i], &got->first[i],
							sizeof(struct span)) == 0);

		if (!equal)
			fprintf(stderr, "way %u, line %zu: %d [%u,%u), not %d [%u,%u)\n", way,
			    i + 1, got->hit[i], got->first[i].from, got->first[i].to,
			    want->hit[i], want->first[i].from, want->first[i].to);
		must(equal);
	}
}

static void
try_ways(const struct pattern *p, const struct lines *l, const struct found *want)
{
	struct scan_options o = SCAN_OPTIONS_INIT;
	struct scanner *s = scanner_new(p);
	struct history *h = history_new(&(struct history_limits){1000, 1 << 20}, NULL);
	struct history_view v;

	for (size_t i = 0; i < l->n; i++)
		history_push(h, l->line[i].text, l->line[i].len, NULL, 0, 1, i, 0);
	history_view(h, 0, UINT64_MAX, &v);
	for (unsigned way = SCAN_AUTO; way <= 2 * SCAN_LINES + 1; way++) {
		struct found got = {0};
		struct scan_stats st;

		o.way = way % (SCAN_LINES + 1);
		o.newest_first = way % 3 == 1;
		if (way <= SCAN_LINES)
			scan_view(s, &v, 0, v.n, &o, on_hit, &got, &st);
		else
			scan_lines(s, l->line, l->n, &o, on_hit, &got, &st);
		must(st.matched == got.n && (st.partial || st.lines == l->n));
		if (!st.partial && want != NULL)
			same(want, &got, l, way);
	}
	history_view_release(&v);
	history_free(h);
	scanner_free(s);
}

/* What the archive leaves out beforehand. */
static void
try_filter(const struct pattern *p, const struct lines *l, const struct found *want)
{
	static unsigned char bits[ARCHIVE_FILTER_MAX];
	const char *literal;
	bool caseless;
	size_t len;

	if (!pattern_literal(p, &literal, &len, &caseless))
		return;
	for (size_t i = 0; i < l->n && i < 8; i++)
		if (want->hit[i] && !want->unsure[i])
			must(archive_filter_may_contain(bits,
			    archive_filter_make(bits, l->line[i].text, l->line[i].len), literal,
			    len, caseless));
}

static void
try_pattern(const char *text, size_t len, unsigned flags, const struct lines *l)
{
	struct pattern_error error = {9, SIZE_MAX};
	struct pattern *p = NULL;
	char *cause = NULL;
	int rc = pattern_new(&p, text, len, flags, &error, &cause);
	pcre2_code *code;
	struct found want;

	if (rc != 0) {
		must(rc == -EINVAL || rc == -E2BIG);
		must(p == NULL && cause != NULL && error.which == 0 && error.offset <= len);
		must(utf8_valid(cause, strlen(cause)));
		free(cause);
		return;
	}
	must(cause == NULL);
	code = plain(text, len, flags, flags & PATTERN_ICASE);
	must(code != NULL);
	if (find_plain(code, l, &want)) {
		for (size_t i = 0; i < l->n; i++)
			want.unsure[i] = asks_for_ends(text, len) &&
					 !utf8_valid(l->line[i].text, l->line[i].len);
		try_ways(p, l, &want);
		try_filter(p, l, &want);
	} else {
		try_ways(p, l, NULL);
	}
	pcre2_code_free(code);
	pattern_free(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lines l;
	const char *nl, *at, *end;
	char *text, *pattern;

	if (size < 2 || size > 8192 || (nl = memchr(data + 1, '\n', size - 1)) == NULL)
		return 0;
	pattern = block_of(data + 1, (size_t)(nl - (const char *)data) - 1);
	text = block_of(nl, size - (size_t)(nl - (const char *)data));
	end = text + size - (size_t)(nl - (const char *)data);
	l.n = 0;
	for (at = text + 1; at < end && l.n < LINES_MAX; at = nl + 1, l.n++) {
		nl = memchr(at, '\n', (size_t)(end - at));
		if (nl == NULL)
			nl = end;
		l.line[l.n] = (struct scan_line){
		    .text = at, .len = (uint32_t)(nl - at), .number = l.n + 1, .time_ms = 1};
	}
	try_pattern(pattern,
	    (size_t)((const char *)memchr(data + 1, '\n', size - 1) - (const char *)data) - 1,
	    data[0] & (PATTERN_ICASE | PATTERN_FIXED | PATTERN_WORD | PATTERN_GROUPS), &l);
	free(pattern);
	free(text);
	return 0;
}
