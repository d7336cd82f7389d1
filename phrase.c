#include "phrase.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

struct phrase phrase_in(char *out, size_t size)
{
	*out = '\0';
	return (struct phrase){.text = out, .size = size};
}

void phrase_add(struct phrase *p, const char *format, ...)
{
	size_t room = p->size - p->len;
	va_list args;

	va_start(args, format);
	int n = vsnprintf(p->text + p->len, room, format, args);
	va_end(args);
	if (n > 0)
		p->len += (size_t)n < room ? (size_t)n : room - 1;
}

/* What no calendar knows is 1970. */
static struct tm utc(int64_t seconds)
{
	struct tm tm = {.tm_mday = 1, .tm_year = 70};
	time_t t = (time_t)seconds;

	(void)gmtime_r(&t, &tm);
	return tm;
}

char *phrase_day(char out[PHRASE_DATE_SIZE], int64_t seconds)
{
	struct tm tm = utc(seconds);

	if (strftime(out, PHRASE_DATE_SIZE, "%Y-%m-%d", &tm) == 0)
		*out = '\0';
	return out;
}

char *phrase_time(char out[PHRASE_DATE_SIZE], int64_t seconds)
{
	struct tm tm = utc(seconds);

	if (strftime(out, PHRASE_DATE_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		*out = '\0';
	return out;
}
