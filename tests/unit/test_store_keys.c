/*
 * test_store_keys.c - prekeys and device lists in the broker's store, copies for the sender's other
 * devices, and an old store that is brought up to date.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store_help.h"
#include "wire_keys.h"

enum { KEEP = 200, TOLD_MAX = 1 << 16 };

/* What the newest completion has told. */
static struct {
    unsigned n;
    enum store_status status;
    char prefix[64];
    uint32_t one_time; /* id; 0: none */
    uint8_t key;       /* its first byte */
    struct store_prekeys now;
    struct buf entries;
} told;

static void on_bundle(void *ctx, enum store_status status, struct slice prefix, struct slice one_time,
                      const struct store_prekeys *now)
{
    (void)ctx;
    assert_true(prefix.len < sizeof told.prefix);
    told.n++;
    told.status = status;
    memset(told.prefix, 0, sizeof told.prefix);
    if (prefix.len) memcpy(told.prefix, prefix.data, prefix.len);
    assert_true(one_time.len == 0 || one_time.len == WIRE_ONE_TIME);
    told.one_time = one_time.len ? get_u32(one_time.data) : 0;
    told.key = one_time.len ? one_time.data[4] : 0;
    told.now = *now;
}

static void on_entries(void *ctx, struct slice entries)
{
    (void)ctx;
    buf_reset(&told.entries, TOLD_MAX);
    buf_put(&told.entries, entries.data, entries.len);
}

/* Publishes n one-time prekeys from the id given; every byte of a key is its id's lowest. */
static void publish(uint64_t account, uint32_t signed_id, const char *prefix, uint32_t first, uint32_t n)
{
    struct buf keys = {0};
    for (uint32_t id = first; id < first + n; id++) {
        buf_put_u32(&keys, id);
        memset(buf_room(&keys, 32), (int)(id & 0xff), 32);
        buf_added(&keys, 32);
    }
    store_publish(help.s, account, DEVICE, signed_id, (struct slice){(const uint8_t *)prefix, strlen(prefix)},
                  (struct slice){keys.data, buf_len(&keys)}, KEEP, on_bundle, NULL);
    help_settle();
    buf_free(&keys);
}

static void take(uint64_t account)
{
    store_take_bundle(help.s, account, DEVICE, on_bundle, NULL);
    help_settle();
}

static void expect_now(uint32_t signed_id, uint32_t top, uint32_t left)
{
    assert_int_equal(told.status, STORE_OK);
    assert_int_equal(told.now.signed_id, signed_id);
    assert_int_equal(told.now.top, top);
    assert_int_equal(told.now.left, left);
}

static void a_prekey_goes_out_once(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    take(1);
    assert_string_equal(told.prefix, "");
    publish(1, 5, "signed five", 1, 3);
    expect_now(5, 3, 3);
    for (uint32_t id = 1; id <= 3; id++) {
        take(1);
        assert_string_equal(told.prefix, "signed five");
        assert_int_equal(told.one_time, id);
        assert_int_equal(told.key, id);
        expect_now(5, 3, 3 - id);
        help_reopen(); /* a restart brings none back */
    }
    take(1);
    assert_string_equal(told.prefix, "signed five");
    assert_int_equal(told.one_time, 0);
    take(2);
    assert_string_equal(told.prefix, "");
}

static void taken_in_one_batch_they_differ(void **state)
{
    (void)state;
    help_open();
    help_users(1);
    publish(1, 1, "s", 1, 100);
    for (int i = 0; i < 99; i++)
        store_take_bundle(help.s, 1, DEVICE, on_bundle, NULL);
    help_settle();
    take(1);
    assert_int_equal(told.one_time, 100);
    assert_int_equal(told.now.left, 0);
}

static void a_repeat_brings_none_back(void **state)
{
    (void)state;
    help_open();
    help_users(1);
    publish(1, 2, "two", 1, 10);
    take(1);
    publish(1, 1, "one", 1, 10); /* an older one, late */
    expect_now(2, 10, 9);
    publish(1, 2, "two", 8, 5);
    expect_now(2, 12, 11);
    take(1);
    assert_string_equal(told.prefix, "two");
    assert_int_equal(told.one_time, 2);
    publish(1, 3, "three", 1, 0);
    take(1);
    assert_string_equal(told.prefix, "three");
}

