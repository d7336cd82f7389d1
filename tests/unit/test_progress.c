#define _XOPEN_SOURCE 700 /* posix_openpt */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "clock.h"
#include "progress.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void lines(void **state)
{
	static const struct {
		double done, total;
		const char *message;
		size_t columns;
		const char *line;
	} cases[] = {
	    {0, 10, NULL, 79, "[------------------------------]   0%"},
	    {5, 10, NULL, 79, "[###############---------------]  50%"},
	    {10, 10, "", 79, "[##############################] 100%"},
	    {1, 3, "one of three", 79, "[##########--------------------]  33%  one of three"},
	    {20, 10, NULL, 79, "[##############################] 100%"},
	    {-1, 10, NULL, 79, "[------------------------------]   0%"},
	    {5, 10, "m", 40, "[#####-----]  50%  m"},
	    {5, 10, "long message", 22, "[#####-----]  50%  lon"},
	    {5, 10, "x", 5, "[####"},
	    {5, 10, "x", 0, ""},
	    /* Without a total it counts. */
	    {17, -1, "files", 79, "17  files"},
	    {17, 0, NULL, 79, "17"},
	    {1234567890123, -1, NULL, 79, "1234567890123"},
	    {0.5, -1, NULL, 79, "0.5"},
	    {1, (double)NAN, NULL, 79, "1"},
	    {(double)INFINITY, 5, NULL, 79, "inf"},
	    {1, (double)INFINITY, NULL, 79, "[------------------------------]   0%"},
	    /* Nothing of the server's steers the terminal. */
	    {1, 2, "\x1b[2J\n\xe2\x80\xae", 79,
	        "[###############---------------]  50%  \\x1b[2J\\x0a\\u202e"},
	    {1, 2, "\xe4\xbd\xa0\xe5\xa5\xbd", 22, "[#####-----]  50%  \xe4\xbd\xa0"},
	};
	char line[PROGRESS_LINE_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		progress_line(
		    line, cases[i].done, cases[i].total, cases[i].message, cases[i].columns);
		assert_string_equal(line, cases[i].line);
	}
}

static void long_messages_stay_within_the_line(void **state)
{
	static char message[100000];
	char line[PROGRESS_LINE_SIZE];

	(void)state;
	memset(message, 'm', sizeof message - 1);
	progress_line(line, 1, 2, message, 1000000);
	assert_true(strlen(line) < PROGRESS_LINE_SIZE - 8);
	for (size_t i = 0; i + 3 < sizeof message; i += 3)
		memcpy(message + i, "\xe4\xbd\xa0", 3);
	progress_line(line, 1, 2, message, 1000000);
	assert_true(strlen(line) < PROGRESS_LINE_SIZE - 8);
}

/* A terminal with ${columns}; gives its own side, and the other in ${*master}. */
static int open_terminal(int *master, unsigned short columns)
{
	const struct winsize size = {.ws_col = columns, .ws_row = 5};
	struct termios raw;
	int slave;

	*master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(*master >= 0 && grantpt(*master) == 0 && unlockpt(*master) == 0);
	slave = open(ptsname(*master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0 && ioctl(slave, TIOCSWINSZ, &size) == 0);
	assert_int_equal(tcgetattr(slave, &raw), 0);
	raw.c_oflag &= ~(tcflag_t)OPOST;
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	assert_int_equal(fcntl(*master, F_SETFL, O_NONBLOCK), 0);
	return slave;
}

static const char *seen(int master)
{
	static char text[4096];
	ssize_t n = read(master, text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void it_is_drawn_at_most_so_often_and_erased(void **state)
{
	struct progress p = {0};
	int master;

	(void)state;
	p.fd = open_terminal(&master, 40);
	progress_erase(&p);
	assert_string_equal(seen(master), ""); /* there was none */
	assert_int_equal(progress_deadline(&p), CLOCK_NEVER);

	progress_show(&p, 1, 10, "a", 1000);
	assert_string_equal(seen(master), "[#---------]  10%  a\x1b[K\r");
	assert_int_equal(progress_deadline(&p), CLOCK_NEVER);
	progress_show(&p, 2, 10, "b", 1000 + PROGRESS_PAUSE - 2);
	progress_show(&p, 3, 10, "c", 1000 + PROGRESS_PAUSE - 1);
	assert_string_equal(seen(master), "");
	assert_int_equal(progress_deadline(&p), 1000 + PROGRESS_PAUSE);
	progress_draw(&p, 1000 + PROGRESS_PAUSE - 1);
	assert_string_equal(seen(master), "");
	progress_draw(&p, 1000 + PROGRESS_PAUSE); /* the last of the news */
	assert_string_equal(seen(master), "[###-------]  30%  c\x1b[K\r");
	progress_draw(&p, 5000);
	assert_string_equal(seen(master), "");

	progress_show(&p, 4, 10, "d", 1000 + PROGRESS_PAUSE + 1);
	progress_erase(&p);
	assert_string_equal(seen(master), "\x1b[K\r");
	assert_int_equal(progress_deadline(&p), CLOCK_NEVER);
	progress_erase(&p);
	progress_draw(&p, 9000);
	assert_string_equal(seen(master), "");
	progress_show(&p, 5, 10, NULL, 1000); /* after an erasure at once */
	assert_string_equal(seen(master), "[#####-----]  50%\x1b[K\r");
	close(p.fd);
	close(master);
}

static void it_fits_the_terminal(void **state)
{
	struct progress p = {0};
	int master;

	(void)state;
	p.fd = open_terminal(&master, 24);
	progress_show(&p, 1, 2, "0123456789", 0);
	assert_string_equal(seen(master), "[#####-----]  50%  0123\x1b[K\r");
	close(p.fd);
	close(master);
}

static void a_terminal_that_is_stopped_is_not_waited_for(void **state)
{
	struct progress p = {0};
	int master;

	(void)state;
	p.fd = open_terminal(&master, 80);
	assert_int_equal(tcflow(p.fd, TCOOFF), 0);
	for (int i = 0; i < 10000; i++) /* far more than it keeps */
		progress_show(&p, i, 10000, "some message", i * 1000);
	close(p.fd);
	close(master);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines),
	    cmocka_unit_test(long_messages_stay_within_the_line),
	    cmocka_unit_test(it_is_drawn_at_most_so_often_and_erased),
	    cmocka_unit_test(it_fits_the_terminal),
	    cmocka_unit_test(a_terminal_that_is_stopped_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
