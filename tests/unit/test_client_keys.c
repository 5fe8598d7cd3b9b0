/* test_client_keys.c - the two files of trust: who we are (identity.h), who they are (trust.h). */
#include "client_fake.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "../../client/file.h"
#include "../../client/identity.h"
#include "../../client/trust.h"

struct place {
    char folder[64], file[96];
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->folder, sizeof p->folder, "/tmp/csmsg-keys-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->file, sizeof p->file, "%s/file", p->folder);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    unlink(p->file);
    assert_int_equal(rmdir(p->folder), 0); /* no temporary file is left over */
    free(p);
    return 0;
}

static void put(const struct place *p, const char *text, mode_t mode)
{
    FILE *f = fopen(p->file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(p->file, mode), 0);
}

static void test_identity(void **state)
{
    struct place *p = *state;
    struct identity a, b;
    struct why why;
    struct stat st;
    uint8_t signature[64];
    assert_int_equal(identity_open(p->file, &a, &why), 0);
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(identity_open(p->file, &b, &why), 0);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(a.device != 0);
    identity_sign(&a, "text", 4, signature);
    assert_int_equal(
        crypto_sign_verify_detached(signature, (const uint8_t *)"text", 4, a.public_key), 0);
    identity_wipe(&a);
    for (size_t i = 0; i < sizeof a; i++)
        assert_int_equal(((uint8_t *)&a)[i], 0);
}

/* Locked with a passphrase: the secrets are not in the file, come back with it alone, and every byte counts. */
static void test_identity_locked(void **state)
{
    struct place *p = *state;
    struct identity a, b;
    struct why why;
    char text[2048], seed[64];
    assert_int_equal(identity_is_locked(p->file, &why), 0);
    assert_int_equal(identity_open(p->file, &a, &why), 0);
    assert_int_equal(identity_is_locked(p->file, &why), 0);
    assert_int_equal(identity_lock(p->file, &a, "correct horse", 13, &why), 0);
    assert_int_equal(identity_is_locked(p->file, &why), 1);
    ssize_t n = file_read(p->file, 077, text, sizeof text, &why);
    assert_true(n > 0);
    const uint8_t *const secrets[] = {a.secret, a.x.secret, a.account_secret};
    for (size_t i = 0; i < 3; i++) {
        sodium_bin2base64(seed, sizeof seed, secrets[i], 32, sodium_base64_VARIANT_ORIGINAL);
        assert_null(strstr(text, seed));
    }
    assert_int_equal(identity_open(p->file, &b, &why), -1);
    assert_non_null(strstr(why.what, "locked"));
    assert_int_equal(identity_unlock(p->file, "correct horsf", 13, &b, &why), IDENTITY_WRONG);
    assert_non_null(strstr(why.what, "wrong"));
    assert_int_equal(identity_unlock(p->file, "correct horse", 13, &b, &why), 0);
    assert_memory_equal(&a, &b, sizeof a);
    char *sealed = strstr(text, "\nsealed ") + 12; /* behind the nonce's first bytes */
    *sealed = *sealed == 'A' ? 'B' : 'A';
    put(p, text, 0600);
    assert_int_equal(identity_unlock(p->file, "correct horse", 13, &b, &why), -1);
    put(p, "csmsg-key 3\ndevice 01\nlock 3 99999999999 AAAA\nkey AAAA\nsealed AAAA\n", 0600);
    assert_int_equal(identity_unlock(p->file, "correct horse", 13, &b, &why), -1);
    assert_non_null(strstr(why.what, "damaged"));
    assert_int_equal(identity_open_up(p->file, &a, &why), 0);
    assert_int_equal(identity_open(p->file, &b, &why), 0);
    assert_memory_equal(a.secret, b.secret, sizeof a.secret);
}

static void test_identity_refused(void **state)
{
    struct place *p = *state;
    struct identity id;
    struct why why;
    assert_int_equal(identity_open(p->file, &id, &why), 0);
    static const mode_t open_modes[] = {0640, 0604, 0620, 0601};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(chmod(p->file, open_modes[i]), 0);
        assert_int_equal(identity_open(p->file, &id, &why), -1);
        assert_non_null(strstr(why.hint, "chmod 600"));
    }
    static const char *const damaged[] = {
        "",
        "csmsg-key 1\n",
        "csmsg-key 2\ndevice 01\nseed AAAA\n",
        "csmsg-key 2\ndevice 01\nseed AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n",
        "csmsg-key 4\ndevice 01\nseed AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n",
        "csmsg-key 1\ndevice 0000000000000001\nseed AAAA\n",
        "csmsg-key 1\ndevice 0\nseed AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    };
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        put(p, damaged[i], 0600);
        assert_int_equal(identity_open(p->file, &id, &why), -1);
        assert_non_null(strstr(why.what, "damaged"));
    }
    unlink(p->file);
    assert_int_equal(symlink("/dev/null", p->file), 0);
    assert_int_equal(identity_open(p->file, &id, &why), -1);
}

