/*
 * The command "entry": what to paste into a host's configuration so that it starts wsmcp for a
 * server.
 *
 * Made from the options as they were given, without asking the server. No secret stands in it:
 * each is a variable of the entry's environment, and a placeholder is its value. Relative paths
 * become absolute.
 */
#ifndef WSMCP_ENTRY_H
#define WSMCP_ENTRY_H

#include "config.h"
#include "options.h"
#include "output.h"
#include "wsmcp.h"

#define ENTRY_ERROR_SIZE CONFIG_ERROR_SIZE

/*
 * Prints the entry for ${target}, a URL or the name of a configured server, to ${out}, and says on
 * the log what the user must still do. A name stays a name if the host will find it from any
 * directory, else what is configured is spelled out. On failure nothing is printed, and ${error}
 * (ENTRY_ERROR_SIZE bytes) is one sentence.
 */
enum wsmcp_status entry_print(
    struct output *out, const struct options *options, const char *target, char *error);

#endif
