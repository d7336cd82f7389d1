/*
 * What becomes of a message of the server: passed to the host, swallowed, or answered here. Of a
 * session (session_state.h).
 */
#ifndef WSMCP_FROM_SERVER_H
#define WSMCP_FROM_SERVER_H

#include "session_state.h"

/* Takes m. */
void from_server_take(struct session *s, struct message *m);

#endif
