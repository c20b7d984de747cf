/* The definition of a flow, from JSON. */
#include "config.h"

#include "job/flow.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/xmalloc.h"
#include "job/flow_expr.h"
#include "job/flow_priv.h"

static const char *const states[] = {
    "pending", "running", "completed", "failed", "cancelled", "skipped", "waiting"};
static const char *const types[] = {"command", "agent", "approval", NULL};
static const char *const triggers[] = {"all_success", "one_success", "all_done", NULL};
static const char *const results[] = {"text", "json", "lines", NULL};

const char *
flow_state_name(int state)
{
	return state >= FLOW_PENDING && state <= FLOW_WAITING ? states[state] : "unknown";
}

const char *
flow_type_name(enum flow_type t)
{
	return types[t];
}

int
flow_fail(struct flow_error *error, const char *step, const char *fmt, ...)
{
	va_list ap;
	char *what;

	va_start(ap, fmt);
	what = xvasprintf(fmt, ap);
	va_end(ap);
	error->step = step != NULL ? xstrdup(step) : NULL;
	error->text = step != NULL ? xasprintf("step %s: %s", step, what) : xstrdup(what);
	free(what);
	return -EINVAL;
}

void
flow_error_release(struct flow_error *e)
{
	free(e->step);
	free(e->text);
	*e = (struct flow_error){0};
}

/* One member of the flow or of a step. */

struct parse {
	struct flow *f;
	struct flow_step *s;
	const char *step; /* for errors */
	struct flow_error *error;
	const cJSON *depends; /* of the step: names */
};

struct member {
	const char *name;
	int (*take)(struct parse *p, const cJSON *v, const struct member *m);
	size_t offset;
	double lo, hi;
};

static bool
is_plain(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7F)
			return false;
	return true;
}

static int
take_text(struct parse *p, const cJSON *v, const struct member *m)
{
	char **to =
	    (char **)(void *)((char *)(p->s != NULL ? (void *)p->s : (void *)p->f) + m->offset);
	size_t max = m->hi != 0 ? (size_t)m->hi : FLOW_TEXT_MAX;

	if (!cJSON_IsString(v) || *v->valuestring == '\0')
		return flow_fail(
		    p->error, p->step, "%s must be a text that is not empty", m->name);
	if (strlen(v->valuestring) > max)
		return flow_fail(p->error, p->step, "%s has more than %zu bytes", m->name, max);
	if (m->lo != 0 && !is_plain(v->valuestring))
		return flow_fail(p->error, p->step, "%s has a control character", m->name);
	*to = xstrdup(v->valuestring);
	return 0;
}

static int
take_step_name(struct parse *p, const cJSON *v, const struct member *m)
{
	(void)m;
	(void)v; /* it has been taken before all others */
	return p->s->name != NULL ? 0 : -EINVAL;
}

static int
take_uint(struct parse *p, const cJSON *v, const struct member *m)
{
	unsigned *to =
	    (unsigned *)(void *)((char *)(p->s != NULL ? (void *)p->s : (void *)p->f) +
				 m->offset);

	if (!cJSON_IsNumber(v) || !(v->valuedouble >= m->lo && v->valuedouble <= m->hi) ||
	    floor(v->valuedouble) != v->valuedouble)
		return flow_fail(p->error, p->step,
		    "%s must be a whole number from %.0f to %.0f", m->name, m->lo, m->hi);
	*to = (unsigned)v->valuedouble;
	return 0;
}

static int
take_cache(struct parse *p, const cJSON *v, const struct member *m)
{
	if (!cJSON_IsBool(v))
		return flow_fail(p->error, p->step, "%s must be true or false", m->name);
	p->s->no_cache = cJSON_IsFalse(v);
	return 0;
}

