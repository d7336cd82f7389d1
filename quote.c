#include "quote.h"

#include <string.h>

#define CUT     "..."
#define CUT_LEN (sizeof CUT - 1)

/* A single quote within single quotes: these end, it stands escaped, they begin again. */
#define ESCAPED "'\\''"

/* The length of the character at ${s}; a byte that begins none counts as one. */
static size_t char_length(const char *s)
{
	size_t n = 1;

	if ((*s & 0xC0) == 0xC0)
		while (n < 4 && (s[n] & 0xC0) == 0x80)
			n++;
	return n;
}

char *quote_name(char *out, const char *name)
{
	bool plain = strpbrk(name, "\"$`\\!") == NULL;
	const size_t end = QUOTE_NAME_SIZE - sizeof CUT - 1; /* what must fit behind the name */
	size_t at = 0, n;

	out[at++] = plain ? '"' : '\'';
	for (; *name != '\0'; name += n) {
		bool escaped = !plain && *name == '\'';
		size_t room = escaped ? sizeof ESCAPED - 1 : char_length(name);

		n = char_length(name);
		if (room > end - at) {
			memcpy(out + at, CUT, CUT_LEN);
			at += CUT_LEN;
			break;
		}
		memcpy(out + at, escaped ? ESCAPED : name, room);
		at += room;
	}
	out[at++] = plain ? '"' : '\'';
	out[at] = '\0';
	return out;
}

char *quote_path(char *out, const char *path)
{
	size_t len = strlen(path), cut = 0;

	if (len > QUOTE_PATH_SIZE - 1) {
		path += len - (QUOTE_PATH_SIZE - 1 - CUT_LEN);
		while ((*path & 0xC0) == 0x80)
			path++;
		len = strlen(path);
		cut = CUT_LEN;
		memcpy(out, CUT, CUT_LEN);
	}
	memcpy(out + cut, path, len + 1);
	return out;
}

static bool is_safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c & 0x80) != 0 || strchr("/._-+,:@", c) != NULL;
}

/* The first ${len} bytes of ${text} as a word. */
static bool quote_bytes(char *out, size_t size, const char *text, size_t len)
{
	size_t at = 0, safe = 0;

	while (safe < len && is_safe(text[safe]))
		safe++;
	if (safe == len && len > 0) {
		if (len >= size)
			return false;
		memcpy(out, text, len);
		out[len] = '\0';
		return true;
	}
	if (size < sizeof "''")
		return false;
	out[at++] = '\'';
	for (size_t i = 0; i < len; i++) {
		const char *piece = text[i] == '\'' ? ESCAPED : text + i;
		size_t n = text[i] == '\'' ? sizeof ESCAPED - 1 : 1;

		if (n > size - sizeof "'" - at)
			return false;
		memcpy(out + at, piece, n);
		at += n;
	}
	out[at++] = '\'';
	out[at] = '\0';
	return true;
}

bool quote_word(char *out, size_t size, const char *text)
{
	return quote_bytes(out, size, text, strlen(text));
}

bool quote_directory(char *out, size_t size, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return quote_bytes(out, size, ".", 1);
	return quote_bytes(out, size, path, slash > path ? (size_t)(slash - path) : 1);
}
