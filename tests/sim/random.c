#include "random.h"

#include <string.h>

static uint64_t state;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t x = state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

void random_begin(uint64_t seed)
{
	state = seed * UINT64_C(0xd1342543de82ef95) + 1;
	next();
}

uint64_t random_below(uint64_t n)
{
	return n ? next() % n : 0;
}

int64_t random_between(int64_t low, int64_t high)
{
	return low + (int64_t)random_below((uint64_t)(high - low) + 1);
}

bool random_chance(unsigned permille)
{
	return permille > 0 && random_below(1000) < permille;
}

void random_bytes(void *bytes, size_t len)
{
	unsigned char *to = bytes;

	while (len > 0) {
		uint64_t x = next();
		size_t n = len < sizeof x ? len : sizeof x;
		memcpy(to, &x, n);
		to += n;
		len -= n;
	}
}

size_t random_weighted(const unsigned *weights, size_t count)
{
	uint64_t sum = 0, at;

	for (size_t i = 0; i < count; i++)
		sum += weights[i];
	at = random_below(sum);
	for (size_t i = 0; i + 1 < count; i++) {
		if (at < weights[i])
			return i;
		at -= weights[i];
	}
	return count - 1;
}
