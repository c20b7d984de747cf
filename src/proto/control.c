#include "config.h"

#include "proto/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/xmalloc.h"

enum { LAYOUT_DEPTH = 1024, LAYOUT_NUMBER_MAX = 100000 };

struct raw {
	bool on;
	bool over; /* there was more than the maximum */
	bool mid;  /* what comes next is not the beginning of a line */
	char *marks[2];
	size_t lens[2], longest;
	struct buf data;
};

struct control {
	struct control_callbacks cb;
	void *arg;
	struct buf line; /* what has come of a line that is not complete */
	struct buf out;  /* unescaped */
	bool skip;       /* the line is too long */
	bool in_block;
	uint64_t time, number; /* of the block */
	struct raw raw;
};

/* Words of a line. */

struct scan {
	const char *p, *end;
};

static bool
scan_char(struct scan *s, char c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool
scan_number(struct scan *s, uint64_t max, uint64_t *out)
{
	const char *first = s->p;
	uint64_t v = 0;

	for (; s->p != s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
		uint64_t digit = (uint64_t)(*s->p - '0');

		if (v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return s->p != first;
}

static bool
scan_word_end(const struct scan *s)
{
	return s->p == s->end || *s->p == ' ';
}

/* A sigil and a number, and no more of the word. */
static bool
scan_id(struct scan *s, char sigil, uint32_t *out)
{
	uint64_t v;

	if (!scan_char(s, sigil) || !scan_number(s, CONTROL_NONE - 1, &v))
		return false;
	*out = (uint32_t)v;
	return scan_word_end(s);
}

static bool
scan_starts(struct scan *s, const char *prefix, size_t len)
{
	if ((size_t)(s->end - s->p) < len || memcmp(s->p, prefix, len) != 0)
		return false;
	s->p += len;
	return true;
}

/* Goes behind the next " : ". */
static bool
scan_colon(struct scan *s)
{
	const char *at = memmem(s->p, (size_t)(s->end - s->p), " : ", 3);

	if (at == NULL)
		return false;
	s->p = at + 3;
	return true;
}

/* Output. */

static bool
is_octal(const char *p, const char *end)
{
	return end - p >= 4 && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
	       p[3] >= '0' && p[3] <= '7';
}

/* `to` may be `from`. */
static size_t
unescape(char *to, const char *from, size_t len)
{
	const char *end = from + len, *p;
	char *at = to;

	while ((p = memchr(from, '\\', (size_t)(end - from))) != NULL) {
		memmove(at, from, (size_t)(p - from));
		at += p - from;
		/* Often there are several, as \015\012. */
		for (from = p; from != end && *from == '\\';) {
			if (is_octal(from, end)) {
				*at++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 |
					       (from[3] - '0'));
				from += 4;
			} else
				*at++ = *from++;
		}
	}
	memmove(at, from, (size_t)(end - from));
	return (size_t)(at - to) + (size_t)(end - from);
}

size_t
control_unescape(char *data, size_t len)
{
	return len != 0 ? unescape(data, data, len) : 0;
}

/* As nearly all that comes is output, it is read where it lies. */
static bool
on_output(struct control *c, const char *line, size_t len)
{
	static const char plain[] = "%output ", extended[] = "%extended-output ";
	struct scan s = {line, line + len};
	uint32_t pane;
	size_t n;

	if (scan_starts(&s, plain, sizeof plain - 1)) {
		if (!scan_id(&s, '%', &pane) || !scan_char(&s, ' '))
			return false;
	} else if (!scan_starts(&s, extended, sizeof extended - 1) ||
		   !scan_id(&s, '%', &pane) || !scan_colon(&s))
		return false;
	n = (size_t)(s.end - s.p);
	if (n == 0 || memchr(s.p, '\\', n) == NULL) {
		c->cb.output(c->arg, pane, s.p, n);
		return true;
	}
	buf_reset(&c->out);
	buf_reserve(&c->out, n);
	n = unescape(c->out.data, s.p, n);
	c->cb.output(c->arg, pane, c->out.data, n);
	return true;
}

/* Notifications. */

/*
 * What follows a notification's name, a letter for each word:
 *	$ @ %	a session, window or pane
 *	S W P	the same, or '-'
 *	I	the index of a window, or '-', which nobody asked for
 *	o	a session, or nothing, not even the word
 *	w v	a word: text, rest; that of v may be missing
 *	t r	all that is left, if anything: text, rest
 *	T	the same as t, but not empty
 *	:	rest, behind " : "
 *	!	nothing is right
 * Words that are left over are of a later version.
 */
static const struct known {
	const char *name;
	enum control_kind kind;
	const char *args;
} known[] = {
    {"begin", CONTROL_OTHER, "!"},
    {"client-detached", CONTROL_CLIENT_DETACHED, "T"},
    {"client-session-changed", CONTROL_CLIENT_SESSION, "w$r"},
    {"config-error", CONTROL_OTHER, "r"},
    {"continue", CONTROL_CONTINUE, "%"},
    {"end", CONTROL_OTHER, "!"},
    {"error", CONTROL_OTHER, "!"},
    {"exit", CONTROL_EXIT, "t"},
    {"extended-output", CONTROL_OTHER, "!"},
    {"layout-change", CONTROL_LAYOUT, "@wv"},
    {"message", CONTROL_OTHER, "r"},
    {"output", CONTROL_OTHER, "!"},
    {"pane-mode-changed", CONTROL_PANE_MODE_CHANGED, "%"},
    {"paste-buffer-changed", CONTROL_OTHER, "r"},
    {"paste-buffer-deleted", CONTROL_OTHER, "r"},
    {"pause", CONTROL_PAUSE, "%"},
    {"session-changed", CONTROL_SESSION_CHANGED, "$t"},
    {"session-renamed", CONTROL_SESSION_RENAMED, "oT"},
    {"session-window-changed", CONTROL_SESSION_WINDOW, "$@"},
    {"sessions-changed", CONTROL_SESSIONS_CHANGED, ""},
    {"subscription-changed", CONTROL_SUBSCRIPTION_CHANGED, "wSWIP:"},
    {"unlinked-window-add", CONTROL_WINDOW_ADD, "@"},
    {"unlinked-window-close", CONTROL_WINDOW_CLOSE, "@"},
    {"unlinked-window-renamed", CONTROL_WINDOW_RENAMED, "@t"},
    {"window-add", CONTROL_WINDOW_ADD, "@"},
    {"window-close", CONTROL_WINDOW_CLOSE, "@"},
    {"window-pane-changed", CONTROL_WINDOW_PANE_CHANGED, "@%"},
    {"window-renamed", CONTROL_WINDOW_RENAMED, "@t"},
};

/* The line stays as it is until all of it was understood: in a block it may be text. */
struct parse {
	struct scan s;
	struct control_notice n;
	const char *text_end, *rest_end;
};

static const char *
word_end(const struct scan *s)
{
	const char *space = s->p != s->end ? memchr(s->p, ' ', (size_t)(s->end - s->p)) : NULL;

	return space != NULL ? space : s->end;
}

/* From where the scan is until `end`. */
static void
take_text(struct parse *p, bool rest, const char *end)
{
	if (rest) {
		p->n.rest = p->s.p;
		p->rest_end = end;
	} else {
		p->n.text = p->s.p;
		p->text_end = end;
	}
	p->s.p = end;
}

static bool
scan_dash(struct scan *s)
{
	return scan_char(s, '-') && scan_word_end(s);
}

static bool
parse_id(struct parse *p, char arg)
{
	uint64_t index;

	switch (arg) {
	case '$':
		return scan_id(&p->s, '$', &p->n.session);
	case '@':
		return scan_id(&p->s, '@', &p->n.window);
	case '%':
		return scan_id(&p->s, '%', &p->n.pane);
	case 'S':
		return scan_id(&p->s, '$', &p->n.session) || scan_dash(&p->s);
	case 'W':
		return scan_id(&p->s, '@', &p->n.window) || scan_dash(&p->s);
	case 'P':
		return scan_id(&p->s, '%', &p->n.pane) || scan_dash(&p->s);
	case 'I':
		return scan_number(&p->s, UINT32_MAX, &index) || scan_dash(&p->s);
	default:
		return false;
	}
}

static bool
parse_old_session(struct parse *p)
{
	struct scan before = p->s;

	if (!scan_char(&p->s, ' ') || !scan_id(&p->s, '$', &p->n.session) ||
	    p->s.p == p->s.end) {
		p->n.session = CONTROL_NONE;
		p->s = before;
	}
	return true;
}

static bool
parse_arg(struct parse *p, char arg)
{
	const char *end;

	if (arg == 'o')
		return parse_old_session(p);
	if (arg == ':') {
		if (!scan_colon(&p->s))
			return false;
		take_text(p, true, p->s.end);
		return true;
	}
	if (!scan_char(&p->s, ' '))
		return arg == 't' || arg == 'r' || arg == 'v';
	switch (arg) {
	case 'w':
	case 'v':
		end = word_end(&p->s);
		if (arg == 'w' && end == p->s.p)
			return false;
		take_text(p, arg == 'v', end);
		return true;
	case 't':
	case 'T':
	case 'r':
		if (arg == 'T' && p->s.p == p->s.end)
			return false;
		take_text(p, arg == 'r', p->s.end);
		return true;
	default:
		return parse_id(p, arg);
	}
}

static const struct known *
find_known(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strlen(known[i].name) == len && memcmp(known[i].name, name, len) == 0)
			return &known[i];
	return NULL;
}

static bool
is_name(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && ((p[n] >= 'a' && p[n] <= 'z') || p[n] == '-'))
		n++;
	return len != 0 && n == len;
}

