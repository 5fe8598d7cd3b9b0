/*
 * file.h - small private files that must survive a crash whole: keys and pins.
 *
 * Both writers go through a temporary file in the same folder, fsync it, put it in place in one
 * step and fsync the folder, so that a power cut leaves the old content or the new, never half.
 */
#ifndef CLIENT_FILE_H
#define CLIENT_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "why.h"

/* Replaces path (mode 0600). 0, or -1 and why. */
int file_replace(const char *path, const void *data, size_t n, struct why *why);

/* Makes path (mode 0600), which must not exist. 1 made, 0 somebody else made it first, -1 and why.
 */
int file_create(const char *path, const void *data, size_t n, struct why *why);

/*
 * Reads a whole file into out (NUL-terminated). Its length; 0 also when it is missing or empty;
 * -1 and why when it is not a regular file of this user, when others have one of the rights in
 * forbidden (mode bits, e.g. 077), or when it is longer than cap - 1.
 */
ssize_t file_read(const char *path, mode_t forbidden, char *out, size_t cap, struct why *why);

/* Makes a folder and its parents, mode 0700. 0, or -1 and why. */
int file_make_folder(const char *path, struct why *why);

/* Locks the folder of path against other processes until close(2) of the result; -1 and why. */
int file_lock_folder(const char *path, struct why *why);

#endif
