/* link_proof.c - see link_proof.h. The checks of docs/protocol.md section 2, one function each. */
#include "link_proof.h"

#include <sodium.h>
#include <string.h>

/* How far this machine's clock may be wrong before a server's key counts as out of date. */
static const uint64_t skew_ms = UINT64_C(24) * 3600 * 1000;

void shake_begin(struct shake *s, uint8_t hello[SHAKE_HELLO])
{
    noise_keypair(s->e_secret, s->e_public);
    wire_put_client_preface(s->preface);
    memcpy(hello, s->preface, WIRE_CLIENT_PREFACE);
    put_u16(hello + WIRE_CLIENT_PREFACE, WIRE_MESSAGE1);
    memcpy(hello + WIRE_CLIENT_PREFACE + 2, s->e_public, WIRE_MESSAGE1);
}

enum link_fault shake_preface(const uint8_t in[WIRE_SERVER_PREFACE], const char **words)
{
    uint8_t refusal = 0;
    int version = wire_get_server_preface(in, &refusal);
    *words = "the other side does not speak this protocol";
    if (version < 0) return LINK_NOT_OURS;
    if (version == WIRE_VERSION) return LINK_FINE;
    if (version != 0) return LINK_NO_VERSION;
    switch (refusal) {
    case WIRE_REFUSE_VERSION:
        *words = "the server speaks no version of the protocol that this program knows";
        return LINK_NO_VERSION;
    case WIRE_REFUSE_FULL: *words = "the server is full"; return LINK_BUSY;
    case WIRE_REFUSE_ADDRESS:
        *words = "the server has too many connections from this address";
        return LINK_BUSY;
    default: *words = "the server is busy"; return LINK_BUSY;
    }
}

static bool certified(const struct wire_cert *cert)
{
    uint8_t text[WIRE_CERT_SIGNED];
    wire_cert_signed(cert, text);
    return crypto_sign_verify_detached(cert->signature, text, sizeof text, cert->server_id) == 0;
}

static bool in_time(const struct wire_cert *cert, uint64_t clock_ms)
{
    return cert->not_before_ms <= cert->not_after_ms && cert->not_before_ms <= clock_ms + skew_ms &&
           (clock_ms <= skew_ms || clock_ms - skew_ms <= cert->not_after_ms);
}

static enum link_fault check(const struct wire_cert *cert, const uint8_t *static_key,
                             uint64_t clock_ms, const char **words)
{
    if (sodium_memcmp(cert->transport_key, static_key, 32) != 0) {
        *words = "the server's certificate is for another key than the one it uses";
        return LINK_BAD_PROOF;
    }
    if (!certified(cert)) {
        *words = "the signature of the server's certificate is wrong";
        return LINK_BAD_PROOF;
    }
    *words = "the server's transport key is out of date, or this machine's clock is wrong";
    return in_time(cert, clock_ms) ? LINK_FINE : LINK_BAD_TIME;
}

/* Runs the Noise handshake with the ephemeral key that has been sent already. */
static bool run(struct noise_handshake *hs, struct shake *s,
                const uint8_t server[WIRE_SERVER_PREFACE], const uint8_t in[SHAKE_ANSWER],
                uint8_t payload[WIRE_PROOF])
{
    uint8_t prologue[WIRE_PROLOGUE], message1[WIRE_MESSAGE1];
    size_t n = 0;
    wire_prologue(prologue, s->preface, server);
    noise_init(hs, NOISE_NX, NOISE_INITIATOR, prologue, sizeof prologue);
    noise_set_ephemeral(hs, s->e_secret);
    return noise_write(hs, NULL, 0, message1, sizeof message1, &n) == 0 &&
           noise_read(hs, in + 2, WIRE_MESSAGE2, payload, WIRE_PROOF, &n) == 0 && n == WIRE_PROOF;
}

enum link_fault shake_answer(struct shake *s, const uint8_t server[WIRE_SERVER_PREFACE],
                             const uint8_t in[SHAKE_ANSWER], uint64_t clock_ms,
                             struct noise_cipher *send, struct noise_cipher *recv,
                             const char **words)
{
    struct noise_handshake hs;
    uint8_t payload[WIRE_PROOF];
    enum link_fault fault = LINK_BAD_PROOF;
    *words = "the server's handshake is damaged or forged";
    if (get_u16(in) != WIRE_MESSAGE2) return fault;
    if (run(&hs, s, server, in, payload) && wire_get_proof(payload, sizeof payload, &s->proof))
        fault = check(&s->proof.cert, noise_remote_static(&hs), clock_ms, words);
    if (fault == LINK_FINE && (noise_hash(&hs, s->hash) < 0 || noise_split(&hs, send, recv) < 0))
        fault = LINK_BAD_PROOF;
    noise_wipe(&hs);
    return fault;
}

void shake_wipe(struct shake *s)
{
    sodium_memzero(s, sizeof *s);
}
