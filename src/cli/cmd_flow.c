/* flow: steps that depend on each other, run as jobs. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <uv.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/str.h"
#include "base/xmalloc.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/flow_print.h"
#include "cli/job_text.h"
#include "cli/paths.h"
#include "cli/put.h"
#include "cli/toml_json.h"
#include "proto/json.h"

enum option { DETACH, FORCE, DENY, REASON, LIMIT, REVEAL, JSON };

static const struct cli_option flow_options[] = {
    [DETACH] = {"detach", 'd', NULL, "run, resume: only print its id"},
    [FORCE] = {"force", 'F', NULL, "run: take no step's result from the record"},
    [DENY] = {"deny", 0, NULL, "approve: say no"},
    [REASON] = {"reason", 'r', "TEXT", "approve: why, for the record"},
    [LIMIT] = {"limit", 'n', "N", "ls: at most so many (default 50, at most 1000)"},
    [REVEAL] = {"reveal", 0, NULL, "show: do not mask secrets"},
    [JSON] = {"json", 'j', NULL, "print as JSON"},
    {0},
};

enum { FILE_MAX = 1024 * 1024, LOOK_MS = 100 };

struct flow_args {
	bool on[JSON + 1];
	const char *value[JSON + 1];
};

/* Files. */

static bool
ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

/* The definition in it, or NULL after an error was printed. */
static cJSON *
read_definition(const char *file)
{
	char *text = NULL, *cause = NULL;
	cJSON *o = NULL;
	size_t len;
	int rc = file_read(file, FILE_MAX, &text, &len);

	if (rc != 0) {
		cli_error("flow: %s: %s", file, strerror(-rc));
		return NULL;
	}
	if (strlen(text) != len)
		cause = xstrdup("it is no text");
	else if (ends_in(file, ".toml"))
		o = toml_to_json(text, &cause);
	else if ((o = json_parse(text, len)) == NULL)
		cause = xstrdup("not a JSON object");
	if (o == NULL)
		cli_error("flow: %s: %s", file, cause);
	free(cause);
	free(text);
	return o;
}

static cJSON *
body_of(const char *file, bool with_file)
{
	cJSON *definition = read_definition(file), *body;
	char *real = realpath(file, NULL);

	if (definition == NULL) {
		free(real);
		return NULL;
	}
	body = json_object();
	cJSON_AddItemToObject(body, "definition", definition);
	if (with_file && real != NULL)
		json_add_text(body, "file", real);
	free(real);
	return body;
}

/* Requests about one run. */

static char *
path_of(const char *id, const char *suffix)
{
	char *part = str_url_encode(id), *path = xasprintf("/api/v1/flows/%s%s", part, suffix);

	free(part);
	return path;
}

static int
ask_flow(const char *method, const char *id, const char *suffix, cJSON *body, struct buf *out)
{
	char *path = path_of(id, suffix);
	int rc = cli_ask_about(id, method, path, body, out);

	free(path);
	return rc;
}

/* Watching. */

struct watch {
	uv_loop_t loop;
	uv_timer_t again;
	uv_signal_t interrupt;
	struct ask *look, *cancel;
	const char *id;
	char *path;
	cJSON *seen; /* how it was */
	bool quiet, interrupted;
	int status;
};

static void
watch_end(struct watch *w, int status)
{
	w->status = status;
	uv_stop(&w->loop);
}

static void
watch_look(struct watch *w)
{
	ask_send(w->look, "GET", w->path, NULL, 0);
}

static void
on_watch_again(uv_timer_t *t)
{
	watch_look(t->data);
}

static void
on_seen(void *arg, int rc, int status, const char *body, size_t len)
{
	struct watch *w = arg;
	struct buf out;
	cJSON *run;

	if (rc != 0) {
		cli_error("flow: the daemon has gone");
		watch_end(w, CLI_NO_DAEMON);
		return;
	}
	if (status != 200) {
		buf_init(&out, BUF_NO_MAX);
		buf_append(&out, body, len);
		watch_end(w, cli_refused(w->id, status, &out));
		buf_release(&out);
		return;
	}
	run = json_parse(body, len);
	if (!w->quiet)
		flow_print_changes(w->seen, run);
	cJSON_Delete(w->seen);
	w->seen = run;
	if (!cli_job_ended(run)) {
		uv_timer_start(&w->again, on_watch_again, LOOK_MS, 0);
		return;
	}
	if (w->quiet) {
		char *text = xstrndup(body, len);

		put_json_line(text);
		free(text);
	} else {
		flow_print_run(run);
	}
	watch_end(
	    w, strcmp(json_string(run, "state"), "completed") == 0 ? CLI_DONE : CLI_NOTHING);
}

