#include "config.h"

#include "agent/program.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char *const agents[] = {
    "claude", "codex", "gemini", "opencode", "vibe", "grok", "copilot", "pi"};
static const char *const interpreters[] = {
    "node", "nodejs", "bun", "deno", "python", "python3"};

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* With or without the suffix of a script. */
static bool
is_named(const char *base, const char *name)
{
	static const char *const suffixes[] = {"", ".js", ".mjs", ".cjs", ".py"};
	size_t len = strlen(name);

	if (strncmp(base, name, len) != 0)
		return false;
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		if (strcmp(base + len, suffixes[i]) == 0)
			return true;
	}
	return false;
}

static const char *
find(const char *base, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_named(base, names[i]))
			return names[i];
	}
	return NULL;
}

static const char *
next(const char *arg, const char *end)
{
	arg += strlen(arg) + 1;
	return arg < end ? arg : NULL;
}

const char *
agent_of_program(const char *args, size_t len)
{
	const char *end = args + len, *base, *found;

	if (len == 0 || end[-1] != '\0')
		return NULL;
	base = base_name(args);
	found = find(base, agents, sizeof agents / sizeof *agents);
	if (found != NULL ||
	    find(base, interpreters, sizeof interpreters / sizeof *interpreters) == NULL)
		return found;
	/* Options that take an argument of their own are not known to come before a script. */
	do {
		args = next(args, end);
	} while (args != NULL && *args == '-');
	return args != NULL ? find(base_name(args), agents, sizeof agents / sizeof *agents)
			    : NULL;
}
