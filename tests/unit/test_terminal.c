/* For posix_openpt. */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "terminal.h"

static int master, saved_in, saved_out;

/* Makes a new terminal stdin and stdout. */
static int set_up(void **state)
{
	int slave;

	(void)state;
	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
		return -1;
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	saved_in = dup(STDIN_FILENO);
	saved_out = dup(STDOUT_FILENO);
	if (slave < 0 || dup2(slave, STDIN_FILENO) < 0)
		return -1;
	return close(slave);
}

static int tear_down(void **state)
{
	(void)state;
	(void)dup2(saved_in, STDIN_FILENO);
	(void)close(saved_in);
	(void)close(saved_out);
	return close(master);
}

static bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void signals_become_events(void **state)
{
	static const struct {
		int signal;
		unsigned event;
	} cases[] = {
	    {SIGINT, TERMINAL_INTERRUPT},
	    {SIGQUIT, TERMINAL_QUIT},
	    {SIGTSTP, TERMINAL_STOP},
	    {SIGWINCH, TERMINAL_RESIZED},
	    {SIGCONT, TERMINAL_CONTINUED},
	};
	const int fd = terminal_begin();

	(void)state;
	assert_true(fd >= 0);
	assert_false(is_readable(fd));
	assert_int_equal(terminal_take(), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(raise(cases[i].signal), 0);
		assert_true(is_readable(fd));
		assert_int_equal(terminal_take(), cases[i].event);
		assert_false(is_readable(fd));
	}
	(void)raise(SIGINT);
	(void)raise(SIGINT);
	(void)raise(SIGWINCH);
	assert_int_equal(terminal_take(), TERMINAL_INTERRUPT | TERMINAL_RESIZED);
	assert_int_equal(terminal_take(), 0);
	terminal_end();
}

static void handlers_are_given_back(void **state)
{
	struct sigaction before, after;

	(void)state;
	assert_int_equal(sigaction(SIGWINCH, NULL, &before), 0);
	assert_true(terminal_begin() >= 0);
	terminal_end();
	assert_int_equal(sigaction(SIGWINCH, NULL, &after), 0);
	assert_ptr_equal(before.sa_handler, after.sa_handler);
	terminal_end(); /* once more is fine */
	terminal_restore();
}

static void modes_are_given_back(void **state)
{
	struct termios before, other, after;

	(void)state;
	assert_int_equal(tcgetattr(STDIN_FILENO, &before), 0);
	assert_true(terminal_begin() >= 0);
	other = before;
	other.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	assert_int_equal(tcsetattr(STDIN_FILENO, TCSANOW, &other), 0);
	terminal_restore();
	assert_int_equal(tcgetattr(STDIN_FILENO, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(tcsetattr(STDIN_FILENO, TCSANOW, &other), 0);
	terminal_end();
	assert_int_equal(tcgetattr(STDIN_FILENO, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
}

static void without_a_terminal_there_is_no_person(void **state)
{
	const int null = open("/dev/null", O_RDWR);

	(void)state;
	assert_true(null >= 0);
	assert_int_equal(dup2(STDIN_FILENO, STDOUT_FILENO), STDOUT_FILENO);
	const bool both = terminal_is_there();
	(void)dup2(null, STDOUT_FILENO);
	const bool only_in = terminal_is_there();
	(void)dup2(null, STDIN_FILENO);
	const int begun = terminal_begin();
	(void)dup2(saved_out, STDOUT_FILENO);
	assert_true(both);
	assert_false(only_in);
	assert_int_equal(begun, -1);
	(void)close(null);
}

/* Whether SIGTSTP stops a process at all: not under valgrind, nor in an orphaned process group. */
static bool stops_happen(void)
{
	const pid_t child = fork();
	int status;

	if (child == 0) {
		(void)raise(SIGTSTP);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	if (!WIFSTOPPED(status))
		return false;
	assert_int_equal(kill(child, SIGCONT), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return true;
}

/* A child stops, goes on when told to, and takes its next Ctrl-Z as an event again. */
static void a_stop_is_one(void **state)
{
	const bool stops = stops_happen();
	const pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		if (terminal_begin() < 0)
			_exit(1);
		terminal_stop();
		if (terminal_take() != 0)
			_exit(2);
		(void)raise(SIGTSTP);
		_exit(terminal_take() == TERMINAL_STOP ? 0 : 3);
	}
	if (stops) {
		assert_int_equal(waitpid(child, &status, WUNTRACED), child);
		assert_true(WIFSTOPPED(status));
		assert_int_equal(WSTOPSIG(status), SIGTSTP);
		assert_int_equal(kill(child, SIGCONT), 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(signals_become_events),
	    TEST(handlers_are_given_back),
	    TEST(modes_are_given_back),
	    TEST(without_a_terminal_there_is_no_person),
	    TEST(a_stop_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
