#include "config.h"

#include "cli/toml_json.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/utf8.h"
#include "base/xmalloc.h"

/* What an object or array is, in its valueint, which cJSON has no use for there. */
enum {
	BY_HEADER = 1, /* [it] was there */
	BY_DOTS = 2,   /* made by a dotted key */
	CLOSED = 4,    /* inline: nothing is added */
	TABLES = 8,    /* an array of [[it]] */
};

#define INT_EXACT 9007199254740992ull /* 2^53 */

struct toml {
	const char *s;
	unsigned line, depth;
	cJSON *root, *table; /* table: that keys go into */
	char **cause;
};

static int parse_value(struct toml *t, cJSON **out);

static int __attribute__((format(printf, 2, 3))) fail(struct toml *t, const char *fmt, ...)
{
	va_list ap;
	char *what;

	va_start(ap, fmt);
	what = xvasprintf(fmt, ap);
	va_end(ap);
	err_set(t->cause, -EINVAL, "line %u: %s", t->line, what);
	free(what);
	return -EINVAL;
}

/* White space. */

static void
skip_blanks(struct toml *t)
{
	t->s += strspn(t->s, " \t");
}

/* A comment has no control characters but tabs. */
static int
skip_comment(struct toml *t)
{
	if (*t->s != '#')
		return 0;
	for (; *t->s != '\0' && *t->s != '\n'; t->s++)
		if (((unsigned char)*t->s < 0x20 && *t->s != '\t' &&
			!(*t->s == '\r' && t->s[1] == '\n')) ||
		    *t->s == 0x7F)
			return fail(t, "a control character in a comment");
	return 0;
}

static bool
take_newline(struct toml *t)
{
	if (t->s[0] == '\r' && t->s[1] == '\n')
		t->s++;
	if (*t->s != '\n')
		return false;
	t->s++;
	t->line++;
	return true;
}

/* Also newlines and comments: between the elements of an array, and lines. */
static int
skip_all(struct toml *t)
{
	int rc;

	do {
		skip_blanks(t);
		if ((rc = skip_comment(t)) != 0)
			return rc;
	} while (take_newline(t));
	return 0;
}

static int
end_line(struct toml *t)
{
	int rc;

	skip_blanks(t);
	if ((rc = skip_comment(t)) != 0)
		return rc;
	return *t->s == '\0' || take_newline(t) ? 0 : fail(t, "something behind the value");
}

/* Texts. */

