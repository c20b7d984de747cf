/*
 * sessions import: a transcript, or what a headless run prints while it runs, to the daemon.
 *
 * It is sent in pieces, each when there is much or has been something for PIECE_MS. What the daemon has
 * answered it has, so a piece is sent again until it does.
 */
#include "config.h"

#include "cli/cmd_import.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/paths.h"
#include "cli/put.h"
#include "net/client.h"
#include "os/os.h"
#include "proto/json.h"

enum {
	PIECE = 4 * 1024 * 1024,
	PIECE_MS = 250,
	READ = 256 * 1024,
	AGAIN_MS = 200,
	GIVE_UP_MS = 30 * 1000, /* of a daemon that does not come back */
	RANDOM = 16,
};

struct sending {
	char stream[2 * RANDOM + 1];
	char *name; /* encoded, or NULL */
	char *format;
	uint64_t offset;
	struct buf piece, answer;
	bool live; /* it may go on for long: a daemon that restarts is waited for */
};

static char *
make_path(const struct sending *s, bool end)
{
	return xasprintf("/api/v1/sessions/import?stream=%s&offset=%llu&end=%d%s%s%s%s",
	    s->stream, (unsigned long long)s->offset, end, s->name != NULL ? "&name=" : "",
	    s->name != NULL ? s->name : "", s->format != NULL ? "&format=" : "",
	    s->format != NULL ? s->format : "");
}

/* 0: it is answered, -EAGAIN: the daemon may answer when it is asked again, else -EINVAL. */
static int
attempt(const char *method, const char *path, struct sending *s)
{
	char *socket = paths_socket();
	int status = 0, rc;

	buf_reset(&s->answer);
	rc = client_request(
	    socket, method, path, s->piece.data, s->piece.len, &status, &s->answer, NULL);
	free(socket);
	if (rc == 0 && status >= 200 && status < 300)
		return 0;
	return rc != 0 || status == 503 ? -EAGAIN : -EINVAL;
}

/* While a stream goes on, the daemon may be restarted. An end that was answered is forgotten, so it
 * is said when the daemon is there, and not again. */
static int
send_piece(struct sending *s, bool end)
{
	uint64_t until = clock_mono_us() + GIVE_UP_MS * 1000ull;
	char *path = make_path(s, end);
	int rc = -EAGAIN;

	while (s->live && clock_mono_us() < until &&
	       (rc = end ? attempt("GET", "/healthz", s) : attempt("POST", path, s)) == -EAGAIN)
		usleep(AGAIN_MS * 1000);
	if (rc != 0 || end) {
		buf_reset(&s->answer);
		rc = cli_ask_raw("POST", path, s->piece.data, s->piece.len, &s->answer);
	}
	s->offset += s->piece.len;
	buf_reset(&s->piece);
	free(path);
	return rc;
}

static int
send_all(struct sending *s, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t since = 0; /* when the piece began */
	int rc = CLI_DONE;

	while (rc == CLI_DONE) {
		uint64_t now = clock_mono_us();
		bool due = s->piece.len != 0 && now - since >= PIECE_MS * 1000;
		ssize_t n;

		if (due || s->piece.len >= PIECE) {
			rc = send_piece(s, false);
			continue;
		}
		if (poll(&p, 1, s->piece.len != 0 ? PIECE_MS : -1) <= 0)
			continue;
		n = read(fd, buf_reserve(&s->piece, READ), READ);
		if (n < 0)
			return cli_error("read: %s", strerror(errno));
		if (n == 0)
			break;
		if (s->piece.len == 0)
			since = now;
		buf_commit(&s->piece, (size_t)n);
	}
	if (rc == CLI_DONE && s->live && s->piece.len != 0)
		rc = send_piece(s, false);
	return rc == CLI_DONE ? send_piece(s, true) : rc;
}

static void
print_answer(const struct buf *answer, const char *file)
{
	cJSON *o = json_parse(answer->data, answer->len);
	const cJSON *id, *ids = cJSON_GetObjectItemCaseSensitive(o, "sessions");
	const char *format = json_string(o, "format");
	uint64_t lines = 0, passed = 0;

	json_u64(o, "lines", 0, JSON_INT_MAX, &lines);
	json_u64(o, "passed_over", 0, JSON_INT_MAX, &passed);
	cli_print_safe(file, 0, 0);
	fputs(": ", stdout);
	cli_print_safe(format != NULL ? format : "nothing", 0, 0);
	printf(", %llu lines, %llu passed over, sessions:", (unsigned long long)lines,
	    (unsigned long long)passed);
	cJSON_ArrayForEach (id, ids)
		printf(" %.0f", id->valuedouble);
	putchar('\n');
	cJSON_Delete(o);
}

int
sessions_import_file(const char *file, const char *format, bool json)
{
	struct sending s = {.live = strcmp(file, "-") == 0};
	int fd = s.live ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	unsigned char bytes[RANDOM];
	char real[PATH_MAX];
	int rc;

	if (fd < 0)
		return cli_error("open %s: %s", file, strerror(errno));
	os_random(bytes, sizeof bytes);
	str_hex(bytes, sizeof bytes, s.stream);
	if (!s.live)
		s.name = str_url_encode(realpath(file, real) != NULL ? real : file);
	s.format = format != NULL ? str_url_encode(format) : NULL;
	buf_init(&s.piece, BUF_NO_MAX);
	buf_init(&s.answer, BUF_NO_MAX);
	rc = send_all(&s, fd);
	if (rc == CLI_DONE && json)
		put_json_line(s.answer.data);
	else if (rc == CLI_DONE)
		print_answer(&s.answer, file);
	if (!s.live)
		close(fd);
	buf_release(&s.piece);
	buf_release(&s.answer);
	free(s.name);
	free(s.format);
	return rc;
}
