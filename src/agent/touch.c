#include "config.h"

#include "agent/touch.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/jv.h"
#include "base/str.h"
#include "base/xmalloc.h"

/* Paths. */

char *
touch_path(const char *cwd, const char *path)
{
	const char *parts[] = {*path == '/' ? "" : cwd, path};
	char out[TOUCH_PATH_MAX];
	size_t n = 0;

	if (*path == '\0' || parts[0] == NULL || (*parts[0] != '/' && *path != '/'))
		return NULL;
	if (isalpha((unsigned char)path[0]) && path[1] == ':' &&
	    (path[2] == '\\' || path[2] == '/'))
		return NULL;
	for (unsigned i = 0; i < 2; i++) {
		for (const char *s = parts[i], *e; *s != '\0'; s = e) {
			size_t len = strcspn(s, "/");

			e = s + len + (s[len] == '/');
			if (len == 0 || (len == 1 && *s == '.'))
				continue;
			if (len == 2 && s[0] == '.' && s[1] == '.') {
				while (n > 0 && out[--n] != '/')
					;
				continue;
			}
			if (n + 1 + len >= sizeof out)
				return NULL;
			out[n++] = '/';
			memcpy(out + n, s, len);
			n += len;
		}
	}
	return n != 0 ? xstrndup(out, n) : NULL; /* the root is no file */
}

/* What is given. */

struct out {
	const char *cwd;
	touch_cb touch;
	void *arg;
	unsigned n;
};

static void
give(struct out *o, const char *path, int64_t first, int64_t last)
{
	char *full;

	if (path == NULL || o->n >= TOUCH_MAX)
		return;
	full = touch_path(o->cwd, path);
	if (full == NULL)
		return;
	o->n++;
	o->touch(o->arg, full, first, last);
	free(full);
}

/* Patches. */

struct line {
	const char *s;
	size_t len;
};

static bool
next_line(const char **at, struct line *l)
{
	if (**at == '\0')
		return false;
	l->s = *at;
	l->len = strcspn(*at, "\n");
	*at += l->len + ((*at)[l->len] == '\n');
	if (l->len != 0 && l->s[l->len - 1] == '\r')
		l->len--;
	return true;
}

/* What follows the head, to be freed; NULL: it is another line. */
static char *
behind(const struct line *l, const char *head)
{
	size_t n = strlen(head), len = l->len;

	if (len <= n || memcmp(l->s, head, n) != 0)
		return NULL;
	len -= n;
	if (len >= TOUCH_PATH_MAX)
		len = TOUCH_PATH_MAX;
	return xstrndup(l->s + n, len);
}

static bool
read_number(const char **s, const char *end, int64_t *out)
{
	int64_t n = 0;
	const char *from = *s;

	for (; *s < end && isdigit((unsigned char)**s); ++*s) {
		n = n * 10 + (**s - '0');
		if (n > TOUCH_LAST)
			return false;
	}
	*out = n;
	return *s != from;
}

/* "a,b" or "a", for which b is 1. */
static bool
read_range(const char **s, const char *end, int64_t *first, int64_t *count)
{
	*count = 1;
	if (!read_number(s, end, first))
		return false;
	if (*s == end || **s != ',')
		return true;
	++*s;
	return read_number(s, end, count);
}

struct hunk {
	int64_t old, old_n, new, new_n;
};

/* "@@ -a,b +c,d @@" */
static bool
read_hunk(const struct line *l, struct hunk *h)
{
	const char *s = l->s, *end = l->s + l->len;

	if (l->len < 4 || memcmp(s, "@@ -", 4) != 0)
		return false;
	s += 4;
	if (!read_range(&s, end, &h->old, &h->old_n) || end - s < 2 || s[0] != ' ' ||
	    s[1] != '+')
		return false;
	s += 2;
	return read_range(&s, end, &h->new, &h->new_n);
}

static int64_t
line_at(int64_t n)
{
	return n < 1 ? 1 : n > TOUCH_LAST ? TOUCH_LAST : n;
}

/* Its lines, as far as it has them, are passed; what they change is given, numbered as in the new
 * file. Without them it is all that it covers. */
