#include "config.h"

#include "agent/jv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "proto/json.h"

static const struct jv nothing;

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *
skip_space(const char *s, const char *e)
{
	while (s < e && is_space(*s))
		s++;
	return s;
}

bool
jv_blank(const char *data, size_t len)
{
	return skip_space(data, data + len) == data + len;
}

/* Behind the string that begins at s; NULL when it does not end. */
static const char *
skip_string(const char *s, const char *e)
{
	const char *q = s;

	while ((q = memchr(q + 1, '"', (size_t)(e - q - 1))) != NULL) {
		const char *b = q;
		while (b[-1] == '\\')
			b--;
		if (((q - b) & 1) == 0)
			return q + 1;
	}
	return NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *
skip_digits(const char *s, const char *e)
{
	const char *begin = s;

	while (s < e && is_digit(*s))
		s++;
	return s > begin ? s : NULL;
}

static const char *
skip_number(const char *s, const char *e)
{
	const char *begin = s += *s == '-';

	if ((s = skip_digits(s, e)) == NULL || (*begin == '0' && s > begin + 1))
		return NULL;
	if (s < e && *s == '.' && (s = skip_digits(s + 1, e)) == NULL)
		return NULL;
	if (s < e && (*s == 'e' || *s == 'E')) {
		s++;
		if (s < e && (*s == '+' || *s == '-'))
			s++;
		s = skip_digits(s, e);
	}
	return s;
}

static const char *
skip_scalar(const char *s, const char *e)
{
	static const char *const words[] = {"null", "true", "false"};

	if (*s == '"')
		return skip_string(s, e);
	if (*s == '-' || is_digit(*s))
		return skip_number(s, e);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i]);
		if ((size_t)(e - s) >= n && memcmp(s, words[i], n) == 0)
			return s + n;
	}
	return NULL;
}

/* A member's name and its colon. */
static const char *
skip_name(const char *s, const char *e)
{
	s = skip_space(s, e);
	if (s == e || *s != '"' || (s = skip_string(s, e)) == NULL)
		return NULL;
	s = skip_space(s, e);
	return s < e && *s == ':' ? s + 1 : NULL;
}

/* Behind the value at s, which must be one; NULL otherwise. A bit for each level says whether it
 * is an object. */
static const char *
check(const char *s, const char *e)
{
	uint64_t objects = 0;
	int depth = 0;
	bool value = true; /* one comes now; otherwise what follows one */

	for (s = skip_space(s, e); s != NULL && s < e; s = skip_space(s, e)) {
		if (value && (*s == '{' || *s == '[')) {
			bool object = *s == '{';
			if (depth == JV_DEPTH_MAX)
				return NULL;
			depth++;
			objects = objects << 1 | object;
			s = skip_space(s + 1, e);
			if (s < e && *s == (object ? '}' : ']'))
				value = false;
			else if (object && (s = skip_name(s, e)) == NULL)
				return NULL;
			continue;
		}
		if (value) {
			if ((s = skip_scalar(s, e)) == NULL)
				return NULL;
			value = false;
		} else if (*s == ',') {
			s++;
			value = true;
			if ((objects & 1) != 0 && (s = skip_name(s, e)) == NULL)
				return NULL;
		} else if (*s == ((objects & 1) != 0 ? '}' : ']')) {
			s++;
			objects >>= 1;
			depth--;
		} else {
			return NULL;
		}
		if (depth == 0)
			return s;
	}
	return NULL;
}

bool
jv_object(const char *data, size_t len, struct jv *out)
{
	const char *e = data + len, *end;

	*out = nothing;
	data = skip_space(data, e);
	if (data == e || *data != '{' || (end = check(data, e)) == NULL ||
	    skip_space(end, e) != e)
		return false;
	*out = (struct jv){data, end};
	return true;
}

/* Behind the value at s, of a text that was checked. */
static const char *
skip_value(const char *s, const char *e)
{
	int depth = 0;

	do {
		if (*s == '"') {
			s = skip_string(s, e);
			continue;
		}
		if (*s == '{' || *s == '[')
			depth++;
		else if (*s == '}' || *s == ']')
			depth--;
		else if (depth == 0)
			return skip_scalar(s, e);
		s++;
	} while (depth > 0);
	return s;
}

bool
jv_next(struct jv *at, struct jv *name, struct jv *value)
{
	const char *s = at->s, *e = at->e;
	bool first;

	if (s == NULL)
		return false;
	first = *s == '{' || *s == '[';
	if (!first && *s != ',')
		return false;
	/* Behind the first value the view begins with a comma, or is the closing bracket. */
	s = skip_space(s + 1, e);
	if (*s == '}' || *s == ']')
		return false;
	if (e[-1] == '}') {
		const char *end = skip_string(s, e);
		if (name != NULL)
			*name = (struct jv){s, end};
		s = skip_space(skip_space(end, e) + 1, e);
	}
	value->s = s;
	value->e = skip_value(s, e);
	at->s = skip_space(value->e, e);
	return true;
}

