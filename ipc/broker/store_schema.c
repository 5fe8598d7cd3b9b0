/*
 * store_schema.c - opens the database file and brings its tables up to date.
 *
 * PRAGMA user_version counts the scripts below that have run; each runs once, in one transaction.
 * A script that was released is never changed: a new one is added.
 */
#include "store_sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

struct sql_tuning sql_tuning = {.synchronous = "FULL", .checkpoint_frames = 4000, .idle_ms = 1000};

/*
 * queue: rows are appended at the end of the table; the index ends in the row number, so a
 * device's rows come out of it in order. AUTOINCREMENT: a row number is never given twice, or a
 * late acknowledgement could hit another message. No foreign key from queue to device: it would
 * cost a lookup a message, and the broker only addresses devices that it knows.
 */
static const char *const scripts[] = {
    "CREATE TABLE meta(one INTEGER PRIMARY KEY CHECK(one=1), incarnation INTEGER NOT NULL) STRICT;"
    "INSERT INTO meta VALUES(1, 0);"
    "CREATE TABLE account(id INTEGER PRIMARY KEY CHECK(id>0), name TEXT NOT NULL,"
    "  role INTEGER NOT NULL, created INTEGER NOT NULL) STRICT;"
    "CREATE TABLE device(account INTEGER NOT NULL REFERENCES account(id), device INTEGER NOT NULL,"
    "  key BLOB NOT NULL CHECK(length(key)=32), last_id INTEGER NOT NULL, acked INTEGER NOT NULL,"
    "  last_room_id INTEGER NOT NULL DEFAULT 0,"
    "  PRIMARY KEY(account, device)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE queue(id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL,"
    "  device INTEGER NOT NULL, from_account INTEGER NOT NULL, from_device INTEGER NOT NULL,"
    "  mid INTEGER NOT NULL, time INTEGER NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL) STRICT;"
    "CREATE INDEX queue_device ON queue(account, device);"
    "CREATE TABLE room(room INTEGER PRIMARY KEY, head INTEGER NOT NULL) STRICT;"
    "CREATE TABLE room_message(room INTEGER NOT NULL, number INTEGER NOT NULL,"
    "  from_account INTEGER NOT NULL, from_device INTEGER NOT NULL, mid INTEGER NOT NULL,"
    "  time INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(room, number)) STRICT, WITHOUT "
    "ROWID;",
    /* Sealed messages: prekeys, device lists; copies for the sender's other devices. */
    "ALTER TABLE queue ADD COLUMN recipient INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE device ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE prekey(account INTEGER NOT NULL, device INTEGER NOT NULL, signed_id INTEGER NOT NULL,"
    "  prefix BLOB NOT NULL, top INTEGER NOT NULL, remaining INTEGER NOT NULL,"
    "  PRIMARY KEY(account, device)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE one_time(account INTEGER NOT NULL, device INTEGER NOT NULL, id INTEGER NOT NULL,"
    "  public BLOB NOT NULL CHECK(length(public)=32), PRIMARY KEY(account, device, id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE device_list(account INTEGER PRIMARY KEY REFERENCES account(id),"
    "  account_key BLOB NOT NULL CHECK(length(account_key)=32), head INTEGER NOT NULL) STRICT;"
    "CREATE TABLE device_entry(account INTEGER NOT NULL, seq INTEGER NOT NULL, entry BLOB NOT NULL,"
    "  PRIMARY KEY(account, seq)) STRICT, WITHOUT ROWID;",
    /*
     * Roles given by the operator, moderation with its audit log, which nothing changes once it is
     * written, and the class roster.
     */
    "ALTER TABLE account ADD COLUMN granted INTEGER;"
    "CREATE TABLE sanction(account INTEGER NOT NULL, kind INTEGER NOT NULL, until INTEGER NOT NULL,"
    "  reason TEXT NOT NULL, PRIMARY KEY(account, kind)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, origin INTEGER NOT NULL,"
    "  actor INTEGER NOT NULL, act INTEGER NOT NULL, subject INTEGER NOT NULL, room TEXT NOT NULL,"
    "  role INTEGER NOT NULL, until INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;"
    "CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;"
    "CREATE TRIGGER audit_is_true BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;"
    "CREATE TABLE roster(kind INTEGER NOT NULL, account INTEGER NOT NULL, time INTEGER NOT NULL, item BLOB NOT NULL,"
    "  PRIMARY KEY(kind, account)) STRICT, WITHOUT ROWID;",
    /* Groups: a room each; AUTOINCREMENT, so that no room is taken for one that is gone. */
    "CREATE TABLE room_group(room INTEGER PRIMARY KEY AUTOINCREMENT CHECK(room>1),"
    "  id BLOB NOT NULL UNIQUE CHECK(length(id)=32), name TEXT NOT NULL, creator INTEGER NOT NULL,"
    "  closed INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE group_entry(room INTEGER NOT NULL, seq INTEGER NOT NULL, number INTEGER NOT NULL,"
    "  entry BLOB NOT NULL, PRIMARY KEY(room, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE group_place(room INTEGER NOT NULL, account INTEGER NOT NULL, device INTEGER NOT NULL,"
    "  acked INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY(room, account, device)) STRICT, WITHOUT ROWID;",
    /* What left a queue undelivered, for its sender to hear of. */
    "CREATE TABLE undelivered(from_account INTEGER NOT NULL, from_device INTEGER NOT NULL, mid INTEGER NOT NULL,"
    "  account INTEGER NOT NULL, device INTEGER NOT NULL, time INTEGER NOT NULL, why INTEGER NOT NULL) STRICT;"
    "CREATE INDEX undelivered_sender ON undelivered(from_account, from_device, mid);",
    /* Files: who put which, who is to fetch it, whom its end is to be told; and which boot of the machine wrote last. */
    "CREATE TABLE blob(id BLOB PRIMARY KEY CHECK(length(id)=32), account INTEGER NOT NULL, device INTEGER NOT NULL,"
    "  recipient TEXT NOT NULL, size INTEGER NOT NULL, complete INTEGER NOT NULL, created INTEGER NOT NULL,"
    "  until INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE blob_wait(blob BLOB NOT NULL, account INTEGER NOT NULL, device INTEGER NOT NULL,"
    "  state INTEGER NOT NULL, PRIMARY KEY(blob, account, device)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE blob_notice(account INTEGER NOT NULL, device INTEGER NOT NULL, blob BLOB NOT NULL,"
    "  state INTEGER NOT NULL, made INTEGER NOT NULL, PRIMARY KEY(account, device, blob)) STRICT, WITHOUT ROWID;"
    "ALTER TABLE meta ADD COLUMN boot TEXT NOT NULL DEFAULT '';",
};
enum { SCRIPTS = sizeof scripts / sizeof *scripts };

