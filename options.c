#include "options.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "compat.h"
#include "nearest.h"

enum kind {
	FLAG,    /* bool: true */
	COUNT,   /* int: one more */
	EMPTY,   /* string: "" */
	STRING,  /* string */
	LIST,    /* struct wsmcp_list: one more item */
	CHOICE,  /* int: which of the words in its argument, "a|b", counted from 0 */
	SECONDS, /* int64_t in milliseconds */
	SIZE     /* uint64_t in bytes */
};

struct row {
	const char *name;
	char letter; /* '\0' = none */
	enum kind kind;
	const char *argument; /* what its value is called in --help, NULL = takes none */
	size_t field;         /* offset in struct options */
	unsigned commands;
	uint64_t minimum, maximum; /* of SECONDS in milliseconds, of SIZE in bytes */
	const char *preset;        /* its default, written as its value would be; NULL = none */
	const char *help;
};

#define FIELD(name) offsetof(struct options, name)
#define TEN_YEARS   ((uint64_t)10 * 365 * 24 * 3600 * 1000)
#define SIZE_LIMIT  ((uint64_t)PTRDIFF_MAX)

#define ASKING                                                                                     \
	(OPTIONS_TOOLS | OPTIONS_CALL | OPTIONS_REQUEST) /* those that ask one thing and end */
#define BRIDGING (OPTIONS_BRIDGE | OPTIONS_ENTRY) /* the bridge, or an entry that starts it */
#define STAYING  (BRIDGING | OPTIONS_REPL)
#define LINKING  (STAYING | ASKING | OPTIONS_CHECK) /* those that make a link */
#define NAMING   (LINKING | OPTIONS_SERVERS)        /* the commands that know servers by name */
#define ALL      (NAMING)