struct jv
jv_get(struct jv object, const char *name)
{
	size_t len = strlen(name);
	struct jv n = nothing, v;

	if (!jv_is_object(object))
		return nothing;
	while (jv_next(&object, &n, &v))
		if ((size_t)(n.e - n.s) == len + 2 && memcmp(n.s + 1, name, len) == 0)
			return v;
	return nothing;
}

struct jv
jv_path(struct jv object, const char *name, const char *name2)
{
	return jv_get(jv_get(object, name), name2);
}

bool
jv_is_string(struct jv v)
{
	return v.s != NULL && *v.s == '"';
}

bool
jv_is_object(struct jv v)
{
	return v.s != NULL && *v.s == '{';
}

bool
jv_is_array(struct jv v)
{
	return v.s != NULL && *v.s == '[';
}

bool
jv_true(struct jv v)
{
	return v.s != NULL && *v.s == 't';
}

bool
jv_eq(struct jv v, const char *s)
{
	size_t len = strlen(s);

	return jv_is_string(v) && (size_t)(v.e - v.s) == len + 2 &&
	       memcmp(v.s + 1, s, len) == 0;
}

bool
jv_has(struct jv v, const char *s)
{
	return v.s != NULL && memmem(v.s, (size_t)(v.e - v.s), s, strlen(s)) != NULL;
}

double
jv_double(struct jv v, double otherwise)
{
	size_t len = (size_t)(v.e - v.s);
	char digits[64];
	double d;

	if (v.s == NULL || (*v.s != '-' && !is_digit(*v.s)) || len >= sizeof digits)
		return otherwise;
	memcpy(digits, v.s, len);
	digits[len] = '\0';
	d = strtod(digits, NULL);
	return isfinite(d) ? d : otherwise;
}

int64_t
jv_count(struct jv v)
{
	double d = jv_double(v, -1);

	return d >= 0 && d <= (double)JSON_INT_MAX && floor(d) == d ? (int64_t)d : -1;
}

/* Strings. */

static int
hex4(const char *s, const char *e)
{
	int n = 0;

	if (e - s < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = s[i];
		n <<= 4;
		if (is_digit(c))
			n |= c - '0';
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			n |= (c | 32) - 'a' + 10;
		else
			return -1;
	}
	return n;
}

/* The digits of a \u escape at *at, and those of the other half of a pair; *at is set behind what are
 * digits. False, with U+FFFD, for what is no character, or NUL. */
static bool
take_unicode(const char **at, const char *e, uint32_t *cp)
{
	const char *s = *at;
	int hi = hex4(s, e), lo;

	*cp = UTF8_REPLACEMENT;
	if (hi < 0)
		return false;
	s = *at += 4;
	if (hi > 0 && (hi < 0xD800 || hi > 0xDFFF)) {
		*cp = (uint32_t)hi;
		return true;
	}
	if (hi < 0xD800 || hi > 0xDBFF || e - s < 6 || s[0] != '\\' || s[1] != 'u' ||
	    (lo = hex4(s + 2, e)) < 0xDC00 || lo > 0xDFFF)
		return false;
	*cp = 0x10000 + (((uint32_t)hi - 0xD800) << 10) + ((uint32_t)lo - 0xDC00);
	*at += 6;
	return true;
}

/* The escape at s, behind its backslash; returns what is behind it. */
static const char *
unescape(const char *s, const char *e, struct buf *b)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	char utf8[UTF8_MAX];
	const char *k;
	uint32_t cp;

	if (*s != 'u') {
		k = strchr(from, *s);
		buf_putc(b, k != NULL && *k != '\0' ? to[k - from] : *s);
		return s + 1;
	}
	s++;
	take_unicode(&s, e, &cp);
	buf_append(b, utf8, utf8_encode(cp, utf8));
	return s;
}

/* NUL and ill-formed UTF-8 replaced; takes the buffer. */
static char *
clean(struct buf *b)
{
	char *from, *out;

	if (memchr(b->data, 0, b->len) == NULL && utf8_valid(b->data, b->len))
		return buf_take(b);
	/* No UTF-8 has 0xFF: it is replaced with the rest. */
	for (from = b->data; from < b->data + b->len; from++)
		if (*from == '\0')
			*from = '\xFF';
	out = utf8_sanitize(b->data, b->len);
	buf_release(b);
	return out;
}

