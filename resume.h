/*
 * How a new link takes up the session: what is replayed (replay.h) goes first, under private
 * ids, and all else waits until the replayed initialize was accepted. Of a session
 * (session_state.h).
 */
#ifndef WSMCP_RESUME_H
#define WSMCP_RESUME_H

#include <stdint.h>

#include "session_state.h"

void resume_begin(struct session *s, int64_t now);

/* The answer to the request of ours whose entry is ${p}: it is not for the host. */
void resume_answered(struct session *s, const struct message *m, struct pending *p);

/* The link cannot be used (session_rejects); the first reason counts. */
void resume_reject(struct session *s, enum reason_kind kind, const char *text);

/* The link is gone, and with it all that we asked on it. */
void resume_end(struct session *s);

#endif
