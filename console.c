#include "console.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "pretty.h"
#include "progress.h"
#include "screen.h"

#define PIECE 240 /* bytes that are escaped at once */

struct console {
	bool person, colours;
	struct editor *editor; /* NULL = none */
	struct progress bar;
	struct output result,
	    aside;    /* a person's both go to the same terminal: only result is used */
	bool written; /* something was put since it was settled */
	bool gone;    /* nobody reads any more */
};

struct console *console_new(bool person)
{
	struct console *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->person = person;
	c->colours = person && screen_colours(STDOUT_FILENO);
	c->bar.fd = STDOUT_FILENO;
	output_to_fd(&c->result, STDOUT_FILENO);
	output_to_fd(&c->aside, STDERR_FILENO);
	return c;
}

void console_free(struct console *c)
{
	free(c);
}

void console_set_editor(struct console *c, struct editor *e)
{
	c->editor = e;
}

bool console_has_person(const struct console *c)
{
	return c->person;
}

size_t console_columns(const struct console *c)
{
	(void)c;
	return screen_columns(STDOUT_FILENO);
}

bool console_colours(const struct console *c)
{
	return c->colours;
}

static struct output *begin(struct console *c, struct output *out)
{
	if (c->editor != NULL)
		editor_hide(c->editor);
	progress_erase(&c->bar);
	c->written = true;
	return out;
}

struct output *console_result(struct console *c)
{
	return begin(c, &c->result);
}

struct output *console_aside(struct console *c)
{
	return begin(c, c->person ? &c->result : &c->aside);
}

static void write_out(struct console *c)
{
	if (!c->written)
		return;
	c->gone = output_end(&c->result) != 0 || c->gone;
	(void)output_end(&c->aside); /* nobody needs to read stderr */
	c->written = false;
}

bool console_settle(struct console *c)
{
	write_out(c);
	if (c->editor != NULL)
		editor_show(c->editor);
	progress_draw(&c->bar, clock_now());
	return !c->gone;
}

/* --- pieces of lines ----------------------------------------------------------------------- */

void console_tone(const struct console *c, struct output *out, enum console_tone tone)
{
	static const char *const codes[] = {
	    [CONSOLE_PLAIN] = "\x1b[0m",
	    [CONSOLE_BOLD] = "\x1b[1m",
	    [CONSOLE_DIM] = "\x1b[2m",
	    [CONSOLE_BAD] = "\x1b[31m",
	    [CONSOLE_WARNING] = "\x1b[33m",
	};

	if (c->colours)
		output_str(out, codes[tone]);
}

void console_text(struct output *out, const char *text, size_t len)
{
	char shown[PIECE * 4 + 1];

	while (len > 0) {
		size_t n = len < PIECE ? len : PIECE;

		/*
		 * Not in the middle of a character, of which at most three bytes are behind the
		 * first.
		 */
		while (n < len && n > PIECE - 4 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
		output_str(out, log_escape(shown, sizeof shown, text, n));
		text += n;
		len -= n;
	}
}

void console_string(struct output *out, struct value v)
{
	size_t len;
	char *text = value_string(v, &len);

	if (text != NULL)
		console_text(out, text, len);
	else
		console_text(out, v.text, v.len);
	free(text);
}

void console_json(const struct console *c, struct output *out, struct value v)
{
	pretty_put(out, v, PRETTY_SAFE | (c->colours ? PRETTY_COLOUR : 0));
	output_str(out, "\n");
}

/* --- progress ------------------------------------------------------------------------------ */

void console_progress(struct console *c, double done, double total, const char *message)
{
	write_out(c);
	if (c->person && screen_draws(STDOUT_FILENO))
		progress_show(&c->bar, done, total, message, clock_now());
}

int64_t console_deadline(const struct console *c)
{
	return progress_deadline(&c->bar);
}

void console_forget_progress(struct console *c)
{
	progress_erase(&c->bar);
}
