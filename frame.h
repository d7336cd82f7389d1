/*
 * Encodes WebSocket frames of a client (RFC 6455, section 5). Pure.
 */
#ifndef WSMCP_FRAME_H
#define WSMCP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_opcode {
	FRAME_CONTINUATION = 0x0,
	FRAME_TEXT = 0x1,
	FRAME_BINARY = 0x2,
	FRAME_CLOSE = 0x8,
	FRAME_PING = 0x9,
	FRAME_PONG = 0xA
};

#define FRAME_HEADER_MAX  14  /* bytes: 2 + 8 length + 4 mask */
#define FRAME_CONTROL_MAX 125 /* bytes of payload of a control frame, section 5.5 */

/*
 * Writes the header of a masked frame to ${out} (FRAME_HEADER_MAX bytes) with the
 * shortest length form (section 5.2). Returns its length in bytes.
 */
size_t frame_header(unsigned char *out, enum frame_opcode opcode, bool fin, uint64_t payload_len,
    const unsigned char mask[4]);

/*
 * Copies ${len} payload bytes from ${from} to ${to}, masked (section 5.3). ${offset} is
 * the position of from[0] in its frame's payload. The areas must not overlap.
 */
void frame_mask(unsigned char *to, const unsigned char *from, size_t len,
    const unsigned char mask[4], size_t offset);

/*
 * Whether ${code} may stand in a close frame that came over the wire (sections 7.4.1
 * and 7.4.2 and the IANA registry): 1000-1003, 1007-1014, 3000-4999.
 */
bool frame_close_code_valid(unsigned code);

#endif
