/*
 * test_store_full.c - the store on a full disk: nothing durable is lost, puts are refused with
 * STORE_FULL, acknowledgements and deletes go on, and room that they make is used again.
 *
 * The disk is a tmpfs of 32 MiB in a mount namespace of the test's own, so nothing is left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_help.h"
#include "broker/store_disk.h"

static const char *why_not;

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) why_not = strerror(errno);
    if (fd >= 0) close(fd);
}

/* Whoever is not root becomes root of a user namespace: files need an owner that is mapped. */
static int become_root(void)
{
    char uid[32], gid[32];
    snprintf(uid, sizeof uid, "0 %u 1", geteuid());
    snprintf(gid, sizeof gid, "0 %u 1", getegid());
    if (unshare(CLONE_NEWUSER) < 0) return -1;
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", uid);
    write_text("/proc/self/gid_map", gid);
    return 0;
}

static int own_mounts(void **state)
{
    (void)state;
    if ((geteuid() != 0 && become_root() < 0) || unshare(CLONE_NEWNS) < 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        why_not = strerror(errno);
    return 0;
}

static int small_disk(void **state)
{
    if (help_setup(state) < 0) return -1;
    if (!why_not && mount("tmpfs", help.root, "tmpfs", 0, "size=32m,mode=0700") < 0)
        why_not = strerror(errno);
    return 0;
}

static int no_disk(void **state)
{
    (void)state;
    store_close(help.s), help.s = NULL;
    if (!why_not) umount2(help.root, MNT_DETACH);
    return help_teardown(state);
}

static void need_disk(void)
{
    if (!why_not) return;
    print_message("skipped: no small disk to fill, mounting a tmpfs is not permitted (%s)\n",
                  why_not);
    skip();
}

static bool exists(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", help.dir, name);
    return access(path, F_OK) == 0;
}

/*
 * Until the first refusal; the id of the newest message that is durable. A load travels in the same
 * batch as the puts, so that it has to be done again when they are rolled back.
 */
static uint64_t fill(uint64_t id)
{
    uint64_t stored = id - 1, row = 0;
    for (help.full = 0; help.full == 0; id += 500) {
        help.completed = help.full = 0;
        for (uint64_t i = id; i < id + 500; i++)
            help_hand_in(1, 2, i);
        help_load(1, row, 1000, 1 << 20);
        assert_true(help.n >= help.completed - help.full);
        for (size_t i = 0; i < help.n; i++) {
            assert_true(help.m[i].row > row);
            row = help.m[i].row;
        }
        if (row) assert_int_equal(help.row, row);
        stored += help.completed - help.full;
    }
    return stored;
}

static void take_all(size_t *n, uint64_t *last_row)
{
    *n = 0;
    for (uint64_t after = 0;; after = help.m[help.n - 1].row) {
        help_load(1, after, 10000, 1 << 22);
        *n += help.n;
        if (help.n) *last_row = help.m[help.n - 1].row;
        if (!help.more) return;
    }
}

static size_t waiting(void)
{
    help_list();
    return help.device[0].waiting;
}

static void refuses_and_keeps(void **state)
{
    (void)state;
    size_t n;
    uint64_t last = 0;
    need_disk();
    help_open();
    help_users(2);
    assert_true(exists("reserve"));
    uint64_t stored = fill(1);
    assert_true(stored > 10000);
    assert_int_equal(help_put(1, 2, 1u << 30), STORE_FULL);
    assert_int_equal(help_put_room(4, 2, 1u << 30), STORE_FULL);
    take_all(&n, &last);
    assert_int_equal(n, stored);
    help_reopen();
    assert_int_equal(waiting(), stored);
    assert_int_equal(store_room_head(help.s, 4), 0);
}

static void acknowledges_and_recovers(void **state)
{
    (void)state;
    size_t n;
    uint64_t last = 0;
    need_disk();
    help_open();
    help_users(2);
    uint64_t stored = fill(1);
    take_all(&n, &last);
    store_ack(help.s, 1, DEVICE, last);
    help_load(1, 0, 10, 1 << 20);
    assert_int_equal(help.n, 0);
    /* The sweeper makes pages free; each try gives it a quiet moment. */
    enum store_status status = STORE_FULL;
    for (int i = 0; i < 1000000 && status == STORE_FULL; i++)
        status = help_put(1, 2, stored + 1000);
    assert_int_equal(status, STORE_OK);
    assert_int_equal(help_put_room(4, 2, stored + 1001), STORE_OK);
    assert_int_equal(help.row, 1);
    help_reopen();
    assert_int_equal(waiting(), 1);
}

static void goes_on_with_little_room(void **state)
{
    (void)state;
    size_t n;
    uint64_t last = 0, id = 1;
    need_disk();
    help_open();
    help_users(2);
    for (int round = 0; round < 5; round++) {
        size_t before = n = 0;
        take_all(&before, &last);
        uint64_t stored = fill(id) - id + 1;
        id += 1000000;
        take_all(&n, &last);
        assert_int_equal(n, before + stored);
        store_ack(help.s, 1, DEVICE, last);
        enum store_status status = STORE_FULL;
        for (int i = 0; i < 20000 && status == STORE_FULL; i++) {
            status = help_put(1, 2, id++);
            if (status == STORE_FULL) poll(NULL, 0, 1); /* a quiet moment, as senders leave it */
        }
        assert_int_equal(status, STORE_OK);
    }
}

/* Foreign bytes fill the disk, then go away. */
static void reserve_comes_back(void **state)
{
    (void)state;
    char path[300];
    need_disk();
    help_open();
    help_users(2);
    snprintf(path, sizeof path, "%s/foreign", help.root);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    off_t size = 0;
    while (posix_fallocate(fd, size, 4096) == 0)
        size += 4096;
    uint64_t stored = fill(1);
    assert_false(exists("reserve"));
    assert_int_equal(ftruncate(fd, 0), 0);
    close(fd);
    enum store_status status = STORE_FULL;
    for (int i = 0; i < 20000 && status == STORE_FULL; i++) {
        status = help_put(1, 2, stored + 1000);
        if (status == STORE_FULL) poll(NULL, 0, 1);
    }
    assert_int_equal(status, STORE_OK);
    assert_true(exists("reserve"));
}

static void starts_on_a_full_disk(void **state)
{
    (void)state;
    char path[300];
    need_disk();
    help_open();
    help_users(2);
    uint64_t stored = fill(1);
    store_close(help.s), help.s = NULL;
    snprintf(path, sizeof path, "%s/foreign", help.root);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char byte = 1;
    for (off_t at = 0; pwrite(fd, &byte, 1, at) == 1; at += 4096) {
    }
    close(fd);
    help_open();
    assert_int_equal(waiting(), stored);
    unlink(path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, small_disk, no_disk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_and_keeps),  TEST(acknowledges_and_recovers), TEST(goes_on_with_little_room),
        TEST(reserve_comes_back), TEST(starts_on_a_full_disk),
    };
    return cmocka_run_group_tests(tests, own_mounts, NULL);
}