static int
parse_unicode(struct toml *t, int digits, struct buf *b)
{
	uint32_t cp = 0;
	char utf8[UTF8_MAX];

	for (int i = 0; i < digits; i++, t->s++) {
		static const char hex[] = "0123456789abcdef";
		const char *at = *t->s != '\0' ? strchr(hex, *t->s | 0x20) : NULL;

		if (at == NULL || (*t->s >= 0x10 && *t->s <= 0x19))
			return fail(t, "\\u needs %d hexadecimal digits", digits);
		cp = cp << 4 | (uint32_t)(at - hex);
	}
	if (cp == 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
		return fail(t, "\\u of no character");
	buf_append(b, utf8, utf8_encode(cp, utf8));
	return 0;
}

/* Behind a backslash. */
static int
parse_escape(struct toml *t, bool lines, struct buf *b)
{
	static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
	const char *at = *t->s != '\0' ? strchr(names, *t->s) : NULL;

	if (at != NULL) {
		buf_putc(b, values[at - names]);
		t->s++;
		return 0;
	}
	if (*t->s == 'u' || *t->s == 'U')
		return parse_unicode(t, *t->s++ == 'u' ? 4 : 8, b);
	if (lines) { /* the end of the line, and what is blank before the next text */
		const char *was = t->s;

		skip_blanks(t);
		if (take_newline(t)) {
			do
				skip_blanks(t);
			while (take_newline(t));
			return 0;
		}
		t->s = was;
	}
	return fail(t, "no such escape: \\%c", *t->s >= 0x20 ? *t->s : ' ');
}

/* In a text of several lines up to two quotes may stand before the closing three. */
static bool
take_end(struct toml *t, char quote, bool lines, struct buf *b)
{
	if (*t->s != quote)
		return false;
	if (!lines) {
		t->s++;
		return true;
	}
	if (t->s[1] != quote || t->s[2] != quote)
		return false;
	for (int i = 0; i < 2 && t->s[3] == quote; i++) {
		buf_putc(b, quote);
		t->s++;
	}
	t->s += 3;
	return true;
}

static int
parse_text(struct toml *t, bool may_have_lines, char **out)
{
	char quote = *t->s;
	bool lines = t->s[1] == quote && t->s[2] == quote;
	unsigned line = t->line;
	struct buf b;
	int rc = 0;

	if (lines && !may_have_lines)
		return fail(t, "a key cannot have several lines");
	t->s += lines ? 3 : 1;
	if (lines)
		take_newline(t);
	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	while (rc == 0 && !take_end(t, quote, lines, &b)) {
		unsigned char c = (unsigned char)*t->s;

		if (c == '\0' || (c == '\n' && !lines)) {
			t->line = line;
			rc = fail(t, "a text without an end");
		} else if (c == '\\' && quote == '"') {
			t->s++;
			rc = parse_escape(t, lines, &b);
		} else if (lines && take_newline(t)) {
			buf_putc(&b, '\n');
		} else if ((c < 0x20 && c != '\t') || c == 0x7F) {
			rc = fail(t, "a control character in a text");
		} else {
			buf_putc(&b, *t->s++);
		}
	}
	*out = rc == 0 ? buf_take(&b) : NULL;
	buf_release(&b);
	return rc;
}

/* Numbers, dates, words. */

static bool
is_word_end(char c)
{
	return c == '\0' || strchr(" \t\r\n,]}#", c) != NULL;
}

/* Digits with single underscores between them; without them in out. */
static bool
clean_digits(const char *s, const char *allowed, char *out)
{
	char last = '_';

	for (; *s != '\0'; s++) {
		if (*s != '_' && strchr(allowed, *s) == NULL)
			return false;
		if (*s == '_' && last == '_')
			return false;
		if (*s != '_')
			*out++ = *s;
		last = *s;
	}
	*out = '\0';
	return last != '_';
}

static cJSON *
whole_number(const char *word, bool *too_big)
{
	static const struct {
		const char *prefix, *digits;
		int base;
	} bases[] = {
	    {"0x", "0123456789abcdefABCDEF", 16}, {"0o", "01234567", 8}, {"0b", "01", 2}};
	const char *s = word + (*word == '-' || *word == '+'), *digits = "0123456789";
	char clean[80];
	int base = 10;
	unsigned long long n;

	for (size_t i = 0; i < 3 && s == word; i++)
		if (strncmp(s, bases[i].prefix, 2) == 0) {
			digits = bases[i].digits;
			base = bases[i].base;
			s += 2;
			break;
		}
	if (!clean_digits(s, digits, clean) ||
	    (base == 10 && clean[0] == '0' && clean[1] != '\0'))
		return NULL;
	errno = 0;
	n = strtoull(clean, NULL, base);
	*too_big = errno != 0 || n > INT_EXACT;
	return cJSON_CreateNumber(*word == '-' ? -(double)n : (double)n);
}

/* 1.5, 1e9, 6.02_2e+23: digits on both sides of the point. */
static cJSON *
fraction(const char *word)
{
	const char *s = word + (*word == '-' || *word == '+'), *e = strpbrk(s, "eE");
	const char *dot = strchr(s, '.');
	char clean[80], part[80], *end;
	double d;

	if (s[0] == '0' && s[1] >= '0' && s[1] <= '9')
		return NULL;
	for (const char *p = s; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, ".eE");

		memcpy(part, p, n);
		part[n] = '\0';
		if (!clean_digits(part, "0123456789", clean))
			return NULL;
		p += n;
		if (*p == '.' && (p != dot || (e != NULL && p > e)))
			return NULL;
		if ((*p == 'e' || *p == 'E') && p != e)
			return NULL;
		if (*p == '\0')
			break;
		p++;
		if (p - 1 == e && (*p == '+' || *p == '-'))
			p++;
		if (*p == '\0')
			return NULL;
	}
	end = clean;
	for (const char *p = word; *p != '\0'; p++)
		if (*p != '_')
			*end++ = *p;
	*end = '\0';
	d = strtod(clean, &end);
	return *end == '\0' && isfinite(d) ? cJSON_CreateNumber(d) : NULL;
}

/* Whether it looks like 1979-05-27, 07:32:00, or both of them with a zone. */
static bool
is_date(const char *word)
{
	static const char *const shapes[] = {"dddd-dd-dd", "dd:dd:dd"};

	for (int i = 0; i < 2; i++) {
		const char *w = word;

		for (const char *p = shapes[i]; *p != '\0'; p++, w++)
			if (*p == 'd' ? *w < '0' || *w > '9' : *w != *p)
				goto next;
		return w[strspn(w, "0123456789:.+-TtZz ")] == '\0';
	next:;
	}
	return false;
}

