/*
 * packed.h - a received message as one piece of any length, to be kept: a frame would be cut into
 * parts. For this program alone; it never travels.
 */
#ifndef CLIENT_PACKED_H
#define CLIENT_PACKED_H

#include "wire.h"

void packed_put(struct buf *out, const struct wire_deliver *m);
/* Slices point into `in`. False: damaged. */
bool packed_get(struct slice in, struct wire_deliver *m);

#endif
