/*
 * argv -> command -> exit status.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "check.h"
#include "command.h"
#include "commands.h"
#include "entry.h"
#include "fd.h"
#include "link.h"
#include "log.h"
#include "options.h"
#include "output.h"
#include "repl.h"
#include "servers.h"
#include "signals.h"
#include "target.h"
#include "version.h"

/*
 * How a command runs: its exit status, and what is wrong in ${error} (TARGET_ERROR_SIZE bytes), ""
 * if it told that itself.
 */
typedef int run_command(const struct options *o, char *error);

static run_command run_bridge, run_check, run_servers, run_entry;

static const struct {
	enum options_command id;
	run_command *run;
} runs[] = {
    {OPTIONS_BRIDGE, run_bridge},
    {OPTIONS_TOOLS, commands_tools},
    {OPTIONS_CALL, commands_call},
    {OPTIONS_REQUEST, commands_request},
    {OPTIONS_REPL, repl_run},
    {OPTIONS_CHECK, run_check},
    {OPTIONS_SERVERS, run_servers},
    {OPTIONS_ENTRY, run_entry},
};

static void print_commands(void)
{
	const struct command *command;

	printf("%s\n\nCommands:\n",
	    "Lets an MCP host that can only start a program talk to a server that speaks\n"
	    "JSON-RPC over WebSocket. TARGET is a ws:// or wss:// URL, or the name of a\n"
	    "configured server.");
	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		printf("  %-8s %s\n", command->name, command->help);
}

static void print_help(const struct command *command)
{
	const bool is_default = command == command_at(0);
	const struct command_status *status;

	printf("Usage: wsmcp %s%s%s [OPTION...] %s\n\n", is_default ? "[" : "", command->name,
	    is_default ? "]" : "", command->operands);
	if (is_default)
		print_commands();
	else
		printf("%c%s.\n", command->help[0] - 'a' + 'A', command->help + 1);
	printf("\nOptions:\n");
	options_print_help(stdout, command->id);
	printf("\nExit status:\n");
	for (size_t i = 0; (status = command_status_at(i)) != NULL; i++)
		printf("  %-5d %s: %s\n", status->status, status->name, status->when);
	printf("  128+N ended by signal N\n");
}

/* --- commands ---------------------------------------------------------- */

_Static_assert(COMMANDS_ERROR_SIZE <= TARGET_ERROR_SIZE, "what they write must fit");

static int wrong_usage(char *error, const char *what)
{
	(void)snprintf(error, TARGET_ERROR_SIZE, "%s", what);
	return WSMCP_WRONG_USAGE;
}

/* Whether there is exactly one TARGET. */
static bool check_target(const struct options *o, char *error)
{
	if (o->operand_count == 1)
		return true;
	(void)wrong_usage(error,
	    o->operand_count > 0 ? "too many operands: one TARGET is wanted"
	                         : "a TARGET is wanted: a ws:// or wss:// URL, or a server's name");
	return false;
}

static int run_bridge(const struct options *o, char *error)
{
	struct connection_options connection;
	struct target *target;

	if (!check_target(o, error))
		return WSMCP_WRONG_USAGE;
	int status = (int)target_open(&target, o->operands[0], &o->server, error);
	if (status != WSMCP_OK)
		return status;
	target_connection(target, &connection);
	connection.linger = o->linger;
	status = bridge_run(&connection);
	target_close(target);
	return status;
}

/* The end of what was printed. */
static int finish(struct output *out, int status, char *error)
{
	if (status == WSMCP_NO_MEMORY)
		(void)snprintf(error, TARGET_ERROR_SIZE, "out of memory");
	if (output_end(out) == 0 || status != WSMCP_OK)
		return status;
	(void)snprintf(error, TARGET_ERROR_SIZE, "cannot write to stdout: %s", strerror(errno));
	return WSMCP_CONNECTION_ERROR;
}

static int run_check(const struct options *o, char *error)
{
	struct output out;

	if (!check_target(o, error))
		return WSMCP_WRONG_USAGE;
	output_to_fd(&out, STDOUT_FILENO);
	return finish(&out, check_run(&out, o), error);
}

static int run_servers(const struct options *o, char *error)
{
	struct output out;

	if (o->operand_count > 1)
		return wrong_usage(
		    error, "too many operands: a part of a name is wanted, or nothing");
	output_to_fd(&out, STDOUT_FILENO);
	return finish(&out, (int)servers_print(&out, o, o->operands[0]), error);
}

static int run_entry(const struct options *o, char *error)
{
	struct output out;

	if (!check_target(o, error))
		return WSMCP_WRONG_USAGE;
	output_to_fd(&out, STDOUT_FILENO);
	return finish(&out, (int)entry_print(&out, o, o->operands[0], error), error);
}

/* --- argv -------------------------------------------------------------- */

/* The command named first, else the default; ${*skip} tells how many arguments its name took. */
static const struct command *find_command(int argc, char **argv, int *skip)
{
	const struct command *command;

	for (size_t i = 0; argc > 1 && (command = command_at(i)) != NULL; i++) {
		if (strcmp(argv[1], command->name) == 0) {
			*skip = 1;
			return command;
		}
	}
	*skip = 0;
	return command_at(0);
}

static run_command *find_run(enum options_command id)
{
	size_t i = sizeof runs / sizeof *runs - 1;

	while (i > 0 && runs[i].id != id)
		i--;
	return runs[i].run;
}

static int set_up_log(const struct options *o, char *error)
{
	static const enum log_level levels[] = {LOG_NOTICE, LOG_INFO, LOG_DEBUG};

	log_set_level(o->quiet ? LOG_ERROR : levels[o->verbose > 2 ? 2 : o->verbose]);
	if (!o->log_file || log_open(o->log_file) == 0)
		return WSMCP_OK;
	(void)snprintf(error, TARGET_ERROR_SIZE, "cannot open the log file %s: %s", o->log_file,
	    strerror(errno));
	return WSMCP_CONFIGURATION_ERROR;
}

static int print_version(void)
{
	printf("wsmcp %s (%s)\n", WSMCP_VERSION, link_library());
	return WSMCP_OK;
}

static int run(const struct command *command, const struct options *o, char *error)
{
	if (o->help) {
		print_help(command);
		return WSMCP_OK;
	}
	if (o->version)
		return print_version();
	int status = set_up_log(o, error);
	return status ? status : find_run(command->id)(o, error);
}

static void tell_error(const struct command *command, int status, const char *error)
{
	bool is_default = command == command_at(0);

	if (status != WSMCP_WRONG_USAGE)
		log_error("%s", error);
	else
		log_error("%s; see wsmcp %s%s--help", error, is_default ? "" : command->name,
		    is_default ? "" : " ");
}

int main(int argc, char **argv)
{
	struct options o;
	char error[TARGET_ERROR_SIZE] = "";
	int skip, status;

	if (fd_fill_standard() != 0)
		return WSMCP_CONFIGURATION_ERROR;
	log_set_level(LOG_NOTICE);
	const struct command *command = find_command(argc, argv, &skip);
	if (skip > 0)
		argv[skip] = argv[0]; /* who we are */
	if (options_parse(&o, command->id, argc - skip, argv + skip, error) != 0)
		status = WSMCP_WRONG_USAGE;
	else
		status = run(command, &o, error);
	if (*error)
		tell_error(command, status, error);
	options_free(&o);
	if (fflush(stdout) != 0 && status == WSMCP_OK)
		status = WSMCP_CONNECTION_ERROR;
	log_close();
	if (status > 128)
		signals_die(status - 128);
	return status;
}
