/* bus.c - see bus.h: encoders and decoders of the frames between worker and broker, tickets. */
#include "bus.h"

#include <sodium.h>
#include <string.h>

/* --- tickets --- */

static void ticket_mac(const uint8_t body[28], const uint8_t key[32], uint8_t mac[32])
{
    crypto_auth_hmacsha256_state st;
    crypto_auth_hmacsha256_init(&st, key, 32);
    crypto_auth_hmacsha256_update(&st, (const uint8_t *)"ticket1", 7);
    crypto_auth_hmacsha256_update(&st, body, 28);
    crypto_auth_hmacsha256_final(&st, mac);
    sodium_memzero(&st, sizeof st);
}

void bus_ticket_seal(uint8_t out[BUS_TICKET], const struct bus_ticket *t, const uint8_t key[32])
{
    put_u64(out, t->serial);
    put_u64(out + 8, t->account);
    put_u64(out + 16, t->device);
    put_u32(out + 24, t->caps);
    ticket_mac(out, key, out + 28);
}

bool bus_ticket_open(const uint8_t in[BUS_TICKET], struct bus_ticket *t, const uint8_t key[32])
{
    uint8_t mac[32];
    ticket_mac(in, key, mac);
    if (sodium_memcmp(mac, in + 28, sizeof mac) != 0) return false;
    *t = (struct bus_ticket){get_u64(in), get_u64(in + 8), get_u64(in + 16), get_u32(in + 24)};
    return true;
}

/* --- writers --- */

static size_t begin_sid(struct stream *s, uint8_t type, uint64_t sid)
{
    size_t at = stream_begin(s, type);
    buf_put_u64(&s->out, sid);
    return at;
}

static void put_text8(struct stream *s, const char *text)
{
    size_t n = strlen(text);
    buf_put_str8(&s->out, text, n < BUS_PEER_MAX ? n : BUS_PEER_MAX);
}

void bus_put_dh(struct stream *s, uint64_t sid, const uint8_t ephemeral[32])
{
    size_t at = begin_sid(s, BUS_DH, sid);
    buf_put(&s->out, ephemeral, 32);
    stream_end(s, at);
}

void bus_put_login(struct stream *s, uint64_t sid, const uint8_t h[32], const char *peer,
                   struct slice login)
{
    size_t at = begin_sid(s, BUS_LOGIN, sid);
    buf_put(&s->out, h, 32);
    put_text8(s, peer);
    buf_put(&s->out, login.data, login.len);
    stream_end(s, at);
}

void bus_put_announce(struct stream *s, uint64_t sid, const uint8_t ticket[BUS_TICKET],
                      const char *peer)
{
    size_t at = begin_sid(s, BUS_ANNOUNCE, sid);
    buf_put(&s->out, ticket, BUS_TICKET);
    put_text8(s, peer);
    stream_end(s, at);
}

void bus_put_up(struct stream *s, uint64_t sid, uint8_t type, struct slice payload)
{
    size_t at = begin_sid(s, BUS_UP, sid);
    buf_put_u8(&s->out, type);
    buf_put(&s->out, payload.data, payload.len);
    stream_end(s, at);
}

void bus_put_gone(struct stream *s, uint64_t sid, bool polite)
{
    size_t at = begin_sid(s, BUS_GONE, sid);
    buf_put_u8(&s->out, polite ? 1 : 0);
    stream_end(s, at);
}

void bus_put_identity(struct stream *s, const struct wire_cert *cert)
{
    size_t at = stream_begin(s, BUS_IDENTITY);
    wire_put_cert(&s->out, cert);
    stream_end(s, at);
}

void bus_put_dh_done(struct stream *s, uint64_t sid, bool ok, const uint8_t result[32],
                     const uint8_t challenge[16])
{
    size_t at = begin_sid(s, BUS_DH_DONE, sid);
    buf_put_u8(&s->out, ok ? 1 : 0);
    buf_put(&s->out, result, 32);
    buf_put(&s->out, challenge, 16);
    stream_end(s, at);
}

void bus_put_logged(struct stream *s, uint64_t sid, uint64_t account, uint64_t device,
                    const char *name, const uint8_t ticket[BUS_TICKET])
{
    size_t at = begin_sid(s, BUS_LOGGED, sid);
    buf_put_u64(&s->out, account);
    buf_put_u64(&s->out, device);
    put_text8(s, name);
    buf_put(&s->out, ticket, BUS_TICKET);
    stream_end(s, at);
}

