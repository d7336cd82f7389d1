#include "recall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_LIMIT ((size_t)RECALL_LINES * (RECALL_LINE_MAX + 1))

/* --- where it is --------------------------------------------------------------------------- */

/* Creates the directories that ${path} names in front of its last "/". */
static int make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		int result;

		*slash = '\0';
		result = mkdir(path, 0700);
		*slash = '/';
		if (result != 0 && errno != EEXIST)
			return -1;
	}
	return 0;
}

char *recall_path(const char *state_home, const char *home)
{
	const bool direct = state_home != NULL && *state_home == '/';
	const char *base = direct ? state_home : home;
	const char *rest = direct ? "/wsmcp/history" : "/.local/state/wsmcp/history";
	size_t size;
	char *path;

	if (base == NULL || *base != '/') {
		errno = ENOENT;
		return NULL;
	}
	size = strlen(base) + strlen(rest) + 1;
	path = malloc(size);
	if (path == NULL)
		return NULL;
	(void)snprintf(path, size, "%s%s", base, rest);
	if (make_directories(path) != 0) {
		free(path);
		return NULL;
	}
	return path;
}

/* --- reading and writing ------------------------------------------------------------------- */

static int close_with(int fd, int error)
{
	(void)close(fd);
	errno = error;
	return -1;
}

/* A descriptor of the file, if it is one of ours. */
static int open_file(const char *path, int flags)
{
	/* Non-blocking for the sake of a FIFO; a regular file does not mind. */
	int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0)
		return close_with(fd, errno);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return close_with(fd, EPERM);
	if ((st.st_mode & 077) != 0 && fchmod(fd, 0600) != 0)
		return close_with(fd, errno);
	return fd;
}

/*
 * Whoever has the lock is done with it in a moment, but one that was stopped meanwhile must not
 * stop us. A file system without locks does without.
 */
static int lock(int fd)
{
	static const struct timespec pause = {.tv_nsec = 5000000};
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	for (int tries = 0; tries < 20; tries++) {
		if (fcntl(fd, F_SETLK, &all) == 0 || (errno != EAGAIN && errno != EACCES))
			return 0;
		(void)nanosleep(&pause, NULL);
	}
	errno = EAGAIN;
	return -1;
}

/* The end of the file, FILE_LIMIT bytes at most, as whole lines and a NUL. NULL with errno set. */
static char *read_lines(int fd, size_t *len)
{
	struct stat st;
	size_t size, at = 0;
	char *text, *newline;

	if (fstat(fd, &st) != 0)
		return NULL;
	size = (size_t)st.st_size > FILE_LIMIT ? FILE_LIMIT : (size_t)st.st_size;
	text = malloc(size + 2);
	if (text == NULL)
		return NULL;
	while (at < size) {
		ssize_t n = pread(fd, text + at, size - at, st.st_size - (off_t)(size - at));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	if (size < (size_t)st.st_size && (newline = memchr(text, '\n', at)) != NULL) {
		at -= (size_t)(newline + 1 - text);
		memmove(text, newline + 1, at);
	}
	if (at > 0 && text[at - 1] != '\n')
		text[at++] = '\n';
	text[at] = '\0';
	*len = at;
	return text;
}

/* The start of the last ${count} lines of ${text}. */
static char *last_lines(char *text, size_t len, size_t count)
{
	char *at = text + len;

	while (at > text) {
		char *line = at - 1; /* the newline of the line in front */

		while (line > text && line[-1] != '\n')
			line--;
		if (count-- == 0)
			return at;
		at = line;
	}
	return at;
}

static int write_at(int fd, const char *text, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, text, len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* --- lines --------------------------------------------------------------------------------- */

bool recall_keeps(const char *line)
{
	if (*line == ' ' || *line == '\t' || *line == '\0' || strlen(line) > RECALL_LINE_MAX)
		return false;
	for (; *line != '\0'; line++)
		if ((unsigned char)*line < ' ' || *line == 0x7f)
			return false;
	return true;
}

int recall_load(const char *path, void (*each)(void *context, const char *line), void *context)
{
	int fd = open_file(path, O_RDONLY);
	char *text, *line, *end;
	size_t len;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	text = read_lines(fd, &len);
	if (text == NULL)
		return close_with(fd, errno);
	(void)close(fd);
	for (line = last_lines(text, len, RECALL_LINES); line < text + len; line = end + 1) {
		end = line + strcspn(line, "\n");
		*end = '\0';
		if (recall_keeps(line))
			each(context, line);
	}
	free(text);
	return 0;
}

/*
 * Adds ${line} (with its newline) behind ${text}, what the file holds; of that as many lines go as
 * must.
 */
static int add(int fd, char *text, size_t len, const char *line, size_t line_len)
{
	char *kept = last_lines(text, len, RECALL_LINES - 1);
	const size_t kept_len = (size_t)(text + len - kept);
	const char *last = last_lines(text, len, 1);
	struct stat st;

	if ((size_t)(text + len - last) == line_len && memcmp(last, line, line_len) == 0)
		return 0;
	if (fstat(fd, &st) != 0)
		return -1;
	if ((size_t)st.st_size == kept_len)
		return write_at(fd, line, line_len, st.st_size);
	/*
	 * Moved to the front and cut behind that, in this order: who is killed in between leaves
	 * some lines twice, but loses none.
	 */
	if (write_at(fd, kept, kept_len, 0) != 0 ||
	    write_at(fd, line, line_len, (off_t)kept_len) != 0)
		return -1;
	return ftruncate(fd, (off_t)(kept_len + line_len));
}

int recall_add(const char *path, const char *line)
{
	char entry[RECALL_LINE_MAX + 2], *text = NULL;
	size_t len;
	int fd, result = -1, error;

	if (!recall_keeps(line))
		return 0;
	fd = open_file(path, O_RDWR | O_CREAT);
	if (fd < 0)
		return -1;
	(void)snprintf(entry, sizeof entry, "%s\n", line);
	if (lock(fd) == 0 && (text = read_lines(fd, &len)) != NULL)
		result = add(fd, text, len, entry, strlen(entry));
	error = errno;
	free(text);
	(void)close(fd);
	errno = error;
	return result;
}
