/*
 * Descriptors that must not block us and must not be changed for others.
 *
 * O_NONBLOCK belongs to the open file description, which a host may share with
 * its own processes. So a pipe, FIFO or terminal is opened anew through
 * /proc/self/fd/N (or /dev/fd/N), a socket is written with MSG_DONTWAIT, and
 * only where neither works is the flag set on the shared description, and
 * taken back at the end.
 */
#ifndef WSMCP_FD_H
#define WSMCP_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct fd_out {
	int fd;        /* what to poll and write; -1 = closed */
	bool socket;   /* written with sendmsg(MSG_DONTWAIT | MSG_NOSIGNAL) */
	bool reopened; /* fd is our own description and is closed by fd_out_end */
	bool restore;  /* O_NONBLOCK was set on the shared description by us */
};

/*
 * Prepares ${fd} for writing that never blocks. Never fails: in the worst case
 * writes to a descriptor that is a regular file are simply made.
 */
void fd_out_begin(struct fd_out *out, int fd);

/*
 * Undoes what fd_out_begin did to the shared description. Async-signal-safe;
 * may be called more than once.
 */
void fd_out_end(struct fd_out *out);

/*
 * Writes as much of ${iov} as is taken at once. Returns the bytes taken (> 0),
 * 0 if nothing can be taken now, -1 with errno set if the other end is gone
 * (EPIPE, ECONNRESET) or the write failed. EINTR is handled inside.
 */
ssize_t fd_out_writev(struct fd_out *out, const struct iovec *iov, int count);

/*
 * Lets a pipe hold FD_WIDE bytes (where the system has pipes that can be told so): for data that
 * does not fit in, over which the two ends would sleep and wake in turns. What holds more, is no
 * pipe, or may not grow, stays as it is. This is the one thing that is changed for others, too: a
 * pipe that is wider breaks nothing of theirs.
 */
#define FD_WIDE ((size_t)256 * 1024)
void fd_widen(int fd);

/*
 * Opens /dev/null for each of the descriptors 0, 1 and 2 that is closed, so that none of them becomes
 * something else by accident. Returns 0, or -1 with errno set.
 */
int fd_fill_standard(void);

/* Sets FD_CLOEXEC. Returns 0, or -1 with errno set. */
int fd_cloexec(int fd);

#endif
