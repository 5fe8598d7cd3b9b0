/*
 * demo.c - see demo.h: asks the server where it is and what its key is, lets the clients in, kills
 * while they speak, waits until everything has arrived, and says the line.
 */
#include "demo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../client/face/exits.h"
#include "demo_kill.h"
#include "log.h"
#include "loop.h"
#include "reach.h"

enum {
    ASK_S = 5,
    LOGIN_MS = 20000,
    SILENCE_MS = 15000, /* without a message: what has not come will not */
    QUIET_MS = 500,     /* whatever comes in this time is one too many */
    LEAVE_MS = 3000,
    FELT_MS = 2000, /* how long a kill's own line waits for all to hear again */
    TICK_MS = 100,  /* how late Ctrl-C may be noticed */
};

struct demo {
    const struct demo_options *o;
    char path[REACH_PATH]; /* of ctl.sock */
    struct status status;  /* as it was at the beginning */
    struct identity id;
    int lock;
    struct crowd *crowd;
    struct killer *killer; /* while there is killing */
    struct pollfd *polled; /* a client each, and the killer */
    uint64_t start_ms;
    bool shows;                   /* a line for each kill */
    bool shown;                   /* killed has been */
    struct status_process killed; /* last */
    uint64_t killed_ms;
    struct why why; /* of what ended the run */
    struct demo_result result;
};

static volatile sig_atomic_t told_to_end;

static void on_signal(int signal)
{
    (void)signal;
    told_to_end = 1;
}

static int complain(const struct why *why, int status)
{
    fprintf(stderr, NAME "ctl: %s\n", why->what);
    if (why->hint[0]) fprintf(stderr, "hint: %s\n", why->hint);
    return status;
}

/* --- what the server says of itself --- */

static int ask_status(struct demo *d)
{
    const struct timeval patience = {.tv_sec = ASK_S};
    struct buf answer = {0};
    int fd = reach(d->o->socket_path, d->path);
    if (fd < 0) return EXIT_UNREACHABLE;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t n = send(fd, "status\n", 7, MSG_NOSIGNAL);
    while (n > 0) {
        n = recv(fd, buf_room(&answer, 65536), 65536, 0);
        if (n > 0) buf_added(&answer, (size_t)n);
    }
    close(fd);
    status_read(&d->status, &answer);
    buf_free(&answer);
    if (d->status.n == 0) {
        why_set(&d->why, "the server at %.200s does not answer", d->path);
        why_hint(&d->why, "is it busy or stopped? " NAME "ctl status asks the same");
        return complain(&d->why, EXIT_UNREACHABLE);
    }
    if (d->status.fingerprint[0] && d->status.host[0]) return EXIT_DONE;
    why_set(&d->why, "the server is only just starting");
    why_hint(&d->why, "ask again when " NAME "ctl status shows its fingerprint");
    return complain(&d->why, EXIT_LATER);
}

/*
 * The clients' keys lie beside the server's state, so that a later run is the same accounts and
 * none are left over. Two runs at once would be the same people twice: the file is locked.
 */
static int open_key(struct demo *d)
{
    char file[REACH_PATH + 16];
    const char *slash = strrchr(d->path, '/');
    snprintf(file, sizeof file, "%.*sdemo.key", slash ? (int)(slash - d->path) + 1 : 0, d->path);
    if (identity_open(file, &d->id, &d->why)) return complain(&d->why, EXIT_LOCAL);
    d->lock = open(file, O_RDONLY | O_CLOEXEC);
    if (d->lock >= 0 && flock(d->lock, LOCK_EX | LOCK_NB) == 0) return EXIT_DONE;
    if (errno == EWOULDBLOCK) {
        why_set(&d->why, "another demo runs on this server");
        why_hint(&d->why, "wait for its end");
        return complain(&d->why, EXIT_LATER);
    }
    why_set(&d->why, "cannot lock %.200s: %s", file, strerror(errno));
    return complain(&d->why, EXIT_LOCAL);
}

