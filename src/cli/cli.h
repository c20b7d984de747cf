/*
 * The command line: one table of commands, one file a command.
 *
 * Usage texts, option parsing, what shells complete and the test that compares them with the
 * manual page all come from the tables. Every error is one line on standard error, `panescry: what failed: why`.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stddef.h>

struct buf;
typedef struct cJSON cJSON;

enum {
	CLI_DONE = 0,
	CLI_NOTHING = 1, /* nothing found, condition not met */
	CLI_ERROR = 2,   /* usage or another error */
	CLI_NO_DAEMON = 3,
};

struct cli_option {
	const char *name; /* long, without dashes */
	char letter;      /* short form, or 0 */
	const char *arg;  /* what the argument is called, or NULL for none; "[=N]" may be left
			     out, and has no short form */
	const char *help;
};

struct cli_command {
	const char *name;
	const char *args;                 /* operands, as in a synopsis */
	const char *help;                 /* one line */
	const struct cli_option *options; /* ends with a NULL name */
	int (*run)(int argc, char **argv);
	int in_order; /* options end at the first operand: what follows is another's command line */
};

extern const struct cli_command cmd_serve, cmd_new, cmd_ls, cmd_attach, cmd_search, cmd_capture,
    cmd_send, cmd_wait, cmd_watch, cmd_resize, cmd_kill, cmd_token, cmd_status, cmd_sessions,
    cmd_usage, cmd_completions, cmd_doctor, cmd_hook, cmd_run, cmd_jobs, cmd_flow, cmd_mcp,
    cmd_record, cmd_export, cmd_import;

int cli_main(int argc, char **argv);

/* The commands in the order of --help; NULL behind the last. */
const struct cli_command *cli_command_at(size_t i);

/*
 * Walks through the options of a command. Returns the index into its table and sets *arg, or
 * CLI_END when the operands begin at *operand, or CLI_BAD after an error has been printed.
 * --help is answered here and ends the process.
 */
enum { CLI_END = -1, CLI_BAD = -2 };
struct cli_walk {
	const struct cli_command *cmd;
	int argc;
	char **argv;
	const char *arg;
	int operand;
};
int cli_next(struct cli_walk *w);

/* Prints `panescry: text`, one line without control characters, and returns CLI_ERROR. */
int cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_usage(const struct cli_command *cmd, const char *what);

/* Asks the daemon. Returns CLI_DONE for a 2xx answer, whose body is in `out`; otherwise the
 * error has been printed and the value is an exit status. `body` is a JSON object that is
 * freed, or NULL. */
int cli_ask(const char *method, const char *path, cJSON *body, struct buf *out);
int cli_ask_raw(
    const char *method, const char *path, const void *body, size_t len, struct buf *out);

/* cli_ask, whose refusals begin with what it is about. */
int cli_ask_about(
    const char *about, const char *method, const char *path, cJSON *body, struct buf *out);

/* GETs what can be done without: -ENOENT, and nothing is printed. */
int cli_ask_quietly(const char *path, struct buf *out);

/* For those who ask by themselves: a JSON error is printed as one line, anything
 * else as its status, behind what it is about, if any; and
 * nobody answers. Both return an exit status. */
int cli_refused(const char *about, int status, const struct buf *out);
int cli_no_daemon(const char *socket);

/* cli_ask with "/api/v1/panes/PANE" and a suffix. */
int cli_ask_pane(
    const char *method, const char *pane, const char *suffix, cJSON *body, struct buf *out);

/* DELETEs what is called that below the path. */
int cli_delete(const char *path, const char *name);

/* Writes text to standard output with control characters made harmless, at most `width`
 * columns where width is not 0, and padded to it if `pad`. */
void cli_print_safe(const char *text, int width, int pad);

/* The same as a string, for the caller to free. */
char *cli_safe_text(const char *text);

#endif
