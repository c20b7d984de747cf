/*
 * Single requests of `run` that outlive the daemon's worker. They block, for ASK_GONE_S at most once
 * nobody answers. An error has been printed; the value is an exit status.
 */
#ifndef CLI_RUN_POST_H
#define CLI_RUN_POST_H

typedef struct cJSON cJSON;
struct buf;

/* POSTs what makes a job. It is made once, also where the first answer was lost: then it is found by
 * the body's correlation, which nothing else has. That nobody answers the first time is final. */
int run_post(const char *where, const cJSON *body, struct buf *out);

/* GET. */
int run_get(const char *path, struct buf *out);

#endif
