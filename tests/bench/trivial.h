/*
 * The bridge that does not look: for each byte that comes on one side it lets its share of bytes
 * that were made beforehand go on the other. With it in the place of a candidate the load shows
 * what it can do itself.
 */
#ifndef BENCH_TRIVIAL_H
#define BENCH_TRIVIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "traffic.h"

struct trivial {
	int port;
	bool tls;
	bool up;                            /* from the host to the server */
	size_t unit;                        /* bytes of a message that comes */
	const struct traffic_block *answer; /* what goes for it */
};

/* Connects and runs until either side ends; ${context} is a struct trivial. For candidate_fork. */
void trivial_run(int in, int out, const void *context);

#endif
