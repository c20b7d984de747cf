#include "config.h"

#include "agent/source.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xmalloc.h"

#define REPLACEMENT "\xEF\xBF\xBD"

void
source_open(struct source *s, const char *path, const struct agent_sink *sink)
{
	*s = (struct source){.sink = *sink};
	s->session = path == NULL ? xstrdup("stream") : path_stem(path);
}

void
source_close(struct source *s)
{
	free(s->session);
}

void
source_name(struct source *s, const char *session)
{
	char *name;

	if (session == NULL || *session == '\0' || strcmp(session, s->session) == 0)
		return;
	name = xstrdup(session);
	free(s->session);
	s->session = name;
}

/* What follows "\u" at p: its value, or -1. */
static long
escaped(const char *p, size_t len)
{
	char digits[5] = "";

	if (len < 4 || memchr(p, '\0', 4) != NULL)
		return -1;
	memcpy(digits, p, 4);
	return strspn(digits, "0123456789abcdefABCDEF") == 4 ? strtol(digits, NULL, 16) : -1;
}

/* An escape at p, which is a backslash: how long it is, and whether it means a character. */
static size_t
escape_at(const char *p, size_t len, bool *fit)
{
	long a, b = -1;

	*fit = true;
	if (len < 6 || p[1] != 'u')
		return len < 2 ? len : 2;
	a = escaped(p + 2, len - 2);
	if (a >= 0xD800 && a <= 0xDBFF && len >= 12 && p[6] == '\\' && p[7] == 'u')
		b = escaped(p + 8, len - 8);
	if (b >= 0xDC00 && b <= 0xDFFF)
		return 12;
	*fit = a < 0 || (a != 0 && (a < 0xD800 || a > 0xDFFF));
	return 6;
}

/* Without what json_parse refuses for the sake of a character. */
static char *
made_fit(const char *data, size_t len)
{
	struct buf b;
	char *clean;
	size_t n;
	bool fit;

	buf_init(&b, BUF_NO_MAX);
	for (size_t i = 0; i < len; i += n) {
		for (n = 0; i + n < len && data[i + n] != '\\' && data[i + n] != '\0'; n++)
			;
		buf_append(&b, data + i, n);
		i += n;
		n = 0;
		if (i < len && data[i] == '\0') {
			buf_puts(&b, REPLACEMENT);
			n = 1;
		} else if (i < len) {
			n = escape_at(data + i, len - i, &fit);
			if (fit)
				buf_append(&b, data + i, n);
			else
				buf_puts(&b, REPLACEMENT);
		}
	}
	clean = utf8_sanitize(b.data == NULL ? "" : b.data, b.len);
	buf_release(&b);
	return clean;
}

cJSON *
source_parse(const char *data, size_t len)
{
	cJSON *o;
	char *clean;

	while (len > 0 && strchr(" \t\r\n", *data) != NULL && *data != '\0') {
		data++;
		len--;
	}
	if (len == 0 || *data != '{')
		return NULL;
	if ((o = json_parse(data, len)) != NULL)
		return o;
	clean = made_fit(data, len);
	o = json_parse(clean, strlen(clean));
	free(clean);
	return o;
}

cJSON *
source_line(struct source *s, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_parse(data, len);

	s->at = at;
	if (o == NULL && len != 0 && !(len == 1 && *data == '\r'))
		s->passed++;
	return o;
}

uint64_t
source_passed(const struct agent_parser *p)
{
	return ((const struct source *)(const void *)p)->passed;
}

struct agent_event
source_event(const struct source *s, enum agent_event_type type)
{
	return agent_event_of(type, s->session, s->time_ms, s->at);
}

void
source_give(const struct source *s, const struct agent_event *e)
{
	s->sink.event(s->sink.arg, e);
}

void
source_note(const struct source *s, const char *name, const char *text)
{
	struct agent_event e = source_event(s, AGENT_NOTE);

	e.name = name;
	e.text = text;
	source_give(s, &e);
}

void
source_state(const struct source *s, enum agent_state state)
{
	struct agent_event e = source_event(s, AGENT_STATE);

	e.state = state;
	source_give(s, &e);
}

cJSON *
source_save(const struct source *s, unsigned version)
{
	cJSON *o = json_object();

	cJSON_AddNumberToObject(o, "version", version);
	json_add_text(o, "session", s->session);
	cJSON_AddNumberToObject(o, "time", (double)s->time_ms);
	cJSON_AddNumberToObject(o, "at", (double)s->at); /* names what has no name of its own */
	cJSON_AddNumberToObject(o, "passed", (double)s->passed);
	return o;
}

cJSON *
source_restore(struct source *s, unsigned version, const char *json, size_t len)
{
	cJSON *o = json_parse(json, len);

	if (o == NULL || get_count(o, "version") != (int64_t)version ||
	    get_string(o, "session") == NULL) {
		cJSON_Delete(o);
		return NULL;
	}
	source_name(s, get_string(o, "session"));
	s->time_ms = get_or_0(o, "time");
	s->at = (uint64_t)get_or_0(o, "at");
	s->passed = (uint64_t)get_or_0(o, "passed");
	return o;
}

void
source_print(cJSON *o, struct buf *b)
{
	char *text = json_print_take(o);

	buf_puts(b, text);
	free(text);
}

uint64_t
hash_text(uint64_t h, const char *text)
{
	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211u;
	return h;
}

bool
path_has(const char *path, const char *part)
{
	return strstr(path, part) != NULL || str_starts(path, part + 1);
}

bool
path_ends(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);

	return n >= m && strcmp(path + n - m, end) == 0;
}

char *
path_above(const char *path, unsigned n)
{
	const char *end = path + strlen(path), *begin;

	for (;; n--) {
		begin = end;
		while (begin > path && begin[-1] != '/')
			begin--;
		if (n == 0 || begin == path)
			break;
		end = begin - 1;
	}
	if (n != 0 || begin == end)
		return xstrdup("unknown");
	return utf8_sanitize(begin, (size_t)(end - begin));
}

char *
path_stem(const char *path)
{
	char *name = path_above(path, 0), *dot = strrchr(name, '.');

	if (dot != NULL && dot != name)
		*dot = '\0';
	return name;
}
