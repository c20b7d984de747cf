/* What is wrong with a flow as a whole: circles, references, rules that cannot be. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "job/flow_expr.h"
#include "job/flow_priv.h"

struct check {
	const struct flow *f;
	struct flow_error *error;
	unsigned char *mark;                  /* by step: 1 on the way, 2 done */
	unsigned way[FLOW_STEPS_MAX], length; /* of a search for circles */
	bool (*before)[FLOW_STEPS_MAX];       /* [a][b]: a depends on b */
	const struct flow_step *step;         /* that is looked at */
	const struct flow_step *missing;      /* a dependency that has not completed */
};

static int
fail_circle(struct check *c, unsigned back)
{
	struct buf b;
	unsigned i = 0;
	int rc;

	buf_init(&b, BUF_NO_MAX);
	while (c->way[i] != back)
		i++;
	for (; i < c->length; i++)
		buf_printf(&b, "%s -> ", c->f->steps[c->way[i]].name);
	buf_puts(&b, c->f->steps[back].name);
	rc = flow_fail(c->error, c->f->steps[back].name, "it depends on itself: %s", b.data);
	buf_release(&b);
	return rc;
}

/* No deeper than there are steps. */
static int
visit(struct check *c, unsigned n)
{
	const struct flow_step *s = &c->f->steps[n];
	int rc = 0;

	if (c->mark[n] == 1)
		return fail_circle(c, n);
	if (c->mark[n] == 2)
		return 0;
	c->mark[n] = 1;
	c->way[c->length++] = n;
	for (unsigned i = 0; rc == 0 && i < s->ndepends; i++) {
		rc = visit(c, s->depends[i]);
		c->before[n][s->depends[i]] = true;
		for (unsigned k = 0; k < c->f->nsteps; k++)
			c->before[n][k] |= c->before[s->depends[i]][k];
	}
	c->length--;
	c->mark[n] = 2;
	return rc;
}

static int
check_ref(void *arg, const struct flow_ref *ref, char **cause)
{
	struct check *c = arg;
	const struct flow_step *to;
	int n;

	(void)cause;
	if (ref->kind >= FLOW_REF_FLOW)
		return 0;
	if ((n = flow_find(c->f, ref->name)) < 0)
		return flow_fail(
		    c->error, c->step->name, "it refers to %s, which is no step", ref->name);
	to = &c->f->steps[n];
	if (!c->before[c->step - c->f->steps][n])
		return flow_fail(c->error, c->step->name,
		    "it refers to %s, on which it does not depend", ref->name);
	if (ref->kind == FLOW_REF_RESULT && ref->rest_len != 0 && to->result == FLOW_TEXT)
		return flow_fail(c->error, c->step->name,
		    "it refers to a part of the result of %s, which is a text", ref->name);
	if (ref->kind == FLOW_REF_SESSION && to->type != FLOW_AGENT)
		return flow_fail(c->error, c->step->name,
		    "it refers to the session of %s, which is no agent's", ref->name);
	if (ref->kind == FLOW_REF_STATUS && to->type == FLOW_APPROVAL)
		return flow_fail(c->error, c->step->name,
		    "it refers to the exit status of %s, which is an approval", ref->name);
	return 0;
}

static int
check_text(struct check *c, const char *text)
{
	struct flow_text_cbs cbs = {.ref = check_ref, .arg = c};
	char *cause = NULL;
	int rc;

	if (text == NULL || (rc = flow_text_each(text, &cbs, &cause)) == 0)
		return 0;
	if (cause != NULL)
		rc = flow_fail(c->error, c->step->name, "%s", cause);
	free(cause);
	return rc;
}

static int
check_texts(struct check *c)
{
	const struct flow_step *s = c->step;
	int rc = 0;

	for (char **a = s->command; rc == 0 && a != NULL && *a != NULL; a++)
		rc = check_text(c, *a);
	for (char **e = s->env; rc == 0 && e != NULL && *e != NULL; e += 2)
		rc = check_text(c, e[1]);
	if (rc == 0 && (rc = check_text(c, s->prompt)) == 0 &&
	    (rc = check_text(c, s->cwd)) == 0)
		rc = check_text(c, s->message);
	return rc;
}

/* Conditions that can be seen to be wrong. */

static bool
is_direct(const struct flow_step *s, const struct flow *f, const struct flow_ref *ref)
{
	for (unsigned i = 0; ref->kind < FLOW_REF_FLOW && i < s->ndepends; i++)
		if (strcmp(f->steps[s->depends[i]].name, ref->name) == 0)
			return true;
	return false;
}

/* What is sure when all that a step depends on directly have completed. */
static cJSON *
when_completed(void *arg, const struct flow_ref *ref)
{
	const struct check *c = arg;

	if (c->step->trigger != FLOW_ALL_SUCCESS || !is_direct(c->step, c->f, ref))
		return NULL;
	if (ref->kind == FLOW_REF_STATE)
		return cJSON_CreateString(flow_state_name(FLOW_COMPLETED));
	return ref->kind == FLOW_REF_STATUS ? cJSON_CreateNumber(0) : NULL;
}

/* What is sure when one of them has not begun. */
static cJSON *
when_missing(void *arg, const struct flow_ref *ref)
{
	const struct check *c = arg;

	if (ref->kind >= FLOW_REF_FLOW || strcmp(ref->name, c->missing->name) != 0)
		return NULL;
	return ref->kind == FLOW_REF_STATE ? cJSON_CreateString(flow_state_name(FLOW_PENDING))
					   : cJSON_CreateNull();
}

static int
check_condition(struct check *c)
{
	const struct flow_step *s = c->step;
	struct flow_text_cbs cbs = {.ref = check_ref, .arg = c};
	const char *text;
	char *cause = NULL;
	int rc;

	if (s->expr == NULL)
		return 0;
	if ((rc = flow_expr_refs(s->expr, &cbs, &cause)) != 0)
		return rc;
	if ((text = flow_expr_no_state(s->expr)) != NULL)
		return flow_fail(c->error, s->name, "\"%.*s\" is no state of a step",
		    utf8_prefix(text, 40), text);
	if (flow_expr_guess(s->expr, when_completed, c) == FLOW_NO)
		return flow_fail(c->error, s->name, "its condition can never be true%s",
		    s->trigger == FLOW_ALL_SUCCESS && s->ndepends != 0
			? ": what it depends on has completed when it is asked"
			: "");
	if (s->trigger != FLOW_ONE_SUCCESS || s->ndepends < 2)
		return 0;
	for (unsigned i = 0; i < s->ndepends; i++) {
		c->missing = &c->f->steps[s->depends[i]];
		if (flow_expr_guess(s->expr, when_missing, c) == FLOW_NO)
			return flow_fail(c->error, s->name,
			    "its condition needs %s, but with one_success it may begin without",
			    c->missing->name);
	}
	return 0;
}

int
flow_check(const struct flow *f, struct flow_error *error)
{
	struct check c = {.f = f, .error = error};
	int rc = 0;

	c.mark = xcalloc(f->nsteps, 1);
	c.before = xcalloc(f->nsteps, sizeof *c.before);
	for (unsigned i = 0; rc == 0 && i < f->nsteps; i++)
		rc = visit(&c, i);
	for (unsigned i = 0; rc == 0 && i < f->nsteps; i++) {
		c.step = &f->steps[i];
		if ((rc = check_texts(&c)) == 0)
			rc = check_condition(&c);
	}
	free(c.mark);
	free(c.before);
	return rc;
}
