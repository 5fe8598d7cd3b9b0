/* guest.c - see guest.h. */
#include "guest.h"

#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "log.h"
#include "sealed/admission.h"
#include "wire_admit.h"

struct guest {
    struct guest_options o;
    struct link *link;
    enum guest_state state;
    uint64_t attempt;
    struct admission a;
    uint8_t account_key[SEALED_KEY];
    struct device_list list;
    struct buf granted;  /* the opened grant; secret */
    struct buf entries;  /* the list as it travels */
    uint8_t seed[SEALED_KEY];
    bool has_seed;
    char code[32], text[256];
    uint8_t server_id[32];
    bool untrusted;
};

static struct slice name_of(const struct guest *g)
{
    return sealed_slice(g->o.user, strlen(g->o.user));
}

static void fail(struct guest *g, const char *code, const char *text)
{
    g->state = GUEST_FAILED;
    snprintf(g->code, sizeof g->code, "%s", code);
    snprintf(g->text, sizeof g->text, "%s", text);
}

struct guest *guest_new(const struct guest_options *o, uint64_t now)
{
    struct guest *g = xcalloc(1, sizeof *g);
    g->o = *o;
    g->has_seed = o->seed != NULL;
    if (o->seed) memcpy(g->seed, o->seed, sizeof g->seed);
    g->link = link_dial(o->host, o->port, now);
    return g;
}

void guest_free(struct guest *g)
{
    if (!g) return;
    link_free(g->link);
    sealed_buf_wipe(&g->granted);
    buf_free(&g->entries);
    sodium_memzero(g, sizeof *g);
    free(g);
}

/* --- saying --- */

static void login(struct guest *g)
{
    const struct identity *id = g->o.identity;
    const uint8_t *server_id = link_proof(g->link)->cert.server_id;
    struct wire_login m = {.name = name_of(g),
                           .device = id->device,
                           .caps = WIRE_CAP_RECEIVE | WIRE_CAP_ADMIT,
                           .resume = {.next_id = 1, .lobby_seen = WIRE_NEWCOMER}};
    enum trust_verdict v = g->o.trust(g->o.arg, server_id);
    memcpy(m.device_key, id->public_key, sizeof m.device_key);
    if (v == TRUST_PINNED) {
        link_login(g->link, id, &m);
        return;
    }
    memcpy(g->server_id, server_id, sizeof g->server_id);
    g->untrusted = v != TRUST_TROUBLE;
    fail(g, v == TRUST_UNKNOWN ? "unknown-server" : v == TRUST_CHANGED ? "changed-server" : "trust",
         "cannot check the server's key");
}

static void say(struct guest *g, uint8_t step, struct slice message)
{
    wire_put_admit_ask(link_out(g->link),
                       &(struct wire_admit_ask){
                           .op = WIRE_ADMIT_CARRY, .attempt = g->attempt, .step = step, .message = message});
}

static void ask(struct guest *g)
{
    struct device_keys keys;
    identity_device(g->o.identity, &keys);
    admission_offer(&g->a, &keys, name_of(g), &sealed_random_system);
    device_keys_wipe(&keys);
    say(g, 1, sealed_slice(g->a.commit, sizeof g->a.commit));
    g->state = GUEST_ASKING;
}

/* docs/sealed.md section 12.1: of no use to any other device. */
static void show_paper(struct guest *g)
{
    uint8_t secret[SEALED_SIGN_SECRET];
    struct wire_admit_ask m = {.op = WIRE_ADMIT_PAPER};
    struct buf text = {0};
    crypto_sign_seed_keypair(g->account_key, secret, g->seed);
    buf_put(&text, g->account_key, SEALED_KEY);
    buf_put_str8(&text, g->o.user, strlen(g->o.user));
    buf_put_u64(&text, g->o.identity->device);
    buf_put(&text, g->o.identity->public_key, SEALED_KEY);
    memcpy(m.account_key, g->account_key, SEALED_KEY);
    sealed_sign(secret, "csmsg admit paper 1", sealed_head(&text), m.signature);
    wire_put_admit_ask(link_out(g->link), &m);
    sodium_memzero(secret, sizeof secret);
    buf_free(&text);
    g->state = GUEST_PAPER;
}

void guest_taken(struct guest *g)
{
    uint8_t self[SEALED_SIGNATURE];
    struct device_keys keys;
    if (g->state != GUEST_CODE) return;
    admission_taken(&g->a);
    identity_device(g->o.identity, &keys);
    device_self_sign(&keys, g->account_key, name_of(g), self);
    device_keys_wipe(&keys);
    say(g, 4, sealed_slice(self, sizeof self));
    link_flush(g->link);
    g->state = GUEST_GRANT;
}

/* --- hearing --- */

