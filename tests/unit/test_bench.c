/*
 * test_bench.c - the measuring parts of the load generator measure: quantiles of known times, and
 * the CPU of processes that are known to have used it, of children that came and went, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The tool is no library: its pure parts are tested as the source they are. */
#include "../bench/histogram.c"
#include "../bench/procs.c"

/* --- histogram --- */

static struct histogram h;

static void about(double got, double expected)
{
    if (got > expected || got < expected * (1 - 1.0 / HISTOGRAM_STEPS) - 0.1)
        fail_msg("expected %f or at most 1/64 less, got %f", expected, got);
}

static void test_quantiles(void **state)
{
    (void)state;
    histogram_clear(&h);
    assert_true(histogram_us(&h, 0.5) == 0);
    for (uint64_t us = 1; us <= 10000; us++)
        histogram_add(&h, us * 1000);
    assert_int_equal(h.n, 10000);
    about(histogram_us(&h, 0), 1);
    about(histogram_us(&h, 0.5), 5001);
    about(histogram_us(&h, 0.99), 9901);
    about(histogram_us(&h, 1), 10000);
}

static void test_small_and_huge(void **state)
{
    (void)state;
    for (uint64_t ns = 100; ns < (uint64_t)7200 * 1000000000u; ns = ns * 17 / 16 + 100) {
        histogram_clear(&h);
        histogram_add(&h, ns);
        about(histogram_us(&h, 0.5), (double)ns / 1000);
    }
    histogram_clear(&h);
    histogram_add(&h, UINT64_MAX); /* lands in the last step instead of behind it */
    assert_true(histogram_us(&h, 1) > 7200e6);
}

static void test_one_slow_of_a_hundred(void **state)
{
    (void)state;
    histogram_clear(&h);
    for (unsigned i = 0; i < 99; i++)
        histogram_add(&h, 10000);
    histogram_add(&h, 5000000);
    about(histogram_us(&h, 0.98), 10);
    about(histogram_us(&h, 0.99), 5000);
}

/* --- /proc --- */

static void test_stat_line(void **state)
{
    struct proc p;
    (void)state;
    assert_true(
        proc_parse("17 (evil) R 1 2) S 5 6 7 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 9", &p));
    assert_int_equal(p.pid, 17);
    assert_int_equal(p.parent, 5);
    assert_int_equal(p.session, 7);
    assert_int_equal(p.ticks, 127);
    assert_false(p.ended);
    assert_true(proc_parse("17 (x) Z 5 6 7 0 -1 4194560 1 2 3 4 100 20 3 4 20", &p) && p.ended);
    assert_false(proc_parse("", &p));
    assert_false(proc_parse("17 (cut) S 5 6 7 0", &p));
    assert_false(proc_parse("no number (x) S 5 6 7 0 -1 0 1 2 3 4 100 20 3 4", &p));
}

static void test_members(void **state)
{
    /* 20 is the server; 12 a grandchild that stands before its parent; 30 has lost its parent. */
    struct proc all[] = {{.pid = 1, .session = 1},
                         {.pid = 12, .parent = 40, .session = 12},
                         {.pid = 13, .parent = 12, .session = 13},
                         {.pid = 20, .parent = 7, .session = 20},
                         {.pid = 30, .parent = 1, .session = 20},
                         {.pid = 40, .parent = 20, .session = 20},
                         {.pid = 41, .parent = 1, .session = 1},
                         {.pid = 7, .parent = 1, .session = 7}};
    const size_t n = sizeof all / sizeof *all;
    int sum = 0;
    (void)state;
    assert_int_equal(procs_members(all, n, 20), 5);
    assert_int_equal(all[0].pid, 20);
    for (size_t i = 0; i < 5; i++)
        sum += all[i].pid;
    assert_int_equal(sum, 20 + 12 + 13 + 30 + 40);
    for (size_t i = 5; i < n; i++)
        assert_true(all[i].pid == 1 || all[i].pid == 41 || all[i].pid == 7);
}

static void test_nobody_is_no_member(void **state)
{
    struct proc all[] = {{.pid = 1, .session = 1}, {.pid = 2, .parent = 1, .session = 1}};
    (void)state;
    assert_int_equal(procs_members(all, 2, 99), 0);
}

static uint64_t own_cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void burn(uint64_t ms)
{
    while (own_cpu_ms() < ms)
        ;
}

/* Waits for a byte, or sends one: steps of the two sides of a test. */
static void wait_byte(int fd)
{
    char c;
    if (read(fd, &c, 1) != 1) _exit(3);
}
static void send_byte(int fd)
{
    if (write(fd, "x", 1) != 1) _exit(3);
}

/* A "server": a session whose child works, ends and is waited for; then another lives on. */
static _Noreturn void be_server(int in, int out)
{
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
    wait_byte(in);
    pid_t gone = fork();
    if (gone == 0) {
        burn(200);
        _exit(0);
    }
    waitpid(gone, NULL, 0);
    pid_t stays = fork();
    if (stays == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        burn(150);
        send_byte(out);
        wait_byte(in);
        _exit(0);
    }
    waitpid(stays, NULL, 0);
    _exit(0);
}

static void test_children_that_come_and_go(void **state)
{
    int to[2], from[2], status;
    struct usage a, b;
    (void)state;
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    pid_t pid = fork();
    if (pid == 0) be_server(to[0], from[1]);
    procs_usage(pid, true, &a);
    assert_int_equal(a.processes, 1);
    assert_true(a.pss_kb > 0);
    send_byte(to[1]);
    wait_byte(from[0]);
    procs_usage(pid, false, &b);
    uint64_t used_ms = (b.cpu_us - a.cpu_us) / 1000;
    if (used_ms < 320 || used_ms > 600)
        fail_msg("350 ms were used, %lu counted", (unsigned long)used_ms);
    assert_int_equal(b.processes, 2);
    assert_int_equal(b.programs, 1);
    assert_int_equal(usage_program_us(&a, &b, 0), b.cpu_us - a.cpu_us);
    send_byte(to[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    procs_usage(pid, false, &b);
    assert_int_equal(b.processes, 0);
}

static void test_signal_reaches_all(void **state)
{
    int to[2], from[2], status;
    (void)state;
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    pid_t pid = fork();
    if (pid == 0) be_server(to[0], from[1]);
    send_byte(to[1]);
    wait_byte(from[0]);
    assert_int_equal(procs_signal(pid, SIGKILL), 2);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    unsigned left = 1; /* the child is nobody's to wait for: it dies in its own time */
    for (unsigned i = 0; left && i < 1000; i++, usleep(1000))
        left = procs_signal(pid, 0);
    assert_int_equal(left, 0);
    assert_int_equal(procs_signal(0, SIGKILL), 0); /* 0 would be everybody here */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_small_and_huge),
        cmocka_unit_test(test_one_slow_of_a_hundred),
        cmocka_unit_test(test_stat_line),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_nobody_is_no_member),
        cmocka_unit_test(test_children_that_come_and_go),
        cmocka_unit_test(test_signal_reaches_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