static void
give_hunk(struct out *o, const char *path, const struct hunk *h, const char **at)
{
	int64_t old = h->old_n, new = h->new_n, n = h->new, first = 0, last = 0;
	const char *next = *at;
	struct line l;

	while ((old > 0 || new > 0) && next_line(&next, &l)) {
		char c = l.len != 0 ? *l.s : ' ';

		if (c == '+' && new > 0) {
			new --;
		} else if (c == '-' && old > 0) {
			old--;
		} else if (c == ' ' && old > 0 && new > 0) {
			old--;
			new --;
		} else if (c != '\\') {
			break;
		}
		if (c == '+' || c == '-') {
			first = first != 0 ? first : line_at(n);
			last = line_at(n);
		}
		n += c == '+' || c == ' ';
		*at = next;
	}
	if (first == 0) {
		first = line_at(h->new);
		last = line_at(h->new + (h->new_n > 0 ? h->new_n - 1 : 0));
	}
	give(o, path, first, last);
}

struct patch {
	char *path, *old; /* of the file that is read; old: of a "--- " line */
	bool known;       /* something of it was given */
	bool unknown;     /* a part of it has no numbers */
	bool begun;       /* "*** Begin Patch": diff's heads are none */
};

static void
end_file(struct out *o, struct patch *p)
{
	if (p->path != NULL && (p->unknown || !p->known))
		give(o, p->path, 0, 0);
	free(p->path);
	p->path = NULL;
	p->known = p->unknown = false;
}

static void
give_whole(struct out *o, struct patch *p, char *take)
{
	end_file(o, p);
	give(o, take, 1, TOUCH_LAST);
	free(take);
}

/* Whether it is one of "*** Add File: path" and the like. */
static bool
take_section(struct out *o, struct patch *p, const struct line *l)
{
	char *path;

	if (l->len < 4 || memcmp(l->s, "*** ", 4) != 0)
		return false;
	if ((path = behind(l, "*** Begin Patch")) != NULL ||
	    (l->len == 15 && memcmp(l->s, "*** Begin Patch", 15) == 0)) {
		free(path);
		p->begun = true;
	} else if ((path = behind(l, "*** Update File: ")) != NULL) {
		end_file(o, p);
		p->path = path;
	} else if ((path = behind(l, "*** Add File: ")) != NULL ||
		   (path = behind(l, "*** Delete File: ")) != NULL) {
		give_whole(o, p, path);
	} else if ((path = behind(l, "*** Move to: ")) != NULL) {
		give(o, path, 1, TOUCH_LAST);
		free(path);
	} else if (l->len >= 13 && memcmp(l->s, "*** End Patch", 13) == 0) {
		end_file(o, p);
		p->begun = false;
	}
	return true;
}

/* "+++ b/path", with a time behind a tab; of a file that is removed the old path. */
static void
take_diff_head(struct out *o, struct patch *p, char *take)
{
	const char *path = take;

	take[strcspn(take, "\t")] = '\0';
	end_file(o, p);
	if (strcmp(path, "/dev/null") == 0 && p->old != NULL) {
		p->old[strcspn(p->old, "\t")] = '\0';
		path = p->old;
	}
	if (str_starts(path, "a/") || str_starts(path, "b/"))
		path += 2;
	p->path = xstrdup(path);
	free(take);
}

unsigned
agent_patch_touches(const char *patch, const char *cwd, touch_cb touch, void *arg)
{
	struct out o = {cwd, touch, arg, 0};
	struct patch p = {0};
	struct line l;

	while (o.n < TOUCH_MAX && next_line(&patch, &l)) {
		struct hunk h;
		char *path;

		if (take_section(&o, &p, &l))
			continue;
		if (!p.begun && (path = behind(&l, "--- ")) != NULL) {
			free(p.old);
			p.old = path;
		} else if (!p.begun && (path = behind(&l, "+++ ")) != NULL) {
			take_diff_head(&o, &p, path);
		} else if (p.path != NULL && read_hunk(&l, &h)) {
			give_hunk(&o, p.path, &h, &patch);
			p.known = true;
		} else if (p.path != NULL && l.len >= 2 && memcmp(l.s, "@@", 2) == 0) {
			p.unknown = true;
		}
	}
	end_file(&o, &p);
	free(p.old);
	return o.n;
}

