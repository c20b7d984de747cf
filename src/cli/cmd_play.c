/*
 * import: a cast, played into a new pane.
 *
 * All of the file is read first: what is no cast makes no pane. Then the pane is made, and what runs
 * in it is this program again, which writes the cast's output to its terminal when it is time. A
 * change of size is asked of the daemon when it has taken all that was printed before. Nothing else
 * of a cast does anything, and what the terminal answers to what a cast asks is thrown away.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cast_file.h"
#include "cli/cli.h"
#include "cli/put.h"
#include "cli/whole.h"
#include "os/os.h"
#include "proto/json.h"

enum { TURN_MS = 5, TAKEN_MS = 20 * 1000 };
#define SPEED_MAX 1e9

struct play {
	const char *path, *name;
	const char *speed_text, *idle_text; /* as given */
	double speed;
	int64_t idle_us; /* longest pause; -1: as the cast says */
	bool in_pane, json;

	struct cast_file file;
	int fd;
	int status;      /* of an x */
	uint64_t put;    /* bytes printed */
	int64_t last_us; /* of the event before */
	double due_us;   /* when the next one is, on the monotonic clock */
};

static const struct cli_option import_options[] = {
    {"name", 'n', "NAME", "the pane's name"},
    {"speed", 's', "FACTOR", "so many times as fast; 0.5 is half as fast"},
    {"idle-time-limit", 'i', "SECONDS", "longest pause; 0 for none"},
    {"json", 'j', NULL, "print the pane as JSON"},
    {"in-pane", 0, NULL, "play to standard output: what runs in the pane"},
    {0},
};

enum { OPT_NAME, OPT_SPEED, OPT_IDLE, OPT_JSON, OPT_IN_PANE };

