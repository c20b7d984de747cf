/* What the parts of the record of jobs and flows share. */
#ifndef STORE_JOBS_PRIV_H
#define STORE_JOBS_PRIV_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/xmalloc.h"

/* A copy of a string or NULL, whose bytes are added to what an operation takes. */
static inline char *
jobs_keep(size_t *size, const char *s)
{
	if (s == NULL)
		return NULL;
	*size += strlen(s) + 1;
	return xstrdup(s);
}

/* As a column has it. */
static inline int64_t
jobs_number(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

#endif
