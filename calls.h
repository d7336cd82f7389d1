/*
 * The calls of a client: begun, sent, waited for, cancelled, ended. Whoever calls these is not inside the
 * connection; callbacks are called only by calls_deliver, and "withdrawn" by what ends a call.
 */
#ifndef WSMCP_CALLS_H
#define WSMCP_CALLS_H

#include "buf.h"
#include "handle.h"
#include "jsonrpc.h"

#define CALLS_MAX ((size_t)10000) /* in flight; the forgotten ones count */

/* What the program handles (enum protocol_feature). */
unsigned calls_features(const struct wsmcp *w);

/* What a call needs to know for its next step. */
struct call_world calls_world(struct wsmcp *w);

/* Gives a message to the connection; takes the text. Returns whether it was one of this kind. */
bool calls_say(struct wsmcp *w, struct buf *text, enum jsonrpc_kind kind);

/* Takes a call that has its number, and lets it take its first step. */
void calls_begin(struct wsmcp *w, struct call *c);

/* Takes one that has ended before it began. */
void calls_put_ended(struct wsmcp *w, struct call *c);

/* NULL if it is not in flight. */
struct call *calls_find(const struct wsmcp *w, int64_t number);

/* Does what the call wants next. It may have ended then. */
void calls_advance(struct wsmcp *w, struct call *c);

/* The answer to the request with this id; nothing happens if nobody waits for it. */
void calls_answered(struct wsmcp *w, int64_t request, const struct call_answer *a);

/* The server ends the request with this id, which it may do with a subscription only. */
void calls_refused(struct wsmcp *w, int64_t request);

/* Ends it so, and tells the server. */
void calls_abort(struct wsmcp *w, struct call *c, enum wsmcp_status status, const char *error);

/* Ends all of them, and withdraws all that the server asks; none begins meanwhile. */
void calls_cancel_all(struct wsmcp *w);

/* What time brings, and when. */
void calls_tick(struct wsmcp *w, int64_t now);
int64_t calls_deadline(const struct wsmcp *w);

/* Tells the program of the calls that have ended. */
void calls_deliver(struct wsmcp *w);

/* Takes back a ticket. */
void calls_withdraw(struct wsmcp *w, struct ask *a);

/* Forgets what only this connection knows. */
void calls_forget_all(struct wsmcp *w);

#endif
