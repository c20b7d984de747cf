/* The spool's thread: from descriptors to files, and from files to the owner's queue. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <utlist.h>

#include "base/file.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "job/spool_priv.h"
#include "os/os.h"

enum {
	MOVE_MAX = 256 * 1024, /* bytes of a channel before it is the others' turn */
	DRAIN_MAX =
	    256 * 1024, /* of a channel that is stopped, where it is not known how many */
};

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
spool_dispose(struct spool_channel *c)
{
	struct piece *p;

	while ((p = c->first) != NULL) {
		c->first = p->next;
		free(p);
	}
	close_fd(&c->fd);
	close_fd(&c->file);
	free(c->rest);
	free(c);
}

/* No more is read. */
static void
decide(struct spool_channel *c, enum spool_end how, int err)
{
	if (c->decided)
		return;
	c->decided = true;
	c->how = how == SPOOL_EOF && c->stopping ? SPOOL_STOPPED : how;
	c->err = err;
	close_fd(&c->fd);
}

static void
set_stuck(struct spool_channel *c, int err)
{
	struct spool *s = c->spool;

	if (err != 0)
		c->retry_us = clock_mono_us() + (uint64_t)SPOOL_RETRY_MS * 1000;
	if ((c->stuck != 0) == (err != 0))
		return;
	c->stuck = err;
	pthread_mutex_lock(&s->lock);
	c->stuck_now = err;
	if (!c->removed)
		spool_make_ready(c);
	pthread_mutex_unlock(&s->lock);
	s->posted = true;
}

/* The file cannot be had or written. */
static void
fail_file(struct spool_channel *c, int err)
{
	if (err == -ELOOP || err == -EINVAL || err == -EISDIR || err == -ENXIO)
		decide(c, SPOOL_ERROR, err);
	else if (c->stopping)
		decide(c, SPOOL_STOPPED, err);
	else
		set_stuck(c, err);
}

static bool
open_file(struct spool_channel *c, bool make)
{
	char name[CHANNEL_NAME_MAX];
	int rc;

	if (c->file >= 0)
		return true;
	/* The directory may have been removed, or replaced. */
	if (make && !file_is_at(c->spool->dir, c->spool->path) &&
	    (rc = spool_open_dir(c->spool)) != 0) {
		fail_file(c, rc);
		return false;
	}
	spool_name(c->job, c->number, name);
	c->file = spool_open(c->spool->dir, name, O_RDWR | (make ? O_CREAT : 0), &c->end);
	if (c->file >= 0 || (c->file == -ENOENT && !make))
		return true;
	fail_file(c, c->file);
	c->file = -1;
	return false;
}

/* Where it is to go on. */
static void
look_up(struct spool_channel *c)
{
	if (!open_file(c, false))
		return;
	set_stuck(c, 0);
	pthread_mutex_lock(&c->spool->lock);
	if (c->given > c->end)
		c->given = c->end;
	c->loaded = c->given;
	pthread_mutex_unlock(&c->spool->lock);
	c->known = true;
	if (c->fd < 0)
		decide(c, SPOOL_EOF, 0);
	else if (c->copies)
		fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
}

/* How many bytes may be taken, up to `most`; *limited: none, because of the limit. */
static size_t
room_of(struct spool_channel *c, size_t most, bool *limited)
{
	struct spool *s = c->spool;
	uint64_t ahead, left;

	*limited = false;
	pthread_mutex_lock(&s->lock);
	ahead = c->end - c->given;
	left = ahead < SPOOL_AHEAD ? SPOOL_AHEAD - ahead : 0;
	if (left < most)
		most = (size_t)left;
	if (c->removed) {
		most = 0;
	} else if (c->limit != NULL) {
		left = c->limit->used < c->limit->max ? c->limit->max - c->limit->used : 0;
		*limited = left == 0;
		if (left < most)
			most = (size_t)left;
	}
	pthread_mutex_unlock(&s->lock);
	return c->stopping && c->drain < most ? c->drain : most;
}

static void
count(struct spool_channel *c, size_t n)
{
	pthread_mutex_lock(&c->spool->lock);
	if (!c->removed && c->limit != NULL)
		c->limit->used += n;
	pthread_mutex_unlock(&c->spool->lock);
	if (c->stopping)
		c->drain -= n < c->drain ? n : c->drain;
}

