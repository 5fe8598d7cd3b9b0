/*
 * drv_csmsg.c - our own protocol with everything it promises (docs/protocol.md): handshake and
 * server's proof checked, login by signature, records, an outbox that is sent again until it is
 * settled, an acknowledgement for what each read brought. The store is memory, as a load tool may.
 */
#include "load.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../client/link_proof.h"
#include "../../client/sealed/envelope.h"
#include "log.h"
#include "loop.h"

static const struct slice lobby = {(const uint8_t *)"#lobby", 6};

struct device {
    /* of the user: outlives a connection */
    char name[16];
    uint64_t first_unsettled, next_id;
    struct buf outbox; /* SEND frames from first_unsettled on */
    uint64_t incarnation, seq, lobby_seen;
    bool in_lobby;
    /* of the connection */
    struct shake *shake; /* until LOGIN */
    struct noise_cipher send, recv;
    struct buf frames; /* for the next record */
    bool ack_direct;
    unsigned room_unread;  /* messages of the room that one acknowledgement will tell of, … */
    uint64_t room_since_ns; /* … the first of which came then */
};

enum { STEP_SHAKE, STEP_LOGIN, STEP_OPEN };
enum { ROOM_ACK = 128, ROOM_ACK_NS = 250000000 };
/* Of sealed messages: what is in front of a text, a head, and what a group's body has beside the ciphertext. */
enum { CONTENT_HEAD = 1 + 1 + 8 + 1, HEAD_SIZE = 107, GROUP_FRONT_AND_SIGNATURE = 13 + 64 };

/* --- records --- */

static uint64_t next_nonce(struct noise_cipher *k)
{
    if (k->nonce && k->nonce % WIRE_REKEY_EVERY == 0) noise_rekey(k->key);
    return k->nonce++;
}

/* Bytes of as many whole frames as fit into one record. */
static size_t gather(const struct buf *frames)
{
    size_t n = 0;
    while (n < buf_len(frames)) {
        size_t len = WIRE_FRAME_HEAD + get_u16(buf_head(frames) + n + 1);
        if (n + len > WIRE_PLAIN_MAX) break;
        n += len;
    }
    return n;
}

/* As docs/protocol.md asks a client to, and ours does: when many have come, or with something else. */
static bool room_due(const struct device *d)
{
    return d->room_unread >= ROOM_ACK ||
           (d->room_unread && (buf_len(&d->frames) || now_ns() - d->room_since_ns > ROOM_ACK_NS));
}

static void put_acks(struct device *d)
{
    const struct wire_ack direct = {
        .kind = WIRE_TO_USER, .incarnation = d->incarnation, .seq = d->seq};
    const struct wire_ack room = {.kind = WIRE_TO_ROOM, .seq = d->lobby_seen, .room = lobby};
    if (d->ack_direct) wire_put_ack(&d->frames, &direct);
    if (room_due(d)) {
        wire_put_ack(&d->frames, &room);
        d->room_unread = 0;
    }
    d->ack_direct = false;
}

static void seal(struct conn *c, struct device *d)
{
    size_t n = gather(&d->frames), pad = wire_padding(n), sealed = n + pad + NOISE_TAG_LEN;
    uint8_t *record = buf_room(&c->out, WIRE_RECORD_HEAD + sealed),
            *body = record + WIRE_RECORD_HEAD;
    put_u16(record, (uint16_t)sealed);
    memcpy(body, buf_head(&d->frames), n);
    if (pad) wire_put_pad(body + n, pad);
    if (noise_seal(d->send.key, next_nonce(&d->send), body, n + pad, body) < 0)
        die("a record could not be sealed");
    buf_added(&c->out, WIRE_RECORD_HEAD + sealed);
    buf_drop(&d->frames, n);
}

static void csmsg_leave(struct conn *c)
{
    struct device *d = c->own;
    if (!d || c->step == STEP_SHAKE) return;
    put_acks(d);
    while (buf_len(&d->frames))
        seal(c, d);
    buf_reset(&d->frames, 1 << 16);
}

/* --- login --- */

