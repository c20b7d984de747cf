/*
 * A compiled pattern: PCRE2, 8-bit, UTF-8, with its just-in-time compiler where there is one.
 *
 * What a pattern means is what it means on one line: ^ and \A are its beginning, $ and \z its
 * end, and there is no newline in it. \d, \w and \s are those of ASCII; (?i) knows the case of
 * all of Unicode.
 *
 * Refused, because they would undo the limits of a search or what is promised about lines:
 * \C, and all settings that stand at the beginning of a pattern ((*NO_JIT), (*LIMIT_MATCH=1),
 * (*CRLF), (*UCP)...). Verbs such as (*COMMIT) are none of these.
 *
 * Immutable once made: any number of threads may search with it at the same time, each with a
 * scanner of its own (search/scan.h); freed when the last of these is.
 */
#ifndef SEARCH_PATTERN_H
#define SEARCH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

struct pattern;

enum {
	PATTERN_MAX = 1000, /* bytes of a pattern */
	PATTERN_LIST_MAX = 32,
};

enum {
	PATTERN_ICASE = 1 << 0,
	PATTERN_SMART_CASE = 1 << 1, /* without case, unless there is a capital in it */
	PATTERN_FIXED = 1 << 2,      /* a string, not an expression */
	PATTERN_WORD = 1 << 3,       /* between \b and \b */
	PATTERN_GROUPS = 1 << 4,     /* what its groups hold is wanted: search/captures.h */
};

struct pattern_text {
	const char *text;
	size_t len;
};

/* Where a pattern is wrong. */
struct pattern_error {
	size_t which;  /* of a list */
	size_t offset; /* byte in it */
};

/* -EINVAL with the place in *error (may be NULL) and PCRE2's own message in *cause, -E2BIG for
 * one that is too long. */
int pattern_new(struct pattern **out, const char *text, size_t len, unsigned flags,
    struct pattern_error *error, char **cause);

/* One that matches where any of several does (at most PATTERN_LIST_MAX). References by number
 * are each pattern's own. Named groups and what reaches over the whole pattern ((?R), (?x),
 * conditions, verbs...) cannot stand in a list. */
int pattern_new_list(struct pattern **out, const struct pattern_text *texts, size_t n,
    unsigned flags, struct pattern_error *error, char **cause);

void pattern_free(struct pattern *p);

/* A string that all matches contain, for what can tell beforehand that a text has none; without
 * case as search/literal.h means it. False when there is none. Borrowed from the pattern. */
bool pattern_literal(const struct pattern *p, const char **text, size_t *len, bool *caseless);

/* Whether many lines are searched in one call; otherwise it is line by line, and slower. */
bool pattern_many_lines(const struct pattern *p);

#endif
