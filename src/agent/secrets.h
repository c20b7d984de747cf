/*
 * Secrets in what people and agents wrote: found by their shape, and masked for display.
 *
 *	keys with a beginning of their own	AKIA... ghp_... github_pat_... glpat-... xoxb-...
 *						sk_live_... sk-... sk-ant-... AIza... npm_... and others
 *	private keys				-----BEGIN ... PRIVATE KEY----- to its end, or as far
 *						as there is one
 *	JSON web tokens				eyJ... in three or five parts
 *	webhooks				of Slack and Discord, behind /services/ and the like
 *	Authorization headers			and "Bearer" before what may be a token
 *	user:password@ in URLs
 *	values given to names			that end with key, token, secret, password and the like,
 *						by = or : as in shells, JSON, YAML and code, or
 *						as an option and its argument: --token x
 *	user:password of curl			-u user:password
 *
 * What begins the secret and says its kind stays, the rest is SECRETS_MASK: "sk-ant-…[masked]".
 * Text may be JSON, once or twice: \" and \n count as what they stand for. This finds what is
 * common, not everything: what has no shape is not found, and some of what is found is none.
 *
 * One pass, in time linear in the length. Pure; any thread.
 */
#ifndef AGENT_SECRETS_H
#define AGENT_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

#define SECRETS_MASK "\xe2\x80\xa6[masked]"

/* Appends the text with its secrets masked; false, and nothing is appended, when it has none. */
bool secrets_mask(const char *text, size_t len, struct buf *out);

/* The masked text for the caller to free; NULL when it may be shown as it is, or is NULL. */
char *secrets_masked(const char *text);

/*
 * The same of JSON, which stays JSON: strings are gone through one by one, members by their names,
 * and those of arrays as arguments of a command. What is no JSON comes to no harm. Linear; pure.
 */
bool secrets_mask_json(const char *json, size_t len, struct buf *out);
char *secrets_masked_json(const char *json); /* as secrets_masked() */

/* What is masked of an argument that follows `before` in the command line of `program`; both may be
 * NULL. As secrets_masked(). */
char *secrets_masked_argument(const char *program, const char *before, const char *arg);

/* Parts of these: whether a value is a secret as a whole because of its name, that of a member of
 * an object; or of an option or a variable, which leaves less doubt. */
enum secrets_of { SECRETS_MEMBER, SECRETS_GIVEN };
bool secrets_is_value(
    enum secrets_of of, const char *name, size_t name_len, const char *value, size_t len);
bool secrets_is_user_option(const char *s, size_t len); /* -u, --user and the like of curl */
/* Of "user:password", where the password begins. */
bool secrets_user_password(const char *s, size_t len, size_t *from);

#endif