static int
parse_word(struct toml *t, cJSON **out)
{
	char word[80];
	size_t n = 0;
	bool too_big = false;

	while (!is_word_end(t->s[n]))
		n++;
	/* A date may have a space before its time. */
	if (n == 10 && t->s[4] == '-' && t->s[10] == ' ' && t->s[11] >= '0' && t->s[11] <= '9')
		for (n = 11; !is_word_end(t->s[n]);)
			n++;
	if (n == 0 || n >= sizeof word)
		return fail(t, "no value where one is due");
	memcpy(word, t->s, n);
	word[n] = '\0';
	if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
		*out = cJSON_CreateBool(*word == 't');
	else if (is_date(word))
		*out = cJSON_CreateString(word);
	else if ((*out = whole_number(word, &too_big)) == NULL && strpbrk(word, ".eE") != NULL)
		*out = fraction(word);
	if (*out == NULL)
		return fail(t, "%s is no value", utf8_valid(word, n) ? word : "this");
	if (too_big) {
		cJSON_Delete(*out);
		*out = NULL;
		return fail(t, "%s is too large", word);
	}
	t->s += n;
	return 0;
}

/* Keys. */

static int
parse_key(struct toml *t, char **out)
{
	size_t n =
	    strspn(t->s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

	if (*t->s == '"' || *t->s == '\'')
		return parse_text(t, false, out);
	if (n == 0)
		return fail(t, "no key where one is due");
	*out = xstrndup(t->s, n);
	t->s += n;
	return 0;
}

static int
parse_keys(struct toml *t, char **keys, unsigned *n)
{
	int rc;

	for (*n = 0;;) {
		skip_blanks(t);
		if (*n == TOML_DEPTH_MAX)
			return fail(t, "a key of more than %d parts", TOML_DEPTH_MAX);
		if ((rc = parse_key(t, &keys[*n])) != 0)
			return rc;
		(*n)++;
		skip_blanks(t);
		if (*t->s != '.')
			return 0;
		t->s++;
	}
}

static void
free_keys(char **keys, unsigned n)
{
	while (n-- != 0)
		free(keys[n]);
}

static cJSON *
add_object(cJSON *to, const char *key, int mark)
{
	cJSON *o = cJSON_CreateObject();

	o->valueint = mark;
	cJSON_AddItemToObject(to, key, o);
	return o;
}

/* One part of a header: the newest of an array of tables, or a table, which is made if need be. */
static cJSON *
enter(cJSON *at, const char *key)
{
	cJSON *next = cJSON_GetObjectItemCaseSensitive(at, key);

	if (next == NULL)
		return add_object(at, key, 0);
	if (cJSON_IsArray(next) && (next->valueint & TABLES) != 0)
		return cJSON_GetArrayItem(next, cJSON_GetArraySize(next) - 1);
	return cJSON_IsObject(next) && (next->valueint & CLOSED) == 0 ? next : NULL;
}

/* key = value, into a table. */
static int
parse_pair(struct toml *t, cJSON *at)
{
	char *keys[TOML_DEPTH_MAX] = {NULL};
	unsigned n = 0;
	cJSON *value = NULL;
	int rc = parse_keys(t, keys, &n);

	if (rc == 0 && *t->s != '=')
		rc = fail(t, "no = behind %s", keys[n - 1]);
	for (unsigned i = 0; rc == 0 && i + 1 < n; i++) {
		cJSON *next = cJSON_GetObjectItemCaseSensitive(at, keys[i]);

		if (next == NULL)
			next = add_object(at, keys[i], BY_DOTS);
		else if (!cJSON_IsObject(next) || next->valueint != BY_DOTS)
			rc = fail(t, "%s is there already", keys[i]);
		at = next;
	}
	if (rc == 0 && cJSON_GetObjectItemCaseSensitive(at, keys[n - 1]) != NULL)
		rc = fail(t, "%s is there twice", keys[n - 1]);
	if (rc == 0) {
		t->s++;
		skip_blanks(t);
		rc = parse_value(t, &value);
	}
	if (rc == 0)
		cJSON_AddItemToObject(at, keys[n - 1], value);
	free_keys(keys, n);
	return rc;
}

/* Values. */

static int
parse_array(struct toml *t, cJSON *list)
{
	cJSON *value;
	int rc;

	for (t->s++;;) {
		if ((rc = skip_all(t)) != 0)
			return rc;
		if (*t->s == ']')
			break;
		value = NULL;
		if ((rc = parse_value(t, &value)) != 0)
			return rc;
		cJSON_AddItemToArray(list, value);
		if ((rc = skip_all(t)) != 0)
			return rc;
		if (*t->s == ']')
			break;
		if (*t->s != ',')
			return fail(t, "neither , nor ] in an array");
		t->s++;
	}
	t->s++;
	return 0;
}

/* What dotted keys have made in an inline table is closed with it. */
static void
close_tables(cJSON *o)
{
	o->valueint = CLOSED;
	for (cJSON *item = o->child; item != NULL; item = item->next)
		if (cJSON_IsObject(item))
			close_tables(item);
}

static int
parse_inline(struct toml *t, cJSON *o)
{
	int rc;

	t->s++;
	skip_blanks(t);
	while (*t->s != '}' || o->child != NULL) {
		if ((rc = parse_pair(t, o)) != 0)
			return rc;
		skip_blanks(t);
		if (*t->s == '}')
			break;
		if (*t->s != ',')
			return fail(t, "neither , nor } in a table");
		t->s++;
		skip_blanks(t);
	}
	t->s++;
	close_tables(o);
	return 0;
}

static int
parse_value(struct toml *t, cJSON **out)
{
	char *text = NULL;
	int rc;

	if (*t->s == '"' || *t->s == '\'') {
		if ((rc = parse_text(t, true, &text)) == 0)
			*out = cJSON_CreateString(text);
		free(text);
		return rc;
	}
	if (*t->s != '[' && *t->s != '{')
		return parse_word(t, out);
	if (t->depth == TOML_DEPTH_MAX)
		return fail(t, "too deep");
	t->depth++;
	*out = *t->s == '[' ? cJSON_CreateArray() : cJSON_CreateObject();
	rc = *t->s == '[' ? parse_array(t, *out) : parse_inline(t, *out);
	t->depth--;
	if (rc != 0) {
		cJSON_Delete(*out);
		*out = NULL;
	}
	return rc;
}

/* Lines. */

static int
begin_table(struct toml *t, cJSON *at, const char *key)
{
	cJSON *o = cJSON_GetObjectItemCaseSensitive(at, key);

	if (o != NULL && (!cJSON_IsObject(o) || o->valueint != 0))
		return fail(t, "%s is there already", key);
	if (o == NULL)
		o = add_object(at, key, 0);
	o->valueint |= BY_HEADER;
	t->table = o;
	return 0;
}

static int
begin_element(struct toml *t, cJSON *at, const char *key)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(at, key), *o;

	if (list != NULL && (!cJSON_IsArray(list) || (list->valueint & TABLES) == 0))
		return fail(t, "%s is there already", key);
	if (list == NULL) {
		list = cJSON_AddArrayToObject(at, key);
		list->valueint = TABLES;
	}
	o = cJSON_CreateObject();
	o->valueint = BY_HEADER;
	cJSON_AddItemToArray(list, o);
	t->table = o;
	return 0;
}

