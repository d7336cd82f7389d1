#include "backoff.h"

void backoff_init(struct backoff *b, int64_t max)
{
	*b = (struct backoff){.max = max < 1 ? 1 : max, .useful = -1};
}

static int64_t at_most(int64_t value, int64_t limit)
{
	return value < limit ? value : limit;
}

int64_t backoff_next(struct backoff *b, uint32_t random, int64_t at_least)
{
	int64_t below = at_most(b->cap == 0 ? BACKOFF_FIRST : b->cap, b->max);
	int64_t delay = (int64_t)(random % (uint64_t)(below + 1));

	b->cap = b->cap == 0 ? at_most(BACKOFF_START, b->max) : at_most(b->cap * 2, b->max);
	at_least = at_most(at_least, b->max);
	return delay > at_least ? delay : at_least;
}

void backoff_carried(struct backoff *b, int64_t now)
{
	if (b->useful < 0)
		b->useful = now;
}

int backoff_link_down(struct backoff *b, int64_t now)
{
	int over = b->useful >= 0 && now - b->useful >= BACKOFF_RESET;

	b->useful = -1;
	if (over)
		b->cap = 0;
	return over;
}
