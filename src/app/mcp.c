#include "config.h"

#include "app/mcp.h"

#include <stdlib.h>

#include "app/app_priv.h"
#include "base/xmalloc.h"
#include "mcp/mcp.h"
#include "net/inner.h"

/* A message and its answer. */
struct talk {
	struct http_req *req; /* NULL: it has been answered, or nobody waits for that */
	struct mcp *mcp;
	char *answer; /* that is to be sent */
	size_t len;
	bool busy; /* it is in the conversation's own code, which cannot be freed there */
};

/* What is being asked of the daemon. */
struct asked {
	struct talk *talk;
	struct request *for_whom;
	struct http_inner *inner;
};

static void
free_if_over(struct talk *t)
{
	if (t->busy || t->req != NULL)
		return;
	mcp_free(t->mcp);
	free(t->answer);
	free(t);
}

static void
on_gone(void *arg)
{
	struct talk *t = arg;

	t->req = NULL;
	free_if_over(t);
}

static void
on_send(void *arg, const char *text, size_t len)
{
	struct talk *t = arg;

	/* There is one: a request is answered once, and nothing else is said without a stream. */
	if (t->answer != NULL)
		return;
	t->answer = xstrndup(text, len);
	t->len = len;
}

/* Out of the conversation's code again: if there is an answer it is sent. */
static void
reply(struct talk *t, int status)
{
	struct http_req *r = t->req;

	t->busy = false;
	if (r != NULL && t->answer != NULL) {
		t->req = NULL;
		http_reply_take(r, status, "application/json", t->answer, t->len);
		t->answer = NULL;
	} else if (r != NULL && mcp_is_idle(t->mcp)) {
		t->req = NULL;
		http_reply(r, 202, NULL, NULL, 0);
	}
	free_if_over(t);
}

static void
on_answer(void *arg, int status, const char *body, size_t len)
{
	struct asked *a = arg;
	struct talk *t = a->talk;

	t->busy = true;
	mcp_answer(a->for_whom, 0, status, body, len);
	free(a);
	reply(t, 200);
}

static void *
on_ask(void *arg, const char *method, const char *path, const void *body, size_t len,
    struct request *for_whom)
{
	struct talk *t = arg;
	struct asked *a;

	/* All answers have been given: nobody is there in whose name to ask. */
	if (t->req == NULL)
		return NULL;
	a = xcalloc(1, sizeof *a);
	a->talk = t;
	a->for_whom = for_whom;
	a->inner = http_inner_new(t->req, method, path, body, len, on_answer, a);
	return a;
}

static void
on_cancel(void *arg, void *asked)
{
	struct asked *a = asked;

	(void)arg;
	http_inner_cancel(a->inner);
	free(a);
}

static const struct mcp_transport transport = {on_send, on_ask, on_cancel};

/* One of them that is not there yet is that of the last version that had none. */
static bool
read_version(struct http_req *r, const char **version)
{
	*version = http_header(r, "mcp-protocol-version");
	if (*version == NULL)
		*version = "2025-03-26";
	if (mcp_version_known(*version))
		return true;
	http_reply_error(
	    r, 400, "bad_params", "MCP-Protocol-Version is none that is spoken here");
	return false;
}

void
mcp_post(struct http_req *r, void *arg)
{
	struct app *a = arg;
	struct mcp_config cfg = {
	    .write = a->cfg.limits.mcp_write && http_access(r) >= AUTH_WRITE,
	    .allow = "mcp_write in panescry.conf, and a token that may write",
	    .transport = &transport};
	struct talk *t;
	const char *body;
	size_t len;

	if (!read_version(r, &cfg.version))
		return;
	t = xcalloc(1, sizeof *t);
	cfg.arg = t;
	t->req = r;
	t->mcp = mcp_new(&cfg);
	http_on_gone(r, on_gone, t);
	body = http_body(r, &len);
	t->busy = true;
	reply(t, mcp_take(t->mcp, body, len) == MCP_TAKEN ? 200 : 400);
}
