/*
 * What a pattern says, as far as it can be told by reading it.
 *
 * A history is searched many lines at a time, in one call of PCRE2 for thousands of lines. What
 * a user wrote is meant for one line: "\s" must not reach over its end, "\z" is its end. So the
 * pattern is written anew for the many:
 *
 *	- whatever could match a newline no longer does: \s becomes [^\S\n], [^x] becomes [^\nx],
 *	  a dot that matches everything becomes \N, and what is harder to see through gets (?!\n)
 *	  before it;
 *	- \A becomes ^, \z and \Z become $, and both are compiled with PCRE2_MULTILINE, which
 *	  (?-m) cannot take back.
 *
 * Then nothing that is matched has a newline in it, and a newline is to every step of the
 * pattern what the end of the line was: no atom matches it, \b takes it for no part of a word,
 * ^ and $ are true beside it, and a lookbehind that steps back over it fails as it fails before
 * the beginning. The pattern matches at a place among many lines exactly if the user's
 * pattern matches at that place in the line alone. That holds for lookaround, atomic groups and
 * backreferences too, for they are built of such atoms.
 *
 * It is an allow-list: a construct that is not known here (\G, \K, \R, \X, conditions,
 * recursion, verbs, callouts, (?x)...) leaves `exact` false, and the pattern is tried line by line.
 *
 * Names of groups are dropped, numbers stay.
 *
 * The reading also gives a string that every match contains, which can be looked for faster.
 *
 * The pattern must be one that PCRE2 has compiled, in UTF mode without UCP. Pure; any thread.
 */
#ifndef SEARCH_SYNTAX_H
#define SEARCH_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "search/literal.h"

struct syntax {
	bool exact;             /* text stands for the pattern among many lines */
	bool refers;            /* it has references to groups, which must be kept then */
	bool alternatives;      /* and | somewhere */
	bool named;             /* it has named groups */
	struct buf text;        /* the pattern written anew; undefined where not exact */
	struct literal literal; /* len 0: none is known */
	bool whole;             /* the pattern is the literal and nothing else */
};

void syntax_read(struct syntax *s, const char *pattern, size_t len, bool caseless);
void syntax_release(struct syntax *s);

/* Whether a pattern without references is surely free of recursion, names, conditions and verbs,
 * be it exact or not. */
bool syntax_bounded(const char *pattern, size_t len);

#endif
