#include "repl.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "performer.h"
#include "talk.h"
#include "value.h"

_Static_assert(TALK_ERROR_SIZE <= REPL_ERROR_SIZE, "what one writes must fit in the other's");

#define NAME_MAX_LEN 30

/* The configured name, else how the server calls itself; in characters that take a column each. */
static void make_prompt(char *out, size_t size, struct talk *t)
{
	const struct wsmcp *client = talk_client(t);
	struct value info = value_member(value_of(wsmcp_server_result(client)), "serverInfo");
	char *own = value_string(value_member(info, "name"), NULL);
	const char *name = wsmcp_name(client);
	size_t len = 0;

	if (*name == '\0')
		name = own != NULL && *own != '\0' ? own : "wsmcp";
	for (; name[len] != '\0' && len < NAME_MAX_LEN && len + 3 < size; len++)
		out[len] = name[len] > ' ' && name[len] <= '~' ? name[len] : '_';
	(void)snprintf(out + len, size - len, "> ");
	free(own);
}

/* Says who it is that one talks to. */
static void greet(struct talk *t)
{
	struct console *c = talk_console(t);
	const struct wsmcp *client = talk_client(t);
	struct value result = value_of(wsmcp_server_result(client));
	struct value info = value_member(result, "serverInfo");
	struct output *out = console_aside(c);

	output_str(out, "connected to ");
	console_tone(c, out, CONSOLE_BOLD);
	console_string(out, value_member(info, "name"));
	output_str(out, " ");
	console_string(out, value_member(info, "version"));
	console_tone(c, out, CONSOLE_PLAIN);
	output_str(out, ", MCP ");
	console_text(out, wsmcp_protocol_version(client), strlen(wsmcp_protocol_version(client)));
	output_str(out, "; \"help\" lists the commands\n");
}

static enum wsmcp_status connect_to(struct talk *t, char *error)
{
	struct console *c = talk_console(t);
	struct talk_answer a;
	enum wsmcp_status status;

	if (console_has_person(c)) {
		struct output *out = console_aside(c);
		const char *url = wsmcp_url(talk_client(t));

		output_str(out, "connecting to ");
		console_text(out, url, strlen(url));
		output_str(out, "\n");
	}
	talk_connect(t, &a);
	status = a.status;
	if (status == WSMCP_OK && console_has_person(c))
		greet(t);
	else if (status != WSMCP_OK && talk_ending(t) < 0)
		(void)snprintf(error, REPL_ERROR_SIZE, "%s", a.error != NULL ? a.error : "");
	talk_answer_free(&a);
	return status;
}

/* Does line after line. Returns the status of the first that failed. */
static int loop(struct talk *t, struct performer *p)
{
	char prompt[NAME_MAX_LEN + 4], *line;
	int first = WSMCP_OK;
	bool quit = false;

	make_prompt(prompt, sizeof prompt, t);
	while (!quit) {
		enum talk_input input = talk_read(t, prompt, &line);
		enum wsmcp_status status = WSMCP_OK;

		if (input == TALK_END)
			break;
		if (input == TALK_TOO_LONG) {
			log_error("a line is over the limit of --max-message");
			status = WSMCP_WRONG_USAGE;
		} else {
			status = performer_do(p, line, &quit);
		}
		free(line);
		if (first == WSMCP_OK)
			first = (int)status;
	}
	return console_has_person(talk_console(t)) ? WSMCP_OK : first;
}

/* What the world may know as an exit status. */
static int exit_status(const struct talk *t, int status)
{
	const int ending = talk_ending(t);

	if (ending > 0)
		return ending;
	if (status == WSMCP_CANCELLED)
		return 128 + SIGINT; /* while it was connecting */
	return status == WSMCP_NO_MEMORY ? WSMCP_CONNECTION_ERROR : status;
}

int repl_run(const struct options *o, char *error)
{
	struct performer *p = NULL;
	struct talk *t;
	int status;

	if (o->operand_count != 1) {
		(void)snprintf(error, REPL_ERROR_SIZE, "one TARGET is wanted");
		return WSMCP_WRONG_USAGE;
	}
	status = (int)talk_open(&t, o, o->operands[0], error);
	if (status != WSMCP_OK)
		return status == WSMCP_NO_MEMORY ? WSMCP_CONNECTION_ERROR : status;
	status = (int)connect_to(t, error);
	if (status == WSMCP_OK) {
		p = performer_new(t, o);
		status = p != NULL ? loop(t, p) : WSMCP_NO_MEMORY;
	}
	status = exit_status(t, status);
	talk_close(t);
	performer_free(p);
	return status;
}
