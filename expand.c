#include "expand.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define NAME_MAX_LEN 200 /* bytes, so that an error can show it */
#define DEPTH_MAX    16

struct expansion {
	const char *text; /* all of it */
	const char *at;   /* what comes next */
	char *(*lookup)(const char *name);
	struct buf out;
	char *error;
};

static bool put(struct expansion *e, const char *bytes, size_t len)
{
	int result = buf_append(&e->out, bytes, len);

	if (result == BUF_FULL)
		(void)snprintf(e->error, EXPAND_ERROR_SIZE,
		    "the text is longer than %zu bytes with its variables expanded", e->out.max);
	else if (result != BUF_OK)
		(void)snprintf(e->error, EXPAND_ERROR_SIZE, "out of memory");
	return result == BUF_OK;
}

/* Errors give a place, not a piece of the text: what stands there may be secret. */
static bool fail_at(struct expansion *e, const char *at, const char *what)
{
	(void)snprintf(e->error, EXPAND_ERROR_SIZE, "the \"${\" at byte %zu %s",
	    (size_t)(at - e->text) + 1, what);
	return false;
}

static size_t name_length(const char *s)
{
	size_t n = 0;

	while (s[n] == '_' || (s[n] >= 'A' && s[n] <= 'Z') || (s[n] >= 'a' && s[n] <= 'z') ||
	       (n > 0 && s[n] >= '0' && s[n] <= '9'))
		n++;
	return n;
}

static bool expand_until(struct expansion *e, char end, unsigned depth, bool wanted);

/* Expands the "${" that stands at e->at; if not ${wanted} it is only read. */
static bool expand_variable(struct expansion *e, unsigned depth, bool wanted)
{
	const char *start = e->at, *value;
	char name[NAME_MAX_LEN + 1];
	size_t len = name_length(start + 2);
	bool has_default;

	if (depth > DEPTH_MAX)
		return fail_at(e, start, "is nested too deeply");
	if (strchr(start, '}') == NULL)
		return fail_at(e, start, "is not closed");
	e->at = start + 2 + len;
	has_default = strncmp(e->at, ":-", 2) == 0;
	if (len == 0 || len > NAME_MAX_LEN || (*e->at != '}' && !has_default))
		return fail_at(
		    e, start, "is not followed by a variable's name and \"}\" or \":-\"");
	memcpy(name, start + 2, len);
	name[len] = '\0';
	value = wanted ? e->lookup(name) : NULL;
	if (has_default) {
		bool use = value == NULL || *value == '\0';

		e->at += 2;
		if (!expand_until(e, '}', depth, wanted && use))
			return false;
		if (*e->at == '\0')
			return fail_at(e, start, "is not closed");
		e->at++;
		return use || put(e, value, strlen(value));
	}
	e->at++;
	if (!wanted)
		return true;
	if (value == NULL) {
		(void)snprintf(e->error, EXPAND_ERROR_SIZE, "the variable %s is not set", name);
		return false;
	}
	return put(e, value, strlen(value));
}

/* Expands up to ${end} ('}' or NUL), which is not taken, or the end of the text. */
static bool expand_until(struct expansion *e, char end, unsigned depth, bool wanted)
{
	while (*e->at != end && *e->at != '\0') {
		const char stops[] = {'$', end, '\0'};
		size_t n;

		if (strncmp(e->at, "${", 2) == 0) {
			if (!expand_variable(e, depth + 1, wanted))
				return false;
			continue;
		}
		n = 1 + strcspn(e->at + 1, stops);
		if (wanted && !put(e, e->at, n))
			return false;
		e->at += n;
	}
	return true;
}

char *expand(const char *text, char *(*lookup)(const char *name), size_t max, char *error)
{
	struct expansion e = {.text = text, .at = text, .lookup = lookup, .error = error};
	char *result = NULL;

	buf_init(&e.out, max);
	if (expand_until(&e, '\0', 0, true)) {
		result = malloc(e.out.len + 1);
		if (result == NULL)
			(void)snprintf(error, EXPAND_ERROR_SIZE, "out of memory");
	}
	if (result != NULL) {
		if (e.out.len > 0)
			memcpy(result, e.out.data, e.out.len);
		result[e.out.len] = '\0';
	}
	buf_free(&e.out);
	return result;
}
