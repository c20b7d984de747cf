/* doctor: what is there, what is missing, and what to do about it. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "cli/cli.h"
#include "cli/paths.h"
#include "cli/put.h"
#include "net/client.h"
#include "proto/json.h"

static const struct cli_option doctor_options[] = {
    {"json", 'j', NULL, "print as JSON"},
    {0},
};

struct report {
	cJSON *checks;
	bool json;
	int worst; /* CLI_DONE, CLI_NOTHING or CLI_NO_DAEMON */
};

static void __attribute__((format(printf, 4, 5)))
say(struct report *r, const char *what, bool good, const char *fmt, ...)
{
	cJSON *o = json_object();
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	cJSON_AddStringToObject(o, "check", what);
	cJSON_AddBoolToObject(o, "ok", good);
	json_add_text(o, "message", text);
	cJSON_AddItemToArray(r->checks, o);
	if (!r->json) {
		printf("%-4s %-10s ", good ? "ok" : "bad", what);
		cli_print_safe(text, 0, 0);
		putchar('\n');
	}
	if (!good && r->worst == CLI_DONE)
		r->worst = CLI_NOTHING;
	free(text);
}

static uint64_t
number(const cJSON *o, const char *name)
{
	uint64_t v = 0;

	json_u64(o, name, 0, JSON_INT_MAX, &v);
	return v;
}

static const char *
known(const cJSON *o, const char *name)
{
	const char *s = json_string(o, name);

	return s != NULL ? s : "unknown";
}

static void
check_versions(struct report *r, const cJSON *info)
{
	const char *version = known(info, "version"), *lws = known(info, "libwebsockets");

	say(r, "version", strcmp(version, PACKAGE_VERSION) == 0, "daemon %s, this command %s",
	    version, PACKAGE_VERSION);
	/* Behind a '-' is what it was built from. */
	say(r, "libraries", true, "libwebsockets %.*s, libuv %s", (int)strcspn(lws, "-"), lws,
	    known(info, "libuv"));
}

static void
check_load(struct report *r, const cJSON *info)
{
	const cJSON *limits = cJSON_GetObjectItemCaseSensitive(info, "limits");
	uint64_t panes = number(info, "panes_running") + number(info, "panes_exited");
	uint64_t viewers = number(info, "viewers");

	say(r, "panes", panes < number(limits, "panes"), "%u running, %u ended, of at most %u",
	    (unsigned)number(info, "panes_running"), (unsigned)number(info, "panes_exited"),
	    (unsigned)number(limits, "panes"));
	say(r, "viewers", viewers < number(limits, "viewers"), "%u of at most %u",
	    (unsigned)viewers, (unsigned)number(limits, "viewers"));
	say(r, "memory", true, "%.1f MiB resident, %.1f MiB of panes, %u descriptors",
	    (double)number(info, "resident_bytes") / 1048576,
	    (double)number(info, "pane_bytes") / 1048576,
	    (unsigned)number(info, "open_descriptors"));
}

static void
check_keeper(struct report *r, const cJSON *info)
{
	const cJSON *k = cJSON_GetObjectItemCaseSensitive(info, "keeper");
	const char *failure = json_string(k, "last_failure");

	if (!cJSON_IsObject(k)) {
		say(r, "keeper", false,
		    "none: when the daemon is killed, panes end and their output is lost");
		return;
	}
	say(r, "keeper", true, "pid %u, %.1f MiB resident, %u descriptors, %u panes",
	    (unsigned)number(k, "pid"), (double)number(k, "resident_bytes") / 1048576,
	    (unsigned)number(k, "open_descriptors"), (unsigned)number(k, "panes"));
	say(r, "worker", true, "pid %u, restarted %u times, upgraded %u times%s%s",
	    (unsigned)number(info, "pid"), (unsigned)number(k, "restarts"),
	    (unsigned)number(k, "upgrades"),
	    failure != NULL ? "; the last upgrade failed: " : "",
	    failure != NULL ? failure : "");
}

static void
check_door(struct report *r, const cJSON *info)
{
	bool auth = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(info, "auth"));
	bool tls = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(info, "tls"));

	say(r, "page", true, "port %u, %s, %s", (unsigned)number(info, "port"),
	    tls ? "TLS" : "no TLS", auth ? "token needed" : "no token needed");
}

static void
check_archive(struct report *r, const cJSON *a)
{
	const char *state = json_string(a, "state"), *oldest = json_string(a, "oldest"),
		   *cause = json_string(a, "cause");

	if (state == NULL)
		return;
	say(r, "archive", strcmp(state, "full") != 0, "%s, %.1f MiB, %s%s%s%s", state,
	    (double)number(a, "bytes") / 1048576, oldest != NULL ? "since " : "empty",
	    oldest != NULL ? oldest : "", cause != NULL ? ": " : "",
	    cause != NULL ? cause : "");
}

