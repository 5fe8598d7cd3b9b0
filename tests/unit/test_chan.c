/* test_chan.c - packets and descriptors between master and child. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "chan.h"

enum { LOG_MAX = 4096 };

static struct loop loop;
static struct chan near;
static int far;
static unsigned packets, ends;
static struct {
    uint8_t type;
    uint32_t number; /* of its fields, when there are four bytes */
    size_t n;
    int fd;
} seen[LOG_MAX];

static void on_packet(struct chan *c, uint8_t type, struct slice fields, int fd)
{
    if (packets < LOG_MAX) {
        seen[packets].type = type;
        seen[packets].n = fields.len;
        seen[packets].number = fields.len >= 4 ? get_u32(fields.data) : 0;
        seen[packets].fd = fd;
    }
    packets++;
    if (type == 'C') chan_close(c);
}

static void on_end(struct chan *c)
{
    ends++;
    chan_close(c);
}

static void stop(void *arg)
{
    (void)arg;
    loop.stop = true;
}

static void nothing(struct loop_timer *t)
{
    (void)t;
}

static void turn(void)
{
    struct loop_timer now = {.fire = nothing};
    loop.stop = false;
    loop_timer_set(&loop, &now, 0);
    loop_run(&loop);
}

/* How many descriptors this process has. */
static unsigned descriptors(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static bool same_file(int a, int b)
{
    struct stat x, y;
    assert_int_equal(fstat(a, &x), 0);
    assert_int_equal(fstat(b, &y), 0);
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int set_up(void **state)
{
    int fd[2];
    (void)state;
    loop_init(&loop);
    loop.end_of_turn = stop;
    chan_pair(fd);
    far = fd[1];
    chan_open(&near, &loop, fd[0], on_packet, on_end, NULL);
    packets = ends = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    chan_close(&near);
    chan_close(&near); /* twice is fine */
    if (far >= 0) close(far);
    close(loop.epfd);
    return 0;
}

static void paused_it_reads_nothing_but_the_end(void **state)
{
    (void)state;
    chan_pause(&near, true);
    assert_int_equal(send(far, "P", 1, 0), 1);
    turn();
    assert_int_equal(packets, 0);
    chan_pause(&near, false);
    turn();
    assert_int_equal(packets, 1);

    chan_pause(&near, true);
    assert_int_equal(send(far, "Q", 1, 0), 1);
    close(far);
    far = -1;
    turn();
    assert_int_equal(packets, 2); /* what was said before the end is heard before it */
    assert_int_equal(ends, 1);
}

/* A raw packet with any number of descriptors, as a hostile peer may send it. */
static void send_raw(const void *data, size_t n, const int *fd, size_t n_fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(64 * sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)data, n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (n_fd) {
        m.msg_control = control.space;
        m.msg_controllen = CMSG_SPACE(n_fd * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n_fd * sizeof(int));
        memcpy(CMSG_DATA(c), fd, n_fd * sizeof(int));
    }
    assert_int_equal(sendmsg(far, &m, MSG_NOSIGNAL | MSG_DONTWAIT), (ssize_t)n);
}

/* --- packets --- */

static void packets_keep_their_bounds(void **state)
{
    (void)state;
    send_raw("A", 1, NULL, 0);
    send_raw("B1234567", 8, NULL, 0);
    turn();
    assert_int_equal(packets, 2);
    assert_true(seen[0].type == 'A' && seen[0].n == 0 && seen[0].fd == -1);
    assert_true(seen[1].type == 'B' && seen[1].n == 7 && seen[1].fd == -1);
    assert_int_equal(ends, 0);
}

static void both_ways(void **state)
{
    (void)state;
    uint8_t got[16];
    struct buf b = {0};
    buf_put(&b, "xxhello", 7);
    buf_drop(&b, 2);
    assert_int_equal(chan_send(&near, 'S', &b, -1), 0);
    assert_int_equal(chan_send(&near, 'N', NULL, -1), 0);
    assert_int_equal(recv(far, got, sizeof got, MSG_DONTWAIT), 6);
    assert_memory_equal(got, "Shello", 6);
    assert_int_equal(recv(far, got, sizeof got, MSG_DONTWAIT), 1);
    assert_int_equal(got[0], 'N');
    buf_free(&b);
}

static void the_longest_packet_and_one_more(void **state)
{
    (void)state;
    static uint8_t bytes[CHAN_PACKET_MAX + 1] = {'L'};
    int one[1] = {0};
    unsigned before = descriptors();
    send_raw(bytes, CHAN_PACKET_MAX, NULL, 0);
    turn();
    assert_int_equal(packets, 1);
    assert_int_equal(seen[0].n, CHAN_PACKET_MAX - 1);
    send_raw(bytes, CHAN_PACKET_MAX + 1, one, 1);
    turn();
    assert_int_equal(packets, 1); /* a part of it would be something else */
    assert_int_equal(ends, 1);
    assert_int_equal(descriptors(), before - 1); /* the channel's own; nothing came instead */
}

static void the_end(void **state)
{
    (void)state;
    send_raw("A", 1, NULL, 0);
    close(far);
    far = -1;
    turn();
    turn();
    assert_int_equal(packets, 1);
    assert_int_equal(ends, 1);
    assert_int_equal(chan_send(&near, 'x', NULL, -1), -1);
}

static void a_callback_may_close_it(void **state)
{
    (void)state;
    send_raw("C", 1, NULL, 0);
    send_raw("D", 1, NULL, 0);
    turn();
    turn();
    assert_int_equal(packets, 1);
    assert_int_equal(ends, 0);
}

/* --- descriptors --- */

static void one_descriptor_comes_through(void **state)
{
    (void)state;
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    unsigned before = descriptors();
    send_raw("F", 1, &file, 1);
    turn();
    assert_int_equal(packets, 1);
    assert_true(seen[0].fd >= 0 && seen[0].fd != file && same_file(seen[0].fd, file));
    assert_true(fcntl(seen[0].fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(descriptors(), before + 1);
    close(seen[0].fd);
    close(file);
}

/* With more than one, none: a few, as many as fit the room for control data, and many more. */
static void surplus_descriptors_are_closed(void **state)
{
    (void)state;
    static const size_t many[] = {2, 3, 4, 5, 6, 7, 30, 64};
    int fd[64];
    for (unsigned i = 0; i < 64; i++)
        fd[i] = far;
    unsigned before = descriptors();
    for (unsigned i = 0; i < sizeof many / sizeof *many; i++) {
        send_raw("F", 1, fd, many[i]);
        turn();
        assert_int_equal(packets, i + 1);
        assert_int_equal(seen[i].fd, -1);
        assert_int_equal(descriptors(), before);
    }
    assert_int_equal(ends, 0);
}

/* An empty packet is the end of the channel; what it brings must not stay open. */
static void an_empty_packet_brings_nothing(void **state)
{
    (void)state;
    int fd[3] = {far, far, far};
    unsigned before = descriptors();
    send_raw("", 0, fd, 3);
    turn();
    assert_int_equal(packets, 0);
    assert_int_equal(ends, 1);
    assert_int_equal(descriptors(), before - 1); /* the channel's own */
}

/* --- the queue --- */

/* Sends numbered packets until the socket is full and some wait; every third one with a descriptor.
 */
static unsigned fill_up(int fd)
{
    struct buf b = {0};
    unsigned n = 0;
    while (near.queued < 200) {
        buf_reset(&b, 4096);
        buf_put_u32(&b, n);
        buf_put(&b, "some more of it, so that the socket is full sooner", 50);
        assert_int_equal(chan_send(&near, 'Q', &b, n % 3 == 0 ? fd : -1), 0);
        n++;
    }
    buf_free(&b);
    return n;
}

/* Takes one packet at the far end: its number, and whether a descriptor came with it. */
static bool take(uint32_t *number, int *fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    uint8_t bytes[128];
    struct iovec iov = {bytes, sizeof bytes};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof control.space};
    ssize_t n = recvmsg(far, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 5) return false;
    *number = get_u32(bytes + 1);
    *fd = -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_type == SCM_RIGHTS) memcpy(fd, CMSG_DATA(c), sizeof *fd);
    return true;
}

/* What comes later must not overtake what waits, even when there is room again by now. */
static unsigned send_one_more(unsigned n)
{
    struct buf b = {0};
    buf_put_u32(&b, n);
    assert_int_equal(chan_send(&near, 'Q', &b, n % 3 == 0 ? far : -1), 0);
    buf_free(&b);
    return n + 1;
}

static void the_queue_keeps_order_and_descriptors(void **state)
{
    (void)state;
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC), fd;
    unsigned before = descriptors(), n = fill_up(file), filled = n;
    uint32_t number, next = 0;
    assert_true(descriptors() >=
                before + 60); /* the queue's duplicates: the caller may close its own */
    for (unsigned idle = 0; next < n && idle < 10; idle++) {
        while (take(&number, &fd)) {
            idle = 0;
            assert_int_equal(number, next);
            assert_int_equal(fd >= 0, next % 3 == 0);
            if (fd >= 0) assert_true(same_file(fd, next < filled ? file : far));
            if (fd >= 0) close(fd);
            next++;
            if (near.queued && n < filled + 100) n = send_one_more(n);
        }
        turn();
    }
    assert_int_equal(next, n);
    assert_int_equal(n, filled + 100);
    assert_int_equal(near.queued, 0);
    assert_null(near.first);
    assert_int_equal(near.io.events, EPOLLIN);
    assert_int_equal(descriptors(), before);
    close(file);
}

/* --- without a queue --- */

static unsigned rooms;

static void on_room(struct chan *c)
{
    assert_ptr_equal(c, &near);
    rooms++;
}

/* Tried until the socket is full: nothing is kept, and one call tells of room. */
static void trying_queues_nothing(void **state)
{
    (void)state;
    unsigned before = descriptors(), sent = 0;
    struct buf b = {0};
    uint32_t number;
    int fd, r;
    buf_put_u32(&b, 1);
    rooms = 0;
    while ((r = chan_try(&near, 'T', &b, far, on_room)) == 1)
        sent++;
    assert_int_equal(r, 0);
    assert_int_equal(near.queued, 0);
    assert_int_equal(descriptors(), before);
    turn();
    assert_int_equal(rooms, 0);
    for (unsigned k = 0; k < sent; k++) {
        assert_true(take(&number, &fd));
        close(fd);
    }
    turn();
    turn();
    assert_int_equal(rooms, 1);
    assert_int_equal(chan_try(&near, 'T', &b, -1, on_room), 1);
    close(far);
    far = -1;
    assert_int_equal(chan_try(&near, 'T', &b, -1, on_room), -1);
    buf_free(&b);
}

/* What a peer said before it died can be heard without the loop. */
static void drained_outside_of_the_loop(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 100; k++)
        send_raw("A", 1, NULL, 0);
    chan_drain(&near);
    assert_int_equal(packets, 100);
    chan_drain(&near);
    assert_int_equal(ends, 0);
    send_raw("B", 1, NULL, 0);
    close(far);
    far = -1;
    chan_drain(&near);
    assert_int_equal(packets, 101);
    assert_int_equal(ends, 1);
    chan_drain(&near); /* of a closed one: nothing */
}

