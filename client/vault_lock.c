/* vault_lock.c - see vault_lock.h. The table `lock` is there exactly when the store is sealed; its one value
 * is sealed, too, and tells a wrong key. */
#include "vault_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "primitives.h"
#include "vault_sqlite.h"

enum {
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
};

/* Every column that holds text or secrets; what is empty stays so: it marks that there is none. */
#define EACH(f)                                                                                        \
    "UPDATE outbox SET body = " f "(body, 'text'), content = " f "(content, 'text');"                  \
    "UPDATE draft SET content = " f "(content, 'text');"                                               \
    "UPDATE sent SET body = " f "(body, 'text');"                                                      \
    "UPDATE history SET body = " f "(body, 'text');"                                                   \
    "UPDATE value SET value = " f "(value, kind || '/' || name || '/' || number);"

/* The index holds words: it goes, and is made anew in memory by whoever searches. */
#define NO_INDEX "DROP TABLE IF EXISTS words; DROP TABLE IF EXISTS words_upto;"

static const char seal_all[] = "BEGIN IMMEDIATE;" EACH("seal") NO_INDEX
    "CREATE TABLE lock(proof BLOB NOT NULL); INSERT INTO lock VALUES(seal(randomblob(16), 'lock')); COMMIT;";
static const char unseal_all[] = "BEGIN IMMEDIATE;" EACH("unseal") "DROP TABLE lock; COMMIT;";

/* What was overwritten is to be gone from the file, too. */
static const char tidy[] = "PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE);";

/* --- the two functions of SQL --- */

static struct slice argument(sqlite3_value *v)
{
    const void *data = sqlite3_value_blob(v);
    return sealed_slice(data ? data : "", (size_t)sqlite3_value_bytes(v));
}

static void seal(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    const struct sqlite *q = sqlite3_user_data(ctx);
    struct slice text = argument(v[0]), label = argument(v[1]);
    (void)n;
    if (q->sealed && !q->has_key) {
        sqlite3_result_error(ctx, "the store is locked with a passphrase", -1);
        return;
    }
    if (!q->has_key || text.len == 0) {
        sqlite3_result_value(ctx, v[0]);
        return;
    }
    uint8_t *out = xmalloc(NONCE + text.len + TAG);
    randombytes_buf(out, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE, NULL, text.data, text.len, label.data, label.len, NULL, out,
                                               q->key);
    sqlite3_result_blob(ctx, out, (int)(NONCE + text.len + TAG), free);
}

static void unseal(sqlite3_context *ctx, int n, sqlite3_value **v)
{
    const struct sqlite *q = sqlite3_user_data(ctx);
    struct slice text = argument(v[0]), label = argument(v[1]);
    (void)n;
    if (q->sealed && !q->has_key) {
        sqlite3_result_error(ctx, "the store is locked with a passphrase", -1);
        return;
    }
    if (!q->has_key || text.len == 0) {
        sqlite3_result_value(ctx, v[0]);
        return;
    }
    uint8_t *out = xmalloc(text.len);
    if (text.len < NONCE + TAG ||
        crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, text.data + NONCE, text.len - NONCE, label.data,
                                                   label.len, text.data, q->key) != 0)
        sqlite3_result_error(ctx, "a sealed value is damaged, or of another key", -1);
    else
        sqlite3_result_blob(ctx, out, (int)(text.len - NONCE - TAG), SQLITE_TRANSIENT);
    sodium_memzero(out, text.len);
    free(out);
}

/* --- opening --- */

static int failed(struct sqlite *q, const char *what, struct why *why)
{
    why_set(why, "%s: %s", what, sqlite3_errmsg(q->db));
    if (!sqlite3_get_autocommit(q->db)) sqlite3_exec(q->db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

/* A row or none: 1, 0; -1 failed. */
static int ask(struct sqlite *q, const char *text)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(q->db, text, -1, &st, NULL)) return -1;
    int r = sqlite3_step(st);
    sqlite3_finalize(st);
    return r == SQLITE_ROW ? 1 : r == SQLITE_DONE ? 0 : -1;
}

int vault_lock_set_up(struct sqlite *q, const char *path, struct why *why)
{
    char beside[4096];
    const int flags = SQLITE_UTF8 | SQLITE_DIRECTONLY;
    snprintf(beside, sizeof beside, "%s.lock", path);
    q->in_use = open(beside, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (q->in_use < 0 || flock(q->in_use, LOCK_SH) != 0) {
        why_set(why, "cannot lock \"%s\": %s", beside, strerror(errno));
        return -1;
    }
    if (sqlite3_create_function(q->db, "seal", 2, flags, q, seal, NULL, NULL) ||
        sqlite3_create_function(q->db, "unseal", 2, flags, q, unseal, NULL, NULL))
        return failed(q, "cannot set up the message store", why);
    int r = ask(q, "SELECT 1 FROM sqlite_schema WHERE name = 'lock'");
    if (r < 0) return failed(q, "cannot read the message store", why);
    q->sealed = r > 0;
    return 0;
}

bool vault_sealed(const struct vault *s)
{
    return ((const struct sqlite *)s)->sealed;
}

bool vault_alone(struct vault *s, struct why *why)
{
    if (flock(sqlite_of(s)->in_use, LOCK_EX | LOCK_NB) == 0) return true;
    flock(sqlite_of(s)->in_use, LOCK_SH); /* a failed change of the lock may have lost it */
    why_set(why, "another program of yours has the message store open");
    why_hint(why, "end it (a conversation? a tail?) and say this again");
    return false;
}

/* --- the key --- */

static int check_key(struct sqlite *q, struct why *why)
{
    if (ask(q, "SELECT unseal(proof, 'lock') FROM lock") > 0) return 0;
    why_set(why, "the message store was sealed under another key");
    why_hint(why, "were key and store.db restored from different copies? they belong together");
    return -1;
}

int vault_give_key(struct vault *s, const uint8_t key[32], struct why *why)
{
    struct sqlite *q = sqlite_of(s);
    bool fresh = !q->sealed;
    if (fresh && !vault_alone(s, why)) return -1;
    memcpy(q->key, key, sizeof q->key);
    q->has_key = true;
    if (!fresh) return check_key(q, why);
    if (sqlite3_exec(q->db, seal_all, NULL, NULL, NULL)) {
        failed(q, "cannot seal the message store", why);
        q->has_key = false;
        return -1;
    }
    q->sealed = true;
    sqlite3_exec(q->db, tidy, NULL, NULL, NULL); /* a disk that is full may keep old copies a while */
    flock(q->in_use, LOCK_SH);
    return 0;
}

int vault_unseal(struct vault *s, struct why *why)
{
    struct sqlite *q = sqlite_of(s);
    if (!vault_alone(s, why)) return -1;
    if (sqlite3_exec(q->db, unseal_all, NULL, NULL, NULL)) return failed(q, "cannot unseal the message store", why);
    q->sealed = q->has_key = false;
    sodium_memzero(q->key, sizeof q->key);
    return 0;
}