static int complain(sqlite3 *db, const char *dir, const char *doing, char *err, size_t err_size)
{
    int rc = sqlite3_errcode(db) & 0xff;
    if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT)
        snprintf(err, err_size,
                 "%s/broker.db is damaged (%s): put a backup in its place, see store.md", dir,
                 sqlite3_errmsg(db));
    else if (sqlite3_system_errno(db) == ENOSPC)
        snprintf(err, err_size, "cannot %s %s/broker.db: the disk is full: make room", doing, dir);
    else
        snprintf(err, err_size,
                 "cannot %s %s/broker.db: %s: check space, owner and mode of the folder", doing,
                 dir, sqlite3_errmsg(db));
    return -1;
}

/* The one number that a PRAGMA or SELECT gives; -1 on error. */
static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    int64_t n = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
        n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

/* page_size counts only while the file is empty; Debian's SQLite has secure_delete on. */
static int settings(sqlite3 *db)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=%s;"
             "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=memory;"
             "PRAGMA mmap_size=0; PRAGMA foreign_keys=ON; PRAGMA secure_delete=OFF",
             sql_tuning.synchronous);
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

/* Another program's database must not be given our tables. */
static int check_owner(sqlite3 *db, const char *dir, char *err, size_t err_size)
{
    int64_t app = number(db, "PRAGMA application_id");
    int64_t tables = number(db, "SELECT count(*) FROM sqlite_schema");
    if (app < 0 || tables < 0) return complain(db, dir, "read", err, err_size);
    if (app == SQL_APPLICATION_ID || (app == 0 && tables == 0)) return 0;
    snprintf(err, err_size, "%s/broker.db belongs to another program: name another data folder",
             dir);
    return -1;
}

static int check_health(sqlite3 *db, const char *dir, char *err, size_t err_size)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(st);
    const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
    bool good = text && strcmp(text, "ok") == 0;
    if (!good)
        snprintf(err, err_size,
                 "%s/broker.db is damaged (%s): put a backup in its place, see store.md", dir,
                 text ? text : sqlite3_errmsg(db));
    sqlite3_finalize(st);
    return good ? 0 : -1;
}

static int migrate(sqlite3 *db, const char *dir, char *err, size_t err_size)
{
    int64_t version = number(db, "PRAGMA user_version");
    if (version < 0) return complain(db, dir, "read", err, err_size);
    if (version > SCRIPTS) {
        snprintf(err, err_size,
                 "%s/broker.db was written by a newer release (schema %d, this one knows %d): "
                 "start the newer release",
                 dir, (int)version, (int)SCRIPTS);
        return -1;
    }
    for (int64_t v = version; v < SCRIPTS; v++) {
        char stamp[96];
        snprintf(stamp, sizeof stamp, "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
                 SQL_APPLICATION_ID, (int)v + 1);
        if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(db, scripts[v], NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(db, stamp, NULL, NULL, NULL) != SQLITE_OK)
            return complain(db, dir, "bring up to date", err, err_size);
    }
    return 0;
}

static sqlite3 *connect_file(const char *dir, char *err, size_t err_size)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/broker.db", dir) >= (int)sizeof path) {
        snprintf(err, err_size, "the name of the data folder is too long: choose a shorter one");
        return NULL;
    }
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (!db) fatal("store: no memory for a database connection");
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, 5000);
    if (rc == SQLITE_OK) return db;
    complain(db, dir, "open", err, err_size);
    sqlite3_close(db);
    return NULL;
}

sqlite3 *schema_connect(const char *dir, char *err, size_t err_size)
{
    sqlite3 *db = connect_file(dir, err, err_size);
    if (!db) return NULL;
    if (settings(db) == 0 && number(db, "SELECT count(*) FROM meta") == 1) return db;
    complain(db, dir, "open", err, err_size);
    sqlite3_close(db);
    return NULL;
}

sqlite3 *schema_open(const char *dir, char *err, size_t err_size)
{
    sqlite3 *db = connect_file(dir, err, err_size);
    if (!db) return NULL;
    if (check_owner(db, dir, err, err_size) == 0) {
        if (settings(db) < 0)
            complain(db, dir, "open", err, err_size);
        else if (check_health(db, dir, err, err_size) == 0 && migrate(db, dir, err, err_size) == 0)
            return db;
    }
    sqlite3_close(db);
    return NULL;
}
