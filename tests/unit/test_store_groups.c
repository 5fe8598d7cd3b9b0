/*
 * test_store_groups.c - groups in the broker's store: logs and their numbers among the messages, places of
 * devices, what is cut off a room, lines of the audit log, and stores of earlier releases that are brought up
 * to date.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_help.h"

enum { CHESS = 2, GO = 3 };

/* What the newest completion has told, and what there was at open. */
static struct {
    struct buf entries;
    uint64_t first, rows, bytes;
    unsigned groups, places, log;
    struct store_group group[4];
    struct store_place place[8];
    struct store_audit line[4];
    size_t lines;
} told;

static void on_entries(void *ctx, struct slice entries)
{
    (void)ctx;
    buf_reset(&told.entries, 1 << 20);
    buf_put(&told.entries, entries.data, entries.len);
}

static void on_left(void *ctx, uint64_t first, uint64_t rows, uint64_t bytes)
{
    (void)ctx;
    told.first = first;
    told.rows = rows;
    told.bytes = bytes;
}

static void on_group(void *arg, const struct store_group *g)
{
    (void)arg;
    told.group[told.groups++] = *g;
}

static void on_place(void *arg, const struct store_place *p)
{
    (void)arg;
    told.place[told.places++] = *p;
}

static void on_entry(void *arg, uint64_t room, struct slice entry)
{
    (void)arg;
    assert_true(room == CHESS && entry.len > 0);
    told.log++;
}

static void on_room(void *arg, uint64_t room, uint64_t rows, uint64_t bytes)
{
    (void)arg;
    assert_int_equal(room, CHESS);
    told.rows = rows;
    told.bytes = bytes;
}

static uint64_t entry(uint64_t room, uint32_t seq, const char *text, uint64_t joins, uint64_t leaves, const char *name)
{
    struct store_group made = {.room = room, .id = {(uint8_t)room}};
    struct store_entry e = {.created = name ? &made : NULL,
                            .room = room,
                            .seq = seq,
                            .from_account = 1,
                            .from_device = DEVICE,
                            .time_ms = 100 + seq,
                            .joins = joins,
                            .leaves = leaves,
                            .entry = {(const uint8_t *)text, strlen(text)}};
    if (name) snprintf(made.name, sizeof made.name, "%s", name);
    store_append_entry(help.s, &e, help_done, NULL);
    help_settle();
    return help.row;
}

static void place(uint64_t account, uint64_t acked, uint64_t end)
{
    store_put_place(help.s, &(struct store_place){CHESS, account, DEVICE, acked, end});
    help_settle();
}

/* Everything of groups that was there at open. */
static void reopen(void)
{
    help_reopen();
    told.groups = told.places = told.log = 0;
    told.rows = told.bytes = 0;
    store_each_group(help.s, on_group, NULL);
    store_each_entry(help.s, on_entry, NULL);
    store_each_place(help.s, on_place, NULL);
    store_each_room(help.s, on_room, NULL);
}

static const struct store_place *place_of(uint64_t account)
{
    for (unsigned i = 0; i < told.places; i++)
        if (told.place[i].account == account) return &told.place[i];
    return NULL;
}

/* --- the log --- */

static void entries_stand_among_the_messages(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    assert_int_equal(entry(CHESS, 1, "create", 1, 0, "#chess"), 1);
    help_put_room(CHESS, 1, 7);
    assert_int_equal(entry(CHESS, 2, "join", 2, 0, NULL), 3);
    help_put_room(CHESS, 2, 4);
    help_load_room(CHESS, 0, 10);
    assert_int_equal(help.n, 4);
    const uint64_t ids[] = {0, 7, 0, 4};
    for (size_t i = 0; i < 4; i++)
        assert_true(help.m[i].row == i + 1 && help.m[i].id == ids[i]);
    assert_memory_equal(help.m[2].body.data, "join", 4);
    assert_int_equal(help.m[2].time_ms, 102);
    store_load_entries(help.s, CHESS, 0, 9, 1 << 20, on_entries, NULL);
    help_settle();
    struct cur c = cur_of(buf_head(&told.entries), buf_len(&told.entries));
    assert_int_equal(cur_u64(&c), 1);
    assert_int_equal(cur_str16(&c).len, 6);
    assert_int_equal(cur_u64(&c), 3);
    assert_int_equal(cur_str16(&c).len, 4);
    assert_true(cur_end(&c));
    store_load_entries(help.s, CHESS, 0, 9, 4, on_entries, NULL); /* one at least */
    help_settle();
    assert_int_equal(buf_len(&told.entries), 16);
    store_load_entries(help.s, CHESS, 1, 1, 1 << 20, on_entries, NULL);
    help_settle();
    assert_int_equal(buf_len(&told.entries), 0);
}

