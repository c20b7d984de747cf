#include "config.h"

#include "job/collide.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "base/xmalloc.h"

enum { PARTY_NAME = 300 };

struct file;

struct touch {
	struct touch *prev, *next;   /* of all, in the order of their coming */
	struct touch *before, *then; /* of the file's */
	struct file *file;
	struct collide_touch t; /* strings are its own, but for the path */
	char *name;             /* of the party */
};

struct file {
	char *path;
	struct touch *touches;
	size_t n;
	UT_hash_handle hh;
};

/* What was told, not to be told again. */
struct told {
	struct told *prev, *next;
	char *key;
	int64_t time_ms;
	UT_hash_handle hh;
};

struct collide {
	struct collide_config cfg;
	struct touch *touches; /* oldest first */
	struct file *files;
	struct told *told_list, *told;
	size_t n, told_n;
};

const char *
collide_kind_name(enum collide_kind k)
{
	static const char *const names[] = {"different_area", "adjacent_line", "same_line"};

	return names[k];
}

struct collide *
collide_new(const struct collide_config *config)
{
	struct collide *c = xcalloc(1, sizeof *c);

	c->cfg = *config;
	if (c->cfg.touches_max == 0)
		c->cfg.touches_max = 10000;
	if (c->cfg.window_ms == 0)
		c->cfg.window_ms = 10 * 60 * 1000;
	if (c->cfg.near_lines == 0)
		c->cfg.near_lines = 5;
	if (c->cfg.explain_ms == 0)
		c->cfg.explain_ms = 2000;
	return c;
}

size_t
collide_count(const struct collide *c)
{
	return c->n;
}

/* Keeping. */

