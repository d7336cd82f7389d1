/* What the bridge says on stderr becomes part of the log of a run. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scene.h"

void log_line(enum log_level level, const char *format, ...)
{
	static const char *const names[] = {"error", "warning", "notice", "info", "debug"};
	char text[LOG_LINE_MAX];
	va_list args;

	if (!scene.log)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	note("bridge %s: %s", names[level], text);
}

/* Reasons are made of plain text here. */
char *log_escape(char *out, size_t size, const char *text, size_t len)
{
	size_t n = len < size - 1 ? len : size - 1;

	memcpy(out, text, n);
	out[n] = '\0';
	return out;
}
