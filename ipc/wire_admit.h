/*
 * wire_admit.h - the frame ADMIT: docs/protocol.md, section 6.7, in code. What a device that is not in
 * yet and one that is say to each other is docs/sealed.md's, section 12; here it is bytes.
 *
 * As in wire.h: wire_put_X appends one whole frame, wire_get_X takes a payload and gives slices of it.
 */
#ifndef WIRE_ADMIT_H
#define WIRE_ADMIT_H

#include "wire.h"

enum {
    WIRE_ADMIT_STEPS = 5,
    WIRE_ADMIT_MAX = 4096,        /* bytes of a step, … */
    WIRE_ADMIT_GRANT_MAX = 65536, /* … of the last */
};

/* True for the steps that the new device says: 1, 3 and 4. */
static inline bool wire_admit_from_new(uint8_t step)
{
    return step == 1 || step == 3 || step == 4;
}

enum { WIRE_ADMIT_CARRY = 1, WIRE_ADMIT_END = 2, WIRE_ADMIT_PAPER = 3, WIRE_ADMIT_REFUSED = 3 };

struct wire_admit_ask {
    uint8_t op;
    uint64_t attempt; /* carry, end; 0 in step 1 */
    uint8_t step;     /* carry */
    struct slice message;
    uint8_t account_key[32], signature[64]; /* paper */
};

struct wire_admit {
    uint64_t attempt, device; /* device: whose message it is */
    uint8_t step;
    struct slice message;
};

enum wire_admit_why { WIRE_ADMIT_LATE = 1, WIRE_ADMIT_LEFT, WIRE_ADMIT_GIVEN_UP, WIRE_ADMIT_ELSEWHERE };

struct wire_admit_end {
    uint64_t attempt;
    uint8_t why; /* enum wire_admit_why */
};

void wire_put_admit_ask(struct buf *b, const struct wire_admit_ask *m);
bool wire_get_admit_ask(struct slice p, struct wire_admit_ask *m);
/* Of the server's ADMIT; which one says its first byte. Refused is wire_put_keys_refused(). */
void wire_put_admit(struct buf *b, const struct wire_admit *m);
bool wire_get_admit(struct slice p, struct wire_admit *m);
void wire_put_admit_end(struct buf *b, const struct wire_admit_end *m);
bool wire_get_admit_end(struct slice p, struct wire_admit_end *m);

#endif
