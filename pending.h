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
	PENDING_ANSWERED,  /* by us: its own answer may still come and is to be dropped */
	PENDING_GONE /* cancelled, or answered, on an earlier link: its id is free again, but an answer
	                is to be dropped */
};

enum pending_flag {
	PENDING_TASK = 1 << 0,   /* task-augmented: never cancelled by us */
	PENDING_PICKY = 1 << 1,  /* carries requestState or inputResponses: not safe to repeat */
	PENDING_CURSOR = 1 << 2, /* continues a list: not safe in a new session */
	PENDING_PULLED = 1 << 3, /* its message left the queue for the link there is */
	PENDING_BEGUN = 1 << 4,  /* some of its bytes may have left on that link */
	PENDING_SENT = 1 << 5,   /* all of them */
	PENDING_EVER_BEGUN = 1 << 6,
	PENDING_EVER_SENT = 1 << 7,    /* on any link */
	PENDING_LIVE = 1 << 8,         /* a subscription that was acknowledged */
	PENDING_ACKNOWLEDGED = 1 << 9, /* ... on the link there is */
	PENDING_RESENT = 1 << 10,      /* sent, and to be sent again: there may be two answers */
	PENDING_REUSED = 1 << 11       /* took the place of an entry that was PENDING_GONE */
};

/* What holds for the link there is, and ends with it. */
#define PENDING_LINK_FLAGS                                                                         \
	((unsigned)(PENDING_PULLED | PENDING_BEGUN | PENDING_SENT | PENDING_ACKNOWLEDGED))

/* Requests that came in one array. */
struct pending_batch {
	size_t users;         /* entries and answers that point here */
	struct due *open;     /* answer of ours that further ones join (due.h) */
	struct message *kept; /* owned; the whole batch, to send it again */
	bool answered;        /* at least one of them: it cannot be sent again */
};

struct pending {
	struct pending *next, *prev; /* order of arrival, in the list of its state */
	struct pending *chain;       /* private to pending.c */
	struct pending_batch *batch; /* one of its users; NULL = it came alone */
	struct message *kept;        /* owned; sent, and kept to send it again */
	struct message *copy;        /* owned; what is remembered of it once it is answered */
	char *alias; /* owned; the raw id that the other side knows it by, NULL = the same */
	size_t alias_len;
	uint64_t hash;
	uint64_t serial; /* of the message it came in */
	uint64_t size;   /* of that message, bytes */
	int64_t arrived; /* ms */
	enum pending_state state;
	unsigned flags;  /* enum pending_flag */
	unsigned traits; /* of its method (method.h) */
	unsigned links;  /* on how many its message was begun */
	size_t room;     /* bytes of the block that this is in */
	size_t id_len;
	char id[]; /* raw */
};

/* With one user; NULL if memory is out. */
struct pending_batch *pending_batch_new(void);
void pending_batch_release(struct pending_batch *batch); /* NULL is fine */

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

/* Gives ${p} an alias (copied). Returns false if memory is out. */
bool pending_set_alias(struct pending *p, const char *alias, size_t len);

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

/*
 * The link is gone: all settled entries become PENDING_GONE, because a server that resumes its
 * session may still answer them.
 */
void pending_outlive_link(struct pending_table *t);

/* The oldest owed entry; p->next leads on. NULL if nothing is owed. */
struct pending *pending_first_owed(const struct pending_table *t);

/* How many are owed. */
size_t pending_owed(const struct pending_table *t);

#endif
