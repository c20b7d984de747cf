#include "config.h"

#include "wsconn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { OP_CONT = 0, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

static unsigned char read_buf[WS_READ_MAX];

int
ws_tcp_connect(const char *host, int port, bool nonblock)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int one = 1, fd, saved;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0), 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	inet_pton(AF_INET, host, &a.sin_addr);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 || errno == EINPROGRESS)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
ws_load_init(struct ws_load *l, const char *url)
{
	memset(l, 0, sizeof *l);
	snprintf(l->path, sizeof l->path, "/");
	if (sscanf(url, "ws://%63[^:/]:%d%511s", l->host, &l->port, l->path) < 2)
		return -1;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	return l->epfd < 0 ? -1 : 0;
}

static void
watch(struct ws_conn *c, int op)
{
	struct epoll_event e = {.data = {.ptr = c}};

	if (!c->paused)
		e.events |= EPOLLIN;
	if (c->state == WS_CONNECTING || c->out_len > c->out_off)
		e.events |= EPOLLOUT;
	if (epoll_ctl(c->load->epfd, op, c->fd, &e) != 0)
		bench_die("epoll_ctl: %s", strerror(errno));
}

static void
conn_close(struct ws_conn *c)
{
	if (c->state == WS_CLOSED)
		return;
	if (c->state == WS_OPEN)
		c->load->n_closed++;
	else
		c->load->n_failed++;
	c->state = WS_CLOSED;
	close(c->fd);
	c->fd = -1;
}

/* ------------------------------------------------------------------ sending */

static void
flush_out(struct ws_conn *c)
{
	ssize_t k;

	while (c->out_off < c->out_len) {
		k = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);
		if (k < 0 && errno == EAGAIN) {
			if (!c->blocked)
				watch(c, EPOLL_CTL_MOD);
			c->blocked = true;
			return;
		}
		if (k < 0) {
			conn_close(c);
			return;
		}
		c->out_off += (size_t)k;
	}
	c->out_len = c->out_off = 0;
	if (c->blocked)
		watch(c, EPOLL_CTL_MOD);
	c->blocked = false;
}

static unsigned char *
out_reserve(struct ws_conn *c, size_t n)
{
	if (c->out_len + n > c->out_cap) {
		c->out_cap = (c->out_len + n) * 2;
		c->out = realloc(c->out, c->out_cap);
		if (c->out == NULL)
			bench_die("out of memory");
	}
	return c->out + c->out_len;
}

/* One frame; type < 0 = no type byte. */
static void
ws_send(struct ws_conn *c, int op, int type, const void *data, size_t len)
{
	size_t total = len + (type >= 0), i = 0, j;
	unsigned char *start, *p, mask[4];

	if (c->state != WS_OPEN || total > 65535)
		return;
	start = p = out_reserve(c, total + 8);
	*p++ = (unsigned char)(0x80 | op);
	if (total < 126) {
		*p++ = (unsigned char)(0x80 | total);
	} else {
		*p++ = 0x80 | 126;
		*p++ = (unsigned char)(total >> 8);
		*p++ = (unsigned char)total;
	}
	for (j = 0; j < 4; j++)
		*p++ = mask[j] = (unsigned char)rand();
	if (type >= 0)
		*p++ = (unsigned char)type ^ mask[i++ & 3];
	for (j = 0; j < len; j++)
		*p++ = ((const unsigned char *)data)[j] ^ mask[i++ & 3];
	c->out_len += (size_t)(p - start);
	flush_out(c);
}

void
ws_type(struct ws_conn *c, const void *data, size_t len)
{
	ws_send(c, OP_BINARY, c->load->proto->input_type, data, len);
}

static void
acknowledge(struct ws_conn *c)
{
	char text[64];
	int n;

	if (!c->ack_due && c->pos - c->acked < WS_ACK_EVERY)
		return;
	c->ack_due = false;
	n = snprintf(text, sizeof text, "{\"type\":\"ack\",\"offset\":%llu}",
	    (unsigned long long)c->pos);
	ws_send(c, OP_BINARY, ATTACH_CONTROL, text, (size_t)n);
	c->acked = c->pos;
}

/* ------------------------------------------------------------------ what messages carry */