char *
jv_text(struct jv v)
{
	const char *s, *e, *q;
	struct buf b;

	if (!jv_is_string(v))
		return NULL;
	s = v.s + 1;
	e = v.e - 1;
	buf_init(&b, BUF_NO_MAX);
	buf_reserve(&b, (size_t)(e - s) + 1);
	buf_append(&b, "", 0);
	while (s < e && (q = memchr(s, '\\', (size_t)(e - s))) != NULL) {
		buf_append(&b, s, (size_t)(q - s));
		s = unescape(q + 1, e, &b);
	}
	buf_append(&b, s, (size_t)(e - s));
	return clean(&b);
}

/* Behind the escape at s, which says what a parser takes; NULL otherwise. */
static const char *
skip_escape(const char *s, const char *e)
{
	uint32_t cp;

	if (s[1] != 'u')
		return strchr("\"\\/bfnrt", s[1]) != NULL && s[1] != '\0' ? s + 2 : NULL;
	s += 2;
	return take_unicode(&s, e, &cp) ? s : NULL;
}

/* Nothing but what RFC 8259 allows between its quotes, and no NUL. */
static bool
is_strict(struct jv string)
{
	const char *s = string.s + 1, *e = string.e - 1;

	while (s != NULL && s < e) {
		if ((unsigned char)*s < 0x20)
			return false;
		s = *s == '\\' ? skip_escape(s, e) : s + 1;
	}
	return s != NULL;
}

static void
put_string(struct jv string, struct buf *b)
{
	char *text, *written;

	if (is_strict(string)) {
		buf_append(b, string.s, (size_t)(string.e - string.s));
		return;
	}
	text = jv_text(string);
	written = json_print_take(cJSON_CreateString(text));
	buf_puts(b, written);
	free(written);
	free(text);
}

char *
jv_raw(struct jv v)
{
	const char *s = v.s, *q, *end;
	struct buf b;

	if (v.s == NULL)
		return NULL;
	buf_init(&b, BUF_NO_MAX);
	while ((q = memchr(s, '"', (size_t)(v.e - s))) != NULL) {
		buf_append(&b, s, (size_t)(q - s));
		end = skip_string(q, v.e);
		put_string((struct jv){q, end}, &b);
		s = end;
	}
	buf_append(&b, s, (size_t)(v.e - s));
	return clean(&b);
}

/* Times. */

static int
digits(const char *s, int n)
{
	int v = 0;

	while (n-- > 0) {
		if (!is_digit(*s))
			return -1;
		v = v * 10 + *s++ - '0';
	}
	return v;
}

static int64_t
days_since_1970(int y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* "2026-01-02T03:04:05.678Z", which nearly all of them are; 0 for any other. */
static int64_t
iso_ms(const char *s, size_t len)
{
	int y, mo, d, h, mi, se, ms = 0;

	if ((len != 24 && len != 20) || s[len - 1] != 'Z' || s[4] != '-' || s[7] != '-' ||
	    s[10] != 'T' || s[13] != ':' || s[16] != ':')
		return 0;
	y = digits(s, 4);
	mo = digits(s + 5, 2);
	d = digits(s + 8, 2);
	h = digits(s + 11, 2);
	mi = digits(s + 14, 2);
	se = digits(s + 17, 2);
	if (len == 24 && (s[19] != '.' || (ms = digits(s + 20, 3)) < 0))
		return 0;
	if (y < 1970 || mo < 1 || mo > 12 || d < 1 || d > 31 || h < 0 || h > 23 || mi < 0 ||
	    mi > 59 || se < 0 || se > 60)
		return 0;
	return ((days_since_1970(y, mo, d) * 24 + h) * 60 + mi) * 60000 + se * 1000 + ms;
}

int64_t
jv_time(struct jv v)
{
	int64_t ms;
	char *s;

	if (!jv_is_string(v))
		return jv_count(v) > 0 ? jv_count(v) : 0;
	if ((ms = iso_ms(v.s + 1, (size_t)(v.e - v.s) - 2)) != 0)
		return ms;
	/* Only RFC 3339: what clock_parse takes besides is not meant here. */
	if (v.e - v.s < 12 || v.s[5] != '-' || (s = jv_text(v)) == NULL)
		return 0;
	if (clock_parse(s, 0, &ms) != 0 || ms < 0)
		ms = 0;
	free(s);
	return ms;
}

uint64_t
jv_hash(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = 0xcbf29ce484222325u ^ len, w;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	for (; len > 0; p++, len--)
		h = (h ^ *p) * 0x100000001b3u;
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}
