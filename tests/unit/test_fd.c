#define _GNU_SOURCE /* posix_openpt, F_GETPIPE_SZ */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"

static bool is_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	assert_true(flags >= 0);
	return (flags & O_NONBLOCK) != 0;
}

static bool is_cloexec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	assert_true(flags >= 0);
	return (flags & FD_CLOEXEC) != 0;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static ssize_t put(struct fd_out *out, const void *bytes, size_t len)
{
	struct iovec iov = {.iov_len = len};

	/* A copy of the pointer: iov_base is not const. */
	memcpy(&iov.iov_base, &bytes, sizeof bytes);
	return fd_out_writev(out, &iov, 1);
}

/* Writes until nothing more is taken. Returns how much was. The byte at offset i is i % 251. */
static size_t fill(struct fd_out *out, size_t piece)
{
	unsigned char bytes[65536];
	size_t total = 0;
	ssize_t n;

	assert_in_range(piece, 1, sizeof bytes);
	do {
		for (size_t i = 0; i < piece; i++)
			bytes[i] = (unsigned char)((total + i) % 251);
		n = put(out, bytes, piece);
		assert_true(n >= 0);
		total += (size_t)n;
	} while (n > 0);
	return total;
}

/* Reads ${total} bytes of what fill() wrote. */
static void drain(int fd, size_t total)
{
	unsigned char bytes[4096];
	ssize_t n;

	for (size_t at = 0; at < total; at += (size_t)n) {
		n = read(fd, bytes, sizeof bytes < total - at ? sizeof bytes : total - at);
		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(bytes[i], (at + (size_t)i) % 251);
	}
}

static void pipe_is_opened_anew(void **state)
{
	struct fd_out out;
	int p[2], own;
	size_t total;

	(void)state;
	assert_int_equal(pipe(p), 0);
	fd_out_begin(&out, p[1]);
	own = out.fd;
	assert_true(out.reopened);
	assert_false(out.socket);
	assert_false(out.restore);
	assert_int_not_equal(own, p[1]);
	assert_true(is_nonblocking(own));
	assert_true(is_cloexec(own));
	assert_false(is_nonblocking(p[1]));
	total = fill(&out, 65536);
	assert_in_range(total, 4096, 1 << 24);
	assert_int_equal(put(&out, "x", 1), 0);
	drain(p[0], total);
	assert_int_equal(put(&out, "x", 1), 1);
	fd_out_end(&out);
	assert_false(is_open(own));
	assert_true(is_open(p[1]));
	assert_false(is_nonblocking(p[1]));
	close(p[0]);
	close(p[1]);
}

static void pipe_takes_part_of_a_write(void **state)
{
	static char big[300001];
	struct iovec iov[3] = {{big, 100000}, {big + 100000, 1}, {big + 100001, 200000}};
	struct fd_out out;
	int p[2];
	ssize_t n;

	(void)state;
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (char)(i % 251);
	assert_int_equal(pipe(p), 0);
	fd_out_begin(&out, p[1]);
	n = fd_out_writev(&out, iov, 3);
	assert_in_range(n, 4096, sizeof big - 1);
	drain(p[0], (size_t)n);
	fd_out_end(&out);
	close(p[0]);
	close(p[1]);
}

static void hosts_own_nonblocking_flag_stays(void **state)
{
	struct fd_out out;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(fcntl(p[1], F_SETFL, O_WRONLY | O_NONBLOCK), 0);
	fd_out_begin(&out, p[1]);
	assert_int_equal(put(&out, "x", 1), 1);
	fd_out_end(&out);
	assert_true(is_nonblocking(p[1]));
	close(p[0]);
	close(p[1]);
}

