#include "config.h"

#include "search/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "search/pattern_priv.h"
#include "search/syntax.h"

enum {
	MESSAGE_MAX = 256,
	TEXT_MAX = PATTERN_LIST_MAX * (2 * PATTERN_MAX + 16),
	OPTIONS = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UCP,
};

static int
fail(struct pattern_error *error, size_t which, size_t offset, int err, char **cause,
    const char *message)
{
	if (error != NULL)
		*error = (struct pattern_error){.which = which, .offset = offset};
	return err_set(cause, err, "%s", message);
}

/* The same everywhere, whatever PCRE2 was built with. */
static pcre2_compile_context *
context_new(bool word)
{
	pcre2_compile_context *c = pcre2_compile_context_create(NULL);

	if (c == NULL)
		abort();
	pcre2_set_newline(c, PCRE2_NEWLINE_LF);
	pcre2_set_bsr(c, PCRE2_BSR_UNICODE);
	if (word)
		pcre2_set_compile_extra_options(c, PCRE2_EXTRA_MATCH_WORD);
	return c;
}

/* NULL with PCRE2's number and the offset. */
static pcre2_code *
compile(const char *text, size_t len, uint32_t options, bool word, int *err, size_t *offset)
{
	pcre2_compile_context *context = context_new(word);
	pcre2_code *code =
	    pcre2_compile((PCRE2_SPTR)text, len, OPTIONS | options, err, offset, context);

	pcre2_compile_context_free(context);
	return code;
}

static bool
compiles(const char *text, size_t len, uint32_t options)
{
	size_t offset;
	int err;
	pcre2_code *code = compile(text, len, options, false, &err, &offset);

	pcre2_code_free(code);
	return code != NULL;
}

static void
message_of(int err, char message[MESSAGE_MAX])
{
	pcre2_get_error_message(err, (PCRE2_UCHAR *)message, MESSAGE_MAX);
}

/* One of the user's patterns */

static size_t
first_bad_utf8(const char *text, size_t len)
{
	size_t i = 0, n;
	uint32_t cp;

	while (i < len && (n = utf8_decode(text + i, len - i, &cp)) != 0) {
		if (cp == UTF8_REPLACEMENT && !utf8_valid(text + i, n))
			break;
		i += n;
	}
	return i;
}

static int
check_text(
    const struct pattern_text *t, size_t which, struct pattern_error *error, char **cause)
{
	const char *nul;

	if (t->len == 0)
		return fail(error, which, 0, -EINVAL, cause, "the pattern is empty");
	if (t->len > PATTERN_MAX)
		return fail(error, which, PATTERN_MAX, -E2BIG, cause,
		    "the pattern is longer than 1,000 bytes");
	if ((nul = memchr(t->text, '\0', t->len)) != NULL)
		return fail(error, which, (size_t)(nul - t->text), -EINVAL, cause,
		    "the pattern has a NUL in it");
	if (!utf8_valid(t->text, t->len))
		return fail(error, which, first_bad_utf8(t->text, t->len), -EINVAL, cause,
		    "the pattern is not valid UTF-8");
	return 0;
}

/* Compiled with something before it, so that what is a setting at the beginning of a pattern
 * is an unknown verb; whichever there are. */
static int
check_settings(
    const struct pattern_text *t, size_t which, struct pattern_error *error, char **cause)
{
	static const char before[] = "(?:)";
	char text[PATTERN_MAX + sizeof before], message[MESSAGE_MAX];
	size_t n = sizeof before - 1, offset = 0;
	pcre2_code *code;
	int err;

	if (t->len < 2 || memcmp(t->text, "(*", 2) != 0)
		return 0;
	memcpy(text, before, n);
	memcpy(text + n, t->text, t->len);
	code = compile(text, n + t->len, 0, false, &err, &offset);
	if (code == NULL) {
		message_of(err, message);
		return fail(error, which, offset > n ? offset - n : 0, -EINVAL, cause, message);
	}
	pcre2_code_free(code);
	return 0;
}

static int
check_expression(
    const struct pattern_text *t, size_t which, struct pattern_error *error, char **cause)
{
	char message[MESSAGE_MAX];
	size_t offset = 0;
	pcre2_code *code;
	int err = check_settings(t, which, error, cause);

	if (err < 0)
		return err;
	code = compile(t->text, t->len, 0, false, &err, &offset);
	if (code == NULL) {
		message_of(err, message);
		return fail(error, which, offset, -EINVAL, cause, message);
	}
	pcre2_code_free(code);
	return 0;
}

