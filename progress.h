/*
 * A bar on a terminal that tells how far something is; drawn over itself at most ten times a
 * second.
 *
 * The line is written only if the terminal takes it at once, and leaves the cursor in front of
 * it, so that what is said on stderr in between goes over it.
 */
#ifndef WSMCP_PROGRESS_H
#define WSMCP_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_LINE_SIZE 1024 /* bytes of a line */
#define PROGRESS_PAUSE     100  /* ms */

/* All zero = nothing was drawn, on descriptor 0. */
struct progress {
	int fd;
	bool drawn; /* it stands on the screen */
	bool due;   /* the line has changed since */
	int64_t drawn_at;
	char line[PROGRESS_LINE_SIZE];
};

/*
 * Makes the line of at most ${columns} in ${out} (PROGRESS_LINE_SIZE bytes): a bar and the
 * percentage, or only how much was done if ${total} is not above 0; then ${message} (NULL =
 * none), foreign text that is escaped here.
 */
void progress_line(char *out, double done, double total, const char *message, size_t columns);

/* Takes news, and draws them if it is time to. */
void progress_show(struct progress *p, double done, double total, const char *message, int64_t now);

/* Until when progress_draw wants to be called; CLOCK_NEVER if nothing has changed. */
int64_t progress_deadline(const struct progress *p);
void progress_draw(struct progress *p, int64_t now);

/* Erases the line, if there is one, and forgets what was due. */
void progress_erase(struct progress *p);

#endif
