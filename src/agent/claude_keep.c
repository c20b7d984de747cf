/* What the parser of transcripts keeps between readings. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/claude_priv.h"
#include "base/buf.h"
#include "base/xmalloc.h"
#include "proto/json.h"

enum { STATE_VERSION = 1 };

static char **
text_at(struct claude *c, int i)
{
	char **texts[] = {&c->main, &c->session, &c->fork, &c->turn};

	return i < 4 ? texts[i] : &c->attributes[i - 4];
}

static const char *const text_names[] = {
    "main", "session", "fork", "turn", "cwd", "version", "branch", "mode"};

enum { TEXTS = sizeof text_names / sizeof *text_names };

/* Hashes do not fit numbers of JSON, so they are in strings. */
static void
add_hashes(cJSON *o, const char *name, const uint64_t *v, size_t n)
{
	struct buf b;
	char *s;

	buf_init(&b, BUF_NO_MAX);
	buf_append(&b, "", 0);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%llx ", (unsigned long long)v[i]);
	cJSON_AddStringToObject(o, name, s = buf_take(&b));
	free(s);
}

static size_t
get_hashes(const cJSON *o, const char *name, uint64_t *v, size_t max)
{
	const char *s = json_string(o, name);
	size_t n = 0;
	char *end;

	for (; s != NULL && *s != '\0' && n < max; s = end + 1) {
		v[n++] = strtoull(s, &end, 16);
		if (end == s || *end != ' ')
			return n - 1;
	}
	return n;
}

static void
add_titles(const struct claude *c, cJSON *o)
{
	cJSON *list = cJSON_AddArrayToObject(o, "titles");

	for (unsigned i = 0; i < CLAUDE_TITLES; i++) {
		const struct claude_waiting *t = &c->titles[i];
		if (t->title == NULL)
			continue;
		cJSON *item = json_object();
		cJSON_AddNumberToObject(item, "slot", i);
		add_hashes(item, "leaf", &t->leaf, 1);
		cJSON_AddStringToObject(item, "title", t->title);
		cJSON_AddItemToArray(list, item);
	}
	cJSON_AddNumberToObject(o, "next_title", c->titles_n % CLAUDE_TITLES);
}

static void
get_titles(struct claude *c, const cJSON *o)
{
	const cJSON *item;
	uint64_t slot, next = 0;

	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(o, "titles")) {
		const char *title = json_string(item, "title");
		if (title == NULL || json_u64(item, "slot", 0, CLAUDE_TITLES - 1, &slot) != 0 ||
		    c->titles[slot].title != NULL)
			continue;
		get_hashes(item, "leaf", &c->titles[slot].leaf, 1);
		c->titles[slot].title = xstrdup(title);
	}
	json_u64(o, "next_title", 0, CLAUDE_TITLES - 1, &next);
	c->titles_n = (unsigned)next;
}

void
claude_save(const struct agent_parser *p, struct buf *b)
{
	struct claude *c = (struct claude *)p; /* only read */
	unsigned prompts = c->prompts_n < CLAUDE_PROMPTS ? c->prompts_n : CLAUDE_PROMPTS;
	cJSON *o = json_object();
	char *text;

	cJSON_AddNumberToObject(o, "state_version", STATE_VERSION);
	for (int i = 0; i < TEXTS; i++)
		if (*text_at(c, i) != NULL)
			cJSON_AddStringToObject(o, text_names[i], *text_at(c, i));
	cJSON_AddBoolToObject(o, "turn_open", c->turn_open);
	cJSON_AddBoolToObject(o, "titled", c->titled);
	cJSON_AddNumberToObject(o, "state", c->state);
	add_hashes(o, "last_uuid", &c->last_uuid, 1);
	add_hashes(o, "prompts", (const uint64_t *)c->prompts, 3 * (size_t)prompts);
	cJSON_AddNumberToObject(o, "next_prompt", c->prompts_n);
	add_hashes(o, "sides", (const uint64_t *)c->sides, 2 * (size_t)c->sides_n);
	cJSON_AddNumberToObject(o, "side", c->side);
	add_titles(c, o);
	claude_save_blocks(&c->out, o);
	text = json_print_take(o);
	buf_puts(b, text);
	free(text);
}

void
claude_forget(struct claude *c)
{
	for (int i = 0; i < TEXTS; i++) {
		free(*text_at(c, i));
		*text_at(c, i) = NULL;
	}
	for (int i = 0; i < CLAUDE_TITLES; i++) {
		free(c->titles[i].title);
		c->titles[i].title = NULL;
	}
}

static void
get_rings(struct claude *c, const cJSON *o)
{
	uint64_t n = 0, side = 0;
	size_t prompts =
	    get_hashes(o, "prompts", (uint64_t *)c->prompts, 3 * CLAUDE_PROMPTS) / 3;

	json_u64(o, "next_prompt", 0, 2 * CLAUDE_PROMPTS - 1, &n);
	c->prompts_n = (unsigned)(prompts < CLAUDE_PROMPTS ? prompts
				  : n < CLAUDE_PROMPTS     ? CLAUDE_PROMPTS
							   : n);
	c->sides_n =
	    (unsigned)(get_hashes(o, "sides", (uint64_t *)c->sides, 2 * CLAUDE_SIDES) / 2);
	json_u64(o, "side", 0, CLAUDE_SIDES - 1, &side);
	c->side = side < c->sides_n ? (unsigned)side : 0;
}

bool
claude_restore(struct agent_parser *p, const char *json, size_t len)
{
	struct claude *c = (struct claude *)p;
	cJSON *o = json_parse(json, len);
	uint64_t version, state = AGENT_DEAD;

	if (o == NULL ||
	    json_u64(o, "state_version", STATE_VERSION, STATE_VERSION, &version) != 0) {
		cJSON_Delete(o);
		return false;
	}
	claude_forget(c);
	for (int i = 0; i < TEXTS; i++)
		if (json_string(o, text_names[i]) != NULL)
			*text_at(c, i) = xstrdup(json_string(o, text_names[i]));
	c->turn_open = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "turn_open"));
	c->titled = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "titled"));
	json_u64(o, "state", 0, AGENT_DEAD, &state);
	c->state = (enum agent_state)state;
	get_hashes(o, "last_uuid", &c->last_uuid, 1);
	get_rings(c, o);
	get_titles(c, o);
	claude_restore_blocks(&c->out, o);
	cJSON_Delete(o);
	return true;
}