static int
take_budget(struct parse *p, const cJSON *v, const struct member *m)
{
	bool tokens = m->offset == offsetof(struct flow, token_budget);

	if (!cJSON_IsNumber(v) || !(v->valuedouble > 0 && v->valuedouble <= m->hi) ||
	    (tokens && floor(v->valuedouble) != v->valuedouble))
		return flow_fail(p->error, NULL, "%s must be a %snumber above 0", m->name,
		    tokens ? "whole " : "");
	if (tokens)
		p->f->token_budget = (uint64_t)v->valuedouble;
	else
		p->f->cost_budget_usd = v->valuedouble;
	return 0;
}

static int
take_word(struct parse *p, const cJSON *v, const struct member *m)
{
	const char *const *words = m->offset == offsetof(struct flow_step, type)      ? types
				   : m->offset == offsetof(struct flow_step, trigger) ? triggers
										      : results;
	const char *s = cJSON_GetStringValue(v);

	for (int i = 0; s != NULL && words[i] != NULL; i++) {
		if (strcmp(s, words[i]) != 0)
			continue;
		if (words == types)
			p->s->type = (enum flow_type)i;
		else if (words == triggers)
			p->s->trigger = (enum flow_trigger)i;
		else
			p->s->result = (enum flow_result)i;
		return 0;
	}
	return flow_fail(p->error, p->step, "%s must be %s, %s or %s", m->name, words[0],
	    words[1], words[2]);
}

static int
take_command(struct parse *p, const cJSON *v, const struct member *m)
{
	int n = cJSON_IsArray(v) ? cJSON_GetArraySize(v) : 0;
	const cJSON *item;
	size_t i = 0;

	if (n < 1 || n > FLOW_ARGS_MAX)
		return flow_fail(p->error, p->step, "%s must be an array of 1 to %d texts",
		    m->name, FLOW_ARGS_MAX);
	p->s->command = xcalloc((size_t)n + 1, sizeof *p->s->command);
	cJSON_ArrayForEach (item, v) {
		if (!cJSON_IsString(item) || strlen(item->valuestring) > FLOW_TEXT_MAX)
			return flow_fail(p->error, p->step,
			    "%s must be an array of texts of up to %d bytes", m->name,
			    FLOW_TEXT_MAX);
		p->s->command[i++] = xstrdup(item->valuestring);
	}
	if (*p->s->command[0] == '\0')
		return flow_fail(p->error, p->step, "%s begins with an empty text", m->name);
	return 0;
}

static bool
is_env_name(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");

	return n != 0 && n <= 2 * (size_t)FLOW_NAME_MAX && s[n] == '\0' &&
	       !(*s >= '0' && *s <= '9');
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
take_env(struct parse *p, const cJSON *v, const struct member *m)
{
	int n = cJSON_IsObject(v) ? cJSON_GetArraySize(v) : -1;
	const cJSON *item;
	size_t i = 0;

	if (n < 0 || n > FLOW_ENV_MAX)
		return flow_fail(p->error, p->step, "%s must be an object of up to %d texts",
		    m->name, FLOW_ENV_MAX);
	p->s->env = xcalloc(2 * (size_t)n + 1, sizeof *p->s->env);
	cJSON_ArrayForEach (item, v) {
		if (!is_env_name(item->string) || !cJSON_IsString(item) ||
		    strlen(item->valuestring) > FLOW_TEXT_MAX)
			return flow_fail(p->error, p->step,
			    "%s must be an object of texts of up to %d bytes, by names of "
			    "variables",
			    m->name, FLOW_TEXT_MAX);
		p->s->env[i++] = xstrdup(item->string);
		p->s->env[i++] = xstrdup(item->valuestring);
	}
	if (n > 1)
		qsort(p->s->env, (size_t)n, 2 * sizeof *p->s->env, by_name);
	for (i = 2; i < 2 * (size_t)n; i += 2)
		if (strcmp(p->s->env[i], p->s->env[i - 2]) == 0)
			return flow_fail(
			    p->error, p->step, "%s has %s twice", m->name, p->s->env[i]);
	return 0;
}

static int
take_numbers(struct parse *p, const cJSON *v, const struct member *m)
{
	bool statuses = m->offset == offsetof(struct flow_step, retry_on); /* else seconds */
	int n = cJSON_IsArray(v) ? cJSON_GetArraySize(v) : 0, most = statuses ? 16 : 8;
	const cJSON *item;
	bool ok = n >= 1 && n <= most;

	if (ok)
		cJSON_ArrayForEach (item, v)
			ok = ok && cJSON_IsNumber(item) && item->valuedouble >= m->lo &&
			     item->valuedouble <= m->hi &&
			     (!statuses || floor(item->valuedouble) == item->valuedouble);
	if (!ok)
		return flow_fail(p->error, p->step,
		    "%s must be an array of 1 to %d whole numbers from %.0f to %.0f", m->name,
		    most, m->lo, m->hi);
	*(statuses ? &p->s->retry_on : &p->s->backoff_s) = cJSON_Duplicate(v, true);
	return 0;
}

static int
take_depends(struct parse *p, const cJSON *v, const struct member *m)
{
	const cJSON *item;

	if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) > FLOW_STEPS_MAX)
		return flow_fail(p->error, p->step, "%s must be an array of names", m->name);
	cJSON_ArrayForEach (item, v)
		if (!cJSON_IsString(item))
			return flow_fail(
			    p->error, p->step, "%s must be an array of names", m->name);
	p->depends = v;
	return 0;
}

