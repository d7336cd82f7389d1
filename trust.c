#include "trust.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "compat.h"
#include "handshake.h"
#include "quote.h"

#define REASON_SIZE    (QUOTE_NAME_SIZE + 160)
#define DIRECTORY_SIZE 400 /* what a sentence has room for */

static PRINTF_LIKE(2, 3) bool refuse(char *reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(reason, REASON_SIZE, format, args);
	va_end(args);
	return false;
}

/* What the user has for other servers. */
static bool check_options(const struct wsmcp_options *options, char *reason)
{
	const struct {
		bool given;
		const char *what;
	} rows[] = {
	    {options->headers.count > 0, "it gets no --header"},
	    {options->bearer_env != NULL, "it gets no --bearer-env"},
	    {options->header_env.count > 0, "it gets no --header-env"},
	    {options->header_command != NULL, "it gets nothing of a --header-command"},
	    {options->cert != NULL, "it gets no --cert"},
	    {options->key != NULL, "it gets no --key"},
	    {options->proxy != NULL, "it is not connected to through a --proxy"},
	    {options->subprotocol != NULL && handshake_offer_is_secret(options->subprotocol),
	        "it gets no \"mcp.auth.\" of --subprotocol"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].given)
			return refuse(reason, "%s", rows[i].what);
	return true;
}

static bool has_variable(const char *text)
{
	return text != NULL && strstr(text, "${") != NULL;
}

static const char *find_variable(const struct server *server)
{
	const struct {
		const char *name, *text;
	} fields[] = {
	    {"url", server->url},
	    {"subprotocol", server->subprotocol},
	    {"cacert", server->cacert},
	    {"proxy", server->proxy},
	};

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (has_variable(fields[i].text))
			return fields[i].name;
	for (size_t i = 0; i < server->header_count; i++)
		if (has_variable(server->headers[i].name) || has_variable(server->headers[i].value))
			return "headers";
	return NULL;
}

/* What an entry can do beyond naming a server. */
static bool check_entry(const struct server *server, char *reason)
{
	const char *field = find_variable(server);

	if (server->header_command != NULL)
		return refuse(reason, "its \"headersHelper\" is not run");
	if (server->cert != NULL || server->key != NULL)
		return refuse(
		    reason, "its \"%s\" is not used", server->cert != NULL ? "cert" : "key");
	if (field != NULL)
		return refuse(reason, "no variable is read for the ${...} in its \"%s\"", field);
	return true;
}

static bool check_name(const struct server *server, const char *name, char *reason)
{
	char shown[QUOTE_NAME_SIZE];

	return strcmp(name, server->name) == 0 ||
	       refuse(reason, "%s is not enough of its name", quote_name(shown, name));
}

bool trust_allows(
    const struct server *server, const char *name, const struct wsmcp_options *options, char *error)
{
	char reason[REASON_SIZE], shown[QUOTE_NAME_SIZE], path[QUOTE_PATH_SIZE];
	char directory[DIRECTORY_SIZE];

	if (!server->foreign || (check_name(server, name, reason) && check_entry(server, reason) &&
	                            check_options(options, reason)))
		return true;
	if (!quote_directory(directory, sizeof directory, server->file))
		(void)snprintf(directory, sizeof directory, "with the directory of that file");
	(void)snprintf(error, TRUST_ERROR_SIZE,
	    "server %s was not configured by you but came with %s, so %s; "
	    "if you trust that file, --trust-project %s allows it",
	    quote_name(shown, server->name), quote_path(path, server->file), reason, directory);
	return false;
}
