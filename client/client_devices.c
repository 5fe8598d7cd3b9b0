/*
 * client_devices.c - changes of the own list of devices: revoking one, and the side of an admission that
 * is in (docs/sealed.md section 12, docs/protocol.md sections 6.6 and 6.7).
 *
 *   IDLE -- message 1 --> ASKED -- client_admit() --> ANSWERED -- message 3 --> CODE
 *   -- client_admit_code() --> RIGHT -- message 4 --> LISTING -- the list has grown --> message 5
 *
 * An entry is written on the list as it is known. When another device was faster the server refuses it,
 * the list is fetched as after any refusal (duty.h), and the entry is written anew.
 */
#include "client_private.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "sealed/admission.h"
#include "wire_admit.h"

enum { TRIES = 4 }; /* of one change */

enum phase { IDLE, ASKED, ANSWERED, CODE, RIGHT, LISTING, REVOKING };

struct devices_side {
    enum phase phase;
    uint64_t device;  /* the one that asks, or is to be revoked */
    uint64_t attempt; /* of the admission */
    struct admission a;
    struct device_offer offer;
    uint8_t commit[ADMISSION_COMMIT];
    bool with_account_key;
    unsigned tries;
};

static enum phase phase_of(const struct client *c)
{
    return c->devices ? c->devices->phase : IDLE;
}

void client_devices_free(struct client *c)
{
    if (!c->devices) return;
    sodium_memzero(c->devices, sizeof *c->devices);
    free(c->devices);
    c->devices = NULL;
}

/* It is over and nothing has changed. */
static void give_up(struct client *c, const char *words)
{
    uint64_t device = c->devices->device;
    client_devices_free(c);
    client_keep_device(c, CLIENT_DEVICE_ENDED, device, words);
}

static int own_list(const struct client *c, struct peer *own)
{
    return peers_get(c->o.vault, sealed_slice(c->name, strlen(c->name)), own);
}

static bool holds(const struct client *c, const struct peer *own)
{
    return own->list.n > 0 && own->trouble == PEER_FINE && device_list_find(&own->list, c->o.identity->device) &&
           memcmp(own->list.account_key, c->o.identity->account_key, SEALED_KEY) == 0;
}

bool client_holds_account(const struct client *c)
{
    struct peer own;
    bool yes = own_list(c, &own) > 0 && holds(c, &own);
    peer_free(&own);
    return yes;
}

/* --- entries --- */

/* Writes the entry that makes the change on this list, and sends it. False: it cannot be. */
static bool append(struct client *c, const struct peer *own)
{
    struct devices_side *d = c->devices;
    struct device_list list = own->list;
    struct device_keys keys;
    struct buf entry = {0};
    const uint8_t *secret = c->o.identity->account_secret;
    identity_device(c->o.identity, &keys);
    enum device_verdict v =
        d->phase == REVOKING ? device_list_revoke(&list, secret, &keys, d->device, client_wall_ms(), &entry)
                             : device_list_add(&list, secret, &keys, &d->offer, client_wall_ms(), &entry);
    if (v == DEVICE_GOOD) {
        struct wire_list_ask m = {.op = WIRE_LIST_APPEND, .entry = sealed_head(&entry)};
        memcpy(m.account_key, own->list.account_key, sizeof m.account_key);
        wire_put_list_ask(link_out(c->link), &m);
    }
    buf_free(&entry);
    device_keys_wipe(&keys);
    return v == DEVICE_GOOD;
}

static void try_append(struct client *c, const struct peer *own)
{
    if (c->devices->tries++ == TRIES)
        give_up(c, "the list of devices changed again and again: try once more");
    else if (!append(c, own))
        give_up(c, "the list of devices does not allow it: at most 8 are in at once, and none returns");
}

static void grant(struct client *c, const struct peer *own)
{
    struct devices_side *d = c->devices;
    struct buf sealed = {0};
    const struct slice seed = sealed_slice(c->o.identity->account_secret, d->with_account_key ? SEALED_KEY : 0);
    if (admission_grant(&d->a, sealed_head(&own->entries), seed, &sealed) < 0) {
        give_up(c, "the list of devices is too long to be handed over");
    } else {
        const struct wire_admit_ask m = {
            .op = WIRE_ADMIT_CARRY, .attempt = d->attempt, .step = 5, .message = sealed_head(&sealed)};
        wire_put_admit_ask(link_out(c->link), &m);
        client_keep_device(c, CLIENT_DEVICE_ADDED, d->device, "");
        client_devices_free(c);
    }
    buf_free(&sealed);
}