/* Made from the name, so that another run is the same people. */
static void key_of(const char *name, uint8_t public_key[32], uint8_t secret[64])
{
    uint8_t seed[32];
    crypto_generichash(seed, sizeof seed, (const uint8_t *)name, strlen(name), NULL, 0);
    crypto_sign_seed_keypair(public_key, secret, seed);
}

/* Everybody has one device; 0 would be none. */
static uint64_t device_number(unsigned id)
{
    return id + 1u;
}

static struct device *device_of(struct conn *c)
{
    struct device *d = c->own;
    if (d) return d;
    c->own = d = xcalloc(1, sizeof *d);
    snprintf(d->name, sizeof d->name, "u%u", c->id);
    d->first_unsettled = d->next_id = 1;
    d->lobby_seen = WIRE_NEWCOMER;
    return d;
}

static void csmsg_open(struct conn *c)
{
    uint8_t hello[SHAKE_HELLO];
    struct device *d = device_of(c);
    buf_free(&d->frames);
    d->ack_direct = false;
    d->room_unread = 0;
    if (!d->shake) d->shake = xcalloc(1, sizeof *d->shake);
    shake_begin(d->shake, hello);
    conn_put(c, hello, sizeof hello);
    c->step = STEP_SHAKE;
}

static void put_login(struct conn *c, struct device *d)
{
    uint8_t text[WIRE_LOGIN_SIGNED_MAX], secret[64];
    struct wire_login m = {.name = {(const uint8_t *)d->name, strlen(d->name)},
                           .device = device_number(c->id),
                           .caps = WIRE_CAP_RECEIVE | (d->in_lobby ? WIRE_CAP_LOBBY : 0),
                           .resume = {d->incarnation, d->seq, d->first_unsettled, d->lobby_seen}};
    key_of(d->name, m.device_key, secret);
    size_t n = wire_login_signed(text, d->shake->hash, d->shake->proof.challenge, m.name, m.device);
    crypto_sign_detached(m.signature, NULL, text, n, secret);
    wire_put_login(&d->frames, &m);
    c->step = STEP_LOGIN;
    conn_touch(c);
}

/* The server's preface and message 2: bytes used, 0 when they are not all there. */
static size_t take_shake(struct conn *c, const uint8_t *data, size_t n)
{
    struct device *d = c->own;
    const char *words = "";
    if (n < WIRE_SERVER_PREFACE) return 0;
    enum link_fault fault = shake_preface(data, &words);
    if (fault == LINK_FINE && n < WIRE_SERVER_PREFACE + SHAKE_ANSWER) return 0;
    if (fault == LINK_FINE)
        fault = shake_answer(d->shake, data, data + WIRE_SERVER_PREFACE, clock_wall_ms(), &d->send,
                             &d->recv, &words);
    if (fault != LINK_FINE) {
        conn_close(c, words);
        return n;
    }
    put_login(c, d);
    free(d->shake);
    d->shake = NULL;
    return WIRE_SERVER_PREFACE + SHAKE_ANSWER;
}

/* --- frames of the server: false ends the connection --- */

static bool take_welcome(struct conn *c, struct device *d, struct slice p)
{
    struct wire_welcome m;
    if (c->step != STEP_LOGIN || !wire_get_welcome(p, &m)) return false;
    if (buf_len(&d->outbox) == 0 && m.last_id >= d->next_id)
        d->first_unsettled = d->next_id = m.last_id + 1; /* an earlier run has used these */
    if (d->lobby_seen == WIRE_NEWCOMER) d->lobby_seen = m.lobby_head;
    buf_put(&d->frames, buf_head(&d->outbox), buf_len(&d->outbox));
    c->step = STEP_OPEN;
    conn_touch(c);
    if (d->in_lobby) driver_joined(c);
    driver_ready(c);
    return true;
}

static void settle(struct conn *c, struct device *d, uint64_t upto)
{
    unsigned n = 0;
    for (; d->first_unsettled <= upto && d->first_unsettled < d->next_id; d->first_unsettled++, n++)
        buf_drop(&d->outbox, WIRE_FRAME_HEAD + get_u16(buf_head(&d->outbox) + 1));
    if (n) driver_acked(c, n);
}

