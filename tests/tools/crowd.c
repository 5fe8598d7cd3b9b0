/*
 * crowd.c - many clients in one process, each a real one of the client library with its store in memory.
 *
 *   crowd idle HOST:PORT CLIENTS SECONDS PID,PID,…    logs all in, then watches the server idle
 *   crowd store HOST:PORT MESSAGES USERS PID,PID,…    stores messages for absent users; at the last
 *                                                     acknowledgement kills the pids (0: nobody). Then a
 *                                                     line HOST:PORT on stdin: the users come back there,
 *                                                     and get everything, in order, once
 *
 * Identities are made from the user's number, so that a later run is the same people. A JSON line of
 * results for each part; exit status 1 when something was not as it must be.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../client/client.h"
#include "log.h"
#include "loop.h"

enum { AT_ONCE = 128, WINDOW = 512, PIDS_MAX = 128 };

struct member {
    struct client *client;
    struct vault *vault;
    struct identity id;
    char name[24];
    int fd; /* as epoll knows it */
    uint32_t events;
    bool ready, failed;
    uint64_t got, last; /* messages received, number of the last one */
};

static struct {
    char host[64], port[16];
    struct member *m;
    unsigned n, ready, lost;
    int epfd;
    long pid[PIDS_MAX];
    unsigned n_pids;
    uint64_t accepted, wanted, got, disorder;
} crowd;

/* --- the server's figures --- */

static uint64_t number_in(const char *path, const char *format)
{
    FILE *f = fopen(path, "re");
    char line[512];
    unsigned long long sum = 0, one;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, format, &one) == 1) sum += one;
    if (f) fclose(f);
    return sum;
}

static uint64_t memory_kb(void)
{
    uint64_t sum = 0;
    char path[64];
    for (unsigned i = 0; i < crowd.n_pids; i++) {
        snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", crowd.pid[i]);
        sum += number_in(path, "Pss: %llu");
    }
    return sum;
}

static uint64_t cpu_ms(void)
{
    uint64_t ticks = 0;
    char path[64], line[1024];
    for (unsigned i = 0; i < crowd.n_pids; i++) {
        unsigned long long user = 0, system = 0;
        snprintf(path, sizeof path, "/proc/%ld/stat", crowd.pid[i]);
        FILE *f = fopen(path, "re");
        if (f && fgets(line, sizeof line, f)) {
            const char *after = strrchr(line, ')');
            if (after && sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) == 2)
                ticks += user + system;
        }
        if (f) fclose(f);
    }
    return ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* --- members --- */

static void check_message(struct member *m, const struct wire_deliver *d)
{
    uint8_t form;
    struct slice text;
    char digits[24] = "";
    if (!client_body(d->body, &form, &text) || text.len >= sizeof digits) return;
    memcpy(digits, text.data, text.len);
    uint64_t number = strtoull(digits, NULL, 10);
    if (number <= m->last) crowd.disorder++; /* each user gets rising numbers */
    m->last = number;
    m->got++;
    crowd.got++;
}

static void on_event(void *arg, const struct client_event *e)
{
    struct member *m = arg;
    if (e->type == CLIENT_CONNECTED && !m->ready) {
        m->ready = true;
        crowd.ready++;
    } else if (e->type == CLIENT_LOST || e->type == CLIENT_FAILED) {
        if (e->type == CLIENT_FAILED) {
            m->failed = true;
            fprintf(stderr, "crowd: %s: %s %s\n", m->name, e->failed.code, e->failed.text);
        }
        crowd.lost++;
    } else if (e->type == CLIENT_ACCEPTED) {
        if (++crowd.accepted == crowd.wanted)
            for (unsigned i = 0; i < crowd.n_pids; i++)
                kill((pid_t)crowd.pid[i], SIGKILL); /* at once, inside the event */
    } else if (e->type == CLIENT_REJECTED) {
        fprintf(stderr, "crowd: rejected %llu: %.*s\n", (unsigned long long)e->rejected->id,
                (int)e->rejected->text.len, (const char *)e->rejected->text.data);
        exit(1);
    } else if (e->type == CLIENT_MESSAGE) {
        check_message(m, e->message.m);
    }
}

static void make_member(struct member *m, unsigned number, uint32_t caps)
{
    uint8_t seed[32];
    snprintf(m->name, sizeof m->name, "crowd%u", number);
    crypto_generichash(seed, sizeof seed, (const uint8_t *)m->name, strlen(m->name), NULL, 0);
    identity_from_seed(&m->id, number + 1, seed);
    if (!m->vault) m->vault = vault_memory();
    m->fd = -1;
    struct client_options o = {.host = crowd.host,
                               .port = crowd.port,
                               .user = m->name,
                               .caps = caps,
                               .identity = &m->id,
                               .vault = m->vault,
                               .sparing = true,
                               .event = on_event,
                               .arg = m};
    m->client = client_new(&o);
}

