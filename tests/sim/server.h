/*
 * The model server: a new one on every link. Decodes frames with a decoder of its own; a message
 * counts as received once its last byte is here, whatever the bridge knows of it.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include <stddef.h>
#include <stdint.h>

void server_begin(void);
void server_end(void);
void server_link_opened(unsigned link);
void server_link_ended(void);
void server_bytes(const unsigned char *bytes, size_t len);
void server_run(void);
int64_t server_next(void);
void server_calm(void); /* answers what it would have left unanswered */

#endif
