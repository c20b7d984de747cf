/*
 * What a flow is: steps that depend on each other, as JSON. How they are run is job/flow_run.h's.
 *
 *	{"name", "concurrency": 1..64 (4), "token_budget", "cost_budget_usd", "steps": [step, ...]}
 *
 *	step: {"name", "type": "command" | "agent" | "approval",
 *		"command": [..], "agent", "model", "prompt", "cwd", "env": {},
 *		"depends_on": [..], "trigger": "all_success" | "one_success" | "all_done",
 *		"condition", "timeout_s" (300), "idle_timeout_s", "max_retries" (0), "retry_on": [..],
 *		"backoff_s": [..], "cache" (true), "message", "result": "text" | "json" | "lines"}
 *
 * A step of type command (which is the default) runs an argv. One of type agent runs the agent's
 * program, headless, with the prompt, or the command that is given instead, whose output is then read as that
 * agent's. An approval asks somebody, with a message; its time-out counts as a no, and is none unless
 * given. Members that are of no use to a step's type are errors. A step with cache false, as one that looks
 * at files, is always run, but when a run is resumed in which it has completed.
 *
 * Retries are those of jobs (job/runner.h): after an agent's rate limit or overload, and after the exit
 * statuses of retry_on, which are 1 to 16 for a command unless given. The time-outs are of each try.
 *
 * Triggers. all_success: all that it depends on have completed; if one ends otherwise the step is
 * skipped. one_success: one has completed, others may still run; if none does it is skipped.
 * all_done: all have ended, however. Then the condition decides: false skips it.
 *
 * References, in the elements of command, in prompt, cwd, message and values of env, and in the condition:
 *
 *	${steps.NAME.result}          as text; with .a.b.0 behind it a part of a JSON result, or a line
 *	${steps.NAME.exit_status}     of its command
 *	${steps.NAME.state}           "completed", "failed", "skipped"...
 *	${steps.NAME.session}         the agent's id of its session
 *	${flow.name}  ${run.id}  ${env.X}
 *
 * $${ is ${ itself. A step may refer only to steps that it depends on, at first or at second hand. What
 * is not known, as the result of a step that was skipped, and a variable that is not set, are the empty
 * text, null in a condition. A part that a JSON result does not have is an error of the step that asks
 * for it, and null in a condition. What is put in stays within its element of argv, and is never read again
 * for references.
 *
 * Conditions: or, and, not, ( ), one comparison at a time of == != < <= > >= contains; "text" or 'text'
 * with \ before what is meant literally, numbers, true, false, null, references. Numbers, and texts
 * that are numbers, are compared by value; other texts by their bytes; what cannot be ordered is false.
 * contains: a part of a text, an element of an array, a member of an object. False, null, 0, and what is
 * empty are false, everything else is true.
 *
 * Limits are below. Pure; any thread.
 */
#ifndef JOB_FLOW_H
#define JOB_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cJSON cJSON;

enum {
	FLOW_STEPS_MAX = 200,
	FLOW_NAME_MAX = 64,   /* bytes of a step's; [A-Za-z0-9_-] */
	FLOW_ARGS_MAX = 1024, /* elements of a command */
	FLOW_ENV_MAX = 256,
	FLOW_TEXT_MAX = 64 * 1024,      /* bytes of any text of a definition */
	FLOW_EXPANDED_MAX = 120 * 1024, /* with what was put in; the system takes 128 KiB */
	FLOW_CONDITION_MAX = 4096,
	FLOW_CONDITION_NODES = 256,
	FLOW_DEPTH_MAX = 32, /* of parentheses, and of parts of a JSON result */
	FLOW_TIMEOUT_S = 300,
	FLOW_TIMEOUT_MAX_S = 7 * 24 * 3600,
	FLOW_RETRIES_MAX = 10,
	FLOW_CONCURRENCY = 4,
	FLOW_CONCURRENCY_MAX = 64,
	FLOW_HASH_SIZE = 32,
};

/* Of a run and of a step. The numbers are on record (store/flows.h); 2 to 5 are terminal. */
enum flow_state {
	FLOW_PENDING = 0,
	FLOW_RUNNING = 1,
	FLOW_COMPLETED = 2,
	FLOW_FAILED = 3,
	FLOW_CANCELLED = 4,
	FLOW_SKIPPED = 5,
	FLOW_WAITING = 6, /* for an approval */
};

