/*
 * Flows in the daemon (job/flow_run.h): the routes under /api/v1/flows, and the events of the topic "flows".
 *
 * An answer about a run that lives is from memory; about one that has ended, from the store, on the
 * pool. Lists and events leave out what steps gave as results, lists also the steps.
 *
 * Loop's thread, where nothing else is said.
 */
#ifndef APP_FLOWS_H
#define APP_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

struct app;
struct http_req;
struct flow;
struct flow_run;
struct flows_run;
struct jobs_usage;
typedef struct cJSON cJSON;

/* By jobs.c, which has the runner. */
void flows_open(struct app *a);  /* behind runner_new */
void flows_start(struct app *a); /* the runner is ready */
void flows_pause(struct app *a, bool pause);
void flows_stop(
    struct app *a); /* before runner_stop, and before the store is closed; again does no harm */
void flows_free(struct app *a); /* when the loop has run out */

/* flows_json.c, any thread. `f` is its definition, or NULL: without steps. Secrets are masked, but in
 * FLOW_JSON_REVEALED, which else is as FLOW_JSON_WHOLE. */
enum flow_json { FLOW_JSON_LIST, FLOW_JSON_EVENT, FLOW_JSON_WHOLE, FLOW_JSON_REVEALED };
cJSON *flow_row_json(const struct flows_run *row, const struct flow *f,
    const struct jobs_usage *used, enum flow_json how);
cJSON *flow_live_json(const struct flow_run *run, enum flow_json how); /* loop's thread */

/* Handlers. */
void flows_list(struct http_req *r, void *arg);
void flows_create(struct http_req *r, void *arg);
void flows_validate(struct http_req *r, void *arg);
void flows_get(struct http_req *r, void *arg);
void flows_delete(struct http_req *r, void *arg);
void flows_cancel(struct http_req *r, void *arg);
void flows_resume(struct http_req *r, void *arg);
void flows_approve(struct http_req *r, void *arg);

#endif
