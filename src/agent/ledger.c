#include "config.h"

#include "agent/ledger.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "agent/prices.h"
#include "base/str.h"
#include "base/xmalloc.h"

struct entry {
	UT_hash_handle hh;
	struct ledger_row row;
	struct account *account;
	struct entry *next; /* of its account */
	bool stream;
};

/* A session, sub-agents of it apart. */
struct account {
	UT_hash_handle hh;
	char *session;
	struct account
	    *root; /* the session that its agent began with; itself where it is one */
	struct entry *entries;
	size_t read; /* entries that are of no stream, with those of its sub-agents */
};

struct ledger {
	struct entry *by_key; /* uthash */
	struct account *accounts;
	struct entry **rows;
	size_t n, cap;
};

struct ledger *
ledger_new(void)
{
	return xcalloc(1, sizeof(struct ledger));
}

void
ledger_free(struct ledger *l)
{
	struct account *a, *next;

	if (l == NULL)
		return;
	HASH_CLEAR(hh, l->by_key);
	for (size_t i = 0; i < l->n; i++) {
		free((char *)l->rows[i]->row.key);
		free((char *)l->rows[i]->row.model);
		free(l->rows[i]);
	}
	free(l->rows);
	HASH_ITER (hh, l->accounts, a, next) {
		HASH_DEL(l->accounts, a);
		free(a->session);
		free(a);
	}
	free(l);
}

static struct account *
account_of(struct ledger *l, const char *session, size_t len)
{
	const char *slash = memchr(session, '/', len);
	struct account *a;

	HASH_FIND(hh, l->accounts, session, len, a);
	if (a != NULL)
		return a;
	a = xcalloc(1, sizeof *a);
	a->session = xstrndup(session, len);
	a->root = slash != NULL && slash > session
		      ? account_of(l, session, (size_t)(slash - session))
		      : a;
	HASH_ADD_KEYPTR(hh, l->accounts, a->session, len, a);
	return a;
}

static void
set_row(struct ledger_row *r, const struct agent_event *e)
{
	free((char *)r->model);
	r->model = e->model != NULL ? xstrdup(e->model) : NULL;
	r->time_ms = e->time_ms;
	r->usage = e->usage;
	r->stated_usd = e->cost_usd;
	r->fast = e->fast;
	r->rank = e->rank;
}

static void
add_row(struct ledger *l, const struct agent_event *e)
{
	struct account *a = account_of(l, e->session, strlen(e->session));
	struct entry *n = xcalloc(1, sizeof *n);

	n->row.key = xstrdup(e->id);
	n->row.session = a->session;
	n->account = a;
	n->stream = str_starts(e->id, AGENT_STREAM_KEY);
	set_row(&n->row, e);
	n->next = a->entries;
	a->entries = n;
	if (!n->stream)
		a->root->read++;
	HASH_ADD_KEYPTR(hh, l->by_key, n->row.key, strlen(n->row.key), n);
	if (l->n == l->cap)
		l->rows = xreallocarray(
		    l->rows, l->cap = l->cap == 0 ? 64 : 2 * l->cap, sizeof(struct entry *));
	l->rows[l->n++] = n;
}

bool
ledger_add(struct ledger *l, const struct agent_event *e)
{
	struct entry *old;

	if (e->type != AGENT_USAGE || e->id == NULL)
		return false;
	HASH_FIND_STR(l->by_key, e->id, old);
	if (old == NULL)
		add_row(l, e);
	else if (e->rank > old->row.rank)
		set_row(&old->row, e);
	else
		return false;
	return true;
}

size_t
ledger_rows(const struct ledger *l)
{
	return l->n;
}

const struct ledger_row *
ledger_row(const struct ledger *l, size_t i)
{
	return &l->rows[i]->row;
}

/* Sums. */

struct sources {
	bool computed, stated;
};

static void
sum_entry(
    const struct entry *n, const struct prices *p, struct ledger_sum *out, struct sources *s)
{
	const struct ledger_row *r = &n->row;
	double usd = -1;

	if (n->stream && n->account->root->read > 0)
		return; /* said by what was read of the session, call by call */
	out->rows++;
	agent_usage_add(&out->usage, &r->usage);
	if (r->stated_usd > 0) {
		out->cost_usd += r->stated_usd;
		s->stated = true;
		return;
	}
	if (p != NULL)
		usd = prices_cost(p, r->model, &r->usage, r->fast);
	if (usd < 0) {
		out->unpriced++;
		return;
	}
	out->cost_usd += usd;
	s->computed = true;
}

void
ledger_sum(
    const struct ledger *l, const char *session, const struct prices *p, struct ledger_sum *out)
{
	struct sources s = {false, false};
	struct account *a = NULL;

	memset(out, 0, sizeof *out);
	out->usage = agent_usage_unknown;
	if (session == NULL) {
		for (size_t i = 0; i < l->n; i++)
			sum_entry(l->rows[i], p, out, &s);
	} else {
		HASH_FIND_STR(l->accounts, session, a);
		for (struct entry *n = a != NULL ? a->entries : NULL; n != NULL; n = n->next)
			sum_entry(n, p, out, &s);
	}
	out->source = s.computed && s.stated ? COST_MIXED
		      : s.stated             ? COST_STATED
		      : s.computed           ? COST_COMPUTED
					     : COST_UNKNOWN;
}
