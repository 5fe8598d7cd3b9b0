/*
 * vault_lock.h - a store whose texts and values are sealed under a key that is not in it (identity.h has it,
 * under a passphrase). Sealed are the bodies of messages, drafts and every value of vault_put(): sessions,
 * prekeys, what is known of others. Names, times and numbers of messages are not.
 *
 * XChaCha20-Poly1305 with a random nonce in front; a value's kind, name and number are bound in, so that
 * values cannot be exchanged. It happens inside SQLite, by two functions of SQL, seal() and unseal(), which
 * do nothing in a store that is not sealed.
 *
 * As long as a store is open, its opener holds a shared lock on a file beside it; sealing and unsealing
 * need it alone, so no process goes on in plain text, or with a key that is none any more.
 */
#ifndef CLIENT_VAULT_LOCK_H
#define CLIENT_VAULT_LOCK_H

#include "vault.h"

/* For stores of vault_open() alone. Is it sealed? Until vault_give_key() such a store gives no text. */
bool vault_sealed(const struct vault *s);

/* True when no other process has it open, and none can open it until it is closed. False and why. */
bool vault_alone(struct vault *s, struct why *why);

/*
 * The key of a sealed store; seals one that is not, alone, in one transaction. 0; -1 and why: another key,
 * not alone, or the disk.
 */
int vault_give_key(struct vault *s, const uint8_t key[32], struct why *why);

/* Everything in plain text again, in one transaction; needs the key, alone. 0, or -1 and why. */
int vault_unseal(struct vault *s, struct why *why);

#endif
