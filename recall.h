/*
 * The lines typed in earlier sessions, in a file: $XDG_STATE_HOME/wsmcp/history or
 * ~/.local/state/wsmcp/history.
 *
 * The file is created 0600, directories 0700. It is used only if it is a regular file of ours, not
 * through a link. Nothing is kept of a line that begins with a blank, is empty or the same as the
 * one before, has control characters in it, or is over RECALL_LINE_MAX. Several programs may add to
 * it at once.
 */
#ifndef WSMCP_RECALL_H
#define WSMCP_RECALL_H

#include <stdbool.h>
#include <stddef.h>

#define RECALL_LINES    1000 /* that the file holds at most: the last ones */
#define RECALL_LINE_MAX 4096 /* bytes of a line */

/*
 * The path of the file, its directories created; to be freed. Of ${state_home} ($XDG_STATE_HOME)
 * and ${home} ($HOME), which may be NULL, the first that is absolute is used. NULL with errno set:
 * ENOENT if neither is.
 */
char *recall_path(const char *state_home, const char *home);

/*
 * Calls ${each} with the lines of the file, the oldest first. Returns 0, or -1 with errno set; no
 * file is no error.
 */
int recall_load(const char *path, void (*each)(void *context, const char *line), void *context);

/* Whether a line is of the kind that is kept. */
bool recall_keeps(const char *line);

/*
 * Adds a line, if it is to be kept. Returns 0, or -1 with errno set (EPERM: it is no file of ours;
 * EAGAIN: another program does not let go of it).
 */
int recall_add(const char *path, const char *line);

#endif
