/* open.c - see open.h. What each kind of content leads to is a table at the end. */
#include "open.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "again.h"
#include "file_book.h"
#include "group_keys.h"
#include "sealed/envelope.h"
#include "identity.h"

struct opening {
    const struct keyring *k;
    const struct wire_deliver *m;
    const char *fresh;
    struct opened *out;
    struct peer own, other, third;
    const struct peer *from, *to;
    const struct device_row *row; /* the sender's device */
    struct session_self self;
    struct sessions sessions;
    struct prekeys prekeys;
    bool first; /* a first message of a session that is not here */
    struct envelope_key key;
    struct buf content;
};

const char *open_words(uint8_t verdict)
{
    switch (verdict) {
    case OPEN_REVOKED: return "it is from a device that was revoked";
    case OPEN_NO_SENDER_KEY: return "its sender's key has not come; it was asked for";
    case OPEN_NOT_MEMBER: return "its sender was not in the group";
    case OPEN_BAD_ENTRY: return "the group's log may not hold it";
    case OPEN_UNPROVEN: return "only the server says that its author is an instructor";
    default: break;
    }
    if (verdict == OPEN_GOOD || verdict > OPEN_TOO_MANY) return "it was not readable";
    return session_verdict_words((enum session_verdict)verdict);
}

static bool fail(struct opening *o, enum open_verdict v)
{
    o->out->result = OPEN_FAILED;
    o->out->verdict = v;
    return false;
}

static bool store_failed(struct opening *o)
{
    o->out->result = OPEN_STORE;
    return false;
}

static bool need_list(struct opening *o, const struct peer *p)
{
    o->out->result = OPEN_NEED_LIST;
    memcpy(o->out->name, p->key, sizeof o->out->name);
    return false;
}

static bool is_fresh(const struct opening *o, const struct peer *p)
{
    return o->fresh && strcmp(o->fresh, p->key) == 0;
}

static bool same_name(struct slice name, const struct peer *p)
{
    char key[NAME_SIZE];
    name_fold(key, (const char *)name.data, name.len);
    return strcmp(key, p->key) == 0;
}

/* --- who, to whom --- */

/* The account that a name is of: ours, the sender's, or a third that `into` is read for. */
static const struct peer *peer_of(struct opening *o, struct slice name, struct peer *into)
{
    if (same_name(name, &o->own)) return &o->own;
    return peers_get(o->k->vault, name, into) < 0 ? NULL : into;
}

static bool find_device(struct opening *o)
{
    const struct peer *p = o->from;
    o->row = device_list_find(&p->list, o->m->from_device);
    if (o->row) return true;
    if (device_list_ever(&p->list, o->m->from_device)) return fail(o, OPEN_REVOKED);
    /* A changed key is a person's to judge: until then its messages wait. */
    if (p->trouble != PEER_FINE || !is_fresh(o, p)) return need_list(o, p);
    return fail(o, OPEN_STRANGER);
}

static bool find_people(struct opening *o)
{
    struct vault *v = o->k->vault;
    if (peers_get(v, o->k->name, &o->own) < 0) return store_failed(o);
    if (!keyring_self(o->k, &o->own, &o->self)) return need_list(o, &o->own);
    o->from = peer_of(o, o->m->from, &o->other);
    o->to = peer_of(o, o->m->to, &o->third);
    if (!o->from || !o->to) return store_failed(o);
    if (o->to != &o->own && o->from != &o->own) return fail(o, OPEN_DAMAGED); /* not ours */
    if (!find_device(o)) return false;
    if (o->to->list.n > 0) return true;
    return is_fresh(o, o->to) ? fail(o, OPEN_STRANGER) : need_list(o, o->to);
}

/* --- the head: the body's key --- */

