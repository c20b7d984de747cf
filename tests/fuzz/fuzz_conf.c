/*
 * What people write for panescry to read: its configuration, definitions of flows in TOML, prices, and
 * the file of tokens. Nothing crashes; a file that is refused is refused with one line that says where;
 * one that is taken gives the same when it is read again, and values within their bounds. Input: which
 * of these, then the text.
 */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "agent/prices.h"
#include "app/app.h"
#include "app/bounds.h"
#include "base/utf8.h"
#include "cli/conf.h"
#include "cli/toml_json.h"
#include "fuzz.h"
#include "job/flow.h"
#include "net/auth.h"
#include "proto/json.h"

static void
check_cause(char *cause)
{
	must(cause != NULL && *cause != '\0' && utf8_valid(cause, strlen(cause)));
	must(strchr(cause, '\n') == NULL);
	free(cause);
}

/* The file is one of memory, which has a name all the same. */
static void
try_conf(const char *text, size_t size)
{
	const struct app_limits defaults = APP_LIMITS;
	struct app_limits one, two;
	char *cause = NULL, path[64];
	int fd = memfd_create("conf", MFD_CLOEXEC), rc;

	must(fd >= 0 && write(fd, text, size) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	setenv("PANESCRY_CONFIG", path, 1);
	memcpy(&one, &defaults, sizeof one);
	rc = conf_load(&one, &cause);
	if (rc != 0) {
		must(cause != NULL && strncmp(cause, path, strlen(path)) == 0);
		for (char *p = cause; *p != '\0'; p++)
			must((unsigned char)*p >= 0x20 && *p != 0x7F);
		check_cause(cause);
	} else {
		must(cause == NULL);
		must(memchr(one.prices, '\0', sizeof one.prices) != NULL);
		must(memchr(one.tmux_sockets, '\0', sizeof one.tmux_sockets) != NULL);
		for (const struct bound *b = bounds; b->name != NULL; b++)
			must(bound_value(b, &one) >= b->least &&
			     bound_value(b, &one) <= b->most);
		must(one.jobs_nbackoff >= 1 && one.jobs_nbackoff <= 8);
		for (size_t i = 0; i < one.jobs_nbackoff; i++)
			must(one.jobs_backoff_ms[i] >= 1000);
		memcpy(&two, &one, sizeof two);
		must(conf_load(&two, &cause) == 0 && memcmp(&one, &two, sizeof one) == 0);
	}
	close(fd);
}

static void
try_toml(const char *text)
{
	struct flow_error error = {0};
	struct flow *f = NULL;
	char *cause = NULL, *json;
	cJSON *o = toml_to_json(text, &cause), *back;

	if (o == NULL) {
		must(strncmp(cause, "line ", 5) == 0);
		check_cause(cause);
		return;
	}
	must(cause == NULL && cJSON_IsObject(o));
	json = cJSON_PrintUnformatted(o);
	must(json != NULL && (back = json_parse(json, strlen(json))) != NULL);
	if (flow_parse(back, &f, &error) != 0)
		flow_error_release(&error);
	else
		flow_free(f);
	free(json);
	cJSON_Delete(back);
	cJSON_Delete(o);
}

static void
try_prices(const char *text, size_t size)
{
	static const char *const models[] = {
	    "claude-sonnet-4-5", "gpt-5", "a", "", "m/a-b@1.2"};
	static const struct agent_usage some = {.input = 300000,
	    .output = 5000,
	    .cache_read = 7,
	    .cache_write_5m = 11,
	    .cache_write_1h = 13,
	    .searches = 2};
	static struct prices *plain;
	struct prices *p = NULL;
	char *cause = NULL;
	int rc;

	if (plain == NULL)
		must(prices_new(NULL, 0, &plain, NULL) == 0);
	rc = prices_new(text, size, &p, &cause);
	must(p != NULL && (rc == 0) == (cause == NULL));
	for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
		double usd = prices_cost(p, models[i], &some, i & 1);

		must(isfinite(usd) && (usd >= 0 || usd == -1));
		/* What is refused changes nothing. */
		if (rc != 0)
			must(usd == prices_cost(plain, models[i], &some, i & 1));
	}
	if (rc != 0)
		check_cause(cause);
	prices_free(p);
}

static void
try_tokens(const char *text, size_t size)
{
	struct auth *a = auth_new(), *b = auth_new();
	const struct auth_token *t;
	struct auth_token found;
	char *one, *two;

	if (auth_load(a, text, size, 7, 1000) == 0) {
		must(auth_count(a) <= AUTH_TOKENS_MAX);
		must(auth_check(a, "0123456789012345678901234567890123456789", 1000, &found) ==
		     AUTH_WRONG);
		for (size_t i = 0; (t = auth_at(a, i)) != NULL; i++) {
			must(t->expires_ms == 0 || t->expires_ms > 1000);
			must(strlen(t->id) == AUTH_ID_LEN && str_id_valid(t->id));
			must(auth_find(a, t->id, 1000) == t);
			must(t->access == AUTH_READ || t->access == AUTH_WRITE);
		}
		one = auth_dump(a, 7);
		must(auth_load(b, one, strlen(one), 7, 1000) == 0);
		two = auth_dump(b, 7);
		must(strcmp(one, two) == 0);
		free(one);
		free(two);
	} else {
		must(auth_count(a) == 0);
	}
	auth_free(a);
	auth_free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 2 || size > 32 * 1024)
		return 0;
	text = text_of(data + 1, size - 1);
	switch (data[0]) {
	case '0':
		try_conf(text, size - 1);
		break;
	case '1':
		try_toml(text);
		break;
	case '2':
		try_prices(text, size - 1);
		break;
	case '3':
		try_tokens(text, size - 1);
		break;
	}
	free(text);
	return 0;
}