static int
parse_header(struct toml *t)
{
	bool element = t->s[1] == '[';
	char *keys[TOML_DEPTH_MAX] = {NULL};
	cJSON *at = t->root;
	unsigned n = 0;
	int rc;

	t->s += element ? 2 : 1;
	rc = parse_keys(t, keys, &n);
	if (rc == 0 && (t->s[0] != ']' || (element && t->s[1] != ']')))
		rc = fail(t, "no ] behind %s", keys[n - 1]);
	for (unsigned i = 0; rc == 0 && i + 1 < n; i++)
		if ((at = enter(at, keys[i])) == NULL)
			rc = fail(t, "%s is no table", keys[i]);
	if (rc == 0) {
		t->s += element ? 2 : 1;
		rc = element ? begin_element(t, at, keys[n - 1])
			     : begin_table(t, at, keys[n - 1]);
	}
	free_keys(keys, n);
	return rc;
}

cJSON *
toml_to_json(const char *text, char **cause)
{
	struct toml t = {.s = text, .line = 1, .cause = cause};
	int rc = 0;

	t.root = t.table = cJSON_CreateObject();
	if (!utf8_valid(text, strlen(text)))
		rc = fail(&t, "it is no UTF-8");
	if (strncmp(t.s, "\xEF\xBB\xBF", 3) == 0)
		t.s += 3;
	while (rc == 0 && (rc = skip_all(&t)) == 0 && *t.s != '\0') {
		rc = *t.s == '[' ? parse_header(&t) : parse_pair(&t, t.table);
		if (rc == 0)
			rc = end_line(&t);
	}
	if (rc == 0)
		return t.root;
	cJSON_Delete(t.root);
	return NULL;
}