/* Only the first message of a session needs the prekeys, which take long to read. */
static bool is_first(const struct opening *o)
{
    const struct slice head = o->m->head;
    if (head.len < SESSION_HEAD_PLAIN || head.data[0] != HEAD_FIRST) return false;
    for (size_t i = 0; i < o->sessions.n; i++)
        if (memcmp(o->sessions.s[i].number, head.data + 2, SESSION_HEAD_PLAIN - 2) == 0) return false;
    return true;
}

static bool open_head(struct opening *o)
{
    struct device_who who;
    struct buf text = {0};
    enum session_event event;
    if (keyring_sessions(o->k, o->from->key, o->row->device, &o->sessions) < 0) return store_failed(o);
    o->first = is_first(o);
    if (o->first && keyring_prekeys(o->k, &o->prekeys) < 0) return store_failed(o);
    device_list_who(&o->from->list, o->row, &who);
    enum session_verdict v = sessions_open(&o->sessions, &o->self, &who, &o->prekeys, o->m->head,
                                           keyring_day(o->k), &text, &event);
    bool good = v == SESSION_OPENED && envelope_key_decode(&o->key, sealed_head(&text));
    sealed_buf_wipe(&text);
    o->out->reset = event == SESSION_RESET;
    if (v != SESSION_OPENED) return fail(o, (enum open_verdict)v);
    return good || fail(o, OPEN_DAMAGED);
}

/* --- the body --- */

static bool open_body(struct opening *o)
{
    struct envelope e = {.from = sealed_slice(o->from->list.name, o->from->list.name_len),
                         .from_device = o->m->from_device,
                         .id = o->m->id,
                         .to = sealed_slice(o->to->list.name, o->to->list.name_len)};
    memcpy(e.from_account, o->from->list.account_key, SEALED_KEY);
    memcpy(e.to_account, o->to->list.account_key, SEALED_KEY);
    return envelope_open(&e, &o->key, o->m->body, &o->content) || fail(o, OPEN_DAMAGED);
}

static bool save(struct opening *o)
{
    if (keyring_save(o->k, o->from->key, o->row->device, &o->sessions) < 0 ||
        (o->first && keyring_save_prekeys(o->k, &o->prekeys) < 0))
        return store_failed(o);
    return true;
}

/* The sender has seen newer lists than we have: of his own account, or of the recipient's. */
static void note_behind(struct opening *o)
{
    const struct peer *p = o->key.from_seq > o->from->list.head.seq ? o->from
                           : o->key.to_seq > o->to->list.head.seq   ? o->to
                                                                    : NULL;
    if (!p) return;
    o->out->behind = true;
    memcpy(o->out->name, p->key, sizeof o->out->name);
}

/* --- the content --- */

static enum open_result take_text(struct opening *o, const struct content *c)
{
    struct buf *b = &o->out->body;
    buf_put_u8(b, WIRE_SUITE_PLAIN);
    buf_put_u8(b, c->u.text.form);
    buf_put(b, c->u.text.text.data, c->u.text.text.len);
    return OPEN_TEXT;
}

static enum open_result take_file(struct opening *o, const struct content *c)
{
    const struct slice to = {(const uint8_t *)o->out->to, strlen(o->out->to)};
    return file_book_offered(o->k, o->m, to, c, &o->out->body) < 0 ? OPEN_STORE : OPEN_TEXT;
}

/* Only what was asked for: a second copy is not shown. */
static enum open_result take_resent(struct opening *o, const struct content *c)
{
    struct content inner;
    struct slice to = c->u.resent.to;
    int r = again_came(o->k, o->m->from, o->m->from_device, c->u.resent.of, to);
    if (r < 0) return OPEN_STORE;
    if (r == 0) return OPEN_SILENT;
    snprintf(o->out->to, sizeof o->out->to, "%.*s", (int)to.len, (const char *)to.data);
    if (content_decode(&inner, c->u.resent.inner) != CONTENT_GOOD) return OPEN_ODD;
    return inner.kind == CONTENT_TEXT ? take_text(o, &inner) : inner.kind == CONTENT_FILE ? take_file(o, &inner) : OPEN_ODD;
}

