/*
 * ctl.c - the operator's program: asks a running server over its control socket and shows the answer,
 * as a table for people or as it came (one JSON object a line) for scripts.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "local.h"
#include "log.h"

enum { EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };
enum { OPT_SOCKET = 256, OPT_JSON, OPT_HELP, OPT_VERSION };

static const struct option longs[] = {
    {"socket", required_argument, NULL, OPT_SOCKET}, {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},           {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

static const char help[] =
    "usage: " NAME "ctl [--socket PATH] [--json] COMMAND\n"
    "\n"
    "  status      the server's processes and what went through them\n"
    "  workers     the workers alone\n"
    "  who         who is signed in, from where, on which worker\n"
    "  queue       for whom messages wait\n"
    "  key rotate  gives the server a new transport key; nobody is asked to trust anything anew\n"
    "  worker restart N|all  a successor goes on with the worker's connections, one at a time\n"
    "  worker drain N        gives worker N no new connections, or does so again\n"
    "  upgrade [PATH]        becomes the server program at PATH (or the one installed anew in its\n"
    "                        place), with the same connections\n"
    "\n"
    "  --socket PATH  the server's ctl.sock, in its state folder; without it $STATE_DIRECTORY,\n"
    "                 ./state and ./conf/state are tried\n"
    "  --json         one JSON object a line\n"
    "  --help         prints this\n"
    "  --version      prints the version\n";

/* --- tables for people --- */

static void time_text(json_int_t ms, char *out, size_t size)
{
    long s = (long)(ms / 1000);
    if (s < 120)
        snprintf(out, size, "%lds", s);
    else if (s < 7200)
        snprintf(out, size, "%ldm", s / 60);
    else if (s < 172800)
        snprintf(out, size, "%ldh%02ldm", s / 3600, s / 60 % 60);
    else
        snprintf(out, size, "%ldd%02ldh", s / 86400, s / 3600 % 24);
}

static json_int_t integer(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s && *s ? s : "-";
}

static void show_server(const json_t *o)
{
    char up[32];
    size_t i;
    json_t *addr;
    time_text(integer(o, "up_ms"), up, sizeof up);
    printf("%s  %s  up %s  %lld connections\n", text(o, "name"), text(o, "version"), up, integer(o, "sessions"));
    printf("listening  ");
    json_array_foreach(json_object_get(o, "listen"), i, addr) printf(" %s", json_string_value(addr));
    printf("\nfingerprint %s\n\n", text(o, "fingerprint"));
}

static void show_process(const json_t *o, bool head)
{
    char up[32], name[32];
    time_text(integer(o, "up_ms"), up, sizeof up);
    if (head) printf("%-10s %7s %-9s %9s %7s %6s  %s\n", "PROCESS", "PID", "STATE", "SESSIONS", "UP", "DIED", "SANDBOX");
    if (strcmp(text(o, "role"), "worker") == 0)
        snprintf(name, sizeof name, "worker %lld", integer(o, "slot"));
    else
        snprintf(name, sizeof name, "%.20s", text(o, "role"));
    printf("%-10s %7lld %-9s %9lld %7s %6lld  %s\n", name, integer(o, "pid"), text(o, "state"),
           integer(o, "sessions"), up, integer(o, "deaths"), text(o, "sandbox"));
}

static void show_totals(const json_t *o)
{
    printf("\naccounts %lld, signed in %lld, in the lobby %lld\n", integer(o, "accounts"), integer(o, "sessions"),
           integer(o, "lobby_members"));
    printf("messages: %lld taken, %lld of them stored, %lld refused; lobby at number %lld\n", integer(o, "routed"),
           integer(o, "stored"), integer(o, "rejected"), integer(o, "lobby_head"));
    printf("store: %lld commits, the last one took %lld us; incarnation %lld\n", integer(o, "commits"),
           integer(o, "last_commit_us"), integer(o, "incarnation"));
}

static void show_user(const json_t *o, bool head)
{
    char since[32];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time_text((json_int_t)now.tv_sec * 1000 - integer(o, "since_ms"), since, sizeof since);
    if (head) printf("%-32s %6s %7s %-6s %s\n", "USER", "WORKER", "FOR", "LOBBY", "FROM");
    printf("%-32s %6lld %7s %-6s %s%s\n", text(o, "user"), integer(o, "worker"), since,
           json_is_true(json_object_get(o, "lobby")) ? "yes" : "no", text(o, "peer"),
           json_is_true(json_object_get(o, "away")) ? "  (away)" : "");
}

static void show_queue(const json_t *o, bool head)
{
    if (head) printf("%-32s %10s %12s %10s\n", "USER", "WAITING", "BYTES", "UNDER WAY");
    printf("%-32s %10lld %12lld %10lld\n", text(o, "user"), integer(o, "waiting"), integer(o, "bytes"),
           integer(o, "under_way"));
}

