/*
 * sandbox_rules.c - which system calls a worker, a broker and a keeper may make.
 *
 * To be read by somebody who distrusts it: every row lets a taken-over process do something. A row
 * more is a change of tests/unit/sandbox_verdicts.txt too. sandbox_filter.c turns rows into BPF.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "sandbox_rules.h"

#define ALLOW(name)                                   \
    {                                                 \
        .nr = SCMP_SYS(name), .answer = SANDBOX_ALLOW \
    }
#define ALLOW_IF(name, ...)                                                     \
    {                                                                           \
        .nr = SCMP_SYS(name), .answer = SANDBOX_ALLOW, .check = { __VA_ARGS__ } \
    }
#define REFUSE(name)                                   \
    {                                                  \
        .nr = SCMP_SYS(name), .answer = SANDBOX_EACCES \
    }
#define REFUSE_IF(name, ...)                                                     \
    {                                                                            \
        .nr = SCMP_SYS(name), .answer = SANDBOX_EACCES, .check = { __VA_ARGS__ } \
    }
#define KILL(name)                                   \
    {                                                \
        .nr = SCMP_SYS(name), .answer = SANDBOX_KILL \
    }
#define IS(arg, value)             \
    {                              \
        arg, SCMP_CMP_EQ, value, 0 \
    }
#define ISNT(arg, value)           \
    {                              \
        arg, SCMP_CMP_NE, value, 0 \
    }
#define LACKS(arg, flags)                 \
    {                                     \
        arg, SCMP_CMP_MASKED_EQ, flags, 0 \
    }

/* All roles: descriptors one already has, memory, time, the end. */
static const struct sandbox_rule all_roles[] = {
    ALLOW(epoll_wait),
    ALLOW(epoll_pwait),
    ALLOW(epoll_ctl),
    ALLOW(poll),
    ALLOW(read),
    ALLOW(write),
    ALLOW(readv),
    ALLOW(writev),
    ALLOW(pread64), /* the worker too: parts of a file whose descriptor the broker passed */
    ALLOW(pwrite64),
    ALLOW(lseek), /* dprintf() too */
    ALLOW(recvfrom),
    ALLOW(recvmsg),
    /* A first byte to an address would be a connect() by another name. */
    ALLOW_IF(sendto, LACKS(3, MSG_FASTOPEN), IS(4, 0)),
    ALLOW_IF(sendmsg, LACKS(2, MSG_FASTOPEN)),
    ALLOW(close),
    ALLOW(shutdown),
    ALLOW(getsockopt),
    ALLOW_IF(ioctl, IS(1, FIONREAD)), /* SIOCINQ */
    ALLOW_IF(ioctl, IS(1, TIOCOUTQ)), /* SIOCOUTQ */
    ALLOW(clock_gettime),
    ALLOW(gettimeofday), /* where the clock source cannot be read without the kernel */
    ALLOW(timerfd_settime),
    ALLOW(getrandom),
    ALLOW_IF(mmap, LACKS(2, PROT_EXEC)),
    ALLOW_IF(mprotect, LACKS(2, PROT_EXEC)),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(madvise),
    ALLOW(brk),
    ALLOW(futex),
    ALLOW(mlock), /* sodium_malloc */
    ALLOW(munlock),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigreturn),
    ALLOW(rt_sigaction),
    ALLOW(restart_syscall),
    ALLOW(getpid),
    ALLOW(gettid),
    /* abort(); any other target could be the master, when it runs under the same uid. */
    {.nr = SCMP_SYS(tgkill), .answer = SANDBOX_ALLOW, .own_pid = true},
    ALLOW(exit),
    ALLOW(exit_group),
};

/* What libraries try and can do without: refused, so that they go on. */
static const struct sandbox_rule worker[] = {
    REFUSE(open),
    REFUSE(openat),
    REFUSE(newfstatat),
    ALLOW_IF(fcntl, IS(1, F_DUPFD_CLOEXEC)), /* a descriptor that waits for a full channel */
    REFUSE_IF(fcntl, ISNT(1, F_DUPFD_CLOEXEC)),
    REFUSE(sysinfo), /* qsort() asks for the size of the memory */
    ALLOW_IF(setsockopt, IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)),
};

