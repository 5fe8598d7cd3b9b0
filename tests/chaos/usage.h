/* usage.h - memory and descriptors of the server's processes, to see whether they grow. */
#ifndef USAGE_H
#define USAGE_H

#include <stdint.h>

#include "server.h"

struct usage {
    uint64_t at_s;
    struct {
        unsigned processes;
        uint64_t kb; /* proportional set size */
        unsigned descriptors;
    } role[ROLES];
};

/* Asks and adds up. Nothing is there when nobody answers. */
void usage_take(struct shared *s, struct usage *u);

/* One line on stdout. */
void usage_print(const struct usage *u, const char *when);

#endif
