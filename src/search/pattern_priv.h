/* What a pattern is made of, for the folder itself. */
#ifndef SEARCH_PATTERN_PRIV_H
#define SEARCH_PATTERN_PRIV_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdbool.h>
#include <stddef.h>

#include "search/literal.h"

struct pattern {
	pcre2_code *line;    /* the user's, for a line of valid UTF-8 as the subject */
	pcre2_code *invalid; /* for other lines, without machine code */
	pcre2_code *many;    /* for lines with newlines between, of any bytes; always with
				machine code; NULL: line by line */
	pcre2_code
	    *groups; /* the user's with its groups, or NULL; the others may have lost them */
	bool line_jit;
	bool pieces;            /* places of a line may be tried in several calls */
	struct literal literal; /* in every match; len 0: none */
	bool whole;             /* and nothing else */
};

#endif
