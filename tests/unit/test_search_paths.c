/*
 * Random patterns over random lines: what a scan finds in any of its ways is what PCRE2 finds
 * when its interpreter is given each line alone. SEARCH_SECONDS says for how long (4), SEARCH_SEED
 * where to begin (1): another one for every longer run.
 */
#include "config.h"

#include "unit.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "history/history.h"
#include "search/pattern.h"
#include "search/scan.h"

enum { LINES_MAX = 6000, SPANS_MAX = 64 };

static uint64_t rng;

static unsigned
rnd(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)((rng * 0x2545F4914F6CDD1DULL) >> 33) % n;
}

#define PICK(list) (list[rnd(sizeof list / sizeof *list)])

/* Patterns */

static const char *const chars[] = {"a", "a", "b", "b", "c", "A", "B", " ", "_", "1", "k", "s",
    "ab", "abc", "aab", "\xC3\xA9", "\xE7\xBC\x96", "-", "]", "}", "{", "{a", ",", "#"};
static const char *const atoms[] = {".", ".", ".", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S",
    "\\h", "\\H", "\\v", "\\V", "\\N", "\\R", "\\X", "\\p{L}", "\\P{Lu}", "\\pL", "\\p{^Lu}",
    "\\p{Any}", "\\P{L}", "\\t", "\\r", "\\n", "\\x41", "\\x{e9}", "\\x0a", "\\x{a}", "\\e",
    "\\.", "\\-", "\\Qa.b\\E", "\\Qab", "\\E", "\\cJ", "\\cA", "\\012", "\\o{12}", "\\12",
    "\\1", "\\2", "\\g{1}", "\\g1", "\\g{-1}", "\\k<n>", "(?P=n)", "\\N{U+61}", "\n", "\t",
    "\\\\", "\\x", "\\x{110000}"};
static const char *const asserts[] = {"^", "$", "^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z",
    "\\G", "\\K", "(?#c)", "(?i)", "(?s)", "(?-m)", "(?m)", "(?x)", "(?U)", "(?s-i)", "(?n)",
    "(?J)", "(?^)", "(?i-m)", "(?-i)", "(?)", "[[:<:]]", "[[:>:]]"};
static const char *const opens[] = {"(", "(", "(", "(?:", "(?:", "(?:", "(?|", "(?>", "(?>",
    "(?=", "(?=", "(?!", "(?!", "(?<=", "(?<!", "(?<n>", "(?'n'", "(?P<n>",
    "(?i:", "(?s:", "(?-m:", "(?m:", "(?m-s:", "(?x:", "(?^:", "(*pla:", "(*nla:", "(*plb:",
    "(*atomic:", "(*sr:", "(?*", "(?<*", "(?(1)", "(?(<n>)", "(?(?=a)", "(?(?!b)", "(?(R)",
    "(?(DEFINE)"};
static const char *const odd[] = {"(*COMMIT)", "(*PRUNE)", "(*SKIP)", "(*THEN)", "(*ACCEPT)",
    "(*FAIL)", "(*F)", "(*MARK:x)", "(*SKIP:x)", "(*:x)", "(?R)", "(?1)", "(?-1)", "(?+1)",
    "(?&n)", "(?P>n)", "\\g<1>", "(?C)", "(?C1)", "(?C'x')", "(*UTF)", "(*CRLF)", "\\C", ")",
    "("};
static const char *const quantifiers[] = {"*", "+", "?", "*", "+", "{2}", "{1,3}", "{0,2}",
    "{2,}", "{0}", "{,2}", "{0,}", "{ 1,2}", "{1"};
static const char *const in_class[] = {"a", "b", "c", "A", "k", "-", "^", " ", "_", ".", "a-c",
    "0-9", "A-Z", "\\x00-\\x20", "\t-~", "\\t-\\r", "\\n", "\\r\\n", "\\s", "\\S", "\\d", "\\D",
    "\\w", "\\W", "\\h", "\\H", "\\v", "\\V", "\\b", "\\]", "\\\\", "\\-", "[:alpha:]",
    "[:^alpha:]", "[:space:]", "[:cntrl:]", "[:print:]", "[:punct:]", "[:ascii:]", "\\p{L}",
    "\\P{L}", "\\x0a", "\\x{e9}", "\xC3\xA9", "\xC3\xA0-\xC3\xBF", "[", "[.", "\\Qa]\\E",
    "\\12", "\\cJ", "!-/", " -~", "\n", "\\e", "\\N{U+61}", "\\x{0}-\\x{ff}"};

