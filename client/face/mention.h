/* mention.h - does a text speak to this person? Its name, with or without @, or one of the words of `highlight`. */
#ifndef FACE_MENTION_H
#define FACE_MENTION_H

#include <stdbool.h>

#include "../../ipc/buf.h"

/* Whole words, case does not matter. highlight: words with commas between, may be empty. */
bool mention_in(struct slice text, const char *me, const char *highlight);

#endif
