/*
 * client_sealed.c - where the engine and sealed messages meet: drafts are sealed when what they need is
 * there (seal.h), what they need is asked for (asks.h), answers are taken (peers.h, duty.h), received
 * messages opened, or parked until the sender's list is known (open.h, again.h).
 */
#include "client_private.h"

#include <sodium.h>
#include <string.h>

#include "again.h"
#include "duty.h"
#include "open.h"
#include "packed.h"
#include "seal.h"

struct keyring client_keyring(const struct client *c)
{
    return (struct keyring){.vault = c->o.vault,
                            .identity = c->o.identity,
                            .name = {(const uint8_t *)c->name, strlen(c->name)},
                            .random = &sealed_random_system,
                            .now_ms = client_wall_ms(),
                            .sparing = c->o.sparing};
}

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

static void fold(char key[NAME_SIZE], struct slice name)
{
    name_fold(key, (const char *)name.data, name.len);
}

static bool is_own(const struct client *c, const char *key)
{
    char own[NAME_SIZE];
    fold(own, text_of(c->name));
    return strcmp(key, own) == 0;
}

/* --- drafts --- */

/* A message that will never be sealed: refused as the server would have. */
static int refuse_draft(struct client *c, const struct vault_draft *d, const struct wire_rejected *m)
{
    struct buf b = {0};
    if (vault_drop_draft(c->o.vault, d->number, m->code) < 0) return -1;
    if (d->quiet) return 0;
    wire_put_rejected(&b, m);
    client_keep(c, WIRE_REJECTED, d->number,
                sealed_slice(buf_head(&b) + WIRE_FRAME_HEAD, buf_len(&b) - WIRE_FRAME_HEAD));
    buf_free(&b);
    return 0;
}

static int refuse_nobody(struct client *c, const struct vault_draft *d)
{
    char name[NAME_SIZE];
    fold(name, d->to);
    bool self = is_own(c, name);
    return refuse_draft(c, d, &(struct wire_rejected){
        .code = WIRE_NO_DEVICE,
        .subject = text_of(name),
        .text = text_of(self ? "this is the only device of the account: nobody else would read it"
                             : "every device of that account was revoked")});
}

static bool too_large(const struct client *c, struct slice content)
{
    struct content in;
    return c->sealed.max_text && content_decode(&in, content) == CONTENT_GOOD &&
           in.kind == CONTENT_TEXT && in.u.text.text.len > c->sealed.max_text;
}

static int refuse_large(struct client *c, const struct vault_draft *d)
{
    return refuse_draft(c, d, &(struct wire_rejected){
        .code = WIRE_TOO_LARGE,
        .subject = d->to,
        .text = text_of("the text is longer than the server allows"),
        .hint = text_of("send it in several messages")});
}

/* What stands in the way of a draft is asked for, or told. */
static void take_need(struct client *c, enum seal_result result, const struct vault_draft *d,
                      const struct seal_need *need)
{
    uint64_t now = client_now(c);
    uint8_t type = result == SEAL_NEED_LIST ? WIRE_LIST : WIRE_KEYS;
    if (result == SEAL_WAIT) {
        c->sealed.held = true;
    } else if (result == SEAL_TROUBLE) {
        if (!d->quiet)
            client_keep_words(c, KEPT_WAITS, d->number, CLIENT_WAIT_TRUST, need->name, need->trouble);
    } else if (asks_want(&c->sealed.asks, type, need->name, need->device, now) && !d->quiet) {
        client_keep_words(c, KEPT_WAITS, d->number, CLIENT_WAIT_KEYS, need->name, PEER_FINE);
    }
}

/* Seals this draft and drops it, or learns what it needs. */
static enum seal_result try_draft(struct client *c, const struct vault_draft *d,
                                  struct seal_need *need)
{
    struct keyring k = client_keyring(c);
    enum seal_result result = seal_draft(&k, d, need);
    if (result == SEAL_DONE) c->more = true;
    return result;
}

