/*
 * The two clocks of the program.
 */
#ifndef WSMCP_CLOCK_H
#define WSMCP_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* "No deadline" wherever a point in time is meant. */
#define CLOCK_NEVER INT64_MAX

/*
 * Milliseconds on a clock that never goes backwards and, where the system has
 * one, goes on while the machine sleeps. The origin has no meaning.
 */
int64_t clock_now(void);

/* The same clock in microseconds, for round trips. */
int64_t clock_now_us(void);

/* The earlier of two points in time. */
int64_t clock_min(int64_t a, int64_t b);

/* ${at} plus ${ms}, CLOCK_NEVER if that would overflow or ms is CLOCK_NEVER. */
int64_t clock_add(int64_t at, int64_t ms);

/* What poll() wants: 0 for a deadline that has passed, -1 for CLOCK_NEVER, at most INT_MAX. */
int clock_poll_timeout(int64_t deadline, int64_t now);

/*
 * Wall-clock time in UTC as "2026-07-28T12:34:56.789Z" into ${out}, which must
 * have room for CLOCK_UTC_SIZE bytes. Returns out.
 */
#define CLOCK_UTC_SIZE 32
char *clock_utc(char out[CLOCK_UTC_SIZE]);

#endif
