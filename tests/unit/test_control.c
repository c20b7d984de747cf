#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "proto/control.h"

/* What was called, a line for each. */
struct seen {
	struct control *c;
	struct buf b;
	const char *mark, *other; /* a line of text that is the mark begins raw text */
	size_t max;
};

static void
put_bytes(struct buf *b, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)data[i];

		if (ch < 0x20 || ch >= 0x7f)
			buf_printf(b, "<%02x>", ch);
		else
			buf_putc(b, data[i]);
	}
}

static void
put_id(struct buf *b, char sigil, uint32_t id)
{
	if (id != CONTROL_NONE)
		buf_printf(b, " %c%u", sigil, id);
}

static void
on_output(void *arg, uint32_t pane, const char *data, size_t len)
{
	struct seen *s = arg;

	buf_printf(&s->b, "output %%%u [", pane);
	put_bytes(&s->b, data, len);
	buf_puts(&s->b, "]\n");
}

static void
on_notice(void *arg, const struct control_notice *n)
{
	static const char *const names[] = {"pause", "continue", "layout", "window-add",
	    "window-close", "window-renamed", "window-pane-changed", "pane-mode-changed",
	    "session-changed", "client-session", "session-renamed", "session-window",
	    "sessions-changed", "subscription-changed", "client-detached", "exit", "other"};
	struct seen *s = arg;

	buf_printf(&s->b, "%s", names[n->kind]);
	put_id(&s->b, '$', n->session);
	put_id(&s->b, '@', n->window);
	put_id(&s->b, '%', n->pane);
	buf_puts(&s->b, " [");
	put_bytes(&s->b, n->text, strlen(n->text));
	buf_puts(&s->b, "] [");
	put_bytes(&s->b, n->rest, strlen(n->rest));
	buf_puts(&s->b, "]\n");
}

static void
on_begin(void *arg, bool ours)
{
	struct seen *s = arg;

	buf_printf(&s->b, "begin%s\n", ours ? " ours" : "");
}

static void
on_text(void *arg, const char *line, size_t len)
{
	struct seen *s = arg;

	assert_int_equal(line[len], '\0');
	if (s->mark != NULL && strcmp(line, s->mark) == 0) {
		control_raw(s->c, s->mark, s->other, s->max);
		return;
	}
	buf_puts(&s->b, "text [");
	put_bytes(&s->b, line, len);
	buf_puts(&s->b, "]\n");
}

static void
on_end(void *arg, bool error)
{
	struct seen *s = arg;

	buf_puts(&s->b, error ? "error\n" : "end\n");
}

static void
on_raw(void *arg, int which, const char *data, size_t len)
{
	struct seen *s = arg;

	buf_printf(&s->b, "raw %d ", which);
	if (data == NULL) {
		assert_int_equal(len, 0);
		buf_puts(&s->b, "too much\n");
		return;
	}
	buf_putc(&s->b, '[');
	put_bytes(&s->b, data, len);
	buf_puts(&s->b, "]\n");
}

static const struct control_callbacks callbacks = {
    on_output, on_notice, on_begin, on_text, on_end, on_raw};

/* Each piece in a block of its own, so that nothing is read behind it. */
static void
feed_piece(struct control *c, const char *data, size_t len)
{
	char *copy = malloc(len + (len == 0));

	assert_non_null(copy);
	memcpy(copy, data, len);
	control_feed(c, copy, len);
	free(copy);
}

static unsigned
next_random(unsigned *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 16 & 0x7fff;
}

/* most: the largest piece, or 0 for all in one, first: the size of the first. */
static char *
run(const struct seen *how, const char *data, size_t len, size_t first, unsigned most)
{
	struct seen s = *how;
	unsigned state = most;

	buf_init(&s.b, BUF_NO_MAX);
	buf_puts(&s.b, "");
	s.c = control_new(&callbacks, &s);
	feed_piece(s.c, data, first);
	for (size_t at = first, n; at < len; at += n) {
		n = most == 0 ? len - at : most == 1 ? 1 : next_random(&state) % most + 1;
		if (n > len - at)
			n = len - at;
		feed_piece(s.c, data + at, n);
	}
	control_free(s.c);
	return buf_take(&s.b);
}

