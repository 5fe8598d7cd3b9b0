/*
 * inbox.c - what a device receives: in order, within a window, from memory when it keeps up, from the
 * disk when it is absent or slow.
 *
 * Under way to a receiver are at most a window of entries. Those on disk come first, those in memory
 * after them: whenever something must go to the disk, everything in memory before it goes too. So
 * after a crash the store holds a prefix, and senders repeat the rest.
 *
 *   waiting   = rows in the store, or on the way there, that are not acknowledged
 *   n_stored  = those of them that are under way to the receiver; the others are the backlog
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "log.h"

/* A message on its way to the disk queue of one device. */
struct put {
    struct broker *broker;
    struct device *device;
    struct message *msg;
    struct entry *entry; /* NULL: not under way to a receiver (any more) */
    bool shown;          /* the receiver may have seen it: it cannot be refused any more */
    bool acked;
    struct put *next; /* retry list */
};

/*
 * What was sealed for this device. In memory a message holds the heads of all its devices, those of the
 * recipient's first; one from the store holds its own alone.
 */
static struct slice head_of(const struct device *d, const struct message *m)
{
    struct slice found = {m->bytes, m->heads ? 0 : m->head_len}, head;
    struct cur c = cur_of(m->bytes, m->head_len);
    uint64_t device;
    for (unsigned i = 0; i < m->heads && wire_next_head(&c, &device, &head); i++) {
        if (device != d->id) continue;
        found = head;
        if (d->account == m->to) break; /* another's device may have the same number */
    }
    return found;
}

static size_t size_of(const struct device *d, const struct message *m)
{
    return (m->heads ? head_of(d, m).len : m->head_len) + m->body_len;
}

/* Is it a copy of what the sender sent from another device? */
static bool is_copy(const struct device *d, const struct message *m)
{
    return d->account != m->to;
}

static void done_waiting(struct broker *b, struct device *d, const struct message *m)
{
    d->in.waiting--;
    d->in.waiting_bytes -= size_of(d, m);
    share_drop(b, d, m->from);
}

static void pop_acked(struct broker *b, struct device *d);
static void load_more(struct broker *b, struct device *d);

/* --- to the receiver --- */

static void send_entry(struct broker *b, struct device *d, const struct entry *e)
{
    const struct message *m = e->msg;
    const char *to = m->to->name;
    struct wire_deliver w = {.flags = e->state == ENTRY_MEMORY ? 0 : WIRE_FLAG_STORED,
                             .incarnation = b->incarnation,
                             .seq = e->seq,
                             .time_ms = m->time_ms,
                             .from = {(const uint8_t *)m->from->name, strlen(m->from->name)},
                             .from_device = m->from_device,
                             .id = m->id,
                             .to = {(const uint8_t *)to, strlen(to)},
                             .head = head_of(d, m),
                             .body = {m->bytes + m->head_len, m->body_len}};
    size_t at;
    wire_put_deliver(session_begin(d->in.receiver, &at), &w);
    session_end(d->in.receiver, at);
}

static struct entry *append(struct broker *b, struct device *d, struct message *m, uint8_t state, uint64_t row)
{
    struct inbox *in = &d->in;
    struct entry *e = m->own.msg ? pool_get(sizeof *e) : &m->own;
    *e = (struct entry){.msg = m, .seq = ++in->seq, .row = row, .since_ms = (uint32_t)b->loop.now_ms, .state = state};
    message_hold(m);
    *(in->last ? &in->last->next : &in->first) = e;
    in->last = e;
    in->n++;
    in->bytes += (uint32_t)size_of(d, m);
    if (state == ENTRY_STORED) in->n_stored++;
    if (!in->listed) {
        in->listed = true;
        in->next_active = b->active;
        b->active = d;
    }
    return e;
}

static bool window_open(const struct broker *b, const struct inbox *in)
{
    return in->n < b->set.limits.window_messages && in->bytes < b->set.limits.window_bytes;
}

/* --- to the disk --- */

static void stored(void *ctx, enum store_status status, uint64_t row);

