#include "template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define DEPTH_MAX    16            /* as when it is expanded */
#define SHOWN_MAX    (4 * URL_MAX) /* percent-encoding and stand-ins make a URL longer */
#define STAND_IN_MAX 12            /* bytes */

/* A URL in which something plain stands for each variable, so that it can be taken apart. */
struct stand_in {
	const char *text; /* of the variable, "${" first */
	char plain[STAND_IN_MAX];
};

struct plain {
	struct buf text;
	struct stand_in *list;
	size_t count;
	const char *scheme; /* put in front of a URL that begins with a variable, "" = nothing */
};

bool template_has_variable(const char *text)
{
	return strstr(text, "${") != NULL;
}

static bool is_word(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

static size_t name_length(const char *s)
{
	size_t n = 0;

	while (is_word(s[n]) && s[n] != '-' && s[n] != '.' && (n > 0 || s[n] < '0' || s[n] > '9'))
		n++;
	return n;
}

size_t template_variable(const char *text, size_t *name)
{
	size_t at, depth = 1;

	*name = strncmp(text, "${", 2) == 0 ? name_length(text + 2) : 0;
	if (*name == 0)
		return 0;
	at = 2 + *name;
	if (text[at] == '}')
		return at + 1;
	if (strncmp(text + at, ":-", 2) != 0)
		return 0;
	for (at += 2; text[at] != '\0'; at++) {
		if (strncmp(text + at, "${", 2) == 0 && ++depth > DEPTH_MAX)
			return 0;
		if (text[at] == '}' && --depth == 0)
			return at + 1;
	}
	return 0;
}

/* Whether what stands between ${before} and ${after} can only be a port. */
static bool is_port(const char *text, const char *before, const char *after)
{
	return before > text && before[-1] == ':' && strchr("/?#", *after) != NULL &&
	       (before - text < 2 || before[-2] != '/') && strncmp(after, "//", 2) != 0;
}

/*
 * Something that the URL has nowhere else, so that it is found again. A port is never part of
 * another one.
 */
static void invent(struct stand_in *s, const char *url, bool port, size_t number)
{
	do {
		if (port)
			(void)snprintf(
			    s->plain, sizeof s->plain, "%u", 59000 + (unsigned)(number % 1000));
		else
			(void)snprintf(
			    s->plain, sizeof s->plain, "q0%05uq", (unsigned)(number % 59000));
		number++;
	} while (strstr(url, s->plain) != NULL);
}

static bool put(struct plain *p, const char *text, size_t len)
{
	return buf_append(&p->text, text, len) == BUF_OK;
}

/* Puts the variable that ${at} begins with, a stand-in for it. Returns its length, 0 on failure. */
static size_t put_variable(struct plain *p, const char *text, const char *at)
{
	struct stand_in *s = realloc(p->list, (p->count + 1) * sizeof *s);
	size_t len, name;

	if (s == NULL)
		return 0;
	p->list = s;
	s += p->count++;
	s->text = at;
	len = template_variable(at, &name);
	if (len == 0)
		return 0;
	invent(s, text, is_port(text, at, at + len), 4 * p->count);
	return put(p, s->plain, strlen(s->plain)) ? len : 0;
}

static void plain_free(struct plain *p)
{
	buf_free(&p->text);
	free(p->list);
}

/* Whether ${text} could be made plain; to be freed either way. */
static bool make_plain(struct plain *p, const char *text)
{
	size_t name, len = template_variable(text, &name);
	const char *at = text, *next;

	*p = (struct plain){.scheme = ""};
	buf_init(&p->text, SHOWN_MAX);
	if (strlen(text) > URL_MAX)
		return false;
	if (len > 0) /* "${URL}/mcp", "${SCHEME}://..." */
		p->scheme = strncmp(text + len, "://", 3) == 0 ? "ws" : "ws://";
	if (!put(p, p->scheme, strlen(p->scheme)))
		return false;
	if (strcmp(p->scheme, "ws") == 0)
		at += len;
	for (; (next = strstr(at, "${")) != NULL; at = next + len) {
		if (!put(p, at, (size_t)(next - at)) || (len = put_variable(p, text, next)) == 0)
			return false;
	}
	return put(p, at, strlen(at) + 1);
}

const char *template_parse(struct url *out, const char *text)
{
	struct plain p;
	const char *fault = "a variable in the URL has no name or is not closed";

	if (make_plain(&p, text))
		fault = url_parse(out, (const char *)p.text.data);
	else if (strlen(text) > URL_MAX)
		fault = "the URL is too long";
	plain_free(&p);
	return fault;
}

/* Appends ${text} to ${out}, cut with "..." if it has no room. Returns whether it had. */
static bool append(char *out, size_t size, const char *text, size_t len)
{
	size_t at = strlen(out), room = size - at - 1, kept = len <= room ? len : room;

	memcpy(out + at, text, kept);
	out[at + kept] = '\0';
	if (kept < len && size > 3)
		memcpy(out + size - 4, "...", sizeof "...");
	return kept == len;
}

/*
 * How much of a variable is shown: a default that is a plain word with it. ${*whole} tells whether
 * that is all of it.
 */
static size_t shown_length(const char *text, bool *whole)
{
	size_t name, len = template_variable(text, &name), at = 2 + name;

	*whole = true;
	if (text[at] == '}')
		return len;
	for (at += 2; text[at] != '}'; at++)
		if (!is_word(text[at]))
			break;
	*whole = text[at] == '}';
	return *whole ? len : 2 + name;
}

static bool append_variable(char *out, size_t size, const char *text)
{
	bool whole;
	size_t len = shown_length(text, &whole);

	return append(out, size, text, len) && (whole || append(out, size, ":-...}", 6));
}

/* Appends ${shown}, with the variables back where their stand-ins are. */
static void restore(char *out, size_t size, const struct plain *p, const char *shown)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct stand_in *s = &p->list[i];
		const char *found = strstr(shown, s->plain);

		/* One that is not shown was in the userinfo or the query. */
		if (found == NULL)
			continue;
		if (!append(out, size, shown, (size_t)(found - shown)) ||
		    !append_variable(out, size, s->text))
			return;
		shown = found + strlen(s->plain);
	}
	(void)append(out, size, shown, strlen(shown));
}

char *template_display(char *out, size_t size, const char *text)
{
	static const char none[] = "(not a URL)";
	char shown[SHOWN_MAX];
	struct plain p;

	if (size == 0)
		return out;
	out[0] = '\0';
	if (make_plain(&p, text)) {
		url_display(shown, sizeof shown, (const char *)p.text.data);
		size_t skip = strlen(p.scheme);

		if (strncmp(shown, p.scheme, skip) != 0)
			skip = 0; /* nothing could be shown of it */
		else if (skip == strlen("ws"))
			(void)append_variable(out, size, text);
		restore(out, size, &p, shown + skip);
	} else {
		(void)append(out, size, none, sizeof none - 1);
	}
	plain_free(&p);
	return out;
}
