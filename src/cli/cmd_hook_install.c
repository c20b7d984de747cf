/*
 * hook install, uninstall: our hooks in the settings of Claude Code.
 *
 * The settings are a person's: what is there stays to the byte. An entry is put in, or taken out,
 * where it belongs in the text, and the text is read again after each step; nothing is printed from
 * a tree.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/jv.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/cmd_hook.h"
#include "cli/diff.h"
#include "cli/put.h"
#include "os/os.h"

enum { SETTINGS_MAX = 4 * 1024 * 1024, STEPS_MAX = 1000 };

/* Those that say something of a session's state. */
static const char *const events[] = {"SessionStart", "UserPromptSubmit", "PreToolUse",
    "PostToolUse", "Notification", "Stop", "SessionEnd", NULL};

/* The text. */

static char *
replace(char *take, size_t at, size_t len, const char *with)
{
	char *out = xasprintf("%.*s%s%s", (int)at, take, with, take + at + len);

	free(take);
	return out;
}

/* Behind the last value in an object or array that has some, else in place of what it has. */
static char *
add_inside(char *take, struct jv v, bool empty, const char *indent, const char *item)
{
	const char *end = v.e - 1;
	char *with, *outer = xstrndup(indent, strlen(indent) - 2);
	size_t at, len;

	if (empty) {
		at = (size_t)(v.s + 1 - take);
		len = (size_t)(end - (v.s + 1));
		with = xasprintf("\n%s%s\n%s", indent, item, outer);
	} else {
		while (strchr(" \t\r\n", end[-1]) != NULL)
			end--;
		at = (size_t)(end - take);
		len = 0;
		with = xasprintf(",\n%s%s", indent, item);
	}
	take = replace(take, at, len, with);
	free(with);
	free(outer);
	return take;
}

