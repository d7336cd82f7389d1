/*
 * The signals of a program that must be gone 100 ms after it is told to go, whatever it is doing.
 *
 * A handler notes the signal, wakes poll through a pipe, and arms a timer: if the program has not
 * left by itself after SIGNALS_GRACE ms, the timer's handler ends it with that signal.
 */
#ifndef WSMCP_SIGNALS_H
#define WSMCP_SIGNALS_H

#include <stdbool.h>

#define SIGNALS_GRACE 80 /* ms */

/*
 * Takes SIGINT, SIGTERM, SIGHUP (unless it was ignored at the start) and SIGUSR1, even if they were
 * blocked, and ignores SIGPIPE and SIGXFSZ. ${last_act} (may be NULL) is called by the timer's
 * handler with ${user} before the end; it must be async-signal-safe. Returns the descriptor to poll
 * for POLLIN, or -1 with errno set.
 */
int signals_begin(void (*last_act)(void *user), void *user);

/*
 * Empties the descriptor. Returns the first signal that asked to end, or 0; says in ${*usr1}
 * whether counters are wanted.
 */
int signals_take(bool *usr1);

/* No last act from here on: what it works on is going away. */
void signals_forget(void);

/* Ends the program by ${signal}, so that whoever waits for it sees why. Does not return. */
void signals_die(int signal);

#endif
