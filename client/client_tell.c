/*
 * client_tell.c - events: kept as raw payloads while a batch is taken, told once it is committed.
 * Each was decoded when it was taken, so decoding it again cannot fail.
 */
#include "client_private.h"

#include <stdio.h>
#include <string.h>

#include "packed.h"

/* What take found out and tell needs. */
struct kept {
    uint8_t type, what; /* what: enum vault_how, client_wait, client_note */
    uint64_t extra;     /* a history row, the number of an own message */
    uint32_t len;
};

static void keep(struct client *c, const struct kept *k, const void *data)
{
    buf_put(&c->told, k, sizeof *k);
    buf_put(&c->told, data, k->len);
}

void client_keep(struct client *c, uint8_t type, uint64_t extra, struct slice payload)
{
    keep(c, &(struct kept){type, 0, extra, (uint32_t)payload.len}, payload.data);
}

void client_keep_message(struct client *c, uint64_t row, enum vault_how how,
                         const struct wire_deliver *m)
{
    struct buf b = {0};
    packed_put(&b, m);
    keep(c, &(struct kept){KEPT_MESSAGE, (uint8_t)how, row, (uint32_t)buf_len(&b)}, buf_head(&b));
    sealed_buf_wipe(&b);
}

void client_keep_words(struct client *c, uint8_t type, uint64_t number, uint8_t what,
                       const char *name, enum peer_trouble trouble)
{
    char words[2 * NAME_SIZE + 128];
    int n = snprintf(words, sizeof words, "%s", name) + 1;
    char *at = words + n;
    size_t room = sizeof words - (size_t)n;
    if (type == KEPT_WAITS && what == CLIENT_WAIT_KEYS)
        n += snprintf(at, room, "waits for %s's keys", name);
    else if (type == KEPT_NOTE && what == CLIENT_NOTE_RESET)
        n += snprintf(at, room, "%s has begun a new conversation: restored from a copy, or cloned", name);
    else
        n += snprintf(at, room, "%s %s", name, peer_trouble_words(trouble));
    keep(c, &(struct kept){type, what, number, (uint32_t)n + 1}, words);
    if (type == KEPT_WAITS) client_why_waits(c, number, (enum client_wait)what, at);
}

void client_keep_group_note(struct client *c, const struct group *g)
{
    char words[2 * NAME_SIZE + 128];
    int n = snprintf(words, sizeof words, "%s", g->key) + 1;
    n += snprintf(words + n, sizeof words - (size_t)n,
                  "the log of %s holds what its rules do not allow; nothing is sent to it any more", g->key);
    keep(c, &(struct kept){KEPT_NOTE, CLIENT_NOTE_GROUP, 0, (uint32_t)n + 1}, words);
}

void client_keep_device(struct client *c, enum client_device_news what, uint64_t device, const char *words)
{
    keep(c, &(struct kept){KEPT_DEVICE, (uint8_t)what, device, (uint32_t)strlen(words) + 1}, words);
}

void client_keep_class(struct client *c, enum client_class_news what, const char *name, const char *words)
{
    char both[NAME_SIZE + 256];
    int n = snprintf(both, sizeof both, "%s", name) + 1;
    n += snprintf(both + n, sizeof both - (size_t)n, "%s", words) + 1;
    if (n > (int)sizeof both) n = sizeof both;
    keep(c, &(struct kept){KEPT_CLASS, (uint8_t)what, 0, (uint32_t)n}, both);
}

bool client_own(const struct client *c, const struct wire_deliver *m)
{
    return m->from_device == c->o.identity->device && m->from.len == strlen(c->name) &&
           memcmp(m->from.data, c->name, m->from.len) == 0;
}

static void tell_welcome(struct client *c, const struct kept *k, struct slice p)
{
    struct wire_welcome m;
    (void)k;
    if (wire_get_welcome(p, &m))
        client_tell(c, &(struct client_event){CLIENT_CONNECTED, .welcome = &m});
}

static void tell_accepted(struct client *c, const struct kept *k, struct slice p)
{
    struct wire_accepted m;
    if (!wire_get_accepted(p, &m)) return;
    m.id = k->extra;
    client_tell(c, &(struct client_event){CLIENT_ACCEPTED, .accepted = &m});
}

static void tell_rejected(struct client *c, const struct kept *k, struct slice p)
{
    struct wire_rejected m;
    if (!wire_get_rejected(p, &m)) return;
    m.id = k->extra;
    client_tell(c, &(struct client_event){CLIENT_REJECTED, .rejected = &m});
}

static void tell_receipt(struct client *c, const struct kept *k, struct slice p)
{
    struct wire_receipt m;
    if (!wire_get_receipt(p, &m)) return;
    m.id = k->extra;
    client_tell(c, &(struct client_event){CLIENT_RECEIPT, .receipt = &m});
}

