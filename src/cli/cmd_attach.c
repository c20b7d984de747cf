/*
 * attach: a pane on this terminal.
 *
 * The connection may break and come back: output goes on at the byte where it stopped. Only
 * when it stays away is something said, and then the screen is drawn anew afterwards.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/pane_ws.h"
#include "cli/paths.h"
#include "cli/queries.h"
#include "cli/reports.h"
#include "cli/terminal.h"
#include "net/client.h"
#include "proto/attach.h"

enum {
	NOTICE_TRIES = 5, /* failed connections before something is said */
};

struct attach {
	uv_loop_t loop;
	uv_poll_t input;
	int tty; /* opened anew: libuv makes it non-blocking, and that must stay with us */
	uv_signal_t winch;
	uv_timer_t retry;
	struct client_ws_context *context;
	struct client_ws *ws; /* NULL while there is none */
	const char *pane;
	char *socket;
	bool read_only;

	bool shown; /* the screen holds what lies below `offset` */
	struct queries queries;
	struct buf quiet; /* what is left without them */
	uint64_t offset, acked;
	unsigned tries; /* since a connection was open */
	bool ever_open;

	enum { LINE_START, TILDE, IN_LINE } typed; /* for ~. */
	bool leaving;
	int status;     /* of the process */
	char last[300]; /* said after the terminal is put back */
};

static const struct cli_option attach_options[] = {
    {"read-only", 'r', NULL, "watch only; nothing that is typed is sent"},
    {0},
};

static void connect_now(struct attach *a);

static void __attribute__((format(printf, 3, 4)))
leave(struct attach *a, int status, const char *fmt, ...)
{
	char *last, *safe;
	va_list ap;

	if (a->leaving)
		return;
	a->leaving = true;
	a->status = status;
	va_start(ap, fmt);
	last = xvasprintf(fmt, ap);
	va_end(ap);
	safe = cli_safe_text(last);
	snprintf(a->last, sizeof a->last, "%s", safe);
	free(safe);
	free(last);
	uv_stop(&a->loop);
}

/* The terminal may be slow; until it has taken the bytes nothing is acknowledged, and the
 * daemon waits. */
static void
show(struct attach *a, const char *data, size_t len)
{
	while (len != 0) {
		ssize_t n = write(STDOUT_FILENO, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) { /* somebody else made it non-blocking */
			poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, -1);
			continue;
		}
		if (n < 0) {
			leave(a, CLI_ERROR, "standard output: %s", strerror(errno));
			return;
		}
		data += n;
		len -= (size_t)n;
	}
}

/* What a pane printed. */
static void
show_output(struct attach *a, const char *data, size_t len)
{
	queries_remove(&a->queries, data, len, &a->quiet);
	show(a, a->quiet.data, a->quiet.len);
	buf_reset(&a->quiet);
}

static void
send_size(struct attach *a)
{
	unsigned cols, rows;
	struct buf b;

	terminal_size(&cols, &rows);
	if (cols == 0 || a->ws == NULL)
		return;
	buf_init(&b, BUF_NO_MAX);
	attach_put_client_resize(&b, cols, rows);
	client_ws_send(a->ws, b.data, b.len);
	buf_release(&b);
}

static void
on_output(struct attach *a, const struct attach_event *e)
{
	uint64_t skip = e->offset < a->offset ? a->offset - e->offset : 0;

	if (skip >= e->len)
		return;
	show_output(a, e->data + skip, e->len - skip);
	a->offset = e->offset + e->len;
	a->shown = true;
	if (a->offset - a->acked >= PANE_WS_ACK_EVERY)
		pane_ws_acknowledge(a->ws, a->offset, &a->acked);
}

static void
on_snapshot(struct attach *a, const struct attach_event *e)
{
	queries_reset(&a->queries, &a->quiet);
	buf_puts(&a->quiet, ATTACH_CLEAR);
	show_output(a, e->data, e->len);
	a->offset = e->offset;
	a->shown = true;
	pane_ws_acknowledge(a->ws, a->offset, &a->acked);
}

static void
on_message(const void *msg, size_t len, void *arg)
{
	struct attach *a = arg;
	struct attach_event e;

	if (a->leaving || attach_parse_event(msg, len, &e) != 0)
		return;
	switch (e.kind) {
	case ATTACH_EV_OUTPUT:
		on_output(a, &e);
		break;
	case ATTACH_EV_SNAPSHOT:
		on_snapshot(a, &e);
		break;
	case ATTACH_EV_EXIT:
		leave(a, CLI_DONE, "[%s ended with status %d]", a->pane, e.status);
		break;
	default:
		break;
	}
}

static void
on_opened(void *arg)
{
	struct attach *a = arg;

	a->tries = 0;
	a->ever_open = true;
	a->acked = a->offset;
}

static void
on_retry(uv_timer_t *t)
{
	connect_now(t->data);
}

static void
try_again(struct attach *a)
{
	static const unsigned wait_ms[] = {10, 50, 200, 500, 1000, 2000, 5000};
	static const char notice[] = "\r\n[connection lost; trying again, ~. ends]\r\n";
	unsigned n = sizeof wait_ms / sizeof *wait_ms;

	if (++a->tries == NOTICE_TRIES) {
		show(a, notice, sizeof notice - 1);
		a->shown = false;
	}
	uv_timer_start(&a->retry, on_retry, wait_ms[a->tries < n ? a->tries - 1 : n - 1], 0);
}

