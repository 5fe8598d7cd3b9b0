/*
 * wire.c - frames: the table, their heads, padding and parts; prefaces and the server's proof.
 * The fields of each frame are in wire_frames.c.
 */
#include "wire.h"

#include <assert.h>
#include <string.h>

#include "wire_admit.h"
#include "wire_blob.h"
#include "wire_groups.h"
#include "wire_keys.h"
#include "wire_moderate.h"
#include "wire_roster.h"
#include "wire_why.h"

static const uint8_t client_magic[4] = {'C', 'S', 'M', 'G'};
static const uint8_t server_magic[2] = {'C', 'S'};

static const struct wire_row rows[WIRE_TYPES] = {
    /*                    name          from         phase      min    max */
    [WIRE_PAD] =          {"PAD",        WIRE_BOTH,   WIRE_ANY,   0, WIRE_PAYLOAD_MAX},
    [WIRE_PART] =         {"PART",       WIRE_BOTH,   WIRE_OPEN,  1, WIRE_PAYLOAD_MAX},
    [WIRE_PING] =         {"PING",       WIRE_CLIENT, WIRE_OPEN,  8, 8},
    [WIRE_PONG] =         {"PONG",       WIRE_SERVER, WIRE_OPEN,  8, 8},
    [WIRE_BYE] =          {"BYE",        WIRE_CLIENT, WIRE_ANY,   0, 0},
    [WIRE_ERROR] =        {"ERROR",      WIRE_SERVER, WIRE_ANY,   8, 2048},
    [WIRE_LOGIN] =        {"LOGIN",      WIRE_CLIENT, WIRE_FIRST, 142, 173},
    [WIRE_WELCOME] =      {"WELCOME",    WIRE_SERVER, WIRE_FIRST, 52, 600},
    [WIRE_RESUME] =       {"RESUME",     WIRE_CLIENT, WIRE_OPEN,  40, 40},
    [WIRE_RESYNC] =       {"RESYNC",     WIRE_SERVER, WIRE_OPEN,  16, 16},
    [WIRE_SEND] =         {"SEND",       WIRE_CLIENT, WIRE_OPEN,  12, WIRE_PAYLOAD_MAX},
    [WIRE_ACCEPTED] =     {"ACCEPTED",   WIRE_SERVER, WIRE_OPEN,  19, 274},
    [WIRE_REJECTED] =     {"REJECTED",   WIRE_SERVER, WIRE_OPEN,  16, 4096},
    [WIRE_DELIVER] =      {"DELIVER",    WIRE_SERVER, WIRE_OPEN,  45, WIRE_PAYLOAD_MAX},
    [WIRE_ACK] =          {"ACK",        WIRE_CLIENT, WIRE_OPEN,  18, 273},
    [WIRE_RECEIPT] =      {"RECEIPT",    WIRE_SERVER, WIRE_OPEN,  10, 265},
    [WIRE_WHY_ASK] =      {"WHY",        WIRE_CLIENT, WIRE_OPEN,  11, 258 + 8 * WIRE_WHY_IDS_MAX},
    [WIRE_WHY] =          {"WHY",        WIRE_SERVER, WIRE_OPEN,  11, WIRE_PAYLOAD_MAX},
    [WIRE_PRESENCE_ASK] = {"PRESENCE",   WIRE_CLIENT, WIRE_OPEN,  1, 512},
    [WIRE_PRESENCE] =     {"PRESENCE",   WIRE_SERVER, WIRE_OPEN,  1, WIRE_PAYLOAD_MAX},
    [WIRE_KEYS_ASK] =     {"KEYS",       WIRE_CLIENT, WIRE_OPEN,  1, 1 + WIRE_PUBLISH_MAX},
    [WIRE_KEYS] =         {"KEYS",       WIRE_SERVER, WIRE_OPEN,  11, 4096},
    [WIRE_LIST_ASK] =     {"LIST",       WIRE_CLIENT, WIRE_OPEN,  6, 33 + WIRE_ENTRY_MAX},
    [WIRE_LIST] =         {"LIST",       WIRE_SERVER, WIRE_OPEN,  6, WIRE_PAYLOAD_MAX},
    [WIRE_ADMIT_ASK] =    {"ADMIT",      WIRE_CLIENT, WIRE_OPEN,  9, WIRE_PAYLOAD_MAX},
    [WIRE_ADMIT] =        {"ADMIT",      WIRE_SERVER, WIRE_OPEN,  10, WIRE_PAYLOAD_MAX},
    [WIRE_ROSTER_ASK] =   {"ROSTER",     WIRE_CLIENT, WIRE_OPEN,  3, 300 + WIRE_ROSTER_ITEM_MAX},
    [WIRE_ROSTER] =       {"ROSTER",     WIRE_SERVER, WIRE_OPEN,  4, WIRE_PAYLOAD_MAX},
    [WIRE_GROUP_ASK] =    {"GROUP",      WIRE_CLIENT, WIRE_OPEN,  2, 1 + WIRE_GROUP_ENTRY_MAX},
    [WIRE_GROUP] =        {"GROUP",      WIRE_SERVER, WIRE_OPEN,  2, WIRE_PAYLOAD_MAX},
    [WIRE_MODERATE_ASK] = {"MODERATE",   WIRE_CLIENT, WIRE_OPEN,  8, 800},
    [WIRE_MODERATE] =     {"MODERATE",   WIRE_SERVER, WIRE_OPEN,  11, 4096},
    [WIRE_BLOB_ASK] =     {"BLOB",       WIRE_CLIENT, WIRE_OPEN,  5, 300},
    [WIRE_BLOB] =         {"BLOB",       WIRE_SERVER, WIRE_OPEN,  5, 4096},
    [WIRE_DATA_UP] =      {"DATA",       WIRE_CLIENT, WIRE_OPEN,  13, 12 + WIRE_BLOB_CHUNK},
    [WIRE_DATA] =         {"DATA",       WIRE_SERVER, WIRE_OPEN,  13, 12 + WIRE_BLOB_CHUNK},
    [WIRE_HISTORY_ASK] =  {"HISTORY",    WIRE_CLIENT, WIRE_OPEN,  11, 512},
    [WIRE_HISTORY] =      {"HISTORY",    WIRE_SERVER, WIRE_OPEN,  9, 512},
};

