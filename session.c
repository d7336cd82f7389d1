#include "session.h"

#include <stdlib.h>

#include "asked.h"
#include "clock.h"
#include "from_host.h"
#include "from_server.h"
#include "loss.h"
#include "method.h"
#include "queue.h"
#include "resume.h"
#include "served.h"
#include "session_state.h"

/* --- life -------------------------------------------------------------- */

struct session *session_new(const struct session_options *options, int64_t now)
{
	struct session *s = calloc(1, sizeof *s);
	size_t max = SESSION_IN_FLIGHT_MAX, settled = SESSION_SETTLED_MAX;

	if (!s)
		return NULL;
	s->opt = *options;
	s->host_spoke = now;
	s->due.server = options->server;
	s->replay_until = s->offline_check = CLOCK_NEVER;
	s->linger_until = s->patience_until = CLOCK_NEVER;
	s->asked = pending_table_new(max, settled, options->seed);
	s->served = pending_table_new(max, settled, options->seed);
	s->renamed = pending_table_new(max, settled, options->seed);
	s->private = pending_table_new(max, settled, options->seed);
	if (!s->asked || !s->served || !s->renamed || !s->private) {
		session_free(s);
		return NULL;
	}
	return s;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	due_free(&s->due);
	pending_table_free(s->asked);
	pending_table_free(s->served);
	pending_table_free(s->renamed);
	pending_table_free(s->private);
	message_list_free(&s->first);
	message_list_free(&s->for_server);
	message_list_free(&s->for_host);
	message_list_free(&s->returned);
	replay_free(&s->replay);
	why_release(s->refused);
	why_release(s->given_up);
	why_release(s->offline);
	free(s);
}

/* --- in ---------------------------------------------------------------- */

void session_host_said(struct session *s, struct message *m, int64_t now)
{
	m->arrived = s->host_spoke = now;
	s->stats.from_host++;
	from_host_take(s, m);
}

void session_server_said(struct session *s, struct message *m, int64_t now)
{
	m->arrived = now;
	s->stats.from_server++;
	from_server_take(s, m);
}

void session_host_ended(struct session *s, int64_t now)
{
	int64_t linger = s->opt.linger, offline = s->opt.offline_timeout;

	if (s->host_ended)
		return;
	s->host_ended = true;
	s->linger_until = clock_add(now, linger);
	s->patience_until = clock_add(now, linger > offline ? linger : offline);
	served_refuse_all(s);
}

/* --- out --------------------------------------------------------------- */

struct message *session_next_for_server(struct session *s)
{
	if (s->phase == PHASE_OFFLINE || s->rejects.kind != REASON_NONE)
		return NULL;
	struct message *m = message_list_pop(&s->first);
	if (!m && s->phase == PHASE_READY)
		m = queue_pull(s);
	s->on_link += m != NULL;
	return m;
}

/* Answers of ours keep their place between the messages of the server. */
struct message *session_next_for_host(struct session *s, bool *ours)
{
	*ours = true;
	while (due_ready(&s->due, s->given)) {
		struct message *m = due_pull(&s->due);
		if (m)
			return m;
		s->stats.out_of_memory++;
	}
	*ours = false;
	struct message *m = message_list_pop(&s->for_host);
	s->given += m != NULL;
	return m;
}

size_t session_waiting_for_server(const struct session *s)
{
	return s->for_server.cost;
}

size_t session_waiting_for_host(const struct session *s)
{
	return s->for_host.cost;
}

/* --- links ------------------------------------------------------------- */

void session_link_up(struct session *s, int64_t now)
{
	resume_begin(s, now);
}

bool session_is_ready(const struct session *s)
{
	return s->phase == PHASE_READY;
}

const struct reason *session_rejects(const struct session *s)
{
	return s->phase != PHASE_OFFLINE && s->rejects.kind != REASON_NONE ? &s->rejects : NULL;
}

void session_reclaimed(struct session *s, struct message *m)
{
	s->on_link--;
	if (m->serial == 0)
		message_free(m); /* ours, for that link only */
	else
		loss_reclaimed(s, m);
}

void session_link_down(struct session *s, const struct reason *reason, int64_t now)
{
	if (s->phase == PHASE_OFFLINE)
		return;
	s->phase = PHASE_OFFLINE;
	resume_end(s);
	loss_settle(s, reason, now);
	served_cancel_all(s, reason->text);
	session_attempt_failed(s, reason);
}

void session_attempt_failed(struct session *s, const struct reason *reason)
{
	why_release(s->offline);
	s->offline = why_new(reason);
}

void session_refused(struct session *s, const struct reason *reason, int64_t now)
{
	why_release(s->refused);
	s->refused = why_new(reason);
	s->is_refused = true;
	queue_expire(s, now - s->opt.offline_timeout, true, s->refused);
}

void session_give_up(struct session *s, const struct reason *reason, int64_t now)
{
	struct pending *p;

	(void)now;
	if (s->gave_up)
		return;
	s->gave_up = s->failed = true;
	s->given_up = why_new(reason);
	s->phase = PHASE_OFFLINE;
	queue_drop(s);
	while ((p = pending_first_owed(s->asked)) != NULL)
		asked_answer_lost(s, p, s->given_up);
}

