#define _XOPEN_SOURCE 700 /* posix_openpt */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What is read of stderr or the log file. */
static char text[4 << 20];

/* stderr is somewhere else between these two, and nothing may be asserted meanwhile. */
static int own_stderr = -1;

static void stderr_to(int fd)
{
	own_stderr = dup(STDERR_FILENO);
	(void)dup2(fd, STDERR_FILENO);
}

static void stderr_back(void)
{
	(void)dup2(own_stderr, STDERR_FILENO);
	close(own_stderr);
}

/* How long to wait for more, in ms: a terminal hands over what it has with a little delay. */
static int patience;

/* Reads what there is into text[] behind the first ${at} bytes. Returns the new length. */
static size_t read_all(int fd, size_t at)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n = 1;

	while (n > 0 && at < sizeof text - 1 && poll(&p, 1, patience) > 0) {
		n = read(fd, text + at, sizeof text - 1 - at);
		at += n > 0 ? (size_t)n : 0;
	}
	text[at] = '\0';
	return at;
}

static void open_pipe(int p[2])
{
	assert_int_equal(pipe(p), 0);
}

static void open_socket(int p[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
}

static void open_terminal(int p[2])
{
	struct termios modes;

	p[0] = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(p[0] >= 0);
	assert_int_equal(grantpt(p[0]), 0);
	assert_int_equal(unlockpt(p[0]), 0);
	p[1] = open(ptsname(p[0]), O_RDWR | O_NOCTTY);
	assert_true(p[1] >= 0);
	assert_int_equal(tcgetattr(p[1], &modes), 0);
	modes.c_oflag &= ~(tcflag_t)OPOST;
	modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	assert_int_equal(tcsetattr(p[1], TCSANOW, &modes), 0);
}

static void close_both(int p[2])
{
	close(p[0]);
	close(p[1]);
}

/* Has lines that were lost told of, so that the next test begins without. */
static void settle(void)
{
	int p[2];

	open_pipe(p);
	stderr_to(p[1]);
	log_error("settled");
	stderr_back();
	close_both(p);
}

/* The first of all: a library says nothing until it is told to. */
static void nothing_is_said_at_first(void **state)
{
	int p[2];

	(void)state;
	open_pipe(p);
	stderr_to(p[1]);
	log_error("nobody asked");
	log_set_level(LOG_NOTICE);
	log_notice("somebody did");
	log_info("but not for this");
	stderr_back();
	read_all(p[0], 0);
	assert_string_equal(text, "wsmcp: somebody did\n");
	close_both(p);
}

static void keep_line(void *context, enum log_level level, const char *line)
{
	size_t at = strlen(context);

	(void)snprintf((char *)context + at, 1000 - at, "%d %s|", (int)level, line);
}

static void a_sink_gets_lines_instead(void **state)
{
	char lines[1000] = "", path[] = "/tmp/wsmcp-log-XXXXXX";
	int p[2], file = mkstemp(path);

	(void)state;
	assert_true(file >= 0);
	open_pipe(p);
	stderr_to(p[1]);
	log_set_level(LOG_INFO);
	int opened = log_open(path);
	log_set_sink(keep_line, lines);
	log_warning("odd \x1b %d", 1);
	log_debug("hidden");
	log_info("news");
	log_set_sink(NULL, NULL);
	log_info("back");
	log_close();
	log_set_level(LOG_WARNING);
	stderr_back();
	assert_int_equal(opened, 0);
	assert_string_equal(lines, "1 odd \\x1b 1|3 news|");
	read_all(p[0], 0);
	assert_string_equal(text, "wsmcp: back\n");
	read_all(file, 0);
	assert_non_null(strstr(text, "wsmcp: warning: odd \\x1b 1\n"));
	assert_non_null(strstr(text, "wsmcp: news\n"));
	assert_non_null(strstr(text, "wsmcp: back\n"));
	close(file);
	unlink(path);
	close_both(p);
}

static void lines_have_a_prefix_by_level(void **state)
{
	int p[2];

	(void)state;
	open_pipe(p);
	stderr_to(p[1]);
	log_error("bad %d", 1);
	log_warning("odd %s", "x");
	log_info("hidden");
	log_debug("hidden");
	log_set_level(LOG_ERROR);
	log_warning("hidden");
	log_error("quiet");
	log_set_level(LOG_INFO);
	log_info("news");
	log_debug("hidden");
	log_set_level(LOG_DEBUG);
	log_debug("detail");
	log_set_level(LOG_WARNING);
	stderr_back();
	read_all(p[0], 0);
	assert_string_equal(text, "wsmcp: error: bad 1\n"
	                          "wsmcp: warning: odd x\n"
	                          "wsmcp: error: quiet\n"
	                          "wsmcp: news\n"
	                          "wsmcp: detail\n");
	close_both(p);
}

static void lines_show_controls_escaped(void **state)
{
	int p[2];

	(void)state;
	open_pipe(p);
	stderr_to(p[1]);
	log_error("two\nlines \x1b[31m \xc2\x9b \xff caf\xc3\xa9 %s", "\xe2\x80\xae\r");
	stderr_back();
	read_all(p[0], 0);
	assert_string_equal(text, "wsmcp: error: two\\x0alines \\x1b[31m \\u009b \\xff caf\xc3\xa9 "
	                          "\\u202e\\x0d\n");
	close_both(p);
}

static void long_lines_are_cut(void **state)
{
	static char message[2 * LOG_LINE_MAX];
	const size_t prefix = strlen("wsmcp: error: ");
	const size_t sizes[] = {LOG_LINE_MAX - prefix - 2, LOG_LINE_MAX - prefix - 1,
	    LOG_LINE_MAX - prefix, LOG_LINE_MAX, LOG_LINE_MAX + 1, sizeof message - 1};
	int p[2];

	(void)state;
	open_pipe(p);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t len, whole = prefix + sizes[i] + 1;

		memset(message, 'x', sizes[i]);
		message[sizes[i]] = '\0';
		stderr_to(p[1]);
		log_error("%s", message);
		stderr_back();
		len = read_all(p[0], 0);
		assert_int_equal(len, whole < LOG_LINE_MAX ? whole : LOG_LINE_MAX);
		assert_int_equal(text[len - 1], '\n');
		if (whole > LOG_LINE_MAX)
			assert_string_equal(text + len - 5, "x...\n");
		else
			assert_string_equal(text + len - 4, "xxx\n");
		assert_int_equal(strcspn(text, "\n"), len - 1);
	}
	close_both(p);
}

