/* What the files of app/ share. Not for other folders. */
#ifndef APP_APP_PRIV_H
#define APP_APP_PRIV_H

#include <uv.h>

#include "app/app.h"
#include "app/keep.h"
#include "net/auth.h"
#include "net/http.h"
#include "net/server.h"
#include "net/ws.h"
#include "pane/pane.h"
#include "store/archive.h"
#include "store/store.h"

struct events;
struct question;
struct watches;
struct search;
struct lookout;
struct log_bound;
struct watched;
struct agents;
struct live;
struct producers;
struct hooks;
struct stream;
struct prices;
struct retention;
struct sessions_places;
struct mux;
struct mux_pane;
struct jobs;
struct flow_runs;
struct talks;
struct tty;
struct job_pane;
struct job_panes;
struct job_reader;
struct job_streams;
struct stream_early;
struct job_told;
typedef struct cJSON cJSON;
struct save;
struct worker_spawner;
struct late;

/* A pane and what the daemon knows of it beyond the pane itself. */
struct entry {
	struct entry *prev, *next;
	struct app *app;
	struct pane *pane;
	struct mux_pane *mux;     /* of a tmux pane whose server is known; mux.c's */
	struct job_pane *job;     /* of a job's channel; job_panes.c's. It is not `listed` */
	uint64_t number;          /* for the keeper: the id's, or KEEP_REMOTE and another */
	struct http_req *creator; /* waits for the command to start; NULL: nobody */
	struct tty *tty;          /* the client that it is for, of serve --ttyd; tty.c's */
	struct lookout *lookouts; /* utlist */
	struct watched *watched;  /* lookout.c's, NULL before the first */
	uint64_t archived;        /* the last line that the archive took */
	bool archive_known;       /* and that is so */
	/* What its lines are archived under: a pane of tmux outlives the daemon. started_ms 0: this
	 * run of the daemon. */
	struct archive_run archive_run;
	bool archive_done; /* all lines there will ever be */
	bool begun;        /* it has started */
	bool listed;       /* and is shown */
	bool kept;         /* the keeper knows of it */
	bool remove;       /* goes away when it has ended and its viewers know */
};

struct app {
	uv_loop_t *loop;
	struct app_config cfg;
	char *host, *token_file, *state_dir, *socket_path, *tls_cert, *tls_key;
	struct auth *auth;
	uv_timer_t token_uses; /* saves when tokens were used */
	struct server *server;
	struct entry *entries; /* utlist, oldest first */
	unsigned entry_count, viewer_count, wait_count;
	struct save *saves;   /* utlist; the first is under way */
	struct save *unsaved; /* utlist; what failed, and is tried again */
	uv_timer_t save_again;
	uint64_t next_id;
	uint64_t started_us;
	uint64_t panes_started, output_gone; /* output_gone: bytes of panes that were removed */
	uv_signal_t child;
	uv_timer_t last_words;
	bool stopping, closed;

	struct keep *keep;              /* NULL: there is no keeper */
	struct late *late;              /* NULL: this process can read what comes to be */
	struct worker_spawner *spawner; /* NULL: this process starts its own */
	uv_timer_t yield;
	uint64_t yield_until;       /* loop time */
	unsigned restored;          /* panes that a worker before this one left */
	bool going;                 /* it reads and accepts */
	struct question *questions; /* of the keeper, utlist */

	struct search *searches; /* under way and waiting, utlist */
	unsigned searches_running, searches_count;

	struct archive *archive; /* NULL: off */
	bool archive_refused;    /* to take more, until it notifies */
	unsigned archive_users;  /* pieces of work that read it */
	bool archive_closing;
	uv_async_t archive_notice;
	uv_timer_t archive_sweep;
	struct events *events;
	struct log_bound *log_bound;
	struct watches *watches;
	struct ws_endpoint endpoints[4]; /* ends with an empty one */
	unsigned ttyd_clients;           /* now */
	bool ttyd_served;                /* there has been one */

	struct mux *mux;
	uint64_t remote_number; /* the newest remote pane's, for the keeper */
	struct job_panes *job_panes;
	struct job_reader *job_readers; /* of channels, utlist */
	unsigned job_readers_count;
	struct job_streams *job_streams;
	struct stream_early *streams_early; /* utlist */
	struct job_told *job_events;        /* topics that are listened to, a hash */
	struct jobs *jobs;
	struct flow_runs *flows;
	struct talks *talks;
	struct collisions *collisions;

