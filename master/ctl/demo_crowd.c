/*
 * demo_crowd.c - see demo_crowd.h.
 *
 * In the ledger each client is two people: itself, for direct messages, and its ear in the lobby.
 * Real users speak there, too, so the lobby's own numbers are not ours alone; a message to it is
 * one to each ear instead, all with the same number.
 */
#include "demo_crowd.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../client/client.h"
#include "../../client/trust.h"
#include "log.h"
#include "loop.h"

enum {
    WINDOW = 16,  /* messages of one that are not settled */
    PACE_MS = 10, /* between two of one: a demo beside real users, no load test */
    BURST = 6,    /* in a row to the same one, so that their order means something */
    LOBBY_EVERY = 8,
    TOLD_MAX = 10, /* violations in words */
    TEXT_SIZE = 128,
};

/* A message that is not settled. */
struct pending {
    uint64_t id;
    unsigned to; /* LEDGER_ROOM: the lobby */
    uint64_t number;
};

struct member {
    struct crowd *crowd;
    struct client *client;
    struct vault *vault;
    struct identity id;
    char name[CROWD_NAME];
    unsigned number;
    bool open, awaited, left;
    unsigned partner, burst;
    uint64_t speak_ms, quiet_ms; /* when to speak; since when it hears nothing */
    struct pending pending[WINDOW];
    unsigned n;
};

struct crowd {
    struct crowd_options o;
    struct member *member;
    struct ledger *ledger;
    char run[17];           /* in every text: what an earlier run has left over is not ours */
    bool speaking, staying; /* staying: whoever fails tries again */
    bool final;
    unsigned told, waiting;
    uint64_t heard_ms, since_ms, last_ms;
    uint64_t reconnects, worst_gap_ms;
    char code[32], text[256]; /* of trouble */
};

/* --- who they are --- */

/* Letters alone, and none that looks like another: see name_skeleton(). */
void crowd_name(const struct identity *id, unsigned number, char out[CROWD_NAME])
{
    static const char letters[] = "abcdefghjkptuxyz";
    uint8_t hash[crypto_generichash_BYTES_MIN];
    crypto_generichash(hash, sizeof hash, id->public_key, sizeof id->public_key, NULL, 0);
    snprintf(out, CROWD_NAME, "demo-%c%c%c%c-%u", letters[hash[0] & 15], letters[hash[1] & 15],
             letters[hash[2] & 15], letters[hash[3] & 15], number);
}

static void derive(struct identity *out, const struct identity *base, unsigned number)
{
    uint8_t seed[crypto_sign_SEEDBYTES], n[4];
    put_u32(n, number);
    crypto_generichash(seed, sizeof seed, n, sizeof n, base->secret, crypto_sign_SEEDBYTES);
    identity_from_seed(out, base->device, seed);
    sodium_memzero(seed, sizeof seed);
}

/* --- texts: "demo RUN: number 17 of 3 to 5, sent at 123456" --- */

static size_t text_write(const struct crowd *c, const struct ledger_message *m, char out[TEXT_SIZE])
{
    char to[16] = "the lobby";
    if (m->to != LEDGER_ROOM) snprintf(to, sizeof to, "%u", m->to);
    int n = snprintf(out, TEXT_SIZE, "demo %s: number %" PRIu64 " of %u to %s, sent at %" PRIu64,
                     c->run, m->number, m->from, to, m->sent_us);
    return (size_t)n;
}

enum whose { OURS, FOREIGN, DAMAGED };

/* Foreign: of an earlier run, or by a real user. Damaged: begins as ours, but is none. */
static enum whose text_read(const struct crowd *c, struct slice body, struct ledger_message *m)
{
    uint8_t form;
    struct slice text;
    char got[TEXT_SIZE], again[TEXT_SIZE], head[32], to[16];
    size_t head_len = (size_t)snprintf(head, sizeof head, "demo %s: ", c->run);
    if (!client_body(body, &form, &text) || text.len < head_len ||
        memcmp(text.data, head, head_len) != 0)
        return FOREIGN;
    if (text.len >= sizeof got) return DAMAGED;
    memcpy(got, text.data, text.len);
    got[text.len] = 0;
    if (sscanf(got + head_len, "number %" SCNu64 " of %u to %15[^,], sent at %" SCNu64, &m->number,
               &m->from, to, &m->sent_us) != 4)
        return DAMAGED;
    m->to = strcmp(to, "the lobby") == 0 ? LEDGER_ROOM : (unsigned)strtoul(to, NULL, 10);
    m->seen = 0;
    text_write(c, m, again);
    return strcmp(again, got) == 0 ? OURS : DAMAGED;
}

