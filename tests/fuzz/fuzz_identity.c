/* fuzz_identity.c - an identity file of any content: refused with words, or a key that signs. */
#include "identity.h"
#include "one_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct identity id;
    struct why why = {{0}, {0}};
    uint8_t signature[64];
    fuzz_random_start();
    one_file_set(data, size);
    if (identity_open("key", &id, &why) == 0) {
        CHECK(id.device != 0);
        identity_sign(&id, "text", 4, signature);
        CHECK(crypto_sign_verify_detached(signature, (const uint8_t *)"text", 4, id.public_key) ==
              0);
        CHECK(memcmp(id.secret + 32, id.public_key, 32) == 0);
    } else {
        CHECK(why.what[0] && memchr(why.what, 0, sizeof why.what));
    }
    identity_wipe(&id);
    buf_free(&one_file);
    return 0;
}
