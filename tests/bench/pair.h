/*
 * Host and server with a candidate between them. What does not go on ends the load (failure.h).
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "candidate.h"
#include "peer.h"
#include "traffic.h"

/* What all scenarios share. */
struct pair_options {
	struct peer_server server;
	char *const *command;
	int end_patience; /* ms for the candidate to end by itself */
};

struct pair {
	const struct pair_options *options;
	struct candidate candidate;
	struct peer peer;
	struct traffic_counter at_host, at_server; /* what arrived there */
};

/* Starts the candidate, and waits until it has connected. */
void pair_begin(struct pair *pair, const struct pair_options *options);

/* The halves of it; pair_take is for a candidate that was started otherwise. */
void pair_start(struct pair *pair, const struct pair_options *options);
void pair_take(struct pair *pair, const struct pair_options *options, struct candidate candidate);
void pair_accept(struct pair *pair);

/* Lets the candidate end as when a host leaves: stdin ends, its close is answered. */
void pair_end(struct pair *pair);

/* Writes a line to the candidate's stdin, or a frame to its connection. */
void pair_write_host(struct pair *pair, const char *bytes, size_t len);
void pair_write_server(struct pair *pair, const char *bytes, size_t len);

/* Waits until so many messages have arrived in all. */
void pair_wait_server(struct pair *pair, uint64_t messages);
void pair_wait_host(struct pair *pair, uint64_t messages);

/* The request through the candidate, and the reply back; ${id} as in traffic.h. */
void pair_exchange(struct pair *pair, struct traffic_exchange *exchange, uint64_t id);

/*
 * Moves messages of ${block} from the host to the server (${up}) or the other way until ${count}
 * have arrived (0 = any number), or until all have arrived that were sent within ${seconds}
 * (0 = any time). Returns how many.
 */
uint64_t pair_stream(
    struct pair *pair, bool up, const struct traffic_block *block, uint64_t count, double seconds);

#endif
