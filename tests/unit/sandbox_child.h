/*
 * sandbox_child.h - children that enter the sandbox, for the tests of it: test_sandbox*.c.
 *
 * Include after cmocka.h. child_run_all() runs the tests as whoever we are and, as root, once more
 * with children that become nobody.
 */
#ifndef SANDBOX_CHILD_H
#define SANDBOX_CHILD_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "landlock.h"
#include "sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define RELAXED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RELAXED true
#endif
#endif
#ifndef RELAXED
#define RELAXED false
#endif

#define NOBODY 65534

/* Exit statuses of children. */
enum { DONE = 0, GOT_OUT = 1, REFUSED = 2, NO_ENTRY = 3 };

#define NEED(what)                                                             \
    do {                                                                       \
        if (!(what)) {                                                         \
            dprintf(2, "line %d: %s: %s\n", __LINE__, #what, strerror(errno)); \
            _exit(GOT_OUT);                                                    \
        }                                                                      \
    } while (0)

static char child_base[64], child_data[80],
    child_outside[80];            /* the folder, and a file beside it */
static bool files_confined;       /* by Landlock, in this kernel and build */
static uid_t as_user = (uid_t)-1; /* whom the children become */

static struct sandbox_spec spec_of(enum sandbox_role role)
{
    return (struct sandbox_spec){.role = role,
                                 .data_dir = child_data,
                                 .uid = as_user,
                                 .gid = as_user == (uid_t)-1 ? (gid_t)-1 : NOBODY,
                                 .max_fds = 64};
}

static inline void enter(enum sandbox_role role)
{
    struct sandbox_spec spec = spec_of(role);
    struct sandbox_report report;
    if (sandbox_enter(&spec, &report) < 0) {
        dprintf(2, "%s\n", report.text);
        _exit(NO_ENTRY);
    }
}

/* The wait status of a child that runs body. */
static int in_child(void (*body)(enum sandbox_role), enum sandbox_role role)
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(60); /* a child that hangs is a failure, not a test without end */
        body(role);
        _exit(DONE);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void must_succeed(void (*body)(enum sandbox_role), enum sandbox_role role)
{
    int status = in_child(body, role);
    if (WIFSIGNALED(status))
        fail_msg("child died of signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    assert_int_equal(WEXITSTATUS(status), DONE);
}

static void child_setup(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(child_base, sizeof child_base, "%.40s/sandbox-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(child_base) == NULL || chmod(child_base, 0755) < 0) {
        perror(child_base);
        exit(1);
    }
    snprintf(child_data, sizeof child_data, "%s/data", child_base);
    snprintf(child_outside, sizeof child_outside, "%s/outside", child_base);
    int fd = open(child_outside, O_CREAT | O_WRONLY, 0666);
    if (fd < 0 || fchmod(fd, 0666) < 0 || mkdir(child_data, 0700) < 0) exit(1);
    close(fd);
}

static void child_cleanup(void)
{
    char log[96];
    snprintf(log, sizeof log, "%s/log", child_base);
    unlink(log);
    unlink(child_outside);
    if (rmdir(child_data) < 0 || rmdir(child_base) < 0)
        print_message("%s is not empty\n", child_base);
}

static int child_run_all(const struct CMUnitTest *tests, size_t n)
{
    child_setup();
    print_message("landlock abi %d\n", landlock_abi());
    files_confined = !RELAXED && landlock_abi() > 1;
    int failed = _cmocka_run_group_tests("as we are", tests, n, NULL, NULL);
    if (geteuid() != 0) {
        print_message("skipped as root: not root; no chroot, no change of user\n");
    } else {
        as_user = NOBODY;
        if (chown(child_data, NOBODY, NOBODY) == 0)
            failed += _cmocka_run_group_tests("becoming nobody", tests, n, NULL, NULL);
    }
    child_cleanup();
    return failed;
}

#endif
