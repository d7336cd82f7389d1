#include "words.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct splitter {
	const char *line;
	size_t len, at;
	char *out; /* where the next character of the word goes */
};

/* Between quotes: up to and including the closing one. Returns the quote if there is none. */
static char take_quoted(struct splitter *s, char quote)
{
	for (s->at++; s->at < s->len; s->at++) {
		char c = s->line[s->at];

		if (c == quote) {
			s->at++;
			return 0;
		}
		if (c == '\\' && quote == '"' && s->at + 1 < s->len &&
		    (s->line[s->at + 1] == '"' || s->line[s->at + 1] == '\\'))
			c = s->line[++s->at];
		*s->out++ = c;
	}
	return quote;
}

/* One word, unquoted, with its NUL. Returns what it left open. */
static char take_word(struct splitter *s)
{
	char open = 0;

	while (s->at < s->len && !is_blank(s->line[s->at]) && open == 0) {
		char c = s->line[s->at];

		if (c == '\'' || c == '"') {
			open = take_quoted(s, c);
		} else if (c == '\\' && s->at + 1 == s->len) {
			s->at++;
			open = c;
		} else {
			s->at += c == '\\';
			*s->out++ = s->line[s->at++];
		}
	}
	*s->out++ = '\0';
	return open;
}

static void skip_blanks(struct splitter *s)
{
	while (s->at < s->len && is_blank(s->line[s->at]))
		s->at++;
}

static void add_word(struct words *w, struct splitter *s)
{
	w->items[w->count] = s->out;
	w->at[w->count++] = s->at;
	w->open = take_word(s);
}

int words_split(struct words *w, const char *line, size_t len, bool partial)
{
	struct splitter s = {.line = line, .len = len};
	const size_t most = len / 2 + 2; /* words, with an empty one at the end */
	size_t end = 0;

	*w = (struct words){0};
	w->items = calloc(most + 1, sizeof *w->items);
	w->at = calloc(most, sizeof *w->at);
	w->text = malloc(len + most);
	if (w->items == NULL || w->at == NULL || w->text == NULL)
		return -1;
	s.out = w->text;
	for (skip_blanks(&s); s.at < len; skip_blanks(&s)) {
		add_word(w, &s);
		end = s.at;
	}
	if (partial && (w->count == 0 || end < len))
		add_word(w, &s);
	return 0;
}

void words_free(struct words *w)
{
	free(w->items);
	free(w->at);
	free(w->text);
	*w = (struct words){0};
}

/* Whether ${c} stands for itself outside of quotes, also in the middle of a word. */
static bool is_plain(char c)
{
	return c != '\0' && strchr(" \t'\"\\", c) == NULL;
}

char *words_quote(const char *text, bool closed)
{
	const size_t len = strlen(text);
	char *out = malloc(2 * len + 3), *at = out;
	size_t plain = 0;

	if (out == NULL)
		return NULL;
	while (is_plain(text[plain]))
		plain++;
	if (plain == len && len > 0) {
		memcpy(out, text, len + 1);
		return out;
	}
	*at++ = '"';
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			*at++ = '\\';
		*at++ = text[i];
	}
	if (closed)
		*at++ = '"';
	*at = '\0';
	return out;
}
