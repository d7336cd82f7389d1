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
MODULES='answer backoff buf clock connection due expand frame headers jsonrpc keepalive message method
outbox pending reason replay session trace utf8 verdict'

scratch=$(mktemp -d "${TMPDIR:-/tmp}/mutate.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# NAME FILE SED-COMMAND, one a line; each changes exactly one line.
mutations() {
	cat <<'EOF'
unsafe-again session.c s/s->opt.resend && (p->traits & METHOD_SAFE)/s->opt.resend/
tls-rule outbox.c s/o->tls ? o->shown : o->accepted/o->accepted/
three-links session.c s/if (p->links >= 2 && !(p->flags & PENDING_LIVE))/if (p->links >= 3)/
late-answer session.c s/^\tif (is_on_link(s, p))$/\tif (false)/
delivered session.c s/is_on_link(s, p) ? ANSWER_MAYBE_SENT : delivered_of(p)/delivered_of(p)/
late-on-next-link session.c s/pending_outlive_link(s->asked)/pending_forget_settled(s->asked)/
lost-and-late session.c /^static void answer_pending/,/^}/s/settle_asked(s, p, PENDING_GONE)/remove_asked(s, p)/
heard-twice-answered-twice session.c /^static void finish_asked/,/^}/s/if (p->flags & PENDING_RESENT)/if (false)/
id-held session.c s/(p && p->state != PENDING_GONE)/p/
answered-and-resent session.c s/if (owed > 0 || m->envelope.kind != JSONRPC_REQUEST)/if (true || owed)/
ping-refused session.c s/!s->gave_up && s->replay.initialize/!is_hopeless(s) \&\& s->replay.initialize/
our-error-dropped session.c s/return s->phase == PHASE_REPLAY;/return false;/
linger-without-link session.c s/return s->host_ended && s->phase == PHASE_READY && /return s->host_ended \&\& /
no-last-call session.c s/if (!s->last_call && /if (false \&\& /
discover-for-ever session.c s/return !refused && !s->impatient && /return !refused \&\& /
old-question session.c /^static void cancel_at_host/,/^}/s/pending_settle(s->served, p, PENDING_CANCELLED)/pending_remove(s->served, p)/
wrong-id session.c /^static enum passage host_responds/,/^}/s/? CHANGE : DROP/? PASS : DROP/
taken-back session.c /^static enum passage server_cancels/,/^}/s/pending_settle(s->served, p, PENDING_CANCELLED)/pending_remove(s->served, p)/
not-renamed session.c s/return give_fresh_id(s, id, len, with) ? CHANGE : DROP;/return PASS;/
old-answer-in-batch session.c s/if (e->kind == JSONRPC_RESPONSE || (traits_of(m, e) & METHOD_CANCELLED))/if (traits_of(m, e) \& METHOD_CANCELLED)/
cancelled-in-batch session.c s/return e->kind != JSONRPC_REQUEST || (p && p->state == PENDING_OWED) ? PASS : DROP;/return e->kind != JSONRPC_REQUEST || p ? PASS : DROP;/
batch-lost session.c s/ || (is_batch && m->links < 2 && !charged);/;/
private-collision session.c s/} while (pending_find(s->asked, text, (size_t)len) ||/} while (/
private-answer session.c s/^\tif (s->phase != PHASE_REPLAY || s->rejects.kind != REASON_NONE)$/\tif (s->phase == PHASE_READY) return PASS; else if (s->phase != PHASE_REPLAY)/
replay-not-awaited session.c s/if (!m && s->phase == PHASE_READY)/if (!m)/
no-initialized replay.c s/if (r->initialized && /if (false \&\& /
initialized-always replay.c s/if (r->initialized && /if (/
no-level replay.c s/if (r->level && /if (false \&\& /
no-list-changed session.c s/!replay_make_missed(&s->replay, &s->for_host)/false/
order session.c s/^\t\tmessage_list_push(to, m);$/\t\tmessage_list_push_front(to, m);/
cancel-on-next-link session.c s/return false; \/\* what it cancels went with the link \*\//return true;/
cancelled-but-sent session.c /^static bool host_cancels/,/^}/s/^\tunqueue(s, serial);$/\t;/
offline-time session.c s/clock_add(m->waits_since, s->opt.offline_timeout)/clock_add(m->waits_since, s->opt.offline_timeout + 2)/
offline-clock-of-the-sent session.c s/^\t\tm->waits_since = -1; .*$//
linger-spin session.c s/ && s->phase == PHASE_READY && !all_is_done(s);/ \&\& s->phase == PHASE_READY;/
request-time session.c s/clock_add(p->arrived, s->opt.request_timeout) <= now/clock_add(p->arrived, s->opt.request_timeout) < now/
gone-too-early session.c s/if (s->initialize_answered || s->host_ended ||/if (true ||/
refused-waits session.c s/empty_queue(s, now - s->opt.offline_timeout, true, s->refused);/;/
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
