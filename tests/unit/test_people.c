/* test_people.c - accounts found by name, look-alike and number; the roster and its hostile lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "broker/broker.h"
#include "catch.h"

static struct broker *b;

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static int set_up(void **state)
{
    (void)state;
    log_init("test", LOG_LOGFMT, LOG_ERROR, false);
    b = calloc(1, sizeof *b);
    b->set.access.registration = REGISTER_ROSTER;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= b->last_account; id++)
        if (people_by_id(b, id)) people_remove(b, people_by_id(b, id));
    while (b->n_roster)
        free(b->roster[--b->n_roster].name);
    free(b->roster);
    free(b->names.bucket);
    free(b->skeletons.bucket);
    free(b->ids.bucket);
    free(b);
    return 0;
}

/* --- accounts --- */

static void found_without_regard_to_case(void **state)
{
    (void)state;
    struct account *a = people_add(b, 7, text("Alice"), 2), *bob = people_add(b, 9, text("bob"), 0);
    assert_ptr_equal(people_find(b, text("alice")), a);
    assert_ptr_equal(people_find(b, text("ALICE")), a);
    assert_ptr_equal(people_find(b, text("BoB")), bob);
    assert_null(people_find(b, text("alic")));
    assert_null(people_find(b, text("alicee")));
    assert_null(people_find(b, text("")));
    assert_null(people_find(b, text("abcdefghijklmnopqrstuvwxyz0123456")));
    assert_string_equal(a->name, "Alice");
    assert_int_equal(a->role, 2);
    assert_int_equal(b->last_account, 9);
    assert_int_equal(b->accounts, 2);
}

static void found_by_number(void **state)
{
    (void)state;
    struct account *a = people_add(b, 7, text("alice"), 0);
    assert_ptr_equal(people_by_id(b, 7), a);
    assert_null(people_by_id(b, 8));
    assert_null(people_by_id(b, 0));
}

static void found_by_its_looks(void **state)
{
    (void)state;
    struct account *a = people_add(b, 1, text("alice"), 0);
    assert_ptr_equal(people_alike(b, text("a1ice")), a);
    assert_ptr_equal(people_alike(b, text("AL1CE")), a);
    assert_ptr_equal(people_alike(b, text("alice")), a);
    assert_null(people_alike(b, text("clarice")));
    assert_null(people_find(b, text("a1ice")));
}

static void removed_and_free_again(void **state)
{
    (void)state;
    static const uint8_t key[32] = {1};
    struct account *a = people_add(b, 1, text("alice"), 0);
    people_add_device(a, 5, key);
    people_remove(b, a);
    assert_null(people_find(b, text("alice")));
    assert_null(people_alike(b, text("alice")));
    assert_null(people_by_id(b, 1));
    assert_int_equal(b->accounts, 0);
    assert_non_null(people_add(b, 2, text("alice"), 0));
    assert_int_equal(people_find(b, text("alice"))->id, 2);
}

static void devices(void **state)
{
    (void)state;
    static const uint8_t key[2][32] = {{1}, {2}};
    struct account *a = people_add(b, 1, text("alice"), 0);
    assert_null(people_device(a, 5));
    struct device *first = people_add_device(a, 5, key[0]),
                  *second = people_add_device(a, UINT64_MAX, key[1]);
    assert_ptr_equal(people_device(a, 5), first);
    assert_ptr_equal(people_device(a, UINT64_MAX), second);
    assert_null(people_device(a, 6));
    assert_memory_equal(second->key, key[1], 32);
    assert_ptr_equal(second->account, a);
}

static void many_people(void **state)
{
    (void)state;
    char name[16];
    for (unsigned i = 1; i <= 2000; i++) {
        snprintf(name, sizeof name, "student%u", i);
        people_add(b, i, text(name), 0);
    }
    for (unsigned i = 1; i <= 2000; i++) {
        snprintf(name, sizeof name, "STUDENT%u", i);
        assert_int_equal(people_find(b, text(name))->id, i);
        assert_int_equal(people_by_id(b, i)->id, i);
    }
}

/* Who is not registered for certain yet is not offered to others. */
static void near_names(void **state)
{
    (void)state;
    struct name_near near;
    people_add(b, 1, text("ta-kim"), 0);
    people_add(b, 2, text("ta-kin"), 0)->pending = true;
    people_near(b, text("ta-kem"), &near);
    assert_int_equal(near.n, 1);
    assert_string_equal(near.name[0], "ta-kim");
}

/* --- the roster --- */

static void read_bytes(const char *bytes, size_t n)
{
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(write(fd[1], bytes, n), (ssize_t)n);
    close(fd[1]);
    people_roster(b, fd[0]);
    assert_int_equal(close(fd[0]), -1); /* it closed it */
}