static void at_most_so_many_are_kept(void **state)
{
    (void)state;
    help_open();
    help_users(1);
    publish(1, 1, "s", 1, 150);
    publish(1, 1, "s", 151, 100);
    expect_now(1, 250, KEEP);
    take(1);
    assert_int_equal(told.one_time, 51); /* the oldest have gone */
}

static struct store_prekeys seen[4];
static struct store_list list[4];
static unsigned n_seen, n_list;

static void see_prekeys(void *arg, const struct store_prekeys *p)
{
    (void)arg;
    seen[n_seen++] = *p;
}

static void see_list(void *arg, const struct store_list *l)
{
    (void)arg;
    list[n_list++] = *l;
}

static void look(void)
{
    n_seen = n_list = 0;
    help_reopen();
    store_each_prekeys(help.s, see_prekeys, NULL);
    store_each_list(help.s, see_list, NULL);
    help_list();
}

static void append(uint64_t account, uint32_t seq, const char *entry, uint64_t device, uint32_t revoked)
{
    enum store_status status = STORE_FULL;
    struct store_list l = {.account = account, .head = seq};
    struct store_device d = {.account = account, .device = device, .revoked = revoked};
    memset(l.account_key, 9, sizeof l.account_key);
    memset(d.key, 8, sizeof d.key);
    store_append(help.s, &l, (struct slice){(const uint8_t *)entry, strlen(entry)}, &d, help_done, &status);
    help_settle();
    assert_int_equal(status, STORE_OK);
    assert_int_equal(help.row, seq);
}

/* text is what travels, NULs and all. */
static void expect_entries(uint32_t after, const char *text, size_t n)
{
    store_load_list(help.s, 1, after, on_entries, NULL);
    help_settle();
    assert_int_equal(buf_len(&told.entries), n);
    if (n) assert_memory_equal(buf_head(&told.entries), text, n);
}
#define EXPECT_ENTRIES(after, text) expect_entries(after, text, sizeof(text) - 1)

static void a_list_grows(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    append(1, 1, "one", DEVICE, 0);
    append(1, 2, "second", 78, 0);
    look();
    assert_int_equal(n_list, 1);
    assert_true(list[0].account == 1 && list[0].head == 2 && list[0].account_key[31] == 9);
    assert_int_equal(help.devices, 3);
    assert_true(help.device[0].device == DEVICE && help.device[0].key[0] == 1); /* as registered */
    assert_true(help.device[1].device == 78 && help.device[1].key[0] == 8 && help.device[1].revoked == 0);
    EXPECT_ENTRIES(0, "\3\0one\6\0second");
    EXPECT_ENTRIES(1, "\6\0second");
    EXPECT_ENTRIES(2, "");
}

static void the_revoked_leave_nothing(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    publish(1, 4, "s", 1, 5);
    publish(2, 6, "s", 1, 5);
    help_put(1, 2, 1);
    help_put(2, 1, 1);
    append(1, 1, "one", DEVICE, 0);
    append(1, 2, "gone", DEVICE, 2);
    help_put(1, 2, 2); /* was on its way */
    store_drop_device(help.s, 1, DEVICE);
    look();
    assert_int_equal(n_seen, 1);
    assert_true(seen[0].account == 2 && seen[0].signed_id == 6 && seen[0].left == 5 && seen[0].top == 5);
    assert_int_equal(help.device[0].revoked, 2);
    assert_int_equal(help.device[0].waiting, 0);
    assert_int_equal(help.device[1].waiting, 1);
}

static void copies_say_to_whom(void **state)
{
    (void)state;
    help_open();
    help_users(3);
    struct store_message m = help_message(1, 1, 7);
    m.to = 3;
    store_put_message(help.s, &m, help_done, NULL);
    help_put(1, 2, 8);
    help_load(1, 0, 9, 1 << 20);
    assert_int_equal(help.n, 2);
    assert_int_equal(help.m[0].to, 3);
    assert_int_equal(help.m[1].to, 0);
    help_expire(100);
    assert_int_equal(help.m[0].to, 3);
}

