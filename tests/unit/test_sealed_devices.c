/*
 * test_sealed_devices.c - the chained list of devices: what a server, a thief or a revoked device
 * might try with it, and that each is refused with its reason.
 */
#include "sealed_help.h"

struct account {
    struct someone alice;
    struct device_keys laptop, tablet;
    struct device_list list;
    struct buf
        entry[3]; /* phone by the account key, laptop by the phone, phone revoked by the laptop */
};

static enum device_verdict add(struct account *a, struct device_list *list,
                               const struct device_keys *by, const struct device_keys *keys,
                               struct buf *out)
{
    struct device_offer offer = someone_offer(&a->alice, keys);
    return device_list_add(list, a->alice.account_secret, by, &offer, NOW_MS, out);
}

static int set_up(void **state)
{
    struct account *a = calloc(1, sizeof *a);
    someone_make(&a->alice, "alice");
    someone_keys(&a->laptop, "alice", "laptop");
    someone_keys(&a->tablet, "alice", "tablet");
    device_list_start(&a->list, a->alice.account, a->alice.name);
    assert_int_equal(add(a, &a->list, NULL, &a->alice.keys, &a->entry[0]), DEVICE_GOOD);
    assert_int_equal(add(a, &a->list, &a->alice.keys, &a->laptop, &a->entry[1]), DEVICE_GOOD);
    assert_int_equal(device_list_revoke(&a->list, a->alice.account_secret, &a->laptop,
                                        a->alice.keys.device, NOW_MS, &a->entry[2]),
                     DEVICE_GOOD);
    *state = a;
    return 0;
}

static int tear_down(void **state)
{
    struct account *a = *state;
    for (int i = 0; i < 3; i++)
        buf_free(&a->entry[i]);
    someone_free(&a->alice);
    free(a);
    return 0;
}

/* The first n entries as they travel. */
static struct buf travel(const struct account *a, int n)
{
    struct buf b = {0};
    for (int i = 0; i < n; i++)
        buf_put_str16(&b, buf_head(&a->entry[i]), buf_len(&a->entry[i]));
    return b;
}

static enum device_verdict read_list(const struct account *a, const struct buf *raw,
                                     const struct device_head *known, struct device_list *list)
{
    return device_list_read(list, a->alice.account, a->alice.name, sealed_head(raw), known);
}

static void a_good_list(void **state)
{
    struct account *a = *state;
    struct device_list list;
    struct device_who who;
    struct buf raw = travel(a, 3);
    assert_int_equal(read_list(a, &raw, NULL, &list), DEVICE_GOOD);
    assert_int_equal(list.head.seq, 3);
    assert_int_equal(device_list_active(&list), 1);
    assert_null(device_list_find(&list, a->alice.keys.device));
    assert_int_equal(device_list_ever(&list, a->alice.keys.device)->revoked, 3);
    const struct device_row *row = device_list_find(&list, a->laptop.device);
    assert_non_null(row);
    assert_true(row->by == a->alice.keys.device);
    device_list_who(&list, row, &who);
    assert_memory_equal(who.x, a->laptop.x.public_key, 32);
    assert_memory_equal(who.account_key, a->alice.account, 32);
    buf_free(&raw);
}

/* What was verified once is taken without its signatures, and by all other rules. */
static void a_list_is_recalled(void **state)
{
    struct account *a = *state;
    struct device_list list, read;
    struct buf raw = travel(a, 3), two = travel(a, 2), forged = travel(a, 3);
    assert_int_equal(read_list(a, &raw, NULL, &read), DEVICE_GOOD);
    assert_int_equal(device_list_recall(&list, a->alice.account, a->alice.name, sealed_head(&raw)), DEVICE_GOOD);
    assert_memory_equal(&list, &read, sizeof list);
    forged.data[forged.len - 1] ^= 1; /* a signature: believed, but the list is another one then */
    assert_int_equal(device_list_recall(&list, a->alice.account, a->alice.name, sealed_head(&forged)), DEVICE_GOOD);
    assert_memory_not_equal(list.head.hash, read.head.hash, sizeof read.head.hash);
    buf_put_str16(&two, buf_head(&a->entry[0]), buf_len(&a->entry[0]));
    assert_int_equal(device_list_recall(&list, a->alice.account, a->alice.name, sealed_head(&two)), DEVICE_GAP);
    raw.len--;
    assert_int_equal(device_list_recall(&list, a->alice.account, a->alice.name, sealed_head(&raw)), DEVICE_DAMAGED);
    assert_int_equal(device_list_recall(&list, a->alice.account, a->alice.name, (struct slice){0}), DEVICE_GOOD);
    assert_int_equal(list.head.seq, 0);
    buf_free(&raw);
    buf_free(&two);
    buf_free(&forged);
}

