#include "config.h"

#include "app/app.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utlist.h>

#include "app/app_priv.h"
#include "agent/prices.h"
#include "app/agents.h"
#include "app/agents_priv.h"
#include "app/agents_remove.h"
#include "app/archive_lines.h"
#include "app/archiver.h"
#include "app/late.h"
#include "app/live.h"
#include "app/mcp.h"
#include "app/mux.h"
#include "app/collisions.h"
#include "app/events.h"
#include "app/flows.h"
#include "app/hooks.h"
#include "app/imports.h"
#include "app/job_channels.h"
#include "app/job_events.h"
#include "app/jobs.h"
#include "app/jobs_priv.h"
#include "job/job.h"
#include "app/job_panes.h"
#include "app/talks.h"
#include "app/producers.h"
#include "app/streams.h"
#include "app/spawner.h"
#include "app/watch.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "mcp/mcp.h"
#include "store/sessions_places.h"

enum {
	LAST_WORDS_MS = 2000, /* for viewers to take the last bytes and the close */
	STOP_MS = 8000,       /* for panes to end, SIGKILL after 5 s included */
};

#define LINK_DAYS_MS (30ll * 86400 * 1000)

enum { K = 1024, PANE_BODY = 1024 * K, FLOW_BODY = 1024 * K };