static void
keep_tail(struct ws_conn *c, const unsigned char *p, size_t n)
{
	size_t keep;

	if (n >= WS_TAIL) {
		memcpy(c->tail, p + n - WS_TAIL, WS_TAIL);
		c->tail_len = WS_TAIL;
		return;
	}
	keep = WS_TAIL - n < c->tail_len ? WS_TAIL - n : c->tail_len;
	memmove(c->tail, c->tail + c->tail_len - keep, keep);
	memcpy(c->tail + keep, p, n);
	c->tail_len = keep + n;
}

/* The marker ends the output, so it is in the tail; a snapshot has it anywhere. */
static void
look_for_end(struct ws_conn *c, const unsigned char *p, size_t n, bool anywhere)
{
	const char *until = c->load->until;

	if (until == NULL || c->done)
		return;
	keep_tail(c, p, n);
	if (memmem(c->tail, c->tail_len, until, strlen(until)) == NULL &&
	    (!anywhere || memmem(p, n, until, strlen(until)) == NULL))
		return;
	c->done = true;
	c->load->n_done++;
}

static void
on_output(struct ws_conn *c, const unsigned char *p, size_t n)
{
	struct ws_probe *pr = &c->load->probe;

	c->n.out += (long long)n;
	c->pos += n;
	if (c->idx == 0 && pr->wait) {
		pr->stray += (long long)n;
		if (memchr(p, pr->byte, n) != NULL) {
			pr->took = bench_now() - pr->sent;
			pr->wait = false;
			pr->stray--;
		}
	}
	look_for_end(c, p, n, false);
}

static void
on_offset(struct ws_conn *c)
{
	uint64_t off = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		off = off << 8 | c->off[i];
	if (!c->synced) {
		c->acked = c->start = off;
	} else if (c->type == ATTACH_SNAPSHOT) {
		c->n.snapshots++;
		c->n.skipped += (long long)(off - c->pos);
	} else if (off != c->pos) {
		c->n.gaps++;
	}
	c->synced = true;
	c->pos = off;
}

static void
on_control(struct ws_conn *c)
{
	c->control[c->control_len] = '\0';
	if (c->load->verbose)
		fprintf(stderr, "[%u] control: %s\n", c->idx, c->control);
	if (strstr(c->control, "\"exit\"") != NULL)
		c->exited = true;
}

static void
on_attach(struct ws_conn *c, const unsigned char *p, size_t n)
{
	size_t k;

	if (c->type == ATTACH_CONTROL) {
		k = sizeof c->control - 1 - c->control_len;
		if (k > n)
			k = n;
		memcpy(c->control + c->control_len, p, k);
		c->control_len += k;
		return;
	}
	while (c->off_len < 8 && n > 0) {
		c->off[c->off_len++] = *p++;
		n--;
		if (c->off_len == 8)
			on_offset(c);
	}
	if (n == 0)
		return;
	if (c->type == ATTACH_OUTPUT) {
		on_output(c, p, n);
	} else if (c->type == ATTACH_SNAPSHOT) {
		c->n.snapshot_bytes += (long long)n;
		look_for_end(c, p, n, true);
	}
}

static void
on_payload(struct ws_conn *c, const unsigned char *p, size_t n)
{
	const struct ws_proto *proto = c->load->proto;

	if (n == 0)
		return;
	if (proto->output_type < 0) {
		c->n.msgs += c->type < 0;
		c->type = 0;
		on_output(c, p, n);
		return;
	}
	if (c->type < 0) {
		c->type = *p++;
		n--;
		c->n.msgs += c->type == proto->output_type;
	}
	if (proto->attach)
		on_attach(c, p, n);
	else if (c->type == proto->output_type && n > 0)
		on_output(c, p, n);
}

static void
on_message_end(struct ws_conn *c)
{
	if (c->load->proto->attach && c->type == ATTACH_CONTROL)
		on_control(c);
	c->ack_due |= c->load->proto->attach && c->type == ATTACH_SNAPSHOT;
	c->type = -1;
	c->off_len = 0;
	c->control_len = 0;
	c->frame.in_message = false;
}

/* ------------------------------------------------------------------ framing */