static bool
is_empty(struct jv v)
{
	struct jv at = v, name, value;

	return !jv_next(&at, &name, &value);
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* Whether an entry of an event is ours: one command, and that is this program's. */
static bool
is_ours(struct jv entry)
{
	struct jv hooks = jv_get(entry, "hooks"), at = hooks, value, more;
	char *command;
	bool is;

	if (!jv_is_object(entry) || !jv_is_array(hooks) || !jv_next(&at, NULL, &value) ||
	    jv_next(&at, NULL, &more))
		return false;
	command = jv_text(jv_get(value, "command"));
	is = command != NULL && (strcmp(command, "panescry hook claude") == 0 ||
				    ends_with(command, "/panescry hook claude") ||
				    ends_with(command, "/panescry' hook claude"));
	free(command);
	return is;
}

/* Our entry among those of an event: the one before it ends at *before (NULL: it is the first). */
static bool
find_ours(struct jv list, struct jv *entry, const char **before)
{
	struct jv at = list;

	*before = NULL;
	while (jv_is_array(list) && jv_next(&at, NULL, entry)) {
		if (is_ours(*entry))
			return true;
		*before = entry->e;
	}
	return false;
}

/* The program as a shell finds it: by its name where that is this one. */
static char *
make_command(void)
{
	char self[PATH_MAX], found[PATH_MAX], other[PATH_MAX];
	const char *path = getenv("PATH");

	if (os_program_path(self, sizeof self) != 0)
		return xstrdup("panescry hook claude");
	while (path != NULL && *path != '\0') {
		size_t n = strcspn(path, ":");
		int len = snprintf(other, sizeof other, "%.*s/panescry", (int)n, path);

		if (n != 0 && len < (int)sizeof other && access(other, X_OK) == 0) {
			if (realpath(other, found) != NULL && strcmp(found, self) == 0)
				return xstrdup("panescry hook claude");
			break;
		}
		path += n + (path[n] == ':');
	}
	if (self[strspn(self, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			      "/._-+")] == '\0')
		return xasprintf("%s hook claude", self);
	if (strpbrk(self, "'\"\\") == NULL)
		return xasprintf("'%s' hook claude", self);
	return xstrdup("panescry hook claude");
}

static char *
make_entry(const char *indent, const char *command)
{
	return xasprintf("{\n%s  \"hooks\": [\n%s    {\n%s      \"type\": \"command\",\n"
			 "%s      \"command\": \"%s\",\n%s      \"timeout\": 5\n%s    }\n"
			 "%s  ]\n%s}",
	    indent, indent, indent, indent, command, indent, indent, indent, indent);
}

/* Settings that Claude Code would not understand are not ours to mend. */
static int
check(const char *text, struct jv *root, char **cause)
{
	struct jv hooks, list;

	if (!jv_object(text, strlen(text), root)) {
		*cause = xstrdup("it is no JSON object");
		return -EINVAL;
	}
	hooks = jv_get(*root, "hooks");
	if (hooks.s != hooks.e && !jv_is_object(hooks)) {
		*cause = xstrdup("\"hooks\" is no object");
		return -EINVAL;
	}
	for (int i = 0; events[i] != NULL; i++) {
		list = jv_get(hooks, events[i]);
		if (list.s == list.e || jv_is_array(list))
			continue;
		*cause = xasprintf("the hooks of %s are no array", events[i]);
		return -EINVAL;
	}
	return 0;
}

static char *
add_event(char *take, const char *event, const char *command)
{
	struct jv root, hooks, list, entry;
	char *item, *cause = NULL, *member;
	const char *before;

	if (check(take, &root, &cause) != 0)
		abort(); /* it was well before */
	hooks = jv_get(root, "hooks");
	if (hooks.s == hooks.e) {
		take = add_inside(take, root, is_empty(root), "  ", "\"hooks\": {}");
		return add_event(take, event, command);
	}
	list = jv_get(hooks, event);
	if (find_ours(list, &entry, &before))
		return take;
	item = make_entry("      ", command);
	if (list.s == list.e) {
		member = xasprintf("\"%s\": [\n      %s\n    ]", event, item);
		take = add_inside(take, hooks, is_empty(hooks), "    ", member);
		free(member);
	} else {
		take = add_inside(take, list, is_empty(list), "      ", item);
	}
	free(item);
	return take;
}

/* Takes a value out, with the comma that belongs to it. */
static char *
cut(char *take, const char *from, const char *to, const char *before)
{
	const char *start = before != NULL ? before : from;

	if (before == NULL) {
		const char *next = to + strspn(to, " \t\r\n");

		if (*next == ',')
			to = next + 1 + strspn(next + 1, " \t\r\n");
		else
			start = from;
	}
	return replace(take, (size_t)(start - take), (size_t)(to - start), "");
}

/* A member of an object, when it has nothing left. */
static char *
cut_member(char *take, struct jv object, const char *wanted)
{
	struct jv at = object, name, value;
	const char *before = NULL;

	while (jv_next(&at, &name, &value)) {
		if (jv_eq(name, wanted))
			return is_empty(value) ? cut(take, name.s, value.e, before) : take;
		before = value.e;
	}
	return take;
}

static char *
remove_event(char *take, const char *event)
{
	struct jv root, entry;
	const char *before;
	char *cause = NULL;
	bool any = false;

	for (int i = 0; i < STEPS_MAX; i++) {
		if (check(take, &root, &cause) != 0)
			abort(); /* it was well before */
		if (!find_ours(jv_path(root, "hooks", event), &entry, &before))
			break;
		take = cut(take, entry.s, entry.e, before);
		any = true;
	}
	if (!any)
		return take;
	take = cut_member(take, jv_get(root, "hooks"), event);
	if (check(take, &root, &cause) != 0)
		abort();
	return cut_member(take, root, "hooks");
}

/* The file. */

static char *
settings_path(void)
{
	const char *dir = getenv("CLAUDE_CONFIG_DIR"), *home = getenv("HOME");
	char real[PATH_MAX], *path;

	if (dir != NULL && *dir != '\0')
		path = xasprintf("%s/settings.json", dir);
	else
		path = xasprintf("%s/.claude/settings.json", home != NULL ? home : "");
	if (realpath(path, real) == NULL)
		return path;
	free(path); /* what a link points to is replaced, not the link */
	return xstrdup(real);
}

static bool
is_confirmed(void)
{
	char answer[16] = "";

	fputs("Write this? [y/n] ", stdout);
	fflush(stdout);
	return fgets(answer, sizeof answer, stdin) != NULL &&
	       (*answer == 'y' || *answer == 'Y');
}

static int
back_up(const char *path, const char *text, mode_t mode)
{
	char stamp[32], *name;
	time_t now = time(NULL);
	struct tm tm;
	int rc;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
	name = xasprintf("%s.bak-%s", path, stamp);
	for (int i = 2; access(name, F_OK) == 0; i++) {
		free(name);
		name = xasprintf("%s.bak-%s-%d", path, stamp, i);
	}
	rc = file_replace(name, text, strlen(text));
	if (rc == 0)
		rc = chmod(name, mode) != 0 ? -errno : 0;
	if (rc == 0) {
		fputs("The settings as they were: ", stdout);
		put_line(name);
	}
	free(name);
	return rc;
}

static int
write_settings(const char *path, const char *old, const char *text)
{
	struct stat st = {.st_mode = 0600};
	char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	int rc = old == NULL ? file_make_dirs(dir) : 0;

	if (old != NULL && stat(path, &st) != 0)
		rc = -errno;
	if (rc == 0 && old != NULL)
		rc = back_up(path, old, st.st_mode & 0777);
	if (rc == 0)
		rc = file_replace(path, text, strlen(text));
	if (rc == 0 && chmod(path, st.st_mode & 0777) != 0)
		rc = -errno;
	free(dir);
	if (rc != 0)
		return cli_error("write %s: %s", path, strerror(-rc));
	puts("Done: sessions of Claude Code that begin from now on have it.");
	return CLI_DONE;
}

static int
offer(const char *path, const char *old, const char *text, bool yes)
{
	if (strcmp(old != NULL ? old : "", text) == 0) {
		printf("Nothing to do: %s is as it should be.\n", path);
		return CLI_DONE;
	}
	printf("%s:\n", path);
	diff_print(old != NULL ? old : "", text);
	if (!yes && !is_confirmed()) {
		puts("Nothing was written.");
		return CLI_NOTHING;
	}
	return write_settings(path, old, text);
}

static int
edit(bool install, bool yes)
{
	char *path = settings_path(), *old = NULL, *text, *cause = NULL, *command;
	struct jv root;
	size_t len = 0;
	int rc = file_read(path, SETTINGS_MAX, &old, &len);

	if (rc != 0 && rc != -ENOENT) {
		rc = cli_error("read %s: %s", path, strerror(-rc));
		free(path);
		return rc;
	}
	text = xstrdup(old == NULL ? "" : old);
	if (jv_blank(text, strlen(text)) && install) {
		free(text);
		text = xstrdup("{}\n");
	}
	if (old == NULL && !install) {
		printf("Nothing to do: there is no %s.\n", path);
		rc = CLI_DONE;
	} else if ((old != NULL && strlen(old) != len) || check(text, &root, &cause) != 0) {
		rc = cli_error("change %s: %s", path, cause != NULL ? cause : "it has a NUL");
	} else {
		command = make_command();
		for (int i = 0; events[i] != NULL; i++)
			text = install ? add_event(text, events[i], command)
				       : remove_event(text, events[i]);
		free(command);
		rc = offer(path, old, text, yes);
	}
	free(cause);
	free(text);
	free(old);
	free(path);
	return rc;
}

int
hook_install(bool yes)
{
	return edit(true, yes);
}

int
hook_uninstall(bool yes)
{
	return edit(false, yes);
}
