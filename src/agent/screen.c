#include "config.h"

#include "agent/screen.h"

#include <string.h>

enum {
	LINES_MAX = 128,
	FOOTER_MAX = 2, /* lines of keys below the choices */
	MORE_MAX = 3,   /* lines that go on with a choice above */
};

struct line {
	const char *s;
	size_t len;
};

struct choice {
	unsigned number;
	bool pointed;
	struct line text;
};

static bool
begins(struct line l, const char *with)
{
	size_t n = strlen(with);

	return l.len >= n && memcmp(l.s, with, n) == 0;
}

static bool
skip(struct line *l, const char *what)
{
	size_t n = strlen(what);

	if (!begins(*l, what))
		return false;
	l->s += n;
	l->len -= n;
	return true;
}

/* Without blanks and the sides of a box. A box's edge is an empty line. */
static struct line
strip(struct line l)
{
	while (skip(&l, " ") || skip(&l, "│") || skip(&l, "\t"))
		;
	while (l.len > 0 && (l.s[l.len - 1] == ' ' || l.s[l.len - 1] == '\r'))
		l.len--;
	if (l.len >= 3 && memcmp(l.s + l.len - 3, "│", 3) == 0)
		return strip((struct line){l.s, l.len - 3});
	if (begins(l, "╭") || begins(l, "╰") || begins(l, "──"))
		l.len = 0;
	return l;
}

/* "❯ 1. Yes" */
static bool
read_choice(struct line l, struct choice *c)
{
	*c = (struct choice){0};
	if (skip(&l, "❯") || skip(&l, "›")) {
		c->pointed = true;
		while (skip(&l, " "))
			;
	}
	if (l.len < 4 || l.s[0] < '1' || l.s[0] > '9' || l.s[1] != '.' || l.s[2] != ' ')
		return false;
	c->number = (unsigned)(l.s[0] - '0');
	c->text = (struct line){l.s + 3, l.len - 3};
	return true;
}

/* The last LINES_MAX lines, stripped. */
static unsigned
split(const char *text, size_t len, struct line lines[LINES_MAX])
{
	unsigned n = 0;

	while (len > 0 && n < LINES_MAX) {
		size_t from = len;

		while (from > 0 && text[from - 1] != '\n')
			from--;
		lines[n++] = strip((struct line){text + from, len - from});
		len = from > 0 ? from - 1 : 0;
	}
	return n;
}

static bool
says_escape(struct line l)
{
	for (size_t i = 0; i + 3 <= l.len; i++) {
		if (memcmp(l.s + i, "esc", 3) == 0 || memcmp(l.s + i, "Esc", 3) == 0)
			return true;
	}
	return false;
}

/* Below the choices are at most the keys that are good for them, one of which is escape, and right
 * under the last what its line had no room for. Returns where that is. */
static bool
skip_footer(const struct line *lines, unsigned n, unsigned *at)
{
	unsigned i, footers = 0;
	struct choice c;

	for (i = 0; i < n && !read_choice(lines[i], &c); i++) {
		if (lines[i].len == 0)
			continue;
		if (says_escape(lines[i]) && ++footers <= FOOTER_MAX)
			continue;
		if (i + 1 >= n || !read_choice(lines[i + 1], &c))
			return false;
	}
	*at = i;
	return i < n;
}

/* The choices from the screen's end up; *at is set to the line above the first. */
static bool
read_choices(const struct line *lines, unsigned n, unsigned *at, struct choice *last)
{
	unsigned i, between = 0, pointed = 0, want = 0;
	struct choice c = {0};

	*last = c;
	if (!skip_footer(lines, n, &i))
		return false;
	for (; i < n; i++) {
		if (lines[i].len == 0)
			continue;
		if (!read_choice(lines[i], &c)) {
			if (++between > MORE_MAX)
				return false;
			continue;
		}
		if (want == 0)
			*last = c;
		else if (c.number != want)
			return false;
		pointed += c.pointed;
		between = 0;
		want = c.number - 1;
		if (want == 0)
			break;
	}
	*at = i + 1;
	return i < n && pointed == 1 && last->number > 1 && begins(c.text, "Yes");
}

static bool
claude_asks(const struct line *lines, unsigned n, const struct choice *last)
{
	unsigned i = 0;

	while (i < n && lines[i].len == 0)
		i++;
	return i < n && begins(last->text, "No") &&
	       (begins(lines[i], "Do you want to ") ||
		   begins(lines[i], "Would you like to proceed"));
}

/* Between the question and the choices is the command, which may be longer than the screen. */
static bool
codex_asks(const struct line *lines, unsigned n, const struct choice *last)
{
	if (begins(last->text, "No, and tell Codex what to do differently"))
		return true;
	for (unsigned i = 0; i < n; i++) {
		if (begins(lines[i], "Would you like to run the following command?") ||
		    begins(lines[i], "Would you like to make the following edits?") ||
		    begins(lines[i], "Would you like to grant these permissions?") ||
		    begins(lines[i], "Do you want to approve network access to "))
			return begins(last->text, "No");
	}
	return false;
}

bool
agent_screen_asks(const char *agent, const char *text, size_t len)
{
	struct line lines[LINES_MAX];
	struct choice last;
	unsigned n, at;

	if (len > AGENT_SCREEN_MAX) {
		text += len - AGENT_SCREEN_MAX;
		len = AGENT_SCREEN_MAX;
	}
	n = split(text, len, lines);
	if (!read_choices(lines, n, &at, &last) || at >= n)
		return false;
	if (strcmp(agent, "claude") == 0)
		return claude_asks(lines + at, n - at, &last);
	return strcmp(agent, "codex") == 0 && codex_asks(lines + at, n - at, &last);
}
