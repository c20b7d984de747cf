/* Values of names, and what is none. */
#include "config.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/secrets.h"
#include "agent/secrets_priv.h"

enum { LOOK_MAX = 256 }; /* bytes of a value that are looked at before it is one */

/* Blanks, quotes, and what has a meaning to a shell; NUL. */
static const bool ends_word[256] = {['\0'] = true,
    [' '] = true,
    ['\t'] = true,
    ['\n'] = true,
    ['\v'] = true,
    ['\f'] = true,
    ['\r'] = true,
    ['"'] = true,
    ['\''] = true,
    ['\\'] = true,
    [';'] = true,
    ['&'] = true,
    ['|'] = true,
    ['<'] = true,
    ['>'] = true,
    ['`'] = true,
    [','] = true,
    [')'] = true};

static bool
ends_value(const char *s, const char *end, char quote)
{
	char c = *s;

	if (quote != 0)
		return c == quote || c == '\n' || c == '\0' ||
		       (c == '\\' && s + 1 < end && (s[1] == quote || s[1] == '\\'));
	/* Most bytes of long texts come here, again and again: a table is faster than what it says. */
	return ends_word[(unsigned char)c];
}

const char *
secret_value_end(const char *s, const char *end, char quote)
{
	while (s < end && !ends_value(s, end, quote))
		s++;
	return s;
}

const char *
secret_look_end(const char *s, const char *end)
{
	return end - s < LOOK_MAX ? end : s + LOOK_MAX;
}

static bool
is_one_of(const char *const *list, const char *s, const char *end)
{
	for (; *list != NULL; list++)
		if (strlen(*list) == (size_t)(end - s) &&
		    strncasecmp(s, *list, (size_t)(end - s)) == 0)
			return true;
	return false;
}

/* A word that stands for a value. */
static bool
is_word(const char *s, const char *end)
{
	static const char *const words[] = {"null", "none", "true", "false", "undefined",
	    "string", "str", "string?", "required", "optional", "empty", "secret", "password",
	    "token", "changeme", "redacted", "unknown", "nil", "bytes", "number", NULL};

	return is_one_of(words, s, end);
}

/* xxxxxx */
static bool
is_repeated(const char *s, const char *end)
{
	const char *c = s;

	while (c < end && *c == *s)
		c++;
	return c == end;
}

/* What stands for a value, or is code. */
bool
secret_is_placeholder(const char *s, const char *end, char quote)
{
	if (s == end || strchr("$<{(%*[.&!", *s) != NULL || is_word(s, end) ||
	    is_repeated(s, end))
		return true;
	if (quote != 0)
		return memchr(s, ' ', (size_t)(end - s)) != NULL;
	if (memchr(s, '(', (size_t)(end - s)) != NULL ||
	    memchr(s, '[', (size_t)(end - s)) != NULL)
		return true;
	/* config.password */
	return memchr(s, '.', (size_t)(end - s)) != NULL && !secret_has_digit(s, end);
}

bool
secret_ends_with(const char *s, const char *end, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(end - s) >= n && strncasecmp(end - n, what, n) == 0;
}

enum secret_name
secret_name_of(const char *s, const char *end)
{
	static const char *const passwords[] = {
	    "password", "passwd", "passphrase", "secret", "pwd", "passwort"};
	static const char *const keys[] = {"apikey", "accesskey", "secretkey", "privatekey",
	    "authkey", "accountkey", "token", "credential", "credentials"};
	char before;

	/* Most runs end otherwise. */
	if (end - s < 3 || strchr("ydtenlsYDTENLS", end[-1]) == NULL)
		return SECRET_NO_NAME;
	for (size_t i = 0; i < sizeof passwords / sizeof *passwords; i++)
		if (secret_ends_with(s, end, passwords[i]))
			return SECRET_PASSWORD;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (secret_ends_with(s, end, keys[i]))
			return SECRET_KEY;
	if (!secret_ends_with(s, end, "key"))
		return SECRET_NO_NAME;
	if (end - s == 3)
		return SECRET_ALONE;
	before = end[-4];
	return before == '_' || before == '-' ||
		       (end[-3] == 'K' && islower((unsigned char)before))
		   ? SECRET_KEY
		   : SECRET_NO_NAME;
}

bool
secret_is_capitals(const char *s, const char *end)
{
	for (; s < end; s++)
		if (islower((unsigned char)*s))
			return false;
	return true;
}

static size_t
leading_digits(const char *s, const char *end)
{
	const char *c = s;

	while (c < end && isdigit((unsigned char)*c))
		c++;
	return (size_t)(c - s);
}

bool
secret_looks_so(enum secret_name name, bool capitals, const struct secret_value *v)
{
	size_t n = (size_t)(v->end - v->s);
	bool digit = secret_has_digit(v->s, v->end);

	if (secret_is_placeholder(v->s, v->end, v->quote))
		return false;
	if (capitals && v->sign == '=' && !v->blank)
		return n >= 4;
	if (name == SECRET_ALONE)
		return false;
	if (name == SECRET_KEY)
		return digit && n >= 8 && n != leading_digits(v->s, v->end);
	if (v->quote != 0)
		return n >= 6 || (digit && n >= 4);
	return digit ? n >= 4 : n >= 6 && v->sign == '=' && !v->blank;
}

/* Whatever it looks like, unless it stands for something else. */
static bool
is_given(enum secret_name name, const char *named, const char *named_end, const char *s,
    const char *end)
{
	size_t n = (size_t)(end - s);

	if (n < 4 || strchr("-$<", *s) != NULL || secret_starts(s, end, "{{") ||
	    secret_starts(s, end, "id=") || is_repeated(s, end) || is_word(s, end))
		return false;
	if (name == SECRET_PASSWORD)
		return true;
	if (strchr("/~.", *s) != NULL || n == leading_digits(s, end)) /* a file, a number */
		return false;
	return secret_is_capitals(named, named_end) ||
	       (name == SECRET_KEY && (!secret_ends_with(named, named_end, "key") ||
					  (secret_has_digit(s, end) && n >= 8)));
}

bool
secrets_is_value(
    enum secrets_of of, const char *name, size_t name_len, const char *value, size_t len)
{
	const char *end = name + name_len;
	struct secret_value v = {value, value + len, '"', '=', false};
	enum secret_name kind;

	while (name < end && *name == '-')
		name++;
	kind = secret_name_of(name, end);
	if (kind == SECRET_NO_NAME || len == 0)
		return false;
	return of == SECRETS_GIVEN ? is_given(kind, name, end, value, v.end)
				   : secret_looks_so(kind, secret_is_capitals(name, end), &v);
}

/* What is behind the colon of user:password. */
bool
secret_is_password(const char *password, const char *end, char quote)
{
	size_t n = (size_t)(end - password);

	return n >= 2 && n != leading_digits(password, end) &&
	       !secret_is_placeholder(password, end, quote);
}

bool
secrets_is_user_option(const char *s, size_t len)
{
	static const char *const names[] = {"-u", "-U", "--user", "--proxy-user"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strlen(names[i]) == len && memcmp(s, names[i], len) == 0)
			return true;
	return false;
}

bool
secrets_user_password(const char *s, size_t len, size_t *from)
{
	const char *colon = memchr(s, ':', len);

	if (colon == NULL || !secret_is_password(colon + 1, s + len, '\0'))
		return false;
	*from = (size_t)(colon + 1 - s);
	return true;
}
