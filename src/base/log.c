#include "config.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

enum { LINE_MAX_BYTES = 1024 };

static int log_fd = STDERR_FILENO;
static enum log_level log_level = LOG_WARN;

void
log_open(int fd, enum log_level level)
{
	log_fd = fd;
	log_level = level;
}

/* Appends text to line; bytes of what is no plain character (base/utf8.h) as \xNN. Returns the new
 * length. */
static size_t
escape(char *line, size_t at, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = strlen(text), n;
	uint32_t cp;

	for (; len != 0; text += n, len -= n) {
		bool plain = (n = utf8_decode(text, len, &cp)) != 0 && utf8_is_plain(cp) &&
			     cp != UTF8_REPLACEMENT;

		n = n != 0 ? n : len;
		if (at + 4 * n + 2 > LINE_MAX_BYTES)
			break;
		for (size_t i = 0; i < n; i++) {
			unsigned char c = (unsigned char)text[i];

			if (plain) {
				line[at++] = (char)c;
				continue;
			}
			line[at++] = '\\';
			line[at++] = 'x';
			line[at++] = hex[c >> 4];
			line[at++] = hex[c & 15];
		}
	}
	return at;
}

static void __attribute__((format(printf, 3, 0)))
vlog(enum log_level level, const char *component, const char *fmt, va_list ap)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	char line[LINE_MAX_BYTES], text[LINE_MAX_BYTES], iso[CLOCK_ISO_LEN];
	size_t n;

	if (level > log_level)
		return;
	vsnprintf(text, sizeof text, fmt, ap);
	clock_iso(clock_wall_ms(), iso);
	n = (size_t)snprintf(line, sizeof line, "%s %s %.32s: ", iso, names[level], component);
	n = escape(line, n, text);
	line[n++] = '\n';
	if (write(log_fd, line, n) < 0) {
		/* Nowhere left to say it. */
	}
}

#define LOG_FN(name, level) \
	void name(const char *component, const char *fmt, ...) \
	{ \
		va_list ap; \
		va_start(ap, fmt); \
		vlog(level, component, fmt, ap); \
		va_end(ap); \
	}

LOG_FN(log_error, LOG_ERROR)
LOG_FN(log_warn, LOG_WARN)
LOG_FN(log_info, LOG_INFO)
LOG_FN(log_debug, LOG_DEBUG)
