#include "config.h"

#include "proto/cast.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/err.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "proto/json.h"

enum { NUMBER_MAX = 40, US = 1000000 };

/* Writing. */

void
cast_put_header(struct buf *b, const struct cast_header *h)
{
	cJSON *o = json_object(), *term = o;
	char *text;

	cJSON_AddNumberToObject(o, "version", h->version);
	if (h->version >= 3)
		term = cJSON_AddObjectToObject(o, "term");
	cJSON_AddNumberToObject(term, h->version >= 3 ? "cols" : "width", h->cols);
	cJSON_AddNumberToObject(term, h->version >= 3 ? "rows" : "height", h->rows);
	if (h->version >= 3 && h->term != NULL)
		json_add_text(term, "type", h->term);
	if (h->timestamp > 0)
		cJSON_AddNumberToObject(o, "timestamp", (double)h->timestamp);
	if (h->idle_limit_us >= 0)
		cJSON_AddNumberToObject(o, "idle_time_limit", (double)h->idle_limit_us / US);
	if (h->command != NULL)
		json_add_text(o, "command", h->command);
	if (h->title != NULL)
		json_add_text(o, "title", h->title);
	if (h->version < 3 && h->term != NULL)
		json_add_text(cJSON_AddObjectToObject(o, "env"), "TERM", h->term);
	text = json_print_take(o);
	buf_puts(b, text);
	buf_putc(b, '\n');
	free(text);
}

void
cast_writer_init(struct cast_writer *w, unsigned version, int64_t at_us)
{
	*w = (struct cast_writer){.version = version, .written_ms = (at_us + 500) / 1000};
}

static void
put_escape(struct buf *b, uint32_t cp)
{
	if (cp >= 0x10000)
		buf_printf(b, "\\u%04x\\u%04x", 0xD800 + ((cp - 0x10000) >> 10),
		    0xDC00 + ((cp - 0x10000) & 0x3FF));
	else
		buf_printf(b, "\\u%04x", cp);
}

/* What could act on whoever looks at the file itself is escaped. */
static void
put_char(struct buf *b, uint32_t cp)
{
	char utf8[UTF8_MAX];

	if (cp == '"' || cp == '\\') {
		buf_putc(b, '\\');
		buf_putc(b, (char)cp);
	} else if (cp == '\r') {
		buf_puts(b, "\\r");
	} else if (cp == '\n') {
		buf_puts(b, "\\n");
	} else if (!utf8_is_plain(cp)) {
		put_escape(b, cp);
	} else {
		buf_append(b, utf8, utf8_encode(cp, utf8));
	}
}

/* Returns how many of the bytes were whole characters, or none for good. */
static size_t
put_chars(struct buf *b, const char *data, size_t len)
{
	size_t at = 0, n;
	uint32_t cp;

	while (at < len && (n = utf8_decode(data + at, len - at, &cp)) != 0) {
		put_char(b, cp);
		at += n;
	}
	return at;
}

static void
begin_event(struct cast_writer *w, struct buf *b, int64_t time_us, char code)
{
	int64_t ms = (time_us + 500) / 1000, shown;

	if (ms < w->written_ms)
		ms = w->written_ms;
	shown = w->version >= 3 ? ms - w->written_ms : ms;
	w->written_ms = ms;
	buf_printf(
	    b, "[%lld.%03d, \"%c\", \"", (long long)(shown / 1000), (int)(shown % 1000), code);
}

static void
end_event(struct buf *b)
{
	buf_puts(b, "\"]\n");
}

/* The character that has begun, with the first of the bytes. Returns how many it took of them. */
static size_t
join(struct cast_writer *w, struct buf *b, const char *data, size_t len)
{
	char joined[2 * UTF8_MAX];
	size_t more = len < UTF8_MAX ? len : UTF8_MAX, n;
	uint32_t cp;

	if (w->npart == 0)
		return 0;
	memcpy(joined, w->part, w->npart);
	memcpy(joined + w->npart, data, more);
	n = utf8_decode(joined, w->npart + more, &cp);
	if (n == 0) {
		memcpy(w->part + w->npart, data, len);
		w->npart += len;
		return len;
	}
	n -= w->npart;
	w->npart = 0;
	put_char(b, cp);
	return n;
}

void
cast_put_output(
    struct cast_writer *w, struct buf *b, int64_t time_us, const char *data, size_t len)
{
	struct buf text;
	size_t n;

	if (len == 0)
		return;
	buf_init(&text, BUF_NO_MAX);
	n = join(w, &text, data, len);
	n += put_chars(&text, data + n, len - n);
	if (n < len) {
		w->npart = len - n;
		memcpy(w->part, data + n, w->npart);
	}
	if (text.len != 0) {
		begin_event(w, b, time_us, 'o');
		buf_append(b, text.data, text.len);
		end_event(b);
	}
	buf_release(&text);
}

void
cast_put_rest(struct cast_writer *w, struct buf *b, int64_t time_us)
{
	if (w->npart == 0)
		return;
	begin_event(w, b, time_us, 'o');
	put_char(b, UTF8_REPLACEMENT);
	end_event(b);
	w->npart = 0;
}

