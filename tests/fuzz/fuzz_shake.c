/*
 * fuzz_shake.c - what a hostile server can answer to a client's hello: preface and message 2. A
 * good answer is made, the input changes it (place u16, value; 0 cuts it there) before or behind
 * the encryption, and cuts it into pieces; only what is unchanged may prove anything.
 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "link_proof.h"

enum { ANSWER = WIRE_SERVER_PREFACE + SHAKE_ANSWER, DAY_MS = 24 * 3600 * 1000 };

static uint8_t id_public[32], id_secret[64], t_public[32], t_secret[32];

static bool change(uint8_t *at, size_t *n, struct cur *in, unsigned times)
{
    uint8_t before[ANSWER];
    size_t len = *n;
    memcpy(before, at, len);
    for (; times > 0 && in->end - in->p >= 3; times--) {
        size_t place = cur_u16(in) % len;
        uint8_t value = cur_u8(in);
        if (value == 0 && len == ANSWER)
            *n = place < *n ? place : *n;
        else
            at[place] ^= value;
    }
    return *n != len || memcmp(before, at, len) != 0;
}

static void prove(uint8_t out[WIRE_PROOF], uint64_t now)
{
    struct wire_proof p = {.server_time_ms = now, .max_text = 65536, .window = 64};
    uint8_t text[WIRE_CERT_SIGNED];
    memcpy(p.cert.server_id, id_public, 32);
    memcpy(p.cert.transport_key, t_public, 32);
    p.cert.not_before_ms = now - DAY_MS;
    p.cert.not_after_ms = now + DAY_MS;
    wire_cert_signed(&p.cert, text);
    crypto_sign_detached(p.cert.signature, NULL, text, sizeof text, id_secret);
    wire_put_proof(out, &p);
}

/* The server's answer to a hello; true in *bent when the certificate in it is not the good one. */
static void answer(uint8_t out[ANSWER], const uint8_t hello[SHAKE_HELLO], struct cur *in,
                   unsigned times, bool *bent)
{
    uint8_t prologue[WIRE_PROLOGUE], proof[WIRE_PROOF], good[WIRE_PROOF];
    struct noise_handshake hs;
    size_t n = WIRE_PROOF;
    wire_put_server_preface(out, WIRE_VERSION, 0);
    wire_prologue(prologue, hello, out);
    noise_init(&hs, NOISE_NX, NOISE_RESPONDER, prologue, sizeof prologue);
    noise_set_static(&hs, t_secret);
    CHECK(noise_read(&hs, hello + WIRE_CLIENT_PREFACE + 2, WIRE_MESSAGE1, NULL, 0, &n) == 0);
    prove(proof, UINT64_C(1700000000000));
    memcpy(good, proof, sizeof good);
    n = WIRE_PROOF;
    change(proof, &n, in, times);
    *bent = memcmp(proof, good, 144) != 0;
    put_u16(out + WIRE_SERVER_PREFACE, WIRE_MESSAGE2);
    CHECK(noise_write(&hs, proof, WIRE_PROOF, out + WIRE_SERVER_PREFACE + 2, WIRE_MESSAGE2, &n) ==
          0);
    noise_wipe(&hs);
}

/* The same bytes through a real link, in pieces. */
static void through_link(struct cur *in)
{
    int fd[2];
    uint8_t hello[SHAKE_HELLO], out[ANSWER];
    bool bent;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
    struct link *l = link_over(fd[0], 0);
    CHECK(recv(fd[1], hello, sizeof hello, MSG_DONTWAIT) == SHAKE_HELLO);
    size_t n = ANSWER, piece = 1 + cur_u8(in);
    answer(out, hello, in, 0, &bent);
    bool changed = change(out, &n, in, 8);
    for (size_t at = 0; at < n && link_state(l) == LINK_SHAKING; at += piece) {
        size_t k = n - at < piece ? n - at : piece;
        CHECK(write(fd[1], out + at, k) == (ssize_t)k);
        link_step(l, POLLIN, 1);
    }
    /* The certificate is not of today, so even the unchanged answer proves nothing here. */
    CHECK(link_state(l) != LINK_PROVEN);
    if (!changed) CHECK(link_fault(l) == LINK_BAD_TIME);
    close(fd[1]);
    link_step(l, POLLIN | POLLHUP, 2);
    CHECK(link_state(l) == LINK_DOWN && link_words(l)[0]);
    link_free(l);
}

static void by_hand(struct cur *in)
{
    struct shake s;
    struct noise_cipher send, recv;
    uint8_t hello[SHAKE_HELLO], out[ANSWER];
    const char *words = NULL;
    bool bent, changed = false;
    size_t n = ANSWER;
    unsigned inside = cur_u8(in) % 4;
    shake_begin(&s, hello);
    answer(out, hello, in, inside, &bent);
    while (in->end - in->p >= 3) {
        size_t place = cur_u16(in) % n;
        uint8_t value = cur_u8(in);
        out[place] ^= value;
        changed = changed || value;
    }
    uint8_t again[ANSWER];
    memcpy(again, out, sizeof again);
    if (shake_preface(out, &words) == LINK_FINE) {
        enum link_fault fault = shake_answer(&s, out, out + WIRE_SERVER_PREFACE,
                                             UINT64_C(1700000000000), &send, &recv, &words);
        if (!changed) CHECK((fault == LINK_FINE) == !bent);
        CHECK(fault == LINK_FINE || words);
        CHECK(!bent || fault != LINK_FINE);
    }
    shake_wipe(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    uint8_t seed[32] = {3};
    fuzz_random_start();
    crypto_sign_seed_keypair(id_public, id_secret, seed);
    noise_keypair(t_secret, t_public);
    if (cur_u8(&in) & 1)
        through_link(&in);
    else
        by_hand(&in);
    return 0;
}
