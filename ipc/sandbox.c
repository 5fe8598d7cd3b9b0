/*
 * sandbox.c - entering the sandbox: uid, root folder, capabilities, Landlock, limits, and last the
 * system call filter, after which none of the other steps could be made any more.
 *
 * The lists are in sandbox_rules.c. PR_SET_PDEATHSIG is left out on purpose: worker and broker go
 * on when the master dies. RLIMIT_AS is left alone: memory is the business of a cgroup.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "landlock.h"
#include "sandbox.h"
#include "sandbox_rules.h"

/* A sanitizer reads /proc, starts a tracer, reserves terabytes: the real policy would kill it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Facts about the process, so not part of a struct that could be copied or forgotten. */
static bool fenced;                     /* sandbox_before_threads() has succeeded */
static struct sandbox_report fenced_by; /* and put this in force */

static bool is_relaxed(const struct sandbox_spec *spec)
{
    return SANITIZED || spec->relaxed;
}

/* Appends a word to the report. */
__attribute__((format(printf, 2, 3))) static void say(struct sandbox_report *report,
                                                      const char *fmt, ...)
{
    size_t used = strlen(report->text);
    if (used > 0 && used + 1 < sizeof report->text) report->text[used++] = ' ';
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(report->text + used, sizeof report->text - used, fmt, ap);
    va_end(ap);
}

/* Replaces the report by a reason; always -1. */
__attribute__((format(printf, 2, 3))) static int fail(struct sandbox_report *report,
                                                      const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(report->text, sizeof report->text, fmt, ap);
    va_end(ap);
    return -1;
}

/* Threads of this process; 1 when /proc does not tell. */
static int count_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    if (dir == NULL) return 1;
    int n = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* Descriptor of a fresh folder that is removed again: nobody can ever put anything into it. */
static int removed_folder(void)
{
    static const char *const places[] = {"/run/empty-XXXXXX", "/tmp/empty-XXXXXX",
                                         "/var/tmp/empty-XXXXXX"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char path[32];
        snprintf(path, sizeof path, "%s", places[i]);
        if (mkdtemp(path) == NULL) continue;
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (rmdir(path) == 0 && fd >= 0) return fd;
        if (fd >= 0) close(fd);
    }
    return -1;
}

/* A worker or keeper started as root leaves the file tree. Others cannot; there Landlock does it alone. */
static int leave_root(const struct sandbox_spec *spec, struct sandbox_report *report)
{
    if (spec->role == SANDBOX_BROKER || geteuid() != 0) return 0;
    int fd = removed_folder();
    if (fd < 0)
        return fail(report,
                    "cannot make an empty folder to lock a process into in /run, /tmp or /var/tmp: "
                    "%s; make one of them writable",
                    strerror(errno));
    int rc = fchdir(fd);
    if (rc == 0) rc = chroot(".");
    int why = errno;
    close(fd);
    if (rc < 0 && why == EPERM) /* root without the capability, as in some containers */
        return 0;
    if (rc < 0 || chdir("/") < 0)
        return fail(report, "cannot chroot: %s", strerror(rc < 0 ? why : errno));
    say(report, "chroot");
    return 0;
}

/* True when nothing of the old identity is left and there is no way back. */
static bool ids_dropped(uid_t uid, gid_t gid)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;
    if (getresuid(&r, &e, &s) < 0 || getresgid(&rg, &eg, &sg) < 0) return false;
    return r == uid && e == uid && s == uid && rg == gid && eg == gid && sg == gid &&
           getgroups(0, NULL) == 0 && (uid == 0 || setresuid(0, 0, 0) < 0);
}

static int drop_ids(const struct sandbox_spec *spec, struct sandbox_report *report)
{
    if (spec->uid == (uid_t)-1 || geteuid() != 0) return 0;
    if (spec->gid == (gid_t)-1)
        return fail(report, "sandbox has a user but no group to change to; name both");
    if (setgroups(0, NULL) < 0 || setresgid(spec->gid, spec->gid, spec->gid) < 0 ||
        setresuid(spec->uid, spec->uid, spec->uid) < 0)
        return fail(report, "cannot become user %u, group %u: %s; start as root or name no user",
                    spec->uid, spec->gid, strerror(errno));
    if (!ids_dropped(spec->uid, spec->gid))
        return fail(report, "became user %u, group %u, but not for good", spec->uid, spec->gid);
    say(report, "uid(%u)", spec->uid);
    return 0;
}

/* The bounding set first: giving that up needs a capability too. */
static void shrink_bounding_set(void)
{
    for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
        ;
}