static void
gen_class(struct buf *b)
{
	buf_puts(b, rnd(2) ? "[" : "[^");
	if (rnd(8) == 0)
		buf_puts(b, rnd(2) ? "]" : "-");
	for (unsigned n = 1 + rnd(3); n > 0; n--)
		buf_puts(b, PICK(in_class));
	if (rnd(10) == 0)
		buf_puts(b, "-");
	buf_puts(b, "]");
}

static void gen_branches(struct buf *b, unsigned depth);

static void
gen_atom(struct buf *b, unsigned depth, bool strange)
{
	switch (rnd(16)) {
	default:
		buf_puts(b, PICK(chars));
		break;
	case 0:
	case 1:
	case 2:
		buf_puts(b, PICK(atoms));
		break;
	case 3:
	case 4:
		gen_class(b);
		break;
	case 5:
	case 6:
		buf_puts(b, PICK(asserts));
		break;
	case 7:
	case 8:
	case 9:
		if (depth == 0)
			break;
		buf_puts(b, opens[rnd(strange ? sizeof opens / sizeof *opens : 18)]);
		gen_branches(b, depth - 1);
		buf_puts(b, ")");
		break;
	case 10:
		if (strange)
			buf_puts(b, PICK(odd));
		break;
	}
}

static void
gen_branches(struct buf *b, unsigned depth)
{
	bool strange = rnd(4) == 0;

	for (unsigned n = 1 + (rnd(4) == 0 ? 1 + rnd(2) : 0); n > 0; n--) {
		for (unsigned k = rnd(12) == 0 ? 0 : 1 + rnd(4); k > 0; k--) {
			gen_atom(b, depth, strange);
			if (rnd(3) == 0) {
				buf_puts(b, PICK(quantifiers));
				if (rnd(3) == 0)
					buf_putc(b, rnd(2) ? '?' : '+');
			}
		}
		if (n > 1)
			buf_putc(b, '|');
	}
}

/* Lines */

struct text {
	struct buf bytes;
	size_t begin[LINES_MAX], len[LINES_MAX];
	size_t n;
	bool hostile; /* not valid UTF-8 */
};

static const char *const pieces[] = {"a", "a", "a", "b", "b", "c", "A", "B", "ab", "abc", "aab",
    " ", " ", "\t", "\r", "_", "1", "12", "-", ".", "]", "k", "s", "K", "S", "{", "a}",
    "\xC3\xA9", "\xC3\x89", "\xE7\xBC\x96", "\xC5\xBF", "\xE2\x84\xAA", "\xC2\x85",
    "\xE2\x80\xA8", "\v", "\f", "\xF0\x9F\x98\x80", "e\xCC\x81", "\x1B", "#", ",", "a.b"};
static const char *const broken[] = {"\xC3", "\xA9", "\xE7\xBC", "\xFF", "\xF0\x9F\x98",
    "\xED\xA0\x80", "\xC0\x80", "\xF4\x90\x80\x80"};

static void
gen_text(struct text *t)
{
	bool wide = rnd(400) == 0, few = rnd(2) == 0;
	unsigned lines = wide ? 3000 + rnd(2900) : few ? 1 + rnd(8) : 1 + rnd(120);

	t->hostile = rnd(8) == 0;
	buf_reset(&t->bytes);
	for (t->n = 0; t->n < lines; t->n++) {
		unsigned k = rnd(6) == 0 ? 0 : rnd(10) == 0 ? 60 : 1 + rnd(8);

		t->begin[t->n] = t->bytes.len;
		if (wide)
			k *= 10;
		for (; k > 0; k--)
			buf_puts(
			    &t->bytes, t->hostile && rnd(6) == 0 ? PICK(broken) : PICK(pieces));
		t->len[t->n] = t->bytes.len - t->begin[t->n];
	}
}

/* What it should be: PCRE2's usual loop over each line by itself. */

struct expected {
	bool lines[LINES_MAX];
	struct span spans[LINES_MAX][SPANS_MAX];
	unsigned nspans[LINES_MAX];
	bool all_spans; /* they can be compared */
	bool jit;       /* as machine code finds them */
	uint64_t matched;
};

static size_t
one_on(const char *text, size_t len, size_t at)
{
	at++;
	while (at < len && ((unsigned char)text[at] & 0xC0) == 0x80)
		at++;
	return at;
}

