/*
 * fault.h - named points at which a test build dies, for tests that kill at exactly one moment.
 * Release builds contain nothing of this.
 *
 * With CSMSG_FAULT=NAME in the environment the process dies of SIGKILL the first time it comes to
 * FAULT(dir, NAME); the file DIR/fault.NAME then keeps its successor from doing the same. With
 * CSMSG_FAULT=NAME:N it is the Nth time.
 *
 * STEP(NAME) is for a worker's turn; slab_steps.h has the list. A client arms one step at a time
 * with a frame of type FAULT_ARM (step u8, pass u16): at that step's pass-th time from then on the
 * worker dies, once. The passes are counted in the last bytes of the slab's head, so they go on in
 * the successor, and the steps of adoption can be armed, too.
 */
#ifndef FAULT_H
#define FAULT_H

#ifdef FAULTS
#include <stdint.h>

#include "slab_steps.h"

/* Types of frames that only a test build knows; they are handled in the worker, never passed on. */
enum {
    FAULT_ESCAPE = 0x7d, /* what u8: tries what the sandbox forbids */
    FAULT_ARM = 0x7e,
    FAULT_CRASH = 0x7f,
};

/* What FAULT_ESCAPE tries. */
enum { ESCAPE_OPEN, ESCAPE_SOCKET, ESCAPE_SHRINK, ESCAPE_GROW, ESCAPE_FILES };

/* In the slab. */
struct fault_arm {
    uint64_t sid, nonce;   /* the record that armed it: handled again it must not do so again */
    uint32_t step, passes; /* that are left, 0: not armed */
};

void fault_point(const char *dir, const char *name);
/* Where the passes are counted; NULL when the slab is gone. */
void fault_watch(void *arm);
void fault_arm(uint8_t step, uint16_t pass, uint64_t sid, uint64_t nonce);
void fault_step(enum slab_step step);
/* Tries; logs what came of it when it lives on. slab: the slab's descriptor. */
void fault_escape(uint8_t what, int slab);

#define FAULT(dir, name) fault_point(dir, name)
#define STEP(name) fault_step(STEP_##name)
/* end: first byte behind the head's pages. */
#define FAULT_WATCH(end) fault_watch((char *)(end) - sizeof(struct fault_arm))
#define FAULT_UNWATCH() fault_watch(NULL)
#else
#define FAULT(dir, name) ((void)0)
#define STEP(name) ((void)0)
#define FAULT_WATCH(end) ((void)0)
#define FAULT_UNWATCH() ((void)0)
#endif

#endif
