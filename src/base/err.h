/*
 * How failure is told.
 *
 * A function that can fail returns 0 (or a count) on success and a negative errno value on
 * failure: -EINVAL, -ENOSPC... Where a person will want to know more, it takes `char **cause`
 * as its last parameter and sets it to one allocated line without a full stop; the edge that
 * prints it frees it. `cause` may be NULL, and is written on failure only.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* Sets *cause when cause is not NULL. Returns `err`, for `return err_set(...)`. */
int err_set(char **cause, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same, with ": " and strerror(-err) after the text. */
int err_sys(char **cause, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