static int
expect_line(pcre2_code *code, pcre2_match_data *data, pcre2_match_context *mc, const char *text,
    size_t len, struct expected *e, size_t line)
{
	PCRE2_SIZE *found = pcre2_get_ovector_pointer(data);
	uint32_t options = 0;
	size_t from = 0;
	int r;

	while (from <= len && e->nspans[line] < SPANS_MAX) {
		/* With the check, text before `from` is not always seen. */
		r = pcre2_match(
		    code, (PCRE2_SPTR)text, len, from, options | PCRE2_NO_UTF_CHECK, data, mc);
		if (r == PCRE2_ERROR_NOMATCH) {
			if (options == 0 || e->jit)
				break;
			options = 0;
			from = one_on(text, len, from);
			continue;
		}
		if (r < 0)
			return r;
		e->lines[line] = true;
		if (found[0] > found[1] || found[1] < from || found[0] < from)
			e->all_spans = false;
		e->spans[line][e->nspans[line]++] =
		    (struct span){(uint32_t)found[0], (uint32_t)found[1]};
		if (!e->all_spans)
			break;
		options = found[0] != found[1] ? 0
			  : e->jit             ? PCRE2_NOTEMPTY_ATSTART
					       : PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED;
		from = found[1];
	}
	e->matched += e->lines[line];
	return 0;
}

static int
expect(const char *pattern, size_t len, unsigned flags, bool jit, const struct text *t,
    struct expected *e)
{
	pcre2_compile_context *cc = pcre2_compile_context_create(NULL);
	pcre2_match_context *mc = pcre2_match_context_create(NULL);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	/* \v*\S is made \v*+\S, as if U+2028 could not be both. */
	uint32_t options =
	    PCRE2_UTF | (jit || (flags & PATTERN_FIXED) ? 0 : PCRE2_NO_AUTO_POSSESS);
	PCRE2_SIZE offset;
	pcre2_code *code;
	int err = -1;

	e->jit = jit;
	memset(e->lines, 0, sizeof e->lines);
	memset(e->nspans, 0, sizeof e->nspans);
	e->matched = 0;
	/* What \G, \K and verbs do to the next match depends on how it is looked for. */
	e->all_spans = (flags & PATTERN_FIXED) ||
		       (strstr(pattern, "\\G") == NULL && strstr(pattern, "\\K") == NULL &&
			   strstr(pattern, "(*") == NULL);
	pcre2_set_newline(cc, PCRE2_NEWLINE_LF);
	pcre2_set_bsr(cc, PCRE2_BSR_UNICODE);
	pcre2_set_match_limit(mc, 20000);
	if (flags & PATTERN_WORD)
		pcre2_set_compile_extra_options(cc, PCRE2_EXTRA_MATCH_WORD);
	if (flags & PATTERN_ICASE)
		options |= PCRE2_CASELESS;
	if (flags & PATTERN_FIXED)
		options |= PCRE2_LITERAL;
	code = pcre2_compile((PCRE2_SPTR)pattern, len, options, &err, &offset, cc);
	err = code == NULL ? -1 : 0;
	if (jit && code != NULL)
		pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	for (size_t i = 0; code != NULL && i < t->n && err == 0; i++)
		err = expect_line(code, data, mc,
		    t->bytes.data == NULL ? "" : t->bytes.data + t->begin[i], t->len[i], e, i);
	pcre2_code_free(code);
	pcre2_match_data_free(data);
	pcre2_match_context_free(mc);
	pcre2_compile_context_free(cc);
	return err;
}

/* What it is */

struct check {
	const struct text *t;
	const struct expected *e;
	const struct scan_options *o;
	uint64_t first, last; /* lines of the view; the text's first line is 1 */
	uint64_t next;        /* expected number; 0: none */
	uint64_t told;
	const char *wrong;
};

static bool
in_time(const struct check *c, uint64_t number)
{
	int64_t time = 1000 + (int64_t)number / 3;

	return time >= c->o->since_ms && time <= c->o->until_ms;
}

/* The next line that should be told, from `number` on. */
static uint64_t
next_line(const struct check *c, uint64_t number)
{
	for (; number >= c->first && number <= c->last;
	     number += c->o->newest_first ? -1ULL : 1)
		if (c->e->lines[number - 1] && in_time(c, number))
			return number;
	return 0;
}