void bus_put_kick(struct stream *s, uint64_t sid, uint16_t code, uint32_t retry_ms, const char *text)
{
    size_t at = begin_sid(s, BUS_KICK, sid);
    buf_put_u16(&s->out, code);
    buf_put_u32(&s->out, retry_ms);
    buf_put_str16(&s->out, text, strlen(text));
    stream_end(s, at);
}

size_t bus_begin_down(struct stream *s, uint64_t sid)
{
    size_t at = stream_begin(s, BUS_DOWN);
    buf_put_u16(&s->out, 1);
    buf_put_u64(&s->out, sid);
    return at;
}

void bus_put_down_many(struct stream *s, const uint64_t *sid, size_t n, struct slice frames)
{
    size_t at = stream_begin(s, BUS_DOWN);
    buf_put_u16(&s->out, (uint16_t)n);
    uint8_t *to = buf_room(&s->out, 8 * n);
    for (size_t i = 0; i < n; i++)
        put_u64(to + 8 * i, sid[i]);
    buf_added(&s->out, 8 * n);
    buf_put(&s->out, frames.data, frames.len);
    stream_end(s, at);
}

/* --- readers --- */

static struct cur open_sid(struct slice p, uint64_t *sid)
{
    struct cur c = cur_of(p.data, p.len);
    *sid = cur_u64(&c);
    return c;
}

bool bus_get_dh(struct slice p, struct bus_dh *m)
{
    struct cur c = open_sid(p, &m->sid);
    m->ephemeral = cur_bytes(&c, 32);
    return cur_end(&c);
}

bool bus_get_login(struct slice p, struct bus_login *m)
{
    struct cur c = open_sid(p, &m->sid);
    m->h = cur_bytes(&c, 32);
    m->peer = cur_str8(&c);
    m->login = cur_rest(&c);
    return cur_end(&c);
}

bool bus_get_announce(struct slice p, struct bus_announce *m)
{
    struct cur c = open_sid(p, &m->sid);
    m->ticket = cur_bytes(&c, BUS_TICKET);
    m->peer = cur_str8(&c);
    return cur_end(&c);
}

bool bus_get_up(struct slice p, struct bus_up *m)
{
    struct cur c = open_sid(p, &m->sid);
    m->type = cur_u8(&c);
    m->payload = cur_rest(&c);
    return cur_end(&c);
}

bool bus_get_gone(struct slice p, struct bus_gone *m)
{
    struct cur c = open_sid(p, &m->sid);
    m->polite = cur_u8(&c) != 0;
    return cur_end(&c);
}

bool bus_get_identity(struct slice p, struct wire_cert *cert)
{
    struct cur c = cur_of(p.data, p.len);
    wire_get_cert(&c, cert);
    return cur_end(&c);
}

bool bus_get_dh_done(struct slice p, struct bus_dh_done *m)
{
    struct cur c = open_sid(p, &m->sid);
    m->ok = cur_u8(&c) != 0;
    m->result = cur_bytes(&c, 32);
    m->challenge = cur_bytes(&c, 16);
    return cur_end(&c);
}

bool bus_get_logged(struct slice p, struct bus_logged *m)
{
    struct cur c = open_sid(p, &m->sid);
    m->account = cur_u64(&c);
    m->device = cur_u64(&c);
    m->name = cur_str8(&c);
    m->ticket = cur_bytes(&c, BUS_TICKET);
    return cur_end(&c) && m->name.len <= WIRE_NAME_MAX;
}

bool bus_get_down(struct slice p, struct bus_down *m)
{
    struct cur c = cur_of(p.data, p.len);
    m->n = cur_u16(&c);
    m->sids = cur_bytes(&c, 8u * m->n);
    m->frames = cur_rest(&c);
    return cur_end(&c);
}

bool bus_get_kick(struct slice p, struct bus_kick *m)
{
    struct cur c = open_sid(p, &m->sid);
    m->code = cur_u16(&c);
    m->retry_ms = cur_u32(&c);
    m->text = cur_str16(&c);
    return cur_end(&c);
}
