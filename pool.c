#include "pool.h"

#include <stdbool.h>
#include <stdlib.h>

#include "clock.h"
#include "compat.h"

/*
 * Sizes are sorted by their highest bit and the two behind it, so that a block made for its class
 * is at most a quarter too large.
 */
#define STEP_BITS   2
#define STEPS       (1u << STEP_BITS)
#define SMALLEST    6  /* 2^6 bytes: less counts as that */
#define LARGEST     36 /* of 2^36 bytes: what is that large is not kept */
#define CLASSES     ((LARGEST - SMALLEST) * STEPS)
#define EXACT       ((size_t)1 << 20) /* larger blocks are made as large as was asked for */
#define LOOK_HIGHER STEPS             /* classes above, where blocks are less than twice as large */
#define LOOK_INTO   4                 /* blocks of one class, of which the first may be too small */

#define LOOK_INTERVAL 1000 /* ms */

/* AddressSanitizer is to see where each block begins, ends and dies: nothing is rounded or kept. */
#if defined(__SANITIZE_ADDRESS__)
#define TRANSPARENT 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRANSPARENT 1
#endif
#endif
#ifndef TRANSPARENT
#define TRANSPARENT 0
#endif

/* What a kept block begins with. */
struct block {
	struct block *next;
	size_t size;
};

struct pool {
	size_t small_max, large_max;
	size_t small, large; /* bytes kept */
	size_t unused;       /* the least that large was since the last look */
	int64_t look_at;     /* when to look again */
	size_t taken;        /* blocks that are out */
	bool ended;
	unsigned top; /* no class from here on has a block */
	struct block *classes[CLASSES];
};

static unsigned class_of(size_t size)
{
	if (size < (size_t)1 << SMALLEST)
		return 0;
	unsigned bit = highest_bit(size);
	return (bit - SMALLEST) * STEPS + ((unsigned)(size >> (bit - STEP_BITS)) & (STEPS - 1));
}

/* The smallest size of a class. */
static size_t class_size(unsigned k)
{
	unsigned bit = k / STEPS + SMALLEST;

	return (size_t)(STEPS + k % STEPS) << (bit - STEP_BITS);
}

struct pool *pool_new(size_t small, size_t large)
{
	struct pool *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->small_max = TRANSPARENT ? 0 : small;
	p->large_max = TRANSPARENT ? 0 : large;
	p->look_at = CLOCK_NEVER;
	return p;
}

/* How much of a kind is kept, and may be. */
static size_t *kept(struct pool *p, size_t size)
{
	return size < POOL_LARGE ? &p->small : &p->large;
}

static size_t room_for(struct pool *p, size_t size)
{
	return size < POOL_LARGE ? p->small_max - p->small : p->large_max - p->large;
}

static struct block *unlink_block(struct pool *p, struct block **at)
{
	struct block *b = *at;

	*at = b->next;
	*kept(p, b->size) -= b->size;
	if (p->large < p->unused)
		p->unused = p->large;
	return b;
}

/* Frees large blocks, the largest first, of ${bytes} together at most. */
static void free_large(struct pool *p, size_t bytes)
{
	for (unsigned k = p->top; k-- > class_of(POOL_LARGE);) {
		struct block **at = &p->classes[k];
		while (*at) {
			size_t size = (*at)->size;
			if (size <= bytes) {
				bytes -= size;
				free(unlink_block(p, at));
			} else {
				at = &(*at)->next;
			}
		}
	}
}

void pool_end(struct pool *p)
{
	if (!p)
		return;
	for (unsigned k = 0; k < p->top; k++) {
		while (p->classes[k])
			free(unlink_block(p, &p->classes[k]));
	}
	p->small_max = p->large_max = 0;
	p->ended = true;
	if (p->taken == 0)
		free(p);
}

static struct block *find_kept(struct pool *p, size_t size)
{
	unsigned k = class_of(size), end = k + LOOK_HIGHER;

	for (; k < end && k < p->top; k++) {
		struct block **at = &p->classes[k];
		for (int i = 0; *at && i < LOOK_INTO; i++) {
			if ((*at)->size >= size)
				return unlink_block(p, at);
			at = &(*at)->next;
		}
	}
	return NULL;
}

/* A new block fills its class, so that it serves all who ask for one of that. */
static size_t rounded(size_t size)
{
	unsigned k = class_of(size);

	if (TRANSPARENT || size >= EXACT)
		return size;
	size_t room = class_size(k) >= size ? class_size(k) : class_size(k + 1);
	return room > size ? room : size;
}

void *pool_take(struct pool *p, size_t *size)
{
	if (!p)
		return malloc(*size);
	struct block *b = find_kept(p, *size);
	size_t room = b ? b->size : rounded(*size);
	if (!b && room >= POOL_LARGE && room > room_for(p, room))
		free_large(p, p->large);
	void *block = b ? b : malloc(room);
	if (block) {
		*size = room;
		p->taken++;
	}
	return block;
}

static void keep(struct pool *p, struct block *b, size_t size)
{
	unsigned k = class_of(size);

	*b = (struct block){.next = p->classes[k], .size = size};
	p->classes[k] = b;
	*kept(p, size) += size;
	if (k >= p->top)
		p->top = k + 1;
}

void pool_give(struct pool *p, void *block, size_t size)
{
	if (!p || !block) {
		free(block);
		return;
	}
	p->taken--;
	if (size >= sizeof(struct block) && size <= room_for(p, size) && class_of(size) < CLASSES)
		keep(p, block, size);
	else
		free(block);
	if (p->ended && p->taken == 0)
		free(p);
}

int64_t pool_rest(struct pool *p, int64_t now)
{
	if (!p || p->large == 0)
		return CLOCK_NEVER;
	if (now >= p->look_at && p->unused > 0) {
		free_large(p, p->unused);
		return_freed_memory();
	}
	if (now >= p->look_at || p->look_at == CLOCK_NEVER) {
		p->unused = p->large;
		p->look_at = p->large > 0 ? clock_add(now, LOOK_INTERVAL) : CLOCK_NEVER;
	}
	return p->look_at;
}
