#include "resume.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

#define FIRST_PRIVATE_ID                                                                           \
	INT64_C(2147483647) /* counted down; some servers lose other kinds of ids */

/* An id for a request of ours: an integer that nobody else has in flight. */
static int64_t next_private_id(void *user)
{
	struct session *s = user;
	char text[24];
	int len;

	do {
		len = snprintf(text, sizeof text, "%lld", (long long)s->private_id--);
		if (s->private_id < 1)
			s->private_id = FIRST_PRIVATE_ID;
	} while (pending_find(s->asked, text, (size_t)len) ||
	         pending_find(s->private, text, (size_t)len));
	if (!pending_add(s->private, text, (size_t)len))
		s->stats.out_of_memory++;
	return strtoll(text, NULL, 10);
}

static void become_ready(struct session *s, int64_t now)
{
	s->phase = PHASE_READY;
	s->replay_until = s->offline_check = CLOCK_NEVER;
	s->is_refused = false;
	why_release(s->refused);
	s->refused = NULL;
	s->stats.links++;
	/* A host that has left while there was no link waits for its answers on this one. */
	s->linger_until = s->host_ended ? clock_add(now, s->opt.linger) : CLOCK_NEVER;
	s->last_call = false;
}

void resume_begin(struct session *s, int64_t now)
{
	s->rejects.kind = REASON_NONE;
	s->private_id = FIRST_PRIVATE_ID;
	if (!s->replay.initialize) {
		become_ready(s, now);
		return;
	}
	s->phase = PHASE_REPLAY;
	s->replay_until =
	    s->opt.replay_timeout ? clock_add(now, s->opt.replay_timeout) : CLOCK_NEVER;
	struct message *m = replay_make_initialize(&s->replay, next_private_id(s));
	if (m)
		message_list_push(&s->first, m);
	else
		resume_reject(s, REASON_SETUP, "out of memory");
}

void resume_answered(struct session *s, const struct message *m, struct pending *p)
{
	/* A second answer is not for the host either. */
	if (p->state == PENDING_OWED)
		pending_settle(s->private, p, PENDING_ANSWERED);
	if (s->phase != PHASE_REPLAY || s->rejects.kind != REASON_NONE)
		return;
	switch (replay_judge(&s->replay, m)) {
	case REPLAY_ACCEPTED:
		if (!replay_make_rest(&s->replay, next_private_id, s, &s->first) ||
		    !replay_make_missed(&s->replay, &s->for_host))
			s->stats.out_of_memory++;
		become_ready(s, m->arrived);
		break;
	case REPLAY_FAILED:
		resume_reject(
		    s, REASON_REPLAY, "the replayed initialize was answered with an error");
		break;
	case REPLAY_OTHER_VERSION:
		resume_reject(s, REASON_VERSION,
		    "the replayed initialize was answered with another protocol version");
		break;
	}
}

void resume_reject(struct session *s, enum reason_kind kind, const char *text)
{
	if (s->rejects.kind == REASON_NONE)
		reason_set(&s->rejects, kind, "%s", text);
}

void resume_end(struct session *s)
{
	struct pending *p;

	while ((p = pending_first_owed(s->private)) != NULL)
		pending_remove(s->private, p);
	pending_forget_settled(s->private);
	message_list_free(&s->first);
	s->rejects.kind = REASON_NONE;
	s->replay_until = CLOCK_NEVER;
}
