/*
 * client_reads.c - read receipts (docs/sealed.md section 6.1), which exist only between two who both have
 * them on: what was shown here is told to its sender, and what others say of our messages is taken. A
 * message is named by a number that no other of its sender's account has: its device's and its own.
 */
#include "client_private.h"

#include <string.h>

#include "group.h"
#include "open.h"

enum {
    READS_MS = 500,      /* so long what was shown waits for more of it */
    READS_MAX = 4 * CONTENT_RECEIPTS_MAX, /* … or until it is so much */
};

/* What was shown and not told yet. */
struct shown_one {
    char from[NAME_SIZE];
    uint64_t name;
};

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

static uint64_t name_of(uint64_t device, uint64_t id)
{
    return device + id;
}

static bool is_me(const struct client *c, struct slice name)
{
    return name.len == strlen(c->name) && strncasecmp(c->name, (const char *)name.data, name.len) == 0;
}

void client_set_read_receipts(struct client *c, bool on)
{
    c->o.read_receipts = on;
    if (!on) buf_free(&c->reads.shown);
}

/* --- what was shown here --- */

void client_shown(struct client *c, const struct vault_row *row)
{
    const struct wire_deliver *m = &row->m;
    bool in_room = m->flags & WIRE_FLAG_ROOM;
    struct shown_one one = {.name = name_of(m->from_device, m->id)};
    /* Copies of what another device of ours sent, and what nobody sealed, are nothing that somebody waits for. */
    if (!c->o.read_receipts || row->how != VAULT_SEALED || m->body.len == 0 || is_me(c, m->from) ||
        (!in_room && !is_me(c, m->to)) || m->from.len >= NAME_SIZE)
        return;
    memcpy(one.from, m->from.data, m->from.len);
    if (buf_len(&c->reads.shown) == 0) c->reads.due = client_now(c) + READS_MS;
    if (buf_len(&c->reads.shown) >= READS_MAX * sizeof one) return; /* who is flooded tells of the first */
    buf_put(&c->reads.shown, &one, sizeof one);
}

static int draft(struct client *c, const char *to, const struct content *receipt)
{
    struct buf bytes = {0};
    struct vault_draft d = {.quiet = true, .to = text_of(to)};
    int r = content_encode(receipt, &bytes) < 0 ? -1 : vault_number(c->o.vault, &d.number);
    d.content = sealed_head(&bytes);
    if (r >= 0) r = vault_draft(c->o.vault, &d);
    buf_free(&bytes);
    return r < 0 ? -1 : 0;
}

/* One receipt to whoever sent the first of them; what it tells is taken out. To somebody whose keys are in doubt, none. */
static int tell_sender(struct client *c, struct shown_one *all, size_t *n)
{
    struct content receipt = {.kind = CONTENT_RECEIPT, .time_ms = client_wall_ms(), .u.receipt.state = CONTENT_READ};
    char to[NAME_SIZE];
    struct peer p;
    size_t left = 0;
    memcpy(to, all[0].from, sizeof to);
    for (size_t i = 0; i < *n; i++) {
        if (strcasecmp(all[i].from, to) == 0 && receipt.u.receipt.n < CONTENT_RECEIPTS_MAX)
            receipt.u.receipt.id[receipt.u.receipt.n++] = all[i].name;
        else
            all[left++] = all[i];
    }
    *n = left;
    int r = peers_get(c->o.vault, text_of(to), &p);
    bool doubt = p.trouble != PEER_FINE;
    peer_free(&p);
    return r < 0 ? -1 : doubt ? 0 : draft(c, to, &receipt);
}

/* Drafts, so that they are not forgotten when this process ends; sealed with the next step. */
static int tell_all(struct client *c)
{
    struct shown_one all[READS_MAX];
    size_t n = buf_len(&c->reads.shown) / sizeof *all;
    memcpy(all, buf_head(&c->reads.shown), n * sizeof *all);
    while (n > 0)
        if (tell_sender(c, all, &n) < 0) return -1;
    return 0;
}

int client_reads_flush(struct client *c)
{
    if (buf_len(&c->reads.shown) == 0) return 0;
    int r = vault_begin(c->o.vault) < 0 ? -1 : vault_finish(c->o.vault, tell_all(c));
    buf_free(&c->reads.shown);
    c->sealed.sweep = true;
    return r;
}

