/*
 * What a job is: one command that the daemon runs to its end, or one stream that a producer outside
 * feeds, with channels that are kept (job/spool.h) and a record in the store (store/jobs.h).
 *
 *	QUEUED		on record, waits for a slot, or for the delay before the next try
 *	RUNNING		its command runs, or its output is still being read
 *	COMPLETED	ended with status 0, and nothing was wrong
 *	FAILED		ended otherwise, could not be started, or wrote too much
 *	CANCELLED	somebody asked for its end, before it had ended
 *	TIMED_OUT	it ran for too long, or was silent for too long
 *	ORPHANED	the daemon lost it: what it had written is there, how it ended is not known
 *
 * The last five are terminal: a job gets exactly one of them, once. It is RUNNING on record before
 * its command is started, so that one that may have been started is never started again, but as
 * another try that is on record too.
 *
 * A job's id is "j" and a number that is never given again. A command is an argv, never a shell string.
 * It runs in a process group of its own, with the daemon's environment, what its spec adds, and
 * PANESCRY_JOB, PANESCRY_SOCKET.
 *
 * Loop's thread, where nothing else is said.
 */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct cJSON cJSON;

enum {
	JOB_ARGS_MAX = 4096,
	JOB_SPEC_MAX = 1024 * 1024, /* bytes of a spec as JSON */
	JOB_TEXT_MAX = 64 * 1024,   /* of prompt */
	JOB_NAME_MAX = 200,         /* of name, correlation, agent, model, pane, session */
	JOB_RETRIES_MAX = 10,
	JOB_CHANNELS = 2,     /* of a command: 1 and 2 */
	JOB_ID_MAX = 24,      /* with the NUL */
	JOB_KILL_MS = 5000,   /* between SIGTERM and SIGKILL */
	JOB_LINGER_MS = 1000, /* its command has ended, others hold its pipes */
};
#define JOB_NUMBER_MAX (((uint64_t)1 << 48) - 1)
#define JOB_MS_MAX ((int64_t)365 * 24 * 3600 * 1000) /* of all times in a spec */

/* The numbers are on record. */
enum job_kind { JOB_COMMAND = 0, JOB_TALK = 1, JOB_STREAM = 2 };

enum job_state {
	JOB_QUEUED = 0,
	JOB_RUNNING = 1,
	JOB_COMPLETED = 2,
	JOB_FAILED = 3,
	JOB_CANCELLED = 4,
	JOB_TIMED_OUT = 5,
	JOB_ORPHANED = 6,
};

enum channel_state {
	CHANNEL_PROPOSED = 0, /* nothing has been written */
	CHANNEL_STREAMING = 1,
	CHANNEL_RESOLVED = 2,
	CHANNEL_FAILED = 3,
	CHANNEL_CANCELLED = 4,
};

const char *job_state_name(enum job_state s); /* "timed_out" */
bool job_state_parse(const char *name, enum job_state *out);
static inline bool
job_is_terminal(enum job_state s)
{
	return s >= JOB_COMPLETED;
}
const char *channel_state_name(enum channel_state s);
const char *job_kind_name(enum job_kind k);          /* "command", "session", "stream" */
bool job_id_parse(const char *id, uint64_t *number); /* "j12", or "12" */

/* What is asked for. All strings are the spec's own, NULL where nothing was said. */
struct job_spec {
	enum job_kind kind;
	char **argv; /* ends with NULL; of a stream it may be empty */
	char *cwd;   /* absolute; never NULL but of a stream */
	char **env;  /* "NAME=value", added to the daemon's; or NULL */
	char *name, *correlation;
	char *agent, *model, *prompt;
	char *pane, *session; /* that it belongs to */
	char *flow, *step;    /* of a flow's run: "f3", the step's name */
	bool pty;
	unsigned cols, rows;       /* of a PTY */
	bool input;                /* standard input is a pipe (job_write), not /dev/null */
	bool watch;                /* files it touches are watched for collisions */
	int64_t idle_ms, total_ms; /* 0: no such limit */
	uint64_t max_output;       /* bytes, of all channels; 0: as configured */
	unsigned retries;          /* most tries after the first */
	int retry_on[16];          /* exit statuses that are tried again */
	size_t nretry_on;
	int64_t backoff_ms[8]; /* before each retry; the last one counts for all that follow */
	size_t nbackoff;
	bool dedup;
	int64_t dedup_ms; /* the window behind the end of the one before; -1: as configured */
};

/*
 * From the body of POST /api/v1/jobs (members below), and back. -EINVAL with a cause. Strict: members
 * of the wrong type, or that are unknown, are errors. Any thread.
 *
 *	command [..], cwd, env {}, name, correlation, agent, model, prompt, pane, session, pty, cols,
 *	rows, input, watch, idle_timeout_s, timeout_s, max_output, retries, retry_on [..],
 *	backoff_s [..], dedup (true, or seconds), kind, flow, step
 *
 * `home` is the cwd where none is said.
 */
int job_spec_parse(const cJSON *o, const char *home, struct job_spec *out, char **cause);
cJSON *job_spec_json(const struct job_spec *s);
void job_spec_release(struct job_spec *s);

/* The key by which jobs are the same: SHA-256 of argv, cwd and env, in an order of their own. */
enum { JOB_KEY_SIZE = 32 };
void job_spec_key(const struct job_spec *s, unsigned char key[JOB_KEY_SIZE]);

#endif
