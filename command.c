#include "command.h"

static const struct command commands[] = {
    {"bridge", "TARGET", "carry MCP between stdin/stdout and TARGET (the default command)",
        OPTIONS_BRIDGE},
    {"tools", "TARGET", "list the server's tools", OPTIONS_TOOLS},
    {"call", "TARGET TOOL [ARG...]",
        "call a tool and print JSON; ARG is NAME=VALUE, NAME@FILE or NAME:=JSON", OPTIONS_CALL},
    {"request", "TARGET METHOD [PARAMS]",
        "send any request and print its result; PARAMS is JSON, @FILE or -", OPTIONS_REQUEST},
    {"repl", "TARGET", "talk to a server by hand, or by commands on stdin", OPTIONS_REPL},
    {"check", "TARGET", "connect once, say what was found and how long each step took",
        OPTIONS_CHECK},
    {"servers", "[NAME]",
        "list the WebSocket servers that are configured, or those with NAME in theirs",
        OPTIONS_SERVERS},
    {"entry", "TARGET --host HOST", "print what starts wsmcp for TARGET in a host's configuration",
        OPTIONS_ENTRY},
};

static const struct command_status statuses[] = {
    {WSMCP_OK, "done", "all went well"},
    {WSMCP_TOOL_ERROR, "ToolError", "a tool that is not there, or failed"},
    {WSMCP_WRONG_USAGE, "wrong usage", "an option or operand is wrong"},
    {WSMCP_CONFIGURATION_ERROR, "ConfigurationError",
        "unknown server, bad file, unset variable, refused header"},
    {WSMCP_CONNECTION_ERROR, "ConnectionError",
        "no connection, a lost one, or an answer that did not come"},
    {WSMCP_DEPENDENCY_ERROR, "DependencyError", "a libcurl without WebSocket or too old"},
};

const struct command *command_at(size_t index)
{
	return index < sizeof commands / sizeof *commands ? &commands[index] : NULL;
}

const struct command_status *command_status_at(size_t index)
{
	return index < sizeof statuses / sizeof *statuses ? &statuses[index] : NULL;
}
