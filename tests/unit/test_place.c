/* test_place.c - the master's duplicates of connections: names, generations, closed for certain. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include <sodium.h>

#include "../../master/place.h"

enum { SIZE = 8 };

static struct places p;

static int set_up(void **state)
{
    (void)state;
    places_init(&p, SIZE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    places_end_all(&p);
    free(p.place);
    free(p.unused);
    return 0;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static int some_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void taken_until_full(void **state)
{
    (void)state;
    bool had[SIZE] = {0};
    uint32_t index = 99, generation = 99;
    for (unsigned i = 0; i < SIZE; i++) {
        assert_true(places_take(&p, some_fd(), &index, &generation));
        assert_true(index < SIZE && !had[index] && generation == 1);
        had[index] = true;
        assert_int_equal(p.used, i + 1);
    }
    int more = some_fd();
    assert_false(places_take(&p, more, &index, &generation));
    assert_true(is_open(more)); /* still the caller's */
    close(more);
    assert_int_equal(p.used, SIZE);
}

static void ended_by_its_name_alone(void **state)
{
    (void)state;
    uint32_t index, generation, again, later;
    int fd = some_fd();
    assert_true(places_take(&p, fd, &index, &generation));
    assert_false(places_end(&p, index, generation + 1));
    assert_false(places_end(&p, index, generation - 1));
    assert_false(places_end(&p, (index + 1) % SIZE, generation));
    assert_false(places_end(&p, SIZE, generation));
    assert_false(places_end(&p, UINT32_MAX, generation));
    assert_true(is_open(fd));
    assert_true(places_end(&p, index, generation));
    assert_false(is_open(fd));
    assert_false(places_end(&p, index, generation)); /* once */
    assert_int_equal(p.used, 0);

    fd = some_fd(); /* the next one there has another name: a late word about the old one does
                       nothing */
    assert_true(places_take(&p, fd, &again, &later));
    assert_int_equal(again, index);
    assert_int_equal(later, generation + 1);
    assert_false(places_end(&p, index, generation));
    assert_true(is_open(fd));
}

static void all_ends_say_goodbye(void **state)
{
    (void)state;
    int mine[SIZE], far[SIZE];
    uint32_t index, generation;
    for (unsigned i = 0; i < 5; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        mine[i] = dup(pair[0]); /* a worker's: it must not keep the connection alive */
        far[i] = pair[1];
        assert_true(places_take(&p, pair[0], &index, &generation));
    }
    assert_true(places_end(&p, index, generation));
    assert_int_equal(places_end_all(&p), 4);
    assert_int_equal(places_end_all(&p), 0);
    assert_int_equal(p.used, 0);
    for (unsigned i = 0; i < 5; i++) {
        struct pollfd end = {.fd = far[i], .events = POLLIN};
        char byte;
        assert_int_equal(poll(&end, 1, 0), i < 4); /* the one ended alone was only closed here */
        if (i < 4) assert_int_equal(read(far[i], &byte, 1), 0);
        close(mine[i]);
        close(far[i]);
    }
}

/* Any order of taking and ending: every descriptor is open exactly as long as its name is good. */
static void any_order(void **state)
{
    (void)state;
    struct {
        int fd;
        uint32_t generation;
    } model[SIZE];
    unsigned used = 0;
    for (unsigned i = 0; i < SIZE; i++)
        model[i].fd = -1;
    for (unsigned step = 0; step < 5000; step++) {
        uint32_t index = randombytes_uniform(SIZE), generation;
        if (randombytes_uniform(2) == 0 && used < SIZE) {
            int fd = some_fd();
            assert_true(places_take(&p, fd, &index, &generation));
            assert_int_equal(model[index].fd, -1);
            model[index].fd = fd;
            model[index].generation = generation;
            used++;
        } else if (model[index].fd >= 0) {
            assert_true(places_end(&p, index, model[index].generation));
            assert_false(is_open(model[index].fd));
            model[index].fd = -1;
            used--;
        } else {
            assert_false(places_end(&p, index, p.place[index].generation));
        }
        assert_int_equal(p.used, used);
    }
    assert_int_equal(places_end_all(&p), used);
}

#define WITH_PLACES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* A new master never gives a name that an earlier one may have given. */
static void names_go_on_above_the_floor(void **state)
{
    (void)state;
    uint32_t index, generation;
    p.floor = 7;
    assert_true(places_put(&p, some_fd(), 3, 9));
    assert_true(places_take(&p, some_fd(), &index, &generation));
    assert_int_equal(generation, 10);
    assert_true(places_end(&p, index, generation));
    assert_true(places_take(&p, some_fd(), &index, &generation));
    assert_int_equal(generation, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACES(taken_until_full),
        WITH_PLACES(names_go_on_above_the_floor),
        WITH_PLACES(ended_by_its_name_alone),
        WITH_PLACES(all_ends_say_goodbye),
        WITH_PLACES(any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
