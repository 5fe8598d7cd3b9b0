/* hkdf.c - see hkdf.h. Everything derived on the way is wiped. */
#include "hkdf.h"

#include <sodium.h>
#include <string.h>

void hkdf_extract(struct slice salt, struct slice ikm, uint8_t prk[HKDF_HASH_LEN])
{
    crypto_auth_hmacsha256_state st;

    crypto_auth_hmacsha256_init(&st, salt.data, salt.len);
    crypto_auth_hmacsha256_update(&st, ikm.data, ikm.len);
    crypto_auth_hmacsha256_final(&st, prk);
    sodium_memzero(&st, sizeof st);
}

int hkdf_expand(const uint8_t prk[HKDF_HASH_LEN], struct slice info, uint8_t *out, size_t n)
{
    if (n > HKDF_OUT_MAX) return -1;

    crypto_auth_hmacsha256_state keyed, st;
    uint8_t block[HKDF_HASH_LEN];
    uint8_t counter = 0;
    crypto_auth_hmacsha256_init(&keyed, prk, HKDF_HASH_LEN);
    for (size_t done = 0; done < n;) {
        /* T(i) = HMAC(prk, T(i-1) || info || i), T(0) is empty */
        st = keyed;
        if (counter > 0) crypto_auth_hmacsha256_update(&st, block, sizeof block);
        crypto_auth_hmacsha256_update(&st, info.data, info.len);
        counter++;
        crypto_auth_hmacsha256_update(&st, &counter, 1);
        crypto_auth_hmacsha256_final(&st, block);

        size_t take = n - done < sizeof block ? n - done : sizeof block;
        memcpy(out + done, block, take);
        done += take;
    }
    sodium_memzero(&keyed, sizeof keyed);
    sodium_memzero(&st, sizeof st);
    sodium_memzero(block, sizeof block);
    return 0;
}

int hkdf_sha256(struct slice salt, struct slice ikm, struct slice info, uint8_t *out, size_t n)
{
    uint8_t prk[HKDF_HASH_LEN];

    hkdf_extract(salt, ikm, prk);
    int rc = hkdf_expand(prk, info, out, n);
    sodium_memzero(prk, sizeof prk);
    return rc;
}