/* Of the line in the buffer; false when it is none. */
static bool
on_notice(struct control *c)
{
	char *line = c->line.data;
	struct parse p = {.s = {line + 1, line + c->line.len}};
	const char *end = word_end(&p.s);
	const struct known *k = find_known(p.s.p, (size_t)(end - p.s.p));

	if (k == NULL && (c->in_block || !is_name(p.s.p, (size_t)(end - p.s.p))))
		return false;
	p.n = (struct control_notice){k != NULL ? k->kind : CONTROL_OTHER, CONTROL_NONE,
	    CONTROL_NONE, CONTROL_NONE, "", ""};
	if (p.n.kind == CONTROL_OTHER)
		take_text(&p, false, end);
	p.s.p = end;
	for (const char *args = k != NULL ? k->args : "r"; *args != '\0'; args++)
		if (!parse_arg(&p, *args))
			return false;
	if (p.text_end != NULL)
		line[p.text_end - line] = '\0';
	if (p.rest_end != NULL)
		line[p.rest_end - line] = '\0';
	c->cb.notice(c->arg, &p.n);
	return true;
}

/* Blocks. */

/* "%begin TIME NUMBER FLAGS" */
static bool
parse_guard(const char *line, size_t len, const char *name, uint64_t values[3])
{
	struct scan s = {line, line + len};

	if (!scan_starts(&s, name, strlen(name)))
		return false;
	for (int i = 0; i < 3; i++)
		if (!scan_char(&s, ' ') || !scan_number(&s, UINT64_MAX, &values[i]))
			return false;
	return scan_word_end(&s);
}

