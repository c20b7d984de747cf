/* dump FILE COLSxROWS [screen|lines|snapshot]: what the terminal makes of a file; for looking
 * at things by hand and for tests/term/xterm.mjs. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pane.h"

int
main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[3] : "lines";
	unsigned cols, rows;
	struct pane p;
	struct buf b;
	size_t len;
	char *data;

	if (argc < 3 || sscanf(argv[2], "%ux%u", &cols, &rows) != 2 ||
	    (data = read_file(argv[1], &len)) == NULL) {
		fprintf(stderr, "usage: dump FILE COLSxROWS [screen|lines|snapshot]\n");
		return 2;
	}
	pane_init(&p, cols, rows, false, true);
	buf_init(&b, BUF_NO_MAX);
	term_feed(p.term, data, len);
	if (strcmp(what, "screen") == 0)
		pane_screen(&p, &b);
	else if (strcmp(what, "snapshot") == 0)
		pane_snapshot(&p, UINT64_MAX, &b);
	else
		pane_lines(&p, &b);
	fwrite(b.data, 1, b.len, stdout);
	buf_release(&b);
	pane_release(&p);
	free(data);
	return 0;
}
