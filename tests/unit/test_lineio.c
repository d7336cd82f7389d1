#define _GNU_SOURCE /* F_GETPIPE_SZ */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"
#include "lineio.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define NO_LIMIT  ((size_t)1 << 30)
#define ONE_MEGA  ((size_t)1 << 20)
#define LINES_MAX 2000

/* --- helpers ------------------------------------------------------------------------------- */

struct pair {
	int in, out; /* what is written to out comes out of in */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		assert_int_equal(close(*fd), 0);
	*fd = -1;
}

static struct pair open_pipe(void)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	return (struct pair){fds[0], fds[1]};
}

static struct pair open_sockets(void)
{
	int fds[2], size = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	return (struct pair){fds[0], fds[1]};
}

static struct pair open_tcp(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *address = (struct sockaddr *)&any;
	socklen_t size = sizeof(any);
	int listener = socket(AF_INET, SOCK_STREAM, 0), in, out = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(listener >= 0 && out >= 0);
	assert_int_equal(bind(listener, address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, address, &size), 0);
	assert_int_equal(connect(out, address, size), 0);
	in = accept(listener, NULL, NULL);
	assert_true(in >= 0);
	close_fd(&listener);
	return (struct pair){in, out};
}

static struct pair (*const openers[])(void) = {open_pipe, open_sockets};

static void close_pair(struct pair *p)
{
	close_fd(&p->in);
	close_fd(&p->out);
}

static void write_all(int fd, const char *text, size_t len)
{
	assert_int_equal(write(fd, text, len), len);
}

static size_t unread(int fd)
{
	int n = 0;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return (size_t)n;
}

/* One turn of the loop that the program runs. Returns whether there was anything to read. */
static bool turn(struct line_reader *r)
{
	struct pollfd p;

	line_reader_prepare(r, &p, true);
	if (p.fd < 0)
		return false;
	assert_int_equal(p.events, POLLIN);
	assert_in_range(poll(&p, 1, 0), 0, 1);
	line_reader_process(r, p.revents);
	return p.revents != 0;
}

static void assert_taken(struct line_reader *r, const char *expected)
{
	struct message *m = line_reader_take(r);

	assert_non_null(m);
	assert_int_equal(m->text.len, strlen(expected));
	assert_memory_equal(m->text.data, expected, m->text.len);
	assert_false(m->digest);
	message_free(m);
}

static void assert_nothing(struct line_reader *r)
{
	assert_null(line_reader_take(r));
}

static struct line_reader *new_reader(int fd, size_t max)
{
	struct line_reader *r = line_reader_new(fd, max);

	assert_non_null(r);
	return r;
}

static char *filled(size_t len, char c)
{
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, c, len);
	text[len] = '\0';
	return text;
}

/* --- the reader ---------------------------------------------------------------------------- */

static void lines_end_in_lf_or_crlf(void **state)
{
	static const char input[] = "{\"id\":1,\"method\":\"a\"}\n"
	                            "{\"method\":\"b\"}\r\n"
	                            "\n\r\n \t\n"
	                            "not JSON\n"
	                            "\xEF\xBB\xBF{}\n"
	                            "{\"method\":\r\"c\"}\r\r\n"
	                            "{\"method\":\"last\"}";
	static const char *const expected[] = {"{\"id\":1,\"method\":\"a\"}", "{\"method\":\"b\"}",
	    "not JSON", "{}", "{\"method\": \"c\"}", "{\"method\":\"last\"}"};
	static const size_t steps[] = {1, 2, 3, 5, 10, sizeof(input)};

	(void)state;
	for (size_t i = 0; i < COUNT(steps) * COUNT(openers); i++) {
		size_t step = steps[i % COUNT(steps)], n = 0;
		struct pair p = openers[i / COUNT(steps)]();
		struct line_reader *r = new_reader(p.in, NO_LIMIT);
		struct message *m;

		for (size_t at = 0; at < strlen(input); at += step) {
			size_t left = strlen(input) - at;

			assert_false(turn(r));
			write_all(p.out, input + at, left < step ? left : step);
			assert_true(turn(r));
			while ((m = line_reader_take(r)) != NULL) {
				assert_int_equal(m->text.len, strlen(expected[n]));
				assert_memory_equal(m->text.data, expected[n++], m->text.len);
				message_free(m);
			}
			assert_false(line_reader_ended(r));
		}
		assert_int_equal(n, COUNT(expected) - 1);
		close_fd(&p.out);
		assert_true(turn(r));
		assert_false(line_reader_ended(r));
		assert_taken(r, expected[n]);
		assert_true(line_reader_ended(r));
		assert_nothing(r);
		line_reader_free(r);
		close_pair(&p);
	}
	line_reader_free(NULL);
}

