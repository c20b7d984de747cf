/* References and conditions of flows. What they mean is in job/flow.h. Pure; any thread. */
#ifndef JOB_FLOW_EXPR_H
#define JOB_FLOW_EXPR_H

#include <stdbool.h>
#include <stddef.h>

#include "job/flow.h"

struct buf;

enum flow_ref_kind {
	FLOW_REF_RESULT,
	FLOW_REF_STATUS,
	FLOW_REF_STATE,
	FLOW_REF_SESSION,
	FLOW_REF_FLOW,
	FLOW_REF_RUN,
	FLOW_REF_ENV,
};

struct flow_ref {
	enum flow_ref_kind kind;
	char name[FLOW_NAME_MAX + 1]; /* of a step */
	const char *rest; /* part of a result, or the variable: borrowed from the text */
	size_t rest_len;
};

/* What is between ${ and }. -EINVAL with a cause. */
int flow_ref_parse(const char *text, size_t len, struct flow_ref *out, char **cause);

/* Calls `ref` for each reference of a text, in order; what is not 0 ends it and is returned. `literal` gets the
 * rest, in pieces, and may be NULL. */
struct flow_text_cbs {
	int (*ref)(void *arg, const struct flow_ref *ref, char **cause);
	int (*literal)(void *arg, const char *text, size_t len);
	void *arg;
};
int flow_text_each(const char *text, const struct flow_text_cbs *cbs, char **cause);

/* The value of a reference, made anew. *found: there is such a thing; else it is null. */
cJSON *flow_ref_value(const struct flow_context *c, const struct flow_ref *ref, bool *found);

/* A value as it stands in a text. -EINVAL beyond the buffer's maximum. */
int flow_value_text(const cJSON *v, struct buf *out);

/* Conditions. The text must stay for as long as the expression. -EINVAL with a cause. */
int flow_expr_parse(const char *text, struct flow_expr **out, char **cause);
void flow_expr_free(struct flow_expr *e);
int flow_expr_refs(const struct flow_expr *e, const struct flow_text_cbs *cbs, char **cause);
bool flow_expr_true(const struct flow_expr *e, const struct flow_context *c);

/* The same where only some references are known: NULL stands for one that is not. */
enum flow_truth { FLOW_NO, FLOW_YES, FLOW_PERHAPS };
enum flow_truth flow_expr_guess(const struct flow_expr *e,
    cJSON *(*value)(void *arg, const struct flow_ref *ref), void *arg);

/* A text that a state is compared with, and that is none; or NULL. Borrowed. */
const char *flow_expr_no_state(const struct flow_expr *e);

#endif
