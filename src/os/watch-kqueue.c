/*
 * Changes of files, by kqueue(2). A directory tells that names came or went, and a file that it was
 * written to: so each directory has a descriptor, and each file in it, and after a change the
 * directory is read and compared with what was in it before.
 *
 * There are no more than a quarter of the descriptors that this process may have. Files beyond
 * that are looked at by whoever asks: every LOOK_MS there is something to read, which says that
 * changes may have been lost.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/event.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <uthash.h>

#include "os/os.h"

#ifdef O_EVTONLY
#define OPEN_FLAGS (O_EVTONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
#else
#define OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
#endif

enum {
	NOTES_OF_DIRECTORY = NOTE_WRITE | NOTE_EXTEND | NOTE_LINK | NOTE_DELETE | NOTE_RENAME,
	NOTES_OF_FILE = NOTE_WRITE | NOTE_EXTEND | NOTE_DELETE | NOTE_RENAME,
	EVENTS = 64,
	DESCRIPTORS_MAX = 16384,
	LOOK_MS = 2000,
};

/* What was in a directory when it was read last. */
struct name {
	ino_t inode;
	int fd; /* -1: of a directory, or no file, or there are no more descriptors */
	bool file, seen;
	UT_hash_handle hh;
	char name[];
};

struct dir {
	int fd;
	bool reading;
	struct name *names;
	UT_hash_handle hh;
	char path[];
};

struct place {
	struct dir *dir;   /* NULL: nothing is watched by this descriptor */
	struct name *name; /* NULL: it is the directory's own */
};

