/*
 * A line that is typed and edited, in a poll loop of its owner's: libedit, and the only file that
 * knows it.
 *
 * editor_read returns when the line is done, but while it waits for a key it runs its owner's loop;
 * what that prints in between goes between editor_hide and editor_show, and so above the line.
 */
#ifndef WSMCP_EDITOR_H
#define WSMCP_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

#define EDITOR_PROMPT_SIZE 80
#define EDITOR_HISTORY     1000 /* lines */

enum editor_end {
	EDITOR_LINE,
	EDITOR_END,    /* Ctrl-D, or the terminal is gone */
	EDITOR_STOPPED /* by its owner */
};

/* What Tab does. */
struct editor_completion {
	size_t
	    at; /* where in the line (bytes) the text begins that is replaced, up to the cursor */
	char *insert; /* to be freed; NULL = nothing */
	char *list;   /* lines to show above the line, to be freed; NULL = none */
};

struct editor_owner {
	void *context;

	/* Waits until a key can be read from stdin. False = the editor is to stop. */
	bool (*wait)(void *context);

	/* ${line} is what stands in front of the cursor. */
	void (*complete)(void *context, const char *line, struct editor_completion *out);
};

struct editor;

/*
 * An editor on stdin and stdout, which are terminals; ${owner} must outlive it. From now on nothing
 * is echoed, and keys wait where no line is read. NULL if that is not possible.
 */
struct editor *editor_new(const struct editor_owner *owner);
void editor_free(struct editor *e); /* NULL is fine */

/*
 * Reads a line behind ${prompt} (plain text, cut at EDITOR_PROMPT_SIZE), without its newline. With
 * ${recall} earlier lines can be fetched back, and it begins with the draft, if there is one. Sets
 * ${*line}, to be freed, for EDITOR_LINE.
 */
enum editor_end editor_read(struct editor *e, const char *prompt, bool recall, char **line);

/*
 * Keeps what has been typed so far as a draft for the next line with recall; to be called from
 * wait, in front of stopping.
 */
void editor_keep_draft(struct editor *e);

/* Adds a line to those that can be fetched back. */
void editor_remember(struct editor *e, const char *line);

/* Whether a line is being read, and so stands on the screen. */
bool editor_is_reading(const struct editor *e);

/*
 * Takes the line from the screen, the cursor is where it began; and puts it back below whatever was
 * written.
 */
void editor_hide(struct editor *e);
void editor_show(struct editor *e);

/*
 * Leaves the line on the screen as it is, with the cursor behind it, and ends it there with ${mark}
 * and a newline.
 */
void editor_abandon(struct editor *e, const char *mark);

/* After a change of the window's size. */
void editor_resize(struct editor *e);

/* Lets go of the terminal's modes, and takes them again. */
void editor_pause(struct editor *e);
void editor_resume(struct editor *e);

#endif