static void reader_that_leaves_is_an_error(void **state)
{
	struct fd_out out;
	struct pollfd poll_slot;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	fd_out_begin(&out, p[1]);
	close(p[0]);
	poll_slot = (struct pollfd){.fd = out.fd};
	assert_int_equal(poll(&poll_slot, 1, 0), 1);
	assert_true((poll_slot.revents & POLLERR) != 0);
	errno = 0;
	assert_int_equal(put(&out, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	fd_out_end(&out);
	close(p[1]);
}

/* Opens both ends of a FIFO that is in the file system no longer than needed. */
static void open_fifo(int *in, int *out)
{
	char directory[] = "/tmp/wsmcp-test-XXXXXX", path[64];

	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof path, "%s/fifo", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	*in = open(path, O_RDONLY | O_NONBLOCK);
	*out = open(path, O_WRONLY);
	assert_true(*in >= 0 && *out >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void reader_that_left_before_is_an_error(void **state)
{
	struct fd_out out;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	close(p[0]);
	fd_out_begin(&out, p[1]);
	assert_int_equal(put(&out, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	fd_out_end(&out);
	assert_true(is_open(p[1]));
	assert_false(is_nonblocking(p[1]));
	close(p[1]);
	/* A FIFO without a reader cannot be opened anew (ENXIO). */
	open_fifo(&p[0], &p[1]);
	close(p[0]);
	fd_out_begin(&out, p[1]);
	assert_int_equal(out.fd, p[1]);
	assert_true(out.restore);
	assert_int_equal(put(&out, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	fd_out_end(&out);
	assert_true(is_open(p[1]));
	assert_false(is_nonblocking(p[1]));
	close(p[1]);
}

static void fifo_is_opened_anew(void **state)
{
	struct fd_out out;
	int in, fd;
	size_t total;

	(void)state;
	open_fifo(&in, &fd);
	fd_out_begin(&out, fd);
	assert_true(out.reopened);
	total = fill(&out, 5000);
	assert_false(is_nonblocking(fd));
	drain(in, total);
	fd_out_end(&out);
	close(in);
	close(fd);
}

static void socket_is_written_without_waiting(void **state)
{
	struct fd_out out;
	int s[2];
	size_t total;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	fd_out_begin(&out, s[1]);
	assert_true(out.socket);
	assert_false(out.reopened);
	assert_false(out.restore);
	assert_int_equal(out.fd, s[1]);
	total = fill(&out, 65536);
	assert_in_range(total, 1, 1 << 24);
	assert_false(is_nonblocking(s[1]));
	assert_false(is_nonblocking(s[0]));
	drain(s[0], total);
	assert_int_equal(put(&out, "x", 1), 1);
	fd_out_end(&out);
	assert_int_equal(out.fd, -1);
	assert_true(is_open(s[1]));
	close(s[0]);
	close(s[1]);
}

static void socket_whose_peer_left_is_an_error_and_no_signal(void **state)
{
	struct fd_out out;
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	fd_out_begin(&out, s[1]);
	close(s[0]);
#ifdef MSG_NOSIGNAL
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
#endif
	assert_int_equal(put(&out, "x", 1), -1);
	assert_true(errno == EPIPE || errno == ECONNRESET);
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	fd_out_end(&out);
	close(s[1]);
}

static void regular_file_keeps_its_description(void **state)
{
	char path[] = "/tmp/wsmcp-test-XXXXXX", text[32] = {0};
	int fd = mkstemp(path), append;
	struct fd_out out;

	(void)state;
	assert_true(fd >= 0);
	append = open(path, O_WRONLY | O_APPEND);
	assert_true(append >= 0);
	unlink(path);
	assert_int_equal(write(fd, "before ", 7), 7);
	fd_out_begin(&out, fd);
	assert_int_equal(out.fd, fd);
	assert_false(out.reopened);
	assert_false(out.restore);
	assert_false(is_nonblocking(fd));
	assert_int_equal(put(&out, "within ", 7), 7);
	fd_out_end(&out);
	assert_int_equal(write(fd, "behind ", 7), 7);
	fd_out_begin(&out, append);
	assert_int_equal(put(&out, "last", 4), 4);
	fd_out_end(&out);
	assert_int_equal(pread(fd, text, sizeof text - 1, 0), 25);
	assert_string_equal(text, "before within behind last");
	close(append);
	close(fd);
}

/* A pseudoterminal whose slave passes bytes on as they are. */
static void open_terminal(int *master, int *slave)
{
	struct termios modes;

	*master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(*master >= 0);
	assert_int_equal(grantpt(*master), 0);
	assert_int_equal(unlockpt(*master), 0);
	*slave = open(ptsname(*master), O_RDWR | O_NOCTTY);
	assert_true(*slave >= 0);
	assert_int_equal(tcgetattr(*slave, &modes), 0);
	modes.c_oflag &= ~(tcflag_t)OPOST;
	modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	assert_int_equal(tcsetattr(*slave, TCSANOW, &modes), 0);
}

static void terminal_is_never_waited_for(void **state)
{
	struct fd_out out;
	int master, slave;
	size_t total;

	(void)state;
	open_terminal(&master, &slave);
	fd_out_begin(&out, slave);
#ifdef __linux__
	assert_true(out.reopened);
	assert_false(is_nonblocking(slave));
#endif
	total = fill(&out, 1000);
	assert_in_range(total, 1, 1 << 24);
	drain(master, total);
	fd_out_end(&out);
	assert_false(is_nonblocking(slave));
	assert_true(is_open(slave));
	close(slave);
	close(master);
}

static void master_of_a_terminal_is_not_opened_anew(void **state)
{
	struct fd_out out, again;
	int master, slave;
	char text[8] = {0};

	(void)state;
	open_terminal(&master, &slave);
	fd_out_begin(&out, master);
	assert_int_equal(out.fd, master);
	assert_false(out.reopened);
	assert_true(out.restore);
	assert_true(is_nonblocking(master));
	/* A second one on the same description leaves the flag to the first. */
	fd_out_begin(&again, master);
	assert_false(again.restore);
	fd_out_end(&again);
	assert_true(is_nonblocking(master));
	assert_int_equal(put(&out, "hello", 5), 5);
	assert_int_equal(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	for (size_t got = 0; got < 5;) {
		struct pollfd p = {.fd = slave, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&p, 1, 5000), 1);
		n = read(slave, text + got, sizeof text - got);
		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_string_equal(text, "hello");
	fd_out_end(&out);
	assert_false(is_nonblocking(master));
	assert_true(is_open(master));
	/* Who had the flag before keeps it. */
	assert_int_equal(fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	fd_out_begin(&out, master);
	assert_false(out.restore);
	fd_out_end(&out);
	assert_true(is_nonblocking(master));
	close(slave);
	close(master);
}

#ifdef __linux__
static void device_that_fails_gives_its_errno(void **state)
{
	struct fd_out out;
	int fd = open("/dev/full", O_WRONLY);

	(void)state;
	assert_true(fd >= 0);
	fd_out_begin(&out, fd);
	assert_false(out.reopened);
	assert_int_equal(put(&out, "x", 1), -1);
	assert_int_equal(errno, ENOSPC);
	fd_out_end(&out);
	assert_false(is_nonblocking(fd));
	close(fd);
}
#endif

static void many_pieces_are_taken_in_order(void **state)
{
	static char bytes[1000];
	struct iovec iov[1000];
	struct fd_out out;
	size_t at = 0;
	int p[2];

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		bytes[i] = (char)(i % 251);
		iov[i] = (struct iovec){bytes + i, 1};
	}
	assert_int_equal(pipe(p), 0);
	fd_out_begin(&out, p[1]);
	while (at < 1000) {
		ssize_t n = fd_out_writev(&out, iov + at, (int)(1000 - at));

		assert_in_range(n, 1, 1000 - at);
		at += (size_t)n;
	}
	drain(p[0], 1000);
	assert_int_equal(fd_out_writev(&out, iov, 0), 0);
	fd_out_end(&out);
	close(p[0]);
	close(p[1]);
}

static void huge_pieces_are_cut(void **state)
{
	const size_t huge = ((size_t)1 << 30) + 5;
	void *bytes = mmap(NULL, huge, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec iov[3] = {{bytes, 7}, {bytes, huge}, {bytes, huge}};
	int fd = open("/dev/null", O_WRONLY);
	struct fd_out out;

	(void)state;
	assert_ptr_not_equal(bytes, MAP_FAILED);
	fd_out_begin(&out, fd);
	/* The null device reads nothing. */
	assert_int_equal(fd_out_writev(&out, iov, 3), (size_t)1 << 30);
	fd_out_end(&out);
	close(fd);
	munmap(bytes, huge);
}

static void closed_descriptor_is_an_error(void **state)
{
	struct fd_out out;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	close(p[0]);
	close(p[1]);
	fd_out_begin(&out, p[1]);
	assert_int_equal(put(&out, "x", 1), -1);
	assert_int_equal(errno, EBADF);
	fd_out_end(&out);
	fd_out_end(&out);
	assert_int_equal(put(&out, "x", 1), -1);
	assert_int_equal(errno, EBADF);
}

static void end_may_come_twice_and_leaves_errno(void **state)
{
	struct fd_out out;
	int p[2], other;

	(void)state;
	assert_int_equal(pipe(p), 0);
	errno = 12345;
	fd_out_begin(&out, p[1]);
	assert_int_equal(errno, 12345);
	other = out.fd;
	fd_out_end(&out);
	/* The same number now stands for something else. */
	assert_int_equal(dup2(p[1], other), other);
	errno = 12345;
	fd_out_end(&out);
	assert_int_equal(errno, 12345);
	assert_true(is_open(other));
	close(other);
	close(p[0]);
	fd_out_begin(&out, p[1]);
	assert_int_equal(errno, 12345);
	fd_out_end(&out);
	assert_int_equal(errno, 12345);
	close(p[1]);
}

static void cloexec_is_set(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_false(is_cloexec(p[0]));
	assert_int_equal(fd_cloexec(p[0]), 0);
	assert_true(is_cloexec(p[0]));
	assert_false(is_cloexec(p[1]));
	close(p[0]);
	close(p[1]);
	assert_int_equal(fd_cloexec(p[0]), -1);
	assert_int_equal(errno, EBADF);
}

#ifdef F_GETPIPE_SZ
static void a_pipe_is_made_wider(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	errno = EXDEV;
	fd_widen(p[0]);
	assert_int_equal(fcntl(p[1], F_GETPIPE_SZ), FD_WIDE);
	assert_int_equal(fcntl(p[0], F_SETPIPE_SZ, 2 * FD_WIDE), 2 * FD_WIDE);
	fd_widen(p[1]); /* and never narrower */
	assert_int_equal(fcntl(p[0], F_GETPIPE_SZ), 2 * FD_WIDE);
	close(p[0]);
	close(p[1]);
	fd_widen(p[0]); /* what is no pipe is left alone, and errno */
	fd_widen(-1);
	assert_int_equal(errno, EXDEV);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pipe_is_opened_anew),
	    cmocka_unit_test(pipe_takes_part_of_a_write),
	    cmocka_unit_test(hosts_own_nonblocking_flag_stays),
	    cmocka_unit_test(reader_that_leaves_is_an_error),
	    cmocka_unit_test(reader_that_left_before_is_an_error),
	    cmocka_unit_test(fifo_is_opened_anew),
	    cmocka_unit_test(socket_is_written_without_waiting),
	    cmocka_unit_test(socket_whose_peer_left_is_an_error_and_no_signal),
	    cmocka_unit_test(regular_file_keeps_its_description),
	    cmocka_unit_test(terminal_is_never_waited_for),
	    cmocka_unit_test(master_of_a_terminal_is_not_opened_anew),
#ifdef __linux__
	    cmocka_unit_test(device_that_fails_gives_its_errno),
#endif
	    cmocka_unit_test(many_pieces_are_taken_in_order),
	    cmocka_unit_test(huge_pieces_are_cut),
	    cmocka_unit_test(closed_descriptor_is_an_error),
	    cmocka_unit_test(end_may_come_twice_and_leaves_errno),
	    cmocka_unit_test(cloexec_is_set),
#ifdef F_GETPIPE_SZ
	    cmocka_unit_test(a_pipe_is_made_wider),
#endif
	};

	/* As main() does; and a write that blocks ends the test. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 1;
	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
