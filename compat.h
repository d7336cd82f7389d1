/*
 * The one place for what standard C11 does not have. Everything here has a
 * harmless meaning for a compiler that knows nothing of it.
 */
#ifndef WSMCP_COMPAT_H
#define WSMCP_COMPAT_H

#include <stddef.h> /* makes a C library known */

#if defined(__GNUC__) || defined(__clang__)
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define UNUSED                  __attribute__((unused))
#else
#define PRINTF_LIKE(fmt, first)
#define UNUSED
#endif

#if defined(__GLIBC__)
#include <malloc.h>
#endif

/*
 * Asks malloc to give memory that was freed back to the system. That of glibc keeps more of it with
 * each large block that is freed, up to 64 MiB.
 */
static inline void return_freed_memory(void)
{
#if defined(__GLIBC__)
	(void)malloc_trim(0);
#endif
}

/* The number of the highest bit that is set in ${n}, which is not 0. */
static inline unsigned highest_bit(unsigned long long n)
{
#if defined(__GNUC__) || defined(__clang__)
	return (unsigned)(sizeof n * 8 - 1) - (unsigned)__builtin_clzll(n);
#else
	unsigned bit = 0;
	while (n >>= 1)
		bit++;
	return bit;
#endif
}

#endif