static const char *
describe_spans(const struct check *c, const struct scan_hit *hit)
{
	size_t i = hit->number - 1;

	print_message(
	    "line %llu: '%.*s'\n", (unsigned long long)hit->number, (int)hit->len, hit->text);
	for (unsigned k = 0; k < hit->nspans || k < c->e->nspans[i]; k++)
		print_message("got %d..%d, not %d..%d\n",
		    k < hit->nspans ? (int)hit->spans[k].from : -1,
		    k < hit->nspans ? (int)hit->spans[k].to : -1,
		    k < c->e->nspans[i] ? (int)c->e->spans[i][k].from : -1,
		    k < c->e->nspans[i] ? (int)c->e->spans[i][k].to : -1);
	return "spans";
}

static bool
told(void *arg, const struct scan_hit *hit)
{
	struct check *c = arg;
	size_t i = hit->number - 1;

	c->told++;
	if (c->next == 0 || hit->number != c->next)
		c->wrong = "line";
	else if (hit->len != c->t->len[i] ||
		 (hit->len > 0 &&
		     memcmp(hit->text, c->t->bytes.data + c->t->begin[i], hit->len) != 0))
		c->wrong = "text";
	else if (hit->time_ms != 1000 + (int64_t)hit->number / 3 ||
		 hit->offset != hit->number * 7)
		c->wrong = "time or offset";
	else if (hit->nspans == 0)
		c->wrong = "no span";
	else if (c->e->all_spans &&
		 (hit->nspans < c->e->nspans[i] ||
		     (c->e->nspans[i] < SPANS_MAX && hit->nspans != c->e->nspans[i]) ||
		     memcmp(hit->spans, c->e->spans[i], c->e->nspans[i] * sizeof *hit->spans) !=
			 0))
		c->wrong = describe_spans(c, hit);
	else
		c->next = next_line(c, hit->number + (c->o->newest_first ? -1ULL : 1));
	return c->wrong == NULL;
}

static uint64_t
count_expected(const struct check *c)
{
	uint64_t n = 0;

	for (uint64_t i = c->first; i <= c->last; i++)
		n += c->e->lines[i - 1] && in_time(c, i);
	return n;
}

static const char *
check_scan(struct scanner *s, const struct history_view *v, struct check *c)
{
	uint64_t all = count_expected(c), limit = c->o->limit;
	uint64_t want = limit != 0 && limit < all ? limit : all;
	struct scan_stats st;

	c->told = 0;
	c->wrong = NULL;
	c->next = next_line(c, c->o->newest_first ? c->last : c->first);
	scan_view(s, v, 0, v->n, c->o, told, c, &st);
	if (st.partial)
		return NULL;
	if (c->wrong != NULL)
		return c->wrong;
	if (c->told != want || st.matched != want)
		return "number of hits";
	if (st.truncated != (limit != 0 && all > limit))
		return "truncated";
	if (limit == 0 && c->o->since_ms == INT64_MIN && c->o->until_ms == INT64_MAX &&
	    st.lines != c->last + 1 - c->first)
		return "lines scanned";
	scan_view(s, v, 0, v->n, c->o, NULL, NULL, &st);
	if (!st.partial && st.matched != want)
		return "count";
	return NULL;
}

static void
vary(struct scan_options *o, size_t lines)
{
	*o = SCAN_OPTIONS_INIT;
	o->newest_first = rnd(2);
	if (rnd(3) == 0)
		o->limit = 1 + rnd(10);
	if (rnd(4) == 0)
		o->since_ms = 1000 + rnd((unsigned)lines / 3 + 1);
	if (rnd(4) == 0)
		o->until_ms = 1000 + rnd((unsigned)lines / 3 + 1);
}

static const char *
check_pattern(
    const struct pattern *p, struct history *h, const struct text *t, const struct expected *e)
{
	struct scanner *s = scanner_new(p);
	const char *wrong = NULL;
	struct scan_options o;

	for (int i = 0; i < 6 && wrong == NULL; i++) {
		struct check c = {.t = t, .e = e, .o = &o};
		struct history_view v;

		vary(&o, t->n);
		o.way = i < 4 ? (enum scan_way)i : SCAN_MANY;
		history_view(h, rnd(3) ? 0 : 1 + rnd((unsigned)t->n),
		    rnd(3) ? UINT64_MAX : 1 + rnd((unsigned)t->n), &v);
		c.first = v.first;
		c.last = v.last;
		if (v.n > 0)
			wrong = check_scan(s, &v, &c);
		history_view_release(&v);
		if (wrong != NULL)
			print_message("way %d, %s, limit %d: %s\n", (int)o.way,
			    o.newest_first ? "newest" : "oldest", (int)o.limit, wrong);
	}
	scanner_free(s);
	return wrong;
}

