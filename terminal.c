#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <termios.h>
#include <unistd.h>

#include "fd.h"

static const struct {
	int signal;
	enum terminal_event event;
} taken[] = {
    {SIGINT, TERMINAL_INTERRUPT},
    {SIGQUIT, TERMINAL_QUIT},
    {SIGTSTP, TERMINAL_STOP},
    {SIGWINCH, TERMINAL_RESIZED},
    {SIGCONT, TERMINAL_CONTINUED},
};

#define TAKEN (sizeof taken / sizeof *taken)

static struct termios modes;
static volatile sig_atomic_t known; /* the modes are */
static volatile sig_atomic_t happened[TAKEN];
static struct sigaction before[TAKEN];
static int wake[2] = {-1, -1};

static void on_signal(int signal)
{
	int saved = errno;
	ssize_t n;

	for (size_t i = 0; i < TAKEN; i++)
		if (taken[i].signal == signal)
			happened[i] = 1;
	n = write(wake[1], "", 1); /* a full pipe wakes as well */
	(void)n;
	errno = saved;
}

bool terminal_is_there(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static int take_signals(void)
{
	/*
	 * Without SA_RESTART: a write to a terminal that was stopped (Ctrl-S) must not go on for
	 * ever.
	 */
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < TAKEN; i++) {
		if (sigaction(taken[i].signal, NULL, &before[i]) != 0)
			return -1;
		if (taken[i].signal == SIGTSTP && before[i].sa_handler == SIG_IGN)
			continue; /* whoever started us has no job control */
		if (sigaction(taken[i].signal, &action, NULL) != 0)
			return -1;
	}
	return 0;
}

int terminal_begin(void)
{
	if (pipe(wake) != 0)
		return -1;
	for (int i = 0; i < 2; i++)
		if (fcntl(wake[i], F_SETFL, O_NONBLOCK) != 0 || fd_cloexec(wake[i]) != 0)
			return -1;
	if (tcgetattr(STDIN_FILENO, &modes) != 0 || take_signals() != 0)
		return -1;
	known = 1;
	return wake[0];
}

unsigned terminal_take(void)
{
	unsigned events = 0;
	char waste[64];

	while (read(wake[0], waste, sizeof waste) > 0)
		;
	for (size_t i = 0; i < TAKEN; i++) {
		if (!happened[i])
			continue;
		happened[i] = 0;
		events |= taken[i].event;
	}
	return events;
}

void terminal_restore(void)
{
	int saved = errno;

	if (known) /* now: output that a stopped terminal does not take must not stop us */
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &modes);
	errno = saved;
}

void terminal_forget_keys(void)
{
	(void)tcflush(STDIN_FILENO, TCIFLUSH);
}

void terminal_stop(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL}, ours;
	sigset_t set, old;

	sigemptyset(&action.sa_mask);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	if (sigaction(SIGTSTP, &action, &ours) != 0)
		return;
	(void)sigprocmask(SIG_UNBLOCK, &set, &old);
	(void)kill(getpid(), SIGTSTP); /* delivered before kill returns, as it is not blocked */
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	(void)sigaction(SIGTSTP, &ours, NULL);
	for (size_t i = 0; i < TAKEN; i++)
		if (taken[i].signal == SIGCONT)
			happened[i] = 0; /* this one was expected */
}

void terminal_end(void)
{
	if (!known)
		return;
	terminal_restore();
	known = 0;
	for (size_t i = 0; i < TAKEN; i++)
		(void)sigaction(taken[i].signal, &before[i], NULL);
	for (int i = 0; i < 2; i++) {
		(void)close(wake[i]);
		wake[i] = -1;
	}
}