static void closing_drops_the_queue_and_its_descriptors(void **state)
{
    (void)state;
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    unsigned before = descriptors();
    fill_up(file);
    chan_close(&near);
    assert_int_equal(descriptors(), before - 1);
    assert_int_equal(near.queued, 0);
    close(file);
}

static void a_full_queue_refuses(void **state)
{
    (void)state;
    uint32_t sent = 0, number;
    int fd;
    while (chan_send(&near, 'Q', &(struct buf){.data = (uint8_t[]){1, 2, 3, 4}, .len = 4, .cap = 4},
                     -1) == 0)
        sent++;
    assert_int_equal(near.queued, CHAN_QUEUE_MAX);
    assert_true(take(&number, &fd)); /* the far end takes some: the queue moves on */
    while (take(&number, &fd)) {
    }
    turn();
    assert_true(near.queued < CHAN_QUEUE_MAX);
    assert_true(sent > CHAN_QUEUE_MAX);
}

/* The far end goes away with a full queue: nothing hangs, the end is told once. */
static void the_end_with_a_full_queue(void **state)
{
    (void)state;
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    unsigned before = descriptors();
    fill_up(file);
    close(far);
    far = -1;
    turn();
    turn();
    assert_int_equal(ends, 1);
    assert_int_equal(descriptors(), before - 2); /* both ends of the channel */
    close(file);
}

static void the_pair(void **state)
{
    (void)state;
    int fd[2];
    chan_pair(fd);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(fcntl(fd[i], F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(fd[i], F_GETFL) & O_NONBLOCK);
        close(fd[i]);
    }
}

#define WITH_CHAN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CHAN(packets_keep_their_bounds),
        WITH_CHAN(both_ways),
        WITH_CHAN(the_longest_packet_and_one_more),
        WITH_CHAN(the_end),
        WITH_CHAN(paused_it_reads_nothing_but_the_end),
        WITH_CHAN(a_callback_may_close_it),
        WITH_CHAN(one_descriptor_comes_through),
        WITH_CHAN(surplus_descriptors_are_closed),
        WITH_CHAN(an_empty_packet_brings_nothing),
        WITH_CHAN(the_queue_keeps_order_and_descriptors),
        WITH_CHAN(trying_queues_nothing),
        WITH_CHAN(drained_outside_of_the_loop),
        WITH_CHAN(closing_drops_the_queue_and_its_descriptors),
        WITH_CHAN(a_full_queue_refuses),
        WITH_CHAN(the_end_with_a_full_queue),
        cmocka_unit_test(the_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