void
cast_put_event(
    struct cast_writer *w, struct buf *b, int64_t time_us, char code, const char *text)
{
	char *clean = utf8_sanitize(text, strlen(text));

	begin_event(w, b, time_us, code);
	put_chars(b, clean, strlen(clean));
	end_event(b);
	free(clean);
}

/* Reading: the header. */

void
cast_reader_init(struct cast_reader *r)
{
	*r = (struct cast_reader){0};
	buf_init(&r->text, CAST_LINE_MAX + 1);
}

void
cast_reader_release(struct cast_reader *r)
{
	free(r->header.title);
	free(r->header.command);
	free(r->header.term);
	buf_release(&r->text);
}

static char *
header_text(const cJSON *o, const char *name)
{
	const char *s = json_string(o, name);

	return s != NULL ? xasprintf("%.*s", utf8_prefix(s, CAST_TEXT_MAX), s) : NULL;
}

static int
read_size(const cJSON *o, struct cast_header *h)
{
	const cJSON *term = cJSON_GetObjectItemCaseSensitive(o, "term");
	uint64_t cols, rows;
	bool v3 = h->version >= 3;

	if (json_u64(v3 ? term : o, v3 ? "cols" : "width", 1, CAST_SIZE_MAX, &cols) != 0 ||
	    json_u64(v3 ? term : o, v3 ? "rows" : "height", 1, CAST_SIZE_MAX, &rows) != 0)
		return -EINVAL;
	h->cols = (unsigned)cols;
	h->rows = (unsigned)rows;
	return 0;
}

static int
read_members(const cJSON *o, struct cast_header *h, char **cause)
{
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(o, "version"),
		    *term = cJSON_GetObjectItemCaseSensitive(o, "term"),
		    *env = cJSON_GetObjectItemCaseSensitive(o, "env"),
		    *limit = cJSON_GetObjectItemCaseSensitive(o, "idle_time_limit"),
		    *time = cJSON_GetObjectItemCaseSensitive(o, "timestamp");
	double n = cJSON_IsNumber(version) ? version->valuedouble : 0;

	if (n != 2 && n != 3)
		return err_set(cause, -EINVAL,
		    n == 1 ? "line 1: asciicast of version 1, which has no lines of events"
			   : "line 1: not an asciicast of version 2 or 3");
	h->version = (unsigned)n;
	if (read_size(o, h) != 0)
		return err_set(
		    cause, -EINVAL, "line 1: columns and rows must be 1 to %d", CAST_SIZE_MAX);
	h->idle_limit_us = -1;
	if (cJSON_IsNumber(limit)) {
		if (!(limit->valuedouble >= 0 && limit->valuedouble * US <= CAST_TIME_MAX))
			return err_set(
			    cause, -EINVAL, "line 1: idle_time_limit is out of range");
		h->idle_limit_us = llround(limit->valuedouble * US);
	}
	if (cJSON_IsNumber(time) && time->valuedouble > 0 && time->valuedouble < 1e11)
		h->timestamp = (int64_t)time->valuedouble;
	h->title = header_text(o, "title");
	h->command = header_text(o, "command");
	h->term = h->version >= 3 ? header_text(term, "type") : header_text(env, "TERM");
	return 0;
}

static int
read_header(struct cast_reader *r, const char *line, size_t len, char **cause)
{
	cJSON *o = json_parse(line, len);
	int rc;

	if (o == NULL)
		return err_set(cause, -EINVAL, "line 1: not a JSON object");
	rc = read_members(o, &r->header, cause);
	cJSON_Delete(o);
	r->cols = r->header.cols;
	r->rows = r->header.rows;
	if (rc != 0)
		r->header.version = 0;
	return rc;
}

/* Events. */

struct at {
	const char *p, *end;
};

static void
skip_blanks(struct at *a)
{
	while (a->p < a->end && (*a->p == ' ' || *a->p == '\t' || *a->p == '\r'))
		a->p++;
}

static bool
take(struct at *a, char c)
{
	skip_blanks(a);
	if (a->p == a->end || *a->p != c)
		return false;
	a->p++;
	return true;
}

/* A time in microseconds. */
static int
read_time(struct at *a, int64_t *us)
{
	char text[NUMBER_MAX + 1], *end;
	size_t n = 0;
	double v;

	skip_blanks(a);
	while (a->p < a->end && n < NUMBER_MAX && strchr("0123456789.eE+-", *a->p) != NULL &&
	       *a->p != '\0')
		text[n++] = *a->p++;
	text[n] = '\0';
	if (n == 0 || text[0] < '0' || text[0] > '9')
		return -EINVAL;
	v = strtod(text, &end);
	if (*end != '\0' || !(v >= 0 && v <= (double)CAST_TIME_MAX / US))
		return -EINVAL;
	*us = llround(v * US);
	return 0;
}