/* A copy: slices of a draft are gone with the next call on the store. */
static void copy_draft(struct vault_draft *d, struct buf *into)
{
    buf_put(into, d->to.data, d->to.len);
    buf_put(into, d->content.data, d->content.len);
    d->to.data = buf_head(into);
    d->content.data = buf_head(into) + d->to.len;
}

/* What the drafts to a name wait for: those behind the first one need not be tried. */
struct waiting {
    char name[NAME_SIZE];
    enum seal_result why;
    struct seal_need need;
};

/* The same for a draft to a group: it has no devices of its own. */
static int work_off_room(struct client *c, const struct vault_draft *d)
{
    uint16_t code;
    if (too_large(c, d->content)) return refuse_large(c, d) < 0 ? -1 : 1;
    int r = client_seal_room(c, d, &code);
    if (r <= 0) return r;
    if (code == 0) return vault_drop_draft(c->o.vault, d->number, 0) < 0 ? -1 : 1;
    const struct wire_rejected no = {
        .code = code,
        .subject = d->to,
        .text = text_of(code == WIRE_NO_SUCH_ROOM ? "there is no such group"
                        : code == WIRE_NOT_MEMBER ? "you are not a member of that group"
                                                  : client_broken_words(client_seat(c, d->to))),
        .hint = text_of(code == WIRE_NOT_MEMBER ? "join it first" : "")};
    return refuse_draft(c, d, &no) < 0 ? -1 : 1;
}

/* 1 it is gone, 0 it waits, -1 the store failed. */
static int work_off(struct client *c, struct vault_draft *d, struct waiting *w)
{
    struct seal_need need = {0};
    char name[NAME_SIZE];
    if (d->to.data[0] == '#') return work_off_room(c, d);
    fold(name, d->to);
    if (strcmp(name, w->name) == 0) {
        take_need(c, w->why, d, &w->need);
        return 0;
    }
    enum seal_result result = too_large(c, d->content) ? SEAL_NOBODY : try_draft(c, d, &need);
    switch (result) {
    case SEAL_STORE: return -1;
    case SEAL_DONE: return vault_drop_draft(c->o.vault, d->number, 0) < 0 ? -1 : 1;
    case SEAL_NOBODY:
        if (too_large(c, d->content)) return refuse_large(c, d) < 0 ? -1 : 1;
        return refuse_nobody(c, d) < 0 ? -1 : 1;
    default:
        take_need(c, result, d, &need);
        *w = (struct waiting){.why = result, .need = need};
        memcpy(w->name, name, sizeof name);
        return 0;
    }
}

/* The drafts to one name (empty: to everybody), inside a transaction. Once one waits, those behind it
 * to the same name do. */
static int seal_drafts(struct client *c, struct slice name)
{
    struct waiting waiting = {.name = ""};
    struct vault_draft d = {0};
    int r, gone = 0;
    while ((r = vault_next_draft(c->o.vault, name, d.number, &d)) > 0) {
        struct buf copy = {0};
        copy_draft(&d, &copy);
        r = work_off(c, &d, &waiting);
        sealed_buf_wipe(&copy);
        if (r < 0) return -1;
        if (r > 0 && ++gone == CLIENT_SEAL_AT_ONCE) {
            c->sealed.sweep = true;
            break;
        }
    }
    return r < 0 ? -1 : 0;
}

int client_sealed_step(struct client *c)
{
    struct sealed_side *s = &c->sealed;
    uint64_t now = client_now(c);
    if (c->o.vault->shared && now >= s->look_due) {
        s->look_due = now + CLIENT_LOOK_MS;
        s->sweep = s->sweep || vault_changed(c->o.vault);
        c->more = c->more || s->sweep;
    }
    if (now >= s->duty_due) {
        struct keyring k = client_keyring(c);
        s->duty_due = now + DUTY_EVERY_MS;
        if (duty_begin(&k, link_out(c->link)) < 0) return -1;
    }
    if (s->sweep) {
        s->sweep = false;
        if (vault_begin(c->o.vault) < 0 ||
            vault_finish(c->o.vault, seal_drafts(c, (struct slice){0})) < 0)
            return -1;
    }
    for (const struct ask *a; (a = asks_next(&s->asks, now));) {
        struct peer p;
        if (peers_get(c->o.vault, text_of(a->name), &p) < 0) return -1;
        if (a->type == WIRE_LIST)
            wire_put_list_ask(link_out(c->link), &(struct wire_list_ask){.op = WIRE_LIST_FETCH,
                                                                         .name = text_of(a->name),
                                                                         .after = p.list.head.seq});
        else
            wire_put_keys_ask(link_out(c->link), &(struct wire_keys_ask){.op = WIRE_KEYS_FETCH,
                                                                         .name = text_of(a->name),
                                                                         .device = a->device});
        peer_free(&p);
    }
    return 0;
}