static void the_end_of_nothing(void **state)
{
	static const char *const inputs[] = {"", "\n", "  ", "\r\n\t", "{}\n", "{}\n  "};

	(void)state;
	for (size_t i = 0; i < COUNT(inputs); i++) {
		struct pair p = open_pipe();
		struct line_reader *r = new_reader(p.in, NO_LIMIT);
		struct pollfd poll_fd;

		assert_false(line_reader_ended(r));
		write_all(p.out, inputs[i], strlen(inputs[i]));
		close_fd(&p.out);
		while (turn(r)) {
			if (inputs[i][0] == '{' && !line_reader_ended(r))
				message_free(line_reader_take(r));
			assert_nothing(r);
		}
		assert_true(line_reader_ended(r));
		/* Nobody polls it any more: it would say POLLHUP for ever. */
		line_reader_prepare(r, &poll_fd, true);
		assert_int_equal(poll_fd.fd, -1);
		line_reader_process(r, POLLHUP);
		assert_nothing(r);
		line_reader_free(r);
		close_pair(&p);
	}
}

static void an_unwanted_reader_is_not_polled(void **state)
{
	struct pair p = open_pipe();
	struct line_reader *r = new_reader(p.in, NO_LIMIT);
	struct pollfd poll_fd;

	(void)state;
	line_reader_prepare(r, &poll_fd, false);
	assert_int_equal(poll_fd.fd, -1);
	line_reader_prepare(r, &poll_fd, true);
	assert_int_equal(poll_fd.fd, p.in);
	line_reader_process(r, 0); /* would block */
	assert_nothing(r);
	line_reader_free(r);
	close_pair(&p);
}

/* What was not taken stays where it is: memory is bounded while nobody takes. */
static void no_read_before_everything_was_taken(void **state)
{
	struct pair p = open_pipe();
	struct line_reader *r = new_reader(p.in, NO_LIMIT);

	(void)state;
	write_all(p.out, "{\"a\":1}\n{\"a\":2}\n{\"a\":", 21);
	assert_true(turn(r));
	write_all(p.out, "3}\n", 3);
	assert_true(turn(r));
	assert_int_equal(unread(p.in), 3);
	assert_taken(r, "{\"a\":1}");
	assert_true(turn(r));
	assert_int_equal(unread(p.in), 3);
	assert_taken(r, "{\"a\":2}");
	assert_nothing(r);
	assert_true(turn(r));
	assert_int_equal(unread(p.in), 0);
	assert_taken(r, "{\"a\":3}");
	line_reader_free(r);
	close_pair(&p);
}

static void a_non_blocking_descriptor_may_have_nothing(void **state)
{
	struct pair p = open_pipe();
	struct line_reader *r = new_reader(p.in, NO_LIMIT);

	(void)state;
	assert_int_equal(fcntl(p.in, F_SETFL, O_NONBLOCK), 0);
	for (int i = 0; i < 3; i++) {
		line_reader_process(r, POLLIN); /* somebody else was faster */
		assert_nothing(r);
		assert_false(line_reader_ended(r));
	}
	write_all(p.out, "{}\n", 3);
	assert_true(turn(r));
	assert_taken(r, "{}");
	line_reader_free(r);
	close_pair(&p);
}