static void take_welcome(struct guest *g, struct slice p)
{
    struct wire_welcome m;
    if (!wire_get_welcome(p, &m))
        fail(g, "lost", "the server broke the protocol");
    else if (!m.guest)
        g->state = GUEST_IN;
    else if (g->has_seed)
        show_paper(g);
    else
        ask(g);
}

static void take_answer(struct guest *g, const struct wire_admit *m)
{
    g->attempt = m->attempt;
    if (admission_reveal(&g->a, m->message, g->account_key)) {
        say(g, 3, sealed_slice(g->a.offer, g->a.offer_len));
        g->state = GUEST_CODE;
    } else {
        fail(g, "middle", "the answer is none that a device of yours gives: somebody may be in between");
    }
}

/* The list is read whole: what the other device hands over must be a list with this device in it. */
static bool read_list(struct guest *g, struct slice entries)
{
    bool good = device_list_read(&g->list, g->account_key, name_of(g), entries, NULL) == DEVICE_GOOD;
    buf_free(&g->entries);
    if (good) buf_put(&g->entries, entries.data, entries.len);
    return good;
}

static bool is_in(const struct guest *g)
{
    const struct device_row *row = device_list_find(&g->list, g->o.identity->device);
    return row && memcmp(row->ed, g->o.identity->public_key, SEALED_KEY) == 0 &&
           memcmp(row->x, g->o.identity->x.public_key, SEALED_KEY) == 0;
}

/* A seed that is not the account's would be worse than none. */
static bool take_gift(struct guest *g, struct slice gift)
{
    uint8_t key[SEALED_KEY], secret[SEALED_SIGN_SECRET];
    if (gift.len == 0) return true;
    if (gift.len != SEALED_KEY) return false;
    crypto_sign_seed_keypair(key, secret, gift.data);
    sodium_memzero(secret, sizeof secret);
    memcpy(g->seed, gift.data, SEALED_KEY);
    g->has_seed = memcmp(key, g->account_key, SEALED_KEY) == 0;
    return g->has_seed;
}

static void take_grant(struct guest *g, const struct wire_admit *m)
{
    struct slice list, gift;
    if (!admission_granted(&g->a, m->message, &g->granted, &list, &gift))
        fail(g, "middle", "what the other device handed over was changed on the way");
    else if (!read_list(g, list) || !is_in(g) || !take_gift(g, gift))
        fail(g, "bad-list", "the list that the other device handed over is not one with this device in it");
    else
        g->state = GUEST_IN;
}

static void take_end(struct guest *g, const struct wire_admit_end *m)
{
    static const char *const words[] = {
        "the attempt is over",
        "nobody has answered in time",
        "the other device has gone",
        "the other device has given up: the code was wrong, or its owner said no",
        "the attempt is over",
    };
    if (m->attempt != g->attempt && g->state != GUEST_ASKING) return;
    fail(g, m->why == WIRE_ADMIT_GIVEN_UP ? "given-up" : "no-answer", words[m->why <= WIRE_ADMIT_ELSEWHERE ? m->why : 0]);
}

static void take_refused(struct guest *g, struct slice p)
{
    struct wire_keys_refused m;
    char text[200];
    if (!wire_get_keys_refused(p, &m)) {
        fail(g, "lost", "the server broke the protocol");
        return;
    }
    snprintf(text, sizeof text, "%.*s", (int)m.text.len, (const char *)m.text.data);
    fail(g, wire_code_name(m.code), text);
}

static void take_admit(struct guest *g, struct slice p)
{
    struct wire_admit m;
    struct wire_admit_end end;
    if (p.len && p.data[0] == WIRE_ADMIT_REFUSED)
        take_refused(g, p);
    else if (wire_get_admit_end(p, &end))
        take_end(g, &end);
    else if (!wire_get_admit(p, &m))
        fail(g, "lost", "the server broke the protocol");
    else if (m.step == 2 && g->state == GUEST_ASKING)
        take_answer(g, &m);
    else if (m.step == 5 && g->state == GUEST_GRANT && m.attempt == g->attempt)
        take_grant(g, &m);
}

/* --- paper: the list is shown, this device appends its own entry --- */

