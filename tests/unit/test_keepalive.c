#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "keepalive.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NEVER    CLOCK_NEVER

static const char *const verdicts[] = {
    [KEEPALIVE_FINE] = "fine",
    [KEEPALIVE_PING] = "ping",
    [KEEPALIVE_DEAD] = "dead",
};

/* --- scripts ------------------------------------------------------------------------------- */

enum event {
	END,
	HEARD,
	LEFT,    /* the PING */
	BLOCKED, /* output waits */
	MOVED,   /* some of it went, the rest waits */
	FLOWS,   /* all of it went */
	PAUSE,
	RESUME,
	FINE,
	PING,
	DEAD, /* what a check says */
	UNTIL /* what the deadline is: the time of the step */
};

struct step {
	int64_t at;
	enum event event;
};

static const struct script {
	const char *name;
	int64_t interval, timeout;
	struct step steps[24]; /* the link opens at 1000 */
} scripts[] = {
    {"a PING when nothing came for an interval", 20, 5,
        {{1020, UNTIL}, {1000, FINE}, {1019, FINE}, {1020, PING}}},
    {"a PING is said once", 20, 5,
        {{1020, PING}, {NEVER, UNTIL}, {1020, FINE}, {1021, FINE}, {1090, FINE}}},
    {"a check that comes late is as good", 20, 5, {{5000, PING}, {5000, FINE}}},
    {"any byte puts the PING off", 20, 5,
        {{1010, HEARD}, {1030, UNTIL}, {1020, FINE}, {1029, FINE}, {1029, HEARD}, {1049, UNTIL},
            {1048, FINE}, {1049, PING}}},
    {"dead a timeout after the PING left", 20, 5,
        {{1020, PING}, {1023, LEFT}, {1028, UNTIL}, {1027, FINE}, {1028, DEAD}, {1028, UNTIL},
            {1029, DEAD}}},
    {"a PING that does not leave starts no timeout", 20, 5,
        {{1020, PING}, {NEVER, UNTIL}, {9000, FINE}, {9000, LEFT}, {9005, UNTIL}, {9004, FINE},
            {9005, DEAD}}},
    {"an answer in time, and the next PING an interval later", 20, 5,
        {{1020, PING}, {1020, LEFT}, {1024, HEARD}, {1044, UNTIL}, {1025, FINE}, {1043, FINE},
            {1044, PING}, {1044, LEFT}, {1049, DEAD}}},
    {"bytes at the last moment, before the check", 20, 5,
        {{1020, PING}, {1020, LEFT}, {1025, HEARD}, {1025, FINE}}},
    {"bytes while the PING waits are answer enough", 20, 5,
        {{1020, PING}, {1022, HEARD}, {1023, LEFT}, {1042, UNTIL}, {1028, FINE}, {1042, PING}}},
    {"but not bytes that are an interval old when it leaves", 20, 5,
        {{1020, PING}, {1022, HEARD}, {1041, FINE}, {1042, LEFT}, {1047, UNTIL}, {1046, FINE},
            {1047, DEAD}}},
    {"no second PING while one waits", 20, 5,
        {{1020, PING}, {1022, HEARD}, {NEVER, UNTIL}, {1060, FINE}}},
    {"a timeout longer than the interval", 5, 20,
        {{1005, PING}, {1005, LEFT}, {1025, UNTIL}, {1010, FINE}, {1024, FINE}, {1025, DEAD}}},

    {"interval 0: never a PING, never dead", 0, 5,
        {{NEVER, UNTIL}, {9000, FINE}, {9000, BLOCKED}, {NEVER, UNTIL}, {99000, FINE}}},
    {"timeout 0: never dead, but a PING at every interval", 20, 0,
        {{1020, PING}, {NEVER, UNTIL}, {1022, LEFT}, {1042, UNTIL}, {1041, FINE}, {1042, PING},
            {1042, FINE}, {1043, LEFT}, {1062, FINE}, {1063, PING}, {1063, LEFT}, {1065, HEARD},
            {1085, UNTIL}, {1084, FINE}, {1085, PING}, {1085, BLOCKED}, {NEVER, UNTIL},
            {99000, FINE}}},
    {"both 0", 0, 0, {{NEVER, UNTIL}, {1000, BLOCKED}, {99000, FINE}}},
    {"longer than time itself", NEVER, NEVER,
        {{NEVER, UNTIL}, {1000, BLOCKED}, {NEVER, UNTIL}, {NEVER - 1, FINE}}},
    {"nearly as long", NEVER - 1, NEVER - 1,
        {{NEVER, UNTIL}, {1000, BLOCKED}, {NEVER, UNTIL}, {NEVER - 1, FINE}}},

    {"blocked output is dead after interval and timeout", 20, 5,
        {{1003, BLOCKED}, {1020, UNTIL}, {1020, PING}, {1028, UNTIL}, {1027, FINE}, {1028, DEAD}}},
    {"it goes on waiting without starting anew", 20, 5,
        {{1003, BLOCKED}, {1015, BLOCKED}, {1020, PING}, {1025, BLOCKED}, {1027, FINE},
            {1028, DEAD}}},
    {"progress starts it anew", 20, 5,
        {{1003, BLOCKED}, {1020, PING}, {1027, MOVED}, {1052, UNTIL}, {1051, FINE}, {1052, MOVED},
            {1076, FINE}, {1077, DEAD}}},
    {"so does a byte received", 20, 5,
        {{1003, BLOCKED}, {1020, PING}, {1027, HEARD}, {1052, UNTIL}, {1051, FINE}, {1052, DEAD}}},
    {"bytes received keep an upload alive that nobody takes", 20, 5,
        {{1003, BLOCKED}, {1019, HEARD}, {1038, HEARD}, {1057, HEARD}, {1076, HEARD}, {1095, FINE},
            {1096, PING}, {1101, DEAD}}},
    {"once it flows there is nothing to wait for", 20, 5,
        {{1003, BLOCKED}, {1020, PING}, {1027, FLOWS}, {NEVER, UNTIL}, {9000, FINE},
            {9000, BLOCKED}, {9025, UNTIL}, {9024, FINE}, {9025, DEAD}}},
    {"the PING counts even while output moves", 20, 5,
        {{1003, BLOCKED}, {1020, PING}, {1021, MOVED}, {1021, LEFT}, {1025, MOVED}, {1026, UNTIL},
            {1025, FINE}, {1026, DEAD}}},
    {"output that was never blocked is no sign of life", 20, 5,
        {{1010, FLOWS}, {1020, UNTIL}, {1020, PING}, {1020, LEFT}, {1022, FLOWS}, {1025, DEAD}}},

    {"nothing counts while we do not read", 20, 5,
        {{1010, PAUSE}, {NEVER, UNTIL}, {1020, FINE}, {9000, FINE}, {9010, RESUME}, {9020, UNTIL},
            {9019, FINE}, {9020, PING}}},
    {"not the timeout", 20, 5,
        {{1020, PING}, {1020, LEFT}, {1023, PAUSE}, {NEVER, UNTIL}, {1025, FINE}, {9000, FINE},
            {9000, RESUME}, {9002, UNTIL}, {9001, FINE}, {9002, DEAD}}},
    {"and not blocked output", 20, 5,
        {{1003, BLOCKED}, {1020, PING}, {1023, PAUSE}, {9000, FINE}, {9000, RESUME}, {9005, UNTIL},
            {9004, FINE}, {9005, DEAD}}},
    {"pauses add up", 20, 5,
        {{1005, PAUSE}, {1105, RESUME}, {1110, PAUSE}, {1210, RESUME}, {1220, UNTIL}, {1219, FINE},
            {1220, PING}}},
    {"a pause within a pause is the same pause", 20, 5,
        {{1005, PAUSE}, {1050, PAUSE}, {1105, RESUME}, {1110, RESUME}, {1120, UNTIL}, {1119, FINE},
            {1120, PING}}},
    {"a PING said before a pause and leaving in it", 20, 5,
        {{1020, PING}, {1021, PAUSE}, {5000, LEFT}, {NEVER, UNTIL}, {8000, FINE}, {9000, RESUME},
            {9005, UNTIL}, {9004, FINE}, {9005, DEAD}}},
    {"progress in a pause", 20, 5,
        {{1003, BLOCKED}, {1010, PAUSE}, {5000, MOVED}, {9000, RESUME}, {9010, UNTIL}, {9010, PING},
            {9025, UNTIL}, {9024, FINE}, {9025, DEAD}}},
    {"output that gets blocked in a pause", 20, 5,
        {{1010, PAUSE}, {5000, BLOCKED}, {9000, RESUME}, {9010, PING}, {9024, FINE}, {9025, DEAD}}},
    {"bytes that come in a pause after all", 20, 5,
        {{1010, PAUSE}, {5000, HEARD}, {9000, RESUME}, {9020, UNTIL}, {9019, FINE}, {9020, PING}}},
    {"an answer that comes in a pause", 20, 5,
        {{1020, PING}, {1020, LEFT}, {1024, PAUSE}, {5000, HEARD}, {9000, RESUME}, {9019, FINE},
            {9020, PING}}},
    {"what was over before the pause is over after it", 20, 5,
        {{1020, PING}, {1020, LEFT}, {1030, PAUSE}, {8000, FINE}, {9000, RESUME}, {8995, UNTIL},
            {9000, DEAD}}},
    {"resuming without a pause", 20, 5, {{1010, RESUME}, {1020, UNTIL}, {1020, PING}}},
};

