/*
 * How the load ends when something goes wrong: with one line on stderr that says why. Candidates
 * end with it.
 */
#ifndef BENCH_FAILURE_H
#define BENCH_FAILURE_H

#include <stddef.h>

#include "compat.h"

/* Says "load: ${format...}" and exits with status 1. */
_Noreturn void failure_exit(const char *format, ...) PRINTF_LIKE(1, 2);

/* The same with the text of errno behind it. */
_Noreturn void failure_exit_errno(const char *what);

/* Memory of ${size} bytes; never NULL. */
void *failure_alloc(size_t size);

#endif