static struct history *
history_of(const struct text *t)
{
	struct history *h = history_new(&(struct history_limits){LINES_MAX, 64 << 20}, NULL);

	for (size_t i = 0; i < t->n; i++)
		history_push(h, t->bytes.data == NULL ? "" : t->bytes.data + t->begin[i],
		    t->len[i], NULL, 0, 1000 + (int64_t)(i + 1) / 3, (i + 1) * 7, 0);
	return h;
}

static bool
ignore(void *arg, const struct scan_hit *hit)
{
	*(uint64_t *)arg += hit->len;
	return true;
}

/* What is found in lines that are not UTF-8 is open, but it must end well. */
static void
endure(const struct pattern *p, struct history *h)
{
	struct scanner *s = scanner_new(p);
	struct scan_options o = SCAN_OPTIONS_INIT;
	struct history_view v;
	struct scan_stats st;
	uint64_t bytes = 0;

	history_view(h, 0, UINT64_MAX, &v);
	for (o.way = SCAN_AUTO; o.way <= SCAN_LINES; o.way++)
		scan_view(s, &v, 0, v.n, &o, ignore, &bytes, &st);
	history_view_release(&v);
	scanner_free(s);
}

static double
seconds_to_run(void)
{
	const char *s = getenv("SEARCH_SECONDS");

	return s == NULL ? 4 : strtod(s, NULL);
}

static unsigned
gen_flags(void)
{
	static const unsigned flags[] = {0, 0, 0, 0, PATTERN_ICASE, PATTERN_ICASE, PATTERN_WORD,
	    PATTERN_FIXED, PATTERN_FIXED | PATTERN_ICASE, PATTERN_WORD | PATTERN_ICASE};

	return PICK(flags);
}

struct tally {
	unsigned long patterns, many, hits, refused, limited, odd;
};

static bool
one_pattern(struct history *h, const struct text *t, struct expected *e, struct tally *n)
{
	unsigned flags = gen_flags();
	const char *wrong = NULL;
	struct pattern *p;
	struct buf b;

	buf_init(&b, 4096);
	gen_branches(&b, 3);
	if (b.len == 0 || pattern_new(&p, b.data, b.len, flags, NULL, NULL) < 0) {
		n->refused++;
		buf_release(&b);
		return true;
	}
	if (t->hostile) {
		endure(p, h);
	} else if (expect(b.data, b.len, flags, false, t, e) == 0) {
		wrong = check_pattern(p, h, t, e);
		if (wrong != NULL && expect(b.data, b.len, flags, true, t, e) == 0 &&
		    check_pattern(p, h, t, e) == NULL) {
			print_message("PCRE2 does not agree with itself: %s\n", b.data);
			n->odd++;
			wrong = NULL;
		}
		n->patterns++;
		n->many += pattern_many_lines(p);
		n->hits += e->matched;
	} else {
		n->limited++;
	}
	if (wrong != NULL)
		print_message("pattern (flags %u, %s): %s\n", flags,
		    pattern_many_lines(p) ? "many lines" : "line by line", b.data);
	pattern_free(p);
	buf_release(&b);
	return wrong == NULL;
}

static void
every_way_finds_the_same(void **state)
{
	uint64_t end = clock_mono_us() + (uint64_t)(seconds_to_run() * 1e6), seed;
	struct text *t = calloc(1, sizeof *t);
	struct expected *e = calloc(1, sizeof *e);
	struct tally n = {0};
	const char *s = getenv("SEARCH_SEED");
	bool ok = true;

	(void)state;
	seed = s != NULL ? strtoull(s, NULL, 0) : 1;
	buf_init(&t->bytes, 16 << 20);
	for (; ok && clock_mono_us() < end; seed++) {
		struct history *h;

		rng = seed * 0x9E3779B97F4A7C15ULL + 1;
		gen_text(t);
		h = history_of(t);
		for (int i = 0; ok && i < 30; i++)
			ok = one_pattern(h, t, e, &n);
		history_free(h);
	}
	print_message(
	    "SEARCH_SEED=%llu: %lu patterns, %lu of them many lines at a time, %lu lines "
	    "matched; %lu did not compile, %lu met a limit\n",
	    (unsigned long long)seed - 1, n.patterns, n.many, n.hits, n.refused, n.limited);
	buf_release(&t->bytes);
	free(t);
	free(e);
	assert_true(ok);
	/* That its interpreter and its machine code differ is rare. */
	assert_true(n.odd <= 2 + n.patterns / 1000);
	/* That something was compared at all. */
	assert_true(n.patterns > 200 && n.many * 4 > n.patterns && n.hits > n.patterns);
}

