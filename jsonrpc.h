/*
 * Reads the envelope of one JSON-RPC message without building a tree.
 *
 * One resumable pass checks the whole JSON grammar (RFC 8259) and UTF-8 and
 * notes where the members of the envelope stand. It copies nothing, allocates
 * nothing and judges nothing that a bridge need not know: "jsonrpc" is not
 * looked at, params and results are opaque.
 *
 * A message is
 *   an object with a string "method": a request if it has an "id", else a notification;
 *   an object with an "id" and a "result" or an "error": a response;
 *   a non-empty array of such objects: a batch (MCP 2025-03-26 only).
 * Anything else is JSONRPC_INVALID, as is an id over JSONRPC_ID_MAX bytes, an id
 * that is not a string, a number or null, and an object that has one of
 * jsonrpc, id, method, params, result, error twice. Keys are compared unescaped.
 * An object with both a method and a result or error is taken as a request.
 *
 * Text may begin with a UTF-8 byte order mark, which is skipped, and end with
 * white space. Depth is limited to JSONRPC_DEPTH_MAX.
 */
#ifndef WSMCP_JSONRPC_H
#define WSMCP_JSONRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "utf8.h"

#define JSONRPC_ID_MAX     1024  /* bytes of the raw id, quotes included */
#define JSONRPC_METHOD_MAX 256   /* bytes of a raw method kept in a digest, quotes included */
#define JSONRPC_DEPTH_MAX  10000 /* arrays and objects within each other */
#define JSONRPC_DIGEST_MAX ((size_t)1 << 20) /* bytes of a digest */

enum jsonrpc_kind {
	JSONRPC_NOT_JSON, /* not one complete JSON text in UTF-8 */
	JSONRPC_INVALID,  /* JSON, but not JSON-RPC */
	JSONRPC_NOTIFICATION,
	JSONRPC_REQUEST,
	JSONRPC_RESPONSE, /* with a result or an error */
	JSONRPC_BATCH
};

/* A piece of the text: offset of its first byte and its length; len 0 = not there. */
struct jsonrpc_span {
	size_t at;
	size_t len;
};

/*
 * What a scan found. Spans are raw text (strings with their quotes, escapes as
 * they were) and count from the first byte fed. For a batch all spans are empty;
 * its elements are read with jsonrpc_batch_next. For JSONRPC_INVALID and
 * JSONRPC_NOT_JSON the id is given if exactly one acceptable id could be read at
 * the top level of an object, so that it can be answered; other spans are
 * then unspecified.
 */
struct jsonrpc_envelope {
	enum jsonrpc_kind kind;
	bool structured;  /* the text is an object or an array (false: a scalar or not JSON) */
	bool is_error;    /* a response with an "error" */
	bool has_newline; /* there is a CR or LF in the text (legal between tokens only) */
	struct jsonrpc_span id;
	struct jsonrpc_span method;
	struct jsonrpc_span params;
	struct jsonrpc_span result; /* of "result", or of "error" if is_error */
};

#define JSONRPC_KEY_MAX 44 /* bytes of "jsonrpc" with every character escaped, quotes included */

/* The state of a scan. Callers embed it; its members are private to jsonrpc.c. */
struct jsonrpc_scan {
	struct jsonrpc_envelope found; /* the object whose members are being read */
	struct buf *digest;
	const unsigned char *piece; /* the text being fed; during a feed only */
	size_t at;                  /* bytes fed before the piece */
	size_t token_at;            /* where the key or member value being read began */
	size_t digest_at;           /* length of the digest before the scan */
	uint32_t depth;             /* arrays and objects open */
	uint32_t level;             /* depth at which members of the message stand; 0 = none yet */
	struct utf8 utf8;           /* of the string being read */
	uint8_t state;              /* what may come next ... */
	uint8_t after;              /* ... and once a value of the innermost container is over */
	uint8_t token;              /* what is being read, */
	uint8_t sub;                /* how far it is */
	uint8_t literal;            /* and which one */
	uint8_t key;                /* which of the six keys the value belongs to */
	uint8_t seen;               /* which of the six keys the object has had */
	uint8_t batch;              /* what is known of its elements */
	bool in_key;
	bool newline;
	bool digest_full;
	uint16_t key_len, id_len, method_len;     /* of what is kept below */
	char kept_key[JSONRPC_KEY_MAX];           /* the part of a key that was in earlier pieces */
	char kept_id[JSONRPC_ID_MAX];             /* with a digest only */
	char kept_method[JSONRPC_METHOD_MAX];     /* with a digest only */
	uint8_t stack[JSONRPC_DEPTH_MAX / 8 + 1]; /* a bit a level: object or array */
};

