/*
 * test_store_class.c - what the store keeps of moderation and of the class roster: an act and its line in
 * the audit log are one, the log only grows, items replace each other; all of it is there after a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store_help.h"

static struct {
    struct store_audit line[8];
    size_t lines;
    struct store_sanction sanction[8];
    size_t sanctions;
    struct buf items;
    unsigned roster[4]; /* by kind: accounts, as bits */
} seen;

/* --- asking --- */

static uint64_t order(uint64_t subject, enum store_change change, uint8_t kind, const char *reason)
{
    static uint64_t time_ms = 1000;
    struct store_audit line = {.time_ms = time_ms++,
                               .actor = 1,
                               .subject = subject,
                               .origin = STORE_BY_CLIENT,
                               .act = 3,
                               .role = 2,
                               .room = "#lobby",
                               .until_ms = 5000 + subject};
    snprintf(line.reason, sizeof line.reason, "%s", reason);
    enum store_status status = STORE_FULL;
    store_moderate(help.s, &line, change, kind, help_done, &status);
    help_settle();
    assert_int_equal(status, STORE_OK);
    return help.row;
}

static void on_lines(void *ctx, const struct store_audit *line, size_t n)
{
    (void)ctx;
    assert_in_range(n, 0, 8);
    for (size_t i = 0; i < n; i++) {
        seen.line[i] = line[i]; // of none there is no address either
    }
    seen.lines = n;
}

static void audit(uint64_t since_ms, uint64_t after, size_t max)
{
    store_load_audit(help.s, since_ms, after, max, on_lines, NULL);
    help_settle();
}

static void on_sanction(void *arg, const struct store_sanction *x)
{
    (void)arg;
    seen.sanction[seen.sanctions++] = *x;
}

static void on_roster(void *arg, uint8_t kind, uint64_t account)
{
    (void)arg;
    seen.roster[kind] |= 1u << account;
}

/* Ends the store and opens it again, with what is there. */
static void reopen(void)
{
    help_reopen();
    memset(seen.roster, 0, sizeof seen.roster);
    seen.sanctions = 0;
    store_each_sanction(help.s, on_sanction, NULL);
    store_each_roster(help.s, on_roster, NULL);
    help_list();
}

/* --- moderation --- */

static void the_log_tells_everything(void **state)
{
    (void)state;
    help_open();
    help_users(3);
    assert_int_equal(order(2, STORE_NOTHING, 0, "why not"), 1);
    assert_int_equal(order(3, STORE_NOTHING, 0, ""), 2);
    reopen();
    audit(0, 0, 8);
    assert_int_equal(seen.lines, 2);
    const struct store_audit *l = &seen.line[0];
    assert_true(l->id == 1 && l->actor == 1 && l->subject == 2 && l->origin == STORE_BY_CLIENT && l->act == 3);
    assert_true(l->role == 2 && l->until_ms == 5002);
    assert_string_equal(l->room, "#lobby");
    assert_string_equal(l->reason, "why not");
    audit(l[1].time_ms, 0, 8);
    assert_true(seen.lines == 1 && seen.line[0].id == 2);
    audit(0, 1, 8);
    assert_true(seen.lines == 1 && seen.line[0].id == 2);
    audit(0, 0, 1);
    assert_true(seen.lines == 1 && seen.line[0].id == 1);
    audit(0, 2, 8);
    assert_int_equal(seen.lines, 0);
    assert_int_equal(seen.sanctions, 0);
}

static void what_is_forbidden_is_kept(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    order(1, STORE_FORBID, STORE_MUTE, "first");
    order(1, STORE_FORBID, STORE_MUTE, "second");
    order(1, STORE_FORBID, STORE_BAN, "out");
    order(2, STORE_FORBID, STORE_LOCK, "");
    order(0, STORE_FORBID, STORE_ANNOUNCE, "exam");
    reopen();
    assert_int_equal(seen.sanctions, 4);
    for (size_t i = 0; i < seen.sanctions; i++) {
        const struct store_sanction *x = &seen.sanction[i];
        assert_int_equal(x->until_ms, 5000 + x->account);
        if (x->kind == STORE_MUTE) assert_string_equal(x->reason, "second");
        if (x->account == 0) assert_int_equal(x->kind, STORE_ANNOUNCE);
    }
    order(1, STORE_LIFT, STORE_MUTE, "");
    order(0, STORE_LIFT, STORE_ANNOUNCE, "");
    reopen();
    assert_int_equal(seen.sanctions, 2);
    audit(0, 0, 8);
    assert_int_equal(seen.lines, 7);
}