/* --- turns --- */

static int shorter(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* One turn of clients and killer. -1 and d->why when the killer cannot go on. */
static int turn(struct demo *d)
{
    const unsigned n = d->o->clients;
    int ms = shorter(TICK_MS, crowd_timeout_ms(d->crowd));
    crowd_poll(d->crowd, d->polled);
    d->polled[n] = (struct pollfd){d->killer ? killer_fd(d->killer) : -1, POLLIN, 0};
    if (d->killer) ms = shorter(ms, killer_timeout_ms(d->killer));
    if (poll(d->polled, n + 1, ms) < 0)
        for (unsigned i = 0; i <= n; i++)
            d->polled[i].revents = 0; /* a signal: timers alone */
    crowd_step(d->crowd, d->polled);
    return d->killer ? killer_step(d->killer, &d->why) : 0;
}

/* --- coming in --- */

/* Which names, for those who have to let them in. */
static void hint_names(struct demo *d)
{
    char first[CROWD_NAME], last[CROWD_NAME];
    crowd_name(&d->id, 1, first);
    crowd_name(&d->id, d->o->clients, last);
    why_hint(&d->why,
             "put the names %s to %s on the roster (one a line) and send the server SIGHUP; they "
             "are the same in every run",
             first, last);
}

static int not_in(struct demo *d)
{
    bool final;
    const char *text, *code = crowd_trouble(d->crowd, &final, &text);
    if (!code) {
        code = "silent";
        text = "the server does not answer";
    }
    why_set(&d->why, "only %u of %u clients came in: %s", crowd_counts(d->crowd).connected,
            d->o->clients, text);
    if (strcmp(code, "not-on-roster") == 0)
        hint_names(d);
    else if (strcmp(code, "name-taken") == 0 || strcmp(code, "name-invalid") == 0)
        why_hint(&d->why,
                 "remove demo.key, which lies beside ctl.sock: the next run takes other names");
    else if (!final)
        why_hint(&d->why, "is it full, or are its [limits] narrower than --clients? its log says");
    return complain(&d->why, (int)exit_of(code));
}

static int log_in(struct demo *d)
{
    const uint64_t until = clock_mono_ms() + LOGIN_MS;
    bool final = false;
    const char *text;
    crowd_connect(d->crowd);
    while (crowd_counts(d->crowd).connected < d->o->clients) {
        turn(d);
        if (told_to_end) return EXIT_INTERRUPTED;
        crowd_trouble(d->crowd, &final, &text);
        if (final || clock_mono_ms() >= until) return not_in(d);
    }
    return EXIT_DONE;
}

/* --- killing --- */

static void state_words(const struct crowd_counts *n, char *out, size_t size)
{
    if (n->missing == 0 && n->messages.dup == 0 && n->messages.disorder == 0 && n->reconnects == 0)
        snprintf(out, size, "nothing lost");
    else
        snprintf(out, size, "%lu missing, %lu repeated, %lu out of order, %lu connections lost",
                 n->missing, n->messages.dup, n->messages.disorder, n->reconnects);
}

/* The line of the last kill, once all have heard something that was sent after it. */
static void show_kill(struct demo *d, bool now)
{
    char name[32], state[120], felt[64] = "";
    uint64_t after;
    const unsigned deaf = crowd_waiting(d->crowd, &after);
    const struct crowd_counts n = crowd_counts(d->crowd);
    if (d->shown || (deaf && !now && clock_mono_ms() < d->killed_ms + FELT_MS)) return;
    d->shown = true;
    if (!d->shows) return;
    status_name(&d->killed, name, sizeof name);
    state_words(&n, state, sizeof state);
    if (deaf == 0) snprintf(felt, sizeof felt, ", all hear again after %lu ms", after);
    printf("%5.1f s  killed %s (pid %d): %u clients connected%s, %s\n",
           (double)(d->killed_ms - d->start_ms) / 1000, name, (int)d->killed.pid, n.connected, felt,
           state);
    if (d->killed.role == STATUS_MASTER)
        puts("         somebody has to start the server again now");
    fflush(stdout);
}

static void on_killed(void *arg, const struct status_process *p)
{
    struct demo *d = arg;
    show_kill(d, true); /* the one before */
    d->result.kills[p->role]++;
    d->killed = *p;
    d->killed_ms = clock_mono_ms();
    d->shown = false;
    crowd_await(d->crowd);
}

/* Speaking and killing; then speaking alone until everybody has heard from behind the last kill. */
static int kill_and_speak(struct demo *d)
{
    const uint64_t until = d->start_ms + 1000u * d->o->seconds;
    int r = 0;
    d->shown = true;
    d->killer = killer_new(&(struct killer_options){d->path, d->o->master, on_killed, d});
    crowd_speak(d->crowd, true);
    while (r == 0 && clock_mono_ms() < until && !told_to_end) {
        r = turn(d);
        show_kill(d, false);
    }
    d->result.seconds = (double)(clock_mono_ms() - d->start_ms) / 1000;
    killer_free(d->killer);
    d->killer = NULL;
    while (r == 0 && !d->shown) {
        turn(d);
        show_kill(d, false);
    }
    return r;
}

/* --- the end --- */

static void drain(struct demo *d)
{
    crowd_speak(d->crowd, false);
    while (!crowd_quiet(d->crowd) && clock_mono_ms() < crowd_heard_ms(d->crowd) + SILENCE_MS)
        turn(d);
    for (uint64_t until = clock_mono_ms() + QUIET_MS; clock_mono_ms() < until;)
        turn(d);
    crowd_finish(d->crowd);
    d->result.counts = crowd_counts(d->crowd);
    crowd_leave(d->crowd);
    for (uint64_t until = clock_mono_ms() + LEAVE_MS;
         clock_mono_ms() < until && !crowd_gone(d->crowd);)
        turn(d);
}

static int report(struct demo *d)
{
    char line[640];
    demo_line(&d->result, d->o->json, line, sizeof line);
    fputs(line, stdout);
    if (demo_held(&d->result)) return EXIT_DONE;
    const unsigned *kills = d->result.kills;
    if (kills[STATUS_WORKER] + kills[STATUS_BROKER] + kills[STATUS_MASTER] == 0)
        fprintf(stderr, NAME "ctl: nobody was killed, so nothing was shown\nhint: run it longer\n");
    return EXIT_FAILED;
}

static int run(struct demo *d)
{
    int status = log_in(d);
    if (status != EXIT_DONE) return status;
    d->start_ms = clock_mono_ms();
    int r = kill_and_speak(d);
    drain(d);
    return r ? complain(&d->why, EXIT_REFUSED) : report(d);
}

int demo_crash(const struct demo_options *o)
{
    struct demo d = {.o = o, .lock = -1, .shows = !o->json && !o->quiet && isatty(STDOUT_FILENO)};
    /* The second Ctrl-C ends it at once, when it does not want to end in order. */
    const struct sigaction act = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    if (sodium_init() < 0) fatal("cannot start the crypto library");
    int status = ask_status(&d);
    if (status == EXIT_DONE) status = open_key(&d);
    if (status == EXIT_DONE) {
        sigaction(SIGINT, &act, NULL);
        sigaction(SIGTERM, &act, NULL);
        signal(SIGPIPE, SIG_IGN);
        d.result.clients = o->clients;
        d.polled = xcalloc(o->clients + 1, sizeof *d.polled);
        d.crowd = crowd_new(&(struct crowd_options){.host = d.status.host,
                                                    .port = d.status.port,
                                                    .fingerprint = d.status.fingerprint,
                                                    .clients = o->clients,
                                                    .lobby = o->lobby,
                                                    .id = &d.id});
        status = run(&d);
        crowd_free(d.crowd);
        free(d.polled);
    }
    identity_wipe(&d.id);
    if (d.lock >= 0) close(d.lock);
    return status;
}
