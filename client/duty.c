/* duty.c - see duty.h. */
#include "duty.h"

#include <string.h>

#include "identity.h"

enum { SERVER_KEEPS = 200 }; /* one-time prekeys of a device: docs/protocol.md 6.5 */

int duty_begin(const struct keyring *k, struct buf *out)
{
    struct peer own;
    if (peers_get(k->vault, k->name, &own) < 0) return -1;
    wire_put_list_ask(out, &(struct wire_list_ask){.op = WIRE_LIST_FETCH,
                                                   .name = k->name,
                                                   .after = own.list.head.seq});
    peer_free(&own);
    return 0;
}

/* --- the list --- */

static void put_append(struct buf *out, const uint8_t account_key[SEALED_KEY], struct slice entry)
{
    struct wire_list_ask m = {.op = WIRE_LIST_APPEND, .entry = entry};
    memcpy(m.account_key, account_key, sizeof m.account_key);
    wire_put_list_ask(out, &m);
}

/* The server keeps names as they were registered, and so does the list. */
static void put_first(const struct keyring *k, struct buf *out)
{
    struct device_list list;
    struct device_keys keys;
    struct device_offer offer;
    struct buf entry = {0};
    identity_device(k->identity, &keys);
    device_list_start(&list, k->identity->account_key, k->name);
    offer = (struct device_offer){.device = keys.device};
    memcpy(offer.ed, keys.ed, sizeof offer.ed);
    memcpy(offer.x, keys.x.public_key, sizeof offer.x);
    device_self_sign(&keys, k->identity->account_key, k->name, offer.self);
    if (device_list_add(&list, k->identity->account_secret, NULL, &offer, k->now_ms, &entry) ==
        DEVICE_GOOD)
        put_append(out, k->identity->account_key, sealed_head(&entry));
    buf_free(&entry);
    device_keys_wipe(&keys);
}

/* A server that was restored from an old copy has lost entries; they are signed, so it takes them again. */
static void put_lost(const struct peer *own, uint32_t server_head, struct buf *out)
{
    struct cur c = cur_of(buf_head(&own->entries), buf_len(&own->entries));
    for (uint32_t seq = 1; c.p != c.end && !c.bad; seq++) {
        struct slice entry = cur_str16(&c);
        if (!c.bad && seq == server_head + 1) put_append(out, own->list.account_key, entry);
    }
}

int duty_listed(const struct keyring *k, const struct peer *own, uint32_t server_head,
                struct buf *out)
{
    if (own->list.head.seq > server_head)
        put_lost(own, server_head, out);
    else if (server_head == 0)
        put_first(k, out);
    else
        wire_put_keys_ask(out, &(struct wire_keys_ask){.op = WIRE_KEYS_OWN});
    return 0;
}

/* --- prekeys --- */

static void rise(uint32_t *next, uint32_t used)
{
    if (*next <= used) *next = used + 1;
}

/* Ids only rise, also when this store is new or was lost and the server has seen higher ones. */
static bool follow(struct prekeys *p, const struct wire_keys_own *server)
{
    bool ours = server->signed_id && prekeys_signed(p, server->signed_id);
    rise(&p->next_signed, server->signed_id);
    rise(&p->next_one_time, server->top);
    return ours;
}

/*
 * One-time prekeys of a store that was lost are of no use, but would be handed out before new ones: as
 * many new ones as the server keeps push them out.
 */
static size_t refill(const struct keyring *k, struct prekeys *p, const struct wire_keys_own *server,
                     bool ours)
{
    size_t fresh = 0;
    if (k->sparing) return 0;
    if (ours) return prekeys_refill(p, server->left, k->random);
    while (fresh < SERVER_KEEPS)
        fresh += prekeys_refill(p, 0, k->random);
    return fresh;
}

int duty_own(const struct keyring *k, const struct wire_keys_own *server, struct buf *out)
{
    struct peer own;
    struct prekeys p = {0};
    struct device_keys keys;
    struct buf publication = {0};
    int r = peers_get(k->vault, k->name, &own);
    if (r > 0 && keyring_prekeys(k, &p) < 0) r = -1;
    if (r > 0) {
        identity_device(k->identity, &keys);
        bool ours = follow(&p, server);
        bool rotated = prekeys_rotate(&p, &keys, own.list.account_key, k->now_ms, k->random);
        size_t fresh = refill(k, &p, server, ours || server->left == 0);
        if (!ours || rotated || fresh) {
            prekeys_publish(&p, keys.device, fresh, &publication);
            wire_put_keys_ask(out, &(struct wire_keys_ask){.op = WIRE_KEYS_PUBLISH,
                                                           .publish = sealed_head(&publication)});
            r = keyring_save_prekeys(k, &p);
        }
        device_keys_wipe(&keys);
    }
    buf_free(&publication);
    prekeys_wipe(&p);
    peer_free(&own);
    return r < 0 ? -1 : 0;
}
