/* names.h - who is connected, as far as we were told: for Tab completion and /names. */
#ifndef FACE_NAMES_H
#define FACE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "../../ipc/buf.h"
#include "name.h"

struct names {
    char (*name)[NAME_SIZE]; /* sorted without case */
    size_t n, cap;
};

/* Names that are none are ignored: what others say cannot get into the line being typed. */
void names_add(struct names *s, struct slice name);
void names_remove(struct names *s, struct slice name);
void names_clear(struct names *s);
/* The index of the first name at or after i that begins with prefix (without case); s->n: none. */
size_t names_match(const struct names *s, size_t i, const char *prefix);

#endif
