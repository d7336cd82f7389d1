/*
 * Preloaded into the bridge: a loop that stops turning. Once the file that STUCK names is there, poll
 * does not return any more; signals are still handled.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static void get_stuck(void)
{
	static const char said[] = "stuck: now\n";
	const char *file = getenv("STUCK");

	if (!file || access(file, F_OK) != 0)
		return;
	if (write(2, said, sizeof said - 1) > 0)
		for (;;)
			pause();
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	int (*real)(struct pollfd *, nfds_t, int);

	get_stuck();
	*(void **)&real = dlsym(RTLD_NEXT, "poll");
	return real(fds, count, timeout);
}

/* What poll is in a fortified program. */
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size)
{
	(void)size;
	return poll(fds, count, timeout);
}
