/* test_store.c - the broker's store from the outside: what goes in comes out, also after a death.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_help.h"

static int count_rows(const char *sql)
{
    char path[300];
    sqlite3 *db;
    sqlite3_stmt *st;
    snprintf(path, sizeof path, "%s/broker.db", help.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int n = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static void change(const char *sql)
{
    char path[300];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/broker.db", help.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static mode_t mode_of(const char *name)
{
    char path[300];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", help.dir, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void makes_folder(void **state)
{
    (void)state;
    help_open();
    assert_int_equal(mode_of("."), 0700);
    assert_int_equal(mode_of("broker.db"), 0600);
    assert_int_equal(mode_of("broker.db-wal"), 0600);
    assert_int_equal(mode_of("reserve"), 0600);
    assert_int_equal(store_incarnation(help.s), 1);
    help_reopen();
    assert_int_equal(store_incarnation(help.s), 2);
    assert_int_equal(count_rows("PRAGMA application_id"), SQL_APPLICATION_ID);
    assert_int_equal(count_rows("SELECT journal_mode='wal' FROM pragma_journal_mode"), 1);
}

static void refuses(const char *part)
{
    char err[300] = "";
    store_close(help.s);
    help.s = store_open(help.dir, err, sizeof err);
    assert_null(help.s);
    assert_non_null(strstr(err, part));
}

static void refuses_second_broker(void **state)
{
    (void)state;
    char err[300] = "";
    help_open();
    assert_null(store_open(help.dir, err, sizeof err));
    assert_non_null(strstr(err, "in use by another broker"));
}

static void refuses_newer_schema(void **state)
{
    (void)state;
    help_open();
    store_close(help.s), help.s = NULL;
    change("PRAGMA user_version=99");
    refuses("newer release");
}

static void refuses_foreign_database(void **state)
{
    (void)state;
    help_open();
    store_close(help.s), help.s = NULL;
    change("PRAGMA application_id=7");
    refuses("another program");
}

static void refuses_damage(void **state)
{
    (void)state;
    char path[300];
    uint8_t junk[4096];
    help_open();
    help_users(3);
    store_close(help.s), help.s = NULL;
    memset(junk, 0xa5, sizeof junk);
    snprintf(path, sizeof path, "%s/broker.db", help.dir);
    int fd = open(path, O_RDWR);
    for (off_t page = 2; page < 6; page++)
        assert_int_equal(pwrite(fd, junk, sizeof junk, page * 4096), sizeof junk);
    close(fd);
    refuses("damaged");
}

static void keeps_accounts(void **state)
{
    (void)state;
    help_open();
    help_users(3);
    help_reopen();
    help_list();
    assert_int_equal(help.accounts, 3);
    assert_int_equal(help.devices, 3);
    assert_string_equal(help.account[2].name, "user3");
    assert_int_equal(help.account[2].role, 3);
    assert_int_equal(help.account[2].created_ms, 1003);
    assert_int_equal(help.device[2].device, DEVICE);
    assert_int_equal(help.device[2].key[31], 3);
    assert_int_equal(help.device[2].waiting, 0);
}

static void keeps_messages(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    for (uint64_t id = 1; id <= 10; id++)
        assert_int_equal(help_put(1, 2, id), STORE_OK);
    uint64_t last = help.row;
    for (int again = 0; again < 2; again++) {
        help_load(1, 0, 100, 1 << 20);
        assert_int_equal(help.n, 10);
        assert_false(help.more);
        for (uint64_t i = 0; i < 10; i++)
            help_expect(i, 1, 2, i + 1);
        assert_int_equal(help.m[9].row, last);
        help_load(2, 0, 100, 1 << 20);
        assert_int_equal(help.n, 0);
        help_reopen();
    }
    help_list();
    assert_int_equal(help.device[0].waiting, 10);
    assert_int_equal(help.device[0].waiting_bytes, 10 * HELP_BYTES);
    assert_int_equal(help.device[0].last_id, 0);
    assert_int_equal(help.device[1].last_id, 10);
}

static void load_keeps_limits(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    for (uint64_t id = 1; id <= 10; id++)
        help_put(1, 2, id);
    help_load(1, 0, 4, 1 << 20);
    assert_int_equal(help.n, 4);
    assert_true(help.more);
    help_load(1, help.m[3].row, 4, HELP_BYTES * 2);
    assert_int_equal(help.n, 2);
    assert_int_equal(help.m[0].id, 5);
    assert_true(help.more);
    help_load(1, 0, 4, 1); /* one at least */
    assert_int_equal(help.n, 1);
    help_load(1, help.row - 1, 4, 1 << 20);
    assert_int_equal(help.n, 1);
    assert_false(help.more);
}

