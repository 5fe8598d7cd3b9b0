/* errand.c - see errand.h. What the user is told and asked about the server is in
 * errand_trust.c. */
#include "errand.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "../client_files.h"
#include "../file.h"
#include "../show.h"
#include "../vault_lock.h"
#include "out.h"
#include "report.h"
#include "errand_trust.h"
#include "passphrase.h"

enum {
    PUBLISH_MS = 3000,
    LEAVE_MS = 500,
    TURN_FRAMES = 200, /* some 10 ms of work: keys and Ctrl-C wait no longer in a flood */
};

uint64_t errand_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t errand_wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

enum face_exit errand_error(const struct args *o, const char *code, const struct why *why)
{
    if (o->json) out_json(report_error(code, why->what, why->hint));
    out_why(why);
    return exit_of(code);
}

void errand_end(struct errand *s, enum face_exit exit)
{
    s->done = true;
    s->exit = exit;
}

/* --- opening --- */

static int choose_server(struct errand *s, struct why *why)
{
    char only[TRUST_PLACE];
    const char *server = s->args->server;
    int r = server ? 0 : trust_only(s->home.known_servers, only, why);
    if (r < 0) return -1;
    if (!server) server = r ? only : "localhost";
    if (args_server(server, s->host, s->port) < 0) {
        why_set(why, "--server must be HOST or HOST:PORT, an IPv6 address in brackets");
        return -2;
    }
    trust_place(s->place, s->host, s->port);
    return 0;
}

enum face_exit errand_place(struct errand *s, const struct args *o)
{
    struct why why;
    *s = (struct errand){.args = o, .signals = -1};
    if (home_find(&s->home, o->home, &why) < 0) return errand_error(o, "local", &why);
    int r = choose_server(s, &why);
    return r == 0 ? EXIT_DONE : errand_error(o, r == -2 ? "usage" : "local", &why);
}

enum face_exit errand_home(struct errand *s, const struct args *o)
{
    struct why why;
    enum face_exit exit = errand_place(s, o);
    if (exit != EXIT_DONE) return exit;
    return home_root(&s->home, o->home, &why) < 0 ? errand_error(o, "local", &why) : EXIT_DONE;
}

/* 0; -1 the disk, -2 wrong usage. */
static int choose_user(struct errand *s, struct why *why)
{
    char name[128];
    const char *user = s->args->user;
    int users = user ? 1 : home_users(&s->home);
    if (!user && users == 1) user = s->home.user;
    if (!user && isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && errand_ask_name(name)) user = name;
    if (!user && users == 0) {
        why_set(why, "there is no name in \"%.200s\" yet", s->home.root);
        why_hint(why, NAME " init makes one; in a script: " NAME " init --user NAME --accept-new");
        return -2;
    }
    if (!user) {
        why_set(why, "which user? there are %d in \"%.200s\"", users, s->home.root);
        why_hint(why, "use --user NAME");
        return -2;
    }
    char copy[256];
    snprintf(copy, sizeof copy, "%s", user);
    if (home_user(&s->home, copy, why) == 0) return 0;
    return s->home.folder[0] ? -1 : -2;
}

/* 0; -1 and why; -3 and why: the passphrase. */
static int open_identity(struct errand *s, const char *path, struct why *why)
{
    char passphrase[PASSPHRASE_MAX];
    int locked = identity_is_locked(path, why);
    if (locked <= 0) return locked < 0 ? -1 : identity_open(path, &s->identity, why);
    if (passphrase_get(s, false, passphrase, why) < 0) return -3;
    int r = identity_unlock(path, passphrase, strlen(passphrase), &s->identity, why);
    sodium_memzero(passphrase, sizeof passphrase);
    return r == IDENTITY_WRONG ? -3 : r;
}

static int open_store(struct errand *s, const char *path, struct why *why)
{
    s->vault = vault_open(path, why);
    if (!s->vault) return -1;
    if (s->identity.lock.on) return vault_give_key(s->vault, s->identity.lock.store_key, why);
    if (!vault_sealed(s->vault)) return 0;
    why_set(why, "the message store is locked, and the key file is not");
    why_hint(why, "try again; if it stays: the key file is an old copy, and the newer one belongs to this store");
    return -1;
}

static int open_files(struct errand *s, struct why *why)
{
    char path[PATH_MAX];
    s->fresh = access(home_file(&s->home, "key", path), F_OK) != 0;
    int r = open_identity(s, path, why);
    return r < 0 ? r : open_store(s, home_file(&s->home, "store.db", path), why);
}

/* A key that a first try left behind would stand in the way of --user's default for ever. */
static bool name_refused(const char *code)
{
    return strcmp(code, "name-taken") == 0 || strcmp(code, "name-invalid") == 0 ||
           strcmp(code, "not-on-roster") == 0;
}