/* --- sending --- */

static unsigned ear_of(const struct crowd *c, unsigned number)
{
    return c->o.clients + number;
}

static void under_way(struct crowd *c, unsigned to, uint64_t now)
{
    if (ledger_owed(c->ledger, to) == 0 && (!c->o.lobby || !ledger_owed(c->ledger, ear_of(c, to))))
        c->member[to].quiet_ms = now;
}

static uint64_t enter(struct crowd *c, unsigned from, unsigned to, uint64_t now)
{
    uint64_t number = 0;
    if (to != LEDGER_ROOM) {
        under_way(c, to, now);
        return ledger_send(c->ledger, from, to);
    }
    for (unsigned i = 0; i < c->o.clients; i++) {
        under_way(c, i, now);
        number = ledger_send(c->ledger, from, ear_of(c, i));
    }
    return number;
}

static unsigned choose(struct member *m)
{
    struct crowd *c = m->crowd;
    if (c->o.lobby && randombytes_uniform(LOBBY_EVERY) == 0) return LEDGER_ROOM;
    while (m->burst == 0 || m->partner == m->number) {
        m->partner = randombytes_uniform(c->o.clients);
        m->burst = 1 + randombytes_uniform(BURST);
    }
    m->burst--;
    return m->partner;
}

static void put(struct member *m, unsigned to)
{
    struct crowd *c = m->crowd;
    const bool room = to == LEDGER_ROOM;
    const uint64_t now = clock_mono_ms();
    char text[TEXT_SIZE];
    uint64_t id;
    struct ledger_message say = {.from = m->number, .to = to, .sent_us = now * 1000};
    say.number = enter(c, m->number, to, now);
    size_t n = text_write(c, &say, text);
    if (client_send(m->client, room ? WIRE_TO_ROOM : WIRE_TO_USER,
                    room ? "#lobby" : c->member[to].name, WIRE_FORM_SAYS,
                    (struct slice){(const uint8_t *)text, n}, &id))
        fatal("%s cannot send", m->name); /* its store is memory */
    m->pending[m->n++] = (struct pending){id, to, say.number};
}

static void speak(struct member *m, uint64_t now)
{
    if (!m->crowd->speaking || !m->open || m->n == WINDOW || now < m->speak_ms) return;
    put(m, choose(m));
    m->speak_ms = now + PACE_MS;
    client_push(m->client);
}

/* The one with this number; those to others may be settled before it. */
static struct pending settled(struct member *m, uint64_t id)
{
    for (unsigned i = 0; i < m->n; i++) {
        struct pending p = m->pending[i];
        if (p.id != id) continue;
        m->pending[i] = m->pending[--m->n];
        return p;
    }
    return (struct pending){0};
}

static void refused(struct member *m, const struct wire_rejected *r)
{
    struct crowd *c = m->crowd;
    struct pending p = settled(m, r->id);
    char why[120], text[80];
    if (p.number == 0) return;
    log_escape(text, sizeof text, (const char *)r->text.data, r->text.len);
    snprintf(why, sizeof why, "%s: %s", wire_code_name(r->code), text);
    for (unsigned i = 0; i < c->o.clients; i++)
        if (p.to == LEDGER_ROOM || p.to == i)
            ledger_refused(c->ledger, m->number, p.to == i ? i : ear_of(c, i), p.number, why, 0);
}

/* --- hearing --- */

static void heard(struct member *m)
{
    struct crowd *c = m->crowd;
    uint64_t now = clock_mono_ms();
    bool owed = ledger_owed(c->ledger, m->number) || ledger_owed(c->ledger, ear_of(c, m->number));
    if (owed && now - m->quiet_ms > c->worst_gap_ms) c->worst_gap_ms = now - m->quiet_ms;
    m->quiet_ms = c->heard_ms = now;
}

