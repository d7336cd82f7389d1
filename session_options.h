/*
 * What a session is made with, what it counts, and its limits.
 */
#ifndef WSMCP_SESSION_OPTIONS_H
#define WSMCP_SESSION_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_IN_FLIGHT_MAX ((size_t)1000000)  /* requests in flight, each way */
#define SESSION_SETTLED_MAX   ((size_t)10000)    /* ids whose answers may still come, unwanted */
#define SESSION_KEPT_MAX      ((size_t)16 << 20) /* bytes of requests kept to be sent again */
#define SESSION_KEPT_ONE_MAX  ((size_t)1 << 20)  /* ... and of one of them */
#define SESSION_REFUSALS_MAX  ((size_t)1000)     /* of the server, ahead of its reading */
#define SESSION_CANCELS_MAX   ((size_t)1000)     /* cancellations before we leave at a signal */
#define SESSION_GIVE_UP_WAIT  5000 /* ms after the host's last message, once given up */

struct session_options {
	const char *server; /* how to name it to people; no secrets; must outlive the session */
	/* Bytes; told in errors only, others enforce them. */
	uint64_t max_message; /* host to server */
	uint64_t max_reply;   /* server to host */
	/* ms */
	int64_t linger;          /* to wait for owed answers after the host's input ended */
	int64_t offline_timeout; /* for a message to wait for a link; 0 = none */
	int64_t request_timeout; /* until a request is answered with an error; 0 = never */
	int64_t replay_timeout;  /* for the answer to a replayed initialize; 0 = no limit */

	bool resend;   /* requests that are safe to repeat are sent again */
	uint64_t seed; /* for hashing ids */
};

/* Counters since the start. */
struct session_stats {
	uint64_t from_host, from_server;    /* messages */
	uint64_t answered_here;             /* requests answered with an error by us */
	uint64_t refused;                   /* lines of the host that were no JSON-RPC */
	uint64_t dropped_malformed;         /* from the server: not JSON, or a scalar */
	uint64_t dropped_large;             /* notifications over the size limit, both ways */
	uint64_t dropped_unsent;            /* notifications and responses without a link */
	uint64_t dropped_late;              /* answers that nobody waits for any more, or yet */
	uint64_t dropped_charged;           /* notifications and answers that ended two links */
	uint64_t resent;                    /* requests sent again */
	uint64_t links;                     /* that were of use */
	uint64_t out_of_memory;             /* messages that could not be made */
	size_t in_flight, in_flight_server; /* requests owed by the server, by the host */
	size_t queued;                      /* messages waiting for the server */
};

#endif