/* The kind of an object shows in its keys. False: it is an error. */
static bool show(const json_t *o)
{
    static bool process_seen, user_seen, queue_seen;
    const char *role = json_string_value(json_object_get(o, "role"));
    if (json_object_get(o, "error")) {
        fprintf(stderr, NAME "ctl: %s\n", text(o, "error"));
        return false;
    }
    if (role) {
        if (json_object_get(o, "listen")) show_server(o);
        show_process(o, !process_seen);
        process_seen = true;
        if (json_object_get(o, "accounts")) show_totals(o);
    } else if (json_object_get(o, "waiting")) {
        show_queue(o, !queue_seen);
        queue_seen = true;
    } else if (json_object_get(o, "user")) {
        show_user(o, !user_seen);
        user_seen = true;
    } else if (json_object_get(o, "rotated")) {
        printf("the server has a new transport key; its fingerprint is as before: %s\n", text(o, "fingerprint"));
    } else if (json_object_get(o, "restarting")) {
        printf("restarting: %s\n", text(o, "restarting"));
    } else if (json_object_get(o, "upgrading")) {
        printf("the server becomes %s\n", text(o, "upgrading"));
    } else if (json_object_get(o, "draining")) {
        printf("worker %lld %s\n", integer(o, "worker"),
               json_is_true(json_object_get(o, "draining")) ? "gets no new connections" : "gets new connections again");
    }
    return true;
}

/* --- asking --- */

static bool show_line(const char *line, bool json)
{
    json_t *o = json_loads(line, 0, NULL);
    bool good = o && !json_object_get(o, "error");
    if (json && o)
        puts(line);
    else if (o)
        good = show(o);
    json_decref(o);
    return good;
}

static int show_all(struct buf *answer, bool json)
{
    bool good = true;
    if (buf_len(answer) == 0 && !json) puts("nobody");
    buf_put_u8(answer, 0);
    char *line = (char *)buf_head(answer), *next;
    for (; (next = strchr(line, '\n')); line = next + 1) {
        *next = 0;
        good = show_line(line, json) && good;
    }
    return good ? 0 : 1;
}

static int ask(int fd, const char *command, bool json)
{
    struct buf answer = {0};
    char line[4100];
    int n = snprintf(line, sizeof line, "%s\n", command);
    ssize_t k = send(fd, line, (size_t)n, MSG_NOSIGNAL);
    while (k > 0) {
        k = recv(fd, buf_room(&answer, 65536), 65536, 0);
        if (k > 0) buf_added(&answer, (size_t)k);
    }
    if (k < 0) fprintf(stderr, NAME "ctl: the server hung up: %s\n", strerror(errno));
    int status = k < 0 ? EXIT_UNREACHABLE : show_all(&answer, json);
    buf_free(&answer);
    return status;
}

static int try_folder(const char *folder, char *path, size_t size)
{
    snprintf(path, size, "%s/ctl.sock", folder);
    return local_connect(path);
}

static int reach(const char *socket_path)
{
    char path[4096] = "";
    const char *state = getenv("STATE_DIRECTORY");
    int fd = -1;
    if (socket_path) {
        fd = local_connect(socket_path);
    } else {
        if (state) fd = try_folder(state, path, sizeof path);
        if (fd < 0) fd = try_folder("state", path, sizeof path);
        if (fd < 0) fd = try_folder("conf/state", path, sizeof path);
    }
    if (fd < 0)
        fprintf(stderr, NAME "ctl: cannot reach a server at %s: %s\nhint: is it running? --socket names its ctl.sock, in server.state_dir\n",
                socket_path ? socket_path : "state/ctl.sock or conf/state/ctl.sock", strerror(errno));
    return fd;
}

static int usage(const char *what)
{
    fprintf(stderr, NAME "ctl: %s\nhint: " NAME "ctl --help lists the commands\n", what);
    return EXIT_USAGE;
}

static bool known(const char *command)
{
    static const char *const commands[] = {"status", "workers", "who", "queue", "key rotate"};
    static const char *const with_word[] = {"worker restart ", "worker drain ", "upgrade"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i], command) == 0) return true;
    for (size_t i = 0; i < sizeof with_word / sizeof *with_word; i++)
        if (strncmp(with_word[i], command, strlen(with_word[i])) == 0) return true;
    return false;
}

int main(int argc, char **argv)
{
    const char *socket_path = NULL;
    bool json = false;
    char command[4096] = "";
    int c;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case OPT_SOCKET: socket_path = optarg; break;
        case OPT_JSON: json = true; break;
        case OPT_HELP: fputs(help, stdout); return 0;
        case OPT_VERSION: puts(NAME "ctl " VERSION); return 0;
        default: return usage("unknown option, or an option without its value");
        }
    }
    for (int i = optind; i < argc; i++) {
        size_t n = strlen(command);
        snprintf(command + n, sizeof command - n, "%s%s", n ? " " : "", argv[i]);
    }
    if (!*command) return usage("which command?");
    if (!known(command)) {
        char what[160];
        snprintf(what, sizeof what, "unknown command \"%.100s\"", command);
        return usage(what);
    }
    int fd = reach(socket_path);
    if (fd < 0) return EXIT_UNREACHABLE;
    int status = ask(fd, command, json);
    close(fd);
    return status;
}