/* clang-format off */
static const struct row rows[] = {
{"header", 'H', LIST, "LINE", FIELD(server.headers), LINKING, 0, 0, NULL,
    "send a header: \"Name: value\", \"Name:value\", or @FILE with one header a line; ${VAR} and "
    "${VAR:-default} are expanded; may repeat"},
{"bearer-env", 0, STRING, "VAR", FIELD(server.bearer_env), LINKING, 0, 0, NULL,
    "send \"Authorization: Bearer \" and the value of the environment variable VAR"},
{"header-env", 0, LIST, "NAME=VAR", FIELD(server.header_env), LINKING, 0, 0, NULL,
    "send the header NAME with the value of the environment variable VAR; may repeat"},
{"header-command", 0, STRING, "CMD", FIELD(server.header_command), LINKING, 0, 0, NULL,
    "run CMD at every attempt to connect; the JSON object of strings that it prints becomes "
    "headers, over others of the same name"},
{"subprotocol", 0, STRING, "LIST", FIELD(server.subprotocol), LINKING, 0, 0, NULL,
    "subprotocols to offer, separated by commas (default: that of the configuration, else mcp)"},
{"no-subprotocol", 0, EMPTY, NULL, FIELD(server.subprotocol), LINKING, 0, 0, NULL,
    "offer no subprotocol"},
{"cacert", 0, STRING, "FILE", FIELD(server.cacert), LINKING, 0, 0, NULL,
    "trust the CA certificates in FILE (PEM) and no others"},
{"cert", 0, STRING, "FILE", FIELD(server.cert), LINKING, 0, 0, NULL,
    "show the server the client certificate in FILE (PEM)"},
{"key", 0, STRING, "FILE", FIELD(server.key), LINKING, 0, 0, NULL,
    "the private key of the client certificate (PEM)"},
{"insecure", 'k', FLAG, NULL, FIELD(server.insecure), LINKING, 0, 0, NULL,
    "accept any certificate from the server"},
{"proxy", 'x', STRING, "URL", FIELD(server.proxy), LINKING, 0, 0, NULL,
    "connect through this HTTP or SOCKS proxy"},
{"noproxy", 0, STRING, "LIST", FIELD(server.noproxy), LINKING, 0, 0, NULL,
    "hosts to connect to without a proxy, separated by commas; * for all"},
{"unix-socket", 0, STRING, "PATH", FIELD(server.unix_socket), LINKING, 0, 0, NULL,
    "connect to this Unix socket, whatever host the URL names"},
{"resolve", 0, LIST, "H:P:A", FIELD(server.resolve), LINKING, 0, 0, NULL,
    "use address A for host H and port P; may repeat"},
{"connect-timeout", 0, SECONDS, "SEC", FIELD(server.connect_timeout), LINKING, 0, TEN_YEARS, "10",
    "how long one attempt to connect may take; 0 = for ever"},
{"offline-timeout", 0, SECONDS, "SEC", FIELD(server.offline_timeout), STAYING, 0, TEN_YEARS, "20",
    "how long a message may wait for a connection before it is answered with an error; 0 = not at "
    "all"},
{"offline-timeout", 0, SECONDS, "SEC", FIELD(server.offline_timeout), ASKING | OPTIONS_CHECK, 0,
    TEN_YEARS, NULL,
    "how long to try to connect; 0 = one attempt (the default)"},
{"request-timeout", 0, SECONDS, "SEC", FIELD(server.request_timeout), LINKING, 0, TEN_YEARS, NULL,
    "answer a request with an error after this long, and cancel it at the server; 0 = never "
    "(default: the timeout of the configuration, else never)"},
{"ping-interval", 0, SECONDS, "SEC", FIELD(server.ping_interval), LINKING, 0, TEN_YEARS, "20",
    "send a WebSocket ping after this long without a byte received; 0 = never"},
{"ping-timeout", 0, SECONDS, "SEC", FIELD(server.ping_timeout), LINKING, 0, TEN_YEARS, "20",
    "take the link for dead if nothing is received for this long after a ping; 0 = never"},
{"retry-delay-max", 0, SECONDS, "SEC", FIELD(server.retry_delay_max), LINKING, 1, TEN_YEARS, "30",
    "the longest pause between two attempts to connect"},
{"no-reconnect", 0, FLAG, NULL, FIELD(server.no_reconnect), LINKING, 0, 0, NULL,
    "end when an established connection is lost"},
{"resend", 0, CHOICE, "safe|none", FIELD(server.resend), LINKING, 0, 0, "safe",
    "which requests are sent again after a lost connection: those that the specification allows to "
    "repeat, or none"},
{"linger", 0, SECONDS, "SEC", FIELD(linger), BRIDGING, 0, TEN_YEARS, "60",
    "how long to wait for replies still owed when the input has ended; 0 = not at all"},
{"max-message", 0, SIZE, "SIZE", FIELD(server.max_message), LINKING, 1, SIZE_LIMIT, "64M",
    "the largest message for the server, in bytes or with K, M or G"},
{"max-reply", 0, SIZE, "SIZE", FIELD(server.max_reply), LINKING, 1, SIZE_LIMIT, NULL,
    "the largest message from the server (default: that of --max-message)"},
{"trace", 0, STRING, "FILE", FIELD(server.trace), LINKING, 0, 0, NULL,
    "append every message to FILE, one JSON object a line; %p stands for the process id"},
{"config", 0, STRING, "FILE", FIELD(server.config), NAMING, 0, 0, NULL,
    "read the servers that TARGET may name from FILE and nowhere else"},
{"trust-project", 0, LIST, "DIR", FIELD(server.trust_project), NAMING, 0, 0, NULL,
    "use configuration files in DIR and below as if they were one's own; may repeat"},
{"host", 0, STRING, "HOST", FIELD(host), OPTIONS_ENTRY, 0, 0, NULL,
    "print the entry for claude-code, claude-desktop, cursor, vscode or zed"},
{"args", 0, STRING, "JSON", FIELD(args), OPTIONS_CALL, 0, 0, NULL,
    "all arguments as a JSON object; @FILE takes it from a file, - from stdin"},
{"raw", 0, FLAG, NULL, FIELD(raw), OPTIONS_CALL, 0, 0, NULL,
    "print the result object as the server sent it"},
{"text", 0, FLAG, NULL, FIELD(text), OPTIONS_CALL, 0, 0, NULL,
    "print the texts of the result, and nothing else"},
{"save", 0, STRING, "DIR", FIELD(save), OPTIONS_CALL, 0, 0, NULL,
    "write images, sounds and blobs to new files in DIR, TOOL-1.png and so on, and print their "
    "names in place of the data"},
{"root", 0, LIST, "DIR", FIELD(server.roots), ASKING | OPTIONS_REPL, 0, 0, NULL,
    "name DIR to a server that asks for roots; may repeat"},
{"protocol", 0, CHOICE, "auto|legacy|modern", FIELD(server.protocol),
    ASKING | OPTIONS_REPL, 0, 0, "auto",
    "how to begin: with initialize (legacy), with server/discover (modern), or with the latter if the "
    "former fails"},
{"json", 0, FLAG, NULL, FIELD(json), OPTIONS_SERVERS | OPTIONS_CHECK, 0, 0, NULL,
    "print JSON"},
{"json", 0, FLAG, NULL, FIELD(json), ASKING, 0, 0, NULL,
    "print JSON as it is, also on a terminal, and failures as JSON on stdout"},
{"log-file", 0, STRING, "FILE", FIELD(log_file), ALL, 0, 0, NULL,
    "append what is said on stderr to FILE, too"},
{"verbose", 'v', COUNT, NULL, FIELD(verbose), ALL, 0, 0, NULL,
    "say on stderr what happens; twice: with details"},
{"quiet", 'q', FLAG, NULL, FIELD(quiet), ALL, 0, 0, NULL,
    "say nothing but errors on stderr"},
{"help", 'h', FLAG, NULL, FIELD(help), ALL, 0, 0, NULL,
    "print this help"},
{"version", 'V', FLAG, NULL, FIELD(version), ALL, 0, 0, NULL,
    "print the version"},
};
/* clang-format on */

