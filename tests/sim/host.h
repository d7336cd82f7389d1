/*
 * The model host: speaks lines, takes lines, cancels, uses ids again, stops reading, leaves.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "message.h"

void host_begin(void);
void host_end(void);
void host_run(void);
int64_t host_next(void);
void host_calm(void);

/* The next line, given to the caller; NULL = none now. To be followed by host_was_taken. */
struct message *host_line(void);
bool host_has_line(void);
void host_was_taken(void);

bool host_has_room(void);
void host_take(struct message *m); /* a line of the bridge; takes it */

bool host_is_done(void);   /* everything it wanted to say was taken */
bool host_wants_end(void); /* it wants to end its input now (told once) */
bool host_wants_stop(void);
void host_probe(void);  /* one more call, to see that all works */
bool host_probed(void); /* ... was answered by the server */

#endif