	struct agents *agents;
	struct live *live;
	struct producers *producers;
	struct hooks *hooks;
	struct stream *streams; /* imports.c's, utlist */
	struct prices *prices;
	struct retention *retention;    /* of sessions */
	struct sessions_places *places; /* of tool calls */
	struct store *store;
	unsigned store_users; /* pieces of work that read it */
	bool store_closing;
	uv_async_t stored; /* it has something to tell */
	size_t lost_panes; /* of a daemon before this one, that was cut short */
};

/* app.c: a process that is no pane's or job's has been reaped; pid may be a ticket. */
void app_reaped_helper(struct app *a, pid_t pid);

/* worker.c: under a keeper. The first four do nothing without one. */
void worker_born(struct entry *e);
void worker_reaped(struct entry *e, int wait_status); /* before it is */
void worker_drained(struct entry *e);
void worker_gone(struct entry *e);
void worker_start(struct app *a);
void worker_stop(struct app *a);

/*
 * jobs.c: jobs that a worker before this one left running, `number` with KEEP_JOB, each before
 * GO. The descriptors are the receiver's: standard input, output or PTY's master, standard error,
 * or -1. Its end, when nobody but the keeper could reap it, is told by `ended` or later by
 * worker_job_exited, which can come for a job that is known to have ended or is not known.
 */
void worker_job_found(
    struct app *a, uint64_t number, pid_t pid, bool ended, int wait_status, int fds[KEEP_FDS]);
void worker_job_exited(struct app *a, uint64_t number, pid_t pid, int wait_status);
/* The keeper holds jobs from now on, and knows none of those that run. */
void worker_jobs_held(struct app *a);

extern const struct pane_callbacks app_pane_callbacks;

/* pane_new.c: it runs, which is put on record and told. */
void entry_started(struct entry *e);

/* stored.c: what goes to the store. */
int stored_open(struct app *a, char **cause);
void stored_close(struct app *a); /* may wait for the disk, a little */
/* Nothing can be written, or the record of jobs cannot be read, for now or for good. */
bool stored_is_full(struct app *a);
void stored_refuse_waiting(struct app *a); /* those that wait for that record, if so */
/* Around work on other threads that reads the store. */
void stored_use(struct app *a);
void stored_unuse(struct app *a);
/* A connection to read with, on such a thread; while the store is being opened it waits for that, two
 * seconds at most. */
int stored_reader(struct app *a, sqlite3 **db);
/* Answers 503 with the cause, and is true, when it is full (stored_is_full): who waits
 * for it would wait for as long. */
bool stored_refuses(struct app *a, struct http_req *r);
bool stored_idle(struct app *a);      /* nothing waits to be written */
void stored_started(struct entry *e); /* also when it is not sure that it was told before */
void stored_ended(struct entry *e);

/* info.c. Appends what is wrong, as {"alarm","message"}. */
void app_alarms(struct app *a, cJSON *list);
struct keep_packet;
void info_keeper_answered(struct app *a, const struct keep_packet *p);

/* log_bound.c */
void log_bound_start(struct app *a);
void log_bound_stop(struct app *a);

/* registry.c */
struct entry *registry_add(struct app *a, struct pane *p);
void registry_remove(struct entry *e);
void registry_unlist(struct entry *e); /* nobody is shown it any more, and that is told */

/* By id, by name, or by a prefix of either that only one has. -ENOENT, or -EEXIST. */
int registry_find(struct app *a, const char *ref, struct entry **out);
struct entry *registry_by_pid(struct app *a, pid_t pid);
const char *entry_name(const struct entry *e); /* NULL: none */
/* Whether a glob means it: its id, its name, or for a tmux pane "session:window.pane". */
bool entry_matches(const struct entry *e, const char *glob);
bool registry_name_taken(const struct app *a, const char *name);

/* Removes what may go: ended, asked to be removed, and without viewers. */
bool registry_may_go(struct entry *e);
void registry_sweep(struct app *a);

/* Makes room for one more pane, at the cost of the oldest that has ended and is not watched. */
bool registry_make_room(struct app *a);

/* Handlers. */
void panes_list(struct http_req *r, void *arg);
void panes_create(struct http_req *r, void *arg);
void panes_get(struct http_req *r, void *arg);
void panes_delete(struct http_req *r, void *arg);
void panes_input(struct http_req *r, void *arg);
void panes_resize(struct http_req *r, void *arg);
void panes_signal(struct http_req *r, void *arg);
void panes_capture(struct http_req *r, void *arg);
void panes_commands(struct http_req *r, void *arg);
void page_get(struct http_req *r, void *arg);
void page_pane(struct http_req *r, void *arg);
void page_pane_base(struct http_req *r, void *arg);
void page_ttyd(struct http_req *r, void *arg);
void page_refuse_link(struct http_req *r); /* 401, for a person where one asks */
void info_health(struct http_req *r, void *arg);
void info_metrics(struct http_req *r, void *arg);
void info_get(struct http_req *r, void *arg);
void info_status(struct http_req *r, void *arg);
void info_upgrade(struct http_req *r, void *arg);

