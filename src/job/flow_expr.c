/* Conditions of flows: a parser that descends, and what it makes of a text, a list of nodes. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xmalloc.h"
#include "job/flow_expr.h"

enum { JSON_TYPE = 0xff }; /* cJSON's types without its marks of who owns what */

enum op { OR, AND, NOT, EQ, NE, LT, LE, GT, GE, CONTAINS, VALUE, REF };

struct node {
	enum op op;
	unsigned a, b; /* numbers of nodes */
	cJSON *value;
	struct flow_ref ref;
};

struct flow_expr {
	struct node *nodes;
	unsigned n, root;
};

struct parser {
	const char *s, *all;
	struct flow_expr *e;
	unsigned depth;
	char **cause;
};

static int parse_or(struct parser *p, unsigned *out);

static int
wrong(struct parser *p, const char *what)
{
	err_set(p->cause, -EINVAL, "%s at byte %zu of the condition", what,
	    (size_t)(p->s - p->all));
	return -EINVAL;
}

static int
add(struct parser *p, enum op op, unsigned a, unsigned b, unsigned *out)
{
	struct flow_expr *e = p->e;

	if (e->n == FLOW_CONDITION_NODES)
		return wrong(p, "too many parts");
	e->nodes[e->n] = (struct node){.op = op, .a = a, .b = b};
	*out = e->n++;
	return 0;
}

static void
skip_space(struct parser *p)
{
	p->s += strspn(p->s, " \t\r\n");
}

/* A sign, or a word that is not part of a longer one. */
static bool
takes(struct parser *p, const char *what)
{
	size_t n = strlen(what);
	char next;

	skip_space(p);
	if (strncmp(p->s, what, n) != 0)
		return false;
	next = p->s[n];
	if (*what >= 'a' && *what <= 'z' &&
	    ((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') ||
		(next >= '0' && next <= '9') || next == '_'))
		return false;
	p->s += n;
	return true;
}

static int
add_value(struct parser *p, cJSON *take, unsigned *out)
{
	int rc = add(p, VALUE, 0, 0, out);

	if (rc != 0)
		cJSON_Delete(take);
	else
		p->e->nodes[*out].value = take;
	return rc;
}

static int
parse_text(struct parser *p, unsigned *out)
{
	char quote = *p->s++;
	struct buf b;
	int rc;

	buf_init(&b, FLOW_CONDITION_MAX);
	while (*p->s != quote) {
		if (*p->s == '\\' && p->s[1] != '\0')
			p->s++;
		if (*p->s == '\0') {
			buf_release(&b);
			return wrong(p, "a text without an end");
		}
		buf_putc(&b, *p->s++);
	}
	p->s++;
	rc = add_value(p, cJSON_CreateString(b.data != NULL ? b.data : ""), out);
	buf_release(&b);
	return rc;
}

static int
parse_ref(struct parser *p, unsigned *out)
{
	const char *end = strchr(p->s, '}');
	struct flow_ref ref;
	int rc;

	if (end == NULL)
		return wrong(p, "a reference without }");
	rc = flow_ref_parse(p->s + 2, (size_t)(end - p->s - 2), &ref, p->cause);
	if (rc != 0 || (rc = add(p, REF, 0, 0, out)) != 0)
		return rc;
	p->e->nodes[*out].ref = ref;
	p->s = end + 1;
	return 0;
}

static int
parse_number(struct parser *p, unsigned *out)
{
	size_t n = strspn(p->s, "+-.0123456789eE");
	char text[64], *end;
	double d;

	if (n == 0 || n >= sizeof text)
		return wrong(p, *p->s == '\0' ? "nothing where a value is due" : "no value");
	memcpy(text, p->s, n);
	text[n] = '\0';
	d = strtod(text, &end);
	if (*end != '\0' || !isfinite(d))
		return wrong(p, "no number");
	p->s += n;
	return add_value(p, cJSON_CreateNumber(d), out);
}

static int
parse_primary(struct parser *p, unsigned *out)
{
	int rc;

	skip_space(p);
	if (*p->s == '"' || *p->s == '\'')
		return parse_text(p, out);
	if (p->s[0] == '$' && p->s[1] == '{')
		return parse_ref(p, out);
	if (takes(p, "true"))
		return add_value(p, cJSON_CreateTrue(), out);
	if (takes(p, "false"))
		return add_value(p, cJSON_CreateFalse(), out);
	if (takes(p, "null"))
		return add_value(p, cJSON_CreateNull(), out);
	if (!takes(p, "("))
		return parse_number(p, out);
	if (++p->depth > FLOW_DEPTH_MAX)
		return wrong(p, "too deep");
	if ((rc = parse_or(p, out)) != 0)
		return rc;
	p->depth--;
	return takes(p, ")") ? 0 : wrong(p, "no ) where one is due");
}

static int
parse_comparison(struct parser *p, unsigned *out)
{
	static const struct {
		const char *sign;
		enum op op;
	} signs[] = {{"==", EQ}, {"!=", NE}, {"<=", LE}, {">=", GE}, {"<", LT}, {">", GT},
	    {"contains", CONTAINS}};
	unsigned right;
	int rc = parse_primary(p, out);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		if (!takes(p, signs[i].sign))
			continue;
		if ((rc = parse_primary(p, &right)) != 0)
			return rc;
		return add(p, signs[i].op, *out, right, out);
	}
	return 0;
}

