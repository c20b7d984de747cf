/*
 * record: what a pane prints from now on, as a cast.
 *
 * A viewer that only reads. The recording begins with the screen as it is; when the connection
 * breaks, it goes on at the byte where it stopped, and only when so much was printed meanwhile that the
 * daemon has it no more is the screen drawn again. Every event is in the file when the next one comes.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <uv.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/xmalloc.h"
#include "cli/cast_file.h"
#include "cli/cli.h"
#include "cli/pane_ws.h"
#include "cli/paths.h"
#include "cli/whole.h"
#include "net/client.h"
#include "proto/attach.h"
#include "proto/json.h"

enum { SIGNALS = 3 };

struct record {
	uv_loop_t loop;
	uv_signal_t signals[SIGNALS];
	uv_timer_t retry;
	struct client_ws_context *context;
	struct client_ws *ws; /* NULL while there is none */
	const char *pane;
	char *socket;
	unsigned tries; /* since a connection was open */
	bool ever_open;

	const char *path;
	int fd;
	bool append, replace;
	struct cast_header header;
	struct cast_writer writer;
	struct buf line;
	bool begun;       /* there is a header, and the first screen */
	bool drawn;       /* that screen has come */
	uint64_t base_us; /* on the monotonic clock, of the cast's time 0 */
	uint64_t offset, acked;
	uint64_t redrawn; /* times that output was lost */
	unsigned cols, rows;

	bool ending;
	int status; /* of the process */
};

static const struct cli_option record_options[] = {
    {"format", 'F', "VERSION", "v2 (default) or v3"},
    {"title", 't', "TEXT", "the recording's title"},
    {"idle-time-limit", 'i', "SECONDS", "longest pause when it is played"},
    {"append", 'a', NULL, "go on with a recording that is there"},
    {"force", 'f', NULL, "replace a file that is there"},
    {"overwrite", 0, NULL, "the same"},
    {0},
};

enum { OPT_FORMAT, OPT_TITLE, OPT_IDLE, OPT_APPEND, OPT_FORCE, OPT_OVERWRITE };

static void connect_now(struct record *r);

static void __attribute__((format(printf, 3, 4)))
finish(struct record *r, int status, const char *fmt, ...)
{
	char *text;
	va_list ap;

	if (r->ending)
		return;
	r->ending = true;
	r->status = status;
	if (fmt != NULL) {
		va_start(ap, fmt);
		text = xvasprintf(fmt, ap);
		va_end(ap);
		cli_error("%s", text);
		free(text);
	}
	uv_stop(&r->loop);
}

static int64_t
now(const struct record *r)
{
	return (int64_t)(clock_mono_us() - r->base_us);
}

/* What has been put into the line. */
static void
flush(struct record *r)
{
	int rc = r->line.len != 0 ? whole_put(r->fd, r->line.data, r->line.len) : 0;

	buf_reset(&r->line);
	if (rc != 0)
		finish(r, CLI_ERROR, "record: %s: %s",
		    r->fd == STDOUT_FILENO ? "standard output" : r->path, strerror(-rc));
}

static void
put_size(struct record *r, unsigned cols, unsigned rows)
{
	char text[24];

	if (cols == r->cols && rows == r->rows)
		return;
	snprintf(text, sizeof text, "%ux%u", cols, rows);
	cast_put_event(&r->writer, &r->line, now(r), 'r', text);
	r->cols = cols;
	r->rows = rows;
	flush(r);
}

static void
begin(struct record *r, const struct attach_event *hello)
{
	if (r->begun) {
		put_size(r, hello->cols, hello->rows);
		return;
	}
	r->begun = true;
	if (r->append) {
		put_size(r, hello->cols, hello->rows);
		return;
	}
	r->header.cols = r->cols = hello->cols;
	r->header.rows = r->rows = hello->rows;
	r->header.timestamp = clock_wall_ms() / 1000;
	r->base_us = clock_mono_us();
	cast_put_header(&r->line, &r->header);
	flush(r);
}

static void
on_output(struct record *r, const struct attach_event *e)
{
	uint64_t skip = e->offset < r->offset ? r->offset - e->offset : 0;

	if (skip >= e->len)
		return;
	r->offset = e->offset + e->len;
	/* What comes before the first screen is on it. */
	if (r->drawn) {
		cast_put_output(&r->writer, &r->line, now(r), e->data + skip, e->len - skip);
		flush(r);
	}
	if (r->offset - r->acked >= PANE_WS_ACK_EVERY)
		pane_ws_acknowledge(r->ws, r->offset, &r->acked);
}

static void
on_snapshot(struct record *r, const struct attach_event *e)
{
	cast_put_rest(&r->writer, &r->line, now(r));
	if (r->drawn || r->append)
		cast_put_output(
		    &r->writer, &r->line, now(r), ATTACH_CLEAR, sizeof ATTACH_CLEAR - 1);
	r->redrawn += r->drawn;
	r->drawn = true;
	cast_put_output(&r->writer, &r->line, now(r), e->data, e->len);
	r->offset = e->offset;
	flush(r);
	pane_ws_acknowledge(r->ws, r->offset, &r->acked);
}

