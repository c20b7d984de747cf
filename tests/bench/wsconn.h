/*
 * Many WebSocket clients on one epoll, cheap enough to leave the machine to the server.
 *
 * A connection is opened, upgraded, fed through a frame parser that copies no payload, and
 * counted. Nothing is kept of the output but its last bytes, in which the end marker is
 * looked for.
 *
 * With a protocol that has offsets, each client checks that every OUTPUT starts at the byte
 * behind the last one (`gaps` counts those that do not), counts the snapshots it was given
 * and the bytes that each one skipped, and acknowledges every snapshot, and output at least
 * every WS_ACK_EVERY bytes.
 *
 * One thread; a `struct ws_load` and its connections belong to the caller and are never freed
 * (the process ends with them).
 */
#ifndef BENCH_WSCONN_H
#define BENCH_WSCONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wsproto.h"

#define WS_ACK_EVERY (256 * 1024)
#define WS_READ_MAX (256 * 1024) /* one recv, so one acknowledgement, is never more */
#define WS_TAIL 256
#define WS_HTTP_MAX 8192
#define WS_CONTROL_MAX 1024

enum ws_state { WS_CONNECTING, WS_UPGRADING, WS_OPEN, WS_CLOSED };

/* What a client received. Reset by ws_counters_reset. */
struct ws_counters {
	long long out;            /* bytes of raw output */
	long long msgs;           /* messages that carried them */
	long long wire;           /* bytes behind the upgrade, framing included */
	long long gaps;           /* OUTPUT that did not start at the next byte */
	long long snapshots;      /* not counting one before any output */
	long long snapshot_bytes; /* their payload */
	long long skipped;        /* pane bytes that they stand for */
	long long bad;            /* broken framing */
	double t_last;            /* when the last output or snapshot came; 0 = none */
};

struct ws_frame {
	unsigned char head[14];
	unsigned n, need;
	uint64_t left; /* payload bytes still to come */
	int op;
	bool fin;
	bool in_message;
	unsigned char ctl[125];
	unsigned ctl_len;
};

struct ws_conn {
	struct ws_load *load;
	int fd;
	unsigned idx;
	enum ws_state state;
	bool paused;  /* does not read */
	bool blocked; /* waits until it can send */
	bool done;    /* saw the end marker */
	char key[WS_KEY_LEN];
	char http[WS_HTTP_MAX];
	size_t http_len;
	struct ws_frame frame;
	int type;             /* of the present message, -1 = not seen yet */
	unsigned char off[8]; /* its offset field, as far as it has come */
	unsigned off_len;
	char control[WS_CONTROL_MAX];
	size_t control_len;
	bool synced;         /* pos is known */
	bool ack_due;        /* a snapshot came */
	uint64_t pos, acked; /* offset of the next byte; the last one acknowledged */
	uint64_t start;      /* pos when the counters were reset */
	bool exited;         /* CONTROL exit came */
	unsigned char tail[WS_TAIL];
	size_t tail_len;
	struct ws_counters n;
	int close_code;     /* 0 = no close frame */
	unsigned char *out; /* what could not be sent yet */
	size_t out_len, out_cap, out_off;
};

struct ws_probe { /* a keystroke on its way through client 0 */
	bool wait;
	unsigned char byte;
	double sent, took; /* seconds */
	long long stray;   /* output that was not the echo */
};

struct ws_load {
	const struct ws_proto *proto;
	char host[64], path[512];
	int port;
	unsigned cols, rows;
	const char *until; /* end marker, or NULL */
	bool verbose;
	int epfd;
	struct ws_conn *conns;
	unsigned count, n_open, n_failed, n_closed, n_done; /* n_open never falls */
	struct ws_probe probe;
};

int ws_load_init(struct ws_load *l, const char *url); /* -1: not ws://HOST:PORT/PATH */

/* Opens all, at most `window` at a time; returns the seconds it took. */
double ws_connect_all(struct ws_load *l, unsigned window, double timeout);
void ws_poll(struct ws_load *l, int ms);
void ws_run_for(struct ws_load *l, double seconds);
void ws_counters_reset(struct ws_load *l);

void ws_type(struct ws_conn *c, const void *data, size_t len); /* as input to the pane */
void ws_pause(struct ws_conn *c, bool paused);

int ws_tcp_connect(const char *host, int port, bool nonblock); /* -1 and errno */

#endif
