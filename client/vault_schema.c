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
 * Version 3, for reading by conversation (history.h):
 *   conversation  a room, or the other person; up to where it was seen
 *   line     the order of what was said in one: a row of history, a message of `sent`, or one that is both. place:
 *            in a room the server's number, else the next one; era keeps those of another server apart. What a room
 *            has not shown yet stands at the end, above every number. Two triggers keep it, so that a program of the
 *            version before, still running, keeps it, too.
 *   words, words_upto  the index of words, once something was searched: vault_index.c
 * Version 4: an index of those of `sent` of which it is not known what became.
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

enum { SCHEMA_VERSION = 4, BUSY_MS = 10000 };

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

/* With whom a received message was said: the room, or the other one of the two. */
#define WITH                                                                                                       \
    "lower(CASE WHEN NEW.flags & 1 THEN NEW.recipient WHEN lower(NEW.sender) = (SELECT lower(owner) FROM device)" \
    " THEN NEW.recipient ELSE NEW.sender END)"
/* What this account has sent has a number: 0 from another device. */
#define NUMBER                                                                                                      \
    "CASE WHEN lower(NEW.sender) IS NOT (SELECT lower(owner) FROM device) THEN NULL"                                \
    " WHEN NEW.device = (SELECT owner_device FROM device) AND EXISTS (SELECT 1 FROM sent WHERE number = NEW.id"     \
    " AND lower(recipient) = lower(NEW.recipient)) THEN NEW.id ELSE 0 END"
#define ID(with)   "(SELECT id FROM conversation WHERE name = " with ")"
#define LAST(with) "(SELECT max(place) FROM line WHERE conversation = " ID(with) " AND place < 1 << 62)"
/* Not OR IGNORE: within a trigger the statement that set it off says what a conflict does. */
#define NEW_CONVERSATION(with) \
    " INSERT INTO conversation(name) SELECT " with " WHERE NOT EXISTS (SELECT 1 FROM conversation WHERE name = " with ");"

static const char schema_3[] =
    "ALTER TABLE device ADD COLUMN owner TEXT;"
    "ALTER TABLE device ADD COLUMN owner_device INTEGER;"
    "ALTER TABLE device ADD COLUMN era INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE conversation(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " seen_place INTEGER NOT NULL DEFAULT 0, seen_line INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE line(line INTEGER PRIMARY KEY AUTOINCREMENT, conversation INTEGER NOT NULL,"
    " place INTEGER NOT NULL, row INTEGER, number INTEGER);"
    "CREATE INDEX line_place ON line(conversation, place, line, number);"
    "CREATE INDEX line_number ON line(number) WHERE number > 0;"
    "CREATE TRIGGER history_line AFTER INSERT ON history WHEN length(NEW.body) > 0 BEGIN"
    NEW_CONVERSATION(WITH)
    " DELETE FROM line WHERE number = NEW.id AND number > 0 AND row IS NULL AND NEW.flags & 1 AND number = " NUMBER ";"
    " INSERT INTO line(conversation, place, row, number) VALUES(" ID(WITH) ","
    " iif(NEW.flags & 1 AND NEW.seq > 0, (SELECT era << 40 FROM device) + NEW.seq,"
    "  coalesce(" LAST(WITH) ", (SELECT era << 40 FROM device)) + (NEW.flags & 1 = 0)), NEW.row, " NUMBER ");"
    " END;"
    "CREATE TRIGGER sent_line AFTER INSERT ON sent"
    " WHEN NOT EXISTS (SELECT 1 FROM line WHERE number = NEW.number AND number > 0) BEGIN"
    NEW_CONVERSATION("lower(NEW.recipient)")
    " INSERT INTO line(conversation, place, number) VALUES(" ID("lower(NEW.recipient)") ","
    " iif(NEW.kind = 1, (1 << 62) + NEW.number,"
    "  coalesce(" LAST("lower(NEW.recipient)") ", (SELECT era << 40 FROM device)) + 1), NEW.number);"
    " END;"
    "PRAGMA user_version = 3;";

_Static_assert(WIRE_FLAG_ROOM == 1 && WIRE_TO_ROOM == 1 && WIRE_STATE_ACCEPTED == 1, "schema_3 has them as numbers");

static const char schema_4[] = "CREATE INDEX sent_open ON sent(number) WHERE state IN (1, 3) AND kind = 0;"
                               "PRAGMA user_version = 4;";

/* secure_delete: a key that was used is to be gone from the disk, not only from the table. */
static const char pragmas[] = "PRAGMA journal_mode = WAL;"
                              "PRAGMA synchronous = FULL;"
                              "PRAGMA cache_size = -512;"
                              "PRAGMA journal_size_limit = 1048576;"
                              "PRAGMA secure_delete = FAST;"
                              "PRAGMA temp_store = MEMORY;" /* the index of a locked store is there */
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
        (version < 3 && sqlite3_exec(q->db, schema_3, NULL, NULL, NULL)) ||
        sqlite3_exec(q->db, schema_4, NULL, NULL, NULL) || sqlite3_exec(q->db, "COMMIT", NULL, NULL, NULL))
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
