/*
 * test_sandbox_filter.c - the verdict of the exported filters on every system call number, by a
 * small interpreter of BPF, against the reviewed list tests/unit/sandbox_verdicts.txt.
 *
 * Run from the top of the tree. A number that is not in the list must be answered by a kill.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

#define LIST    "tests/unit/sandbox_verdicts.txt"
#define CALLS   601
#define X32_BIT 0x40000000

static const char *const role_name[] = {"worker", "broker", "keeper"};

struct filter {
    struct sock_filter code[2048];
    size_t len;
};
static struct filter filters[3];

static void filter_get(struct filter *f, enum sandbox_role role)
{
    int fd = memfd_create("filter", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(sandbox_export(role, fd), 0);
    ssize_t n = pread(fd, f->code, sizeof f->code, 0);
    assert_true(n > 0 && (size_t)n < sizeof f->code);
    f->len = (size_t)n / sizeof f->code[0];
    close(fd);
}

static bool jump_taken(const struct sock_filter *in, uint32_t acc)
{
    switch (BPF_OP(in->code)) {
    case BPF_JEQ: return acc == in->k;
    case BPF_JGT: return acc > in->k;
    case BPF_JGE: return acc >= in->k;
    case BPF_JSET: return (acc & in->k) != 0;
    default: fail_msg("jump %#x is not known to this test", in->code); return false;
    }
}

/* What the kernel would answer. */
static uint32_t filter_run(const struct filter *f, const struct seccomp_data *data)
{
    uint32_t acc = 0;
    for (size_t pc = 0; pc < f->len; pc++) {
        const struct sock_filter *in = &f->code[pc];
        switch (in->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(in->k + sizeof acc <= sizeof *data);
            memcpy(&acc, (const char *)data + in->k, sizeof acc);
            break;
        case BPF_ALU | BPF_AND | BPF_K: acc &= in->k; break;
        case BPF_JMP | BPF_JA: pc += in->k; break;
        case BPF_RET | BPF_K: return in->k;
        default:
            assert_int_equal(BPF_CLASS(in->code), BPF_JMP);
            pc += jump_taken(in, acc) ? in->jt : in->jf;
        }
    }
    fail_msg("filter runs past its end");
    return 0;
}

static const char *verdict_name(uint32_t verdict)
{
    switch (verdict) {
    case SECCOMP_RET_KILL_PROCESS: return "kill";
    case SECCOMP_RET_ALLOW: return "allow";
    case SECCOMP_RET_ERRNO | EACCES: return "eacces";
    default: return "unexpected";
    }
}

static const char *verdict_on(enum sandbox_role role, struct seccomp_data data)
{
    data.arch = AUDIT_ARCH_X86_64;
    return verdict_name(filter_run(&filters[role], &data));
}

/* "checked" when it depends on the arguments: all of them go through every value that matters. */
static const char *verdict_any_args(enum sandbox_role role, int nr)
{
    const uint64_t values[] = {0,        UINT64_MAX,        FIONREAD,
                               TIOCOUTQ, F_DUPFD_CLOEXEC,   IPPROTO_TCP,
                               F_SETLK,  (uint64_t)getpid()};
    const char *first = NULL;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct seccomp_data data = {.nr = nr};
        for (int a = 0; a < 6; a++)
            data.args[a] = values[i];
        if (nr == SYS_setsockopt && i == 0) /* two values that differ must meet */
            data.args[1] = IPPROTO_TCP, data.args[2] = TCP_NODELAY;
        const char *got = verdict_on(role, data);
        if (first != NULL && strcmp(first, got) != 0) return "checked";
        first = got;
    }
    return first;
}

struct expected {
    char name[40], verdict[3][12];
};
static struct expected expect[CALLS];

static void expected_read(void)
{
    FILE *f = fopen(LIST, "r");
    if (f == NULL)
        fail_msg("cannot read %s: %s; run from the top of the tree", LIST, strerror(errno));
    for (int i = 0; i < CALLS; i++)
        expect[i] = (struct expected){"-", {"kill", "kill", "kill"}};
    char line[160];
    while (fgets(line, sizeof line, f) != NULL) {
        int nr;
        struct expected e;
        if (line[0] == '#' || line[0] == '\n') continue;
        if (sscanf(line, "%d %39s %11s %11s %11s", &nr, e.name, e.verdict[0], e.verdict[1],
                   e.verdict[2]) != 5 ||
            nr < 0 || nr >= CALLS)
            fail_msg("bad line in %s: %s", LIST, line);
        expect[nr] = e;
    }
    fclose(f);
}

static void test_every_number_as_listed(void **state)
{
    (void)state;
    int wrong = 0;
    expected_read();
    for (int nr = 0; nr < CALLS; nr++) {
        const struct expected *e = &expect[nr];
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);
        if (strcmp(e->name, "-") != 0 && (!name || strcmp(e->name, name) != 0)) {
            print_message("%d is %s, the list says %s\n", nr, name ? name : "?", e->name);
            wrong++;
        }
        for (enum sandbox_role role = SANDBOX_WORKER; role <= SANDBOX_KEEPER; role++) {
            const char *got = verdict_any_args(role, nr);
            if (strcmp(got, e->verdict[role]) == 0) continue;
            print_message("%d %s: %s for a %s, the list says %s\n", nr, name ? name : "?", got,
                          role_name[role], e->verdict[role]);
            wrong++;
        }
        free(name);
    }
    assert_int_equal(wrong, 0);
}