static void
on_closed(int code, const char *reason, void *arg)
{
	struct attach *a = arg;

	a->ws = NULL;
	if (a->leaving)
		return;
	if (code == ATTACH_CLOSE_NO_PANE)
		leave(a, CLI_ERROR, "%s: no such pane", a->pane);
	else if (code == ATTACH_CLOSE_ENDED)
		leave(a, CLI_DONE, "[%s ended]", a->pane);
	else if (code >= 4000 || code == 1008)
		leave(a, CLI_ERROR, "attach: %s", *reason != '\0' ? reason : "refused");
	else if (!a->ever_open)
		leave(a, CLI_NO_DAEMON,
		    "no daemon answers at %s: start one with panescry serve", a->socket);
	else
		try_again(a);
}

static void
connect_now(struct attach *a)
{
	static const struct client_ws_callbacks callbacks = {on_opened, on_message, on_closed};
	char *id = str_url_encode(a->pane);
	unsigned cols, rows;
	struct buf path;

	terminal_size(&cols, &rows);
	buf_init(&path, BUF_NO_MAX);
	buf_printf(&path, "/ws/panes/%s?mode=%s", id, a->read_only ? "ro" : "rw");
	if (cols != 0)
		buf_printf(&path, "&cols=%u&rows=%u", cols, rows);
	if (a->shown)
		buf_printf(&path, "&offset=%llu", (unsigned long long)a->offset);
	a->ws =
	    client_ws_open(a->context, a->socket, path.data, ATTACH_SUBPROTOCOL, &callbacks, a);
	buf_release(&path);
	free(id);
}

/* Takes ~. at the start of a line out of what is typed, as ssh does; ~~ sends one tilde. */
static void
type(struct attach *a, const char *in, size_t len)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_putc(&b, ATTACH_INPUT);
	for (size_t i = 0; i < len; i++) {
		if (a->typed == TILDE && in[i] == '.') {
			leave(a, CLI_DONE, "[detached]");
			break;
		}
		if (a->typed == LINE_START && in[i] == '~') {
			a->typed = TILDE;
			continue;
		}
		if (a->typed == TILDE && in[i] != '~')
			buf_putc(&b, '~');
		buf_putc(&b, in[i]);
		a->typed = in[i] == '\r' || in[i] == '\n' ? LINE_START : IN_LINE;
	}
	if (b.len > 1 && a->ws != NULL && !a->read_only)
		client_ws_send(a->ws, b.data, b.len);
	buf_release(&b);
}

static void
on_input(uv_poll_t *h, int status, int events)
{
	struct attach *a = h->data;
	char in[4096];
	ssize_t n;

	(void)status;
	(void)events;
	n = read(a->tty, in, sizeof in);
	if (n > 0)
		type(a, in, reports_remove(in, (size_t)n));
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		leave(a, CLI_DONE, "[detached]");
}

static void
on_winch(uv_signal_t *h, int signum)
{
	(void)signum;
	send_size(h->data);
}

static int
watch_terminal(struct attach *a)
{
	char name[256];

	a->tty = ttyname_r(STDIN_FILENO, name, sizeof name) == 0
		     ? open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC)
		     : -1;
	if (a->tty < 0)
		return cli_error("attach: the terminal cannot be opened: %s", strerror(errno));
	uv_poll_init(&a->loop, &a->input, a->tty);
	a->input.data = a;
	uv_poll_start(&a->input, UV_READABLE, on_input);
	terminal_raw();
	return 0;
}

static void
say_last(const struct attach *a)
{
	if (a->last[0] == '\0')
		return;
	if (a->status == CLI_DONE)
		printf("\r\n%s\n", a->last);
	else
		cli_error("%s", a->last);
}

static int
run_loop(struct attach *a)
{
	uv_loop_init(&a->loop);
	a->context = client_ws_context_new(&a->loop);
	if (a->context == NULL)
		return cli_error("attach: libwebsockets cannot start");
	if (isatty(STDIN_FILENO) && watch_terminal(a) != 0)
		return CLI_ERROR;
	uv_signal_init(&a->loop, &a->winch);
	a->winch.data = a;
	uv_signal_start(&a->winch, on_winch, SIGWINCH);
	uv_timer_init(&a->loop, &a->retry);
	a->retry.data = a;
	connect_now(a);
	if (!a->leaving)
		uv_run(&a->loop, UV_RUN_DEFAULT);
	terminal_restore();
	say_last(a);
	return a->status;
}

static int
run_attach(int argc, char **argv)
{
	struct cli_walk w = {&cmd_attach, argc, argv, NULL, 0};
	static struct attach a;
	struct buf out;
	int option, rc;

	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		a.read_only = true;
	}
	if (w.operand + 1 != argc)
		return cli_usage(&cmd_attach, "name one pane");
	if (!a.read_only && !isatty(STDIN_FILENO))
		return cli_error(
		    "attach: standard input is not a terminal (--read-only needs none)");
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("GET", "/healthz", NULL, &out); /* says it well when nobody is there */
	buf_release(&out);
	if (rc != CLI_DONE)
		return rc;
	a.pane = argv[w.operand];
	a.socket = paths_socket();
	queries_init(&a.queries);
	buf_init(&a.quiet, BUF_NO_MAX);
	/* The process ends here; the loop and what is on it end with it. */
	return run_loop(&a);
}

const struct cli_command cmd_attach = {"attach", "PANE",
    "Show a pane on this terminal; ~. at the start of a line leaves it", attach_options,
    run_attach, 0};