static void
on_exit_event(struct record *r, int status)
{
	char text[16];

	cast_put_rest(&r->writer, &r->line, now(r));
	snprintf(text, sizeof text, "%d", status);
	if (r->header.version >= 3 && status >= 0 && status <= 255)
		cast_put_event(&r->writer, &r->line, now(r), 'x', text);
	flush(r);
	finish(r, CLI_DONE, NULL);
}

static void
on_message(const void *msg, size_t len, void *arg)
{
	struct record *r = arg;
	struct attach_event e;

	if (r->ending || attach_parse_event(msg, len, &e) != 0)
		return;
	if (e.kind == ATTACH_EV_HELLO)
		begin(r, &e);
	else if (!r->begun)
		return;
	else if (e.kind == ATTACH_EV_OUTPUT)
		on_output(r, &e);
	else if (e.kind == ATTACH_EV_SNAPSHOT)
		on_snapshot(r, &e);
	else if (e.kind == ATTACH_EV_RESIZE)
		put_size(r, e.cols, e.rows);
	else if (e.kind == ATTACH_EV_EXIT)
		on_exit_event(r, e.status);
}

/* The first screen is asked for without the history above it. */
static void
on_opened(void *arg)
{
	struct record *r = arg;
	struct buf b;

	r->tries = 0;
	r->ever_open = true;
	r->acked = r->offset;
	if (r->drawn)
		return;
	buf_init(&b, BUF_NO_MAX);
	attach_put_client_snapshot(&b, 0);
	client_ws_send(r->ws, b.data, b.len);
	buf_release(&b);
}

static void
on_retry(uv_timer_t *t)
{
	connect_now(t->data);
}

static void
on_closed(int code, const char *reason, void *arg)
{
	static const unsigned wait_ms[] = {10, 50, 200, 500, 1000, 2000, 5000};
	unsigned n = sizeof wait_ms / sizeof *wait_ms;
	struct record *r = arg;

	r->ws = NULL;
	if (r->ending)
		return;
	if (code == ATTACH_CLOSE_ENDED || (code == ATTACH_CLOSE_NO_PANE && r->drawn)) {
		cast_put_rest(&r->writer, &r->line, now(r));
		flush(r);
		finish(r, CLI_DONE, NULL);
	} else if (code == ATTACH_CLOSE_NO_PANE) {
		finish(r, CLI_ERROR, "%s: no such pane", r->pane);
	} else if (code >= 4000 || code == 1008) {
		finish(r, CLI_ERROR, "record: %s", *reason != '\0' ? reason : "refused");
	} else if (!r->ever_open) {
		finish(r, CLI_NO_DAEMON,
		    "no daemon answers at %s: start one with panescry serve", r->socket);
	} else {
		r->tries++;
		uv_timer_start(
		    &r->retry, on_retry, wait_ms[r->tries < n ? r->tries - 1 : n - 1], 0);
	}
}

static void
connect_now(struct record *r)
{
	static const struct client_ws_callbacks callbacks = {on_opened, on_message, on_closed};

	r->ws = pane_ws_read(r->context, r->socket, r->pane, r->offset, &callbacks, r);
}

/* The file. */

/* Reads what is there, and cuts off what a recording that was killed has left of a line. */
static int
go_on(struct record *r, const struct cast_header *asked, char **cause)
{
	struct cast_event e;
	struct cast_file f;
	int rc;

	cast_file_init(&f, r->fd);
	while ((rc = cast_file_next(&f, &e, cause)) == 1)
		;
	if (rc == 0 && asked->version != 0 && asked->version != f.reader.header.version)
		rc = err_set(cause, -EINVAL, "it is of version %u", f.reader.header.version);
	if (rc == 0) {
		r->header.version = f.reader.header.version;
		cast_writer_init(&r->writer, r->header.version, f.reader.now_us);
		r->base_us = clock_mono_us() - (uint64_t)f.reader.now_us;
		r->cols = f.reader.cols;
		r->rows = f.reader.rows;
		if (f.cut && ftruncate(r->fd, (off_t)f.good) != 0)
			rc = err_sys(cause, -errno, "truncate");
		else if (!f.cut && f.in.len != 0 && f.in.data[f.in.len - 1] != '\n')
			buf_putc(&r->line, '\n');
	}
	cast_file_release(&f);
	return rc;
}