static void
on_watch_cancelled(void *arg, int rc, int status, const char *body, size_t len)
{
	(void)arg;
	(void)rc;
	(void)status;
	(void)body;
	(void)len;
}

static void
on_watch_interrupt(uv_signal_t *h, int signum)
{
	struct watch *w = h->data;
	char *path;

	(void)signum;
	if (w->interrupted) {
		cli_error("%s goes on: panescry flow show %s", w->id, w->id);
		watch_end(w, 130);
		return;
	}
	w->interrupted = true;
	path = path_of(w->id, "/cancel");
	ask_send(w->cancel, "POST", path, NULL, 0);
	free(path);
}

/* Until the run has ended: 0 only when it completed. */
static int
watch(const char *id, bool quiet)
{
	static struct watch w; /* what the loop has of it stays */
	struct ask_config ask = {&w.loop, paths_socket(), false, on_seen, &w};

	w.id = id;
	w.quiet = quiet;
	w.path = path_of(id, "");
	uv_loop_init(&w.loop);
	w.look = ask_new(&ask);
	ask.answer = on_watch_cancelled;
	w.cancel = ask_new(&ask);
	uv_timer_init(&w.loop, &w.again);
	uv_signal_init(&w.loop, &w.interrupt);
	w.again.data = w.interrupt.data = &w;
	uv_signal_start(&w.interrupt, on_watch_interrupt, SIGINT);
	watch_look(&w);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	cJSON_Delete(w.seen);
	free(w.path);
	return w.status;
}

/* Verbs. */

/* The answer is a run that goes on. */
static int
go_on(const struct flow_args *a, const struct buf *out)
{
	cJSON *o = json_parse(out->data != NULL ? out->data : "", out->len);
	const char *id = json_string(o, "id");
	int rc = CLI_DONE;

	if (id == NULL) {
		rc = cli_error("flow: the daemon's answer is none");
	} else if (a->on[DETACH]) {
		if (a->on[JSON])
			put_json_line(out->data);
		else
			put_line(id);
	} else {
		if (!a->on[JSON]) {
			put_line(id);
			fflush(stdout);
		}
		rc = watch(id, a->on[JSON]);
	}
	cJSON_Delete(o);
	return rc;
}

static int
run_run(const struct flow_args *a, const char *file)
{
	cJSON *body = body_of(file, true);
	struct buf out;
	int rc;

	if (body == NULL)
		return CLI_ERROR;
	if (a->on[FORCE])
		cJSON_AddTrueToObject(body, "force");
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask_about(file, "POST", "/api/v1/flows", body, &out);
	if (rc == CLI_DONE)
		rc = go_on(a, &out);
	buf_release(&out);
	return rc;
}

static int
run_validate(const char *file)
{
	cJSON *body = body_of(file, false);
	struct buf out;
	int rc;

	if (body == NULL)
		return CLI_ERROR;
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask_about(file, "POST", "/api/v1/flows/validate", body, &out);
	buf_release(&out);
	return rc;
}

/* What steps of agents cost their jobs know. */
static void
add_costs(cJSON *run)
{
	cJSON *step;

	cJSON_ArrayForEach (step, cJSON_GetObjectItemCaseSensitive(run, "steps")) {
		const char *type = json_string(step, "type"), *job = json_string(step, "job");
		char *part, *path;
		struct buf out;
		cJSON *o;

		if (type == NULL || strcmp(type, "agent") != 0 || job == NULL ||
		    cJSON_HasObjectItem(step, "usage"))
			continue;
		part = str_url_encode(job);
		path = xasprintf("/api/v1/jobs/%s", part);
		buf_init(&out, BUF_NO_MAX);
		if (cli_ask_quietly(path, &out) == 0 &&
		    (o = json_parse(out.data, out.len)) != NULL) {
			cJSON_AddItemToObject(
			    step, "usage", cJSON_DetachItemFromObjectCaseSensitive(o, "usage"));
			cJSON_Delete(o);
		}
		buf_release(&out);
		free(path);
		free(part);
	}
}

static int
run_show(const struct flow_args *a, const char *id)
{
	struct buf out;
	cJSON *o;
	int rc;

	buf_init(&out, BUF_NO_MAX);
	rc = ask_flow("GET", id, a->on[REVEAL] ? "?reveal=1" : "", NULL, &out);
	if (rc == CLI_DONE && a->on[JSON]) {
		put_json_line(out.data);
	} else if (rc == CLI_DONE && (o = json_parse(out.data, out.len)) != NULL) {
		add_costs(o);
		flow_print_run(o);
		cJSON_Delete(o);
	}
	buf_release(&out);
	return rc;
}