void client_devices_listed(struct client *c, const struct peer *own)
{
    enum phase phase = phase_of(c);
    if (phase != LISTING && phase != REVOKING) return;
    bool in = device_list_find(&own->list, c->devices->device) != NULL;
    if (phase == LISTING && in) {
        grant(c, own);
    } else if (phase == REVOKING && !in) {
        client_keep_device(c, CLIENT_DEVICE_REVOKED, c->devices->device, "");
        client_devices_free(c);
    } else {
        try_append(c, own);
    }
}

void client_devices_refused(struct client *c, struct slice text)
{
    char words[200];
    enum phase phase = phase_of(c);
    if (phase != LISTING && phase != REVOKING) return;
    snprintf(words, sizeof words, "the server does not take the entry: %.*s", (int)text.len, (const char *)text.data);
    give_up(c, words);
}

void client_devices_begin(struct client *c)
{
    enum phase phase = phase_of(c);
    if (phase == ASKED)
        client_devices_free(c); /* it is shown again, if it still waits */
    else if (phase != IDLE && phase != REVOKING)
        give_up(c, "the connection was lost meanwhile: start again on the new device");
}

/* --- what a person says --- */

static enum client_may may_change(struct client *c, struct peer *own)
{
    if (c->state != CLIENT_OPEN) return CLIENT_NOT_CONNECTED;
    return own_list(c, own) > 0 && holds(c, own) ? CLIENT_MAY : CLIENT_NO_ACCOUNT_KEY;
}

enum client_may client_revoke(struct client *c, uint64_t device)
{
    struct peer own = {0};
    enum client_may may = may_change(c, &own);
    if (may == CLIENT_MAY && (!device_list_find(&own.list, device) || device == c->o.identity->device))
        may = CLIENT_NO_SUCH_DEVICE;
    if (may == CLIENT_MAY) {
        client_admit_end(c);
        c->devices = xcalloc(1, sizeof *c->devices);
        c->devices->phase = REVOKING;
        c->devices->device = device;
        try_append(c, &own);
    }
    peer_free(&own);
    return may;
}

static void say(struct client *c, uint8_t op, uint8_t step, struct slice message)
{
    wire_put_admit_ask(link_out(c->link),
                       &(struct wire_admit_ask){
                           .op = op, .attempt = c->devices->attempt, .step = step, .message = message});
}

enum client_may client_admit(struct client *c)
{
    struct peer own = {0};
    struct devices_side *d = c->devices;
    if (phase_of(c) != ASKED) return c->state == CLIENT_OPEN ? CLIENT_NOBODY_ASKS : CLIENT_NOT_CONNECTED;
    enum client_may may = may_change(c, &own);
    if (may == CLIENT_MAY) {
        admission_answer(&d->a, d->commit, own.list.account_key, c->o.identity->device, &sealed_random_system);
        say(c, WIRE_ADMIT_CARRY, 2, sealed_slice(d->a.answer, sizeof d->a.answer));
        d->phase = ANSWERED;
    }
    peer_free(&own);
    return may;
}

enum client_may client_admit_code(struct client *c, const char *typed, bool with_account_key)
{
    struct devices_side *d = c->devices;
    if (phase_of(c) != CODE) return c->state == CLIENT_OPEN ? CLIENT_NOBODY_ASKS : CLIENT_NOT_CONNECTED;
    d->with_account_key = with_account_key;
    if (admission_confirm(&d->a, typed, strlen(typed))) {
        d->phase = RIGHT;
        client_keep_device(c, CLIENT_DEVICE_RIGHT, d->device, "");
        return CLIENT_MAY;
    }
    say(c, WIRE_ADMIT_END, 0, (struct slice){0});
    give_up(c, "the code is not the one that belongs here: a slip of the fingers, or somebody is between the two "
               "devices. Nothing was given away");
    return CLIENT_MAY;
}

void client_admit_end(struct client *c)
{
    enum phase phase = phase_of(c);
    if (phase == IDLE || phase == REVOKING) return;
    if (c->state == CLIENT_OPEN && phase > ASKED) say(c, WIRE_ADMIT_END, 0, (struct slice){0});
    client_devices_free(c);
}

