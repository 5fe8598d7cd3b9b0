/* link_proof.h - the client's side of the handshake, as pure steps over bytes: link.c moves them.
 */
#ifndef CLIENT_LINK_PROOF_H
#define CLIENT_LINK_PROOF_H

#include "link.h"
#include "noise.h"

enum {
    SHAKE_HELLO = WIRE_CLIENT_PREFACE + 2 + WIRE_MESSAGE1,
    SHAKE_ANSWER = 2 + WIRE_MESSAGE2, /* after the server's preface */
};

struct shake {
    uint8_t preface[WIRE_CLIENT_PREFACE];
    uint8_t e_secret[32], e_public[32];
    struct wire_proof proof;
    uint8_t hash[32]; /* of the handshake, once it is done */
};

/* Fresh keys, and the bytes that open the conversation. */
void shake_begin(struct shake *s, uint8_t hello[SHAKE_HELLO]);

/* What the server's preface says: LINK_FINE to go on. */
enum link_fault shake_preface(const uint8_t in[WIRE_SERVER_PREFACE], const char **words);

/*
 * Message 2 with its length in front: checks everything that section 2 asks for except the pin,
 * and gives the transport keys. clock_ms is this machine's time.
 */
enum link_fault shake_answer(struct shake *s, const uint8_t server[WIRE_SERVER_PREFACE],
                             const uint8_t in[SHAKE_ANSWER], uint64_t clock_ms,
                             struct noise_cipher *send, struct noise_cipher *recv,
                             const char **words);

void shake_wipe(struct shake *s);

#endif
