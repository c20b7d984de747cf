/*
 * How many columns a code point takes, 0, 1 or 2. Pure; any thread.
 *
 * Counted by code point, as xterm and xterm.js (with its Unicode 11 addon) do: a ZWJ sequence is
 * as wide as its parts, a skin tone takes two columns of its own, a regional indicator one, and a
 * variation selector changes nothing. The tables are those of utf8proc (Unicode 15 in Debian 12),
 * so that newer emoji take two columns, with the exceptions that xterm makes: spacing combining
 * marks take a column, Hangul medial vowels and finals none, and the unassigned rest of the two
 * ideographic planes two.
 */
#ifndef TERM_WIDTH_H
#define TERM_WIDTH_H

#include <stdint.h>

/* cp is printable: neither C0, DEL nor C1. */
unsigned width_of(uint32_t cp);

#endif
