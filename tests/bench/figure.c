#include "figure.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double figure_now(void)
{
	return seconds(CLOCK_MONOTONIC);
}

double figure_own_cpu(void)
{
	return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void figure_print_times(const char *name, double *times, size_t count)
{
	qsort(times, count, sizeof *times, compare);
	printf("\"%s_p50\":%.9f,\"%s_p99\":%.9f,\"%s_min\":%.9f", name, times[count / 2], name,
	    times[count * 99 / 100], name, times[0]);
}