static void a_full_pipe_drops_lines_and_tells(void **state)
{
	unsigned long before = log_dropped();
	struct pollfd writable;
	char bytes[4096] = {0};
	int p[2];

	(void)state;
	open_pipe(p);
	assert_int_equal(fcntl(p[1], F_SETFL, O_WRONLY | O_NONBLOCK), 0);
	while (write(p[1], bytes, sizeof bytes) > 0)
		;
	while (write(p[1], bytes, 1) > 0)
		;
	assert_int_equal(fcntl(p[1], F_SETFL, O_WRONLY), 0);
	stderr_to(p[1]);
	errno = 12345;
	log_error("one");
	log_error("two");
	log_error("three");
	stderr_back();
	assert_int_equal(errno, 12345);
	assert_int_equal(log_dropped(), before + 3);
	assert_int_equal(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0);
	read_all(p[0], 0);
	stderr_to(p[1]);
	log_error("four");
	log_error("five");
	stderr_back();
	read_all(p[0], 0);
	assert_string_equal(text, "wsmcp: warning: 3 earlier lines were lost, nobody read stderr\n"
	                          "wsmcp: error: four\n"
	                          "wsmcp: error: five\n");
	assert_int_equal(log_dropped(), before + 3);
	writable = (struct pollfd){.fd = p[1], .events = POLLOUT};
	assert_int_equal(poll(&writable, 1, 0), 1);
	close_both(p);
}

static void a_reader_that_left_drops_lines(void **state)
{
	unsigned long before = log_dropped();
	int p[2];

	(void)state;
	open_pipe(p);
	close(p[0]);
	stderr_to(p[1]);
	errno = 12345;
	log_error("to nobody");
	stderr_back();
	assert_int_equal(errno, 12345);
	assert_int_equal(log_dropped(), before + 1);
	close(p[1]);
	open_pipe(p);
	stderr_to(p[1]);
	log_error("here");
	stderr_back();
	read_all(p[0], 0);
	assert_string_equal(text, "wsmcp: warning: 1 earlier line was lost, nobody read stderr\n"
	                          "wsmcp: error: here\n");
	close_both(p);
}

