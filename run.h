/*
 * One run of a command that asks a server: what it works with, how it prints JSON, and how it tells
 * failures.
 */
#ifndef WSMCP_RUN_H
#define WSMCP_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "object.h"
#include "oneshot.h"
#include "options.h"
#include "output.h"
#include "value.h"

#define RUN_ERROR_SIZE 2048

/* Nothing larger is made of messages than a few times what their limits let in. */
#define RUN_MAX ((size_t)PTRDIFF_MAX)

struct run {
	const struct options *o;
	char *error;   /* RUN_ERROR_SIZE bytes: what is still to be said, "" = nothing */
	bool object;   /* failures are told on stdout */
	bool terminal; /* stdout is one: what is printed must be safe */
	bool screen;   /* stdout is a terminal, and people read it */
	struct oneshot *server;
	char *tools, *result; /* JSON; both are freed in the end */
	struct output out;    /* stdout */
};

void run_begin(struct run *r, const struct options *o, bool object, char *error);

/*
 * Ends the output, then the connection. Returns the exit status: ${status}, unless a signal ended
 * it or what was printed could not be written.
 */
int run_end(struct run *r, int status);

/* Prints a value and a newline: as it is, or for people. */
void run_print(struct run *r, struct value v);

/*
 * A value that is written piece by piece to ${out}: to where it is to go, or for people in a buffer
 * first, since only the whole can be made pretty.
 */
struct run_line {
	struct run *run;
	struct buf text;
	struct output made;
	struct output *out;
};

void run_line_begin(struct run_line *l, struct run *r);
void run_line_end(struct run_line *l);

/* What every failure has: ${text}, a raw JSON string, or nothing for what r->error says. */
void run_put_failure(struct object *o, const struct run *r, struct value text, int status);

/*
 * Tells a failure on stdout if that is where failures go; then nothing is left to be said.
 * ${text} as above, ${code} is raw JSON or nothing. Returns ${status}.
 */
int run_fail(struct run *r, int status, struct value text, struct value code);

/* The same for the last error of the client, and what became of ${status}. */
int run_fail_of_client(struct run *r, enum wsmcp_status status);

#endif