static void last_id_never_falls(void **state)
{
    (void)state;
    help_open();
    help_users(3);
    help_put(1, 2, 50);
    help_put(1, 3, 7);
    help_put(1, 2, 20);
    help_reopen();
    help_list();
    assert_int_equal(help.device[1].last_id, 50);
    assert_int_equal(help.device[2].last_id, 7);
}

static void ack_hides_at_once(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    for (uint64_t id = 1; id <= 5; id++)
        help_put(1, 2, id);
    store_ack(help.s, 1, DEVICE, help.row - 2);
    store_ack(help.s, 1, DEVICE, help.row - 4); /* late: does not move back */
    help_load(1, 0, 100, 1 << 20);
    assert_int_equal(help.n, 2);
    help_reopen();
    help_list();
    assert_int_equal(help.device[0].waiting, 2);
    assert_int_equal(help.device[0].acked, help.row - 2);
}

/* A wrong row of a hostile client must not swallow what comes later. */
static void ack_stops_at_newest(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    help_put(1, 2, 1);
    store_ack(help.s, 1, DEVICE, UINT64_MAX);
    store_ack(help.s, 1, DEVICE, help.row + 100);
    help_put(1, 2, 2);
    help_load(1, 0, 100, 1 << 20);
    assert_int_equal(help.n, 1);
    assert_int_equal(help.m[0].id, 2);
}

/* Each load is awaited, so the thread had a quiet moment in between. */
static void sweeps_acknowledged(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    help_puts(1, 2, 1, 1500);
    help_puts(2, 1, 1, 10);
    store_ack(help.s, 1, DEVICE, help.row);
    for (int i = 0; i < 100000 && count_rows("SELECT count(*) FROM queue") > 10; i++)
        help_load(1, 0, 1, 1);
    assert_int_equal(count_rows("SELECT count(*) FROM queue"), 10);
    assert_int_equal(count_rows("SELECT count(*) FROM queue WHERE account=2"), 10);
}

static void sweeps_after_restart(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    help_puts(1, 2, 1, 20);
    store_close(help.s), help.s = NULL;
    change("UPDATE device SET acked=15");
    help_open();
    for (int i = 0; i < 100000 && count_rows("SELECT count(*) FROM queue") > 5; i++)
        help_load(1, 0, 1, 1);
    assert_int_equal(count_rows("SELECT count(*) FROM queue"), 5);
    assert_int_equal(count_rows("SELECT count(*) FROM queue WHERE id>15"), 5);
}

static void rows_are_never_reused(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    help_puts(1, 2, 1, 20);
    uint64_t last = help.row;
    store_close(help.s), help.s = NULL;
    change("DELETE FROM queue");
    help_open();
    help_put(1, 2, 21);
    assert_int_equal(help.row, last + 1);
}

static void rooms_have_no_gaps(void **state)
{
    (void)state;
    help_open();
    assert_int_equal(store_room_head(help.s, 9), 0);
    help_users(2);
    for (uint64_t i = 1; i <= 30; i++) {
        help_put_room(9 + i % 2, 1, i);
        assert_int_equal(help.row, (i + 1) / 2);
    }
    help_load_room(9, 5, 4);
    assert_int_equal(help.n, 4);
    assert_true(help.more);
    assert_int_equal(help.m[0].row, 6);
    assert_int_equal(help.m[0].id, 12);
    help_reopen();
    assert_int_equal(store_room_head(help.s, 9), 15);
    help_list();
    assert_int_equal(help.device[0].last_id, 30);
}

