/*
 * client_fake.h - the server's end of a connection, by script, inside a test: handshake with
 * chosen faults, records sealed and opened, over one end of a socketpair.
 */
#ifndef CLIENT_FAKE_H
#define CLIENT_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "noise.h"
#include "wire.h"

enum fake_fault {
    FAKE_GOOD,
    FAKE_BAD_SIGNATURE,
    FAKE_WRONG_STATIC,
    FAKE_EXPIRED,
    FAKE_FLIPPED,
    FAKE_FAULTS,
};

struct fake {
    int fd;
    uint8_t id_public[32], id_secret[64], t_public[32], t_secret[32];
    uint8_t hash[32], challenge[16];
    struct noise_cipher send, recv;
    struct buf in; /* plaintext of the record being walked */
    struct cur frames;
    struct wire_joiner join;
    bool deaf_to_keys; /* LIST and KEYS of the client are passed over */
};

static inline bool fake_passes(const struct fake *f, uint8_t type)
{
    return f->deaf_to_keys && (type == WIRE_LIST_ASK || type == WIRE_KEYS_ASK || type == WIRE_GROUP_ASK);
}

/* A server with fresh keys and no connection. */
__attribute__((unused)) static void fake_keys(struct fake *f)
{
    memset(f, 0, sizeof *f);
    f->fd = -1;
    crypto_sign_keypair(f->id_public, f->id_secret);
    noise_keypair(f->t_secret, f->t_public);
}

/* A new connection to it: gives the client's end. */
__attribute__((unused)) static int fake_connect(struct fake *f)
{
    int pair[2];
    const struct timeval patience = {5, 0};
    const int size = 1 << 20;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (f->fd >= 0) close(f->fd);
    f->fd = pair[1];
    buf_free(&f->in);
    f->frames = (struct cur){0};
    return pair[0];
}

__attribute__((unused)) static void fake_close(struct fake *f)
{
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
    buf_free(&f->in);
    f->frames = (struct cur){0};
    wire_join_reset(&f->join);
}

__attribute__((unused)) static void fake_read(struct fake *f, void *to, size_t n)
{
    assert_int_equal(recv(f->fd, to, n, MSG_WAITALL), n);
}

__attribute__((unused)) static uint64_t fake_clock(void)
{
    return (uint64_t)time(NULL) * 1000;
}

__attribute__((unused)) static void fake_prove(struct fake *f, enum fake_fault fault,
                                               uint8_t out[WIRE_PROOF])
{
    struct wire_proof p = {.server_time_ms = fake_clock(), .max_text = 65536, .window = 64};
    uint8_t text[WIRE_CERT_SIGNED];
    const uint64_t month = UINT64_C(30) * 24 * 3600 * 1000;
    memcpy(p.cert.server_id, f->id_public, 32);
    memcpy(p.cert.transport_key, f->t_public, 32);
    if (fault == FAKE_WRONG_STATIC) p.cert.transport_key[0] ^= 1;
    p.cert.not_before_ms = p.server_time_ms - 2 * month;
    p.cert.not_after_ms = p.server_time_ms + (fault == FAKE_EXPIRED ? -month : month);
    wire_cert_signed(&p.cert, text);
    crypto_sign_detached(p.cert.signature, NULL, text, sizeof text, f->id_secret);
    if (fault == FAKE_BAD_SIGNATURE) p.cert.signature[5] ^= 1;
    randombytes_buf(f->challenge, sizeof f->challenge);
    memcpy(p.challenge, f->challenge, sizeof p.challenge);
    wire_put_proof(out, &p);
}