static void
check_same(const struct seen *how, const char *data, size_t len, size_t first, unsigned most,
    const char *expected)
{
	char *got = run(how, data, len, first, most);

	assert_string_equal(got, expected);
	free(got);
}

/* However it is cut. */
static void
check_bytes(const struct seen *how, const char *data, size_t len, const char *expected)
{
	check_same(how, data, len, 0, 0, expected);
	check_same(how, data, len, 0, 1, expected);
	for (size_t i = 1; i < len && len < 10000; i++)
		check_same(how, data, len, i, 0, expected);
	for (unsigned most = 2; most < 100; most += 7)
		check_same(how, data, len, 0, most, expected);
}

static void
check(const char *data, const char *expected)
{
	check_bytes(&(struct seen){0}, data, strlen(data), expected);
}

static void
check_raw(const char *other, size_t max, const char *data, const char *expected)
{
	check_bytes(&(struct seen){.mark = "MARK", .other = other, .max = max}, data,
	    strlen(data), expected);
}

static void
every_kind(void **state)
{
	static const struct {
		const char *line, *expected;
	} lines[] = {
	    {"%pause %1", "pause %1 [] []"},
	    {"%continue %4294967294", "continue %4294967294 [] []"},
	    {"%layout-change @2 b25d,80x24,0,0,0", "layout @2 [b25d,80x24,0,0,0] []"},
	    {"%layout-change @2 a,b c,d", "layout @2 [a,b] [c,d]"},
	    {"%layout-change @2 a,b c,d *Z", "layout @2 [a,b] [c,d]"},
	    {"%window-add @3", "window-add @3 [] []"},
	    {"%unlinked-window-add @3", "window-add @3 [] []"},
	    {"%window-close @3", "window-close @3 [] []"},
	    {"%unlinked-window-close @3", "window-close @3 [] []"},
	    {"%window-renamed @3 a  b ", "window-renamed @3 [a  b ] []"},
	    {"%window-renamed @3 ", "window-renamed @3 [] []"},
	    {"%unlinked-window-renamed @3 n", "window-renamed @3 [n] []"},
	    {"%window-pane-changed @3 %4", "window-pane-changed @3 %4 [] []"},
	    {"%pane-mode-changed %4", "pane-mode-changed %4 [] []"},
	    {"%session-changed $5 the name", "session-changed $5 [the name] []"},
	    {"%client-session-changed /dev/pts/1 $5 the name",
		"client-session $5 [/dev/pts/1] [the name]"},
	    {"%session-renamed $5 the name", "session-renamed $5 [the name] []"},
	    {"%session-renamed the name", "session-renamed [the name] []"},
	    {"%session-renamed $5", "session-renamed [$5] []"},
	    {"%session-window-changed $5 @6", "session-window $5 @6 [] []"},
	    {"%sessions-changed", "sessions-changed [] []"},
	    {"%subscription-changed n $1 @2 3 %4 : a : b",
		"subscription-changed $1 @2 %4 [n] [a : b]"},
	    {"%subscription-changed n $1 - - - : ", "subscription-changed $1 [n] []"},
	    {"%subscription-changed n - @2 3 %4 more x : v",
		"subscription-changed @2 %4 [n] [v]"},
	    {"%client-detached /dev/pts/1", "client-detached [/dev/pts/1] []"},
	    {"%exit", "exit [] []"},
	    {"%exit server exited", "exit [server exited] []"},
	    {"%paste-buffer-changed buffer0", "other [paste-buffer-changed] [buffer0]"},
	    {"%paste-buffer-deleted buffer0", "other [paste-buffer-deleted] [buffer0]"},
	    {"%config-error f:1: what", "other [config-error] [f:1: what]"},
	    {"%message ", "other [message] []"},
	    {"%message a b", "other [message] [a b]"},
	    {"%pause %1 more", "pause %1 [] []"},
	};
	char data[256], expected[256];

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		snprintf(data, sizeof data, "%s\n", lines[i].line);
		snprintf(expected, sizeof expected, "%s\n", lines[i].expected);
		check(data, expected);
		/* In a block they are the same. */
		snprintf(data, sizeof data, "%%begin 1 2 1\n%s\n%%end 1 2 1\n", lines[i].line);
		snprintf(expected, sizeof expected, "begin ours\n%s\nend\n", lines[i].expected);
		check(data, expected);
	}
	check("%later-one a b\n%later\n", "other [later-one] [a b]\nother [later] []\n");
	check("%exitx\n%sessions-changed-x\n",
	    "other [exitx] []\nother [sessions-changed-x] []\n");
	check("%begin 1 2 1\n%later-one a b\n%end 1 2 1\n",
	    "begin ours\ntext [%later-one a b]\nend\n");
}

