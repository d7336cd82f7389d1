/*
 * Why an attempt or a link ended decides what comes next. Pure.
 */
#ifndef WSMCP_VERDICT_H
#define WSMCP_VERDICT_H

#include <stdbool.h>

#include "reason.h"

enum verdict {
	VERDICT_RETRY,     /* with back-off */
	VERDICT_RETRY_NOW, /* once, at once, after running the header command again */
	VERDICT_REFUSED    /* will not get better by itself: give up, or retry rarely */
};

/*
 * ${has_command}: there is a header command whose new headers may mend a refusal. ${mended}: that was tried already
 * since the back-off was last reset.
 */
enum verdict verdict_of(const struct reason *reason, bool has_command, bool mended);

#endif
