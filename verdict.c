#include "verdict.h"

#include <stddef.h>

/* What a kind, or a kind with one status or close code, leads to; the first row that fits counts. */
static const struct row {
	enum reason_kind kind;
	int low, high; /* of the status or close code; 0, 0 = whatever it is */
	bool mendable; /* by new credentials */
	enum verdict verdict;
} rows[] = {
    {REASON_HTTP, 401, 401, true, VERDICT_REFUSED},
    {REASON_HTTP, 403, 403, true, VERDICT_REFUSED},
    {REASON_HTTP, 408, 408, false, VERDICT_RETRY},
    {REASON_HTTP, 425, 425, false, VERDICT_RETRY},
    {REASON_HTTP, 429, 429, false, VERDICT_RETRY},
    {REASON_HTTP, 500, 599, false, VERDICT_RETRY},
    {REASON_HTTP, 0, 0, false, VERDICT_REFUSED},
    {REASON_PROXY, 403, 403, false, VERDICT_REFUSED},
    {REASON_PROXY, 407, 407, false, VERDICT_REFUSED},
    {REASON_CLOSED, 1008, 1008, true, VERDICT_REFUSED},
    {REASON_CLOSED, 3000, 3000, true, VERDICT_REFUSED},
    {REASON_CLOSED, 4401, 4401, true, VERDICT_REFUSED},
    {REASON_CLOSED, 4403, 4403, true, VERDICT_REFUSED},
    {REASON_NOT_WEBSOCKET, 0, 0, false, VERDICT_REFUSED},
    {REASON_TLS, 0, 0, false, VERDICT_REFUSED},
    {REASON_UNTRUSTED, 0, 0, false, VERDICT_REFUSED},
    {REASON_CERTIFICATE, 0, 0, false, VERDICT_REFUSED},
    {REASON_VERSION, 0, 0, false, VERDICT_REFUSED},
};

enum verdict verdict_of(const struct reason *reason, bool has_command, bool mended)
{
	int number = reason->kind == REASON_CLOSED ? reason->close_code : reason->status;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];
		if (r->kind != reason->kind)
			continue;
		if (r->low != 0 && (number < r->low || number > r->high))
			continue;
		if (r->mendable && has_command && !mended)
			return VERDICT_RETRY_NOW;
		return r->verdict;
	}
	return VERDICT_RETRY;
}
