/*
 * What is most likely wrong when an attempt to connect has failed, or the link it led to was lost.
 * Pure.
 */
#ifndef WSMCP_CAUSE_H
#define WSMCP_CAUSE_H

#include "report.h"

/*
 * A sentence or two for a person, into ${out}: the likely cause, and what may help; "" if nothing
 * better than the report's reason is known. Text of the other side is in it as it came.
 */
#define CAUSE_SIZE 2048
char *cause_of(const struct report *r, char out[CAUSE_SIZE]);

#endif
