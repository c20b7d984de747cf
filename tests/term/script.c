/*
 * script FILE...: runs the tests of the terminal that are written as data. A line each:
 *
 *	! NAME             begins a test with a fresh terminal of 10x4
 *	size COLSxROWS     another size, before anything is fed
 *	option NAME        no-keep (clear_to_history off), ed3 (clear_history_on_ed3 on)
 *	feed STRING        bytes
 *	resize COLSxROWS
 *	lines STRING       history and main screen must be this, lines joined, blanks at the end trimmed
 *	screen STRING      the rows of the screen shown must be this, trimmed likewise
 *	ansi STRING        the first line of it with its colours
 *	history N          complete lines
 *	cursor X,Y         from 0; X equal to the columns is a pending wrap
 *	reply STRING       replies since the last time
 *	event STRING       events since the last time, a line each
 *
 * A STRING goes to the end of the line and knows \e \r \n \t \a \b \\ \xHH and \s for a space.
 * Empty lines and such that begin with # are skipped. Every file is run with the bytes whole
 * and one by one. top_srcdir says where the files are when none are named.
 */
#include "config.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pane.h"
#include "term/style.h"

struct run {
	struct pane pane;
	bool fresh; /* nothing fed yet */
	bool keep, ed3, bytes;
	unsigned cols, rows;
	const char *file;
	unsigned line;
	char name[128];
};

static unsigned tests, checks, failed;

static void
unescape(const char *s, struct buf *out)
{
	static const char from[] = "ernta\\bs", to[] = "\033\r\n\t\a\\\b ";

	for (; *s != '\0'; s++) {
		const char *at;
		unsigned v;

		if (*s != '\\') {
			buf_putc(out, *s);
		} else if (s[1] == 'x' && sscanf(s + 2, "%2x", &v) == 1) {
			buf_putc(out, (char)v);
			s += 3;
		} else if (s[1] != '\0' && (at = strchr(from, s[1])) != NULL) {
			buf_putc(out, to[at - from]);
			s++;
		}
	}
}

static void
show(const char *what, const char *s, size_t len)
{
	printf("  %s ", what);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7F)
			printf("\\x%02x", (unsigned char)s[i]);
		else
			putchar(s[i]);
	}
	putchar('\n');
}

static void
expect(struct run *r, const struct buf *got, const char *want)
{
	struct buf w;

	buf_init(&w, BUF_NO_MAX);
	unescape(want, &w);
	checks++;
	if (w.len != got->len || (w.len != 0 && memcmp(w.data, got->data, w.len) != 0)) {
		failed++;
		printf("FAIL %s:%u: %s%s\n", r->file, r->line, r->name,
		    r->bytes ? " (bytes)" : "");
		show("got ", got->data, got->len);
		show("want", w.data, w.len);
	}
	buf_release(&w);
}

static void
restart(struct run *r)
{
	pane_release(&r->pane);
	pane_init(&r->pane, r->cols, r->rows, r->keep, r->ed3);
}

static void
do_test(struct run *r, const char *arg)
{
	snprintf(r->name, sizeof r->name, "%s", arg);
	r->keep = true;
	r->ed3 = false;
	r->cols = 10;
	r->rows = 4;
	restart(r);
	tests++;
}

static void
do_size(struct run *r, const char *arg)
{
	sscanf(arg, "%ux%u", &r->cols, &r->rows);
	restart(r);
}

static void
do_option(struct run *r, const char *arg)
{
	r->keep = r->keep && strcmp(arg, "no-keep") != 0;
	r->ed3 = r->ed3 || strcmp(arg, "ed3") == 0;
	restart(r);
}

static void
do_feed(struct run *r, const char *arg)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	unescape(arg, &b);
	for (size_t i = 0; r->bytes && i < b.len; i++)
		term_feed(r->pane.term, b.data + i, 1);
	if (!r->bytes)
		term_feed(r->pane.term, b.data, b.len);
	buf_release(&b);
}

