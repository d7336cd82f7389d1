/*
 * What a server asks a person ("elicitation/create"), as questions; and what the person types, as
 * the result. Pure: nothing is asked or shown here, and text of the server is as it came.
 *
 * A question is a property of "requestedSchema": a text, a number, an integer, yes or no, one of
 * several, or some of several. "pattern" is the server's own to check.
 */
#ifndef WSMCP_FORM_H
#define WSMCP_FORM_H

#include <stdbool.h>
#include <stddef.h>

#define FORM_QUESTIONS_MAX 100
#define FORM_CHOICES_MAX   1000
#define FORM_ERROR_SIZE    160
#define FORM_HINT_SIZE     256

enum form_kind {
	FORM_TEXT,
	FORM_NUMBER,
	FORM_INTEGER,
	FORM_YES_NO,
	FORM_ONE_OF, /* of the choices */
	FORM_SOME_OF
};

enum form_action { FORM_ACCEPT, FORM_DECLINE, FORM_CANCEL };

struct form_choice {
	const char *value;
	const char *title; /* NULL = none but the value */
};

struct form_question {
	const char *name;
	const char *title, *description; /* NULL = not given */
	enum form_kind kind;
	bool required;
	char *preset; /* what an empty answer stands for, as one would type it; NULL = nothing */
	struct form_choice *choices;
	size_t choice_count;
};

struct form;

/*
 * Reads the ${params} of a request (JSON). NULL with ${error} (FORM_ERROR_SIZE bytes) filled with a
 * clause, if it is no form of the kind above, or memory is out.
 */
struct form *form_new(const char *params, char *error);
void form_free(struct form *f); /* NULL is fine */

/* What it is about; "" if the server does not say. All texts live as long as the form. */
const char *form_message(const struct form *f);

/*
 * The URL that the person is to visit; NULL if it is a form to be filled. It has no questions then.
 */
const char *form_url(const struct form *f);

size_t form_count(const struct form *f);
const struct form_question *form_question(const struct form *f, size_t number);

/*
 * What may be answered, for a person, into ${out} (FORM_HINT_SIZE bytes): "integer, 1 to 10".
 * Returns out.
 */
char *form_hint(const struct form *f, size_t number, char *out);

/*
 * Takes an answer: an empty one is the preset, or leaves out what is not required; '""' is an empty
 * text; a choice is its number, its value or its title, several have commas between. Returns false,
 * with ${error} (FORM_ERROR_SIZE bytes) filled with a sentence for the person, if it cannot be
 * taken. A second answer replaces the first.
 */
bool form_answer(struct form *f, size_t number, const char *text, char *error);

/* The answers so far as a JSON object, to be freed; NULL if memory is out. */
char *form_content(const struct form *f);

/* The result for the server, to be freed; NULL if memory is out. */
char *form_result(const struct form *f, enum form_action action);

#endif
