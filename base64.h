/*
 * Base64 (RFC 4648, section 4) -> bytes. Strict: padded, no line breaks, no bits left over. Pure.
 */
#ifndef WSMCP_BASE64_H
#define WSMCP_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Decodes ${len} characters into ${out}, which has room for ${len} / 4 * 3 bytes and may be
 * ${text} itself. Sets ${*out_len}. False if the text is not base64; what ${out} holds is then
 * unspecified.
 */
bool base64_decode(unsigned char *out, size_t *out_len, const char *text, size_t len);

#endif
