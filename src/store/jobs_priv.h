/* What the parts of the record of jobs and flows share. */
#ifndef STORE_JOBS_PRIV_H
#define STORE_JOBS_PRIV_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/xmalloc.h"

static inline char *
jobs_copy(const char *s)
{
	return s == NULL ? NULL : xstrdup(s);
}

/* Bytes that a copy takes. */
static inline size_t
jobs_length(const char *s)
{
	return s == NULL ? 0 : strlen(s) + 1;
}

/* As a column has it. */
static inline int64_t
jobs_number(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

#endif