const struct wire_row *wire_row(uint8_t type)
{
    static const struct wire_row none = {0};
    return type < WIRE_TYPES ? &rows[type] : &none;
}

const char *wire_code_name(uint16_t code)
{
    static const char *const names[] = {
        [WIRE_OK] = "ok",
        [WIRE_BAD_FRAME] = "bad-frame",
        [WIRE_BAD_STATE] = "bad-state",
        [WIRE_BAD_LOGIN] = "bad-login",
        [WIRE_NAME_TAKEN] = "name-taken",
        [WIRE_NAME_INVALID] = "name-invalid",
        [WIRE_NOT_ON_ROSTER] = "not-on-roster",
        [WIRE_ELSEWHERE] = "elsewhere",
        [WIRE_TOO_MANY_SESSIONS] = "too-many-sessions",
        [WIRE_BUSY] = "busy",
        [WIRE_STOPPING] = "stopping",
        [WIRE_RECONNECT] = "reconnect",
        [WIRE_SLOW] = "slow",
        [WIRE_TIMEOUT] = "timeout",
        [WIRE_REVOKED] = "revoked",
        [WIRE_NO_SUCH_USER] = "no-such-user",
        [WIRE_NO_SUCH_ROOM] = "no-such-room",
        [WIRE_NOT_MEMBER] = "not-member",
        [WIRE_QUEUE_FULL] = "queue-full",
        [WIRE_TOO_LARGE] = "too-large",
        [WIRE_DISK_FULL] = "disk-full",
        [WIRE_BLOCKED] = "blocked",
        [WIRE_BAD_BODY] = "bad-body",
        [WIRE_DEVICES_CHANGED] = "devices-changed",
        [WIRE_NO_DEVICE] = "no-device",
        [WIRE_TOO_FAST] = "too-fast",
        [WIRE_BAD_KEYS] = "bad-keys",
        [WIRE_LIST_CHANGED] = "list-changed",
        [WIRE_BAD_ENTRY] = "bad-entry",
        [WIRE_NO_SUCH_MESSAGE] = "no-such-message",
        [WIRE_MUTED] = "muted",
        [WIRE_BANNED] = "banned",
        [WIRE_ANNOUNCE_ONLY] = "announce-only",
        [WIRE_NO_RIGHT] = "no-right",
        [WIRE_NO_ATTEMPT] = "no-attempt",
        [WIRE_NOT_ACCOUNT_KEY] = "not-account-key",
        [WIRE_BAD_REASON] = "bad-reason",
        [WIRE_LOG_CHANGED] = "log-changed",
        [WIRE_FORBIDDEN] = "forbidden",
        [WIRE_TOO_MANY] = "too-many",
        [WIRE_NO_SUCH_BLOB] = "no-such-blob",
        [WIRE_BLOB_DIFFERS] = "blob-differs",
        [WIRE_FILES_FULL] = "files-full",
    };
    const char *name = code < sizeof names / sizeof *names ? names[code] : NULL;
    return name ? name : "unknown";
}

