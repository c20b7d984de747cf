/* The table of panes. */
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
	*p = (struct pane){.id = id, .memory = -1, .master = -1};
	if ((id & KEEP_REMOTE) == 0 && id > k->kept.last_pane)
		k->kept.last_pane = id;
	return p;
}

void
panes_remove(struct keeper *k, uint64_t id)
{
	struct pane *p = panes_find(k, id);
	size_t i;

	if (p == NULL)
		return;
	i = (size_t)(p - k->panes);
	close_fd(&p->memory);
	close_fd(&p->master);
	memmove(p, p + 1, (--k->npanes - i) * sizeof *p);
	/* A worker that is being told of them must skip none. */
	if (k->worker.next_pane > i)
		k->worker.next_pane--;
	if (k->next.next_pane > i)
		k->next.next_pane--;
}

unsigned
panes_signal(struct keeper *k, int sig)
{
	unsigned left = 0;

	for (size_t i = 0; i < k->npanes; i++) {
		const struct pane *p = &k->panes[i];

		if (p->reaped || p->pid <= 0 || kill(p->pid, 0) != 0)
			continue;
		left++;
		if (sig == 0)
			continue;
		kill(-p->pid, sig);
		kill(p->pid, sig);
		kill(p->pid, SIGCONT);
	}
	return left;
}
