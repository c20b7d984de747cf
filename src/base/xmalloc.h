/*
 * Allocation that cannot fail.
 *
 * Running out of memory ends the program with one line on standard error: there is no state
 * worth limping on with. Use these only for sizes that this program chooses. A size that comes
 * from outside is capped first, by a buffer's maximum or by the caller.
 *
 * All return memory to be given back with free(3). Any thread.
 */
#ifndef BASE_XMALLOC_H
#define BASE_XMALLOC_H

#include <stdarg.h>
#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
void *xreallocarray(void *p, size_t count, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t max);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

#endif