/* --- preface --- */

void wire_put_client_preface(uint8_t out[WIRE_CLIENT_PREFACE])
{
    memcpy(out, client_magic, sizeof client_magic);
    out[4] = out[5] = WIRE_VERSION;
    out[6] = out[7] = 0;
}

int wire_get_client_preface(const uint8_t in[WIRE_CLIENT_PREFACE])
{
    if (memcmp(in, client_magic, sizeof client_magic) != 0) return -1;
    return in[4] <= WIRE_VERSION && WIRE_VERSION <= in[5] ? WIRE_VERSION : 0;
}

void wire_put_server_preface(uint8_t out[WIRE_SERVER_PREFACE], uint8_t version, uint8_t refusal)
{
    memcpy(out, server_magic, sizeof server_magic);
    out[2] = version;
    out[3] = version ? 0 : refusal;
}

int wire_get_server_preface(const uint8_t in[WIRE_SERVER_PREFACE], uint8_t *refusal)
{
    *refusal = 0;
    if (memcmp(in, server_magic, sizeof server_magic) != 0) return -1;
    if (in[2] == 0) *refusal = in[3];
    return in[2];
}

void wire_prologue(uint8_t out[WIRE_PROLOGUE], const uint8_t client[WIRE_CLIENT_PREFACE],
                   const uint8_t server[WIRE_SERVER_PREFACE])
{
    memcpy(out, "csmsg/1", 7);
    memcpy(out + 7, client, WIRE_CLIENT_PREFACE);
    memcpy(out + 7 + WIRE_CLIENT_PREFACE, server, WIRE_SERVER_PREFACE);
}

/* --- proof --- */

void wire_cert_signed(const struct wire_cert *c, uint8_t out[WIRE_CERT_SIGNED])
{
    memcpy(out, "srvcert1", 8);
    memcpy(out + 8, c->server_id, 32);
    memcpy(out + 40, c->transport_key, 32);
    put_u64(out + 72, c->not_before_ms);
    put_u64(out + 80, c->not_after_ms);
}

void wire_put_cert(struct buf *b, const struct wire_cert *c)
{
    buf_put(b, c->server_id, 32);
    buf_put(b, c->transport_key, 32);
    buf_put_u64(b, c->not_before_ms);
    buf_put_u64(b, c->not_after_ms);
    buf_put(b, c->signature, 64);
}

void wire_get_cert(struct cur *c, struct wire_cert *cert)
{
    cur_copy(c, cert->server_id, 32);
    cur_copy(c, cert->transport_key, 32);
    cert->not_before_ms = cur_u64(c);
    cert->not_after_ms = cur_u64(c);
    cur_copy(c, cert->signature, 64);
}