static int drop_capabilities(struct sandbox_report *report)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    struct __user_cap_data_struct left[_LINUX_CAPABILITY_U32S_3] = {{0}};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &head, none) < 0 || syscall(SYS_capget, &head, left) < 0)
        return fail(report, "cannot drop capabilities: %s", strerror(errno));
    if (memcmp(left, none, sizeof left) != 0)
        return fail(report, "capabilities are still there after dropping them");
    say(report, "no_caps");
    return 0;
}

static int drop_privileges(const struct sandbox_spec *spec, struct sandbox_report *report)
{
    if (!is_relaxed(spec) && leave_root(spec, report) < 0) return -1;
    shrink_bounding_set();
    if (drop_ids(spec, report) < 0 || drop_capabilities(report) < 0) return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail(report, "cannot set no_new_privs: %s", strerror(errno));
    say(report, "no_new_privs");
    /* After the uid, which would set it anew. Debuggers and leak checkers need to attach. */
    if (!is_relaxed(spec) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return fail(report, "cannot forbid memory dumps: %s", strerror(errno));
    return 0;
}

static int confine_files(const struct sandbox_spec *spec, int data, struct sandbox_report *report)
{
    if (is_relaxed(spec)) return 0;
    int abi = landlock_confine(data);
    if (abi < 0) return fail(report, "cannot confine files by landlock: %s", strerror(errno));
    if (abi == 0)
        say(report, "no landlock (kernel too old or without)");
    else
        say(report, "landlock(abi %d)", abi);
    return 0;
}

/* Opens the folder while we may still go there; -1 for the others, which have none. */
static int open_data(const struct sandbox_spec *spec, int *data, struct sandbox_report *report)
{
    *data = -1;
    if (spec->role != SANDBOX_BROKER) return 0;
    if (spec->data_dir == NULL)
        return fail(report, "the broker was given no data folder; set it in the config");
    *data = open(spec->data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*data < 0)
        return fail(report, "cannot open data folder %.80s: %s; make it or change the config",
                    spec->data_dir, strerror(errno));
    return 0;
}

int sandbox_before_threads(const struct sandbox_spec *spec, struct sandbox_report *report)
{
    *report = fenced_by;
    if (fenced) return 0;
    int threads = count_threads();
    if (threads > 1 && !is_relaxed(spec))
        return fail(report,
                    "%d threads run already and would escape landlock; "
                    "call sandbox_before_threads() before starting them",
                    threads);
    int data;
    if (open_data(spec, &data, report) < 0) return -1;
    tzset(); /* local time in the log: the file is out of reach later */
    if (is_relaxed(spec))
        say(report, "relaxed %s:", SANITIZED ? "for sanitizers" : "by configuration");
    int rc = drop_privileges(spec, report);
    if (rc == 0) rc = confine_files(spec, data, report);
    if (data >= 0) close(data);
    fenced = rc == 0;
    if (fenced) fenced_by = *report;
    return rc;
}

/* Both ends of a limit; never above the hard limit we have. */
static int limit(int what, rlim_t value)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)what, &now) < 0) return -1;
    rlim_t most = value < now.rlim_max ? value : now.rlim_max;
    return setrlimit((__rlimit_resource_t)what, &(struct rlimit){most, most});
}

/* "2>server.log": the log is a file then, and a limit on files would end the first line with
 * SIGXFSZ. */
static bool logs_to_file(void)
{
    struct stat out, err;
    return (fstat(STDERR_FILENO, &err) == 0 && S_ISREG(err.st_mode)) ||
           (fstat(STDOUT_FILENO, &out) == 0 && S_ISREG(out.st_mode));
}

static int set_limits(const struct sandbox_spec *spec, struct sandbox_report *report)
{
    bool strict = !is_relaxed(spec);
    bool fsize = strict && spec->role != SANDBOX_BROKER;
    bool spare_log = fsize && logs_to_file();
    int rc = limit(RLIMIT_CORE, 0);
    if (rc == 0 && spec->max_fds > 0) rc = limit(RLIMIT_NOFILE, spec->max_fds);
    if (rc == 0 && fsize && !spare_log) rc = limit(RLIMIT_FSIZE, spec->max_file);
    if (rc == 0 && strict) rc = limit(RLIMIT_NPROC, 0);
    if (rc < 0) return fail(report, "cannot set limits: %s", strerror(errno));
    say(report, spare_log ? "limits(file size free: the log is a file)" : "limits");
    return 0;
}

int sandbox_enter(const struct sandbox_spec *spec, struct sandbox_report *report)
{
    if (sandbox_before_threads(spec, report) < 0) return -1;
    if (set_limits(spec, report) < 0) return -1;
    int rc = sandbox_filter_load(sandbox_policy(spec->role, is_relaxed(spec)));
    if (rc < 0)
        return fail(report,
                    "cannot load the system call filter: %s; "
                    "use a kernel with seccomp or set sandbox.enabled=no",
                    strerror(-rc));
    say(report, "seccomp");
    return 0;
}
