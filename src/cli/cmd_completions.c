/* completions: scripts for shells, and the words that these ask for. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/completions.h"

static const struct cli_option completions_options[] = {{0}};

static int
run_completions(int argc, char **argv)
{
	struct cli_walk w = {&cmd_completions, argc, argv, NULL, 0};
	struct buf b;
	int rc = CLI_DONE;

	if (cli_next(&w) != CLI_END)
		return CLI_ERROR;
	if (w.operand + 1 != argc)
		return cli_usage(
		    &cmd_completions, "name a shell, or what to ask the daemon for");
	buf_init(&b, BUF_NO_MAX);
	if (!completions_script(&b, argv[w.operand]) && !completions_ask(&b, argv[w.operand]))
		rc = cli_error("completions: %s: no shell, and nothing to ask the daemon for",
		    argv[w.operand]);
	if (b.len != 0)
		fwrite(b.data, 1, b.len, stdout);
	if (rc == CLI_DONE && (ferror(stdout) != 0 || fflush(stdout) != 0))
		rc = cli_error("standard output: %s", strerror(errno));
	buf_release(&b);
	return rc;
}

const struct cli_command cmd_completions = {"completions",
    "bash | zsh | fish | panes | jobs | sessions | flows | watches | tokens",
    "Print a shell's completion script, or what it asks the daemon for", completions_options,
    run_completions, 0};