static int
take_steps(struct parse *p, const cJSON *v, const struct member *m)
{
	int n = cJSON_IsArray(v) ? cJSON_GetArraySize(v) : 0;

	if (n < 1)
		return flow_fail(
		    p->error, NULL, "%s must be an array of at least one step", m->name);
	if (n > FLOW_STEPS_MAX)
		return flow_fail(
		    p->error, NULL, "it has %d steps, %d are the most", n, FLOW_STEPS_MAX);
	p->depends = v; /* they are read when the flow's own members have been */
	return 0;
}

#define F(name) offsetof(struct flow, name)
#define S(name) offsetof(struct flow_step, name)

static const struct member flow_members[] = {
    {"name", take_text, F(name), 1, 200},
    {"concurrency", take_uint, F(concurrency), 1, FLOW_CONCURRENCY_MAX},
    {"token_budget", take_budget, F(token_budget), 1, 9007199254740991.0},
    {"cost_budget_usd", take_budget, F(cost_budget_usd), 0, 1e9},
    {"steps", take_steps, 0, 0, 0},
    {0},
};

static const struct member step_members[] = {
    {"name", take_step_name, S(name), 0, 0},
    {"type", take_word, S(type), 0, 0},
    {"command", take_command, S(command), 0, 0},
    {"agent", take_text, S(agent), 1, 64},
    {"model", take_text, S(model), 1, 200},
    {"prompt", take_text, S(prompt), 0, 0},
    {"cwd", take_text, S(cwd), 1, 4096},
    {"env", take_env, S(env), 0, 0},
    {"depends_on", take_depends, 0, 0, 0},
    {"trigger", take_word, S(trigger), 0, 0},
    {"condition", take_text, S(condition), 0, FLOW_CONDITION_MAX},
    {"timeout_s", take_uint, S(timeout_s), 1, FLOW_TIMEOUT_MAX_S},
    {"idle_timeout_s", take_uint, S(idle_s), 1, FLOW_TIMEOUT_MAX_S},
    {"max_retries", take_uint, S(retries), 0, FLOW_RETRIES_MAX},
    {"retry_on", take_numbers, S(retry_on), 1, 255},
    {"backoff_s", take_numbers, S(backoff_s), 0, 24 * 3600},
    {"cache", take_cache, 0, 0, 0},
    {"message", take_text, S(message), 0, 0},
    {"result", take_word, S(result), 0, 0},
    {0},
};

/* Which members were there, as bits. */
static int
parse_members(struct parse *p, const cJSON *o, const struct member *members, unsigned *seen)
{
	const cJSON *v;
	int rc = 0;

	*seen = 0;
	for (v = o->child; v != NULL && rc == 0; v = v->next) {
		unsigned i = 0;

		while (members[i].name != NULL && strcmp(members[i].name, v->string) != 0)
			i++;
		if (members[i].name == NULL)
			return flow_fail(p->error, p->step, "there is no member %.80s",
			    is_plain(v->string) ? v->string : "of that name");
		if ((*seen & 1u << i) != 0)
			return flow_fail(p->error, p->step, "%s is there twice", v->string);
		*seen |= 1u << i;
		rc = members[i].take(p, v, &members[i]);
	}
	return rc;
}