static void
do_resize(struct run *r, const char *arg)
{
	sscanf(arg, "%ux%u", &r->cols, &r->rows);
	term_resize(r->pane.term, r->cols, r->rows);
}

static void
drop_last_newline(struct buf *b)
{
	if (b->len > 0 && b->data[b->len - 1] == '\n')
		b->len--;
}

static void
do_lines(struct run *r, const char *arg)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	pane_lines(&r->pane, &b);
	drop_last_newline(&b);
	expect(r, &b, arg);
	buf_release(&b);
}

static void
do_screen(struct run *r, const char *arg)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	pane_screen(&r->pane, &b);
	drop_last_newline(&b);
	expect(r, &b, arg);
	buf_release(&b);
}

static void
do_ansi(struct run *r, const char *arg)
{
	struct term_text text;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	term_text_init(&text);
	term_text_read(r->pane.term, TERM_SHOWN, TERM_TEXT_JOIN | TERM_TEXT_HEAD, &text);
	term_line_write(term_styles(r->pane.term), text.text, text.lines->len, text.runs,
	    text.lines->nruns, &b);
	expect(r, &b, arg);
	term_text_release(&text);
	buf_release(&b);
}

static void
do_history(struct run *r, const char *arg)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_printf(&b, "%llu", (unsigned long long)history_last(r->pane.history));
	expect(r, &b, arg);
	buf_release(&b);
}

static void
do_cursor(struct run *r, const char *arg)
{
	struct term_state s;
	struct buf b;

	term_get_state(r->pane.term, &s);
	buf_init(&b, BUF_NO_MAX);
	buf_printf(&b, "%u,%u", s.x, s.y);
	expect(r, &b, arg);
	buf_release(&b);
}

static void
do_reply(struct run *r, const char *arg)
{
	expect(r, &r->pane.replies, arg);
	buf_reset(&r->pane.replies);
}

static void
do_event(struct run *r, const char *arg)
{
	drop_last_newline(&r->pane.events);
	expect(r, &r->pane.events, arg);
	buf_reset(&r->pane.events);
}

static const struct {
	const char *name;
	void (*fn)(struct run *r, const char *arg);
} commands[] = {
    {"!", do_test},
    {"size", do_size},
    {"option", do_option},
    {"feed", do_feed},
    {"resize", do_resize},
    {"lines", do_lines},
    {"screen", do_screen},
    {"ansi", do_ansi},
    {"history", do_history},
    {"cursor", do_cursor},
    {"reply", do_reply},
    {"event", do_event},
};

static void
run_line(struct run *r, char *line)
{
	size_t n = strcspn(line, " ");
	const char *arg = line[n] != '\0' ? line + n + 1 : "";

	if (*line == '\0' || *line == '#')
		return;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strlen(commands[i].name) == n && memcmp(commands[i].name, line, n) == 0) {
			commands[i].fn(r, arg);
			return;
		}
	printf("FAIL %s:%u: no such command\n", r->file, r->line);
	failed++;
}

static void
run_file(const char *file, bool bytes)
{
	struct run r = {.file = file, .bytes = bytes, .cols = 10, .rows = 4};
	size_t len;
	char *text = read_file(file, &len), *line = text, *next;

	if (text == NULL) {
		printf("FAIL %s: cannot read it\n", file);
		failed++;
		return;
	}
	pane_init(&r.pane, 10, 4, true, false);
	for (; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		r.line++;
		run_line(&r, line);
	}
	pane_release(&r.pane);
	free(text);
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char pattern[1024];
	glob_t g = {0};

	snprintf(pattern, sizeof pattern, "%s/tests/term/*.test", top != NULL ? top : ".");
	if (argc == 1 && glob(pattern, 0, NULL, &g) == 0) {
		argv = g.gl_pathv - 1;
		argc = (int)g.gl_pathc + 1;
	}
	for (int i = 1; i < argc; i++) {
		run_file(argv[i], false);
		run_file(argv[i], true);
	}
	printf("%u tests, %u checks, %u failed\n", tests, checks, failed);
	globfree(&g);
	return failed != 0 || checks == 0;
}