static void the_mode_is_left_alone(void **state)
{
	struct pair p = open_pipe();
	int before = fcntl(p.in, F_GETFL);
	struct line_reader *r = new_reader(p.in, NO_LIMIT);

	(void)state;
	write_all(p.out, "{}\n", 3);
	turn(r);
	assert_int_equal(fcntl(p.in, F_GETFL), before);
	line_reader_free(r);
	assert_int_equal(fcntl(p.in, F_GETFL), before);
	close_pair(&p);
}

/* As after EIO on a terminal that was closed. The line that was begun still counts. */
static void an_error_is_the_end(void **state)
{
	struct pair p = open_pipe();
	struct line_reader *r = new_reader(p.in, NO_LIMIT);
	int directory = open("/", O_RDONLY);

	(void)state;
	write_all(p.out, "{}", 2);
	assert_true(turn(r));
	assert_nothing(r);
	assert_true(directory >= 0);
	assert_int_equal(dup2(directory, p.in), p.in);
	line_reader_process(r, POLLIN); /* EISDIR */
	assert_taken(r, "{}");
	assert_true(line_reader_ended(r));
	line_reader_free(r);
	close_fd(&directory);
	close_pair(&p);
}

/* A line of ${len} bytes, and short ones around it, arriving in pieces of ${step} bytes. */
static void check_long_line(size_t len, size_t step)
{
	char *text = filled(len + 60, 'x'), *p = text;
	struct pair fds = open_pipe();
	struct line_reader *r = new_reader(fds.in, NO_LIMIT);
	static const char before[] = "{\"method\":\"b\"}\n[\"", after[] = "\"]\r\n{}\n{\"id\":1";
	size_t total = strlen(before) + len + strlen(after), n = 0;
	struct message *m;

	memcpy(p, before, strlen(before));
	memcpy(p + strlen(before) + len, after, strlen(after));
	for (size_t at = 0; at < total; at += step) {
		write_all(fds.out, text + at, total - at < step ? total - at : step);
		while (turn(r)) {
			for (; (m = line_reader_take(r)) != NULL; n++) {
				if (n == 1) {
					assert_int_equal(m->text.len, len + 4);
					assert_memory_equal(
					    m->text.data, text + strlen(before) - 2, m->text.len);
					assert_int_equal(m->envelope.kind, JSONRPC_INVALID);
				}
				message_free(m);
			}
		}
	}
	assert_int_equal(n, 3);
	close_fd(&fds.out);
	turn(r);
	assert_taken(r, "{\"id\":1");
	assert_true(line_reader_ended(r));
	line_reader_free(r);
	close_pair(&fds);
	free(text);
}

static void long_lines(void **state)
{
	static const size_t lengths[] = {32700, 32768, 65515, 65519, 65520, 65536, 131072, 400000};
	static const size_t steps[] = {997, 4096, 32768, 65536};

	(void)state;
	for (size_t l = 0; l < COUNT(lengths); l++) {
		for (size_t s = 0; s < COUNT(steps); s++) {
			for (size_t more = 0; more < 8; more++)
				check_long_line(lengths[l] + more, steps[s]);
		}
	}
}

#ifdef F_GETPIPE_SZ
/* Over a pipe that is smaller than a line the two ends sleep and wake in turns. */
static void long_lines_make_the_pipe_wider(void **state)
{
	static char text[] = "{\"jsonrpc\":\"2.0\",\"method\":\"m\"}\n", blank[4096];
	struct pair p = open_pipe();
	struct line_reader *r = line_reader_new(p.in, NO_LIMIT);
	int size = fcntl(p.in, F_GETPIPE_SZ);

	(void)state;
	memset(blank, ' ', sizeof(blank));
	write_all(p.out, text, strlen(text));
	line_reader_process(r, POLLIN);
	message_free(line_reader_take(r));
	for (size_t sent = 0; sent < 65536; sent += sizeof(blank)) {
		assert_int_equal(fcntl(p.in, F_GETPIPE_SZ), size);
		write_all(p.out, blank, sizeof(blank));
		line_reader_process(r, POLLIN);
		assert_null(line_reader_take(r));
	}
	write_all(p.out, text, strlen(text));
	line_reader_process(r, POLLIN);
	message_free(line_reader_take(r));
	assert_int_equal(fcntl(p.in, F_GETPIPE_SZ), FD_WIDE);
	line_reader_free(r);
	close_pair(&p);
}

