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

/* Index of the first pane with that id or a higher one. */
static size_t
position(const struct keeper *k, uint64_t id)
{
	size_t lo = 0, hi = k->npanes;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (k->panes[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct pane *
panes_find(struct keeper *k, uint64_t id)
{
	size_t i = position(k, id);

	return i < k->npanes && k->panes[i].id == id ? &k->panes[i] : NULL;
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
	size_t i = position(k, id);

	if (i < k->npanes && k->panes[i].id == id)
		return &k->panes[i];
	if (k->npanes == k->cap) {
		k->cap = k->cap * 2 + 16;
		k->panes = xreallocarray(k->panes, k->cap, sizeof *k->panes);
	}
	memmove(k->panes + i + 1, k->panes + i, (k->npanes - i) * sizeof *k->panes);
	k->panes[i] = (struct pane){.id = id, .memory = -1, .master = -1};
	k->npanes++;
	if (id > k->last_id)
		k->last_id = id;
	return &k->panes[i];
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