struct os_watch {
	int kq, wake[2];
	struct kevent events[EVENTS]; /* that were read and not taken */
	int nevents;
	struct dir *dirs;
	struct place *places; /* by descriptor */
	int nplaces, open, open_max;
	unsigned without; /* files that have none */
	int64_t look_ms;  /* when they were looked at */
	char *last;       /* path that was told last, of one os_watch_read */
	void (*changed)(const char *path, bool directory, void *arg);
	void *arg;
};

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool
hear_waking(struct os_watch *w)
{
	struct kevent ev;

	EV_SET(&ev, w->wake[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
	return kevent(w->kq, &ev, 1, NULL, 0, NULL) == 0;
}

struct os_watch *
os_watch_new(void)
{
	struct os_watch *w = calloc(1, sizeof *w);
	struct rlimit rl;

	if (w == NULL)
		return NULL;
	w->wake[0] = w->wake[1] = -1;
	w->open_max = DESCRIPTORS_MAX;
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur / 4 < DESCRIPTORS_MAX)
		w->open_max = (int)(rl.rlim_cur / 4);
	w->kq = kqueue();
	if (w->kq < 0 || os_pipe(w->wake) != 0 || fcntl(w->kq, F_SETFD, FD_CLOEXEC) != 0 ||
	    fcntl(w->wake[0], F_SETFL, O_NONBLOCK) != 0 ||
	    fcntl(w->wake[1], F_SETFL, O_NONBLOCK) != 0 || !hear_waking(w)) {
		os_watch_free(w);
		return NULL;
	}
	w->look_ms = now_ms();
	return w;
}

/* Descriptors. What was told of one by an event that is older than its file is told of the new one,
 * which is one look too many and not one too few. */

static int
make_room(struct os_watch *w, int fd)
{
	int n = fd + 64;
	struct place *places;

	if (fd < w->nplaces)
		return 0;
	places = realloc(w->places, (size_t)n * sizeof *places);
	if (places == NULL)
		return -ENOMEM;
	memset(places + w->nplaces, 0, (size_t)(n - w->nplaces) * sizeof *places);
	w->places = places;
	w->nplaces = n;
	return 0;
}

/* Takes the descriptor in any case. It, or -errno. */
static int
listen_to(struct os_watch *w, int fd, unsigned notes, struct dir *d, struct name *name)
{
	struct kevent ev;
	int rc;

	EV_SET(&ev, fd, EVFILT_VNODE, EV_ADD | EV_CLEAR, notes, 0, NULL);
	rc = make_room(w, fd);
	if (rc == 0 && kevent(w->kq, &ev, 1, NULL, 0, NULL) != 0)
		rc = -errno;
	if (rc != 0) {
		close(fd);
		return rc;
	}
	w->places[fd] = (struct place){d, name};
	w->open++;
	return fd;
}

static void
leave(struct os_watch *w, int fd)
{
	if (fd < 0)
		return;
	w->places[fd] = (struct place){NULL, NULL};
	w->open--;
	close(fd); /* and with it what is to be told of it */
}

static void
drop_name(struct os_watch *w, struct dir *d, struct name *n)
{
	if (n->file && n->fd < 0)
		w->without--;
	leave(w, n->fd);
	HASH_DEL(d->names, n);
	free(n);
}

static void
drop_dir(struct os_watch *w, struct dir *d)
{
	struct name *n, *next;

	HASH_ITER (hh, d->names, n, next)
		drop_name(w, d, n);
	leave(w, d->fd);
	HASH_DEL(w->dirs, d);
	free(d);
}

void
os_watch_free(struct os_watch *w)
{
	struct dir *d, *next;

	if (w == NULL)
		return;
	HASH_ITER (hh, w->dirs, d, next)
		drop_dir(w, d);
	for (int i = 0; i < 2; i++)
		if (w->wake[i] >= 0)
			close(w->wake[i]);
	if (w->kq >= 0)
		close(w->kq);
	free(w->places);
	free(w);
}

/* Telling. Writers that append write often: the same path in a row is told once. */

static void
tell(struct os_watch *w, const struct dir *d, const struct name *n, bool directory)
{
	char *path;

	if (w->changed == NULL || asprintf(&path, "%s/%s", d->path, n->name) < 0)
		return;
	if (w->last == NULL || strcmp(w->last, path) != 0)
		w->changed(path, directory, w->arg);
	free(w->last);
	w->last = path;
}

/* Reading directories. */

static struct name *
find_name(struct os_watch *w, struct dir *d, const char *name, const struct stat *st)
{
	size_t len = strlen(name);
	struct name *n;

	HASH_FIND(hh, d->names, name, len, n);
	if (n != NULL && n->inode == st->st_ino && n->file == S_ISREG(st->st_mode))
		return n;
	if (n != NULL)
		drop_name(w, d, n); /* another has its name now */
	return NULL;
}

static struct name *
add_name(struct os_watch *w, struct dir *d, const char *name, const struct stat *st)
{
	size_t len = strlen(name);
	struct name *n = calloc(1, sizeof *n + len + 1);

	if (n == NULL)
		return NULL;
	memcpy(n->name, name, len);
	n->inode = st->st_ino;
	n->file = S_ISREG(st->st_mode);
	n->fd = -1;
	if (n->file)
		w->without++;
	HASH_ADD(hh, d->names, name, len, n);
	return n;
}

/* Whether it was unknown how much was written to it until now. */
static bool
open_file(struct os_watch *w, struct dir *d, struct name *n)
{
	int fd;

	if (!n->file || n->fd >= 0 || w->open >= w->open_max)
		return false;
	fd = openat(d->fd, n->name, OPEN_FLAGS);
	if (fd >= 0)
		fd = listen_to(w, fd, NOTES_OF_FILE, d, n);
	if (fd < 0)
		return false;
	n->fd = fd;
	w->without--;
	return true;
}

static void
look_at(struct os_watch *w, struct dir *d, const char *name)
{
	struct stat st;
	struct name *n;

	if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	n = find_name(w, d, name, &st);
	if (n != NULL) {
		n->seen = true;
		if (open_file(w, d, n))
			tell(w, d, n, false);
		return;
	}
	if ((n = add_name(w, d, name, &st)) == NULL)
		return;
	n->seen = true;
	open_file(w, d, n);
	tell(w, d, n, S_ISDIR(st.st_mode));
}

/* Before the first time everything in it is old. */
static int
read_dir(struct os_watch *w, struct dir *d)
{
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	struct name *n, *next;
	struct dirent *e;

	if (list == NULL) {
		int err = errno;
		if (fd >= 0)
			close(fd);
		return -err;
	}
	d->reading = true;
	for (n = d->names; n != NULL; n = n->hh.next)
		n->seen = false;
	while ((e = readdir(list)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			look_at(w, d, e->d_name);
	closedir(list);
	d->reading = false;
	HASH_ITER (hh, d->names, n, next)
		if (!n->seen)
			drop_name(w, d, n);
	return 0;
}

/* Another directory may have its path by now. */
static bool
is_same(const struct dir *d)
{
	struct stat its, now;

	return fstat(d->fd, &its) == 0 && lstat(d->path, &now) == 0 &&
	       its.st_dev == now.st_dev && its.st_ino == now.st_ino;
}

int
os_watch_add(struct os_watch *w, const char *dir)
{
	void (*changed)(const char *, bool, void *) = w->changed;
	size_t len = strlen(dir);
	struct dir *d;
	int rc;

	HASH_FIND(hh, w->dirs, dir, len, d);
	if (d != NULL && (d->reading || is_same(d)))
		return 0;
	if (d != NULL)
		drop_dir(w, d);
	if (w->open >= w->open_max)
		return -EMFILE;
	if ((d = calloc(1, sizeof *d + len + 1)) == NULL)
		return -ENOMEM;
	memcpy(d->path, dir, len);
	d->fd = open(dir, OPEN_FLAGS | O_DIRECTORY);
	rc = d->fd >= 0 ? listen_to(w, d->fd, NOTES_OF_DIRECTORY, d, NULL) : -errno;
	if (rc < 0) {
		free(d);
		return rc;
	}
	HASH_ADD(hh, w->dirs, path, len, d);
	w->changed = NULL;
	rc = read_dir(w, d);
	w->changed = changed;
	if (rc != 0)
		drop_dir(w, d);
	return rc;
}

/* Events. */

/* The time until those without a descriptor are to be looked at; -1: there are none. */
static int
patience(const struct os_watch *w)
{
	int64_t ms = w->look_ms + LOOK_MS - now_ms();

	if (w->without == 0)
		return -1;
	return ms > 0 ? (int)ms : 0;
}

/* Whether another thread woke this one, which is said once. */
static bool
take_waking(struct os_watch *w)
{
	char bytes[64];
	int left = 0;

	for (int i = 0; i < w->nevents; i++)
		if (w->events[i].ident != (uintptr_t)w->wake[0])
			w->events[left++] = w->events[i];
	if (left == w->nevents)
		return false;
	w->nevents = left;
	while (read(w->wake[0], bytes, sizeof bytes) > 0)
		;
	return true;
}

static void
read_events(struct os_watch *w, int timeout_ms)
{
	struct timespec t = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};

	w->nevents = kevent(w->kq, NULL, 0, w->events, EVENTS, timeout_ms >= 0 ? &t : NULL);
	if (w->nevents < 0)
		w->nevents = 0; /* a signal came */
}

int
os_watch_wait(struct os_watch *w, int timeout_ms)
{
	int look = patience(w), ms = timeout_ms;

	if (look >= 0 && (ms < 0 || look < ms))
		ms = look;
	if (w->nevents == 0)
		read_events(w, ms);
	if (take_waking(w))
		return 0;
	return w->nevents != 0 || patience(w) == 0;
}

void
os_watch_wake(struct os_watch *w)
{
	if (write(w->wake[1], "", 1) < 0)
		return; /* it is awake */
}

static void
take(struct os_watch *w, const struct kevent *e)
{
	int fd = (int)e->ident;
	struct place p;

	if (fd < 0 || fd >= w->nplaces || w->places[fd].dir == NULL)
		return;
	p = w->places[fd];
	if (p.name != NULL) {
		if (e->fflags & (NOTE_WRITE | NOTE_EXTEND))
			tell(w, p.dir, p.name, false);
	} else if ((e->fflags & (NOTE_DELETE | NOTE_RENAME)) != 0 || read_dir(w, p.dir) != 0) {
		/* Whoever watches what it is in hears of it where it is now. */
		if (!is_same(p.dir))
			drop_dir(w, p.dir);
	}
}

int
os_watch_read(struct os_watch *w, void (*changed)(const char *, bool, void *), void *arg)
{
	bool lost = patience(w) == 0, woken = false;

	w->changed = changed;
	w->arg = arg;
	for (; w->nevents != 0 || (read_events(w, 0), w->nevents != 0); w->nevents = 0) {
		woken = take_waking(w) || woken;
		/* What is written from here on has events of its own. */
		free(w->last);
		w->last = NULL;
		for (int i = 0; i < w->nevents; i++)
			take(w, &w->events[i]);
	}
	if (woken)
		os_watch_wake(w); /* it was meant for whoever waits */
	free(w->last);
	w->last = NULL;
	w->changed = NULL;
	if (lost)
		w->look_ms = now_ms();
	return lost;
}