/* --- a store of the first release --- */

static const char first_release[] =
    "PRAGMA journal_mode=WAL;"
    "CREATE TABLE meta(one INTEGER PRIMARY KEY CHECK(one=1), incarnation INTEGER NOT NULL) STRICT;"
    "INSERT INTO meta VALUES(1, 41);"
    "CREATE TABLE account(id INTEGER PRIMARY KEY CHECK(id>0), name TEXT NOT NULL,"
    "  role INTEGER NOT NULL, created INTEGER NOT NULL) STRICT;"
    "CREATE TABLE device(account INTEGER NOT NULL REFERENCES account(id), device INTEGER NOT NULL,"
    "  key BLOB NOT NULL CHECK(length(key)=32), last_id INTEGER NOT NULL, acked INTEGER NOT NULL,"
    "  last_room_id INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(account, device)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE queue(id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL,"
    "  device INTEGER NOT NULL, from_account INTEGER NOT NULL, from_device INTEGER NOT NULL,"
    "  mid INTEGER NOT NULL, time INTEGER NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL) STRICT;"
    "CREATE INDEX queue_device ON queue(account, device);"
    "CREATE TABLE room(room INTEGER PRIMARY KEY, head INTEGER NOT NULL) STRICT;"
    "CREATE TABLE room_message(room INTEGER NOT NULL, number INTEGER NOT NULL,"
    "  from_account INTEGER NOT NULL, from_device INTEGER NOT NULL, mid INTEGER NOT NULL,"
    "  time INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(room, number)) STRICT, WITHOUT ROWID;"
    "INSERT INTO account VALUES(1,'alice',0,5),(2,'bob',2,6);"
    "INSERT INTO device VALUES(1,77,zeroblob(32),9,2,4),(2,77,zeroblob(32),0,0,0);"
    "INSERT INTO queue VALUES(2,1,77,2,77,1,1,x'',x'01'),(3,1,77,2,77,2,2,x'',x'0202');"
    "INSERT INTO room_message VALUES(1,1,2,77,3,3,x'03');"
    "PRAGMA application_id=1129532738; PRAGMA user_version=1;";

static void an_old_store_is_brought_up_to_date(void **state)
{
    (void)state;
    char path[128];
    sqlite3 *db;
    assert_int_equal(mkdir(help.dir, 0700), 0);
    snprintf(path, sizeof path, "%s/broker.db", help.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, first_release, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);

    help_open();
    assert_int_equal(store_incarnation(help.s), 42);
    help_list();
    assert_int_equal(help.accounts, 2);
    assert_string_equal(help.account[1].name, "bob");
    const struct store_device *d = &help.device[0];
    assert_true(d->last_id == 9 && d->acked == 2 && d->last_room_id == 4 && d->waiting == 1 && d->revoked == 0);
    assert_int_equal(store_room_head(help.s, 1), 1);
    help_load(1, 0, 10, 1 << 20);
    assert_int_equal(help.n, 1);
    assert_true(help.m[0].row == 3 && help.m[0].id == 2 && help.m[0].body.len == 2 && help.m[0].to == 0);
    publish(1, 1, "new", 1, 1);
    expect_now(1, 1, 1);
    append(1, 1, "one", DEVICE, 0);
    help_reopen(); /* and once is enough */
    assert_int_equal(store_incarnation(help.s), 43);
    take(1);
    assert_int_equal(told.one_time, 1);
}

static int teardown(void **state)
{
    buf_free(&told.entries);
    return help_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, help_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_prekey_goes_out_once),    TEST(taken_in_one_batch_they_differ),
        TEST(a_repeat_brings_none_back), TEST(at_most_so_many_are_kept),
        TEST(a_list_grows),              TEST(the_revoked_leave_nothing),
        TEST(copies_say_to_whom),        TEST(an_old_store_is_brought_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