int client_reads_step(struct client *c)
{
    return client_now(c) >= client_reads_due(c) ? client_reads_flush(c) : 0;
}

uint64_t client_reads_due(const struct client *c)
{
    return buf_len(&c->reads.shown) ? c->reads.due : UINT64_MAX;
}

/* --- what others say --- */

/* A group's: who is in its log may have read it. Kept for each reader. 1: news. */
static int read_in_room(struct client *c, struct slice room, uint64_t number, struct slice reader)
{
    struct group g;
    struct buf before = {0};
    char key[NAME_SIZE];
    uint8_t when[8];
    name_fold(key, (const char *)reader.data, reader.len);
    group_start(&g, room);
    int r = group_read(c->o.vault, &g);
    if (r > 0 && !group_person(&g, reader)) r = 0;
    if (r > 0) r = vault_get(c->o.vault, VAULT_READ_BY, text_of(key), number, &before) < 0 ? -1 : buf_len(&before) == 0;
    put_u64(when, client_wall_ms());
    if (r > 0 && vault_put(c->o.vault, VAULT_READ_BY, text_of(key), number, sealed_slice(when, sizeof when)) < 0) r = -1;
    buf_free(&before);
    group_free(&g);
    return r;
}

/* One message: 1 and its number, when that is news. */
static int take_one(struct client *c, struct slice reader, uint64_t id, uint8_t kind, uint64_t *number)
{
    struct vault_sent sent;
    struct buf to = {0};
    int r = vault_sent(c->o.vault, id, &sent);
    if (r <= 0 || sent.kind != kind) return r < 0 ? -1 : 0;
    *number = sent.number;
    buf_put(&to, sent.to.data, sent.to.len); /* sent is gone with the next call on the store */
    if (kind == WIRE_TO_ROOM)
        r = read_in_room(c, sealed_head(&to), *number, reader);
    else if (to.len == reader.len && strncasecmp((const char *)buf_head(&to), (const char *)reader.data, reader.len) == 0)
        r = vault_own_read(c->o.vault, id);
    else
        r = 0;
    buf_free(&to);
    return r;
}

/* Those to the reader alone, or those to groups: told together. */
static int take_kind(struct client *c, struct slice reader, struct slice names, uint8_t kind)
{
    struct cur cur = cur_of(names.data, names.len);
    struct buf news = {0};
    int r = 0;
    buf_put_u8(&news, kind);
    buf_put_str8(&news, reader.data, reader.len);
    size_t head = buf_len(&news);
    while (r >= 0 && cur.p != cur.end) {
        uint64_t number, id = cur_u64(&cur) - c->o.identity->device;
        r = take_one(c, reader, id, kind, &number);
        if (r > 0) buf_put_u64(&news, number);
    }
    if (r >= 0 && buf_len(&news) > head) client_keep(c, KEPT_READ, 0, sealed_head(&news));
    buf_free(&news);
    return r < 0 ? -1 : 0;
}

int client_take_read(struct client *c, const struct wire_deliver *m, struct slice receipt)
{
    struct slice names = sealed_slice(receipt.data + 1, receipt.len - 1);
    /* That something was delivered the server says; and what our other devices tell others is theirs to tell. */
    if (!c->o.read_receipts || receipt.data[0] != CONTENT_READ || !is_me(c, m->to) || is_me(c, m->from)) return 0;
    return take_kind(c, m->from, names, WIRE_TO_USER) < 0 || take_kind(c, m->from, names, WIRE_TO_ROOM) < 0 ? -1 : 0;
}

void client_tell_read(struct client *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    uint64_t number[CONTENT_RECEIPTS_MAX];
    char name[NAME_SIZE];
    uint8_t kind = cur_u8(&cur);
    struct slice reader = cur_str8(&cur);
    size_t n = 0;
    memcpy(name, reader.data, reader.len);
    name[reader.len] = '\0';
    while (n < CONTENT_RECEIPTS_MAX && cur.p != cur.end)
        number[n++] = cur_u64(&cur);
    client_tell(c, &(struct client_event){CLIENT_READ, .read = {name, kind, number, n}});
}