static void a_log_survives(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    entry(CHESS, 1, "create", 1, 0, "#chess");
    entry(CHESS, 2, "join", 2, 0, NULL);
    help_put_room(CHESS, 1, 7);
    reopen();
    assert_int_equal(told.groups, 1);
    const struct store_group *g = &told.group[0];
    assert_true(g->room == CHESS && g->id[0] == CHESS && g->creator == 1 && !g->closed);
    assert_string_equal(g->name, "#chess");
    assert_int_equal(told.log, 2);
    assert_int_equal(told.rows, 3);
    assert_int_equal(told.bytes, 6 + 4 + HELP_BODY);
    assert_int_equal(store_last_room(help.s), CHESS);
    assert_int_equal(store_room_head(help.s, CHESS), 3);
}

/* --- places --- */

static void places_begin_and_end_with_the_entry(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    entry(CHESS, 1, "create", 1, 0, "#chess");
    help_put_room(CHESS, 1, 7);
    entry(CHESS, 2, "join", 2, 0, NULL); /* number 3 */
    reopen();
    assert_int_equal(told.places, 2);
    assert_true(place_of(1)->acked == 0 && place_of(2)->acked == 2 && place_of(2)->end == 0);
    place(2, 3, 0);
    place(2, 1, 0); /* never back */
    entry(CHESS, 3, "leave", 0, 2, NULL); /* number 4 */
    reopen();
    assert_true(place_of(2)->acked == 3 && place_of(2)->end == 4 && place_of(1)->end == 0);
    help_put_room(CHESS, 1, 8);
    entry(CHESS, 4, "join", 2, 0, NULL); /* number 6: a new beginning */
    reopen();
    assert_true(place_of(2)->acked == 5 && place_of(2)->end == 0);
    store_drop_place(help.s, CHESS, 2, DEVICE);
    reopen();
    assert_int_equal(told.places, 1);
}

/* --- what is kept --- */

static void cut(uint64_t keep_from, uint64_t before_ms, uint64_t rows, uint64_t bytes)
{
    store_cut_room(help.s, CHESS, keep_from, before_ms, rows, bytes, on_left, NULL);
    help_settle();
}

static void a_room_is_cut(void **state)
{
    (void)state;
    help_open();
    help_users(1);
    for (uint64_t id = 1; id <= 10; id++) /* number and time are the id */
        help_put_room(CHESS, 1, id);
    cut(1, 0, 100, 1 << 20);
    assert_true(told.first == 1 && told.rows == 10 && told.bytes == 10 * HELP_BODY);
    cut(3, 0, 100, 1 << 20);
    assert_true(told.first == 3 && told.rows == 8);
    cut(1, 5, 100, 1 << 20);
    assert_true(told.first == 5 && told.rows == 6);
    cut(1, 0, 4, 1 << 20);
    assert_true(told.first == 7 && told.rows == 4);
    cut(1, 0, 100, 3 * HELP_BODY + 1);
    assert_true(told.first == 8 && told.rows == 3 && told.bytes == 3 * HELP_BODY);
    cut(1, 1000, 100, 1 << 20);
    assert_true(told.first == 11 && told.rows == 0 && told.bytes == 0);
    for (int i = 0; i < 100000 && (help_load_room(CHESS, 0, 20), help.n > 0); i++)
        ;
    assert_int_equal(help.n, 0);
    assert_int_equal(help_put_room(CHESS, 1, 11), STORE_OK);
    assert_int_equal(help.row, 11); /* no number twice */
}

static void a_group_is_dropped(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    entry(CHESS, 1, "create", 1, 0, "#chess");
    help_put_room(CHESS, 1, 7);
    entry(GO, 1, "create", 2, 0, "#go");
    store_drop_group(help.s, GO);
    store_drop_group(help.s, CHESS);
    help_settle();
    for (int i = 0; i < 100000 && (help_load_room(CHESS, 0, 20), help.n > 0); i++)
        ;
    assert_int_equal(help.n, 0);
    reopen();
    assert_true(told.groups == 0 && told.places == 0 && told.log == 0);
    assert_int_equal(store_last_room(help.s), GO); /* no room is given twice */
}

static void a_closed_group_says_so(void **state)
{
    (void)state;
    help_open();
    help_users(1);
    entry(CHESS, 1, "create", 1, 0, "#chess");
    struct store_entry e = {.room = CHESS, .seq = 2, .from_account = 1, .leaves = 1, .closes = true, .entry = {(const uint8_t *)"x", 1}};
    store_append_entry(help.s, &e, help_done, NULL);
    reopen();
    assert_true(told.group[0].closed && place_of(1)->end == 2);
}

/* --- what the audit log has of groups --- */

static struct store_audit line_of(uint8_t act)
{
    return (struct store_audit){.time_ms = 1000, .actor = 1, .origin = STORE_BY_CLIENT, .act = act, .room = "#chess"};
}

