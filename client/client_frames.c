/*
 * client_frames.c - what the server says. One turn's frames are one batch:
 *
 *   take    decode, apply to the store inside one transaction, keep for telling
 *   commit  the transaction
 *   ack     the places reached, and that refusals are known
 *   tell    the events, from the kept payloads (client_tell.c)
 *
 * A process killed before the commit gets everything again; killed after it, it finds in the
 * store's history what it did not show. RESYNC cuts a batch in two. Every frame has one row in the
 * table at the end.
 */
#include "client_private.h"

#include <limits.h>
#include <string.h>

/* Opens the transaction when the first frame needs it. */
int client_in_batch(struct client *c)
{
    if (!c->in_batch && vault_begin(c->o.vault) < 0) return -1;
    c->in_batch = true;
    return 0;
}

void client_drop_batch(struct client *c)
{
    if (c->in_batch) vault_rollback(c->o.vault);
    c->settled_upto = c->told_upto;
    c->in_batch = c->moved = c->ack_direct = c->ack_settled = false;
    c->room_unread = 0;
    c->flight_bytes = 0;
    c->pinged_at = 0;
    c->fill.before = 0;
    buf_free(&c->told);
}

/* --- taking --- */

static int end_batch(struct client *c);

/* What is in the outbox may have new ids now, above those that the server knows already. */
static int outrun(struct client *c, uint64_t last_id)
{
    struct wire_resume r;
    int moved = vault_outrun(c->o.vault, last_id);
    if (moved < 0 || vault_resume(c->o.vault, &r) < 0) return -1;
    /* Not moved: another process may have settled something since LOGIN was written. */
    if (moved == 0) return client_tell_settled(c, r.next_id - 1);
    c->settled_upto = c->sent_upto = r.next_id - 1;
    return 0;
}

static int take_welcome(struct client *c, struct slice p)
{
    struct wire_welcome m;
    if (c->state != CLIENT_LOGIN || !wire_get_welcome(p, &m) || m.name.len > WIRE_NAME_MAX ||
        m.last_id > INT64_MAX - VAULT_LEAP)
        return -1;
    memcpy(c->name, m.name.data, m.name.len);
    c->name[m.name.len] = '\0';
    c->state = CLIENT_OPEN;
    c->failures = c->gaps;
    c->bad_logins = 0;
    if (outrun(c, m.last_id) < 0) return TAKE_STORE;
    if (m.lobby_head == 0 && c->place.lobby == WIRE_NEWCOMER && (c->o.caps & WIRE_CAP_LOBBY)) {
        c->place.lobby = 0; /* there is no backlog: what comes later is not one either */
        c->moved = true;
    }
    if (c->away) client_set_away(c, true, c->away);
    client_keep(c, WIRE_WELCOME, 0, p);
    client_files_begin(c);
    return client_sealed_begin(c) < 0 || client_groups_begin(c) < 0 || client_class_begin(c) < 0 || client_why_begin(c) < 0
               ? TAKE_STORE
               : 0;
}

static int take_error(struct client *c, struct slice p)
{
    static const uint16_t final[] = {WIRE_NAME_TAKEN, WIRE_NAME_INVALID, WIRE_NOT_ON_ROSTER,
                                     WIRE_ELSEWHERE,  WIRE_REVOKED,      WIRE_BANNED};
    struct wire_error m;
    char text[256];
    if (!wire_get_error(p, &m)) return -1;
    size_t n = m.text.len < sizeof text - 1 ? m.text.len : sizeof text - 1;
    memcpy(text, m.text.data, n);
    text[n] = '\0';
    bool over = m.code == WIRE_BAD_LOGIN && ++c->bad_logins >= CLIENT_LOGIN_TRIES;
    for (size_t i = 0; i < sizeof final / sizeof *final; i++)
        over = over || m.code == final[i];
    if (end_batch(c) < 0 || !c->link) return TAKE_OVER;
    if (over)
        client_fail(c, wire_code_name(m.code), text, NULL);
    else
        client_lost(c, wire_code_name(m.code), text, m.retry_ms);
    return TAKE_OVER;
}

