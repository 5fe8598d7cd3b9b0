/* test_table.c - the intrusive hash table beside a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>

#include "broker/table.h"

enum { ITEMS = 3000, HASHES = 500 };

struct item {
    struct table_node node;
    uint64_t hash;
    bool in, seen;
};

static struct item item[ITEMS];

/* What the table gives for a hash is what has that hash and is in, each once. */
static void check(const struct table *t, uint64_t hash)
{
    for (struct table_node *n = table_first(t, hash); n; n = table_next(n)) {
        struct item *i = (struct item *)n;
        assert_true(i->in && i->hash == hash && !i->seen);
        i->seen = true;
    }
    for (size_t i = 0; i < ITEMS; i++) {
        if (item[i].in && item[i].hash == hash) assert_true(item[i].seen);
        item[i].seen = false;
    }
}

static void an_empty_one_has_nothing(void **state)
{
    (void)state;
    struct table t = {0};
    assert_null(table_first(&t, 0));
    assert_null(table_first(&t, UINT64_MAX));
}

/* Few different hashes, so that many share a bucket and many share the hash itself. */
static void as_a_list_would_do(void **state)
{
    (void)state;
    struct table t = {0};
    size_t n = 0;
    for (size_t i = 0; i < ITEMS; i++)
        item[i] = (struct item){.hash = randombytes_uniform(HASHES) * UINT64_C(0x0001000000010001)};
    for (unsigned step = 0; step < 20000; step++) {
        struct item *i = &item[randombytes_uniform(ITEMS)];
        if (i->in)
            table_remove(&t, &i->node);
        else
            table_add(&t, &i->node, i->hash);
        i->in = !i->in;
        n += i->in ? 1 : (size_t)-1;
        assert_int_equal(t.n, n);
        if (step % 100 == 0) check(&t, i->hash);
    }
    for (uint64_t h = 0; h < HASHES; h++)
        check(&t, h * UINT64_C(0x0001000000010001));
    assert_true(t.size >= t.n);
    free(t.bucket);
}

static void growing_keeps_everything_and_stays_short(void **state)
{
    (void)state;
    struct table t = {0};
    for (size_t i = 0; i < ITEMS; i++) {
        item[i] = (struct item){.hash = table_hash(&i, sizeof i), .in = true};
        table_add(&t, &item[i].node, item[i].hash);
    }
    size_t longest = 0;
    for (size_t b = 0; b < t.size; b++) {
        size_t len = 0;
        for (struct table_node *n = t.bucket[b]; n; n = n->next)
            len++;
        longest = len > longest ? len : longest;
    }
    assert_true(t.size >= ITEMS && t.size <= 4 * ITEMS);
    assert_true(longest < 16);
    for (size_t i = 0; i < ITEMS; i += 50)
        check(&t, item[i].hash);
    free(t.bucket);
}

static void removing_what_is_not_in_changes_nothing(void **state)
{
    (void)state;
    struct table t = {0};
    struct item a = {.hash = 1}, b = {.node.hash = 1, .hash = 1};
    table_add(&t, &a.node, 1);
    table_remove(&t, &b.node);
    assert_int_equal(t.n, 1);
    table_remove(&t, &a.node);
    table_remove(&t, &a.node);
    assert_int_equal(t.n, 0);
    free(t.bucket);
}

static void the_hash_tells_keys_apart(void **state)
{
    (void)state;
    assert_true(table_hash("alice", 5) == table_hash("alice", 5));
    assert_true(table_hash("alice", 5) != table_hash("alicf", 5));
    assert_true(table_hash("alice", 5) != table_hash("alice", 4));
    assert_true(table_hash("", 0) == table_hash("x", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_has_nothing),
        cmocka_unit_test(as_a_list_would_do),
        cmocka_unit_test(growing_keeps_everything_and_stays_short),
        cmocka_unit_test(removing_what_is_not_in_changes_nothing),
        cmocka_unit_test(the_hash_tells_keys_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