#define ROWS         (sizeof rows / sizeof *rows)
#define NAME_MAX_LEN 40 /* bytes of an unknown name that are looked at and shown */

struct parser {
	struct options *o;
	unsigned command;
	size_t argc;
	char **argv;
	size_t at; /* the argument being read */
	char *error;
};

static PRINTF_LIKE(2, 3) int fail(const struct parser *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(p->error, OPTIONS_ERROR_SIZE, format, args);
	va_end(args);
	return -1;
}

/* Reads digits; a number with more of them behind ${most} comes out as UINT64_MAX. */
static const char *read_number(const char *s, uint64_t most, uint64_t *number)
{
	for (*number = 0; ascii_is_digit(*s); s++)
		*number = *number > most ? UINT64_MAX : *number * 10 + (uint64_t)(*s - '0');
	return s;
}

/* "60", "0.2", ".5": milliseconds, rounded up so that only a nought is 0. */
static bool read_seconds(const char *s, uint64_t *ms)
{
	const char *start = s;
	uint64_t whole, scale = 100;

	s = read_number(s, TEN_YEARS, &whole);
	*ms = (whole > TEN_YEARS ? TEN_YEARS : whole) * 1000; /* still too many, but no overflow */
	if (*s == '.') {
		start++;
		for (s++; ascii_is_digit(*s) && scale > 0; s++, scale /= 10)
			*ms += (uint64_t)(*s - '0') * scale;
		while (*s == '0')
			s++;
		if (ascii_is_digit(*s))
			++*ms;
		while (ascii_is_digit(*s))
			s++;
	}
	return s > start && *s == '\0';
}

/* "65536", "64K", "64m", "1G"; what does not fit in 64 bits comes out as UINT64_MAX. */
static bool read_size(const char *s, uint64_t *bytes)
{
	static const char units[] = "kKmMgG";
	const char *digits = s, *unit;
	uint64_t number;
	size_t shift = 0;

	s = read_number(s, UINT64_MAX / 10 - 1, &number);
	if (s == digits)
		return false;
	if (*s != '\0' && (unit = strchr(units, *s)) != NULL) {
		shift = ((size_t)(unit - units) / 2 + 1) * 10;
		s++;
	}
	*bytes = number > UINT64_MAX >> shift ? UINT64_MAX : number << shift;
	return *s == '\0';
}

static int set_number(
    const struct parser *p, const struct row *row, const char *value, uint64_t *number)
{
	const bool seconds = row->kind == SECONDS;

	if (seconds ? !read_seconds(value, number) : !read_size(value, number))
		return fail(p, "option --%s needs %s", row->name,
		    seconds ? "seconds, like 60 or 0.2" : "a size, like 65536, 64K or 1G");
	if (*number < row->minimum)
		return fail(p, "the value of option --%s is too small", row->name);
	if (*number > row->maximum)
		return fail(p, "the value of option --%s is too large", row->name);
	return 0;
}

static int set_choice(const struct parser *p, const struct row *row, const char *value, int *which)
{
	const char *word = row->argument;

	for (int i = 0; *word != '\0'; i++) {
		size_t len = strcspn(word, "|");
		if (strlen(value) == len && strncmp(word, value, len) == 0) {
			*which = i;
			return 0;
		}
		word += len + (word[len] == '|');
	}
	return fail(p, "option --%s takes %s", row->name, row->argument);
}

static int add_item(const struct parser *p, struct wsmcp_list *list, const char *item)
{
	/* There cannot be more items than arguments. */
	if (list->items == NULL)
		list->items = calloc(p->argc, sizeof *list->items);
	if (list->items == NULL)
		return fail(p, "out of memory");
	list->items[list->count++] = item;
	return 0;
}