static void
on_control_frame(struct ws_conn *c)
{
	struct ws_frame *f = &c->frame;

	if (f->op == OP_PING)
		ws_send(c, OP_PONG, -1, f->ctl, f->ctl_len);
	if (f->op != OP_CLOSE)
		return;
	c->close_code = f->ctl_len >= 2 ? f->ctl[0] << 8 | f->ctl[1] : 1005;
	ws_send(c, OP_CLOSE, -1, f->ctl, f->ctl_len >= 2 ? 2 : 0);
	conn_close(c);
}

static void
check_head(struct ws_conn *c)
{
	struct ws_frame *f = &c->frame;
	bool bad = (f->head[0] & 0x70) != 0 || (f->head[1] & 0x80) != 0;

	if (f->op >= OP_CLOSE) {
		bad |= !f->fin || f->left > sizeof f->ctl;
		f->ctl_len = 0;
	} else {
		bad |= (f->op == OP_CONT) != f->in_message;
		f->in_message = true;
	}
	c->n.bad += bad;
}

/* Takes one byte of the header; true when it is complete. */
static bool
head_byte(struct ws_conn *c, unsigned char byte)
{
	struct ws_frame *f = &c->frame;
	unsigned len, i;

	f->head[f->n++] = byte;
	if (f->n < 2)
		return false;
	len = f->head[1] & 127;
	f->need = 2 + (len == 126 ? 2 : len == 127 ? 8 : 0);
	if (f->n < f->need)
		return false;
	f->left = len;
	if (len >= 126)
		for (f->left = 0, i = 2; i < f->need; i++)
			f->left = f->left << 8 | f->head[i];
	f->op = f->head[0] & 15;
	f->fin = (f->head[0] & 0x80) != 0;
	check_head(c);
	return true;
}

static void
frame_payload(struct ws_conn *c, const unsigned char *p, size_t k)
{
	struct ws_frame *f = &c->frame;

	f->left -= k;
	if (f->op < OP_CLOSE) {
		on_payload(c, p, k);
		if (f->left == 0 && f->fin)
			on_message_end(c);
	} else {
		for (; k > 0 && f->ctl_len < sizeof f->ctl; k--)
			f->ctl[f->ctl_len++] = *p++;
		if (f->left == 0)
			on_control_frame(c);
	}
	if (f->left == 0)
		f->n = 0;
}

static void
on_bytes(struct ws_conn *c, const unsigned char *p, size_t n)
{
	struct ws_frame *f = &c->frame;
	bool in_payload = f->n > 0 && f->left > 0;
	size_t k;

	c->n.wire += (long long)n;
	while (n > 0 && c->state == WS_OPEN) {
		if (!in_payload) {
			in_payload = head_byte(c, *p++);
			n--;
			if (!in_payload || (n == 0 && f->left > 0))
				continue;
		}
		k = n < f->left ? n : (size_t)f->left;
		frame_payload(c, p, k);
		in_payload = f->left > 0;
		p += k;
		n -= k;
	}
}

/* ------------------------------------------------------------------ connections */

