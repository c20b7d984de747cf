#include "config.h"

#include "search/matcher.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "search/pattern_priv.h"

enum {
	STACK = 1024 * 1024,  /* of machine code; without one it has 32 KiB of the thread's */
	HEAP_MAX = 16 * 1024, /* KiB, for the interpreter */
	DEPTH_MAX = 100 * 1000,
	STEPS_FIRST = 10 * 1000,
	STEPS_MORE = 8, /* times as many in the next attempt */
	STEPS_MOST = 1000 * 1000,
	STEPS_LEAST_MOST = 16 * 1000, /* what the most is reduced to at last */
	LINE_LONG = 4096,             /* bytes; from there on a line is tried piece by piece */
	LINE_WHOLE = 16 * 1024,       /* what must be tried in one call may not be longer */
	PIECE_FIRST = 256,            /* places to begin at in a piece */
	PIECE_US = 1000,              /* a piece should not take longer */
};

struct matcher {
	const struct pattern *pattern;
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	PCRE2_SIZE *found; /* beginning and end of the last match */
	uint64_t deadline_us;
	const atomic_int *cancel;
	uint32_t most; /* steps */
	bool partial, over;
	bool valid;                        /* the present line is */
	uint32_t steps;                    /* that the context allows */
	const char *trusted, *trusted_end; /* text that is valid */
};

enum code { MANY, LINE, INVALID };

struct matcher *
matcher_new(const struct pattern *p)
{
	struct matcher *m = xcalloc(1, sizeof *m);

	m->pattern = p;
	/* Nobody asks what groups matched. */
	m->data = pcre2_match_data_create(1, NULL);
	m->context = pcre2_match_context_create(NULL);
	if (m->data == NULL || m->context == NULL)
		abort();
	pcre2_set_heap_limit(m->context, HEAP_MAX);
	pcre2_set_depth_limit(m->context, DEPTH_MAX);
	m->found = pcre2_get_ovector_pointer(m->data);
	matcher_start(m, 0, NULL);
	return m;
}

void
matcher_free(struct matcher *m)
{
	if (m == NULL)
		return;
	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->context);
	pcre2_jit_stack_free(m->stack);
	free(m);
}

void
matcher_start(struct matcher *m, uint64_t deadline_us, const atomic_int *cancel)
{
	m->deadline_us = deadline_us;
	m->cancel = cancel;
	m->most = STEPS_MOST;
	m->partial = m->over = false;
	m->trusted = m->trusted_end = NULL;
}

bool
matcher_over(struct matcher *m)
{
	if (!m->over && ((m->cancel != NULL &&
			     atomic_load_explicit(m->cancel, memory_order_relaxed) != 0) ||
			    (m->deadline_us != 0 && clock_mono_us() >= m->deadline_us)))
		m->over = m->partial = true;
	return m->over;
}

bool
matcher_partial(const struct matcher *m)
{
	return m->partial;
}

/* False when there is one already. */
static bool
make_stack(struct matcher *m)
{
	if (m->stack != NULL)
		return false;
	/* One that grows is written beyond by a pattern with very many groups, before PCRE2 10.49
	 * (CVE-2026-103111). What is not used of it is never touched, and so takes no memory. */
	m->stack = pcre2_jit_stack_create(STACK, STACK, NULL);
	if (m->stack == NULL)
		return false;
	pcre2_jit_stack_assign(m->context, NULL, m->stack);
	return true;
}

/* One call of PCRE2. Machine code does not look whether the text is valid. */
static int
call(struct matcher *m, enum code which, const char *text, size_t len, size_t from,
    uint32_t options, uint32_t steps)
{
	const struct pattern *p = m->pattern;
	const pcre2_code *code = which == MANY ? p->many : which == LINE ? p->line : p->invalid;
	bool jit = which == MANY || (which == LINE && p->line_jit);
	int r = PCRE2_ERROR_JIT_STACKLIMIT;

	if (steps != m->steps)
		pcre2_set_match_limit(m->context, m->steps = steps);
	if (jit)
		do
			r = pcre2_jit_match(
			    code, (PCRE2_SPTR)text, len, from, options, m->data, m->context);
		while (r == PCRE2_ERROR_JIT_STACKLIMIT && make_stack(m));
	/* Without machine code, or where its stack is not enough; that of the interpreter is on
	 * the heap. When it checks text, what it has not checked is not there for (?<=\b.). */
	if (r == PCRE2_ERROR_JIT_STACKLIMIT)
		r = pcre2_match(code, (PCRE2_SPTR)text, len, from,
		    options | PCRE2_NO_JIT | (which == LINE ? PCRE2_NO_UTF_CHECK : 0), m->data,
		    m->context);
	return r;
}

enum match
matcher_many(
    struct matcher *m, const char *text, size_t len, size_t from, size_t steps, size_t *at)
{
	int r = call(m, MANY, text, len, from, 0, (uint32_t)steps);

	if (r < 0)
		return r == PCRE2_ERROR_NOMATCH ? MATCH_NONE : MATCH_LIMIT;
	/* Behind the last newline there is no line. */
	if (m->found[0] >= len)
		return MATCH_NONE;
	*at = m->found[0];
	return MATCH_FOUND;
}

static enum match
give_up(struct matcher *m)
{
	m->partial = true;
	if (m->most > STEPS_LEAST_MOST)
		m->most /= 2;
	return MATCH_LIMIT;
}