static bool
on_begin(struct control *c, const char *line, size_t len)
{
	uint64_t values[3];

	if (!parse_guard(line, len, "%begin", values))
		return false;
	c->in_block = true;
	c->time = values[0];
	c->number = values[1];
	c->cb.begin(c->arg, values[2] & 1);
	return true;
}

static bool
on_end(struct control *c, const char *line, size_t len)
{
	bool error = len > 2 && line[2] == 'r';
	uint64_t values[3];

	if (!parse_guard(line, len, error ? "%error" : "%end", values) ||
	    values[0] != c->time || values[1] != c->number)
		return false;
	c->in_block = false;
	c->cb.end(c->arg, error);
	return true;
}

/* The line may be the one in the buffer, or still be where it came from. */
static void
on_line(struct control *c, const char *line, size_t len)
{
	bool special = len != 0 && line[0] == '%';

	if (special && on_output(c, line, len))
		return;
	if (!special && !c->in_block)
		return;
	if (c->line.len == 0)
		buf_append(&c->line, line, len);
	line = c->line.data;
	if (special) {
		if (c->in_block ? on_end(c, line, len) : on_begin(c, line, len))
			return;
		if (on_notice(c))
			return;
	}
	if (c->in_block)
		c->cb.text(c->arg, line, len);
}