const struct http_route app_routes[] = {
    {"GET", "/healthz", AUTH_NONE, 0, info_health, "is the daemon well"},
    {"GET", "/metrics", AUTH_READ, 0, info_metrics, "counters, as Prometheus text"},
    {"GET", "/api/v1/info", AUTH_READ, 0, info_get, "what the daemon is and holds"},
    {"GET", "/api/v1/status", AUTH_READ, 0, info_status, "a few numbers, for a status bar"},
    {"GET", "/api/v1/routes", AUTH_READ, 0, routes_list, "this table"},
    {"GET", "/api/v1/panes", AUTH_READ, 0, panes_list, "every pane"},
    {"POST", "/api/v1/panes", AUTH_WRITE, 256 * K, panes_create, "start a command in a pane"},
    {"GET", "/api/v1/panes/:id", AUTH_READ, 0, panes_get, "one pane"},
    {"DELETE", "/api/v1/panes/:id", AUTH_WRITE, 0, panes_delete, "end and remove a pane"},
    {"POST", "/api/v1/panes/:id/input", AUTH_WRITE, PANE_BODY, panes_input, "type into a pane"},
    {"POST", "/api/v1/panes/:id/resize", AUTH_WRITE, K, panes_resize, "set a pane's size"},
    {"POST", "/api/v1/panes/:id/show", AUTH_WRITE, K, mux_show,
	"show a pane of tmux, and a line of it, in a tmux client"},
    {"POST", "/api/v1/panes/:id/signal", AUTH_WRITE, K, panes_signal,
	"signal a pane's processes"},
    {"GET", "/api/v1/panes/:id/capture", AUTH_READ, 0, panes_capture, "what a pane shows"},
    {"POST", "/api/v1/panes/:id/wait", AUTH_READ, 8 * K, panes_wait,
	"wait until a pane prints what matches"},
    {"GET", "/api/v1/panes/:id/search", AUTH_READ, 0, search_pane, "search one pane"},
    {"GET", "/api/v1/search", AUTH_READ, 0, search_all, "search all panes"},
    {"GET", "/api/v1/archive/lines", AUTH_READ, 0, archive_lines,
	"lines of a pane in the archive"},
    {"GET", "/api/term/sessions/:sid/panes/:pid/search", AUTH_READ, 0, search_older,
	"search one pane, in the older shape"},
    {"GET", "/api/v1/panes/:id/commands", AUTH_READ, 0, panes_commands,
	"commands that the shell marked"},
    {"GET", "/api/v1/sessions", AUTH_READ, 0, sessions_list, "sessions of agents"},
    {"POST", "/api/v1/sessions", AUTH_WRITE, 64 * K, sessions_create, "begin a session"},
    {"POST", "/api/v1/sessions/import", AUTH_WRITE, IMPORTS_BODY, sessions_import,
	"a transcript, or a piece of a stream"},
    {"POST", "/api/v1/sessions/:id/events", AUTH_WRITE, PRODUCERS_BODY, sessions_events,
	"what happens in a session, as lines of JSON"},
    {"GET", "/api/v1/sessions/:id", AUTH_READ, 0, sessions_get, "a session"},
    {"GET", "/api/v1/sessions/:id/messages", AUTH_READ, 0, sessions_messages,
	"what was said in a session"},
    {"GET", "/api/v1/sessions/:id/traces", AUTH_READ, 0, sessions_traces,
	"tool calls of a session"},
    {"GET", "/api/v1/sessions/:id/traces/stats", AUTH_READ, 0, sessions_trace_stats,
	"what each of its tools was like"},
    {"GET", "/api/v1/sessions/:id/place", AUTH_READ, 0, sessions_place,
	"where a turn, a message or a tool call is"},
    {"GET", "/api/v1/sessions/:id/timeline", AUTH_READ, 0, sessions_timeline,
	"turns of a session"},
    {"GET", "/api/v1/turns", AUTH_READ, 0, turns_at, "the agent's turn in a pane at a time"},
    {"DELETE", "/api/v1/sessions/:id", AUTH_WRITE, 0, sessions_delete, "remove a session"},
    {"DELETE", "/api/v1/sessions", AUTH_WRITE, 0, sessions_delete_before,
	"remove the sessions before a time"},
    {"POST", "/api/v1/hooks", AUTH_LOCAL, K, hooks_notice,
	"there are events of agents' hooks, from the Unix socket only"},
    {"GET", "/api/v1/jobs", AUTH_READ, 0, jobs_list, "jobs, the newest first"},
    {"POST", "/api/v1/jobs", AUTH_WRITE, JOB_SPEC_MAX, jobs_create, "run a command as a job"},
    {"GET", "/api/v1/jobs/:id", AUTH_READ, 0, jobs_get, "a job"},
    {"DELETE", "/api/v1/jobs/:id", AUTH_WRITE, 0, jobs_delete, "remove a job that has ended"},
    {"POST", "/api/v1/jobs/:id/cancel", AUTH_WRITE, 4 * K, jobs_cancel, "end a job"},
    {"POST", "/api/v1/jobs/:id/retry", AUTH_WRITE, K, jobs_retry, "run a job's command again"},
    {"POST", "/api/v1/jobs/:id/input", AUTH_WRITE, PANE_BODY, jobs_input,
	"write to a job's standard input"},
    {"POST", "/api/v1/jobs/:id/resize", AUTH_WRITE, K, jobs_resize, "set a job's size"},
    {"POST", "/api/v1/jobs/:id/signal", AUTH_WRITE, K, jobs_signal, "signal a job's processes"},
    {"GET", "/api/v1/jobs/:id/channels/:n", AUTH_READ, 0, jobs_channel_get,
	"what a job has written"},
    {"POST", "/api/v1/streams", AUTH_WRITE, JOB_SPEC_MAX, streams_create,
	"begin a job that is fed from outside"},
    {"POST", "/api/v1/streams/:id/channels/:n", AUTH_WRITE, STREAM_PIECE_MAX, streams_append,
	"what it has written"},
    {"POST", "/api/v1/streams/:id/complete", AUTH_WRITE, 8 * K, streams_complete,
	"it is done, or a channel of it"},
    {"POST", "/api/v1/streams/:id/abort", AUTH_WRITE, 8 * K, streams_abort, "it has failed"},
    {"POST", "/api/v1/streams/:id/cancel", AUTH_WRITE, 8 * K, streams_cancel_route,
	"it is wanted no more"},
    {"GET", "/api/v1/flows", AUTH_READ, 0, flows_list, "runs of flows, the newest first"},
    {"POST", "/api/v1/flows", AUTH_WRITE, FLOW_BODY, flows_create, "run a flow"},
    {"POST", "/api/v1/flows/validate", AUTH_READ, FLOW_BODY, flows_validate,
	"what is wrong with a flow"},
    {"GET", "/api/v1/flows/:id", AUTH_READ, 0, flows_get, "a run of a flow"},
    {"DELETE", "/api/v1/flows/:id", AUTH_WRITE, 0, flows_delete, "remove a run that has ended"},
    {"POST", "/api/v1/flows/:id/cancel", AUTH_WRITE, 4 * K, flows_cancel, "end a run"},
    {"POST", "/api/v1/flows/:id/resume", AUTH_WRITE, K, flows_resume,
	"go on with a run that has failed or was cancelled"},
    {"POST", "/api/v1/flows/:id/steps/:name/approve", AUTH_WRITE, 4 * K, flows_approve,
	"say yes or no to a step that waits"},
    {"POST", "/api/v1/talks", AUTH_WRITE, 256 * K, talks_create,
	"begin a live session with an agent"},
    {"GET", "/api/v1/talks/:id", AUTH_READ, 0, talks_get, "a live session"},
    {"GET", "/api/v1/talks/:id/events", AUTH_READ, 0, talks_events,
	"what happens in a live session"},
    {"POST", "/api/v1/talks/:id/messages", AUTH_WRITE, 1024 * K, talks_message,
	"say something in a live session"},
    {"POST", "/api/v1/talks/:id/permissions/:pid", AUTH_WRITE, 256 * K, talks_permission,
	"allow or deny what an agent asks for"},
    {"POST", "/api/v1/talks/:id/interrupt", AUTH_WRITE, K, talks_interrupt,
	"interrupt the turn of a live session"},
    {"POST", "/api/v1/talks/:id/model", AUTH_WRITE, K, talks_model,
	"set the model of a live session"},
    {"POST", "/api/v1/talks/:id/end", AUTH_WRITE, K, talks_end, "end a live session"},
    {"GET", "/api/v1/collisions", AUTH_READ, 0, collisions_list,
	"files that several have changed at the same time"},
    {"GET", "/api/v1/usage", AUTH_READ, 0, usage_answer, "what agents used, and its cost"},
    {"GET", "/api/v1/usage/cache", AUTH_READ, 0, usage_cache, "how well caches were hit"},
    {"GET", "/api/v1/watches", AUTH_READ, 0, watches_list, "patterns that are watched for"},
    {"POST", "/api/v1/watches", AUTH_WRITE, 16 * K, watches_create, "watch for a pattern"},
    {"DELETE", "/api/v1/watches/:id", AUTH_WRITE, 0, watches_delete, "watch no more"},
    {"POST", "/api/v1/upgrade", AUTH_LOCAL, 8 * K, info_upgrade,
	"replace the worker, from the Unix socket only"},
    {"GET", "/api/v1/tokens", AUTH_WRITE, 0, tokens_list, "access tokens, without secrets"},
    {"POST", "/api/v1/tokens", AUTH_WRITE, K, tokens_create, "make an access token"},
    {"DELETE", "/api/v1/tokens/:id", AUTH_WRITE, 0, tokens_delete, "end an access token"},
    {"GET", "/p/:id/token", AUTH_READ, 0, tty_token, "the token of a client of ttyd"},
    {"GET", "/p/:id/", AUTH_NONE, 0, page_pane, "the page of one pane; with ?token= a login"},
    {"GET", "/p/:id", AUTH_NONE, 0, page_pane_base, "to that page"},
    {"POST", "/mcp", AUTH_READ, MCP_MESSAGE_MAX, mcp_post,
	"the Model Context Protocol, one message a request"},
    {"GET", "/assets/:file", AUTH_NONE, 0, page_get, "the page's files"},
    {"GET", "/", AUTH_NONE, 0, page_get, "the page; with ?token= a login"},
    {0},
};

