/*
 * Where every decision of a run comes from: one seed, the same run.
 */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void random_begin(uint64_t seed);

uint64_t random_below(uint64_t n);                 /* 0 .. n-1; 0 if n is 0 */
int64_t random_between(int64_t low, int64_t high); /* both included */
bool random_chance(unsigned permille);
void random_bytes(void *bytes, size_t len);

/* One of the ${count} weights, chosen in proportion; at least one is not 0. */
size_t random_weighted(const unsigned *weights, size_t count);

#endif
