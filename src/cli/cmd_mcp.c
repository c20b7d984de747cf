/*
 * mcp: a Model Context Protocol server on standard input and output, for programs of the same user.
 *
 * One message a line. Reading, writing and asking the daemon go on beside each other, so that a
 * request that waits for a line in a pane holds up no other. At the end of its input it answers what
 * it can answer at once, and ends.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/lane.h"
#include "cli/paths.h"
#include "mcp/mcp.h"

enum {
	PIECE = 64 * 1024,
	OUT_HIGH =
	    4 * 1024 * 1024, /* bytes that the client has not read: nothing more is taken */
	PATIENCE_S = 2,      /* with a daemon that is not there */
};

static const struct cli_option mcp_options[] = {
    {"allow-write", 'w', NULL, "offer the tools that type and run, too"},
    {0},
};

struct serving {
	uv_loop_t loop;
	uv_timer_t tick;
	char *socket;
	struct mcp *mcp;
	struct lane *in, *out;
	struct buf waiting; /* to be written */
	bool writing, reading, ended;
	int status;
};

struct asked {
	struct serving *s;
	struct ask *ask;
	struct request *for_whom;
};

static void
read_more(struct serving *s)
{
	if (s->reading || s->ended || s->waiting.len >= OUT_HIGH)
		return;
	s->reading = true;
	lane_read(s->in, PIECE);
}

/* Writes what there is, reads on, or ends when nothing is left to do. */
static void
go_on(struct serving *s)
{
	if (!s->writing && s->waiting.len != 0) {
		s->writing = true;
		lane_write(s->out, &s->waiting);
	}
	read_more(s);
	if (s->ended && !s->writing && mcp_is_idle(s->mcp))
		uv_stop(&s->loop);
}

static void
on_written(void *arg, long rc, const char *data)
{
	struct serving *s = arg;

	(void)data;
	s->writing = false;
	if (rc >= 0) {
		go_on(s);
		return;
	}
	if (rc != -EPIPE)
		s->status = cli_error("mcp: standard output: %s", strerror((int)-rc));
	uv_stop(&s->loop);
}

static void
on_read(void *arg, long rc, const char *data)
{
	struct serving *s = arg;

	s->reading = false;
	if (rc < 0)
		s->status = cli_error("mcp: standard input: %s", strerror((int)-rc));
	if (rc > 0) {
		mcp_feed(s->mcp, data, (size_t)rc);
	} else {
		s->ended = true;
		mcp_end(s->mcp);
	}
	go_on(s);
}

static void
on_send(void *arg, const char *text, size_t len)
{
	struct serving *s = arg;

	buf_append(&s->waiting, text, len);
	buf_putc(&s->waiting, '\n');
}

static void
on_answer(void *arg, int rc, int status, const char *body, size_t len)
{
	struct asked *a = arg;
	struct serving *s = a->s;

	mcp_answer(a->for_whom, rc, status, body, len);
	ask_free(a->ask);
	free(a);
	go_on(s);
}

static void *
on_ask(void *arg, const char *method, const char *path, const void *body, size_t len,
    struct request *for_whom)
{
	struct serving *s = arg;
	struct asked *a = xcalloc(1, sizeof *a);
	/* A wait changes nothing: it may be asked again. */
	bool again = strcmp(method, "GET") == 0 ||
		     strcmp(path + strlen(path) - strlen("/wait"), "/wait") == 0;
	struct ask_config cfg = {.loop = &s->loop,
	    .socket = s->socket,
	    .once = !again,
	    .answer = on_answer,
	    .arg = a};

	a->s = s;
	a->for_whom = for_whom;
	a->ask = ask_new(&cfg);
	ask_be_brief(a->ask, PATIENCE_S);
	ask_send(a->ask, method, path, body, len);
	return a;
}

static void
on_cancel(void *arg, void *asked)
{
	struct asked *a = asked;

	(void)arg;
	ask_free(a->ask);
	free(a);
}

static void
on_tick(uv_timer_t *t)
{
	struct serving *s = t->data;

	if (mcp_has_subscriptions(s->mcp))
		mcp_tick(s->mcp);
}

static const struct mcp_transport transport = {on_send, on_ask, on_cancel};

static void
serve(struct serving *s, bool write)
{
	struct mcp_config cfg = {.write = write,
	    .allow = "panescry mcp --allow-write",
	    .subscriptions = true,
	    .transport = &transport,
	    .arg = s};

	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&s->loop);
	uv_timer_init(&s->loop, &s->tick);
	s->tick.data = s;
	uv_timer_start(&s->tick, on_tick, MCP_TICK_MS, MCP_TICK_MS);
	buf_init(&s->waiting, BUF_NO_MAX);
	s->socket = paths_socket();
	s->mcp = mcp_new(&cfg);
	s->in = lane_new(&s->loop, STDIN_FILENO, on_read, s);
	s->out = lane_new(&s->loop, STDOUT_FILENO, on_written, s);
	read_more(s);
	uv_run(&s->loop, UV_RUN_DEFAULT);
}

static int
run_mcp(int argc, char **argv)
{
	struct cli_walk walk = {&cmd_mcp, argc, argv, NULL, 0};
	static struct serving s; /* the lanes' threads end with the process */
	bool write = false;
	int option;

	while ((option = cli_next(&walk)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		write = true;
	}
	if (walk.operand != argc)
		return cli_usage(&cmd_mcp, "takes no arguments");
	serve(&s, write);
	return s.status;
}

const struct cli_command cmd_mcp = {"mcp", "",
    "Serve the Model Context Protocol on standard input and output", mcp_options, run_mcp, 0};