bool client_sealed_busy(const struct client *c)
{
    return c->sealed.sweep;
}

uint64_t client_sealed_due(const struct client *c)
{
    uint64_t due = asks_due(&c->sealed.asks, client_now(c));
    if (c->sealed.duty_due < due) due = c->sealed.duty_due;
    if (c->o.vault->shared && c->sealed.look_due < due) due = c->sealed.look_due;
    return due;
}

void client_sealed_settled(struct client *c)
{
    if (!c->sealed.held) return;
    c->sealed.held = false;
    c->sealed.sweep = true;
}

int client_sealed_begin(struct client *c)
{
    struct keyring k = client_keyring(c);
    char name[VAULT_NAME] = "";
    uint64_t number = 0;
    struct sealed_side *s = &c->sealed;
    asks_reset(&s->asks);
    s->sweep = true;
    s->publishing = false;
    s->duty_due = client_now(c) + DUTY_EVERY_MS;
    client_devices_begin(c);
    int parked;
    while ((parked = vault_next_value(c->o.vault, VAULT_PARKED, name, &number)) > 0) {
        s->parked = true;
        asks_want(&s->asks, WIRE_LIST, name, 0, client_now(c));
        number = UINT64_MAX >> 1; /* on to the next name */
    }
    return parked < 0 ? -1 : duty_begin(&k, link_out(c->link));
}

/* --- sending --- */

/* To a group it is a draft in any case: its log and our key come first (client_seal_room()). */
int client_draft(struct client *c, uint8_t kind, struct vault_draft *d, struct slice body, uint64_t now_ms)
{
    struct vault_draft before;
    struct seal_need need = {0};
    if ((d->number == 0 && vault_number(c->o.vault, &d->number) < 0) ||
        vault_note(c->o.vault, d->number, kind, d->to, body, now_ms) < 0)
        return -1;
    int behind = kind == WIRE_TO_ROOM ? 1 : vault_next_draft(c->o.vault, d->to, 0, &before);
    if (behind < 0) return -1;
    enum seal_result result = SEAL_WAIT;
    if (behind == 0 && !too_large(c, d->content)) result = try_draft(c, d, &need);
    if (result == SEAL_DONE || result == SEAL_STORE) return (int)result;
    /* It waits behind others, or for something: what for is found out when it is tried again. */
    c->sealed.sweep = true;
    return vault_draft(c->o.vault, d);
}

int client_send_sealed(struct client *c, uint8_t kind, struct slice to, uint8_t form, struct slice text,
                       uint64_t *number)
{
    const struct content content = {
        .kind = CONTENT_TEXT, .time_ms = client_wall_ms(), .u.text = {form, text}};
    struct buf body = {0}, bytes = {0};
    struct vault_draft d = {.to = to};
    if (content_encode(&content, &bytes) < 0) return -1;
    buf_put_u8(&body, WIRE_SUITE_PLAIN);
    buf_put_u8(&body, form);
    buf_put(&body, text.data, text.len);
    d.content = sealed_head(&bytes);
    int r = vault_begin(c->o.vault);
    if (r == 0)
        r = vault_finish(c->o.vault, client_draft(c, kind, &d, sealed_head(&body), content.time_ms));
    *number = d.number;
    sealed_buf_wipe(&body);
    sealed_buf_wipe(&bytes);
    return r;
}

