/*
 * trust.h - which server is which: the pinned identities in known_servers.
 *
 * One line a server: host:port ed25519 base64(server_id) date. The host is in lower case, an IPv6
 * address in brackets. Lines that start with # and empty lines stay as they are.
 */
#ifndef CLIENT_TRUST_H
#define CLIENT_TRUST_H

#include <stdint.h>

#include "why.h"

enum trust_verdict { TRUST_PINNED, TRUST_UNKNOWN, TRUST_CHANGED, TRUST_TROUBLE };

enum { TRUST_FINGERPRINT = 40 /* 8 groups of 4, 7 dashes, NUL */, TRUST_PLACE = 300 };

struct trust_pin {
    uint8_t server_id[32];
    char date[16]; /* YYYY-MM-DD */
};

/* Writes "host:port" as known_servers has it. */
void trust_place(char out[TRUST_PLACE], const char *host, const char *port);

/*
 * Looks server_id up under place. CHANGED: *pin holds what was pinned before. TROUBLE: the file
 * cannot be read or can be changed by others, see why.
 */
enum trust_verdict trust_check(const char *file, const char *place, const uint8_t server_id[32],
                               struct trust_pin *pin, struct why *why);

/* Pins server_id under place, instead of what was pinned there. 0, or -1 and why. */
int trust_accept(const char *file, const char *place, const uint8_t server_id[32], struct why *why);

/* The only pinned place: 1 and out; 0 when there are none or several; -1 and why. */
int trust_only(const char *file, char out[TRUST_PLACE], struct why *why);

/* The words for people to compare: Crockford base 32 of SHA-256's first 20 bytes. */
void trust_fingerprint(const uint8_t server_id[32], char out[TRUST_FINGERPRINT]);

#endif