static void submit(struct put *p)
{
    struct device *d = p->device;
    const struct message *m = p->msg;
    struct store_message sm = {.account = d->account->id,
                               .device = d->id,
                               .from_account = m->from->id,
                               .from_device = m->from_device,
                               .id = m->id,
                               .settled = m->sender ? route_mark(m) : 0,
                               .time_ms = m->time_ms,
                               .to = is_copy(d, m) ? m->to->id : 0,
                               .head = head_of(d, m),
                               .body = {m->bytes + m->head_len, m->body_len}};
    d->in.putting++;
    d->in.waiting++;
    d->in.waiting_bytes += size_of(d, m);
    share_add(p->broker, d, m->from);
    store_put_message(p->broker->store, &sm, stored, p);
}

static void put(struct broker *b, struct device *d, struct message *m, struct entry *e, bool shown)
{
    struct put *p = xmalloc(sizeof *p);
    *p = (struct put){.broker = b, .device = d, .msg = m, .entry = e, .shown = shown};
    message_hold(m);
    route_leaves_memory(m);
    if (e) {
        e->state = ENTRY_STORING;
        e->put = p;
        d->in.n_stored++;
        d->in.n_storing++;
    }
    submit(p);
}

/* Everything in memory goes to the disk, in order. */
static void spill(struct broker *b, struct device *d)
{
    for (struct entry *e = d->in.first; e; e = e->next)
        if (e->state == ENTRY_MEMORY) put(b, d, e->msg, e, true);
}

/* The sender is told that the recipient is absent, not that a device of its own is. */
static void note_absent(const struct device *d, struct message *m, uint8_t absent, uint64_t waiting)
{
    if (is_copy(d, m)) return;
    m->absent = absent;
    m->waiting = (uint32_t)waiting;
}

/* What was on disk has been acknowledged. */
static void say_delivered(struct broker *b, const struct device *d, const struct message *m)
{
    if (!is_copy(d, m)) route_receipt(b, m->from, m->from_device, m->id, d->account, WIRE_STATE_DELIVERED);
}

static void put_done(struct put *p)
{
    message_drop(p->msg);
    free(p);
}

static void stored_well(struct put *p, uint64_t row)
{
    struct broker *b = p->broker;
    struct device *d = p->device;
    route_durable(b, p->msg);
    if (p->entry) {
        p->entry->state = ENTRY_STORED;
        p->entry->row = row;
        d->in.n_storing--;
        d->in.row = row;
        pop_acked(b, d);
    } else if (p->acked) {
        done_waiting(b, d, p->msg);
        d->in.settling--;
        d->in.acked_row = row;
        if (d->in.row < row) d->in.row = row;
        store_ack(b->store, d->account->id, d->id, row);
        say_delivered(b, d, p->msg);
    } else {
        broker_said(b, "store", p->msg, d->account->name, p->msg->absent == 2 ? "slow" : "absent");
    }
    put_done(p);
    load_more(b, d);
}

static void disk_full(struct put *p)
{
    struct broker *b = p->broker;
    struct inbox *in = &p->device->in;
    done_waiting(b, p->device, p->msg);
    if (p->entry) { /* still under way from memory; the tick tries again */
        p->entry->state = ENTRY_MEMORY;
        in->n_stored--;
        in->n_storing--;
        route_back_in_memory(p->msg);
        put_done(p);
    } else if (p->shown) {
        in->retries++;
        route_back_in_memory(p->msg);
        p->next = b->retry;
        b->retry = p;
    } else {
        route_rejected(b, p->msg, WIRE_DISK_FULL, "the server's disk is full, the message was not stored",
                       "try again later", NULL);
        put_done(p);
    }
}

static void stored(void *ctx, enum store_status status, uint64_t row)
{
    struct put *p = ctx;
    p->device->in.putting--;
    if (status == STORE_OK)
        stored_well(p, row);
    else
        disk_full(p);
}

/* --- from the disk --- */

struct load {
    struct broker *broker;
    struct device *device;
    uint32_t number;
};