static bool
seen_member(unsigned seen, const char *name)
{
	unsigned i = 0;

	while (strcmp(step_members[i].name, name) != 0)
		i++;
	return (seen & 1u << i) != 0;
}

/* What a step of one type must have, and what is of no use to it. */
static int
check_type(struct parse *p, unsigned seen)
{
	static const char *const of_approval[] = {"command", "agent", "model", "prompt", "cwd",
	    "env", "idle_timeout_s", "max_retries", "retry_on", "backoff_s", "cache", "result",
	    NULL};
	static const char *const of_command[] = {"agent", "model", "prompt", "message", NULL};
	static const char *const of_agent[] = {"message", NULL};
	const struct flow_step *s = p->s;
	const char *const *not = s->type == FLOW_APPROVAL ? of_approval
				 : s->type == FLOW_AGENT  ? of_agent
							  : of_command;

	for (; *not != NULL; not ++)
		if (seen_member(seen, *not ))
			return flow_fail(p->error, s->name,
			    "%s is of no use to a step of type %s", *not,
			    flow_type_name(s->type));
	if (s->type == FLOW_COMMAND && s->command == NULL)
		return flow_fail(p->error, s->name, "it has no command");
	if (s->type != FLOW_AGENT)
		return 0;
	if (s->agent == NULL)
		return flow_fail(p->error, s->name, "it names no agent");
	if (s->command == NULL && s->prompt == NULL)
		return flow_fail(p->error, s->name, "it has neither prompt nor command");
	if (s->command == NULL && !flow_agent_known(s->agent))
		return flow_fail(p->error, s->name,
		    "how the agent %s is run is not known: it needs a command", s->agent);
	if (s->model != NULL && *s->model == '-')
		return flow_fail(p->error, s->name, "model begins with -");
	return 0;
}

static int
check_limits(struct parse *p, unsigned seen)
{
	struct flow_step *s = p->s;
	char *cause = NULL;

	if (s->retries == 0 && (s->retry_on != NULL || s->backoff_s != NULL))
		return flow_fail(p->error, s->name, "it has %s, but no max_retries",
		    s->retry_on != NULL ? "retry_on" : "backoff_s");
	s->retries_said = seen_member(seen, "max_retries");
	if (s->type != FLOW_APPROVAL && !seen_member(seen, "timeout_s"))
		s->timeout_s = FLOW_TIMEOUT_S;
	if (s->idle_s != 0 && s->idle_s > s->timeout_s)
		return flow_fail(p->error, s->name,
		    "idle_timeout_s is %u, but timeout_s ends it after %u", s->idle_s,
		    s->timeout_s);
	if (seen_member(seen, "trigger") && s->ndepends == 0)
		return flow_fail(p->error, s->name, "it has a trigger, but depends on nothing");
	if (s->condition != NULL && flow_expr_parse(s->condition, &s->expr, &cause) != 0) {
		flow_fail(p->error, s->name, "%s", cause);
		free(cause);
		return -EINVAL;
	}
	return 0;
}

static int
parse_depends(struct parse *p)
{
	struct flow_step *s = p->s;
	const cJSON *item;

	if (p->depends == NULL || cJSON_GetArraySize(p->depends) == 0)
		return 0;
	s->depends = xcalloc((size_t)cJSON_GetArraySize(p->depends), sizeof *s->depends);
	cJSON_ArrayForEach (item, p->depends) {
		int n = flow_find(p->f, item->valuestring);

		if (n < 0)
			return flow_fail(p->error, s->name,
			    "it depends on %.64s, which is no step",
			    is_plain(item->valuestring) ? item->valuestring : "something");
		if (&p->f->steps[n] == s)
			return flow_fail(p->error, s->name, "it depends on itself");
		for (unsigned i = 0; i < s->ndepends; i++)
			if (s->depends[i] == (unsigned)n)
				return flow_fail(p->error, s->name, "it depends on %s twice",
				    item->valuestring);
		s->depends[s->ndepends++] = (unsigned)n;
	}
	return 0;
}

