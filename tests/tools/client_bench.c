/*
 * client_bench.c - what a sealed direct message costs the client at each end: two processes, each with one
 * real client of the library, one sends 100-byte texts to the other.
 *
 *   client_bench HOST:PORT MESSAGES [FOLDER [together]]    stores in memory, or as SQLite files in FOLDER,
 *       where each text is durable by itself, or (together) those that can be sent at once are
 *
 * One JSON line: CPU (user and system) of each process for the messages alone, in µs a message, and of it what
 * is user time, that is without the system calls.
 */
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../client/client.h"
#include "log.h"
#include "loop.h"

enum { WINDOW = 512, TEXT = 100 };

static struct {
    char host[256], port[8];
    const char *folder;
    struct client *client;
    uint64_t messages, got, settled;
    bool together, failed;
} run;

static void on_event(void *arg, const struct client_event *e)
{
    (void)arg;
    if (e->type == CLIENT_MESSAGE) run.got += e->message.how == VAULT_SEALED;
    if (e->type == CLIENT_ACCEPTED) run.settled++;
    if (e->type == CLIENT_FAILED || e->type == CLIENT_REJECTED) run.failed = true; /* too many wait: fewer MESSAGES */
}

static void turn(int most_ms)
{
    int due = client_timeout_ms(run.client);
    struct pollfd p = {.fd = client_fd(run.client), .events = client_wants(run.client)};
    poll(&p, p.fd >= 0, due >= 0 && due < most_ms ? due : most_ms);
    client_step(run.client, p.fd >= 0 ? p.revents : 0);
    if (run.failed) fatal("the server refused something");
}

static void enter(const char *name)
{
    static struct identity id;
    struct why why;
    char path[512];
    identity_make(&id);
    snprintf(path, sizeof path, "%s/%s.db", run.folder ? run.folder : "", name);
    struct vault *v = run.folder ? vault_open(path, &why) : vault_memory();
    if (!v) fatal("%s", why.what);
    run.client = client_new(&(struct client_options){.host = run.host,
                                                     .port = run.port,
                                                     .user = name,
                                                     .caps = WIRE_CAP_RECEIVE,
                                                     .identity = &id,
                                                     .vault = v,
                                                     .event = on_event});
    client_connect(run.client);
    while (!client_published(run.client))
        turn(50);
}

struct cost {
    double user_us, all_us;
};

static double us(struct timeval t)
{
    return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

static struct cost cost_now(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (struct cost){us(r.ru_utime), us(r.ru_utime) + us(r.ru_stime)};
}

static void say(const char *to)
{
    char text[TEXT];
    uint64_t number;
    memset(text, 'x', sizeof text);
    if (client_send(run.client, WIRE_TO_USER, to, WIRE_FORM_SAYS,
                    (struct slice){(uint8_t *)text, sizeof text}, &number))
        fatal("cannot send");
}

static struct cost since(struct cost before)
{
    struct cost now = cost_now();
    double n = (double)run.messages;
    return (struct cost){(now.user_us - before.user_us) / n, (now.all_us - before.all_us) / n};
}

/* The first message and its answer make the sessions; then all the others, each way's cost apart. */
static struct cost receive(const char *peer)
{
    while (run.got < 1)
        turn(50);
    say(peer);
    while (run.settled < 1)
        turn(50);
    struct cost before = cost_now();
    while (run.got < run.messages + 1)
        turn(50);
    return since(before);
}

static struct cost send_all(const char *peer)
{
    say(peer);
    while (run.got < 1 || run.settled < 1)
        turn(50);
    struct cost before = cost_now();
    for (uint64_t sent = 1; run.settled < run.messages + 1;) {
        for (; sent < run.messages + 1 && sent - run.settled < WINDOW; sent++) {
            if (run.together) client_hold(run.client);
            say(peer);
        }
        client_push(run.client);
        turn(50);
    }
    return since(before);
}

int main(int argc, char **argv)
{
    int pipes[2];
    struct cost there, here;
    char *colon = argc > 2 ? strrchr(argv[1], ':') : NULL;
    if (!colon || sodium_init() < 0 || pipe(pipes)) {
        fprintf(stderr, "usage: client_bench HOST:PORT MESSAGES [FOLDER [together]]\n");
        return 2;
    }
    snprintf(run.host, sizeof run.host, "%.*s", (int)(colon - argv[1]), argv[1]);
    snprintf(run.port, sizeof run.port, "%s", colon + 1);
    run.messages = strtoull(argv[2], NULL, 10);
    run.folder = argc > 3 ? argv[3] : NULL;
    run.together = argc > 4;
    char sender[24], receiver[24];
    snprintf(sender, sizeof sender, "bench-s%d", getpid());
    snprintf(receiver, sizeof receiver, "bench-r%d", getpid());
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        enter(receiver);
        there = (struct cost){0};
        if (write(pipes[1], &there, sizeof there) < 0) _exit(1); /* ready */
        there = receive(sender);
        _exit(write(pipes[1], &there, sizeof there) != sizeof there);
    }
    enter(sender);
    if (read(pipes[0], &there, sizeof there) != sizeof there) fatal("the receiver died");
    here = send_all(receiver);
    if (read(pipes[0], &there, sizeof there) != sizeof there) fatal("the receiver died");
    waitpid(child, NULL, 0);
    printf("{\"messages\":%llu,\"store\":\"%s\",\"together\":%s,\"send_us\":%.1f,\"send_user_us\":%.1f,\"receive_us\":%.1f,"
           "\"receive_user_us\":%.1f}\n",
           (unsigned long long)run.messages, run.folder ? "file" : "memory", run.together ? "true" : "false", here.all_us, here.user_us,
           there.all_us, there.user_us);
    return 0;
}
