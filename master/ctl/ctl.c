/*
 * ctl.c - the operator's program: asks a running server over its control socket and shows the answer,
 * as a table for people or as it came (one JSON object a line) for scripts. `demo crash` is demo.c.
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

#include "../../client/face/exits.h"
#include "buf.h"
#include "demo.h"
#include "log.h"
#include "reach.h"

enum { OPT_SOCKET = 256, OPT_JSON, OPT_HELP, OPT_VERSION, OPT_SINCE, OPT_YES, OPT_DEMO };
enum { OPT_FOR = OPT_DEMO, OPT_CLIENTS, OPT_LOBBY, OPT_MASTER, OPT_QUIET }; /* of the demo alone */

static const struct option longs[] = {
    {"socket", required_argument, NULL, OPT_SOCKET}, {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},           {"version", no_argument, NULL, OPT_VERSION},
    {"for", required_argument, NULL, OPT_FOR},       {"clients", required_argument, NULL, OPT_CLIENTS},
    {"lobby", no_argument, NULL, OPT_LOBBY},         {"master", no_argument, NULL, OPT_MASTER},
    {"quiet", no_argument, NULL, OPT_QUIET},         {"since", required_argument, NULL, OPT_SINCE},
    {"yes", no_argument, NULL, OPT_YES},
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
    "  group list  the groups, who made them, how much waits in them\n"
    "  group show NAME       one of them, and who is in; the # may be left out\n"
    "  group delete NAME --yes  ends a group for all who are in it, with what waits there\n"
    "  file list   the files that wait to be fetched: from whom, for whom, how long\n"
    "  file show ID          one of them, and which devices are to fetch it; some digits are enough\n"
    "  file delete ID --yes  takes a file from everybody who has not fetched it\n"
    "  worker restart N|all  a successor goes on with the worker's connections, one at a time\n"
    "  worker drain N        gives worker N no new connections, or does so again\n"
    "  upgrade [PATH]        becomes the server program at PATH (or the one installed anew in its\n"
    "                        place), with the same connections\n"
    "  role NAME [ROLE]      gives a role (member, assistant or instructor), or shows it\n"
    "  user NAME             an account: its role, devices, and what is forbidden to it\n"
    "  ban NAME [TIME] [WHY] the account cannot log in until then (30m, 2h, 7d), or until unban\n"
    "  unban NAME [WHY]      it can again\n"
    "  lobby       what is forbidden in the lobby, and to whom\n"
    "  lobby kick NAME [WHY]        out of the lobby; may come back\n"
    "  lobby ban|mute NAME [TIME] [WHY]  not into the lobby; may read there, not write\n"
    "  lobby unban|unmute NAME [WHY]     lifts it\n"
    "  lobby announce [TIME] [WHY]  only instructors and assistants write; lobby open ends it\n"
    "  audit       who did what to whom of this, from the beginning or as far back as --since\n"
    "  demo crash  kills workers and the broker at random while clients of its own talk to each\n"
    "              other; one line says whether anything was lost, exit status 0 or 1\n"
    "\n"
    "  --socket PATH  the server's ctl.sock, in its state folder; without it $STATE_DIRECTORY,\n"
    "                 ./state and ./conf/state are tried\n"
    "  --json         one JSON object a line\n"
    "  --since TIME   of audit alone: only what is not older than 30m, 2h, 7d\n"
    "  --yes          of group delete and file delete: yes, I mean it\n"
    "  --help         prints this\n"
    "  --version      prints the version\n"
    "\n"
    "of demo crash alone:\n"
    "  --for TIME     how long: 45s, 5m, 1h or seconds; default 30s\n"
    "  --clients N    how many clients, 2 to 200; default 8\n"
    "  --lobby        they speak in the lobby, too, where real users hear them\n"
    "  --master       kills the master, too; somebody has to start it again each time\n"
    "  --quiet        no line for each kill, which a terminal gets\n";

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
    printf("\nfingerprint %s\n            %s\n\n", text(o, "words"), text(o, "fingerprint"));
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
    if (head) printf("%-32s %-10s %6s %7s %-6s %s\n", "USER", "ROLE", "WORKER", "FOR", "LOBBY", "FROM");
    printf("%-32s %-10s %6lld %7s %-6s %s%s\n", text(o, "user"), text(o, "role"), integer(o, "worker"), since,
           json_is_true(json_object_get(o, "lobby")) ? "yes" : "no", text(o, "peer"),
           json_is_true(json_object_get(o, "away")) ? "  (away)" : "");
}

