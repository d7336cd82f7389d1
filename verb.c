#include "verb.h"

#include <stdint.h>
#include <string.h>

static const struct verb_row rows[] = {
    [VERB_TOOLS] = {"tools", "tools", "list the tools", {VERB_NOTHING}, 0, 0, false},
    [VERB_TOOL] = {"tool", "tool NAME", "all about one tool", {VERB_TOOL_NAME, VERB_NOTHING}, 1, 1,
        false},
    [VERB_CALL] = {"call", "call NAME [ARG...]",
        "call a tool; ARG is key=value, key@FILE or key:=JSON, or one {JSON object} for all",
        {VERB_TOOL_NAME, VERB_TOOL_ARGUMENT, VERB_TOOL_ARGUMENT}, 1, SIZE_MAX, false},
    [VERB_RESOURCES] = {"resources", "resources", "list the resources and resource templates",
        {VERB_NOTHING}, 0, 0, false},
    [VERB_READ] = {"read", "read URI", "read a resource", {VERB_RESOURCE, VERB_NOTHING}, 1, 1,
        false},
    [VERB_SUBSCRIBE] = {"subscribe", "subscribe URI", "be told when a resource changes",
        {VERB_RESOURCE, VERB_NOTHING}, 1, 1, false},
    [VERB_UNSUBSCRIBE] = {"unsubscribe", "unsubscribe URI", "be told no more",
        {VERB_SUBSCRIPTION, VERB_NOTHING}, 1, 1, false},
    [VERB_PROMPTS] = {"prompts", "prompts", "list the prompts", {VERB_NOTHING}, 0, 0, false},
    [VERB_PROMPT] = {"prompt", "prompt NAME [key=value...]", "get a prompt",
        {VERB_PROMPT_NAME, VERB_PROMPT_ARGUMENT, VERB_PROMPT_ARGUMENT}, 1, SIZE_MAX, false},
    [VERB_COMPLETE] = {"complete", "complete prompt|resource NAME ARG [VALUE [key=value...]]",
        "ask the server how an argument of a prompt or resource template may go on",
        {VERB_COMPLETABLE, VERB_COMPLETED, VERB_ANYTHING}, 3, SIZE_MAX, false},
    [VERB_LOG] = {"log", "log LEVEL", "let the server send log messages from this level on",
        {VERB_LEVEL, VERB_NOTHING}, 1, 1, false},
    [VERB_PING] = {"ping", "ping", "ask whether the server answers", {VERB_NOTHING}, 0, 0, false},
    [VERB_SEND] = {"send", "send {JSON}",
        "send any request, or a notification (its method begins with \"notifications/\")",
        {VERB_ANYTHING, VERB_ANYTHING, VERB_ANYTHING}, 1, SIZE_MAX, true},
    [VERB_TRACE] = {"trace", "trace on|off", "show every message, a line each",
        {VERB_SWITCH, VERB_NOTHING}, 1, 1, false},
    [VERB_HELP] = {"help", "help [COMMAND]", "list the commands", {VERB_COMMAND, VERB_NOTHING}, 0,
        1, false},
    [VERB_QUIT] = {"quit", "quit", "leave, as Ctrl-D does", {VERB_NOTHING}, 0, 0, false},
};

_Static_assert(sizeof rows / sizeof *rows == VERB_COUNT, "a row for each");

const struct verb_row *verb_row(enum verb verb)
{
	return &rows[verb];
}

enum verb verb_find(const char *name)
{
	int verb = 0;

	while (verb < VERB_COUNT && strcmp(rows[verb].name, name) != 0)
		verb++;
	return (enum verb)verb;
}

enum verb_word verb_word(enum verb verb, size_t number)
{
	const enum verb_word *words = rows[verb].words;

	for (size_t i = 0; i <= number && i < VERB_WORDS_MAX; i++)
		if (words[i] == VERB_NOTHING)
			return VERB_NOTHING;
	return words[number < VERB_WORDS_MAX ? number : VERB_WORDS_MAX - 1];
}

const char *const *verb_levels(void)
{
	static const char *const levels[] = {
	    "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency", NULL};

	return levels;
}

const char *const *verb_switches(void)
{
	static const char *const switches[] = {"on", "off", NULL};

	return switches;
}

const char *const *verb_completables(void)
{
	static const char *const completables[] = {"prompt", "resource", NULL};

	return completables;
}