static void
malformed(void **state)
{
	static const char *const lines[] = {"%", "%%", "% pause %1", "%pause", "%pause ",
	    "%pause 1", "%pause %", "%pause %x", "%pause %1x", "%pause  %1", "%pause @1",
	    "%pause %4294967295", "%pause %18446744073709551617", "%Pause %1",
	    "%layout-change @1", "%layout-change @1 ", "%layout-change 1 a",
	    "%window-renamed 1 a", "%window-pane-changed @1", "%window-pane-changed @1 @2",
	    "%session-changed name", "%client-session-changed c name",
	    "%client-session-changed", "%session-renamed", "%session-renamed ",
	    "%session-renamed $1 ", "%session-window-changed $1", "%client-detached",
	    "%subscription-changed n $1 @2 3 %4 v", "%subscription-changed n $1 @2 3 : v",
	    "%subscription-changed n $1 @2 x %4 : v", "%subscription-changed n $1 @2 3 -4 : v",
	    "%output", "%output ", "%output %1", "%output 1 a", "%output %1x a",
	    "%output %4294967295 a", "%extended-output %1", "%extended-output %1 0 a",
	    "%extended-output %1 0 :a", "%end 1 3 1", "%end", "%end 1 2", "%error 2 2 1",
	    "%begin", "%begin 1 2", "%begin 1 2 x", "%begin 1 2 1x",
	    "%begin 1 99999999999999999999 1", "%begin -1 2 1", "%sessions-changed1", "",
	    "text", " %pause %1"};
	char data[256], expected[256];

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		snprintf(data, sizeof data, "%s\n%%pause %%7\n", lines[i]);
		check(data, "pause %7 [] []\n");
		snprintf(data, sizeof data, "%%begin 1 2 0\n%s\n%%end 1 2 0\n", lines[i]);
		snprintf(expected, sizeof expected, "begin\ntext [%s]\nend\n", lines[i]);
		check(data, expected);
	}
}

static void
output(void **state)
{
	static const char nul[] = "%output %1 a\0b\\000\n";

	(void)state;
	check("%output %1 a\\015\\012b\\134\\033[m\n%output %0  x \n%output %2 \n",
	    "output %1 [a<0d><0a>b\\<1b>[m]\noutput %0 [ x ]\noutput %2 []\n");
	check("%output %1 \x7f\xc3\xa4\xff\xc3\xf0\x9f\\377\\200\\177\n",
	    "output %1 [<7f><c3><a4><ff><c3><f0><9f><ff><80><7f>]\n");
	check("%output %1 \\\\400\\08\\x\\12\n%output %1 \\\n%output %1 \\0123\\\\012\n",
	    "output %1 [\\\\400\\08\\x\\12]\noutput %1 [\\]\noutput %1 [<0a>3\\<0a>]\n");
	check("%extended-output %3 120 : a : b\\012\n%extended-output %3 0 later : \n"
	      "%extended-output %3 : x\n",
	    "output %3 [a : b<0a>]\noutput %3 []\noutput %3 [x]\n");
	check("%begin 1 2 1\n%output %1 a\\012\n%extended-output %1 0 : b\n%end 1 2 1\n",
	    "begin ours\noutput %1 [a<0a>]\noutput %1 [b]\nend\n");
	check_bytes(&(struct seen){0}, nul, sizeof nul - 1, "output %1 [a<00>b<00>]\n");
	check("%output %1 no end", "");
}