static int
parse_not(struct parser *p, unsigned *out)
{
	int rc;

	if (!takes(p, "not"))
		return parse_comparison(p, out);
	if (++p->depth > FLOW_DEPTH_MAX)
		return wrong(p, "too deep");
	rc = parse_not(p, out);
	p->depth--;
	return rc != 0 ? rc : add(p, NOT, *out, 0, out);
}

static int
parse_and(struct parser *p, unsigned *out)
{
	unsigned right;
	int rc = parse_not(p, out);

	while (rc == 0 && takes(p, "and"))
		if ((rc = parse_not(p, &right)) == 0)
			rc = add(p, AND, *out, right, out);
	return rc;
}

static int
parse_or(struct parser *p, unsigned *out)
{
	unsigned right;
	int rc = parse_and(p, out);

	while (rc == 0 && takes(p, "or"))
		if ((rc = parse_and(p, &right)) == 0)
			rc = add(p, OR, *out, right, out);
	return rc;
}

int
flow_expr_parse(const char *text, struct flow_expr **out, char **cause)
{
	struct flow_expr *e;
	struct parser p = {.s = text, .all = text, .cause = cause};
	int rc;

	*out = NULL;
	if (strlen(text) > FLOW_CONDITION_MAX)
		return err_set(
		    cause, -EINVAL, "the condition has more than %d bytes", FLOW_CONDITION_MAX);
	p.e = e = xcalloc(1, sizeof *e);
	e->nodes = xcalloc(FLOW_CONDITION_NODES, sizeof *e->nodes);
	rc = parse_or(&p, &e->root);
	skip_space(&p);
	if (rc == 0 && *p.s != '\0')
		rc = wrong(&p, "something unexpected");
	if (rc != 0) {
		flow_expr_free(e);
		return rc;
	}
	e->nodes = xreallocarray(e->nodes, e->n, sizeof *e->nodes);
	*out = e;
	return 0;
}

void
flow_expr_free(struct flow_expr *e)
{
	if (e == NULL)
		return;
	for (unsigned i = 0; i < e->n; i++)
		cJSON_Delete(e->nodes[i].value);
	free(e->nodes);
	free(e);
}

int
flow_expr_refs(const struct flow_expr *e, const struct flow_text_cbs *cbs, char **cause)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < e->n; i++)
		if (e->nodes[i].op == REF)
			rc = cbs->ref(cbs->arg, &e->nodes[i].ref, cause);
	return rc;
}

static bool
is_state(const char *s)
{
	for (int i = FLOW_PENDING; i <= FLOW_WAITING; i++)
		if (strcmp(s, flow_state_name(i)) == 0)
			return true;
	return false;
}

const char *
flow_expr_no_state(const struct flow_expr *e)
{
	for (unsigned i = 0; i < e->n; i++) {
		const struct node *n = &e->nodes[i], *a = &e->nodes[n->a], *b = &e->nodes[n->b];

		if (n->op != EQ && n->op != NE)
			continue;
		if (a->op == VALUE) {
			const struct node *was = a;

			a = b;
			b = was;
		}
		if (a->op == REF && a->ref.kind == FLOW_REF_STATE && b->op == VALUE &&
		    cJSON_IsString(b->value) && !is_state(b->value->valuestring))
			return b->value->valuestring;
	}
	return NULL;
}

/* Values. */

static bool
number_of(const cJSON *v, double *out)
{
	char *end;

	if (cJSON_IsNumber(v)) {
		*out = v->valuedouble;
		return true;
	}
	if (!cJSON_IsString(v) || strlen(v->valuestring) > 40 ||
	    v->valuestring[strspn(v->valuestring, "+-.0123456789eE")] != '\0' ||
	    *v->valuestring == '\0')
		return false;
	*out = strtod(v->valuestring, &end);
	return *end == '\0';
}

static bool
is_true(const cJSON *v)
{
	if (cJSON_IsString(v))
		return *v->valuestring != '\0';
	if (cJSON_IsNumber(v))
		return v->valuedouble != 0;
	return cJSON_IsTrue(v) || v->child != NULL;
}