static void a_role_given_is_kept(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    reopen();
    assert_true(help.account[0].granted == -1 && help.account[1].granted == -1);
    order(2, STORE_GRANT, 0, "");
    reopen();
    assert_true(help.account[0].granted == -1 && help.account[1].granted == 2 && help.account[1].role == 2);
}

static int shell(const char *sql)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/broker.db", help.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    return rc;
}

/* Also an operator at the shell cannot change it by a slip. */
static void the_log_only_grows(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    order(2, STORE_NOTHING, 0, "true");
    store_close(help.s);
    help.s = NULL;
    assert_int_equal(shell("UPDATE audit SET reason='false'"), SQLITE_CONSTRAINT);
    assert_int_equal(shell("DELETE FROM audit"), SQLITE_CONSTRAINT);
    help_open();
    audit(0, 0, 8);
    assert_true(seen.lines == 1 && strcmp(seen.line[0].reason, "true") == 0);
}

/* --- the roster --- */

static void put(uint8_t kind, uint64_t account, const char *item)
{
    enum store_status status = STORE_FULL;
    store_put_roster(help.s, kind, account, 7000 + account, (struct slice){(const uint8_t *)item, strlen(item)}, help_done,
                     &status);
    help_settle();
    assert_true(status == STORE_OK && help.row == account);
}

static void drop(uint8_t kind, uint64_t account)
{
    enum store_status status = STORE_FULL;
    store_drop_roster(help.s, kind, account, help_done, &status);
    help_settle();
    assert_int_equal(status, STORE_OK);
}

static void on_items(void *ctx, struct slice items)
{
    (void)ctx;
    buf_reset(&seen.items, SIZE_MAX);
    buf_put(&seen.items, items.data, items.len);
}

/* The items are exactly these: account, text. */
static void expect(uint8_t kind, uint64_t account, uint64_t after, size_t max_bytes, size_t n, ...)
{
    va_list ap;
    store_load_roster(help.s, kind, account, after, max_bytes, on_items, NULL);
    help_settle();
    struct cur c = cur_of(seen.items.data, buf_len(&seen.items));
    va_start(ap, n);
    for (size_t i = 0; i < n; i++) {
        unsigned of = va_arg(ap, unsigned);
        const char *text = va_arg(ap, const char *);
        assert_int_equal(cur_u64(&c), of);
        assert_int_equal(cur_u64(&c), 7000 + of);
        struct slice item = cur_str16(&c);
        assert_int_equal(item.len, strlen(text));
        assert_memory_equal(item.data, text, item.len);
    }
    va_end(ap);
    assert_true(cur_end(&c));
}

static void items_replace_each_other(void **state)
{
    (void)state;
    help_open();
    help_users(4);
    put(1, 2, "old");
    put(1, 2, "new");
    put(1, 4, "other");
    put(2, 2, "claim");
    put(3, 2, "gone");
    drop(3, 2);
    drop(3, 4); /* there was none */
    reopen();
    assert_true(seen.roster[1] == (1u << 2 | 1u << 4) && seen.roster[2] == 1u << 2 && seen.roster[3] == 0);
    expect(1, 2, 0, 1000, 1, 2u, "new");
    expect(1, 3, 0, 1000, 0);
    expect(1, 0, 0, 1000, 2, 2u, "new", 4u, "other");
    expect(1, 0, 2, 1000, 1, 4u, "other");
    expect(1, 0, 0, 1, 1, 2u, "new"); /* one at least */
    expect(2, 0, 0, 1000, 1, 2u, "claim");
    expect(3, 0, 0, 1000, 0);
}

static int teardown(void **state)
{
    buf_free(&seen.items);
    return help_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, help_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_log_tells_everything), TEST(what_is_forbidden_is_kept), TEST(a_role_given_is_kept),
        TEST(the_log_only_grows),       TEST(items_replace_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
