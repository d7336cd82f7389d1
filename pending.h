/*
 * The requests that somebody still owes an answer to: found by id in constant
 * time, kept in order of arrival. Pure.
 *
 * Ids are matched by value (jsonrpc_id_equal) and kept as the raw text they
 * came with.
 */
#ifndef WSMCP_PENDING_H
#define WSMCP_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"

enum pending_state {
	PENDING_OWED,      /* waits for its answer */
	PENDING_CANCELLED, /* by the one who asked: owes nothing, but a first answer passes */
	PENDING_ANSWERED   /* by us: its own answer may still come and is to be dropped */
};

enum pending_flag {
	PENDING_INITIALIZE = 1 << 0, /* never cancelled by us */
	PENDING_TASK = 1 << 1,       /* task-augmented: never cancelled by us */
	PENDING_LISTEN = 1 << 2, /* a long-lived subscriptions/listen: owes nothing at the end */
	PENDING_HANDED_OVER = 1 << 3, /* its message left the queue for a link */
	PENDING_BEGUN = 1 << 4,       /* some of its bytes may have left on a link */
	PENDING_SENT = 1 << 5         /* its message was sent (outbox.h) on some link */
};

struct pending_batch;

struct pending {
	struct pending *next, *prev; /* order of arrival, in the list of its state */
	struct pending *chain;       /* private to pending.c */
	struct pending_batch *batch; /* NULL = it came alone */
	uint64_t hash;
	uint64_t serial; /* of the message it came in */
	uint64_t size;   /* of that message, bytes */
	int64_t arrived; /* ms */
	enum pending_state state;
	unsigned flags; /* enum pending_flag */
	size_t id_len;
	char id[]; /* raw */
};

struct pending_table;

/*
 * A table of at most ${max} entries that are PENDING_OWED; of the others the
 * ${max_settled} latest are kept. ${seed} is for jsonrpc_id_hash. NULL if memory is out.
 */
struct pending_table *pending_table_new(size_t max, size_t max_settled, uint64_t seed);

/* Frees the table and every entry; NULL is fine. */
void pending_table_free(struct pending_table *t);

/* The entry with this id, whatever its state; NULL if there is none. Lives until it is removed. */
struct pending *pending_find(const struct pending_table *t, const char *id, size_t len);

/*
 * Adds a PENDING_OWED entry with a copy of the id, which must not be there. NULL if the table is
 * full or memory is out.
 */
struct pending *pending_add(struct pending_table *t, const char *id, size_t len);

/* Whether ${count} more fit. */
bool pending_has_room(const struct pending_table *t, size_t count);

/*
 * Moves an owed entry to another state. The entry settled longest ago may be forgotten for it
 * (which is this one if ${max_settled} is 0).
 */
void pending_settle(struct pending_table *t, struct pending *p, enum pending_state state);

/* Removes and frees an entry. */
void pending_remove(struct pending_table *t, struct pending *p);

/* Forgets all settled entries: their answers cannot come any more. */
void pending_forget_settled(struct pending_table *t);

/* The oldest owed entry; p->next leads on. NULL if nothing is owed. */
struct pending *pending_first_owed(const struct pending_table *t);

/* How many are owed. */
size_t pending_owed(const struct pending_table *t);

#endif
