#include "save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ascii.h"
#include "base64.h"
#include "log.h"
#include "output.h"

#define NUMBER_MAX 999999u
#define FILE_SIZE  (SAVE_NAME_MAX + sizeof "-999999.12345678")

/* Types that have an ending of their own; those of nothing else are worth guessing. */
static const struct {
	const char *mime, *ending;
} endings[] = {
    {"image/png", "png"},
    {"image/jpeg", "jpg"},
    {"image/jpg", "jpg"},
    {"image/gif", "gif"},
    {"image/webp", "webp"},
    {"image/svg+xml", "svg"},
    {"image/bmp", "bmp"},
    {"image/tiff", "tif"},
    {"image/avif", "avif"},
    {"image/heic", "heic"},
    {"image/x-icon", "ico"},
    {"audio/mpeg", "mp3"},
    {"audio/mp3", "mp3"},
    {"audio/wav", "wav"},
    {"audio/x-wav", "wav"},
    {"audio/ogg", "ogg"},
    {"audio/opus", "opus"},
    {"audio/flac", "flac"},
    {"audio/aac", "aac"},
    {"audio/mp4", "m4a"},
    {"audio/webm", "weba"},
    {"video/mp4", "mp4"},
    {"video/webm", "webm"},
    {"application/pdf", "pdf"},
    {"application/json", "json"},
    {"application/zip", "zip"},
    {"application/gzip", "gz"},
    {"application/x-gzip", "gz"},
    {"application/xml", "xml"},
    {"text/plain", "txt"},
    {"text/html", "html"},
    {"text/csv", "csv"},
    {"text/markdown", "md"},
};

/* Whether ${text} is the type ${mime}, whatever parameters stand behind it. */
static bool is_type(const char *text, const char *mime)
{
	while (*mime != '\0' && ascii_lower(*text) == *mime) {
		text++;
		mime++;
	}
	return *mime == '\0' && (*text == '\0' || *text == ';' || *text == ' ');
}

static const char *ending_of(struct value mime)
{
	char *text = value_string(mime, NULL);
	const char *ending = "bin";

	for (size_t i = 0; text != NULL && i < sizeof endings / sizeof *endings; i++)
		if (is_type(text, endings[i].mime))
			ending = endings[i].ending;
	free(text);
	return ending;
}

static int fail(char *error, const char *what, const char *path, const char *why)
{
	char shown[512];

	log_escape(shown, sizeof shown, path, strlen(path));
	(void)snprintf(error, SAVE_ERROR_SIZE, "cannot %s %s: %s", what, shown, why);
	return -1;
}

static bool is_safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

/*
 * Letters, digits, "_", "-" and "." stay, all else becomes "_"; a name that hides or looks like
 * an option becomes none.
 */
static void make_name(char *out, const char *tool)
{
	size_t len = strlen(tool) < SAVE_NAME_MAX ? strlen(tool) : SAVE_NAME_MAX;

	for (size_t i = 0; i < len; i++)
		out[i] = (char)(is_safe(tool[i]) ? tool[i] : '_');
	out[len] = '\0';
	if (out[0] == '.' || out[0] == '-')
		out[0] = '_';
	if (len == 0)
		memcpy(out, "_", sizeof "_");
}

int save_open(struct save *s, const char *directory, const char *tool, char *error)
{
	s->directory = directory;
	s->number = 0;
	make_name(s->name, tool);
	s->fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->fd >= 0 ? 0 : fail(error, "save to", directory, strerror(errno));
}

void save_close(struct save *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
}

/* Creates the file with the next free number. Returns its descriptor, or -1 with errno set. */
static int create(struct save *s, char *file, const char *ending)
{
	int fd;

	do {
		if (s->number == NUMBER_MAX) {
			errno = EEXIST;
			return -1;
		}
		(void)snprintf(file, FILE_SIZE, "%s-%u.%s", s->name, ++s->number, ending);
		fd =
		    openat(s->fd, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	} while (fd < 0 && errno == EEXIST);
	return fd;
}

/* Returns 0, or an errno. A file that was not written whole goes away again. */
static int write_file(struct save *s, char *file, const char *ending, const void *bytes, size_t len)
{
	struct output out;
	int fd = create(s, file, ending), error = 0;

	if (fd < 0)
		return errno;
	output_to_fd(&out, fd);
	output_put(&out, bytes, len);
	if (output_end(&out) != 0)
		error = errno;
	/* Some file systems tell only now that there is no room. */
	if (close(fd) != 0 && error == 0)
		error = errno;
	if (error != 0)
		(void)unlinkat(s->fd, file, 0);
	return error;
}

/* "DIRECTORY/FILE" */
static char *join(const char *directory, const char *file)
{
	size_t len = strlen(directory);
	const char *slash = len > 0 && directory[len - 1] == '/' ? "" : "/";
	char *path = malloc(len + 1 + strlen(file) + 1);

	if (path != NULL)
		(void)snprintf(path, len + 1 + strlen(file) + 1, "%s%s%s", directory, slash, file);
	return path;
}

static enum save_result save_bytes(
    struct save *s, const char *ending, const void *bytes, size_t len, char **path, char *error)
{
	char file[FILE_SIZE];
	int rc = write_file(s, file, ending, bytes, len);

	*path = rc == 0 ? join(s->directory, file) : NULL;
	if (*path != NULL)
		return SAVE_OK;
	(void)fail(error, "save to", s->directory, strerror(rc != 0 ? rc : ENOMEM));
	return SAVE_FAILED;
}

enum save_result save_item(
    struct save *s, const struct content_item *item, char **path, char *error)
{
	size_t len = 0;
	char *text = value_string(item->base64, &len);
	enum save_result result = SAVE_NOT_BASE64;

	*path = NULL;
	if (text == NULL) {
		(void)fail(error, "save to", s->directory, strerror(ENOMEM));
		return SAVE_FAILED;
	}
	/* In place: what is decoded is shorter. */
	if (base64_decode((unsigned char *)text, &len, text, len))
		result = save_bytes(s, ending_of(item->mime), text, len, path, error);
	else
		(void)snprintf(error, SAVE_ERROR_SIZE, "the %s is not valid base64",
		    content_kind_name(item->kind));
	free(text);
	return result;
}