static bool take_accepted(struct conn *c, struct device *d, struct slice p)
{
    struct wire_accepted m;
    if (!wire_get_accepted(p, &m)) return false;
    settle(c, d, m.id);
    return true;
}

/* No scenario asks for anything that may be refused. */
static bool take_rejected(struct conn *c, struct device *d, struct slice p)
{
    struct wire_rejected m;
    (void)d;
    if (wire_get_rejected(p, &m))
        die("u%u: a message was refused: %.*s", c->id, (int)m.text.len, (const char *)m.text.data);
    return false;
}

static bool take_deliver(struct conn *c, struct device *d, struct slice p)
{
    struct wire_deliver m;
    if (!wire_get_deliver(p, &m) || m.body.len < 2) return false;
    if (m.flags & WIRE_FLAG_ROOM) {
        if (d->room_unread++ == 0) d->room_since_ns = now_ns();
        if (m.seq <= d->lobby_seen) return true; /* came again after a break */
        d->lobby_seen = m.seq;
    } else {
        d->ack_direct = true;
        d->incarnation = m.incarnation;
        d->seq = m.seq;
    }
    text_came(c, m.body.data + 2, m.body.len - 2);
    return true;
}

static bool take_group(struct conn *c, struct device *d, struct slice p)
{
    struct wire_group m;
    if (!wire_get_group(p, &m) || m.op != WIRE_GROUP_JOIN) return false;
    d->in_lobby = true;
    if (d->lobby_seen < m.head) d->lobby_seen = m.head;
    driver_joined(c);
    return true;
}

static bool take_resync(struct conn *c, struct device *d, struct slice p)
{
    uint64_t incarnation, token;
    const struct wire_resume m = {d->incarnation, d->seq, d->first_unsettled,
                                  d->in_lobby ? d->lobby_seen : WIRE_NOT_IN_LOBBY};
    if (!wire_get_resync(p, &incarnation, &token)) return false;
    buf_free(&d->frames);
    d->ack_direct = false;
    d->room_unread = 0;
    wire_put_resume(&d->frames, &m, token);
    buf_put(&d->frames, buf_head(&d->outbox), buf_len(&d->outbox));
    conn_touch(c);
    return true;
}

static bool take_error(struct conn *c, struct device *d, struct slice p)
{
    struct wire_error m;
    (void)d;
    if (wire_get_error(p, &m))
        complain("u%u: %s: %.*s", c->id, wire_code_name(m.code), (int)m.text.len,
                 (const char *)m.text.data);
    return false;
}

static bool take_nothing(struct conn *c, struct device *d, struct slice p)
{
    (void)c, (void)d, (void)p;
    return true;
}

static const struct handler {
    uint8_t type;
    bool (*take)(struct conn *c, struct device *d, struct slice payload);
} handlers[] = {
    {WIRE_DELIVER, take_deliver}, {WIRE_ACCEPTED, take_accepted}, {WIRE_REJECTED, take_rejected},
    {WIRE_RECEIPT, take_nothing}, {WIRE_PRESENCE, take_nothing},  {WIRE_GROUP, take_group},
    {WIRE_WELCOME, take_welcome}, {WIRE_RESYNC, take_resync},     {WIRE_ERROR, take_error},
};

static bool take_frame(struct conn *c, const struct wire_frame *f)
{
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        if (handlers[i].type == f->type) return handlers[i].take(c, c->own, f->payload);
    return false;
}

/* Opens one record in place and handles its frames. No text here is long enough to come in parts.
 */
static bool take_record(struct conn *c, uint8_t *body, size_t n)
{
    struct device *d = c->own;
    struct cur frames;
    struct wire_frame f;
    int more = 0;
    if (n <= NOISE_TAG_LEN || noise_open(d->recv.key, next_nonce(&d->recv), body, n, body) < 0)
        return false;
    frames = cur_of(body, n - NOISE_TAG_LEN);
    while (c->state == CONN_OPEN && (more = wire_next(&frames, &f)) > 0)
        if (!take_frame(c, &f)) return false;
    return more >= 0;
}