/* routes.c */
void routes_list(struct http_req *r, void *arg);
void tokens_create(struct http_req *r, void *arg);
void tokens_list(struct http_req *r, void *arg);
void tokens_delete(struct http_req *r, void *arg);
void search_all(struct http_req *r, void *arg);
void search_pane(struct http_req *r, void *arg);
void search_older(struct http_req *r, void *arg);

void panes_wait(struct http_req *r, void *arg);

/* Of a body's member "signal", by name; 0: it has none that can be sent. */
int signal_from_json(const cJSON *o);

/* wait.c. A pattern as in a JSON body; NULL when an error has been sent. */
struct sighting;
struct pattern;
unsigned pattern_flags_from_json(const cJSON *o);
struct pattern *pattern_from_json(struct http_req *r, const cJSON *o);
cJSON *sighting_json(const struct sighting *s);

/* search.c */
void searches_cancel(struct app *a);

/* saves.c: what `dump` gives when it is its turn goes to the file of that name in the state
 * directory, off the loop; then `done` (may be NULL) is called. After a failure it is tried again
 * by itself, until it is written. */
void saves_open(struct app *a);
void saves_close(struct app *a);
void saves_add(struct app *a, const char *name, char *(*dump)(struct app *),
    void (*done)(int err, void *), void *arg);

/* The same, and then the answer to the request, without a body if `take` is NULL, or that it could
 * not be saved. */
void saves_answer(struct app *a, const char *name, char *(*dump)(struct app *),
    struct http_req *r, int status, cJSON *take);

/* Moves a damaged file out of the way of the next save: somebody may want what is in it. What
 * the daemon does without it is logged. */
void saves_set_aside(const char *path, const char *outcome);

/* tokens.c */
int tokens_load(struct app *a, char **cause);

/* What the worker before has changed since then; to be called before any are asked for. */
void tokens_reload(struct app *a);

void tokens_start(struct app *a); /* from now on, their last uses are saved */
void tokens_stop(struct app *a);

/* Writes the tokens to the state directory, off the loop, then calls done. */
void tokens_save(struct app *a, void (*done)(int err, void *), void *arg);

/* What was open to one pane alone goes with it. */
void tokens_pane_gone(struct app *a, const char *pane);

/* As server_config wants it. */
bool tokens_in_scope(const struct http_req *r, const char *pane, void *arg);

/* The query argument reveal: whether secrets are asked for. False: it has been answered that this
 * client may not have them. */
bool app_may_reveal(struct http_req *r, uint64_t *reveal);

/* The GET of a link: a cookie, and the page itself, which is at `page`. */
void tokens_login(struct http_req *r, struct app *a, const char *token, const char *page);

/* The entry that the route's first parameter names, or NULL: an error has been sent then. */
struct entry *panes_resolve(struct http_req *r, struct app *a);

/* pane_new.c: a command in a pane that goes when it has ended and its viewers know. NULL with a cause;
 * what goes wrong later is told by tty_pane_failed. */
struct entry *pane_start_for(
    struct app *a, struct tty *t, unsigned cols, unsigned rows, char **cause);

/* tty.c */
void tty_token(struct http_req *r, void *arg);
void tty_pane_failed(struct tty *t); /* the command of its own pane could not be started */
void tty_pane_gone(struct tty *t);   /* and that pane is no more */

/* ttyd.c: serve --ttyd. What is at the TCP door; NULL: this is no such daemon. */
const struct http_route *ttyd_routes(const struct app *a);
void ttyd_open(struct app *a); /* the endpoints are there */
bool ttyd_has_room(void *arg);
/* One more client, which has shown that it may, and its pane; and it has left. */
struct entry *ttyd_client(
    struct app *a, struct tty *t, unsigned cols, unsigned rows, const char **cause);
void ttyd_client_left(struct app *a, struct entry *e);

/* Of a viewer whose argument is its connection. */
extern const struct viewer_callbacks attach_callbacks;
extern const struct ws_endpoint attach_endpoint, events_endpoint, tty_endpoint;
extern const struct http_route app_routes[];

/* A link to the page: of that pane, where it is not "". */
char *app_make_link(struct app *a, const char *token, const char *pane);

/* A pane has ended, or a viewer has left: while stopping, it may be the last. */
void app_check_stopped(struct app *a);

#endif