static void show_queue(const json_t *o, bool head)
{
    if (head) printf("%-32s %10s %12s %10s\n", "USER", "WAITING", "BYTES", "UNDER WAY");
    printf("%-32s %10lld %12lld %10lld\n", text(o, "user"), integer(o, "waiting"), integer(o, "bytes"),
           integer(o, "under_way"));
}

static void show_group(const json_t *o, bool head)
{
    char topic[1100]; /* its members wrote it: nothing of it may reach the terminal raw */
    log_escape(topic, sizeof topic, text(o, "topic"), strlen(text(o, "topic")));
    if (head) printf("%-33s %-14s %7s %7s %9s %7s %12s  %s\n", "GROUP", "CREATOR", "MEMBERS", "ENTRIES", "NUMBER", "KEPT", "BYTES", "TOPIC");
    printf("%-33s %-14s %7lld %7lld %9lld %7lld %12lld  %s%s\n", text(o, "group"), text(o, "creator"), integer(o, "members"),
           integer(o, "entries"), integer(o, "number"), integer(o, "kept"), integer(o, "kept_bytes"), topic,
           json_is_true(json_object_get(o, "open")) ? "  (open)" : "");
}

static void show_member(const json_t *o, bool head)
{
    const char *state = json_is_true(json_object_get(o, "barred"))    ? "barred"
                        : json_is_true(json_object_get(o, "invited")) ? "invited"
                        : json_is_true(json_object_get(o, "present")) ? "present"
                                                                      : "absent";
    if (head) printf("\n%-32s %-10s %-8s %s\n", "MEMBER", "ROLE", "STATE", "BEHIND");
    printf("%-32s %-10s %-8s %lld\n", text(o, "member"), text(o, "role"), state, integer(o, "behind"));
}

/* "  until 2025-01-31 12:00:00", "" when there is no end, with the reason behind it. */
static void show_until(const json_t *o)
{
    char until[32] = "";
    struct tm tm;
    time_t t = (time_t)(integer(o, "until_ms") / 1000);
    if (t && localtime_r(&t, &tm)) strftime(until, sizeof until, "%Y-%m-%d %H:%M:%S", &tm);
    const char *why = json_string_value(json_object_get(o, "reason"));
    printf("%s%s%s%s\n", *until ? "  until " : "", until, why && *why ? "  why: " : "", why ? why : "");
}

static void show_order(const json_t *o)
{
    const char *done = text(o, "done");
    printf("done: %s", done);
    if (strcmp(text(o, "user"), "-") != 0) printf(" %s", text(o, "user"));
    if (strcmp(done, "role") == 0) printf(" is %s now", text(o, "role"));
    show_until(o);
}

static void show_person(const json_t *o)
{
    printf("%s  role %s (%s)  devices %lld, revoked %lld  sessions %lld%s%s\n", text(o, "about"), text(o, "role"),
           text(o, "role_by"), integer(o, "devices"), integer(o, "revoked"), integer(o, "sessions"),
           json_is_true(json_object_get(o, "lobby")) ? ", in the lobby" : "",
           json_is_true(json_object_get(o, "away")) ? ", away" : "");
}

static void show_lobby(const json_t *o)
{
    printf("%s  members %lld  messages so far %lld%s\n", text(o, "lobby"), integer(o, "members"), integer(o, "head"),
           json_is_true(json_object_get(o, "announce_only")) ? "  only instructors and assistants write" : "");
}