/* Tools. */

enum kind { EDIT, WHOLE, COMMAND, PATCH, SHELL };

static const struct tool {
	const char *name;
	enum kind kind;
} tools[] = {
    {"edit", EDIT},
    {"multiedit", EDIT},
    {"multi_edit", EDIT},
    {"notebookedit", EDIT},
    {"edit_file", EDIT},
    {"replace", EDIT},
    {"search_replace", EDIT},
    {"str_replace", EDIT},
    {"replace_string_in_file", EDIT},
    {"multi_replace_string_in_file", EDIT},
    {"insert_edit_into_file", EDIT},
    {"file_change", EDIT},
    {"write", WHOLE},
    {"write_file", WHOLE},
    {"create", WHOLE},
    {"create_file", WHOLE},
    {"str_replace_editor", COMMAND},
    {"str_replace_based_edit_tool", COMMAND},
    {"apply_patch", PATCH},
    {"patch", PATCH},
    {"bash", SHELL},
    {"shell", SHELL},
    {"local_shell", SHELL},
    {"exec_command", SHELL},
    {"command_execution", SHELL},
    {"run_shell_command", SHELL},
    {"container.exec", SHELL},
};

static const struct tool *
find_tool(const char *name)
{
	for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
		if (strcasecmp(tools[i].name, name) == 0)
			return &tools[i];
	return NULL;
}

/* To be freed, or NULL. */
static char *
path_of(struct jv o)
{
	static const char *const names[] = {"file_path", "filePath", "path", "notebook_path",
	    "absolute_path", "target_file", "filepath", "filename"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct jv v = jv_get(o, names[i]);

		if (jv_is_string(v) && v.e - v.s < 6 * TOUCH_PATH_MAX)
			return jv_text(v);
	}
	return NULL;
}

static bool
lines_of(struct jv o, int64_t *first, int64_t *last)
{
	static const char *const names[][2] = {{"start_line", "end_line"},
	    {"startLine", "endLine"}, {"line_start", "line_end"}, {"first_line", "last_line"}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		int64_t f = jv_count(jv_get(o, names[i][0]));
		int64_t l = jv_count(jv_get(o, names[i][1]));

		if (l < 0)
			l = f;
		if (f >= 1 && l >= f && l <= TOUCH_LAST) {
			*first = f;
			*last = l;
			return true;
		}
	}
	*first = *last = 0;
	return false;
}

static void
give_part(struct out *o, struct jv part, const char *path, int64_t first, int64_t last)
{
	struct jv kind = jv_get(part, "kind");

	if (jv_eq(kind, "add") || jv_eq(kind, "delete")) {
		first = 1;
		last = TOUCH_LAST;
	}
	give(o, path, first, last);
}

/* The edits of a call that has several; whether one of them says more than its text. */
static bool
give_parts(struct out *o, struct jv input, const char *path)
{
	static const char *const names[] = {"edits", "replacements", "changes"};
	bool any = false;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct jv at = jv_get(input, names[i]), part;

		if (!jv_is_array(at))
			continue;
		while (o->n < TOUCH_MAX && jv_next(&at, NULL, &part)) {
			char *own = path_of(part);
			int64_t first, last;

			if (lines_of(part, &first, &last) || own != NULL) {
				give_part(o, part, own != NULL ? own : path, first, last);
				any = true;
			}
			free(own);
		}
	}
	return any;
}

static void
give_edit(struct out *o, struct jv input)
{
	char *path = path_of(input);
	int64_t first, last;

	if (lines_of(input, &first, &last) || !give_parts(o, input, path))
		give(o, path, first, last);
	free(path);
}

