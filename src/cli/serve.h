/* Starting a daemon, in either of its two ways: cmd_serve.c and serve_ttyd.c. */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

struct daemon;

/* What it was given has been read; everything else is checked here. Where cfg.ttyd has a command, the
 * TCP socket is there already. Returns an exit status. */
int serve_start(struct daemon *d);

/* serve --ttyd [options] COMMAND...; argv[0] is "--ttyd". */
int serve_ttyd(int argc, char **argv);

#endif
