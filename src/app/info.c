/* What the daemon says of itself: health, metrics, and what doctor asks for. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "app/agents.h"
#include "app/archiver.h"
#include "app/collisions.h"
#include "app/jobs.h"
#include "app/live.h"
#include "app/mux.h"
#include "app/watch.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "os/os.h"
#include "pane/record.h"
#include "proto/json.h"
#include "store/archive.h"

struct counts {
	unsigned running, exited;
	uint64_t output, ring_bytes, input_pending;
	uint64_t lines, text, history, screens;
	uint64_t memory; /* files of memory: rings, histories, saved screens */
};

static void
add_record(struct counts *c, const struct record *r)
{
	struct history_stats s;
	size_t screen;

	record_stats(r, &s, &screen);
	c->lines += s.lines;
	c->text += s.text;
	c->history += s.allocated + s.pinned;
	c->screens += screen;
}

static struct counts
count(const struct app *a)
{
	struct counts c = {.output = a->output_gone};
	const struct entry *e;

	DL_FOREACH (a->entries, e) {
		if (!e->listed)
			continue;
		if (pane_state(e->pane) == PANE_EXITED)
			c.exited++;
		else
			c.running++;
		c.output += ring_end(pane_ring(e->pane));
		c.ring_bytes += ring_end(pane_ring(e->pane)) - ring_start(pane_ring(e->pane));
		c.input_pending += pane_input_pending(e->pane);
		c.memory += pane_memory_taken(e->pane);
		add_record(&c, pane_record(e->pane));
	}
	return c;
}

static double
uptime(const struct app *a)
{
	return (double)(clock_mono_us() - a->started_us) / 1e6;
}

static void
add_alarm(cJSON *list, const char *alarm, const char *message)
{
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "alarm", alarm);
	json_add_text(o, "message", message != NULL ? message : "nothing is written");
	cJSON_AddItemToArray(list, o);
}

void
app_alarms(struct app *a, cJSON *list)
{
	struct archive_status archive;
	struct store_status store;

	if (a->store != NULL) {
		store_status(a->store, &store);
		if (store.state == STORE_FULL || store.state == STORE_DISABLED)
			add_alarm(list,
			    store.state == STORE_FULL ? "store_full" : "store_disabled",
			    store.cause);
		if (store.aside != NULL)
			add_alarm(list, "store_damaged", store.aside);
		store_status_release(&store);
	}
	archive_status(a->archive, &archive);
	if (archive.state == ARCHIVE_FULL)
		add_alarm(list, "archive_full", archive.cause);
	archive_status_release(&archive);
}

void
info_health(struct http_req *r, void *arg)
{
	struct app *a = arg;
	struct counts c = count(a);
	cJSON *o = json_object(), *alarms = json_array();
	const char *status = "ok";

	app_alarms(a, alarms);
	if (a->stopping)
		status = "stopping";
	else if (cJSON_GetArraySize(alarms) != 0)
		status = "alarm"; /* terminals go on */
	cJSON_AddStringToObject(o, "status", status);
	cJSON_AddItemToObject(o, "alarms", alarms);
	cJSON_AddStringToObject(o, "version", PACKAGE_VERSION);
	cJSON_AddNumberToObject(o, "panes", c.running + c.exited);
	cJSON_AddNumberToObject(o, "uptime_s", uptime(a));
	http_add_header(r, "cache-control", "no-store");
	http_reply_json_take(r, 200, o);
}

/* Nothing in it is looked up or asked for: status bars want it every few seconds. */
void
info_status(struct http_req *r, void *arg)
{
	struct app *a = arg;
	cJSON *o = json_object(), *alarms = json_array();
	unsigned running = 0, exited = 0, watches, fired;
	const struct entry *e;

	DL_FOREACH (a->entries, e) {
		if (e->listed && pane_state(e->pane) == PANE_EXITED)
			exited++;
		else if (e->listed)
			running++;
	}
	watches = watches_count(a, &fired);
	app_alarms(a, alarms);
	cJSON_AddNumberToObject(o, "panes", running);
	cJSON_AddNumberToObject(o, "exited", exited);
	cJSON_AddNumberToObject(o, "viewers", a->viewer_count);
	cJSON_AddNumberToObject(o, "watches", watches);
	cJSON_AddNumberToObject(o, "fired", fired);
	cJSON_AddNumberToObject(o, "alarms", cJSON_GetArraySize(alarms));
	live_status_json(a, o);
	jobs_status_json(a, o);
	collisions_status_json(a, o);
	cJSON_Delete(alarms);
	http_reply_json_take(r, 200, o);
}

