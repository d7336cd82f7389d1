/*
 * The requests of the server that the host owes an answer. Of a session (session_state.h).
 *
 * Servers count from 0 again on a new link. A request whose id the host still owes to an older
 * link reaches the host under a fresh one, and its answer gets the right one back.
 */
#ifndef WSMCP_SERVED_H
#define WSMCP_SERVED_H

#include "parts.h"
#include "session_state.h"

/* The server asks; what becomes of that. For PART_CHANGED the fresh id is in ${with}. */
enum part_fate served_track(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e, struct buf *with);

/*
 * The host answers; what becomes of that. For PART_CHANGED the id that the server gave is in
 * ${with}.
 */
enum part_fate served_answer(
    struct session *s, const struct message *m, const struct jsonrpc_envelope *e, struct buf *with);

/*
 * The server takes back the request whose id stands at ${id}. For PART_CHANGED the host's id of
 * it is in ${with}.
 */
enum part_fate served_withdraw(
    struct session *s, const struct message *m, struct jsonrpc_span id, struct buf *with);

/* The host has left: the server gets an error for each. */
void served_refuse_all(struct session *s);

/* The link is gone: the host need not answer any, and late answers go nowhere. */
void served_cancel_all(struct session *s, const char *reason);

#endif
