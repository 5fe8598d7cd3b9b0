/* fault.c - see fault.h. Empty in release builds. */
#include "fault.h"

#ifdef FAULTS
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

void fault_point(const char *dir, const char *name)
{
    static unsigned passed;
    const char *wanted = getenv("CSMSG_FAULT");
    size_t n = strlen(name);
    if (!wanted || strncmp(wanted, name, n) != 0 || (wanted[n] != 0 && wanted[n] != ':')) return;
    unsigned nth = wanted[n] ? (unsigned)strtoul(wanted + n + 1, NULL, 10) : 1;
    char path[600];
    snprintf(path, sizeof path, "%s/fault.%s", dir, name);
    if (++passed != nth || open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) < 0) return;
    raise(SIGKILL); /* the sandbox allows no signal to anybody but ourselves */
}

/* --- steps of a worker's turn --- */

static const char *const step_names[] = {SLAB_STEPS(SLAB_STEP_NAME)};
static struct fault_arm *armed;

void fault_watch(void *arm)
{
    armed = arm;
}

void fault_arm(uint8_t step, uint16_t pass, uint64_t sid, uint64_t nonce)
{
    if (!armed || step >= STEP_COUNT || (armed->sid == sid && armed->nonce == nonce)) return;
    *armed = (struct fault_arm){.sid = sid, .nonce = nonce, .step = step};
    LOG(LOG_WARN, "fault", "armed", log_s("step", step_names[step]), log_u("pass", pass));
    armed->passes = pass;
}

void fault_step(enum slab_step step)
{
    if (!armed || armed->passes == 0 || armed->step != step || --armed->passes > 0) return;
    LOG(LOG_WARN, "fault", "step", log_s("step", step_names[step]));
    raise(SIGKILL);
}

/* --- a worker that was taken over --- */

enum { FDS_LOOKED_AT = 4096 };

/* The descriptors whose bytes it can read, and those that it can write: 1000 times the first and the second. */
static int count_files(void)
{
    int readable = 0, writable = 0;
    char c;
    for (int fd = 0; fd < FDS_LOOKED_AT; fd++) {
        readable += pread(fd, &c, 1, 0) >= 0;
        writable += pwrite(fd, &c, 0, 0) >= 0;
    }
    return 1000 * readable + writable;
}

static int try(uint8_t what, int slab)
{
    off_t size = lseek(slab, 0, SEEK_END);
    switch (what) {
    case ESCAPE_OPEN: return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    case ESCAPE_SOCKET: return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case ESCAPE_SHRINK: return ftruncate(slab, size - 4096);
    case ESCAPE_GROW: return ftruncate(slab, size + 4096);
    case ESCAPE_FILES: return count_files();
    default: return 0;
    }
}

void fault_escape(uint8_t what, int slab)
{
    errno = 0;
    int r = try(what, slab);
    LOG(LOG_WARN, "fault", "escape", log_u("what", what), log_i("result", r), log_i("errno", errno));
    if (r > 0 && what != ESCAPE_FILES) close(r);
}
#else
typedef int fault_is_empty; /* ISO C wants a translation unit to have something in it */
#endif
