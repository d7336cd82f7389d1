#!/bin/sh
# Shows that the simulator bites: each of the changes below breaks one invariant in a scratch copy,
# and must be caught. Says after how many seeds it was.
#
#   tests/sim/mutate.sh [NAME...]     all of them, or those named
#
# CC, CFLAGS and MAX_SEEDS (50000) may be set.
set -eu

cd "$(dirname "$0")/../.."
CC=${CC:-cc}
CFLAGS=${CFLAGS:--O2}
MAX_SEEDS=${MAX_SEEDS:-50000}
FLAGS="-std=c11 -D_DEFAULT_SOURCE -D_DARWIN_C_SOURCE -I. $CFLAGS"
MODULES='answer asked backoff buf clock connection due expand frame from_host from_server headers jsonrpc
keepalive loss message method outbox parts pending queue reason replay resume served session trace utf8
verdict'

scratch=$(mktemp -d "${TMPDIR:-/tmp}/mutate.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# NAME FILE SED-COMMAND, one a line; each changes exactly one line.
mutations() {
	cat <<'EOF'
unsafe-again loss.c s/s->opt.resend && (p->traits & METHOD_SAFE)/s->opt.resend/
tls-rule outbox.c s/o->tls ? o->shown : o->accepted/o->accepted/
three-links loss.c s/^#define LINKS_MAX       2/#define LINKS_MAX       3/
late-answer asked.c s/^\tif (on_link)$/\tif (false)/
delivered asked.c s/on_link || ever_sent ? ANSWER_MAYBE_SENT/ever_sent ? ANSWER_MAYBE_SENT/
late-on-next-link loss.c s/pending_outlive_link(s->asked)/pending_forget_settled(s->asked)/
lost-and-late asked.c /^void asked_answer(/,/^}/s/asked_settle(s, p, PENDING_GONE)/asked_remove(s, p)/
heard-twice-answered-twice asked.c /^void asked_finish/,/^}/s/if (p->flags & PENDING_RESENT)/if (false)/
id-held asked.c s/(p && p->state != PENDING_GONE)/p/
answered-and-resent queue.c s/if (owed > 0 || m->envelope.kind != JSONRPC_REQUEST)/if (true || owed)/
ping-refused from_host.c s/bool offline = s->phase != PHASE_READY && !s->gave_up;/bool offline = s->phase != PHASE_READY \&\& !is_hopeless(s);/
our-error-dropped queue.c s/return s->phase == PHASE_REPLAY;/return false;/
linger-without-link session.c s/return s->host_ended && s->phase == PHASE_READY && /return s->host_ended \&\& /
no-last-call session.c s/if (!s->last_call && /if (false \&\& /
discover-for-ever queue.c s/return !refused && !s->impatient && /return !refused \&\& /
old-question served.c /^void served_cancel_all/,/^}/s/pending_settle(s->served, p, PENDING_CANCELLED)/pending_remove(s->served, p)/
wrong-id served.c /^enum part_fate served_answer/,/^}/s/ok ? PART_CHANGED/ok ? PART_KEPT/
taken-back served.c /^enum part_fate served_withdraw/,/^}/s/pending_settle(s->served, p, PENDING_CANCELLED)/pending_remove(s->served, p)/
not-renamed served.c s/return give_fresh_id(s, id, len, with) ? PART_CHANGED : PART_DROPPED;/return PART_KEPT;/
old-answer-in-batch loss.c s/if (e->kind == JSONRPC_RESPONSE || (parts_traits(m, e) & METHOD_CANCELLED))/if (parts_traits(m, e) \& METHOD_CANCELLED)/
cancelled-in-batch asked.c s/return p && p->state == PENDING_OWED ? PART_KEPT : PART_DROPPED;/return p ? PART_KEPT : PART_DROPPED;/
batch-lost loss.c s/return !over || asked_next_owed/return asked_next_owed/
private-collision resume.c s/} while (pending_find(s->asked, text, (size_t)len) ||/} while (/
private-answer from_server.c s/^\t\tresume_answered(s, m, p);$/\t\tif (s->phase == PHASE_READY) return PART_KEPT; else resume_answered(s, m, p);/
replay-not-awaited session.c s/if (!m && s->phase == PHASE_READY)/if (!m)/
no-initialized replay.c s/if (r->initialized && /if (false \&\& /
initialized-always replay.c s/if (r->initialized && /if (/
no-level replay.c s/if (r->level && /if (false \&\& /
no-list-changed resume.c s/!replay_make_missed(&s->replay, &s->for_host)/false/
order loss.c s/^\t\tmessage_list_push(to, m);$/\t\tmessage_list_push_front(to, m);/
cancel-on-next-link loss.c s/if (e->kind == JSONRPC_RESPONSE || (parts_traits(m, e) & METHOD_CANCELLED))/if (e->kind == JSONRPC_RESPONSE)/
cancelled-but-sent from_host.c s/^\tqueue_withdraw(s, serial);$/\t;/
offline-time queue.c s/clock_add(m->waits_since, s->opt.offline_timeout)/clock_add(m->waits_since, s->opt.offline_timeout + 2)/
offline-clock-of-the-sent loss.c s/^\t\tm->waits_since = -1; .*$//
linger-spin session.c s/ && s->phase == PHASE_READY && !all_is_done(s);/ \&\& s->phase == PHASE_READY;/
request-time session.c s/clock_add(p->arrived, s->opt.request_timeout) <= now/clock_add(p->arrived, s->opt.request_timeout) < now/
gone-too-early session.c s/return s->initialize_answered || s->host_ended ||/return true ||/
refused-waits session.c s/queue_expire(s, now - s->opt.offline_timeout, true, s->refused);/;/
refused-hurry connection.c s/wait_for(c, c->opt.retry_delay_max, now);/wait_for(c, c->opt.retry_delay_max \/ 2, now);/
back-off backoff.c s/at_most(b->cap \* 2, b->max)/at_most(b->cap * 3, b->max)/
link-too-late connection.c s/^\t\tif (link_state(c->link) == LINK_OPEN)$/\t\tif (false)/
EOF
}

build() { # DIRECTORY OBJECT-DIRECTORY SOURCE...
	(cd "$1" && out=$2 && shift 2 && for source; do
		# shellcheck disable=SC2086 # the flags are words
		$CC $FLAGS -c -o "$out/$(basename "$source" .c).o" "$source"
	done)
}

mkdir "$scratch/src" "$scratch/objects"
cp -R ./*.[ch] tests "$scratch/src/"
for module in $MODULES; do
	build "$scratch/src" "$scratch/objects" "$module.c"
done
build "$scratch/src" "$scratch/objects" tests/sim/*.c

mutations | while read -r name file change; do
	case " $* " in
	'  ' | *" $name "*) ;;
	*) continue ;;
	esac
	sed "$change" "$file" > "$scratch/src/$file"
	changed=$(diff "$file" "$scratch/src/$file" | grep -c '^<' || true)
	if [ "$changed" != 1 ]; then
		echo "$name: changes $changed lines of $file, not 1" >&2
		touch "$scratch/failed"
		continue
	fi
	cp "$scratch"/objects/*.o "$scratch/"
	build "$scratch/src" "$scratch" "$file"
	cp "$file" "$scratch/src/$file"
	# shellcheck disable=SC2086
	$CC $FLAGS -o "$scratch/sim" "$scratch"/*.o -lcjson
	if "$scratch/sim" --seeds "$MAX_SEEDS" > "$scratch/out" 2>&1; then
		echo "$name: NOT CAUGHT within $MAX_SEEDS seeds"
		touch "$scratch/failed"
		continue
	fi
	said=$(grep -E 'seed [0-9]+' "$scratch/out" | head -1)
	printf '%-28s %7s seeds: %s\n' "$name" \
	    "$(printf '%s' "$said" | grep -oE 'seed [0-9]+' | head -1 | cut -d' ' -f2)" \
	    "$(printf '%s' "$said" | sed 's/^seed [0-9]* fails at [0-9]* ms: //; s/; replay.*//' | cut -c1-110)"
done
[ ! -e "$scratch/failed" ]
