/* Secrets in JSON, and in arguments. */
#include "config.h"

#include "agent/secrets.h"

#include <string.h>

#include "base/buf.h"

struct slice {
	const char *s; /* NULL: there is none */
	size_t len;
};

static struct slice
slice_of(const char *text)
{
	return (struct slice){text, text != NULL ? strlen(text) : 0};
}

/* /usr/bin/curl, too */
static bool
is_curl(struct slice program)
{
	return program.s != NULL && program.len >= 4 &&
	       memcmp(program.s + program.len - 4, "curl", 4) == 0 &&
	       (program.len == 4 || program.s[program.len - 5] == '/');
}

/* Whether all of it from *from on is a secret because of what is before it. */
static bool
is_argument(struct slice program, struct slice before, struct slice arg, size_t *from)
{
	*from = 0;
	if (before.s == NULL || before.len < 2 || *before.s != '-')
		return false;
	if (is_curl(program) && secrets_is_user_option(before.s, before.len))
		return secrets_user_password(arg.s, arg.len, from);
	return secrets_is_value(SECRETS_GIVEN, before.s, before.len, arg.s, arg.len);
}

char *
secrets_masked_argument(const char *program, const char *before, const char *arg)
{
	size_t from;
	struct buf b;

	if (arg == NULL ||
	    !is_argument(slice_of(program), slice_of(before), slice_of(arg), &from))
		return secrets_masked(arg);
	buf_init(&b, BUF_NO_MAX);
	buf_append(&b, arg, from);
	buf_puts(&b, SECRETS_MASK);
	return buf_take(&b);
}

struct walk {
	const char *p, *end;
	const char *from; /* what is not copied yet */
	struct buf *out;
	bool found;
	struct slice name;          /* of the member whose value is next */
	struct slice first, before; /* strings of the array */
};

/* Behind the quotation mark: to the one that ends it, or the end of all. */
static const char *
string_end(const char *s, const char *end)
{
	while (s < end && *s != '"')
		s += *s == '\\' && end - s > 1 ? 2 : 1;
	return s;
}

/* What is put in place of the string; nothing when it may be shown. */
static void
masked_string(const struct walk *w, struct slice text, struct buf *out)
{
	size_t from;

	if (w->name.s != NULL &&
	    secrets_is_value(SECRETS_MEMBER, w->name.s, w->name.len, text.s, text.len)) {
		buf_puts(out, SECRETS_MASK);
	} else if (is_argument(w->first, w->before, text, &from)) {
		buf_append(out, text.s, from);
		buf_puts(out, SECRETS_MASK);
	} else {
		secrets_mask(text.s, text.len, out);
	}
}

static void
mask_string(struct walk *w, struct slice text)
{
	struct buf masked;

	buf_init(&masked, BUF_NO_MAX);
	masked_string(w, text, &masked);
	if (masked.len != 0) {
		buf_append(w->out, w->from, (size_t)(text.s - w->from));
		buf_append(w->out, masked.data, masked.len);
		w->from = text.s + text.len;
		w->found = true;
	}
	buf_release(&masked);
}

static void
take_string(struct walk *w)
{
	struct slice text = {w->p + 1, 0};
	const char *to = string_end(text.s, w->end);

	text.len = (size_t)(to - text.s);
	w->p = to < w->end ? to + 1 : to;
	for (to = w->p; to < w->end && strchr(" \t\r\n", *to) != NULL && *to != '\0';)
		to++;
	if (to < w->end && *to == ':') {
		w->name = text;
		w->p = to + 1;
		return;
	}
	mask_string(w, text);
	if (w->first.s == NULL)
		w->first = text;
	w->before = text;
}

bool
secrets_mask_json(const char *json, size_t len, struct buf *out)
{
	struct walk w = {.p = json, .end = json + len, .from = json, .out = out};

	while (w.p < w.end) {
		char c = *w.p;

		if (c == '"') {
			take_string(&w);
			continue;
		}
		if (c == '[' || c == ']' || c == '{' || c == '}')
			w.first = w.before = (struct slice){NULL, 0};
		if (c == '[' || c == '{' || c == '}' || c == ',')
			w.name = (struct slice){NULL, 0};
		w.p++;
	}
	if (w.found)
		buf_append(out, w.from, (size_t)(w.end - w.from));
	return w.found;
}

char *
secrets_masked_json(const char *json)
{
	struct buf b;

	if (json == NULL)
		return NULL;
	buf_init(&b, BUF_NO_MAX);
	if (secrets_mask_json(json, strlen(json), &b))
		return buf_take(&b);
	buf_release(&b);
	return NULL;
}
