/*
 * The invariants, and the book they are checked against: every message of the host is "said" and has a
 * number, "n" in its text; every message of the server is "told" and has a mark, "m" in its
 * text. What comes out at the other end without one was made by the bridge.
 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compat.h"
#include "message.h"
#include "reason.h"
#include "wire.h"

enum what { A_REQUEST, A_NOTIFICATION, A_RESPONSE };

/* What the host said. */
struct said {
	enum what what;
	unsigned traits; /* of its method (method.h) */
	bool cursor, picky, task, large, batch;
	char *text; /* the element, not its batch */
	char id[80];
	uint64_t first;   /* number of the first element of its message */
	uint64_t to;      /* mark of the request this answers, or number of the one it cancels */
	size_t size;      /* of its message */
	bool again;       /* not the first answer to its request */
	bool taken;       /* the bridge has it */
	bool may_be_used; /* its id may rightly be refused */
	bool cancelled, gone; /* gone: cancelled before it could leave */
	unsigned cancelled_link;
	bool pong_due;         /* a ping that the bridge must answer itself */
	bool expired;          /* it waited for its offline time */
	int64_t at;            /* when it was taken */
	int64_t waits;         /* since when it waits for a link, -1 = it does not */
	unsigned ours, theirs; /* answers the host got */
	unsigned ours_link;    /* the latest that ours can be of */
	int code;              /* of ours */
	bool said_no;          /* ours said that it was not delivered */
	unsigned heard;        /* how often a server got it whole */
	unsigned heard_link;
	unsigned begun, sent; /* links */
	unsigned begun_link;
	bool live;          /* a subscription that was acknowledged */
	unsigned live_link; /* ... and where, at last */
	bool
	    answered; /* its first answer was handed to the bridge, which had nothing left to tell */
	bool answered_late; /* ... or had */
	bool resumed;       /* the answer was to what an earlier link had sent */
	unsigned done_link; /* ... and came before this link could hear it again */
	uint64_t answer;    /* its mark */
	unsigned cancels_heard;
};

/* What the server told. */
struct told {
	enum what what;
	char *text;
	char id[80];    /* of a request: its own; of an answer: as the server spelled it */
	char shown[80]; /* of a request: as the host saw it */
	unsigned link;
	uint64_t answers; /* number of the request; 0 = nobody's */
	bool again, private, malformed, invalid, large, error, acknowledges, cancels;
	bool resumed; /* answers what an earlier link has heard */
	bool refused; /* the bridge answered it with an error */
	bool handed;  /* the bridge got it */
	int64_t handed_at;
	unsigned seen;   /* by the host */
	bool answered;   /* by the host */
	bool taken_back; /* the host was told that nobody asks any more */
	bool withdrawn;  /* cancelled by the server */
	bool over;       /* ... and the bridge knows */
	uint64_t about;  /* mark of the request a cancellation is for */
	char version[24];
	unsigned lists; /* declared by an answer to initialize, METHOD_ASKS_* */
};

void check_begin(void);
void check_end(void);
_Noreturn void check_fail(const char *format, ...) PRINTF_LIKE(1, 2);

/* The books. Pointers live until the next entry. */
uint64_t check_say(enum what what, const char *method, const char *id);
struct said *check_said(uint64_t n);
uint64_t check_said_count(void);
uint64_t check_tell(enum what what, const char *id);
struct told *check_told(uint64_t m);
uint64_t check_told_count(void);
void check_stain(const char *id); /* the server misuses this id: less can be demanded for it */

/* What happens. */
void check_taken(uint64_t first, unsigned count); /* the bridge took a message of the host */
void check_null_expected(void);                   /* ... that is to be refused with id null */
void check_host_ended(void);
void check_stopped(void);
void check_host_got(const struct message *m); /* a line on stdout */
void check_bridge_received(const struct wire_item *item);
void check_attempt(bool command);
void check_command_failed(void);
void check_closing(unsigned code); /* the bridge closes the link, with 1000 because it is over */
void check_link_open(unsigned link);
void check_link_down(const struct reason *reason, bool was_up);
void check_reclaimed(const struct message *m);
/* Returns whether it is a request of the bridge itself; ${n} 0: a message without a number. */
bool check_server_heard(unsigned link, uint64_t n, const char *text, size_t len,
    const struct jsonrpc_envelope *e, bool first_of_message);

/* After each step; ${drained}: the host took all there was. */
void check_step(bool drained);

/* How many requests still wait for an answer. */
unsigned check_owed(void);
const char *check_first_owed(void); /* the text of one of them */
void check_quiet(void);             /* nothing is owed: whatever must have happened has */
void check_kept(size_t in_flight, size_t of_server, size_t queued); /* by the bridge, then */
void check_reconnects(size_t count);                                /* as it counts them */
void check_outcome(bool complete);

bool check_is_over(void);   /* the bridge has rightly given up */
bool check_is_ready(void);  /* there is a link of use, as far as can be known */
bool check_is_unsure(void); /* it cannot be known what the bridge replays, or whether it does */
bool check_in_use(const char *id);

/* The top-level number under ${key}, 0 = none. */
uint64_t check_number(const char *text, size_t len, const char *key);

/* Element ${*at}.. of a message as raw text; false after the last. ${*at} and ${*from} begin at 0. */
struct check_element {
	const char *text;
	size_t len;
	struct jsonrpc_envelope envelope; /* spans count from the start of the message */
};
bool check_next_element(const struct message *m, size_t *at, struct check_element *e);

#endif
