/* people.h - who is connected, as far as the server has said: sorted by name. Pure. */
#ifndef WINDOW_PEOPLE_H
#define WINDOW_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>

#include "name.h"

enum { PERSON_WORDS = 64 };

struct person {
    char name[NAME_SIZE];
    bool away, in_lobby;
    char words[PERSON_WORDS]; /* why they are away; filtered */
};

struct people {
    struct person *person;
    size_t n, cap;
};

void people_free(struct people *p);
/* NULL: not connected. Valid until the next change. */
struct person *people_find(const struct people *p, const char *name);
/* The same, added when new. A name that cannot be one is left out: NULL. */
struct person *people_add(struct people *p, const char *name);
void people_remove(struct people *p, const char *name);

#endif
