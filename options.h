/*
 * The command line as data: one table of options, from which it is parsed and --help is
 * printed. Pure: nothing is opened, expanded or looked up here.
 */
#ifndef WSMCP_OPTIONS_H
#define WSMCP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "wsmcp.h"

/* Which commands take an option; a bit each. */
enum options_command {
	OPTIONS_BRIDGE = 1 << 0,
	OPTIONS_SERVERS = 1 << 1,
	OPTIONS_ENTRY = 1 << 2,
	OPTIONS_TOOLS = 1 << 3,
	OPTIONS_CALL = 1 << 4,
	OPTIONS_REQUEST = 1 << 5,
	OPTIONS_CHECK = 1 << 6,
	OPTIONS_REPL = 1 << 7,
};

/* An option as it was given: its long name, and its value or NULL. */
struct options_given {
	const char *name, *value;
};

/*
 * Times are milliseconds, sizes bytes. Strings point into argv (defaults are static) and
 * live as long as it does; NULL = not given.
 */
struct options {
	struct wsmcp_options
	    server;     /* how to connect; wsmcp.h tells the values that mean "not given" */
	int64_t linger; /* 60 000; 0 = do not wait */
	const char *log_file;
	int verbose; /* how often -v was given */
	bool quiet;
	bool json;
	const char *host; /* of entry */
	const char *args; /* of call, as are the next three: JSON, "@FILE" or "-" */
	bool raw, text;
	const char *save; /* a directory */
	bool help, version;
	const char *program;   /* argv[0] */
	const char **operands; /* what is no option, in order; point into argv */
	size_t operand_count;
	struct options_given *given; /* in order */
	size_t given_count;
};

#define OPTIONS_ERROR_SIZE 256

/*
 * Reads ${argv}[1..${argc}-1] for ${command}. Options may stand anywhere; "--name value" and
 * "--name=value", "-x value" and "-xvalue", flags of one letter together ("-vk"); "--" ends
 * options; "-" is an operand. Long names must be whole. Of options that exclude each other
 * or do not repeat the last one counts. Seconds may have decimals and end at ten years;
 * sizes may end in K, M or G (1024, its square and its cube).
 * Returns 0, or -1 with ${error} (OPTIONS_ERROR_SIZE bytes) filled: one clause naming the
 * option, and the nearest known name for one that is not known. Values are never quoted in
 * it, since they may be secret. ${o} must be freed either way.
 */
int options_parse(
    struct options *o, enum options_command command, int argc, char **argv, char *error);

/* Frees what options_parse allocated (not what points into argv). */
void options_free(struct options *o);

/* The options of ${command} with their defaults, as aligned lines for --help. */
void options_print_help(FILE *out, enum options_command command);

/* A row of the table, for those who write about it. An option whose meaning depends on the command has several. */
struct options_row {
	const char *name;
	char letter;          /* '\0' = none */
	const char *argument; /* what its value is called, NULL = takes none */
	bool is_choice;       /* the argument is the words that it takes, "a|b" */
	unsigned commands;    /* which take it */
	const char *preset;   /* its default, NULL = none */
	const char *help;
};

/* The ${index}th row; false if there is none. */
bool options_row_at(struct options_row *row, size_t index);

#endif