static void long_messages_make_the_pipe_wider(void **state)
{
	static char text[65536 + 1];
	struct pair p = open_pipe();
	struct line_writer *w = line_writer_new(p.out);
	int size = fcntl(p.in, F_GETPIPE_SZ);

	(void)state;
	memset(text, '1', sizeof(text));
	line_writer_put(w, message_new(text, 65535));
	assert_int_equal(fcntl(p.in, F_GETPIPE_SZ), size);
	line_writer_put(w, message_new(text, 65536));
	assert_int_equal(fcntl(p.in, F_GETPIPE_SZ), FD_WIDE);
	line_writer_free(w);
	close_pair(&p);
}
#endif

static void a_line_over_the_limit_comes_as_a_digest(void **state)
{
	static const size_t lengths[] = {100, 40000, 300000};

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct pair p = open_pipe();
		struct line_reader *r = new_reader(p.in, 64);
		char *text = filled(lengths[i], 'x');
		struct message *m = NULL;

		write_all(p.out, "{\"id\":5,\"method\":\"m\",\"params\":\"", 31);
		for (size_t at = 0; at < lengths[i]; at += 50000) {
			size_t left = lengths[i] - at;

			write_all(p.out, text, left < 50000 ? left : 50000);
			while (turn(r))
				assert_nothing(r);
		}
		write_all(p.out, "\"}\n{}\n", 6);
		while (m == NULL) {
			assert_true(turn(r));
			m = line_reader_take(r);
		}
		assert_true(m->digest);
		assert_int_equal(m->size, lengths[i] + 33);
		assert_int_equal(m->envelope.kind, JSONRPC_REQUEST);
		message_free(m);
		assert_taken(r, "{}");
		assert_nothing(r);
		line_reader_free(r);
		close_pair(&p);
		free(text);
	}
}

static void a_reader_may_be_freed_at_any_time(void **state)
{
	static const char *const inputs[] = {"", "{}", "{}\n{}\n", "{}\n{"};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(inputs); i++) {
		struct pair p = open_pipe();
		struct line_reader *r = new_reader(p.in, NO_LIMIT);

		write_all(p.out, inputs[i / 2], strlen(inputs[i / 2]));
		turn(r);
		if (i % 2 == 1)
			message_free(line_reader_take(r));
		line_reader_free(r);
		assert_int_equal(unread(p.in), 0); /* it is still open */
		close_pair(&p);
	}
}

/* --- the writer ---------------------------------------------------------------------------- */

static struct line_writer *new_writer(int fd)
{
	struct line_writer *w = line_writer_new(fd);

	assert_non_null(w);
	return w;
}

static struct message *message_of(const char *text, size_t len)
{
	struct message *m = message_new(text, len);

	assert_non_null(m);
	return m;
}

static void put(struct line_writer *w, const char *text)
{
	line_writer_put(w, message_of(text, strlen(text)));
}

static int write_turn(struct line_writer *w)
{
	struct pollfd p;

	line_writer_prepare(w, &p);
	assert_int_equal(p.events, line_writer_idle(w) ? 0 : POLLOUT);
	assert_in_range(poll(&p, 1, 0), 0, 1);
	return line_writer_process(w, p.revents);
}

static void assert_written(int fd, const char *expected)
{
	char got[1000];
	size_t len = unread(fd);

	assert_int_equal(len, strlen(expected));
	if (len > 0)
		assert_int_equal(read(fd, got, sizeof(got)), len);
	assert_memory_equal(got, expected, len);
}

