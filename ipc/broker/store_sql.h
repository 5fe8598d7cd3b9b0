/*
 * store_sql.h - the store's tables in SQLite: schema, statements, sweeping. Knows no threads:
 * whoever holds a struct sql is its only user at that time.
 *
 * Functions that give an enum store_status answer STORE_FULL when there is no room (disk, quota,
 * max_page_count): the caller must then sql_rollback(). Every other failure is fatal(), because
 * after a failed write or fsync only a fresh start that reads the WAL knows what is on disk.
 *
 * Numbers are SQLite's 64-bit signed ones; ids of messages and times must stay below 2^63.
 * docs/store.md describes the tables.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "store.h"
#include "store_blobs.h"

enum {
    SQL_APPLICATION_ID = 0x43534d42, /* "CSMB", PRAGMA application_id */
    SQL_SLICE = 500,                 /* rows deleted in one transaction at most */
    SQL_EXPIRE_LOOK = 2000,          /* oldest rows that one expiry looks at */
};

/* A seam for tests, to be changed before store_open(): what is here is what is safe. */
struct sql_tuning {
    const char *synchronous;    /* PRAGMA synchronous: FULL; less loses messages at a power cut */
    unsigned checkpoint_frames; /* WAL frames after which a checkpoint starts */
    unsigned idle_ms;           /* quiet time after which the WAL is folded up */
};
extern struct sql_tuning sql_tuning;

/* --- schema (store_schema.c) --- */

/*
 * Opens DIR/broker.db, which exists (it may be empty): settings, quick_check, schema up to date.
 * NULL with a text in err when it is damaged, foreign or newer than this program.
 */
sqlite3 *schema_open(const char *dir, char *err, size_t err_size);

/* A further connection, with the settings only. */
sqlite3 *schema_connect(const char *dir, char *err, size_t err_size);

/* --- statements (store_sql.c) --- */

struct sql;

/* Takes over a connection from schema_open() and raises the incarnation durably. */
struct sql *sql_open(sqlite3 *db, char *err, size_t err_size);
void sql_close(struct sql *q);
sqlite3 *sql_db(struct sql *q);

uint64_t sql_incarnation(const struct sql *q);
void sql_each_account(struct sql *q, void (*each)(void *arg, const struct store_account *a),
                      void *arg);
/* With what waits for each, counted in one walk over the queue (store_count.c). */
void sql_each_device(struct sql *q, void (*each)(void *arg, const struct store_device *d),
                     void *arg);
/* The sender of every row that waits, in the order of the rows (store_count.c). */
void sql_each_waiting(struct sql *q, void (*each)(void *arg, uint64_t account, uint64_t device, uint64_t from),
                      void *arg);
uint64_t sql_room_head(struct sql *q, uint64_t room);
/* store_keys.c */
void sql_each_prekeys(struct sql *q, void (*each)(void *arg, const struct store_prekeys *p), void *arg);
void sql_each_list(struct sql *q, void (*each)(void *arg, const struct store_list *l), void *arg);
/* store_moderation.c, store_roster.c */
void sql_each_sanction(struct sql *q, void (*each)(void *arg, const struct store_sanction *x), void *arg);
void sql_each_roster(struct sql *q, void (*each)(void *arg, uint8_t kind, uint64_t account), void *arg);
/* A line of the audit log, in the running transaction. */
enum store_status sql_put_audit(struct sql *q, const struct store_audit *line);
/* store_groups.c */
void sql_each_group(struct sql *q, void (*each)(void *arg, const struct store_group *g), void *arg);
void sql_each_entry(struct sql *q, void (*each)(void *arg, uint64_t room, struct slice entry), void *arg);
void sql_each_place(struct sql *q, void (*each)(void *arg, const struct store_place *p), void *arg);
void sql_each_room(struct sql *q, void (*each)(void *arg, uint64_t room, uint64_t rows, uint64_t bytes), void *arg);
uint64_t sql_last_room(struct sql *q);
void sql_each_blob(struct sql *q, void (*each)(void *arg, const struct store_blob *b), void *arg);
void sql_each_blob_device(struct sql *q,
                          void (*each)(void *arg, const uint8_t *id, const struct store_blob_device *d), void *arg);
void sql_each_blob_notice(struct sql *q,
                          void (*each)(void *arg, const uint8_t *id, const struct store_blob_device *d, uint64_t made_ms),
                          void *arg);
