/*
 * client_tell.c - events: kept as raw payloads while a batch is taken, told once it is committed.
 * Each was decoded when it was taken, so decoding it again cannot fail.
 */
#include "client_private.h"

#include <string.h>

/* What take found out and tell needs: a history row, a first id. */
struct kept {
    uint8_t type;
    uint64_t extra;
    uint32_t len;
};

void client_keep(struct client *c, uint8_t type, uint64_t extra, struct slice payload)
{
    const struct kept k = {type, extra, (uint32_t)payload.len};
    buf_put(&c->told, &k, sizeof k);
    buf_put(&c->told, payload.data, payload.len);
}

static void tell_welcome(struct client *c, uint64_t extra, struct slice p)
{
    struct wire_welcome m;
    (void)extra;
    if (wire_get_welcome(p, &m))
        client_tell(c, &(struct client_event){CLIENT_CONNECTED, .welcome = &m});
}

static void tell_accepted(struct client *c, uint64_t first, struct slice p)
{
    struct wire_accepted m;
    if (wire_get_accepted(p, &m))
        client_tell(c, &(struct client_event){CLIENT_ACCEPTED, .accepted = {&m, first}});
}

static void tell_rejected(struct client *c, uint64_t extra, struct slice p)
{
    struct wire_rejected m;
    (void)extra;
    if (wire_get_rejected(p, &m))
        client_tell(c, &(struct client_event){CLIENT_REJECTED, .rejected = &m});
}

static void tell_receipt(struct client *c, uint64_t extra, struct slice p)
{
    struct wire_receipt m;
    (void)extra;
    if (wire_get_receipt(p, &m))
        client_tell(c, &(struct client_event){CLIENT_RECEIPT, .receipt = &m});
}

static void tell_deliver(struct client *c, uint64_t row, struct slice p)
{
    struct wire_deliver m;
    if (!wire_get_deliver(p, &m)) return;
    bool own = m.from_device == c->o.identity->device && m.from.len == strlen(c->name) &&
               memcmp(m.from.data, c->name, m.from.len) == 0;
    client_tell(c, &(struct client_event){CLIENT_MESSAGE, .message = {&m, row, own}});
}

static void tell_list(struct client *c, struct slice p)
{
    struct cur cur = cur_of(p.data, p.len);
    struct wire_person person;
    uint16_t count;
    bool last;
    if (!wire_list_head(&cur, &last, &count)) return;
    while (wire_list_next(&cur, &count, &person) > 0)
        client_tell(c, &(struct client_event){CLIENT_PERSON, .person = &person});
    if (last) client_tell(c, &(struct client_event){.type = CLIENT_LIST_END});
}

static void tell_presence(struct client *c, uint64_t extra, struct slice p)
{
    struct wire_changes changes;
    struct wire_about about;
    (void)extra;
    if (p.data[0] == WIRE_PRESENCE_LIST)
        tell_list(c, p);
    else if (wire_get_changes(p, &changes))
        client_tell(c, &(struct client_event){CLIENT_CHANGES, .changes = &changes});
    else if (wire_get_about(p, &about))
        client_tell(c, &(struct client_event){CLIENT_ABOUT, .about = &about});
}

static void tell_group(struct client *c, uint64_t extra, struct slice p)
{
    struct wire_group m;
    (void)extra;
    if (wire_get_group(p, &m)) client_tell(c, &(struct client_event){CLIENT_GROUP, .group = &m});
}

static const struct teller {
    uint8_t type;
    void (*tell)(struct client *c, uint64_t extra, struct slice payload);
} tellers[] = {
    {WIRE_WELCOME, tell_welcome}, {WIRE_ACCEPTED, tell_accepted}, {WIRE_REJECTED, tell_rejected},
    {WIRE_DELIVER, tell_deliver}, {WIRE_RECEIPT, tell_receipt},   {WIRE_PRESENCE, tell_presence},
    {WIRE_GROUP, tell_group},
};

static void tell_one(struct client *c, const struct kept *k, struct slice payload)
{
    for (size_t i = 0; i < sizeof tellers / sizeof *tellers; i++)
        if (tellers[i].type == k->type) tellers[i].tell(c, k->extra, payload);
}

/* A callback may end the connection; the events of a committed batch are told all the same. */
void client_tell_kept(struct client *c)
{
    struct buf told = c->told;
    c->told = (struct buf){0};
    while (buf_len(&told)) {
        struct kept k;
        memcpy(&k, buf_head(&told), sizeof k);
        buf_drop(&told, sizeof k);
        /* buf_drop() of everything moves the start; an empty payload needs no bytes. */
        const struct slice p = {k.len ? buf_head(&told) : (const uint8_t *)"", k.len};
        tell_one(c, &k, p);
        buf_drop(&told, k.len);
    }
    buf_free(&told);
}
