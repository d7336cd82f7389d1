/*
 * What a server asks of its client: which kind it is, the answer to roots/list, and the tickets of what
 * somebody answers later. Pure.
 */
#ifndef WSMCP_ASK_H
#define WSMCP_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define ASK_MAX ((size_t)1000) /* tickets at once */

enum ask_kind { ASK_UNKNOWN, ASK_PING, ASK_ROOTS, ASK_ELICIT, ASK_SAMPLE };

/* The kind of the method with this raw name. */
enum ask_kind ask_kind(const char *method, size_t len);

/* Whether ${params} (raw; NULL = none) of an elicitation name a mode that the client declares, or none. */
bool ask_mode_known(const char *params, size_t len);

/* Appends {"roots":[...]} for absolute paths of directories, NULL after the last. Returns false if memory is out. */
bool ask_append_roots(struct buf *out, char *const *paths);

/* One that waits for its answer: a request of the server, or an input that a call needs. */
struct ask {
	struct ask *next;
	int64_t ticket;
	int64_t call; /* the number of the call; 0 = a request of the server */
	size_t input; /* of the call */
	bool told;    /* somebody has the ticket */
	size_t id_len;
	char id[]; /* raw, of the request */
};

/* All zero = none. */
struct ask_list {
	struct ask *head;
	size_t count;
	int64_t last; /* ticket given */
};

/* Adds one with a copy of the id. NULL if there are too many, or memory is out. */
struct ask *ask_add(struct ask_list *l, const char *id, size_t id_len, int64_t call, size_t input);

/* NULL if there is none. */
struct ask *ask_find(const struct ask_list *l, int64_t ticket);
struct ask *ask_find_id(const struct ask_list *l, const char *id, size_t len);
struct ask *ask_find_call(const struct ask_list *l, int64_t call);
struct ask *ask_find_untold(const struct ask_list *l); /* the oldest */

void ask_remove(struct ask_list *l, struct ask *a);
void ask_free(struct ask_list *l);

#endif