void sql_boot(struct sql *q, char boot[STORE_BOOT_MAX + 1]);

/* writes: takes the write lock at once, and waits as long as another program holds it. */
void sql_begin(struct sql *q, bool writes);
enum store_status sql_commit(struct sql *q);
void sql_rollback(struct sql *q);

enum store_status sql_put_account(struct sql *q, const struct store_account *a,
                                  const struct store_device *d);
enum store_status sql_put_message(struct sql *q, const struct store_message *m, uint64_t *row);
enum store_status sql_put_room(struct sql *q, uint64_t room, const struct store_message *m,
                               uint64_t *number);

/* Moves the cursor, never back and never beyond the newest row committed. */
enum store_status sql_ack(struct sql *q, uint64_t account, uint64_t device, uint64_t row);

/* Messages read; the slices point into bytes. Zero-initialise; sql_list_free() empties it. */
struct sql_list {
    struct store_message *m;
    size_t n, cap;
    struct buf bytes;
    bool more;
};
void sql_list_free(struct sql_list *l);

void sql_load(struct sql *q, uint64_t account, uint64_t device, uint64_t after, size_t max_rows,
              size_t max_bytes, struct sql_list *out);
void sql_load_room(struct sql *q, uint64_t room, uint64_t after, size_t max_rows, size_t max_bytes,
                   struct sql_list *out);

/* Lists and deletes unacknowledged rows taken before the time, among the SQL_EXPIRE_LOOK oldest. */
enum store_status sql_expire(struct sql *q, uint64_t before_ms, struct sql_list *out);

/* --- what has not been delivered (store_why.c) --- */

/* Its sender can ask about it from now on; not when it is a copy for a device of the sender's. */
enum store_status sql_note_undelivered(struct sql *q, const struct store_message *m);
/* The same for everything that waits for a device, which is about to be revoked. */
enum store_status sql_note_revoked(struct sql *q, uint64_t account, uint64_t device);
/* Forgets some of what was taken STORE_UNDELIVERED_DAYS before the time. */
enum store_status sql_forget_undelivered(struct sql *q, uint64_t before_ms);

/* For the sweeper: appends up to max ids of acknowledged rows of a device; how many they were. */
size_t sql_acked_rows(struct sql *q, uint64_t account, uint64_t device, uint64_t *ids, size_t max);
/* Calls back for every device that has acknowledged rows left. */
void sql_each_unswept(struct sql *q, void (*each)(void *arg, uint64_t account, uint64_t device),
                      void *arg);
enum store_status sql_delete_row(struct sql *q, uint64_t id);
/* Deletes up to max messages of a room below keep_from and remembers the room's head. */
enum store_status sql_trim_room(struct sql *q, uint64_t room, uint64_t keep_from, size_t max,
                                size_t *deleted);

/* Frames in the WAL after the newest commit. */
unsigned sql_frames(const struct sql *q);
/* Pages inside the database that new rows can use without growing it. */
size_t sql_free_pages(struct sql *q);
/*
 * Copies the WAL into the database, as far as readers let it, and empties the WAL file too when
 * asked; never waits for a lock. False when readers or a full disk left something undone.
 */
bool sql_checkpoint(struct sql *q, bool truncate);

/* Gives back what is cached: what nobody asks for needs no memory. */
void sql_rest(struct sql *q);

/* Judges a result of SQLite on a connection as described at the top. what: "write", "read", … */
enum store_status sql_judge(sqlite3 *db, int rc, const char *what);

/* --- sweeping (store_sweep.c): deletes what nobody needs, in the order of the rows --- */

struct sweep;

/* Starts with every device that has something to delete. */
struct sweep *sweep_new(struct sql *q);
void sweep_free(struct sweep *w);

/* This device has acknowledged. */
void sweep_device(struct sweep *w, uint64_t account, uint64_t device);
void sweep_room(struct sweep *w, uint64_t room, uint64_t keep_from);

/* Looks up what can be deleted; outside a transaction. */
void sweep_gather(struct sweep *w);
/* Rows that wait to be deleted, as far as is known; 0: nothing to do. */
size_t sweep_waiting(const struct sweep *w);
/* Deletes at most max (up to SQL_SLICE) rows in the running transaction. */
enum store_status sweep_slice(struct sweep *w, size_t max);
/* How the transaction ended. */
void sweep_end(struct sweep *w, bool committed);

#endif
