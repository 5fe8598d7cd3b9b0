/*
 * client_why.c - what an own message waits for: what the store knows by itself, and what the server is
 * asked (WHY, docs/protocol.md section 6.8). After each login it is asked about those that were last
 * heard of as stored: their RECEIPTs may have come while nobody was there.
 */
#include "client_private.h"

#include <stdio.h>
#include <string.h>

#include "group_room.h"

enum {
    BULK_MESSAGES = 64, /* asked about after a login, the newest */
    BULK_PEOPLE = 16,   /* … for so many recipients: each is a question */
};

/* The server knows of an end for 400 days; older ones it would call delivered. */
static const uint64_t known_ms = UINT64_C(390) * 86400 * 1000;

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

static bool is_old(uint64_t time_ms)
{
    return time_ms + known_ms < client_wall_ms();
}

/* --- telling --- */

static enum client_why_state state_of(const struct vault_own *own)
{
    switch (own->state) {
    case VAULT_WAITING: return own->draft ? CLIENT_WHY_UNSEALED : CLIENT_WHY_OUTBOX;
    case WIRE_STATE_ACCEPTED: return CLIENT_WHY_ACCEPTED;
    case WIRE_STATE_STORED: return CLIENT_WHY_STORED;
    case WIRE_STATE_DELIVERED: return CLIENT_WHY_DELIVERED;
    case WIRE_STATE_EXPIRED: return CLIENT_WHY_EXPIRED;
    case WIRE_WHY_REVOKED: return CLIENT_WHY_REVOKED;
    case VAULT_READ: return CLIENT_WHY_READ;
    default: return CLIENT_WHY_REFUSED;
    }
}

static struct client_why view_of(const struct vault_own *own)
{
    struct client_why w = {.number = own->number, .time_ms = own->time_ms, .state = state_of(own), .kind = own->kind,
                           .to = own->to, .words = ""};
    if (w.state == CLIENT_WHY_REFUSED) w.code = (uint16_t)(own->state - VAULT_REJECTED);
    return w;
}

/* The question is over. */
static void tell(struct client *c, const struct client_why *w)
{
    c->why.number = 0;
    c->why.asked = false;
    buf_free(&c->why.rows);
    client_tell(c, &(struct client_event){CLIENT_WHY, .why = w});
}

static void tell_local(struct client *c, const struct vault_own *own)
{
    struct client_why w = view_of(own);
    if (w.state == CLIENT_WHY_OUTBOX && c->state == CLIENT_OPEN) w.state = CLIENT_WHY_SENT;
    w.room_number = c->why.room_number;
    tell(c, &w);
}

/* --- asking --- */

static void ask_messages(struct client *c, const char *to, const uint64_t *id, size_t n)
{
    struct wire_why_ask m = {.op = WIRE_WHY_MESSAGES, .to = text_of(to), .n = (uint8_t)n};
    memcpy(m.id, id, n * sizeof *id);
    wire_put_why_ask(link_out(c->link), &m);
}

/* 1: asked; 0: it cannot be. */
static int ask_room(struct client *c, const struct vault_own *own)
{
    struct group g;
    group_start(&g, text_of(own->to));
    int r = group_read(c->o.vault, &g);
    if (r > 0) r = room_number_of(c->o.vault, text_of(own->to), own->id, &c->why.room_number);
    if (r > 0 && c->state == CLIENT_OPEN) {
        struct wire_why_ask m = {.op = WIRE_WHY_ROOM, .to = text_of(own->to), .number = c->why.room_number};
        memcpy(m.group, g.id, sizeof m.group);
        wire_put_why_ask(link_out(c->link), &m);
    } else if (r > 0) {
        r = 0;
    }
    group_free(&g);
    return r;
}

static int ask_server(struct client *c, const struct vault_own *own)
{
    bool in_room = own->kind == WIRE_TO_ROOM;
    if (in_room && (own->state != WIRE_STATE_ACCEPTED || strcasecmp(own->to, "#lobby") == 0)) return 0;
    if (in_room) return ask_room(c, own);
    if (c->state != CLIENT_OPEN || is_old(own->time_ms)) return 0;
    ask_messages(c, own->to, &own->id, 1);
    return 1;
}

