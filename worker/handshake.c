/*
 * handshake.c - preface and Noise NX, up to the keys of a session.
 *
 * The server's static key is the broker's: the worker sends it the client's ephemeral key and gets
 * back the one Diffie-Hellman result it needs, with the challenge for the login. Everything here
 * is lost when the worker dies; the client dials again.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "worker.h"

enum { OPENING = WIRE_CLIENT_PREFACE + 2 + WIRE_MESSAGE1, ANSWER = WIRE_SERVER_PREFACE + 2 + WIRE_MESSAGE2 };

void handshake_forget(struct session *s)
{
    struct worker *w = s->worker;
    if (!s->handshake) return;
    for (unsigned i = 0; i < w->n_due; i++)
        if (w->due[i] == s) w->due[i] = NULL;
    sodium_memzero(s->handshake, sizeof *s->handshake);
    free(s->handshake);
    s->handshake = NULL;
}

/* Bytes outside of any record, straight into the slab. */
static void send_raw(struct session *s, const uint8_t *bytes, size_t n)
{
    struct slab *slab = &s->worker->slab;
    uint8_t *to = slab_tx_room(slab, s->index, n);
    if (!to) return;
    memcpy(to, bytes, n);
    struct slab_half next = *slab_now(slab, s->index);
    slab_tx_ready(slab, s->index, &next, n);
}

void handshake_refuse(struct session *s, uint8_t refusal, const char *reason)
{
    uint8_t preface[WIRE_SERVER_PREFACE];
    wire_put_server_preface(preface, 0, refusal);
    send_raw(s, preface, sizeof preface);
    session_refuse(s, WIRE_OK, 0, NULL, reason);
}

/* Junk is recognised by its first byte already: nothing waits for the rest of it. */
static bool may_be_preface(const uint8_t *in, size_t n)
{
    uint8_t ours[WIRE_CLIENT_PREFACE];
    wire_put_client_preface(ours);
    return memcmp(in, ours, n < 4 ? n : 4) == 0;
}

int handshake_begin(struct session *s)
{
    struct worker *w = s->worker;
    size_t n;
    const uint8_t *in = slab_rx_data(&w->slab, s->index, &n);
    if (n && !may_be_preface(in, n)) {
        session_drop(s, "junk");
        return -1;
    }
    if (n < WIRE_CLIENT_PREFACE) return 0;
    if (wire_get_client_preface(in) == 0) {
        handshake_refuse(s, WIRE_REFUSE_VERSION, "version");
        return -1;
    }
    if (n >= WIRE_CLIENT_PREFACE + 2 && get_u16(in + WIRE_CLIENT_PREFACE) != WIRE_MESSAGE1) {
        session_drop(s, "bad-handshake");
        return -1;
    }
    if (n < OPENING) return 0;
    if (!uplink_up(w) || !w->have_cert) { /* a new broker will be here in a moment */
        session_hold(s, HOLD_UPLINK);
        return 0;
    }

    struct handshake *hs = s->handshake = xcalloc(1, sizeof *hs);
    uint8_t answer[WIRE_SERVER_PREFACE], prologue[WIRE_PROLOGUE], nothing[1];
    size_t payload;
    memcpy(hs->client_preface, in, sizeof hs->client_preface);
    wire_put_server_preface(answer, WIRE_VERSION, 0);
    wire_prologue(prologue, hs->client_preface, answer);
    noise_init(&hs->noise, NOISE_NX, NOISE_RESPONDER, prologue, sizeof prologue);
    if (noise_read(&hs->noise, in + WIRE_CLIENT_PREFACE + 2, WIRE_MESSAGE1, nothing, 0, &payload)) {
        session_drop(s, "bad-handshake");
        return -1;
    }
    struct slab_half next = *slab_now(&w->slab, s->index);
    slab_rx_done(&w->slab, s->index, &next, OPENING);
    s->state = SESSION_DH;
    bus_put_dh(&w->broker, bus_sid(s->index, s->generation), noise_remote_ephemeral(&hs->noise));
    return 1;
}

void handshake_due(struct session *s, const uint8_t result[32], const uint8_t challenge[16])
{
    struct worker *w = s->worker;
    memcpy(s->handshake->es, result, 32);
    memcpy(s->handshake->challenge, challenge, 16);
    s->handshake->cert = w->cert; /* another one may come before the answer is made */
    if (w->n_due == w->cap_due) {
        w->cap_due = w->cap_due ? 2 * w->cap_due : 64;
        w->due = xrealloc(w->due, w->cap_due * sizeof *w->due);
    }
    w->due[w->n_due++] = s;
}

/* Message 2 with the server's proof; from here on the session has keys. */
static int answer(struct session *s)
{
    struct worker *w = s->worker;
    struct handshake *hs = s->handshake;
    struct wire_proof proof = {.cert = hs->cert,
                               .server_time_ms = clock_wall_ms(),
                               .max_text = (uint32_t)w->set.limits.text,
                               .window = (uint32_t)w->set.limits.window_messages};
    memcpy(proof.challenge, hs->challenge, sizeof proof.challenge);
    uint8_t payload[WIRE_PROOF], out[ANSWER];
    size_t n;
    struct noise_cipher send, recv;
    wire_put_proof(payload, &proof);
    wire_put_server_preface(out, WIRE_VERSION, 0);
    put_u16(out + WIRE_SERVER_PREFACE, WIRE_MESSAGE2);
    noise_set_static_public(&hs->noise, hs->cert.transport_key);
    if (noise_set_es(&hs->noise, hs->es) ||
        noise_write(&hs->noise, payload, sizeof payload, out + WIRE_SERVER_PREFACE + 2,
                    WIRE_MESSAGE2, &n) ||
        noise_hash(&hs->noise, hs->h) || noise_split(&hs->noise, &send, &recv))
        return -1;

    struct slab_half next = *slab_now(&w->slab, s->index);
    memcpy(next.tx_key, send.key, sizeof next.tx_key);
    memcpy(next.rx_key, recv.key, sizeof next.rx_key);
    slab_commit(&w->slab, s->index, &next);
    send_raw(s, out, sizeof out);
    noise_wipe(&hs->noise);
    sodium_memzero(&next, sizeof next);
    sodium_memzero(&send, sizeof send);
    sodium_memzero(&recv, sizeof recv);
    return 0;
}

bool handshake_answer(struct worker *w)
{
    unsigned done = 0;
    if (w->n_due == 0) return false;
    while (done < w->n_due && done < WORKER_HANDSHAKES_A_TURN) {
        struct session *s = w->due[done++];
        if (!s) continue; /* it ended while it waited */
        if (answer(s)) {
            session_drop(s, "bad-handshake");
            continue;
        }
        s->state = SESSION_LOGIN;
        session_process(s);
    }
    w->n_due -= done;
    if (done && w->n_due) memmove(w->due, w->due + done, w->n_due * sizeof *w->due);
    return w->n_due > 0;
}
