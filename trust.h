/*
 * What may be done with a server that a repository brought along, until the user trusts it.
 *
 * Whoever clones a repository has not read its configuration. An entry of it must not run
 * a command, read a variable, or be sent what the user has for other servers.
 */
#ifndef WSMCP_TRUST_H
#define WSMCP_TRUST_H

#include "config.h"
#include "wsmcp.h"

#define TRUST_ERROR_SIZE 1024

/*
 * Whether ${server} may be used with ${options}: always if it is not foreign. Otherwise only if
 *   - ${name}, as the user gave it, is exactly its name;
 *   - the options bring no header, header command, certificate, key or proxy, and no
 *     subprotocol that is a credential ("mcp.auth.");
 *   - the entry has no headersHelper, no certificate and no key;
 *   - no variable (${...}) stands in it.
 * Returns true, or false with ${error} (TRUST_ERROR_SIZE bytes) filled: one sentence that says
 * what of the file is refused, why, and that --trust-project DIR allows it (DIR named).
 */
bool trust_allows(const struct server *server, const char *name,
    const struct wsmcp_options *options, char *error);

#endif
