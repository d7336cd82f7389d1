/*
 * ASCII text whatever the locale: letters of either case, tokens. Bytes over 127 are equal to themselves only. Pure.
 */
#ifndef WSMCP_ASCII_H
#define WSMCP_ASCII_H

#include <stdbool.h>
#include <stddef.h>

/* An upper case letter as a lower case one, everything else as it is. */
char ascii_lower(char c);

bool ascii_is_digit(char c);
bool ascii_is_letter(char c);

/* Whether the texts are the same, begin the same, or have the other in them, letters compared without case. */
bool ascii_same(const char *a, const char *b);
bool ascii_begins(const char *text, const char *start);
bool ascii_contains(const char *text, const char *part); /* "" is in none */

/* Whether ${text} is a token (RFC 9110, section 5.6.2), as the name of a header is. */
bool ascii_is_token(const char *text);

#endif
