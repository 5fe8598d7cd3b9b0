/*
 * login.c - from a stranger to a session: the Diffie-Hellman result for a handshake, the challenge,
 * the signature, the name; and sessions that an earlier broker let in, by their tickets.
 *
 * A worker is not believed: a challenge is drawn here, stands for one seat of one worker's generation,
 * and is good for one login, so a worker can act only for users who really connected to it.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "admit.h"
#include "blob.h"
#include "broker.h"
#include "log.h"
#include "moderation.h"

static struct auth_job *new_job(struct link *l, uint64_t sid, enum auth_kind kind)
{
    struct auth_job *job = xcalloc(1, sizeof *job);
    job->kind = kind;
    job->slot = l->slot;
    job->generation = l->generation;
    job->sid = sid;
    return job;
}

/* Before there is a session there is nobody but the seat to talk to. */
static void refuse(struct link *l, uint64_t sid, uint16_t code, uint32_t retry_ms, const char *text)
{
    bus_put_kick(&l->stream, sid, code, retry_ms, text);
    struct seat *seat = link_seat(l, sid);
    if (seat) seat_clear(seat);
}

bool login_dh(struct link *l, struct slice p)
{
    static const uint8_t zero[32];
    struct bus_dh m;
    if (!bus_get_dh(p, &m)) return false;
    struct seat *seat = link_seat(l, m.sid);
    if (!seat || seat->session) return false;
    seat_clear(seat);
    seat->sid = m.sid;
    seat->claim = xcalloc(1, sizeof *seat->claim);
    struct auth_job *job = new_job(l, m.sid, AUTH_DH);
    memcpy(job->secret, l->broker->keys.transport_secret, 32);
    memcpy(job->point, m.ephemeral, 32);
    if (auth_submit(l->broker->auth, job)) return true;
    sodium_memzero(job, sizeof *job);
    free(job);
    bus_put_dh_done(&l->stream, m.sid, false, zero, zero);
    return true;
}

static void dh_done(struct link *l, struct seat *seat, struct auth_job *job)
{
    struct claim *claim = seat->claim;
    if (job->good) {
        randombytes_buf(claim->challenge, sizeof claim->challenge);
        claim->until_ms = l->broker->loop.now_ms + CHALLENGE_MS;
    }
    bus_put_dh_done(&l->stream, job->sid, job->good, job->point, claim->challenge);
    sodium_memzero(job->point, sizeof job->point);
}

bool login_claim(struct link *l, struct slice p)
{
    struct bus_login m;
    struct wire_login login;
    if (!bus_get_login(p, &m)) return false;
    struct seat *seat = link_seat(l, m.sid);
    if (!seat || seat->session || (seat->claim && seat->claim->verifying)) return false;
    if (!wire_get_login(m.login, &login)) {
        refuse(l, m.sid, WIRE_BAD_FRAME, 0, "LOGIN is malformed");
        return true;
    }
    struct claim *claim = seat->claim;
    if (seat->sid != m.sid || !claim || claim->until_ms < l->broker->loop.now_ms) {
        refuse(l, m.sid, WIRE_RECONNECT, 0, "the challenge is no longer good; connect again");
        return true;
    }
    struct auth_job *job = new_job(l, m.sid, AUTH_VERIFY);
    memcpy(job->name_bytes, login.name.data, login.name.len);
    memcpy(job->key, login.device_key, 32);
    memcpy(job->signature, login.signature, 64);
    memcpy(job->peer, m.peer.data, m.peer.len < 64 ? m.peer.len : 64);
    job->message_len = wire_login_signed(job->message, m.h, claim->challenge, login.name, login.device);
    job->login = login;
    job->login.name.data = job->name_bytes;
    claim->until_ms = 0; /* used up, whatever comes of it */
    claim->verifying = true;
    if (!auth_submit(l->broker->auth, job)) {
        free(job);
        refuse(l, m.sid, WIRE_BUSY, 1000 + randombytes_uniform(2000), "too many logins at once");
    }
    return true;
}

/* --- who may have which name --- */

/* NULL: a new account may have it; else why not, with the code. */
static const char *name_trouble(struct broker *b, struct slice name, uint16_t *code, char *text, size_t size)
{
    const char *why;
    *code = WIRE_NAME_INVALID;
    if (!name_valid((const char *)name.data, name.len, &why)) {
        snprintf(text, size, "this name %s", why);
        return text;
    }
    if (name_reserved((const char *)name.data, name.len))
        return "this name is reserved; choose another";
    if (people_role(b, name) < 0) {
        *code = WIRE_NOT_ON_ROSTER;
        return "this name is not on the roster; ask the instructor to add it, or check its spelling";
    }
    const struct account *alike = people_alike(b, name);
    if (alike) {
        snprintf(text, size, "this name looks too much like \"%s\", which is taken; choose another", alike->name);
        return text;
    }
    return NULL;
}

