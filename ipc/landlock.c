/*
 * landlock.c - see landlock.h. Numbers are the kernel's, the same on every architecture.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "landlock.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH      1

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_CHAR = 1 << 6,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_MAKE_FIFO = 1 << 10,
    FS_MAKE_BLOCK = 1 << 11,
    FS_MAKE_SYM = 1 << 12,
    FS_REFER = 1 << 13,     /* ABI 2: link and rename into another folder */
    FS_TRUNCATE = 1 << 14,  /* ABI 3; before, opening for writing stands in for it */
    FS_IOCTL_DEV = 1 << 15, /* ABI 5 */
};
enum { NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1 };            /* ABI 4 */
enum { SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, SCOPE_SIGNAL = 1 << 1 }; /* ABI 6 */

/* Regular files and folders: no devices, sockets, links, nothing to run. */
#define FS_DATA                                                                                  \
    (FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | \
     FS_MAKE_REG | FS_REFER | FS_TRUNCATE)

/* Kernels that know fewer fields accept the whole struct as long as the rest is zero. */
struct ruleset {
    uint64_t fs, net, scope;
};

struct path_beneath {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    return abi < 0 ? 0 : (int)abi;
}

static struct ruleset everything(int abi)
{
    struct ruleset all = {.fs = FS_REFER - 1};
    if (abi >= 2) all.fs |= FS_REFER;
    if (abi >= 3) all.fs |= FS_TRUNCATE;
    if (abi >= 4) all.net = NET_BIND_TCP | NET_CONNECT_TCP;
    if (abi >= 5) all.fs |= FS_IOCTL_DEV;
    if (abi >= 6) all.scope = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
    return all;
}

static int ruleset_enforce(int ruleset, uint64_t allowed, int dirfd)
{
    struct path_beneath below = {allowed, dirfd};
    if (dirfd >= 0 && syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &below, 0) < 0)
        return -1;
    return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}

int landlock_confine(int dirfd)
{
    int abi = landlock_abi();
    if (abi == 0 || (abi == 1 && dirfd >= 0)) /* ABI 1 has no rename between folders at all */
        return 0;
    struct ruleset all = everything(abi);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (ruleset < 0) return -1;
    int rc = ruleset_enforce(ruleset, all.fs & FS_DATA, dirfd);
    int why = errno;
    close(ruleset);
    errno = why;
    return rc < 0 ? -1 : abi;
}
