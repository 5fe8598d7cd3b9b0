/*
 * test_sandbox.c - the sandbox from within: what must be stopped is stopped, what must work works.
 *
 * Every case runs in a child that enters the sandbox, as root both with a change of user and
 * without. A child says how far it came by its exit status or the signal it dies of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "sandbox_child.h"

/* ---- the twelve ways out ---- */

static pid_t parent; /* asked before: getppid is not in the lists */

static long try_open(void)
{
    return open("/etc/passwd", O_RDONLY);
}
static long try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}
static long try_execve(void)
{
    char *argv[] = {"true", NULL};
    return execv("/bin/true", argv);
}
static long try_fork(void)
{
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    return pid;
}
static long try_write_exec(void)
{
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? -1 : 0;
}
static long try_kill_parent(void)
{
    return kill(parent, 0);
}
static long try_ptrace_parent(void)
{
    return ptrace(PTRACE_ATTACH, parent, NULL, NULL);
}
static long try_unix_connect(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/notify"};
    return connect(0, (struct sockaddr *)&to, sizeof to);
}
static long try_io_uring(void)
{
    char params[256] = {0};
    return syscall(SYS_io_uring_setup, 8, params);
}
static long try_userfaultfd(void)
{
    return syscall(SYS_userfaultfd, 1);
}
static long try_read_parent(void)
{
    char byte;
    struct iovec mine = {&byte, 1}, theirs = {child_data, 1};
    return process_vm_readv(parent, &mine, 1, &theirs, 1, 0);
}
static long try_bpf(void)
{
    char attr[128] = {0};
    return syscall(SYS_bpf, 5, attr, sizeof attr);
}
/* Not among the twelve: the call that abort() needs, aimed at somebody else. */
static long try_tgkill_parent(void)
{
    return syscall(SYS_tgkill, parent, parent, 0);
}
static long try_clone3(void)
{
    return syscall(SYS_clone3, NULL, 0);
}

static const struct way_out {
    const char *name;
    long (*attempt)(void);
    bool refused; /* told EACCES; the others are killed */
} ways[] = {
    {"open", try_open, true},
    {"socket", try_socket, false},
    {"execve", try_execve, false},
    {"fork", try_fork, false},
    {"write+exec mmap", try_write_exec, false},
    {"kill parent", try_kill_parent, false},
    {"ptrace parent", try_ptrace_parent, false},
    {"unix connect", try_unix_connect, false},
    {"io_uring_setup", try_io_uring, false},
    {"userfaultfd", try_userfaultfd, false},
    {"process_vm_readv", try_read_parent, false},
    {"bpf", try_bpf, false},
    {"tgkill parent", try_tgkill_parent, false},
    {"clone3", try_clone3, false},
};
static const struct way_out *way;

static void take_way(enum sandbox_role role)
{
    parent = getppid();
    enter(role);
    errno = 0;
    long rc = way->attempt();
    _exit(rc < 0 && errno == EACCES ? REFUSED : GOT_OUT);
}

static void all_ways_shut(enum sandbox_role role)
{
    if (RELAXED) {
        print_message("skipped: relaxed for sanitizers\n");
        return;
    }
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        way = &ways[i];
        if (role == SANDBOX_BROKER && way->refused && !files_confined) {
            print_message("skipped %s: no landlock in this kernel\n", way->name);
            continue;
        }
        int status = in_child(take_way, role);
        bool as_told = way->refused ? WIFEXITED(status) && WEXITSTATUS(status) == REFUSED
                                    : WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
        if (!as_told)
            fail_msg("%s: status %#x, want %s", way->name, (unsigned)status,
                     way->refused ? "EACCES" : "SIGSYS");
    }
}

static void test_worker_ways_out(void **state)
{
    (void)state;
    all_ways_shut(SANDBOX_WORKER);
}

static void test_broker_ways_out(void **state)
{
    (void)state;
    all_ways_shut(SANDBOX_BROKER);
}

static void test_keeper_ways_out(void **state)
{
    (void)state;
    all_ways_shut(SANDBOX_KEEPER);
}

/* Accepting on the takeover socket, made before. */
static void take_over(enum sandbox_role role)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t len = sizeof at.sun_family; /* the kernel finds a name */
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    int master = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    NEED(bind(listener, (struct sockaddr *)&at, len) == 0 && listen(listener, 1) == 0);
    len = sizeof at;
    NEED(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
    NEED(connect(master, (struct sockaddr *)&at, len) == 0);
    enter(role);
    NEED(accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) >= 0);
}

