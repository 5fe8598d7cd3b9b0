/* tar.h - a folder as a stream, by a tar(1) of our own. */
#ifndef FACE_TAR_H
#define FACE_TAR_H

#include <stdbool.h>
#include <sys/types.h>

#include "../file_name.h"
#include "../why.h"

/* Is this path a folder? */
bool tar_is_folder(const char *path);

/*
 * Starts to pack a folder: a descriptor that does not block, *child, and the name of the archive. -1 and why. Whoever
 * reads to the end waits for the child: only its exit says whether all is there.
 */
int tar_start(const char *path, pid_t *child, char name[FILE_NAME_CAP], struct why *why);

#endif
