/*
 * fuzz_identity_locked.c - the key file under a passphrase. Input: 0 and a file of any content; or else three
 * bytes, where and how a good file is changed. Refused with words, or the identity that was locked.
 */
#include "identity.h"
#include "one_file.h"

static const char pass[] = "correct horse";

/* In place of Argon2id, which is made to be slow; the limits of what a file may ask for are checked here. */
int crypto_pwhash(unsigned char *const out, unsigned long long n, const char *const text, unsigned long long len,
                  const unsigned char *const salt, unsigned long long passes, size_t memory, int algorithm)
{
    CHECK(passes >= crypto_pwhash_OPSLIMIT_MIN && passes <= 64);
    CHECK(memory >= crypto_pwhash_MEMLIMIT_MIN && memory <= 1024u * 1024 * 1024);
    CHECK(algorithm == crypto_pwhash_ALG_ARGON2ID13);
    return crypto_generichash(out, n, (const unsigned char *)text, len, salt, crypto_pwhash_SALTBYTES);
}

/* A locked file, one byte of it changed: whatever is accepted is what was locked. */
static void changed(const uint8_t data[3])
{
    struct identity id, again;
    struct why why = {{0}, {0}};
    identity_make(&id);
    CHECK(identity_lock("key", &id, pass, sizeof pass - 1, &why) == 0);
    size_t at = (data[0] + 256u * data[1]) % buf_len(&one_file);
    one_file.data[one_file.off + at] ^= data[2];
    if (identity_unlock("key", pass, sizeof pass - 1, &again, &why) == 0) {
        CHECK(memcmp(again.secret, id.secret, sizeof id.secret) == 0);
        CHECK(memcmp(again.account_secret, id.account_secret, sizeof id.account_secret) == 0);
        CHECK(memcmp(again.x.secret, id.x.secret, sizeof id.x.secret) == 0);
        CHECK(memcmp(again.lock.store_key, id.lock.store_key, sizeof id.lock.store_key) == 0);
    } else {
        CHECK(why.what[0]);
    }
    identity_wipe(&again);
    identity_wipe(&id);
}

static void any(const uint8_t *data, size_t size)
{
    struct identity id;
    struct why why = {{0}, {0}};
    one_file_set(data, size);
    int locked = identity_is_locked("key", &why);
    CHECK(locked >= 0 || why.what[0]);
    if (identity_unlock("key", pass, sizeof pass - 1, &id, &why) == 0)
        CHECK(locked == 1 && id.device != 0 && id.lock.on);
    else
        CHECK(why.what[0] && memchr(why.what, 0, sizeof why.what));
    identity_wipe(&id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_random_start();
    if (size >= 4 && data[0])
        changed(data + 1);
    else if (size)
        any(data + 1, size - 1);
    buf_free(&one_file);
    return 0;
}