/* All of a room may be forgotten, its numbers may not. */
static void trimmed_room_goes_on(void **state)
{
    (void)state;
    help_open();
    help_users(1);
    for (uint64_t i = 1; i <= 600; i++)
        help_put_room(3, 1, i);
    store_trim_room(help.s, 3, 11);
    help_load_room(3, 0, 1);
    store_trim_room(help.s, 3, UINT64_MAX);
    for (int i = 0; i < 100000 && count_rows("SELECT count(*) FROM room_message"); i++)
        help_load_room(3, 0, 1);
    assert_int_equal(count_rows("SELECT count(*) FROM room_message"), 0);
    help_put_room(3, 1, 601);
    assert_int_equal(help.row, 601);
    help_reopen();
    assert_int_equal(store_room_head(help.s, 3), 601);
}

static void expiry_lists_what_it_ends(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    help_puts(1, 2, 1, 10); /* taken at time = id */
    store_ack(help.s, 1, DEVICE, 2);
    help_expire(6);
    assert_int_equal(help.n, 3); /* 3, 4, 5: the first two are nobody's loss */
    assert_int_equal(help.m[0].id, 3);
    assert_int_equal(help.m[0].from_account, 2);
    assert_int_equal(help.m[0].account, 1);
    help_expire(6);
    assert_int_equal(help.n, 0);
    help_load(1, 0, 100, 1 << 20);
    assert_int_equal(help.n, 5);
    assert_int_equal(help.m[0].id, 6);
}

static void commits_in_groups(void **state)
{
    (void)state;
    uint64_t before, after, us;
    help_open();
    help_users(2);
    store_stats(help.s, &before, &us);
    help_puts(1, 2, 1, 10000);
    store_stats(help.s, &after, &us);
    assert_true(after - before < 5000);
    assert_true(us > 0);
    help_load(1, 0, 20000, 1 << 30);
    assert_int_equal(help.n, 10000);
    for (uint64_t i = 0; i < 10000; i++)
        help_expect(i, 1, 2, i + 1);
}

static void load_sees_puts_before_it(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    for (uint64_t i = 1; i <= 200; i++) {
        help_hand_in(1, 2, i);
        help_load(1, 0, 1000, 1 << 20);
        assert_int_equal(help.n, i);
    }
}

/* A child reports its puts and dies without closing. */
static void survives_a_kill(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        help_open();
        help_users(2);
        help_puts(1, 2, 1, 1000);
        _exit(help.completed == 1000 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    help_open();
    help_load(1, 0, 2000, 1 << 20);
    assert_int_equal(help.n, 1000);
}

static void close_completes_all(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    help.completed = 0;
    for (uint64_t i = 1; i <= 5000; i++)
        help_hand_in(1, 2, i);
    store_close(help.s), help.s = NULL;
    assert_int_equal(help.completed, 5000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, help_setup, help_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_folder),
        TEST(refuses_second_broker),
        TEST(refuses_newer_schema),
        TEST(refuses_damage),
        TEST(refuses_foreign_database),
        TEST(keeps_accounts),
        TEST(keeps_messages),
        TEST(load_keeps_limits),
        TEST(last_id_never_falls),
        TEST(ack_hides_at_once),
        TEST(ack_stops_at_newest),
        TEST(sweeps_acknowledged),
        TEST(sweeps_after_restart),
        TEST(rows_are_never_reused),
        TEST(rooms_have_no_gaps),
        TEST(trimmed_room_goes_on),
        TEST(expiry_lists_what_it_ends),
        TEST(commits_in_groups),
        TEST(load_sees_puts_before_it),
        TEST(survives_a_kill),
        TEST(close_completes_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
