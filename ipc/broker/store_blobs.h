/*
 * store_blobs.h - what lasts of files: which blobs there are, who is to fetch each, who has, and what their
 * senders have not been told yet. Their bytes are none of the store's (docs/files.md). Part of store.h.
 */
#ifndef STORE_BLOBS_H
#define STORE_BLOBS_H

#include "store.h"

enum { STORE_BLOB_ID = 32, STORE_BOOT_MAX = 63 };

struct store_blob {
    uint8_t id[STORE_BLOB_ID];
    uint64_t account, device;    /* that put it */
    char to[STORE_NAME_MAX + 2]; /* a user, or a group with its # */
    uint64_t size;               /* UINT64_MAX: not known yet */
    bool complete;
    uint64_t created_ms, until_ms;
};

/* A device that is to fetch a blob, or is to be told of its end. */
struct store_blob_device {
    uint64_t account, device;
    uint8_t state; /* to fetch: 0 waits, else the caller's; to be told: the caller's reason */
};

enum store_blob_op {
    STORE_BLOB_PUT,      /* the blob, and the devices that are to fetch it; refused on a full disk, as no other is */
    STORE_BLOB_COMPLETE, /* it is, and has this size */
    STORE_BLOB_STATE,    /* of one device that is to fetch it */
    STORE_BLOB_END,      /* forgets it; the devices are to be told, at created_ms */
    STORE_BLOB_TOLD,     /* one device has been told */
    STORE_BLOB_BOOT,     /* the machine that runs now is the one named `boot` */
};

/* What changes; the devices are copied. Of the blob only what the op speaks of counts. */
struct store_blob_change {
    enum store_blob_op op;
    struct store_blob blob;
    const struct store_blob_device *device;
    size_t n;
    const char *boot;
};

/* Durable with the completion; done may be NULL. */
void store_blob(struct store *s, const struct store_blob_change *c, store_done *done, void *ctx);

/* At the start, as in store.h. */
void store_each_blob(struct store *s, void (*each)(void *arg, const struct store_blob *b), void *arg);
void store_each_blob_device(struct store *s,
                            void (*each)(void *arg, const uint8_t id[STORE_BLOB_ID], const struct store_blob_device *d),
                            void *arg);
/* Ends that devices have not been told of; made_ms: when it ended. */
void store_each_blob_notice(struct store *s,
                            void (*each)(void *arg, const uint8_t id[STORE_BLOB_ID], const struct store_blob_device *d,
                                         uint64_t made_ms),
                            void *arg);
/* The machine's boot that STORE_BLOB_BOOT named last; empty: none. */
void store_boot(struct store *s, char boot[STORE_BOOT_MAX + 1]);

#endif