/*
 * The session that a request came through works at both ends; the one that we had preferred may be what
 * the other side cannot open, and when both began at once it could stay preferred for ever.
 */
static bool prefer_this(struct opening *o)
{
    for (size_t i = 0; i < o->sessions.n; i++)
        if (memcmp(o->sessions.s[i].number, o->m->head.data + 2, SESSION_HEAD_PLAIN - 2) == 0)
            o->sessions.current = i;
    return keyring_save(o->k, o->from->key, o->row->device, &o->sessions) == 0;
}

static enum open_result take_resend(struct opening *o, const struct content *c)
{
    if (!prefer_this(o)) return OPEN_STORE;
    o->out->id = c->u.resend.id;
    return c->u.resend.from_device == o->k->identity->device ? OPEN_RESEND : OPEN_SILENT;
}

static enum open_result take_sender_key(struct opening *o, const struct content *c)
{
    int r = group_keys_take(o->k, o->from, o->row->device, c->u.sender_key.distribution, o->out->group);
    return r < 0 ? OPEN_STORE : r > 0 ? OPEN_SENDER_KEY : OPEN_SILENT;
}

static enum open_result take_receipt(struct opening *o, const struct content *c)
{
    buf_put_u8(&o->out->body, c->u.receipt.state);
    for (size_t i = 0; i < c->u.receipt.n; i++)
        buf_put_u64(&o->out->body, c->u.receipt.id[i]);
    return OPEN_RECEIPT;
}

/* Kinds without a row are for the parts of the client that come later: what one's own devices tell each other. */
static const struct taker {
    enum content_kind kind;
    enum open_result (*take)(struct opening *o, const struct content *c);
} takers[] = {
    {CONTENT_TEXT, take_text},
    {CONTENT_FILE, take_file},
    {CONTENT_SENDER_KEY, take_sender_key},
    {CONTENT_RECEIPT, take_receipt},
    {CONTENT_RESEND, take_resend},
    {CONTENT_RESENT, take_resent},
};

static void take_content(struct opening *o)
{
    struct content c;
    enum content_verdict v = content_decode(&c, sealed_head(&o->content));
    o->out->result = v != CONTENT_GOOD ? OPEN_ODD : OPEN_SILENT;
    for (size_t i = 0; v == CONTENT_GOOD && i < sizeof takers / sizeof *takers; i++)
        if (takers[i].kind == c.kind) o->out->result = takers[i].take(o, &c);
}

static void take_plain(const struct wire_deliver *m, struct opened *out)
{
    out->result = OPEN_PLAIN;
    buf_put(&out->body, m->body.data, m->body.len);
}

static void end(struct opening *o)
{
    sessions_wipe(&o->sessions);
    prekeys_wipe(&o->prekeys);
    keyring_wipe(&o->self);
    sodium_memzero(&o->key, sizeof o->key);
    sealed_buf_wipe(&o->content);
    peer_free(&o->own);
    peer_free(&o->other);
    peer_free(&o->third);
}

void open_message(const struct keyring *k, const struct wire_deliver *m, const char *fresh,
                  struct opened *out)
{
    struct opening o = {.k = k, .m = m, .fresh = fresh, .out = out};
    *out = (struct opened){0};
    snprintf(out->to, sizeof out->to, "%.*s", (int)(m->to.len < NAME_SIZE ? m->to.len : 0),
             (const char *)m->to.data);
    if (m->head.len == 0 && m->body.len > 0 && m->body.data[0] == WIRE_SUITE_PLAIN) {
        take_plain(m, out);
        return;
    }
    if (find_people(&o) && open_head(&o) && open_body(&o) && save(&o)) {
        note_behind(&o);
        take_content(&o);
    }
    end(&o);
}

void open_done(struct opened *o)
{
    sealed_buf_wipe(&o->body);
}
