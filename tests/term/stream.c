#include "config.h"

#include "stream.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "pane.h"

static struct recording {
	char *data;
	size_t len;
} * recordings;
static size_t count;

unsigned
below(struct random *g, unsigned n)
{
	g->state ^= g->state << 13;
	g->state ^= g->state >> 7;
	g->state ^= g->state << 17;
	return (unsigned)((g->state >> 24) % n);
}

static int
is_raw(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 4 && strcmp(e->d_name + n - 4, ".raw") == 0;
}

void
stream_open(void)
{
	const char *top = getenv("top_srcdir");
	char dir[512], path[1024];
	struct dirent **list;
	int n;

	snprintf(dir, sizeof dir, "%s/tests/term/corpora", top != NULL ? top : ".");
	n = scandir(dir, &list, is_raw, alphasort);
	if (n <= 0) {
		fprintf(stderr, "%s: no recordings\n", dir);
		exit(1);
	}
	recordings = xcalloc((size_t)n, sizeof *recordings);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name);
		recordings[count].data = read_file(path, &recordings[count].len);
		if (recordings[count].data != NULL)
			count++;
		free(list[i]);
	}
	free(list);
}

void
stream_close(void)
{
	while (count > 0)
		free(recordings[--count].data);
	free(recordings);
	recordings = NULL;
}

/* Random sequences. */

static void
words(struct random *g, struct buf *b)
{
	for (unsigned n = below(g, 80); n > 0; n--)
		buf_putc(b, (char)(below(g, 6) == 0 ? ' ' : '!' + below(g, 94)));
	if (below(g, 3) != 0)
		buf_puts(b, "\r\n");
}

static void
odd_text(struct random *g, struct buf *b)
{
	static const char *const pieces[] = {"\344\270\255\346\226\207", "e\314\201",
	    "\360\237\230\200", "\314\210", "\303\251", "\b", "\t", "\b\314\201", "\377",
	    "\344", "\302", "\342\200\215", "\357\273\277", "\0\0"};

	for (unsigned n = below(g, 30); n > 0; n--)
		buf_puts(b, pieces[below(g, sizeof pieces / sizeof *pieces)]);
}

static void
long_line(struct random *g, struct buf *b)
{
	unsigned n = below(g, below(g, 20) == 0 ? 150000 : 3000), styles = below(g, 4);

	for (unsigned i = 0; i < n; i++) {
		if (styles == 0 && below(g, 20) == 0)
			buf_printf(b, "\033[3%um", below(g, 8));
		buf_putc(b, (char)('a' + i % 26));
	}
}

static void
colours(struct random *g, struct buf *b)
{
	static const unsigned few[] = {
	    0, 1, 2, 3, 4, 5, 7, 8, 9, 21, 22, 24, 27, 31, 42, 53, 95, 106};

	switch (below(g, 5)) {
	case 0:
		buf_printf(b, "\033[%u;2;%u;%u;%um", below(g, 2) ? 38 : 48, below(g, 256),
		    below(g, 4), below(g, 2));
		break;
	case 1:
		buf_printf(b, "\033[%u:5:%um", below(g, 2) ? 58 : 48, below(g, 256));
		break;
	case 2:
		buf_printf(b, "\033[4:%um", below(g, 7));
		break;
	default:
		buf_printf(b, "\033[%um", few[below(g, sizeof few / sizeof *few)]);
	}
}

static void
any_csi(struct random *g, struct buf *b)
{
	static const char finals[] = "ABCDEFGHIJJJKLMPSTXZ@`abdefghr";
	unsigned n = below(g, 3);

	buf_puts(b, "\033[");
	for (unsigned i = 0; i < n; i++)
		buf_printf(b, "%s%u", i != 0 ? ";" : "", below(g, below(g, 4) ? 5 : 70));
	buf_putc(b, finals[below(g, sizeof finals - 1)]);
}

