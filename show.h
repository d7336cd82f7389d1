/*
 * What a server answers and says, for a person to read: results of the requests that the REPL
 * makes, and notifications. Everything of the server's is escaped.
 */
#ifndef WSMCP_SHOW_H
#define WSMCP_SHOW_H

#include "catalog.h"
#include "console.h"
#include "value.h"

/* Lists, and one item of a list; each writes a line of its own if there is nothing. */
void show_tools(struct console *c, struct value tools);
void show_tool(struct console *c, struct value tool);
void show_resources(struct console *c, struct value resources, struct value templates);
void show_prompts(struct console *c, struct value prompts);

/* The result of tools/call, resources/read, prompts/get, completion/complete. */
void show_call(struct console *c, struct value result);
void show_contents(struct console *c, struct value result);
void show_prompt(struct console *c, struct value result);
void show_completion(struct console *c, struct value result);

/* Any result, as JSON. */
void show_json(struct console *c, struct value v);

/* A notification, ${params} NULL if it has none. */
void show_notification(struct console *c, const char *method, const char *params);

/* A message as it was, on one line. */
void show_message(struct console *c, bool to_server, const char *text, size_t len);

#endif
