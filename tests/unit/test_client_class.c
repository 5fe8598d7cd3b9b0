/* test_client_class.c - the class in the store (class.h): who is signed, who is believed, and by what; between
 * an instructor's store and a student's, with a server that carries and lies. */
#include "client_fake.h"

#include "../../client/class.h"

#define NOW_MS UINT64_C(1700000000000)
#define DAY_MS UINT64_C(86400000)

struct desk {
    struct vault *prof, *pupil;
    struct class_room room;
    uint8_t account[32], secret[64]; /* the pupil's */
    char code[INVITATION_CODE];
};

static struct slice text(const char *s)
{
    return sealed_slice(s, strlen(s));
}

static int set_up(void **state)
{
    struct desk *d = calloc(1, sizeof *d);
    d->prof = vault_memory();
    d->pupil = vault_memory();
    crypto_sign_keypair(d->account, d->secret);
    assert_int_equal(class_make(d->prof, "CSCE 513", &sealed_random_system), 1);
    assert_int_equal(class_get(d->prof, &d->room), 1);
    assert_true(d->room.own);
    assert_int_equal(class_invite(d->prof, "alice", ANCHOR_STUDENT, &sealed_random_system, d->code), 0);
    *state = d;
    return 0;
}

static int tear_down(void **state)
{
    struct desk *d = *state;
    vault_close(d->prof);
    vault_close(d->pupil);
    free(d);
    return 0;
}

/* The claim that a pupil of this name and key makes with the code, under an anchor. */
static void claim_of(struct desk *d, const char *name, const uint8_t secret[64], const uint8_t anchor[32], struct buf *claim)
{
    uint8_t code[INVITATION_SECRET];
    assert_true(invitation_read(d->code, strlen(d->code), code));
    assert_int_equal(class_joining(d->pupil, code, anchor, text("CSCE 513")), 0);
    assert_int_equal(invitation_claim(code, anchor, text("CSCE 513"), text(name), secret, claim), 0);
}

static enum class_claim judged(struct desk *d, const char *name, const struct buf *claim, struct buf *item,
                               struct buf *welcome)
{
    return class_take_claim(d->prof, &d->room, text(name), sealed_head(claim), NOW_MS, item, welcome);
}

static int standing(struct vault *v, const char *name, const uint8_t key[32], uint64_t now)
{
    uint8_t role;
    return class_standing(v, text(name), key, now, &role);
}

static void test_joins(void **state)
{
    struct desk *d = *state;
    struct buf claim = {0}, item = {0}, welcome = {0}, again = {0}, more = {0};
    struct class_room pinned;
    uint8_t other[32] = {1};
    claim_of(d, "alice", d->secret, d->room.anchor_key, &claim);
    assert_int_equal(judged(d, "alice", &claim, &item, &welcome), CLASS_CLAIM_GOOD);
    assert_int_equal(standing(d->pupil, "alice", d->account, NOW_MS), CLASS_NONE);
    assert_int_equal(class_take_welcome(d->pupil, sealed_head(&welcome), NOW_MS), 1);
    assert_int_equal(class_get(d->pupil, &pinned), 1);
    assert_memory_equal(pinned.anchor_key, d->room.anchor_key, 32);
    assert_false(pinned.own);
    assert_int_equal(class_take_welcome(d->pupil, sealed_head(&welcome), NOW_MS), 0); /* none is waited for */
    assert_int_equal(class_take_entry(d->pupil, &pinned, text("Alice"), sealed_head(&item), NOW_MS), 1);
    assert_int_equal(standing(d->pupil, "ALICE", d->account, NOW_MS), CLASS_MEMBER);
    assert_int_equal(standing(d->pupil, "alice", other, NOW_MS), CLASS_OTHER_KEY);
    assert_int_equal(standing(d->pupil, "bob", d->account, NOW_MS), CLASS_OUTSIDE);
    assert_int_equal(standing(d->pupil, "alice", d->account, NOW_MS + 2 * CLASS_ENTRY_DAYS * DAY_MS), CLASS_EXPIRED);
    assert_int_equal(judged(d, "alice", &claim, &again, &more), CLASS_CLAIM_GOOD); /* the answer was lost */
    buf_free(&claim), buf_free(&item), buf_free(&welcome), buf_free(&again), buf_free(&more);
}

static void test_a_code_is_for_one(void **state)
{
    struct desk *d = *state;
    struct buf claim = {0}, stolen = {0}, item = {0}, welcome = {0};
    uint8_t key[32], secret[64];
    crypto_sign_keypair(key, secret);
    claim_of(d, "alice", d->secret, d->room.anchor_key, &claim);
    assert_int_equal(judged(d, "bob", &claim, &item, &welcome), CLASS_CLAIM_NO_CODE); /* put under another name */
    assert_int_equal(judged(d, "alice", &claim, &item, &welcome), CLASS_CLAIM_GOOD);
    claim_of(d, "alice", secret, d->room.anchor_key, &stolen);
    assert_int_equal(judged(d, "alice", &stolen, &item, &welcome), CLASS_CLAIM_USED);
    buf_free(&claim), buf_free(&stolen), buf_free(&item), buf_free(&welcome);
}

static void test_the_server_lies(void **state)
{
    struct desk *d = *state;
    struct buf claim = {0}, item = {0}, welcome = {0}, fake = {0};
    struct vault *server = vault_memory();
    struct class_room its;
    uint8_t key[32];
    struct slice name;
    assert_int_equal(class_make(server, "CSCE 513", &sealed_random_system), 1);
    assert_int_equal(class_get(server, &its), 1);
    /* An entry under a key of its own looks like one; the claim made for it means nothing to the instructor. */
    assert_int_equal(class_sign(&its, text("alice"), d->account, ANCHOR_STUDENT, NOW_MS, &fake), 0);
    assert_true(class_peek(sealed_head(&fake), key, &name));
    claim_of(d, "alice", d->secret, key, &claim);
    assert_int_equal(judged(d, "alice", &claim, &item, &welcome), CLASS_CLAIM_NO_CODE);
    assert_int_equal(class_take_welcome(d->pupil, sealed_head(&fake), NOW_MS), 0);
    assert_int_equal(class_get(d->pupil, &its), 0);
    /* Nor does it get into a class that is pinned, nor an entry of one person under the name of another. */
    assert_int_equal(class_pin(d->pupil, d->room.anchor_key, text("CSCE 513")), 1);
    assert_int_equal(class_take_entry(d->pupil, &d->room, text("alice"), sealed_head(&fake), NOW_MS), 0);
    buf_free(&fake);
    assert_int_equal(class_sign(&d->room, text("alice"), d->account, ANCHOR_STUDENT, NOW_MS, &fake), 0);
    assert_int_equal(class_take_entry(d->pupil, &d->room, text("mallory"), sealed_head(&fake), NOW_MS), 0);
    assert_int_equal(class_take_entry(d->pupil, &d->room, text("alice"), sealed_head(&fake), NOW_MS), 1);
    /* An older entry does not come back. */
    buf_free(&item);
    assert_int_equal(class_sign(&d->room, text("alice"), key, ANCHOR_STUDENT, NOW_MS - DAY_MS, &item), 0);
    assert_int_equal(class_take_entry(d->pupil, &d->room, text("alice"), sealed_head(&item), NOW_MS), 0);
    assert_int_equal(standing(d->pupil, "alice", d->account, NOW_MS), CLASS_MEMBER);
    vault_close(server);
    buf_free(&claim), buf_free(&item), buf_free(&welcome), buf_free(&fake);
}

int main(void)
{
    assert_true(sodium_init() >= 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_joins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_code_is_for_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_server_lies, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
