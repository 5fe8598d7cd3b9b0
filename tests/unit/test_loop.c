/* test_loop.c - timers, removal inside callbacks, the end of a turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop.h"

static struct loop loop;

static int set_up(void **state)
{
    (void)state;
    loop_init(&loop);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(loop.epfd);
    return 0;
}

/* --- timers --- */

struct noted {
    struct loop_timer timer;
    char name;
};

static char fired[16];
static size_t n_fired, stop_after;

static void note(struct loop_timer *t)
{
    fired[n_fired++] = container_of(t, struct noted, timer)->name;
    fired[n_fired] = 0;
    loop.stop = n_fired >= stop_after;
}

static void run_until(size_t n)
{
    n_fired = 0;
    fired[0] = 0;
    stop_after = n;
    loop.stop = false;
    loop_run(&loop);
}

static void timers_fire_in_order(void **state)
{
    (void)state;
    struct noted t[4];
    static const uint64_t after[4] = {12, 3, 7,
                                      3}; /* equal ones in the order in which they were set */
    uint64_t begun = clock_mono_ms();
    for (unsigned i = 0; i < 4; i++) {
        t[i] = (struct noted){.timer.fire = note, .name = (char)('a' + i)};
        loop_timer_set(&loop, &t[i].timer, after[i]);
        assert_true(t[i].timer.armed);
    }
    run_until(4);
    assert_string_equal(fired, "bdca");
    assert_true(clock_mono_ms() - begun >= 12);
    assert_null(loop.timers);
    assert_false(t[0].timer.armed || t[1].timer.armed || t[2].timer.armed || t[3].timer.armed);
}

static void setting_again_moves_and_stopping_takes_out(void **state)
{
    (void)state;
    struct noted a = {.timer.fire = note, .name = 'a'}, b = a, c = a;
    b.name = 'b';
    c.name = 'c';
    loop_timer_set(&loop, &a.timer, 0);
    loop_timer_set(&loop, &b.timer, 2);
    loop_timer_set(&loop, &c.timer, 4);
    loop_timer_set(&loop, &a.timer, 6);
    loop_timer_stop(&loop, &b.timer);
    loop_timer_stop(&loop, &b.timer);
    assert_false(b.timer.armed);
    run_until(2);
    assert_string_equal(fired, "ca");
    assert_null(loop.timers);
}

static struct noted victim;

static void stop_the_other(struct loop_timer *t)
{
    loop_timer_stop(&loop, &victim.timer);
    note(t);
}

static void a_timer_may_stop_one_that_is_due(void **state)
{
    (void)state;
    struct noted killer = {.timer.fire = stop_the_other, .name = 'k'},
                 last = {.timer.fire = note, .name = 'l'};
    victim = (struct noted){.timer.fire = note, .name = 'v'};
    loop_timer_set(&loop, &killer.timer, 0);
    loop_timer_set(&loop, &victim.timer, 0);
    loop_timer_set(&loop, &last.timer, 1);
    run_until(2);
    assert_string_equal(fired, "kl");
}

static void set_again(struct loop_timer *t)
{
    note(t);
    if (n_fired < stop_after) loop_timer_set(&loop, t, 1);
}

static void a_timer_may_set_itself(void **state)
{
    (void)state;
    struct noted t = {.timer.fire = set_again, .name = 't'};
    loop_timer_set(&loop, &t.timer, 0);
    run_until(5);
    assert_string_equal(fired, "ttttt");
    assert_false(t.timer.armed);
}

/* --- descriptors --- */

struct peer {
    struct loop_io io;
    int far;
    unsigned ready;
    uint32_t events;
    struct peer *remove; /* in its callback */
};

static struct peer *peers[300];

static void stop_turn(void *arg)
{
    (void)arg;
    loop.stop = true;
}

static void nothing(struct loop_timer *t)
{
    (void)t;
}

static void on_ready(struct loop_io *io, uint32_t events)
{
    struct peer *p = container_of(io, struct peer, io);
    p->ready++;
    p->events = events;
    if (!p->remove) return;
    loop_del(&loop, &p->remove->io);
    close(p->remove->io.fd);
    close(p->remove->far);
    struct peer *gone = p->remove;
    p->remove = NULL;
    for (unsigned i = 0; i < 300; i++)
        if (peers[i] == gone) peers[i] = NULL;
    free(gone); /* the header allows it: a late call would be seen by the sanitizer, and by the
                   count */
}

static struct peer *new_peer(uint32_t events)
{
    int fd[2];
    struct peer *p = calloc(1, sizeof *p);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    p->io = (struct loop_io){.fd = fd[0], .ready = on_ready};
    p->far = fd[1];
    loop_add(&loop, &p->io, events);
    return p;
}

static void free_peer(struct peer *p)
{
    loop_del(&loop, &p->io);
    close(p->io.fd);
    close(p->far);
    free(p);
}

static void one_turn(void)
{
    struct loop_timer at_once = {.fire = nothing};
    loop.end_of_turn = stop_turn;
    loop.stop = false;
    loop_timer_set(&loop, &at_once, 0); /* a turn comes even when no descriptor is ready */
    loop_run(&loop);
    assert_false(at_once.armed);
}

