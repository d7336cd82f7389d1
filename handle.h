/*
 * The insides of a client's handle (wsmcp.h), for those who share them: calls.h, listener.h and client.c.
 */
#ifndef WSMCP_HANDLE_H
#define WSMCP_HANDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ask.h"
#include "call.h"
#include "connection.h"
#include "protocol.h"
#include "target.h"
#include "task.h"
#include "wsmcp.h"

enum handle_state {
	HANDLE_IDLE, /* no connection */
	HANDLE_CONNECTING,
	HANDLE_CONNECTED,
	HANDLE_LEAVING /* the connection is being closed, nothing else */
};

/* What a blocking call waits for. */
struct handle_outcome {
	bool there;
	enum wsmcp_status status;
	char *result;
};

struct wsmcp {
	struct wsmcp_options options;
	enum wsmcp_status opened; /* how wsmcp_open ended */
	struct target *target;
	struct connection_options plan;
	char **roots;            /* absolute; NULL after the last */
	int64_t request_timeout; /* ms; CLOCK_NEVER = none */

	struct connection *connection;
	enum handle_state state;
	uint64_t ends;  /* of the connection, told so far */
	bool was_ready; /* it was of use when last looked at */
	bool lost;      /* that was told */
	bool said;      /* there is something to do at once */

	struct protocol protocol;
	struct task_tools tools;
	struct ask_list asks;
	struct call *calls;     /* in flight */
	struct call *forgotten; /* ended for the program, but their answers matter */
	struct call *ended, **ended_tail;
	size_t call_count; /* in flight and forgotten */
	int64_t last_number, last_request;
	int64_t blocking; /* number of the call that is waited for, 0 = none */

	struct wsmcp_callbacks callbacks;
	int inside;   /* callbacks that are running */
	bool tapping; /* one of them is the connection's own */
	bool closing; /* no calls may begin */

	enum wsmcp_status status; /* what went wrong last */
	char *error, *error_object;
	char *report; /* of the last attempt; NULL = none */
};

#endif
