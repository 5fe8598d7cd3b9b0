/* test_orphan.c - without a master: who may introduce a new one, and when nobody can any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "bus.h"
#include "orphan.h"

static struct loop loop;
static struct orphan o;
static unsigned met, given_up;

static void meet(void *owner, int fd)
{
    assert_ptr_equal(owner, &loop);
    assert_true(fd >= 0);
    close(fd);
    met++;
}

static void abandoned(void *owner)
{
    assert_ptr_equal(owner, &loop);
    given_up++;
}

static void nothing(struct loop_timer *t)
{
    (void)t;
}

static void stop(void *arg)
{
    ((struct loop *)arg)->stop = true;
}

static void turn(void)
{
    struct loop_timer now = {.fire = nothing};
    loop.stop = false;
    loop_timer_set(&loop, &now, 0);
    loop_run(&loop);
}

static int set_up(void **state)
{
    (void)state;
    loop_init(&loop);
    loop.end_of_turn = stop;
    loop.arg = &loop;
    orphan_init(&o, &loop, meet, abandoned, &loop);
    met = given_up = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_timer_stop(&loop, &o.grace);
    for (int i = 0; i < ORPHAN_INTROS; i++)
        chan_close(&o.intro[i]);
    return 0;
}

/* A keeper: the other end of an intro channel. */
static int keeper(void)
{
    int fd[2];
    chan_pair(fd);
    orphan_intro(&o, fd[0]);
    return fd[1];
}

/* It introduces a master: one end of a channel, sent as a packet. */
static void introduce(int keeper_fd)
{
    int fd[2];
    struct chan c;
    struct loop unused;
    loop_init(&unused);
    chan_pair(fd);
    chan_open(&c, &unused, dup(keeper_fd), NULL, NULL, NULL);
    assert_int_equal(chan_send(&c, CTL_MASTER, NULL, fd[0]), 0);
    chan_close(&c);
    close(fd[0]);
    close(fd[1]);
    turn();
}

static void met_only_while_alone(void **state)
{
    (void)state;
    int k = keeper();
    introduce(k);
    assert_int_equal(met, 0); /* the master lives */
    orphan_begin(&o, 100000);
    introduce(k);
    assert_int_equal(met, 1);
    introduce(k);
    assert_int_equal(met, 1);
    close(k);
    turn();
    assert_int_equal(given_up, 0); /* the new master will start another keeper */
}

static void waits_as_long_as_somebody_could_come(void **state)
{
    (void)state;
    int a = keeper(), b = keeper();
    orphan_begin(&o, 100000);
    close(a);
    turn();
    assert_int_equal(given_up, 0);
    close(b);
    turn();
    assert_int_equal(given_up, 1);
}

static void nobody_could_come_at_all(void **state)
{
    (void)state;
    orphan_begin(&o, 100000);
    assert_int_equal(given_up, 1);
}

static void the_grace_time_ends(void **state)
{
    (void)state;
    int k = keeper();
    orphan_begin(&o, 1);
    while (!given_up)
        turn();
    introduce(k);
    assert_int_equal(met, 0); /* too late */
    close(k);
}

/* More keepers than there are places: the last one always has one. */
static void limit_of_intros(void **state)
{
    (void)state;
    int k[ORPHAN_INTROS + 2];
    for (int i = 0; i < ORPHAN_INTROS + 2; i++)
        k[i] = keeper();
    orphan_begin(&o, 100000);
    introduce(k[ORPHAN_INTROS + 1]);
    assert_int_equal(met, 1);
    for (int i = 0; i < ORPHAN_INTROS + 2; i++)
        close(k[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(met_only_while_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(waits_as_long_as_somebody_could_come, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_could_come_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_grace_time_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limit_of_intros, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