/* What was read and not written; false if it is still to be. */
static bool
write_rest(struct spool_channel *c, const char *data, size_t len)
{
	char *rest;
	ssize_t n;

	while (len != 0 && open_file(c, true)) {
		n = pwrite(c->file, data, len, (off_t)c->end);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fail_file(c, n < 0 ? -errno : -EIO);
			break;
		}
		c->end += (uint64_t)n;
		data += n;
		len -= (size_t)n;
	}
	rest = NULL;
	if (len != 0) {
		rest = xmalloc(len);
		memcpy(rest, data, len);
	}
	free(c->rest);
	c->rest = rest;
	c->nrest = len;
	if (len == 0)
		set_stuck(c, 0);
	return len == 0;
}

/* The following return how many bytes were taken; 0: none for now, or it is decided. */

static size_t
copy(struct spool_channel *c, size_t len)
{
	struct spool *s = c->spool;
	ssize_t n = read(c->fd, s->buffer, len < SPOOL_PIECE ? len : SPOOL_PIECE);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	if (n == 0 || (n < 0 && c->pty && errno == EIO)) {
		decide(c, SPOOL_EOF, 0);
		return 0;
	}
	if (n < 0) {
		decide(c, SPOOL_ERROR, -errno);
		return 0;
	}
	count(c, (size_t)n);
	return write_rest(c, s->buffer, (size_t)n) ? (size_t)n : 0;
}

static size_t
move(struct spool_channel *c, size_t len)
{
	ssize_t n;

	if (!open_file(c, true))
		return 0;
	n = os_move(c->fd, c->file, c->end, len);
	if (n == -EINVAL || n == -ENOSYS) {
		c->copies = true;
		fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
		return copy(c, len);
	}
	if (n < 0 && n != -EAGAIN) {
		fail_file(c, (int)n);
		return 0;
	}
	set_stuck(c, 0);
	if (n == 0)
		decide(c, SPOOL_EOF, 0);
	if (n <= 0)
		return 0;
	c->end += (uint64_t)n;
	count(c, (size_t)n);
	/* Its writer has much, and is to wait less often. */
	if (n >= SPOOL_PIECE && !c->wide) {
		c->wide = true;
		os_widen(c->fd, MOVE_MAX);
	}
	return (size_t)n;
}

/* Bytes that wait in the descriptor; INT_MAX where it does not say. */
static int
waiting_in(const struct spool_channel *c)
{
	int n;

	return ioctl(c->fd, FIONREAD, &n) == 0 && n >= 0 ? n : INT_MAX;
}

static void
take(struct spool_channel *c, bool hung_up)
{
	size_t left = MOVE_MAX, len, n = 0;
	bool limited;

	do {
		len = room_of(c, left, &limited);
		if (limited && waiting_in(c) != 0)
			decide(c, SPOOL_LIMIT, 0);
		else if (limited && hung_up)
			decide(c, SPOOL_EOF, 0);
		if (len == 0 || c->decided)
			break;
		n = c->copies ? copy(c, len) : move(c, len);
		left -= n;
	} while (n >= SPOOL_PIECE && left != 0);
	if (c->stopping && (c->drain == 0 || (len != 0 && n == 0)) && c->nrest == 0)
		decide(c, SPOOL_STOPPED, 0);
}

/* What poll(2) said of it. */
static void
attend(struct spool_channel *c, short what)
{
	bool hung_up = (what & (POLLHUP | POLLERR)) != 0;

	if (c->nrest != 0 && !write_rest(c, c->rest, c->nrest))
		return;
	if ((what & POLLNVAL) != 0)
		decide(c, SPOOL_ERROR, -EBADF);
	/* Its last bytes may have come between poll's look at them and that at its writers. */
	else if ((what & POLLIN) == 0 && hung_up && !c->pty && waiting_in(c) == 0)
		decide(c, SPOOL_EOF, 0);
	else if ((what & POLLIN) != 0 || hung_up)
		take(c, hung_up);
	else if (c->stopping)
		decide(c, SPOOL_STOPPED, 0);
	else
		set_stuck(c, 0);
}