static void check_is(struct keepalive *k, const struct script *s, const struct step *step)
{
	enum keepalive_verdict expected = step->event == PING   ? KEEPALIVE_PING
	                                  : step->event == DEAD ? KEEPALIVE_DEAD
	                                                        : KEEPALIVE_FINE;
	enum keepalive_verdict verdict = keepalive_check(k, step->at);

	if (verdict != expected)
		fail_msg("%s: at %lld it is %s", s->name, (long long)step->at, verdicts[verdict]);
}

static void play(struct keepalive *k, const struct script *s, const struct step *step)
{
	int64_t deadline;

	switch (step->event) {
	case HEARD:
		keepalive_heard(k, step->at);
		break;
	case LEFT:
		keepalive_ping_left(k, step->at);
		break;
	case BLOCKED:
	case MOVED:
	case FLOWS:
		keepalive_output(k, step->event != FLOWS, step->event != BLOCKED, step->at);
		break;
	case PAUSE:
	case RESUME:
		keepalive_reading(k, step->event == RESUME, step->at);
		break;
	case UNTIL:
		deadline = keepalive_deadline(k);
		if (deadline != step->at)
			fail_msg("%s: the deadline is not %lld but %lld", s->name,
			    (long long)step->at, (long long)deadline);
		break;
	default:
		check_is(k, s, step);
	}
}

