/*
 * Headers of the handshake request, from every source: parsed, expanded, checked.
 */
#ifndef WSMCP_HEADERS_H
#define WSMCP_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#define HEADERS_MAX      100             /* lines */
#define HEADERS_LINE_MAX ((size_t)65536) /* bytes of one expanded line */
#define HEADERS_FILE_MAX ((size_t)1 << 20)

struct header {
	char *name;
	char *value; /* may be "" */
};

/* The headers of one attempt in the order they are sent; a name stands once. All zero = none. */
struct headers {
	struct header *list;
	size_t count;
};

/* An error for a person: a clause that names the header, file or variable, never a value. */
#define HEADERS_ERROR_SIZE 512

/*
 * Adds "Name: value" or "Name:value" (white space around the value goes), or the
 * lines of a file for "@FILE" (lines end in LF or CRLF; empty ones and those that begin with
 * "#" are skipped). A later header replaces an earlier one of the same name in its place
 * (names compare without case). With ${expand}, ${VAR} and ${VAR:-default} in values are
 * expanded from the environment.
 * Refused: a name that is no RFC 9110 token; Sec-WebSocket-*, Upgrade, Connection, Content-Length,
 * Transfer-Encoding; CR, LF and NUL in a value.
 * Returns 0, or -1 with ${error} (HEADERS_ERROR_SIZE bytes) filled; what was there before stays.
 */
int headers_add(struct headers *h, const char *line, bool expand, char *error);

/* The same for a name and a value that are already apart and final. */
int headers_set(struct headers *h, const char *name, const char *value, char *error);

/* The same for a name and a value that are apart, with variables in the value expanded. */
int headers_set_expanded(struct headers *h, const char *name, const char *value, char *error);

/*
 * The same with ${prefix} and the value of the environment variable ${variable}, which must be set and not be empty.
 */
int headers_set_variable(
    struct headers *h, const char *name, const char *prefix, const char *variable, char *error);

/* The same for all headers of ${from}. */
int headers_merge(struct headers *h, const struct headers *from, char *error);

/* The value of a header, NULL if it is not there. Lives until the next change. */
const char *headers_get(const struct headers *h, const char *name);

void headers_free(struct headers *h);

#endif
