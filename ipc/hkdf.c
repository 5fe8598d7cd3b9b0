/* hkdf.c - see hkdf.h. Everything derived on the way is wiped. */
#include "hkdf.h"

#include <sodium.h>
#include <string.h>

#include "sha256.h"

void hkdf_extract(struct slice salt, struct slice ikm, uint8_t prk[HKDF_HASH_LEN])
{
    sha256_hmac(salt, &ikm, 1, prk);
}

int hkdf_expand(const uint8_t prk[HKDF_HASH_LEN], struct slice info, uint8_t *out, size_t n)
{
    if (n > HKDF_OUT_MAX) return -1;

    const struct slice key = {prk, HKDF_HASH_LEN};
    uint8_t block[HKDF_HASH_LEN];
    uint8_t counter = 0;
    for (size_t done = 0; done < n;) {
        /* T(i) = HMAC(prk, T(i-1) || info || i), T(0) is empty */
        const struct slice text[] = {{block, counter ? sizeof block : 0}, info, {&counter, 1}};
        counter++;
        sha256_hmac(key, text, 3, block);

        size_t take = n - done < sizeof block ? n - done : sizeof block;
        memcpy(out + done, block, take);
        done += take;
    }
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