void session_cancel_all(struct session *s, int64_t now)
{
	size_t count = 0;

	(void)now;
	/* There is no time for a million of them, and the close frame says as much. */
	for (struct pending *p = pending_first_owed(s->asked); p && count < SESSION_CANCELS_MAX;
	     p = p->next, count++)
		queue_cancel(s, p, "the host has ended the session", true);
}

/* --- the end ----------------------------------------------------------- */

static bool all_is_done(const struct session *s)
{
	if (pending_owed(s->asked) > s->listens)
		return false;
	if (s->lingered)
		return true;
	if (s->phase != PHASE_READY)
		return !queue_needs_link(s);
	return s->on_link == 0 && s->first.count == 0 && s->for_server.count == 0;
}

/* The host has left: while there is a link, the linger time counts. */
static bool is_lingering(const struct session *s)
{
	return s->host_ended && s->phase == PHASE_READY && !all_is_done(s);
}

/*
 * The linger time is over: what is owed is answered here, and cancelled at the server. But first
 * the link may take once more what is queued: with no linger time at all it has not been asked
 * yet.
 */
static void end_linger(struct session *s)
{
	struct pending *next;

	if (!s->last_call && s->for_server.count > 0) {
		s->last_call = true;
		return;
	}
	s->lingered = true;
	queue_drop(s);
	for (struct pending *p = pending_first_owed(s->asked); p; p = next) {
		next = p->next;
		if (p->traits & METHOD_LISTEN)
			continue;
		queue_cancel(s, p, "the host has ended its input", false);
		asked_answer(s, p, DUE_LINGER, (struct due_extra){0});
	}
}

/* A host shows the error of initialize, not an exit status: it is left the time to ask. */
static bool host_knows(const struct session *s, int64_t now)
{
	return s->initialize_answered || s->host_ended ||
	       now >= clock_add(s->host_spoke, SESSION_GIVE_UP_WAIT);
}

enum session_outcome session_outcome(const struct session *s, int64_t now)
{
	bool over = s->gave_up ? host_knows(s, now) : s->host_ended && all_is_done(s);

	/* Until the host has pulled everything it is not over. */
	if (!over || due_waiting(&s->due) || s->for_host.count > 0)
		return SESSION_GOES_ON;
	return s->failed ? SESSION_FAILED : SESSION_COMPLETE;
}

/* --- time -------------------------------------------------------------- */

/* The oldest owed request that the request timeout is for. */
static struct pending *oldest_timed(const struct session *s)
{
	struct pending *p = s->opt.request_timeout ? pending_first_owed(s->asked) : NULL;

	while (p && (p->traits & METHOD_LISTEN))
		p = p->next;
	return p;
}

static void time_out_request(struct session *s, struct pending *p)
{
	bool waits = !(p->flags & PENDING_PULLED);
	uint64_t serial = p->serial;

	queue_cancel(s, p, "the request timed out", false);
	asked_answer(s, p, DUE_TIMEOUT, (struct due_extra){0});
	if (waits)
		queue_withdraw(s, serial);
}

void session_tick(struct session *s, int64_t now)
{
	struct pending *p;

	while (
	    (p = oldest_timed(s)) != NULL && clock_add(p->arrived, s->opt.request_timeout) <= now)
		time_out_request(s, p);
	if (s->phase == PHASE_REPLAY && now >= s->replay_until)
		resume_reject(s, REASON_REPLAY, "the replayed initialize was not answered in time");
	if (now >= s->patience_until) {
		s->impatient = true;
		s->patience_until = CLOCK_NEVER;
		s->offline_check = now;
	}
	if (s->phase != PHASE_READY && now >= s->offline_check)
		queue_expire(s, now - s->opt.offline_timeout, false, s->offline);
	if (now >= s->linger_until && is_lingering(s))
		end_linger(s);
}

int64_t session_deadline(const struct session *s)
{
	const struct pending *p = oldest_timed(s);
	int64_t at = s->patience_until;

	if (is_lingering(s))
		at = clock_min(at, s->linger_until);
	if (p)
		at = clock_min(at, clock_add(p->arrived, s->opt.request_timeout));
	if (s->phase == PHASE_REPLAY && s->rejects.kind == REASON_NONE)
		at = clock_min(at, s->replay_until);
	if (s->phase != PHASE_READY)
		at = clock_min(at, s->offline_check);
	/* While the host does not read what it is to know, time changes nothing. */
	if (s->gave_up && !due_waiting(&s->due) && s->for_host.count == 0)
		at = clock_min(at, clock_add(s->host_spoke, SESSION_GIVE_UP_WAIT));
	return at;
}

/* --- counters ---------------------------------------------------------- */

void session_stats(const struct session *s, struct session_stats *out)
{
	*out = s->stats;
	out->in_flight = pending_owed(s->asked);
	out->in_flight_server = pending_owed(s->served);
	out->queued = s->for_server.count;
}
