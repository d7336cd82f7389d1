#include "clock.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

/*
 * Linux stops CLOCK_MONOTONIC during suspend and has CLOCK_BOOTTIME instead;
 * macOS counts the sleep in CLOCK_MONOTONIC itself.
 */
#ifdef CLOCK_BOOTTIME
#define CLOCK_STEADY CLOCK_BOOTTIME
#else
#define CLOCK_STEADY CLOCK_MONOTONIC
#endif

int64_t clock_now_us(void)
{
	struct timespec t = {0, 0};

	if (clock_gettime(CLOCK_STEADY, &t) != 0)
		/* EINVAL: headers newer than the kernel. It then says so every time. */
		(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_now(void)
{
	return clock_now_us() / 1000;
}

int64_t clock_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t clock_add(int64_t at, int64_t ms)
{
	if (at == CLOCK_NEVER || ms == CLOCK_NEVER)
		return CLOCK_NEVER;
	if (ms > 0 && at > INT64_MAX - ms)
		return CLOCK_NEVER;
	if (ms < 0 && at < INT64_MIN - ms)
		return INT64_MIN;
	return at + ms;
}

int clock_poll_timeout(int64_t deadline, int64_t now)
{
	uint64_t left;

	if (deadline == CLOCK_NEVER)
		return -1;
	if (deadline <= now)
		return 0;
	left = (uint64_t)deadline - (uint64_t)now;
	return left > INT_MAX ? INT_MAX : (int)left;
}

char *clock_utc(char out[CLOCK_UTC_SIZE])
{
	struct timespec t = {0, 0};
	struct tm tm;
	size_t n = 0;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	if (gmtime_r(&t.tv_sec, &tm) != NULL)
		n = strftime(out, CLOCK_UTC_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + n, CLOCK_UTC_SIZE - n, ".%03dZ", (int)(t.tv_nsec / 1000000));
	return out;
}