static void on_lines(void *ctx, const struct store_audit *line, size_t n)
{
    (void)ctx;
    assert_in_range(n, 0, 4);
    memcpy(told.line, line, n * sizeof *line);
    told.lines = n;
}

static void an_entry_and_an_end_leave_a_line(void **state)
{
    (void)state;
    struct store_audit kick = line_of(1), end = line_of(11);
    struct store_entry e = {.room = CHESS, .seq = 2, .from_account = 1, .audit = &kick, .entry = {(const uint8_t *)"kick", 4}};
    snprintf(kick.reason, sizeof kick.reason, "rude");
    help_open();
    help_users(1);
    entry(CHESS, 1, "create", 1, 0, "#chess");
    store_append_entry(help.s, &e, help_done, NULL);
    help_settle();
    assert_int_equal(help.row, 2); /* its number in the room, and not the line's */
    store_end_group(help.s, CHESS, &end, help_done, NULL);
    help_settle();
    reopen();
    assert_int_equal(told.groups, 0);
    store_load_audit(help.s, 0, 0, 4, on_lines, NULL);
    help_settle();
    assert_int_equal(told.lines, 2); /* and none for the first entry */
    assert_true(told.line[0].act == 1 && told.line[0].actor == 1 && told.line[1].act == 11);
    assert_string_equal(told.line[0].room, "#chess");
    assert_string_equal(told.line[0].reason, "rude");
}

/* --- where a message stands --- */

static struct {
    uint32_t seq;
    bool kept;
} spot;

static void on_spot(void *ctx, uint32_t seq, bool kept)
{
    (void)ctx;
    spot.seq = seq;
    spot.kept = kept;
}

static void stands(uint64_t number, uint32_t seq, bool kept)
{
    spot.seq = 99;
    store_find_spot(help.s, CHESS, number, on_spot, NULL);
    help_settle();
    assert_int_equal(spot.seq, seq);
    assert_int_equal(spot.kept, kept);
}

static void where_a_message_stands(void **state)
{
    (void)state;
    help_open();
    help_users(2);
    entry(CHESS, 1, "create", 1, 0, "#chess"); /* number 1 */
    help_put_room(CHESS, 1, 5);                /* 2 */
    entry(CHESS, 2, "join", 2, 0, NULL);       /* 3 */
    help_put_room(CHESS, 1, 6);                /* 4 */
    stands(2, 1, true);
    stands(3, 2, true);
    stands(4, 2, true);
    stands(5, 2, false); /* not there yet */
    help_reopen();
    stands(2, 1, true);
}

/* --- stores of earlier releases --- */

/* A store as the release of this version left it, brought up to date; what was there is there. */
static void from_version(const char *undo)
{
    char path[128];
    sqlite3 *db;
    help_open();
    help_users(2);
    help_put_room(1, 1, 5);
    store_close(help.s);
    snprintf(path, sizeof path, "%s/broker.db", help.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "DROP TABLE room_group; DROP TABLE group_entry; DROP TABLE group_place;"
                                  "DROP TABLE undelivered; DROP TABLE blob; DROP TABLE blob_wait; DROP TABLE blob_notice;"
                                  "ALTER TABLE meta DROP COLUMN boot",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, undo, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    help_open();
    assert_int_equal(store_room_head(help.s, 1), 1);
    assert_int_equal(store_last_room(help.s), 1);
    assert_int_equal(entry(CHESS, 1, "create", 1, 0, "#chess"), 1);
    struct store_audit end = line_of(11);
    store_end_group(help.s, CHESS, &end, help_done, NULL);
    assert_int_equal(entry(GO, 1, "create", 1, 0, "#go"), 1);
    help_reopen();
    help_list();
    store_each_group(help.s, on_group, NULL);
    assert_true(help.accounts == 2 && help.account[1].granted == -1);
    assert_true(told.groups == 1 && told.group[0].room == GO);
    store_load_audit(help.s, 0, 0, 4, on_lines, NULL);
    help_settle();
    assert_int_equal(told.lines, 1);
}

static void the_second_release_is_brought_up_to_date(void **state)
{
    (void)state;
    from_version("DROP TABLE sanction; DROP TABLE audit; DROP TABLE roster;"
                 "ALTER TABLE account DROP COLUMN granted; PRAGMA user_version=2");
}

static void the_third_release_is_brought_up_to_date(void **state)
{
    (void)state;
    from_version("PRAGMA user_version=3");
}

static int teardown(void **state)
{
    buf_free(&told.entries);
    memset(&told, 0, sizeof told);
    return help_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, help_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(entries_stand_among_the_messages), TEST(a_log_survives),
        TEST(places_begin_and_end_with_the_entry), TEST(a_room_is_cut),
        TEST(a_group_is_dropped), TEST(a_closed_group_says_so),
        TEST(an_entry_and_an_end_leave_a_line),
        TEST(where_a_message_stands),
        TEST(the_second_release_is_brought_up_to_date), TEST(the_third_release_is_brought_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