/* As wait(2) would say it. */
static int
wait_status(const siginfo_t *si)
{
	return si->si_code == CLD_EXITED ? (si->si_status & 0xFF) << 8 : si->si_status;
}

/* Children are panes and commands of watches; who it was is told at once. The keeper hears of an end before the
 * process is reaped: if this process dies in between, it is still there for the keeper. */
static void
on_child(uv_signal_t *h, int signum)
{
	struct app *a = h->data;
	siginfo_t si = {0};
	struct entry *e;

	(void)signum;
	while (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid != 0) {
		int status = wait_status(&si);

		if (jobs_reap(a, si.si_pid, status)) {
			si.si_pid = 0;
			continue;
		}
		e = registry_by_pid(a, si.si_pid);
		if (e != NULL)
			worker_reaped(e, status);
		waitpid(si.si_pid, NULL, 0);
		if (e != NULL)
			pane_reaped(e->pane, status);
		else
			app_reaped_helper(a, si.si_pid);
		si.si_pid = 0;
	}
}

void
app_reaped_helper(struct app *a, pid_t pid)
{
	if (!mux_reaped(a, pid))
		watches_reaped(a, pid);
}

static char *
dup_or_null(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

static void
free_parts(struct app *a)
{
	collisions_close(a);
	auth_free(a->auth);
	watches_free(a);
	events_free(a->events);
	jobs_free(a);
	mux_free(a);
	job_panes_free(a);
	hooks_free(a);
	imports_free(a);
	producers_free(a);
	prices_free(a->prices);
	sessions_places_free(a->places);
	free(a->host);
	free(a->token_file);
	free(a->state_dir);
	free(a->socket_path);
	free(a->tls_cert);
	free(a->tls_key);
	late_free(a);
	spawner_free(a->spawner);
	keep_free(a->keep);
	free(a);
}

static int
start_server(struct app *a, char **cause)
{
	struct server_config cfg = {
	    .tcp_fd = a->cfg.tcp_fd,
	    .unix_fd = a->cfg.unix_fd,
	    .tls_cert = a->tls_cert,
	    .tls_key = a->tls_key,
	    .bounds = a->cfg.limits.server,
	    .no_auth = a->cfg.no_auth,
	    .guard_tries = a->cfg.limits.wrong_tokens_max,
	    .access = &a->cfg.limits.access,
	    .auth = a->auth,
	    .routes = app_routes,
	    .tcp_routes = ttyd_routes(a),
	    .basic = a->cfg.ttyd.credential != NULL,
	    .endpoints = a->endpoints,
	    .in_scope = tokens_in_scope,
	    .arg = a,
	};

	return server_new(a->loop, &cfg, &a->server, cause);
}

int
app_new(uv_loop_t *loop, const struct app_config *cfg, struct app **out, char **cause)
{
	struct app *a = xcalloc(1, sizeof *a);
	int rc;

	*out = NULL;
	a->loop = loop;
	a->cfg = *cfg;
	a->host = xstrdup(cfg->host);
	a->token_file = dup_or_null(cfg->token_file);
	a->state_dir = xstrdup(cfg->state_dir);
	a->socket_path = dup_or_null(cfg->socket_path);
	a->tls_cert = dup_or_null(cfg->tls_cert);
	a->tls_key = dup_or_null(cfg->tls_key);
	a->keep = cfg->keep;
	a->next_id = cfg->last_pane;
	a->started_us = clock_mono_us();
	a->auth = auth_new();
	a->events = events_new();
	a->places = sessions_places_new();
	collisions_open(a);
	producers_open(a);
	a->endpoints[0] = attach_endpoint;
	a->endpoints[1] = events_endpoint;
	a->endpoints[2] = tty_endpoint;
	ttyd_open(a);
	if ((rc = agents_load_prices(a, cause)) != 0 || (rc = tokens_load(a, cause)) != 0 ||
	    (rc = watches_load(a, cause)) != 0) {
		close(cfg->tcp_fd);
		close(cfg->unix_fd);
		free_parts(a);
		return rc;
	}
	saves_open(a);
	if (cfg->harden != NULL) {
		late_open(a);
		store_temporary_in(a->state_dir);
	}
	/* Before there is another thread, and before any of them opens a file of somebody else's. */
	if ((cfg->harden != NULL && (rc = cfg->harden(cfg->arg, cause)) != 0) ||
	    (rc = stored_open(a, cause)) != 0 || (rc = archiver_open(a, cause)) != 0 ||
	    (rc = jobs_open(a, cause)) != 0 || (rc = start_server(a, cause)) != 0) {
		if (a->server != NULL)
			server_stop(a->server);
		archiver_close(a);
		stored_close(a);
		jobs_close(a);
		saves_close(a);
		collisions_close(a);
		uv_run(loop, UV_RUN_DEFAULT);
		server_free(a->server);
		free_parts(a);
		return rc;
	}
	tokens_start(a);
	log_bound_start(a);
	uv_timer_init(loop, &a->last_words);
	uv_signal_init(loop, &a->child);
	a->last_words.data = a->child.data = a;
	uv_signal_start(&a->child, on_child, SIGCHLD);
	if (a->keep != NULL)
		worker_start(a);
	else {
		server_accept(a->server, true);
		mux_open(a);
		agents_open(a);
		hooks_open(a);
		jobs_start(a);
	}
	*out = a;
	return 0;
}

/* Stopping. */

static void
close_all(struct app *a)
{
	if (a->closed)
		return;
	a->closed = true;
	tokens_stop(a);
	searches_cancel(a);
	log_bound_stop(a);
	job_channels_stop(a);
	job_events_close(a);
	mux_close(a);
	while (a->entries != NULL)
		registry_remove(a->entries);
	server_stop(a->server);
	archiver_close(a);
	late_close(a);
	agents_close(a);
	hooks_close(a);
	live_close(a);
	jobs_leave(a);
	stored_close(a);
	jobs_close(a);
	collisions_close(a);
	if (a->keep != NULL)
		worker_stop(a);
	saves_close(a);
	uv_close((uv_handle_t *)&a->child, NULL);
	uv_close((uv_handle_t *)&a->last_words, NULL);
}

static void
on_last_words(uv_timer_t *t)
{
	close_all(t->data);
}

static unsigned
panes_left(const struct app *a)
{
	const struct entry *e;
	unsigned n = 0;

	DL_FOREACH (a->entries, e)
		n += pane_state(e->pane) != PANE_EXITED;
	return n;
}

/* Closing waits for the next turn: this may be called from deep inside a pane or the server. */
void
app_check_stopped(struct app *a)
{
	if (!a->stopping || a->closed || panes_left(a) != 0 || !jobs_stopped(a))
		return;
	uv_timer_start(
	    &a->last_words, on_last_words, a->viewer_count != 0 ? LAST_WORDS_MS : 0, 0);
}

void
app_stop(struct app *a)
{
	struct entry *e, *next;

	if (a->stopping)
		return;
	log_info("app", "ending");
	a->stopping = true;
	uv_timer_start(&a->last_words, on_last_words, STOP_MS, 0);
	DL_FOREACH_SAFE (a->entries, e, next) {
		pane_pause(e->pane, false); /* it may come before the start, or in a yield */
		if (e->job != NULL)
			continue; /* it ends with its job */
		if (pane_is_remote(e->pane)) {
			archiver_leave(e);
			pane_gone(e->pane);
		} else {
			pane_end(e->pane);
		}
	}
	jobs_stop(a);
	app_check_stopped(a);
}

void
app_reload(struct app *a)
{
	if (!a->stopping)
		server_reload_tls(a->server);
}

void
app_end(struct app *a)
{
	if (a->keep != NULL)
		keep_say(a->keep, KEEP_END);
	else
		app_stop(a);
}

void
app_free(struct app *a)
{
	if (a == NULL)
		return;
	server_free(a->server);
	free_parts(a);
}

/* Links. */

/* Where the page is, for whoever reads the link: behind a proxy, at the first origin that is let in. */
static char *
make_origin(const struct app *a)
{
	const struct server_access *access = &a->cfg.limits.access;
	const struct origin *o = &access->origins[0];

	if (access->nproxies == 0 || access->norigins == 0)
		return xasprintf("%s://%s:%d", a->tls_cert != NULL ? "https" : "http", a->host,
		    server_port(a->server));
	if (o->port == (o->https ? 443 : 80))
		return xasprintf("%s://%s", o->https ? "https" : "http", o->host);
	return xasprintf("%s://%s:%u", o->https ? "https" : "http", o->host, o->port);
}

char *
app_make_link(struct app *a, const char *token, const char *pane)
{
	char *place = *pane != '\0' ? str_url_encode(pane) : NULL, *origin = make_origin(a),
	     *link;

	link = xasprintf("%s%s/%s%s%s%s", origin, a->cfg.limits.access.base,
	    token != NULL ? "?token=" : "", token != NULL ? token : "",
	    place != NULL ? "#" : "", place != NULL ? place : "");
	free(place);
	free(origin);
	return link;
}

struct link {
	char *text;
	void (*done)(const char *link, const char *cause, void *);
	void *arg;
};

static void
link_saved(int err, void *arg)
{
	struct link *l = arg;

	(void)err; /* it is in the log; the link is good until a restart */
	l->done(l->text, NULL, l->arg);
	free(l->text);
	free(l);
}

void
app_link(struct app *a, void (*done)(const char *link, const char *cause, void *), void *arg)
{
	struct link *l = xcalloc(1, sizeof *l);
	struct auth_token t = {
	    .access = AUTH_WRITE, .expires_ms = clock_wall_ms() + LINK_DAYS_MS};
	char token[AUTH_TOKEN_LEN + 1];

	*l = (struct link){NULL, done, arg};
	if (a->cfg.no_auth || a->cfg.ttyd.credential != NULL) {
		l->text = app_make_link(a, NULL, "");
		link_saved(0, l);
		return;
	}
	/* Each start makes one; the links of old ones must not add up. */
	auth_make_room(a->auth);
	if (auth_mint(a->auth, &t, token) != 0) {
		done(NULL, "no new token could be made", arg);
		free(l);
		return;
	}
	l->text = app_make_link(a, token, "");
	tokens_save(a, link_saved, l);
}