static char *
copy(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

static void
drop(struct collide *c, struct touch *t)
{
	struct file *f = t->file;

	DL_DELETE(c->touches, t);
	DL_DELETE2(f->touches, t, before, then);
	c->n--;
	if (--f->n == 0) {
		HASH_DEL(c->files, f);
		free(f->path);
		free(f);
	}
	free((char *)t->t.who.root);
	free((char *)t->t.who.owner);
	free((char *)t->t.who.pane);
	free((char *)t->t.who.agent);
	free(t->name);
	free(t);
}

static void
drop_told(struct collide *c, struct told *t)
{
	DL_DELETE(c->told_list, t);
	HASH_DEL(c->told, t);
	c->told_n--;
	free(t->key);
	free(t);
}

void
collide_free(struct collide *c)
{
	if (c == NULL)
		return;
	while (c->touches != NULL)
		drop(c, c->touches);
	while (c->told_list != NULL)
		drop_told(c, c->told_list);
	free(c);
}

/* They come nearly in the order of their times: what is behind a newer one goes later. */
static void
expire(struct collide *c, int64_t now_ms)
{
	int64_t since = now_ms - c->cfg.window_ms;

	while (c->touches != NULL && c->touches->t.time_ms < since)
		drop(c, c->touches);
	while (c->told_list != NULL && c->told_list->time_ms < since)
		drop_told(c, c->told_list);
}

static struct file *
file_of(struct collide *c, const char *path)
{
	struct file *f;

	HASH_FIND_STR(c->files, path, f);
	if (f == NULL) {
		f = xcalloc(1, sizeof *f);
		f->path = xstrdup(path);
		HASH_ADD_KEYPTR(hh, c->files, f->path, strlen(f->path), f);
	}
	return f;
}

/* Parties. */

static char *
name_of(const struct collide_party *p)
{
	if (p->job != 0)
		return xasprintf("j%llu", (unsigned long long)p->job);
	if (p->root != NULL)
		return xasprintf("s%.*s", PARTY_NAME, p->root);
	return xasprintf("p%.*s", PARTY_NAME, p->pane != NULL ? p->pane : "");
}

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool
one_party(const struct collide_party *a, const struct collide_party *b)
{
	if (a->job != 0 && b->job != 0)
		return a->job == b->job;
	return same(a->root, b->root) || same(a->owner, b->root) || same(a->root, b->owner) ||
	       same(a->pane, b->pane);
}

/* Comparing. */

static enum collide_kind
kind_of(const struct collide *c, const struct collide_touch *a, const struct collide_touch *b)
{
	int64_t apart;

	if (a->first <= 0 || b->first <= 0)
		return COLLIDE_DIFFERENT;
	apart = a->first > b->last ? a->first - b->last : b->first - a->last;
	if (apart <= 0)
		return COLLIDE_SAME;
	return apart <= c->cfg.near_lines ? COLLIDE_ADJACENT : COLLIDE_DIFFERENT;
}

static int64_t
between(const struct collide_touch *a, const struct collide_touch *b)
{
	return a->time_ms > b->time_ms ? a->time_ms - b->time_ms : b->time_ms - a->time_ms;
}

/* One of them was seen only because the other was told. */
static bool
explained(const struct collide *c, const struct collide_touch *a, const struct collide_touch *b)
{
	return a->seen != b->seen && between(a, b) <= c->cfg.explain_ms &&
	       !one_party(&a->who, &b->who);
}

/* Whether it is new; from now on it is not. The names are in an order of their own. */
static bool
is_new(struct collide *c, const char *a, const char *b, enum collide_kind kind,
    const struct collide_touch *t)
{
	bool swap = strcmp(a, b) > 0;
	char *key = xasprintf("%d %s\n%s\n%s", (int)kind, swap ? b : a, swap ? a : b, t->path);
	struct told *told;

	HASH_FIND_STR(c->told, key, told);
	if (told != NULL) {
		free(key);
		return false;
	}
	if (c->told_n >= c->cfg.touches_max)
		drop_told(c, c->told_list);
	told = xcalloc(1, sizeof *told);
	told->key = key;
	told->time_ms = t->time_ms;
	HASH_ADD_KEYPTR(hh, c->told, told->key, strlen(told->key), told);
	DL_APPEND(c->told_list, told);
	c->told_n++;
	return true;
}

struct worst {
	const struct touch *other;
	enum collide_kind kind;
};

/* The gravest for each of the other parties; the last one of equals. */
static size_t
find_worst(const struct collide *c, const struct file *f, const struct collide_touch *t,
    struct worst all[COLLIDE_PER_PATH])
{
	const struct touch *o;
	size_t n = 0, i;

	DL_FOREACH2(f->touches, o, then)
	{
		enum collide_kind kind;

		if (between(&o->t, t) > c->cfg.window_ms || one_party(&o->t.who, &t->who))
			continue;
		kind = kind_of(c, &o->t, t);
		for (i = 0; i < n && strcmp(all[i].other->name, o->name) != 0; i++)
			;
		if (i == n)
			all[n++] = (struct worst){o, kind};
		else if (kind >= all[i].kind)
			all[i] = (struct worst){o, kind};
	}
	return n;
}

static bool
is_explained(struct collide *c, struct file *f, const struct collide_touch *t)
{
	struct touch *o, *next;

	DL_FOREACH_SAFE2(f->touches, o, next, then)
	{
		if (!explained(c, &o->t, t))
			continue;
		if (t->seen)
			return true;
		drop(c, o);
	}
	return false;
}

/* The same again, which is only later. */
static bool
again(struct collide *c, struct file *f, const char *name, const struct collide_touch *t)
{
	struct touch *o;

	DL_FOREACH2(f->touches, o, then)
	{
		if (o->t.first == t->first && o->t.last == t->last && o->t.seen == t->seen &&
		    o->t.who.session == t->who.session && strcmp(o->name, name) == 0) {
			if (t->time_ms > o->t.time_ms)
				o->t.time_ms = t->time_ms;
			DL_DELETE(c->touches, o);
			DL_APPEND(c->touches, o);
			return true;
		}
	}
	return false;
}

static void
keep(struct collide *c, char *take_name, const struct collide_touch *t)
{
	struct file *f = file_of(c, t->path);
	struct touch *n;

	if (again(c, f, take_name, t)) {
		free(take_name);
		return;
	}
	n = xcalloc(1, sizeof *n);
	n->t = *t;
	n->t.path = f->path;
	n->t.who.root = copy(t->who.root);
	n->t.who.owner = copy(t->who.owner);
	n->t.who.pane = copy(t->who.pane);
	n->t.who.agent = copy(t->who.agent);
	n->name = take_name;
	n->file = f;
	DL_APPEND(c->touches, n);
	DL_APPEND2(f->touches, n, before, then);
	c->n++;
	f->n++;
	if (f->n > COLLIDE_PER_PATH)
		drop(c, f->touches);
	while (c->n > c->cfg.touches_max)
		drop(c, c->touches);
}

void
collide_add(struct collide *c, const struct collide_touch *touch, int64_t now_ms,
    collide_cb collision, void *arg)
{
	struct collide_touch t = *touch;
	struct worst all[COLLIDE_PER_PATH];
	struct file *f;
	char *name;
	size_t n;

	expire(c, now_ms);
	if (t.time_ms > now_ms)
		t.time_ms = now_ms;
	if (t.time_ms < now_ms - c->cfg.window_ms)
		return;
	HASH_FIND_STR(c->files, t.path, f);
	if (f != NULL && is_explained(c, f, &t))
		return;
	HASH_FIND_STR(c->files, t.path, f); /* it may have gone */
	name = name_of(&t.who);
	n = f != NULL ? find_worst(c, f, &t, all) : 0;
	for (size_t i = 0; i < n; i++)
		if (is_new(c, all[i].other->name, name, all[i].kind, &t))
			collision(arg, all[i].kind, &all[i].other->t, &t);
	keep(c, name, &t);
}
