/* Whose a line of a transcript is, and what it says of that session. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/claude_priv.h"
#include "base/xmalloc.h"

uint64_t
claude_hash(struct jv v)
{
	return jv_is_string(v) ? jv_hash(v.s, (size_t)(v.e - v.s)) : 0;
}

/* Sub-agents of old versions have no id, but chains of their own. */
static const char *
old_sidechain(struct claude *c, const struct claude_line *l)
{
	uint64_t parent = claude_hash(l->f[F_PARENT_UUID]);
	struct claude_side *s = NULL;

	for (unsigned i = 0; i < c->sides_n && parent != 0; i++)
		if (c->sides[i].tip == parent)
			s = &c->sides[i];
	if (s == NULL && parent != 0 && c->sides_n > 0)
		s = &c->sides[c->side]; /* a chain goes on behind a line that is missing */
	if (s == NULL) {
		if (c->sides_n < CLAUDE_SIDES)
			s = &c->sides[c->sides_n++];
		else
			s = &c->sides[(c->side + 1) % CLAUDE_SIDES];
		s->root = claude_hash(l->f[F_UUID]);
	}
	c->side = (unsigned)(s - c->sides);
	s->tip = claude_hash(l->f[F_UUID]);
	snprintf(
	    c->side_name, sizeof c->side_name, "side-%016llx", (unsigned long long)s->root);
	return c->side_name;
}

/* Of a title, a mode and the like, that is said once for as long as it stays. */
static bool
attributes(struct claude *c, const struct claude_line *l, struct agent_event *e)
{
	static const enum claude_field from[CLAUDE_ATTRIBUTES] = {
	    F_CWD, F_VERSION, F_BRANCH, F_MODE};
	const char **to[CLAUDE_ATTRIBUTES] = {&e->cwd, &e->version, &e->branch, &e->mode};
	bool any = false;

	for (int i = 0; i < CLAUDE_ATTRIBUTES; i++) {
		if (claude_set(&c->attributes[i], l->f[from[i]])) {
			*to[i] = c->attributes[i];
			any = true;
		}
	}
	return any;
}

static void
forget_attributes(struct claude *c)
{
	for (int i = 0; i < CLAUDE_ATTRIBUTES; i++) {
		free(c->attributes[i]);
		c->attributes[i] = NULL;
	}
}

/* The main session of a file changes: it goes on as another one, a copy of which came before. */
static void
go_on_as(struct claude *c, const struct claude_line *l, const char *sid, char **parent)
{
	struct jv from = jv_get(l->f[F_FORKED_FROM], "sessionId");

	if (c->main == NULL || strcmp(c->main, sid) != 0) {
		if (c->main != NULL && c->last_uuid != 0 &&
		    claude_hash(l->f[F_PARENT_UUID]) == c->last_uuid)
			*parent = xstrdup(c->main);
		free(c->main);
		c->main = xstrdup(sid);
		c->prompts_n = 0;
		c->titled = c->turn_open = false;
		c->state = AGENT_DEAD;
		free(c->fork);
		c->fork = NULL;
	}
	if (claude_set(&c->fork, from) && strcmp(c->fork, sid) != 0) {
		free(*parent);
		*parent = xstrdup(c->fork);
	}
}

/* Whose line it is, into c->session, and what is new of that session. */
void
claude_enter(struct claude *c, const struct claude_line *l)
{
	char *sid = jv_text(l->f[F_SESSION_ID]), *parent = NULL, *agent = NULL, *name;
	bool fork = false;
	struct agent_event e;

	if (sid == NULL || *sid == '\0') {
		free(sid);
		sid = xstrdup(c->file_session);
	}
	c->sub = c->file_agent != NULL || jv_true(l->f[F_SIDECHAIN]);
	if (c->sub) {
		if ((agent = jv_text(l->f[F_AGENT_ID])) == NULL)
			agent = xstrdup(
			    c->file_agent != NULL ? c->file_agent : old_sidechain(c, l));
		name = xasprintf("%s/%s", sid, agent);
		parent = xstrdup(sid);
	} else {
		go_on_as(c, l, sid, &parent);
		fork = parent != NULL;
		name = xstrdup(sid);
	}
	if (c->session == NULL || strcmp(c->session, name) != 0) {
		free(c->session);
		c->session = xstrdup(name);
		forget_attributes(c);
		fork = parent != NULL && !c->sub;
	} else if (!fork) {
		free(parent);
		parent = NULL;
	}
	c->out.session = c->session;
	e = claude_event(&c->out, AGENT_SESSION);
	e.parent = parent;
	e.fork = fork;
	if (attributes(c, l, &e) || parent != NULL)
		claude_emit(&c->out, &e);
	if (!c->sub && jv_is_string(l->f[F_UUID]))
		c->last_uuid = claude_hash(l->f[F_UUID]);
	free(name);
	free(parent);
	free(agent);
	free(sid);
}

static void
give_title(struct claude *c, const char *title)
{
	struct agent_event e = claude_event(&c->out, AGENT_SESSION);

	e.title = title;
	claude_emit(&c->out, &e);
}

/* Titles name the line that they were made at, which may be anywhere, also in another file: one
 * that is not the last line waits for it. */
void
claude_summary(struct claude *c, const struct claude_line *l)
{
	char *title = jv_text(l->f[F_SUMMARY]);
	uint64_t leaf = claude_hash(l->f[F_LEAF]);
	struct claude_waiting *t;

	if (title == NULL || leaf == 0) {
		free(title);
		return;
	}
	if (c->main != NULL && leaf == c->last_uuid) {
		c->out.session = c->main;
		give_title(c, title);
		free(title);
		return;
	}
	t = &c->titles[c->titles_n++ % CLAUDE_TITLES];
	free(t->title);
	*t = (struct claude_waiting){leaf, title};
}

void
claude_find_title(struct claude *c)
{
	for (unsigned i = 0; i < CLAUDE_TITLES; i++) {
		struct claude_waiting *t = &c->titles[i];
		if (t->title == NULL || t->leaf != c->last_uuid)
			continue;
		give_title(c, t->title);
		free(t->title);
		t->title = NULL;
	}
}

void
claude_title(struct claude *c, const struct claude_line *l)
{
	bool custom = jv_is_string(l->f[F_CUSTOM_TITLE]);
	char *title = jv_text(l->f[custom ? F_CUSTOM_TITLE : F_AI_TITLE]);

	if (title != NULL && *title != '\0' && (custom || !c->titled)) {
		give_title(c, title);
		c->titled |= custom; /* a person's own stays */
	}
	free(title);
}