static void no_rollback_and_no_fork(void **state)
{
    struct account *a = *state;
    struct device_list list, other;
    struct device_head seen[4] = {{0}};
    struct buf all = travel(a, 3), two = travel(a, 2), forked = travel(a, 1), third = {0};
    device_list_start(&list, a->alice.account, a->alice.name);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(device_list_apply(&list, sealed_head(&a->entry[i])), DEVICE_GOOD);
        seen[i + 1] = list.head;
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(read_list(a, &all, &seen[i], &other), DEVICE_GOOD);
    assert_int_equal(read_list(a, &two, &seen[3], &other), DEVICE_ROLLBACK);
    /* The account key itself signs another second entry: what was seen stands. */
    assert_int_equal(read_list(a, &forked, NULL, &other), DEVICE_GOOD);
    assert_int_equal(add(a, &other, &a->alice.keys, &a->tablet, &third), DEVICE_GOOD);
    buf_put_str16(&forked, buf_head(&third), buf_len(&third));
    assert_int_equal(read_list(a, &forked, &seen[1], &other), DEVICE_GOOD);
    assert_int_equal(read_list(a, &forked, &seen[2], &other), DEVICE_FORK);
    assert_int_equal(read_list(a, &forked, &seen[3], &other), DEVICE_ROLLBACK);
    buf_free(&all);
    buf_free(&two);
    buf_free(&forked);
    buf_free(&third);
}

