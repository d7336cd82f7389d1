#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"

#define PIECE 65536 /* bytes */

static char *fail(char *error, const char *path, const char *why)
{
	char shown[256];

	log_escape(shown, sizeof shown, path, strlen(path));
	(void)snprintf(error, SOURCE_ERROR_SIZE, "cannot read %s: %s", shown, why);
	return NULL;
}

/* Returns 0, or an errno: EFBIG if there is more than the buffer may hold. */
static int read_all(int fd, struct buf *b)
{
	ssize_t n;

	for (;;) {
		size_t room = b->max - b->len < PIECE ? b->max - b->len : PIECE;
		char more;

		if (room > 0 && buf_reserve(b, room) != BUF_OK)
			return ENOMEM;
		/* When all room is taken, one more byte would be too many. */
		n = room > 0 ? read(fd, b->data + b->len, room) : read(fd, &more, 1);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0 && room == 0)
			return EFBIG;
		b->len += n > 0 ? (size_t)n : 0;
	}
}

/* Opens it for reading; a FIFO (as <(command) makes one) is waited for. */
static int open_file(const char *path)
{
	return strcmp(path, "-") == 0 ? dup(STDIN_FILENO)
	                              : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

char *source_file(const char *path, size_t max, size_t *len, char *error)
{
	struct buf b;
	int fd = open_file(path), rc;

	if (fd < 0)
		return fail(error, path, strerror(errno));
	buf_init(&b, max < SIZE_MAX ? max : max - 1);
	rc = read_all(fd, &b);
	(void)close(fd);
	*len = b.len;
	b.max++; /* for the NUL */
	if (rc == 0 && buf_append(&b, "", 1) != BUF_OK)
		rc = ENOMEM;
	if (rc == 0)
		return (char *)b.data;
	buf_free(&b);
	return fail(
	    error, path, rc == EFBIG ? "it is over the size limit (--max-message)" : strerror(rc));
}

char *source_text(const char *given, size_t max, size_t *len, char *error)
{
	char *text;

	if (given[0] == '@')
		return source_file(given + 1, max, len, error);
	if (strcmp(given, "-") == 0)
		return source_file(given, max, len, error);
	*len = strlen(given);
	text = malloc(*len + 1);
	if (text == NULL) {
		(void)snprintf(error, SOURCE_ERROR_SIZE, "out of memory");
		return NULL;
	}
	memcpy(text, given, *len + 1);
	return text;
}