/* To the owner. */

/* False: the queue is full. */
static bool
has_queue_room(struct spool *s)
{
	bool has;

	pthread_mutex_lock(&s->lock);
	has = s->queued < QUEUE_MAX;
	pthread_mutex_unlock(&s->lock);
	return has;
}

static void
post(struct spool_channel *c, struct piece *take)
{
	struct spool *s = c->spool;

	pthread_mutex_lock(&s->lock);
	if (c->removed) {
		free(take);
	} else {
		if (c->last != NULL)
			c->last->next = take;
		else
			c->first = take;
		c->last = take;
		s->queued += take->len;
		spool_make_ready(c);
	}
	pthread_mutex_unlock(&s->lock);
	s->posted = true;
}

static struct piece *
new_piece(struct spool *s, size_t len)
{
	struct piece *p = NULL;

	if (len == SPOOL_PIECE) {
		pthread_mutex_lock(&s->lock);
		p = s->spare;
		if (p != NULL) {
			s->spare = p->next;
			s->nspare--;
		}
		pthread_mutex_unlock(&s->lock);
	}
	return p != NULL ? p : xmalloc(sizeof *p + len);
}

static void
load(struct spool_channel *c)
{
	uint64_t left = c->end - c->loaded;
	size_t len = left < SPOOL_PIECE ? (size_t)left : SPOOL_PIECE;
	struct piece *p = new_piece(c->spool, len);
	ssize_t n;

	do {
		n = pread(c->file, p->data, len, (off_t)c->loaded);
	} while (n < 0 && errno == EINTR);
	if (n <= 0) {
		/* Somebody cut it, or the disk fails: what is behind cannot be given in order. */
		c->err = n < 0 ? -errno : -EIO;
		c->how = SPOOL_ERROR;
		decide(c, c->how, c->err);
		c->end = c->loaded;
		free(p);
		return;
	}
	p->next = NULL;
	p->offset = c->loaded;
	p->len = (size_t)n;
	c->loaded += (uint64_t)n;
	post(c, p);
}

/* All of it is on its way to the owner. */
static void
finish(struct spool_channel *c)
{
	struct spool *s = c->spool;

	close_fd(&c->file);
	DL_DELETE(s->channels, c);
	pthread_mutex_lock(&s->lock);
	c->held = false;
	if (!c->removed) {
		c->finished = c->ended = true;
		spool_make_ready(c);
	}
	pthread_mutex_unlock(&s->lock);
	s->posted = true;
}

/* A piece of each in turn, as long as there is room. */
static void
load_all(struct spool *s)
{
	struct spool_channel *c, *tmp;
	bool full = !has_queue_room(s), more;

	do {
		more = false;
		DL_FOREACH_SAFE (s->channels, c, tmp) {
			if (c->known && c->loaded < c->end && !full) {
				load(c);
				full = !has_queue_room(s);
				/* Where it stopped is where it goes on. */
				DL_DELETE(s->channels, c);
				DL_APPEND(s->channels, c);
				more = more || c->loaded < c->end;
			}
			if (c->decided && c->loaded == c->end)
				finish(c);
		}
	} while (more && !full);
	if (s->posted)
		uv_async_send(&s->notice);
	s->posted = false;
}

/* From the owner. */

static void
begin_stop(struct spool_channel *c)
{
	/* A PTY has more than it says. */
	int n = c->fd >= 0 && !c->pty ? waiting_in(c) : INT_MAX;

	c->stopping = true;
	c->drain = n != INT_MAX ? (size_t)n : DRAIN_MAX;
}

/* Returns those that are to be disposed of, by ready_next. */
static struct spool_channel *
take_news(struct spool *s)
{
	struct spool_channel *c, *gone = NULL;

	while ((c = s->news) != NULL) {
		DL_DELETE2(s->news, c, news_prev, news_next);
		c->is_news = false;
		if (c->removed) {
			if (c->held)
				DL_DELETE(s->channels, c);
			c->ready_next = gone;
			gone = c;
			continue;
		}
		if (!c->held && !c->finished) {
			c->held = true;
			DL_APPEND(s->channels, c);
		}
		if (c->stop && !c->stopping)
			begin_stop(c);
	}
	return gone;
}

