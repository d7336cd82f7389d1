/*
 * What TARGET and the options come to: which server is meant, and what each attempt to connect to it
 * is made with. The one place where an option, a configured entry and the environment meet: options win over
 * the entry, later headers over earlier ones (entry, -H, --bearer-env, --header-env).
 */
#ifndef WSMCP_TARGET_H
#define WSMCP_TARGET_H

#include "config.h"
#include "connection.h"
#include "wsmcp.h"

#define TARGET_ERROR_SIZE CONFIG_ERROR_SIZE

struct target;

/*
 * Finds out what ${text} means, a URL (variables in it are expanded) or the name of a server, and checks all that can be checked
 * before anything is sent: the library, the entry and whether it may be trusted, variables, headers, TLS files, the trace file, which is
 * opened. Warns of credentials that others could read. ${options} must outlive the target.
 * Sets ${*out}; on failure NULL, with ${error} (TARGET_ERROR_SIZE bytes) filled: one sentence
 * without secrets.
 */
enum wsmcp_status target_open(
    struct target **out, const char *text, const struct wsmcp_options *options, char *error);
void target_close(struct target *t); /* NULL is fine */

/* The name of the configured server, "" for a URL; the URL without secrets. Live as long as the target. */
const char *target_name(const struct target *t);
const char *target_url(const struct target *t);

/* The first attempt, as it was found out when the target was opened. */
const struct connection_attempt *target_attempt(const struct target *t);

/*
 * Fills all of ${out} but its linger. Each attempt finds everything out anew, but for the name that was meant: files
 * are read again.
 */
void target_connection(struct target *t, struct connection_options *out);

/* All that is configured for this process: its environment, its directory, the options. NULL if memory is out. */
struct config *target_config(const struct wsmcp_options *options);

/*
 * config_find for what a user gave as a name. One that is unknown is not repeated in ${error} if it may be a URL that
 * was not written right: there may be a password in it.
 */
const struct server *target_find(const struct config *c, const char *name, char *error);

#endif
