/* A step when its turn has come: what it refers to put in, its hash, its argv. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "job/flow_expr.h"
#include "proto/json.h"

/* Rules. */

enum flow_turn
flow_turn(const struct flow_context *c, unsigned step)
{
	const struct flow_step *s = &c->flow->steps[step];
	unsigned completed = 0, ended = 0;

	for (unsigned i = 0; i < s->ndepends; i++) {
		struct flow_known k = {.exit_status = -1};

		c->step(c->arg, s->depends[i], &k);
		completed += k.state == FLOW_COMPLETED;
		ended += flow_is_terminal(k.state);
	}
	switch (s->trigger) {
	case FLOW_ALL_DONE:
		return ended == s->ndepends ? FLOW_TURN_GO : FLOW_TURN_WAIT;
	case FLOW_ONE_SUCCESS:
		if (completed != 0)
			return FLOW_TURN_GO;
		return ended == s->ndepends ? FLOW_TURN_SKIP : FLOW_TURN_WAIT;
	default:
		if (completed == s->ndepends)
			return FLOW_TURN_GO;
		return ended != completed ? FLOW_TURN_SKIP : FLOW_TURN_WAIT;
	}
}

bool
flow_condition(const struct flow_context *c, unsigned step)
{
	const struct flow_expr *e = c->flow->steps[step].expr;

	return e == NULL || flow_expr_true(e, c);
}

/* Putting in. */

struct filling {
	const struct flow_context *c;
	struct buf out;
};

static int
fill_literal(void *arg, const char *text, size_t len)
{
	return buf_append(&((struct filling *)arg)->out, text, len) == 0 ? 0 : -E2BIG;
}

static int
fill_ref(void *arg, const struct flow_ref *ref, char **cause)
{
	struct filling *f = arg;
	bool found;
	cJSON *v = flow_ref_value(f->c, ref, &found);
	int rc = 0;

	if (!found)
		rc = err_set(cause, -EINVAL, "the result of %s has no %.*s", ref->name,
		    ref->rest_len > 80 ? 80 : (int)ref->rest_len, ref->rest);
	else if (flow_value_text(v, &f->out) != 0)
		rc = -E2BIG;
	cJSON_Delete(v);
	return rc;
}

static int
fill(const struct flow_context *c, const char *what, const char *text, char **out, char **cause)
{
	struct filling f = {.c = c};
	struct flow_text_cbs cbs = {fill_ref, fill_literal, &f};
	int rc;

	*out = NULL;
	if (text == NULL)
		return 0;
	buf_init(&f.out, FLOW_EXPANDED_MAX);
	rc = flow_text_each(text, &cbs, cause);
	if (rc == 0)
		*out = f.out.data != NULL ? buf_take(&f.out) : xstrdup("");
	else if (rc == -E2BIG)
		rc = err_set(cause, -EINVAL, "%s has more than %d bytes with what was put in",
		    what, FLOW_EXPANDED_MAX);
	buf_release(&f.out);
	return rc;
}

static int
fill_texts(const struct flow_context *c, const struct flow_step *s, struct flow_ready *out,
    char **cause)
{
	size_t n = 0;
	int rc = 0;

	if (s->command != NULL) {
		while (s->command[n] != NULL)
			n++;
		out->argv = xcalloc(n + 1, sizeof *out->argv);
		for (size_t i = 0; rc == 0 && i < n; i++)
			rc = fill(c, "command", s->command[i], &out->argv[i], cause);
	}
	if (rc == 0 && s->env != NULL) {
		for (n = 0; s->env[n] != NULL;)
			n++;
		out->env = xcalloc(n + 1, sizeof *out->env);
		for (size_t i = 0; rc == 0 && i < n; i += 2) {
			out->env[i] = xstrdup(s->env[i]);
			rc = fill(c, "env", s->env[i + 1], &out->env[i + 1], cause);
		}
	}
	if (rc == 0 && (rc = fill(c, "prompt", s->prompt, &out->prompt, cause)) == 0 &&
	    (rc = fill(c, "cwd", s->cwd, &out->cwd, cause)) == 0)
		rc = fill(c, "message", s->message, &out->message, cause);
	return rc;
}

/* Agents. */

static const char *const agents[] = {"claude", "codex", "gemini", "opencode", NULL};

bool
flow_agent_known(const char *agent)
{
	for (int i = 0; agents[i] != NULL; i++)
		if (strcmp(agent, agents[i]) == 0)
			return true;
	return false;
}

/* The prompt may come from anywhere: it stands behind -- or =, where it is no option. */
char **
flow_agent_argv(const char *agent, const char *model, const char *prompt)
{
	static const char *const claude[] = {
	    "claude", "-p", "--output-format", "stream-json", "--verbose", NULL};
	static const char *const codex[] = {"codex", "exec", "--json", NULL};
	static const char *const gemini[] = {"gemini", "-o", "stream-json", NULL};
	static const char *const opencode[] = {"opencode", "run", "--format", "json", NULL};
	static const char *const *const heads[] = {claude, codex, gemini, opencode};
	unsigned which = 0, n = 0;
	char **argv;

	while (agents[which] != NULL && strcmp(agent, agents[which]) != 0)
		which++;
	if (agents[which] == NULL)
		return NULL;
	argv = xcalloc(12, sizeof *argv);
	for (const char *const *a = heads[which]; *a != NULL; a++)
		argv[n++] = xstrdup(*a);
	if (model != NULL) {
		argv[n++] = xstrdup("--model");
		argv[n++] = xstrdup(model);
	}
	if (heads[which] == gemini) {
		argv[n++] = xasprintf("--prompt=%s", prompt);
	} else {
		argv[n++] = xstrdup("--");
		argv[n++] = xstrdup(prompt);
	}
	return argv;
}