static int apply(const struct parser *p, const struct row *row, const char *value)
{
	void *field = (char *)p->o + row->field;
	uint64_t number = 0;
	int result = 0;

	switch (row->kind) {
	case FLAG:
		*(bool *)field = true;
		break;
	case COUNT:
		++*(int *)field;
		break;
	case EMPTY:
		*(const char **)field = "";
		break;
	case STRING:
		*(const char **)field = value;
		break;
	case LIST:
		result = add_item(p, field, value);
		break;
	case CHOICE:
		result = set_choice(p, row, value, field);
		break;
	case SECONDS:
		result = set_number(p, row, value, &number);
		*(int64_t *)field = (int64_t)number;
		break;
	case SIZE:
		result = set_number(p, row, value, &number);
		*(uint64_t *)field = number;
		break;
	}
	return result;
}

static const struct row *find_name(const struct parser *p, const char *name, size_t len)
{
	for (size_t i = 0; i < ROWS; i++)
		if ((rows[i].commands & p->command) != 0 && strlen(rows[i].name) == len &&
		    memcmp(rows[i].name, name, len) == 0)
			return &rows[i];
	return NULL;
}

static const struct row *find_letter(const struct parser *p, char letter)
{
	for (size_t i = 0; i < ROWS; i++)
		if ((rows[i].commands & p->command) != 0 && rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

/* The name nearest to the ${len} bytes at ${name}. */
static const char *nearest(const struct parser *p, const char *name, size_t len)
{
	char given[NAME_MAX_LEN + 1];
	const char *found = "help";
	size_t best = SIZE_MAX, n;

	(void)snprintf(given, sizeof given, "%.*s", (int)len, name);
	for (size_t i = 0; i < ROWS; i++) {
		if ((rows[i].commands & p->command) == 0)
			continue;
		n = nearest_distance(given, rows[i].name);
		if (n < best) {
			best = n;
			found = rows[i].name;
		}
	}
	return found;
}

/*
 * ${name} is what stands behind "--". It is shown as far as it looks like a name: behind
 * that, in "--header:Authorization: ...", there may be a secret.
 */
static int unknown_name(const struct parser *p, const char *name)
{
	size_t len = 0;

	while (len < NAME_MAX_LEN && (ascii_is_digit(name[len]) || ascii_is_letter(name[len]) ||
	                                 (len > 0 && name[len] == '-')))
		len++;
	return fail(p, "unknown option --%.*s%s, the nearest is --%s", (int)len, name,
	    name[len] == '\0' || name[len] == '=' ? "" : "...", nearest(p, name, len));
}

/* ${argument} begins with "-" and has the unknown ${letter} in it. */
static int unknown_letter(const struct parser *p, const char *argument, char letter)
{
	const struct row *row = find_name(p, argument + 1, strlen(argument + 1));

	if (row != NULL)
		return fail(p, "a long option begins with two dashes: --%s", row->name);
	if (letter <= ' ' || letter > '~')
		return fail(p, "there is an option of one letter that is none");
	return fail(p, "unknown option -%c", letter);
}

/* Applies an option of the command line, and remembers it. ${value} is NULL for one that takes none. */
static int apply_given(const struct parser *p, const struct row *row, const char *value)
{
	p->o->given[p->o->given_count++] = (struct options_given){row->name, value};
	return apply(p, row, value);
}

/* Applies an option that needs a value: ${value} if not NULL, else the next argument. */
static int apply_value(struct parser *p, const struct row *row, const char *value)
{
	if (value == NULL && p->at + 1 < p->argc)
		value = p->argv[++p->at];
	if (value == NULL)
		return fail(p, "option --%s needs a value (%s)", row->name, row->argument);
	return apply_given(p, row, value);
}

static int parse_long(struct parser *p, const char *text)
{
	size_t len = strcspn(text, "=");
	const char *value = text[len] == '=' ? text + len + 1 : NULL;
	const struct row *row = find_name(p, text, len);

	if (row == NULL)
		return unknown_name(p, text);
	if (row->argument != NULL)
		return apply_value(p, row, value);
	if (value != NULL)
		return fail(p, "option --%s takes no value", row->name);
	return apply_given(p, row, NULL);
}

static int parse_letters(struct parser *p, const char *argument)
{
	const struct row *row;
	int result = 0;

	for (const char *c = argument + 1; *c != '\0' && result == 0; c++) {
		row = find_letter(p, *c);
		if (row == NULL)
			return unknown_letter(p, argument, *c);
		if (row->argument != NULL)
			return apply_value(p, row, c[1] != '\0' ? c + 1 : NULL);
		result = apply_given(p, row, NULL);
	}
	return result;
}

static int parse_arguments(struct parser *p)
{
	bool ended = false;
	int result = 0;

	for (p->at = 1; p->at < p->argc && result == 0; p->at++) {
		const char *argument = p->argv[p->at];

		if (ended || argument[0] != '-' || argument[1] == '\0')
			p->o->operands[p->o->operand_count++] = argument;
		else if (strcmp(argument, "--") == 0)
			ended = true;
		else if (argument[1] == '-')
			result = parse_long(p, argument + 2);
		else
			result = parse_letters(p, argument);
	}
	return result;
}

/* A time that has no default is -1 until it is given. */
static int apply_presets(const struct parser *p)
{
	for (size_t i = 0; i < ROWS; i++) {
		if ((rows[i].commands & p->command) == 0)
			continue;
		if (rows[i].preset == NULL && rows[i].kind == SECONDS)
			*(int64_t *)((char *)p->o + rows[i].field) = -1;
		else if (rows[i].preset != NULL && apply(p, &rows[i], rows[i].preset) != 0)
			return -1;
	}
	return 0;
}

/* At most how many options there are: letters may stand together. */
static size_t count_given(const struct parser *p)
{
	size_t count = 0;

	for (size_t i = 1; i < p->argc; i++)
		count += p->argv[i][0] == '-' ? strlen(p->argv[i]) : 0;
	return count;
}

int options_parse(
    struct options *o, enum options_command command, int argc, char **argv, char *error)
{
	struct parser p = {.o = o, .command = command, .argv = argv, .error = error};

	*o = (struct options){0};
	p.argc = argc > 0 ? (size_t)argc : 0;
	o->program = argc > 0 ? argv[0] : "";
	if (apply_presets(&p) != 0)
		return -1;
	o->operands = calloc(p.argc + 1, sizeof *o->operands);
	o->given = calloc(count_given(&p) + 1, sizeof *o->given);
	if (o->operands == NULL || o->given == NULL)
		return fail(&p, "out of memory");
	if (parse_arguments(&p) != 0)
		return -1;
	if (o->server.max_reply == 0)
		o->server.max_reply = o->server.max_message;
	return 0;
}

void options_free(struct options *o)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].kind == LIST) {
			struct wsmcp_list *list = (void *)((char *)o + rows[i].field);

			free(list->items);
			list->items = NULL;
			list->count = 0;
		}
	free(o->operands);
	free(o->given);
	o->operands = NULL;
	o->given = NULL;
	o->operand_count = o->given_count = 0;
}

