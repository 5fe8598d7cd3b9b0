/*
 * keys_people.h - what csce513fall24Msg keys, /verify and /trust say about people: safety numbers, devices,
 * trust. Lines of our own words and filtered names.
 */
#ifndef FACE_KEYS_PEOPLE_H
#define FACE_KEYS_PEOPLE_H

#include "../keyring.h"

enum keys_known { KEYS_STORE = -1, KEYS_UNKNOWN, KEYS_KNOWN };

/*
 * The safety number of two accounts as lines for people: digits, words, what to do, and whether it was
 * verified or the keys have changed. me and name: as typed. Nothing behind out unless KNOWN.
 */
enum keys_known keys_safety_lines(struct vault *v, const char *me, const char *name, struct buf *out);

/* The devices of the own account, one a line. */
enum keys_known keys_device_lines(struct vault *v, const char *me, uint64_t this_device, struct buf *out);

/*
 * Where somebody stands in the class, in words; nothing behind out when this account has no class, or the
 * store failed.
 */
void keys_class_words(struct vault *v, const char *name, uint64_t now_ms, struct buf *out);

/* Six words for the account's key. words has SAFETY_PHRASE bytes. */
enum keys_known keys_account_words(struct vault *v, const char *me, char *words);

#endif
