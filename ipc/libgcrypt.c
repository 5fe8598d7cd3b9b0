/* libgcrypt.c - see libgcrypt.h. */
#include "libgcrypt.h"

#include <gcrypt.h>
#include <stdbool.h>

#include "log.h"

void libgcrypt_start(void)
{
    static bool ready;
    if (ready) return;
    ready = true;
    if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) return;
    if (!gcry_check_version(GCRYPT_VERSION)) fatal("libgcrypt is older than %s: update it", GCRYPT_VERSION);
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0); /* its locked pages: keys of sessions lie in the slab anyway */
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}