/* Canonical JSON and the hash. */

static int
by_member(const void *a, const void *b)
{
	return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static cJSON *
sorted(const cJSON *v)
{
	cJSON *out = cJSON_IsArray(v) ? json_array() : json_object();
	size_t n = (size_t)cJSON_GetArraySize(v), i = 0;
	const cJSON **items = xcalloc(n + 1, sizeof *items);

	for (const cJSON *item = v->child; item != NULL; item = item->next)
		items[i++] = item;
	if (cJSON_IsObject(v) && n > 1)
		qsort(items, n, sizeof *items, by_member);
	for (i = 0; i < n; i++) {
		bool deep = cJSON_IsObject(items[i]) || cJSON_IsArray(items[i]);
		cJSON *copy = deep ? sorted(items[i]) : cJSON_Duplicate(items[i], true);

		if (cJSON_IsArray(v))
			cJSON_AddItemToArray(out, copy);
		else
			cJSON_AddItemToObject(out, items[i]->string, copy);
	}
	free(items);
	return out;
}

char *
flow_canonical(const cJSON *v)
{
	bool deep = cJSON_IsObject(v) || cJSON_IsArray(v);

	return json_print_take(deep ? sorted(v) : cJSON_Duplicate(v, true));
}

static void
add_depends(const struct flow_context *c, const struct flow_step *s, cJSON *o)
{
	cJSON *list = json_object();

	for (unsigned i = 0; i < s->ndepends; i++) {
		struct flow_known k = {.exit_status = -1};
		char hex[2 * FLOW_HASH_SIZE + 1] = "";
		cJSON *d = cJSON_AddObjectToObject(list, c->flow->steps[s->depends[i]].name);

		c->step(c->arg, s->depends[i], &k);
		if (k.hash != NULL)
			str_hex(k.hash, FLOW_HASH_SIZE, hex);
		cJSON_AddStringToObject(d, "hash", hex);
		cJSON_AddStringToObject(d, "state", flow_state_name(k.state));
		cJSON_AddNumberToObject(d, "exit_status", k.exit_status);
		if (k.result != NULL)
			cJSON_AddItemToObject(d, "result", cJSON_Duplicate(k.result, true));
	}
	cJSON_AddItemToObject(o, "depends_on", list);
}

static void
add_optional(cJSON *o, const char *name, const char *text)
{
	if (text != NULL)
		json_add_text(o, name, text);
}

static void
hash_step(const struct flow_context *c, const struct flow_step *s, struct flow_ready *r)
{
	cJSON *o = json_object();
	char *text;

	cJSON_AddStringToObject(o, "flow", c->flow->name);
	cJSON_AddStringToObject(o, "step", s->name);
	cJSON_AddStringToObject(o, "type", flow_type_name(s->type));
	cJSON_AddNumberToObject(o, "result", s->result);
	add_optional(o, "agent", s->agent);
	add_optional(o, "model", s->model);
	add_optional(o, "prompt", r->prompt);
	add_optional(o, "cwd", r->cwd);
	if (r->cwd == NULL || *r->cwd != '/')
		add_optional(o, "dir", c->dir);
	add_optional(o, "message", r->message);
	if (r->argv != NULL)
		cJSON_AddItemToObject(o, "command", json_texts(r->argv));
	if (r->env != NULL)
		cJSON_AddItemToObject(o, "env", json_texts(r->env));
	if (s->trigger != FLOW_ONE_SUCCESS)
		add_depends(c, s, o);
	text = flow_canonical(o);
	cJSON_Delete(o);
	EVP_Digest(text, strlen(text), r->hash, NULL, EVP_sha256(), NULL);
	free(text);
}

int
flow_ready(const struct flow_context *c, unsigned step, struct flow_ready *out, char **cause)
{
	const struct flow_step *s = &c->flow->steps[step];
	int rc;

	memset(out, 0, sizeof *out);
	rc = fill_texts(c, s, out, cause);
	if (rc == 0 && s->type != FLOW_APPROVAL && out->argv != NULL && *out->argv[0] == '\0')
		rc = err_set(cause, -EINVAL, "its command is empty");
	if (rc == 0 && out->prompt != NULL && *out->prompt == '\0')
		rc = err_set(cause, -EINVAL, "its prompt is empty");
	if (rc == 0 && s->type == FLOW_AGENT && out->argv == NULL)
		out->argv = flow_agent_argv(s->agent, s->model, out->prompt);
	if (rc == 0)
		hash_step(c, s, out);
	else
		flow_ready_release(out);
	return rc;
}

void
flow_ready_release(struct flow_ready *r)
{
	flow_argv_free(r->argv);
	flow_argv_free(r->env);
	free(r->prompt);
	free(r->cwd);
	free(r->message);
	memset(r, 0, sizeof *r);
}
