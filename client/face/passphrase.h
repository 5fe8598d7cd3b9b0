/* passphrase.h - where the passphrase of a locked store comes from, and csce513fall24Msg keys lock, unlock. */
#ifndef FACE_PASSPHRASE_H
#define FACE_PASSPHRASE_H

#include "errand.h"

enum { PASSPHRASE_MAX = 512, PASSPHRASE_LEAST = 8 };

/*
 * The passphrase, terminated, without its newline: of --password-file, of --password-command, or asked for in
 * a terminal; fresh: a new one, asked twice. 0; -1 and why. Wipe it.
 */
int passphrase_get(struct errand *s, bool fresh, char out[PASSPHRASE_MAX], struct why *why);

enum face_exit keys_lock(const struct args *o);
enum face_exit keys_unlock(const struct args *o);

#endif
