/*
 * refuse.c - refusals that a client has not confirmed, and what waits behind them.
 *
 * A REJECTED can be lost with a worker or a connection. Its message comes again then, and must not
 * be called accepted: so refusals are kept, and said again, until the client has confirmed that its
 * store knows (ACK, RESUME, LOGIN). They can be lost with this broker, too; the next one judges the
 * message anew. That it may do only when nothing later was taken: so later messages wait here
 * (route.c).
 */
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "log.h"

enum {
    REFUSED_MAX = 1024, /* unconfirmed ones of a device; then even what would be refused waits */
    HELD_MAX = 1024,    /* messages that wait behind them: what a client may have under way */
    HELD_BYTES_MAX = 1 << 20,
};

/* --- refusals --- */

/* Few devices ever have any: memory is taken for the first, and given back with the last. */
static void give_back(struct outbox *out)
{
    if (out->refusals->to || out->refusals->held) return;
    free(out->refusals);
    out->refusals = NULL;
}

void refuse_note(struct outbox *out, uint64_t id)
{
    if (!out->refusals) out->refusals = xcalloc(1, sizeof *out->refusals);
    struct refusals *r = out->refusals;
    if (!r->from || id < r->from) r->from = id;
    if (id > r->to) r->to = id;
    r->n++;
}

bool refuse_more(const struct outbox *out)
{
    return !out->refusals || out->refusals->n < REFUSED_MAX;
}

/* What was refused is said again without it. */
static struct message *without_text(struct message *m)
{
    struct message *bare = pool_get(sizeof *bare);
    *bare = *m;
    bare->head_len = bare->body_len = 0;
    bare->heads = 0;
    pool_put(m, sizeof *m + m->head_len + m->body_len);
    return bare;
}

void refuse_keep(struct outbox *out, struct message *m)
{
    struct refusals *r = out->refusals;
    if (m->refs == 1) m = without_text(m);
    m->next_out = NULL;
    *(r->told ? &r->last_told->next_out : &r->told) = m;
    r->last_told = m;
}

/* A client cannot know what it was not told: what is unsettled here stays unconfirmed. */
void refuse_confirm(struct outbox *out, uint64_t next_id)
{
    struct refusals *r = out->refusals;
    if (!r) return;
    uint64_t unsettled = out->first ? out->first->id : out->taken + 1;
    if (next_id > unsettled) next_id = unsettled;
    while (r->told && r->told->id < next_id) {
        struct message *m = r->told;
        r->told = m->next_out;
        r->n--;
        message_drop(m);
    }
    if (next_id > r->to)
        r->from = r->to = 0;
    else if (next_id > r->from)
        r->from = next_id;
    give_back(out);
}

void refuse_tell_again(struct session *s, uint64_t next_id)
{
    const struct refusals *r = s->device->out.refusals;
    uint64_t told = next_id - 1;
    for (const struct message *m = r ? r->told : NULL; m; m = m->next_out) {
        if (m->id < next_id) continue;
        size_t at;
        struct buf *to = session_begin(s, &at);
        struct wire_accepted a = {.id = m->id - 1, .state = WIRE_STATE_ACCEPTED};
        if (a.id > told) wire_put_accepted(to, &a); /* they were settled in order */
        buf_put(to, buf_head(m->rejection), buf_len(m->rejection));
        session_end(s, at);
        told = m->id;
    }
}

/* --- what waits --- */

static struct slice copy(uint8_t **at, struct slice s)
{
    struct slice c = {*at, s.len};
    if (s.len) memcpy(*at, s.data, s.len);
    *at += s.len;
    return c;
}

bool refuse_hold(struct outbox *out, const struct wire_send *m, bool receives)
{
    struct refusals *r = out->refusals;
    if (r->n_held >= HELD_MAX || r->held_bytes >= HELD_BYTES_MAX) return false;
    struct held *h = xmalloc(sizeof *h + m->to.len + m->head_bytes.len + m->body.len);
    uint8_t *at = h->bytes;
    *h = (struct held){.receives = receives, .m = {.id = m->id, .kind = m->kind, .heads = m->heads}};
    h->m.to = copy(&at, m->to);
    h->m.head_bytes = copy(&at, m->head_bytes);
    h->m.body = copy(&at, m->body);
    *(r->held ? &r->last_held->next : &r->held) = h;
    r->last_held = h;
    r->n_held++;
    r->held_bytes += m->body.len;
    return true;
}

void refuse_drop(struct outbox *out)
{
    struct refusals *r = out->refusals;
    struct held *h = r->held;
    r->held = h->next;
    r->n_held--;
    r->held_bytes -= h->m.body.len;
    free(h);
    give_back(out);
}

void refuse_drop_all(struct outbox *out)
{
    while (refuse_held(out))
        refuse_drop(out);
}