bool client_published(const struct client *c)
{
    return c->sealed.published;
}

/*
 * Sender keys that waited for a name were for the account that it had: the new one is nobody in those groups.
 */
static int drop_keys(struct client *c, struct slice name)
{
    struct vault_draft d = {0};
    int r;
    while ((r = vault_next_draft(c->o.vault, name, d.number, &d)) > 0) {
        struct content in;
        bool key = content_decode(&in, d.content) == CONTENT_GOOD && in.kind == CONTENT_SENDER_KEY;
        if (key && vault_drop_draft(c->o.vault, d.number, 0) < 0) return -1;
    }
    return r;
}

static int drop_keys_for(struct client *c, struct slice name)
{
    return vault_begin(c->o.vault) < 0 ? -1 : vault_finish(c->o.vault, drop_keys(c, name));
}

int client_accept(struct client *c, const char *name)
{
    char key[NAME_SIZE];
    fold(key, text_of(name));
    int r = peers_accept(c->o.vault, name);
    if (r >= 0 && drop_keys_for(c, text_of(name)) < 0) r = -1;
    if (r < 0) client_vault_failed(c);
    c->sealed.sweep = true;
    if (c->sealed.parked) asks_want(&c->sealed.asks, WIRE_LIST, key, 0, client_now(c));
    return r;
}

int client_stale(struct client *c, struct slice name)
{
    struct peer p;
    int r = peers_get(c->o.vault, name, &p);
    p.stale = true;
    if (r > 0) r = peers_put(c->o.vault, &p);
    asks_want(&c->sealed.asks, WIRE_LIST, p.key, 0, client_now(c));
    c->sealed.sweep = true;
    peer_free(&p);
    return r < 0 ? -1 : 0;
}

/* --- receiving --- */

static int park(struct client *c, const struct wire_deliver *m, const char *needed)
{
    struct buf value = {0};
    char key[NAME_SIZE];
    uint64_t number;
    fold(key, m->from);
    packed_put(&value, m);
    int r = vault_number(c->o.vault, &number); /* any that rises */
    if (r == 0) r = vault_put(c->o.vault, VAULT_PARKED, text_of(key), number, sealed_head(&value));
    buf_free(&value);
    c->sealed.parked = true;
    asks_want(&c->sealed.asks, WIRE_LIST, needed, 0, client_now(c));
    return r < 0 ? -1 : 0;
}

static int show(struct client *c, const struct wire_deliver *m, enum vault_how how,
                struct slice to, struct slice body)
{
    struct wire_deliver shown = *m;
    uint64_t row;
    /* A message of a group that was sent again has lost its place there. */
    if (to.len && to.data[0] == '#') {
        shown.flags |= WIRE_FLAG_ROOM;
        shown.seq = 0;
    }
    shown.head = (struct slice){body.data, 0};
    shown.body = body;
    shown.to = to;
    if (vault_record(c->o.vault, &shown, how, &row) < 0) return -1;
    client_keep_message(c, row, how, &shown);
    return 0;
}

static int not_opened(struct client *c, const struct wire_deliver *m, uint8_t verdict)
{
    struct keyring k = client_keyring(c);
    if (show(c, m, VAULT_UNOPENED, m->to, sealed_slice(&verdict, 1)) < 0) return -1;
    c->sealed.sweep = true;
    /* From a device that was revoked nothing more is wanted. */
    return verdict == OPEN_REVOKED ? 0 : again_ask(&k, m, verdict);
}

static int answer_resend(struct client *c, const struct wire_deliver *m, uint64_t id)
{
    struct keyring k = client_keyring(c);
    int r = again_answer(&k, m->from, id);
    if (r > 0) c->sealed.sweep = true;
    return r < 0 ? -1 : 0;
}