enum flow_type { FLOW_COMMAND, FLOW_AGENT, FLOW_APPROVAL };
enum flow_trigger { FLOW_ALL_SUCCESS, FLOW_ONE_SUCCESS, FLOW_ALL_DONE };
enum flow_result { FLOW_TEXT, FLOW_JSON, FLOW_LINES };

const char *flow_state_name(int state); /* "waiting"; "unknown" for no state */
const char *flow_type_name(enum flow_type t);
static inline bool
flow_is_terminal(int state)
{
	return state >= FLOW_COMPLETED && state <= FLOW_SKIPPED;
}

struct flow_expr;

/* Strings are the step's own; NULL: not given. */
struct flow_step {
	char *name;
	enum flow_type type;
	char **command; /* ends with NULL; NULL: the agent's own, or an approval */
	char *agent, *model, *prompt, *cwd, *message;
	char **env;        /* names and values in turn, by name; ends with NULL */
	unsigned *depends; /* numbers of steps, as they are listed */
	unsigned ndepends;
	enum flow_trigger trigger;
	char *condition;
	struct flow_expr *expr;     /* of it */
	unsigned timeout_s, idle_s; /* 0: none */
	unsigned retries;
	bool retries_said;           /* else an agent's is tried again as jobs of agents are */
	cJSON *retry_on, *backoff_s; /* arrays of numbers, or NULL */
	enum flow_result result;
	bool no_cache;
};

struct flow {
	char *name;
	unsigned concurrency;
	uint64_t token_budget;  /* 0: none */
	double cost_budget_usd; /* 0: none */
	struct flow_step *steps;
	unsigned nsteps;
};

/* What is wrong: with which step (NULL: with the flow), and one line that names it. */
struct flow_error {
	char *step, *text;
};
void flow_error_release(struct flow_error *e);

/* Strict: -EINVAL with *error. `error` may not be NULL; it is written on failure only. */
int flow_parse(const cJSON *o, struct flow **out, struct flow_error *error);
void flow_free(struct flow *f);
int flow_find(const struct flow *f, const char *name); /* a step's number; -ENOENT */

/* What is known of a step while a run goes on. */
struct flow_known {
	int state;                 /* enum flow_state */
	int exit_status;           /* -1: none */
	const cJSON *result;       /* NULL: none */
	const char *session;       /* NULL: none */
	const unsigned char *hash; /* FLOW_HASH_SIZE bytes; NULL: none */
};

/* Where references are looked up. */
struct flow_context {
	const struct flow *flow;
	const char *run; /* "f3" */
	const char *dir; /* where steps run that say nothing else; part of their hash */
	void *arg;
	void (*step)(void *arg, unsigned n, struct flow_known *out);
	const char *(*env)(void *arg, const char *name); /* NULL: it is not set */
};

/* A step with everything put in. */
struct flow_ready {
	char **argv;                  /* ends with NULL; NULL: an approval */
	char *prompt, *cwd, *message; /* or NULL */
	char **env;                   /* as in the step, or NULL */
	unsigned char hash[FLOW_HASH_SIZE];
};

/*
 * Puts in what a step refers to. -EINVAL with a cause: a part that a result does not have, or what became
 * too long, or empty where it must not.
 *
 * The hash is SHA-256 of canonical JSON (members sorted, no white space): what the flow and the step are
 * called, what the step runs and where, with everything put in, how its result is read, and of each step that it depends
 * on its hash, state, exit status and result. How long it may take, how often it is tried, and its
 * condition are not in it, and neither are the dependencies of one_success, of which the first is a matter of
 * chance.
 */
int flow_ready(
    const struct flow_context *c, unsigned step, struct flow_ready *out, char **cause);
void flow_ready_release(struct flow_ready *r);

/* Whether a step's trigger lets it begin. */
enum flow_turn { FLOW_TURN_WAIT, FLOW_TURN_GO, FLOW_TURN_SKIP };
enum flow_turn flow_turn(const struct flow_context *c, unsigned step);
bool flow_condition(const struct flow_context *c, unsigned step); /* true without one */

/* The argv of an agent's headless run with a stream of JSON; NULL: it is not known how. The prompt
 * cannot be taken for an option. To be freed with flow_argv_free. */
bool flow_agent_known(const char *agent);
char **flow_agent_argv(const char *agent, const char *model, const char *prompt);
void flow_argv_free(char **argv);

/* Canonical JSON, for the caller to free; a tree that is deeper than cJSON takes is never made here. */
char *flow_canonical(const cJSON *v);

#endif
