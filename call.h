/*
 * One thing that a program wants of a server, from its first request to its end: connecting, a list of many pages, a
 * tool that runs as a task, a request that is asked back. Pure: what it wants next is told, its
 * owner sends, waits and asks.
 */
#ifndef WSMCP_CALL_H
#define WSMCP_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ask.h"
#include "buf.h"
#include "compat.h"
#include "pages.h"
#include "protocol.h"
#include "task.h"
#include "wsmcp.h"

#define CALL_ROUNDS_MAX   32   /* how often a request may be answered with another wish for input */
#define CALL_INPUTS_MAX   100  /* inputs wished for at once */
#define CALL_RETRY_WAIT   1000 /* ms before a request is made again that needs no input */
#define CALL_SUBSCRIPTION "subscriptions/listen" /* is answered only when it ends */
#define CALL_ERROR_SIZE   2048

enum call_kind { CALL_CONNECT, CALL_LIST, CALL_TOOL, CALL_REQUEST };

/* What is to be done next. */
enum call_step {
	CALL_SEND, /* send method with params as a request, and tell the answer */
	CALL_WAIT, /* tell when it is wake */
	CALL_ASK,  /* get an answer to each of the inputs */
	CALL_DONE  /* nothing: status, result, error and error_object say how it ended */
};

enum call_phase {
	CALL_INITIALIZING,
	CALL_DISCOVERING,
	CALL_PAGING,
	CALL_LEARNING,   /* which tools must be tasks */
	CALL_REQUESTING, /* the request itself */
	CALL_CREATING,   /* the request itself, as a task */
	CALL_POLLING,
	CALL_FETCHING, /* the result of a task */
	CALL_UPDATING  /* telling a task its inputs */
};

struct call_input {
	enum ask_kind kind;
	char *key;    /* raw */
	char *params; /* raw; NULL = none */
	char *answer; /* raw; NULL = none yet */
};

struct call {
	/* for its owner */
	struct call *next;
	int64_t number;
	int64_t request; /* its request in flight; 0 = none */
	int64_t deadline;
	wsmcp_done *done;
	void *context;
	bool blocking;

	/* what is wanted next */
	enum call_step step;
	const char *method;
	struct buf params; /* raw; empty = none */
	int64_t wake;

	/* the end */
	enum wsmcp_status status;
	char *result; /* NULL = none */
	char *error;  /* a sentence; NULL = none, or memory is out */
	char *error_object;

	/* private to call.c */
	enum call_kind kind;
	enum call_phase phase;
	int mode;         /* enum wsmcp_protocol */
	char *own_method; /* of a request or list */
	char *member;     /* of a list; the tool of a call */
	char *base;       /* raw params of the request as it was wanted; NULL = none */
	struct pages pages;
	struct call_input *inputs;
	size_t input_count, unanswered;
	struct buf served; /* raw keys of the inputs that a task was told, a newline behind each */
	char *state;       /* raw requestState; NULL = none */
	int rounds;
	char *task; /* raw id; NULL = none */
	char *first_error, *first_object;
};

/* What is known, for each step. */
struct call_world {
	struct protocol *protocol;
	struct task_tools *tools;
	unsigned features; /* enum protocol_feature */
	int64_t now;
};

/* The answer to a request. */
struct call_answer {
	bool is_error;
	bool ours; /* an error that was made here */
	bool lost; /* ... because the server ended the connection, perhaps for what was sent */
	const char *text; /* the raw result, or error object */
	size_t len;
};

/* NULL if memory is out. Strings are copied; raw JSON is valid. */
struct call *call_new_connect(int mode);
struct call *call_new_list(const char *method, const char *member);
struct call *call_new_tool(const char *tool, const char *arguments);
struct call *call_new_request(const char *method, const char *params);
void call_free(struct call *c); /* NULL is fine */

/* Each sets step. */
void call_begin(struct call *c, const struct call_world *w);
void call_answered(struct call *c, const struct call_world *w, const struct call_answer *a);
void call_woken(struct call *c, const struct call_world *w);
void call_give_input(struct call *c, const struct call_world *w, size_t input, const char *answer);

/* Ends it. */
void call_fail(struct call *c, enum wsmcp_status status, const char *format, ...) PRINTF_LIKE(3, 4);

/* Whether it is a request that a server is working on, and may be told to stop. */
bool call_can_cancel(const struct call *c);

/* The raw id of the task that runs for it; NULL if there is none. */
const char *call_task(const struct call *c);

/* Whether its request, if one is in flight, will make a task, and that is to be cancelled then. */
bool call_makes_task(const struct call *c);

#endif