/* Time */

static const char *const runaways[] = {"(a+)+$",
    "(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)"
    "(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)"
    "(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)#",
    "(?:a|aa)+$", "(.*)*x", "([^b]*[^c]*[^d]*[^e]*)*#", "(?:a?){30}a{30}#", "(a*)*\\1#",
    "^(?:a+)+(?:a+)+#", "(?R)?a(?R)?#|a", "a{1+sc(?#c)||(?R)$", "(?=(a+)+#)a", "((a)|a)*#",
    "(?<n>a|a)(?<m>a|a)(?&n)(?&m)(?&n)(?&m)(?&n)(?&m)(?&n)(?&m)(?&n)(?&m)(?&n)(?&m)(?&n)#",
    "(?x) (a+)+ $", "(a+)+\\G#", "[^b]*[^c]*[^d]*##", ".*.*.*.*##", "(\\w+\\s*)+#",
    "(?:(?:a|a)*)*#"};

static struct history *
history_of_as(void)
{
	struct history *h = history_new(&(struct history_limits){LINES_MAX, 64 << 20}, NULL);
	char *line = malloc(HISTORY_LINE_MAX);

	memset(line, 'a', HISTORY_LINE_MAX);
	for (int i = 0; i < 3000; i++) {
		line[30] = 'b';
		history_push(h, line, 31 + (size_t)(i % 3), NULL, 0, i, (uint64_t)i, 0);
		line[30] = 'a';
		if (i % 1000 == 500)
			history_push(h, line, HISTORY_LINE_MAX, NULL, 0, i, (uint64_t)i, 0);
	}
	free(line);
	return h;
}

/* How much later than asked a scan ended, in us. */
static uint64_t
overtime(const char *pattern, size_t len, unsigned flags, const struct history_view *v,
    bool newest_first)
{
	struct scan_options o = SCAN_OPTIONS_INIT;
	struct scan_stats st;
	struct scanner *s;
	struct pattern *p;
	uint64_t end, bytes = 0;

	if (len == 0 || pattern_new(&p, pattern, len, flags, NULL, NULL) < 0)
		return 0;
	s = scanner_new(p);
	o.newest_first = newest_first;
	o.deadline_us = clock_mono_us() + 20000;
	scan_view(s, v, 0, v->n, &o, ignore, &bytes, &st);
	end = clock_mono_us();
	scanner_free(s);
	pattern_free(p);
	return end > o.deadline_us ? end - o.deadline_us : 0;
}

static void
no_pattern_outlasts_its_time(void **state)
{
	uint64_t end = clock_mono_us() + (uint64_t)(seconds_to_run() * 1e6 / 2), most = 0, us;
	struct history *h = history_of_as();
	struct history_view v;
	const char *s = getenv("SEARCH_SEED");
	char worst[4096] = "";

	(void)state;
	history_view(h, 0, UINT64_MAX, &v);
	rng = s != NULL ? strtoull(s, NULL, 0) * 1000003 + 1 : 1;
	for (size_t i = 0; clock_mono_us() < end || i < sizeof runaways / sizeof *runaways;
	     i++) {
		unsigned flags = gen_flags();
		struct buf b;

		buf_init(&b, 4096);
		if (i < sizeof runaways / sizeof *runaways) {
			buf_puts(&b, runaways[i]);
			flags = 0;
		} else {
			gen_branches(&b, 3);
		}
		us = overtime(b.data, b.len, flags, &v, rnd(2));
		if (us > most) {
			most = us;
			snprintf(worst, sizeof worst, "%s", b.data);
		}
		buf_release(&b);
	}
	print_message("most overtime: %.1f ms, %s\n", (double)most / 1e3, worst);
	history_view_release(&v);
	history_free(h);
	/* Far less than the two seconds of a query, even on a busy machine with sanitizers. */
	assert_true(most < 1500000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_way_finds_the_same),
	    cmocka_unit_test(no_pattern_outlasts_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