/* Keeps epoll in step with what the client waits for. */
static void watch(struct member *m)
{
    int fd = client_fd(m->client);
    short wants = fd >= 0 ? client_wants(m->client) : 0;
    uint32_t events = (wants & POLLIN ? EPOLLIN : 0u) | (wants & POLLOUT ? EPOLLOUT : 0u);
    struct epoll_event e = {.events = events, .data.ptr = m};
    if (fd == m->fd && events == m->events) return;
    if (fd >= 0 && epoll_ctl(crowd.epfd, EPOLL_CTL_MOD, fd, &e) && errno == ENOENT)
        epoll_ctl(crowd.epfd, EPOLL_CTL_ADD, fd, &e);
    m->fd = fd;
    m->events = events;
}

static void step(struct member *m, short revents)
{
    client_step(m->client, revents);
    watch(m);
}

static void wait_once(int ms)
{
    static struct epoll_event events[1024];
    static uint64_t timers_at;
    int n = epoll_wait(crowd.epfd, events, 1024, ms);
    for (int i = 0; i < n; i++) {
        uint32_t e = events[i].events;
        step(events[i].data.ptr, (short)((e & EPOLLIN ? POLLIN : 0) | (e & EPOLLOUT ? POLLOUT : 0) |
                                         (e & (EPOLLHUP | EPOLLERR) ? POLLHUP : 0)));
    }
    uint64_t now = clock_mono_ms();
    if (now < timers_at) return;
    timers_at = now + 200;
    for (unsigned i = 0; i < crowd.n; i++)
        if (crowd.m[i].client && client_timeout_ms(crowd.m[i].client) == 0) step(&crowd.m[i], 0);
}

/* Logs in members [from, to), some at a time. */
static void log_in(unsigned from, unsigned to)
{
    unsigned next = from, base = crowd.ready;
    uint64_t deadline = clock_mono_ms() + 120000;
    while (crowd.ready - base < to - from) {
        while (next < to && next - from - (crowd.ready - base) < AT_ONCE) {
            client_connect(crowd.m[next].client);
            step(&crowd.m[next++], 0);
        }
        wait_once(100);
        if (clock_mono_ms() > deadline || crowd.lost > 1000 + (to - from)) {
            fprintf(stderr, "crowd: only %u of %u came in\n", crowd.ready - base, to - from);
            exit(1);
        }
    }
}

static void leave(struct member *m)
{
    client_bye(m->client);
    step(m, 0);
}

/* --- the three runs --- */

static int run_idle(unsigned clients, unsigned seconds)
{
    uint64_t before = memory_kb(), start = clock_mono_ms(), cpu0 = cpu_ms();
    for (unsigned i = 0; i < clients; i++)
        make_member(&crowd.m[i], i, WIRE_CAP_RECEIVE);
    log_in(0, clients);
    uint64_t took = clock_mono_ms() - start, cpu1 = cpu_ms();
    uint64_t settle = clock_mono_ms() + 3000;
    while (clock_mono_ms() < settle)
        wait_once(50);
    uint64_t after = memory_kb(), cpu2 = cpu_ms(), until = clock_mono_ms() + 1000u * seconds;
    while (clock_mono_ms() < until)
        wait_once(200);
    uint64_t idle = cpu_ms() - cpu2;
    printf("{\"run\":\"idle\",\"clients\":%u,\"login_ms\":%llu,\"login_cpu_us\":%.1f,\"pss_kb_before\":%llu,"
           "\"pss_kb_after\":%llu,\"pss_bytes_per_client\":%.0f,\"idle_s\":%u,\"idle_cpu_ms\":%llu,\"lost\":%u}\n",
           clients, (unsigned long long)took, (double)(cpu1 - cpu0) * 1000.0 / clients, (unsigned long long)before,
           (unsigned long long)after, (double)(after - before) * 1024.0 / clients, seconds,
           (unsigned long long)idle, crowd.lost);
    return crowd.lost == 0 ? 0 : 1;
}

/* Until the keys of these are at the server, so that others can write to them. */
static void publish(unsigned from, unsigned to)
{
    uint64_t deadline = clock_mono_ms() + 120000;
    for (unsigned i = from; i < to; i++)
        while (!client_published(crowd.m[i].client)) {
            wait_once(20);
            if (clock_mono_ms() < deadline) continue;
            fprintf(stderr, "crowd: %s has no keys at the server\n", crowd.m[i].name);
            exit(1);
        }
}

