/*
 * The parts of the man page that come from the tables.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "fill.h"
#include "version.h"

#define WIDTH 78 /* of the page's source */

/* Characters that roff takes for something else, or prints as another one. */
static const struct {
	char c;
	const char *roff;
} escapes[] = {
    {'-', "\\-"},
    {'\\', "\\e"},
    {'^', "\\(ha"},
    {'~', "\\(ti"},
    {'`', "\\(ga"},
};

static void put_char(char c)
{
	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
		if (escapes[i].c == c) {
			(void)fputs(escapes[i].roff, stdout);
			return;
		}
	(void)putchar(c);
}

static void put_bytes(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_char(text[i]);
}

/* The words of ${text} from ${column} on. A line must not begin with a request of roff. */
static size_t put_words(const char *text, size_t column)
{
	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (column > 0 && column + 1 + len > WIDTH) {
			(void)putchar('\n');
			column = 0;
		}
		if (column == 0 && (*text == '.' || *text == '\''))
			(void)fputs("\\&", stdout);
		if (column > 0)
			(void)putchar(' ');
		put_bytes(text, len);
		column += len + (column > 0);
		text += len;
		text += strspn(text, " ");
	}
	return column;
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_literal(char c)
{
	return (c >= 'a' && c <= 'z') || c == '-';
}

/* As in a usage line: what stands for something is in capitals and becomes italic, words become bold. */
static void put_usage(const char *text)
{
	while (*text != '\0') {
		bool (*is_same)(char) = is_upper(*text) ? is_upper : is_literal;
		size_t len = 0;

		while (is_same(text[len]))
			len++;
		if (len > 0) {
			printf("\\f%c", is_same == is_upper ? 'I' : 'B');
			put_bytes(text, len);
			printf("\\fR");
		} else {
			len = 1;
			put_char(*text);
		}
		text += len;
	}
}

void roff_title(void)
{
	printf(".TH WSMCP 1 \"\" \"wsmcp %s\" \"User Commands\"\n", WSMCP_VERSION);
}

void roff_synopsis(void)
{
	const struct command *command;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		printf(i == 0 ? "\\fBwsmcp\\fR [\\fB%s\\fR]" : "\\fBwsmcp %s\\fR", command->name);
		printf(" [\\fIOPTION\\fR...] ");
		put_usage(command->operands);
		printf("\n");
	}
}

/* A clause as a sentence, on lines of its own. */
static void put_sentence(const char *clause)
{
	char text[1024];

	(void)snprintf(text, sizeof text, "%s.", clause);
	if (text[0] >= 'a' && text[0] <= 'z')
		text[0] = (char)(text[0] - 'a' + 'A');
	(void)put_words(text, 0);
	printf("\n");
}

void roff_commands(void)
{
	const struct command *command;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		printf(".TP\n\\fB%s\\fR ", command->name);
		put_usage(command->operands);
		printf("\n");
		put_sentence(command->help);
	}
}

/* How many commands take what ${commands} says (or do not, if ${wanted} is false). */
static size_t count_commands(unsigned commands, bool wanted)
{
	const struct command *command;
	size_t count = 0;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		count += ((commands & command->id) != 0) == wanted;
	return count;
}

static void put_names(unsigned commands, bool wanted)
{
	const struct command *command;
	size_t left = count_commands(commands, wanted);

	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		if (((commands & command->id) != 0) != wanted)
			continue;
		left--;
		printf(" \\fB%s\\fR%s", command->name, left > 1 ? "," : left == 1 ? " and" : "");
	}
	printf(".\n");
}

static void put_takers(unsigned commands)
{
	size_t others = count_commands(commands, false);

	if (others == 0) {
		printf("Taken by all commands.\n");
	} else if (others <= 2) {
		printf("Taken by all commands but");
		put_names(commands, false);
	} else {
		printf("Taken by");
		put_names(commands, true);
	}
}

static void put_option(const struct options_row *row)
{
	printf(".TP\n");
	if (row->letter != '\0')
		printf("\\fB\\-%c\\fR, ", row->letter);
	printf("\\fB\\-\\-");
	put_bytes(row->name, strlen(row->name));
	printf("\\fR");
	if (row->argument != NULL) {
		printf(" ");
		put_usage(row->argument);
	}
	printf("\n");
	put_sentence(row->help);
	if (row->preset != NULL)
		printf("Default: \\fB%s\\fR.\n", row->preset);
	put_takers(row->commands);
}

void roff_options(void)
{
	struct options_row row;

	for (size_t i = 0; options_row_at(&row, i); i++)
		put_option(&row);
}

void roff_statuses(void)
{
	const struct command_status *status;

	for (size_t i = 0; (status = command_status_at(i)) != NULL; i++) {
		printf(".TP\n\\fB%d\\fR\n%s: ", status->status, status->name);
		(void)put_words(status->when, strlen(status->name) + 2);
		printf(".\n");
	}
}
