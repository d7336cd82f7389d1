/*
 * What becomes of a message of the host: queued for the server, or answered here. Of a session
 * (session_state.h).
 */
#ifndef WSMCP_FROM_HOST_H
#define WSMCP_FROM_HOST_H

#include "session_state.h"

/* Takes m. */
void from_host_take(struct session *s, struct message *m);

#endif
