/*
 * test_wycheproof.c - the primitives as we use them against Project Wycheproof: every case of five
 * files. A case that our interface cannot express is counted as skipped, with its reason.
 */
#include "vectors.h"

#include "hkdf.h"
#include "aead.h"
#include "noise.h"

enum outcome { AGREES, DIFFERS, SKIPPED };

/* Runs one case; group holds what its cases share. */
typedef enum outcome case_fn(const json_t *group, const json_t *test);

/* Runs every case of a file and holds the numbers against the file's own and those expected. */
static void run_file(const char *name, case_fn *fn, int want, int want_skipped, const char *why)
{
    json_t *root = vectors_load(name);
    const json_t *groups = json_object_get(root, "testGroups");
    int count[3] = {0};

    for (size_t g = 0; g < json_array_size(groups); g++) {
        const json_t *group = json_array_get(groups, g);
        const json_t *tests = json_object_get(group, "tests");
        for (size_t t = 0; t < json_array_size(tests); t++) {
            const json_t *test = json_array_get(tests, t);
            enum outcome o = fn(group, test);
            count[o]++;
            if (o == DIFFERS)
                print_error("%s: case %d (%s) differs\n", name,
                            (int)json_integer_value(json_object_get(test, "tcId")),
                            vectors_text(test, "comment"));
        }
    }
    print_message("%s: %d agree, %d differ, %d skipped%s\n", name, count[AGREES], count[DIFFERS],
                  count[SKIPPED], why);
    assert_int_equal(count[DIFFERS], 0);
    assert_int_equal(count[AGREES], want);
    assert_int_equal(count[SKIPPED], want_skipped);
    assert_int_equal(want + want_skipped,
                     json_integer_value(json_object_get(root, "numberOfTests")));
    json_decref(root);
}

static bool is_result(const json_t *test, const char *result)
{
    return strcmp(vectors_text(test, "result"), result) == 0;
}

static bool same(const uint8_t *a, struct bytes b)
{
    return memcmp(a, b.data, b.len) == 0;
}

static struct slice slice_of(struct bytes b)
{
    return (struct slice){b.data, b.len};
}

static int zero_results; /* how many points x25519_case() saw refused */

/* "acceptable" are points we may refuse; we must refuse exactly those whose result is zero. */
static enum outcome x25519_case(const json_t *group, const json_t *test)
{
    uint8_t secret[32], public[32], want[32], got[32];

    (void)group;
    vectors_fixed(test, "private", secret, sizeof secret);
    vectors_fixed(test, "public", public, sizeof public);
    vectors_fixed(test, "shared", want, sizeof want);
    int rc = noise_dh(secret, public, got);
    if (sodium_is_zero(want, sizeof want)) {
        if (vectors_flagged(test, "ZeroSharedSecret") && rc == -1) zero_results++;
        return rc == -1 && sodium_is_zero(got, sizeof got) ? AGREES : DIFFERS;
    }
    return rc == 0 && memcmp(got, want, sizeof got) == 0 ? AGREES : DIFFERS;
}

static void test_x25519(void **state)
{
    (void)state;
    run_file("wycheproof/x25519_test.json", x25519_case, 518, 0, "");
    print_message("x25519: %d zero results refused\n", zero_results);
    assert_int_equal(zero_results, 31);
}

static enum outcome ed25519_case(const json_t *group, const json_t *test)
{
    uint8_t pk[32];
    struct bytes msg = vectors_bytes(test, "msg"), sig = vectors_bytes(test, "sig");

    vectors_fixed(json_object_get(group, "publicKey"), "pk", pk, sizeof pk);
    /* our formats carry signatures in fields of 64 bytes: any other length is refused there */
    bool good = sig.len == crypto_sign_BYTES &&
                crypto_sign_verify_detached(sig.data, msg.data, msg.len, pk) == 0;
    free(msg.data);
    free(sig.data);
    return good == is_result(test, "valid") ? AGREES : DIFFERS;
}

static void test_ed25519(void **state)
{
    (void)state;
    run_file("wycheproof/ed25519_test.json", ed25519_case, 151, 0, "");
}

static bool opens(const uint8_t key[32], const uint8_t nonce[12], struct bytes aad,
                  struct bytes sealed, struct bytes plain)
{
    uint8_t *got = malloc(plain.len ? plain.len : 1);

    assert_non_null(got);
    bool good = aead_open(key, nonce, (struct slice){aad.data, aad.len}, (struct slice){sealed.data, sealed.len},
                          got) == 0 &&
                same(got, plain);
    free(got);
    return good;
}

