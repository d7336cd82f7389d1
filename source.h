/*
 * Text that the user gives on the command line, in a file or on stdin. Bounded.
 */
#ifndef WSMCP_SOURCE_H
#define WSMCP_SOURCE_H

#include <stddef.h>

#define SOURCE_ERROR_SIZE 2048

/*
 * Reads the file ${path} ("-" = stdin) to its end. Gives its bytes in memory of their own, with a
 * NUL behind ${*len} of them. NULL with ${error} (SOURCE_ERROR_SIZE bytes) filled, a sentence
 * safe for a terminal, if it cannot be read or has more than ${max} bytes.
 */
char *source_file(const char *path, size_t max, size_t *len, char *error);

/* The same for ${given}: "@FILE", "-", or else the text itself. */
char *source_text(const char *given, size_t max, size_t *len, char *error);

#endif
