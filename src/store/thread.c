#include "config.h"

#include "store/thread.h"

#include <signal.h>

/* Not those that end the daemon, and not SIGXFSZ, of which a write that fails with EFBIG says
 * enough. Those of our own mistakes stay. */
int
thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t set, old;
	int rc;

	sigfillset(&set);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGFPE);
	sigdelset(&set, SIGILL);
	sigdelset(&set, SIGABRT);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	rc = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}