/* A capital that is not part of an escape such as \S or \p{Lu}. */
static bool
has_capital(const struct pattern_text *t, bool fixed)
{
	static const char escapes[] =
	    "^(?:[^\\\\\\p{Lu}]|\\\\[pPxoNgk]\\{[^}]*\\}|\\\\[pP].|\\\\.)*+\\p{Lu}";
	const char *text = fixed ? "\\p{Lu}" : escapes;
	size_t offset;
	int err;
	pcre2_code *code = compile(text, strlen(text), PCRE2_DOTALL, false, &err, &offset);
	pcre2_match_data *data;
	bool found;

	if (code == NULL || (data = pcre2_match_data_create(1, NULL)) == NULL)
		abort();
	found = pcre2_match(code, (PCRE2_SPTR)t->text, t->len, 0, 0, data, NULL) >= 0;
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return found;
}

/* A list as one expression */

static void
append_fixed(struct buf *b, const struct pattern_text *t)
{
	for (size_t i = 0; i < t->len; i++) {
		char c = t->text[i];

		if ((unsigned char)c < 0x7F && c != '\n' && c >= ' ' &&
		    strchr("\\^$.[]|()?*+{}", c))
			buf_putc(b, '\\');
		buf_putc(b, c);
	}
}

/* Group numbers begin anew in each. */
static void
append_alternatives(struct buf *b, const struct pattern_text *texts, size_t n, bool fixed)
{
	buf_puts(b, "(?|");
	for (size_t i = 0; i < n; i++) {
		buf_puts(b, i > 0 ? "|(?:" : "(?:");
		if (fixed)
			append_fixed(b, &texts[i]);
		else
			buf_append(b, texts[i].text, texts[i].len);
		buf_puts(b, ")");
	}
	buf_puts(b, ")");
}

static int
check_list(const struct pattern_text *texts, size_t n, unsigned flags,
    struct pattern_error *error, char **cause)
{
	bool fixed = (flags & PATTERN_FIXED) != 0;
	struct syntax s;
	int err;

	for (size_t i = 0; i < n; i++) {
		if ((err = check_text(&texts[i], i, error, cause)) < 0)
			return err;
		if (!fixed && (err = check_expression(&texts[i], i, error, cause)) < 0)
			return err;
		if (fixed || n == 1)
			continue;
		syntax_read(&s, texts[i].text, texts[i].len, false);
		err = s.exact && !s.named ? 0 : -EINVAL;
		syntax_release(&s);
		if (err < 0)
			return fail(error, i, 0, err, cause,
			    "the pattern cannot be combined with others");
	}
	return 0;
}

static bool
without_case(const struct pattern_text *texts, size_t n, unsigned flags)
{
	bool capital = false;

	if (flags & PATTERN_ICASE)
		return true;
	if (!(flags & PATTERN_SMART_CASE))
		return false;
	for (size_t i = 0; i < n && !capital; i++)
		capital = has_capital(&texts[i], (flags & PATTERN_FIXED) != 0);
	return !capital;
}

/*
 * Machine code counts its steps where something is repeated, but not where a capturing group with
 * alternatives is left: (a|a)(a|a)(a|a)... takes for ever, whatever the limit (10.42). Nor does it
 * count recursion. Therefore groups capture only where something refers to them, and a pattern in
 * which that comes together with alternatives is left to the interpreter, which counts everything.
 */
static bool
may_jit(const struct syntax *s, bool captures)
{
	return !captures || (s->exact && !s->alternatives);
}

static bool
jit(pcre2_code *code)
{
	return code != NULL && pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
}

/* Not if it may ask where a search began, or end it. */
static bool
may_cut(const struct buf *text)
{
	for (size_t i = 0; i + 1 < text->len; i++)
		if ((text->data[i] == '\\' && text->data[i + 1] == 'G') ||
		    (text->data[i] == '(' && text->data[i + 1] == '*'))
			return false;
	return true;
}

/* Whether the pattern can do without captures. If a reference by number is all there is, it does
 * not compile without, which may be tried where nothing else could change its meaning. */
static bool
needs_captures(const struct syntax *s, const struct buf *text, uint32_t options)
{
	if (s->exact)
		return s->refers;
	return !syntax_bounded(text->data, text->len) ||
	       !compiles(text->data, text->len, options | PCRE2_NO_AUTO_CAPTURE);
}