/* False: it is to end. */
static bool
hear(struct spool *s)
{
	struct spool_channel *c, *gone;
	bool go_on;

	pthread_mutex_lock(&s->lock);
	gone = take_news(s);
	go_on = !s->quit;
	s->quiet = s->paused;
	s->changed = false;
	pthread_mutex_unlock(&s->lock);
	while ((c = gone) != NULL) {
		gone = c->ready_next;
		spool_dispose(c);
	}
	return go_on;
}

/* Waiting. */

static bool
is_due(const struct spool_channel *c, uint64_t now, uint64_t *next)
{
	if (c->stuck == 0 || c->retry_us <= now || c->stopping)
		return true;
	if (c->retry_us < *next)
		*next = c->retry_us;
	return false;
}

static void
watch(struct spool *s, struct spool_channel *c)
{
	if (s->npolls == s->polls_cap) {
		s->polls_cap = s->polls_cap != 0 ? s->polls_cap * 2 : 64;
		s->polls = xreallocarray(s->polls, s->polls_cap, sizeof *s->polls);
		s->polled = xreallocarray(s->polled, s->polls_cap, sizeof(void *));
	}
	s->polls[s->npolls] =
	    (struct pollfd){.fd = c != NULL ? c->fd : s->wake[0], .events = POLLIN};
	s->polled[s->npolls++] = c;
}

/* What to wait for, with the lock. Returns when to end that: 0 now, UINT64_MAX never. */
static uint64_t
choose(struct spool *s)
{
	uint64_t now = clock_mono_us(), next = UINT64_MAX;
	struct spool_channel *c;

	s->npolls = 0;
	s->hungry = false;
	watch(s, NULL);
	DL_FOREACH (s->channels, c) {
		bool full = c->known && c->end - c->given >= SPOOL_AHEAD;

		if (full || (c->known && c->loaded < c->end))
			s->hungry = true;
		if (c->decided || full || s->quiet || !is_due(c, now, &next))
			continue;
		if (c->known)
			watch(s, c);
		if (!c->known || c->stopping || c->stuck != 0)
			next = 0;
	}
	if (s->news != NULL || s->changed || (s->hungry && s->queued <= QUEUE_LOW))
		next = 0;
	s->sleeping = next != 0;
	return next;
}

static int
timeout_of(uint64_t until_us)
{
	uint64_t now = clock_mono_us();

	if (until_us == UINT64_MAX)
		return -1;
	return until_us > now ? (int)((until_us - now) / 1000 + 1) : 0;
}

static void
wait_for(struct spool *s)
{
	uint64_t until;
	char byte[16];

	pthread_mutex_lock(&s->lock);
	until = choose(s);
	pthread_mutex_unlock(&s->lock);
	if (poll(s->polls, (nfds_t)s->npolls, timeout_of(until)) < 0)
		s->npolls = 0; /* interrupted, or no memory for now */
	pthread_mutex_lock(&s->lock);
	s->sleeping = false;
	pthread_mutex_unlock(&s->lock);
	if (s->npolls != 0 && s->polls[0].revents != 0)
		while (read(s->wake[0], byte, sizeof byte) > 0)
			;
}

static void
look_up_new(struct spool *s)
{
	uint64_t now = clock_mono_us(), next = UINT64_MAX;
	struct spool_channel *c;

	DL_FOREACH (s->channels, c)
		if (!c->known && !c->decided && is_due(c, now, &next))
			look_up(c);
}

void *
spool_run(void *spool)
{
	struct spool *s = spool;
	struct spool_channel *c, *tmp;

	while (hear(s)) {
		look_up_new(s);
		load_all(s);
		wait_for(s);
		for (size_t i = 1; i < s->npolls; i++) {
			c = s->polled[i];
			if (s->polls[i].revents != 0 || c->stopping || c->stuck != 0)
				attend(c, s->polls[i].revents);
		}
		load_all(s);
	}
	DL_FOREACH_SAFE (s->channels, c, tmp)
		spool_dispose(c);
	return NULL;
}