/* What an opened message leads to. 1: nothing, it has to be parked (or stay so). */
static int take_opened(struct client *c, const struct wire_deliver *m, const struct opened *o)
{
    static const struct slice nothing = {(const uint8_t *)"", 0};
    if (o->reset) {
        char key[NAME_SIZE];
        fold(key, m->from);
        client_keep_words(c, KEPT_NOTE, 0, CLIENT_NOTE_RESET, key, PEER_FINE);
    }
    if (o->behind) asks_want(&c->sealed.asks, WIRE_LIST, o->name, 0, client_now(c));
    switch (o->result) {
    case OPEN_PLAIN: return show(c, m, VAULT_PLAIN, m->to, sealed_head(&o->body));
    case OPEN_TEXT: return show(c, m, VAULT_SEALED, text_of(o->to), sealed_head(&o->body));
    case OPEN_SENDER_KEY: return client_groups_key(c, o->group);
    case OPEN_ODD: return show(c, m, VAULT_SEALED, m->to, nothing);
    case OPEN_RECEIPT: return client_take_read(c, m, sealed_head(&o->body));
    case OPEN_RESEND: return answer_resend(c, m, o->id);
    case OPEN_FAILED: return not_opened(c, m, (uint8_t)o->verdict);
    case OPEN_NEED_LIST: return 1;
    case OPEN_SILENT: return 0;
    default: return -1;
    }
}

/* Does an earlier message of this sender wait? */
static int waits_behind(struct client *c, struct slice from)
{
    char name[VAULT_NAME], key[NAME_SIZE];
    uint64_t number = 0;
    if (!c->sealed.parked) return 0;
    fold(key, from);
    memcpy(name, key, sizeof name);
    int r = vault_next_value(c->o.vault, VAULT_PARKED, name, &number);
    return r > 0 ? strcmp(name, key) == 0 : r;
}

int client_take_direct(struct client *c, const struct wire_deliver *m)
{
    struct keyring k = client_keyring(c);
    struct opened o;
    char key[NAME_SIZE];
    fold(key, m->from);
    int behind = waits_behind(c, m->from);
    if (behind < 0 || (behind > 0 && park(c, m, key) < 0)) return TAKE_STORE;
    if (behind > 0) return 0;
    open_message(&k, m, NULL, &o);
    int r = take_opened(c, m, &o);
    if (r > 0) r = park(c, m, o.name);
    open_done(&o);
    return r < 0 ? TAKE_STORE : 0;
}

/* One parked message, now that the list of `fresh` is known: 1 done, 0 it still waits. */
static int unpark_one(struct client *c, const char *name, uint64_t number, const char *fresh)
{
    struct keyring k = client_keyring(c);
    struct buf value = {0};
    struct wire_deliver m;
    struct opened o = {0};
    int r = vault_get(c->o.vault, VAULT_PARKED, text_of(name), number, &value);
    bool whole = r > 0 && packed_get(sealed_head(&value), &m);
    if (whole) {
        open_message(&k, &m, fresh, &o);
        r = take_opened(c, &m, &o);
        if (r > 0 && strcmp(o.name, fresh) != 0)
            asks_want(&c->sealed.asks, WIRE_LIST, o.name, 0, client_now(c));
        open_done(&o);
    }
    if (r == 0 || (r > 0 && !whole))
        r = vault_drop(c->o.vault, VAULT_PARKED, text_of(name), number) < 0 ? -1 : 1;
    else if (r > 0)
        r = 0;
    buf_free(&value);
    return r;
}

static int unpark(struct client *c, const char *from, const char *fresh)
{
    char name[VAULT_NAME];
    uint64_t number = 0;
    int r = 1;
    memcpy(name, from, sizeof name);
    while (r > 0 && (r = vault_next_value(c->o.vault, VAULT_PARKED, name, &number)) > 0) {
        if (strcmp(name, from) != 0) break;
        r = unpark_one(c, name, number, fresh);
    }
    return r < 0 ? -1 : 0;
}

/* Without our own list nothing can be opened, so everybody's may have waited for it. */
static int unpark_everybody(struct client *c, const char *fresh)
{
    char name[VAULT_NAME] = "";
    uint64_t number = 0;
    int r = 0;
    while (r == 0 && (r = vault_next_value(c->o.vault, VAULT_PARKED, name, &number)) > 0) {
        r = unpark(c, name, fresh);
        number = UINT64_MAX >> 1; /* on to the next name */
    }
    return r;
}

