/*
 * The parts of a host's entry for wsmcp: arguments, environment, and what the host is to ask its
 * user for. Made from the command line and a configured server as they stand, without secrets:
 * each is a variable of the environment, with a placeholder for its value. Relative paths become
 * absolute. Reads header files for the names in them, and the working directory.
 */
#ifndef WSMCP_DRAFT_H
#define WSMCP_DRAFT_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "compat.h"
#include "config.h"
#include "options.h"
#include "wsmcp.h"

#define DRAFT_NAME_SIZE  64
#define DRAFT_ERROR_SIZE CONFIG_ERROR_SIZE

/* What a host does with an entry. */
struct draft_host {
	const char *name;
	bool splits;  /* arguments at spaces */
	bool limits;  /* a line to 10 MB, and ends the connection at a longer one */
	bool asks;    /* its user for values, by "inputs" */
	bool expands; /* variables in arguments, from its own environment */
};

/* All that work on one return whether it went well; the first failure stays. */
struct draft {
	const struct draft_host *host;
	const struct options *options;
	const struct server *server; /* that is spelled out; NULL = none */
	char name[DRAFT_NAME_SIZE];  /* of the entry */
	cJSON *args;                 /* array of strings */
	cJSON *env;                  /* object of strings */
	cJSON *inputs;               /* array of VS Code's inputs, if the host asks */
	bool has_exposed;            /* a placeholder stands in an argument */
	bool left_alone; /* a variable in an argument is kept from the host's expansion */
	enum wsmcp_status status;
	char *error; /* DRAFT_ERROR_SIZE bytes */
};

/* Sets status and error. Returns false. */
bool draft_refuse(struct draft *d, enum wsmcp_status status, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Adds an argument; ${what} names it in an error. */
bool draft_argument(struct draft *d, const char *what, const char *text);

/* Adds an option with ${before} and an absolute path as its value. */
bool draft_path_option(struct draft *d, const char *name, const char *before, const char *path);

/* Adds what d->server says but for its URL, then the options given, then the headers of both. */
bool draft_options(struct draft *d);

/* Adds the URL, a variable in its place if something in it is secret or up to the environment. */
bool draft_url(struct draft *d, const char *text);

/* Whether ${text} is UTF-8 without anything that could steer a terminal. */
bool draft_is_printable(const char *text);

#endif