static void
metric(struct buf *b, const char *name, const char *type, const char *help, double value)
{
	buf_printf(
	    b, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", name, help, name, type, name, value);
}

void
info_metrics(struct http_req *r, void *arg)
{
	const struct app *a = arg;
	struct counts c = count(a);
	struct server_stats s = server_stats(a->server);
	struct archive_status archive;
	struct store_status store;
	unsigned running, queued;

	jobs_count(a, &running, &queued);
	archive_status(a->archive, &archive);
	store_status(a->store, &store);
	const struct {
		const char *name, *type, *help;
		double value;
	} rows[] = {
	    {"panescry_uptime_seconds", "gauge", "Time since the daemon started.", uptime(a)},
	    {"panescry_panes_running", "gauge", "Panes whose command runs.", c.running},
	    {"panescry_panes_exited", "gauge", "Panes that have ended and are kept.", c.exited},
	    {"panescry_panes_started_total", "counter", "Panes that were started.",
		(double)a->panes_started},
	    {"panescry_output_bytes_total", "counter", "Bytes that panes have written.",
		(double)c.output},
	    {"panescry_ring_bytes", "gauge", "Raw output held in rings.", (double)c.ring_bytes},
	    {"panescry_history_lines", "gauge", "Lines of history.", (double)c.lines},
	    {"panescry_history_text_bytes", "gauge", "Text in them.", (double)c.text},
	    {"panescry_history_bytes", "gauge", "Memory that they take.", (double)c.history},
	    {"panescry_pane_memory_bytes", "gauge",
		"Memory files of panes: rings, histories, saved screens.", (double)c.memory},
	    {"panescry_panes_restored", "gauge",
		"Panes taken over from the worker before this one.", a->restored},
	    {"panescry_screen_bytes", "gauge", "Memory of screens and styles.",
		(double)c.screens},
	    {"panescry_input_pending_bytes", "gauge", "Input that commands have not read yet.",
		(double)c.input_pending},
	    {"panescry_jobs_running", "gauge", "Jobs whose command runs.", running},
	    {"panescry_jobs_queued", "gauge", "Jobs that wait.", queued},
	    {"panescry_store_full", "gauge", "1 while the database cannot be written.",
		store.state == STORE_FULL || store.state == STORE_DISABLED},
	    {"panescry_store_dropped_total", "counter",
		"Operations that could not be kept until the database could be written.",
		(double)store.dropped},
	    {"panescry_archive_full", "gauge", "1 while nothing can be archived.",
		archive.state == ARCHIVE_FULL},
	    {"panescry_archive_queued_bytes", "gauge",
		"What was taken for the archive and is not written.", (double)archive.queued},
	    {"panescry_archive_lines_missing_total", "counter",
		"Lines that the archive could not take in time.", (double)archive.dropped},
	    {"panescry_viewers", "gauge", "Attached viewers.", a->viewer_count},
	    {"panescry_waits", "gauge", "Requests that wait for a line.", a->wait_count},
	    {"panescry_connections", "gauge", "Open client connections.", s.connections},
	    {"panescry_http_requests_total", "counter", "HTTP requests.", (double)s.requests},
	    {"panescry_refused_total", "counter",
		"Requests and connections refused for Host, Origin or token.",
		(double)s.refused},
	    {"panescry_ws_messages_sent_total", "counter", "WebSocket messages sent.",
		(double)s.ws_messages_out},
	    {"panescry_ws_bytes_sent_total", "counter", "Bytes in them.",
		(double)s.ws_bytes_out},
	    {"panescry_resident_bytes", "gauge", "Resident memory.",
		(double)os_resident_bytes()},
	    {"panescry_open_descriptors", "gauge", "Open file descriptors.",
		os_open_descriptors()},
	};
	struct buf b;

	archive_status_release(&archive);
	store_status_release(&store);
	buf_init(&b, BUF_NO_MAX);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		metric(&b, rows[i].name, rows[i].type, rows[i].help, rows[i].value);
	size_t len = b.len;
	http_reply_take(r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_take(&b), len);
}

static void
add_store(cJSON *o, struct store *store)
{
	cJSON *s = cJSON_AddObjectToObject(o, "store");
	struct store_status st;

	store_status(store, &st);
	cJSON_AddStringToObject(s, "state", store_state_name(st.state));
	json_add_text(s, "cause", st.cause);
	json_add_text(s, "set_aside", st.aside);
	cJSON_AddNumberToObject(s, "queued", (double)st.ops);
	cJSON_AddNumberToObject(s, "bytes", (double)st.size);
	cJSON_AddNumberToObject(s, "dropped", (double)st.dropped);
	store_status_release(&st);
}

static cJSON *
about(struct app *a)
{
	struct counts c = count(a);
	cJSON *o = json_object(), *limits;
	char host[256] = "";

	gethostname(host, sizeof host - 1);
	cJSON_AddStringToObject(o, "version", PACKAGE_VERSION);
	json_add_text(o, "host", host);
	cJSON_AddNumberToObject(o, "pid", getpid());
	cJSON_AddNumberToObject(o, "panes_restored", a->restored);
	cJSON_AddNumberToObject(o, "panes_lost", (double)a->lost_panes);
	add_store(o, a->store);
	cJSON_AddItemToObject(o, "archive", archiver_json(a));
	if (a->mux != NULL)
		mux_json(a, o);
	agents_json(a, o);
	cJSON_AddNumberToObject(o, "uptime_s", uptime(a));
	cJSON_AddNumberToObject(o, "port", server_port(a->server));
	cJSON_AddBoolToObject(o, "auth", !a->cfg.no_auth);
	cJSON_AddBoolToObject(o, "tls", a->tls_cert != NULL);
	json_add_text(o, "socket", a->socket_path);
	json_add_text(o, "state_dir", a->state_dir);
	cJSON_AddNumberToObject(o, "panes_running", c.running);
	cJSON_AddNumberToObject(o, "panes_exited", c.exited);
	cJSON_AddNumberToObject(o, "viewers", a->viewer_count);
	cJSON_AddNumberToObject(o, "resident_bytes", (double)os_resident_bytes());
	cJSON_AddNumberToObject(o, "pane_bytes", (double)c.memory);
	cJSON_AddNumberToObject(o, "open_descriptors", os_open_descriptors());
	cJSON_AddStringToObject(o, "libwebsockets", server_library());
	cJSON_AddStringToObject(o, "libuv", uv_version_string());
	limits = cJSON_AddObjectToObject(o, "limits");
	cJSON_AddNumberToObject(limits, "panes", a->cfg.limits.panes_max);
	cJSON_AddNumberToObject(limits, "viewers", a->cfg.limits.viewers_max);
	cJSON_AddNumberToObject(limits, "ring_bytes", (double)a->cfg.limits.ring_size);
	cJSON_AddNumberToObject(limits, "history_lines", (double)a->cfg.limits.record.lines);
	cJSON_AddNumberToObject(limits, "history_bytes", (double)a->cfg.limits.record.bytes);
	return o;
}

/* The keeper, which has to be asked. */

struct question {
	struct question *prev, *next;
	struct app *app;
	struct http_req *req; /* NULL: the client has gone */
};

static void
asker_gone(void *arg)
{
	((struct question *)arg)->req = NULL;
}

static void
add_keeper(cJSON *o, const struct keep_status *s)
{
	cJSON *k = cJSON_AddObjectToObject(o, "keeper");

	cJSON_AddNumberToObject(k, "pid", s->pid);
	cJSON_AddNumberToObject(k, "uptime_s", (double)s->uptime_ms / 1000);
	cJSON_AddNumberToObject(k, "restarts", s->crashes);
	cJSON_AddNumberToObject(k, "upgrades", s->upgrades);
	cJSON_AddNumberToObject(k, "upgrades_failed", s->upgrades_failed);
	json_add_text(k, "last_failure", *s->last_failure != '\0' ? s->last_failure : NULL);
	cJSON_AddNumberToObject(k, "panes", s->panes);
	cJSON_AddNumberToObject(k, "jobs", s->jobs);
	cJSON_AddNumberToObject(k, "open_descriptors", s->descriptors);
	cJSON_AddNumberToObject(k, "resident_bytes", (double)s->resident);
}

/* A page does not offer what its token would be refused. */
static void
add_access(cJSON *o, const struct http_req *r)
{
	cJSON_AddStringToObject(
	    o, "access", http_access(r) >= AUTH_WRITE ? "read_write" : "read_only");
}

void
info_keeper_answered(struct app *a, const struct keep_packet *p)
{
	struct question *q, *next;
	struct keep_status s;

	keep_read_status(p, &s);
	DL_FOREACH_SAFE (a->questions, q, next) {
		DL_DELETE(a->questions, q);
		if (q->req != NULL) {
			cJSON *o = about(a);

			add_access(o, q->req);
			add_keeper(o, &s);
			http_reply_json_take(q->req, 200, o);
		}
		free(q);
	}
}

void
info_get(struct http_req *r, void *arg)
{
	struct app *a = arg;
	struct question *q;
	cJSON *o;

	if (a->keep == NULL) {
		o = about(a);
		add_access(o, r);
		cJSON_AddNullToObject(o, "keeper");
		http_reply_json_take(r, 200, o);
		return;
	}
	q = xcalloc(1, sizeof *q);
	q->app = a;
	q->req = r;
	http_on_gone(r, asker_gone, q);
	DL_APPEND(a->questions, q);
	keep_say(a->keep, KEEP_ASK);
}

/* What has become of it is in the answer to /api/v1/info, whichever worker gives that. */
void
info_upgrade(struct http_req *r, void *arg)
{
	struct app *a = arg;
	cJSON *o = http_body_json(r), *answer;
	const cJSON *item;
	const char *program;

	if (o == NULL)
		return;
	item = cJSON_GetObjectItemCaseSensitive(o, "program");
	program = cJSON_GetStringValue(item);
	if (a->keep == NULL) {
		http_reply_error(r, 409, "no_keeper", "this daemon runs without a keeper");
	} else if (item != NULL && !cJSON_IsNull(item) &&
		   (program == NULL || *program != '/')) {
		http_reply_error(r, 400, "bad_params", "program must be an absolute path");
	} else {
		keep_say_text(a->keep, KEEP_UPGRADE, 0, program != NULL ? program : "");
		answer = json_object();
		cJSON_AddNumberToObject(answer, "pid", getpid());
		http_reply_json_take(r, 202, answer);
	}
	cJSON_Delete(o);
}
