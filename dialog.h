/*
 * Asks a person what a server wants to know (form.h), question by question, on the console.
 *
 * A form is sent only after the person has seen all answers and said yes. A URL is shown whole, and
 * never opened.
 */
#ifndef WSMCP_DIALOG_H
#define WSMCP_DIALOG_H

#include "console.h"

enum dialog_end {
	DIALOG_LINE,
	DIALOG_DECLINE, /* Ctrl-D */
	DIALOG_CANCEL,  /* Ctrl-C */
	DIALOG_GONE     /* nobody wants an answer any more */
};

struct dialog {
	struct console *console;

	/* Reads a line; sets ${*line}, to be freed, for DIALOG_LINE. */
	enum dialog_end (*read)(void *context, const char *prompt, char **line);
	void *context;
};

/*
 * Goes through the ${params} of an "elicitation/create". Returns the result for the server, to be
 * freed. NULL if nobody wants it any more, or memory is out, or if it is no form that can be asked:
 * then ${error} (DIALOG_ERROR_SIZE bytes) says why, else it is "".
 */
#define DIALOG_ERROR_SIZE 160
char *dialog_run(const struct dialog *d, const char *params, char *error);

#endif
