#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* for F_SETPIPE_SZ of Linux */
#endif
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS; the program ignores SIGPIPE anyway */
#endif

/* Pieces in one call. Every system of today takes 1024, and few callers have that many. */
#define PIECES_MAX 256

/* Most bytes asked for in one call: macOS refuses more than INT_MAX with EINVAL. */
#define BYTES_MAX ((size_t)1 << 30)

/*
 * Whether opening the file behind ${fd} once more gives the same pipe or terminal. A regular
 * file would lose its offset and O_APPEND, and a device may be one that makes something new
 * of each open: /dev/ptmx does, which is what the master side of a pseudoterminal was opened as.
 */
static bool may_be_reopened(int fd, const struct stat *st)
{
	if (S_ISFIFO(st->st_mode))
		return true;
	if (!S_ISCHR(st->st_mode) || !isatty(fd))
		return false;
#ifdef TIOCGPTN
	unsigned number;
	if (ioctl(fd, TIOCGPTN, &number) == 0)
		return false;
#endif
	return true;
}

/* Opens the file behind ${fd} once more as a non-blocking description of our own, or returns -1. */
static int reopen(int fd)
{
	static const char *const directories[] = {"/proc/self/fd", "/dev/fd"};

	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
		char path[32];
		int own, flags;

		(void)snprintf(path, sizeof path, "%s/%d", directories[i], fd);
		own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (own < 0)
			continue;
		/* Where /dev/fd is like dup(), the flag was not taken. */
		flags = fcntl(own, F_GETFL);
		if (flags >= 0 && (flags & O_NONBLOCK) != 0)
			return own;
		close(own);
	}
	return -1;
}

void fd_out_begin(struct fd_out *out, int fd)
{
	int type, flags, own, saved = errno;
	socklen_t size = sizeof type;
	struct stat st;

	*out = (struct fd_out){.fd = fd};
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0) {
		out->socket = true;
		goto done;
	}
	if (fstat(fd, &st) != 0 || S_ISREG(st.st_mode))
		goto done;
	if (may_be_reopened(fd, &st) && (own = reopen(fd)) >= 0) {
		out->fd = own;
		out->reopened = true;
		goto done;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (flags & O_NONBLOCK) != 0)
		goto done;
	out->restore = true; /* before the deed: a signal handler may come in between */
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		out->restore = false;
done:
	errno = saved;
}

void fd_out_end(struct fd_out *out)
{
	int flags, saved = errno;

	/* At every point in between, a signal handler that begins again does what is left. */
	if (out->restore) {
		flags = fcntl(out->fd, F_GETFL);
		if (flags >= 0)
			(void)fcntl(out->fd, F_SETFL, flags & ~O_NONBLOCK);
		out->restore = false;
	}
	if (out->reopened) {
		out->reopened = false;
		close(out->fd);
	}
	out->fd = -1;
	errno = saved;
}

ssize_t fd_out_writev(struct fd_out *out, const struct iovec *iov, int count)
{
	struct iovec pieces[PIECES_MAX];
	struct msghdr message = {.msg_iov = pieces};
	size_t left = BYTES_MAX;
	ssize_t n;
	int i;

	for (i = 0; i < count && i < PIECES_MAX && left > 0; i++) {
		pieces[i] = iov[i];
		if (pieces[i].iov_len > left)
			pieces[i].iov_len = left;
		left -= pieces[i].iov_len;
	}
	message.msg_iovlen = (unsigned)i; /* int in the BSDs, size_t in glibc */
	do {
		if (out->socket)
			n = sendmsg(out->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = writev(out->fd, pieces, i);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	return n;
}

void fd_widen(int fd)
{
#ifdef F_SETPIPE_SZ
	int saved = errno, holds = fcntl(fd, F_GETPIPE_SZ);

	if (holds > 0 && (size_t)holds < FD_WIDE)
		(void)fcntl(fd, F_SETPIPE_SZ, (int)FD_WIDE);
	errno = saved;
#else
	(void)fd;
#endif
}

int fd_cloexec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0 ? -1 : 0;
}

int fd_fill_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	return close(fd);
}
