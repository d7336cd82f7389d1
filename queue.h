/*
 * The messages that wait for the server, in order, and the offline clock: how long each may wait
 * for a link. Of a session (session_state.h).
 */
#ifndef WSMCP_QUEUE_H
#define WSMCP_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "answer.h"
#include "session_state.h"

/* Queues a message of the host, and numbers it; takes it. */
void queue_add(struct session *s, struct message *m);

/* Queues an error of ours for the request of the server with the raw ${id}: for this link only. */
void queue_refuse(struct session *s, const char *id, size_t id_len, const struct answer *error);

/*
 * Queues a cancellation of ours if the request went to the link there is and may be cancelled;
 * at the front of all that waits if ${first}.
 */
void queue_cancel(struct session *s, const struct pending *p, const char *reason, bool first);

/* The offline clock of the message runs from ${since}, unless it runs already. */
void queue_wait(struct session *s, struct message *m, int64_t since);

/* The next message for the link, given to the caller; NULL if there is none. */
struct message *queue_pull(struct session *s);

/* Some request of the message of ${serial} is not owed any more: it does not leave. */
void queue_withdraw(struct session *s, uint64_t serial);

/*
 * Answers or drops what has waited since ${until} or longer, but for what waits as long as it
 * takes. ${refused}: all but notifications, however short they have waited.
 */
void queue_expire(struct session *s, int64_t until, bool refused, struct why *why);

/* Drops everything. Who waits for an answer is to be told by the caller. */
void queue_drop(struct session *s);

/*
 * Whether there is a message that a link must be waited for. Requests count where they are owed,
 * so a subscription does not.
 */
bool queue_needs_link(const struct session *s);

#endif