/* What waits for the list of this name: messages from it, and copies of our own to it. */
static int unpark_all(struct client *c, const char *fresh)
{
    char own[NAME_SIZE];
    fold(own, text_of(c->name));
    if (!c->sealed.parked) return 0;
    if (strcmp(own, fresh) == 0) return unpark_everybody(c, fresh);
    return unpark(c, fresh, fresh) < 0 ? -1 : unpark(c, own, fresh);
}

/* --- answers --- */

static int take_news(struct client *c, struct peer *p, enum peer_news news, uint32_t head)
{
    struct keyring k = client_keyring(c);
    bool own = is_own(c, p->key);
    if (news == PEER_TROUBLE)
        client_keep_words(c, KEPT_NOTE, 0, CLIENT_NOTE_TROUBLE, p->key, p->trouble);
    if (own && news != PEER_TROUBLE && duty_listed(&k, p, head, link_out(c->link)) < 0) return -1;
    if (own && news == PEER_GREW) c->sealed.sweep = true;
    if (own) c->sealed.listed = device_list_find(&p->list, c->o.identity->device) != NULL;
    if (client_groups_listed(c, p->key) < 0) return -1;
    if (own && news != PEER_TROUBLE) client_devices_listed(c, p);
    return seal_drafts(c, text_of(p->key)) < 0 ? -1 : unpark_all(c, p->key);
}

static int take_entries(struct client *c, const struct wire_list_entries *m)
{
    struct peer p;
    uint64_t next;
    int r = -1;
    if (client_in_batch(c) < 0 || vault_id(c->o.vault, &next) < 0) return TAKE_STORE;
    if (peers_get(c->o.vault, m->name, &p) >= 0) {
        bool own = is_own(c, p.key);
        /* A server that has lost our list gets it back: no reason to mistrust ourselves. */
        bool lost = own && m->head < p.list.head.seq;
        enum peer_news news = lost ? PEER_SAME : peers_take(c->o.vault, &p, m, next - 1);
        asks_answered(&c->sealed.asks, WIRE_LIST, p.key);
        if (news == PEER_AGAIN) {
            asks_tidy(&c->sealed.asks);
            asks_want(&c->sealed.asks, WIRE_LIST, p.key, 0, client_now(c));
        }
        r = news == PEER_STORE ? -1 : news == PEER_AGAIN ? 0 : take_news(c, &p, news, m->head);
    }
    asks_tidy(&c->sealed.asks);
    peer_free(&p);
    return r < 0 ? TAKE_STORE : 0;
}

/* There is a newer list. It matters when we have an older one, or wait for one. */
static int take_head(struct client *c, const struct wire_new_head *m)
{
    struct peer p;
    int known = peers_get(c->o.vault, m->name, &p);
    if (is_own(c, p.key) || (known > 0 && m->head > p.list.head.seq))
        asks_want(&c->sealed.asks, WIRE_LIST, p.key, 0, client_now(c));
    asks_hurry(&c->sealed.asks, WIRE_LIST, p.key);
    asks_hurry(&c->sealed.asks, WIRE_KEYS, p.key);
    peer_free(&p);
    return known < 0 ? TAKE_STORE : 0;
}

static int refuse_all(struct client *c, const struct wire_keys_refused *m)
{
    struct wire_rejected no = {
        .code = m->code, .subject = m->name, .text = m->text, .near = m->near};
    struct vault_draft d = {0};
    int r;
    memcpy(no.name, m->like, sizeof no.name);
    while ((r = vault_next_draft(c->o.vault, m->name, d.number, &d)) > 0)
        if (refuse_draft(c, &d, &no) < 0) return -1;
    return r;
}

/* An own entry or publication: tried again after a while. */
static void duty_refused(struct client *c, const struct wire_keys_refused *m)
{
    uint64_t pause = m->retry_ms > CLIENT_DUTY_RETRY_MS ? m->retry_ms : CLIENT_DUTY_RETRY_MS;
    bool hopeless = m->code == WIRE_BAD_ENTRY || m->code == WIRE_BAD_KEYS;
    c->sealed.publishing = false;
    if (m->code == WIRE_BAD_ENTRY) client_devices_refused(c, m->text);
    if (!hopeless) c->sealed.duty_due = client_now(c) + pause;
}