/* A recipient whose keys a person has to look at: 1, and it was told. */
static int tell_trouble(struct client *c, const struct vault_own *own)
{
    struct peer p;
    char words[NAME_SIZE + 128];
    int r = peers_get(c->o.vault, text_of(own->to), &p);
    bool trouble = r > 0 && p.trouble != PEER_FINE;
    snprintf(words, sizeof words, "%s %s", p.key, trouble ? peer_trouble_words(p.trouble) : "");
    peer_free(&p);
    if (!trouble) return r < 0 ? -1 : 0;
    struct client_why w = view_of(own);
    w.state = CLIENT_WHY_TRUST;
    w.words = words;
    tell(c, &w);
    return 1;
}

/* Why it is not sealed is found out by trying. A group's waits for the log alone, or for what is ahead of it. */
static int judge_draft(struct client *c, const struct vault_own *own, bool ask)
{
    int r = own->kind == WIRE_TO_USER ? tell_trouble(c, own) : 0;
    if (r != 0) return r < 0 ? -1 : 0;
    if (!ask || c->state != CLIENT_OPEN || own->kind != WIRE_TO_USER)
        tell_local(c, own);
    else
        c->sealed.sweep = true;
    return 0;
}

static int judge(struct client *c, const struct vault_own *own, bool ask)
{
    enum client_why_state state = state_of(own);
    bool over = state == CLIENT_WHY_EXPIRED || state == CLIENT_WHY_REVOKED || state == CLIENT_WHY_REFUSED;
    if (state == CLIENT_WHY_UNSEALED) return judge_draft(c, own, ask);
    int r = over || !ask ? 0 : ask_server(c, own);
    if (r < 0) return -1;
    c->why.asked = r > 0;
    c->why.id = own->id;
    if (r == 0) tell_local(c, own);
    return 0;
}

int client_why(struct client *c, uint64_t number, bool ask)
{
    struct vault_own own;
    int r = vault_own(c->o.vault, number, &own);
    if (r == 0) return 0;
    buf_free(&c->why.rows);
    c->why = (struct why_side){.number = own.number};
    if (r > 0) r = judge(c, &own, ask) < 0 ? -1 : 1;
    if (r < 0) client_vault_failed(c);
    return r;
}

void client_why_waits(struct client *c, uint64_t number, enum client_wait why, const char *words)
{
    if (number != c->why.number || c->why.asked) return;
    struct buf b = {0};
    buf_put_u8(&b, why == CLIENT_WAIT_KEYS ? CLIENT_WHY_KEYS : CLIENT_WHY_TRUST);
    buf_put(&b, words, strlen(words) + 1);
    client_keep(c, KEPT_WHY, number, sealed_head(&b));
    buf_free(&b);
}

int client_why_step(struct client *c)
{
    struct vault_own own;
    if (c->why.number == 0 || c->why.asked) return 0;
    int r = vault_own(c->o.vault, c->why.number, &own);
    if (r <= 0 || own.draft) return r < 0 ? -1 : 0;
    return judge(c, &own, true);
}

/* --- after a login --- */

_Static_assert((int)BULK_MESSAGES <= (int)WIRE_WHY_IDS_MAX, "all may be for one recipient");

struct bulk {
    char to[BULK_PEOPLE][WIRE_NAME_MAX + 2];
    uint64_t id[BULK_PEOPLE][WIRE_WHY_IDS_MAX];
    size_t n[BULK_PEOPLE], people;
};

static void add_bulk(struct bulk *b, const struct vault_own *own)
{
    size_t i = 0;
    while (i < b->people && strcasecmp(b->to[i], own->to) != 0)
        i++;
    if (i == BULK_PEOPLE) return;
    if (i == b->people) memcpy(b->to[b->people++], own->to, sizeof own->to);
    b->id[i][b->n[i]++] = own->id;
}

