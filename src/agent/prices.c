/*
 * How much: each class of tokens alone, the first 200,000 of it at the base price and the rest
 * at the one for above 200k, where there is one, as ccusage does. Whether a provider bills so,
 * or the whole request at the higher price, is not known; a row of a ledger is one request.
 *
 * What the table does not say is 1.25 (cache write, 5 minutes), 2 (1 hour) and 0.1 (cache read)
 * times the input's price for models of Anthropic, and the input's price for others.
 */
#include "config.h"

#include "agent/prices.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/jv.h"
#include "agent/prices_table.h"
#include "base/err.h"
#include "base/utf8.h"
#include "base/xmalloc.h"

#define TIER 200000
#define TOKEN_MAX 0.01 /* USD for one token; the dearest models take 0.0006 */

enum {
	NAME_MIN = 4, /* shorter ones are found only by themselves */
	ROWS_MAX = 100000,
	SHOWN_MAX = 80, /* bytes of a name in a message */
};

struct model {
	char *name, *plain; /* plain: as names are compared */
	bool anthropic;
	unsigned set;
	double price[PRICES];
};

struct prices {
	struct model *models; /* by plain name */
	size_t n, cap;
};

static const char *const fields[PRICES] = {
    [PRICE_INPUT] = "input_cost_per_token",
    [PRICE_OUTPUT] = "output_cost_per_token",
    [PRICE_CACHE_READ] = "cache_read_input_token_cost",
    [PRICE_CACHE_WRITE_5M] = "cache_creation_input_token_cost",
    [PRICE_CACHE_WRITE_1H] = "cache_creation_input_token_cost_above_1hr",
    [PRICE_INPUT_MORE] = "input_cost_per_token_above_200k_tokens",
    [PRICE_OUTPUT_MORE] = "output_cost_per_token_above_200k_tokens",
    [PRICE_CACHE_READ_MORE] = "cache_read_input_token_cost_above_200k_tokens",
    [PRICE_CACHE_WRITE_5M_MORE] = "cache_creation_input_token_cost_above_200k_tokens",
    [PRICE_CACHE_WRITE_1H_MORE] = "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
};

/* As names are compared: small letters, '.' and '@' are '-'. */
static char *
plain_name(const char *name)
{
	char *s = xstrdup(name);

	for (char *p = s; *p != '\0'; p++)
		*p = *p == '.' || *p == '@' ? '-' : (char)tolower((unsigned char)*p);
	return s;
}

static void
set_price(struct model *m, enum price which, double value)
{
	double max = which == PRICE_FAST ? 100 : which == PRICE_SEARCH ? 10 : TOKEN_MAX;

	if (!(value >= 0 && value <= max))
		return;
	m->set |= 1u << which;
	m->price[which] = value;
}

static struct model *
add_model(struct prices *p, const char *name, const char *provider)
{
	struct model *m;

	if (p->n == p->cap)
		p->models = xreallocarray(
		    p->models, p->cap = p->cap == 0 ? 256 : 2 * p->cap, sizeof *p->models);
	m = &p->models[p->n++];
	memset(m, 0, sizeof *m);
	m->name = xstrdup(name);
	m->plain = plain_name(name);
	m->anthropic = strcmp(provider, "anthropic") == 0 || strstr(m->plain, "claude") != NULL;
	return m;
}

static struct model *
exactly(const struct prices *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->models[i].name, name) == 0)
			return &p->models[i];
	return NULL;
}

static void
lay_over(struct prices *p, const char *name, struct jv v)
{
	struct model *m = exactly(p, name);
	struct jv fast = jv_path(v, "provider_specific_entry", "fast");
	struct jv search =
	    jv_path(v, "search_context_cost_per_query", "search_context_size_medium");
	char *provider;

	if (m == NULL) {
		if (p->n >= ROWS_MAX)
			return;
		provider = jv_text(jv_get(v, "litellm_provider"));
		m = add_model(p, name, provider != NULL ? provider : "");
		free(provider);
	}
	for (int i = 0; i < PRICES; i++)
		if (fields[i] != NULL)
			set_price(m, i, jv_double(jv_get(v, fields[i]), -1));
	set_price(m, PRICE_FAST, jv_double(fast, -1));
	set_price(m, PRICE_SEARCH, jv_double(search, -1));
}

/* A name as it stands in the text, which may be anything, so that it can be shown. */
static int
refuse(struct jv name, char **cause)
{
	size_t len = (size_t)(name.e - name.s);
	char *shown = utf8_sanitize(name.s, len < SHOWN_MAX ? len : SHOWN_MAX);
	int rc;

	for (char *p = shown; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7F)
			*p = '?';
	rc = err_set(cause, -EINVAL, "prices: %s is not an object", shown);
	free(shown);
	return rc;
}

int
prices_new(const char *overrides, size_t len, struct prices **out, char **cause)
{
	struct prices *p = *out = xcalloc(1, sizeof *p);
	struct jv all, name, v;

	for (size_t i = 0; i < price_rows_count; i++) {
		const struct price_row *r = &price_rows[i];
		struct model *m = add_model(p, r->model, r->provider);
		for (int k = 0; k < PRICES; k++)
			if ((r->set & 1u << k) != 0)
				set_price(m, k, r->price[k]);
	}
	if (overrides == NULL)
		return 0;
	if (!jv_object(overrides, len, &all))
		return err_set(cause, -EINVAL, "prices: not a JSON object");
	for (struct jv at = all; jv_next(&at, &name, &v);)
		if (!jv_is_object(v))
			return refuse(name, cause);
	while (jv_next(&all, &name, &v)) {
		char *s = jv_text(name);
		if (*s != '\0' && strcmp(s, "sample_spec") != 0) /* that one is documentation */
			lay_over(p, s, v);
		free(s);
	}
	return 0;
}

