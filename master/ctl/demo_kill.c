/* demo_kill.c - see demo_kill.h. */
#include "demo_kill.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "local.h"
#include "log.h"
#include "loop.h"

enum {
    LEAST_MS = 300, /* between two kills */
    SPREAD_MS = 1600,
    ASK_MS = 500, /* a broker that is just dying does not answer; the others' rows come at once */
    AGAIN_MS = 50,
    BYTES = 16384,
};

/* A round, in random order: all roles get their turn in a short run, too. */
static const enum status_role round_of[] = {
    STATUS_WORKER, STATUS_WORKER, STATUS_WORKER, STATUS_WORKER, STATUS_BROKER, STATUS_MASTER,
};
enum { ROUND = sizeof round_of / sizeof *round_of };

struct killer {
    struct killer_options o;
    uint64_t due_ms; /* asking: when to make do with what has come; else: when to ask */
    int fd;          /* asking, else -1 */
    struct buf answer;
    enum status_role left[ROUND]; /* of the round */
    unsigned n_left;
    bool after_master; /* until all are settled again */
    int target;        /* its pidfd: asking whether it is still the one; else -1 */
    struct status_process process;
};

struct killer *killer_new(const struct killer_options *o)
{
    struct killer *k = xcalloc(1, sizeof *k);
    k->o = *o;
    k->fd = k->target = -1;
    k->due_ms = clock_mono_ms() + LEAST_MS;
    return k;
}

static void hang_up(struct killer *k)
{
    if (k->fd >= 0) close(k->fd);
    k->fd = -1;
    buf_reset(&k->answer, BYTES);
}

static void let_go(struct killer *k)
{
    if (k->target >= 0) close(k->target);
    k->target = -1;
}

void killer_free(struct killer *k)
{
    if (!k) return;
    hang_up(k);
    let_go(k);
    buf_free(&k->answer);
    free(k);
}

int killer_fd(const struct killer *k)
{
    return k->fd;
}

int killer_timeout_ms(const struct killer *k)
{
    uint64_t now = clock_mono_ms();
    return k->due_ms > now ? (int)(k->due_ms - now) : 0;
}

/* --- whom --- */

const struct status_process *killer_choose(const struct status *s, enum status_role role, bool all,
                                           uint32_t luck)
{
    const struct status_process *fit[STATUS_PROCESSES];
    unsigned n = 0;
    if ((all || role == STATUS_MASTER) && !status_settled(s)) return NULL;
    for (unsigned i = 0; i < s->n; i++)
        if (s->process[i].role == role && s->process[i].ok && s->process[i].pid > 1)
            fit[n++] = &s->process[i];
    return n ? fit[luck % n] : NULL;
}

/* The last of left[] is next. */
static void new_round(struct killer *k)
{
    k->n_left = 0;
    for (unsigned i = 0; i < ROUND; i++) {
        if (round_of[i] == STATUS_MASTER && !k->o.master) continue;
        unsigned at = randombytes_uniform(++k->n_left);
        k->left[k->n_left - 1] = k->left[at];
        k->left[at] = round_of[i];
    }
}

/* --- asking and killing --- */

static void ask(struct killer *k)
{
    static const char question[] = "status\n";
    k->fd = local_connect(k->o.socket_path);
    if (k->fd >= 0 && send(k->fd, question, sizeof question - 1, MSG_NOSIGNAL) < 0) hang_up(k);
    k->due_ms = clock_mono_ms() + (k->fd >= 0 ? ASK_MS : AGAIN_MS);
}

/* Takes what has come. True: that was all of it, or there is no time to wait for the rest. */
static bool answered(struct killer *k)
{
    ssize_t n = recv(k->fd, buf_room(&k->answer, BYTES), BYTES, MSG_DONTWAIT);
    if (n > 0) buf_added(&k->answer, (size_t)n);
    if (n > 0 || (n < 0 && errno == EAGAIN)) return clock_mono_ms() >= k->due_ms;
    return true;
}

static void choose(struct killer *k, const struct status *s)
{
    if (status_settled(s)) k->after_master = false;
    if (k->n_left == 0) new_round(k);
    const struct status_process *p =
        killer_choose(s, k->left[k->n_left - 1], k->after_master, randombytes_random());
    if (p) {
        k->process = *p;
        k->target = pidfd_open(p->pid, 0);
    }
    k->due_ms = clock_mono_ms() + (k->target >= 0 ? 0 : AGAIN_MS);
}

static int kill_it(struct killer *k, const struct status *s, struct why *why)
{
    char name[32];
    k->due_ms = clock_mono_ms() + AGAIN_MS;
    if (!status_has(s, &k->process)) return 0;
    if (pidfd_send_signal(k->target, SIGKILL, NULL, 0)) {
        if (errno == ESRCH) return 0; /* it was faster */
        status_name(&k->process, name, sizeof name);
        why_set(why, "cannot kill %s (pid %d): %s", name, (int)k->process.pid, strerror(errno));
        why_hint(why, "run it as the user who runs the server");
        return -1;
    }
    k->n_left--;
    k->after_master = k->process.role == STATUS_MASTER;
    k->due_ms = clock_mono_ms() + LEAST_MS + randombytes_uniform(SPREAD_MS);
    k->o.killed(k->o.arg, &k->process);
    return 0;
}

int killer_step(struct killer *k, struct why *why)
{
    struct status s;
    if (k->fd < 0) {
        if (clock_mono_ms() >= k->due_ms) ask(k);
        return 0;
    }
    if (!answered(k)) return 0;
    status_read(&s, &k->answer);
    hang_up(k);
    if (k->target < 0) {
        choose(k, &s);
        return 0;
    }
    int r = kill_it(k, &s, why);
    let_go(k);
    return r;
}
