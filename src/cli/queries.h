/*
 * What a pane prints, on its way to the terminal of a person: without what a terminal answers.
 *
 * A terminal types its answers, and so the program in the pane would get them as if a person had
 * typed them: a second time, as the daemon's engine (or tmux) has answered, and long after it
 * asked when it is a screen that is drawn again. What is taken out:
 *
 *	ENQ, DECID, DA, DSR, DECRQM, XTVERSION, DECREQTPARM, DECRQCRA, DECRQPSR, reports of windows and
 *	titles (CSI t), of keys, of colours and of graphics; modes that report at once or bring
 *	in another terminal (VT52, Tektronix); printing (CSI i)
 *	OSC that ask (4, 5, 10 to 19, 22, 52 with "?"), and those that are not known to be silent
 *	DCS other than sixel, APC, PM, SOS and the title of screen, as a whole: among them are
 *	DECRQSS, XTGETTCAP, definitions of keys and macros, and the graphics of kitty
 *	what makes bytes mean something else (ESC %, ESC SP)
 *
 * The rest goes on in one form: sequences in seven bits and whole, C1 controls as ESC and a
 * letter, ill-formed UTF-8 as U+FFFD, strings ended as they were. So a terminal cannot see other
 * sequences in it than were looked at here. The result does not depend on how the bytes are cut.
 * A string that is passed on has at most QUERIES_STRING_MAX bytes: a copy to the clipboard, too.
 * After ECMA-48, XTerm Control Sequences, and the documents of the terminals that are named.
 *
 * Embedded in its owner. Pure; one thread.
 */
#ifndef CLI_QUERIES_H
#define CLI_QUERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { QUERIES_STRING_MAX = 1024 * 1024 };

struct queries {
	uint8_t state;
	bool over;      /* seq is longer than it may be */
	struct buf seq; /* of the sequence that is not whole, behind its introducer */
	char part[4];   /* of a character that is not whole */
	size_t npart;
};

void queries_init(struct queries *q);
void queries_release(struct queries *q);

/* Appends what is left of the bytes, so far as it is whole. */
void queries_remove(struct queries *q, const char *data, size_t len, struct buf *out);

/* What follows is drawn from the beginning: what was begun is ended. */
void queries_reset(struct queries *q, struct buf *out);

#endif