static void got(struct member *m, const struct wire_deliver *d)
{
    struct crowd *c = m->crowd;
    struct ledger_message said = {0};
    const uint64_t now = clock_mono_ms();
    enum whose whose = text_read(c, d->body, &said);
    if (whose == FOREIGN) return;
    heard(m);
    if (whose == DAMAGED) {
        ledger_got_nonsense(c->ledger, m->number, "a damaged message of this demo", now * 1000);
        return;
    }
    if (m->awaited && said.sent_us >= c->since_ms * 1000) {
        m->awaited = false;
        c->waiting--;
        c->last_ms = now;
    }
    const bool room = d->flags & WIRE_FLAG_ROOM;
    const unsigned at = room ? ear_of(c, m->number) : m->number;
    if (room && said.to == LEDGER_ROOM) said.to = at;
    ledger_got(c->ledger, at, &said, now * 1000);
}

/* --- connections --- */

static void trouble(struct crowd *c, const char *code, const char *text, bool final)
{
    if (c->final && !c->staying) return; /* the first one says why nobody comes in */
    c->final = final;
    snprintf(c->code, sizeof c->code, "%s", code);
    log_escape(c->text, sizeof c->text, text, strlen(text));
}

static void closed(struct member *m)
{
    struct crowd *c = m->crowd;
    if (m->open && !m->left) {
        c->reconnects++;
        if (c->told++ < TOLD_MAX)
            fprintf(stderr, NAME "ctl: %s lost its connection: %s: %s\n", m->name, c->code,
                    c->text);
    }
    m->open = false;
}

static void on_event(void *arg, const struct client_event *e)
{
    struct member *m = arg;
    switch (e->type) {
    case CLIENT_CONNECTED:
        m->open = true;
        m->quiet_ms = clock_mono_ms();
        break;
    case CLIENT_LOST:
        trouble(m->crowd, e->lost.code, e->lost.reason, false);
        closed(m);
        break;
    case CLIENT_FAILED:
        trouble(m->crowd, e->failed.code, e->failed.text, true);
        closed(m);
        break;
    case CLIENT_LEFT: m->open = false; break;
    case CLIENT_MESSAGE: got(m, e->message.m); break;
    case CLIENT_ACCEPTED: settled(m, e->accepted->id); break;
    case CLIENT_REJECTED: refused(m, e->rejected); break;
    default: break;
    }
}

/* The server has named its key on the operator's socket: another one is somebody else. */
static enum trust_verdict trust(void *arg, const uint8_t server_id[32])
{
    const struct member *m = arg;
    char fingerprint[TRUST_FINGERPRINT];
    trust_fingerprint(server_id, fingerprint);
    return strcmp(fingerprint, m->crowd->o.fingerprint) == 0 ? TRUST_PINNED : TRUST_CHANGED;
}

/* --- making --- */

static void violation(void *arg, uint64_t when_us, const char *words)
{
    struct crowd *c = arg;
    (void)when_us;
    if (c->told++ < TOLD_MAX) fprintf(stderr, NAME "ctl: %s\n", words);
}

static void make(struct crowd *c, unsigned number)
{
    struct member *m = &c->member[number];
    m->crowd = c;
    m->number = number;
    crowd_name(c->o.id, number + 1, m->name);
    derive(&m->id, c->o.id, number);
    m->vault = vault_memory();
    m->client = client_new(&(struct client_options){
        .host = c->o.host,
        .port = c->o.port,
        .user = m->name,
        .caps = WIRE_CAP_RECEIVE | (c->o.lobby ? WIRE_CAP_LOBBY : 0u),
        .identity = &m->id,
        .vault = m->vault,
        .trust = trust,
        .event = on_event,
        .arg = m,
    });
    if (!m->client) fatal("cannot make the client %s", m->name); /* its store is memory */
}