/* Text that may come from a damaged block is not looked through before it is searched: this code
 * can stand any bytes. */
static void
set_many(struct pattern *p, const struct syntax *s, uint32_t options, bool word)
{
	size_t offset;
	int err;

	p->literal = s->literal;
	p->whole = s->whole && !word;
	p->many = compile(s->text.data, s->text.len,
	    options | PCRE2_MULTILINE | PCRE2_MATCH_INVALID_UTF, word, &err, &offset);
	if (!jit(p->many)) {
		/* The interpreter would look through all of the text with every call. */
		pcre2_code_free(p->many);
		p->many = NULL;
	}
}

/* All checks but those of PCRE2 on the joined text have been made. */
static int
make(struct pattern *p, const struct buf *text, unsigned flags, bool caseless,
    struct pattern_error *error, char **cause)
{
	uint32_t options = caseless ? PCRE2_CASELESS : 0;
	bool word = (flags & PATTERN_WORD) != 0, captures;
	const char *line;
	char message[MESSAGE_MAX];
	struct syntax s;
	size_t len, offset = 0;
	int err;

	syntax_read(&s, text->data, text->len, caseless);
	s.exact = s.exact && compiles(s.text.data, s.text.len, options);
	p->pieces = s.exact || may_cut(text);
	captures = needs_captures(&s, text, options);
	if (!captures)
		options |= PCRE2_NO_AUTO_CAPTURE;
	/* What is exact among many lines is so in one, and has lost the names of its groups. */
	line = s.exact ? s.text.data : text->data;
	len = s.exact ? s.text.len : text->len;
	p->line = compile(line, len, options | PCRE2_USE_OFFSET_LIMIT, word, &err, &offset);
	p->invalid = compile(line, len,
	    options | PCRE2_USE_OFFSET_LIMIT | PCRE2_MATCH_INVALID_UTF, word, &err, &offset);
	if (p->line == NULL || p->invalid == NULL) {
		syntax_release(&s);
		message_of(err, message);
		return fail(error, 0, 0, -EINVAL, cause, message);
	}
	if (flags & PATTERN_GROUPS)
		p->groups = compile(text->data, text->len, options & ~PCRE2_NO_AUTO_CAPTURE,
		    word, &err, &offset);
	if (may_jit(&s, captures))
		p->line_jit = jit(p->line);
	if (s.exact && may_jit(&s, captures))
		set_many(p, &s, options, word);
	syntax_release(&s);
	return 0;
}

int
pattern_new_list(struct pattern **out, const struct pattern_text *texts, size_t n,
    unsigned flags, struct pattern_error *error, char **cause)
{
	struct pattern *p;
	struct buf text;
	int err;

	if (n == 0 || n > PATTERN_LIST_MAX)
		return fail(error, 0, 0, n == 0 ? -EINVAL : -E2BIG, cause,
		    n == 0 ? "there is no pattern" : "there are more than 32 patterns");
	if ((err = check_list(texts, n, flags, error, cause)) < 0)
		return err;
	buf_init(&text, TEXT_MAX);
	if (n > 1)
		append_alternatives(&text, texts, n, (flags & PATTERN_FIXED) != 0);
	else if (flags & PATTERN_FIXED)
		append_fixed(&text, texts);
	else
		buf_append(&text, texts->text, texts->len);
	p = xcalloc(1, sizeof *p);
	err = make(p, &text, flags, without_case(texts, n, flags), error, cause);
	buf_release(&text);
	if (err < 0) {
		pattern_free(p);
		return err;
	}
	*out = p;
	return 0;
}

int
pattern_new(struct pattern **out, const char *text, size_t len, unsigned flags,
    struct pattern_error *error, char **cause)
{
	struct pattern_text t = {.text = text, .len = len};

	return pattern_new_list(out, &t, 1, flags, error, cause);
}

void
pattern_free(struct pattern *p)
{
	if (p == NULL)
		return;
	pcre2_code_free(p->line);
	pcre2_code_free(p->invalid);
	pcre2_code_free(p->groups);
	pcre2_code_free(p->many);
	free(p);
}

bool
pattern_literal(const struct pattern *p, const char **text, size_t *len, bool *caseless)
{
	*text = p->literal.bytes;
	*len = p->literal.len;
	*caseless = p->literal.caseless;
	return p->literal.len != 0;
}

bool
pattern_many_lines(const struct pattern *p)
{
	return p->many != NULL;
}
