/*
 * argv -> command -> exit status.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge.h"
#include "exit.h"
#include "expand.h"
#include "fd.h"
#include "handshake.h"
#include "headers.h"
#include "link.h"
#include "log.h"
#include "options.h"
#include "signals.h"
#include "trace.h"
#include "url.h"
#include "version.h"

static int run_bridge(const struct options *o);

static const struct command {
	const char *name;
	const char *operands;
	const char *help;
	enum options_command id;
	int (*run)(const struct options *o);
} commands[] = {
    {"bridge", "TARGET", "carry MCP between stdin/stdout and TARGET (the default command)",
        OPTIONS_BRIDGE, run_bridge},
};

static const struct {
	enum exit_status status;
	const char *name, *when;
} statuses[] = {
    {EXIT_DONE, "done", "all went well"},
    {EXIT_TOOL_ERROR, "ToolError", "a tool that is not there, or failed"},
    {EXIT_USAGE, "wrong usage", "an option or operand is wrong"},
    {EXIT_CONFIGURATION_ERROR, "ConfigurationError", "bad file, unset variable, refused header"},
    {EXIT_CONNECTION_ERROR, "ConnectionError",
        "no connection, a lost one, or an answer that did not come"},
    {EXIT_DEPENDENCY_ERROR, "DependencyError", "a libcurl without WebSocket or too old"},
};

static void print_help(const struct command *command)
{
	printf("Usage: wsmcp [%s] [OPTION...] %s\n\n%s\n\n", command->name, command->operands,
	    "Lets an MCP host that can only start a program talk to a server that speaks\n"
	    "JSON-RPC over WebSocket. TARGET is a ws:// or wss:// URL.");
	printf("Commands:\n");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].help);
	printf("\nOptions:\n");
	options_print_help(stdout, command->id);
	printf("\nExit status:\n");
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		printf("  %-5d %s: %s\n", statuses[i].status, statuses[i].name, statuses[i].when);
	printf("  128+N ended by signal N\n");
}

static int wrong_usage(const char *what)
{
	log_error("%s; see wsmcp --help", what);
	return EXIT_USAGE;
}

static int configuration_error(const char *what)
{
	log_error("%s", what);
	return EXIT_CONFIGURATION_ERROR;
}

/* --- bridge ------------------------------------------------------------ */

#define PEM_MAX                                                                                    \
	((size_t)16 << 20) /* bytes; the largest bundles of authorities have a few hundred KB */

/* Returns whether the file can be read and has a PEM block in it; errno is 0 if only that is missing. */
static bool file_is_pem(const char *path)
{
	char line[256];
	size_t size = 0;
	bool found = false;
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	errno = 0;
	while (!found && size < PEM_MAX && fgets(line, sizeof line, f)) {
		size += strlen(line);
		found = strncmp(line, "-----BEGIN ", 11) == 0;
	}
	int error = errno;
	(void)fclose(f);
	errno = error;
	return found;
}

/* A TLS file that is of no use would only show once the connection is half made. */
static int check_files(const struct options *o)
{
	const struct {
		const char *option, *path;
	} files[] = {{"--cacert", o->cacert}, {"--cert", o->cert}, {"--key", o->key}};
	char text[HEADERS_ERROR_SIZE];

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (!files[i].path || file_is_pem(files[i].path))
			continue;
		snprintf(text, sizeof text, "the file of %s, %s, %s%s", files[i].option,
		    files[i].path, errno ? "cannot be read: " : "holds nothing in PEM form",
		    errno ? strerror(errno) : "");
		return configuration_error(text);
	}
	return 0;
}

/* Headers are read again at each attempt; what is wrong with them now is said before the first. */
static int check_headers(const struct options *o, struct headers *headers)
{
	char error[HEADERS_ERROR_SIZE];

	for (size_t i = 0; i < o->headers.count; i++) {
		if (headers_add(headers, o->headers.items[i], true, error) != 0)
			return configuration_error(error);
	}
	return 0;
}

static void warn_of_exposed_secrets(
    const struct options *o, const struct url *url, const struct headers *headers)
{
	bool secret = headers->count > 0 || o->header_command || url->has_userinfo ||
	              url->has_query || (o->subprotocol && strstr(o->subprotocol, "mcp.auth."));

	if (!secret)
		return;
	if (url->tls && o->insecure)
		log_warning(
		    "credentials may be read by others: -k does not check who the server is");
	else if (!url->tls && !url->loopback && !o->unix_socket)
		log_warning(
		    "credentials may be read by others: ws:// is not encrypted, use wss://");
}

