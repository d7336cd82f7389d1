/*
 * One client (wsmcp.h), and the person or script that it works for, in one poll loop: whatever is
 * waited for, a line or an answer, everything else goes on. What the server says unasked is shown,
 * what it asks is asked (dialog.h), its lists are kept up to date for completion.
 *
 * A person's Ctrl-C cancels what is waited for, or clears the line; for a script SIGINT is the end.
 */
#ifndef WSMCP_TALK_H
#define WSMCP_TALK_H

#include <stdbool.h>

#include "catalog.h"
#include "console.h"
#include "options.h"
#include "wsmcp.h"

struct talk;

/*
 * Prepares to talk to ${target}, with a person if stdin and stdout are terminals; takes the
 * process's signals and, then, the log (log.h). ${o} must outlive it. Sets ${*out}, on failure NULL
 * with ${error} (TALK_ERROR_SIZE bytes) filled.
 */
#define TALK_ERROR_SIZE 2048
enum wsmcp_status talk_open(
    struct talk **out, const struct options *o, const char *target, char *error);

/* Cancels what is in flight, disconnects, gives the terminal back, frees. NULL is fine. */
void talk_close(struct talk *t);

/*
 * What ends it all: 128 plus its number after a signal, WSMCP_CONNECTION_ERROR if there will be no
 * connection again, WSMCP_OK if nobody reads what is written; -1 = nothing so far. Then nothing
 * waits any more.
 */
int talk_ending(const struct talk *t);

struct console *talk_console(struct talk *t);
struct wsmcp *talk_client(struct talk *t);
struct catalog *talk_catalog(struct talk *t);

enum talk_input {
	TALK_LINE,
	TALK_TOO_LONG, /* one over --max-message was skipped */
	TALK_END       /* of the input, or of everything */
};

/* The next line, to be freed, without its newline. A person is asked for it by ${prompt}. */
enum talk_input talk_read(struct talk *t, const char *prompt, char **line);

/*
 * An answer: ${result} is there if the status is WSMCP_OK, or WSMCP_TOOL_ERROR of a tool; ${error}
 * if it is not WSMCP_OK.
 */
struct talk_answer {
	enum wsmcp_status status;
	char *result;       /* JSON; NULL = none */
	char *error;        /* a sentence; NULL = none */
	char *error_object; /* the server's, JSON; NULL = none */
};

void talk_answer_free(struct talk_answer *a);

/* As the functions of these names in wsmcp.h. */
void talk_connect(struct talk *t, struct talk_answer *a);
void talk_list(struct talk *t, const char *method, const char *member, struct talk_answer *a);
void talk_call_tool(struct talk *t, const char *tool, const char *arguments, struct talk_answer *a);
void talk_request(struct talk *t, const char *method, const char *params, struct talk_answer *a);

/* Whether every message is shown. */
void talk_trace(struct talk *t, bool on);

/*
 * The URIs that updates are wanted of, for completion; NULL behind the last. They must outlive the
 * talk.
 */
void talk_set_subscriptions(struct talk *t, const char *const *uris);

#endif
