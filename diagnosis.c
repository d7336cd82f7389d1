#include "diagnosis.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cause.h"
#include "object.h"
#include "phrase.h"

#define DETAIL_SIZE 3072
#define DAY         86400

static const char *const step_names[REPORT_STEPS + 1] = {
    [REPORT_STEP_SETUP] = "setup",
    [REPORT_STEP_DNS] = "dns",
    [REPORT_STEP_TCP] = "tcp",
    [REPORT_STEP_PROXY] = "proxy",
    [REPORT_STEP_TLS] = "tls",
    [REPORT_STEP_HTTP] = "http",
    [REPORT_STEP_SUBPROTOCOL] = "subprotocol",
    [REPORT_STEPS] = "link",
};

static int64_t days_left(const struct report *r)
{
	int64_t left = r->certificate.until - r->clock;

	return (left < 0 ? left - DAY + 1 : left) / DAY;
}

/* --- what each step found ----------------------------------------------- */

static void put_dns(struct object *o, const struct report *r, bool ok, struct phrase *detail)
{
	bool of_proxy = *r->proxy && strcmp(r->looked_up, r->host) != 0;

	if (!ok)
		phrase_add(detail, "%s", r->reason.text);
	else if (r->given)
		phrase_add(detail, "%s: its address was given (--resolve)", r->looked_up);
	else
		phrase_add(
		    detail, "%s%s is %s", of_proxy ? "the proxy " : "", r->looked_up, r->addresses);
	object_text(o, "host", r->looked_up);
	object_list(o, "addresses", r->addresses, ", ");
}

static void put_tcp(struct object *o, const struct report *r, bool ok, struct phrase *detail)
{
	if (*r->unix_socket) {
		phrase_add(detail, "Unix socket %s%s%s", r->unix_socket, ok ? "" : ": ",
		    ok ? "" : r->reason.text);
		object_text(o, "unix_socket", r->unix_socket);
		return;
	}
	if (ok)
		phrase_add(detail, "%s%s", r->address, *r->proxy ? " (the proxy)" : "");
	else if (!*r->refused)
		phrase_add(detail, "%s: %s", *r->tried ? r->tried : r->host, r->reason.text);
	if (*r->refused)
		phrase_add(detail, "%s%s", ok ? ", not " : "", r->refused);
	object_text_if(o, "address", r->address);
	object_list(o, "refused", r->refused, "; ");
}

static void put_proxy(struct object *o, const struct report *r, bool ok, struct phrase *detail)
{
	phrase_add(detail, "%s%s%s", r->proxy, ok ? "" : ": ", ok ? "" : r->reason.text);
	if (ok && *r->proxy_variable)
		phrase_add(detail, ", from the environment's %s", r->proxy_variable);
	object_text(o, "proxy", r->proxy);
	object_text_if(o, "variable", r->proxy_variable);
	if (r->proxy_answer.code)
		object_number(o, "status", r->proxy_answer.code);
	object_text_if(o, "challenge", r->proxy_answer.fields[REPORT_CHALLENGE]);
}

static void say_certificate(const struct report *r, struct phrase *detail)
{
	const struct report_certificate *c = &r->certificate;
	char from[PHRASE_DATE_SIZE], until[PHRASE_DATE_SIZE];

	phrase_add(detail, "%scertificate of %s, issued by %s", detail->len ? "; " : "", c->subject,
	    strcmp(c->subject, c->issuer) == 0 ? "itself" : c->issuer);
	if (c->from > r->clock)
		phrase_add(detail, ", good from %s", phrase_day(from, c->from));
	if (c->until >= 0) {
		int64_t days = days_left(r);
		phrase_add(detail, days < 0 ? ", expired on %s" : ", good until %s",
		    phrase_day(until, c->until));
		if (days >= 0)
			phrase_add(detail, " (%" PRId64 " day%s)", days, days == 1 ? "" : "s");
	}
}

static void put_certificate(struct object *o, const struct report *r)
{
	const struct report_certificate *c = &r->certificate;
	char date[PHRASE_DATE_SIZE];
	struct object inner;

	object_key(o, "certificate");
	object_begin(&inner, o->out);
	object_text(&inner, "subject", c->subject);
	object_text(&inner, "issuer", c->issuer);
	object_list(&inner, "names", c->names, ", ");
	if (c->from >= 0)
		object_text(&inner, "not_before", phrase_time(date, c->from));
	if (c->until >= 0) {
		object_text(&inner, "not_after", phrase_time(date, c->until));
		object_number(&inner, "days_left", days_left(r));
	}
	object_end(&inner);
}

static void put_tls(struct object *o, const struct report *r, bool ok, struct phrase *detail)
{
	int64_t left = r->certificate.until < 0 ? INT64_MAX : days_left(r);
	char warning[160] = "";

	if (!ok)
		phrase_add(detail, "%s", r->reason.text);
	else if (*r->tls_version)
		phrase_add(
		    detail, "%s%s%s", r->tls_version, *r->tls_cipher ? ", " : "", r->tls_cipher);
	object_text_if(o, "version", r->tls_version);
	object_text_if(o, "cipher", r->tls_cipher);
	object_bool(o, "verified", ok && !r->insecure);
	if (*r->certificate.subject) {
		say_certificate(r, detail);
		put_certificate(o, r);
	}
	if (!ok)
		return;
	if (r->insecure)
		snprintf(warning, sizeof warning, "nobody has checked who the server is (-k)%s",
		    left < 0 ? ", and its certificate has expired" : "");
	else if (left < DIAGNOSIS_DAYS)
		snprintf(warning, sizeof warning,
		    "the certificate expires in %" PRId64 " day%s: have it renewed", left,
		    left == 1 ? "" : "s");
	object_text_if(o, "warning", warning);
}

