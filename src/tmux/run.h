/*
 * One tmux command as a process of its own, and what it prints, standard output and errors
 * together. Loop's thread.
 */
#ifndef TMUX_RUN_H
#define TMUX_RUN_H

#include <stddef.h>
#include <sys/types.h>

typedef struct uv_loop_s uv_loop_t;

struct tmux_run;

/* data: NULL when it could not be started or printed more than `max` bytes; else with a NUL
 * behind it. Called once, unless it is cancelled; the run is gone afterwards. */
typedef void tmux_run_cb(void *arg, const char *data, size_t len);

/* "tmux -S SOCKET" and the words. */
struct tmux_run *tmux_run(uv_loop_t *loop, const char *socket, const char *const *words,
    size_t max, tmux_run_cb *cb, void *arg);
void tmux_run_cancel(struct tmux_run *r);
pid_t tmux_run_pid(const struct tmux_run *r);
void tmux_run_reaped(struct tmux_run *r);

#endif
