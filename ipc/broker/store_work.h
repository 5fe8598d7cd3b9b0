/*
 * store_work.h - what the store's thread does: a batch of requests as one transaction, and what is
 * left over for quiet times. Knows no queue and no other thread than the checkpoint's.
 */
#ifndef STORE_WORK_H
#define STORE_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"
#include "store_blobs.h"
#include "store_sql.h"

enum request_kind {
    REQUEST_PUT_ACCOUNT,
    REQUEST_PUT_MESSAGE,
    REQUEST_PUT_ROOM,
    REQUEST_ACK,
    REQUEST_LOAD,
    REQUEST_LOAD_ROOM,
    REQUEST_EXPIRE,
    REQUEST_TRIM_ROOM,
    REQUEST_PUBLISH,
    REQUEST_TAKE_BUNDLE,
    REQUEST_LOAD_LIST,
    REQUEST_APPEND,
    REQUEST_DROP_DEVICE,
    REQUEST_MODERATE,
    REQUEST_LOAD_AUDIT,
    REQUEST_PUT_ROSTER,
    REQUEST_DROP_ROSTER,
    REQUEST_LOAD_ROSTER,
    REQUEST_ENTRY,
    REQUEST_LOAD_ENTRIES,
    REQUEST_PLACE,
    REQUEST_DROP_PLACE,
    REQUEST_CUT_ROOM,
    REQUEST_DROP_GROUP,
    REQUEST_WHY,
    REQUEST_SPOT,
    REQUEST_BLOB_PUT,
    REQUEST_BLOB,
    REQUEST_KINDS
};

/* One allocation with the bytes of the message behind it; made and freed on the loop's thread. */
struct request {
    struct request *next;
    enum request_kind kind;
    enum store_status status;
    uint32_t epoch; /* how many refusals its sender had heard of: see work_run() */
    uint64_t row; /* result of a put */
    store_done *done;
    store_loaded *loaded;
    store_bundle *bundle;
    store_entries *entries;
    store_audited *audited;
    store_left *left;
    store_founds *found;
    store_spot *spot;
    void *ctx;
    struct sql_list list; /* result of a load; its memory is the request's */
    struct buf out;       /* of a list; of take_bundle: prefix, and when one was taken the one-time prekey; of load_audit: lines; of why: struct store_found */
    union {
        struct {
            struct store_account account;
            struct store_device device;
        } sign_up;
        struct store_message message;
        struct {
            uint64_t account, device, row;
        } ack;
        struct {
            uint64_t account, device, after;
            size_t max_rows, max_bytes;
        } load;
        struct { /* publish, take_bundle */
            struct store_prekeys now;
            uint32_t signed_id, keep;
            struct slice prefix, one_time;
            bool found, taken;
        } keys;
        struct { /* load_list, append, drop_device */
            uint64_t account, seq;
            uint8_t account_key[32];
            struct slice entry;
            struct store_device device;
        } list_of;
        struct { /* moderate, load_audit (since: line.time_ms, after: line.id) */
            struct store_audit line;
            enum store_change change;
            uint8_t kind;
            size_t max;
        } moderate;
        struct { /* put_roster, drop_roster, load_roster */
            uint8_t kind;
            uint64_t account, after, time_ms;
            size_t max_bytes;
            struct slice item;
        } roster;
        struct {
            struct store_entry e;  /* created and audit are unset: */
            struct slice id, name; /* of the group that it makes; empty when it makes none */
            struct store_audit line; /* act 0: none */
        } entry_of;
        struct store_place place;
        struct {
            uint64_t before_ms, max_rows, max_bytes;
            uint64_t rows, bytes; /* that are left */
        } cut;
        struct {
            uint64_t account, from_account, from_device;
            size_t n; /* ids, u64 each, in bytes */
            bool queued;
        } why;
        struct store_audit ends; /* drop_group; act 0: no line */
        struct store_blob_change blob; /* blob_put, blob: devices and boot are in bytes */
    };
    uint64_t room;   /* put_room, load_room, trim_room, and all of groups but places */
    uint64_t number; /* expire: before_ms; trim_room, cut_room: keep_from; spot */
    bool kept;       /* spot */
    /* head and body; prefix and one-time prekeys; entry; entry, id and name; item; devices (structs) and boot */
    _Alignas(8) uint8_t bytes[];
};

struct requests {
    struct request *first, **end; /* end is undefined while first is NULL */
    size_t n;
};

void requests_add(struct requests *l, struct request *r);
/* Moves at most max requests from the front of one list to the end of another. */
void requests_move(struct requests *from, struct requests *to, size_t max);

struct work;

/* A request from REQUEST_PUBLISH to REQUEST_DROP_DEVICE, in the running transaction (store_keys.c). */
enum store_status keys_run(struct sql *q, struct request *r);
/* … REQUEST_MODERATE and REQUEST_LOAD_AUDIT (store_moderation.c), … */
enum store_status moderation_run(struct sql *q, struct request *r);
/* … those of the roster (store_roster.c), … */
enum store_status roster_run(struct sql *q, struct request *r);
/* … from REQUEST_ENTRY to REQUEST_DROP_GROUP (store_groups.c), … */
enum store_status groups_run(struct sql *q, struct request *r);
/* … REQUEST_WHY and REQUEST_SPOT (store_why.c), … */
void why_run(struct sql *q, struct request *r);
/* … and those of files (store_blobs.c). */
enum store_status blobs_run(struct sql *q, struct request *r);

/*
 * Opens everything there is in DIR. The checkpoint's thread starts with work_start(). NULL with a
 * text in err.
 */
struct work *work_open(const char *dir, char *err, size_t err_size);
void work_start(struct work *w);
void work_close(struct work *w);
struct sql *work_sql(struct work *w);

/*
 * Runs the requests in todo as one transaction and moves them to done with their results. What
 * must not be given up on a full disk (acknowledgements, deletes) may stay in todo: try again.
 * Once a put was refused, so is every put made before its sender heard of that: else a later
 * message could reach a queue that an earlier one did not.
 */
void work_run(struct work *w, struct requests *todo, struct requests *done);

/* Does a piece of what can wait. Milliseconds until it wants to be called again, 0 for at once,
   -1 for not before the next batch. */
int work_idle(struct work *w);

/* Commits so far, and what the newest took in microseconds. Any thread. */
void work_stats(struct work *w, uint64_t *commits, uint64_t *last_us);

#endif