static int
read_hex(struct at *a, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++, a->p++) {
		static const char digits[] = "0123456789abcdef";
		const char *d;

		if (a->p == a->end || *a->p == '\0' ||
		    (d = strchr(digits, *a->p >= 'A' && *a->p <= 'F' ? *a->p + 32 : *a->p)) ==
			NULL)
			return -EINVAL;
		*out = *out << 4 | (uint32_t)(d - digits);
	}
	return 0;
}

/* Behind \u; half of a pair alone is U+FFFD. */
static int
read_escaped(struct at *a, struct buf *b)
{
	char utf8[UTF8_MAX];
	uint32_t cp, low;

	if (read_hex(a, &cp) != 0)
		return -EINVAL;
	if (cp >= 0xD800 && cp < 0xDC00 && a->end - a->p >= 6 && a->p[0] == '\\' &&
	    a->p[1] == 'u') {
		struct at next = {a->p + 2, a->end};

		if (read_hex(&next, &low) != 0)
			return -EINVAL;
		if (low >= 0xDC00 && low < 0xE000) {
			cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
			a->p = next.p;
		}
	}
	if (cp >= 0xD800 && cp < 0xE000)
		cp = UTF8_REPLACEMENT;
	return buf_append(b, utf8, utf8_encode(cp, utf8));
}

static int
read_string(struct at *a, struct buf *b)
{
	static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";

	if (!take(a, '"'))
		return -EINVAL;
	while (a->p < a->end && *a->p != '"') {
		const char *known;

		if ((unsigned char)*a->p < 0x20)
			return -EINVAL;
		if (*a->p != '\\') {
			buf_putc(b, *a->p++);
			continue;
		}
		if (++a->p == a->end || *a->p == '\0')
			return -EINVAL;
		if (*a->p == 'u') {
			a->p++;
			if (read_escaped(a, b) != 0)
				return -EINVAL;
		} else if ((known = strchr(escapes, *a->p)) != NULL) {
			buf_putc(b, meant[known - escapes]);
			a->p++;
		} else {
			return -EINVAL;
		}
	}
	return take(a, '"') ? 0 : -EINVAL;
}

/* What the codes that are known say in their text. */
static int
read_meaning(struct cast_reader *r, struct cast_event *e)
{
	uint64_t status;

	if (e->code == 'r') {
		if (memchr(e->data, '\0', e->len) != NULL ||
		    str_size(e->data, CAST_SIZE_MAX, &e->cols, &e->rows) != 0)
			return -EINVAL;
		r->cols = e->cols;
		r->rows = e->rows;
	}
	if (e->code == 'x' && r->header.version >= 3) {
		if (memchr(e->data, '\0', e->len) != NULL ||
		    str_u64(e->data, 0, 255, &status) != 0)
			return -EINVAL;
		e->status = (int)status;
	}
	return 0;
}

static int
read_event(struct cast_reader *r, const char *line, size_t len, struct cast_event *e,
    const char **what)
{
	struct at a = {line, line + len};
	int64_t us;
	size_t ncode;

	buf_reset(&r->text);
	*what = "not an event: [time, code, text]";
	if (!utf8_valid(line, len) || !take(&a, '['))
		return -EINVAL;
	if (read_time(&a, &us) != 0) {
		*what = "a time is 0 or more seconds, and not more than a year";
		return -EINVAL;
	}
	if (!take(&a, ',') || read_string(&a, &r->text) != 0 || !take(&a, ','))
		return -EINVAL;
	ncode = r->text.len;
	e->code = ncode == 1 ? r->text.data[0] : '?';
	if (read_string(&a, &r->text) != 0 || !take(&a, ']'))
		return -EINVAL;
	skip_blanks(&a);
	if (a.p != a.end)
		return -EINVAL;
	buf_reserve(&r->text, 1)[0] = '\0';
	e->data = r->text.data + ncode;
	e->len = r->text.len - ncode;
	if (r->header.version >= 3)
		us += r->now_us;
	if (us > CAST_TIME_MAX) {
		*what = "it lasts longer than a year";
		return -EINVAL;
	}
	if (us > r->now_us)
		r->now_us = us;
	e->time_us = r->now_us;
	*what = e->code == 'r' ? "a size must look like 80x24, each side 1 to 2000"
			       : "an exit status is 0 to 255";
	return read_meaning(r, e);
}

int
cast_read_line(
    struct cast_reader *r, const char *line, size_t len, struct cast_event *e, char **cause)
{
	const char *what = NULL;

	*e = (struct cast_event){0};
	r->lines++;
	if (r->lines > CAST_EVENTS_MAX)
		return err_set(cause, -EINVAL, "it has more than %d lines", CAST_EVENTS_MAX);
	if (len > CAST_LINE_MAX)
		return err_set(cause, -EINVAL, "line %llu: longer than %d bytes",
		    (unsigned long long)r->lines, CAST_LINE_MAX);
	if (r->header.version == 0)
		return read_header(r, line, len, cause);
	if (len == 0 || line[0] == '#' || (len == 1 && line[0] == '\r'))
		return 0;
	if (read_event(r, line, len, e, &what) != 0)
		return err_set(
		    cause, -EINVAL, "line %llu: %s", (unsigned long long)r->lines, what);
	return 1;
}
