/*
 * When to send a WebSocket PING and when to call a link dead. Pure: time is an
 * argument, in ms.
 *
 * Idle means that no byte was received for ${interval}: then a PING is due. Any byte
 * received is life. If none comes within ${timeout} of the moment the PING left, the link is
 * dead. Output that makes no progress while nothing is received for interval +
 * timeout is dead too. While we ourselves do not read, all of these clocks stand still.
 */
#ifndef WSMCP_KEEPALIVE_H
#define WSMCP_KEEPALIVE_H

#include <stdbool.h>
#include <stdint.h>

struct keepalive {
	int64_t interval, timeout;
	int64_t heard;        /* when the last byte came, or when the link opened */
	int64_t moved;        /* when output last made progress, or began to wait */
	int64_t ping_left;    /* when the PING nobody has answered left; -1 = none is out */
	bool ping_due_given;  /* the PING was asked for and has not left yet */
	bool blocked;         /* output waits */
	int64_t paused_since; /* -1 = reading */
};

enum keepalive_verdict { KEEPALIVE_FINE, KEEPALIVE_PING, KEEPALIVE_DEAD };

/*
 * A link just opened. 0 for ${interval}: never a PING and never dead. 0 for ${timeout}: never
 * dead, and a PING at every interval as long as nothing comes.
 */
void keepalive_begin(struct keepalive *k, int64_t interval, int64_t timeout, int64_t now);

void keepalive_heard(struct keepalive *k, int64_t now);     /* bytes came */
void keepalive_ping_left(struct keepalive *k, int64_t now); /* the PING asked for was written */

/* Whether output waits for the peer to take it, and whether some just moved. */
void keepalive_output(struct keepalive *k, bool blocked, bool moved, int64_t now);

/* We stop (${reading} false) or resume reading. */
void keepalive_reading(struct keepalive *k, bool reading, int64_t now);

/* What to do now. KEEPALIVE_PING is said once for each PING. */
enum keepalive_verdict keepalive_check(struct keepalive *k, int64_t now);

/* When keepalive_check should be asked next; CLOCK_NEVER while paused or switched off. */
int64_t keepalive_deadline(const struct keepalive *k);

#endif
