/* The table of prices, with the user's over it. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/prices.h"
#include "app/agents_priv.h"
#include "app/app_priv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"

enum { FILE_MAX_BYTES = 64 * 1024 * 1024 };

static int
read_user(const char *path, struct prices **out, char **cause)
{
	char *text = NULL, *why = NULL;
	size_t len = 0;
	int rc = file_read(path, FILE_MAX_BYTES, &text, &len);

	if (rc != 0)
		return err_sys(cause, rc, "prices %s", path);
	rc = prices_new(text, len, out, &why);
	if (rc != 0)
		err_set(cause, rc, "%s: %s", path, why);
	free(why);
	free(text);
	return rc;
}

int
agents_load_prices(struct app *a, char **cause)
{
	const char *path = a->cfg.limits.prices;
	char *why = NULL;
	int rc = *path != '\0' ? read_user(path, &a->prices, &why)
			       : prices_new(NULL, 0, &a->prices, &why);

	if (rc != 0 && a->cfg.first) {
		if (cause != NULL)
			*cause = why;
		else
			free(why);
		return rc;
	}
	if (rc != 0)
		log_warn("sessions", "without the user's prices: %s", why);
	free(why);
	if (a->prices == NULL)
		prices_new(NULL, 0, &a->prices, NULL);
	return 0;
}
