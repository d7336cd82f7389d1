/*
 * What a run is like: the options of the bridge, and how often host, server and network do what
 * they should not. Drawn from the seed. A run has a storm, in which everything may go wrong, and then a
 * calm, in which nothing does and everything owed must be delivered.
 */
#ifndef SIM_SCENE_H
#define SIM_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compat.h"

struct scene {
	uint64_t seed;
	int64_t now;      /* virtual time, ms */
	int64_t slept_at; /* when the machine last slept; then nothing need be in time */
	bool log;         /* every event is told on stdout */
	bool calm;

	/* the bridge */
	bool tls, resend, reconnect, command;
	int64_t connect_timeout, offline_timeout, request_timeout, linger, retry_delay_max;
	int64_t ping_interval, ping_timeout;
	size_t max_message, max_reply;

	/* the host; what has no unit is in permille */
	unsigned actions; /* it takes in the storm */
	int64_t pace;     /* ms between them, at most */
	bool legacy;      /* it knows initialize */
	bool early;       /* it also speaks before initialize */
	bool pipelines;   /* "initialized" does not wait for the answer to initialize */
	unsigned cancels, reuses, batches, garbage, large, huge, stalls, again;
	unsigned reply_late, reply_never, reply_twice;
	unsigned ends_early, stopped, sleeps;

	/* the server */
	int64_t latency; /* ms, at most */
	unsigned late, never, twice, wrong_id, malformed, invalid, large_reply, large_asks, error;
	unsigned asks, tells, cancels_own,
	    joins; /* after a message it hears; joins: answers in arrays */
	unsigned other_version, other_lists, replay_error, replay_never;
	unsigned greets;  /* speaks as soon as the link is open */
	unsigned resumes; /* answers what an earlier link has heard */

	/* the network */
	unsigned refused, http, untrusted, connect_hangs, setup_fails;
	unsigned breaks_bytes, breaks_time, silent, closes, spoils, blocks;
	bool smooth; /* a link that is up takes whatever it is given */
};

extern struct scene scene;

void scene_draw(uint64_t seed);

/* The storm is over. */
void scene_calm(void);

/* Tells an event, if somebody listens. */
void note_line(const char *format, ...) PRINTF_LIKE(1, 2);
#define note(...)                                                                                  \
	do {                                                                                       \
		if (scene.log)                                                                     \
			note_line(__VA_ARGS__);                                                    \
	} while (0)

#endif
