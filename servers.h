/*
 * The command "servers": what is configured, as a table for people or as JSON. Prints no secret:
 * neither header values nor userinfo and queries of URLs; variables are shown by their names.
 */
#ifndef WSMCP_SERVERS_H
#define WSMCP_SERVERS_H

#include "options.h"
#include "output.h"
#include "wsmcp.h"

/*
 * Prints the configured servers with ${pattern} in their names (without regard to case; NULL =
 * all) to ${out}, those too that another one of their name hides. Faults of files are logged as
 * warnings behind that, and make it WSMCP_CONFIGURATION_ERROR.
 */
enum wsmcp_status servers_print(
    struct output *out, const struct options *options, const char *pattern);

#endif