/* False: they cannot be ordered. */
static bool
order(const cJSON *a, const cJSON *b, int *out)
{
	double x, y;

	if (number_of(a, &x) && number_of(b, &y)) {
		*out = x < y ? -1 : x > y;
		return true;
	}
	if (!cJSON_IsString(a) || !cJSON_IsString(b))
		return false;
	*out = strcmp(a->valuestring, b->valuestring);
	return true;
}

static bool
equal(const cJSON *a, const cJSON *b)
{
	char *x, *y;
	bool same;
	int sign;

	if (order(a, b, &sign))
		return sign == 0;
	if ((a->type & JSON_TYPE) != (b->type & JSON_TYPE))
		return false;
	/* Not cJSON_Compare(): it looks at each object twice, and so at what lies forty deep a
	 * million million times (CVE-2026-67216). */
	x = flow_canonical(a);
	y = flow_canonical(b);
	same = strcmp(x, y) == 0;
	free(x);
	free(y);
	return same;
}

static bool
contains(const cJSON *a, const cJSON *b)
{
	const cJSON *item;
	struct buf text;
	bool yes = false;

	if (cJSON_IsObject(a))
		return cJSON_IsString(b) &&
		       cJSON_GetObjectItemCaseSensitive(a, b->valuestring) != NULL;
	if (cJSON_IsArray(a)) {
		cJSON_ArrayForEach (item, a)
			if (equal(item, b))
				return true;
		return false;
	}
	if (!cJSON_IsString(a) || cJSON_IsNull(b))
		return false;
	buf_init(&text, BUF_NO_MAX);
	if (flow_value_text(b, &text) == 0)
		yes = strstr(a->valuestring, text.data != NULL ? text.data : "") != NULL;
	buf_release(&text);
	return yes;
}

static bool
compare(enum op op, const cJSON *a, const cJSON *b)
{
	int sign;

	if (op == EQ || op == NE)
		return equal(a, b) == (op == EQ);
	if (op == CONTAINS)
		return contains(a, b);
	if (!order(a, b, &sign))
		return false;
	return op == LT ? sign < 0 : op == LE ? sign <= 0 : op == GT ? sign > 0 : sign >= 0;
}

struct evaluation {
	const struct flow_expr *e;
	cJSON *(*value)(void *arg, const struct flow_ref *ref);
	void *arg;
};

static enum flow_truth truth(const struct evaluation *v, unsigned i);

/* For the caller to delete; NULL: it is not known. */
static cJSON *
value_of(const struct evaluation *v, unsigned i)
{
	const struct node *n = &v->e->nodes[i];
	enum flow_truth t;

	if (n->op == VALUE)
		return cJSON_Duplicate(n->value, true);
	if (n->op == REF)
		return v->value(v->arg, &n->ref);
	t = truth(v, i);
	return t == FLOW_PERHAPS ? NULL : cJSON_CreateBool(t == FLOW_YES);
}

static enum flow_truth
truth(const struct evaluation *v, unsigned i)
{
	const struct node *n = &v->e->nodes[i];
	enum flow_truth x, y = FLOW_PERHAPS;
	cJSON *a, *b = NULL;

	if (n->op == OR || n->op == AND) {
		enum flow_truth enough = n->op == OR ? FLOW_YES : FLOW_NO;

		if ((x = truth(v, n->a)) == enough || (y = truth(v, n->b)) == enough)
			return enough;
		return x == FLOW_PERHAPS ? x : y;
	}
	if (n->op == NOT) {
		x = truth(v, n->a);
		return x == FLOW_PERHAPS ? x : x == FLOW_YES ? FLOW_NO : FLOW_YES;
	}
	a = value_of(v, n->op >= VALUE ? i : n->a);
	if (a != NULL && n->op >= VALUE)
		y = is_true(a) ? FLOW_YES : FLOW_NO;
	else if (a != NULL && (b = value_of(v, n->b)) != NULL)
		y = compare(n->op, a, b) ? FLOW_YES : FLOW_NO;
	cJSON_Delete(a);
	cJSON_Delete(b);
	return y;
}

enum flow_truth
flow_expr_guess(const struct flow_expr *e,
    cJSON *(*value)(void *arg, const struct flow_ref *ref), void *arg)
{
	struct evaluation v = {e, value, arg};

	return truth(&v, e->root);
}

static cJSON *
known_value(void *arg, const struct flow_ref *ref)
{
	bool found;

	return flow_ref_value(arg, ref, &found);
}

bool
flow_expr_true(const struct flow_expr *e, const struct flow_context *c)
{
	struct flow_context copy = *c;

	return flow_expr_guess(e, known_value, &copy) == FLOW_YES;
}
