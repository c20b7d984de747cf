/* What the files of a flow's definition share. Not for other files. */
#ifndef JOB_FLOW_PRIV_H
#define JOB_FLOW_PRIV_H

#include "job/flow.h"

/* Sets *error and returns -EINVAL. `step` is NULL for what is wrong with the flow. */
int flow_fail(struct flow_error *error, const char *step, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What only shows when all steps are there: rules that cannot be, circles, references. */
int flow_check(const struct flow *f, struct flow_error *error);

#endif
