/*
 * Memory that was given back, kept for whoever asks for about as much next. What moves through a
 * program in a steady stream then costs no allocation and no page fault.
 *
 * Blocks are memory of malloc: they may be given to realloc, and are given back with the size they
 * have then. Not for use by two threads at once.
 */
#ifndef WSMCP_POOL_H
#define WSMCP_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool;

/* Blocks of this size in bytes and more are large: they are kept while they are needed now and then. */
#define POOL_LARGE ((size_t)64 * 1024)

/*
 * A pool that keeps at most ${small} bytes of small blocks and ${large} of large ones. NULL if
 * memory is out; every function takes that NULL for a pool that keeps nothing.
 */
struct pool *pool_new(size_t small, size_t large);

/*
 * Frees what is kept. Blocks that were taken stay valid and are still to be given back; the last
 * one takes the pool with it. NULL is fine.
 */
void pool_end(struct pool *p);

/*
 * A block of at least ${*size} bytes (not 0), given to the caller; ${*size} becomes what it really
 * has, which is less than twice as much, or under 128. NULL if memory is out. What is kept is
 * freed rather than let more than ${large} bytes of it lie beside a new large block.
 */
void *pool_take(struct pool *p, size_t *size);

/* Gives back a block that has ${size} bytes now; NULL is fine. */
void pool_give(struct pool *p, void *block, size_t size);

/*
 * Frees the large blocks that nobody has needed for a second. Returns when it must be called again
 * at the latest (ms); more often is fine. CLOCK_NEVER if no large ones are kept.
 */
int64_t pool_rest(struct pool *p, int64_t now);

#endif