static void
blocks(void **state)
{
	static const char nul[] = "%begin 1 2 0\na\0b\n%end 1 2 0\n";

	(void)state;
	check("%begin 1363006971 2 1\n\nline\n%%\n%end 1363006971 2 1\n",
	    "begin ours\ntext []\ntext [line]\ntext [%%]\nend\n");
	check("%begin 1 2 0\nbad command\n%error 1 2 0\nlost\n%begin 1 3 1\n%end 1 3 1\n",
	    "begin\ntext [bad command]\nerror\nbegin ours\nend\n");
	/* Another block's end and beginning are text. */
	check("%begin 10 20 1\n%end 10 21 1\n%error 11 20 1\n%begin 10 20 1\n%end 10 200 1\n"
	      "%ending 10 20 1\n%end 10 20 1x\n%end 10 20 1\n",
	    "begin ours\ntext [%end 10 21 1]\ntext [%error 11 20 1]\ntext [%begin 10 20 1]\n"
	    "text [%end 10 200 1]\ntext [%ending 10 20 1]\ntext [%end 10 20 1x]\nend\n");
	check("%begin 18446744073709551615 4294967295 1 more\n"
	      "%end 18446744073709551615 4294967295 1\n",
	    "begin ours\nend\n");
	check_bytes(&(struct seen){0}, nul, sizeof nul - 1, "begin\ntext [a<00>b]\nend\n");
}

static void
raw_text(void **state)
{
	(void)state;
	check_raw(NULL, 1000,
	    "%begin 1 2 1\na\nMARK\n%end 1 2 1\n%begin 1 3 1\n%output %1 x\\012\nMARKE\nMARK "
	    "\nMAR\n"
	    "\n%pause %1\nMARK\nb\n%end 1 2 1\nMARK\n%pause %1\n",
	    "begin ours\ntext [a]\nraw 0 [%end 1 2 1<0a>%begin 1 3 1<0a>%output %1 x\\012<0a>"
	    "MARKE<0a>MARK <0a>MAR<0a><0a>%pause %1<0a>]\ntext [b]\nend\npause %1 [] []\n");
	check_raw("OTHERMARK", 1000,
	    "%begin 1 2 1\nMARK\nx\nOTHERMARK\n%end 1 2 1\n%begin 2 2 1\nMARK\nOTHERMAR\n"
	    "OTHERMARKS\nMARK\nMARK\nMARK\nOTHERMARK\n%error 2 2 1\n",
	    "begin ours\nraw 1 [x<0a>]\nend\nbegin ours\nraw 0 [OTHERMAR<0a>OTHERMARKS<0a>]\n"
	    "raw 0 []\ntext [OTHERMARK]\nerror\n");
	check_raw(NULL, 4,
	    "%begin 1 2 1\nMARK\nabc\nMARK\nMARK\nabcd\nMARK\nMARK\na\nb\nc\n"
	    "MARK\nMARK\n\nMARK\n%end 1 2 1\n",
	    "begin ours\nraw 0 [abc<0a>]\nraw 0 too much\nraw 0 too much\nraw 0 [<0a>]\nend\n");
	check_raw(NULL, 0, "%begin 1 2 1\nMARK\nMARK\nMARK\n\nMARK\n%end 1 2 1\n",
	    "begin ours\nraw 0 []\nraw 0 too much\nend\n");
	/* What is left without an end is freed. */
	check_raw(NULL, 100, "%begin 1 2 1\nMARK\nabc\nMAR", "begin ours\n");
}