#define HELP_COLUMN 29 /* where the texts begin */
#define HELP_WIDTH  80

/* Prints the words of ${text} from ${column} on, wrapped at HELP_WIDTH. Returns the column. */
static int print_words(FILE *out, const char *text, int column)
{
	while (*text != '\0') {
		int len = (int)strcspn(text, " ");

		if (column > HELP_COLUMN && column + 1 + len > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		}
		if (column > HELP_COLUMN) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", len, text);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
	return column;
}

static void print_row(FILE *out, const struct row *row)
{
	char left[64], preset[64];
	int column;

	column = snprintf(left, sizeof left, "  %c%c%c --%s%s%s", row->letter != '\0' ? '-' : ' ',
	    row->letter != '\0' ? row->letter : ' ', row->letter != '\0' ? ',' : ' ', row->name,
	    row->argument != NULL ? " " : "", row->argument != NULL ? row->argument : "");
	if (column + 2 > HELP_COLUMN)
		fprintf(out, "%s\n%*s", left, HELP_COLUMN, "");
	else
		fprintf(out, "%-*s", HELP_COLUMN, left);
	column = print_words(out, row->help, HELP_COLUMN);
	if (row->preset != NULL) {
		(void)snprintf(preset, sizeof preset, "(default: %s)", row->preset);
		(void)print_words(out, preset, column);
	}
	fputc('\n', out);
}

void options_print_help(FILE *out, enum options_command command)
{
	for (size_t i = 0; i < ROWS; i++)
		if ((rows[i].commands & command) != 0)
			print_row(out, &rows[i]);
}

bool options_row_at(struct options_row *row, size_t index)
{
	if (index >= ROWS)
		return false;
	const struct row *r = &rows[index];

	*row = (struct options_row){
	    r->name, r->letter, r->argument, r->kind == CHOICE, r->commands, r->preset, r->help};
	return true;
}
