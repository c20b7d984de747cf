/* Where agents keep their transcripts. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "base/xmalloc.h"

struct places {
	struct agent_place *v;
	size_t n;
};

/* Takes dir. Directories that are named twice are one. */
static void
add(struct places *p, const char *agent, char *dir)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->v[i].agent, agent) == 0 && strcmp(p->v[i].dir, dir) == 0) {
			free(dir);
			return;
		}
	}
	p->v = xreallocarray(p->v, p->n + 1, sizeof *p->v);
	p->v[p->n++] = (struct agent_place){agent, dir};
}

/* The value, or NULL where it is missing or empty. */
static const char *
get(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env != NULL && *env != NULL; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return (*env)[len + 1] != '\0' ? *env + len + 1 : NULL;
	return NULL;
}

static void
add_claude(struct places *p, const char *home, char *const *env)
{
	const char *dirs = get(env, "CLAUDE_CONFIG_DIR");
	const char *xdg = get(env, "XDG_CONFIG_HOME");
	char *list, *next, *dir;

	add(p, "claude", xasprintf("%s/.claude/projects", home));
	add(p, "claude", xasprintf("%s/.config/claude/projects", home));
	if (xdg != NULL)
		add(p, "claude", xasprintf("%s/claude/projects", xdg));
	if (dirs == NULL)
		return;
	next = list = xstrdup(dirs);
	while ((dir = strsep(&next, ",")) != NULL) {
		size_t len;
		dir += strspn(dir, " ");
		for (len = strlen(dir); len > 0 && strchr(" /", dir[len - 1]) != NULL;)
			dir[--len] = '\0';
		if (*dir == '~' && (dir[1] == '/' || dir[1] == '\0'))
			add(p, "claude", xasprintf("%s%s/projects", home, dir + 1));
		else if (*dir == '/')
			add(p, "claude", xasprintf("%s/projects", dir));
	}
	free(list);
}

size_t
agent_places(const char *home, char *const *env, struct agent_place **out)
{
	static const char *const at_home[][2] = {{"gemini", ".gemini/tmp"},
	    {"vibe", ".vibe/logs/session"}, {"grok", ".grok/sessions"},
	    {"copilot", ".copilot/session-state"}, {"pi", ".pi/agent/sessions"}};
	const char *codex = get(env, "CODEX_HOME"), *data = get(env, "XDG_DATA_HOME");
	struct places p = {NULL, 0};

	add_claude(&p, home, env);
	for (int i = 0; i < 2; i++) {
		const char *dir = i == 0 ? "sessions" : "archived_sessions";
		add(&p, "codex",
		    codex != NULL ? xasprintf("%s/%s", codex, dir)
				  : xasprintf("%s/.codex/%s", home, dir));
	}
	add(&p, "opencode",
	    data != NULL ? xasprintf("%s/opencode", data)
			 : xasprintf("%s/.local/share/opencode", home));
	for (size_t i = 0; i < sizeof at_home / sizeof *at_home; i++)
		add(&p, at_home[i][0], xasprintf("%s/%s", home, at_home[i][1]));
	*out = p.v;
	return p.n;
}

void
agent_places_free(struct agent_place *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(places[i].dir);
	free(places);
}