static bool seals(const uint8_t key[32], const uint8_t nonce[12], struct bytes aad,
                  struct bytes sealed, struct bytes plain)
{
    uint8_t *got = malloc(sealed.len);

    assert_non_null(got);
    aead_seal(key, nonce, (struct slice){aad.data, aad.len}, (struct slice){plain.data, plain.len}, got);
    bool good = same(got, sealed);
    free(got);
    return good;
}

/* Ciphertext and tag of a case, one after the other, as Noise has them. */
static struct bytes sealed_of(const json_t *test)
{
    struct bytes ct = vectors_bytes(test, "ct"), tag = vectors_bytes(test, "tag");
    struct bytes both = {malloc(ct.len + tag.len), ct.len + tag.len};

    assert_non_null(both.data);
    assert_int_equal(tag.len, NOISE_TAG_LEN);
    memcpy(both.data, ct.data, ct.len);
    memcpy(both.data + ct.len, tag.data, tag.len);
    free(ct.data);
    free(tag.data);
    return both;
}

static enum outcome chachapoly_case(const json_t *group, const json_t *test)
{
    uint8_t key[32], nonce[12];

    (void)group;
    if (strlen(vectors_text(test, "iv")) != 2 * sizeof nonce) {
        bool stated = is_result(test, "invalid") && vectors_flagged(test, "InvalidNonceSize");
        return stated ? SKIPPED : DIFFERS;
    }
    vectors_fixed(test, "key", key, sizeof key);
    vectors_fixed(test, "iv", nonce, sizeof nonce);
    struct bytes aad = vectors_bytes(test, "aad"), plain = vectors_bytes(test, "msg");
    struct bytes sealed = sealed_of(test);
    bool valid = is_result(test, "valid");
    bool good = opens(key, nonce, aad, sealed, plain) == valid &&
                seals(key, nonce, aad, sealed, plain) == valid;
    free(aad.data);
    free(plain.data);
    free(sealed.data);
    return good ? AGREES : DIFFERS;
}

static void test_chachapoly(void **state)
{
    (void)state;
    run_file("wycheproof/chacha20_poly1305_test.json", chachapoly_case, 316, 9,
             " (nonce not 12 bytes: the interface takes no other)");
}

static enum outcome hkdf_case(const json_t *group, const json_t *test)
{
    struct bytes ikm = vectors_bytes(test, "ikm"), salt = vectors_bytes(test, "salt");
    struct bytes info = vectors_bytes(test, "info"), okm = vectors_bytes(test, "okm");
    size_t size = (size_t)json_integer_value(json_object_get(test, "size"));
    uint8_t *got = malloc(size ? size : 1);

    (void)group;
    assert_non_null(got);
    int rc = hkdf_sha256(slice_of(salt), slice_of(ikm), slice_of(info), got, size);
    bool good = is_result(test, "valid") ? rc == 0 && okm.len == size && same(got, okm) : rc == -1;
    free(ikm.data);
    free(salt.data);
    free(info.data);
    free(okm.data);
    free(got);
    return good ? AGREES : DIFFERS;
}

static void test_hkdf(void **state)
{
    (void)state;
    run_file("wycheproof/hkdf_sha256_test.json", hkdf_case, 86, 0, "");
}

static enum outcome hmac_case(const json_t *group, const json_t *test)
{
    struct bytes key = vectors_bytes(test, "key"), msg = vectors_bytes(test, "msg");
    struct bytes tag = vectors_bytes(test, "tag");
    uint8_t got[HKDF_HASH_LEN];

    assert_int_equal(tag.len * 8, json_integer_value(json_object_get(group, "tagSize")));
    assert_true(tag.len <= sizeof got && tag.len > 0);
    hkdf_extract(slice_of(key), slice_of(msg), got);
    bool good = sodium_memcmp(got, tag.data, tag.len) == 0;
    free(key.data);
    free(msg.data);
    free(tag.data);
    return good == is_result(test, "valid") ? AGREES : DIFFERS;
}

static void test_hmac(void **state)
{
    (void)state;
    run_file("wycheproof/hmac_sha256_test.json", hmac_case, 174, 0, "");
}

int main(void)
{
    if (sodium_init() < 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_x25519),     cmocka_unit_test(test_ed25519),
        cmocka_unit_test(test_chachapoly), cmocka_unit_test(test_hkdf),
        cmocka_unit_test(test_hmac),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