static int bridge_to(const struct options *o, const char *target, struct trace *trace)
{
	struct url url;
	struct headers headers = {0};
	char shown[512];
	const char *fault = url_parse(&url, target);

	if (!url_is(target))
		return configuration_error(
		    "TARGET is no ws:// or wss:// URL, and no server has that name");
	if (fault) {
		char text[256];
		snprintf(text, sizeof text, "TARGET is no usable URL: %s", fault);
		return wrong_usage(text);
	}
	int status = check_files(o);
	if (status == 0)
		status = check_headers(o, &headers);
	if (status == 0) {
		warn_of_exposed_secrets(o, &url, &headers);
		status = bridge_run(
		    &(struct connection_options){.link = {.url = target,
		                                     .subprotocol = o->subprotocol,
		                                     .cacert = o->cacert,
		                                     .cert = o->cert,
		                                     .key = o->key,
		                                     .insecure = o->insecure,
		                                     .proxy = o->proxy,
		                                     .noproxy = o->noproxy,
		                                     .unix_socket = o->unix_socket,
		                                     .resolve = o->resolve.items,
		                                     .resolve_count = o->resolve.count,
		                                     .connect_timeout = o->connect_timeout,
		                                     .ping_interval = o->ping_interval,
		                                     .ping_timeout = o->ping_timeout,
		                                     .max_message = o->max_reply},
		        .header_lines = o->headers.items,
		        .header_count = o->headers.count,
		        .server = url_display(shown, sizeof shown, target),
		        .max_message = o->max_message,
		        .header_command = o->header_command,
		        .server_name = "",
		        .linger = o->linger,
		        .offline_timeout = o->offline_timeout,
		        .request_timeout = o->request_timeout,
		        .retry_delay_max = o->retry_delay_max,
		        .reconnect = !o->no_reconnect,
		        .resend = o->resend == OPTIONS_RESEND_SAFE,
		        .trace = trace});
	}
	headers_free(&headers);
	return status;
}

static int run_bridge(const struct options *o)
{
	char error[EXPAND_ERROR_SIZE], text[512];
	struct trace *trace = NULL;

	if (o->operand_count != 1)
		return wrong_usage(o->operand_count ? "too many operands: one TARGET is wanted"
		                                    : "a TARGET is wanted: a ws:// or wss:// URL");
	const char *unsupported = link_unsupported();
	if (unsupported) {
		log_error("%s", unsupported);
		return EXIT_DEPENDENCY_ERROR;
	}
	if (o->subprotocol && !handshake_offer_valid(o->subprotocol))
		return wrong_usage("--subprotocol takes names separated by commas");
	char *target = expand(o->operands[0], getenv, URL_MAX, error);
	if (!target) {
		snprintf(text, sizeof text, "TARGET: %s", error);
		return configuration_error(text);
	}
	if (o->trace && !(trace = trace_open(o->trace))) {
		snprintf(text, sizeof text,
		    "cannot open the trace file %s: %s (it must be a regular file, ours, mode "
		    "0600)",
		    o->trace, strerror(errno));
		free(target);
		return configuration_error(text);
	}
	int status = bridge_to(o, target, trace);
	trace_close(trace);
	free(target);
	return status;
}

/* --- argv -------------------------------------------------------------- */

/* The command named first, else the default; ${*skip} tells how many arguments its name took. */
static const struct command *find_command(int argc, char **argv, int *skip)
{
	for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			*skip = 1;
			return &commands[i];
		}
	}
	*skip = 0;
	return &commands[0];
}

static int set_up_log(const struct options *o)
{
	static const enum log_level levels[] = {LOG_NOTICE, LOG_INFO, LOG_DEBUG};
	char text[512];

	log_set_level(o->quiet ? LOG_ERROR : levels[o->verbose > 2 ? 2 : o->verbose]);
	if (!o->log_file || log_open(o->log_file) == 0)
		return 0;
	snprintf(
	    text, sizeof text, "cannot open the log file %s: %s", o->log_file, strerror(errno));
	return configuration_error(text);
}

static int print_version(void)
{
	printf("wsmcp %s (%s)\n", WSMCP_VERSION, link_library());
	return EXIT_DONE;
}

static int run(const struct command *command, const struct options *o)
{
	if (o->help) {
		print_help(command);
		return EXIT_DONE;
	}
	if (o->version)
		return print_version();
	int status = set_up_log(o);
	return status ? status : command->run(o);
}

int main(int argc, char **argv)
{
	struct options o;
	char error[OPTIONS_ERROR_SIZE];
	int skip, status;

	if (fd_fill_standard() != 0)
		return EXIT_CONFIGURATION_ERROR;
	const struct command *command = find_command(argc, argv, &skip);
	if (options_parse(&o, command->id, argc - skip, argv + skip, error) != 0)
		status = wrong_usage(error);
	else
		status = run(command, &o);
	options_free(&o);
	if (fflush(stdout) != 0 && status == EXIT_DONE)
		status = EXIT_CONNECTION_ERROR;
	log_close();
	if (status > 128)
		signals_die(status - 128);
	return status;
}
