/*
 * The network: attempts to connect that succeed or not, and one connection at a time whose bytes
 * arrive late, in pieces, up to any byte, or never.
 *
 * Over plaintext only bytes that were accepted travel; over TLS every byte that was shown may, as
 * measured of the real thing.
 */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reason.h"

/* What comes from the server. */
enum wire_kind {
	WIRE_TEXT,
	WIRE_PING,
	WIRE_PONG,
	WIRE_CLOSE,   /* a close frame with ${code} */
	WIRE_GARBAGE, /* breaks RFC 6455 */
	WIRE_END      /* nothing more comes */
};

struct wire_item {
	struct wire_item *next;
	int64_t at;
	enum wire_kind kind;
	int code;
	uint64_t mark;  /* of the first of its messages (check.h) */
	unsigned count; /* how many there are */
	size_t len;
	char text[];
};

enum wire_result { WIRE_TOOK, WIRE_BLOCKED, WIRE_BROKEN };
enum wire_attempt { WIRE_TRYING, WIRE_OPENED, WIRE_FAILED };

void wire_begin(void);
void wire_end(void);

/* The bridge. ${fail_at_once}: the attempt does not even begin. */
void wire_connect(struct reason *reason, bool *fail_at_once);
enum wire_attempt wire_follow(struct reason *reason);
enum wire_result wire_send(const unsigned char *run, size_t len, size_t *took);
struct wire_item *wire_receive(void); /* given to the caller (free); NULL = nothing now */
void wire_drop(void);                 /* it closes the connection */
void wire_wants(bool read, bool write);

/* The server: something for the bridge, ${delay} ms from now; order is kept. */
void wire_push(enum wire_kind kind, const char *text, size_t len, int code, int64_t delay,
    uint64_t mark, unsigned count);

/* Lets time do its work, and when it has more to do. */
void wire_run(void);
int64_t wire_next(void);

/* The calm: what was broken on purpose works again. */
void wire_mend(void);

unsigned wire_link(void); /* the number of the connection, 0 = none yet */
bool wire_is_open(void);
bool wire_idle(void); /* nothing is on its way */

#endif
