/*
 * Calls one tool of a configured server; prints the result, or the error object, and why.
 *
 *	cc template.c $(pkg-config --cflags --libs wsmcp) -o template
 *	./template my-server echo '{"message": "hello"}'
 *
 * The first argument is the name of a server, or a part of it, or a ws:// or wss:// URL.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wsmcp.h>

/* The server that is meant; NULL if there is none, and it was said why. */
static struct wsmcp_server *find(const char *pattern)
{
	struct wsmcp_server *server;
	char error[2048];

	if (wsmcp_find_server(&server, pattern, NULL, error, sizeof error) != WSMCP_OK)
		fprintf(stderr, "ConfigurationError: %s\n", error);
	return server;
}

static enum wsmcp_status call(struct wsmcp *w, const char *tool, const char *arguments)
{
	char *result = NULL;
	enum wsmcp_status status = wsmcp_connect(w, -1);

	if (status == WSMCP_OK)
		status = wsmcp_call_tool(w, tool, arguments, -1, &result);
	if (result)
		puts(result);
	else if (wsmcp_error_object(w))
		puts(wsmcp_error_object(w));
	free(result);
	return status;
}

static enum wsmcp_status run(const char *target, const char *tool, const char *arguments)
{
	struct wsmcp *w;
	enum wsmcp_status status = wsmcp_open(&w, target, NULL);

	if (status == WSMCP_OK)
		status = call(w, tool, arguments);
	if (status != WSMCP_OK)
		fprintf(stderr, "%s: %s\n", wsmcp_error_type(w), wsmcp_error(w));
	wsmcp_close(w); /* whatever happened: this disconnects */
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s SERVER TOOL [ARGUMENTS]\n", argv[0]);
		return WSMCP_WRONG_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);

	const char *arguments = argc > 3 ? argv[3] : NULL;
	if (strstr(argv[1], "://"))
		return (int)run(argv[1], argv[2], arguments);
	struct wsmcp_server *server = find(argv[1]);
	if (!server)
		return WSMCP_CONFIGURATION_ERROR;
	fprintf(stderr, "%s: %s\n", server->name, server->url);
	int status = (int)run(server->name, argv[2], arguments);
	wsmcp_server_free(server);
	return status;
}