static int
run_ls(const struct flow_args *a)
{
	uint64_t limit = 50;
	struct buf out;
	char *path;
	cJSON *o;
	int rc;

	if (a->on[LIMIT] && str_u64(a->value[LIMIT], 1, 1000, &limit) != 0)
		return cli_error("flow: --limit must be a number from 1 to 1000");
	path = xasprintf("/api/v1/flows?limit=%u", (unsigned)limit);
	buf_init(&out, BUF_NO_MAX);
	rc = cli_ask("GET", path, NULL, &out);
	if (rc == CLI_DONE && a->on[JSON]) {
		put_json_line(out.data);
	} else if (rc == CLI_DONE && (o = json_parse(out.data, out.len)) != NULL) {
		flow_print_list(cJSON_GetObjectItemCaseSensitive(o, "flows"));
		cJSON_Delete(o);
	}
	buf_release(&out);
	free(path);
	return rc;
}

static int
run_resume(const struct flow_args *a, const char *id)
{
	struct buf out;
	int rc;

	buf_init(&out, BUF_NO_MAX);
	rc = ask_flow("POST", id, "/resume", json_object(), &out);
	if (rc == CLI_DONE)
		rc = go_on(a, &out);
	buf_release(&out);
	return rc;
}

static int
run_approve(const struct flow_args *a, const char *id, const char *step)
{
	char *part = str_url_encode(step), *suffix = xasprintf("/steps/%s/approve", part);
	cJSON *body = json_object();
	struct buf out;
	int rc;

	cJSON_AddBoolToObject(body, "approve", !a->on[DENY]);
	if (a->on[REASON])
		json_add_text(body, "reason", a->value[REASON]);
	buf_init(&out, BUF_NO_MAX);
	rc = ask_flow("POST", id, suffix, body, &out);
	buf_release(&out);
	free(suffix);
	free(part);
	return rc;
}

/* All that can be; the first error is the exit status. */
static int
run_each(const char *method, const char *suffix, char **ids, int n)
{
	int rc = CLI_DONE, one;

	for (int i = 0; i < n; i++) {
		struct buf out;

		buf_init(&out, BUF_NO_MAX);
		one = ask_flow(method, ids[i], suffix, NULL, &out);
		buf_release(&out);
		if (rc == CLI_DONE)
			rc = one;
		if (one == CLI_NO_DAEMON)
			break;
	}
	return rc;
}

static int
run_verb(const struct flow_args *a, const char *verb, char **operands, int n)
{
	if (strcmp(verb, "ls") == 0 && n == 0)
		return run_ls(a);
	if (strcmp(verb, "run") == 0 && n == 1)
		return run_run(a, operands[0]);
	if (strcmp(verb, "validate") == 0 && n == 1)
		return run_validate(operands[0]);
	if (strcmp(verb, "show") == 0 && n == 1)
		return run_show(a, operands[0]);
	if (strcmp(verb, "resume") == 0 && n == 1)
		return run_resume(a, operands[0]);
	if (strcmp(verb, "approve") == 0 && n == 2)
		return run_approve(a, operands[0], operands[1]);
	if (strcmp(verb, "cancel") == 0 && n >= 1)
		return run_each("POST", "/cancel", operands, n);
	if (strcmp(verb, "rm") == 0 && n >= 1)
		return run_each("DELETE", "", operands, n);
	return cli_usage(&cmd_flow, "flow ls; run or validate and a file; show, cancel, resume"
				    " or rm and an id; or approve, an id and a step");
}

static int
run_flow(int argc, char **argv)
{
	struct cli_walk w = {&cmd_flow, argc, argv, NULL, 0};
	struct flow_args a = {0};
	int option, left;

	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD)
			return CLI_ERROR;
		a.on[option] = true;
		a.value[option] = w.arg;
	}
	left = argc - w.operand;
	if (left == 0)
		return run_ls(&a);
	return run_verb(&a, argv[w.operand], argv + w.operand + 1, left - 1);
}

const struct cli_command cmd_flow = {"flow",
    "run FILE | validate FILE | show ID | ls | cancel ID | resume ID | approve ID STEP | rm ID",
    "Run a file's steps as jobs, in their order, and show how far they are", flow_options,
    run_flow, 0};