static void on_event(void *arg, const struct client_event *e)
{
    struct errand *s = arg;
    if (e->type == CLIENT_CONNECTED) {
        s->connected = true;
        s->fresh = false; /* the name is ours: the key is needed from now on */
    }
    if (e->type == CLIENT_LOST) {
        s->connected = false;
        snprintf(s->lost_code, sizeof s->lost_code, "%s", e->lost.code);
        show_word(s->lost_reason, sizeof s->lost_reason,
                  (struct slice){(const uint8_t *)e->lost.reason, strlen(e->lost.reason)});
        if (s->args->verbose)
            out_say("no connection to %s: %s; next try in %.1f s", s->place, s->lost_reason,
                    e->lost.retry_ms / 1000.0);
    }
    if (e->type == CLIENT_FAILED) {
        s->connected = false;
        s->useless = s->fresh && name_refused(e->failed.code);
        errand_failed(s, e);
    }
    if (s->event) s->event(s->arg, e);
}

void errand_watch(struct errand *s, int signo)
{
    sigaddset(&s->watched, signo);
    sigprocmask(SIG_BLOCK, &s->watched, NULL);
    s->signals = signalfd(s->signals, &s->watched, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void watch_signals(struct errand *s)
{
    sigemptyset(&s->watched);
    errand_watch(s, SIGINT);
    errand_watch(s, SIGTERM);
    errand_watch(s, SIGWINCH);
    signal(SIGPIPE, SIG_IGN); /* a closed stdout is noticed by write(2), … */
    signal(SIGXFSZ, SIG_IGN); /* … and so is a file that may grow no more */
}

enum face_exit errand_open(struct errand *s, const struct args *o, uint32_t caps)
{
    struct why why;
    enum face_exit exit = errand_home(s, o);
    if (exit != EXIT_DONE) return exit;
    int r = choose_user(s, &why);
    watch_signals(s); /* from here on nothing may end us with the terminal's echo off */
    if (r == 0) r = open_files(s, &why);
    if (r < 0) return errand_error(o, r == -2 ? "usage" : r == -3 ? "passphrase" : "local", &why);
    s->client = client_new(&(struct client_options){.host = s->host,
                                                    .port = s->port,
                                                    .user = s->home.user,
                                                    .caps = caps,
                                                    .identity = &s->identity,
                                                    .vault = s->vault,
                                                    .folder = s->home.folder,
                                                    .downloads = o->config ? o->config->v.download : NULL,
                                                    .read_receipts = o->read_receipts,
                                                    .turn_frames = TURN_FRAMES,
                                                    .trust = errand_trust,
                                                    .event = on_event,
                                                    .arg = s});
    if (!s->client) {
        why_set(&why, "cannot read the message store: %s", vault_words(s->vault));
        return errand_error(o, "local", &why);
    }
    return EXIT_DONE;
}

void errand_close(struct errand *s)
{
    client_free(s->client);
    vault_close(s->vault);
    identity_wipe(&s->identity);
    if (s->useless) home_forget_user(&s->home);
    if (s->signals >= 0) close(s->signals);
    s->client = NULL;
    s->vault = NULL;
    s->signals = -1;
}

/* --- running --- */

static void on_signals(struct errand *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM) errand_end(s, EXIT_INTERRUPTED);
}

static int shorter(int timeout, uint64_t deadline)
{
    if (deadline == UINT64_MAX) return timeout;
    uint64_t now = errand_now();
    int left = deadline <= now ? 0 : deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now);
    return timeout < 0 || left < timeout ? left : timeout;
}

bool errand_run(struct errand *s, uint64_t deadline)
{
    while (!s->done && errand_now() < deadline) {
        struct pollfd p[3] = {
            {.fd = client_fd(s->client), .events = client_wants(s->client)},
            {.fd = s->signals, .events = POLLIN},
            {.fd = client_files_fd(s->client), .events = POLLIN},
        };
        int n = poll(p, 3, shorter(client_timeout_ms(s->client), deadline));
        if (n < 0 && errno != EINTR) break;
        if (p[1].revents) on_signals(s);
        if (!s->done) client_step(s->client, p[0].fd >= 0 ? p[0].revents : 0);
    }
    return s->done;
}

/* A first run is not over before others can write to this device. */
static void publish(struct errand *s, uint64_t until)
{
    while (client_state(s->client) == CLIENT_OPEN && !client_published(s->client) &&
           errand_now() < until) {
        struct pollfd p = {.fd = client_fd(s->client), .events = client_wants(s->client)};
        poll(&p, 1, shorter(client_timeout_ms(s->client), until));
        client_step(s->client, p.revents);
    }
}

void errand_leave(struct errand *s)
{
    s->event = NULL;
    publish(s, errand_now() + PUBLISH_MS);
    uint64_t until = errand_now() + LEAVE_MS;
    if (client_state(s->client) != CLIENT_OFF) client_bye(s->client);
    while (client_state(s->client) == CLIENT_LEAVING && errand_now() < until) {
        struct pollfd p = {.fd = client_fd(s->client), .events = client_wants(s->client)};
        poll(&p, 1, shorter(client_timeout_ms(s->client), until));
        client_step(s->client, p.revents);
    }
}