static void show_audit(const json_t *o)
{
    char when[32] = "";
    struct tm tm;
    time_t t = (time_t)(integer(o, "time_ms") / 1000);
    if (localtime_r(&t, &tm)) strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
    printf("%6lld  %s  %s (%s)  %s %s", integer(o, "audit"), when, text(o, "by"), text(o, "origin"), text(o, "act"),
           text(o, "user"));
    if (strcmp(text(o, "act"), "role") == 0) printf(" %s", text(o, "role"));
    if (strcmp(text(o, "room"), "-") != 0) printf("  in %s", text(o, "room"));
    show_until(o);
}

/* What orders about people and the lobby are answered with. False: it is something else. */
static bool show_moderation(const json_t *o)
{
    if (json_object_get(o, "audit")) {
        show_audit(o);
    } else if (json_object_get(o, "done")) {
        show_order(o);
    } else if (json_object_get(o, "about")) {
        show_person(o);
    } else if (json_object_get(o, "lobby") && json_object_get(o, "head")) {
        show_lobby(o);
    } else if (json_object_get(o, "role_of")) {
        printf("%s is %s (%s)\n", text(o, "role_of"), text(o, "role"), text(o, "by"));
    } else if (json_object_get(o, "sanction")) {
        printf("%s  %s", text(o, "sanction"), text(o, "on"));
        show_until(o);
    } else {
        return false;
    }
    return true;
}

/* The kind of an object shows in its keys. False: it is an error. */
static bool show(const json_t *o)
{
    static bool process_seen, user_seen, queue_seen, group_seen, member_seen;
    const char *role = json_string_value(json_object_get(o, "role"));
    if (json_object_get(o, "error")) {
        fprintf(stderr, NAME "ctl: %s\n", text(o, "error"));
        return false;
    }
    if (show_moderation(o)) return true;
    if (role && !json_object_get(o, "user")) {
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
    } else if (json_object_get(o, "group")) {
        show_group(o, !group_seen);
        group_seen = true;
    } else if (json_object_get(o, "member")) {
        show_member(o, !member_seen);
        member_seen = true;
    } else if (json_object_get(o, "deleted")) {
        printf("deleted %s\n", text(o, "deleted"));
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

/* The exit code of one line: an error says its kind in "code", if it has one. */
static int show_line(const char *line, bool json)
{
    json_t *o = json_loads(line, 0, NULL);
    const char *code = json_string_value(json_object_get(o, "code"));
    int status = o && !json_object_get(o, "error") ? EXIT_DONE : EXIT_FAILED;
    if (status != EXIT_DONE && code) status = (int)exit_of(code);
    if (json && o)
        puts(line);
    else if (o && !show(o) && status == EXIT_DONE)
        status = EXIT_FAILED;
    json_decref(o);
    return status;
}

/* What an empty answer means. */
static const char *none_of(const char *command)
{
    if (strncmp(command, "audit", 5) == 0) return "nothing";
    return strncmp(command, "group", 5) == 0 ? "none" : "nobody";
}

static int show_all(struct buf *answer, const char *command, bool json)
{
    int status = EXIT_DONE;
    if (buf_len(answer) == 0 && !json) puts(none_of(command));
    buf_put_u8(answer, 0);
    char *line = (char *)buf_head(answer), *next;
    for (; (next = strchr(line, '\n')); line = next + 1) {
        *next = 0;
        int one = show_line(line, json);
        if (one != EXIT_DONE) status = one;
    }
    return status;
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
    int status = k < 0 ? EXIT_UNREACHABLE : show_all(&answer, command, json);
    buf_free(&answer);
    return status;
}

static int usage(const char *what)
{
    fprintf(stderr, NAME "ctl: %s\nhint: " NAME "ctl --help lists the commands\n", what);
    return EXIT_USAGE;
}

static bool known(const char *command)
{
    static const char *const commands[] = {"status", "workers", "who", "queue", "key rotate", "group list", "file list",
                                           "demo crash", "lobby", "audit"};
    static const char *const with_word[] = {"worker restart ", "worker drain ", "upgrade", "role ", "user ", "ban ",
                                            "unban ", "lobby ", "audit ", "group show ", "group delete ",
                                            "file show ", "file delete "};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i], command) == 0) return true;
    for (size_t i = 0; i < sizeof with_word / sizeof *with_word; i++)
        if (strncmp(with_word[i], command, strlen(with_word[i])) == 0) return true;
    return false;
}

