#include "config.h"

#include "cli/completions.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/completions_tables.h"
#include "cli/completions_text.h"
#include "cli/glance.h"
#include "proto/json.h"

enum { PATIENCE_MS = 1000, ABOUT_MAX = 60 };

bool
completions_script(struct buf *b, const char *shell)
{
	for (size_t i = 0; i < completions_texts_count; i++) {
		const struct completions_text *t = &completions_texts[i];

		if (strcmp(t->shell, shell) != 0)
			continue;
		buf_puts(b, t->before);
		completions_tables(b, strcmp(shell, "fish") == 0);
		buf_puts(b, t->behind);
		return true;
	}
	return false;
}

/* What the daemon has */

static const struct source {
	const char *kind, *path, *list;
	const char *name;     /* a member that will do for the id, or NULL */
	const char *about[2]; /* members that say what it is */
} sources[] = {
    {"panes", "/api/v1/panes", "panes", "name", {"name", "command"}},
    {"jobs", "/api/v1/jobs?limit=50", "jobs", "name", {"state", "command"}},
    {"sessions", "/api/v1/sessions?limit=50", "data", NULL, {"agent", "title"}},
    {"flows", "/api/v1/flows?limit=50", "flows", NULL, {"state", "name"}},
    {"watches", "/api/v1/watches", "watches", NULL, {"pane", "pattern"}},
    {"tokens", "/api/v1/tokens", "tokens", "name", {"name", "scope"}},
};

/* A word that cannot be typed is not offered. */
static bool
is_plain(const char *word)
{
	if (word == NULL || *word == '\0' || *word == '-')
		return false;
	for (; *word != '\0'; word++) {
		if (iscntrl((unsigned char)*word))
			return false;
	}
	return true;
}

/* A string, a number, or the words of a command. */
static void
put_value(struct buf *b, const cJSON *v)
{
	const cJSON *word;

	if (cJSON_IsString(v))
		buf_puts(b, v->valuestring);
	else if (cJSON_IsNumber(v))
		buf_printf(b, "%.0f", v->valuedouble);
	cJSON_ArrayForEach (word, v) {
		if (!cJSON_IsString(word))
			continue;
		if (b->len != 0)
			buf_putc(b, ' ');
		buf_puts(b, word->valuestring);
	}
}

static char *
member(const cJSON *o, const char *name)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	put_value(&b, cJSON_GetObjectItemCaseSensitive(o, name));
	return buf_take(&b);
}

static void
put_line(struct buf *b, const char *word, const char *about)
{
	char *safe;

	if (!is_plain(word))
		return;
	safe = cli_safe_text(about);
	buf_printf(b, "%s\t%.*s\n", word, ABOUT_MAX, safe);
	free(safe);
}

static void
put_item(struct buf *b, const struct source *s, const cJSON *item)
{
	char *id = member(item, "id"), *one = member(item, s->about[0]),
	     *two = member(item, s->about[1]), *about, *name;

	about = xasprintf("%s%s%s", one, *one != '\0' && *two != '\0' ? ": " : "", two);
	put_line(b, id, about);
	name = s->name != NULL ? member(item, s->name) : NULL;
	if (name != NULL && strcmp(name, id) != 0)
		put_line(b, name, id);
	free(name);
	free(about);
	free(two);
	free(one);
	free(id);
}

bool
completions_ask(struct buf *b, const char *kind)
{
	const cJSON *item;
	cJSON *o = NULL;

	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		const struct source *s = &sources[i];

		if (strcmp(s->kind, kind) != 0)
			continue;
		if (glance(s->path, PATIENCE_MS, &o) != CLI_DONE)
			return true;
		cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(o, s->list))
			put_item(b, s, item);
		cJSON_Delete(o);
		return true;
	}
	return false;
}