/* One tool with several commands, of which "view" is one. */
static void
give_command(struct out *o, struct jv input)
{
	struct jv command = jv_get(input, "command");
	int64_t line = jv_count(jv_get(input, "insert_line"));
	char *path;

	if (jv_eq(command, "create")) {
		path = path_of(input);
		give(o, path, 1, TOUCH_LAST);
		free(path);
	} else if (jv_eq(command, "insert") && line >= 0 && line < TOUCH_LAST) {
		path = path_of(input);
		give(o, path, line + 1, line + 1); /* it pushes down what is there */
		free(path);
	} else if (jv_eq(command, "str_replace") || jv_eq(command, "insert") ||
		   jv_eq(command, "undo_edit")) {
		give_edit(o, input);
	}
}

static void
give_patch(struct out *o, const char *patch)
{
	o->n += agent_patch_touches(patch, o->cwd, o->touch, o->arg);
}

/* A command, or its arguments, of which one has the patch. The patch may be quoted, or a here
 * document: it is what it looks like. */
static void
give_shell(struct out *o, struct jv v)
{
	struct jv at = v, part;
	const char *from;
	char *text;

	if (jv_is_array(v)) {
		while (o->n == 0 && jv_next(&at, NULL, &part))
			if (jv_is_string(part))
				give_shell(o, part);
		return;
	}
	if (!jv_is_string(v) || !jv_has(v, "*** Begin Patch"))
		return;
	text = jv_text(v);
	from = text != NULL ? strstr(text, "*** Begin Patch") : NULL;
	if (from != NULL)
		give_patch(o, from);
	free(text);
}

static void
give_members(struct out *o, struct jv input)
{
	static const char *const patches[] = {
	    "patch", "input", "patchText", "patch_text", "diff"};
	static const char *const commands[] = {"command", "cmd"};
	struct jv dir = jv_get(input, "workdir");
	char *cwd = jv_is_string(dir) ? jv_text(dir) : NULL, *text, *full = NULL;

	if (cwd != NULL && (full = touch_path(o->cwd, cwd)) != NULL)
		o->cwd = full;
	for (size_t i = 0; o->n == 0 && i < sizeof patches / sizeof *patches; i++) {
		text = jv_text(jv_get(input, patches[i]));
		if (text != NULL)
			give_patch(o, text);
		free(text);
	}
	for (size_t i = 0; o->n == 0 && i < sizeof commands / sizeof *commands; i++)
		give_shell(o, jv_get(input, commands[i]));
	o->cwd = NULL;
	free(full);
	free(cwd);
}

/* What is no object: a patch, a command, or a list of changes. */
static void
give_bare(struct out *o, enum kind kind, const char *input, size_t len)
{
	const char *patch = strstr(input, "*** Begin Patch");
	struct jv v;
	char *whole;

	if (kind == PATCH)
		give_patch(o, input);
	else if (kind == SHELL && patch != NULL)
		give_patch(o, patch);
	if (kind != EDIT || *input != '[')
		return;
	whole = xasprintf("{\"changes\":%s}", input);
	len += strlen("{\"changes\":}");
	if (jv_object(whole, len, &v))
		give_parts(o, v, NULL);
	free(whole);
}

unsigned
agent_touches(const char *tool, const char *input, const char *cwd, touch_cb touch, void *arg)
{
	const struct tool *t = tool != NULL ? find_tool(tool) : NULL;
	struct out o = {cwd, touch, arg, 0};
	size_t len = t != NULL && input != NULL ? strnlen(input, TOUCH_INPUT_MAX + 1) : 0;
	struct jv v;
	char *path;

	if (len == 0 || len > TOUCH_INPUT_MAX)
		return 0;
	/* Most commands apply none. */
	if (t->kind == SHELL && strstr(input, "*** Begin Patch") == NULL)
		return 0;
	if (!jv_object(input, len, &v)) {
		give_bare(&o, t->kind, input, len);
		return o.n;
	}
	switch (t->kind) {
	case EDIT:
		give_edit(&o, v);
		break;
	case WHOLE:
		path = path_of(v);
		give(&o, path, 1, TOUCH_LAST);
		free(path);
		break;
	case COMMAND:
		give_command(&o, v);
		break;
	case PATCH:
	case SHELL:
		give_members(&o, v);
		break;
	}
	return o.n;
}