static int take_pong(struct client *c, struct slice p)
{
    uint64_t token;
    (void)c;
    return wire_get_ping(p, &token) ? 0 : -1;
}

/* Ids in the outbox have no gaps, so first and number say which these were. */
static void settled(struct client *c, const struct vault_settled *gone)
{
    uint64_t last = gone->first + gone->n - 1;
    c->flight_bytes -= gone->bytes < c->flight_bytes ? gone->bytes : c->flight_bytes;
    if (last > c->settled_upto) c->settled_upto = last;
    if (last > c->sent_upto) c->sent_upto = last; /* another process had sent it */
    client_sealed_settled(c);
}

/* Another process of ours has settled something: what it was is in the store. */
static int tell_of_others(struct client *c)
{
    struct wire_resume r;
    if (vault_resume(c->o.vault, &r) < 0 || client_tell_settled(c, r.next_id - 1) < 0) return TAKE_STORE;
    if (c->sent_upto < c->settled_upto) c->sent_upto = c->settled_upto;
    return 0;
}

static int take_accepted(struct client *c, struct slice p)
{
    struct wire_accepted m;
    struct vault_settled gone;
    struct buf numbers = {0};
    if (!wire_get_accepted(p, &m)) return -1;
    if (client_in_batch(c) < 0 || vault_settle(c->o.vault, m.id, m.state, &gone, &numbers) < 0)
        return TAKE_STORE;
    if (gone.n == 0) return tell_of_others(c); /* a repeat, or another process was faster */
    int r = client_tell_settled(c, gone.first - 1);
    settled(c, &gone);
    struct cur cur = cur_of(buf_head(&numbers), buf_len(&numbers));
    while (r == 0 && cur.p != cur.end) {
        uint64_t number = cur_u64(&cur);
        if (number) client_keep(c, WIRE_ACCEPTED, number, p);
    }
    buf_free(&numbers);
    return r < 0 ? TAKE_STORE : 0;
}

/* Sealed for others than there are: sealed anew, under its number, when the list, or the group's log, is known. */
static bool to_seal_anew(struct client *c, const struct wire_rejected *m)
{
    struct vault_out out;
    return (m->code == WIRE_DEVICES_CHANGED || m->code == WIRE_LOG_CHANGED) && vault_next(c->o.vault, m->id - 1, &out) > 0 &&
           out.id == m->id && out.content.len > 0;
}

static int take_rejected(struct client *c, struct slice p)
{
    struct wire_rejected m;
    struct vault_settled gone;
    uint64_t number = 0;
    if (!wire_get_rejected(p, &m) || m.id == 0) return -1;
    if (client_in_batch(c) < 0) return TAKE_STORE;
    bool anew = to_seal_anew(c, &m);
    int r = anew ? vault_recall(c->o.vault, m.id, &gone)
                 : vault_reject(c->o.vault, m.id, m.code, &gone, &number);
    if (r < 0) return TAKE_STORE;
    c->ack_settled = true; /* also a repeat: the server says it until it hears this */
    if (gone.n == 0) return tell_of_others(c);
    if (client_tell_settled(c, m.id - 1) < 0) return TAKE_STORE;
    settled(c, &gone);
    if (number) client_keep(c, WIRE_REJECTED, number, p);
    if (anew) r = m.code == WIRE_LOG_CHANGED ? client_room_outdated(c, m.subject) : client_stale(c, m.subject);
    return r < 0 ? TAKE_STORE : 0;
}

static int take_receipt(struct client *c, struct slice p)
{
    struct wire_receipt m;
    uint64_t number;
    if (!wire_get_receipt(p, &m)) return -1;
    int r = client_in_batch(c) < 0 ? -1 : vault_receipt(c->o.vault, m.id, m.state, &number);
    if (r > 0) client_keep(c, WIRE_RECEIPT, number, p);
    return r < 0 ? TAKE_STORE : 0;
}