static void
check_store(struct report *r, const cJSON *info)
{
	const cJSON *s = cJSON_GetObjectItemCaseSensitive(info, "store");
	const char *state = json_string(s, "state"), *cause = json_string(s, "cause"),
		   *aside = json_string(s, "set_aside");
	uint64_t lost = number(info, "panes_lost");

	if (state == NULL)
		return;
	say(r, "store", strcmp(state, "ready") == 0 || strcmp(state, "opening") == 0,
	    "%s, %.1f MiB%s%s", state, (double)number(s, "bytes") / 1048576,
	    cause != NULL ? ": " : "", cause != NULL ? cause : "");
	check_archive(r, cJSON_GetObjectItemCaseSensitive(info, "archive"));
	if (aside != NULL)
		say(r, "store", false, "a damaged database was set aside as %s", aside);
	if (lost != 0)
		say(r, "last run", false, "was cut short; %u panes ended with it: see the log",
		    (unsigned)lost);
}

/* What this version does not tell, and what follows. */
static const char *
tmux_limits(const char *state, const char *version)
{
	unsigned major = 0, minor = 0;

	if (strcmp(state, "too_old") == 0)
		return ": older than 3.2: its panes are searched by capture, not followed";
	if (strcmp(state, "capture") == 0)
		return ": searched by capture, not followed";
	if (strcmp(state, "stopped") == 0)
		return ": it does not answer";
	if (version != NULL &&
	    sscanf(version + strcspn(version, "0123456789"), "%u.%u", &major, &minor) == 2 &&
	    (major < 3 || (major == 3 && minor < 7)))
		return "; bracketed paste is known only from when a program next says it";
	return "";
}

static void
check_tmux(struct report *r, const cJSON *info)
{
	const cJSON *t = cJSON_GetObjectItemCaseSensitive(info, "tmux"), *s;
	const char *mode = json_string(t, "mode");

	if (mode != NULL && strcmp(mode, "off") == 0)
		say(r, "tmux", true, "off: no tmux server is followed");
	cJSON_ArrayForEach (s, cJSON_GetObjectItemCaseSensitive(t, "servers")) {
		const char *state = json_string(s, "state"),
			   *version = json_string(s, "version"),
			   *socket = json_string(s, "socket"), *why = json_string(s, "message");
		bool there;

		if (state == NULL || socket == NULL)
			continue;
		there = strcmp(state, "absent") != 0 && strcmp(state, "looking") != 0;
		if (!there)
			say(r, "tmux", true, "%s: no server%s%s%s", socket,
			    why != NULL ? " (" : "", why != NULL ? why : "",
			    why != NULL ? ")" : "");
		else
			say(r, "tmux",
			    strcmp(state, "connected") == 0 || strcmp(state, "capture") == 0,
			    "%s: tmux %s, %s, %u sessions, %u panes%s", socket,
			    version != NULL ? version : "?", state,
			    (unsigned)number(s, "sessions"), (unsigned)number(s, "panes"),
			    tmux_limits(state, version));
	}
}

static void
check_daemon(struct report *r)
{
	char *socket = paths_socket(), *cause = NULL;
	struct buf out;
	cJSON *info;
	int status = 0;

	buf_init(&out, BUF_NO_MAX);
	if (client_request(socket, "GET", "/api/v1/info", NULL, 0, &status, &out, &cause) !=
	    0) {
		say(r, "daemon", false, "nobody answers at %s: start one with panescry serve",
		    socket);
		r->worst = CLI_NO_DAEMON;
	} else if (status != 200 || (info = json_parse(out.data, out.len)) == NULL) {
		say(r, "daemon", false, "answers at %s with status %d", socket, status);
	} else {
		say(r, "daemon", true, "answers at %s", socket);
		check_versions(r, info);
		check_keeper(r, info);
		check_door(r, info);
		check_load(r, info);
		check_store(r, info);
		check_tmux(r, info);
		cJSON_Delete(info);
	}
	free(cause);
	buf_release(&out);
	free(socket);
}

static void
check_state(struct report *r)
{
	char *dir = paths_state_dir();
	struct stat st;

	if (stat(dir, &st) != 0)
		say(r, "state", true, "%s does not exist yet", dir);
	else if (!S_ISDIR(st.st_mode) || access(dir, W_OK) != 0)
		say(r, "state", false, "%s cannot be written", dir);
	else
		say(r, "state", (st.st_mode & 077) == 0, "%s, mode %03o%s", dir,
		    (unsigned)st.st_mode & 0777,
		    (st.st_mode & 077) == 0 ? "" : ": should be 700");
	free(dir);
}

static void
check_terminal(struct report *r)
{
	const char *term = getenv("TERM");

	say(r, "terminal", term != NULL && strcmp(term, "dumb") != 0, "TERM=%s%s",
	    term != NULL ? term : "", isatty(STDOUT_FILENO) ? "" : ", no terminal here");
}

static int
run_doctor(int argc, char **argv)
{
	struct cli_walk w = {&cmd_doctor, argc, argv, NULL, 0};
	cJSON *o = json_object();
	struct report r = {.checks = cJSON_AddArrayToObject(o, "checks"), .worst = CLI_DONE};
	int option;
	char *text;

	while ((option = cli_next(&w)) != CLI_END) {
		if (option == CLI_BAD) {
			cJSON_Delete(o);
			return CLI_ERROR;
		}
		r.json = true;
	}
	check_daemon(&r);
	check_state(&r);
	check_terminal(&r);
	cJSON_AddBoolToObject(o, "ok", r.worst == CLI_DONE);
	text = json_print_take(o);
	if (r.json)
		put_json_line(text);
	free(text);
	return r.worst;
}

const struct cli_command cmd_doctor = {
    "doctor", "", "Say what works and what does not", doctor_options, run_doctor, 0};
