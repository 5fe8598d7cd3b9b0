/*
 * admin.c - the operator's socket, ctl.sock in the state folder, its owner's alone: one command a
 * connection, answered with one JSON object a line.
 *
 * What the master knows it answers itself; the rest it asks of the broker (CTL_ASK) and passes on.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "local.h"
#include "log.h"
#include "master.h"

enum { COMMAND_MAX = 4200, QUESTIONS_MAX = 32, TIMEOUT_MS = 10000, ANSWER_MAX = 64 << 20 };

/* A connection of the operator, from its command to the end of the answer. */
struct question {
    struct loop_io io;
    struct loop_timer timeout;
    struct master *master;
    struct question *next;
    uint64_t token; /* asked of the broker; 0: nothing asked */
    bool answered;  /* nothing will be added to out */
    bool numbers;   /* what the broker answers belongs into its row of the status */
    char command[COMMAND_MAX];
    size_t n;
    struct buf out;
};

static void finish(struct question *q)
{
    struct master *m = q->master;
    struct question **p = &m->questions;
    while (*p != q)
        p = &(*p)->next;
    *p = q->next;
    loop_del(&m->loop, &q->io);
    loop_timer_stop(&m->loop, &q->timeout);
    close(q->io.fd);
    buf_free(&q->out);
    free(q);
}

static void push(struct question *q)
{
    while (buf_len(&q->out)) {
        ssize_t n = send(q->io.fd, buf_head(&q->out), buf_len(&q->out), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            loop_mod(&q->master->loop, &q->io, EPOLLOUT);
            return;
        }
        if (n < 0) {
            finish(q);
            return;
        }
        buf_drop(&q->out, (size_t)n);
    }
    if (q->answered)
        finish(q);
    else
        loop_mod(&q->master->loop, &q->io, EPOLLIN);
}

/* Takes the object. */
static void line(struct question *q, json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(o);
    if (!text) fatal("no memory for an answer");
    buf_put(&q->out, text, strlen(text));
    buf_put_u8(&q->out, '\n');
    free(text);
}

/* --- answers --- */

/* What is the same for all processes; c NULL: there is none now. */
static json_t *row(const struct master *m, const char *role, const struct child *c, uint32_t slot,
                   uint32_t generation, uint64_t sessions, uint32_t deaths)
{
    static const char *const states[] = {"starting", "ok", "stopping"};
    return json_pack("{s:s, s:i, s:I, s:I, s:I, s:s, s:I, s:I, s:s}", "role", role, "pid", c ? (int)c->pid : 0,
                     "slot", (json_int_t)slot, "generation", (json_int_t)generation, "sessions",
                     (json_int_t)sessions, "state", c ? states[c->state] : "dead", "up_ms",
                     (json_int_t)(c ? m->loop.now_ms - c->started_ms : 0), "deaths", (json_int_t)deaths, "sandbox",
                     c ? c->sandbox : "");
}

static json_t *master_row(const struct master *m)
{
    const struct child self = {.pid = getpid(), .state = m->stopping ? CHILD_STOPPING : CHILD_READY, .started_ms = m->started_ms};
    json_t *listen = json_array(), *o = row(m, "master", &self, 0, 1, m->connections, 0);
    for (int i = 0; i < m->n_listeners; i++)
        json_array_append_new(listen, json_string(m->listener[i].name));
    json_object_set_new(o, "name", json_string(m->set.server.name));
    json_object_set_new(o, "version", json_string(VERSION));
    json_object_set_new(o, "listen", listen);
    json_object_set_new(o, "fingerprint", json_string(m->broker ? m->broker->fingerprint : ""));
    json_object_set_new(o, "words", json_string(m->key_words));
    return o;
}

static json_t *worker_row(const struct slot *s)
{
    json_t *o = row(s->master, "worker", s->child, s->number, s->generation, s->places.used, s->deaths);
    if (s->child && s->draining) json_object_set_new(o, "state", json_string("draining"));
    if (s->child && s->adopting) json_object_set_new(o, "state", json_string("adopting"));
    return o;
}

