/*
 * fuzz_sealed_devices.c - a device list of any content, and any entry on top of a good one, with
 * wrong signatures or with right ones (the target signs what it is given): nobody gets in against
 * the rules.
 */
#include "fuzz.h"
#include "device_list.h"

static const uint8_t name[] = "alice";
enum { ACCOUNT_AT = 64 }; /* bytes of an entry's last signature */

static uint8_t account[32], account_secret[64];

static void start(struct device_list *list)
{
    static const uint8_t seed[32] = {1};
    crypto_sign_seed_keypair(account, account_secret, seed);
    device_list_start(list, account, sealed_slice(name, 5));
}

static void add(struct device_list *list, struct device_keys *keys, const struct device_keys *by)
{
    struct device_offer offer;
    struct buf out = {0};
    device_keys_make(keys, &sealed_random_system);
    offer.device = keys->device;
    memcpy(offer.ed, keys->ed, 32);
    memcpy(offer.x, keys->x.public_key, 32);
    device_self_sign(keys, account, sealed_slice(name, 5), offer.self);
    CHECK(device_list_add(list, account_secret, by, &offer, 5, &out) == DEVICE_GOOD);
    buf_free(&out);
}

/* Puts the account key's signature to an entry, so that its rules are reached. */
static void sign_entry(uint8_t *entry, size_t n)
{
    struct buf text = {0};
    if (n < ACCOUNT_AT) return;
    buf_put(&text, account, 32);
    buf_put(&text, entry, n - ACCOUNT_AT);
    sealed_sign(account_secret, "csmsg device entry 1", sealed_head(&text), entry + n - ACCOUNT_AT);
    buf_free(&text);
}

static void check(const struct device_list *list)
{
    CHECK(list->n <= DEVICE_LIST_EVER && device_list_active(list) <= DEVICE_LIST_ACTIVE);
    for (size_t i = 0; i < list->n; i++)
        for (size_t k = 0; k < i; k++)
            CHECK(list->row[i].device != list->row[k].device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    struct device_list list, before;
    struct device_keys phone, laptop;
    fuzz_random_start();
    start(&list);
    uint8_t how = cur_u8(&in);
    struct slice rest = cur_rest(&in);
    if (how & 1) {
        CHECK(device_list_read(&list, account, sealed_slice(name, 5), rest, NULL) != DEVICE_GOOD ||
              rest.len == 0);
        check(&list);
        return 0;
    }
    add(&list, &phone, NULL);
    add(&list, &laptop, &phone);
    before = list;
    uint8_t *entry = fuzz_copy(rest.data, rest.len);
    if ((how & 2) && rest.len > 38) { /* the right place in the chain */
        put_u32(entry + 2, list.head.seq + 1);
        memcpy(entry + 6, list.head.hash, 32);
    }
    if ((how & 4) && rest.len > 60) put_u64(entry + 52, phone.device);
    if (how & 8) sign_entry(entry, rest.len);
    enum device_verdict v = device_list_apply(&list, sealed_slice(entry, rest.len));
    CHECK(device_verdict_words(v)[0]);
    if (v != DEVICE_GOOD)
        CHECK(memcmp(&list, &before, sizeof list) == 0);
    else /* nobody has signed for new keys: only a revocation can pass */
        CHECK((how & 8) && list.n == before.n && device_list_active(&list) == 1);
    check(&list);
    free(entry);
    return 0;
}