/* The server's bytes up to and with message 2, without sending them. */
__attribute__((unused)) static void
fake_answer(struct fake *f, enum fake_fault fault,
            uint8_t out[WIRE_SERVER_PREFACE + 2 + WIRE_MESSAGE2])
{
    uint8_t preface[WIRE_CLIENT_PREFACE], head[2], message1[WIRE_MESSAGE1];
    uint8_t prologue[WIRE_PROLOGUE], proof[WIRE_PROOF];
    struct noise_handshake hs;
    size_t n;
    fake_read(f, preface, sizeof preface);
    assert_int_equal(wire_get_client_preface(preface), WIRE_VERSION);
    fake_read(f, head, 2);
    assert_int_equal(get_u16(head), WIRE_MESSAGE1);
    fake_read(f, message1, sizeof message1);
    wire_put_server_preface(out, WIRE_VERSION, 0);
    wire_prologue(prologue, preface, out);
    noise_init(&hs, NOISE_NX, NOISE_RESPONDER, prologue, sizeof prologue);
    noise_set_static(&hs, f->t_secret);
    assert_int_equal(noise_read(&hs, message1, sizeof message1, NULL, 0, &n), 0);
    fake_prove(f, fault, proof);
    put_u16(out + WIRE_SERVER_PREFACE, WIRE_MESSAGE2);
    uint8_t *message2 = out + WIRE_SERVER_PREFACE + 2;
    assert_int_equal(noise_write(&hs, proof, sizeof proof, message2, WIRE_MESSAGE2, &n), 0);
    assert_int_equal(n, WIRE_MESSAGE2);
    if (fault == FAKE_FLIPPED) message2[100] ^= 4;
    assert_int_equal(noise_hash(&hs, f->hash), 0);
    assert_int_equal(noise_split(&hs, &f->send, &f->recv), 0);
    noise_wipe(&hs);
}

__attribute__((unused)) static void fake_handshake(struct fake *f, enum fake_fault fault)
{
    uint8_t out[WIRE_SERVER_PREFACE + 2 + WIRE_MESSAGE2];
    fake_answer(f, fault, out);
    assert_int_equal(send(f->fd, out, sizeof out, MSG_NOSIGNAL), sizeof out);
}

/* Sends frames as one record and empties the buffer. */
__attribute__((unused)) static void fake_send(struct fake *f, struct buf *frames)
{
    size_t n = buf_len(frames) + NOISE_TAG_LEN;
    uint8_t *record = malloc(n + 2);
    put_u16(record, (uint16_t)n);
    if (f->send.nonce && f->send.nonce % WIRE_REKEY_EVERY == 0) noise_rekey(f->send.key);
    assert_int_equal(
        noise_seal(f->send.key, f->send.nonce++, buf_head(frames), buf_len(frames), record + 2), 0);
    assert_int_equal(send(f->fd, record, n + 2, MSG_NOSIGNAL), n + 2);
    free(record);
    buf_free(frames);
}

__attribute__((unused)) static void fake_record(struct fake *f)
{
    uint8_t head[2];
    fake_read(f, head, 2);
    size_t n = get_u16(head);
    assert_true(n > NOISE_TAG_LEN);
    buf_free(&f->in);
    fake_read(f, buf_room(&f->in, n), n);
    if (f->recv.nonce && f->recv.nonce % WIRE_REKEY_EVERY == 0) noise_rekey(f->recv.key);
    assert_int_equal(noise_open(f->recv.key, f->recv.nonce++, f->in.data, n, f->in.data), 0);
    f->frames = cur_of(f->in.data, n - NOISE_TAG_LEN);
}

/* The client's next frame, waiting for it. */
__attribute__((unused)) static void fake_frame(struct fake *f, struct wire_frame *frame)
{
    for (;;) {
        int r = f->frames.p ? wire_next(&f->frames, frame) : 0;
        assert_true(r >= 0);
        if (r > 0 && fake_passes(f, frame->type)) continue;
        if (r > 0 && (r = wire_join(&f->join, frame)) > 0) return;
        assert_true(r >= 0);
        if (f->frames.p == f->frames.end) fake_record(f);
    }
}

/* The same, of this type. */
__attribute__((unused)) static struct slice fake_expect(struct fake *f, uint8_t type)
{
    struct wire_frame frame;
    fake_frame(f, &frame);
    assert_int_equal(frame.type, type);
    return frame.payload;
}

/* True when the client has sent nothing that was not read. */
__attribute__((unused)) static bool fake_quiet(struct fake *f)
{
    char byte;
    for (;;) {
        while (f->frames.p && f->frames.p < f->frames.end &&
               (*f->frames.p == WIRE_PAD || fake_passes(f, *f->frames.p))) {
            struct wire_frame frame;
            if (wire_next(&f->frames, &frame) == 0) break;
        }
        if (f->frames.p != f->frames.end) return false;
        if (recv(f->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) return true;
        if (!f->deaf_to_keys) return false;
        fake_record(f);
    }
}

__attribute__((unused)) static struct slice text_of(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

#endif
