/*
 * The words are those of Claude Code, Codex, Gemini CLI and opencode, and of the services behind them. Order
 * matters: what is told apart by more words comes first.
 */
#include "config.h"

#include "job/outcome_priv.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/jv.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"

enum {
	TAIL_LINES = 8,   /* that are looked at */
	TAIL_LINE = 1000, /* bytes of one; what is longer is not said to a person */
};

static const struct {
	const char *words;
	enum outcome_signal signal;
} meanings[] = {
    /* Paid for or not: trying again does not help, nor is it the key. */
    {"insufficient_quota", OUTCOME_ERROR},
    {"credit balance is too low", OUTCOME_ERROR},
    {"billing_error", OUTCOME_ERROR},
    {"too many requests", OUTCOME_RATE_LIMIT},
    {"rate limit", OUTCOME_RATE_LIMIT},
    {"rate_limit", OUTCOME_RATE_LIMIT},
    {"rate-limit", OUTCOME_RATE_LIMIT},
    {"ratelimit", OUTCOME_RATE_LIMIT},
    {"usage limit", OUTCOME_RATE_LIMIT},
    {"session limit", OUTCOME_RATE_LIMIT},
    {"weekly limit", OUTCOME_RATE_LIMIT},
    {"hit your limit", OUTCOME_RATE_LIMIT},
    {"resource_exhausted", OUTCOME_RATE_LIMIT},
    {"resource has been exhausted", OUTCOME_RATE_LIMIT},
    {"quota exceeded", OUTCOME_RATE_LIMIT},
    {"exceeded your current quota", OUTCOME_RATE_LIMIT},
    {"exhausted your ", OUTCOME_RATE_LIMIT},
    {"overloaded", OUTCOME_OVERLOAD},
    {"service unavailable", OUTCOME_OVERLOAD},
    {"temporarily unavailable", OUTCOME_OVERLOAD},
    {"at capacity", OUTCOME_OVERLOAD},
    {"high demand", OUTCOME_OVERLOAD},
    {"invalid api key", OUTCOME_AUTH},
    {"invalid_api_key", OUTCOME_AUTH},
    {"incorrect api key", OUTCOME_AUTH},
    {"api key not valid", OUTCOME_AUTH},
    {"invalid x-api-key", OUTCOME_AUTH},
    {"please run /login", OUTCOME_AUTH},
    {"not logged in", OUTCOME_AUTH},
    {"authentication_error", OUTCOME_AUTH},
    {"authentication_failed", OUTCOME_AUTH},
    {"permission_error", OUTCOME_AUTH},
    {"failed to authenticate", OUTCOME_AUTH},
    {"set an auth method", OUTCOME_AUTH},
    {"oauth token has expired", OUTCOME_AUTH},
    {"oauth token revoked", OUTCOME_AUTH},
    {"unauthorized", OUTCOME_AUTH},
    {"unauthenticated", OUTCOME_AUTH},
};

enum outcome_signal
outcome_of_status(long long status)
{
	switch (status) {
	case 401:
	case 403:
		return OUTCOME_AUTH;
	case 429:
		return OUTCOME_RATE_LIMIT;
	case 503:
	case 529:
		return OUTCOME_OVERLOAD;
	default:
		return OUTCOME_NONE;
	}
}

/* Whether what stands before says that a number is a status: "API Error: 529", "last status: 429",
 * {"code":503. */
static bool
is_said_status(const char *text, const char *number)
{
	static const char *const names[] = {"error", "status", "code", "http", "failed with"};
	const char *end = number;

	while (end > text && strchr(" :=\"'([", end[-1]) != NULL)
		end--;
	if (end == text)
		return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = strlen(names[i]);

		if ((size_t)(end - text) >= n && strncasecmp(end - n, names[i], n) == 0)
			return true;
	}
	return false;
}

static enum outcome_signal
number_in(const char *text)
{
	for (const char *s = text; *s != '\0'; s++) {
		char *end;
		enum outcome_signal signal;

		if (!isdigit((unsigned char)*s))
			continue;
		signal = outcome_of_status(strtoll(s, &end, 10));
		if (end == s + 3 && signal != OUTCOME_NONE &&
		    !(*end == '.' && isdigit((unsigned char)end[1])) &&
		    !isalpha((unsigned char)*end) && is_said_status(text, s))
			return signal;
		s = end - 1;
	}
	return OUTCOME_NONE;
}

