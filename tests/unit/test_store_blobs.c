/*
 * test_store_blobs.c - what the store keeps of files: a blob and its devices come and go together, states
 * and notices stay over a restart, and the fifth release's store is brought up to date.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store_help.h"

static struct {
    struct store_blob blob[4];
    struct {
        uint8_t id[STORE_BLOB_ID];
        struct store_blob_device d;
        uint64_t made_ms;
    } wait[8], notice[8];
    size_t blobs, waits, notices;
} seen;

static void on_blob(void *arg, const struct store_blob *b)
{
    (void)arg;
    assert_in_range(seen.blobs, 0, 3);
    seen.blob[seen.blobs++] = *b;
}

static void on_wait(void *arg, const uint8_t *id, const struct store_blob_device *d)
{
    (void)arg;
    assert_in_range(seen.waits, 0, 7);
    memcpy(seen.wait[seen.waits].id, id, STORE_BLOB_ID);
    seen.wait[seen.waits++].d = *d;
}

static void on_notice(void *arg, const uint8_t *id, const struct store_blob_device *d, uint64_t made_ms)
{
    (void)arg;
    assert_in_range(seen.notices, 0, 7);
    memcpy(seen.notice[seen.notices].id, id, STORE_BLOB_ID);
    seen.notice[seen.notices].d = *d;
    seen.notice[seen.notices++].made_ms = made_ms;
}

static void reopen(void)
{
    help_reopen();
    memset(&seen, 0, sizeof seen);
    store_each_blob(help.s, on_blob, NULL);
    store_each_blob_device(help.s, on_wait, NULL);
    store_each_blob_notice(help.s, on_notice, NULL);
}

static struct store_blob_change about(enum store_blob_op op, uint8_t which, const struct store_blob_device *d, size_t n)
{
    struct store_blob_change c = {.op = op, .device = d, .n = n};
    c.blob = (struct store_blob){.account = 1, .device = DEVICE, .to = "#ta", .size = 5000u + which,
                                 .created_ms = 100u + which, .until_ms = 900};
    memset(c.blob.id, which, sizeof c.blob.id);
    return c;
}

static void change(const struct store_blob_change *c)
{
    enum store_status status = STORE_FULL;
    store_blob(help.s, c, help_done, &status);
    help_settle();
    assert_int_equal(status, STORE_OK);
}

static const struct store_blob_device two[] = {{2, DEVICE, 0}, {3, UINT64_MAX, 0}};

static void put(uint8_t which)
{
    struct store_blob_change c = about(STORE_BLOB_PUT, which, two, 2);
    change(&c);
}

static void a_blob_is_kept(void **state)
{
    (void)state;
    help_open();
    put(1);
    struct store_blob_change c = about(STORE_BLOB_PUT, 2, two, 1);
    c.blob.size = UINT64_MAX;
    change(&c);
    reopen();
    assert_int_equal(seen.blobs, 2);
    const struct store_blob *b = &seen.blob[0];
    assert_true(b->id[0] == 1 && b->id[31] == 1 && b->account == 1 && b->device == DEVICE && b->size == 5001);
    assert_true(!b->complete && b->created_ms == 101 && b->until_ms == 900);
    assert_string_equal(b->to, "#ta");
    assert_true(seen.blob[1].size == UINT64_MAX);
    assert_int_equal(seen.waits, 3);
    assert_true(seen.wait[1].d.account == 3 && seen.wait[1].d.device == UINT64_MAX && seen.wait[1].id[7] == 1);
}

static void it_is_completed_and_fetched(void **state)
{
    (void)state;
    help_open();
    put(1);
    put(2);
    struct store_blob_change c = about(STORE_BLOB_COMPLETE, 1, NULL, 0);
    c.blob.size = 7777;
    change(&c);
    c = about(STORE_BLOB_STATE, 1, &(struct store_blob_device){3, UINT64_MAX, 2}, 1);
    change(&c);
    reopen();
    assert_true(seen.blob[0].complete && seen.blob[0].size == 7777);
    assert_true(!seen.blob[1].complete && seen.blob[1].size == 5002);
    for (size_t i = 0; i < seen.waits; i++)
        assert_int_equal(seen.wait[i].d.state, seen.wait[i].id[0] == 1 && seen.wait[i].d.account == 3 ? 2 : 0);
}

static void its_end_is_told(void **state)
{
    (void)state;
    help_open();
    put(1);
    put(2);
    const struct store_blob_device senders[] = {{1, DEVICE, 3}, {1, 78, 3}};
    struct store_blob_change c = about(STORE_BLOB_END, 1, senders, 2);
    c.blob.created_ms = 444;
    change(&c);
    reopen();
    assert_true(seen.blobs == 1 && seen.blob[0].id[0] == 2 && seen.waits == 2 && seen.notices == 2);
    assert_true(seen.notice[0].id[5] == 1 && seen.notice[0].d.state == 3 && seen.notice[0].made_ms == 444);
    c = about(STORE_BLOB_TOLD, 1, &(struct store_blob_device){1, 78, 0}, 1);
    change(&c);
    c = about(STORE_BLOB_TOLD, 2, &(struct store_blob_device){1, DEVICE, 0}, 1); /* of another blob */
    change(&c);
    reopen();
    assert_true(seen.notices == 1 && seen.notice[0].d.device == DEVICE);
}

static void the_boot_is_noted(void **state)
{
    char boot[STORE_BOOT_MAX + 1];
    (void)state;
    help_open();
    store_boot(help.s, boot);
    assert_string_equal(boot, "");
    struct store_blob_change c = {.op = STORE_BLOB_BOOT, .boot = "4f1e-22"};
    change(&c);
    reopen();
    store_boot(help.s, boot);
    assert_string_equal(boot, "4f1e-22");
}

/* Taken back to what it was, with what people had then. */
static void the_fifth_release_is_brought_up_to_date(void **state)
{
    char command[300];
    (void)state;
    help_open();
    help_users(2);
    store_close(help.s);
    help.s = NULL;
    snprintf(command, sizeof command,
             "sqlite3 %s/broker.db 'DROP TABLE blob; DROP TABLE blob_wait; DROP TABLE blob_notice;"
             "ALTER TABLE meta DROP COLUMN boot; PRAGMA user_version=5'",
             help.dir);
    assert_int_equal(system(command), 0);
    reopen();
    help_list();
    assert_int_equal(help.accounts, 2);
    put(1);
    reopen();
    assert_true(seen.blobs == 1 && seen.waits == 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, help_setup, help_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_blob_is_kept), TEST(it_is_completed_and_fetched), TEST(its_end_is_told), TEST(the_boot_is_noted),
        TEST(the_fifth_release_is_brought_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