/* Lines. This and take_raw take what they can, up to the end of a line, and return how much. */

static size_t
take_line(struct control *c, const char *data, size_t len)
{
	const char *lf = memchr(data, '\n', len);
	size_t n = lf != NULL ? (size_t)(lf - data) : len;

	if (c->line.len + n > CONTROL_LINE_MAX)
		c->skip = true;
	if (c->skip)
		buf_reset(&c->line);
	else if (lf == NULL || c->line.len != 0)
		buf_append(&c->line, data, n);
	if (lf == NULL)
		return n;
	if (!c->skip && c->line.len != 0)
		on_line(c, c->line.data, c->line.len);
	else if (!c->skip)
		on_line(c, data, n);
	c->skip = false;
	buf_reset(&c->line);
	return n + 1;
}

/* Raw text. */

static void
raw_clear(struct raw *r)
{
	free(r->marks[0]);
	free(r->marks[1]);
	buf_release(&r->data);
	*r = (struct raw){0};
}

void
control_raw(struct control *c, const char *mark, const char *other, size_t max)
{
	const char *marks[] = {mark, other};
	struct raw *r = &c->raw;

	raw_clear(r);
	r->on = true;
	for (int i = 0; i < 2 && marks[i] != NULL; i++) {
		r->marks[i] = xstrdup(marks[i]);
		r->lens[i] = strlen(marks[i]);
		if (r->lens[i] > r->longest)
			r->longest = r->lens[i];
	}
	buf_init(&r->data, max < BUF_NO_MAX ? max : BUF_NO_MAX);
}

static void
raw_add(struct raw *r, const char *data, size_t len)
{
	if (r->over || buf_append(&r->data, data, len) == 0)
		return;
	r->over = true;
	buf_release(&r->data);
}

static int
find_mark(const struct raw *r, const char *line, size_t len)
{
	for (int i = 0; i < 2; i++)
		if (r->marks[i] != NULL && r->lens[i] == len &&
		    memcmp(r->marks[i], line, len) == 0)
			return i;
	return -1;
}

static void
raw_end(struct control *c, int which)
{
	struct buf data = c->raw.data;
	bool over = c->raw.over;

	buf_init(&c->raw.data, 0);
	raw_clear(&c->raw);
	if (data.data == NULL)
		buf_reserve(&data, 0);
	c->cb.raw(c->arg, which, over ? NULL : data.data, over ? 0 : data.len);
	buf_release(&data);
}

static size_t
take_raw(struct control *c, const char *data, size_t len)
{
	struct raw *r = &c->raw;
	const char *lf = memchr(data, '\n', len);
	size_t n = lf != NULL ? (size_t)(lf - data) + 1 : len;
	int which;

	if (r->mid || c->line.len + n > r->longest + 1) {
		raw_add(r, c->line.data, c->line.len);
		raw_add(r, data, n);
		buf_reset(&c->line);
		r->mid = lf == NULL;
		return n;
	}
	/* So little may be a mark. */
	buf_append(&c->line, data, n);
	if (lf == NULL)
		return n;
	which = find_mark(r, c->line.data, c->line.len - 1);
	if (which < 0)
		raw_add(r, c->line.data, c->line.len);
	buf_reset(&c->line);
	if (which >= 0)
		raw_end(c, which);
	return n;
}

void
control_feed(struct control *c, const char *data, size_t len)
{
	size_t n;

	for (; len != 0; data += n, len -= n)
		n = c->raw.on ? take_raw(c, data, len) : take_line(c, data, len);
}

struct control *
control_new(const struct control_callbacks *cb, void *arg)
{
	struct control *c = xcalloc(1, sizeof *c);

	c->cb = *cb;
	c->arg = arg;
	/* What is put there is bounded line by line. */
	buf_init(&c->line, BUF_NO_MAX);
	buf_init(&c->out, BUF_NO_MAX);
	return c;
}