/* A file of version 1 keeps its device and gets the keys that it lacks, once. */
static void test_identity_upgrade(void **state)
{
    struct place *p = *state;
    struct identity a, b;
    struct why why;
    static const uint8_t nothing[32];
    put(p, "csmsg-key 1\ndevice 00000000000000ab\nseed AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n", 0600);
    assert_int_equal(identity_open(p->file, &a, &why), 0);
    assert_int_equal(a.device, 0xab);
    uint8_t public_key[32], secret[64], seed[32];
    memset(seed, 1, sizeof seed);
    crypto_sign_seed_keypair(public_key, secret, seed);
    assert_memory_equal(a.public_key, public_key, 32);
    assert_memory_not_equal(a.x.public_key, nothing, 32);
    assert_memory_not_equal(a.account_key, nothing, 32);
    assert_memory_not_equal(a.account_key, a.public_key, 32);
    assert_int_equal(identity_open(p->file, &b, &why), 0);
    assert_memory_equal(&a, &b, sizeof a);
}

/* Several first runs at once end with one key. */
static void test_identity_race(void **state)
{
    struct place *p = *state;
    struct identity id;
    struct why why;
    int pair[2], status;
    uint64_t first = 0, device;
    assert_int_equal(pipe(pair), 0);
    for (int i = 0; i < 6; i++) {
        if (fork() != 0) continue;
        if (identity_open(p->file, &id, &why) < 0) _exit(1);
        _exit(write(pair[1], &id.device, sizeof id.device) != sizeof id.device);
    }
    for (int i = 0; i < 6; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
        assert_int_equal(read(pair[0], &device, sizeof device), sizeof device);
        if (i == 0) first = device;
        assert_true(device == first);
    }
    close(pair[0]);
    close(pair[1]);
}

static void test_trust(void **state)
{
    struct place *p = *state;
    uint8_t one[32] = {1}, two[32] = {2};
    struct trust_pin pin;
    struct why why;
    char only[TRUST_PLACE];
    struct stat st;
    assert_int_equal(trust_check(p->file, "lab:5130", one, &pin, &why), TRUST_UNKNOWN);
    assert_int_equal(trust_only(p->file, only, &why), 0);
    assert_int_equal(trust_accept(p->file, "lab:5130", one, &why), 0);
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(trust_check(p->file, "lab:5130", one, &pin, &why), TRUST_PINNED);
    assert_int_equal(trust_check(p->file, "LAB:5130", one, &pin, &why), TRUST_PINNED);
    assert_int_equal(trust_check(p->file, "lab:5131", one, &pin, &why), TRUST_UNKNOWN);
    assert_int_equal(trust_check(p->file, "lab:5130", two, &pin, &why), TRUST_CHANGED);
    assert_memory_equal(pin.server_id, one, 32);
    assert_int_equal(strlen(pin.date), 10);
    assert_int_equal(trust_only(p->file, only, &why), 1);
    assert_string_equal(only, "lab:5130");
    assert_int_equal(trust_accept(p->file, "[::1]:5130", two, &why), 0);
    assert_int_equal(trust_only(p->file, only, &why), 0);
    assert_int_equal(trust_accept(p->file, "lab:5130", two, &why), 0);
    assert_int_equal(trust_check(p->file, "lab:5130", two, &pin, &why), TRUST_PINNED);
    assert_int_equal(trust_check(p->file, "[::1]:5130", two, &pin, &why), TRUST_PINNED);
}

static void test_trust_file(void **state)
{
    struct place *p = *state;
    uint8_t id[32] = {9};
    struct trust_pin pin;
    struct why why;
    char text[512] = "";
    put(p, "# my servers\n\nnot a pin\nx:1 ed25519 AAAA 2024-01-01\nx:1 rsa AAAA\n", 0600);
    assert_int_equal(trust_check(p->file, "x:1", id, &pin, &why), TRUST_UNKNOWN);
    assert_int_equal(trust_accept(p->file, "x:1", id, &why), 0);
    FILE *f = fopen(p->file, "r");
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    assert_memory_equal(text, "# my servers\n\nnot a pin\n", 24);
    assert_non_null(strstr(text, "x:1 ed25519 CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= 2"));
    assert_int_equal(chmod(p->file, 0622), 0);
    assert_int_equal(trust_check(p->file, "x:1", id, &pin, &why), TRUST_TROUBLE);
    assert_int_equal(trust_accept(p->file, "x:1", id, &why), -1);
}

static void test_words(void **state)
{
    (void)state;
    /* SHA-256 of 32 zero bytes begins 66687aadf862bd776c8fc18b8e9f8e2008971485 */
    const uint8_t zero[32] = {0};
    char print[TRUST_FINGERPRINT], place[TRUST_PLACE];
    trust_fingerprint(zero, print);
    assert_string_equal(print, "CSM7-NBFR-CAYQ-EV4F-R65R-X7WE-4049-E545");
    trust_place(place, "Lab.Example", "5130");
    assert_string_equal(place, "lab.example:5130");
    trust_place(place, "::1", "7");
    assert_string_equal(place, "[::1]:7");
}

int main(void)
{
    assert_true(sodium_init() >= 0);
#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_identity), IN_FOLDER(test_identity_locked), IN_FOLDER(test_identity_refused),
        IN_FOLDER(test_identity_race),
        IN_FOLDER(test_trust),    IN_FOLDER(test_trust_file),       cmocka_unit_test(test_words),
        IN_FOLDER(test_identity_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
