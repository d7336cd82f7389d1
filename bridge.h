/*
 * The main job: lines on stdin and stdout <-> a connection.
 *
 * One poll loop on four kinds of descriptors: signals, stdin, stdout, the link. A source is read
 * only while what came from it before is under the mark on its way out. Forwarded verbatim: every message that is
 * JSON-RPC (from the host) or a JSON object or array (from the server), but for line breaks between tokens.
 * Answered here: what session.h says.
 */
#ifndef WSMCP_BRIDGE_H
#define WSMCP_BRIDGE_H

#include <stddef.h>

#include "connection.h"

/*
 * Bridges until the host or the session ends. Returns the exit status: 0, 4 (ConnectionError), or 128 + N
 * after signal N, which the caller raises again once it has cleaned up.
 */
int bridge_run(const struct connection_options *options);

#endif