static bool is_lobby(const struct wire_deliver *m)
{
    return m->to.len == 6 && memcmp(m->to.data, "#lobby", 6) == 0;
}

static int take_room(struct client *c, const struct wire_deliver *m)
{
    if (c->place.lobby == WIRE_NEWCOMER || m->seq > c->place.lobby) c->place.lobby = m->seq;
    if (c->room_unread++ == 0) c->room_due = client_now(c) + CLIENT_ROOM_ACK_MS;
    return 0;
}

/*
 * A number left out means that something was lost on the way, and acknowledging what came would
 * lose it for ever: dial again instead. After login and RESYNC the stream may start anywhere.
 */
static int take_direct(struct client *c, const struct wire_deliver *m)
{
    bool same = m->incarnation == c->place.incarnation;
    if (same && !c->loose && m->seq > c->place.seq + 1) {
        c->gaps++;
        if (end_batch(c) == 0 && c->link)
            client_lost(c, "lost", "messages were missing from the stream", 0);
        return TAKE_OVER;
    }
    if (!c->loose) c->gaps = 0;
    c->loose = false;
    if (!same || m->seq > c->place.seq) {
        c->place.incarnation = m->incarnation;
        c->place.seq = m->seq;
    }
    c->ack_direct = true;
    return 0;
}

/* A message of this device in a room goes by its number, as far as the store still knows it. */
int client_keep_room(struct client *c, struct wire_deliver *m)
{
    uint64_t row, number = 0;
    int state, known = client_own(c, m) ? vault_state(c->o.vault, m->id, &state, &number) : 0;
    if (known > 0 && number) m->id = number;
    if (known < 0 || vault_record(c->o.vault, m, VAULT_PLAIN, &row) < 0) return TAKE_STORE;
    client_keep_message(c, row, VAULT_PLAIN, m);
    return 0;
}

static int take_deliver(struct client *c, struct slice p)
{
    struct wire_deliver m;
    if (!wire_get_deliver(p, &m) || m.from.len > WIRE_NAME_MAX || m.to.len > WIRE_NAME_MAX + 1)
        return -1;
    bool room = m.flags & WIRE_FLAG_ROOM;
    if (room && !is_lobby(&m))
        return name_valid_room((const char *)m.to.data, m.to.len, NULL) ? client_take_room(c, &m) : -1;
    if (room && client_fills(c, &m)) return client_take_fill(c, &m);
    int r = room ? take_room(c, &m) : take_direct(c, &m);
    if (r < 0) return r;
    if (client_in_batch(c) < 0) return TAKE_STORE;
    c->moved = true;
    r = vault_hear(c->o.vault, &m);
    if (r <= 0) return r < 0 ? TAKE_STORE : 0;
    return room ? client_keep_room(c, &m) : client_take_direct(c, &m);
}

static int take_presence(struct client *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    struct wire_changes changes;
    struct wire_about about;
    struct wire_person person;
    uint16_t count;
    bool last;
    int r;
    if (p.len == 0) return -1;
    switch (p.data[0]) {
    case WIRE_PRESENCE_CHANGES: r = wire_get_changes(p, &changes) ? 0 : -1; break;
    case WIRE_PRESENCE_ABOUT: r = wire_get_about(p, &about) ? 0 : -1; break;
    default:
        r = wire_list_head(&cur, &last, &count) ? 1 : -1;
        while (r > 0)
            r = wire_list_next(&cur, &count, &person);
    }
    if (r == 0) client_keep(c, WIRE_PRESENCE, 0, p);
    return r;
}

static int take_group(struct client *c, struct slice p)
{
    struct wire_group m;
    if (p.len && p.data[0] >= WIRE_GROUP_NO) return client_take_group(c, p);
    if (!wire_get_group(p, &m)) return -1;
    client_keep(c, WIRE_GROUP, 0, p);
    return 0;
}

