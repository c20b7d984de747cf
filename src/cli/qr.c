#include "config.h"

#include "cli/qr.h"

#include <stdio.h>

#include <qrencode.h>

enum { QUIET = 2 }; /* modules of margin */

static int
dark(const QRcode *q, int x, int y)
{
	if (x < 0 || y < 0 || x >= q->width || y >= q->width)
		return 0;
	return q->data[y * q->width + x] & 1;
}

void
qr_print(const char *text)
{
	/* Light on dark, as terminals mostly are: a drawn half is a light module. */
	static const char *const halves[] = {"\u2588", "\u2580", "\u2584", " "};
	QRcode *q = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);

	if (q == NULL)
		return;
	for (int y = -QUIET; y < q->width + QUIET; y += 2) {
		for (int x = -QUIET; x < q->width + QUIET; x++)
			fputs(halves[dark(q, x, y) * 2 + dark(q, x, y + 1)], stdout);
		putchar('\n');
	}
	QRcode_free(q);
}
