#include "failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void failure_exit(const char *format, ...)
{
	va_list args;

	fputs("load: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

void failure_exit_errno(const char *what)
{
	failure_exit("%s: %s", what, strerror(errno));
}

void *failure_alloc(size_t size)
{
	void *memory = malloc(size ? size : 1);

	if (!memory)
		failure_exit_errno("malloc");
	return memory;
}