static void only_what_is_waited_for_is_called(void **state)
{
    (void)state;
    struct peer *p = new_peer(EPOLLIN);
    one_turn();
    assert_int_equal(p->ready, 0);
    assert_int_equal(write(p->far, "x", 1), 1);
    one_turn();
    assert_int_equal(p->ready, 1);
    assert_int_equal(p->events, EPOLLIN);
    loop_mod(&loop, &p->io, 0); /* still there, but silent */
    one_turn();
    assert_int_equal(p->ready, 1);
    loop_mod(&loop, &p->io, EPOLLOUT);
    one_turn();
    assert_int_equal(p->events, EPOLLOUT);
    loop_mod(&loop, &p->io, EPOLLIN | EPOLLOUT);
    one_turn();
    assert_int_equal(p->events, EPOLLIN | EPOLLOUT);
    assert_int_equal(p->ready, 3);
    free_peer(p);
}

/* Whichever of the two comes first takes the other one out: exactly one is called. */
static void what_was_removed_in_this_turn_is_not_called(void **state)
{
    (void)state;
    memset(peers, 0, sizeof peers);
    struct peer *a = peers[0] = new_peer(EPOLLOUT), *b = peers[1] = new_peer(EPOLLOUT);
    a->remove = b;
    b->remove = a;
    one_turn();
    assert_true(!peers[0] != !peers[1]);
    struct peer *left = peers[0] ? peers[0] : peers[1];
    assert_int_equal(left->ready, 1);
    free_peer(left);
}

static void a_callback_may_remove_its_own_io(void **state)
{
    (void)state;
    memset(peers, 0, sizeof peers);
    struct peer *own = peers[0] = new_peer(EPOLLOUT), *other = peers[1] = new_peer(EPOLLOUT);
    own->remove = own;
    one_turn();
    assert_null(peers[0]);
    assert_int_equal(other->ready, 1);
    free_peer(other);
}

/* More than one batch: nobody starves, and nobody is called twice before the end of the turn. */
static void more_than_a_batch(void **state)
{
    (void)state;
    unsigned called = 0;
    memset(peers, 0, sizeof peers);
    for (unsigned i = 0; i < 300; i++)
        peers[i] = new_peer(EPOLLOUT);
    one_turn();
    for (unsigned i = 0; i < 300; i++) {
        assert_true(peers[i]->ready <= 1);
        called += peers[i]->ready;
    }
    assert_int_equal(called, LOOP_BATCH);
    one_turn();
    for (unsigned i = 0; i < 300; i++)
        assert_true(peers[i]->ready >= 1);
    for (unsigned i = 0; i < 300; i++)
        free_peer(peers[i]);
}

/* --- the end of a turn --- */

static char order[8];
static size_t n_order;

static void order_timer(struct loop_timer *t)
{
    (void)t;
    order[n_order++] = 't';
}

static void order_io(struct loop_io *io, uint32_t events)
{
    (void)io;
    (void)events;
    order[n_order++] = 'i';
}

static void order_end(void *arg)
{
    order[n_order++] = *(const char *)arg;
    loop.stop = true;
}

static void end_of_turn_comes_last_and_once(void **state)
{
    (void)state;
    struct peer *p = new_peer(EPOLLOUT), *q = new_peer(EPOLLOUT);
    struct loop_timer t = {.fire = order_timer};
    p->io.ready = q->io.ready = order_io;
    loop.end_of_turn = order_end;
    loop.arg = "e";
    memset(order, 0, sizeof order);
    n_order = 0;
    loop.stop = false;
    loop_timer_set(&loop, &t, 0);
    loop_run(&loop);
    assert_string_equal(order, "iite");
    free_peer(p);
    free_peer(q);
}

/* Busy waiting changes when the loop sleeps, never what it does: it looks, finds nothing, and sleeps until the timer. */
static void lingering_loses_nothing(void **state)
{
    (void)state;
    struct noted a = {.timer.fire = note, .name = 'a'}, b = {.timer.fire = note, .name = 'b'};
    loop.linger_us = 1000;
    for (unsigned i = 0; i < 3; i++) { /* with a long last wait and with a short one */
        loop.waited_us = i == 1 ? UINT64_MAX : 0;
        uint64_t begun = clock_mono_ms();
        loop_timer_set(&loop, &a.timer, 8);
        loop_timer_set(&loop, &b.timer, 0);
        run_until(2);
        assert_string_equal(fired, "ba");
        assert_true(clock_mono_ms() - begun >= 8);
        assert_true(loop.waited_us > 1000); /* so the next wait would sleep at once */
    }
}

static void clocks(void **state)
{
    (void)state;
    uint64_t mono = clock_mono_ms();
    assert_true(clock_mono_ms() >= mono);
    assert_true(clock_wall_ms() > UINT64_C(1700000000000) &&
                clock_wall_ms() < UINT64_C(10000000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(setting_again_moves_and_stopping_takes_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_timer_may_stop_one_that_is_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_may_set_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_what_is_waited_for_is_called, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_removed_in_this_turn_is_not_called, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_callback_may_remove_its_own_io, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_than_a_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(end_of_turn_comes_last_and_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lingering_loses_nothing, set_up, tear_down),
        cmocka_unit_test(clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
