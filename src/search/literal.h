/*
 * A string that is looked for at the speed of memory.
 *
 * Two bytes of it, those that are rarest in what terminals show, are looked for at their
 * distance, 128 places at a time where the processor can; what is found there is compared.
 * Without case, ASCII letters are equal to their capitals and nothing else is: who fills one
 * in must not use it for letters that have other equals (k and the Kelvin sign, s and the long
 * s). Prepared once, then constant; any thread.
 */
#ifndef SEARCH_LITERAL_H
#define SEARCH_LITERAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LITERAL_MAX = 64, LITERAL_MIN = 2 };

struct literal {
	char bytes[LITERAL_MAX]; /* in small letters where there is no case */
	uint8_t len;             /* LITERAL_MIN..LITERAL_MAX; 0: none */
	bool caseless;
	uint8_t probe[2]; /* places of the rarest bytes, in order */
};

/* Chooses the places; bytes, len and caseless are filled in. */
void literal_prepare(struct literal *l);

/* How much better than another it is to look for this one: rarer bytes, more of them. */
unsigned literal_worth(const struct literal *l);

/* Where it first occurs from p on and wholly before end; NULL if nowhere. */
const char *literal_find(const struct literal *l, const char *p, const char *end);

#endif