static void
send_upgrade(struct ws_conn *c)
{
	struct ws_load *l = c->load;
	unsigned char random[16];
	char text[1024];
	size_t i;
	int n;

	for (i = 0; i < sizeof random; i++)
		random[i] = (unsigned char)rand();
	ws_key(random, c->key);
	n = snprintf(text, sizeof text,
	    "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Origin: http://%s:%d\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
	    l->path, l->host, l->port, l->host, l->port, c->key);
	if (l->proto->subproto[0] != '\0')
		n += snprintf(text + n, sizeof text - (size_t)n,
		    "Sec-WebSocket-Protocol: %s\r\n", l->proto->subproto);
	n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
	if (send(c->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		bench_die("short upgrade request");
	c->state = WS_UPGRADING;
	watch(c, EPOLL_CTL_MOD);
}

static void
on_upgraded(struct ws_conn *c, char *end)
{
	char want[WS_ACCEPT_LEN], hello[256];
	size_t rest;
	int n;

	*end = '\0';
	if (strncmp(c->http, "HTTP/1.1 101", 12) != 0) {
		fprintf(stderr, "[%u] not upgraded: %.60s\n", c->idx, c->http);
		conn_close(c);
		return;
	}
	ws_accept(c->key, want);
	if (strstr(c->http, want) == NULL)
		bench_die("Sec-WebSocket-Accept is wrong");
	c->state = WS_OPEN;
	c->load->n_open++;
	n = c->load->proto->hello(hello, sizeof hello, c->load->cols, c->load->rows);
	if (n > 0)
		ws_send(c, OP_BINARY, -1, hello, (size_t)n);
	end += 4;
	rest = (size_t)(c->http + c->http_len - end);
	on_bytes(c, (unsigned char *)end, rest);
}

static void
on_http(struct ws_conn *c)
{
	char *end;
	ssize_t k;

	k = recv(c->fd, c->http + c->http_len, sizeof c->http - 1 - c->http_len, 0);
	if (k < 0 && errno == EAGAIN)
		return;
	if (k <= 0) {
		fprintf(stderr, "[%u] closed during the upgrade\n", c->idx);
		conn_close(c);
		return;
	}
	c->http_len += (size_t)k;
	end = memmem(c->http, c->http_len, "\r\n\r\n", 4);
	if (end != NULL)
		on_upgraded(c, end);
}

static void
on_readable(struct ws_conn *c)
{
	long long before = c->n.out + c->n.snapshot_bytes;
	ssize_t k = recv(c->fd, read_buf, sizeof read_buf, 0);

	if (k < 0 && errno == EAGAIN)
		return;
	if (k <= 0) {
		conn_close(c);
		return;
	}
	on_bytes(c, read_buf, (size_t)k);
	if (c->n.out + c->n.snapshot_bytes != before)
		c->n.t_last = bench_now();
	if (c->load->proto->attach)
		acknowledge(c);
}

static void
on_event(struct ws_conn *c, uint32_t events)
{
	if (c->state == WS_CLOSED)
		return;
	if (c->state == WS_CONNECTING) {
		if (events & (EPOLLERR | EPOLLHUP))
			conn_close(c);
		else
			send_upgrade(c);
		return;
	}
	if (c->state == WS_UPGRADING) {
		on_http(c);
		return;
	}
	if (c->paused && (events & (EPOLLHUP | EPOLLERR))) {
		conn_close(c); /* reported again and again otherwise */
		return;
	}
	if (events & EPOLLOUT)
		flush_out(c);
	if (c->state != WS_CLOSED && !c->paused && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		on_readable(c);
}

void
ws_poll(struct ws_load *l, int ms)
{
	struct epoll_event ev[128];
	int i, n;

	n = epoll_wait(l->epfd, ev, 128, ms);
	for (i = 0; i < n; i++)
		on_event(ev[i].data.ptr, ev[i].events);
}

void
ws_run_for(struct ws_load *l, double seconds)
{
	double end = bench_now() + seconds, left;

	while ((left = end - bench_now()) > 0)
		ws_poll(l, (int)(left * 1000) + 1);
}

static void
conn_start(struct ws_load *l, unsigned idx)
{
	struct ws_conn *c = &l->conns[idx];

	c->load = l;
	c->idx = idx;
	c->type = -1;
	c->fd = ws_tcp_connect(l->host, l->port, true);
	if (c->fd < 0)
		bench_die("connect: %s", strerror(errno));
	c->state = WS_CONNECTING;
	watch(c, EPOLL_CTL_ADD);
}

double
ws_connect_all(struct ws_load *l, unsigned window, double timeout)
{
	double t0 = bench_now();
	unsigned started = 0, settled = 0;

	l->conns = bench_alloc(l->count * sizeof *l->conns);
	while (settled < l->count) {
		while (started < l->count && started - settled < window)
			conn_start(l, started++);
		ws_poll(l, 100);
		settled = l->n_open + l->n_failed;
		if (bench_now() - t0 > timeout)
			bench_die("connect: %u open, %u failed, then nothing", l->n_open,
			    l->n_failed);
	}
	return bench_now() - t0;
}

void
ws_counters_reset(struct ws_load *l)
{
	unsigned i;

	for (i = 0; i < l->count; i++) {
		memset(&l->conns[i].n, 0, sizeof l->conns[i].n);
		l->conns[i].start = l->conns[i].pos;
		l->conns[i].tail_len = 0;
	}
}

void
ws_pause(struct ws_conn *c, bool paused)
{
	c->paused = paused;
	if (c->state == WS_OPEN)
		watch(c, EPOLL_CTL_MOD);
}
