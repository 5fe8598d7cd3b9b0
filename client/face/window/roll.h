/* roll.h - who is connected, as far as the server has said: sorted by name. Pure. */
#ifndef WINDOW_ROLL_H
#define WINDOW_ROLL_H

#include <stdbool.h>
#include <stddef.h>

#include "name.h"

enum { PERSON_WORDS = 64 };

struct person {
    char name[NAME_SIZE];
    bool away, in_lobby;
    char words[PERSON_WORDS]; /* why they are away; filtered */
};

struct roll {
    struct person *person;
    size_t n, cap;
};

void roll_free(struct roll *p);
/* NULL: not connected. Valid until the next change. */
struct person *roll_find(const struct roll *p, const char *name);
/* The same, added when new. A name that cannot be one is left out: NULL. */
struct person *roll_add(struct roll *p, const char *name);
void roll_remove(struct roll *p, const char *name);

#endif
