/* What the files of secrets.h share. Not for others. */
#ifndef AGENT_SECRETS_PRIV_H
#define AGENT_SECRETS_PRIV_H

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* What a name says of its value. ALONE: only in capitals, and with = */
enum secret_name { SECRET_NO_NAME, SECRET_KEY, SECRET_PASSWORD, SECRET_ALONE };

struct secret_value {
	const char *s, *end;
	char quote, sign; /* 0 for none; = or : */
	bool blank;       /* blanks around the sign */
};

static inline bool
secret_starts(const char *s, const char *end, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(end - s) >= n && memcmp(s, what, n) == 0;
}

static inline bool
secret_has_digit(const char *s, const char *end)
{
	for (; s < end; s++)
		if (isdigit((unsigned char)*s))
			return true;
	return false;
}

/* Of a value in this quote, or in none (0); look_end: of what is looked at before it is one. */
const char *secret_value_end(const char *s, const char *end, char quote);
const char *secret_look_end(const char *s, const char *end);

bool secret_ends_with(const char *s, const char *end, const char *what); /* in any case */
bool secret_is_capitals(const char *s, const char *end);
enum secret_name secret_name_of(const char *s, const char *end);

bool secret_is_placeholder(const char *s, const char *end, char quote);
bool secret_looks_so(enum secret_name name, bool capitals, const struct secret_value *v);
bool secret_is_password(const char *s, const char *end, char quote); /* of user:password */

#endif
