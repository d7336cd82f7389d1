/*
 * The parts of the completion scripts that come from the tables.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "fill.h"

/* ${text} inside single quotes; ${quote} is how one is written there, of ${special} each gets a "\". */
static void put_quoted(const char *text, const char *quote, const char *special)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'') {
			(void)fputs(quote, stdout);
			continue;
		}
		if (strchr(special, *text) != NULL)
			(void)putchar('\\');
		(void)putchar(*text);
	}
}

static void put_words(const struct options_row *row)
{
	for (const char *c = fill_words(row); *c != '\0'; c++)
		(void)putchar(*c == '|' ? ' ' : *c);
}

/* --- bash ---------------------------------------------------------------------------------- */

void shells_bash_commands(void)
{
	const struct command *command;

	printf("_wsmcp_commands='");
	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		printf("%s%s", i > 0 ? " " : "", command->name);
	printf("'\n");
}

void shells_bash_options(void)
{
	const struct command *command;
	struct options_row row;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		printf("    %s) options='", command->name);
		for (size_t j = 0; options_row_at(&row, j); j++) {
			if ((row.commands & command->id) == 0)
				continue;
			if (row.letter != '\0')
				printf("-%c ", row.letter);
			printf("--%s ", row.name);
		}
		printf("' ;;\n");
	}
}

void shells_bash_values(void)
{
	static const char *const kinds[] = {[FILL_TEXT] = "text",
	    [FILL_FILE] = "file",
	    [FILL_DIRECTORY] = "directory",
	    [FILL_AT_FILE] = "@file",
	    [FILL_WORDS] = "words"};
	struct options_row row;

	for (size_t i = 0; options_row_at(&row, i); i++) {
		enum fill_kind kind = fill_value_kind(&row);

		if (kind == FILL_NONE || fill_is_repeated(&row, i))
			continue;
		printf("    ");
		if (row.letter != '\0')
			printf("-%c | ", row.letter);
		printf("--%s) kind='%s", row.name, kinds[kind]);
		if (kind == FILL_WORDS) {
			printf(" ");
			put_words(&row);
		}
		printf("' ;;\n");
	}
}

/* --- zsh ----------------------------------------------------------------------------------- */

void shells_zsh_commands(void)
{
	const struct command *command;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		printf("        '%s:", command->name);
		put_quoted(command->help, "'\\''", "\\");
		printf("'\n");
	}
}

/* One form of an option: '*--name=[help]:ARGUMENT:action'. */
static void put_zsh_form(const struct options_row *row, const char *name, const char *joined)
{
	static const char *const actions[] = {[FILL_TEXT] = " ",
	    [FILL_FILE] = "_files",
	    [FILL_DIRECTORY] = "_files -/",
	    [FILL_AT_FILE] = "_wsmcp_at_file"};
	enum fill_kind kind = fill_value_kind(row);

	printf("            '*%s%s[", name, kind == FILL_NONE ? "" : joined);
	put_quoted(row->help, "'\\''", "\\[]");
	printf("]");
	if (kind != FILL_NONE) {
		printf(":");
		put_quoted(row->argument, "'\\''", "\\:");
		printf(":%s", kind == FILL_WORDS ? "(" : actions[kind]);
	}
	if (kind == FILL_WORDS) {
		put_words(row);
		printf(")");
	}
	printf("'\n");
}

void shells_zsh_options(void)
{
	const struct command *command;
	struct options_row row;
	char name[64];

	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		printf("    %s)\n        options=(\n", command->name);
		for (size_t j = 0; options_row_at(&row, j); j++) {
			if ((row.commands & command->id) == 0)
				continue;
			(void)snprintf(name, sizeof name, "-%c", row.letter);
			if (row.letter != '\0')
				put_zsh_form(&row, name, "+");
			(void)snprintf(name, sizeof name, "--%s", row.name);
			put_zsh_form(&row, name, "=");
		}
		printf("        )\n        ;;\n");
	}
}

/* --- fish ---------------------------------------------------------------------------------- */

void shells_fish_names(void)
{
	const struct command *command;

	printf("        case");
	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		printf(" %s", command->name);
	printf("\n");
}

void shells_fish_values(void)
{
	struct options_row row;

	printf("        case");
	for (size_t i = 0; options_row_at(&row, i); i++) {
		if (row.argument == NULL || fill_is_repeated(&row, i))
			continue;
		if (row.letter != '\0')
			printf(" -%c", row.letter);
		printf(" --%s", row.name);
	}
	printf("\n");
}

void shells_fish_commands(void)
{
	const struct command *command;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		printf("complete -c wsmcp -n __wsmcp_is_first -a %s -d '", command->name);
		put_quoted(command->help, "\\'", "\\");
		printf("'\n");
	}
}

static void put_fish_value(const struct options_row *row)
{
	static const char *const arguments[] = {[FILL_NONE] = "",
	    [FILL_TEXT] = " -x",
	    [FILL_FILE] = " -r -F",
	    [FILL_DIRECTORY] = " -x -a '(__fish_complete_directories)'",
	    [FILL_AT_FILE] = " -x",
	    [FILL_WORDS] = " -x -a '"};

	printf("%s", arguments[fill_value_kind(row)]);
	if (fill_value_kind(row) == FILL_WORDS) {
		put_words(row);
		printf("'");
	}
}

void shells_fish_options(void)
{
	const struct command *command;
	struct options_row row;

	for (size_t i = 0; options_row_at(&row, i); i++) {
		printf("complete -c wsmcp -n '__wsmcp_is");
		for (size_t j = 0; (command = command_at(j)) != NULL; j++)
			if ((row.commands & command->id) != 0)
				printf(" %s", command->name);
		printf("'");
		if (row.letter != '\0')
			printf(" -s %c", row.letter);
		printf(" -l %s", row.name);
		put_fish_value(&row);
		printf(" -d '");
		put_quoted(row.help, "\\'", "\\");
		printf("'\n");
	}
}