static void read_roster(const char *s)
{
    read_bytes(s, strlen(s));
}

static void names_and_roles(void **state)
{
    (void)state;
    read_roster("name,role\n# a comment\n\n  alice , "
                "instructor\nBob,assistant\r\ncarol\ndave,student\n\teve,\n");
    assert_int_equal(b->n_roster, 5);
    assert_int_equal(people_role(b, text("Alice")), 2);
    assert_int_equal(people_role(b, text("bob")), 1);
    assert_int_equal(people_role(b, text("carol")), 0);
    assert_int_equal(people_role(b, text("DAVE")), 0);
    assert_int_equal(people_role(b, text("eve")), 0);
    assert_int_equal(people_role(b, text("mallory")), -1);
    assert_int_equal(people_role(b, text("name")), -1);
}

static void a_new_one_replaces_it(void **state)
{
    (void)state;
    read_roster("alice\nbob\n");
    people_roster(b, -1); /* none: the old one stays */
    assert_int_equal(people_role(b, text("alice")), 0);
    read_roster("carol\n");
    assert_int_equal(people_role(b, text("alice")), -1);
    assert_int_equal(people_role(b, text("carol")), 0);
    read_roster("");
    assert_int_equal(b->n_roster, 0);
    assert_int_equal(people_role(b, text("carol")), -1);
}

static void without_roster_everybody_is_a_member(void **state)
{
    (void)state;
    b->set.access.registration = REGISTER_OPEN;
    assert_int_equal(people_role(b, text("mallory")), 0);
    read_roster("alice,instructor\n");
    assert_int_equal(people_role(b, text("mallory")), 0);
    assert_int_equal(people_role(b, text("alice")), 2);
}

/* A line that is no name puts nobody on the roster, and says so with its number, harmlessly. */
static void hostile_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {"../etc/passwd",
                                        "-rf",
                                        "\x1b[2Jalice",
                                        "al\xc3\xaf"
                                        "ce",
                                        "\xef\xbb\xbf"
                                        "zoe",
                                        "a\xff\xfe",
                                        ",instructor",
                                        "#lobby",
                                        "'; DROP TABLE",
                                        "\xe2\x80\xae"
                                        "eve",
                                        "abcdefghijklmnopqrstuvwxyz0123456"};
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        char file[128];
        snprintf(file, sizeof file, "first\n%s,instructor\nlast\n", lines[i]);
        log_init("test", LOG_LOGFMT, LOG_WARN, false);
        catch_begin();
        read_roster(file);
        catch_end();
        if (b->n_roster != 2) fail_msg("\"%s\" is on the roster", lines[i]);
        assert_int_equal(people_role(b, text("first")), 0);
        assert_int_equal(people_role(b, text("last")), 0);
        if (*lines[i] != '#') assert_non_null(strstr(caught, "line=2"));
        for (const char *c = caught; *c; c++)
            assert_true((unsigned char)*c >= ' ' || *c == '\n');
    }
}

static void without_a_last_line_end(void **state)
{
    (void)state;
    read_roster("alice\nbob");
    assert_int_equal(b->n_roster, 2);
    assert_int_equal(people_role(b, text("bob")), 0);
}

/* The end of a line is its line end: what a long comment ends in is still a comment. */
static void a_long_line_is_one_line(void **state)
{
    (void)state;
    char file[4096];
    for (size_t n = 500; n <= 2000; n++) {
        memset(file, 'x', sizeof file);
        file[0] = '#';
        memcpy(file + n, "mallory,instructor\nbob\n", 23);
        read_bytes(file, n + 23);
        if (b->n_roster != 1) fail_msg("a comment of %zu bytes put somebody on the roster", n + 18);
    }
}

/* A name with a space in it is not the name before the space. */
static void a_name_is_not_cut(void **state)
{
    (void)state;
    read_roster("alice smith,instructor\nbob\n");
    assert_int_equal(people_role(b, text("alice")), -1);
    assert_int_equal(people_role(b, text("bob")), 0);
}

#define WITH_BROKER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BROKER(found_without_regard_to_case),
        WITH_BROKER(found_by_number),
        WITH_BROKER(found_by_its_looks),
        WITH_BROKER(removed_and_free_again),
        WITH_BROKER(devices),
        WITH_BROKER(many_people),
        WITH_BROKER(near_names),
        WITH_BROKER(names_and_roles),
        WITH_BROKER(a_new_one_replaces_it),
        WITH_BROKER(without_roster_everybody_is_a_member),
        WITH_BROKER(hostile_lines),
        WITH_BROKER(without_a_last_line_end),
        WITH_BROKER(a_long_line_is_one_line),
        WITH_BROKER(a_name_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