/* Longer than any line may be elsewhere. */
static void
raw_text_is_long(void **state)
{
	size_t len = 3 * CONTROL_LINE_MAX;
	struct buf in, out;

	(void)state;
	buf_init(&in, BUF_NO_MAX);
	buf_init(&out, BUF_NO_MAX);
	buf_puts(&in, "%begin 1 2 1\nMARK\n");
	buf_puts(&out, "begin ours\nraw 0 [");
	for (size_t i = 0; i < len; i++) {
		buf_putc(&in, (char)('a' + i % 26));
		buf_putc(&out, (char)('a' + i % 26));
	}
	buf_puts(&in, "\nMARK\n%end 1 2 1\n");
	buf_puts(&out, "<0a>]\nend\n");
	for (unsigned i = 0; i < 2; i++) {
		struct seen how = {.mark = "MARK", .max = len + 1 - i};
		const char *over = "begin ours\nraw 0 too much\nend\n";

		check_same(&how, in.data, in.len, 0, 0, i == 0 ? out.data : over);
		check_same(&how, in.data, in.len, 0, 30000, i == 0 ? out.data : over);
	}
	buf_release(&in);
	buf_release(&out);
}

static void
put_long(struct buf *b, const char *begin, size_t len)
{
	size_t n = strlen(begin);

	buf_puts(b, begin);
	for (; n < len; n++)
		buf_putc(b, 'x');
	buf_putc(b, '\n');
}

static void
lines_too_long(void **state)
{
	static const unsigned most[] = {0, 1, 5000, 30000};
	static const struct seen how = {0};

	(void)state;
	for (int over = 0; over < 2; over++) {
		size_t len = CONTROL_LINE_MAX + (size_t)over;
		struct buf in;

		buf_init(&in, BUF_NO_MAX);
		put_long(&in, "%output %1 \\012", len);
		put_long(&in, "%window-renamed @1 ", len);
		buf_puts(&in, "%begin 1 2 1\n");
		put_long(&in, "text", len);
		put_long(&in, "%extended-output %2 0 : ", len);
		buf_puts(&in, "a\n%end 1 2 1\n%pause %1\n");
		for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
			char *got = run(&how, in.data, in.len, 0, most[i]);

			if (over != 0)
				assert_string_equal(
				    got, "begin ours\ntext [a]\nend\npause %1 [] []\n");
			else
				assert_true(strlen(got) > 4 * (size_t)CONTROL_LINE_MAX - 100);
			free(got);
		}
		buf_release(&in);
	}
}

/* What tmux 3.3a sent, shortened. */
static const char recorded[] =
    "%begin 1795278099 260 0\n%end 1795278099 260 0\n%window-add @0\n%sessions-changed\n"
    "%session-changed $0 0\n%window-renamed @0 bash\n%output %0 hello\\015\\012\n"
    "%begin 1795278099 269 1\n%end 1795278099 269 1\n"
    "%subscription-changed a $0 @0 0 %0 : %0 x\n%subscription-changed b $0 - - - : 0\n"
    "%subscription-changed c $0 @0 0 - : cat\n%window-pane-changed @0 %2\n"
    "%layout-change @0 d67e,80x24,0,0{40x24,0,0,0,39x24,41,0[39x12,41,0,1,39x11,41,13,2]} "
    "d67e,80x24,0,0{40x24,0,0,0,39x24,41,0[39x12,41,0,1,39x11,41,13,2]} *\n"
    "%extended-output %2 0 : a\\010\\033[1m\303\344\177\\015\\012\n"
    "%begin 1795278101 280 1\n%end 1795278101 280 1\n%session-window-changed $0 @1\n"
    "%window-renamed @1 a b\n%session-renamed $0 s s\n%pane-mode-changed %3\n"
    "%unlinked-window-add @2\n%begin 1795278102 304 1\n"
    "parse error: unknown command: nonsense\n%error 1795278102 304 1\n"
    "%begin 1795278102 307 1\n"
    "d67e,80x24,0,0{40x24,0,0,0,39x24,41,0[39x12,41,0,1,39x11,41,13,2]}\n"
    "b261,80x24,0,0,4\n%end 1795278102 307 1\n%unlinked-window-close @1\n%exit\n";