static struct message *from_row(struct broker *b, const struct store_message *r, struct account *to)
{
    struct account *from = people_by_id(b, r->from_account);
    if (!from) return NULL;
    struct message *m = pool_get(sizeof *m + r->head.len + r->body.len);
    *m = (struct message){.refs = 1,
                          .state = MSG_STORED,
                          .undelivered = 1,
                          .id = r->id,
                          .time_ms = r->time_ms,
                          .from = from,
                          .to = to,
                          .from_device = r->from_device,
                          .head_len = (uint32_t)r->head.len,
                          .body_len = (uint32_t)r->body.len};
    memcpy(m->bytes, r->head.data, r->head.len);
    memcpy(m->bytes + r->head.len, r->body.data, r->body.len);
    return m;
}

static void loaded(void *ctx, const struct store_message *rows, size_t n, bool more)
{
    struct load l = *(struct load *)ctx;
    struct inbox *in = &l.device->in;
    free(ctx);
    (void)more;
    if (l.number != in->load) return; /* for a receiver that is gone */
    in->loading = false;
    for (size_t i = 0; i < n; i++) {
        struct account *to = rows[i].to ? people_by_id(l.broker, rows[i].to) : l.device->account;
        struct message *m = to ? from_row(l.broker, &rows[i], to) : NULL;
        in->row = rows[i].row;
        if (!m) continue;
        send_entry(l.broker, l.device, append(l.broker, l.device, m, ENTRY_STORED, rows[i].row));
        message_drop(m);
    }
    if (n == 0 && in->putting) return; /* asked again when that has arrived */
    if (n == 0) { /* what was counted is not there: believe the store */
        in->waiting = in->n_stored;
        in->waiting_bytes = in->bytes;
    } else {
        load_more(l.broker, l.device);
    }
}

/*
 * Not while something is on the way to the disk that is under way already, or acknowledged: it would
 * come back from there. When that is done, load_more() is called again.
 */
static void load_more(struct broker *b, struct device *d)
{
    struct inbox *in = &d->in;
    uint64_t window = b->set.limits.window_messages;
    if (!in->receiver || !in->ready || in->loading || in->n_storing || in->settling || in->waiting <= in->n_stored ||
        in->n > window / 2 || !window_open(b, in))
        return;
    struct load *l = xmalloc(sizeof *l);
    *l = (struct load){b, d, in->load};
    in->loading = true;
    store_load(b->store, d->account->id, d->id, in->row, window - in->n,
               b->set.limits.window_bytes - in->bytes, loaded, l);
}

/* --- in --- */

static bool keeps_up(const struct inbox *in)
{
    return in->receiver && in->ready && !in->loading && !in->retries && in->waiting == in->n_stored;
}

bool inbox_refuses(const struct broker *b, const struct inbox *in)
{
    return !(keeps_up(in) && window_open(b, in)) && (b->disk_low || in->retries);
}

void inbox_push(struct broker *b, struct device *d, struct message *m)
{
    struct inbox *in = &d->in;
    if (keeps_up(in) && window_open(b, in)) {
        send_entry(b, d, append(b, d, m, ENTRY_MEMORY, 0));
        broker_said(b, "route", m, d->account->name, "sent");
        return;
    }
    if (b->disk_low || in->retries) {
        route_leaves_memory(m);
        route_rejected(b, m, WIRE_DISK_FULL, "the server's disk is nearly full, the message was not stored",
                       "try again later", NULL);
        return;
    }
    spill(b, d);
    put(b, d, m, NULL, m->shared);
    note_absent(d, m, in->receiver ? 2 : 1, in->waiting);
}

/* --- acknowledged --- */

static void drop_first(struct device *d)
{
    struct inbox *in = &d->in;
    struct entry *e = in->first;
    in->first = e->next;
    if (!in->first) in->last = NULL;
    in->n--;
    struct message *m = e->msg;
    in->bytes -= (uint32_t)size_of(d, m);
    if (e == &m->own)
        e->msg = NULL;
    else
        pool_put(e, sizeof *e);
    message_drop(m);
}