/* --- the batch --- */

static int commit(struct client *c)
{
    if (c->moved && (client_in_batch(c) < 0 || vault_place(c->o.vault, &c->place) < 0)) return -1;
    if (c->in_batch && vault_commit(c->o.vault) < 0) return -1;
    c->in_batch = c->moved = false;
    return 0;
}

/* Confirms refusals: until then the server takes nothing that comes after them. */
static int ack_settled(struct client *c)
{
    struct wire_resume r;
    if (!c->ack_settled) return 0;
    c->ack_settled = false;
    if (vault_resume(c->o.vault, &r) < 0) return -1;
    wire_put_ack(link_out(c->link),
                 &(struct wire_ack){.kind = WIRE_ACK_SETTLED, .seq = r.next_id - 1});
    return 0;
}

/*
 * Nobody waits for it: it only moves the window, so many messages share one. That is what makes a large
 * room cheap for the server.
 */
void client_ack_room(struct client *c)
{
    uint32_t many = c->window / 2 < CLIENT_ROOM_ACK ? c->window / 2 : CLIENT_ROOM_ACK;
    bool rides = buf_len(link_out(c->link)) > 0;
    if (c->room_unread == 0 || (c->room_unread < many && !rides && client_now(c) < c->room_due)) return;
    const struct wire_ack m = {
        .kind = WIRE_TO_ROOM, .seq = c->place.lobby, .room = {(const uint8_t *)"#lobby", 6}};
    wire_put_ack(link_out(c->link), &m);
    c->room_unread = 0;
}

/* -1 when the store failed. */
static int ack(struct client *c)
{
    if (c->state != CLIENT_OPEN) return 0;
    struct wire_ack m = {
        .kind = WIRE_TO_USER, .incarnation = c->place.incarnation, .seq = c->place.seq};
    if (c->ack_direct) wire_put_ack(link_out(c->link), &m);
    c->ack_direct = false;
    client_ack_room(c);
    client_groups_ack(c);
    return ack_settled(c);
}

/* 0; -1 when the store failed: nothing is told. */
static int end_batch(struct client *c)
{
    if (commit(c) < 0 || ack(c) < 0) {
        client_vault_failed(c);
        return -1;
    }
    c->told_upto = c->settled_upto;
    client_tell_kept(c);
    return 0;
}

/* The server, or something on the way, has forgotten what was under way. */
static int take_resync(struct client *c, struct slice p)
{
    uint64_t incarnation, token;
    struct wire_resume r;
    if (!wire_get_resync(p, &incarnation, &token)) return -1;
    if (end_batch(c) < 0 || c->state != CLIENT_OPEN) return TAKE_OVER;
    link_forget_parts(c->link);
    if (client_begin_stream(c, &r) < 0) return TAKE_OVER;
    if (!(c->o.caps & WIRE_CAP_LOBBY)) r.lobby_seen = WIRE_NOT_IN_LOBBY;
    wire_put_resume(link_out(c->link), &r, token);
    if (c->away) client_set_away(c, true, c->away);
    client_files_begin(c);
    return client_sealed_begin(c) < 0 || client_groups_begin(c) < 0 || client_why_begin(c) < 0 ? TAKE_STORE : 0;
}

int client_begin_stream(struct client *c, struct wire_resume *r)
{
    if (vault_resume(c->o.vault, r) < 0 || client_tell_settled(c, r->next_id - 1) < 0) {
        client_vault_failed(c);
        return -1;
    }
    c->place = (struct vault_place){r->incarnation, r->seq, r->lobby_seen};
    c->loose = true;
    c->more = true;
    c->sent_upto = r->next_id - 1;
    c->flight_bytes = 0;
    return 0;
}

/* --- own messages that another process settled --- */