static void append_self(struct guest *g)
{
    uint8_t key[SEALED_KEY], secret[SEALED_SIGN_SECRET];
    struct device_keys keys;
    struct device_offer offer = {.device = g->o.identity->device};
    struct buf entry = {0};
    crypto_sign_seed_keypair(key, secret, g->seed);
    identity_device(g->o.identity, &keys);
    memcpy(offer.ed, keys.ed, sizeof offer.ed);
    memcpy(offer.x, keys.x.public_key, sizeof offer.x);
    device_self_sign(&keys, key, name_of(g), offer.self);
    if (device_list_add(&g->list, secret, NULL, &offer, g->o.wall_ms, &entry) == DEVICE_GOOD) {
        struct wire_list_ask m = {.op = WIRE_LIST_APPEND, .entry = sealed_head(&entry)};
        memcpy(m.account_key, key, sizeof m.account_key);
        buf_put_str16(&g->entries, buf_head(&entry), buf_len(&entry));
        wire_put_list_ask(link_out(g->link), &m);
    } else {
        fail(g, "bad-list", "the account has no room for another device: at most 8 are in at once");
    }
    buf_free(&entry);
    device_keys_wipe(&keys);
    sodium_memzero(secret, sizeof secret);
}

static void take_list(struct guest *g, struct slice p)
{
    struct wire_list_entries entries;
    struct wire_new_head head;
    if (g->state != GUEST_PAPER) return;
    if (wire_get_new_head(p, &head)) {
        if (head.head >= g->list.head.seq && is_in(g)) g->state = GUEST_IN;
    } else if (!wire_get_list_entries(p, &entries)) {
        take_refused(g, p);
    } else if (memcmp(entries.account_key, g->account_key, SEALED_KEY) != 0 || !read_list(g, entries.entries)) {
        fail(g, "bad-list", "the server's list of devices is not signed by the key on the paper");
    } else {
        append_self(g);
    }
}

static void take_error(struct guest *g, struct slice p)
{
    struct wire_error m;
    char text[200] = "the server broke the protocol";
    bool good = wire_get_error(p, &m);
    if (good) snprintf(text, sizeof text, "%.*s", (int)m.text.len, (const char *)m.text.data);
    fail(g, good ? wire_code_name(m.code) : "lost", text);
}

static void take_frame(struct guest *g, const struct wire_frame *f)
{
    switch (f->type) {
    case WIRE_WELCOME: take_welcome(g, f->payload); return;
    case WIRE_ERROR: take_error(g, f->payload); return;
    case WIRE_ADMIT: take_admit(g, f->payload); return;
    case WIRE_LIST: take_list(g, f->payload); return;
    default: return; /* of no use to a guest */
    }
}

static void down(struct guest *g)
{
    static const char *const codes[] = {
        [LINK_NOT_OURS] = "not-ours",   [LINK_NO_VERSION] = "version", [LINK_BUSY] = "busy",
        [LINK_BAD_PROOF] = "bad-proof", [LINK_BAD_TIME] = "bad-time",  [LINK_BROKEN] = "lost",
    };
    enum link_fault f = link_fault(g->link);
    const char *code = f < sizeof codes / sizeof *codes && codes[f] ? codes[f] : "unreachable";
    fail(g, code, link_words(g->link));
}

static bool over(const struct guest *g)
{
    return g->state == GUEST_IN || g->state == GUEST_FAILED;
}

void guest_step(struct guest *g, short revents, uint64_t now)
{
    struct wire_frame f;
    if (over(g)) return;
    link_step(g->link, revents, now);
    if (link_state(g->link) == LINK_PROVEN) login(g);
    while (!over(g) && link_state(g->link) == LINK_OPEN && link_frame(g->link, &f) > 0)
        take_frame(g, &f);
    if (over(g)) return;
    if (link_state(g->link) == LINK_OPEN) link_flush(g->link);
    if (link_state(g->link) == LINK_DOWN) down(g);
}

/* --- what the caller asks --- */

int guest_fd(const struct guest *g)
{
    return link_fd(g->link);
}
short guest_wants(const struct guest *g)
{
    return link_wants(g->link);
}

int guest_timeout_ms(const struct guest *g, uint64_t now)
{
    uint64_t due = link_deadline(g->link);
    if (due == UINT64_MAX) return -1;
    return due <= now ? 0 : (int)(due - now);
}

enum guest_state guest_state(const struct guest *g)
{
    return g->state;
}
const char *guest_code(const struct guest *g)
{
    return g->a.code;
}

const char *guest_failure(const struct guest *g, const char **text, const uint8_t **server_id)
{
    *text = g->text;
    *server_id = g->untrusted ? g->server_id : NULL;
    return g->code;
}

bool guest_list(const struct guest *g, struct wire_list_entries *list)
{
    if (g->list.n == 0) return false;
    *list = (struct wire_list_entries){.name = sealed_slice(g->list.name, g->list.name_len),
                                       .head = g->list.head.seq,
                                       .entries = sealed_head(&g->entries)};
    memcpy(list->account_key, g->account_key, SEALED_KEY);
    return true;
}

const uint8_t *guest_seed(const struct guest *g)
{
    return g->state == GUEST_IN && g->has_seed && g->list.n > 0 ? g->seed : NULL;
}
