#include "config.h"

#include "search/syntax.h"

#include <string.h>

#include "base/utf8.h"

enum {
	DEPTH_MAX = 50,
	TEXT_MAX = 64 * 1024,
	NOT_ASCII = 0x80, /* some character that is not */
};

/* A string of characters that must follow each other; closed where that ends. */
struct run {
	struct literal now, best;
};

struct reader {
	const char *p, *end;
	struct syntax *s;
	unsigned depth;
	bool caseless, dotall;
	bool plain;   /* nothing but characters so far */
	size_t bytes; /* of these */
};

/* What was read last, for the quantifier behind it. */
struct atom {
	enum { NOTHING, ASSERTION, CHARACTER, OTHER } kind;
	char bytes[UTF8_MAX]; /* of a character */
	size_t len;
	struct literal inside; /* of a group: what it always contains */
};

struct quantifier {
	bool there, optional;
};

static bool read_branches(struct reader *r, struct literal *best);

static void
put(struct reader *r, const char *s, size_t len)
{
	(void)buf_append(&r->s->text, s, len);
}

static void
puts_to(struct reader *r, const char *s)
{
	put(r, s, strlen(s));
}

static bool
next_is(const struct reader *r, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(r->end - r->p) >= n && memcmp(r->p, s, n) == 0;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Lets what was written since `from`, one character wide, match no newline. */
static bool
wrap(struct reader *r, size_t from)
{
	static const char before[] = "(?:(?!\\n)";
	struct buf *text = &r->s->text;
	size_t n = sizeof before - 1, len = text->len - from;

	if (buf_reserve(text, n + 1) == NULL)
		return false;
	memmove(text->data + from + n, text->data + from, len);
	memcpy(text->data + from, before, n);
	buf_commit(text, n);
	puts_to(r, ")");
	return true;
}

/* Characters in a row */

static void
keep_better(struct literal *best, struct literal *l)
{
	if (l->len < LITERAL_MIN)
		return;
	literal_prepare(l);
	if (best->len == 0 || literal_worth(l) > literal_worth(best))
		*best = *l;
}

static void
run_close(struct run *run)
{
	keep_better(&run->best, &run->now);
	run->now.len = 0;
}

/* Without case, characters that equal others than their own capital are left out. */
static bool
can_be_literal(const struct atom *a, bool caseless)
{
	return !caseless || (a->len == 1 && (unsigned char)a->bytes[0] < NOT_ASCII &&
				(a->bytes[0] | 0x20) != 'k' && (a->bytes[0] | 0x20) != 's');
}

static void
run_add(struct run *run, const struct atom *a, bool caseless)
{
	struct literal *l = &run->now;

	if (!can_be_literal(a, caseless)) {
		run_close(run);
		return;
	}
	if (l->len + a->len > LITERAL_MAX || (l->len > 0 && l->caseless != caseless))
		run_close(run);
	l->caseless = caseless;
	for (size_t i = 0; i < a->len; i++) {
		char c = a->bytes[i];

		l->bytes[l->len++] = caseless && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
}

static void
run_atom(struct reader *r, struct run *run, struct atom *a, const struct quantifier *q)
{
	switch (a->kind) {
	case CHARACTER:
		r->bytes += a->len;
		if (!q->optional)
			run_add(run, a, r->caseless);
		if (q->there) {
			run_close(run);
			/* The last of them stands before what follows. */
			if (!q->optional)
				run_add(run, a, r->caseless);
		}
		break;
	case OTHER:
		run_close(run);
		if (!q->optional)
			keep_better(&run->best, &a->inside);
		break;
	default:
		break;
	}
	if (q->there || a->kind == OTHER || a->kind == ASSERTION)
		r->plain = false;
}

/* Quantifiers */

/* {n}, {n,} or {n,m}; false where the brace is a character or a later PCRE2 may read more. */
static bool
read_braces(struct reader *r, struct quantifier *q)
{
	const char *p = r->p + 1;
	bool zero = true;

	for (; p < r->end && is_digit(*p); p++)
		zero = zero && *p == '0';
	q->there = true;
	q->optional = zero;
	if (p < r->end && *p == ',') {
		p++;
		while (p < r->end && is_digit(*p))
			p++;
	}
	if (p >= r->end || *p != '}')
		return false;
	put(r, r->p, (size_t)(p + 1 - r->p));
	r->p = p + 1;
	return true;
}

static bool
brace_is_character(const struct reader *r)
{
	return r->p + 1 == r->end ||
	       (!is_digit(r->p[1]) && r->p[1] != ',' && r->p[1] != ' ' && r->p[1] != '\t');
}

static bool
read_quantifier(struct reader *r, struct quantifier *q)
{
	*q = (struct quantifier){0};
	if (r->p == r->end)
		return true;
	if (*r->p == '{') {
		if (brace_is_character(r))
			return true;
		if (!read_braces(r, q))
			return false;
	} else if (*r->p == '*' || *r->p == '+' || *r->p == '?') {
		q->there = true;
		q->optional = *r->p != '+';
		put(r, r->p++, 1);
	} else {
		return true;
	}
	if (r->p < r->end && (*r->p == '+' || *r->p == '?'))
		put(r, r->p++, 1);
	return true;
}

/* Classes */

struct class
{
	bool negated;
	bool newline; /* may match one */
};

static bool
posix_class(struct reader *r, struct class *c)
{
	static const char *const known[] = {"alpha", "digit", "alnum", "upper", "lower",
	    "punct", "xdigit", "word", "graph", "blank", "print", NULL};
	const char *p = r->p + 2, *name;
	bool other = p < r->end && *p == '^';

	p += other;
	for (name = p; p < r->end && *p >= 'a' && *p <= 'z'; p++)
		;
	if (r->end - p < 2 || p[0] != ':' || p[1] != ']' || p == name)
		return false;
	c->newline = c->newline || other;
	if (!other) {
		size_t i = 0;

		while (known[i] != NULL && (strlen(known[i]) != (size_t)(p - name) ||
					       memcmp(known[i], name, strlen(known[i])) != 0))
			i++;
		c->newline = c->newline || known[i] == NULL;
	}
	put(r, r->p, (size_t)(p + 2 - r->p));
	r->p = p + 2;
	return true;
}

/* A range that begins with a control character may have a newline in it, and so may whatever is
 * written by its number. */
static bool
class_escape(struct reader *r, struct class *c)
{
	char e = r->end - r->p < 2 ? '\0' : r->p[1];

	if (e == '\0' || (unsigned char)e >= NOT_ASCII || strchr("QEc\n", e) != NULL)
		return false;
	if (e == 's' && !c->negated && r->end - r->p > 2 && r->p[2] != '-') {
		puts_to(r, "\\t\\x0b\\f\\r ");
		r->p += 2;
		return true;
	}
	if ((is_letter(e) || is_digit(e)) && strchr("dwShV", e) == NULL)
		c->newline = true;
	put(r, r->p, 2);
	r->p += 2;
	return true;
}

static bool
class_element(struct reader *r, struct class *c)
{
	if (*r->p == '\\')
		return class_escape(r, c);
	if (*r->p == '[' && r->end - r->p > 1 && strchr(":.=", r->p[1]) != NULL &&
	    r->p[1] != '\0')
		return r->p[1] == ':' && posix_class(r, c);
	if ((unsigned char)*r->p < ' ')
		c->newline = true;
	put(r, r->p++, 1);
	return true;
}

/* Writes "[", and behind it what keeps newlines out of a negated class. */
static void
class_open(struct reader *r, struct class *c)
{
	r->p++;
	c->negated = r->p < r->end && *r->p == '^';
	r->p += c->negated;
	puts_to(r, c->negated ? "[^\\n" : "[");
	/* Not the end of the class, nor the middle of a range that begins at our \n. */
	if (r->p < r->end && (*r->p == ']' || *r->p == '-')) {
		puts_to(r, "\\");
		put(r, r->p++, 1);
	}
}

static bool
read_class(struct reader *r, struct atom *a)
{
	size_t from = r->s->text.len;
	struct class c = {0};

	class_open(r, &c);
	while (r->p < r->end && *r->p != ']')
		if (!class_element(r, &c))
			return false;
	if (r->p == r->end)
		return false;
	put(r, r->p++, 1);
	a->kind = OTHER;
	return !c.newline || c.negated || wrap(r, from);
}

/* Escapes */

static void
is_character(struct atom *a, const char *s, size_t len)
{
	a->kind = CHARACTER;
	memcpy(a->bytes, s, len);
	a->len = len;
}

/* \xhh or \x{h...}; the characters of ASCII may be part of a literal. */
static bool
escape_hex(struct reader *r, struct atom *a)
{
	const char *p = r->p + 2, *digits = "0123456789abcdefABCDEF";
	bool braces = p < r->end && *p == '{';
	unsigned v = 0, n = 0;
	char c;

	for (p += braces; p < r->end && *p != '\0' && strchr(digits, *p) != NULL; p++, n++) {
		if (n == (braces ? 6 : 2))
			break;
		v = v * 16 + (unsigned)(is_digit(*p) ? *p - '0' : (*p | 0x20) - 'a' + 10);
	}
	if (n == 0 || v == 0 || v == '\n' || (braces && (p == r->end || *p != '}')))
		return false;
	p += braces;
	put(r, r->p, (size_t)(p - r->p));
	r->p = p;
	c = (char)v;
	if (v < NOT_ASCII)
		is_character(a, &c, 1);
	else
		a->kind = OTHER;
	return true;
}

static bool
escape_property(struct reader *r, struct atom *a)
{
	const char *p = r->p + 2;
	size_t from = r->s->text.len;

	if (p < r->end && *p == '{') {
		while (p < r->end && *p != '}')
			p++;
	}
	if (p == r->end || (unsigned char)*p >= NOT_ASCII)
		return false;
	put(r, r->p, (size_t)(p + 1 - r->p));
	r->p = p + 1;
	a->kind = OTHER;
	return wrap(r, from);
}

struct escape {
	char name;
	const char *text; /* NULL: as it is */
	int kind;
	char character;
};

/* Not \D, \S and \W as they are, also for another reason: up to PCRE2 10.42 at least, its machine
 * code for PCRE2_MATCH_INVALID_UTF does not find them in characters beyond ASCII. */
static const struct escape escapes[] = {
    {'a', NULL, CHARACTER, '\a'},
    {'e', NULL, CHARACTER, '\033'},
    {'f', NULL, CHARACTER, '\f'},
    {'r', NULL, CHARACTER, '\r'},
    {'t', NULL, CHARACTER, '\t'},
    {'d', NULL, OTHER, 0},
    {'w', NULL, OTHER, 0},
    {'S', "[^\\s]", OTHER, 0},
    {'h', NULL, OTHER, 0},
    {'V', NULL, OTHER, 0},
    {'s', "[\\t\\x0b\\f\\r ]", OTHER, 0},
    {'v', "[\\x0b\\f\\r\\x{85}\\x{2028}\\x{2029}]", OTHER, 0},
    {'D', "[^\\d\\n]", OTHER, 0},
    {'W', "[^\\w\\n]", OTHER, 0},
    {'H', "[^\\h\\n]", OTHER, 0},
    {'b', NULL, ASSERTION, 0},
    {'B', NULL, ASSERTION, 0},
    {'A', "^", ASSERTION, 0},
    {'z', "$", ASSERTION, 0},
    {'Z', "$", ASSERTION, 0},
};

static bool
escape_letter(struct reader *r, struct atom *a)
{
	char c = r->p[1];

	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
		const struct escape *e = &escapes[i];

		if (e->name != c)
			continue;
		if (e->text != NULL)
			puts_to(r, e->text);
		else
			put(r, r->p, 2);
		r->p += 2;
		a->kind = e->kind;
		if (e->kind == CHARACTER)
			is_character(a, &e->character, 1);
		return true;
	}
	return false;
}

static bool
read_escape(struct reader *r, struct atom *a)
{
	char c = r->end - r->p < 2 ? '\0' : r->p[1];

	if (c == 'x')
		return escape_hex(r, a);
	if (c == 'p' || c == 'P')
		return escape_property(r, a);
	if (is_letter(c))
		return escape_letter(r, a);
	if (is_digit(c)) {
		/* A single digit that is not 0 is a reference; two may be an octal number. */
		if (c == '0' || (r->end - r->p > 2 && is_digit(r->p[2])))
			return false;
		a->kind = OTHER;
		r->s->refers = true;
	} else if (c >= ' ' && (unsigned char)c < 0x7F) {
		is_character(a, &c, 1);
	} else {
		return false;
	}
	put(r, r->p, 2);
	r->p += 2;
	return true;
}

/* Groups */

/* (?i), (?s-i:...) and so on. m is always set here; x would change how to read on. */
static bool
read_options(struct reader *r, bool *group)
{
	char text[16] = "(?";
	size_t n = 2;
	bool on = true;

	for (r->p += 2; r->p < r->end && *r->p != ')' && *r->p != ':'; r->p++) {
		if (*r->p == '\0' || strchr("imsnU-", *r->p) == NULL || n > sizeof text - 3)
			return false;
		if (*r->p == '-')
			on = false;
		if (*r->p == 'i')
			r->caseless = on;
		if (*r->p == 's')
			r->dotall = on;
		if (*r->p != 'm')
			text[n++] = *r->p;
	}
	if (r->p == r->end)
		return false;
	*group = *r->p == ':';
	text[n++] = *r->p++;
	put(r, text, n);
	return true;
}

/* What stands behind "(": *lookaround, and with an option setting that is no group *group, are
 * told. False for what is not known. */
static bool
group_begin(struct reader *r, bool *lookaround, bool *group)
{
	static const char *const groups[] = {"(?:", "(?|", "(?>", NULL};
	static const char *const looks[] = {"(?=", "(?!", "(?<=", "(?<!", NULL};
	static const char *const names[] = {"(?<", "(?P<", "(?'", NULL};

	*group = true;
	for (size_t i = 0; groups[i] != NULL; i++)
		if (next_is(r, groups[i])) {
			put(r, r->p, 3);
			r->p += 3;
			return true;
		}
	for (size_t i = 0; looks[i] != NULL; i++)
		if (next_is(r, looks[i])) {
			*lookaround = true;
			puts_to(r, looks[i]);
			r->p += strlen(looks[i]);
			return true;
		}
	for (size_t i = 0; names[i] != NULL; i++)
		if (next_is(r, names[i]) && !next_is(r, "(?<*")) {
			const char *from = r->p + 3;
			const char *end =
			    memchr(from, i == 2 ? '\'' : '>', (size_t)(r->end - from));

			if (end == NULL)
				return false;
			puts_to(r, "(");
			r->p = end + 1;
			r->s->named = true;
			return true;
		}
	if (next_is(r, "(?"))
		return read_options(r, group);
	if (next_is(r, "(*"))
		return false;
	put(r, r->p++, 1);
	return true;
}

static bool
read_comment(struct reader *r, struct atom *a)
{
	const char *end = memchr(r->p, ')', (size_t)(r->end - r->p));

	if (end == NULL)
		return false;
	r->p = end + 1;
	a->kind = NOTHING;
	return true;
}

static bool
read_group(struct reader *r, struct atom *a)
{
	bool lookaround = false, group, caseless = r->caseless, dotall = r->dotall;

	if (next_is(r, "(?#"))
		return read_comment(r, a);
	if (++r->depth > DEPTH_MAX || !group_begin(r, &lookaround, &group))
		return false;
	r->depth--;
	a->kind = NOTHING;
	if (!group)
		return true;
	r->depth++;
	if (!read_branches(r, &a->inside) || r->p == r->end || *r->p != ')')
		return false;
	put(r, r->p++, 1);
	r->depth--;
	r->caseless = caseless;
	r->dotall = dotall;
	a->kind = OTHER;
	if (lookaround)
		a->inside.len = 0;
	return true;
}

/* Atoms, branches */

static bool
read_character(struct reader *r, struct atom *a)
{
	uint32_t cp;
	size_t n = utf8_decode(r->p, (size_t)(r->end - r->p), &cp);

	if (n == 0 || *r->p == '\n')
		return false;
	is_character(a, r->p, n);
	put(r, r->p, n);
	r->p += n;
	return true;
}

static bool
read_atom(struct reader *r, struct atom *a)
{
	*a = (struct atom){0};
	switch (*r->p) {
	case '\\':
		return read_escape(r, a);
	case '[':
		return read_class(r, a);
	case '(':
		return read_group(r, a);
	case '^':
	case '$':
		put(r, r->p++, 1);
		a->kind = ASSERTION;
		return true;
	case '.':
		puts_to(r, r->dotall ? "\\N" : ".");
		r->p++;
		a->kind = OTHER;
		return true;
	case '{':
		return brace_is_character(r) && read_character(r, a);
	case '*':
	case '+':
	case '?':
		return false;
	default:
		return read_character(r, a);
	}
}

static bool
read_branch(struct reader *r, struct run *run)
{
	struct quantifier q;
	struct atom a;

	while (r->p < r->end && *r->p != '|' && *r->p != ')') {
		if (!read_atom(r, &a))
			return false;
		q = (struct quantifier){0};
		if (a.kind != NOTHING && !read_quantifier(r, &q))
			return false;
		run_atom(r, run, &a, &q);
	}
	run_close(run);
	return true;
}

/* Of alternatives none contains what the others do, as far as is looked at here. */
static bool
read_branches(struct reader *r, struct literal *best)
{
	struct run run = {0};

	if (!read_branch(r, &run))
		return false;
	*best = run.best;
	while (r->p < r->end && *r->p == '|') {
		put(r, r->p++, 1);
		best->len = 0;
		r->plain = false;
		r->s->alternatives = true;
		run = (struct run){0};
		if (!read_branch(r, &run))
			return false;
	}
	return true;
}

void
syntax_read(struct syntax *s, const char *pattern, size_t len, bool caseless)
{
	struct reader r = {
	    .p = pattern, .end = pattern + len, .s = s, .caseless = caseless, .plain = true};

	*s = (struct syntax){0};
	buf_init(&s->text, TEXT_MAX);
	s->exact = read_branches(&r, &s->literal) && r.p == r.end && s->text.len < TEXT_MAX / 2;
	if (!s->exact)
		s->literal.len = 0;
	s->whole = r.plain && s->literal.len > 0 && s->literal.len == r.bytes;
}

bool
syntax_bounded(const char *pattern, size_t len)
{
	static const char *const known[] = {
	    ":", "=", "!", ">", "#", "i", "x", "s", "m", "<=", "<!"};
	const char *end = pattern + len;

	for (const char *p = pattern; p + 1 < end; p++) {
		bool found = p[0] != '(' || p[1] != '?';

		if ((p[0] == '(' && p[1] == '*') ||
		    (p[0] == '\\' && is_digit(p[1]) && p + 2 < end && is_digit(p[2])))
			return false;
		for (size_t i = 0; !found && i < sizeof known / sizeof *known; i++)
			found = (size_t)(end - p - 2) >= strlen(known[i]) &&
				memcmp(p + 2, known[i], strlen(known[i])) == 0;
		if (!found)
			return false;
	}
	return true;
}

void
syntax_release(struct syntax *s)
{
	buf_release(&s->text);
}
