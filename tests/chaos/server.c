/* server.c - see server.h. */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "buf.h"
#include "local.h"
#include "log.h"

enum { ASK_MS = 300 };

/* Limits wide open: refusals are no part of this; a stopped process is found within the stops. */
static const char config[] =
    "[server]\nname = chaos\nlisten = %s\nstate_dir = state\nworkers = %s\n"
    "[lobby]\nkeep = 10000000\n"
    "[limits]\nclients = 100000\nkey_requests = 1000000\nconnects_per_address = 1000000\nconnects_per_network = 1000000\n"
    "queue_messages = 1000000\nqueue_per_sender = 1000000\nqueue_bytes = 4GiB\n"
    "[process]\nheartbeat = 500ms\nheartbeat_limit = 2s\n"
    "[log]\nformat = logfmt\n";

static void write_config(const struct shared *s, const struct options *o, const char *listen)
{
    char path[PATH_LEN + 32];
    snprintf(path, sizeof path, "%s/server.conf", s->folder);
    FILE *f = fopen(path, "we");
    if (!f) fatal("cannot write %s: %s", path, strerror(errno));
    fprintf(f, config, listen, o->workers);
    if (fclose(f)) fatal("cannot write %s: %s", path, strerror(errno));
}

int server_prepare(struct shared *s, const struct options *o)
{
    const char *tmp = getenv("TMPDIR");
    char folder[PATH_LEN / 2];
    snprintf(folder, sizeof folder, "%s/chaos-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) {
        fprintf(stderr, "chaos: cannot make %s: %s\n", folder, strerror(errno));
        return -1;
    }
    snprintf(s->folder, sizeof s->folder, "%s", folder);
    snprintf(s->ctl, sizeof s->ctl, "%s/state/ctl.sock", folder);
    snprintf(s->log, sizeof s->log, "%s/server.log", folder);
    snprintf(s->store, sizeof s->store, "%s/homes", folder);
    if (chmod(folder, 0755) || mkdir(s->store, 0700))
        return -1; /* workers may run as somebody else */
    write_config(s, o, "127.0.0.1:0");
    return 0;
}

void server_fix_address(struct shared *s, const struct options *o)
{
    char listen[sizeof s->host + sizeof s->port + 2];
    snprintf(listen, sizeof listen, "%s:%s", s->host, s->port);
    write_config(s, o, listen);
}

/* --- starting --- */

static _Noreturn void be_master(const struct shared *s, const struct options *o)
{
    char program[PATH_LEN], conf[PATH_LEN + 32];
    sigset_t none;
    pid_t group = s->group;
    snprintf(program, sizeof program, "%s/" NAME "d", o->programs);
    snprintf(conf, sizeof conf, "%s/server.conf", s->folder);
    if (group == 0 || setpgid(0, group)) setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC),
        out = open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    execl(program, program, conf, (char *)NULL);
    fprintf(stderr, "chaos: cannot run %s: %s\n", program, strerror(errno));
    _exit(127);
}

pid_t server_start(struct shared *s, const struct options *o)
{
    pid_t pid = fork();
    if (pid < 0) fatal("fork: %s", strerror(errno));
    if (pid == 0) be_master(s, o);
    /* Refused: the old group has ended, or the child was faster and has done it itself. */
    if (s->group == 0 || setpgid(pid, s->group)) setpgid(pid, pid);
    s->group = getpgid(pid);
    return pid;
}

/* --- asking --- */

/* The answer's lines, as far as they come in time, with a final 0. True: that was all. */
static bool ask(const struct shared *s, const char *question, struct buf *answer)
{
    const struct timeval patience = {0, ASK_MS * 1000};
    int fd = local_connect(s->ctl);
    if (fd < 0) return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t n = send(fd, question, strlen(question), MSG_NOSIGNAL);
    while (n > 0) {
        n = recv(fd, buf_room(answer, 65536), 65536, 0);
        if (n > 0) buf_added(answer, (size_t)n);
    }
    close(fd);
    return n == 0;
}

/* The broker waits for a new master where this socket is. */
static bool can_take_over(const struct shared *s)
{
    char path[PATH_LEN + 32];
    snprintf(path, sizeof path, "%s/state/takeover.sock", s->folder);
    return access(path, F_OK) == 0;
}

static void note_master(struct shared *s, const json_t *row)
{
    const char *address = json_string_value(json_array_get(json_object_get(row, "listen"), 0));
    const char *colon = address ? strrchr(address, ':') : NULL;
    if (!colon) return;
    snprintf(s->host, sizeof s->host, "%.*s", (int)(colon - address), address);
    snprintf(s->port, sizeof s->port, "%s", colon + 1);
    s->takeover = can_take_over(s);
}

static bool read_row(struct shared *s, const char *line, struct process *p)
{
    json_t *row = json_loads(line, 0, NULL);
    const char *role = json_string_value(json_object_get(row, "role"));
    const char *state = json_string_value(json_object_get(row, "state"));
    if (role) {
        *p = (struct process){.role = strcmp(role, "master") == 0   ? ROLE_MASTER
                                      : strcmp(role, "broker") == 0 ? ROLE_BROKER
                                      : strcmp(role, "keeper") == 0 ? ROLE_KEEPER
                                                                    : ROLE_WORKER,
                              .slot = (unsigned)json_integer_value(json_object_get(row, "slot")),
                              .pid = (pid_t)json_integer_value(json_object_get(row, "pid")),
                              .sessions =
                                  (uint64_t)json_integer_value(json_object_get(row, "sessions")),
                              .ok = state && strcmp(state, "ok") == 0};
        if (p->role == ROLE_MASTER) note_master(s, row);
    }
    json_decref(row);
    return role && p->pid > 0;
}

int server_processes(struct shared *s, struct process out[PROCESSES_MAX])
{
    struct buf answer = {0};
    int n = 0;
    ask(s, "status\n", &answer); /* a hung broker's row is missing, the others are there */
    buf_put_u8(&answer, 0);
    char *line = (char *)buf_head(&answer);
    for (char *end; n < PROCESSES_MAX && (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        n += read_row(s, line, &out[n]);
    }
    buf_free(&answer);
    return n;
}

int server_queue(const struct shared *s)
{
    struct buf answer = {0};
    int sum = ask(s, "queue\n", &answer) ? 0 : -1;
    buf_put_u8(&answer, 0);
    char *line = (char *)buf_head(&answer);
    for (char *end; sum >= 0 && (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        json_t *row = json_loads(line, 0, NULL);
        sum += (int)(json_integer_value(json_object_get(row, "waiting")) +
                     json_integer_value(json_object_get(row, "under_way")));
        if (json_object_get(row, "error")) sum = -1;
        json_decref(row);
    }
    buf_free(&answer);
    return sum;
}

/* --- ending --- */

bool server_signal(const struct shared *s, pid_t pid, int signal)
{
    int fd = pid > 1 ? pidfd_open(pid, 0) : -1;
    if (fd < 0) return false;
    bool good = getpgid(pid) == s->group && pidfd_send_signal(fd, signal, NULL, 0) == 0;
    close(fd);
    return good;
}

void server_kill_all(const struct shared *s)
{
    if (s->group > 1) kill(-s->group, SIGKILL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

void server_remove(const struct shared *s)
{
    if (strstr(s->folder, "/chaos-"))
        nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
