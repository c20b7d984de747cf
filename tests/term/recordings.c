/*
 * recordings [DIRECTORY...]: feeds recordings of terminals and compares with the text on which
 * two other terminals agree.
 *
 * A directory has NAME.raw, NAME.WxH.expected.txt (history and main screen), and maybe
 * NAME.WxH.expected-keep.txt (where clearing pushes into the history) and NAME.WxH.screen.txt;
 * its index.tsv says in the column ed2-keep whether the kept text is the same, a file, or not
 * agreed upon. Every one is fed whole, in random pieces and byte by byte.
 */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "pane.h"

static unsigned done, failed;
static bool verbose;

enum feeding { WHOLE, RANDOM, BYTES };

static void
feed(struct pane *p, const char *data, size_t len, enum feeding how, unsigned seed)
{
	for (size_t i = 0, n; i < len; i += n) {
		seed = seed * 1103515245 + 12345;
		n = how == WHOLE ? len : how == BYTES ? 1 : 1 + (seed >> 16) % 97;
		if (n > len - i)
			n = len - i;
		/* A copy of its own, so that a tool sees a read beyond the end. */
		if (how == RANDOM) {
			char *piece = xmalloc(n);

			memcpy(piece, data + i, n);
			term_feed(p->term, piece, n);
			free(piece);
		} else {
			term_feed(p->term, data + i, n);
		}
	}
}

static void
first_difference(const struct buf *got, const char *want)
{
	const char *a = got->data != NULL ? got->data : "", *b = want;
	unsigned line = 1;

	while (*a != '\0' && *b != '\0') {
		const char *ea = strchrnul(a, '\n'), *eb = strchrnul(b, '\n');

		if (ea - a != eb - b || memcmp(a, b, (size_t)(ea - a)) != 0)
			break;
		a = *ea != '\0' ? ea + 1 : ea;
		b = *eb != '\0' ? eb + 1 : eb;
		line++;
	}
	printf("  line %u:\n  got  |%.*s|\n  want |%.*s|\n", line,
	    (int)(strchrnul(a, '\n') - a), a, (int)(strchrnul(b, '\n') - b), b);
}

static void
compare(const char *name, const char *what, const struct buf *got, const char *want)
{
	done++;
	if (strcmp(got->data != NULL ? got->data : "", want) == 0)
		return;
	failed++;
	printf("FAIL %s: %s\n", name, what);
	if (verbose)
		first_difference(got, want);
}

static char *
expected(const char *dir, const char *name, const char *what)
{
	char path[1024];
	size_t len;

	snprintf(path, sizeof path, "%s/%s.%s.txt", dir, name, what);
	return read_file(path, &len);
}

/* `want` is what the lines must be with clear_to_history as `keep`, `screen` may be NULL. */
static void
run(const char *name, const char *data, size_t len, bool keep, const char *want,
    const char *screen)
{
	static const char *const ways[] = {"whole", "split", "bytes"};
	unsigned cols = 80, rows = 24;

	sscanf(strrchr(name, '.') + 1, "%ux%u", &cols, &rows);
	for (int how = WHOLE; how <= BYTES; how++) {
		char what[64];
		struct pane p;
		struct buf b;

		pane_init(&p, cols, rows, keep, true);
		buf_init(&b, BUF_NO_MAX);
		feed(&p, data, len, how, (unsigned)len + keep);
		pane_lines(&p, &b);
		snprintf(what, sizeof what, "lines%s, %s", keep ? " kept" : "", ways[how]);
		compare(name, what, &b, want);
		if (screen != NULL) {
			buf_reset(&b);
			pane_screen(&p, &b);
			snprintf(what, sizeof what, "screen, %s", ways[how]);
			compare(name, what, &b, screen);
		}
		buf_release(&b);
		pane_release(&p);
	}
}

/* The column ed2-keep of index.tsv, which is the eleventh. */
static bool
kept_is_same(const char *index, const char *name)
{
	size_t n = (size_t)(strrchr(name, '.') - name);
	const char *size = name + n + 1;

	for (const char *l = index; l != NULL && *l != '\0';
	     l = strchr(l, '\n') ? strchr(l, '\n') + 1 : NULL) {
		const char *f[11] = {l};
		int i = 1;

		for (; i < 11 && (f[i] = strpbrk(f[i - 1], "\t\n")) != NULL && *f[i] == '\t';
		     i++)
			f[i]++;
		if (i == 11 && strncmp(f[0], name, n) == 0 && f[0][n] == '\t' &&
		    strncmp(f[4], size, strlen(size)) == 0 && f[4][strlen(size)] == '\t')
			return strncmp(f[10], "same", 4) == 0;
	}
	return false;
}

static void
run_recording(const char *dir, const char *name, const char *index)
{
	char path[1024];
	size_t len;
	char *raw, *want = expected(dir, name, "expected"),
		   *keep = expected(dir, name, "expected-keep");
	char *screen = expected(dir, name, "screen");

	snprintf(path, sizeof path, "%s/%.*s.raw", dir, (int)(strrchr(name, '.') - name), name);
	raw = read_file(path, &len);
	if (raw == NULL || want == NULL) {
		printf("FAIL %s: cannot read it\n", name);
		failed++;
	} else {
		run(name, raw, len, false, want, screen);
		if (keep != NULL || kept_is_same(index, name))
			run(name, raw, len, true, keep != NULL ? keep : want, NULL);
	}
	free(raw);
	free(want);
	free(keep);
	free(screen);
}

static int
is_expected(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 13 && strcmp(e->d_name + n - 13, ".expected.txt") == 0;
}

static void
run_directory(const char *dir)
{
	unsigned before = done, bad = failed;
	struct dirent **list;
	char path[1024], *index;
	size_t len;
	int n = scandir(dir, &list, is_expected, alphasort);

	snprintf(path, sizeof path, "%s/index.tsv", dir);
	index = read_file(path, &len);
	for (int i = 0; i < n; i++) {
		list[i]->d_name[strlen(list[i]->d_name) - 13] = '\0';
		run_recording(dir, list[i]->d_name, index != NULL ? index : "");
		free(list[i]);
	}
	if (n < 0)
		printf("%s: not there\n", dir);
	else
		printf("%s: %d recordings, %u comparisons, %u failed\n", dir, n, done - before,
		    failed - bad);
	if (n >= 0)
		free(list);
	free(index);
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char path[1024];

	verbose = getenv("VERBOSE") != NULL;
	for (int i = 1; i < argc; i++)
		run_directory(argv[i]);
	if (argc == 1) {
		snprintf(path, sizeof path, "%s/tests/term/corpora", top != NULL ? top : ".");
		run_directory(path);
		snprintf(
		    path, sizeof path, "%s/../shared/corpora/open", top != NULL ? top : ".");
		run_directory(path);
	}
	if (done == 0)
		printf("no recordings\n");
	return failed != 0 || done == 0;
}