static int
parse_step(struct parse *p, const cJSON *o)
{
	unsigned seen;
	int rc;

	p->step = p->s->name;
	p->depends = NULL;
	if ((rc = parse_members(p, o, step_members, &seen)) != 0 ||
	    (rc = parse_depends(p)) != 0)
		return rc;
	if (!seen_member(seen, "type") && p->s->agent != NULL)
		p->s->type = FLOW_AGENT;
	rc = check_type(p, seen);
	return rc != 0 ? rc : check_limits(p, seen);
}

/* All names first: a step may depend on one that is listed behind it. */
static int
parse_names(struct parse *p, const cJSON *steps)
{
	struct flow *f = p->f;
	const cJSON *o;

	f->steps = xcalloc((size_t)cJSON_GetArraySize(steps), sizeof *f->steps);
	cJSON_ArrayForEach (o, steps) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, "name");
		const char *name = cJSON_GetStringValue(v);
		size_t n = name == NULL ? 0
					: strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM"
						       "NOPQRSTUVWXYZ0123456789_-");

		if (n == 0 || n > FLOW_NAME_MAX || name[n] != '\0')
			return flow_fail(p->error, NULL,
			    "step %u: its name must be 1 to %d of A-Z a-z 0-9 _ -",
			    f->nsteps + 1, FLOW_NAME_MAX);
		if (flow_find(f, name) >= 0)
			return flow_fail(p->error, name, "another step has the same name");
		f->steps[f->nsteps++].name = xstrdup(name);
	}
	return 0;
}

int
flow_parse(const cJSON *o, struct flow **out, struct flow_error *error)
{
	struct flow *f = xcalloc(1, sizeof *f);
	struct parse p = {.f = f, .error = error};
	const cJSON *steps, *step;
	unsigned seen, i = 0;
	int rc;

	*out = NULL;
	f->concurrency = FLOW_CONCURRENCY;
	if (!cJSON_IsObject(o))
		rc = flow_fail(error, NULL, "a flow must be an object");
	else
		rc = parse_members(&p, o, flow_members, &seen);
	if (rc == 0 && f->name == NULL)
		rc = flow_fail(error, NULL, "it has no name");
	steps = p.depends;
	if (rc == 0 && steps == NULL)
		rc = flow_fail(error, NULL, "it has no steps");
	else if (rc == 0 && (rc = parse_names(&p, steps)) == 0)
		for (step = steps->child; rc == 0 && step != NULL; step = step->next) {
			p.s = &f->steps[i++];
			rc = parse_step(&p, step);
		}
	if (rc == 0)
		rc = flow_check(f, error);
	if (rc != 0)
		flow_free(f);
	else
		*out = f;
	return rc;
}

int
flow_find(const struct flow *f, const char *name)
{
	for (unsigned i = 0; i < f->nsteps; i++)
		if (strcmp(f->steps[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

void
flow_argv_free(char **argv)
{
	for (char **s = argv; s != NULL && *s != NULL; s++)
		free(*s);
	free(argv);
}

static void
step_release(struct flow_step *s)
{
	free(s->name);
	free(s->agent);
	free(s->model);
	free(s->prompt);
	free(s->cwd);
	free(s->message);
	free(s->condition);
	free(s->depends);
	flow_argv_free(s->command);
	flow_argv_free(s->env);
	flow_expr_free(s->expr);
	cJSON_Delete(s->retry_on);
	cJSON_Delete(s->backoff_s);
}

void
flow_free(struct flow *f)
{
	if (f == NULL)
		return;
	for (unsigned i = 0; i < f->nsteps; i++)
		step_release(&f->steps[i]);
	free(f->steps);
	free(f->name);
	free(f);
}