/* Kept as if the server had said so: telling at once could be inside a transaction. */
static void keep_state(struct client *c, uint64_t number, int state)
{
    struct buf b = {0};
    uint8_t type = state >= VAULT_REJECTED ? WIRE_REJECTED : WIRE_ACCEPTED;
    if (type == WIRE_REJECTED)
        wire_put_rejected(&b, &(struct wire_rejected){.code = (uint16_t)(state - VAULT_REJECTED)});
    else
        wire_put_accepted(&b, &(struct wire_accepted){.state = (uint8_t)state});
    client_keep(c, type, number,
                (struct slice){buf_head(&b) + WIRE_FRAME_HEAD, buf_len(&b) - WIRE_FRAME_HEAD});
    buf_free(&b);
}

int client_tell_settled(struct client *c, uint64_t upto)
{
    while (c->settled_upto < upto) {
        uint64_t number = 0;
        int state = 0, r = vault_state(c->o.vault, c->settled_upto + 1, &state, &number);
        if (r < 0) return -1;
        c->settled_upto++;
        if (r > 0 && number && state != VAULT_WAITING) keep_state(c, number, state);
    }
    if (c->settled_upto >= c->sent_upto) c->flight_bytes = 0;
    return 0;
}

int client_sync_settled(struct client *c)
{
    struct wire_resume r;
    if (vault_resume(c->o.vault, &r) < 0 || client_tell_settled(c, r.next_id - 1) < 0) {
        client_vault_failed(c);
        return -1;
    }
    c->told_upto = c->settled_upto;
    client_tell_kept(c);
    return 0;
}

/* --- the table --- */

static const struct handler {
    uint8_t type;
    int (*take)(struct client *c, struct slice payload);
} handlers[] = {
    {WIRE_WELCOME, take_welcome}, {WIRE_ERROR, take_error},       {WIRE_PONG, take_pong},
    {WIRE_RESYNC, take_resync},   {WIRE_ACCEPTED, take_accepted}, {WIRE_REJECTED, take_rejected},
    {WIRE_DELIVER, take_deliver}, {WIRE_RECEIPT, take_receipt},   {WIRE_PRESENCE, take_presence},
    {WIRE_GROUP, take_group},     {WIRE_HISTORY, client_take_history},   {WIRE_KEYS, client_take_keys},
    {WIRE_LIST, client_take_list},       {WIRE_MODERATE, client_take_moderate},
    {WIRE_ADMIT, client_take_admit},     {WIRE_ROSTER, client_take_roster},
    {WIRE_WHY, client_take_why},         {WIRE_BLOB, client_take_blob},
    {WIRE_DATA, client_take_data},
};

static const struct handler *handler_of(uint8_t type)
{
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        if (handlers[i].type == type) return &handlers[i];
    return NULL;
}

static int take_frame(struct client *c, const struct wire_frame *f)
{
    const struct handler *h = handler_of(f->type);
    bool any_time = f->type == WIRE_ERROR || f->type == WIRE_WELCOME;
    if (c->state != CLIENT_OPEN && !any_time) return -1;
    if (!h) return wire_row(f->type)->from & WIRE_SERVER ? 0 : -1; /* of no use here */
    return h->take(c, f->payload);
}

void client_take(struct client *c)
{
    struct wire_frame f;
    unsigned n = 0, most = c->o.turn_frames ? c->o.turn_frames : UINT_MAX;
    int r = 0;
    for (c->unread = false; r == 0 && c->link && !c->unread && link_frame(c->link, &f) > 0; c->unread = ++n == most) {
        c->heard_at = client_now(c);
        c->pinged_at = 0;
        if (c->state != CLIENT_LEAVING) r = take_frame(c, &f);
    }
    if (r == TAKE_OVER) return;
    if (r == TAKE_STORE) {
        client_vault_failed(c);
        return;
    }
    if (end_batch(c) < 0) return;
    if (r < 0 && c->link) client_lost(c, "lost", "the server broke the protocol", 0);
}
