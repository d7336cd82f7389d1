/*
 * What a link did with messages, and what its end means for them: answered, sent again, or
 * dropped. Of a session (session_state.h).
 */
#ifndef WSMCP_LOSS_H
#define WSMCP_LOSS_H

#include <stdint.h>

#include "session_state.h"

/* A message of the host comes back from the link, with how far it got; takes it. */
void loss_reclaimed(struct session *s, struct message *m);

/* The link is gone, and everything was reclaimed. */
void loss_settle(struct session *s, const struct reason *reason, int64_t now);

#endif
