#include "config.h"

#include "cli/diff.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "cli/cli.h"

enum { AROUND = 3, TABLE_MAX = 4 * 1000 * 1000 };

struct lines {
	char **line;
	size_t n;
};

static struct lines
split(const char *text)
{
	struct lines l = {NULL, 0};

	while (*text != '\0') {
		size_t n = strcspn(text, "\n");

		l.line = xreallocarray(l.line, l.n + 1, sizeof *l.line);
		l.line[l.n++] = xstrndup(text, n);
		text += n + (text[n] == '\n');
	}
	return l;
}

static void
release(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->line[i]);
	free(l->line);
}

static void
print(char mark, const char *line)
{
	printf("  %c ", mark);
	cli_print_safe(line, 0, 0);
	putchar('\n');
}

/* The middle, where the texts differ. */
struct middle {
	char **a, **b;
	size_t n, m;
	uint32_t *common; /* of the rests, (n + 1) * (m + 1); NULL: too many */
};

static uint32_t *
at(const struct middle *d, size_t i, size_t j)
{
	return &d->common[i * (d->m + 1) + j];
}

static void
compare(struct middle *d)
{
	if ((d->n + 1) * (d->m + 1) > TABLE_MAX)
		return;
	d->common = xcalloc((d->n + 1) * (d->m + 1), sizeof *d->common);
	for (size_t i = d->n; i-- > 0;)
		for (size_t j = d->m; j-- > 0;) {
			uint32_t down = *at(d, i + 1, j), right = *at(d, i, j + 1);

			*at(d, i, j) = strcmp(d->a[i], d->b[j]) == 0 ? *at(d, i + 1, j + 1) + 1
				       : down > right                ? down
								     : right;
		}
}

static void
print_middle(const struct middle *d)
{
	size_t i = 0, j = 0;

	while (i < d->n || j < d->m) {
		bool same = i < d->n && j < d->m && strcmp(d->a[i], d->b[j]) == 0;

		if (d->common != NULL && same) {
			print(' ', d->a[i++]);
			j++;
		} else if (i < d->n && (j == d->m || d->common == NULL ||
					   *at(d, i + 1, j) >= *at(d, i, j + 1))) {
			print('-', d->a[i++]);
		} else {
			print('+', d->b[j++]);
		}
	}
}

void
diff_print(const char *old, const char *now)
{
	struct lines a = split(old), b = split(now);
	size_t head = 0, tail = 0;
	struct middle d;

	while (head < a.n && head < b.n && strcmp(a.line[head], b.line[head]) == 0)
		head++;
	while (tail < a.n - head && tail < b.n - head &&
	       strcmp(a.line[a.n - 1 - tail], b.line[b.n - 1 - tail]) == 0)
		tail++;
	d = (struct middle){
	    a.line + head, b.line + head, a.n - head - tail, b.n - head - tail, NULL};
	compare(&d);
	for (size_t i = head > AROUND ? head - AROUND : 0; i < head; i++)
		print(' ', a.line[i]);
	print_middle(&d);
	for (size_t i = 0; i < tail && i < AROUND; i++)
		print(' ', a.line[a.n - tail + i]);
	free(d.common);
	release(&a);
	release(&b);
}
