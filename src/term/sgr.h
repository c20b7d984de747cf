/* What SGR makes of a style; its link stays. Pure; any thread. */
#ifndef TERM_SGR_H
#define TERM_SGR_H

#include "term/parser.h"
#include "term/style.h"

void sgr_apply(struct style *s, const struct csi *c);

#endif
