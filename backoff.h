/*
 * When to try again. Pure: time (ms) and randomness are arguments.
 *
 * The first retry comes within BACKOFF_FIRST; the ones after it at a random moment below a cap that doubles from
 * BACKOFF_START to the maximum (full jitter: clients that lost one server must not come back in step). It starts over
 * once a link has carried a message and stood BACKOFF_RESET.
 */
#ifndef WSMCP_BACKOFF_H
#define WSMCP_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST 100
#define BACKOFF_START 250
#define BACKOFF_RESET 5000

struct backoff {
	int64_t max;    /* the largest delay */
	int64_t cap;    /* of the next delay; 0 = the first retry is still to come */
	int64_t useful; /* when the link carried its first message; -1 = not yet */
};

/* ${max}: the largest delay, at least 1. */
void backoff_init(struct backoff *b, int64_t max);

/* The delay before the next attempt. ${random} is evenly spread; ${at_least} (Retry-After, 0 = none) is honoured up to the maximum. */
int64_t backoff_next(struct backoff *b, uint32_t random, int64_t at_least);

/* The link carried a message. */
void backoff_carried(struct backoff *b, int64_t now);

/* The link is gone; returns whether it was good enough to start over, and does so. */
int backoff_link_down(struct backoff *b, int64_t now);

#endif
