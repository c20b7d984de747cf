/*
 * The log: one line an event, `2026-11-21T02:03:04.567Z warn net: text`.
 *
 * Control characters in the text are escaped, so nothing that a pane or a client sent can
 * forge a line or reach the reader's terminal. Keystrokes, pane output and tokens are never
 * logged. Until log_open is called, errors and warnings go to standard error. Any thread; a
 * line is one write(2).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines up to `level` go to fd, which stays the caller's and must outlive the log. */
void log_open(int fd, enum log_level level);

void log_error(const char *component, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_warn(const char *component, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_info(const char *component, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_debug(const char *component, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
