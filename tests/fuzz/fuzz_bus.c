/*
 * fuzz_bus.c - every bus_get_*(): what it takes must, written again, be the same bytes; tickets
 * open only as they were sealed. The first byte chooses the frame, the rest is the payload.
 *
 * The writers take C strings of at most BUS_PEER_MAX bytes; others are read and not compared.
 */
#include "bus.h"
#include "fuzz.h"

static struct stream s;

static void same(uint8_t type, struct slice p)
{
    const uint8_t *head = buf_head(&s.out);
    CHECK(buf_len(&s.out) >= STREAM_HEAD && get_u32(head) == buf_len(&s.out) - STREAM_HEAD);
    CHECK(head[4] == type);
    CHECK(fuzz_same((struct slice){head + STREAM_HEAD, get_u32(head)}, p));
}

/* As a C string; false when the writer would not give the same. */
static bool text_of(char out[BUS_PEER_MAX + 1], struct slice text)
{
    if (text.len > BUS_PEER_MAX || memchr(text.data, 0, text.len)) return false;
    memcpy(out, text.data, text.len);
    out[text.len] = 0;
    return true;
}

static void try_dh(struct slice p)
{
    struct bus_dh m;
    if (!bus_get_dh(p, &m)) return;
    bus_put_dh(&s, m.sid, m.ephemeral);
    same(BUS_DH, p);
}

static void try_login(struct slice p)
{
    struct bus_login m;
    char peer[BUS_PEER_MAX + 1];
    if (!bus_get_login(p, &m) || !text_of(peer, m.peer)) return;
    bus_put_login(&s, m.sid, m.h, peer, m.login);
    same(BUS_LOGIN, p);
}

static void try_announce(struct slice p)
{
    struct bus_announce m;
    char peer[BUS_PEER_MAX + 1];
    if (!bus_get_announce(p, &m) || !text_of(peer, m.peer)) return;
    bus_put_announce(&s, m.sid, m.ticket, peer);
    same(BUS_ANNOUNCE, p);
}

static void try_up(struct slice p)
{
    struct bus_up m;
    if (!bus_get_up(p, &m)) return;
    bus_put_up(&s, m.sid, m.type, m.payload);
    same(BUS_UP, p);
}

static void try_gone(struct slice p)
{
    struct bus_gone m;
    if (!bus_get_gone(p, &m) || p.data[8] > 1) return;
    bus_put_gone(&s, m.sid, m.polite);
    same(BUS_GONE, p);
}

static void try_identity(struct slice p)
{
    struct wire_cert m;
    if (!bus_get_identity(p, &m)) return;
    bus_put_identity(&s, &m);
    same(BUS_IDENTITY, p);
}

static void try_dh_done(struct slice p)
{
    struct bus_dh_done m;
    if (!bus_get_dh_done(p, &m) || p.data[8] > 1) return;
    bus_put_dh_done(&s, m.sid, m.ok, m.result, m.challenge);
    same(BUS_DH_DONE, p);
}

static void try_logged(struct slice p)
{
    struct bus_logged m;
    char name[BUS_PEER_MAX + 1];
    if (!bus_get_logged(p, &m)) return;
    CHECK(m.name.len <= WIRE_NAME_MAX);
    if (!text_of(name, m.name)) return;
    bus_put_logged(&s, m.sid, m.account, m.device, name, m.ticket);
    same(BUS_LOGGED, p);
}

static void try_down(struct slice p)
{
    struct bus_down m;
    if (!bus_get_down(p, &m)) return;
    uint64_t *sid = malloc(m.n * sizeof *sid + 1);
    for (size_t i = 0; i < m.n; i++)
        sid[i] = get_u64(m.sids + 8 * i);
    bus_put_down_many(&s, sid, m.n, m.frames);
    same(BUS_DOWN, p);
    if (m.n == 1) {
        buf_reset(&s.out, SIZE_MAX);
        size_t at = bus_begin_down(&s, sid[0]);
        buf_put(&s.out, m.frames.data, m.frames.len);
        stream_end(&s, at);
        same(BUS_DOWN, p);
    }
    free(sid);
}

static void try_kick(struct slice p)
{
    struct bus_kick m;
    char text[BUS_PEER_MAX + 1];
    if (!bus_get_kick(p, &m) || !text_of(text, m.text)) return;
    bus_put_kick(&s, m.sid, m.code, m.retry_ms, text);
    same(BUS_KICK, p);
}

static void try_ticket(struct slice p)
{
    uint8_t key[32] = {7}, sealed[BUS_TICKET];
    struct bus_ticket t, back;
    if (p.len < BUS_TICKET) return;
    CHECK(!bus_ticket_open(p.data, &t, key)); /* nobody guesses a MAC */
    t = (struct bus_ticket){get_u64(p.data), get_u64(p.data + 8), get_u64(p.data + 16),
                            get_u32(p.data + 24)};
    bus_ticket_seal(sealed, &t, key);
    CHECK(bus_ticket_open(sealed, &back, key) && back.serial == t.serial && back.caps == t.caps);
    sealed[p.data[28] % BUS_TICKET] ^= (uint8_t)(1u << (p.data[29] & 7));
    CHECK(!bus_ticket_open(sealed, &back, key));
}

/* The other way round: what the writers write must be taken. Values and texts from the input. */
static struct slice written(void)
{
    const uint8_t *head = buf_head(&s.out);
    return (struct slice){head + STREAM_HEAD, get_u32(head)};
}

static void try_written(struct slice p)
{
    char text[BUS_PEER_MAX + 1] = {0};
    struct bus_login login;
    struct bus_logged logged;
    struct bus_kick kick;
    struct bus_announce announce;
    if (p.len < 100) return;
    memcpy(text, p.data + 90, p.len - 90 < WIRE_NAME_MAX ? p.len - 90 : WIRE_NAME_MAX);
    uint64_t sid = get_u64(p.data);
    bus_put_login(&s, sid, p.data, text, p);
    CHECK(bus_get_login(written(), &login) && login.sid == sid && fuzz_same(login.login, p));
    buf_reset(&s.out, 0);
    bus_put_logged(&s, sid, 1, 2, text, p.data);
    CHECK(bus_get_logged(written(), &logged) && logged.name.len == strlen(text));
    buf_reset(&s.out, 0);
    bus_put_announce(&s, sid, p.data, text);
    CHECK(bus_get_announce(written(), &announce) &&
          memcmp(announce.ticket, p.data, BUS_TICKET) == 0);
    buf_reset(&s.out, 0);
    bus_put_kick(&s, sid, get_u16(p.data), get_u32(p.data), text);
    CHECK(bus_get_kick(written(), &kick) && kick.retry_ms == get_u32(p.data));
}

static void (*const tries[])(struct slice) = {
    try_dh,      try_login,  try_announce, try_up,   try_gone,   try_identity,
    try_dh_done, try_logged, try_down,     try_kick, try_ticket, try_written,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    uint8_t *exact = fuzz_copy(data + 1, size - 1);
    tries[data[0] % (sizeof tries / sizeof *tries)]((struct slice){exact, size - 1});
    buf_free(&s.out);
    free(exact);
    return 0;
}