static void
modes(struct random *g, struct buf *b)
{
	static const unsigned numbers[] = {1, 5, 6, 7, 12, 25, 45, 47, 66, 1000, 1002, 1004,
	    1006, 1007, 1047, 1048, 1049, 2004, 2026};

	if (below(g, 6) == 0)
		buf_printf(b, "\033[%u%c", below(g, 2) ? 4 : 20, "hl"[below(g, 2)]);
	else
		buf_printf(b, "\033[?%u%c", numbers[below(g, sizeof numbers / sizeof *numbers)],
		    "hhlll"[below(g, 5)]);
}

static void
others(struct random *g, struct buf *b)
{
	static const char *const list[] = {"\0337", "\0338", "\033D", "\033E", "\033M", "\033H",
	    "\033(0", "\033(B", "\033)0", "\016", "\017", "\033*A", "\033n", "\033=", "\033>",
	    "\033#8", "\033[!p", "\033[1\"q", "\033[0\"q", "\033[?2J", "\033[?K", "\033[g",
	    "\033[3g", "\033[3J", "\033[2J", "\033[2J", "\033c", "\033[22;2t", "\033[23;2t",
	    "\033[3 q", "\033[2 @", "\033[5 A", "\033[1;1;9;9$z", "\033[1;1;9;9$x", "\033[7b",
	    "\033[900b", "x\033[b", "\007", "\007", "\007"};

	buf_puts(b, list[below(g, sizeof list / sizeof *list)]);
}

static void
strings(struct random *g, struct buf *b)
{
	switch (below(g, 5)) {
	case 0:
		buf_printf(b, "\033]2;title %u\033\\", below(g, 100));
		break;
	case 1:
		buf_printf(b, "\033]7;file://h/%u\007", below(g, 100));
		break;
	case 2:
		buf_printf(b, "\033]8;%s;https://a.example/%u\033\\linked",
		    below(g, 2) ? "id=x" : "", below(g, 3) ? below(g, 40) : below(g, 3000));
		break;
	case 3:
		buf_puts(b, "\033]8;;\033\\");
		break;
	default:
		buf_puts(b, "\033Pq");
		for (unsigned n = below(g, 2000); n > 0; n--)
			buf_putc(b, (char)('0' + n % 50));
		buf_puts(b, below(g, 8) ? "\033\\" : "");
	}
}

static void
marks(struct random *g, struct buf *b)
{
	if (below(g, 2))
		buf_printf(b,
		    "\033]133;A\007$ \033]133;B\007make %u\r\n\033]133;C\007done\r\n"
		    "\033]133;D;%u\007",
		    below(g, 1000), below(g, 3));
	else
		buf_printf(b, "\033]133;%c\007", "ABCDZ"[below(g, 5)]);
}

static void
queries(struct random *g, struct buf *b)
{
	static const char *const list[] = {
	    "\033[c", "\033[>c", "\033[6n", "\033[5n", "\033[?6$p"};

	buf_puts(b, list[below(g, sizeof list / sizeof *list)]);
}

static void
sequences(struct random *g, struct buf *b)
{
	static void (*const kinds[])(struct random *, struct buf *) = {words, words, words,
	    words, words, words, odd_text, colours, colours, colours, any_csi, any_csi, modes,
	    others, strings, marks, queries, long_line};

	for (unsigned n = below(g, 400); n > 0; n--)
		kinds[below(g, sizeof kinds / sizeof *kinds)](g, b);
	/* A cleared screen is often alone for long. */
	if (below(g, 2))
		buf_puts(b, "\033[!p\033[?1049l\033[m\033[r");
}

void
stream_fill(struct random *g, size_t len, struct buf *b)
{
	while (b->len < len) {
		const struct recording *r = &recordings[below(g, (unsigned)count)];

		if (below(g, 2)) {
			sequences(g, b);
			continue;
		}
		buf_append(b, r->data, r->len);
		for (unsigned n = below(g, 200); n > 0; n--)
			words(g, b);
	}
}
