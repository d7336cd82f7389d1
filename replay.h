/*
 * What a new link must hear of an old session, and what the host must hear after it. Pure.
 *
 * Remembered are: the answered initialize with the version that was agreed, whether the host said that it
 * is initialized, the last level it set for logging, its subscriptions, and which lists it has seen.
 * On a new link the messages made from that go out under private ids.
 */
#ifndef WSMCP_REPLAY_H
#define WSMCP_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"

#define REPLAY_SUBSCRIPTIONS_MAX ((size_t)1000)

struct replay_subscription;

/* All zero = nothing to replay. */
struct replay {
	struct message *initialize; /* as the host sent it */
	char *version;              /* raw, as the server answered it */
	bool initialized;           /* the host's notification was sent on some link */
	struct message *level;
	struct replay_subscription *subscriptions;
	size_t subscription_count;
	unsigned lists_asked;    /* METHOD_ASKS_* */
	unsigned lists_declared; /* that the server tells changes of */
};

void replay_free(struct replay *r);

/*
 * The host's initialize ${request} was answered with ${response}. Remembers it if both hold a string
 * protocolVersion, and forgets what an earlier one left. Returns whether it did.
 */
bool replay_learn_initialize(
    struct replay *r, const struct message *request, const struct message *response);

/* Another request of the host was answered without an error; ${traits} are those of its method. */
void replay_learn(struct replay *r, unsigned traits, const struct message *request);

/* The remembered initialize with the agreed version under ${id}, given to the caller; NULL if memory is out. */
struct message *replay_make_initialize(const struct replay *r, int64_t id);

/* A notifications/initialized, given to the caller; NULL if memory is out. */
struct message *replay_make_initialized(void);

enum replay_answer { REPLAY_ACCEPTED, REPLAY_FAILED, REPLAY_OTHER_VERSION };

/* Judges the answer to it; learns what the new server declares. */
enum replay_answer replay_judge(struct replay *r, const struct message *answer);

/*
 * Appends what follows an accepted initialize: notifications/initialized, logging/setLevel, each resources/subscribe. ${next_id}
 * gives private ids. Returns false if memory is out.
 */
bool replay_make_rest(
    const struct replay *r, int64_t (*next_id)(void *user), void *user, struct message_list *out);

/* Appends what the host may have missed: list_changed and resources/updated. Returns false if memory is out. */
bool replay_make_missed(const struct replay *r, struct message_list *out);

/* The raw id of the subscription a notification of 2026-07-28 belongs to (params._meta); len 0 = none. */
struct jsonrpc_span replay_subscription_id(const struct message *m);

/*
 * The same for one subscription of 2026-07-28: from its new ${acknowledgement}, for the types it names. Returns
 * false if memory is out.
 */
bool replay_make_missed_by(const struct message *acknowledgement, struct message_list *out);

#endif
