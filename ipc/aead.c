/* aead.c - see aead.h. */
#include "aead.h"

#include <gcrypt.h>
#include <sodium.h>

#include "libgcrypt.h"
#include "log.h"

static gcry_cipher_hd_t cipher;

void aead_start(void)
{
    if (cipher) return;
    libgcrypt_start();
    gcry_error_t e = gcry_cipher_open(&cipher, GCRY_CIPHER_CHACHA20, GCRY_CIPHER_MODE_POLY1305, 0);
    if (e) fatal("libgcrypt does not give ChaCha20-Poly1305: %s (is the system in FIPS mode?)", gcry_strerror(e));
}

/* None of these can fail with lengths such as ours: a failure is a fault of the program. */
static void must(gcry_error_t e)
{
    if (e) fatal("ChaCha20-Poly1305: %s", gcry_strerror(e));
}

static void begin(const uint8_t *key, const uint8_t *nonce, struct slice ad)
{
    aead_start();
    must(gcry_cipher_setkey(cipher, key, AEAD_KEY));
    must(gcry_cipher_setiv(cipher, nonce, AEAD_NONCE));
    if (ad.len) must(gcry_cipher_authenticate(cipher, ad.data, ad.len));
    must(gcry_cipher_final(cipher));
}

void aead_seal(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], struct slice ad, struct slice in,
               uint8_t *out)
{
    begin(key, nonce, ad);
    must(gcry_cipher_encrypt(cipher, out, in.len, in.data, in.len));
    must(gcry_cipher_gettag(cipher, out + in.len, AEAD_TAG));
}

int aead_open(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], struct slice ad, struct slice in,
              uint8_t *out)
{
    if (in.len < AEAD_TAG) return -1;
    size_t n = in.len - AEAD_TAG;
    begin(key, nonce, ad);
    must(gcry_cipher_decrypt(cipher, out, n, in.data, n));
    if (gcry_cipher_checktag(cipher, in.data + n, AEAD_TAG) == 0) return 0;
    if (n) sodium_memzero(out, n);
    return -1;
}