struct given {
    struct demo_options demo; /* socket_path and json are every command's */
    bool of_demo;             /* one that only the demo takes was given */
    bool yes;
    bool over;                /* --help or --version: said, nothing to do */
    const char *since;        /* of audit alone */
};

static int take_number(struct demo_options *d, const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*end || n < CROWD_LEAST || n > CROWD_MOST) return usage("--clients takes a number from 2 to 200");
    d->clients = (unsigned)n;
    return EXIT_DONE;
}

static int take_time(struct demo_options *d, const char *text)
{
    d->seconds = demo_seconds(text);
    return d->seconds ? EXIT_DONE : usage("--for takes a time such as 30s, 5m or 1h, at most 24h");
}

static int take_option(struct given *g, int c)
{
    g->of_demo = g->of_demo || c >= OPT_DEMO;
    switch (c) {
    case OPT_SOCKET: g->demo.socket_path = optarg; break;
    case OPT_JSON: g->demo.json = true; break;
    case OPT_YES: g->yes = true; break;
    case OPT_HELP: fputs(help, stdout); g->over = true; break;
    case OPT_VERSION: puts(NAME "ctl " VERSION); g->over = true; break;
    case OPT_SINCE: g->since = optarg; break;
    case OPT_FOR: return take_time(&g->demo, optarg);
    case OPT_CLIENTS: return take_number(&g->demo, optarg);
    case OPT_LOBBY: g->demo.lobby = true; break;
    case OPT_MASTER: g->demo.master = true; break;
    case OPT_QUIET: g->demo.quiet = true; break;
    default: return usage("unknown option, or an option without its value");
    }
    return EXIT_DONE;
}

static int carry_out(const struct given *g, const char *command)
{
    char what[160], path[REACH_PATH];
    if (!*command) return usage("which command?");
    if (!known(command)) {
        snprintf(what, sizeof what, "unknown command \"%.100s\"", command);
        return usage(what);
    }
    if (g->since && strcmp(command, "audit") != 0) return usage("--since goes with audit alone");
    if (g->since) snprintf(what, sizeof what, "audit %.100s", g->since);
    if (strcmp(command, "demo crash") == 0) return demo_crash(&g->demo);
    if (g->of_demo) return usage("--for, --clients, --lobby, --master and --quiet go with demo crash alone");
    bool group = strncmp(command, "group delete ", 13) == 0, file = strncmp(command, "file delete ", 12) == 0;
    if (group && !g->yes) return usage("group delete takes the group from everybody who is in it; add --yes");
    if (file && !g->yes) return usage("file delete takes the file from everybody who has not fetched it; add --yes");
    if (g->yes && !group && !file) return usage("--yes goes with group delete and file delete alone");
    int fd = reach(g->demo.socket_path, path);
    if (fd < 0) return EXIT_UNREACHABLE;
    int status = ask(fd, g->since ? what : command, g->demo.json);
    close(fd);
    return status;
}

int main(int argc, char **argv)
{
    struct given given = {.demo = {.seconds = DEMO_SECONDS, .clients = DEMO_CLIENTS}};
    char command[4096] = "";
    int c;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        int status = take_option(&given, c);
        if (status != EXIT_DONE || given.over) return status;
    }
    for (int i = optind; i < argc; i++) {
        size_t n = strlen(command);
        snprintf(command + n, sizeof command - n, "%s%s", n ? " " : "", argv[i]);
    }
    return carry_out(&given, command);
}
