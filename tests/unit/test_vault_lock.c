/*
 * test_vault_lock.c - a sealed store (vault_lock.h): what is in the file, which key opens it, values that were
 * exchanged, and others who have it open.
 */
#include "client_fake.h"

#include <sqlite3.h>

#include "../../client/vault_lock.h"

#define MARK "a-mark-that-nobody-else-writes"

struct fixture {
    char folder[64], path[96];
    uint8_t key[32], other[32];
};

static int set_up(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    snprintf(x->folder, sizeof x->folder, "/tmp/csmsg-lock-XXXXXX");
    assert_non_null(mkdtemp(x->folder));
    snprintf(x->path, sizeof x->path, "%s/store.db", x->folder);
    memset(x->key, 1, sizeof x->key);
    memset(x->other, 2, sizeof x->other);
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    static const char *const tails[] = {"", "-wal", "-shm", "-journal", ".lock"};
    char path[128];
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        snprintf(path, sizeof path, "%s%s", x->path, tails[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(x->folder), 0);
    free(x);
    return 0;
}

static struct vault *opened(const struct fixture *x)
{
    struct why why;
    struct vault *v = vault_open(x->path, &why);
    if (!v) fail_msg("%s", why.what);
    return v;
}

static int put(struct vault *v, const char *name, const char *value)
{
    if (vault_begin(v) < 0) return -1;
    return vault_finish(v, vault_put(v, VAULT_SESSIONS, text_of(name), 1, text_of(value)));
}

/* A store with a text, a draft and a value, all of them marked. */
static struct vault *filled(const struct fixture *x)
{
    struct vault *v = opened(x);
    uint64_t number;
    const struct slice body = {(const uint8_t *)"\0\0" MARK, sizeof("\0\0" MARK) - 1};
    struct vault_draft d = {.to = text_of("bob"), .content = text_of(MARK)};
    assert_int_equal(vault_submit(v, WIRE_TO_USER, text_of("bob"), body, 1, &number), 0);
    assert_int_equal(vault_begin(v), 0);
    assert_int_equal(vault_number(v, &d.number), 0);
    assert_int_equal(vault_finish(v, vault_draft(v, &d)), 0);
    assert_int_equal(put(v, "bob", MARK), 0);
    return v;
}

static struct vault *locked(const struct fixture *x)
{
    struct why why;
    struct vault *v = filled(x);
    if (vault_give_key(v, x->key, &why) != 0) fail_msg("%s", why.what);
    assert_true(vault_sealed(v));
    return v;
}

/* 1 the value is what was put, 0 there is none, -1 it cannot be read. */
static int reads(struct vault *v, const char *name)
{
    struct buf value = {0};
    int r = vault_get(v, VAULT_SESSIONS, text_of(name), 1, &value);
    if (r > 0) assert_memory_equal(buf_head(&value), MARK, strlen(MARK));
    buf_free(&value);
    return r;
}

static bool in_file(const struct fixture *x, const char *tail)
{
    char path[128];
    static char data[1 << 20];
    snprintf(path, sizeof path, "%s%s", x->path, tail);
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(data, 1, sizeof data, f) : 0;
    if (f) fclose(f);
    assert_true(n < sizeof data);
    return memmem(data, n, MARK, strlen(MARK)) != NULL;
}

static void nothing_stays_in_the_file(void **state)
{
    struct fixture *x = *state;
    struct why why;
    struct vault *v = filled(x);
    assert_true(in_file(x, "") || in_file(x, "-wal")); /* so the search finds it */
    assert_int_equal(vault_give_key(v, x->key, &why), 0);
    assert_false(in_file(x, "") || in_file(x, "-wal"));
    assert_int_equal(put(v, "carol", MARK), 0);
    assert_int_equal(reads(v, "bob"), 1);
    assert_int_equal(reads(v, "carol"), 1);
    vault_close(v);
    assert_false(in_file(x, "") || in_file(x, "-wal"));
}

static void one_key_opens_it(void **state)
{
    struct fixture *x = *state;
    struct why why;
    vault_close(locked(x));
    struct vault *v = opened(x);
    assert_true(vault_sealed(v));
    assert_int_equal(reads(v, "bob"), -1);
    assert_int_equal(put(v, "carol", MARK), -1); /* nothing is added in plain text */
    vault_close(v);
    v = opened(x);
    assert_int_equal(vault_give_key(v, x->other, &why), -1);
    assert_non_null(strstr(why.what, "another key"));
    vault_close(v);
    v = opened(x);
    assert_int_equal(vault_give_key(v, x->key, &why), 0);
    assert_int_equal(reads(v, "bob"), 1);
    assert_int_equal(vault_unseal(v, &why), 0);
    assert_false(vault_sealed(v));
    vault_close(v);
    v = opened(x);
    assert_int_equal(reads(v, "bob"), 1);
    vault_close(v);
}

static void values_cannot_be_exchanged(void **state)
{
    struct fixture *x = *state;
    struct why why;
    sqlite3 *db;
    vault_close(locked(x));
    assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE value SET name = 'eve' WHERE name = 'bob'", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_close(db);
    struct vault *v = opened(x);
    assert_int_equal(vault_give_key(v, x->key, &why), 0);
    assert_int_equal(reads(v, "eve"), -1);
    vault_close(v);
}

static void alone_or_not_at_all(void **state)
{
    struct fixture *x = *state;
    struct why why;
    struct vault *v = filled(x), *second = opened(x);
    assert_int_equal(vault_give_key(v, x->key, &why), -1);
    assert_non_null(strstr(why.what, "another program"));
    assert_false(vault_sealed(v));
    assert_int_equal(reads(second, "bob"), 1);
    vault_close(second);
    assert_int_equal(vault_give_key(v, x->key, &why), 0);
    second = opened(x); /* it is shared again */
    assert_int_equal(vault_give_key(second, x->key, &why), 0);
    assert_int_equal(vault_unseal(v, &why), -1);
    assert_true(vault_sealed(v));
    assert_int_equal(reads(v, "bob"), 1);
    vault_close(second);
    vault_close(v);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_stays_in_the_file),
        TEST(one_key_opens_it),
        TEST(values_cannot_be_exchanged),
        TEST(alone_or_not_at_all),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
