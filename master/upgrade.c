/*
 * upgrade.c - a new binary, the same connections: the master becomes the new program by exec and, as
 * any new master, takes over from the broker; then every worker is restarted by adoption, and at
 * last the broker. The process id stays, so whoever watches over the server notices nothing.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "master.h"

#define MARK "CSMSG_UPGRADE" /* in the environment of the new program: renew the children, too */

enum { CHECK_LIMIT_MS = 5000 };

/* Where this program lay when it was started; make install may have put another one there. */
static bool own_path(char *out, size_t size)
{
    static const char gone[] = " (deleted)";
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n <= 0) return false;
    out[n] = 0;
    size_t len = (size_t)n, tail = sizeof gone - 1;
    if (len > tail && strcmp(out + len - tail, gone) == 0) out[len - tail] = 0;
    return true;
}

static _Noreturn void run_check(const char *path, const struct master *m)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execl(path, path, m->conf_path, "--check", (char *)NULL);
    _exit(127);
}

/* Does the new program start, and does it like the config file? Else we stay what we are. */
static bool would_start(const struct master *m, const char *path)
{
    int status = -1;
    pid_t pid = fork();
    if (pid < 0) return false;
    if (pid == 0) run_check(path, m);
    struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    if (p.fd < 0 || poll(&p, 1, CHECK_LIMIT_MS) != 1) kill(pid, SIGKILL);
    if (p.fd >= 0) close(p.fd);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

const char *upgrade_prepare(struct master *m, const char *path)
{
    if (*path) {
        if (strlen(path) >= sizeof m->upgrade_path) return "the path is too long";
        memcpy(m->upgrade_path, path, strlen(path) + 1);
    } else if (!own_path(m->upgrade_path, sizeof m->upgrade_path)) {
        return "cannot find out where this program lies; name the path";
    }
    if (would_start(m, m->upgrade_path)) return NULL;
    m->upgrade_path[0] = 0;
    return "the new program does not start with this config file; nothing was changed";
}

void upgrade_now(struct master *m)
{
    LOG(LOG_INFO, "server", "upgrade", log_s("to", m->upgrade_path));
    setenv(MARK, "1", 1);
    execv(m->upgrade_path, m->argv);
    LOG(LOG_ERROR, "server", "upgrade-failed", log_s("why", strerror(errno)));
    unsetenv(MARK);
    m->upgrade_path[0] = 0;
}

void upgrade_begin(struct master *m)
{
    m->upgrading = getenv(MARK) != NULL;
    unsetenv(MARK);
}

void upgrade_children(struct master *m)
{
    if (!m->upgrading) return;
    for (unsigned i = 0; i < m->n_slots; i++)
        m->slot[i].restart = true;
    slot_restart_next(m);
}

void upgrade_broker(struct master *m)
{
    if (!m->upgrading || !m->broker) return;
    for (unsigned i = 0; i < m->n_slots; i++)
        if (m->slot[i].restart || !m->slot[i].child || m->slot[i].adopting) return;
    m->upgrading = false;
    LOG(LOG_INFO, "broker", "restart", log_i("child", m->broker->pid));
    child_replace(m->broker);
}
