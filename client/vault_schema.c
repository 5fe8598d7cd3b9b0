/*
 * vault_schema.c - opens the SQLite store: file rights, pragmas, schema by PRAGMA user_version.
 *
 * Tables of version 1:
 *   device   one row: next id, place in the direct stream, the server all this belongs to
 *   outbox   messages not settled yet; what is resent, byte for byte (heads: for sealed messages)
 *   sent     what this device sent, in plain text, and what became of it
 *   heard    the highest direct id heard of each sender device
 *   room     the highest number read of each room
 *   history  received messages; row is never reused, so "shown up to row N" stays true
 * Version 2, for sealed messages: numbers of own messages beside their ids (in version 1 they were the
 * same), and
 *   draft    messages to users that cannot be sealed yet; case of names does not matter
 *   value    keys and what is known of others, by kind, name and number: see vault.h
 * Version 3: an index of those of `sent` of which it is not known what became.
 * A store that is locked with a passphrase has one more, `lock`, and sealed bodies, contents and values:
 * vault_lock.h.
 * A version's changes are made in upgrade(), which raises user_version in the same transaction. An older
 * program refuses a newer file instead of damaging it.
 */
#include "vault_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "log.h"

enum { SCHEMA_VERSION = 3, BUSY_MS = 10000 };

static const char schema_1[] =
    "CREATE TABLE device(one INTEGER PRIMARY KEY CHECK(one = 1), next_id INTEGER NOT NULL,"
    " incarnation INTEGER NOT NULL, seq INTEGER NOT NULL, server BLOB);"
    "INSERT INTO device VALUES(1, 1, 0, 0, NULL);"
    "CREATE TABLE outbox(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, recipient TEXT NOT NULL,"
    " heads BLOB, body BLOB NOT NULL);"
    "CREATE TABLE sent(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, recipient TEXT NOT NULL,"
    " body BLOB NOT NULL, time_ms INTEGER NOT NULL, state INTEGER NOT NULL);"
    "CREATE TABLE heard(name TEXT NOT NULL, device INTEGER NOT NULL, id INTEGER NOT NULL,"
    " PRIMARY KEY(name, device)) WITHOUT ROWID;"
    "CREATE TABLE room(name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE history(row INTEGER PRIMARY KEY AUTOINCREMENT, flags INTEGER NOT NULL,"
    " incarnation INTEGER NOT NULL, seq INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
    " sender TEXT NOT NULL, device INTEGER NOT NULL, id INTEGER NOT NULL,"
    " recipient TEXT NOT NULL, body BLOB NOT NULL);"
    "PRAGMA user_version = 1;";

/*
 * What stands in the outbox of version 1 goes out as it was written: the server may have taken it
 * already under its id, and sealed under another it would come twice.
 */
static const char schema_2[] =
    "ALTER TABLE device ADD COLUMN next_number INTEGER NOT NULL DEFAULT 1;"
    "UPDATE device SET next_number = next_id;"
    "ALTER TABLE outbox ADD COLUMN number INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE outbox ADD COLUMN quiet INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE outbox ADD COLUMN head_count INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE outbox ADD COLUMN content BLOB;"
    "UPDATE outbox SET number = id;"
    "ALTER TABLE sent RENAME COLUMN id TO number;"
    "ALTER TABLE sent ADD COLUMN id INTEGER;"
    "UPDATE sent SET id = number;"
    "CREATE INDEX sent_id ON sent(id) WHERE id IS NOT NULL;"
    "ALTER TABLE history ADD COLUMN how INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE draft(number INTEGER PRIMARY KEY, quiet INTEGER NOT NULL,"
    " recipient TEXT NOT NULL COLLATE NOCASE, content BLOB NOT NULL);"
    "CREATE INDEX draft_recipient ON draft(recipient, number);"
    "CREATE TABLE value(kind INTEGER NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL,"
    " value BLOB NOT NULL, PRIMARY KEY(kind, name, number));"
    "PRAGMA user_version = 2;";

static const char schema_3[] = "CREATE INDEX sent_open ON sent(number) WHERE state IN (1, 3) AND kind = 0;"
                               "PRAGMA user_version = 3;";

/* secure_delete: a key that was used is to be gone from the disk, not only from the table. */
static const char pragmas[] = "PRAGMA journal_mode = WAL;"
                              "PRAGMA synchronous = FULL;"
                              "PRAGMA cache_size = -512;"
                              "PRAGMA journal_size_limit = 1048576;"
                              "PRAGMA secure_delete = FAST;"
                              "PRAGMA trusted_schema = OFF;";

/* SQLite would make the file with the rights of the umask; WAL and index follow the file's. */
static int make_private(const char *path, struct why *why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || ((st.st_mode & 077) && fchmod(fd, 0600) != 0)) {
        why_set(why, "cannot open the message store \"%s\": %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return -1;
    }
    close(fd);
    return 0;
}

static int read_version(struct sqlite *q, int *version)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(q->db, "PRAGMA user_version", -1, &st, NULL)) return -1;
    int r = sqlite3_step(st);
    *version = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    return r == SQLITE_ROW ? 0 : -1;
}

/* Brings the schema to the present version. The folder is locked: nobody else does the same. */
static int upgrade(struct sqlite *q, const char *path, struct why *why)
{
    int version;
    if (read_version(q, &version) < 0) goto failed;
    if (version > SCHEMA_VERSION) {
        why_set(why, "the message store \"%s\" was written by a newer version of this program",
                path);
        why_hint(why, "install that version, or use another --home");
        return -1;
    }
    if (version == SCHEMA_VERSION) return 0;
    if (sqlite3_exec(q->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) ||
        (version < 1 && sqlite3_exec(q->db, schema_1, NULL, NULL, NULL)) ||
        (version < 2 && sqlite3_exec(q->db, schema_2, NULL, NULL, NULL)) ||
        sqlite3_exec(q->db, schema_3, NULL, NULL, NULL) || sqlite3_exec(q->db, "COMMIT", NULL, NULL, NULL))
        goto failed;
    return 0;
failed:
    why_set(why, "cannot set up the message store \"%s\": %s", path, sqlite3_errmsg(q->db));
    return -1;
}

static int open_db(struct sqlite *q, const char *path, struct why *why)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(path, &q->db, flags, NULL) || sqlite3_busy_timeout(q->db, BUSY_MS) ||
        sqlite3_exec(q->db, pragmas, NULL, NULL, NULL)) {
        why_set(why, "cannot open the message store \"%s\": %s", path, sqlite3_errmsg(q->db));
        return -1;
    }
    return upgrade(q, path, why);
}

struct vault *vault_open(const char *path, struct why *why)
{
    int lock = file_lock_folder(path, why);
    if (lock < 0) return NULL;
    struct sqlite *q = xcalloc(1, sizeof *q);
    q->vault = (struct vault){&sqlite_ops, .shared = true};
    q->in_use = -1;
    if (make_private(path, why) < 0 || open_db(q, path, why) < 0 || vault_lock_set_up(q, path, why) < 0) {
        vault_close(&q->vault);
        close(lock);
        return NULL;
    }
    close(lock);
    vault_changed(&q->vault);
    return &q->vault;
}
