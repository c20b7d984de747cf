/* What the daemon says of itself: health, metrics, and what doctor asks for. */
#include "config.h"

#include <unistd.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "app/app_priv.h"
#include "base/buf.h"
#include "base/clock.h"
#include "os/os.h"
#include "pane/record.h"
#include "proto/json.h"

struct counts {
	unsigned running, exited;
	uint64_t output, ring_bytes, input_pending;
	uint64_t lines, text, history, screens;
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
		add_record(&c, pane_record(e->pane));
	}
	return c;
}

static double
uptime(const struct app *a)
{
	return (double)(clock_mono_us() - a->started_us) / 1e6;
}

void
info_health(struct http_req *r, void *arg)
{
	const struct app *a = arg;
	struct counts c = count(a);
	cJSON *o = json_object();

	cJSON_AddStringToObject(o, "status", a->stopping ? "stopping" : "ok");
	cJSON_AddStringToObject(o, "version", PACKAGE_VERSION);
	cJSON_AddNumberToObject(o, "panes", c.running + c.exited);
	cJSON_AddNumberToObject(o, "uptime_s", uptime(a));
	http_add_header(r, "cache-control", "no-store");
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
	    {"panescry_screen_bytes", "gauge", "Memory of screens and styles.",
		(double)c.screens},
	    {"panescry_input_pending_bytes", "gauge", "Input that commands have not read yet.",
		(double)c.input_pending},
	    {"panescry_viewers", "gauge", "Attached viewers.", a->viewer_count},
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

	buf_init(&b, BUF_NO_MAX);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		metric(&b, rows[i].name, rows[i].type, rows[i].help, rows[i].value);
	size_t len = b.len;
	http_reply_take(r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_take(&b), len);
}

void
info_get(struct http_req *r, void *arg)
{
	const struct app *a = arg;
	struct counts c = count(a);
	cJSON *o = json_object(), *limits;

	cJSON_AddStringToObject(o, "version", PACKAGE_VERSION);
	cJSON_AddNumberToObject(o, "pid", getpid());
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
	cJSON_AddNumberToObject(o, "open_descriptors", os_open_descriptors());
	cJSON_AddStringToObject(o, "libwebsockets", server_library());
	cJSON_AddStringToObject(o, "libuv", uv_version_string());
	limits = cJSON_AddObjectToObject(o, "limits");
	cJSON_AddNumberToObject(limits, "panes", a->cfg.limits.panes_max);
	cJSON_AddNumberToObject(limits, "viewers", a->cfg.limits.viewers_max);
	cJSON_AddNumberToObject(limits, "ring_bytes", (double)a->cfg.limits.ring_size);
	cJSON_AddNumberToObject(limits, "history_lines", (double)a->cfg.limits.record.lines);
	cJSON_AddNumberToObject(limits, "history_bytes", (double)a->cfg.limits.record.bytes);
	http_reply_json_take(r, 200, o);
}