static void test_other_doors_are_shut(void **state)
{
    (void)state;
    const uint32_t foreign[] = {AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, 0};
    for (enum sandbox_role role = SANDBOX_WORKER; role <= SANDBOX_KEEPER; role++)
        for (int nr = 0; nr < CALLS; nr++) {
            assert_string_equal(verdict_on(role, (struct seccomp_data){.nr = X32_BIT | nr}),
                                "kill");
            assert_string_equal(verdict_on(role, (struct seccomp_data){.nr = -1 - nr}), "kill");
            for (size_t a = 0; a < sizeof foreign / sizeof foreign[0]; a++) {
                struct seccomp_data data = {.nr = nr, .arch = foreign[a]};
                assert_int_equal(filter_run(&filters[role], &data), SECCOMP_RET_KILL_PROCESS);
            }
        }
}

#define ROW(call, w, b, k, ...)            \
    {                                      \
#call, SYS_##call, {__VA_ARGS__ }, \
        {                                  \
            w, b, k                        \
        }                                  \
    }

static void test_arguments_decide(void **state)
{
    (void)state;
    const uint64_t me = (uint64_t)getpid(), parent = (uint64_t)getppid();
    const uint64_t rw = PROT_READ | PROT_WRITE, high = 1ULL << 32;
    const struct {
        const char *name;
        int nr;
        uint64_t args[6];
        const char *verdict[3];
    } rows[] = {
        ROW(mmap, "allow", "allow", "allow", 0, 4096, rw),
        ROW(mmap, "kill", "kill", "kill", 0, 4096, rw | PROT_EXEC),
        ROW(mmap, "kill", "kill", "kill", 0, 4096, PROT_EXEC),
        ROW(mprotect, "allow", "allow", "allow", 0, 4096, PROT_NONE),
        ROW(mprotect, "kill", "kill", "kill", 0, 4096, PROT_READ | PROT_EXEC),
        ROW(ioctl, "allow", "allow", "allow", 3, FIONREAD),
        ROW(ioctl, "allow", "allow", "allow", 3, TIOCOUTQ),
        ROW(ioctl, "kill", "kill", "kill", 3, TIOCSTI),
        ROW(ioctl, "kill", "kill", "kill", 3, FIOSETOWN),
        ROW(ioctl, "kill", "kill", "kill", 3, high | FIOSETOWN),
        ROW(tgkill, "allow", "allow", "allow", me, me, 6),
        ROW(tgkill, "kill", "kill", "kill", parent, parent, 9),
        ROW(tgkill, "kill", "kill", "kill", 1, 1, 9),
        ROW(sendto, "allow", "allow", "allow", 3, 0, 1, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0),
        ROW(sendto, "kill", "kill", "kill", 3, 0, 1, 0, 0x7f0000000000, 16),
        ROW(sendto, "kill", "kill", "kill", 3, 0, 1, MSG_FASTOPEN, 0, 0),
        ROW(sendmsg, "allow", "allow", "allow", 3, 0, MSG_NOSIGNAL),
        ROW(sendmsg, "kill", "kill", "kill", 3, 0, MSG_FASTOPEN),
        ROW(setsockopt, "allow", "kill", "kill", 3, IPPROTO_TCP, TCP_NODELAY),
        ROW(setsockopt, "kill", "kill", "kill", 3, IPPROTO_TCP, TCP_REPAIR),
        ROW(setsockopt, "kill", "kill", "kill", 3, SOL_SOCKET, SO_ATTACH_FILTER),
        ROW(fcntl, "allow", "allow", "allow", 3, F_DUPFD_CLOEXEC),
        ROW(fcntl, "eacces", "allow", "eacces", 3, F_SETLK),
        ROW(fcntl, "eacces", "kill", "eacces", 3, F_SETOWN),
        ROW(fcntl, "eacces", "kill", "eacces", 3, F_SETSIG),
        ROW(fcntl, "eacces", "kill", "eacces", 3, F_DUPFD),
        ROW(fcntl, "eacces", "kill", "eacces", 3, F_NOTIFY),
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (enum sandbox_role role = SANDBOX_WORKER; role <= SANDBOX_KEEPER; role++) {
            struct seccomp_data data = {.nr = rows[i].nr};
            memcpy(data.args, rows[i].args, sizeof data.args);
            const char *got = verdict_on(role, data);
            if (strcmp(got, rows[i].verdict[role]) != 0)
                fail_msg("%s, row %zu (%s): %s, want %s", role_name[role], i, rows[i].name, got,
                         rows[i].verdict[role]);
        }
}

static int setup(void **state)
{
    (void)state;
    filter_get(&filters[SANDBOX_WORKER], SANDBOX_WORKER);
    filter_get(&filters[SANDBOX_BROKER], SANDBOX_BROKER);
    filter_get(&filters[SANDBOX_KEEPER], SANDBOX_KEEPER);
    print_message("instructions: worker %zu, broker %zu, keeper %zu\n", filters[0].len, filters[1].len,
                  filters[2].len);
    return 0;
}

int main(void)
{
#ifndef __x86_64__
    print_message("skipped: the list of verdicts is that of x86-64\n");
    return 0;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_number_as_listed),
        cmocka_unit_test(test_other_doors_are_shut),
        cmocka_unit_test(test_arguments_decide),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
