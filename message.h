/*
 * One JSON-RPC message as an owned object, lists of them, and the intake that
 * makes one from pieces.
 *
 * A message moves from lines to session to link and back; nobody copies it, and
 * whoever holds the pointer owns it: each hand-over is a function that
 * says so.
 */
#ifndef WSMCP_MESSAGE_H
#define WSMCP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "jsonrpc.h"
#include "pool.h"

/* How far a message got on a link (see outbox.h for what counts as sent). */
enum message_progress {
	MESSAGE_QUEUED, /* no byte of it can have left */
	MESSAGE_BEGUN,  /* some bytes may have left, the last one cannot */
	MESSAGE_SENT    /* the last byte may have left */
};

struct message {
	struct message *next; /* for the list it is in */
	struct buf text;      /* the JSON text, without newline; one byte of room behind it */
	struct jsonrpc_envelope envelope;
	size_t size; /* bytes it came with, CR and LF at its end not counted */
	bool digest; /* over the limit: text is only a digest (jsonrpc_scan_begin) */
	enum message_progress progress;
	int64_t arrived;     /* when the session got it, ms */
	int64_t waits_since; /* when it began to wait for a link, ms; -1 = it has not */
	unsigned links;      /* on how many links it was begun */
	uint64_t end;        /* of the outbox that has it: where it ends in the outgoing stream */
	uint64_t serial;     /* the session's number for it, so that requests find their message */
	struct pool *pool;   /* what its memory is given back to, NULL = nobody keeps it */
	size_t room;         /* bytes of the block that this is in */
};

/* A message with a copy of ${text}, scanned. NULL if memory is out. */
struct message *message_new(const void *text, size_t len);

/*
 * A message that takes over ${text} (which is left empty), scanned. NULL if
 * memory is out; text is then freed.
 */
struct message *message_adopt(struct buf *text);

/*
 * A copy of ${m} with the bytes of ${span} replaced by ${with}, scanned. NULL if memory is out.
 */
struct message *message_splice(
    const struct message *m, struct jsonrpc_span span, const char *with, size_t len);

/* Frees a message; NULL is fine. */
void message_free(struct message *m);

/* The bytes of memory a message is charged with in queues: its text and what surrounds it. */
size_t message_cost(const struct message *m);

/* A raw span of the message's text; NULL and 0 if it is not there. */
const char *message_span(const struct message *m, struct jsonrpc_span span, size_t *len);

/* Whether the message is a request or notification with this method. */
bool message_method_is(const struct message *m, const char *method);

/* First in, first out. All zero = empty. */
struct message_list {
	struct message *head, *tail;
	size_t count;
	size_t cost; /* sum of message_cost */
};

void message_list_push(struct message_list *l, struct message *m);       /* takes m */
void message_list_push_front(struct message_list *l, struct message *m); /* takes m */
struct message *message_list_pop(struct message_list *l); /* gives it; NULL if empty */
void message_list_free(struct message_list *l);

/*
 * The message being received. Bytes go in as they come, scanned on the way.
 * What exceeds ${max} bytes (or the memory there is) is scanned through and not kept; CR and LF
 * at the end do not count. Memory of its messages comes from a pool of its own, which they may
 * outlive. The members are private to message.c.
 */
#define INTAKE_SCRATCH 16384 /* bytes */

struct intake {
	struct pool *pool;
	struct message
	    *message; /* being filled; NULL before the first byte and once over the limit */
	struct buf digest;
	size_t max;
	size_t size; /* bytes so far */
	size_t tail; /* how many of them, at the end, are CR and LF */
	bool blank;  /* only white space so far */
	bool over;
	bool announced; /* intake_expect was called for this message */
	size_t usual;   /* room that the last one needed which was not announced */
	struct jsonrpc_scan scan;
	unsigned char scratch[INTAKE_SCRATCH]; /* where bytes go that nobody keeps */
};

void intake_init(struct intake *in, size_t max);
void intake_free(struct intake *in);

/* Bytes of the unfinished message so far; 0 = none has begun. */
size_t intake_size(const struct intake *in);

/*
 * Tells that ${len} more bytes of the message are announced, for which room is made: addresses,
 * which take no memory before something is written. If that is over the limit, nothing is kept
 * from now on, so that no memory is spent on what will be dropped.
 */
void intake_expect(struct intake *in, size_t len);

/* Adds a copy of ${len} bytes of the message. */
void intake_write(struct intake *in, const void *bytes, size_t len);

/*
 * Room to receive the next bytes into: at least one and at most ${want} bytes, set in
 * ${*room}; the memory stays valid until the next call. The bytes count once intake_commit
 * tells how many (0..room) came.
 */
void *intake_room(struct intake *in, size_t want, size_t *room);
void intake_commit(struct intake *in, size_t len);

/*
 * Ends the message and gives it to the caller; the intake is ready for the next. The text is what
 * came, but for: a byte order mark in front and CR and LF at the end are gone, and other CR and LF
 * are spaces (legal between tokens only; a text that is not JSON keeps them). NULL if there was
 * nothing but white space, or if memory is out (*${lost} is then true, otherwise false).
 *
 * Of a message over the limit there is a digest, with the original's kind and size. If it was not
 * JSON-RPC, its text is the raw id, if one could be read, or empty.
 */
struct message *intake_end(struct intake *in, bool *lost);

/* Forgets an unfinished message. */
void intake_drop(struct intake *in);

/* pool_rest for what messages have left behind. */
int64_t intake_rest(struct intake *in, int64_t now);

#endif