/*
 * Logs numbered lines of many sizes to what nobody reads, reads a little, logs
 * more, and so on. What arrives must be whole lines in order, and what does not must be counted.
 */
static void lines_are_whole(int p[2])
{
	unsigned long before = log_dropped(), lost = 0, arrived = 0, lines = 0, number;
	size_t len = 0;
	char *line, *end, pad[LOG_LINE_MAX], last[40];

	memset(pad, '.', sizeof pad);
	for (int round = 0; round < 40; round++) {
		stderr_to(p[1]);
		for (int i = 0; i < 40; i++, lines++)
			log_error("line %lu %.*s", lines, (int)(lines * 997 % 4000), pad);
		stderr_back();
		if (round % 3 == 0) {
			ssize_t n = read(p[0], text + len, 3001);

			assert_true(n > 0);
			len += (size_t)n;
		} else if (round % 3 == 1) {
			len = read_all(p[0], len);
		}
	}
	len = read_all(p[0], len);
	/* The rest of a line comes with log_close(). */
	do {
		stderr_to(p[1]);
		log_close();
		stderr_back();
		len = read_all(p[0], len);
	} while (text[len - 1] != '\n');
	/* The last line is one that was taken. */
	do {
		number = log_dropped();
		stderr_to(p[1]);
		log_error("line %lu ", lines++);
		stderr_back();
		len = read_all(p[0], len);
	} while (log_dropped() != number);
	(void)snprintf(last, sizeof last, "line %lu \n", lines - 1);
	while (strstr(text, last) == NULL)
		len = read_all(p[0], len);
	assert_in_range(len, 1, sizeof text - 2);
	number = 0;
	for (line = text; *line != '\0'; line = end + 1) {
		unsigned long n;

		end = strchr(line, '\n');
		assert_non_null(end);
		*end = '\0';
		if (sscanf(line, "wsmcp: warning: %lu earlier line", &n) == 1) {
			lost += n;
			continue;
		}
		assert_int_equal(sscanf(line, "wsmcp: error: line %lu", &n), 1);
		assert_true(n >= number);
		number = n + 1;
		arrived++;
		if (n < 40 * 40) {
			line = strstr(line, " .");
			assert_int_equal(line == NULL ? 0 : strspn(line + 1, "."), n * 997 % 4000);
		}
	}
	assert_int_equal(number, lines);
	assert_true(lost > 0);
	assert_int_equal(log_dropped() - before, lost);
	assert_int_equal(arrived + lost, lines);
}

static void lines_in_a_pipe_are_whole(void **state)
{
	int p[2];

	(void)state;
	open_pipe(p);
	lines_are_whole(p);
	close_both(p);
}

static void lines_in_a_socket_are_whole(void **state)
{
	int p[2];

	(void)state;
	open_socket(p);
	lines_are_whole(p);
	assert_int_equal(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0);
	close_both(p);
}

static void lines_on_a_terminal_are_whole(void **state)
{
	int p[2];

	(void)state;
	open_terminal(p);
	patience = 50;
	lines_are_whole(p);
	patience = 0;
	assert_int_equal(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0);
	close_both(p);
}

static void errno_is_kept(void **state)
{
	int p[2], kept[3];

	(void)state;
	open_socket(p);
	stderr_to(p[1]);
	errno = 12345;
	log_error("shown");
	kept[0] = errno;
	log_debug("hidden");
	kept[1] = errno;
	close(p[0]);
	log_error("to nobody");
	kept[2] = errno;
	stderr_back();
	for (size_t i = 0; i < COUNT(kept); i++)
		assert_int_equal(kept[i], 12345);
	close(p[1]);
	settle();
}

/* A new name for a file in the directory for temporary files. */
static void make_path(char *path, size_t size)
{
	static int number;

	(void)snprintf(path, size, "/tmp/wsmcp-test-log-%ld-%d", (long)getpid(), number++);
}

static void read_file(const char *path)
{
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	read_all(fd, 0);
	close(fd);
}

/* Whether ${line} begins with a time such as "2026-07-28T12:34:56.789Z ". */
static bool begins_with_time(const char *line)
{
	const char *form = "0000-00-00T00:00:00.000Z ";

	for (; *form != '\0'; form++, line++)
		if (*form == '0' ? *line < '0' || *line > '9' : *line != *form)
			return false;
	return true;
}