/* One on the way to the disk must arrive there first: its row is not known yet. */
static void pop_acked(struct broker *b, struct device *d)
{
    struct inbox *in = &d->in;
    uint64_t row = 0;
    while (in->first && in->first->seq <= in->acked_seq && in->first->state != ENTRY_STORING) {
        struct entry *e = in->first;
        __builtin_prefetch(e->next); /* thousands are under way: it has left the caches */
        if (e->state == ENTRY_STORED) {
            row = e->row;
            in->n_stored--;
            done_waiting(b, d, e->msg);
            route_delivered(b, d, e->msg, true);
            say_delivered(b, d, e->msg);
        } else {
            route_leaves_memory(e->msg);
            route_delivered(b, d, e->msg, false);
        }
        drop_first(d);
    }
    if (row) {
        in->acked_row = row;
        store_ack(b->store, d->account->id, d->id, row);
    }
}

void inbox_ack(struct broker *b, struct device *d, uint64_t incarnation, uint64_t seq)
{
    struct inbox *in = &d->in;
    if (incarnation != b->incarnation || seq > in->seq || seq <= in->acked_seq) return;
    in->acked_seq = seq;
    pop_acked(b, d);
    load_more(b, d);
}

/* --- coming and going --- */

void inbox_attach(struct broker *b, struct device *d, struct session *s)
{
    (void)b;
    d->in.receiver = s;
    d->in.ready = false;
    d->in.loading = false;
    d->in.load++;
}

void inbox_hold(struct device *d)
{
    d->in.ready = d->in.loading = false;
    d->in.load++; /* what is being loaded is loaded again */
}

void inbox_resend(struct broker *b, struct device *d, const struct wire_resume *r)
{
    d->in.ready = true;
    inbox_ack(b, d, r->incarnation, r->seq);
    for (struct entry *e = d->in.first; e; e = e->next)
        send_entry(b, d, e);
    load_more(b, d);
}

/* What is under way goes to the disk, except what has been acknowledged behind a slow put. */
static void leave_entry(struct broker *b, struct device *d, struct entry *e)
{
    bool acked = e->seq <= d->in.acked_seq;
    if (e->state == ENTRY_STORING) {
        e->put->entry = NULL;
        e->put->acked = acked;
        if (acked) d->in.settling++;
    } else if (e->state == ENTRY_MEMORY && acked) {
        route_leaves_memory(e->msg);
        route_delivered(b, d, e->msg, false);
    } else if (e->state == ENTRY_MEMORY) {
        put(b, d, e->msg, NULL, true);
        note_absent(d, e->msg, 1, d->in.waiting);
    }
}

void inbox_detach(struct broker *b, struct device *d)
{
    struct inbox *in = &d->in;
    while (in->first) {
        leave_entry(b, d, in->first);
        drop_first(d);
    }
    in->n_stored = in->n_storing = 0;
    in->receiver = NULL;
    in->ready = in->loading = false;
    in->load++;
    in->row = in->acked_row;
}

/* --- now and then --- */

static void retry(struct broker *b)
{
    struct put *list = b->retry, *in_order = NULL;
    b->retry = NULL;
    while (list) { /* it was gathered backwards */
        struct put *next = list->next;
        list->next = in_order;
        in_order = list;
        list = next;
    }
    while (in_order) {
        struct put *p = in_order;
        in_order = p->next;
        p->device->in.retries--;
        route_leaves_memory(p->msg);
        submit(p);
    }
}

/* A receiver that does not answer: its messages become durable, and their senders are told so. */
static void spill_old(struct broker *b, struct device *d)
{
    const struct entry *e = d->in.first;
    while (e && e->state != ENTRY_MEMORY)
        e = e->next;
    if (!e || (uint32_t)b->loop.now_ms - e->since_ms < BROKER_SPILL_MS || b->disk_low) return;
    uint32_t waiting = (uint32_t)d->in.waiting;
    for (struct entry *m = d->in.first; m; m = m->next) {
        if (m->state == ENTRY_MEMORY) note_absent(d, m->msg, 2, ++waiting);
    }
    spill(b, d);
}

void inbox_tick(struct broker *b)
{
    struct device *d = b->active;
    b->active = NULL;
    while (d) {
        struct device *next = d->in.next_active;
        spill_old(b, d);
        d->in.listed = d->in.first != NULL;
        if (d->in.listed) {
            d->in.next_active = b->active;
            b->active = d;
        }
        d = next;
    }
    if (b->retry && !b->disk_low) retry(b);
}