static void put_http(struct object *o, const struct report *r, bool ok, struct phrase *detail)
{
	static const struct {
		enum report_field field;
		const char *key, *shown; /* NULL = not in the detail */
	} fields[] = {
	    {REPORT_LOCATION, "location", "Location"},
	    {REPORT_CHALLENGE, "challenge", "WWW-Authenticate"},
	    {REPORT_RETRY_AFTER, "retry_after", "Retry-After"},
	    {REPORT_ALLOW, "allow", "Allow"},
	    {REPORT_CONTENT_TYPE, "content_type", "Content-Type"},
	    {REPORT_SERVER, "server", "Server"},
	    {REPORT_VIA, "via", "Via"},
	};
	const struct report_answer *a = &r->answer;

	if (a->code) {
		phrase_add(detail, "%s", strchr(a->status, ' ') + 1);
		object_number(o, "status", a->code);
	}
	if (!ok && (a->code == 0 || a->code == 101))
		phrase_add(detail, "%s%s", detail->len ? "; " : "", r->reason.text);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const char *value = a->fields[fields[i].field];
		object_text_if(o, fields[i].key, value);
		if (*value)
			phrase_add(detail, "; %s: %s", fields[i].shown, value);
	}
}

static void put_subprotocol(
    struct object *o, const struct report *r, bool ok, struct phrase *detail)
{
	const char *accepted = r->answer.fields[REPORT_PROTOCOL];

	(void)ok;
	if (*accepted)
		phrase_add(detail, "%s", accepted);
	else
		phrase_add(detail, "%s", *r->offered ? "none accepted" : "none");
	if (*r->offered && strcmp(r->offered, accepted) != 0)
		phrase_add(detail, ", offered: %s", r->offered);
	object_list(o, "offered", r->offered, ", ");
	object_text_if(o, "accepted", accepted);
}

static void put_setup(struct object *o, const struct report *r, bool ok, struct phrase *detail)
{
	(void)o;
	(void)ok;
	phrase_add(detail, "%s", r->reason.text);
}

static void put_step(
    struct output *out, const struct report *r, enum report_step step, bool ok, int64_t us)
{
	static void (*const parts[REPORT_STEPS])(
	    struct object *, const struct report *, bool, struct phrase *) = {
	    [REPORT_STEP_SETUP] = put_setup,
	    [REPORT_STEP_DNS] = put_dns,
	    [REPORT_STEP_TCP] = put_tcp,
	    [REPORT_STEP_PROXY] = put_proxy,
	    [REPORT_STEP_TLS] = put_tls,
	    [REPORT_STEP_HTTP] = put_http,
	    [REPORT_STEP_SUBPROTOCOL] = put_subprotocol,
	};
	char text[DETAIL_SIZE];
	struct phrase detail = phrase_in(text, sizeof text);
	struct object o;

	object_begin(&o, out);
	object_text(&o, "step", step_names[step]);
	object_bool(&o, "ok", ok);
	if (step != REPORT_STEP_SUBPROTOCOL)
		object_ms(&o, "ms", us);
	parts[step](&o, r, ok, &detail);
	object_text(&o, "detail", text);
	object_end(&o);
}

static void put_steps(struct output *out, const struct report *r)
{
	enum report_step failed = report_failed(r);
	int64_t before = 0;
	bool first = true;

	for (enum report_step step = REPORT_STEP_SETUP; step < REPORT_STEPS; step++) {
		bool is_last = step == failed;
		int64_t at = is_last ? r->ended : report_done(r, step);

		/* The 101 is good, only what it names is not. */
		if (step == REPORT_STEP_HTTP && failed == REPORT_STEP_SUBPROTOCOL)
			at = r->ended;
		if (!is_last && !report_wants(r, step))
			continue;
		if (at == 0)
			return;
		output_str(out, first ? "" : ",");
		put_step(out, r, step, !is_last, at - before);
		if (is_last)
			return;
		first = false;
		before = at;
	}
}

void diagnosis_put(struct output *out, const struct report *r)
{
	char cause[CAUSE_SIZE];
	struct object o;

	object_begin(&o, out);
	object_text(&o, "url", r->url);
	object_list(&o, "headers", r->headers, ", ");
	object_text_if(&o, "proxy", r->proxy);
	object_text_if(&o, "proxy_variable", r->proxy_variable);
	object_key(&o, "steps");
	output_str(out, "[");
	put_steps(out, r);
	output_str(out, "]");
	if (r->reason.kind != REASON_NONE) {
		object_text(&o, "failed", step_names[report_failed(r)]);
		object_text(&o, "error", r->reason.text);
		object_text(&o, "cause", cause_of(r, cause));
	}
	if (r->ping >= 0)
		object_ms(&o, "ping_ms", r->ping);
	object_end(&o);
}