static void the_file_gets_every_line(void **state)
{
	const size_t stamp = strlen("0000-00-00T00:00:00.000Z ");
	char path[64], bytes[4096] = {0};
	struct stat st;
	int p[2], next;

	(void)state;
	make_path(path, sizeof path);
	open_pipe(p);
	next = dup(0);
	close(next);
	assert_int_equal(log_open(path), 0);
	assert_int_equal(fcntl(next, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* Also those that stderr does not take. */
	assert_int_equal(fcntl(p[1], F_SETFL, O_WRONLY | O_NONBLOCK), 0);
	while (write(p[1], bytes, sizeof bytes) > 0)
		;
	stderr_to(p[1]);
	log_error("one\x1b");
	log_info("hidden");
	stderr_back();
	read_all(p[0], 0);
	stderr_to(p[1]);
	log_error("two");
	log_close();
	log_error("three");
	stderr_back();
	read_file(path);
	assert_true(begins_with_time(text));
	assert_memory_equal(text + stamp, "wsmcp: error: one\\x1b\n", 22);
	assert_true(begins_with_time(text + stamp + 22));
	assert_non_null(strstr(text + stamp + 22, "wsmcp: warning: 1 earlier line was lost"));
	assert_string_equal(strrchr(text, 'Z') + 2, "wsmcp: error: two\n");
	assert_null(strstr(text, "hidden"));
	close_both(p);
	/* A file that is there is appended to, and keeps its mode. */
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(log_open(path), 0);
	open_pipe(p);
	stderr_to(p[1]);
	log_error("four");
	log_close();
	stderr_back();
	read_file(path);
	assert_non_null(strstr(text, "wsmcp: error: one"));
	assert_string_equal(strrchr(text, 'Z') + 2, "wsmcp: error: four\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(unlink(path), 0);
	close_both(p);
}

static void a_file_that_cannot_be_opened_is_an_error(void **state)
{
	char path[64];
	int p[2];

	(void)state;
	assert_int_equal(log_open("/nonexistent/log"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(log_open("/tmp"), -1);
	assert_int_equal(errno, EISDIR);
	make_path(path, sizeof path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(log_open(path), -1);
	assert_int_equal(errno, ENXIO);
	assert_int_equal(unlink(path), 0);
	/* The one that was open stays. */
	assert_int_equal(log_open(path), 0);
	assert_int_equal(log_open("/nonexistent/log"), -1);
	open_pipe(p);
	stderr_to(p[1]);
	log_error("still here");
	stderr_back();
	log_close();
	read_file(path);
	assert_non_null(strstr(text, "still here"));
	assert_int_equal(unlink(path), 0);
	close_both(p);
}

#ifdef __linux__
static void a_file_that_fails_is_told_of_once(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(log_open("/dev/full"), 0);
	open_pipe(p);
	stderr_to(p[1]);
	log_error("one");
	log_error("two");
	stderr_back();
	read_all(p[0], 0);
	assert_string_equal(text,
	    "wsmcp: warning: the log file ends here: No space left on device\n"
	    "wsmcp: error: one\n"
	    "wsmcp: error: two\n");
	log_close();
	close_both(p);
}
#endif

static void escape_table(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *out;
	} cases[] = {
	    {"", 0, ""},
	    {"plain ~ text", 12, "plain ~ text"},
	    {"a\0b", 3, "a\\x00b"},
	    {"\t\x1f\x7f", 3, "\\x09\\x1f\\x7f"},
	    {"\xc2\x80\xc2\x9f\xc2\xa0", 6, "\\u0080\\u009f\xc2\xa0"},
	    {"\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f", 8, "\\u061c\\u200e\\u200f"},
	    {"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xae", 12,
	        "\\u2028\\u2029\\u202a\\u202e"},
	    {"\xe2\x81\xa6\xe2\x81\xa9", 6, "\\u2066\\u2069"},
	    {"\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa", 12,
	        "\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"},
	    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
	    {"\x80\xbf\xfe\xff", 4, "\\x80\\xbf\\xfe\\xff"},
	    {"\xc0\xaf", 2, "\\xc0\\xaf"},
	    {"\xe0\x80\xaf", 3, "\\xe0\\x80\\xaf"},
	    {"\xed\xa0\x80", 3, "\\xed\\xa0\\x80"},
	    {"\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80"},
	    {"\xe2\x82", 2, "\\xe2\\x82"},
	    {"\xe2\x82x", 3, "\\xe2\\x82x"},
	    {"\xe2\x82\xac", 2, "\\xe2\\x82"},
	    {"\xf0\x9f\x98", 3, "\\xf0\\x9f\\x98"},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_ptr_equal(log_escape(out, sizeof out, cases[i].in, cases[i].len), out);
		assert_string_equal(out, cases[i].out);
	}
}

static void escape_is_cut_between_pieces(void **state)
{
	static const char in[] = "ab\x1b\xe2\x82\xac\xe2\x80\xaey";
	static const char whole[] = "ab\\x1b\xe2\x82\xac\\u202ey";
	/* Where the pieces end. */
	static const size_t ends[] = {0, 1, 2, 6, 9, 15, 16};
	char out[32];

	(void)state;
	for (size_t size = 0; size <= sizeof whole + 2; size++) {
		size_t kept = 0;

		memset(out, '#', sizeof out);
		log_escape(out, size, in, sizeof in - 1);
		assert_int_equal(out[size], '#');
		if (size == 0)
			continue;
		if (size >= sizeof whole) {
			assert_string_equal(out, whole);
			continue;
		}
		if (size < 4) {
			assert_int_equal(strlen(out), size - 1);
			assert_memory_equal(out, "...", size - 1);
			continue;
		}
		for (size_t i = 0; i < COUNT(ends); i++)
			if (ends[i] + 3 < size)
				kept = ends[i];
		assert_int_equal(strlen(out), kept + 3);
		assert_memory_equal(out, whole, kept);
		assert_string_equal(out + kept, "...");
	}
}

/* Whatever goes in: valid UTF-8 without controls comes out. */
static void escape_of_noise_is_harmless(void **state)
{
	uint32_t seed = 1;
	char in[24], out[200], again[200];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		static const char some[] =
		    "\xc2\xe2\x80\xae\x9b\xed\xa0\xf0\x9f\xd8\x9c\x1b\x81\xa6xy";

		for (size_t i = 0; i < sizeof in; i++) {
			seed = seed * 1664525 + 1013904223;
			in[i] = (seed >> 30) == 0 ? (char)(seed >> 20) : some[(seed >> 24) & 15];
		}
		log_escape(out, sizeof out, in, sizeof in);
		for (const char *c = out; *c != '\0'; c++) {
			assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
			assert_false((unsigned char)c[0] == 0xc2 && (unsigned char)c[1] < 0xa0);
			assert_int_not_equal(strncmp(c, "\xd8\x9c", 2), 0);
			assert_int_not_equal(strncmp(c, "\xe2\x80\xae", 3), 0);
			assert_int_not_equal(strncmp(c, "\xe2\x81\xa6", 3), 0);
		}
		log_escape(again, sizeof again, out, strlen(out));
		assert_string_equal(again, out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_said_at_first),
	    cmocka_unit_test(a_sink_gets_lines_instead),
	    cmocka_unit_test(lines_have_a_prefix_by_level),
	    cmocka_unit_test(lines_show_controls_escaped),
	    cmocka_unit_test(long_lines_are_cut),
	    cmocka_unit_test(a_full_pipe_drops_lines_and_tells),
	    cmocka_unit_test(a_reader_that_left_drops_lines),
	    cmocka_unit_test(lines_in_a_pipe_are_whole),
	    cmocka_unit_test(lines_in_a_socket_are_whole),
	    cmocka_unit_test(lines_on_a_terminal_are_whole),
	    cmocka_unit_test(errno_is_kept),
	    cmocka_unit_test(the_file_gets_every_line),
	    cmocka_unit_test(a_file_that_cannot_be_opened_is_an_error),
#ifdef __linux__
	    cmocka_unit_test(a_file_that_fails_is_told_of_once),
#endif
	    cmocka_unit_test(escape_table),
	    cmocka_unit_test(escape_is_cut_between_pieces),
	    cmocka_unit_test(escape_of_noise_is_harmless),
	};

	/* As main() does; and a write that blocks ends the test. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 1;
	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