static void messages_become_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(openers); i++) {
		struct pair p = openers[i]();
		struct line_writer *w = new_writer(p.out);

		assert_true(line_writer_idle(w));
		assert_int_equal(write_turn(w), 0);
		put(w, "{\"id\":1}");
		put(w, "[]");
		put(w, "3");
		assert_false(line_writer_idle(w));
		assert_int_equal(line_writer_process(w, 0), 0); /* no poll needed */
		assert_true(line_writer_idle(w));
		put(w, "4");
		assert_int_equal(write_turn(w), 0);
		assert_written(p.in, "{\"id\":1}\n[]\n3\n4\n");
		line_writer_free(w);
		close_pair(&p);
	}
	line_writer_free(NULL);
}

static void waiting_is_what_is_behind_the_first(void **state)
{
	struct pair p = open_pipe();
	struct line_writer *w = new_writer(p.out);
	struct message *a = message_of("1", 1), *b = message_of("[2]", 3), *c = message_of("3", 1);
	size_t cost = message_cost(b) + message_cost(c);

	(void)state;
	assert_int_equal(line_writer_waiting(w), 0);
	line_writer_put(w, a);
	assert_int_equal(line_writer_waiting(w), 0);
	line_writer_put(w, b);
	line_writer_put(w, c);
	assert_int_equal(line_writer_waiting(w), cost);
	assert_int_equal(write_turn(w), 0);
	assert_int_equal(line_writer_waiting(w), 0);
	line_writer_free(w);
	close_pair(&p);
}

/* Lines of all sizes, more than a pipe holds, read in pieces: not a byte is lost or repeated. */
static void check_short_writes(struct pair p, size_t read_max)
{
	struct line_writer *w = new_writer(p.out);
	size_t total = 0, got = 0, cap = 8 * ONE_MEGA, n = 0;
	char *expected = malloc(cap), *piece = malloc(read_max);

	assert_non_null(expected);
	assert_non_null(piece);
	while (got < total || n < 400) {
		if (n < 400 && rand() % 3 == 0) {
			size_t len = (size_t)rand() % (n % 50 == 0 ? 200000 : 300);

			assert_true(total + len + 1 <= cap);
			for (size_t i = 0; i < len; i++)
				expected[total + i] = (char)('!' + (i * 7 + n) % 90);
			line_writer_put(w, message_of(expected + total, len));
			expected[total + len] = '\n';
			total += len + 1;
			n++;
		}
		assert_int_equal(write_turn(w), 0);
		if (rand() % 2 == 0 && unread(p.in) > 0) {
			ssize_t r = read(p.in, piece, 1 + (size_t)rand() % read_max);

			assert_true(r > 0 && got + (size_t)r <= total);
			assert_int_equal(memcmp(piece, expected + got, (size_t)r), 0);
			got += (size_t)r;
		}
	}
	assert_true(line_writer_idle(w));
	assert_int_equal(unread(p.in), 0);
	line_writer_free(w);
	close_pair(&p);
	free(expected);
	free(piece);
}

static void short_writes_resume_exactly(void **state)
{
	(void)state;
	srand(3);
	for (size_t i = 0; i < COUNT(openers); i++) {
		check_short_writes(openers[i](), 100000);
		check_short_writes(openers[i](), 3000);
	}
}

/* A full pipe is not written to again before poll says so; nothing blocks. */
static void a_full_pipe_blocks_nobody(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(openers); i++) {
		struct pair p = openers[i]();
		struct line_writer *w = new_writer(p.out);
		char *text = filled(ONE_MEGA, 'x'), piece[65536];
		size_t full, got = 0;

		line_writer_put(w, message_of(text, ONE_MEGA));
		put(w, "end");
		assert_int_equal(write_turn(w), 0);
		full = unread(p.in);
		assert_in_range(full, 1, ONE_MEGA - 1);
		for (int again = 0; again < 3; again++) {
			assert_int_equal(line_writer_process(w, 0), 0);
			assert_int_equal(write_turn(w), 0);
			assert_int_equal(unread(p.in), full);
		}
		assert_true(line_writer_waiting(w) > 0);
		while (!line_writer_idle(w) || unread(p.in) > 0) {
			got += (size_t)read(p.in, piece, sizeof(piece));
			assert_int_equal(write_turn(w), 0);
		}
		assert_int_equal(got, ONE_MEGA + 1 + 4);
		line_writer_free(w);
		close_pair(&p);
		free(text);
	}
}

