/*
 * admit.c - see admit.h: guests, the five messages between one and a device that is in, and the proof
 * of who holds the account key on paper. Nothing of it lasts: whoever is cut off starts again.
 *
 *   step     1 (guest)        2 (device)      3 (guest)  4 (guest)  5 (device)
 *   goes to  every device     the guest       the device that answered  the guest, and it is over
 */
#include "admit.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "moderation.h"
#include "primitives.h"

enum { FRAMES_MAX = 64 /* of one guest: some attempts, with slips of the finger */ };

static struct slice text_of(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

/* --- saying --- */

static void guest_refuse(struct guest *g, uint8_t asked, uint16_t code, const char *text)
{
    keys_refuse_at(g->link, g->sid, WIRE_ADMIT, asked, text_of(""), code, 0, text);
}

static void guest_kick(struct guest *g, uint16_t code, const char *text)
{
    bus_put_kick(&g->link->stream, g->sid, code, 0, text);
    seat_clear(&g->link->seat[bus_index(g->sid)]);
}

static void carry(struct link *l, uint64_t sid, const struct wire_admit *m)
{
    size_t at = bus_begin_down(&l->stream, sid);
    wire_put_admit(&l->stream.out, m);
    stream_end(&l->stream, at);
}

static void say_end(struct link *l, uint64_t sid, uint64_t attempt, uint8_t why)
{
    size_t at = bus_begin_down(&l->stream, sid);
    wire_put_admit_end(&l->stream.out, &(struct wire_admit_end){attempt, why});
    stream_end(&l->stream, at);
}

/* To each session of the account that can answer, but one. */
static void tell_devices(const struct guest *g, const struct session *except, uint8_t why)
{
    struct wire_admit m = {g->attempt, g->device, 1, {buf_head(&g->commit), buf_len(&g->commit)}};
    for (const struct device *d = g->account->device; d; d = d->next)
        for (const struct session *s = d->session; s; s = s->next) {
            if (s == except || !(s->caps & WIRE_CAP_RECEIVE)) continue;
            if (why)
                say_end(s->link, s->sid, g->attempt, why);
            else
                carry(s->link, s->sid, &m);
        }
}

/* --- attempts --- */

static void reset(struct guest *g)
{
    g->attempt = 0;
    g->step = 0;
    g->with = (struct asker){0};
    buf_free(&g->commit);
}

/* Whoever has heard of the attempt hears of its end. */
static void end_attempt(struct guest *g, uint8_t why)
{
    if (g->step == 1) {
        tell_devices(g, NULL, why);
    } else if (g->step > 1) {
        struct session *s = asker_session(&g->with);
        if (s) say_end(s->link, s->sid, g->attempt, why);
    }
    reset(g);
}

static void begin_attempt(struct guest *g, struct slice message)
{
    end_attempt(g, WIRE_ADMIT_GIVEN_UP);
    do
        randombytes_buf(&g->attempt, sizeof g->attempt); /* a number that no other guest can guess */
    while (g->attempt == 0);
    g->step = 1;
    buf_put(&g->commit, message.data, message.len);
    LOG(LOG_INFO, "admit", "ask", log_s("user", g->account->name), log_u("device", g->device),
        log_s("address", g->address));
    tell_devices(g, NULL, 0);
}

/* The guest's steps 3 and 4. */
static void carry_on(struct guest *g, const struct wire_admit_ask *m)
{
    bool in_turn = g->step >= 2 && m->attempt == g->attempt && m->step == g->step + 1;
    struct session *s = in_turn ? asker_session(&g->with) : NULL;
    if (!s) {
        guest_refuse(g, m->op, WIRE_NO_ATTEMPT, "there is no such attempt, or it is not your turn");
        return;
    }
    g->step = m->step;
    carry(s->link, s->sid, &(struct wire_admit){g->attempt, g->device, m->step, m->message});
}

/* Step 2, by whoever of the devices is first; step 5, by the same. */
static void device_says(struct session *s, struct guest *g, const struct wire_admit_ask *m)
{
    if (m->step == 2) {
        g->with = asker_of(s);
        tell_devices(g, s, WIRE_ADMIT_ELSEWHERE);
    }
    g->step = m->step;
    carry(g->link, g->sid, &(struct wire_admit){g->attempt, s->device->id, m->step, m->message});
    if (m->step == WIRE_ADMIT_STEPS) {
        LOG(LOG_INFO, "admit", "grant", log_s("user", g->account->name), log_u("device", g->device),
            log_u("by", s->device->id));
        reset(g);
    }
}

static struct guest *guest_of(const struct session *s, uint64_t attempt)
{
    struct guest *g = s->link->broker->guests;
    while (g && (g->account != s->device->account || g->attempt != attempt || attempt == 0))
        g = g->next;
    return g;
}

void admit_ask(struct session *s, const struct wire_admit_ask *m)
{
    struct guest *g = guest_of(s, m->attempt);
    bool mine = g && (g->step == 1 || asker_session(&g->with) == s);
    if (!keys_afford(s, WIRE_ADMIT, m->op, text_of(""))) return;
    if (m->op == WIRE_ADMIT_CARRY && mine && !wire_admit_from_new(m->step) && m->step == g->step + 1) {
        device_says(s, g, m);
    } else if (m->op == WIRE_ADMIT_END && mine && g->step > 1) {
        say_end(g->link, g->sid, g->attempt, WIRE_ADMIT_GIVEN_UP);
        reset(g);
    } else if (m->op != WIRE_ADMIT_END) { /* the end of what has ended needs no answer */
        keys_refuse(s, WIRE_ADMIT, m->op, text_of(""), WIRE_NO_ATTEMPT, 0,
                    "there is no such attempt (any more), or it is not your turn");
    }
}

void admit_welcome(struct session *s)
{
    if (!(s->caps & WIRE_CAP_RECEIVE)) return;
    for (const struct guest *g = s->link->broker->guests; g; g = g->next) {
        if (g->account != s->device->account || g->step != 1) continue;
        carry(s->link, s->sid,
              &(struct wire_admit){g->attempt, g->device, 1, {buf_head(&g->commit), buf_len(&g->commit)}});
    }
}

/* Its link may be on its way out, where nobody finds it any more: the numbers say whose it was. */
void admit_left(struct session *s)
{
    for (struct guest *g = s->link->broker->guests; g; g = g->next) {
        bool bound = g->step >= 2 && g->with.sid == s->sid && g->with.slot == s->link->slot &&
                     g->with.generation == s->link->generation;
        if (!bound) continue;
        say_end(g->link, g->sid, g->attempt, WIRE_ADMIT_LEFT);
        reset(g);
    }
}

/* --- the account key, from paper --- */

/* Of sealed.md, section 12.1: nobody but this device can use it. */
static bool proven(const struct guest *g, const struct wire_admit_ask *m)
{
    const struct store_list *list = &people_keys(g->account)->list;
    struct buf text = {0};
    if (list->head == 0 || sodium_memcmp(list->account_key, m->account_key, sizeof m->account_key) != 0) return false;
    buf_put(&text, m->account_key, sizeof m->account_key);
    buf_put_str8(&text, g->account->name, strlen(g->account->name));
    buf_put_u64(&text, g->device);
    buf_put(&text, g->key, sizeof g->key);
    bool good = sealed_verify(m->account_key, "csmsg admit paper 1", sealed_head(&text), m->signature);
    buf_free(&text);
    return good;
}

static void on_paper(struct guest *g, const struct wire_admit_ask *m)
{
    if (!proven(g, m)) {
        guest_refuse(g, m->op, WIRE_NOT_ACCOUNT_KEY, "this is not the key of the account's list, or the signature is wrong");
        return;
    }
    g->paper = true;
    LOG(LOG_INFO, "admit", "paper", log_s("user", g->account->name), log_u("device", g->device),
        log_s("address", g->address));
    devices_ask_guest(g, &(struct wire_list_ask){.op = WIRE_LIST_FETCH, .name = text_of(g->account->name)});
}

/* --- frames of a guest --- */

static void on_admit(struct guest *g, const struct wire_admit_ask *m)
{
    if (m->op == WIRE_ADMIT_PAPER)
        on_paper(g, m);
    else if (m->op == WIRE_ADMIT_END)
        end_attempt(g, WIRE_ADMIT_GIVEN_UP);
    else if (m->step == 1 && m->attempt == 0)
        begin_attempt(g, m->message);
    else if (wire_admit_from_new(m->step))
        carry_on(g, m);
    else
        guest_refuse(g, m->op, WIRE_NO_ATTEMPT, "a device that is in says this");
}

void admit_up(struct guest *g, uint8_t type, struct slice payload)
{
    struct wire_admit_ask m;
    struct wire_list_ask list;
    if (++g->asked > FRAMES_MAX) {
        guest_kick(g, WIRE_TOO_FAST, "too many tries; connect again to go on");
    } else if (type == WIRE_ADMIT_ASK && wire_get_admit_ask(payload, &m)) {
        on_admit(g, &m);
    } else if (type == WIRE_LIST_ASK && wire_get_list_ask(payload, &list) && g->paper) {
        devices_ask_guest(g, &list);
    } else if (type == WIRE_ADMIT_ASK) {
        guest_kick(g, WIRE_BAD_FRAME, "malformed frame");
    } else {
        guest_kick(g, WIRE_BAD_STATE, "this device is not in: it may ask to be admitted, and nothing else");
    }
}

/* --- coming and going --- */

/* "192.0.2.1:99" and "[2001:db8::1]:99" without port; of IPv6 the network, as in the master's limits. */
static void address_of(const char *peer, char *out, size_t size)
{
    struct in6_addr a;
    const char *colon = strrchr(peer, ':');
    size_t n = colon ? (size_t)(colon - peer) : strlen(peer);
    if (n >= size) n = size - 1;
    memcpy(out, peer, n);
    out[n] = 0;
    if (out[0] != '[' || out[n - 1] != ']') return;
    out[n - 1] = 0;
    if (inet_pton(AF_INET6, out + 1, &a) != 1) return;
    memset(a.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &a, out, (socklen_t)size);
}

/* NULL: there is room for one more. */
static const char *crowded(const struct broker *b, const struct account *a, const char *address)
{
    uint64_t of_account = 0, of_address = 0;
    for (const struct guest *g = b->guests; g; g = g->next) {
        of_account += g->account == a;
        of_address += strcmp(g->address, address) == 0;
    }
    if (of_account >= b->set.limits.guests_per_account)
        return "too many devices ask to be admitted to this account; try again in some minutes";
    if (of_address >= b->set.limits.guests_per_address)
        return "too many devices ask to be admitted from this address; try again in some minutes";
    return NULL;
}

static void time_over(struct loop_timer *t)
{
    struct guest *g = container_of(t, struct guest, timer);
    end_attempt(g, WIRE_ADMIT_LATE);
    guest_kick(g, WIRE_TIMEOUT, "the time to be admitted is over; connect again to go on");
}

/* Its ticket opens nothing: after a death of worker or broker it starts again. */
static void welcome(const struct guest *g, struct slice name)
{
    const struct broker *b = g->link->broker;
    struct bus_ticket nobody = {0};
    uint8_t ticket[BUS_TICKET];
    char shown[WIRE_NAME_MAX + 1] = {0};
    memcpy(shown, name.data, name.len);
    bus_ticket_seal(ticket, &nobody, b->keys.ticket);
    bus_put_logged(&g->link->stream, g->sid, 0, g->device, shown, ticket);
    struct wire_welcome w = {.name = name,
                             .device = g->device,
                             .incarnation = b->incarnation,
                             .guest = true,
                             .server = text_of(b->set.server.name)};
    size_t at = bus_begin_down(&g->link->stream, g->sid);
    wire_put_welcome(&g->link->stream.out, &w);
    stream_end(&g->link->stream, at);
}

void admit_login(struct link *l, struct account *a, const struct auth_job *job)
{
    struct broker *b = l->broker;
    char address[sizeof((struct guest *)0)->address];
    address_of(job->peer, address, sizeof address);
    const char *why = sanctions_locked(b, a) ? "this account is banned" : crowded(b, a, address);
    struct seat *seat = link_seat(l, job->sid);
    if (seat_guest(seat)) admit_forget(seat_guest(seat)); /* a worker that logs in twice at one seat */
    if (why) {
        bool banned = sanctions_locked(b, a);
        seat_clear(seat);
        bus_put_kick(&l->stream, job->sid, banned ? WIRE_BANNED : WIRE_BUSY, banned ? 0 : 60000, why);
        return;
    }
    struct guest *g = xcalloc(1, sizeof *g);
    *g = (struct guest){.next = b->guests, .link = l, .sid = job->sid, .account = a, .device = job->login.device};
    memcpy(g->key, job->login.device_key, sizeof g->key);
    memcpy(g->address, address, sizeof address);
    b->guests = g;
    seat->claim->guest = g;
    seat->claim->verifying = false;
    g->timer.fire = time_over;
    loop_timer_set(&b->loop, &g->timer, b->set.limits.guest_time);
    welcome(g, job->login.name);
}

void admit_forget(struct guest *g)
{
    struct broker *b = g->link->broker;
    struct guest **p = &b->guests;
    while (*p != g)
        p = &(*p)->next;
    *p = g->next;
    end_attempt(g, WIRE_ADMIT_LEFT);
    loop_timer_stop(&b->loop, &g->timer);
    free(g);
}

void admit_end_account(struct broker *b, const struct account *a)
{
    for (struct guest *g = b->guests, *next; g; g = next) {
        next = g->next;
        if (g->account == a) guest_kick(g, WIRE_BANNED, "this account is banned");
    }
}
