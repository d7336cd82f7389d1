/*
 * Signals end programs, so each case runs in a child. The child says what it sees in letters
 * through a pipe, 'r' when it is ready; the parent waits for these and for the child's end, never
 * for a time.
 */
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
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "signals.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WATCHDOG 15 /* s; then the child is killed, and who waits for it goes on */
#define WRONG    99 /* exit status of a child that saw what it should not */

static const struct {
	int signal;
	char letter;
} ends[] = {{SIGINT, 'i'}, {SIGTERM, 't'}, {SIGHUP, 'h'}};

/* --- the child's side ---------------------------------------------------------------------- */

static int mouth, ear; /* the child's; nothing ever comes to the ear */

static void say(char letter)
{
	if (write(mouth, &letter, 1) != 1)
		_exit(WRONG);
}

static void require(bool holds)
{
	if (!holds)
		_exit(WRONG);
}

static void say_last(void *user)
{
	say(*(const char *)user);
}

static char last_letter = 'L';

/* Takes the signals, with a last act that says 'L'. */
static int begin(void)
{
	int fd = signals_begin(say_last, &last_letter);

	require(fd >= 0);
	return fd;
}

/* For what is not about the timer: on a busy machine it may be faster than what it is to end. */
static void hold_timer(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	require(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

static bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static char letter_of(int signal)
{
	for (size_t i = 0; i < COUNT(ends); i++) {
		if (ends[i].signal == signal)
			return ends[i].letter;
	}
	return '?';
}

/* A loop as it should be: says 'u' for SIGUSR1, or the letter of a signal that ends, and ends. */
static void run_loop(void)
{
	int fd = begin(), signal = 0;

	hold_timer();
	say('r');
	while (signal == 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		bool usr1 = false;

		if (poll(&p, 1, -1) <= 0)
			continue;
		signal = signals_take(&usr1);
		if (usr1)
			say('u');
	}
	say(letter_of(signal));
	signals_forget();
	signals_die(signal);
}

static void spin(void)
{
	volatile unsigned turns = 0;

	say('r');
	for (;;)
		turns++;
}

static void run_spin(void)
{
	begin();
	spin();
}

static void run_spin_without_last_act(void)
{
	require(signals_begin(NULL, NULL) >= 0);
	spin();
}

static void run_spin_after_forgetting(void)
{
	begin();
	signals_forget();
	spin();
}

static void run_blocking_read(void)
{
	char c;

	begin();
	say('r');
	require(read(ear, &c, 1) == 1); /* begun again after a signal, so it never returns */
}

static void run_blocking_write(void)
{
	static const char much[100000];
	int fds[2];

	begin();
	require(pipe(fds) == 0);
	say('r');
	for (;;) /* a write that has written something ends at a signal all the same */
		require(write(fds[1], much, sizeof(much)) > 0);
}

/* As a host does that asks again and again. */
static void run_being_told_again(void)
{
	begin();
	say('r');
	(void)raise(SIGINT);
	for (;;)
		(void)raise(SIGTERM);
}

static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	require(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
}

static void ignore(int number)
{
	require(signal(number, SIG_IGN) != SIG_ERR);
}

static void run_loop_started_blocked(void)
{
	block_all();
	run_loop();
}

static void run_spin_started_blocked(void)
{
	block_all();
	ignore(SIGALRM);
	run_spin();
}

static void run_loop_started_with_all_ignored(void)
{
	ignore(SIGINT);
	ignore(SIGTERM);
	ignore(SIGHUP);
	ignore(SIGUSR1);
	run_loop();
}

static void run_pending_at_start(void)
{
	char c;

	block_all();
	require(raise(SIGTERM) == 0);
	begin();
	require(read(ear, &c, 1) == 1); /* never; the timer runs already */
}

static void run_die_when_blocked_and_ignored(void)
{
	begin();
	for (size_t i = 0; i < COUNT(ends); i++)
		ignore(ends[i].signal);
	block_all();
	say('r');
	signals_die(SIGTERM);
}

static void run_die_at_once(void)
{
	signals_die(SIGINT);
}

static void run_descriptor(void)
{
	int fd = begin();
	bool usr1 = true;

	require((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	require((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	require(!is_readable(fd));
	require(signals_take(&usr1) == 0 && !usr1); /* and does not wait */
}

static void run_usr1(void)
{
	int fd = begin();
	bool usr1 = false;

	for (int i = 0; i < 3; i++) {
		require(raise(SIGUSR1) == 0);
		require(is_readable(fd));
		require(signals_take(&usr1) == 0 && usr1);
		require(!is_readable(fd));
		require(signals_take(&usr1) == 0 && !usr1);
	}
}

static void run_usr1_and_an_end(void)
{
	int fd = begin();
	bool usr1 = false;

	hold_timer();
	require(raise(SIGUSR1) == 0 && raise(SIGTERM) == 0 && raise(SIGINT) == 0);
	require(is_readable(fd));
	require(signals_take(&usr1) == SIGTERM && usr1); /* the first */
	require(!is_readable(fd));
	require(signals_take(&usr1) == SIGTERM && !usr1);
}

/* Fills the pipe that ends in ${fd}, through a writing end of our own. */
static void fill_pipe(int fd)
{
	static const char zeros[4096];
	char path[32];
	int end;

	(void)snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	end = open(path, O_WRONLY | O_NONBLOCK);
	require(end >= 0);
	while (write(end, zeros, sizeof(zeros)) > 0)
		;
	require(errno == EAGAIN && close(end) == 0);
}

/* When more signals came than the pipe holds, none blocks, none is lost and none shows in errno. */
static void run_a_flood(void)
{
	int fd = begin();
	bool usr1 = false;

	hold_timer();
	fill_pipe(fd);
	errno = E2BIG;
	require(raise(SIGUSR1) == 0 && errno == E2BIG);
	require(signals_take(&usr1) == 0 && usr1);
	require(!is_readable(fd));
	fill_pipe(fd);
	require(raise(SIGINT) == 0);
	require(is_readable(fd));
	require(signals_take(&usr1) == SIGINT && !usr1);
	require(!is_readable(fd));
}

static void run_broken_pipe(void)
{
	int fds[2];

	begin();
	require(pipe(fds) == 0 && close(fds[0]) == 0);
	require(write(fds[1], "x", 1) == -1 && errno == EPIPE);
}

static void run_file_too_large(void)
{
	struct rlimit size;
	FILE *file = tmpfile();

	begin();
	require(file != NULL && getrlimit(RLIMIT_FSIZE, &size) == 0);
	size.rlim_cur = 0;
	require(setrlimit(RLIMIT_FSIZE, &size) == 0);
	require(write(fileno(file), "x", 1) == -1 && errno == EFBIG);
}

static void run_no_descriptors_left(void)
{
	struct rlimit files;

	require(getrlimit(RLIMIT_NOFILE, &files) == 0);
	files.rlim_cur = 0;
	require(setrlimit(RLIMIT_NOFILE, &files) == 0);
	errno = 0;
	require(signals_begin(NULL, NULL) == -1 && errno == EMFILE);
}

/* --- the parent's side --------------------------------------------------------------------- */

struct child {
	pid_t pid;
	int says, hears;
};

static volatile pid_t alive; /* the one child there is, 0 = none */

static struct child start(void (*run)(void))
{
	int up[2], down[2];
	struct child c;

	assert_int_equal(pipe(up), 0);
	assert_int_equal(pipe(down), 0);
	c.pid = fork();
	assert_true(c.pid >= 0);
	if (c.pid == 0) {
		mouth = up[1];
		ear = down[0];
		close(up[0]);
		close(down[1]);
		run();
		_exit(0);
	}
	alive = c.pid;
	close(up[1]);
	close(down[0]);
	c.says = up[0];
	c.hears = down[1];
	return c;
}

/* Waits until the child says it. */
static void expect(const struct child *c, char letter)
{
	char said = '\0';

	assert_int_equal(read(c->says, &said, 1), 1);
	assert_int_equal(said, letter);
}

/* Waits for the end of the child, and of what it says. */
static int wait_end(struct child *c, const char *said)
{
	char rest[64];
	size_t len = 0;
	ssize_t n;
	int status;

	while ((n = read(c->says, rest + len, sizeof(rest) - 1 - len)) > 0)
		len += (size_t)n;
	rest[len] = '\0';
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	alive = 0;
	close(c->says);
	close(c->hears);
	assert_string_equal(rest, said);
	return status;
}

static void assert_ends_by(struct child *c, int signal, const char *said)
{
	int status = wait_end(c, said);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signal);
}

static void assert_ends_well(void (*run)(void))
{
	struct child c = start(run);
	int status = wait_end(&c, "");

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void tell(const struct child *c, int signal)
{
	assert_int_equal(kill(c->pid, signal), 0);
}

static int64_t now_ms(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void kill_child(int signal)
{
	(void)signal;
	if (alive > 0)
		(void)kill(alive, SIGKILL);
}

static int begin_test(void **state)
{
	(void)state;
	alarm(WATCHDOG);
	return signal(SIGALRM, kill_child) == SIG_ERR ? -1 : 0;
}

/* A test that failed may have left its child behind. */
static int end_test(void **state)
{
	(void)state;
	alarm(0);
	if (alive > 0) {
		kill_child(0);
		(void)waitpid(alive, NULL, 0);
	}
	alive = 0;
	return 0;
}

/* --- cases --------------------------------------------------------------------------------- */

static void each_signal_ends_the_loop_and_is_the_cause(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		const char said[] = {ends[i].letter, '\0'};
		struct child c = start(run_loop);

		expect(&c, 'r');
		tell(&c, ends[i].signal);
		assert_ends_by(&c, ends[i].signal, said);
	}
}

/* The timer ends it, by that signal, and not before its time. */
static void assert_timer_ends(void (*run)(void), int signal, const char *said)
{
	struct child c = start(run);
	int64_t told;

	expect(&c, 'r');
	told = now_ms();
	tell(&c, signal);
	assert_ends_by(&c, signal, said);
	/* Rounded down twice; how long a busy machine takes beyond that is not the question. */
	assert_in_range(now_ms() - told, SIGNALS_GRACE - 1, 10000);
}

static void the_timer_ends_a_busy_program(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++)
		assert_timer_ends(run_spin, ends[i].signal, "L");
}

static void the_timer_ends_a_program_that_blocks(void **state)
{
	(void)state;
	assert_timer_ends(run_blocking_read, SIGINT, "L");
	assert_timer_ends(run_blocking_write, SIGTERM, "L");
}

static void a_last_act_is_optional_and_can_be_forgotten(void **state)
{
	(void)state;
	assert_timer_ends(run_spin_without_last_act, SIGINT, "");
	assert_timer_ends(run_spin_after_forgetting, SIGTERM, "");
}

static void more_signals_neither_delay_the_end_nor_change_it(void **state)
{
	struct child c = start(run_being_told_again);

	(void)state;
	expect(&c, 'r');
	assert_ends_by(&c, SIGINT, "L");
}

static void blocked_signals_are_unblocked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		const char said[] = {'u', ends[i].letter, '\0'};
		struct child c = start(run_loop_started_blocked);

		expect(&c, 'r');
		tell(&c, SIGUSR1);
		expect(&c, said[0]);
		tell(&c, ends[i].signal);
		assert_ends_by(&c, ends[i].signal, said + 1);
	}
	assert_timer_ends(run_spin_started_blocked, SIGINT, "L");
}

static void a_signal_that_was_pending_counts(void **state)
{
	struct child c = start(run_pending_at_start);

	(void)state;
	assert_ends_by(&c, SIGTERM, "L");
}

static void an_ignored_hangup_stays_ignored_others_do_not(void **state)
{
	struct child c = start(run_loop_started_with_all_ignored);

	(void)state;
	expect(&c, 'r');
	tell(&c, SIGHUP);
	tell(&c, SIGUSR1);
	expect(&c, 'u'); /* it lives and never heard of the first */
	tell(&c, SIGHUP);
	tell(&c, SIGTERM);
	assert_ends_by(&c, SIGTERM, "t");

	c = start(run_loop_started_with_all_ignored);
	expect(&c, 'r');
	tell(&c, SIGINT);
	assert_ends_by(&c, SIGINT, "i");
}

static void usr1_is_flagged(void **state)
{
	struct child c = start(run_loop);

	(void)state;
	expect(&c, 'r');
	for (int i = 0; i < 3; i++) {
		tell(&c, SIGUSR1);
		expect(&c, 'u');
	}
	tell(&c, SIGINT);
	assert_ends_by(&c, SIGINT, "i");
	assert_ends_well(run_usr1);
	assert_ends_well(run_usr1_and_an_end);
}

static void the_descriptor_is_ready_only_after_a_signal(void **state)
{
	(void)state;
	assert_ends_well(run_descriptor);
	assert_ends_well(run_a_flood);
}

static void writes_that_fail_are_errors_and_no_signals(void **state)
{
	(void)state;
	assert_ends_well(run_broken_pipe);
	assert_ends_well(run_file_too_large);
}

static void begin_can_fail(void **state)
{
	(void)state;
	assert_ends_well(run_no_descriptors_left);
}

static void dying_works_in_any_state(void **state)
{
	struct child c = start(run_die_when_blocked_and_ignored);

	(void)state;
	assert_ends_by(&c, SIGTERM, "r");
	c = start(run_die_at_once);
	assert_ends_by(&c, SIGINT, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_test, end_test)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(each_signal_ends_the_loop_and_is_the_cause),
	    TEST(the_timer_ends_a_busy_program),
	    TEST(the_timer_ends_a_program_that_blocks),
	    TEST(a_last_act_is_optional_and_can_be_forgotten),
	    TEST(more_signals_neither_delay_the_end_nor_change_it),
	    TEST(blocked_signals_are_unblocked),
	    TEST(a_signal_that_was_pending_counts),
	    TEST(an_ignored_hangup_stays_ignored_others_do_not),
	    TEST(usr1_is_flagged),
	    TEST(the_descriptor_is_ready_only_after_a_signal),
	    TEST(writes_that_fail_are_errors_and_no_signals),
	    TEST(begin_can_fail),
	    TEST(dying_works_in_any_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
