/*
 * A growable byte buffer with a maximum.
 *
 * Embedded in its owner; `data` is valid up to `len` and moves whenever something is appended.
 * The maximum is given when the buffer is made. An append that would pass it changes nothing
 * and returns -ENOBUFS: what that means (an error to a peer, a dropped line) is the owner's
 * rule. After an append there is always a NUL behind the last byte, not counted in `len`.
 *
 * One thread at a time.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data; /* NULL until the first append */
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated */
	size_t max; /* most bytes that len may reach */
};

#define BUF_NO_MAX ((size_t)-1 / 2)

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b); /* frees; b may be used again after buf_init */
void buf_reset(struct buf *b);   /* len = 0, the storage stays */

/* Makes room for n more bytes and returns where they start, or NULL beyond the maximum. The
 * caller writes up to n bytes there and says how many with buf_commit. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

int buf_append(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Drops the first n bytes (n <= len). Moves what is behind them. */
void buf_drain(struct buf *b, size_t n);

/* The bytes as a string that the caller frees; the buffer is empty afterwards. */
char *buf_take(struct buf *b);

#endif
