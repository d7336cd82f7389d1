/*
 * What is measured with: the time, the processor time of this process, sorted times.
 */
#ifndef BENCH_FIGURE_H
#define BENCH_FIGURE_H

#include <stddef.h>

/* Seconds of a clock that only goes forward. */
double figure_now(void);

/* Seconds of processor time of this process. */
double figure_own_cpu(void);

/* Sorts ${times} and prints "NAME_p50":...,"NAME_p99":...,"NAME_min":... */
void figure_print_times(const char *name, double *times, size_t count);

#endif
