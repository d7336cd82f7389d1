/*
 * What a session holds, for the modules that make it up and for nobody else. Each includes only
 * those below it:
 *
 *   session      its face (session.h): life, links, time, the end
 *   from_host    what becomes of a message of the host
 *   from_server  what becomes of one of the server
 *   loss         what a link did with messages, and what its end means for them
 *   resume       how a new link takes up the session
 *   served       the requests of the server that the host owes an answer
 *   queue        the messages that wait for the server
 *   asked        the requests of the host that the server owes an answer
 *   parts        the JSON-RPC objects in a message
 */
#ifndef WSMCP_SESSION_STATE_H
#define WSMCP_SESSION_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "due.h"
#include "message.h"
#include "pending.h"
#include "reason.h"
#include "replay.h"
#include "session_options.h"

enum phase {
	PHASE_OFFLINE, /* no link */
	PHASE_REPLAY,  /* a link that waits for the answer to the replayed initialize */
	PHASE_READY    /* a link that carries what the host says */
};

struct session {
	struct session_options opt;
	struct session_stats stats;
	enum phase phase;

	/* Requests of the host. */
	struct pending_table *asked; /* owed by the server */
	size_t kept;                 /* cost of what is kept of them */
	size_t listens;              /* owed entries that owe nothing at the end */

	/* To the server. */
	struct message_list first;      /* what a new link hears before anything else */
	struct message_list for_server; /* what waits */
	uint64_t serial;                /* of the last message queued */
	size_t refusals;                /* since the queue was last empty */
	int64_t offline_check;          /* when the next offline time ends */

	/* On the link. */
	size_t on_link;                      /* messages pulled and not reclaimed */
	struct message_list returned;        /* reclaimed, and not sent */
	uint64_t silent_serial, silent_size; /* the largest message without answer */

	/* Replay. */
	struct replay replay;
	struct pending_table *private; /* asked by us on this link */
	int64_t private_id;            /* the next */
	int64_t replay_until;
	struct reason rejects;       /* why the link cannot be used */
	uint64_t initialized_serial; /* of the last notifications/initialized that was sent */

	/* Requests of the server. */
	struct pending_table *served;  /* owed by the host; settled = by an old link */
	struct pending_table *renamed; /* those the host knows by another id; alias = that id */
	uint64_t fresh;                /* ids made up for them */

	/* To the host. */
	struct message_list for_host; /* of the server */
	struct due_queue due;         /* of ours */
	uint64_t given;               /* messages of the server that the host has pulled */
	bool initialize_answered;

	/* No link. */
	struct why *offline; /* why there is none, as far as is known */
	struct why *refused, *given_up;
	bool is_refused, gave_up;

	/* The end. */
	int64_t host_spoke;
	int64_t linger_until;   /* on the link there is */
	int64_t patience_until; /* without one, for what has no offline time */
	bool host_ended;
	bool impatient; /* patience_until is over */
	bool last_call; /* linger_until, too, and the link was asked once more */
	bool lingered;  /* ... in vain */
	bool failed;    /* something owed stayed without the server's answer */
};

#endif
