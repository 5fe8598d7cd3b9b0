/*
 * file_name.h - names for files that others send: made harmless, and never one that is there already.
 *
 * A clean name has 1 to FILE_NAME_MAX bytes of UTF-8, no path, no leading dot or dash, nothing that show.h
 * calls unsafe, nothing that a shell, another system's disk or a device name could make more of.
 */
#ifndef CLIENT_FILE_NAME_H
#define CLIENT_FILE_NAME_H

#include <stdbool.h>

#include "buf.h"

enum {
    FILE_NAME_MAX = 100,
    FILE_NAME_CAP = FILE_NAME_MAX + 32, /* holds one with a number, ".part" and the terminator */
    FILE_NAME_TRIES = 1000,
};

/* What is left of a name that somebody gave; "file" when that is nothing. A clean name stays as it is. */
void file_name_clean(struct slice given, char out[FILE_NAME_CAP]);

/* "name (2).ext" for n = 2; the name itself for n = 1. */
void file_name_numbered(const char *name, unsigned n, char out[FILE_NAME_CAP]);

/*
 * Makes a file of our own in a folder, mode 0600, under the first of its numbered names, each followed by
 * suffix, that is not there: the descriptor, for reading and writing, and the name in made. -1 and errno.
 */
int file_name_create(int folder, const char *name, const char *suffix, char made[FILE_NAME_CAP]);

/*
 * Moves `from` in the folder to the first numbered name that is not there. What is there already, whoever made
 * it, stays. 0 and the name in made, or -1 and errno.
 */
int file_name_place(int folder, const char *from, const char *name, char made[FILE_NAME_CAP]);

#endif
