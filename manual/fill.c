#include "fill.h"

#include <stdio.h>
#include <string.h>

#define LINE_SIZE 1024 /* a longer line is copied in pieces */

/* The values that an argument's name tells something about. */
static const struct {
	const char *argument;
	enum fill_kind kind;
	const char *words;
} values[] = {
    {"FILE", FILL_FILE, NULL},
    {"PATH", FILL_FILE, NULL},
    {"DIR", FILL_DIRECTORY, NULL},
    {"LINE", FILL_AT_FILE, NULL},
    {"JSON", FILL_AT_FILE, NULL},
    {"HOST", FILL_WORDS, "claude-code|claude-desktop|cursor|vscode|zed"},
};

static const struct {
	const char *line;
	void (*put)(void);
} markers[] = {
    {"@TITLE@\n", roff_title},
    {"@SYNOPSIS@\n", roff_synopsis},
    {"@COMMANDS@\n", roff_commands},
    {"@OPTIONS@\n", roff_options},
    {"@STATUSES@\n", roff_statuses},
    {"@BASH_COMMANDS@\n", shells_bash_commands},
    {"@BASH_OPTIONS@\n", shells_bash_options},
    {"@BASH_VALUES@\n", shells_bash_values},
    {"@ZSH_COMMANDS@\n", shells_zsh_commands},
    {"@ZSH_OPTIONS@\n", shells_zsh_options},
    {"@FISH_NAMES@\n", shells_fish_names},
    {"@FISH_VALUES@\n", shells_fish_values},
    {"@FISH_COMMANDS@\n", shells_fish_commands},
    {"@FISH_OPTIONS@\n", shells_fish_options},
};

enum fill_kind fill_value_kind(const struct options_row *row)
{
	if (row->argument == NULL)
		return FILL_NONE;
	if (row->is_choice)
		return FILL_WORDS;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		if (strcmp(values[i].argument, row->argument) == 0)
			return values[i].kind;
	return FILL_TEXT;
}

const char *fill_words(const struct options_row *row)
{
	for (size_t i = 0; !row->is_choice && i < sizeof values / sizeof *values; i++)
		if (strcmp(values[i].argument, row->argument) == 0)
			return values[i].words;
	return row->argument;
}

bool fill_is_repeated(const struct options_row *row, size_t index)
{
	struct options_row above;

	for (size_t i = 0; i < index; i++)
		if (options_row_at(&above, i) && strcmp(above.name, row->name) == 0)
			return true;
	return false;
}

static void put_line(const char *line)
{
	for (size_t i = 0; i < sizeof markers / sizeof *markers; i++)
		if (strcmp(markers[i].line, line) == 0) {
			markers[i].put();
			return;
		}
	(void)fputs(line, stdout);
}

int main(void)
{
	char line[LINE_SIZE];

	while (fgets(line, sizeof line, stdin) != NULL)
		put_line(line);
	return ferror(stdin) || fflush(stdout) != 0 || ferror(stdout) ? 1 : 0;
}