static void no_entry_left_out_or_exchanged(void **state)
{
    struct account *a = *state;
    struct device_list list;
    static const int order[][3] = {{1, 0, 2}, {0, 2, 1}, {0, 0, 1}, {0, 2, 2}};
    for (int i = 0; i < 4; i++) {
        struct buf raw = {0};
        for (int k = 0; k < 3; k++)
            buf_put_str16(&raw, buf_head(&a->entry[order[i][k]]), buf_len(&a->entry[order[i][k]]));
        assert_int_equal(read_list(a, &raw, NULL, &list), DEVICE_GAP);
        buf_free(&raw);
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    struct account *a = *state;
    for (int i = 0; i < 3; i++) {
        struct device_list before, list;
        device_list_start(&before, a->alice.account, a->alice.name);
        for (int k = 0; k < i; k++)
            assert_int_equal(device_list_apply(&before, sealed_head(&a->entry[k])), DEVICE_GOOD);
        for (size_t bit = 0; bit < buf_len(&a->entry[i]) * 8; bit++) {
            uint8_t *at = buf_head(&a->entry[i]) + bit / 8;
            *at ^= (uint8_t)(1 << bit % 8);
            list = before;
            assert_int_not_equal(device_list_apply(&list, sealed_head(&a->entry[i])), DEVICE_GOOD);
            assert_memory_equal(&list, &before, sizeof list);
            *at ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t n = 0; n < buf_len(&a->entry[i]); n++)
            assert_int_equal(device_list_apply(&list, sealed_slice(buf_head(&a->entry[i]), n)),
                             DEVICE_DAMAGED);
    }
}

/* The server's own keys; entries of another account and of another name; keys of the wrong kind. */
static void no_device_is_slipped_in(void **state)
{
    struct account *a = *state;
    struct device_list list;
    struct someone mallory;
    struct buf out = {0}, raw = travel(a, 2);
    someone_make(&mallory, "mallory");
    assert_int_equal(read_list(a, &raw, NULL, &list), DEVICE_GOOD);
    struct device_offer own = someone_offer(&mallory, &mallory.keys);
    assert_int_equal(device_list_add(&list, mallory.account_secret, NULL, &own, NOW_MS, &out),
                     DEVICE_FORGED);
    struct device_offer hers = someone_offer(&a->alice, &mallory.keys);
    assert_int_equal(device_list_add(&list, mallory.account_secret, NULL, &hers, NOW_MS, &out),
                     DEVICE_FORGED);
    /* A device key is no account key, not even that of a device that is in. */
    assert_int_equal(device_list_add(&list, a->laptop.ed_secret, &a->laptop, &hers, NOW_MS, &out),
                     DEVICE_FORGED);
    /* A device that has signed for its own account cannot be claimed by another (self). */
    assert_int_equal(device_list_add(&list, a->alice.account_secret, NULL, &own, NOW_MS, &out),
                     DEVICE_FORGED);
    struct device_offer swapped = someone_offer(&a->alice, &a->tablet);
    memcpy(swapped.x, mallory.keys.x.public_key, 32); /* her X25519 key under Alice's tablet */
    assert_int_equal(device_list_add(&list, a->alice.account_secret, NULL, &swapped, NOW_MS, &out),
                     DEVICE_FORGED);
    struct device_keys liar = mallory.keys; /* says that the phone admitted it */
    liar.device = a->alice.keys.device;
    assert_int_equal(device_list_add(&list, a->alice.account_secret, &liar, &hers, NOW_MS, &out),
                     DEVICE_FORGED);
    assert_int_equal(
        device_list_read(&list, mallory.account, a->alice.name, sealed_head(&raw), NULL),
        DEVICE_FORGED);
    assert_int_equal(
        device_list_read(&list, a->alice.account, TEXT("bob"), sealed_head(&raw), NULL),
        DEVICE_NOT_OURS);
    assert_int_equal(buf_len(&out), 0);
    buf_free(&raw);
    someone_free(&mallory);
}

static void the_revoked_stay_out(void **state)
{
    struct account *a = *state;
    struct buf out = {0};
    struct device_keys again = a->alice.keys;
    assert_int_equal(add(a, &a->list, &a->laptop, &again, &out), DEVICE_FORBIDDEN);
    again.device = 77; /* the same keys under another number */
    assert_int_equal(add(a, &a->list, &a->laptop, &again, &out), DEVICE_FORBIDDEN);
    again = a->tablet;
    again.x = a->alice.keys.x; /* or one of them */
    assert_int_equal(add(a, &a->list, &a->laptop, &again, &out), DEVICE_FORBIDDEN);
    /* A revoked device admits and revokes nobody. */
    assert_int_equal(add(a, &a->list, &a->alice.keys, &a->tablet, &out), DEVICE_FORBIDDEN);
    assert_int_equal(device_list_revoke(&a->list, a->alice.account_secret, &a->alice.keys,
                                        a->laptop.device, NOW_MS, &out),
                     DEVICE_FORBIDDEN);
    assert_int_equal(device_list_revoke(&a->list, a->alice.account_secret, NULL,
                                        a->alice.keys.device, NOW_MS, &out),
                     DEVICE_FORBIDDEN);
    /* The paper key can do both. */
    assert_int_equal(add(a, &a->list, NULL, &a->tablet, &out), DEVICE_GOOD);
    assert_int_equal(
        device_list_revoke(&a->list, a->alice.account_secret, NULL, a->laptop.device, NOW_MS, &out),
        DEVICE_GOOD);
    buf_free(&out);
}

static void the_list_is_bounded(void **state)
{
    struct account *a = *state;
    struct buf out = {0};
    char what[16];
    size_t ever = 2;
    for (int i = 0; ever < DEVICE_LIST_EVER; i++) {
        struct device_keys keys;
        snprintf(what, sizeof what, "device %d", i);
        someone_keys(&keys, "alice", what);
        if (device_list_active(&a->list) == DEVICE_LIST_ACTIVE) {
            assert_int_equal(add(a, &a->list, NULL, &keys, &out), DEVICE_FORBIDDEN);
            uint64_t first = a->list.row[ever - DEVICE_LIST_ACTIVE].device;
            assert_int_equal(
                device_list_revoke(&a->list, a->alice.account_secret, NULL, first, NOW_MS, &out),
                DEVICE_GOOD);
        }
        assert_int_equal(add(a, &a->list, NULL, &keys, &out), DEVICE_GOOD);
        ever++;
    }
    assert_int_equal(device_list_revoke(&a->list, a->alice.account_secret, NULL,
                                        a->list.row[ever - 1].device, NOW_MS, &out),
                     DEVICE_GOOD);
    assert_int_equal(add(a, &a->list, NULL, &a->tablet, &out), DEVICE_FORBIDDEN);
    assert_true(buf_len(&out) + 2 * DEVICE_LIST_EVER * 2 < DEVICE_LIST_MAX);
    buf_free(&out);
}

static void every_verdict_has_its_words(void **state)
{
    (void)state;
    for (int v = DEVICE_GOOD; v <= DEVICE_FORBIDDEN; v++)
        for (int w = DEVICE_GOOD; w < v; w++)
            assert_string_not_equal(device_verdict_words((enum device_verdict)v),
                                    device_verdict_words((enum device_verdict)w));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_list),
        TEST(a_list_is_recalled),
        TEST(no_rollback_and_no_fork),
        TEST(no_entry_left_out_or_exchanged),
        TEST(every_flipped_bit_is_refused),
        TEST(no_device_is_slipped_in),
        TEST(the_revoked_stay_out),
        TEST(the_list_is_bounded),
        TEST(every_verdict_has_its_words),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
