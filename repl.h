/*
 * The command "repl": a server, talked to by hand or by a script. Commands are lines (verb.h); a
 * person types them at a prompt, a script gives them on stdin, and each waits for its answer.
 */
#ifndef WSMCP_REPL_H
#define WSMCP_REPL_H

#include "options.h"

#define REPL_ERROR_SIZE 2048

/*
 * Returns the exit status: for a person 0, for a script that of the first command that failed, in
 * both cases another if there is no connection to begin with, and 128 + N after signal N. ${error}
 * (REPL_ERROR_SIZE bytes) is filled with one sentence without secrets, or "" if there is nothing
 * left to say.
 */
int repl_run(const struct options *o, char *error);

#endif
