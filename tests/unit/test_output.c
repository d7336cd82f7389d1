#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "output.h"

#define LARGE (OUTPUT_PIECE * 40)

static char bytes[LARGE];

static void fill_bytes(void)
{
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)('a' + i % 23);
}

static void pieces_come_out_in_order(void **state)
{
	struct output o;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	output_to_buf(&o, &b);
	output_str(&o, "one ");
	output_put(&o, "two!", 3);
	output_put(&o, "", 0);
	output_spaces(&o, 3);
	output_spaces(&o, 0);
	output_str(&o, "three");
	assert_int_equal(output_end(&o), 0);
	assert_int_equal(b.len, 15);
	assert_memory_equal(b.data, "one two   three", 15);
	buf_free(&b);
}

static void many_spaces(void **state)
{
	struct output o;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	output_to_buf(&o, &b);
	output_spaces(&o, 333);
	assert_int_equal(output_end(&o), 0);
	assert_int_equal(b.len, 333);
	for (size_t i = 0; i < b.len; i++)
		assert_int_equal(b.data[i], ' ');
	buf_free(&b);
}

static void a_full_buffer_is_told_and_stays_whole(void **state)
{
	struct output o;
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	output_to_buf(&o, &b);
	output_str(&o, "1234");
	output_str(&o, "56");
	output_str(&o, "7"); /* would fit, but something is missing in front of it */
	errno = 0;
	assert_int_equal(output_end(&o), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(output_end(&o), -1);
	assert_int_equal(b.len, 4);
	buf_free(&b);
}

/* Reads all of a pipe, slowly enough for the writer to find it full. */
static void *read_slowly(void *user)
{
	int *pipe = user;
	char piece[1000];
	size_t at = 0;
	ssize_t n;

	while ((n = read(pipe[0], piece, sizeof piece)) > 0) {
		if (at + (size_t)n > sizeof bytes || memcmp(bytes + at, piece, (size_t)n) != 0)
			return NULL;
		at += (size_t)n;
	}
	return at == sizeof bytes ? user : NULL;
}

static void check_pipe(int flags, size_t step)
{
	struct output o;
	pthread_t reader;
	void *good;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETFL, flags), 0);
	assert_int_equal(pthread_create(&reader, NULL, read_slowly, ends), 0);
	output_to_fd(&o, ends[1]);
	for (size_t at = 0; at < sizeof bytes; at += step)
		output_put(&o, bytes + at, sizeof bytes - at < step ? sizeof bytes - at : step);
	assert_int_equal(output_end(&o), 0);
	close(ends[1]);
	assert_int_equal(pthread_join(reader, &good), 0);
	assert_non_null(good);
	close(ends[0]);
}

static void all_is_written_to_a_descriptor(void **state)
{
	static const size_t steps[] = {
	    777, 1000, OUTPUT_PIECE - 1, OUTPUT_PIECE, OUTPUT_PIECE + 1, 100000, LARGE};

	(void)state;
	fill_bytes();
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		check_pipe(0, steps[i]);
		check_pipe(O_NONBLOCK, steps[i]); /* which must not lose what it does not take */
	}
}

static void small_pieces_wait_for_the_end(void **state)
{
	struct pollfd readable;
	struct output o;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	readable = (struct pollfd){.fd = ends[0], .events = POLLIN};
	output_to_fd(&o, ends[1]);
	output_str(&o, "x");
	assert_int_equal(poll(&readable, 1, 0), 0);
	assert_int_equal(output_end(&o), 0);
	assert_int_equal(poll(&readable, 1, 0), 1);
	close(ends[0]);
	close(ends[1]);
}

static void a_failed_write_is_told_at_the_end(void **state)
{
	struct output o;
	int ends[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	output_to_fd(&o, ends[1]);
	output_put(&o, bytes, sizeof bytes);
	output_str(&o, "more");
	errno = 0;
	assert_int_equal(output_end(&o), -1);
	assert_int_equal(errno, EPIPE);
	close(ends[1]);
	output_to_fd(&o, ends[1]);
	output_str(&o, "x");
	assert_int_equal(output_end(&o), -1);
	assert_int_equal(errno, EBADF);
}

static void no_space_left_is_told(void **state)
{
	struct output o;
	int fd = open("/dev/full", O_WRONLY);

	(void)state;
	if (fd < 0)
		skip();
	output_to_fd(&o, fd);
	output_str(&o, "x");
	assert_int_equal(output_end(&o), -1);
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pieces_come_out_in_order),
	    cmocka_unit_test(many_spaces),
	    cmocka_unit_test(a_full_buffer_is_told_and_stays_whole),
	    cmocka_unit_test(all_is_written_to_a_descriptor),
	    cmocka_unit_test(small_pieces_wait_for_the_end),
	    cmocka_unit_test(a_failed_write_is_told_at_the_end),
	    cmocka_unit_test(no_space_left_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
