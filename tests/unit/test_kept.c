/* test_kept.c - what the keeper holds: found by name and generation, closed when it is replaced. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../master/keeper/kept.h"

enum { RECORDS = 1000 };

static struct kept k;

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

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static int set_up(void **state)
{
    (void)state;
    kept_init(&k, RECORDS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < k.slots; i++) {
        kept_slab(&k, i, -1);
        kept_process(&k, i, 0, -1);
        free(k.slot[i].connection);
    }
    kept_process(&k, CTL_BROKER_SLOT, 0, -1);
    for (unsigned i = 0; i < k.listeners; i++)
        close(k.listener[i].fd);
    return 0;
}

static void connections_by_generation(void **state)
{
    (void)state;
    int old = some_fd(), young = some_fd(), far = some_fd();
    kept_put(&k, 2, 5, 1, old);
    assert_int_equal(k.slots, 3);
    assert_int_equal(k.slot[2].connection[5].fd, old);
    kept_put(&k, 2, 5, 2, young);
    assert_false(is_open(old)); /* its end was not told: the place was given anew */
    kept_drop(&k, 2, 5, 1);
    assert_true(is_open(young)); /* that word was about the old one */
    kept_put(&k, 2, RECORDS - 1, 1, far);
    assert_int_equal(k.slot[2].high, RECORDS);
    kept_drop(&k, 2, RECORDS - 1, 1);
    assert_false(is_open(far));
    assert_int_equal(k.slot[2].high, 6);
    kept_drop(&k, 2, 5, 2);
    assert_false(is_open(young));
    assert_int_equal(k.slot[2].high, 0);
    kept_drop(&k, 2, 5, 2); /* again, and of a slot that never was */
    kept_drop(&k, 9, 0, 1);
}

static void a_new_slab_ends_the_slots_connections(void **state)
{
    (void)state;
    int slab = some_fd(), next = some_fd(), mine = some_fd(), others = some_fd();
    kept_slab(&k, 0, slab);
    kept_put(&k, 0, 3, 1, mine);
    kept_put(&k, 1, 3, 1, others);
    kept_slab(&k, 0, next);
    assert_false(is_open(slab));
    assert_false(is_open(mine));
    assert_true(is_open(others));
    assert_int_equal(k.slot[0].slab, next);
}

static void processes(void **state)
{
    (void)state;
    int first = some_fd(), second = some_fd(), broker = some_fd();
    assert_null(kept_find(&k, 0));
    assert_null(kept_find(&k, CTL_BROKER_SLOT));
    kept_process(&k, 0, 1, first);
    kept_process(&k, 0, 2, second);
    kept_process(&k, CTL_BROKER_SLOT, 7, broker);
    assert_false(is_open(first));
    assert_int_equal(kept_find(&k, 0)->pidfd, second);
    assert_int_equal(kept_find(&k, 0)->generation, 2);
    assert_int_equal(kept_find(&k, CTL_BROKER_SLOT)->pidfd, broker);
    kept_slab(&k, 3, some_fd());
    assert_null(kept_find(&k, 2)); /* a slot that never had a worker */
    assert_null(kept_find(&k, 4));
}

/* Each limit: what is beyond it is closed, and nothing else is touched. */
static void limits(void **state)
{
    (void)state;
    int fd = some_fd();
    kept_put(&k, KEPT_SLOTS_MAX, 0, 1, fd);
    assert_false(is_open(fd));
    fd = some_fd();
    kept_slab(&k, KEPT_SLOTS_MAX, fd);
    assert_false(is_open(fd));
    fd = some_fd();
    kept_process(&k, KEPT_SLOTS_MAX, 1, fd);
    assert_false(is_open(fd));
    fd = some_fd();
    kept_put(&k, 0, RECORDS, 1, fd);
    assert_false(is_open(fd));
    kept_put(&k, KEPT_SLOTS_MAX - 1, RECORDS - 1, 1, some_fd());
    assert_int_equal(k.slots, KEPT_SLOTS_MAX);
    fd = some_fd();
    kept_listen(&k, text("a name that is longer than any address with a port could ever be: no"), fd);
    assert_false(is_open(fd));
    for (int i = 0; i < SETTINGS_LISTEN_MAX; i++)
        kept_listen(&k, text("127.0.0.1:5130"), some_fd());
    assert_string_equal(k.listener[SETTINGS_LISTEN_MAX - 1].name, "127.0.0.1:5130");
    fd = some_fd();
    kept_listen(&k, text("127.0.0.1:5131"), fd);
    assert_false(is_open(fd));
    assert_int_equal(k.listeners, SETTINGS_LISTEN_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connections_by_generation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_slab_ends_the_slots_connections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(processes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
