#include "config.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"

int
err_set(char **cause, int err, const char *fmt, ...)
{
	va_list ap;

	if (cause != NULL) {
		va_start(ap, fmt);
		*cause = xvasprintf(fmt, ap);
		va_end(ap);
	}
	return err;
}

int
err_sys(char **cause, int err, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (cause != NULL) {
		va_start(ap, fmt);
		text = xvasprintf(fmt, ap);
		va_end(ap);
		*cause = xasprintf("%s: %s", text, strerror(-err));
		free(text);
	}
	return err;
}