static size_t csmsg_input(struct conn *c, uint8_t *data, size_t n)
{
    struct device *d = c->own;
    size_t used = c->step == STEP_SHAKE ? take_shake(c, data, n) : 0;
    if (c->step == STEP_SHAKE) return used;
    while (c->state == CONN_OPEN && n - used >= WIRE_RECORD_HEAD) {
        size_t len = get_u16(data + used);
        if (n - used - WIRE_RECORD_HEAD < len) break;
        if (!take_record(c, data + used + WIRE_RECORD_HEAD, len)) {
            conn_close(c, "a frame that should not have come");
            return n;
        }
        used += WIRE_RECORD_HEAD + len;
    }
    if (d->ack_direct || room_due(d)) conn_touch(c);
    return used;
}

/* --- sending --- */

/*
 * The bytes of a body with a text of n (docs/sealed.md sections 6, 7). Of a sealed one the server knows
 * no more than its size, so it may as well be the plain text and zeros; the text must not be long.
 */
static size_t body_size(uint8_t kind, size_t n)
{
    size_t content = CONTENT_HEAD + n;
    if (!load.o.sealed) return n + 2;
    return envelope_padded(content) + SEALED_TAG + (kind == WIRE_TO_ROOM ? GROUP_FRONT_AND_SIGNATURE : 1);
}

static uint8_t suite_of(uint8_t kind)
{
    return !load.o.sealed ? WIRE_SUITE_PLAIN : kind == WIRE_TO_ROOM ? SEALED_SUITE_GROUP : SEALED_SUITE_DIRECT;
}

/* device: the recipient's only one, 0 of a room. */
static void put_send(struct conn *c, uint8_t kind, struct slice to, uint64_t device, const char *text, size_t n)
{
    static uint8_t body[1 << 17], head[8 + 2 + HEAD_SIZE];
    struct device *d = c->own;
    struct wire_send m = {.id = d->next_id++, .kind = kind, .to = to, .body = {body, body_size(kind, n)}};
    size_t before = buf_len(&d->outbox);
    body[0] = suite_of(kind);
    memcpy(body + 2, text, n);
    if (load.o.sealed && device) {
        put_u64(head, device);
        put_u16(head + 8, HEAD_SIZE);
        m.heads = 1;
        m.head_bytes = (struct slice){head, sizeof head};
    }
    wire_put_send(&d->outbox, &m);
    if (c->step != STEP_OPEN || c->state != CONN_OPEN) return; /* leaves after the login */
    buf_put(&d->frames, buf_head(&d->outbox) + before, buf_len(&d->outbox) - before);
    conn_touch(c);
}

static void csmsg_direct(struct conn *c, unsigned to, const char *text, size_t n)
{
    char name[16];
    int len = snprintf(name, sizeof name, "u%u", to);
    put_send(c, WIRE_TO_USER, (struct slice){(const uint8_t *)name, (size_t)len}, device_number(to), text, n);
}

static void csmsg_room(struct conn *c, const char *text, size_t n)
{
    put_send(c, WIRE_TO_ROOM, lobby, 0, text, n);
}

static void csmsg_join(struct conn *c)
{
    struct device *d = c->own;
    const struct wire_group m = {.op = WIRE_GROUP_JOIN, .room = lobby};
    if (d->in_lobby) return; /* the login has done it */
    wire_put_group_ask(&d->frames, &m);
    conn_touch(c);
}

static void csmsg_bye(struct conn *c)
{
    struct device *d = c->own;
    if (c->step != STEP_OPEN) return;
    wire_put(&d->frames, WIRE_BYE, NULL, 0);
    conn_touch(c);
}

static void csmsg_forget(struct conn *c)
{
    struct device *d = c->own;
    if (!d) return;
    buf_free(&d->outbox);
    buf_free(&d->frames);
    free(d->shake);
    free(d);
    c->own = NULL;
}

const struct driver driver_csmsg = {
    .name = "csmsg",
    .sender_joins = true,
    .acks = true,
    .keeps = true,
    .open = csmsg_open,
    .input = csmsg_input,
    .leave = csmsg_leave,
    .join = csmsg_join,
    .direct = csmsg_direct,
    .room = csmsg_room,
    .bye = csmsg_bye,
    .forget = csmsg_forget,
};