/* Whether there is time for a call that may take STEPS_MORE times what the last took. */
static bool
time_for_more(const struct matcher *m, uint64_t began_us)
{
	uint64_t now = clock_mono_us();

	return m->deadline_us == 0 || (now < m->deadline_us && (now - began_us) * STEPS_MORE <
								   (m->deadline_us - now) / 2);
}

static enum match
attempts(struct matcher *m, const char *text, size_t len, size_t from, uint32_t options)
{
	uint32_t steps = STEPS_FIRST;

	/* A step of a long line may be as long as the line. */
	if (len > LINE_LONG)
		steps = (uint32_t)((uint64_t)STEPS_FIRST * LINE_LONG / len) + 1;
	for (;;) {
		uint64_t began = steps > STEPS_FIRST ? clock_mono_us() : 0;
		int r = call(m, m->valid ? LINE : INVALID, text, len, from, options, steps);

		if (r >= 0)
			return MATCH_FOUND;
		if (r == PCRE2_ERROR_NOMATCH)
			return MATCH_NONE;
		if (r != PCRE2_ERROR_MATCHLIMIT || steps >= m->most || matcher_over(m) ||
		    (began != 0 && !time_for_more(m, began)))
			return give_up(m);
		steps = steps > m->most / STEPS_MORE ? m->most : steps * STEPS_MORE;
	}
}

/* A long line: not all of its places in one call, so that the clock is read between. */
static enum match
piecemeal(struct matcher *m, const char *text, size_t len, size_t from, uint32_t options)
{
	size_t piece = PIECE_FIRST;
	enum match r = MATCH_NONE;

	while (r == MATCH_NONE && from <= len) {
		uint64_t began = clock_mono_us(), took;

		if (matcher_over(m))
			return MATCH_LIMIT;
		pcre2_set_offset_limit(m->context, from + piece - 1);
		r = attempts(m, text, len, from, options);
		options &= ~(uint32_t)PCRE2_NOTEMPTY_ATSTART;
		from += piece;
		/* Not into the middle of a character. */
		while (from < len && ((unsigned char)text[from] & 0xC0) == 0x80)
			from++;
		took = clock_mono_us() - began;
		if (took * 2 < PIECE_US)
			piece *= 2;
		else if (took > PIECE_US && piece > 1)
			piece /= 2;
	}
	pcre2_set_offset_limit(m->context, PCRE2_UNSET);
	return r;
}

static enum match
search_line(struct matcher *m, const char *text, size_t len, size_t from, uint32_t options)
{
	if (len - from <= LINE_LONG)
		return attempts(m, text, len, from, options);
	if (m->pattern->pieces)
		return piecemeal(m, text, len, from, options);
	/* What takes time for each byte behind each place is not counted as steps. */
	return len <= LINE_WHOLE ? attempts(m, text, len, from, options) : give_up(m);
}

/* Most text is ASCII. */
static size_t
skip_ascii(const char *text, size_t len, size_t i)
{
	uint64_t word[4];

	for (; len - i >= sizeof word; i += sizeof word) {
		memcpy(word, text + i, sizeof word);
		if ((word[0] | word[1] | word[2] | word[3]) & 0x8080808080808080U)
			break;
	}
	for (; len - i >= sizeof *word; i += sizeof *word) {
		memcpy(word, text + i, sizeof *word);
		if (word[0] & 0x8080808080808080U)
			break;
	}
	while (i < len && (unsigned char)text[i] < 0x80)
		i++;
	return i;
}

static bool
is_valid(const char *text, size_t len)
{
	size_t i = 0, from;

	while ((i = skip_ascii(text, len, i)) < len) {
		for (from = i; i < len && (unsigned char)text[i] >= 0x80; i++)
			;
		if (!utf8_valid(text + from, i - from))
			return false;
	}
	return true;
}

void
matcher_trust(struct matcher *m, const char *text, size_t len)
{
	if (is_valid(text, len)) {
		m->trusted = text;
		m->trusted_end = text + len;
	}
}

static bool
is_trusted(const struct matcher *m, const char *text, size_t len)
{
	return m->trusted != NULL && text >= m->trusted && text + len <= m->trusted_end;
}

enum match
matcher_line(struct matcher *m, const char *text, size_t len)
{
	m->valid = is_trusted(m, text, len) || is_valid(text, len);
	return search_line(m, text, len, 0, 0);
}

size_t
matcher_spans(struct matcher *m, const char *text, size_t len, struct span *spans, size_t max)
{
	uint32_t options = 0;
	size_t n = 0, from = 0;

	m->valid = is_trusted(m, text, len) || is_valid(text, len);
	while (
	    n < max && from <= len && search_line(m, text, len, from, options) == MATCH_FOUND) {
		size_t a = m->found[0], b = m->found[1];

		/* \K can put the beginning behind the end. */
		if (a > b)
			a = b;
		if (b < from || b > len || (b == from && options != 0))
			break;
		if (n == 0 || a >= spans[n - 1].to)
			spans[n++] = (struct span){.from = (uint32_t)a, .to = (uint32_t)b};
		/* Behind an empty match, one that is not empty may begin at the same place. */
		options = b == a ? PCRE2_NOTEMPTY_ATSTART : 0;
		from = b;
	}
	return n;
}