void
prices_free(struct prices *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->models[i].name);
		free(p->models[i].plain);
	}
	free(p->models);
	free(p);
}

/* Finding one. */

static size_t
count_digits(const char *s)
{
	size_t n = 0;

	while (s[n] >= '0' && s[n] <= '9')
		n++;
	return n;
}

/* Whether a name that ends with `last` may end here: not within a word, and not within a number
 * such as that of a version: 5 is not 5-1, but a date may follow. */
static bool
ends_here(char last, const char *rest)
{
	size_t n;

	if (isalnum((unsigned char)*rest))
		return false;
	if (!isdigit((unsigned char)last) || *rest != '-')
		return true;
	n = count_digits(rest + 1);
	return n == 0 || n >= 4;
}

/* Where `part` is in `s`, with boundaries; NULL: nowhere. */
static const char *
part_of(const char *s, const char *part)
{
	size_t len = strlen(part);

	for (const char *at = s; (at = strstr(at, part)) != NULL; at++)
		if ((at == s || !isalnum((unsigned char)at[-1])) &&
		    ends_here(part[len - 1], at + len))
			return at;
	return NULL;
}

/* Nothing, a date, or that of a build: what a name may be without. */
static bool
is_suffix(const char *s)
{
	if (*s == '-' && count_digits(s + 1) == 8)
		s += 9;
	return *s == '\0' || strcmp(s, "-v1:0") == 0 || strcmp(s, "-latest") == 0;
}

static const struct model *
longest_within(const struct prices *p, const char *name)
{
	const struct model *best = NULL;
	size_t best_len = NAME_MIN - 1;

	for (size_t i = 0; i < p->n; i++) {
		const struct model *m = &p->models[i];
		size_t len = strlen(m->plain);
		if (len > best_len && part_of(name, m->plain) != NULL) {
			best = m;
			best_len = len;
		}
	}
	return best;
}

/* The shortest of which the name is a part, and nothing but a date is behind it. */
static const struct model *
shortest_around(const struct prices *p, const char *name)
{
	const struct model *best = NULL;
	size_t len = strlen(name), best_len = (size_t)-1;

	for (size_t i = 0; i < p->n && len >= NAME_MIN; i++) {
		const struct model *m = &p->models[i];
		const char *at = part_of(m->plain, name);
		if (at != NULL && strlen(m->plain) < best_len && is_suffix(at + len) &&
		    (at == m->plain || at[-1] == '/')) {
			best = m;
			best_len = strlen(m->plain);
		}
	}
	return best;
}

static const struct model *
find_model(const struct prices *p, const char *name)
{
	const struct model *m = exactly(p, name);
	char *plain;

	if (m != NULL)
		return m;
	plain = plain_name(name);
	for (size_t i = 0; i < p->n && m == NULL; i++)
		if (strcmp(p->models[i].plain, plain) == 0)
			m = &p->models[i];
	if (m == NULL)
		m = shortest_around(p, plain);
	if (m == NULL)
		m = longest_within(p, plain);
	free(plain);
	return m;
}

/* What it costs. */

static double
price_of(const struct model *m, enum price which)
{
	double input = m->price[PRICE_INPUT], value = m->price[which];
	bool set = (m->set & 1u << which) != 0;

	switch (which) {
	case PRICE_CACHE_READ:
		return set ? value : m->anthropic ? input * 0.1 : input;
	case PRICE_CACHE_WRITE_5M:
		return set ? value : m->anthropic ? input * 1.25 : input;
	case PRICE_CACHE_WRITE_1H:
		/* The table has 6e-06 for some old models, whatever the input costs. */
		if (set && (!m->anthropic || (value >= input && value <= 4 * input)))
			return value;
		return m->anthropic ? input * 2 : price_of(m, PRICE_CACHE_WRITE_5M);
	default:
		return value;
	}
}

static double
tokens(const struct model *m, int64_t n, enum price which, enum price more)
{
	double base = price_of(m, which);

	if (n <= 0)
		return 0;
	if (n <= TIER || (m->set & 1u << more) == 0)
		return (double)n * base;
	return TIER * base + (double)(n - TIER) * m->price[more];
}

double
prices_cost(const struct prices *p, const char *model, const struct agent_usage *u, bool fast)
{
	const struct model *m = model != NULL && *model != '\0' ? find_model(p, model) : NULL;
	double usd;

	if (m == NULL || (m->set & 1u << PRICE_INPUT) == 0 ||
	    (m->set & 1u << PRICE_OUTPUT) == 0)
		return -1;
	usd = tokens(m, u->input, PRICE_INPUT, PRICE_INPUT_MORE) +
	      tokens(m, u->output, PRICE_OUTPUT, PRICE_OUTPUT_MORE) +
	      tokens(m, u->cache_read, PRICE_CACHE_READ, PRICE_CACHE_READ_MORE) +
	      tokens(m, u->cache_write_5m, PRICE_CACHE_WRITE_5M, PRICE_CACHE_WRITE_5M_MORE) +
	      tokens(m, u->cache_write_1h, PRICE_CACHE_WRITE_1H, PRICE_CACHE_WRITE_1H_MORE);
	if (fast && (m->set & 1u << PRICE_FAST) != 0)
		usd *= m->price[PRICE_FAST];
	if (u->searches > 0)
		usd += (double)u->searches * m->price[PRICE_SEARCH];
	return usd;
}
