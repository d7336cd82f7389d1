/*
 * What a server says to a client: whose it is, and what is answered at once.
 */
#ifndef WSMCP_LISTENER_H
#define WSMCP_LISTENER_H

#include <stdbool.h>

#include "handle.h"
#include "message.h"

/* Hears a message; ${ours}: it was made here. Calls callbacks. */
void listener_hear(struct wsmcp *w, const struct message *m, bool ours);

/* Hands out tickets for what calls need. Calls callbacks; nothing else may be going on, because anything may follow. */
void listener_tell(struct wsmcp *w);

#endif