static void
recording(void **state)
{
	(void)state;
	check(recorded,
	    "begin\nend\nwindow-add @0 [] []\nsessions-changed [] []\n"
	    "session-changed $0 [0] []\nwindow-renamed @0 [bash] []\n"
	    "output %0 [hello<0d><0a>]\nbegin ours\nend\n"
	    "subscription-changed $0 @0 %0 [a] [%0 x]\nsubscription-changed $0 [b] [0]\n"
	    "subscription-changed $0 @0 [c] [cat]\nwindow-pane-changed @0 %2 [] []\n"
	    "layout @0 [d67e,80x24,0,0{40x24,0,0,0,39x24,41,0[39x12,41,0,1,39x11,41,13,2]}] "
	    "[d67e,80x24,0,0{40x24,0,0,0,39x24,41,0[39x12,41,0,1,39x11,41,13,2]}]\n"
	    "output %2 [a<08><1b>[1m<c3><e4><7f><0d><0a>]\nbegin ours\nend\n"
	    "session-window $0 @1 [] []\nwindow-renamed @1 [a b] []\n"
	    "session-renamed $0 [s s] []\npane-mode-changed %3 [] []\nwindow-add @2 [] []\n"
	    "begin ours\ntext [parse error: unknown command: nonsense]\nerror\nbegin ours\n"
	    "text [d67e,80x24,0,0{40x24,0,0,0,39x24,41,0[39x12,41,0,1,39x11,41,13,2]}]\n"
	    "text [b261,80x24,0,0,4]\nend\nwindow-close @1 [] []\nexit [] []\n");
}

static void
unescape(void **state)
{
	char data[] = "a\\012\\\\134\\9\\", none[] = "plain";

	(void)state;
	assert_int_equal(control_unescape(data, sizeof data - 1), 7);
	assert_memory_equal(data, "a\n\\\\\\9\\", 7);
	assert_int_equal(control_unescape(none, 5), 5);
	assert_string_equal(none, "plain");
	assert_int_equal(control_unescape(NULL, 0), 0);
}

static void
check_layout(const char *layout, const char *expected)
{
	struct control_cell cells[8];
	int n = control_layout(layout, cells, 8);
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	for (int i = 0; i < n && i < 8; i++)
		buf_printf(&b, "%s%s%u:%ux%u,%d,%d", i == 0 ? "" : " ",
		    cells[i].floating ? "*" : "", cells[i].pane, cells[i].cols, cells[i].rows,
		    cells[i].x, cells[i].y);
	assert_string_equal(b.data, expected);
	assert_int_equal(control_layout(layout, NULL, 0), n);
	buf_release(&b);
}

static void
layouts(void **state)
{
	(void)state;
	check_layout("b261,80x24,0,0,4", "4:80x24,0,0");
	check_layout("d67e,80x24,0,0{40x24,0,0,0,39x24,41,0[39x12,41,0,1,39x11,41,13,2]}",
	    "0:40x24,0,0 1:39x12,41,0 2:39x11,41,13");
	check_layout("0000,9x9,0,0[9x4,0,0{4x4,0,0,7,4x4,5,0,8},9x4,0,5,9]",
	    "7:4x4,0,0 8:4x4,5,0 9:9x4,0,5");
	check_layout("ffff,100000x1,100000,0,4294967294", "4294967294:100000x1,100000,0");
	/* As 3.7 has floating panes. */
	check_layout("0000,80x24,0,0[80x24,0,0,0,30x10,-5,-2,1]<30x10,-5,-2,1>",
	    "0:80x24,0,0 *1:30x10,-5,-2");
	check_layout("0000,80x24,0,0[80x24,0,0,0,3x3,5,5,1,4x4,6,6,2]<4x4,6,6,2,3x3,5,5,1>",
	    "0:80x24,0,0 *1:3x3,5,5 *2:4x4,6,6");
	check_layout(
	    "0000,80x24,0,0,0<3x3,5,5,1,4x4,6,6,2>", "0:80x24,0,0 *1:3x3,5,5 *2:4x4,6,6");
	check_layout("0000,80x24,0,0<3x3,5,5,1>", "*1:3x3,5,5");
}