static json_t *broker_row(const struct master *m)
{
    return row(m, "broker", m->broker, 0, m->broker_generation, m->broker ? m->broker->sessions : 0, m->broker_deaths);
}

static json_t *keeper_row(const struct master *m)
{
    json_t *o = row(m, "keeper", m->keeper, 0, 0, m->connections, 0);
    if (m->keeper && m->keeper->state == CHILD_READY && !m->keeping.confirmed)
        json_object_set_new(o, "state", json_string("starting"));
    return o;
}

static void workers(struct question *q)
{
    const struct master *m = q->master;
    for (unsigned i = 0; i < m->n_slots; i++)
        line(q, worker_row(&m->slot[i]));
    for (const struct child *c = m->spares; c; c = c->next)
        line(q, row(m, "spare", c, m->n_slots, 0, 0, 0));
    q->answered = true;
}

static void ask_broker(struct question *q, const char *command)
{
    struct master *m = q->master;
    if (!m->broker || m->broker->state != CHILD_READY) {
        if (buf_len(&q->out) == 0) line(q, json_pack("{s:s}", "error", "the broker is starting; ask again"));
        q->answered = true;
        return;
    }
    struct buf p = {0};
    q->token = ++m->last_token;
    buf_put_u64(&p, q->token);
    buf_put(&p, command, strlen(command));
    chan_send(&m->broker->chan, CTL_ASK, &p, -1);
    buf_free(&p);
}

static void status(struct question *q)
{
    const struct master *m = q->master;
    line(q, master_row(m));
    line(q, keeper_row(m));
    workers(q);
    if (m->broker && m->broker->state == CHILD_READY) {
        q->numbers = true;
        q->answered = false;
        ask_broker(q, "numbers");
    } else {
        line(q, broker_row(m));
    }
}

/* The broker's row: what the master knows of the process, and what the broker counts. */
static void add_numbers(struct question *q, struct slice counts)
{
    json_t *o = broker_row(q->master);
    json_t *more = json_loadb((const char *)counts.data, counts.len, JSON_DISABLE_EOF_CHECK, NULL);
    if (more) json_object_update(o, more);
    json_decref(more);
    line(q, o);
}

/* The slot that a command names; NULL, and said, when there is none. */
static struct slot *named_slot(struct question *q, const char *word)
{
    char *end;
    unsigned long n = strtoul(word, &end, 10);
    if (*word && !*end && n < q->master->n_slots) return &q->master->slot[n];
    line(q, json_pack("{s:s}", "error", "no such worker; `workers` lists them"));
    return NULL;
}

/* Each successor adopts its sessions; with all, one after the other as spares get ready. */
static void worker_restart(struct question *q, const char *word)
{
    struct master *m = q->master;
    bool all = strcmp(word, "all") == 0;
    struct slot *one = all ? NULL : named_slot(q, word);
    for (unsigned i = 0; i < m->n_slots; i++)
        if (all || one == &m->slot[i]) m->slot[i].restart = true;
    if (all || one) line(q, json_pack("{s:s}", "restarting", all ? "all" : word));
    slot_restart_next(m);
}

static void worker_drain(struct question *q, const char *word)
{
    struct slot *s = named_slot(q, word);
    if (!s) return;
    s->draining = !s->draining;
    line(q, json_pack("{s:i, s:b}", "worker", (int)s->number, "draining", s->draining));
    listen_update(q->master);
}

static void upgrade(struct question *q, const char *path)
{
    while (*path == ' ')
        path++;
    const char *why = upgrade_prepare(q->master, path);
    line(q, why ? json_pack("{s:s}", "error", why) : json_pack("{s:s}", "upgrading", q->master->upgrade_path));
}

