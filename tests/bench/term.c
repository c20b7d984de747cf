/*
 * term FILE [COLS ROWS [ENGINE]]: MB/s of terminal engines over recorded output, in CPU
 * seconds of this process: ours with its history, libvterm's screen if it was found when this
 * was built, a loop that only strips escape sequences, and memcpy. One line each, "name MB/s";
 * for ours also what the history takes. bench/term.sh runs it several times and adds other
 * programs.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef HAVE_VTERM
#include <vterm.h>
#endif

#include "base/xmalloc.h"
#include "history/history.h"
#include "pane.h"
#include "term/style.h"
#include "term/term.h"

enum { PIECE = 64 * 1024 };

static int cols = 120, rows = 40;
static volatile size_t sink;

static double
cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
on_line(void *arg, const struct term_line *l)
{
	history_push(arg, l->text, l->len, l->runs, l->nruns, 0, l->offset, l->flags);
}

static void
run_panescry(const char *data, size_t len)
{
	static const struct term_callbacks cb = {.line = on_line};
	struct history_limits limits = {50000, 16 << 20};
	struct history *h = history_new(&limits, NULL);
	struct term *t = term_new((unsigned)cols, (unsigned)rows, &cb, h);
	double start = cpu(), took;
	struct history_stats st;

	for (size_t i = 0; i < len; i += PIECE)
		term_feed(t, data + i, len - i < PIECE ? len - i : PIECE);
	took = cpu() - start;
	history_stats(h, &st);
	printf(
	    "panescry %.0f (%llu lines, bytes a byte of text: %.3f allocated, %.3f in use)\n",
	    (double)len / took / 1e6, (unsigned long long)st.lines,
	    (double)st.allocated / (double)st.text, (double)st.used / (double)st.text);
	term_free(t);
	history_free(h);
}

#ifdef HAVE_VTERM
static void
run_libvterm(const char *data, size_t len)
{
	VTerm *vt = vterm_new(rows, cols);
	VTermScreen *screen = vterm_obtain_screen(vt);
	double start = cpu();

	vterm_set_utf8(vt, 1);
	vterm_screen_enable_altscreen(screen, 1);
	vterm_screen_set_damage_merge(screen, VTERM_DAMAGE_SCROLL);
	vterm_screen_reset(screen, 1);
	for (size_t i = 0; i < len; i += PIECE)
		vterm_input_write(vt, data + i, len - i < PIECE ? len - i : PIECE);
	printf("libvterm %.0f\n", (double)len / (cpu() - start) / 1e6);
	vterm_free(vt);
}
#endif

/* Four states: text, ESC, CSI, string. */
static void
run_strip(const char *data, size_t len)
{
	char *out = xmalloc(len);
	double start = cpu();
	size_t n = 0;
	int state = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];

		if (state == 0) {
			if (c == 0x1B)
				state = 1;
			else
				out[n++] = (char)c;
		} else if (state == 1) {
			state = c == '[' ? 2 : c == ']' || c == 'P' ? 3 : 0;
		} else if (state == 2) {
			state = c >= 0x40 && c <= 0x7E ? 0 : 2;
		} else {
			state = c == 0x07 ? 0 : c == 0x1B ? 1 : 3;
		}
	}
	printf("strip %.0f\n", (double)len / (cpu() - start) / 1e6);
	sink = n;
	free(out);
}

static void
run_memcpy(const char *data, size_t len)
{
	char *out = xmalloc(len);
	double start;

	memset(out, 1, len);
	start = cpu();
	memcpy(out, data, len);
	printf("memcpy %.0f\n", (double)len / (cpu() - start) / 1e6);
	sink = (size_t)out[len / 2];
	free(out);
}

static const struct {
	const char *name;
	void (*run)(const char *data, size_t len);
} engines[] = {
    {"panescry", run_panescry},
#ifdef HAVE_VTERM
    {"libvterm", run_libvterm},
#endif
    {"strip", run_strip},
    {"memcpy", run_memcpy},
};

int
main(int argc, char **argv)
{
	size_t len;
	char *data = argc > 1 ? read_file(argv[1], &len) : NULL;

	if (data == NULL || len == 0) {
		fprintf(stderr, "usage: term FILE [COLS ROWS [ENGINE]]\n");
		return 2;
	}
	if (argc > 3) {
		cols = atoi(argv[2]);
		rows = atoi(argv[3]);
	}
	for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
		if (argc < 5 || strcmp(argv[4], engines[i].name) == 0)
			engines[i].run(data, len);
	free(data);
	return 0;
}
