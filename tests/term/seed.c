/*
 * seed [RECORDING...]: what tmux panes hold, brought into a terminal by tmux/seed.h.
 *
 * Each situation and some recordings are played in a pane of a tmux of its own. A terminal is then
 * seeded from the captures, and compared: for situations, with one that was fed the same bytes;
 * for recordings, with the text that tmux itself gives. Every seed is also fed to a terminal that
 * is in disorder, which must come out the same. Skipped where there is no tmux.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "pane.h"
#include "tmux/seed.h"

#define TMUX "LC_ALL=C.UTF-8 timeout 20 tmux -u -L seed -f /dev/null "

static unsigned done, failed;
static char dir[] = "/tmp/seed.XXXXXX";

/* Lines that fill a history, then something. */
#define TEN "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n10\r\n"
#define LONG "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const struct situation {
	const char *name;
	unsigned cols, rows;
	const char *bytes, *unfinished; /* the second: an escape sequence that goes on later */
} situations[] = {
    {"empty", 20, 6, "", NULL},
    {"one word", 20, 6, "hello", NULL},
    {"shell", 20, 6, "$ ls\r\na  b  c\r\n\r\n$ echo a   b\r\na b\r\n$ ", NULL},
    {"history", 20, 6, TEN "$ ", NULL},
    {"full screen, no newline", 20, 6, "1\r\n2\r\n3\r\n4\r\n5\r\n6", NULL},
    {"colours", 20, 6,
	TEN "\033[31mred\033[44m on blue  \033[m  \r\n\033[1;4mbold\033[0;7m inv \033[m\r\n"
	    "\033[38;5;200mpink\r\n\033[38;2;1;2;3mrgb\033[58;5;3;4:3mcurly \033[m",
	NULL},
    {"colour runs on", 20, 6, "\033[42;1m" TEN "\r\n\033[mx", NULL},
    {"background erase", 20, 6, TEN "\033[41mx\033[K\r\ny\033[K\r\n\033[mz", NULL},
    {"wrapped", 20, 6, LONG "\r\n" LONG LONG "\r\n$ ", NULL},
    {"wrapped over the border", 20, 6, "1\r\n" LONG LONG "\r\n2\r\n3\r\n4", NULL},
    {"wrapped beyond the screen", 20, 4, LONG LONG LONG LONG, NULL},
    {"exact width", 20, 6, TEN "01234567890123456789\r\n01234567890123456789\r\nx", NULL},
    {"pending wrap", 20, 6, TEN "01234567890123456789", NULL},
    {"pending wrap, wide", 20, 6, TEN "012345678901234567\033[31m界", NULL},
    {"pending wrap, mark", 20, 6, TEN "0123456789012345678e\xCC\x81", NULL},
    {"pending wrap above", 20, 6, "a\r\nb\r\nc\r\n\033[2;1H\033[1m01234567890123456789", NULL},
    {"forced wrap", 20, 6, TEN "$ 345678901234567890 \r\033[3C", NULL},
    {"prompt fill", 20, 6, TEN "\033[7m%\033[m                   \r \r$ x", NULL},
    {"wide", 20, 6, TEN "界面世界 ok\r\n한국어\r\n日本語の文章がここにある、はい\r\n$ ", NULL},
    {"wide at odd edge", 20, 4, "a日本語の文章がここにあるはいそうです\r\n" TEN, NULL},
    {"wide at odd edge, shown", 21, 5, "日本語の文章がここにあるはいそうです\r\n$ ", NULL},
    {"emoji", 20, 6, TEN "😀 🚀🎉 x\r\n→ ✓ é e\xCC\x81\r\n$ ", NULL},
    {"tabs", 40, 6, TEN "a\tb\tc\r\n\td\r\n$ ", NULL},
    {"cleared", 20, 6, TEN "\033[H\033[2J$ ", NULL},
    {"cleared below", 20, 6, TEN "\033[2;1H\033[Jx", NULL},
    {"cursor amid", 20, 6, TEN "\033[3;5H", NULL},
    {"cursor on home", 20, 6, LONG LONG LONG "\033[H", NULL},
    {"region", 20, 6, TEN "\033[2;4r\033[3;1Hx\r\ny", NULL},
    {"origin", 20, 6, TEN "\033[3;5r\033[?6h\033[2;4Hq", NULL},
    {"modes", 20, 6, TEN "\033[?1h\033=\033[?25l", NULL},
    {"mouse 1000", 20, 6, "\033[?1000h", NULL},
    {"mouse 1002", 20, 6, "\033[?1002;1006h", NULL},
    {"mouse 1003", 20, 6, "\033[?1003;1005h", NULL},
    {"insert", 20, 6, "abc\033[H\033[4hx", NULL},
    {"no wrap", 20, 6, "abc\033[?7l" LONG "\r", NULL},
    {"stops", 40, 6, "x\033[3g\033[6G\033H\033[11G\033H\r\t", NULL},
    {"no stops", 40, 6, "x\033[3g\r", NULL},
    {"line drawing", 20, 6, TEN "\033(0lqqk\r\nx\033(B x\r\n\033)0\016mqqj\017mqqj\r\n", NULL},
    {"line drawing runs on", 20, 6, "\033(0lqqqqqqqqqqqqqqqqqqqqqqqk\r\nx\r\n\033(B" TEN, NULL},
    {"unfinished", 20, 6, TEN "$ ", "\033[3"},
    {"unfinished string", 20, 6, TEN "$ ", "\033]2;a\\b"},
    {"alternate", 20, 6, "$ vi\r\n\033[?1049h\033[2;3Hfoo\033[6;20Hx\033[1;1H", NULL},
    {"alternate, history", 20, 6, TEN "$ vi\r\n\033[?1049h\033[41mred\033[K\033[m\r\n  x",
	NULL},
    {"alternate, full", 20, 6, TEN "\033[?1049h\033[H" LONG LONG "01234567890123456789", NULL},
    {"alternate, region", 20, 6, TEN "\033[?1049h\033[2;5r\033[?6h\033[2;4Hq", NULL},
    {"alternate, pending wrap", 20, 6,
	"\033[?1049h\033[3H0123456789012345678界\033[4H"
	"01234567890123456789",
	NULL},
    {"alternate, unfinished", 20, 6, TEN "\033[?1049hx\033[?25l\033[?1h", "\033[1;3"},
    {"alternate, 1047", 20, 6, TEN "$ \033[?1047h\033[Hfoo", NULL},
    {"tiny", 1, 1, "abc", NULL},
    {"narrow", 2, 3, "abcdefgh\r\nxy\r\n界面", NULL},
    {"wide pane", 300, 3, TEN LONG LONG LONG LONG LONG LONG "\r\nx", NULL},
};

