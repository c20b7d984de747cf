#include "config.h"

#include "tmux/run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <uv.h>

#include "base/buf.h"
#include "os/os.h"
#include "os/spawn.h"
#include "base/xmalloc.h"

enum { WORDS_MAX = 192, READ_SIZE = 64 * 1024 };

struct tmux_run {
	tmux_run_cb *cb; /* NULL: cancelled, or told */
	void *arg;
	pid_t pid; /* or a ticket (os/spawn.h) */
	uv_pipe_t out;
	uv_timer_t now; /* for one that did not start */
	unsigned handles;
	struct buf text;
	bool broken;
};

static void
on_closed(uv_handle_t *h)
{
	struct tmux_run *r = h->data;

	if (--r->handles != 0)
		return;
	buf_release(&r->text);
	free(r);
}

static void
end(struct tmux_run *r)
{
	tmux_run_cb *cb = r->cb;

	r->cb = NULL;
	uv_close((uv_handle_t *)&r->out, on_closed);
	uv_close((uv_handle_t *)&r->now, on_closed);
	if (cb == NULL)
		return;
	if (r->broken)
		cb(r->arg, NULL, 0);
	else
		cb(r->arg, r->text.len != 0 ? r->text.data : "", r->text.len);
}

static void
on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
	struct tmux_run *r = h->data;

	(void)hint;
	*buf = uv_buf_init(buf_reserve(&r->text, READ_SIZE), READ_SIZE);
	if (buf->base == NULL)
		buf->len = 0;
}

static void
on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct tmux_run *r = s->data;

	(void)buf;
	if (n > 0) {
		buf_commit(&r->text, (size_t)n);
	} else if (n < 0) {
		r->broken |= n != UV_EOF;
		end(r);
	}
}

static void
on_now(uv_timer_t *t)
{
	end(t->data);
}

static int
start(struct tmux_run *r, const char *socket, const char *const *words)
{
	char *argv[WORDS_MAX + 5], tmux[] = "tmux", u[] = "-u", s[] = "-S";
	struct spawn_spec how = {.argv = argv, .envp = environ, .in = -1, .out = -1, .err = -1};
	size_t n = 0, i;
	int fd[2], rc;

	argv[n++] = tmux;
	argv[n++] = u; /* text is UTF-8, whatever this process's locale */
	argv[n++] = s;
	argv[n++] = xstrdup(socket);
	for (i = 0; i < WORDS_MAX && words[i] != NULL; i++)
		argv[n++] = xstrdup(words[i]);
	argv[n] = NULL;
	rc = os_pipe(fd);
	if (rc == 0) {
		how.out = how.err = fd[1];
		rc = spawn_process(&how, &r->pid);
		close(fd[1]);
		if (rc == 0)
			rc = uv_pipe_open(&r->out, fd[0]);
		else
			close(fd[0]);
	}
	for (i = 3; i < n; i++)
		free(argv[i]);
	return rc;
}

struct tmux_run *
tmux_run(uv_loop_t *loop, const char *socket, const char *const *words, size_t max,
    tmux_run_cb *cb, void *arg)
{
	struct tmux_run *r = xcalloc(1, sizeof *r);

	r->cb = cb;
	r->arg = arg;
	buf_init(&r->text, max + READ_SIZE);
	uv_pipe_init(loop, &r->out, 0);
	uv_timer_init(loop, &r->now);
	r->out.data = r->now.data = r;
	r->handles = 2;
	if (start(r, socket, words) == 0) {
		uv_read_start((uv_stream_t *)&r->out, on_alloc, on_read);
	} else {
		r->broken = true;
		uv_timer_start(&r->now, on_now, 0, 0);
	}
	return r;
}

void
tmux_run_cancel(struct tmux_run *r)
{
	if (r == NULL)
		return;
	spawn_signal(r->pid, SIGKILL, false);
	r->cb = NULL;
	end(r);
}

pid_t
tmux_run_pid(const struct tmux_run *r)
{
	return r->pid;
}

void
tmux_run_reaped(struct tmux_run *r)
{
	r->pid = 0;
}