/* Files, as SQLite in WAL mode and the blobs need them: Landlock says which. */
static const struct sandbox_rule broker[] = {
    ALLOW(openat),
    ALLOW(newfstatat),
    ALLOW(fstat),
    ALLOW(access),
    ALLOW(readlink),
    ALLOW(ftruncate),
    ALLOW(fallocate),
    ALLOW(fsync),
    ALLOW(fdatasync),
    ALLOW(fchown), /* SQLite as root: the WAL gets the owner of the database */
    ALLOW(fchmod),
    ALLOW(geteuid),
    ALLOW(unlink),
    ALLOW(unlinkat),
    ALLOW(rename),
    ALLOW(renameat),
    ALLOW(mkdir),
    ALLOW(mkdirat),
    ALLOW(getdents64),
    ALLOW(getcwd),
    ALLOW(statfs), /* how much disk is left */
    ALLOW(fstatfs),
    /* Locks and flags. F_SETOWN with F_SETSIG would send any signal to any process of our uid. */
    ALLOW_IF(fcntl, IS(1, F_DUPFD_CLOEXEC)),
    ALLOW_IF(fcntl, IS(1, F_GETFD)),
    ALLOW_IF(fcntl, IS(1, F_SETFD)),
    ALLOW_IF(fcntl, IS(1, F_GETFL)),
    ALLOW_IF(fcntl, IS(1, F_SETFL)),
    ALLOW_IF(fcntl, IS(1, F_GETLK)),
    ALLOW_IF(fcntl, IS(1, F_SETLK)),
    ALLOW_IF(fcntl, IS(1, F_SETLKW)),
    ALLOW_IF(fcntl, IS(1, F_OFD_GETLK)),
    ALLOW_IF(fcntl, IS(1, F_OFD_SETLK)),
    ALLOW_IF(fcntl, IS(1, F_OFD_SETLKW)),
    ALLOW(clock_nanosleep), /* SQLite waiting for a lock */
    ALLOW(rseq),            /* a thread's first steps, when the filter comes in between */
    ALLOW(set_robust_list),
    ALLOW(sched_yield),
    ALLOW(sched_getaffinity), /* malloc: how many arenas */
    ALLOW(sysinfo),
};

/* Holds descriptors and passes them on. */
static const struct sandbox_rule keeper[] = {
    REFUSE(open),
    REFUSE(openat),
    REFUSE(newfstatat),
    ALLOW_IF(fcntl, IS(1, F_DUPFD_CLOEXEC)),
    REFUSE_IF(fcntl, ISNT(1, F_DUPFD_CLOEXEC)),
    ALLOW(accept4), /* the takeover socket */
};

/* Sanitizers and debuggers need files, ptrace and children; nobody needs these. */
static const struct sandbox_rule relaxed_deny[] = {
    KILL(socket),
    KILL(connect),
    KILL(bind),
    KILL(listen),
    KILL(bpf),
    KILL(userfaultfd),
    KILL(io_uring_setup),
    KILL(process_vm_readv),
    KILL(process_vm_writev),
};

#define LIST(rows)                           \
    {                                        \
        rows, sizeof(rows) / sizeof(rows)[0] \
    }

static const struct sandbox_policy policies[] = {
    [SANDBOX_WORKER] = {SANDBOX_KILL, {LIST(all_roles), LIST(worker)}},
    [SANDBOX_BROKER] = {SANDBOX_KILL, {LIST(all_roles), LIST(broker)}},
    [SANDBOX_KEEPER] = {SANDBOX_KILL, {LIST(all_roles), LIST(keeper)}},
};
static const struct sandbox_policy relaxed_policy = {SANDBOX_ALLOW, {LIST(relaxed_deny)}};

const struct sandbox_policy *sandbox_policy(enum sandbox_role role, bool relaxed)
{
    return relaxed ? &relaxed_policy : &policies[role];
}
