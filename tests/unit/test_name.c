/* test_name.c - names of people and rooms: allowed, look-alike, reserved, nearest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "name.h"

static bool valid(const char *s)
{
    return name_valid(s, strlen(s), NULL);
}

static bool room(const char *s)
{
    return name_valid_room(s, strlen(s), NULL);
}

static void people(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a", "7", "Alice", "ta-kim", "a.b_c-d", "0x", "abcdefghijklmnopqrstuvwxyz012345"};
    static const char *const bad[] = {"",
                                      ".hidden",
                                      "..",
                                      "-rf",
                                      "_x",
                                      "#room",
                                      "a b",
                                      "a/b",
                                      "a\n",
                                      "a\x1b[31m",
                                      "caf\xc3\xa9",
                                      "\xff",
                                      "a\xe2\x80\xae",
                                      "a|b",
                                      "a\x7f",
                                      "@prof",
                                      "abcdefghijklmnopqrstuvwxyz0123456"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!valid(good[i])) fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (valid(bad[i])) fail_msg("let in: %s", bad[i]);
    assert_false(name_valid("a\0b", 3, NULL));
}

static void every_single_byte(void **state)
{
    (void)state;
    int first = 0, later = 0;
    for (int c = 0; c < 256; c++) {
        char s[2] = {(char)c, 0};
        first += name_valid(s, 1, NULL);
        s[0] = 'a';
        s[1] = (char)c;
        later += name_valid(s, 2, NULL);
    }
    assert_int_equal(first, 62);
    assert_int_equal(later, 65);
}

static void reasons(void **state)
{
    (void)state;
    const char *why = NULL;
    assert_false(name_valid("", 0, &why));
    assert_string_equal(why, "is empty");
    assert_false(name_valid("-x", 2, &why));
    assert_string_equal(why, "must begin with a letter or digit");
    assert_false(name_valid("a b", 3, &why));
    assert_non_null(strstr(why, "letters, digits"));
    assert_false(name_valid_room("general", 7, &why));
    assert_non_null(strstr(why, "#"));
    assert_true(name_valid("bob", 3, &why));
    assert_null(why);
}

static void rooms(void **state)
{
    (void)state;
    assert_true(room("#oh"));
    assert_true(room("#abcdefghijklmnopqrstuvwxyz012345"));
    assert_false(room("#abcdefghijklmnopqrstuvwxyz0123456"));
    assert_false(room("#"));
    assert_false(room("##a"));
    assert_false(room("#.a"));
    assert_false(room(""));
}

static void folded(void **state)
{
    (void)state;
    char out[NAME_SIZE];
    name_fold(out, "#Ab-C_9.Z", 9);
    assert_string_equal(out, "#ab-c_9.z");
    char big[100];
    memset(big, 'X', sizeof big);
    name_fold(out, big, sizeof big);
    assert_int_equal(strlen(out), NAME_SIZE - 1);
}

static bool alike(const char *a, const char *b)
{
    char x[NAME_SKELETON_SIZE], y[NAME_SKELETON_SIZE];
    name_skeleton(x, a, strlen(a));
    name_skeleton(y, b, strlen(b));
    return strcmp(x, y) == 0;
}

static void look_alikes(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"Alice", "alice"}, {"alice", "a1ice"},   {"alice", "aiice"},  {"alice", "a|ice"},
        {"bob", "b0b"},     {"mark", "rnark"},    {"wes", "vves"},     {"vvv", "vw"},
        {"vvv", "wv"},      {"alice", "alice_"},  {"alice", "al.ice"}, {"ta-kim", "takim"},
        {"sam", "5am"},     {"bar-ney", "bamey"}, {"prof", "PR0F"},    {"u1-2", "u1_2"},
    };
    static const char *const apart[][2] = {
        {"alice", "alicia"}, {"bob", "rob"}, {"bot1", "bot2"}, {"bot10", "bot01"},
        {"mary", "nary"},    {"uno", "une"}, {"dan", "clan"},  {"u1-12", "u11-2"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (!alike(same[i][0], same[i][1])) fail_msg("%s and %s", same[i][0], same[i][1]);
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
        if (alike(apart[i][0], apart[i][1])) fail_msg("%s and %s", apart[i][0], apart[i][1]);
}

static void skeleton_fits(void **state)
{
    (void)state;
    char out[NAME_SKELETON_SIZE];
    char name[NAME_LEN];
    memset(name, 'w', sizeof name);
    name_skeleton(out, name, sizeof name);
    assert_int_equal(strlen(out), 2 * NAME_LEN);
    char big[400];
    memset(big, 'm', sizeof big);
    name_skeleton(out, big, sizeof big);
    assert_in_range(strlen(out), 2 * NAME_LEN, NAME_SKELETON_SIZE - 1);
}

/* Two numbered names are never alike: ten thousand bots must be able to register. */
static void numbers_stay_apart(void **state)
{
    (void)state;
    static const char digits[] = "0123456789";
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < i; j++) {
            char a[2] = {digits[i], 0}, b[2] = {digits[j], 0};
            assert_false(alike(a, b));
        }
}