static int take_refused(struct client *c, uint8_t type, struct slice payload)
{
    struct wire_keys_refused m;
    char key[NAME_SIZE];
    if (!wire_get_keys_refused(payload, &m) || m.name.len > WIRE_NAME_MAX) return -1;
    bool fetch = m.asked == (type == WIRE_LIST ? WIRE_LIST_FETCH : WIRE_KEYS_FETCH);
    fold(key, m.name);
    if (!fetch || is_own(c, key)) {
        duty_refused(c, &m);
        if (!fetch) return 0;
    }
    if (m.code != WIRE_NO_SUCH_USER) {
        uint64_t pause = m.retry_ms > ASKS_AGAIN_MIN_MS ? m.retry_ms : ASKS_AGAIN_MIN_MS;
        asks_hold(&c->sealed.asks, type, key, client_now(c) + pause);
        return 0;
    }
    asks_answered(&c->sealed.asks, type, key);
    int r = client_in_batch(c) < 0 ? -1 : refuse_all(c, &m);
    if (r >= 0) r = unpark_all(c, key);
    if (r >= 0) r = client_groups_listed(c, key) < 0 ? -1 : client_orders_no_user(c, key);
    asks_tidy(&c->sealed.asks);
    return r < 0 ? TAKE_STORE : 0;
}

int client_take_list(struct client *c, struct slice p)
{
    struct wire_list_entries entries;
    struct wire_new_head head;
    switch (p.len ? p.data[0] : 0) {
    case WIRE_LIST_ENTRIES:
        return wire_get_list_entries(p, &entries) && entries.name.len <= WIRE_NAME_MAX
                   ? take_entries(c, &entries)
                   : -1;
    case WIRE_LIST_HEAD:
        return wire_get_new_head(p, &head) && head.name.len <= WIRE_NAME_MAX ? take_head(c, &head) : -1;
    default: return take_refused(c, WIRE_LIST, p);
    }
}

static int take_bundles(struct client *c, const struct wire_bundles *m)
{
    struct keyring k = client_keyring(c);
    char key[NAME_SIZE];
    fold(key, m->name);
    asks_answered(&c->sealed.asks, WIRE_KEYS, key);
    int r = client_in_batch(c) < 0 || seal_begin(&k, m) < 0 ? -1 : 0;
    /* Keys of our own other devices are what drafts to anybody may have waited for. */
    if (r == 0) r = seal_drafts(c, is_own(c, key) ? (struct slice){0} : m->name);
    asks_tidy(&c->sealed.asks);
    return r < 0 ? TAKE_STORE : 0;
}

static int take_own(struct client *c, const struct wire_keys_own *m)
{
    struct keyring k = client_keyring(c);
    struct buf *out = link_out(c->link);
    size_t before = buf_len(out);
    /* The answer to a publication: what it left out the server does not want. */
    bool answer = c->sealed.publishing;
    c->sealed.publishing = false;
    if (!answer && (client_in_batch(c) < 0 || duty_own(&k, m, out) < 0)) return TAKE_STORE;
    c->sealed.publishing = buf_len(out) > before;
    c->sealed.published = c->sealed.published || !c->sealed.publishing;
    return 0;
}

int client_take_keys(struct client *c, struct slice p)
{
    struct wire_bundles bundles;
    struct wire_keys_own own;
    switch (p.len ? p.data[0] : 0) {
    case WIRE_KEYS_BUNDLES:
        return wire_get_bundles(p, &bundles) && bundles.name.len <= WIRE_NAME_MAX
                   ? take_bundles(c, &bundles)
                   : -1;
    case WIRE_KEYS_MINE: return wire_get_keys_own(p, &own) ? take_own(c, &own) : -1;
    default: return take_refused(c, WIRE_KEYS, p);
    }
}
