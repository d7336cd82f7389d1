/*
 * What is said to the one who gives commands. To a person at a terminal everything goes there,
 * above whatever stands at its bottom: the line being typed (editor.h), or how far a call is
 * (progress.h). For a script results go to stdout and all else to stderr.
 *
 * What is begun with console_result or console_aside is written, and the bottom of the screen put
 * back, by console_settle, which whoever waits calls first.
 */
#ifndef WSMCP_CONSOLE_H
#define WSMCP_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "editor.h"
#include "output.h"
#include "value.h"

struct console;

/* For a ${person}, or a script. NULL if memory is out. */
struct console *console_new(bool person);
void console_free(struct console *c); /* NULL is fine */

/* Whose lines stand at the bottom; it must outlive the console, or be taken back with NULL. */
void console_set_editor(struct console *c, struct editor *e);

bool console_has_person(const struct console *c);
size_t console_columns(const struct console *c);
bool console_colours(const struct console *c); /* what SGR sequences may be written */

/* Where an answer to a command goes, and where all else. Whole lines are to be written. */
struct output *console_result(struct console *c);
struct output *console_aside(struct console *c);

/*
 * Writes what was put, and shows the bottom again. Returns false if nobody is there to read any
 * more.
 */
bool console_settle(struct console *c);

/* --- pieces of lines ------------------------------------------------------------------------- */

enum console_tone { CONSOLE_PLAIN, CONSOLE_BOLD, CONSOLE_DIM, CONSOLE_BAD, CONSOLE_WARNING };

/* From here on ${out} is in this tone, where there are colours. */
void console_tone(const struct console *c, struct output *out, enum console_tone tone);

/* Foreign text, escaped, on one line. */
void console_text(struct output *out, const char *text, size_t len);

/*
 * A string in JSON, unescaped, as console_text; anything else as the JSON that it is, on one line,
 * too.
 */
void console_string(struct output *out, struct value v);

/* JSON over several lines, with a newline behind it. */
void console_json(const struct console *c, struct output *out, struct value v);

/* --- progress -------------------------------------------------------------------------------- */

/* How far the call is that is waited for; drawn for a person only. */
void console_progress(struct console *c, double done, double total, const char *message);
int64_t console_deadline(const struct console *c); /* when console_settle is to be called again */
void console_forget_progress(struct console *c);

#endif
