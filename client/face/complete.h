/*
 * complete.h - what Tab offers: commands at the start of a line, keys and values behind /set, names and rooms
 * elsewhere. Knows no terminal.
 */
#ifndef FACE_COMPLETE_H
#define FACE_COMPLETE_H

#include "chat.h"

/*
 * The i-th word (from 0) that could stand in place of `word`, which begins at byte `start` of the line; to be
 * freed. NULL: there are no more.
 */
char *complete_word(const struct chat *c, const char *line, int start, const char *word, size_t i);

#endif