static void scripts_end_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(scripts); i++) {
		struct keepalive k;

		keepalive_begin(&k, scripts[i].interval, scripts[i].timeout, 1000);
		for (size_t j = 0; scripts[i].steps[j].event != END; j++)
			play(&k, &scripts[i], &scripts[i].steps[j]);
	}
}

/* --- against a second account of it -------------------------------------------------------- */

/*
 * The same in time that passes only while we read, so that a pause is nothing to think of. What was
 * said to the keepalive is said to both.
 */
struct account {
	int64_t interval, timeout;
	int64_t now, pauses;        /* real, and how much of it was pause */
	int64_t heard, moved, left; /* not counting pauses; left -1 = no PING is out */
	bool asked, blocked, paused;
};

static int64_t own_time(const struct account *a)
{
	return a->now - a->pauses;
}

static void pass(struct account *a, int64_t ms)
{
	a->now += ms;
	if (a->paused)
		a->pauses += ms;
}

static int64_t account_ping(const struct account *a)
{
	if (a->interval == 0 || a->asked || (a->left >= 0 && a->timeout > 0))
		return NEVER;
	return (a->left >= 0 ? a->left : a->heard) + a->interval;
}

static int64_t account_death(const struct account *a)
{
	int64_t silent = a->left >= 0 ? a->left + a->timeout : NEVER, stuck = NEVER;

	if (a->timeout == 0 || a->interval == 0)
		return NEVER;
	if (a->blocked)
		stuck = (a->heard > a->moved ? a->heard : a->moved) + a->interval + a->timeout;
	return silent < stuck ? silent : stuck;
}