/* Resized, if cols is not 0, when it has been played. `rows_only`: tmux joins rows that it has no
 * place for any more, so that their lines cannot be known. */
static const struct recording {
	const char *name;
	unsigned cols, rows;
	bool rows_only;
} recordings[] = {
    {"alacritty__delete_lines", 0, 0, false},
    {"alacritty__sgr", 0, 0, false},
    {"alacritty__region_scroll_down", 0, 0, false},
    {"alacritty__vim_simple_edit", 0, 0, false},
    {"alacritty__vim_simple_edit", 60, 10, true},
    {"alacritty__vim_simple_edit", 100, 40, true},
    {"alacritty__tmux_git_log", 0, 0, false},
    {"alacritty__erase_in_line", 0, 0, true},
    {"alacritty__tab_rendering", 0, 0, false},
    {"buildkite__pikachu", 0, 0, false},
    {"buildkite__pikachu", 53, 17, false},
    {"buildkite__weather", 0, 0, false},
    {"cast__borg-borg2-demo", 0, 0, false},
    {"cast__borg-borg2-demo", 37, 50, false},
    {"buildkite__curl", 31, 5, false},
    {"alacritty__colored_underline", 0, 0, false},
};

/* The program in the pane: writes a file, waits until the terminal has seen it, then writes what
 * is to be unfinished and says so. */