void wire_put_proof(uint8_t out[WIRE_PROOF], const struct wire_proof *p)
{
    memcpy(out, p->cert.server_id, 32);
    memcpy(out + 32, p->cert.transport_key, 32);
    put_u64(out + 64, p->cert.not_before_ms);
    put_u64(out + 72, p->cert.not_after_ms);
    memcpy(out + 80, p->cert.signature, 64);
    memcpy(out + 144, p->challenge, 16);
    put_u64(out + 160, p->server_time_ms);
    put_u32(out + 168, p->max_text);
    put_u32(out + 172, p->window);
}

bool wire_get_proof(const void *data, size_t n, struct wire_proof *p)
{
    struct cur c = cur_of(data, n);
    wire_get_cert(&c, &p->cert);
    cur_copy(&c, p->challenge, 16);
    p->server_time_ms = cur_u64(&c);
    p->max_text = cur_u32(&c);
    p->window = cur_u32(&c);
    return cur_end(&c);
}

size_t wire_login_signed(uint8_t out[WIRE_LOGIN_SIGNED_MAX], const uint8_t h[32],
                         const uint8_t challenge[16], struct slice name, uint64_t device)
{
    assert(name.len <= WIRE_NAME_MAX);
    memcpy(out, "login1", 6);
    memcpy(out + 6, h, 32);
    memcpy(out + 38, challenge, 16);
    memcpy(out + 54, name.data, name.len);
    put_u64(out + 54 + name.len, device);
    return 62 + name.len;
}

/* --- frames in a record --- */

int wire_next(struct cur *c, struct wire_frame *f)
{
    while (!c->bad && c->p < c->end) {
        f->type = cur_u8(c);
        size_t n = cur_u16(c);
        f->payload = (struct slice){cur_bytes(c, n), n};
        if (c->bad) return -1;
        if (f->type != WIRE_PAD) return 1;
    }
    return c->bad ? -1 : 0;
}

static void put_one(struct buf *b, uint8_t type, const uint8_t *payload, size_t n)
{
    buf_put_u8(b, type);
    buf_put_u16(b, (uint16_t)n);
    buf_put(b, payload, n);
}

void wire_put(struct buf *b, uint8_t type, const void *payload, size_t n)
{
    assert(n <= WIRE_JOINED_MAX);
    const uint8_t *p = payload;
    while (n > WIRE_PAYLOAD_MAX) {
        put_one(b, WIRE_PART, p, WIRE_PAYLOAD_MAX);
        p += WIRE_PAYLOAD_MAX;
        n -= WIRE_PAYLOAD_MAX;
    }
    put_one(b, type, p, n);
}

size_t wire_padding(size_t n)
{
    size_t step = n <= 1024 ? 64 : 512;
    size_t pad = (step - n % step) % step;
    if (pad && pad < WIRE_FRAME_HEAD) pad += n + pad >= 1024 ? 512 : 64;
    return n + pad <= WIRE_PLAIN_MAX ? pad : 0;
}

void wire_put_pad(uint8_t *at, size_t n)
{
    if (n == 0) return;
    at[0] = WIRE_PAD;
    put_u16(at + 1, (uint16_t)(n - WIRE_FRAME_HEAD));
    memset(at + WIRE_FRAME_HEAD, 0, n - WIRE_FRAME_HEAD);
}

void wire_join_reset(struct wire_joiner *j)
{
    buf_reset(&j->parts, 0);
}

int wire_join(struct wire_joiner *j, struct wire_frame *f)
{
    bool part = f->type == WIRE_PART;
    if (!part && buf_len(&j->parts) == 0) return 1;
    if (buf_len(&j->parts) + f->payload.len > WIRE_JOINED_MAX) return -1;
    buf_put(&j->parts, f->payload.data, f->payload.len);
    if (part) return 0;
    /* Whole: hand it out, and let the next frame start afresh in the same memory. */
    f->payload = (struct slice){buf_head(&j->parts), buf_len(&j->parts)};
    j->parts.len = j->parts.off = 0;
    return 1;
}
