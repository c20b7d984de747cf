/*
 * Secrets in what people and agents wrote: found by their shape, and masked for display.
 *
 *	keys with a beginning of their own	AKIA... ghp_... github_pat_... glpat-... xoxb-...
 *						sk_live_... sk-... sk-ant-... AIza... npm_... and others
 *	private keys				-----BEGIN ... PRIVATE KEY----- to its end
 *	JSON web tokens				eyJ... in three parts
 *	Authorization headers			and "Bearer" before what may be a token
 *	user:password@ in URLs
 *	values given to names			that end with key, token, secret, password and the like,
 *						by = or : as in shells, JSON, YAML and code
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

#endif