static void
write_file(const char *path)
{
	size_t len = 0;
	char *data = read_file(path, &len);

	for (size_t at = 0; at < len;) {
		ssize_t n = write(STDOUT_FILENO, data + at, len - at);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	free(data);
}

static void
wait_for_reply(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	char c = 0, last = 0;

	/* The answer to the question is ESC [ 0 n; the file may have asked others. */
	if (write(STDOUT_FILENO, "\033[5n", 4) != 4)
		return;
	while (poll(&p, 1, 10000) == 1 && read(STDIN_FILENO, &c, 1) == 1) {
		if (last == '0' && c == 'n')
			return;
		last = c;
	}
}

static int
play(const char *file)
{
	struct termios t;
	char path[256];

	/* Should the test be killed, tmux ends with its panes. */
	alarm(120);
	if (tcgetattr(STDIN_FILENO, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(STDIN_FILENO, TCSANOW, &t);
	}
	write_file(file);
	wait_for_reply();
	snprintf(path, sizeof path, "%s.more", file);
	write_file(path);
	snprintf(path, sizeof path, "%s.done", file);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	while (pause() < 0)
		;
	return 0;
}

/* tmux */

static char *
run(const char *command, size_t *len)
{
	FILE *f = popen(command, "r");
	struct buf b;
	char *at;
	size_t n = 0;

	buf_init(&b, BUF_NO_MAX);
	do {
		at = buf_reserve(&b, 65536);
		n = f != NULL ? fread(at, 1, 65536, f) : 0;
		buf_commit(&b, n);
	} while (n > 0);
	if (f != NULL)
		pclose(f);
	*len = b.len;
	return buf_take(&b);
}

static void
store(const char *name, const char *more, const char *data, size_t len)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s%s", dir, name, more);
	if ((f = fopen(path, "w")) == NULL)
		return;
	fwrite(data, 1, len, f);
	fclose(f);
}

static void
start(unsigned id, unsigned cols, unsigned rows, const char *data, size_t len, const char *more)
{
	char self[1024], command[2048], name[32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	size_t out;

	self[n > 0 ? n : 0] = '\0';
	snprintf(name, sizeof name, "p%u", id);
	store(name, "", data, len);
	store(name, ".more", more != NULL ? more : "", more != NULL ? strlen(more) : 0);
	snprintf(command, sizeof command,
	    TMUX "%s new-session -d -s %s -x %u -y %u \"'%s' --play %s/%s\" 2>&1",
	    id == 0 ? "set -g history-limit 50000 \\; set -g status off \\;" : "", name, cols,
	    rows, self, dir, name);
	free(run(command, &out));
}

static bool
wait_until_played(unsigned id)
{
	struct timespec ms = {.tv_nsec = 5000000};
	char path[256];

	snprintf(path, sizeof path, "%s/p%u.done", dir, id);
	for (unsigned i = 0; i < 2000; i++) {
		if (access(path, F_OK) == 0)
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}

static unsigned
pane_of(unsigned id)
{
	char command[256], *out;
	unsigned pane;
	size_t len;

	snprintf(
	    command, sizeof command, TMUX "display-message -p -t p%u: '#{pane_id}' 2>&1", id);
	out = run(command, &len);
	pane = len > 1 ? (unsigned)strtoul(out + 1, NULL, 10) : 0;
	free(out);
	return pane;
}

/* One command's output without the last newline. */
static struct seed_part
capture(const char *command, unsigned pane, const char *rest)
{
	char tmux[2048];
	struct seed_part p;

	snprintf(tmux, sizeof tmux, TMUX "%s%u %s 2>/dev/null", command, pane, rest);
	p.data = run(tmux, &p.len);
	if (p.len > 0 && p.data[p.len - 1] == '\n')
		p.len--;
	return p;
}

static int
seed_pane(unsigned pane, struct seed **s)
{
	struct seed_part parts[SEED_PARTS_MAX];
	int rc = -EAGAIN;

	for (int alt = 0; alt < 2 && rc == -EAGAIN; alt++) {
		const char *const *commands = alt ? seed_commands_alt : seed_commands;
		size_t n = 1;

		parts[0] = capture("display-message -p -t %", pane, seed_state_format);
		for (; commands[n - 1] != NULL; n++)
			parts[n] = capture(commands[n - 1], pane, "");
		rc = seed_new(alt, parts, n, s);
		for (size_t i = 0; i < n; i++)
			free((char *)parts[i].data);
	}
	return rc;
}

/* Comparing */

static void
feed_seed(struct pane *p, const struct seed *s)
{
	size_t n = seed_lines(s), half = seed_screen_line(s) / 2;
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	seed_write_reset(&b);
	term_feed(p->term, b.data, b.len);
	history_clear(p->history);
	buf_reset(&b);
	seed_write_lines(s, 0, half, &b);
	seed_write_lines(s, half, n, &b);
	seed_write_state(s, &b);
	term_feed(p->term, b.data, b.len);
	buf_release(&b);
}

/* Everything that a reset has to undo. */
static void
disorder(struct pane *p)
{
	static const char mess[] =
	    "\033[41;1mmain\r\n\n\n\n\n\n\n\033[3g\033[2;3r\033[?6h\033[?1;5;7;12;45;66;1004;"
	    "2004h"
	    "\033[4;20h\033(0\033[?1049h\033[?25l\033[1;2rqqq\033[3g\033[?1003;1006h\033[?2026h"
	    "\033[?7l\033[5 q\033]8;;http://x/\033\\y\033[?6h\033P1";

	term_feed(p->term, mess, sizeof mess - 1);
}

static void
differ(const char *name, const char *what, const char *got, const char *want)
{
	failed++;
	printf("FAIL %s: %s\n--- got\n%s\n--- want\n%s\n---\n", name, what, got, want);
}

static void
compare(const char *name, const char *what, const struct buf *got, const struct buf *want)
{
	const char *a = got->data != NULL ? got->data : "";
	const char *b = want->data != NULL ? want->data : "";

	done++;
	if (strcmp(a, b) != 0)
		differ(name, what, a, b);
}

static void
say_state(const struct pane *p, struct buf *b)
{
	struct term_state s;

	term_get_state(p->term, &s);
	buf_reset(b);
	buf_printf(b,
	    "cursor %u,%u visible %d alternate %d synchronized %d paste %d focus %d keys %d "
	    "keypad %d mouse %u/%u lines %llu",
	    s.x, s.y, s.cursor_visible, s.alternate, s.synchronized, s.bracketed_paste,
	    s.focus_events, s.application_cursor, s.application_keypad, s.mouse,
	    s.mouse_encoding,
	    (unsigned long long)(history_last(p->history) - history_first(p->history) + 1));
}

static void
compare_panes(
    const char *name, const char *how, const struct pane *got, const struct pane *want)
{
	struct buf a, b;
	char what[64];

	buf_init(&a, BUF_NO_MAX);
	buf_init(&b, BUF_NO_MAX);
	for (int i = 0; i < 3; i++) {
		static const char *const whats[] = {
		    "history and main screen", "screen", "state"};

		snprintf(what, sizeof what, "%s, %s", whats[i], how);
		buf_reset(&a);
		buf_reset(&b);
		if (i == 0) {
			pane_lines(got, &a);
			pane_lines(want, &b);
		} else if (i == 1) {
			pane_screen(got, &a);
			pane_screen(want, &b);
		} else {
			say_state(got, &a);
			say_state(want, &b);
		}
		compare(name, what, &a, &b);
	}
	buf_release(&a);
	buf_release(&b);
}

/* What is written next shows the modes that have no place in the state. */
static void
go_on(struct pane *p)
{
	static const char more[] = "mq\tz\r\n\n\tx\r\n\t\ty\033[?1049l\033[4l\r\nend\033[6n";

	term_feed(p->term, more, sizeof more - 1);
}

static bool
seeded(const char *name, unsigned id, struct seed **s)
{
	int rc = wait_until_played(id) ? seed_pane(pane_of(id), s) : -ETIMEDOUT;

	if (rc == 0)
		return true;
	failed++;
	printf("FAIL %s: %s\n", name, strerror(-rc));
	return false;
}

/* What has left the screen of the one is known to end where the other's begins. */
static void
check_overlap(const char *name, const struct pane *p, const struct seed *s)
{
	struct history_view view;
	struct history_reader r;
	struct slab_line line;
	struct buf hashes;
	uint64_t h;
	size_t n;
	int64_t at;

	buf_init(&hashes, BUF_NO_MAX);
	history_view(p->history, 0, UINT64_MAX, &view);
	history_read(&r, &view, 0);
	while (history_next(&r, &line)) {
		h = seed_hash_text(line.text, line.len);
		buf_append(&hashes, &h, sizeof h);
	}
	history_view_release(&view);
	n = hashes.len / sizeof h;
	at = seed_overlap(s, (const uint64_t *)(const void *)hashes.data, n);
	done++;
	if (at != (int64_t)seed_screen_line(s)) {
		failed++;
		printf("FAIL %s: the history of %zu lines goes on at %lld, not %zu\n", name, n,
		    (long long)at, seed_screen_line(s));
	}
	buf_release(&hashes);
}

static void
check_situation(const struct situation *sit, unsigned id)
{
	struct pane direct, fresh, other;
	struct seed *s;

	if (!seeded(sit->name, id, &s))
		return;
	pane_init(&direct, sit->cols, sit->rows, true, false);
	pane_init(&fresh, sit->cols, sit->rows, true, false);
	pane_init(&other, sit->cols, sit->rows, true, false);
	term_feed(direct.term, sit->bytes, strlen(sit->bytes));
	if (sit->unfinished != NULL)
		term_feed(direct.term, sit->unfinished, strlen(sit->unfinished));
	check_overlap(sit->name, &direct, s);
	feed_seed(&fresh, s);
	disorder(&other);
	feed_seed(&other, s);
	compare_panes(sit->name, "fresh", &fresh, &direct);
	compare_panes(sit->name, "in disorder", &other, &direct);
	go_on(&direct);
	go_on(&fresh);
	go_on(&other);
	compare_panes(sit->name, "gone on", &fresh, &direct);
	compare_panes(sit->name, "gone on from disorder", &other, &direct);
	pane_release(&direct);
	pane_release(&fresh);
	pane_release(&other);
	seed_free(s);
}

/* Lines as tmux gives them, trimmed as pane_lines trims. */
static void
tmux_text(const char *command, unsigned pane, struct buf *b)
{
	struct seed_part p = capture(command, pane, "");

	for (const char *l = p.data, *end = p.data + p.len; l < end;) {
		const char *nl = memchr(l, '\n', (size_t)(end - l));
		size_t len = (size_t)((nl != NULL ? nl : end) - l);

		while (len > 0 && l[len - 1] == ' ')
			len--;
		buf_append(b, l, len);
		buf_putc(b, '\n');
		l = nl != NULL ? nl + 1 : end;
	}
	while (b->len > 1 && b->data[b->len - 1] == '\n' && b->data[b->len - 2] == '\n')
		b->len--;
	if (b->len == 1 && b->data[0] == '\n')
		b->len = 0;
	buf_putc(b, '\0');
	free((char *)p.data);
}

static void
check_recording(const struct recording *r, unsigned id)
{
	const struct seed_state *state;
	const char *name = r->name;
	char command[256];
	size_t len;
	struct buf got, want;
	struct pane p;
	struct seed *s;
	unsigned pane;

	if (r->cols != 0 && wait_until_played(id)) {
		snprintf(command, sizeof command, TMUX "resize-window -t p%u: -x %u -y %u 2>&1",
		    id, r->cols, r->rows);
		free(run(command, &len));
	}
	if (!seeded(name, id, &s))
		return;
	pane = pane_of(id);
	state = seed_state(s);
	pane_init(&p, state->cols, state->rows, true, false);
	feed_seed(&p, s);
	buf_init(&got, BUF_NO_MAX);
	buf_init(&want, BUF_NO_MAX);
	pane_screen(&p, &got);
	tmux_text("capture-pane -p -t %", pane, &want);
	compare(name, "screen", &got, &want);
	if (!state->alternate && !r->rows_only) {
		buf_reset(&got);
		buf_reset(&want);
		pane_lines(&p, &got);
		tmux_text("capture-pane -pJ -S - -t %", pane, &want);
		compare(name, "history", &got, &want);
	}
	buf_release(&got);
	buf_release(&want);
	pane_release(&p);
	seed_free(s);
}

static bool
size_of(const char *index, const char *name, unsigned *cols, unsigned *rows)
{
	size_t n = strlen(name);

	for (const char *l = index; l != NULL; l = strchr(l, '\n')) {
		l += *l == '\n';
		if (strncmp(l, name, n) == 0 && l[n] == '\t')
			return sscanf(l, "%*[^\t]\t%*[^\t]\t%*[^\t]\t%*[^\t]\t%ux%u", cols,
				   rows) == 2;
	}
	return false;
}

static char *
corpus(const char *name, const char *suffix, size_t *len)
{
	const char *top = getenv("top_srcdir");
	char path[1024];

	snprintf(path, sizeof path, "%s/tests/term/corpora/%s%s", top != NULL ? top : ".", name,
	    suffix);
	return read_file(path, len);
}

enum { SITUATIONS = sizeof situations / sizeof *situations };
enum { RECORDINGS = sizeof recordings / sizeof *recordings };

static bool
start_recording(const char *name, unsigned id, const char *index)
{
	unsigned cols, rows;
	size_t len;
	char *raw = corpus(name, ".raw", &len);
	bool good = raw != NULL && index != NULL && size_of(index, name, &cols, &rows);

	if (good) {
		start(id, cols, rows, raw, len, NULL);
	} else {
		printf("FAIL %s: cannot be read\n", name);
		failed++;
	}
	free(raw);
	return good;
}

static void
run_all(void)
{
	bool started[RECORDINGS];
	size_t len;
	char *index = corpus("index.tsv", "", &len);

	for (unsigned i = 0; i < SITUATIONS; i++)
		start(i, situations[i].cols, situations[i].rows, situations[i].bytes,
		    strlen(situations[i].bytes), situations[i].unfinished);
	for (unsigned i = 0; i < RECORDINGS; i++)
		started[i] = start_recording(recordings[i].name, SITUATIONS + i, index);
	for (unsigned i = 0; i < SITUATIONS; i++)
		check_situation(&situations[i], i);
	for (unsigned i = 0; i < RECORDINGS; i++)
		if (started[i])
			check_recording(&recordings[i], SITUATIONS + i);
	free(index);
}

/* Recordings by name. */
static void
run_named(char **names, unsigned n)
{
	struct recording r = {0};
	size_t len;
	char *index = corpus("index.tsv", "", &len);

	for (unsigned i = 0; i < n; i++) {
		r.name = names[i];
		if (start_recording(r.name, i, index))
			check_recording(&r, i);
	}
	free(index);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int
main(int argc, char **argv)
{
	size_t len;

	if (argc == 3 && strcmp(argv[1], "--play") == 0)
		return play(argv[2]);
	if (system("tmux -V >/dev/null 2>&1") != 0) {
		printf("no tmux\n");
		return 77;
	}
	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("TMUX_TMPDIR", dir, 1);
	unsetenv("TMUX");
	if (argc > 1)
		run_named(argv + 1, (unsigned)argc - 1);
	else
		run_all();
	free(run(TMUX "kill-server 2>&1", &len));
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	printf("%u comparisons, %u failed\n", done, failed);
	return failed != 0 || done == 0;
}
