/*
 * The command "check": connects once, and says what was found on the way, how long each step took,
 * and what is likely to be wrong if one failed. A line a step for people, one JSON object with
 * --json.
 */
#ifndef WSMCP_CHECK_H
#define WSMCP_CHECK_H

#include "options.h"
#include "output.h"

/*
 * Returns the exit status; 128 plus its number after a signal. Without --offline-timeout the first
 * attempt that fails ends it; a request is waited for as long as --request-timeout says, else
 * CHECK_PATIENCE.
 */
#define CHECK_PATIENCE 30000 /* ms */
int check_run(struct output *out, const struct options *o);

#endif
