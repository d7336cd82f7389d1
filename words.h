/*
 * A command line as words, split as a shell splits them. Pure.
 *
 * Blanks separate words. A backslash takes the character behind it as it is; between single quotes
 * everything stands for itself; between double quotes a backslash takes only " and \. Nothing is
 * expanded.
 */
#ifndef WSMCP_WORDS_H
#define WSMCP_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct words {
	char **items; /* unquoted; NULL behind the last */
	size_t *at;   /* where each begins in the line */
	size_t count;
	char *text; /* where the items are */
	char open;  /* what was not closed: ' or ", a \ with nothing behind it; 0 = nothing */
};

/*
 * Splits the first ${len} bytes of ${line}. With ${partial} the last word is the one being typed:
 * an empty one if there is a blank, or nothing, in front. Returns 0, or -1 if memory is out. An
 * open quote is no failure: the word that it began is the last one. ${w} must be freed either way.
 */
int words_split(struct words *w, const char *line, size_t len, bool partial);
void words_free(struct words *w);

/*
 * ${text} so that words_split reads it as one word: as it is where that does, else quoted. Without
 * ${closed} more of the same word may follow it. NULL if memory is out; the caller frees it.
 */
char *words_quote(const char *text, bool closed);

#endif