static int run_store(uint64_t messages, unsigned users)
{
    for (unsigned i = 0; i <= users; i++)
        make_member(&crowd.m[i], i, 0);
    log_in(1, users + 1);
    publish(1, users + 1);
    for (unsigned i = 1; i <= users; i++)
        leave(&crowd.m[i]);
    log_in(0, 1);
    struct member *sender = &crowd.m[0];
    uint64_t sent = 0, start = clock_mono_ms(), deadline = start + 300000;
    crowd.wanted = messages;
    while (crowd.accepted < messages && clock_mono_ms() < deadline) {
        while (sent < messages && sent - crowd.accepted < WINDOW) {
            char to[24], text[24];
            uint64_t id;
            sent++;
            snprintf(to, sizeof to, "crowd%llu", (unsigned long long)(1 + sent % users));
            int n = snprintf(text, sizeof text, "%llu", (unsigned long long)sent);
            if (client_send(sender->client, WIRE_TO_USER, to, WIRE_FORM_SAYS,
                            (struct slice){(uint8_t *)text, (size_t)n}, &id))
                exit(1);
        }
        client_push(sender->client);
        step(sender, 0);
        wait_once(sent < messages || crowd.accepted < sent ? 20 : 0);
    }
    uint64_t took = clock_mono_ms() - start;
    printf("{\"run\":\"store\",\"messages\":%llu,\"users\":%u,\"accepted\":%llu,\"ms\":%llu,\"per_s\":%.0f}\n",
           (unsigned long long)messages, users, (unsigned long long)crowd.accepted, (unsigned long long)took,
           took ? (double)crowd.accepted * 1000.0 / (double)took : 0);
    fflush(stdout);
    return crowd.accepted >= messages ? 0 : 1;
}

static bool set_place(const char *place)
{
    const char *colon = strrchr(place, ':');
    if (!colon) return false;
    snprintf(crowd.host, sizeof crowd.host, "%.*s", (int)(colon - place), place);
    snprintf(crowd.port, sizeof crowd.port, "%.*s", (int)strcspn(colon + 1, "\n"), colon + 1);
    return true;
}

/* The same people with the same stores, where the line on stdin says. */
static bool come_back(unsigned users)
{
    char place[300];
    if (!fgets(place, sizeof place, stdin) || !set_place(place)) return false;
    for (unsigned i = 0; i <= users; i++) {
        client_free(crowd.m[i].client);
        make_member(&crowd.m[i], i, WIRE_CAP_RECEIVE);
        crowd.m[i].ready = false;
    }
    crowd.ready = crowd.lost = 0;
    return true;
}

static int run_drain(uint64_t messages, unsigned users)
{
    uint64_t start = clock_mono_ms(), deadline = start + 120000;
    log_in(1, users + 1);
    while (crowd.got < messages && clock_mono_ms() < deadline)
        wait_once(100);
    uint64_t took = clock_mono_ms() - start, quiet = clock_mono_ms() + 1000;
    while (clock_mono_ms() < quiet) /* whatever comes now is one too many */
        wait_once(50);
    printf("{\"run\":\"drain\",\"messages\":%llu,\"users\":%u,\"got\":%llu,\"lost\":%lld,\"disorder\":%llu,\"ms\":%llu}\n",
           (unsigned long long)messages, users, (unsigned long long)crowd.got,
           (long long)(messages - crowd.got), (unsigned long long)crowd.disorder, (unsigned long long)took);
    return crowd.got == messages && crowd.disorder == 0 ? 0 : 1;
}

static void parse_pids(char *list)
{
    for (char *save = NULL, *p = strtok_r(list, ",", &save); p && crowd.n_pids < PIDS_MAX; p = strtok_r(NULL, ",", &save))
        if (strtol(p, NULL, 10) > 1) crowd.pid[crowd.n_pids++] = strtol(p, NULL, 10);
}

int main(int argc, char **argv)
{
    struct rlimit r;
    if (argc < 5) {
        fprintf(stderr, "usage: crowd idle|store HOST:PORT COUNT COUNT [PID,…]\n");
        return 2;
    }
    unsigned long first = strtoul(argv[3], NULL, 10), second = strtoul(argv[4], NULL, 10);
    if (!set_place(argv[2]) || first == 0 || second == 0 || sodium_init() < 0) return 2;
    if (argc > 5) parse_pids(argv[5]);
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    signal(SIGPIPE, SIG_IGN);
    crowd.epfd = epoll_create1(EPOLL_CLOEXEC);
    crowd.n = (unsigned)(strcmp(argv[1], "idle") == 0 ? first : second + 1);
    crowd.m = xcalloc(crowd.n, sizeof *crowd.m);
    if (strcmp(argv[1], "idle") == 0) return run_idle(crowd.n, (unsigned)second);
    if (strcmp(argv[1], "store") != 0) return 2;
    int stored = run_store(first, (unsigned)second);
    return stored == 0 && come_back((unsigned)second) ? run_drain(first, (unsigned)second) : 1;
}
