/*
 * content.h - what a sealed message says: the frame inside (docs/sealed.md section 6.1). The sender
 * is known by then, and may still be hostile: the decoder trusts nothing.
 */
#ifndef SEALED_CONTENT_H
#define SEALED_CONTENT_H

#include "primitives.h"

enum content_kind {
    CONTENT_TEXT = 1,
    CONTENT_FILE,
    CONTENT_RECEIPT,
    CONTENT_SYNC,
    CONTENT_SENDER_KEY,
    CONTENT_RESEND,
    CONTENT_RESENT,
};

enum { CONTENT_SAYS = 0, CONTENT_ACTS = 1 };
enum { CONTENT_DELIVERED = 1, CONTENT_READ = 2 };
enum { CONTENT_SYNC_READ = 1, CONTENT_SYNC_VERIFIED, CONTENT_SYNC_SETTINGS };

enum {
    CONTENT_TEXT_MAX = 65536,
    CONTENT_NOTE_MAX = 4096, /* a file's text, a sync's data */
    CONTENT_RECEIPTS_MAX = 64,
    CONTENT_MAX = 69632 - 1, /* encoded; see envelope.h for the padding */
};

enum content_verdict {
    CONTENT_GOOD,
    CONTENT_DAMAGED,
    CONTENT_NEWER, /* of a kind or version that this program does not know; time is valid */
};

/* Slices point into what was decoded. Only the fields of the kind are used. */
struct content {
    uint8_t kind;
    uint64_t time_ms; /* the sender's clock */
    union {
        struct {
            uint8_t form; /* CONTENT_SAYS, CONTENT_ACTS */
            struct slice text;
        } text;
        struct {
            uint8_t blob[32], key[SEALED_KEY], hash[32];
            uint64_t size;
            struct slice name, text;
        } file;
        struct {
            uint8_t state;
            size_t n;
            uint64_t id[CONTENT_RECEIPTS_MAX];
        } receipt;
        struct {
            uint8_t what;
            struct slice with, data;
        } sync;
        struct {
            struct slice distribution; /* for sender_key.h */
        } sender_key;
        struct {
            uint64_t from_device, id;
            uint8_t reason; /* enum session_verdict */
        } resend;
        struct {
            uint64_t of;
            struct slice to;    /* whom, or which room, it was written to */
            struct slice inner; /* content again, neither RESEND nor RESENT */
        } resent;
    } u;
};

/* The encoded content behind out. -1 (out as it was): a field is over its limit. */
int content_encode(const struct content *c, struct buf *out) __attribute__((warn_unused_result));
enum content_verdict content_decode(struct content *c, struct slice in)
    __attribute__((warn_unused_result));

#endif
