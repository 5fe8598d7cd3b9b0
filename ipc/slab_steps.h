/*
 * slab_steps.h - every step of a worker's turn at which it may die, in a list of one row each.
 *
 * STEP(name) stands in the code at exactly that place; outside of test builds it is nothing. What
 * is named is what has just happened. tests/e2e/test_steps.py reads this list: a step without a
 * marker, a marker without a row, and a step that no test dies at are failures.
 */
#ifndef SLAB_STEPS_H
#define SLAB_STEPS_H

#define SLAB_STEPS(X)                                                          \
    /* receiving (session.c, slab.c) */                                        \
    X(RX_TAKEN)       /* a receive buffer is taken from the pool */            \
    X(RX_COPIED)      /* what waits stands in another buffer, too */           \
    X(RX_MOVED)       /* and the record names that one, the old one is ours */ \
    X(RX_ROOMED)      /* there is room; recv() comes next */                   \
    X(RX_RECEIVED)    /* the kernel gave bytes that are not counted */         \
    X(RX_COUNTED)                                                              \
    X(RX_OPENED)      /* a record is decrypted in private memory */            \
    X(RX_IN_HAND)     /* and named in the head, for quarantine */              \
    X(RX_FRAME)       /* one of its frames is handled */                       \
    X(RX_HANDLED)     /* all are */                                            \
    X(RX_OUT_OF_HAND)                                                          \
    X(RX_COMMITTED)   /* it is consumed */                                     \
    X(RX_RESTED)      /* the record names no receive buffer any more */        \
    /* sending (record.c, session.c, slab.c) */                                \
    X(TX_TAKEN)       /* a send buffer is taken from the pool */               \
    X(TX_ROOMED)      /* and the record names it */                            \
    X(TX_SEALED)      /* ciphertext stands in it, not committed */             \
    X(TX_COMMITTED)                                                            \
    X(TX_SENDING)     /* send() comes next */                                  \
    X(TX_SENT)        /* the kernel took bytes that are not counted */         \
    X(TX_COUNTED)                                                              \
    X(TX_EMPTIED)     /* the record names no send buffer any more */           \
    /* both (slab.c, worker.c) */                                              \
    X(COMMIT_COPIED)  /* the idle half is written, the selector is not */      \
    X(COMMIT_MADE)                                                             \
    X(BUFFER_EMPTIED) /* the memory of a long one is given back */             \
    X(BUFFER_GIVEN)   /* it is in the pool */                                  \
    X(TURN_SEALED)    /* clients are served, the broker is not */              \
    X(TURN_FLUSHED)                                                            \
    /* files (blob.c, blob_send.c) */                                          \
    X(FILE_TAKEN)     /* a descriptor has come, the client does not know */    \
    X(FILE_WRITTEN)   /* a part of an upload is in the file, not confirmed */  \
    X(FILE_READ)      /* a part of a download is read, not sealed */           \
    /* places (slab.c, session.c) */                                           \
    X(START_CLEARED)  /* a new connection's record, still free */              \
    X(START_MADE)                                                              \
    X(END_CLOSED)     /* the socket is shut, the record is open */             \
    X(END_FREED)      /* it is free, keys and buffers are there */             \
    X(END_WIPED)                                                               \
    /* adoption (adopt.c, slab_adopt.c) */                                     \
    X(ADOPT_MAPPED)                                                            \
    X(ADOPT_POOLED)   /* the pool of buffers is made */                        \
    X(ADOPT_ORDERED)  /* the master knows whom to hand on first */             \
    X(ADOPT_ASKED)    /* the kernel has said what it counts */                 \
    X(ADOPT_STRUCK)   /* the record that was in hand has a strike more */      \
    X(ADOPT_MENDING)  /* one of the counters is mended, one is not */          \
    X(ADOPT_MENDED)                                                            \
    X(ADOPT_TAKEN)    /* the session stands in private memory */               \
    X(ADOPT_SERVED)   /* one session is served again */                        \
    X(ADOPT_BEGUN)    /* one that the dead worker never saw */                 \
    X(ADOPT_REFUSED)  /* one is shut, the master was not told */               \
    X(ADOPT_WIPED)    /* what nobody claimed is wiped */                       \
    X(ADOPT_DONE)

#define SLAB_STEP_ENUM(name) STEP_##name,
#define SLAB_STEP_NAME(name) #name,
enum slab_step { SLAB_STEPS(SLAB_STEP_ENUM) STEP_COUNT };

#endif