static void reserved(void **state)
{
    (void)state;
    static const char *const yes[] = {"server", "System",    "adm1n", "adrnin", "r00t",
                                      "LOBBY",  "every-one", "all",   "ALL",    "here"};
    static const char *const no[] = {"alice", "ali", "Ali", "roots", "herb", "prof", "administer"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!name_reserved(yes[i], strlen(yes[i]))) fail_msg("free: %s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (name_reserved(no[i], strlen(no[i]))) fail_msg("reserved: %s", no[i]);
}

static unsigned apart(const char *a, const char *b, unsigned limit)
{
    unsigned there = name_distance(a, strlen(a), b, strlen(b), limit);
    assert_int_equal(there, name_distance(b, strlen(b), a, strlen(a), limit));
    return there;
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(apart("frank", "frank", 3), 0);
    assert_int_equal(apart("frnak", "frank", 3), 1);
    assert_int_equal(apart("FRANK", "frank", 3), 0);
    assert_int_equal(apart("worker", "workers", 3), 1);
    assert_int_equal(apart("kitten", "sitting", 3), 3);
    assert_int_equal(apart("kitten", "sitting", 2), 3);
    assert_int_equal(apart("", "", 0), 0);
    assert_int_equal(apart("", "ab", 2), 2);
    assert_int_equal(apart("", "abc", 2), 3);
    assert_int_equal(apart("abcd", "badc", 2), 2);
    assert_int_equal(apart("xabcd", "ybadc", 3), 3);
    assert_int_equal(apart("abc", "xyz", 1), 2);
}

static void distance_is_bounded(void **state)
{
    (void)state;
    char a[65], b[64];
    memset(a, 'a', sizeof a);
    memset(b, 'b', sizeof b);
    assert_int_equal(name_distance(a, 64, b, 64, 64), 64);
    assert_int_equal(name_distance(a, 65, b, 64, 64), 65);
    assert_int_equal(name_distance(a, 64, b, 64, 3), 4);
}

/* The early exit must never change the answer: compare with the answer without any limit. */
static void limit_changes_nothing(void **state)
{
    (void)state;
    uint32_t seed = 12345;
    for (int round = 0; round < 20000; round++) {
        char s[2][8];
        size_t len[2];
        for (int k = 0; k < 2; k++) {
            seed = seed * 1664525 + 1013904223;
            len[k] = seed >> 29;
            for (size_t i = 0; i < len[k]; i++) {
                seed = seed * 1664525 + 1013904223;
                s[k][i] = (char)('a' + (seed >> 30));
            }
        }
        unsigned whole = name_distance(s[0], len[0], s[1], len[1], 60);
        for (unsigned limit = 0; limit < 4; limit++) {
            unsigned cut = name_distance(s[0], len[0], s[1], len[1], limit);
            assert_int_equal(cut, whole > limit ? limit + 1 : whole);
        }
    }
}

static void offer(struct name_near *near, const char *name)
{
    name_near_offer(near, name, strlen(name));
}

static void nearest(void **state)
{
    (void)state;
    struct name_near near;
    name_near_start(&near, "Frnak", 5);
    static const char *const all[] = {"bob",   "franz", "frank", "freak", "alice",
                                      "frnka", "fran",  "grace", "frnak2"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        offer(&near, all[i]);
    assert_int_equal(near.n, 3);
    assert_string_equal(near.name[0], "frank");
    assert_string_equal(near.name[1], "freak");
    assert_string_equal(near.name[2], "frnak2");
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(near.distance[i], 1);
}

static void nearest_of_few(void **state)
{
    (void)state;
    struct name_near near;
    name_near_start(&near, "zoe", 3);
    offer(&near, "bartholomew");
    offer(&near, "");
    offer(&near, "abcdefghijklmnopqrstuvwxyz0123456789");
    assert_int_equal(near.n, 0);
    offer(&near, "Zo\xc3\xab");
    offer(&near, "zo");
    assert_int_equal(near.n, 1);
    assert_string_equal(near.name[0], "zo");
}

static void nearest_knows_look_alikes(void **state)
{
    (void)state;
    struct name_near near;
    name_near_start(&near, "t_a_k_1_m", 9);
    offer(&near, "ta-kim");
    assert_int_equal(near.n, 1);
    assert_string_equal(near.name[0], "ta-kim");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people),
        cmocka_unit_test(every_single_byte),
        cmocka_unit_test(reasons),
        cmocka_unit_test(rooms),
        cmocka_unit_test(folded),
        cmocka_unit_test(look_alikes),
        cmocka_unit_test(skeleton_fits),
        cmocka_unit_test(numbers_stay_apart),
        cmocka_unit_test(reserved),
        cmocka_unit_test(distances),
        cmocka_unit_test(distance_is_bounded),
        cmocka_unit_test(limit_changes_nothing),
        cmocka_unit_test(nearest),
        cmocka_unit_test(nearest_of_few),
        cmocka_unit_test(nearest_knows_look_alikes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
