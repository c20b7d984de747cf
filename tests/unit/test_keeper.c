/* The keeper's table, and what one keeper passes to the next, be that older or newer. */
#include "config.h"

#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/keeper.h"

enum { JOBS = 3 };

static const uint64_t a_job = KEEP_JOB | (uint64_t)2 << 48 | 7;

/* As builds before jobs have it. */
struct old_pane {
	uint64_t id;
	pid_t pid;
	int memory, master;
	bool reaped, tell;
	int status;
	unsigned tries;
};

struct old_status {
	uint32_t size;
	int32_t pid;
	uint32_t panes, descriptors;
	uint64_t resident;
	uint64_t uptime_ms;
	uint32_t crashes;
	uint32_t upgrades, upgrades_failed;
	int32_t last_status;
	char last_failure[128];
};

struct old_state {
	uint32_t magic, size, pane_size, npanes;
	uint32_t socket;
	int32_t worker_fd, worker_pid;
	uint32_t pad;
	struct {
		int32_t tcp, local;
		uint32_t crashes_max;
		uint64_t last_pane;
		uint64_t started_ms;
		int64_t started_wall_ms;
		struct old_status said;
	} kept;
};

static int
any_fd(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
release(struct keeper *k)
{
	while (k->npanes != 0)
		panes_remove(k, k->panes[0].id);
	free(k->panes);
	close_fd(&k->kept.tcp);
	close_fd(&k->kept.local);
	close_fd(&k->worker.fd);
	free(k->socket);
}

/* Two panes with a job before, between and behind them. */
static void
make(struct keeper *k)
{
	static const uint64_t ids[] = {a_job, 4, a_job + 1, KEEP_REMOTE | 9, a_job + 2};

	*k = (struct keeper){.kept = {any_fd(), any_fd(), 5, .said = {.upgrades = 6}},
	    .report = -1,
	    .socket = strdup("/a/socket"),
	    .worker = {.fd = any_fd(), .pid = 77}};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		struct pane *p = panes_add(k, ids[i]);

		p->pid = 1000 + (int)i;
		p->memory = any_fd();
		p->error = i == 2 ? any_fd() : -1;
		p->status = 300 + (int)i;
		p->reaped = p->tell = i == 2;
	}
}

static void
jobs_do_not_count_as_panes(void **state)
{
	struct keeper k;

	(void)state;
	make(&k);
	assert_int_equal(k.kept.last_pane, 4);
	assert_int_equal(panes_jobs(&k), JOBS);
	k.worker.next_pane = 4;
	panes_remove(&k, a_job + 1);
	assert_int_equal(k.worker.next_pane, 3);
	assert_null(panes_find(&k, a_job + 1));
	assert_int_equal(panes_by_pid(&k, 1004)->id, a_job + 2);
	release(&k);
}

static void
state_comes_back(void **state)
{
	struct keeper k, next = {0};
	const struct pane *p;
	int fd;

	(void)state;
	make(&k);
	fd = state_write(&k);
	assert_true(fd >= 0);
	assert_int_equal(state_read(&next, fd), 0);
	assert_int_equal(next.npanes, 5);
	assert_int_equal(panes_jobs(&next), JOBS);
	assert_string_equal(next.socket, "/a/socket");
	assert_int_equal(next.worker.pid, 77);
	assert_int_equal(next.kept.said.upgrades, 6);
	assert_int_equal(next.kept.last_pane, 4);
	for (size_t i = 0; i < k.npanes; i++) {
		p = panes_find(&next, k.panes[i].id);
		assert_memory_equal(p, &k.panes[i], sizeof *p);
	}
	/* The worker knows another keeper, and must hear of this one; nothing waits for its answer. */
	assert_false(next.worker.hello);
	assert_true(next.worker.here);
	/* A descriptor that did not come along is found out. */
	for (size_t i = 0; i < next.npanes; i++)
		if (next.panes[i].error >= 0)
			close(next.panes[i].error);
	free(next.panes);
	free(next.socket);
	next = (struct keeper){0};
	assert_int_not_equal(state_read(&next, fd), 0);
	free(next.panes);
	free(next.socket);
	close(fd);
	panes_find(&k, a_job + 1)->error = -1;
	release(&k);
}