/* A regular file takes everything: somebody else must have a turn in between. */
static void one_turn_is_bounded(void **state)
{
	FILE *file = tmpfile();
	char *text = filled(5 * ONE_MEGA, 'x');
	struct line_writer *w;
	int turns = 0;

	(void)state;
	assert_non_null(file);
	w = new_writer(fileno(file));
	line_writer_put(w, message_of(text, 5 * ONE_MEGA));
	for (int i = 0; i < 200; i++)
		put(w, "{}");
	for (; !line_writer_idle(w); turns++) {
		off_t before = lseek(fileno(file), 0, SEEK_CUR);

		assert_int_equal(write_turn(w), 0);
		assert_in_range(lseek(fileno(file), 0, SEEK_CUR) - before, 1, 2 * ONE_MEGA);
	}
	assert_in_range(turns, 3, 10);
	assert_int_equal(lseek(fileno(file), 0, SEEK_END), 5 * ONE_MEGA + 1 + 200 * 3);
	line_writer_free(w);
	fclose(file);
	free(text);
}

static void a_reader_that_is_gone_is_noticed_with_nothing_to_write(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(openers); i++) {
		struct pair p = openers[i]();
		struct line_writer *w = new_writer(p.out);

		assert_int_equal(write_turn(w), 0);
		close_fd(&p.in);
		assert_int_equal(write_turn(w), 1);
		assert_int_equal(write_turn(w), 1);
		line_writer_free(w);
		close_pair(&p);
	}
}

static void a_reader_that_is_gone_is_noticed_by_writing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(openers); i++) {
		struct pair p = openers[i]();
		struct line_writer *w = new_writer(p.out);

		put(w, "{}");
		close_fd(&p.in);
		assert_int_equal(line_writer_process(w, 0), 1); /* EPIPE, poll was not asked */
		line_writer_free(w);                            /* with a message in it */
		close_pair(&p);
	}
}

static void a_reset_is_a_reader_gone(void **state)
{
	struct linger at_once = {.l_onoff = 1};
	struct pair p = open_tcp();
	struct line_writer *w = new_writer(p.out);

	(void)state;
	assert_int_equal(setsockopt(p.in, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	close_fd(&p.in);
	put(w, "{}");
	assert_int_equal(line_writer_process(w, 0), 1); /* ECONNRESET, poll was not asked */
	assert_int_equal(line_writer_process(w, 0), 1); /* EPIPE */
	assert_int_equal(write_turn(w), 1);
	line_writer_free(w);
	close_pair(&p);
}

/* A peer that only writes no more is still a reader. */
static void a_half_closed_socket_still_takes_lines(void **state)
{
	struct pair p = open_sockets();
	struct line_writer *w = new_writer(p.out);

	(void)state;
	assert_int_equal(shutdown(p.in, SHUT_WR), 0);
	put(w, "{}");
	assert_int_equal(write_turn(w), 0);
	assert_written(p.in, "{}\n");
	line_writer_free(w);
	close_pair(&p);
}

static void other_errors_are_errors(void **state)
{
	int fd = open("/dev/null", O_RDONLY);
	struct line_writer *w = new_writer(fd);

	(void)state;
	put(w, "{}");
	errno = 0;
	assert_int_equal(line_writer_process(w, 0), -1); /* not open for writing */
	assert_int_equal(errno, EBADF);
	close_fd(&fd);
	errno = 0;
	assert_int_equal(write_turn(w), -1); /* not open at all: POLLNVAL */
	assert_int_equal(errno, EBADF);
	line_writer_free(w);
}

static void the_mode_of_the_host_s_descriptor_comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(openers); i++) {
		struct pair p = openers[i]();
		int before = fcntl(p.out, F_GETFL);
		struct line_writer *w = new_writer(p.out);

		put(w, "{}");
		assert_int_equal(write_turn(w), 0);
		line_writer_restore(w);
		assert_int_equal(fcntl(p.out, F_GETFL), before);
		line_writer_restore(w);
		line_writer_free(w);
		assert_int_equal(fcntl(p.out, F_GETFL), before);
		close_pair(&p);
	}
}

