#include "config.h"

#include "cli/job_output.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <uv.h>

#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/paths.h"

struct output {
	uv_loop_t loop;
	const char *what; /* the command, for errors */
	int status;
};

static void
on_done(void *arg, int rc, const char *message, const cJSON *job)
{
	struct output *o = arg;

	(void)job;
	if (rc == -EPIPE)
		o->status = cli_error("%s: standard output: %s", o->what, message);
	else if (rc != 0)
		o->status = cli_error("%s: %s", o->what, message);
	if (rc == -ECONNREFUSED)
		o->status = CLI_NO_DAEMON;
	uv_stop(&o->loop);
}

static int
output(const struct cli_job_output *how, bool tame, const char *what)
{
	static struct output o; /* what threads and the loop have of it stays */
	struct follow_config f = {
	    .loop = &o.loop,
	    .socket = paths_socket(),
	    .id = how->id,
	    .wait = how->follow,
	    .channels =
		{
		    {how->channel != 0 ? how->channel : 1, STDOUT_FILENO,
			tame && isatty(STDOUT_FILENO), how->from},
		    {2, STDERR_FILENO, tame && isatty(STDERR_FILENO), 0},
		},
	    .nchannels = how->channel != 0 ? 1 : 2,
	    .done = on_done,
	    .arg = &o,
	};

	signal(SIGPIPE, SIG_IGN);
	o.what = what;
	uv_loop_init(&o.loop);
	follow_start(&f);
	uv_run(&o.loop, UV_RUN_DEFAULT);
	return o.status;
}

int
cli_job_output(const struct cli_job_output *o)
{
	return output(o, true, "jobs");
}

int
cli_job_output_all(const char *id)
{
	struct cli_job_output how = {.id = id};

	return output(&how, false, "run");
}
