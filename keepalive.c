#include "keepalive.h"

#include "clock.h"

void keepalive_begin(struct keepalive *k, int64_t interval, int64_t timeout, int64_t now)
{
	*k = (struct keepalive){.interval = interval,
	    .timeout = timeout,
	    .heard = now,
	    .moved = now,
	    .ping_left = -1,
	    .paused_since = -1};
}

/* What the clocks show: during a pause, of which resuming adds the whole, they stand. */
static int64_t clocks_at(const struct keepalive *k, int64_t now)
{
	return k->paused_since >= 0 ? k->paused_since : now;
}

void keepalive_heard(struct keepalive *k, int64_t now)
{
	k->heard = clocks_at(k, now);
	k->ping_left = -1;
}

void keepalive_ping_left(struct keepalive *k, int64_t now)
{
	now = clocks_at(k, now);
	k->ping_due_given = false;
	/* Bytes that came while it waited were an answer enough. */
	if (now - k->heard >= k->interval)
		k->ping_left = now;
}

void keepalive_output(struct keepalive *k, bool blocked, bool moved, int64_t now)
{
	if (moved || (blocked && !k->blocked))
		k->moved = clocks_at(k, now);
	k->blocked = blocked;
}

void keepalive_reading(struct keepalive *k, bool reading, int64_t now)
{
	if (!reading && k->paused_since < 0) {
		k->paused_since = now;
	} else if (reading && k->paused_since >= 0) {
		int64_t pause = now - k->paused_since;
		k->heard += pause;
		k->moved += pause;
		if (k->ping_left >= 0)
			k->ping_left += pause;
		k->paused_since = -1;
	}
}

static int64_t ping_at(const struct keepalive *k)
{
	if (k->interval == 0 || k->ping_due_given)
		return CLOCK_NEVER;
	if (k->ping_left < 0)
		return clock_add(k->heard, k->interval);
	/* Even if no answer is needed, what stands between must not take the link for idle. */
	return k->timeout == 0 ? clock_add(k->ping_left, k->interval) : CLOCK_NEVER;
}

static int64_t dead_at(const struct keepalive *k)
{
	int64_t at = CLOCK_NEVER;

	if (k->timeout == 0)
		return at;
	if (k->ping_left >= 0)
		at = clock_add(k->ping_left, k->timeout);
	if (k->blocked && k->interval > 0) {
		int64_t since = k->moved > k->heard ? k->moved : k->heard;
		at = clock_min(at, clock_add(since, clock_add(k->interval, k->timeout)));
	}
	return at;
}

enum keepalive_verdict keepalive_check(struct keepalive *k, int64_t now)
{
	if (k->paused_since >= 0)
		return KEEPALIVE_FINE;
	if (now >= dead_at(k))
		return KEEPALIVE_DEAD;
	if (now >= ping_at(k)) {
		k->ping_due_given = true;
		return KEEPALIVE_PING;
	}
	return KEEPALIVE_FINE;
}

int64_t keepalive_deadline(const struct keepalive *k)
{
	if (k->paused_since >= 0)
		return CLOCK_NEVER;
	return clock_min(ping_at(k), dead_at(k));
}