static int
open_cast(struct play *p)
{
	struct stat st;

	p->fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (p->fd < 0 || fstat(p->fd, &st) != 0)
		return cli_error("import: %s: %s", p->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return cli_error("import: %s: not a file", p->path);
	cast_file_init(&p->file, p->fd);
	return 0;
}

static int
next_event(struct play *p, struct cast_event *e)
{
	char *cause = NULL;
	int rc = cast_file_next(&p->file, e, &cause);

	if (rc < 0) {
		cli_error("import: %s: %s", p->path, cause);
		free(cause);
	}
	return rc;
}

/* In the pane. */

/* All that was printed is on the screen. */
static void
await_taken(const struct play *p, const char *pane)
{
	uint64_t until = clock_mono_us() + TAKEN_MS * 1000ull, offset = 0;
	char *id = str_url_encode(pane), *path = xasprintf("/api/v1/panes/%s", id);

	while (clock_mono_us() < until) {
		struct buf out;
		cJSON *o = NULL;

		buf_init(&out, BUF_NO_MAX);
		if (cli_ask_quietly(path, &out) == 0)
			o = json_parse(out.data, out.len);
		json_u64(o, "offset", 0, JSON_INT_MAX, &offset);
		cJSON_Delete(o);
		buf_release(&out);
		if (offset >= p->put)
			break;
		usleep(TURN_MS * 1000);
	}
	free(path);
	free(id);
}

static void
resize(const struct play *p, unsigned cols, unsigned rows)
{
	const char *pane = getenv("PANESCRY_PANE");
	struct buf out;
	cJSON *body;

	if (pane == NULL)
		return;
	await_taken(p, pane);
	body = json_object();
	cJSON_AddNumberToObject(body, "cols", cols);
	cJSON_AddNumberToObject(body, "rows", rows);
	buf_init(&out, BUF_NO_MAX);
	cli_ask_pane("POST", pane, "/resize", body, &out);
	buf_release(&out);
}

static void
await_time(struct play *p, const struct cast_event *e)
{
	int64_t pause = e->time_us - p->last_us;
	double now = (double)clock_mono_us();

	p->last_us = e->time_us;
	if (p->idle_us >= 0 && pause > p->idle_us)
		pause = p->idle_us;
	p->due_us += (double)pause / p->speed;
	while (now < p->due_us) {
		double left = p->due_us - now;
		long us = left < 1e6 ? (long)left : 999999;

		nanosleep(&(struct timespec){.tv_nsec = us * 1000 + 1}, NULL);
		now = (double)clock_mono_us();
	}
	tcflush(STDOUT_FILENO, TCIFLUSH);
}

static int
play_event(struct play *p, const struct cast_event *e)
{
	int rc;

	if (e->code == 'r')
		resize(p, e->cols, e->rows);
	if (e->code == 'x' && p->file.reader.header.version >= 3)
		p->status = e->status;
	if (e->code != 'o')
		return 0;
	rc = whole_put(STDOUT_FILENO, e->data, e->len);
	p->put += e->len;
	return rc == 0 ? 0 : cli_error("standard output: %s", strerror(-rc));
}

static int
play(struct play *p)
{
	struct cast_event e;
	struct termios t;
	int rc;

	if (tcgetattr(STDOUT_FILENO, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(STDOUT_FILENO, TCSANOW, &t);
	}
	p->due_us = (double)clock_mono_us();
	while ((rc = next_event(p, &e)) == 1) {
		if (p->idle_us < 0)
			p->idle_us = p->file.reader.header.idle_limit_us;
		await_time(p, &e);
		if (play_event(p, &e) != 0)
			return CLI_ERROR;
	}
	return rc < 0 ? CLI_ERROR : p->status;
}

/* The pane. */

static int
check_all(struct play *p)
{
	struct cast_event e;
	int rc;

	while ((rc = next_event(p, &e)) == 1)
		;
	return rc;
}

static void
add_command(const struct play *p, cJSON *body, const char *self, const char *file)
{
	cJSON *list = cJSON_AddArrayToObject(body, "command");

	json_add_item(list, self);
	json_add_item(list, "import");
	json_add_item(list, "--in-pane");
	if (p->speed_text != NULL) {
		json_add_item(list, "--speed");
		json_add_item(list, p->speed_text);
	}
	if (p->idle_text != NULL) {
		json_add_item(list, "--idle-time-limit");
		json_add_item(list, p->idle_text);
	}
	json_add_item(list, "--");
	json_add_item(list, file);
}

static int
ask_pane(cJSON *body, bool json)
{
	struct buf out;
	cJSON *o = NULL;
	int rc;

	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask_about("import", "POST", "/api/v1/panes", body, &out);
	if (rc == CLI_DONE && (o = json_parse(out.data, out.len)) == NULL)
		rc = cli_error("import: the daemon's answer is none");
	if (rc == CLI_DONE && json)
		put_json_line(out.data);
	else if (rc == CLI_DONE)
		put_line(json_string(o, "id"));
	cJSON_Delete(o);
	buf_release(&out);
	return rc;
}

static int
make_pane(struct play *p)
{
	const struct cast_header *h = &p->file.reader.header;
	char self[PATH_MAX], file[PATH_MAX];
	cJSON *body;
	int rc;

	if ((rc = os_program_path(self, sizeof self)) != 0)
		return cli_error("import: the path of this program: %s", strerror(-rc));
	if (realpath(p->path, file) == NULL)
		return cli_error("import: %s: %s", p->path, strerror(errno));
	body = json_object();
	add_command(p, body, self, file);
	if (p->name != NULL)
		json_add_text(body, "name", p->name);
	cJSON_AddNumberToObject(body, "cols", h->cols);
	cJSON_AddNumberToObject(body, "rows", h->rows);
	return ask_pane(body, p->json);
}

static int
set_speed(struct play *p, const char *arg)
{
	char *end;

	p->speed_text = arg;
	if (strspn(arg, "0123456789.") != strlen(arg))
		return cli_usage(&cmd_import, "the speed is a number above 0");
	p->speed = strtod(arg, &end);
	return *end == '\0' && p->speed > 0 && p->speed <= SPEED_MAX
		   ? 0
		   : cli_usage(&cmd_import, "the speed is a number above 0");
}

static int
import_option(struct play *p, int option, const char *arg)
{
	switch (option) {
	case OPT_NAME:
		p->name = arg;
		return 0;
	case OPT_SPEED:
		return set_speed(p, arg);
	case OPT_IDLE:
		p->idle_text = arg;
		return cast_seconds(arg, &p->idle_us) == 0
			   ? 0
			   : cli_usage(&cmd_import, "a time is a number of seconds");
	case OPT_JSON:
		p->json = true;
		return 0;
	default:
		p->in_pane = true;
		return 0;
	}
}

static int
run_import(int argc, char **argv)
{
	struct cli_walk w = {&cmd_import, argc, argv, NULL, 0};
	struct play p = {.speed = 1, .idle_us = -1};
	int option, rc;

	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD || import_option(&p, option, w.arg) != 0)
			return CLI_ERROR;
	}
	if (w.operand + 1 != argc)
		return cli_usage(&cmd_import, "name one file");
	p.path = argv[w.operand];
	if (open_cast(&p) != 0)
		return CLI_ERROR;
	if (p.in_pane)
		rc = play(&p);
	else
		rc = check_all(&p) == 0 ? make_pane(&p) : CLI_ERROR;
	cast_file_release(&p.file);
	close(p.fd);
	return rc;
}

const struct cli_command cmd_import = {"import", "FILE",
    "Play an asciicast into a new pane and print its id", import_options, run_import, 0};
