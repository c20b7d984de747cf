/*
 * snapshots [DIRECTORY [NAME]]: a snapshot fed to a second terminal must give an equal one, for
 * every recording at 100 random cut points, and every third time in another size than before.
 * And at 5 of them both go on with the rest: they must end equal and complete as many lines.
 */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pane.h"

enum { CUTS = 100, RESUMPTIONS = 5, HISTORY = 20 };

static unsigned done, failed;
static unsigned seed = 1;

static unsigned
number(unsigned below)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % below;
}

static void
check(const char *name, const struct pane *p, size_t cut)
{
	struct term_state s;
	struct pane second;
	char why[256];
	struct buf b;

	term_get_state(p->term, &s);
	buf_init(&b, BUF_NO_MAX);
	pane_init(&second, s.cols, s.rows, true, true);
	done++;
	if (pane_snapshot(p, number(2) ? HISTORY : 0, &b) != 0)
		snprintf(why, sizeof why, "no snapshot");
	else if (term_feed(second.term, b.data, b.len),
	    pane_equal(p, &second, why, sizeof why) == 0)
		why[0] = '\0';
	if (why[0] != '\0') {
		failed++;
		printf("FAIL %s at %zu: %s\n", name, cut, why);
	}
	pane_release(&second);
	buf_release(&b);
}

static int
by_value(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
resume(const char *name, const char *raw, size_t len, unsigned cols, unsigned rows)
{
	size_t cut = number((unsigned)len + 1);
	struct pane first, second;
	uint64_t lines, before;
	char why[256] = "";
	struct buf b;

	pane_init(&first, cols, rows, true, false);
	pane_init(&second, cols, rows, true, false);
	buf_init(&b, BUF_NO_MAX);
	term_feed(first.term, raw, cut);
	lines = history_last(first.history);
	pane_snapshot(&first, 0, &b);
	term_feed(second.term, b.data, b.len);
	before = history_last(second.history);
	term_feed(first.term, raw + cut, len - cut);
	term_feed(second.term, raw + cut, len - cut);
	done++;
	if (history_last(first.history) - lines != history_last(second.history) - before)
		snprintf(why, sizeof why, "lines");
	if (why[0] != '\0' || pane_equal(&first, &second, why, sizeof why) != 0) {
		failed++;
		printf("FAIL %s resumed at %zu: %s\n", name, cut, why);
	}
	buf_release(&b);
	pane_release(&first);
	pane_release(&second);
}

static void
run_recording(const char *dir, const char *name)
{
	size_t cuts[CUTS], len, at = 0;
	unsigned cols = 80, rows = 24;
	char path[1024], *raw;
	struct pane p;

	snprintf(path, sizeof path, "%s/%.*s.raw", dir, (int)(strrchr(name, '.') - name), name);
	raw = read_file(path, &len);
	if (raw == NULL)
		return;
	sscanf(strrchr(name, '.') + 1, "%ux%u", &cols, &rows);
	for (int i = 0; i < CUTS; i++)
		cuts[i] = number((unsigned)len + 1);
	qsort(cuts, CUTS, sizeof *cuts, by_value);
	pane_init(&p, cols, rows, true, false);
	for (int i = 0; i < CUTS; i++) {
		term_feed(p.term, raw + at, cuts[i] - at);
		at = cuts[i];
		if (i % 3 == 2)
			term_resize(p.term, 1 + number(cols + 20), 1 + number(rows + 10));
		check(name, &p, at);
	}
	pane_release(&p);
	for (int i = 0; i < RESUMPTIONS; i++)
		resume(name, raw, len, cols, rows);
	free(raw);
}

static int
is_expected(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 13 && strcmp(e->d_name + n - 13, ".expected.txt") == 0;
}

static void
run_directory(const char *dir, const char *only)
{
	unsigned before = done, bad = failed;
	struct dirent **list;
	int n = scandir(dir, &list, is_expected, alphasort);

	for (int i = 0; i < n; i++) {
		list[i]->d_name[strlen(list[i]->d_name) - 13] = '\0';
		if (only == NULL || strstr(list[i]->d_name, only) != NULL)
			run_recording(dir, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	printf("%s: %d recordings, %u snapshots, %u failed\n", dir, n, done - before,
	    failed - bad);
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char path[1024];

	if (argc > 1) {
		run_directory(argv[1], argc > 2 ? argv[2] : NULL);
	} else {
		snprintf(path, sizeof path, "%s/tests/term/corpora", top != NULL ? top : ".");
		run_directory(path, NULL);
		snprintf(
		    path, sizeof path, "%s/../shared/corpora/open", top != NULL ? top : ".");
		run_directory(path, NULL);
	}
	return failed != 0 || done == 0;
}