struct registration {
    struct broker *broker;
    struct account *account;
    uint32_t slot, generation;
    uint64_t sid;
    struct wire_login login;
    char peer[65];
};

static void welcome(struct session *s, bool fresh)
{
    struct broker *b = s->link->broker;
    struct device *d = s->device;
    struct account *a = d->account;
    uint8_t ticket[BUS_TICKET];
    struct bus_ticket t = {s->serial, a->id, d->id, s->caps};
    bus_ticket_seal(ticket, &t, b->keys.ticket);
    bus_put_logged(&s->link->stream, s->sid, a->id, d->id, a->name, ticket);
    struct wire_welcome w = {.name = {(const uint8_t *)a->name, strlen(a->name)},
                             .account = a->id,
                             .device = d->id,
                             .incarnation = b->incarnation,
                             .last_id = d->out.first ? d->out.first->id - 1 : d->out.taken,
                             .fresh = fresh,
                             .role = a->role,
                             .lobby_head = b->lobby.head,
                             .waiting = d->in.waiting,
                             .keep_s = (uint32_t)(b->set.limits.queue_keep / 1000),
                             .server = {(const uint8_t *)b->set.server.name, strlen(b->set.server.name)}};
    size_t at;
    wire_put_welcome(session_begin(s, &at), &w);
    session_end(s, at);
}

static void let_in(struct link *l, uint64_t sid, struct device *d, const struct wire_login *login,
                   const char *peer, bool fresh)
{
    struct broker *b = l->broker;
    char text[320];
    if (sanctions_lock(b, d->account, text, sizeof text)) {
        refuse(l, sid, WIRE_BANNED, sanctions_retry_ms(sanctions_find(b, d->account, STORE_LOCK)), text);
        return;
    }
    if (d->account->sessions >= b->set.limits.sessions_per_user) {
        refuse(l, sid, WIRE_TOO_MANY_SESSIONS, 5000, "too many sessions of this user; end one of them");
        return;
    }
    struct session *s = session_open(l, sid, d, login->caps & ~(uint32_t)WIRE_CAP_ADMIT, (b->incarnation << 32) + ++b->serial,
                                     (struct slice){(const uint8_t *)peer, strlen(peer)});
    welcome(s, fresh);
    session_resume(s, &login->resume);
    prekeys_welcome(s);
    moderation_welcome(s);
    class_roster_welcome(s);
    blobs_welcome(s);
    admit_welcome(s);
}

static void registered(void *ctx, enum store_status status, uint64_t row)
{
    (void)row;
    struct registration *r = ctx;
    struct broker *b = r->broker;
    struct link *l = b->links;
    while (l && (l->slot != r->slot || l->generation != r->generation))
        l = l->next;
    struct seat *seat = l ? link_seat(l, r->sid) : NULL;
    bool there = seat && seat->sid == r->sid && seat->claim;
    if (status == STORE_FULL) {
        people_remove(b, r->account);
        if (there) refuse(l, r->sid, WIRE_DISK_FULL, 5000, "the server's disk is full; try again later");
    } else {
        r->account->pending = false;
        LOG(LOG_INFO, "account", "register", log_s("user", r->account->name), log_s("peer", r->peer));
        if (there) let_in(l, r->sid, r->account->device, &r->login, r->peer, true);
    }
    free(r);
}

static void enroll(struct link *l, const struct auth_job *job)
{
    struct broker *b = l->broker;
    const struct wire_login *login = &job->login;
    struct account *a = people_add(b, b->last_account + 1, login->name, (uint8_t)people_role(b, login->name));
    people_add_device(a, login->device, login->device_key);
    a->pending = true;
    struct registration *r = xcalloc(1, sizeof *r);
    *r = (struct registration){b, a, job->slot, job->generation, job->sid, *login, {0}};
    memcpy(r->peer, job->peer, sizeof r->peer);
    struct store_account sa = {.id = a->id, .role = a->role, .created_ms = clock_wall_ms()};
    memcpy(sa.name, a->name, sizeof sa.name);
    struct store_device sd = {.account = a->id, .device = login->device};
    memcpy(sd.key, login->device_key, sizeof sd.key);
    store_put_account(b->store, &sa, &sd, registered, r);
}