static void tell_message(struct client *c, const struct kept *k, struct slice p)
{
    struct wire_deliver m;
    if (!packed_get(p, &m)) return;
    client_tell(c, &(struct client_event){CLIENT_MESSAGE,
                                          .message = {.m = &m,
                                                      .how = (enum vault_how)k->what,
                                                      .row = k->extra,
                                                      .own = client_own(c, &m)}});
}

static void tell_waits(struct client *c, const struct kept *k, struct slice p)
{
    const char *name = (const char *)p.data, *words = name + strlen(name) + 1;
    client_tell(c, &(struct client_event){
                       CLIENT_WAITS, .waits = {k->extra, (enum client_wait)k->what, name, words}});
}

static void tell_note(struct client *c, const struct kept *k, struct slice p)
{
    const char *name = (const char *)p.data, *words = name + strlen(name) + 1;
    client_tell(c, &(struct client_event){CLIENT_NOTE, .note = {(enum client_note)k->what, name, words}});
}

static void tell_device(struct client *c, const struct kept *k, struct slice p)
{
    client_tell(c, &(struct client_event){CLIENT_DEVICE, .device = {(enum client_device_news)k->what, k->extra,
                                                                     (const char *)p.data}});
}

static void tell_class(struct client *c, const struct kept *k, struct slice p)
{
    const char *name = (const char *)p.data, *words = name + strlen(name) + 1;
    client_tell(c, &(struct client_event){CLIENT_CLASS, .class_news = {(enum client_class_news)k->what, name, words}});
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

static void tell_presence(struct client *c, const struct kept *k, struct slice p)
{
    struct wire_changes changes;
    struct wire_about about;
    (void)k;
    if (p.data[0] == WIRE_PRESENCE_LIST)
        tell_list(c, p);
    else if (wire_get_changes(p, &changes))
        client_tell(c, &(struct client_event){CLIENT_CHANGES, .changes = &changes});
    else if (wire_get_about(p, &about))
        client_tell(c, &(struct client_event){CLIENT_ABOUT, .about = &about});
}

static void tell_order(struct client *c, const struct kept *k, struct slice p)
{
    (void)k;
    client_groups_tell_order(c, p);
}

static void tell_group(struct client *c, const struct kept *k, struct slice p)
{
    struct wire_group m;
    (void)k;
    if (p.data[0] >= WIRE_GROUP_NO)
        client_groups_tell(c, p);
    else if (wire_get_group(p, &m))
        client_tell(c, &(struct client_event){CLIENT_GROUP, .group = &m});
}

static void tell_moderate(struct client *c, const struct kept *k, struct slice p)
{
    struct wire_moderate_done done;
    struct wire_moderate_state state;
    struct wire_keys_refused refused;
    (void)k;
    if (p.data[0] == WIRE_MODERATE_DONE && wire_get_moderate_done(p, &done))
        client_tell(c, &(struct client_event){CLIENT_MODERATED, .moderated = &done});
    else if (p.data[0] == WIRE_MODERATE_STATE && wire_get_moderate_state(p, &state))
        client_tell(c, &(struct client_event){CLIENT_STANDING, .standing = &state});
    else if (wire_get_keys_refused(p, &refused))
        client_tell(c, &(struct client_event){CLIENT_REFUSED, .refused = &refused});
}

static void tell_history(struct client *c, const struct kept *k, struct slice p)
{
    struct wire_history m;
    (void)k;
    if (wire_get_history(p, &m))
        client_tell(c, &(struct client_event){CLIENT_FILLED, .filled_upto = m.after});
}

static void tell_why(struct client *c, const struct kept *k, struct slice p)
{
    client_tell_why(c, k->extra, p);
}

static void tell_why_waits(struct client *c, const struct kept *k, struct slice p)
{
    client_tell_why_waits(c, k->extra, p);
}

static void tell_read(struct client *c, const struct kept *k, struct slice p)
{
    (void)k;
    client_tell_read(c, p);
}

static const struct teller {
    uint8_t type;
    void (*tell)(struct client *c, const struct kept *k, struct slice payload);
} tellers[] = {
    {WIRE_WELCOME, tell_welcome}, {WIRE_ACCEPTED, tell_accepted}, {WIRE_REJECTED, tell_rejected},
    {WIRE_RECEIPT, tell_receipt}, {WIRE_PRESENCE, tell_presence}, {WIRE_GROUP, tell_group},
    {KEPT_MESSAGE, tell_message}, {KEPT_WAITS, tell_waits},       {KEPT_NOTE, tell_note},
    {KEPT_ORDER, tell_order},     {WIRE_HISTORY, tell_history},
    {WIRE_MODERATE, tell_moderate}, {KEPT_DEVICE, tell_device},
    {KEPT_CLASS, tell_class},       {WIRE_WHY, tell_why},         {KEPT_WHY, tell_why_waits},
    {KEPT_READ, tell_read},
};

static void tell_one(struct client *c, const struct kept *k, struct slice payload)
{
    for (size_t i = 0; i < sizeof tellers / sizeof *tellers; i++)
        if (tellers[i].type == k->type) tellers[i].tell(c, k, payload);
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
    sealed_buf_wipe(&told);
}
