/* libgcrypt.h - the library behind aead.h and sha256.h, made ready. */
#ifndef LIBGCRYPT_H
#define LIBGCRYPT_H

/*
 * Once is enough, more do no harm. It reads files of the system, so a process does it before it
 * enters its sandbox and before it has threads; else the first call of either header does.
 */
void libgcrypt_start(void);

#endif