struct crowd *crowd_new(const struct crowd_options *o)
{
    struct crowd *c = xcalloc(1, sizeof *c);
    uint8_t run[8];
    c->o = *o;
    randombytes_buf(run, sizeof run);
    sodium_bin2hex(c->run, sizeof c->run, run, sizeof run);
    c->ledger = ledger_new(2 * o->clients, violation, c);
    c->member = xcalloc(o->clients, sizeof *c->member);
    for (unsigned i = 0; i < o->clients; i++)
        make(c, i);
    return c;
}

void crowd_free(struct crowd *c)
{
    if (!c) return;
    for (unsigned i = 0; i < c->o.clients; i++) {
        client_free(c->member[i].client);
        vault_close(c->member[i].vault);
        identity_wipe(&c->member[i].id);
    }
    ledger_free(c->ledger);
    free(c->member);
    free(c);
}

/* --- turns --- */

void crowd_poll(const struct crowd *c, struct pollfd *out)
{
    for (unsigned i = 0; i < c->o.clients; i++) {
        int fd = client_fd(c->member[i].client);
        out[i] = (struct pollfd){fd, fd >= 0 ? client_wants(c->member[i].client) : 0, 0};
    }
}

int crowd_timeout_ms(const struct crowd *c)
{
    int least = c->speaking ? PACE_MS : -1;
    for (unsigned i = 0; i < c->o.clients; i++) {
        int ms = client_timeout_ms(c->member[i].client);
        if (ms >= 0 && (least < 0 || ms < least)) least = ms;
    }
    return least;
}

void crowd_step(struct crowd *c, const struct pollfd *polled)
{
    for (unsigned i = 0; i < c->o.clients; i++) {
        struct member *m = &c->member[i];
        if (polled[i].revents || client_timeout_ms(m->client) == 0)
            client_step(m->client, polled[i].revents);
        speak(m, clock_mono_ms());
        if (c->staying && client_state(m->client) == CLIENT_OFF) client_connect(m->client);
    }
}

void crowd_connect(struct crowd *c)
{
    for (unsigned i = 0; i < c->o.clients; i++)
        client_connect(c->member[i].client);
}

void crowd_speak(struct crowd *c, bool speaks)
{
    c->speaking = speaks;
    c->staying = true;
    c->heard_ms = clock_mono_ms();
}

void crowd_leave(struct crowd *c)
{
    c->staying = false;
    for (unsigned i = 0; i < c->o.clients; i++) {
        c->member[i].left = true;
        client_bye(c->member[i].client);
    }
}

/* --- questions --- */

const char *crowd_trouble(const struct crowd *c, bool *final, const char **text)
{
    *final = c->final;
    *text = c->text;
    return c->code[0] ? c->code : NULL;
}

bool crowd_quiet(const struct crowd *c)
{
    for (unsigned i = 0; i < c->o.clients; i++)
        if (c->member[i].n || !c->member[i].open) return false;
    return ledger_quiet(c->ledger);
}

bool crowd_gone(const struct crowd *c)
{
    for (unsigned i = 0; i < c->o.clients; i++)
        if (client_state(c->member[i].client) != CLIENT_OFF) return false;
    return true;
}

uint64_t crowd_heard_ms(const struct crowd *c)
{
    return c->heard_ms;
}

void crowd_await(struct crowd *c)
{
    c->since_ms = c->last_ms = clock_mono_ms();
    c->waiting = c->o.clients;
    for (unsigned i = 0; i < c->o.clients; i++)
        c->member[i].awaited = true;
}

unsigned crowd_waiting(const struct crowd *c, uint64_t *after_ms)
{
    *after_ms = c->last_ms - c->since_ms;
    return c->waiting;
}

void crowd_finish(struct crowd *c)
{
    ledger_finish(c->ledger);
}

struct crowd_counts crowd_counts(const struct crowd *c)
{
    struct crowd_counts n = {.messages = ledger_counts(c->ledger),
                             .missing = ledger_missing(c->ledger),
                             .reconnects = c->reconnects,
                             .worst_gap_ms = c->worst_gap_ms};
    for (unsigned i = 0; i < c->o.clients; i++)
        n.connected += c->member[i].open && client_published(c->member[i].client);
    return n;
}