static int64_t account_deadline(const struct account *a)
{
	int64_t at = clock_min(account_ping(a), account_death(a));

	return a->paused || at == NEVER ? NEVER : at + a->pauses;
}

static void account_event(struct account *a, enum event event)
{
	if (event == HEARD) {
		a->heard = own_time(a);
		a->left = -1;
	} else if (event == LEFT) {
		a->asked = false;
		a->left = own_time(a) - a->heard >= a->interval ? own_time(a) : -1;
	} else if (event == BLOCKED || event == MOVED || event == FLOWS) {
		if (event != BLOCKED || !a->blocked)
			a->moved = own_time(a);
		a->blocked = event != FLOWS;
	} else {
		a->paused = event == PAUSE;
	}
}

/* The same numbers on every machine, whatever its rand() is. */
static uint32_t random_below(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

/*
 * Lets time pass as a loop would that polls until the deadline, up to ${until}. Before a deadline
 * there is nothing to say and asking changes nothing; at a deadline there is something to say, and
 * then the deadline moves. Returns false if the link died.
 */
static bool loop_until(struct keepalive *k, struct account *a, int64_t until, uint64_t *seed)
{
	for (;;) {
		int64_t deadline = keepalive_deadline(k);
		enum keepalive_verdict verdict;

		assert_int_equal(deadline, account_deadline(a));
		if (random_below(seed, 2) == 0 && deadline > a->now) {
			assert_int_equal(keepalive_check(k, a->now), KEEPALIVE_FINE);
			if (deadline != NEVER)
				assert_int_equal(keepalive_check(k, deadline - 1), KEEPALIVE_FINE);
			assert_int_equal(keepalive_deadline(k), deadline);
		}
		if (deadline > until) {
			pass(a, until - a->now);
			return true;
		}
		if (deadline > a->now)
			pass(a, deadline - a->now);
		verdict = keepalive_check(k, a->now);
		assert_int_not_equal(verdict, KEEPALIVE_FINE);
		if (verdict == KEEPALIVE_DEAD) {
			assert_true(own_time(a) >= account_death(a));
			assert_int_equal(keepalive_check(k, a->now), KEEPALIVE_DEAD);
			return false;
		}
		assert_true(own_time(a) >= account_ping(a) && own_time(a) < account_death(a));
		a->asked = true;
		assert_true(keepalive_deadline(k) > a->now);
	}
}

/* Something that can happen now. */
static enum event random_event(const struct account *a, uint64_t *seed)
{
	static const enum event events[] = {
	    HEARD, BLOCKED, MOVED, FLOWS, PAUSE, RESUME, LEFT, LEFT};
	enum event event;

	do
		event = events[random_below(seed, COUNT(events))];
	while (event == LEFT && !a->asked);
	return event;
}

static bool run_random(int64_t interval, int64_t timeout, uint64_t seed)
{
	struct account a = {
	    .interval = interval, .timeout = timeout, .now = 5, .heard = 5, .moved = 5, .left = -1};
	struct keepalive k;

	keepalive_begin(&k, interval, timeout, 5);
	for (int i = 0; i < 60; i++) {
		struct step step = {.at = a.now + random_below(&seed, 13)};

		if (!loop_until(&k, &a, step.at, &seed))
			return true;
		step.event = random_event(&a, &seed);
		play(&k, &scripts[0], &step);
		account_event(&a, step.event);
	}
	return false;
}

static void deadlines_and_checks_agree(void **state)
{
	static const int64_t times[][2] = {
	    {20, 20}, {20, 5}, {5, 20}, {1, 1}, {20, 0}, {0, 20}, {0, 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		bool on = times[i][0] > 0 && times[i][1] > 0;
		int died = 0;

		for (uint64_t seed = 0; seed < 2000; seed++)
			died += run_random(times[i][0], times[i][1], seed);
		assert_in_range(died, on ? 100 : 0, on ? 2000 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(scripts_end_as_written),
	    cmocka_unit_test(deadlines_and_checks_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
