/*
 * Names and paths in sentences for people: bounded, and written so that a shell takes them. Pure.
 * What could steer a terminal is left to whoever prints the sentence (log_escape).
 */
#ifndef WSMCP_QUOTE_H
#define WSMCP_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

#define QUOTE_NAME_SIZE 112
#define QUOTE_PATH_SIZE 208

/*
 * ${name} into ${out} (QUOTE_NAME_SIZE bytes), cut with "..." between characters: in double quotes,
 * or in single ones if a shell would find something in double quotes. Returns out.
 */
char *quote_name(char *out, const char *name);

/* ${path} into ${out} (QUOTE_PATH_SIZE bytes) as it is; of a long one the end. Returns out. */
char *quote_path(char *out, const char *path);

/* ${text} as one word for a shell into ${out} (${size} bytes). False if it has no room, whole. */
bool quote_word(char *out, size_t size, const char *text);

/* The same for the directory that the file ${path} is in. */
bool quote_directory(char *out, size_t size, const char *path);

#endif
