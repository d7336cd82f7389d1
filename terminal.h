/*
 * The terminal that a person sits at: the modes that it had, and the signals that it sends. There
 * is one.
 *
 * What changes its modes is the editor (editor.h); here they are remembered, so that they can be
 * given back from anywhere.
 */
#ifndef WSMCP_TERMINAL_H
#define WSMCP_TERMINAL_H

#include <stdbool.h>

/* What has happened since one last asked. */
enum terminal_event {
	TERMINAL_INTERRUPT = 1 << 0, /* Ctrl-C */
	TERMINAL_QUIT = 1 << 1,      /* Ctrl-\ */
	TERMINAL_STOP = 1 << 2,      /* Ctrl-Z: terminal_stop is to be called */
	TERMINAL_RESIZED = 1 << 3,
	TERMINAL_CONTINUED = 1 << 4 /* after a stop that nobody was asked about */
};

/* Whether there is a person: stdin and stdout are terminals. */
bool terminal_is_there(void);

/*
 * Remembers the modes, and takes SIGINT, SIGQUIT, SIGTSTP (unless it is ignored), SIGCONT and
 * SIGWINCH. To be called behind signals_begin. Returns the descriptor to poll for POLLIN, or -1
 * with errno set.
 */
int terminal_begin(void);

/* Empties the descriptor. Returns a set of enum terminal_event. */
unsigned terminal_take(void);

/* Gives the terminal its modes back. Async-signal-safe; does nothing before terminal_begin. */
void terminal_restore(void);

/* Drops the keys that were pressed and not read yet. */
void terminal_forget_keys(void);

/*
 * Stops the program, as Ctrl-Z does; returns when it goes on. The modes are to be given back
 * before.
 */
void terminal_stop(void);

/* Gives the modes back, and the signals. */
void terminal_end(void);

#endif