enum outcome_signal
outcome_of_text(const char *text)
{
	enum outcome_signal signal;

	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
		if (strcasestr(text, meanings[i].words) != NULL)
			return meanings[i].signal;
	signal = number_in(text);
	return signal != OUTCOME_NONE ? signal : OUTCOME_ERROR;
}

enum outcome_signal
outcome_of_line(const char *line, size_t len)
{
	static const struct {
		const char *name;
		enum outcome_signal signal;
	} names[] = {{"authentication_failed", OUTCOME_AUTH},
	    {"oauth_org_not_allowed", OUTCOME_AUTH}, {"rate_limit", OUTCOME_RATE_LIMIT},
	    {"overloaded", OUTCOME_OVERLOAD}};
	struct jv o, error;
	long long status;

	if (memmem(line, len, "error", 5) == NULL || !jv_object(line, len, &o))
		return OUTCOME_NONE;
	error = jv_get(o, "error");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (jv_eq(error, names[i].name))
			return names[i].signal;
	if (jv_eq(jv_get(error, "name"), "ProviderAuthError"))
		return OUTCOME_AUTH;
	status = jv_count(jv_get(o, "api_error_status"));
	if (status < 0)
		status = jv_count(jv_get(o, "error_status"));
	if (status < 0)
		status = jv_count(jv_get(error, "code"));
	if (status < 0)
		status = jv_count(jv_path(error, "data", "statusCode"));
	return outcome_of_status(status);
}

/* Plain text. */

/* Behind a time that a logger puts before a line: "[2026-11-21T02:03:04] ", "2026-11-21T02:03:04Z ". */
static const char *
skip_time(const char *s)
{
	const char *space;

	s += strspn(s, " \t");
	if (!isdigit((unsigned char)*s) && !(*s == '[' && isdigit((unsigned char)s[1])))
		return s;
	space = strchr(s, ' ');
	return space != NULL && memchr(s, ':', (size_t)(space - s)) != NULL ? skip_time(space)
									    : s;
}

static bool
is_error(const char *line)
{
	static const char *const openings[] = {"error:", "error ", "api error", "[api error",
	    "apierror", "fatal:", "stream error", "unexpected status", "exceeded retry limit",
	    "too many requests", "rate limit", "claude ai usage limit", "you've hit your ",
	    "you\xe2\x80\x99ve hit your ", "invalid api key", "please run /login",
	    "not logged in", "failed to authenticate", "please set an auth method",
	    "oauth token ", "unauthorized", "incorrect api key"};

	line = skip_time(line);
	for (size_t i = 0; i < sizeof openings / sizeof *openings; i++)
		if (strncasecmp(line, openings[i], strlen(openings[i])) == 0)
			return true;
	return false;
}

/* Without colours and other control characters. */
static char *
plain(const char *s, size_t len)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_append(&b, "", 0);
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\033' && i + 1 < len && s[i + 1] == '[') {
			for (i += 2; i < len && (s[i] < 0x40 || s[i] > 0x7E); i++)
				;
		} else if ((unsigned char)s[i] >= 0x20 && s[i] != 0x7F) {
			buf_putc(&b, s[i]);
		}
	}
	return buf_take(&b);
}

enum outcome_signal
outcome_of_tail(const char *text, size_t len, char **line)
{
	unsigned n = 0;

	while (len != 0 && n < TAIL_LINES) {
		const char *nl = str_last(text, '\n', len - 1);
		const char *begin = nl != NULL ? nl + 1 : text;
		size_t size = (size_t)(text + len - begin);
		enum outcome_signal signal;

		len = (size_t)(begin - text);
		*line = plain(begin, size);
		if (strspn(*line, " \t") != strlen(*line))
			n++;
		signal = size <= TAIL_LINE && is_error(*line) ? outcome_of_text(*line)
							      : OUTCOME_NONE;
		if (signal != OUTCOME_NONE && signal != OUTCOME_ERROR)
			return signal;
		free(*line);
		*line = NULL;
	}
	return OUTCOME_NONE;
}
