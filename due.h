/*
 * Answers of ours that the host has not taken yet. Pure.
 *
 * Only what must be known is kept; the text is made when the host takes it, so that a million
 * answers at once cost little. What is answered for requests that came in one array goes out as one
 * array.
 */
#ifndef WSMCP_DUE_H
#define WSMCP_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "message.h"
#include "pending.h"
#include "reason.h"

enum due_kind {
	DUE_NOT_JSON,
	DUE_NOT_JSONRPC,
	DUE_ID_IN_USE,
	DUE_TOO_MANY,
	DUE_LINK_LOST,
	DUE_NO_LINK,
	DUE_LINGER,
	DUE_TIMEOUT,
	DUE_MESSAGE_TOO_LARGE,
	DUE_REPLY_TOO_LARGE,
	DUE_SERVER_REFUSED_SIZE,
	DUE_MALFORMED,
	DUE_PONG /* no error: an empty result */
};

/* Why: shared by all the answers that one event causes. */
struct why {
	unsigned users;
	char text[REASON_TEXT_SIZE];
	const char *hint;
};

/* With one user; NULL if memory is out (answers then go out without a reason). */
struct why *why_new(const struct reason *reason);
void why_release(struct why *why); /* NULL is fine */

struct due;

/* All zero but the name = empty. */
struct due_queue {
	struct due *head, *tail;
	const char *server; /* how to name the server to people; outlives the queue */
};

/* What else there is to an answer; all zero is fine. */
struct due_extra {
	enum answer_delivered delivered;
	struct why *why;
	uint64_t size, limit;
	uint64_t after;              /* how many messages of the server go to the host before it */
	struct pending_batch *batch; /* the requests came together; NULL = alone */
};

/* Queues the answer to the raw ${id} (copied; len 0 = null). Returns false if memory is out. */
bool due_add(
    struct due_queue *q, enum due_kind kind, const char *id, size_t id_len, struct due_extra extra);

bool due_waiting(const struct due_queue *q);

/* Whether the next answer's turn has come, now that the host has ${given} messages of the server. */
bool due_ready(const struct due_queue *q, uint64_t given);

/* The next answer as a message, given to the caller; NULL if memory is out: that answer is lost. Only if one is waiting. */
struct message *due_pull(struct due_queue *q);

void due_free(struct due_queue *q);

#endif