/*
 * Begins a scan. With a ${digest} (may be NULL; must outlive the scan, is
 * appended to) the scan leaves behind a small message that stands for one whose
 * text nobody keeps: the same kind, ids and methods, in the same order, without
 * params and with "result":null or "error":null. A method over JSONRPC_METHOD_MAX
 * bytes is cut. A digest that would exceed its max or JSONRPC_DIGEST_MAX stays as
 * it is, complete as JSON: of a batch the first elements, else nothing.
 */
void jsonrpc_scan_begin(struct jsonrpc_scan *s, struct buf *digest);

/*
 * Scans the next ${len} bytes of the text, which may be cut anywhere. Returns false once
 * the text cannot become JSON any more (further bytes are then ignored).
 */
bool jsonrpc_scan_feed(struct jsonrpc_scan *s, const void *text, size_t len);

/*
 * Ends the text. Fills ${out} and returns its kind. With a digest, the digest is
 * complete now; nothing was appended if the kind is JSONRPC_NOT_JSON or JSONRPC_INVALID.
 */
enum jsonrpc_kind jsonrpc_scan_end(struct jsonrpc_scan *s, struct jsonrpc_envelope *out);

/* All three in one, for a text that is wholly there. */
enum jsonrpc_kind jsonrpc_scan_text(const void *text, size_t len, struct jsonrpc_envelope *out);

/*
 * The next element of a batch. ${text} is the batch as scanned (JSONRPC_BATCH),
 * ${*at} is 0 before the first call and moves on. Fills ${out} with spans that
 * count from the start of text (has_newline is not looked for). Returns false after the
 * last element.
 */
bool jsonrpc_batch_next(const void *text, size_t len, size_t *at, struct jsonrpc_envelope *out);

/*
 * Finds a raw value by its path of object keys, e.g. "params.requestId" or
 * "params._meta.progressToken" (a key with a dot in it cannot be named; the
 * components given are compared with the unescaped keys). ${text} must be valid
 * JSON. The first of two equal keys wins. Returns the span, len 0 if there is none.
 */
struct jsonrpc_span jsonrpc_find(const void *text, size_t len, const char *path);

/* The same for one key at the top level, which may have dots in it. */
struct jsonrpc_span jsonrpc_find_key(const void *text, size_t len, const char *key);

/*
 * The next member of an object. ${text} must be valid JSON, ${*at} is 0 before the first call and
 * moves on. Fills ${key} (with its quotes) and ${value}, raw and counting from the start of
 * text. Returns false after the last member, and for a text that is no object.
 */
bool jsonrpc_member_next(
    const void *text, size_t len, size_t *at, struct jsonrpc_span *key, struct jsonrpc_span *value);

/* Whether the raw JSON string ${raw} (with quotes), unescaped, is ${plain} (NUL-terminated UTF-8). */
bool jsonrpc_string_is(const char *raw, size_t len, const char *plain);

/*
 * Unescapes the raw JSON string ${raw} (with quotes) into ${out}, which has room for ${len} bytes
 * and gets no NUL behind it. Half of a surrogate pair becomes the three bytes it would
 * have, which are not UTF-8. Returns how many bytes it is; 0 also if it is no string.
 */
size_t jsonrpc_string_decode(const char *raw, size_t len, char *out);

/*
 * Ids are matched by value: strings unescaped ("\u00e9" is "é"), numbers as
 * decimal numbers without floating point (1.0, 10e-1 and 1 are the same,
 * 9007199254740993 and 9007199254740992 are not), null is null; a string never equals a
 * number. Both arguments are raw ids of at most JSONRPC_ID_MAX bytes.
 */
bool jsonrpc_id_equal(const char *a, size_t a_len, const char *b, size_t b_len);

/* Equal ids hash equal. ${seed} keeps a peer from choosing ids that collide. */
uint64_t jsonrpc_id_hash(const char *raw, size_t len, uint64_t seed);

#endif
