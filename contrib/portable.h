/*
 * For the check of contrib/portable that is called posix, before each source: what Linux, FreeBSD
 * and macOS have beyond POSIX.1-2008 and _BSD_SOURCE. A call that is neither there nor here is of
 * one system, and its place is src/os.
 */
#include <stddef.h>

void *memmem(const void *, size_t, const void *, size_t);
char *strcasestr(const char *, const char *);