static void test_takeover_socket(void **state)
{
    (void)state;
    must_succeed(take_over, SANDBOX_KEEPER);
}

/* ---- what a worker does all day ---- */

static int by_value(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(int));
}

static void use_memory(void)
{
    unsigned char *big = malloc(64 << 20);
    NEED(big != NULL);
    memset(big, 1, 64 << 20);
    free(big);
    unsigned char *secret = sodium_malloc(100);
    NEED(secret != NULL);
    randombytes_buf(secret, 100);
    NEED(sodium_mprotect_readonly(secret) == 0);
    sodium_free(secret);
    int *many = calloc(100000, sizeof *many);
    for (int i = 0; i < 100000; i++)
        many[i] = (i * 7919) % 100003;
    qsort(many, 100000, sizeof *many, by_value);
    free(many);
}

/* A slab as the master makes it: sealed, mapped, holes punched by madvise. */
static void *slab_map(void)
{
    int fd = memfd_create("slab", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    NEED(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
    NEED(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
    void *slab = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEED(slab != MAP_FAILED);
    close(fd);
    return slab;
}

/* Both ends of a TCP connection on loopback. */
static void tcp_pair(int pair[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    NEED(bind(listener, (struct sockaddr *)&at, len) == 0 && listen(listener, 1) == 0);
    NEED(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    NEED(connect(pair[0], (struct sockaddr *)&at, len) == 0);
    pair[1] = accept(listener, NULL, NULL);
    NEED(pair[1] >= 0);
    close(listener);
}

static void use_sockets(int epoll, const int pair[2])
{
    struct epoll_event want = {.events = EPOLLIN, .data.fd = pair[1]}, got;
    char text[4];
    int bytes = -1;
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &want) == 0);
    NEED(send(pair[0], "abcd", 4, MSG_NOSIGNAL | MSG_DONTWAIT) == 4);
    NEED(epoll_wait(epoll, &got, 1, 2000) == 1 && got.data.fd == pair[1]);
    NEED(ioctl(pair[1], FIONREAD, &bytes) == 0 && bytes == 4);
    NEED(ioctl(pair[0], TIOCOUTQ, &bytes) == 0);
    NEED(recv(pair[1], text, 2, 0) == 2 && memcmp(text, "ab", 2) == 0);
    struct iovec io = {text, sizeof text};
    struct msghdr msg = {.msg_iov = &io, .msg_iovlen = 1};
    NEED(recvmsg(pair[1], &msg, 0) == 2 && memcmp(text, "cd", 2) == 0);
    NEED(sendmsg(pair[1], &msg, MSG_NOSIGNAL) == 4);
    int error = -1;
    socklen_t len = sizeof error;
    NEED(getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0);
    NEED(shutdown(pair[0], SHUT_RDWR) == 0 && close(pair[0]) == 0 && close(pair[1]) == 0);
}

static void day_of_worker(enum sandbox_role role)
{
    int tcp[2], local[2], log[2], file = memfd_create("blob", MFD_CLOEXEC);
    int epoll = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    unsigned char *slab = slab_map();
    tcp_pair(tcp);
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, local) == 0 && pipe(log) == 0);
    NEED(file >= 0 && sodium_init() >= 0 && dup2(log[1], 2) == 2);
    NEED(write(file, "blob", 4) == 4);
    enter(role);
    use_sockets(epoll, tcp);
    use_sockets(epoll, local);
    use_memory();
    char line[8];
    NEED(dprintf(2, "logged\n") == 7 && read(log[0], line, 7) == 7);
    NEED(pread(file, line, 4, 0) == 4);
    struct itimerspec soon = {.it_value.tv_nsec = 1};
    uint64_t times = 0;
    NEED(timerfd_settime(timer, 0, &soon, NULL) == 0 && read(timer, &times, 8) == 8 && times == 1);
    slab[4096] = 1;
    NEED(madvise(slab + 4096, 4096, MADV_REMOVE) == 0 && slab[4096] == 0);
    struct tm day;
    time_t now = time(NULL);
    NEED(localtime_r(&now, &day) != NULL);
}

static void test_worker_day(void **state)
{
    (void)state;
    must_succeed(day_of_worker, SANDBOX_WORKER);
}

/* ---- limits, reports, descriptors ---- */

static void log_into_file(enum sandbox_role role)
{
    char path[96];
    snprintf(path, sizeof path, "%s/log", child_base);
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
    NEED(fd >= 0 && dup2(fd, 2) == 2);
    enter(role);
    if (write(2, "still logging\n", 14) != 14) _exit(GOT_OUT);
}

/* "2>server.log" must go on working, for either role. */
static void test_log_into_file(void **state)
{
    (void)state;
    must_succeed(log_into_file, SANDBOX_WORKER);
    must_succeed(log_into_file, SANDBOX_BROKER);
}

static void write_passed_file(enum sandbox_role role)
{
    int file = memfd_create("blob", MFD_CLOEXEC), log[2];
    struct sandbox_spec spec = spec_of(role);
    struct sandbox_report report;
    spec.max_file = 4;
    NEED(pipe(log) == 0 && dup2(log[1], 1) == 1 && dup2(log[1], 2) == 2);
    NEED(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && sandbox_enter(&spec, &report) == 0);
    NEED(pwrite(file, "blob", 4, 0) == 4);
    NEED(RELAXED || (pwrite(file, "more", 4, 4) < 0 && errno == EFBIG));
}

static void test_file_limit(void **state)
{
    (void)state;
    must_succeed(write_passed_file, SANDBOX_WORKER);
}

static void abort_inside(enum sandbox_role role)
{
    enter(role);
    abort();
}

/* An assertion that fails must show as SIGABRT, not as a hole in the list. */
static void test_abort_is_seen_as_such(void **state)
{
    (void)state;
    for (enum sandbox_role role = SANDBOX_WORKER; role <= SANDBOX_KEEPER; role++) {
        int status = in_child(abort_inside, role);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

static void report_of_worker(enum sandbox_role role)
{
    struct sandbox_spec spec = spec_of(role);
    struct sandbox_report report, again;
    memset(&report, 0x55, sizeof report);
    memset(&again, 0x55, sizeof again);
    NEED(sandbox_before_threads(&spec, &report) == 0);
    NEED(strstr(report.text, "no_new_privs") != NULL && strstr(report.text, "seccomp") == NULL);
    NEED(sandbox_enter(&spec, &again) == 0);
    dprintf(2, "in force: %s\n", again.text);
    NEED(strncmp(again.text, report.text, strlen(report.text)) == 0);
    NEED(strstr(again.text, "seccomp") != NULL && strstr(again.text, "limits") != NULL);
    NEED((strstr(again.text, "relaxed") != NULL) == (RELAXED || spec.relaxed));
}

static void report_relaxed(enum sandbox_role role)
{
    struct sandbox_spec spec = spec_of(role);
    struct sandbox_report report;
    spec.relaxed = true;
    NEED(sandbox_enter(&spec, &report) == 0 && strstr(report.text, "relaxed") != NULL);
    dprintf(2, "in force: %s\n", report.text);
    NEED(open("/etc/passwd", O_RDONLY) >= 0 && try_fork() > 0);
    try_socket();
}

static void test_reports(void **state)
{
    (void)state;
    must_succeed(report_of_worker, SANDBOX_WORKER);
    must_succeed(report_of_worker, SANDBOX_BROKER);
    int status = in_child(report_relaxed, SANDBOX_WORKER);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void close_some(enum sandbox_role role)
{
    (void)role;
    const int keep[] = {23, 20, 21};
    for (int fd = 20; fd < 30; fd++)
        NEED(dup2(0, fd) == fd);
    sandbox_close_fds_above(20, keep, 3);
    for (int fd = 20; fd < 30; fd++)
        NEED((fcntl(fd, F_GETFD) >= 0) == (fd == 20 || fd == 21 || fd == 23));
    sandbox_close_fds_above(3, NULL, 0);
    NEED(fcntl(23, F_GETFD) < 0 && fcntl(2, F_GETFD) >= 0);
}

static void test_close_fds(void **state)
{
    (void)state;
    must_succeed(close_some, SANDBOX_WORKER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker_ways_out), cmocka_unit_test(test_broker_ways_out),
        cmocka_unit_test(test_keeper_ways_out), cmocka_unit_test(test_takeover_socket),
        cmocka_unit_test(test_worker_day),      cmocka_unit_test(test_log_into_file),
        cmocka_unit_test(test_file_limit),      cmocka_unit_test(test_abort_is_seen_as_such),
        cmocka_unit_test(test_reports),         cmocka_unit_test(test_close_fds),
    };
    return child_run_all(tests, sizeof tests / sizeof tests[0]);
}