void
control_free(struct control *c)
{
	if (c == NULL)
		return;
	raw_clear(&c->raw);
	buf_release(&c->line);
	buf_release(&c->out);
	free(c);
}

/* Layouts. */

struct layout {
	struct scan s;
	struct control_cell *cells;
	size_t max, count, read;
	uint32_t panes[CONTROL_CELLS_MAX];
	size_t floating;            /* how many '<' enclose this */
	char closing[LAYOUT_DEPTH]; /* what ends the groups that are open */
	size_t depth;
};

static bool
scan_size(struct scan *s, unsigned *out)
{
	uint64_t v;

	if (!scan_number(s, LAYOUT_NUMBER_MAX, &v) || v == 0)
		return false;
	*out = (unsigned)v;
	return true;
}

static bool
scan_offset(struct scan *s, int *out)
{
	bool below = scan_char(s, '-');
	uint64_t v;

	if (!scan_number(s, LAYOUT_NUMBER_MAX, &v))
		return false;
	*out = below ? -(int)v : (int)v;
	return true;
}

static bool
scan_pane(struct scan *s, uint32_t *out)
{
	uint64_t v;

	if (!scan_number(s, CONTROL_NONE - 1, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool
layout_open(struct layout *l)
{
	static const char opening[] = {'[', '{', '<'}, closing[] = {']', '}', '>'};
	const char *at = l->s.p != l->s.end ? memchr(opening, *l->s.p, sizeof opening) : NULL;

	if (at == NULL || l->depth == LAYOUT_DEPTH)
		return false;
	l->closing[l->depth++] = closing[at - opening];
	l->floating += *at == '<';
	l->s.p++;
	return true;
}

static bool
layout_close(struct layout *l)
{
	if (l->depth == 0 || !scan_char(&l->s, l->closing[l->depth - 1]))
		return false;
	l->floating -= l->closing[--l->depth] == '>';
	return true;
}

/* In 3.7 a floating pane stands in a split, too. */
static bool
layout_seen(struct layout *l, uint32_t pane)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->panes[i] != pane)
			continue;
		if (i < l->max)
			l->cells[i].floating = true;
		return true;
	}
	return false;
}

/* A pane, or the beginning of a group, behind which there is another cell. */
static bool
layout_cell(struct layout *l, bool *group)
{
	struct control_cell cell = {.floating = l->floating != 0};

	if (!scan_size(&l->s, &cell.cols) || !scan_char(&l->s, 'x') ||
	    !scan_size(&l->s, &cell.rows) || !scan_char(&l->s, ',') ||
	    !scan_offset(&l->s, &cell.x) || !scan_char(&l->s, ',') ||
	    !scan_offset(&l->s, &cell.y))
		return false;
	*group = layout_open(l);
	if (*group)
		return true;
	if (!scan_char(&l->s, ',') || !scan_pane(&l->s, &cell.pane) ||
	    l->read++ == CONTROL_CELLS_MAX)
		return false;
	if (cell.floating && layout_seen(l, cell.pane))
		return true;
	if (l->count < l->max)
		l->cells[l->count] = cell;
	l->panes[l->count++] = cell.pane;
	return true;
}

static bool
layout_read(struct layout *l)
{
	bool group;

	for (;;) {
		if (!layout_cell(l, &group))
			return false;
		if (group)
			continue;
		while (layout_close(l))
			;
		if (l->depth == 0 && l->s.p == l->s.end)
			return true;
		/* Floating panes are a group behind all others. */
		if (l->depth == 0 ? *l->s.p != '<' || !layout_open(l) : !scan_char(&l->s, ','))
			return false;
	}
}

int
control_layout(const char *layout, struct control_cell *cells, size_t max)
{
	struct layout l;

	if (strspn(layout, "0123456789abcdef") != 4 || layout[4] != ',')
		return -EINVAL;
	l.s = (struct scan){layout + 5, layout + strlen(layout)};
	l.cells = cells;
	l.max = max;
	l.read = l.count = l.floating = l.depth = 0;
	return layout_read(&l) ? (int)l.count : -EINVAL;
}