static void verified(struct link *l, struct auth_job *job)
{
    struct broker *b = l->broker;
    const struct wire_login *login = &job->login;
    uint16_t code;
    char text[160];
    if (!job->good) {
        refuse(l, job->sid, WIRE_BAD_LOGIN, 0, "the signature does not fit");
        return;
    }
    struct account *a = people_find(b, login->name);
    if (!a && (login->caps & WIRE_CAP_ADMIT)) {
        refuse(l, job->sid, WIRE_NO_SUCH_USER, 0, "there is no such account to be admitted to; check the name");
        return;
    }
    if (!a) {
        const char *trouble = name_trouble(b, login->name, &code, text, sizeof text);
        if (trouble)
            refuse(l, job->sid, code, 0, trouble);
        else
            enroll(l, job);
        return;
    }
    struct device *d = people_device(a, login->device), *gone = people_revoked(a, login->device);
    if (a->pending) {
        refuse(l, job->sid, WIRE_BUSY, 300, "this name is being registered just now");
    } else if (gone && sodium_memcmp(gone->key, login->device_key, 32) == 0) {
        snprintf(text, sizeof text,
                 "this device was revoked from the account \"%s\"; a device that is in can admit it with new keys", a->name);
        refuse(l, job->sid, WIRE_REVOKED, 0, text);
    } else if (!d && !gone && (login->caps & WIRE_CAP_ADMIT)) {
        admit_login(l, a, job);
    } else if (!d || sodium_memcmp(d->key, login->device_key, 32) != 0) {
        snprintf(text, sizeof text,
                 "the name \"%s\" belongs to another key; use the computer where it was registered, or another name",
                 a->name);
        refuse(l, job->sid, WIRE_NAME_TAKEN, 0, text);
    } else {
        let_in(l, job->sid, d, login, job->peer, false);
    }
}

/*
 * A new transport key: results under the old one must reach the workers before the new certificate,
 * those under the new one after it. The login thread works in order, so a mark in its queue tells when.
 */
void login_rotated(struct broker *b)
{
    struct auth_job *mark = xcalloc(1, sizeof *mark);
    mark->kind = AUTH_MARK;
    auth_submit(b->auth, mark);
}

static void job_done(void *arg, struct auth_job *job)
{
    struct broker *b = arg;
    if (job->kind == AUTH_MARK) {
        link_identity(b);
        free(job);
        return;
    }
    struct link *l = b->links;
    while (l && (l->slot != job->slot || l->generation != job->generation))
        l = l->next;
    struct seat *seat = l ? link_seat(l, job->sid) : NULL;
    if (seat && seat->sid == job->sid && seat->claim) {
        if (job->kind == AUTH_DH)
            dh_done(l, seat, job);
        else
            verified(l, job);
    }
    free(job);
}

static void auth_ready(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct broker *b = container_of(io, struct broker, auth_io);
    auth_reap(b->auth, job_done, b);
}

void login_start(struct broker *b)
{
    b->auth = auth_start(b->set.limits.logins_waiting);
    b->auth_io = (struct loop_io){.fd = auth_fd(b->auth), .ready = auth_ready};
    loop_add(&b->loop, &b->auth_io, EPOLLIN);
}

/* --- sessions of an earlier broker --- */

bool login_announce(struct link *l, struct slice p)
{
    struct broker *b = l->broker;
    struct bus_announce m;
    struct bus_ticket t;
    if (!bus_get_announce(p, &m)) return false;
    struct seat *seat = link_seat(l, m.sid);
    if (!seat || seat->session) return false;
    struct account *a = NULL;
    struct device *d = NULL;
    if (bus_ticket_open(m.ticket, &t, b->keys.ticket) && (a = people_by_id(b, t.account)) && !a->pending)
        d = people_device(a, t.device);
    if (!d) {
        bus_put_kick(&l->stream, m.sid, WIRE_RECONNECT, 0, "sign in again");
        return true;
    }
    /* The newest session of a device receives; an older one that turns up late does not take over. */
    if ((t.caps & WIRE_CAP_RECEIVE) && d->in.receiver && d->in.receiver->serial >= t.serial) {
        bus_put_kick(&l->stream, m.sid, WIRE_ELSEWHERE, 0, "this device receives on a newer session");
        return true;
    }
    char text[320];
    if (sanctions_lock(b, a, text, sizeof text)) {
        bus_put_kick(&l->stream, m.sid, WIRE_BANNED, sanctions_retry_ms(sanctions_find(b, a, STORE_LOCK)), text);
        return true;
    }
    struct session *s = session_open(l, m.sid, d, t.caps, t.serial, m.peer);
    s->returned = true;
    session_resync(s);
    return true;
}