static int
open_file(struct record *r)
{
	static const int how[] = {O_EXCL, O_TRUNC, O_APPEND};
	struct cast_header asked = r->header;
	char *cause = NULL;
	struct stat st;
	int rc = 0;

	if (strcmp(r->path, "-") == 0) {
		r->fd = STDOUT_FILENO;
		if (r->append)
			return cli_error("record: standard output has nothing to go on with");
	} else {
		r->fd = open(r->path,
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY |
			how[r->append    ? 2
			    : r->replace ? 1
					 : 0],
		    0600);
		if (r->fd < 0)
			return cli_error("record: %s: %s", r->path, strerror(errno));
	}
	if (r->append && (fstat(r->fd, &st) != 0 || !S_ISREG(st.st_mode)))
		return cli_error("record: %s: not a file", r->path);
	if (r->append && st.st_size == 0)
		r->append = false;
	if (r->append)
		rc = go_on(r, &asked, &cause);
	if (rc != 0) {
		cli_error("record: %s: %s", r->path, cause);
		free(cause);
		return CLI_ERROR;
	}
	if (!r->append) {
		r->header.version = r->header.version != 0 ? r->header.version : 2;
		cast_writer_init(&r->writer, r->header.version, 0);
	}
	return 0;
}

/* Asks what the pane is: first, so that a name that is none makes no file. */
static int
look_at(struct record *r)
{
	struct buf out, command;
	const cJSON *arg;
	cJSON *o = NULL;
	int rc;

	buf_init(&out, BUF_NO_MAX);
	buf_init(&command, CAST_TEXT_MAX);
	rc = cli_ask_pane("GET", r->pane, "", NULL, &out);
	if (rc == CLI_DONE && (o = json_parse(out.data, out.len)) == NULL)
		rc = cli_error("record: the daemon's answer is none");
	if (rc == CLI_DONE)
		json_u64(o, "offset", 0, JSON_INT_MAX, &r->offset);
	cJSON_ArrayForEach (arg, cJSON_GetObjectItemCaseSensitive(o, "command")) {
		if (command.len != 0)
			buf_putc(&command, ' ');
		buf_puts(&command, cJSON_IsString(arg) ? arg->valuestring : "");
	}
	r->header.command = command.len != 0 ? buf_take(&command) : NULL;
	cJSON_Delete(o);
	buf_release(&out);
	return rc;
}

static void
on_signal(uv_signal_t *h, int signum)
{
	struct record *r = h->data;

	(void)signum;
	cast_put_rest(&r->writer, &r->line, now(r));
	flush(r);
	finish(r, CLI_DONE, NULL);
}

static int
run_loop(struct record *r)
{
	static const int signals[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&r->loop);
	r->context = client_ws_context_new(&r->loop);
	if (r->context == NULL)
		return cli_error("record: libwebsockets cannot start");
	for (int i = 0; i < SIGNALS; i++) {
		uv_signal_init(&r->loop, &r->signals[i]);
		r->signals[i].data = r;
		uv_signal_start(&r->signals[i], on_signal, signals[i]);
	}
	uv_timer_init(&r->loop, &r->retry);
	r->retry.data = r;
	connect_now(r);
	if (!r->ending)
		uv_run(&r->loop, UV_RUN_DEFAULT);
	if (r->redrawn != 0)
		fprintf(stderr,
		    "panescry: record: %llu times the pane printed more than could be taken;"
		    " the screen was drawn again\n",
		    (unsigned long long)r->redrawn);
	return r->status;
}

static int
record_option(struct record *r, int option, char *arg)
{
	switch (option) {
	case OPT_FORMAT:
		r->header.version = cast_version(arg);
		return r->header.version != 0
			   ? 0
			   : cli_usage(&cmd_record, "the format must be v2 or v3");
	case OPT_TITLE:
		r->header.title = arg;
		return 0;
	case OPT_IDLE:
		return cast_seconds(arg, &r->header.idle_limit_us) == 0
			   ? 0
			   : cli_usage(&cmd_record, "a time is a number of seconds");
	case OPT_APPEND:
		r->append = true;
		return 0;
	default:
		r->replace = true;
		return 0;
	}
}

static int
run_record(int argc, char **argv)
{
	struct cli_walk w = {&cmd_record, argc, argv, NULL, 0};
	static struct record r;
	int option, rc;

	r.header.idle_limit_us = -1;
	r.header.term = xstrdup("xterm-256color");
	buf_init(&r.line, BUF_NO_MAX);
	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD || record_option(&r, option, (char *)w.arg) != 0)
			return CLI_ERROR;
	}
	if (w.operand + 2 != argc)
		return cli_usage(&cmd_record, "name a pane and a file");
	if (r.append && r.replace)
		return cli_usage(&cmd_record, "--append and --force are two things");
	r.pane = argv[w.operand];
	r.path = argv[w.operand + 1];
	r.socket = paths_socket();
	rc = look_at(&r);
	if (rc == CLI_DONE)
		rc = open_file(&r);
	/* The process ends here; the loop and what is on it end with it. */
	return rc == CLI_DONE ? run_loop(&r) : rc;
}

const struct cli_command cmd_record = {"record", "PANE FILE",
    "Record what a pane prints, as an asciicast", record_options, run_record, 0};
