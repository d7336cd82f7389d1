/*
 * Text on a terminal: how wide it is, what fits, and where lines break.
 *
 * Widths are by a simple rule: marks that combine take no column, East Asian and emoji characters
 * two, all others one. What is measured is UTF-8 without controls, as log_escape leaves it.
 */
#ifndef WSMCP_SCREEN_H
#define WSMCP_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "output.h"

/* How many columns the terminal ${fd} has; 80 for everything else. */
size_t screen_columns(int fd);

/* Whether ${fd} is a terminal that moves its cursor and erases when told to. */
bool screen_draws(int fd);

/* Whether to write to ${fd} in colour: such a terminal, and no NO_COLOR in the environment. */
bool screen_colours(int fd);

/* How many columns ${len} bytes take. */
size_t screen_width(const char *text, size_t len);

/* How many bytes of the text fit in ${columns}. */
size_t screen_fit(const char *text, size_t len, size_t columns);

/* Writes foreign text, escaped, but with its line breaks and tabs. */
void screen_put(struct output *out, const char *text, size_t len);

/*
 * Writes foreign text, escaped, in lines of at most ${columns}, broken between words where that
 * is possible. The first line goes on at column ${at}, the others begin at ${indent}. Its own
 * line breaks stay, of empty lines one; other white space is one space. No newline behind the
 * last line.
 */
void screen_wrap(
    struct output *out, const char *text, size_t len, size_t at, size_t indent, size_t columns);

#endif
