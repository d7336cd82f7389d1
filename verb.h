/*
 * The commands of the REPL as one table: their names, what they take, what they do. Pure.
 */
#ifndef WSMCP_VERB_H
#define WSMCP_VERB_H

#include <stdbool.h>
#include <stddef.h>

enum verb {
	VERB_TOOLS,
	VERB_TOOL,
	VERB_CALL,
	VERB_RESOURCES,
	VERB_READ,
	VERB_SUBSCRIBE,
	VERB_UNSUBSCRIBE,
	VERB_PROMPTS,
	VERB_PROMPT,
	VERB_COMPLETE,
	VERB_LOG,
	VERB_PING,
	VERB_SEND,
	VERB_TRACE,
	VERB_HELP,
	VERB_QUIT,
	VERB_COUNT
};

/* What a word behind a command is, so that it can be completed. */
enum verb_word {
	VERB_NOTHING,
	VERB_ANYTHING,
	VERB_COMMAND,
	VERB_TOOL_NAME,
	VERB_TOOL_ARGUMENT, /* of the tool named by the word before all of them */
	VERB_RESOURCE,
	VERB_SUBSCRIPTION,
	VERB_PROMPT_NAME,
	VERB_PROMPT_ARGUMENT,
	VERB_COMPLETABLE, /* "prompt" or "resource" */
	VERB_COMPLETED,   /* a name or template, as that word says */
	VERB_LEVEL,
	VERB_SWITCH
};

#define VERB_WORDS_MAX 3 /* kinds of words in a row */

struct verb_row {
	const char *name, *usage, *help;
	enum verb_word words[VERB_WORDS_MAX]; /* the last kind goes on for all that follow */
	size_t least, most;                   /* how many words; SIZE_MAX = no end */
	bool raw; /* everything behind the name is one text, quotes and all */
};

const struct verb_row *verb_row(enum verb verb);

/* The command of this name; VERB_COUNT if there is none. */
enum verb verb_find(const char *name);

/* Of what kind the word ${number} (from 0) behind the command is. */
enum verb_word verb_word(enum verb verb, size_t number);

/* The levels of log messages, and what switches take; NULL behind the last. Static. */
const char *const *verb_levels(void);
const char *const *verb_switches(void);
const char *const *verb_completables(void);

#endif