static const struct {
    const char *command;
    void (*answer)(struct question *q);                /* both NULL: the broker knows */
    void (*with_word)(struct question *q, const char *word);
    bool words; /* the broker knows, and words may follow */
} rows[] = {
    {"status", status, NULL, false},
    {"workers", workers, NULL, false},
    {"who", NULL, NULL, false},
    {"queue", NULL, NULL, false},
    {"key rotate", NULL, NULL, false},
    {"worker restart ", NULL, worker_restart, false},
    {"worker drain ", NULL, worker_drain, false},
    {"upgrade", NULL, upgrade, false},
    {"role ", NULL, NULL, true},
    {"user ", NULL, NULL, true},
    {"ban ", NULL, NULL, true},
    {"unban ", NULL, NULL, true},
    {"lobby", NULL, NULL, true},
    {"audit", NULL, NULL, true},
    {"group list", NULL, NULL, false},
    {"group show ", NULL, NULL, true},
    {"group delete ", NULL, NULL, true},
    {"file list", NULL, NULL, false},
    {"file show ", NULL, NULL, true},
    {"file delete ", NULL, NULL, true},
};

static void answer(struct question *q)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = strlen(rows[i].command);
        bool more = rows[i].with_word || rows[i].words;
        if (strncmp(rows[i].command, q->command, more ? n : n + 1) != 0) continue;
        if (rows[i].answer) {
            rows[i].answer(q);
        } else if (rows[i].with_word) {
            rows[i].with_word(q, q->command + n);
            q->answered = true;
        } else {
            ask_broker(q, q->command);
        }
        return;
    }
    line(q, json_pack("{s:s}", "error", "unknown command"));
    q->answered = true;
}

void admin_answer(struct master *m, struct slice fields)
{
    struct cur c = cur_of(fields.data, fields.len);
    uint64_t token = cur_u64(&c);
    bool last = cur_u8(&c) != 0;
    struct slice text = cur_rest(&c);
    struct question *q = m->questions;
    while (q && q->token != token)
        q = q->next;
    if (!q || token == 0) return; /* the operator has hung up */
    if (q->numbers)
        add_numbers(q, text);
    else
        buf_put(&q->out, text.data, text.len);
    q->answered = last;
    if (buf_len(&q->out) > ANSWER_MAX) /* nobody reads it */
        finish(q);
    else
        push(q);
}

/* --- connections --- */

static void ready(struct loop_io *io, uint32_t events)
{
    struct question *q = container_of(io, struct question, io);
    if (events & EPOLLOUT) {
        push(q);
        return;
    }
    ssize_t n = recv(io->fd, q->command + q->n, sizeof q->command - 1 - q->n, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || q->token) { /* gone, or talking out of turn */
        finish(q);
        return;
    }
    q->n += (size_t)n;
    q->command[q->n] = 0;
    char *end = strchr(q->command, '\n');
    if (!end && q->n < sizeof q->command - 1) return;
    if (end) *end = 0;
    answer(q);
    push(q);
}

static void timeout(struct loop_timer *t)
{
    finish(container_of(t, struct question, timeout));
}

static void accept_one(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct master *m = container_of(io, struct master, admin);
    int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    unsigned n = 0;
    if (fd < 0) return;
    for (const struct question *q = m->questions; q; q = q->next)
        n++;
    if (n >= QUESTIONS_MAX) {
        close(fd);
        return;
    }
    struct question *q = xcalloc(1, sizeof *q);
    q->io = (struct loop_io){.fd = fd, .ready = ready};
    q->timeout.fire = timeout;
    q->master = m;
    q->next = m->questions;
    m->questions = q;
    loop_add(&m->loop, &q->io, EPOLLIN);
    loop_timer_set(&m->loop, &q->timeout, TIMEOUT_MS);
}

static void socket_path(const struct master *m, char *out, size_t size)
{
    snprintf(out, size, "%s/ctl.sock", m->set.server.state_dir);
}

void admin_open(struct master *m)
{
    char path[SETTINGS_PATH_LEN + 16];
    socket_path(m, path, sizeof path);
    int fd = local_listen(path);
    if (fd < 0) fatal("cannot make the control socket %s: %s", path, strerror(errno));
    m->admin = (struct loop_io){.fd = fd, .ready = accept_one};
    loop_add(&m->loop, &m->admin, EPOLLIN);
}

void admin_close(struct master *m)
{
    char path[SETTINGS_PATH_LEN + 16];
    socket_path(m, path, sizeof path);
    unlink(path);
    while (m->questions)
        finish(m->questions);
}
