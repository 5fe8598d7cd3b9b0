/* keyring.c - see keyring.h. */
#include "keyring.h"

#include <sodium.h>
#include <string.h>

#include "identity.h"

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

/* What cannot be decoded is of no use: as if there were none, so new ones are made. */
int keyring_sessions(const struct keyring *k, const char *key, uint64_t device, struct sessions *all)
{
    struct buf value = {0};
    *all = (struct sessions){0};
    int r = vault_get(k->vault, VAULT_SESSIONS, text_of(key), device, &value);
    if (r > 0) r = sessions_decode(all, sealed_head(&value));
    sealed_buf_wipe(&value);
    return r;
}

int keyring_save(const struct keyring *k, const char *key, uint64_t device, const struct sessions *all)
{
    struct buf value = {0};
    sessions_encode(all, &value);
    int r = vault_put(k->vault, VAULT_SESSIONS, text_of(key), device, sealed_head(&value));
    sealed_buf_wipe(&value);
    return r < 0 ? -1 : 0;
}

int keyring_prekeys(const struct keyring *k, struct prekeys *p)
{
    struct buf value = {0};
    *p = (struct prekeys){0};
    int r = vault_get(k->vault, VAULT_PREKEYS, text_of(""), 0, &value);
    if (r > 0) r = prekeys_decode(p, sealed_head(&value));
    sealed_buf_wipe(&value);
    return r;
}

int keyring_save_prekeys(const struct keyring *k, const struct prekeys *p)
{
    struct buf value = {0};
    prekeys_encode(p, &value);
    int r = vault_put(k->vault, VAULT_PREKEYS, text_of(""), 0, sealed_head(&value));
    sealed_buf_wipe(&value);
    return r < 0 ? -1 : 0;
}

int keyring_account(const struct keyring *k, uint8_t account_key[SEALED_KEY])
{
    struct peer own;
    int r = peers_get(k->vault, k->name, &own);
    bool listed = r > 0 && own.list.n > 0;
    memcpy(account_key, listed ? own.list.account_key : k->identity->account_key, SEALED_KEY);
    peer_free(&own);
    return r < 0 ? -1 : listed;
}

bool keyring_self(const struct keyring *k, const struct peer *own, struct session_self *self)
{
    const struct device_row *row = device_list_find(&own->list, k->identity->device);
    if (!row || memcmp(row->x, k->identity->x.public_key, SEALED_KEY) != 0) return false;
    device_list_who(&own->list, row, &self->who);
    self->x = k->identity->x;
    return true;
}

void keyring_wipe(struct session_self *self)
{
    sodium_memzero(self, sizeof *self);
}
