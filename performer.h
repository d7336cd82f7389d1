/*
 * What each command of the REPL does (verb.h).
 */
#ifndef WSMCP_PERFORMER_H
#define WSMCP_PERFORMER_H

#include <stdbool.h>

#include "talk.h"

struct performer;

/*
 * NULL if memory is out. ${o} must outlive it; ${t} must not: what it waits for ends in talk_close,
 * which comes first.
 */
struct performer *performer_new(struct talk *t, const struct options *o);
void performer_free(struct performer *p); /* NULL is fine */

/*
 * Does what ${line} says; empty lines, and those that begin with "#", say nothing. What goes wrong
 * is told with log_error. Sets ${*quit} if it was the command to leave.
 */
enum wsmcp_status performer_do(struct performer *p, const char *line, bool *quit);

#endif
