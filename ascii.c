#include "ascii.h"

#include <string.h>

char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool ascii_is_letter(char c)
{
	c = ascii_lower(c);
	return c >= 'a' && c <= 'z';
}

bool ascii_begins(const char *text, const char *start)
{
	while (*start != '\0' && ascii_lower(*text) == ascii_lower(*start)) {
		text++;
		start++;
	}
	return *start == '\0';
}

bool ascii_same(const char *a, const char *b)
{
	return ascii_begins(a, b) && a[strlen(b)] == '\0';
}

bool ascii_contains(const char *text, const char *part)
{
	for (; *part != '\0' && *text != '\0'; text++)
		if (ascii_begins(text, part))
			return true;
	return false;
}

bool ascii_is_token(const char *text)
{
	size_t n = 0;

	for (; text[n] != '\0'; n++)
		if (!ascii_is_letter(text[n]) && !ascii_is_digit(text[n]) &&
		    strchr("!#$%&'*+-.^_`|~", text[n]) == NULL)
			return false;
	return n > 0;
}