int client_why_begin(struct client *c)
{
    struct bulk b = {.people = 0};
    struct vault_own own = {.number = UINT64_MAX};
    int r = 0;
    c->why.asked = false; /* it is asked again */
    for (int i = 0; i < BULK_MESSAGES && (c->o.caps & WIRE_CAP_RECEIVE); i++) {
        r = vault_own_open(c->o.vault, own.number, &own);
        if (r <= 0 || is_old(own.time_ms)) break;
        add_bulk(&b, &own);
    }
    for (size_t i = 0; i < b.people; i++)
        ask_messages(c, b.to[i], b.id[i], b.n[i]);
    return r < 0 ? -1 : 0;
}

/* --- answers --- */

/* As if the RECEIPT had come that was for nobody then. */
static int late_receipt(struct client *c, const struct wire_why_message *m, struct slice to)
{
    uint64_t number;
    bool ended = m->state == WIRE_STATE_DELIVERED || m->state == WIRE_STATE_EXPIRED || m->state == WIRE_WHY_REVOKED;
    int r = ended ? vault_receipt(c->o.vault, m->id, m->state, &number) : 0;
    if (r <= 0) return r;
    struct buf b = {0};
    wire_put_receipt(&b, &(struct wire_receipt){m->state, m->id, to});
    client_keep(c, WIRE_RECEIPT, number, sealed_slice(buf_head(&b) + WIRE_FRAME_HEAD, buf_len(&b) - WIRE_FRAME_HEAD));
    buf_free(&b);
    return 0;
}

static int take_messages(struct client *c, const struct wire_why_messages *m, struct slice payload)
{
    struct cur rows = cur_of(m->rows.data, m->rows.len);
    struct wire_why_message row;
    bool wanted = false;
    if (client_in_batch(c) < 0) return TAKE_STORE;
    while (wire_next_why_message(&rows, &row)) {
        if (late_receipt(c, &row, m->to) < 0) return TAKE_STORE;
        wanted = wanted || (c->why.asked && row.id == c->why.id);
    }
    if (wanted) client_keep(c, WIRE_WHY, c->why.number, payload);
    return 0;
}

/* Parts are put together: the rows of the last one are those of all. */
static int take_room(struct client *c, const struct wire_why_room *m)
{
    struct buf b = {0};
    if (!c->why.asked || m->number != c->why.room_number) return 0;
    buf_put(&c->why.rows, m->rows.data, m->rows.len);
    if (!m->last) return 0;
    buf_put_u8(&b, WIRE_WHY_ROOM);
    buf_put(&b, buf_head(&c->why.rows), buf_len(&c->why.rows));
    client_keep(c, WIRE_WHY, c->why.number, sealed_head(&b));
    buf_free(&b);
    return 0;
}

/* The server says no, for now or for good: what is known here is told. */
static int take_refused(struct client *c, const struct wire_keys_refused *m)
{
    const uint8_t op = WIRE_WHY_REFUSED;
    (void)m;
    if (c->why.asked) client_keep(c, WIRE_WHY, c->why.number, sealed_slice(&op, 1));
    return 0;
}

int client_take_why(struct client *c, struct slice p)
{
    struct wire_why_messages messages;
    struct wire_why_room room;
    struct wire_keys_refused no;
    switch (p.len ? p.data[0] : 0) {
    case WIRE_WHY_MESSAGES: return wire_get_why_messages(p, &messages) ? take_messages(c, &messages, p) : -1;
    case WIRE_WHY_ROOM: return wire_get_why_room(p, &room) ? take_room(c, &room) : -1;
    default: return wire_get_keys_refused(p, &no) ? take_refused(c, &no) : -1;
    }
}

/* --- answers, told --- */

static void row_of_device(struct client_why_row *row, const struct wire_why_device *d, const struct client_why *w)
{
    *row = (struct client_why_row){.device = d->device, .state = d->state, .place = d->place, .until_ms = d->until_ms,
                                   .present = w->present, .since_ms = w->since_ms};
    snprintf(row->name, sizeof row->name, "%s", w->to);
}

