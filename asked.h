/*
 * The requests of the host that the server owes an answer, and the answers that we give in its
 * place. Of a session (session_state.h).
 *
 * An entry finds its message, and a message its entries, by the serial number: the answer to a
 * request may have come, and its id been used again, while the message still waits.
 */
#ifndef WSMCP_ASKED_H
#define WSMCP_ASKED_H

#include <stdbool.h>
#include <stddef.h>

#include "parts.h"
#include "session_state.h"

/* Whether the host may not use the id now. One that was answered on a link that is gone is free. */
bool asked_holds(const struct session *s, const char *id, size_t len);

/*
 * Notes a request, or every request of a batch, of the message that is queued next. Returns
 * false, with nothing noted, if there is no room; for a batch also if an id is in use.
 */
bool asked_track(struct session *s, const struct message *m);
bool asked_track_batch(struct session *s, const struct message *m);

/* The entry of the request ${e} of this very message, NULL if there is none any more. */
struct pending *asked_entry(
    const struct session *s, const struct message *m, const struct jsonrpc_envelope *e);

/* The next request of the message that is still owed; NULL after the last. ${*at} is 0 at first. */
struct pending *asked_next_owed(const struct session *s, const struct message *m, size_t *at);

/*
 * Tells all its requests how far it got: sets flags (enum pending_flag), and on how many links
 * it was begun. Returns how many of them are still owed.
 */
size_t asked_note(struct session *s, const struct message *m, unsigned flags);

/* A parts_judge: keeps all but requests that are not owed any more. */
enum part_fate asked_judge_owed(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with);

/* Nothing is owed any more, and no answer can come. */
void asked_remove(struct session *s, struct pending *p);

/* The server's answer is here. Of a request that was sent on two links there may be another. */
void asked_finish(struct session *s, struct pending *p);

/* Nothing is owed any more, but an answer may come. */
void asked_settle(struct session *s, struct pending *p, enum pending_state state);

/*
 * Keeps a message in the ${slot} of an entry or its batch, if there is room for it; gives it back
 * (NULL if there is none).
 */
bool asked_has_room_for(const struct session *s, const struct message *m);
void asked_keep(struct session *s, struct message **slot, struct message *m);
struct message *asked_unkeep(struct session *s, struct message **slot);

/* Tells the host something of ours, in its place between the messages of the server. */
void asked_reply(
    struct session *s, enum due_kind kind, const char *id, size_t id_len, struct due_extra extra);

/*
 * Answers an owed request. Its id stays known while the server may still answer it: in use on this
 * link, free for the host on a later one.
 */
void asked_answer(struct session *s, struct pending *p, enum due_kind kind, struct due_extra extra);

/* The same for want of a link, by how far it ever got; and for every owed request of a message. */
void asked_answer_lost(struct session *s, struct pending *p, struct why *why);
void asked_answer_message(struct session *s, const struct message *m, struct why *why);

#endif
