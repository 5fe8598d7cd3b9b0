/* keys_devices.h - csce513fall24Msg keys devices, revoke and paper: the devices of the own account and its key. */
#ifndef FACE_KEYS_DEVICES_H
#define FACE_KEYS_DEVICES_H

#include "args.h"
#include "exits.h"

/* Lists them, as last seen. */
enum face_exit keys_devices(const struct args *o);

/* Takes one out for ever: its number, or the first digits of it that no other has. Asks, or --yes. */
enum face_exit keys_revoke(const struct args *o, const char *number);

/* Shows the 24 words: to a terminal after asking, elsewhere only with --yes. */
enum face_exit keys_paper(const struct args *o);

/* The 24 words of an account's seed on stdout, or as JSON. */
void keys_paper_words(const struct args *o, const uint8_t seed[32]);

#endif