static void
an_older_keeper_sees_the_panes_alone(void **state)
{
	char data[4096], *at = data;
	struct old_state s;
	struct old_pane p;
	struct keeper k;
	ssize_t n;
	int fd;

	(void)state;
	make(&k);
	fd = state_write(&k);
	n = pread(fd, data, sizeof data, 0);
	assert_true(n > (ssize_t)sizeof s);
	memcpy(&s, data, sizeof s);
	assert_true(s.size >= sizeof s);
	assert_true(s.pane_size >= sizeof p);
	assert_int_equal(s.npanes, 2);
	assert_int_equal(s.kept.last_pane, 4);
	assert_int_equal(s.kept.said.upgrades, 6);
	assert_true(s.size + s.npanes * s.pane_size + s.socket <= (size_t)n);
	at += s.size;
	for (unsigned i = 0; i < 2; i++, at += s.pane_size) {
		const struct pane *is = &k.panes[i * 2 + 1];

		memcpy(&p, at, sizeof p);
		assert_int_equal(p.id, is->id);
		assert_int_equal(p.pid, is->pid);
		assert_int_equal(p.memory, is->memory);
		assert_int_equal(p.master, -1);
		assert_int_equal(p.status, is->status);
	}
	assert_memory_equal(at, "/a/socket", s.socket);
	close(fd);
	release(&k);
}

static void
an_older_keepers_state_is_read(void **state)
{
	struct old_pane p = {
	    .id = 4, .pid = 1000, .memory = any_fd(), .master = -1, .status = 3};
	struct old_state s = {0x314b5350, sizeof s, sizeof p, 1, 3, any_fd(), 77, 0,
	    {any_fd(), any_fd(), 5, 9, 1, 2, {.upgrades = 6}}};
	int fd = memfd_create("old", MFD_CLOEXEC);
	struct keeper k = {.report = -1};

	(void)state;
	assert_int_equal(write(fd, &s, sizeof s), sizeof s);
	assert_int_equal(write(fd, &p, sizeof p), sizeof p);
	assert_int_equal(write(fd, "/a/", 3), 3);
	assert_int_equal(state_read(&k, fd), 0);
	assert_int_equal(k.npanes, 1);
	assert_int_equal(k.panes[0].pid, 1000);
	assert_int_equal(k.panes[0].error, -1);
	assert_int_equal(k.panes[0].status, 3);
	assert_int_equal(k.kept.last_pane, 9);
	assert_int_equal(k.kept.said.upgrades, 6);
	assert_string_equal(k.socket, "/a/");
	close(fd);
	release(&k);
}

/* Every prefix of one that is whole, and every number of its tail turned over. */
static void
damaged_state_is_refused(void **state)
{
	struct keeper k, next = {0};
	char data[4096];
	ssize_t n;
	int fd;

	(void)state;
	make(&k);
	fd = state_write(&k);
	n = pread(fd, data, sizeof data, 0);
	assert_true(n > 0 && n < (ssize_t)sizeof data);
	close(fd);
	for (ssize_t len = 0; len < n; len++) {
		next = (struct keeper){0};
		fd = memfd_create("cut", MFD_CLOEXEC);
		assert_int_equal(write(fd, data, (size_t)len), len);
		assert_int_not_equal(state_read(&next, fd), 0);
		close(fd);
		free(next.panes);
		free(next.socket);
	}
	/* The count of jobs lies before the jobs. */
	next = (struct keeper){0};
	data[n - JOBS * (ssize_t)sizeof(struct pane) - 4]++;
	fd = memfd_create("more", MFD_CLOEXEC);
	assert_int_equal(write(fd, data, (size_t)n), n);
	assert_int_not_equal(state_read(&next, fd), 0);
	close(fd);
	free(next.panes);
	free(next.socket);
	release(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(jobs_do_not_count_as_panes),
	    cmocka_unit_test(state_comes_back),
	    cmocka_unit_test(an_older_keeper_sees_the_panes_alone),
	    cmocka_unit_test(an_older_keepers_state_is_read),
	    cmocka_unit_test(damaged_state_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
