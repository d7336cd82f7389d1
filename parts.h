/*
 * The JSON-RPC objects in a message: the elements of a batch, or just itself. Walking them, reading
 * them, and making a message anew without some of them. Pure.
 */
#ifndef WSMCP_PARTS_H
#define WSMCP_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "message.h"
#include "pending.h"

/*
 * The next part of the message. ${*at} is 0 before the first call and moves on. Returns false
 * after the last part.
 */
bool parts_next(const struct message *m, size_t *at, struct jsonrpc_envelope *out);

/* Whether the message is a notification or a response, alone: nobody answers it. */
bool parts_is_one_way(const struct message *m);

/* The raw id of a part, NULL if it has none. */
const char *parts_id(const struct message *m, const struct jsonrpc_envelope *e, size_t *len);

/* What is known of its method (method.h); 0 for a response. */
unsigned parts_traits(const struct message *m, const struct jsonrpc_envelope *e);

/* The id in params.requestId of a cancellation; len 0 if there is none that could be anybody's. */
struct jsonrpc_span parts_cancelled(const struct message *m, const struct jsonrpc_envelope *e);

/* The entry with the id that stands at ${id} in the message; NULL if there is none. */
struct pending *parts_find(
    const struct pending_table *t, const struct message *m, struct jsonrpc_span id);

/* What becomes of a part. */
enum part_fate {
	PART_KEPT,
	PART_DROPPED,
	PART_CHANGED /* something in it is replaced */
};

struct session;

/*
 * Says what becomes of the part ${e} of ${m}. For PART_CHANGED it has put the new text into
 * ${with}, for what stands at ${*span} (the id, unless it says otherwise).
 */
typedef enum part_fate parts_judge(struct session *s, const struct message *m,
    const struct jsonrpc_envelope *e, struct jsonrpc_span *span, struct buf *with);

/*
 * The message with its parts as ${judge} says; takes m. Returns m itself if nothing changed,
 * NULL if nothing is left. If memory is out, ${*lost} goes up by one and what was to be changed
 * is lost.
 */
struct message *parts_rebuild(
    struct message *m, parts_judge *judge, struct session *s, uint64_t *lost);

#endif