/* --- what the new device says --- */

/* Message 1 waits for a person; whoever comes meanwhile is not shown, and asks again. */
static void take_commit(struct client *c, const struct wire_admit *m)
{
    if (m->message.len != ADMISSION_COMMIT || phase_of(c) > ASKED) return;
    client_devices_free(c);
    c->devices = xcalloc(1, sizeof *c->devices);
    c->devices->phase = ASKED;
    c->devices->device = m->device;
    c->devices->attempt = m->attempt;
    memcpy(c->devices->commit, m->message.data, ADMISSION_COMMIT);
    client_keep_device(c, CLIENT_DEVICE_ASKS, m->device, "");
}

/* The name in an offer is ours but for its capitals, which signatures are over. */
static bool other_capitals(struct slice offer, struct slice name)
{
    char theirs[NAME_SIZE], ours[NAME_SIZE];
    struct cur cur = cur_of(offer.data, offer.len);
    cur_u8(&cur);
    struct slice said = cur_str8(&cur);
    if (cur.bad || said.len != name.len || memcmp(said.data, name.data, name.len) == 0) return false;
    name_fold(theirs, (const char *)said.data, said.len);
    name_fold(ours, (const char *)name.data, name.len);
    return strcmp(theirs, ours) == 0;
}

/* Message 3. What does not fit the commitment was exchanged on the way. */
static void take_offer(struct client *c, const struct wire_admit *m, const struct peer *own)
{
    struct devices_side *d = c->devices;
    const struct slice name = sealed_slice(own->list.name, own->list.name_len);
    if (admission_revealed(&d->a, m->message, name, &d->offer) && d->offer.device == d->device) {
        d->phase = CODE;
        client_keep_device(c, CLIENT_DEVICE_CODE, d->device, "");
        return;
    }
    bool capitals = other_capitals(m->message, name);
    say(c, WIRE_ADMIT_END, 0, (struct slice){0});
    give_up(c, capitals ? "the new device writes the name in other capitals: use it there as it is written here"
                        : "somebody has exchanged what the new device said: nothing was given away");
}

/* Message 4: the last thing that its entry needs. */
static void take_self(struct client *c, const struct wire_admit *m, const struct peer *own)
{
    struct devices_side *d = c->devices;
    if (m->message.len != SEALED_SIGNATURE) return;
    memcpy(d->offer.self, m->message.data, SEALED_SIGNATURE);
    d->phase = LISTING;
    try_append(c, own);
}

static void take_carried(struct client *c, const struct wire_admit *m, const struct peer *own)
{
    enum phase phase = phase_of(c);
    bool ours = phase != IDLE && c->devices->attempt == m->attempt && c->devices->device == m->device;
    if (m->step == 1) take_commit(c, m);
    if (m->step == 3 && ours && phase == ANSWERED) take_offer(c, m, own);
    if (m->step == 4 && ours && phase == RIGHT) take_self(c, m, own);
}

static void take_end(struct client *c, const struct wire_admit_end *m)
{
    static const char *const words[] = {"the server gave it up", "the time for it is over", "the new device has gone",
                                        "the new device has given up", "another device of yours has answered it"};
    enum phase phase = phase_of(c);
    if (phase == IDLE || phase == REVOKING || c->devices->attempt != m->attempt) return;
    give_up(c, words[m->why <= WIRE_ADMIT_ELSEWHERE ? m->why : 0]);
}

int client_take_admit(struct client *c, struct slice p)
{
    struct wire_admit m;
    struct wire_admit_end end;
    struct wire_keys_refused refused;
    struct peer own;
    switch (p.len ? p.data[0] : 0) {
    case WIRE_ADMIT_CARRY:
        if (!wire_get_admit(p, &m)) return -1;
        if (own_list(c, &own) > 0) take_carried(c, &m, &own);
        peer_free(&own);
        return 0;
    case WIRE_ADMIT_END:
        if (!wire_get_admit_end(p, &end)) return -1;
        take_end(c, &end);
        return 0;
    default:
        if (!wire_get_keys_refused(p, &refused)) return -1;
        if (phase_of(c) > ASKED && phase_of(c) != REVOKING) give_up(c, "the attempt is over: start again on the new device");
        return 0;
    }
}