static void tell_messages(struct client *c, struct client_why *w, const struct wire_why_messages *m, uint64_t id)
{
    struct client_why_row row[WIRE_WHY_DEVICES_MAX];
    struct cur rows = cur_of(m->rows.data, m->rows.len);
    struct wire_why_message of;
    w->current = true;
    w->present = m->present;
    w->since_ms = m->since_ms;
    while (wire_next_why_message(&rows, &of) && of.id != id) {
    }
    for (w->n = 0; of.id == id && w->n < of.n; w->n++)
        row_of_device(&row[w->n], &of.device[w->n], w);
    if (w->state == CLIENT_WHY_OUTBOX) w->state = CLIENT_WHY_SENT;
    if (w->state == CLIENT_WHY_ACCEPTED && of.id == id && of.state == WIRE_STATE_STORED) w->state = CLIENT_WHY_STORED;
    w->row = row;
    tell(c, w);
}

/* False: oneself. */
static bool row_of_member(struct client *c, const struct client_why *w, const struct wire_why_member *m,
                          struct client_why_row *row)
{
    struct buf when = {0};
    char key[NAME_SIZE];
    if (m->name.len >= sizeof row->name) return false;
    name_fold(key, (const char *)m->name.data, m->name.len);
    *row = (struct client_why_row){.state = m->state, .role = m->role, .devices = m->devices, .waiting = m->waiting,
                                   .present = m->present, .since_ms = m->since_ms};
    memcpy(row->name, m->name.data, m->name.len);
    if (strcasecmp(row->name, c->name) == 0) return false;
    row->read = vault_get(c->o.vault, VAULT_READ_BY, text_of(key), w->number, &when) > 0;
    buf_free(&when);
    return true;
}

/* The message is where the one is who is farthest behind. */
static enum client_why_state state_in_room(const struct client_why *w)
{
    enum client_why_state state = CLIENT_WHY_DELIVERED;
    for (size_t i = 0; i < w->n; i++) {
        if (w->row[i].state == WIRE_STATE_STORED) return CLIENT_WHY_STORED;
        if (w->row[i].state == WIRE_STATE_EXPIRED) state = CLIENT_WHY_EXPIRED;
    }
    return w->n ? state : CLIENT_WHY_ACCEPTED;
}

static void tell_room(struct client *c, struct client_why *w, struct slice members)
{
    struct cur rows = cur_of(members.data, members.len);
    struct buf list = {0};
    struct wire_why_member m;
    struct client_why_row row;
    w->room_number = c->why.room_number;
    w->current = true;
    while (wire_next_why_member(&rows, &m)) {
        if (!row_of_member(c, w, &m, &row)) continue;
        buf_put(&list, &row, sizeof row);
        w->n++;
    }
    w->row = (const void *)list.data; /* nothing was taken from its front: aligned as malloc has it */
    w->state = state_in_room(w);
    tell(c, w);
    buf_free(&list);
}

void client_tell_why(struct client *c, uint64_t number, struct slice p)
{
    struct vault_own own;
    struct wire_why_messages m;
    if (number != c->why.number || vault_own(c->o.vault, number, &own) <= 0) return;
    struct client_why w = view_of(&own);
    if (p.data[0] == WIRE_WHY_MESSAGES && wire_get_why_messages(p, &m))
        tell_messages(c, &w, &m, own.id);
    else if (p.data[0] == WIRE_WHY_ROOM)
        tell_room(c, &w, sealed_slice(p.data + 1, p.len - 1));
    else
        tell_local(c, &own);
}

void client_tell_why_waits(struct client *c, uint64_t number, struct slice p)
{
    struct vault_own own;
    if (number != c->why.number || vault_own(c->o.vault, number, &own) <= 0) return;
    struct client_why w = view_of(&own);
    w.state = p.data[0];
    w.words = (const char *)p.data + 1;
    tell(c, &w);
}
