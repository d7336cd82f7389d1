#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "fd.h"

static int wake[2] = {-1, -1};
static volatile sig_atomic_t ending; /* the signal that asks to end */
static volatile sig_atomic_t counters;
static void (*volatile act)(void *user);
static void *volatile act_user;

static void poke(void)
{
	int saved = errno;
	/* A full pipe wakes as well as one more byte would. */
	ssize_t n = write(wake[1], "", 1);
	(void)n;
	errno = saved;
}

static void on_end(int signal)
{
	/* setitimer is a plain system call here as everywhere; POSIX only forgot to list it. */
	static const struct itimerval grace = {.it_value = {.tv_usec = SIGNALS_GRACE * 1000}};

	if (ending)
		return;
	ending = signal;
	(void)setitimer(ITIMER_REAL, &grace, NULL);
	poke();
}

static void on_usr1(int signal)
{
	(void)signal;
	counters = 1;
	poke();
}

static void on_alarm(int signal)
{
	(void)signal;
	if (act)
		act(act_user);
	signals_die(ending ? ending : SIGTERM);
}

void signals_die(int signal)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t set;

	sigemptyset(&plain.sa_mask);
	(void)sigaction(signal, &plain, NULL);
	sigemptyset(&set);
	sigaddset(&set, signal);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)kill(getpid(), signal);
	_exit(128 + signal);
}

static int take(int signal, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigfillset(&action.sa_mask);
	return sigaction(signal, &action, NULL);
}

static bool is_ignored(int signal)
{
	struct sigaction now;

	return sigaction(signal, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static int open_pipe(void)
{
	if (pipe(wake) != 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		if (fcntl(wake[i], F_SETFL, O_NONBLOCK) != 0 || fd_cloexec(wake[i]) != 0)
			return -1;
	}
	return 0;
}

int signals_begin(void (*last_act)(void *user), void *user)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t set;

	act_user = user;
	act = last_act;
	if (open_pipe() != 0)
		return -1;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		sigaddset(&set, ends[i]);
		if (ends[i] == SIGHUP && is_ignored(SIGHUP))
			continue; /* nohup */
		if (take(ends[i], on_end) != 0)
			return -1;
	}
	if (take(SIGUSR1, on_usr1) != 0 || take(SIGALRM, on_alarm) != 0 ||
	    take(SIGPIPE, SIG_IGN) != 0 || take(SIGXFSZ, SIG_IGN) != 0)
		return -1;
	/* A host may have started us with signals blocked. */
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGALRM);
	if (sigprocmask(SIG_UNBLOCK, &set, NULL) != 0)
		return -1;
	return wake[0];
}

int signals_take(bool *usr1)
{
	char waste[64];

	while (read(wake[0], waste, sizeof waste) > 0)
		;
	*usr1 = counters != 0;
	if (*usr1) /* otherwise one that comes just now would be lost */
		counters = 0;
	return ending;
}

void signals_forget(void)
{
	act = NULL;
}
