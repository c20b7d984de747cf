/* The table of panes and jobs. */
#include "config.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "keeper/keeper.h"

void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

struct pane *
panes_find(struct keeper *k, uint64_t id)
{
	for (size_t i = 0; i < k->npanes; i++)
		if (k->panes[i].id == id)
			return &k->panes[i];
	return NULL;
}

struct pane *
panes_by_pid(struct keeper *k, pid_t pid)
{
	for (size_t i = 0; i < k->npanes; i++)
		if (k->panes[i].pid == pid && !k->panes[i].reaped)
			return &k->panes[i];
	return NULL;
}

struct pane *
panes_add(struct keeper *k, uint64_t id)
{
	struct pane *p = panes_find(k, id);

	if (p != NULL)
		return p;
	if (k->npanes == k->cap) {
		k->cap = k->cap * 2 + 16;
		k->panes = xreallocarray(k->panes, k->cap, sizeof *k->panes);
	}
	p = &k->panes[k->npanes++];
	*p = (struct pane){.id = id, .memory = -1, .master = -1, .error = -1};
	if ((id & (KEEP_REMOTE | KEEP_JOB)) == 0 && id > k->kept.last_pane)
		k->kept.last_pane = id;
	return p;
}

size_t
panes_jobs(const struct keeper *k)
{
	size_t n = 0;

	for (size_t i = 0; i < k->npanes; i++)
		n += keep_is_job(k->panes[i].id);
	return n;
}

void
panes_drop(struct pane *p)
{
	close_fd(&p->memory);
	close_fd(&p->master);
	close_fd(&p->error);
}

void
panes_remove(struct keeper *k, uint64_t id)
{
	struct pane *p = panes_find(k, id);
	size_t i;

	if (p == NULL)
		return;
	i = (size_t)(p - k->panes);
	panes_drop(p);
	memmove(p, p + 1, (--k->npanes - i) * sizeof *p);
	/* A worker that is being told of them must skip none. */
	if (k->worker.next_pane > i)
		k->worker.next_pane--;
	if (k->next.next_pane > i)
		k->next.next_pane--;
}

/* A group's number is given out again when the last of it has gone: one whose leader was reaped
 * before the end began is nobody's to signal. */
static bool
is_left(const struct pane *p)
{
	if (p->pid <= 1) /* -1 would be everybody */
		return false;
	return (!p->reaped && kill(p->pid, 0) == 0) || (p->ending && kill(-p->pid, 0) == 0);
}

/* A job gets it once: a program may take a second SIGTERM for an order to leave all as it is. */
static void
signal_group(const struct pane *p, int sig)
{
	bool job = keep_is_job(p->id);

	if (job && sig == SIGHUP)
		sig = SIGTERM;
	if ((kill(-p->pid, sig) != 0 || !job) && !p->reaped)
		kill(p->pid, sig);
	kill(job ? -p->pid : p->pid, SIGCONT);
}

unsigned
panes_signal(struct keeper *k, int sig)
{
	unsigned left = 0;

	for (size_t i = 0; i < k->npanes; i++) {
		struct pane *p = &k->panes[i];

		if (!is_left(p))
			continue;
		p->ending = keep_is_job(p->id);
		if (sig != 0)
			signal_group(p, sig);
		/* SIGKILL leaves nothing of a group but zombies, which others may never reap. */
		left += sig != SIGKILL || !p->reaped;
	}
	return left;
}
