/*
 * Files for what a tool gives: images, sounds, blobs. Each name is made here, TOOL-1.png, of what
 * cannot do harm; nothing of the server's gets into it but a known type as its ending. No file is
 * ever written over.
 */
#ifndef WSMCP_SAVE_H
#define WSMCP_SAVE_H

#include <stddef.h>

#include "content.h"

#define SAVE_NAME_MAX   64 /* bytes of the tool's name that are used */
#define SAVE_ERROR_SIZE 1024

struct save {
	int fd; /* the directory; -1 = closed */
	const char *directory;
	char name[SAVE_NAME_MAX + 1];
	unsigned number; /* of the last file */
};

/*
 * Prepares to write files for ${tool} into ${directory}, which must exist, and outlive this.
 * Returns 0, or -1 with ${error} (SAVE_ERROR_SIZE bytes) filled.
 */
int save_open(struct save *s, const char *directory, const char *tool, char *error);
void save_close(struct save *s); /* a closed one is fine */

enum save_result {
	SAVE_OK = 0,
	SAVE_NOT_BASE64, /* what the server sent is none */
	SAVE_FAILED      /* no file could be written */
};

/*
 * Writes the bytes of ${item} to a new file, mode 0600. Sets ${*path}, to be freed; on failure
 * NULL with ${error} (SAVE_ERROR_SIZE bytes) filled.
 */
enum save_result save_item(
    struct save *s, const struct content_item *item, char **path, char *error);

#endif
