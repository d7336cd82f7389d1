/*
 * What the program says to people: lines on stderr or in a file.
 *
 * A line has at most LOG_LINE_MAX bytes (longer ones are cut, with "..."), starts
 * with "wsmcp: " and is written whole or not at all: when stderr does not take
 * it at once it is dropped and counted, because a host that does not drain
 * stderr must not stop us. The count is told with the next line that gets
 * through. Control bytes (C0, C1, DEL), invalid UTF-8 and bidirectional
 * controls are shown escaped, so text of a peer cannot steer a terminal.
 * errno is left as it was.
 *
 * The log knows no secrets; keeping them out of its arguments is the caller's
 * duty (see url_display and headers.h).
 */
#ifndef WSMCP_LOG_H
#define WSMCP_LOG_H

#include <stddef.h>

#include "compat.h"

#define LOG_LINE_MAX 4096

enum log_level {
	LOG_ERROR,   /* the program cannot do what it was asked to; also with --quiet */
	LOG_WARNING, /* something was lost, refused or changed; also without --verbose */
	LOG_NOTICE,  /* what somebody asked to see; not with --quiet */
	LOG_INFO,    /* state changes, with --verbose */
	LOG_DEBUG    /* details, with --verbose --verbose */
};

/* What is said from now on: everything up to ${level}. Nothing is until this was called. */
void log_set_level(enum log_level level);

/*
 * Gives lines to ${sink} instead of stderr from now on; NULL = to stderr again. ${text} is what the line says, escaped,
 * without "wsmcp: " and newline. The sink must not log.
 */
typedef void log_sink(void *context, enum log_level level, const char *text);
void log_set_sink(log_sink *sink, void *context);

/*
 * Sends lines to the file ${path} too, with a UTC time in front; created 0600
 * if it does not exist, appended to otherwise. The file gets every line that
 * stderr or the sink gets. Returns 0, or -1 with errno set.
 */
int log_open(const char *path);

/*
 * Closes the log file, if one was opened, and offers stderr the rest of a line
 * that it took in part (a socket or terminal may).
 */
void log_close(void);

void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...)   log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)

/* Lines that stderr did not take, since the start. */
unsigned long log_dropped(void);

/*
 * Copies ${len} bytes of foreign text to ${out} (${size} bytes, always
 * NUL-terminated), with everything that could steer a terminal escaped as
 * "\x1b" or "\u202e"; cut at size with "...". Returns out.
 */
char *log_escape(char *out, size_t size, const char *text, size_t len);

#endif
