/*
 * The commands that ask a server one thing and end: tools, call, request.
 *
 * stdout gets what was asked for. What goes wrong once the command line is understood is told
 * there too, as
 *	{"success": false, "error": "...", "error_type": "...", "code": ...}
 * ("code" of a JSON-RPC error only) by call, unless --text is given, and by the others with
 * --json.
 */
#ifndef WSMCP_COMMANDS_H
#define WSMCP_COMMANDS_H

#include "options.h"

#define COMMANDS_ERROR_SIZE 2048

/*
 * Each returns the exit status, 128 + N after signal N, with ${error} (COMMANDS_ERROR_SIZE bytes)
 * filled by one sentence without secrets, or "" if there is nothing left to say.
 */
int commands_tools(const struct options *o, char *error);
int commands_call(const struct options *o, char *error);
int commands_request(const struct options *o, char *error);

#endif
