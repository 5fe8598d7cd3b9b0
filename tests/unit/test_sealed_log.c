/*
 * test_sealed_log.c - logs of groups that dice have written, judged as the second implementation
 * judges them (tests/reference/sealed_log.py): the same word for every entry, and the same people
 * after it.
 */
#include "sealed_help.h"

#include "membership.h"

enum { CAST = 5, GAMES = 8, TURNS = 50 };

static const char *const names[CAST] = {"alice", "bob", "carol", "dave", "prof"};

static const char *const words[] = {
    [MEMBERSHIP_GOOD] = "good",
    [MEMBERSHIP_DAMAGED] = "damaged",
    [MEMBERSHIP_GAP] = "gap",
    [MEMBERSHIP_FORK] = "fork",
    [MEMBERSHIP_STRANGER] = "stranger",
    [MEMBERSHIP_FORGED] = "forged",
    [MEMBERSHIP_FORBIDDEN] = "forbidden",
    [MEMBERSHIP_SENSELESS] = "senseless",
    [MEMBERSHIP_FULL] = "full",
};

static struct someone cast[CAST];

static const uint8_t *key_of(void *ctx, const struct membership_entry *e, bool *instructor)
{
    (void)ctx;
    for (int i = 0; i < CAST; i++) {
        bool named = cast[i].name.len == e->actor.len &&
                     memcmp(cast[i].name.data, e->actor.data, e->actor.len) == 0;
        *instructor = i == CAST - 1;
        if (named && memcmp(cast[i].account, e->actor_account, SEALED_KEY) == 0 &&
            cast[i].keys.device == e->actor_device)
            return cast[i].keys.ed;
    }
    return NULL;
}

static int by_account(const void *a, const void *b)
{
    const struct membership_person *one = a, *two = b;
    return memcmp(one->account_key, two->account_key, SEALED_KEY);
}

static void put_person(struct buf *b, const struct membership_person *p)
{
    buf_put(b, p->account_key, SEALED_KEY);
    buf_put_str8(b, p->name, p->name_len);
    buf_put_u8(b, p->role);
    buf_put_u8(b, p->invited);
    buf_put_u8(b, p->barred);
    buf_put_u64(b, p->muted_until);
}

/* All that a log says, as state() of sealed_log.py has it. */
static void digest_of(const struct membership *m, uint8_t digest[32])
{
    struct membership copy = {0};
    struct buf b = {0};
    membership_copy(&copy, m);
    qsort(copy.person, copy.n, sizeof copy.person[0], by_account);
    buf_put_u8(&b, copy.open);
    buf_put_str8(&b, copy.name, copy.name_len);
    buf_put_str8(&b, copy.topic, copy.topic_len);
    for (size_t i = 0; i < copy.n; i++)
        put_person(&b, &copy.person[i]);
    crypto_hash_sha256(digest, buf_head(&b), buf_len(&b));
    buf_free(&b);
    membership_free(&copy);
}

/* One entry: the same verdict; and unless it was taken, nothing has changed. */
static void play(struct membership *m, const json_t *row, int game, size_t turn)
{
    const struct membership_lookup lookup = {key_of, NULL};
    const char *want = vectors_text(row, "verdict");
    struct bytes raw = vectors_bytes(row, "entry");
    uint8_t before[32], after[32];
    digest_of(m, before);
    enum membership_verdict v = membership_apply(m, sealed_slice(raw.data, raw.len), &lookup, NULL);
    if (strcmp(words[v], want) != 0)
        fail_msg("game %d, entry %zu: %s, not %s", game, turn, words[v], want);
    digest_of(m, after);
    if (v == MEMBERSHIP_GOOD) vectors_fixed(row, "state", before, sizeof before);
    if (memcmp(before, after, sizeof after) != 0)
        fail_msg("game %d, entry %zu: other people are in", game, turn);
    free(raw.data);
}

static void the_same_word_for_every_entry(void **state)
{
    (void)state;
    json_t *games = vectors_load("sealed/log.json");
    for (int i = 0; i < CAST; i++)
        someone_make(&cast[i], names[i]);
    assert_int_equal(json_array_size(games), GAMES);
    for (int game = 0; game < GAMES; game++) {
        const json_t *rows = json_array_get(games, (size_t)game);
        struct membership m = {0};
        assert_int_equal(json_array_size(rows), TURNS);
        for (size_t turn = 0; turn < TURNS; turn++)
            play(&m, json_array_get(rows, turn), game, turn);
        membership_free(&m);
    }
    for (int i = 0; i < CAST; i++)
        someone_free(&cast[i]);
    json_decref(games);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_word_for_every_entry)};
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