/* --- both ---------------------------------------------------------------------------------- */

/* Lines pass from one pipe to another as they are, whatever their length. */
static void what_is_read_can_be_written(void **state)
{
	struct pair in = open_pipe(), out = open_pipe();
	struct line_reader *r = new_reader(in.in, NO_LIMIT);
	struct line_writer *w = new_writer(out.out);
	size_t total = 3 * ONE_MEGA, sent = 0, got = 0;
	char *text = malloc(total), *piece = malloc(total);
	struct message *m;

	(void)state;
	srand(5);
	assert_non_null(text);
	assert_non_null(piece);
	for (size_t i = 0; i < total; i++)
		text[i] = (char)('!' + (i * 7 + i / 1000) % 90);
	for (size_t i = 5; i < total; i += 2 + (size_t)rand() % (rand() % 20 ? 300 : 150000))
		text[i] = '\n';
	text[total - 1] = '\n';
	assert_int_equal(fcntl(in.out, F_SETFL, O_NONBLOCK), 0);
	while (got < total) {
		size_t len = 1 + (size_t)rand() % 70000;
		ssize_t n = write(in.out, text + sent, total - sent < len ? total - sent : len);

		sent += n > 0 ? (size_t)n : 0;
		turn(r);
		while ((m = line_reader_take(r)) != NULL)
			line_writer_put(w, m);
		assert_int_equal(write_turn(w), 0);
		if (unread(out.in) == 0)
			continue;
		n = read(out.in, piece, len);
		assert_true(n > 0);
		assert_int_equal(memcmp(piece, text + got, (size_t)n), 0);
		got += (size_t)n;
	}
	assert_true(line_writer_idle(w));
	line_reader_free(r);
	line_writer_free(w);
	close_pair(&in);
	close_pair(&out);
	free(text);
	free(piece);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_end_in_lf_or_crlf),
	    cmocka_unit_test(the_end_of_nothing),
	    cmocka_unit_test(an_unwanted_reader_is_not_polled),
	    cmocka_unit_test(no_read_before_everything_was_taken),
	    cmocka_unit_test(a_non_blocking_descriptor_may_have_nothing),
	    cmocka_unit_test(the_mode_is_left_alone),
	    cmocka_unit_test(an_error_is_the_end),
	    cmocka_unit_test(long_lines),
#ifdef F_GETPIPE_SZ
	    cmocka_unit_test(long_lines_make_the_pipe_wider),
	    cmocka_unit_test(long_messages_make_the_pipe_wider),
#endif
	    cmocka_unit_test(a_line_over_the_limit_comes_as_a_digest),
	    cmocka_unit_test(a_reader_may_be_freed_at_any_time),
	    cmocka_unit_test(messages_become_lines),
	    cmocka_unit_test(waiting_is_what_is_behind_the_first),
	    cmocka_unit_test(short_writes_resume_exactly),
	    cmocka_unit_test(a_full_pipe_blocks_nobody),
	    cmocka_unit_test(one_turn_is_bounded),
	    cmocka_unit_test(a_reader_that_is_gone_is_noticed_with_nothing_to_write),
	    cmocka_unit_test(a_reader_that_is_gone_is_noticed_by_writing),
	    cmocka_unit_test(a_reset_is_a_reader_gone),
	    cmocka_unit_test(a_half_closed_socket_still_takes_lines),
	    cmocka_unit_test(other_errors_are_errors),
	    cmocka_unit_test(the_mode_of_the_host_s_descriptor_comes_back),
	    cmocka_unit_test(what_is_read_can_be_written),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
