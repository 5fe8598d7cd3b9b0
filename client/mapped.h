/*
 * mapped.h - a small private file mapped into memory, for what must survive the death of the process at any
 * instruction, and of one process at a time. It is not for power cuts: what an earlier boot of the machine
 * left is not believed.
 */
#ifndef CLIENT_MAPPED_H
#define CLIENT_MAPPED_H

#include <stddef.h>
#include <stdint.h>

#include "why.h"

enum { MAPPED_ABOUT = 32 };

enum mapped_state {
    MAPPED_FAILED = -1, /* and why */
    MAPPED_FRESH,       /* zeros */
    MAPPED_KEPT,        /* as a process of this boot left it, of the same size and about the same */
    MAPPED_BUSY,        /* another process has it */
};

struct mapped {
    void *data; /* of the size that was asked for, aligned for any type; NULL: closed */
    void *map;
    size_t mapped_size;
    int fd;
};

/* Opens (makes) the file and locks it until mapped_close() or the process ends. path NULL: memory that nobody
 * else sees, always fresh. */
enum mapped_state mapped_open(struct mapped *m, const char *path, size_t size, const uint8_t about[MAPPED_ABOUT],
                              struct why *why);
/* A closed or zeroed one is fine. */
void mapped_close(struct mapped *m);

#endif
