/*
 * The messages that the bridge itself makes: error answers and cancellations.
 * Pure.
 */
#ifndef WSMCP_ANSWER_H
#define WSMCP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* JSON-RPC's own codes, and ours, which lie outside the ranges of JSON-RPC and MCP. */
enum answer_code {
	ANSWER_NOT_JSON = -32700,
	ANSWER_NOT_JSONRPC = -32600,
	ANSWER_LINK_LOST = -31001,
	ANSWER_NO_LINK = -31002,
	ANSWER_TIMED_OUT = -31003,
	ANSWER_TOO_LARGE = -31004,
	ANSWER_MALFORMED = -31005
};

enum answer_delivered {
	ANSWER_UNSAID,    /* data has no "delivered" */
	ANSWER_NOT_SENT,  /* "no": the message was never sent on any link */
	ANSWER_MAYBE_SENT /* "unknown" */
};

struct answer {
	enum answer_code code;
	enum answer_delivered delivered;
	const char *message; /* one sentence for a person; UTF-8 */
	const char *reason;  /* NULL = none */
	uint64_t size;       /* bytes of the message at fault, 0 = none */
	uint64_t limit;      /* bytes, 0 = not known */
};

/*
 * Appends {"jsonrpc":"2.0","id":...,"error":{...}} to ${out}. ${id} is raw JSON, NULL
 * stands for null. Returns 0, or -1 if memory is out (out is unchanged then).
 */
int answer_append(struct buf *out, const char *id, size_t id_len, const struct answer *answer);

/* Appends {"jsonrpc":"2.0","id":...,"result":{}}. Returns as answer_append. */
int answer_append_empty(struct buf *out, const char *id, size_t id_len);

/*
 * Appends notifications/cancelled for the request with the raw ${id}, and a reason for a person.
 * Returns 0, or -1 if memory is out (out is unchanged then).
 */
int answer_append_cancel(struct buf *out, const char *id, size_t id_len, const char *reason);

#endif