static void
layouts_that_are_none(void **state)
{
	static const char *const bad[] = {"", "b261", "b261,", "b261 80x24,0,0,4",
	    "b26,80x24,0,0,4", "b2611,80x24,0,0,4", "g261,80x24,0,0,4", "b261,80x24,0,0",
	    "b261,80x24,0,0,", "b261,80x24,0,0,x", "b261,80x24,0,0,4,", "b261,80x24,0,0,4 ",
	    "b261,80x24,0,0,4x", "b261,80x24,0,0,4]", "b261,80x24,0,0,4[", "b261,80x24,0,0,4<",
	    "b261,80x24,0,0,4<>", "b261,x24,0,0,4", "b261,0x24,0,0,4", "b261,80x0,0,0,4",
	    "b261,100001x24,0,0,4", "b261,80x100001,0,0,4", "b261,80x24,100001,0,4",
	    "b261,80x24,0,-100001,4", "b261,80x24,-,0,4", "b261,80x24,0,0,4294967295",
	    "b261,99999999999999999999999x24,0,0,4", "b261,80x24,0,0[", "b261,80x24,0,0[]",
	    "b261,80x24,0,0[40x24,0,0,1", "b261,80x24,0,0[40x24,0,0,1}",
	    "b261,80x24,0,0{40x24,0,0,1]", "b261,80x24,0,0[40x24,0,0,1>",
	    "b261,80x24,0,0[40x24,0,0,1,]", "b261,80x24,0,0[40x24,0,0,1]]",
	    "b261,80x24,0,0[40x24,0,0,1]x", "b261,80x24,0,0[40x24,0,0,1],5",
	    "b261,80x24,0,0[40x24,0,0,1<4x4,0,0,2>]", "b261,-80x24,0,0,4",
	    "b261,80x24,0,0,4\n"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(control_layout(bad[i], NULL, 0), -EINVAL);
}

static void
put_cells(struct buf *b, unsigned n, bool same)
{
	buf_reset(b);
	buf_puts(b, "0000,9x9,0,0<");
	for (unsigned i = 0; i < n; i++)
		buf_printf(b, "%s9x9,0,0,%u", i == 0 ? "" : ",", same ? 5 : i);
	buf_putc(b, '>');
}

static void
layouts_are_bounded(void **state)
{
	struct control_cell cells[2], *all = calloc(CONTROL_CELLS_MAX, sizeof *all);
	struct buf b;

	(void)state;
	buf_init(&b, BUF_NO_MAX);
	put_cells(&b, CONTROL_CELLS_MAX, false);
	assert_int_equal(control_layout(b.data, cells, 2), CONTROL_CELLS_MAX);
	assert_int_equal(cells[1].pane, 1);
	assert_int_equal(control_layout(b.data, all, CONTROL_CELLS_MAX), CONTROL_CELLS_MAX);
	assert_int_equal(all[CONTROL_CELLS_MAX - 1].pane, CONTROL_CELLS_MAX - 1);
	put_cells(&b, CONTROL_CELLS_MAX + 1, false);
	assert_int_equal(control_layout(b.data, all, CONTROL_CELLS_MAX), -EINVAL);
	put_cells(&b, CONTROL_CELLS_MAX + 1, true);
	assert_int_equal(control_layout(b.data, all, CONTROL_CELLS_MAX), -EINVAL);
	for (unsigned depth = 1000; depth < 200000; depth = depth * 50) {
		buf_reset(&b);
		buf_puts(&b, "0000,");
		for (unsigned i = 0; i < depth; i++)
			buf_puts(&b, "9x9,0,0[");
		buf_puts(&b, "9x9,0,0,1");
		for (unsigned i = 0; i < depth; i++)
			buf_putc(&b, ']');
		assert_int_equal(control_layout(b.data, cells, 2), depth == 1000 ? 1 : -EINVAL);
	}
	buf_release(&b);
	free(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_kind),
	    cmocka_unit_test(malformed),
	    cmocka_unit_test(output),
	    cmocka_unit_test(blocks),
	    cmocka_unit_test(raw_text),
	    cmocka_unit_test(raw_text_is_long),
	    cmocka_unit_test(lines_too_long),
	    cmocka_unit_test(recording),
	    cmocka_unit_test(unescape),
	    cmocka_unit_test(layouts),
	    cmocka_unit_test(layouts_that_are_none),
	    cmocka_unit_test(layouts_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
