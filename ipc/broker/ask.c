/*
 * ask.c - the operator's questions, as the master passes them on: one JSON object a line, in packets
 * that the control channel carries.
 */
#include "ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blob.h"
#include "log.h"
#include "moderation.h"

enum { ANSWER_BYTES = 24576 };

static void send_part(struct answer *a, bool last)
{
    struct buf m = {0};
    buf_put_u64(&m, a->token);
    buf_put_u8(&m, last ? 1 : 0);
    if (buf_len(&a->text)) buf_put(&m, buf_head(&a->text), buf_len(&a->text));
    chan_send(&a->broker->master, CTL_ANSWER, &m, -1);
    buf_free(&m);
    buf_reset(&a->text, SIZE_MAX);
}

void answer_line(struct answer *a, json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(o);
    if (!text) fatal("no memory for an answer");
    buf_put(&a->text, text, strlen(text));
    buf_put_u8(&a->text, '\n');
    free(text);
    if (buf_len(&a->text) > ANSWER_BYTES) send_part(a, false);
}

void answer_error(struct answer *a, const char *code, const char *text)
{
    answer_line(a, json_pack("{s:s, s:s}", "error", text, "code", code));
}

struct answer *answer_later(struct answer *a)
{
    struct answer *copy = xmalloc(sizeof *copy);
    *copy = *a;
    a->text = (struct buf){0};
    return copy;
}

void answer_end(struct answer *a)
{
    send_part(a, true);
    buf_free(&a->text);
    free(a);
}

static void who_one(void *arg, struct account *acc)
{
    struct answer *a = arg;
    for (const struct device *d = acc->device; d; d = d->next)
        for (const struct session *s = d->session; s; s = s->next)
            answer_line(a, json_pack("{s:s, s:s, s:I, s:I, s:s, s:b, s:b, s:b, s:I}", "user", acc->name, "role",
                              moderation_role_name(acc->role), "device",
                              (json_int_t)d->id, "worker", (json_int_t)s->link->slot, "peer", s->peer,
                              "receives", (s->caps & WIRE_CAP_RECEIVE) != 0, "lobby", lobby_in(s), "away",
                              acc->away, "since_ms", (json_int_t)s->since_ms));
}

static void who(struct answer *a)
{
    people_each(a->broker, who_one, a);
}

static void queue_one(void *arg, struct account *acc)
{
    for (const struct device *d = acc->device; d; d = d->next)
        if (d->in.waiting || d->in.n)
            answer_line(arg, json_pack("{s:s, s:I, s:I, s:I, s:I}", "user", acc->name, "device", (json_int_t)d->id,
                                "waiting", (json_int_t)d->in.waiting, "bytes", (json_int_t)d->in.waiting_bytes,
                                "under_way", (json_int_t)d->in.n));
}

static void queue(struct answer *a)
{
    people_each(a->broker, queue_one, a);
}

static void numbers(struct answer *a)
{
    const struct broker *b = a->broker;
    uint64_t commits, commit_us;
    store_stats(b->store, &commits, &commit_us);
    answer_line(a, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "accounts",
                      (json_int_t)b->accounts, "sessions", (json_int_t)b->sessions, "routed",
                      (json_int_t)b->routed, "stored", (json_int_t)b->stored, "rejected",
                      (json_int_t)b->rejected, "lobby_members", (json_int_t)b->lobby.members, "lobby_head",
                      (json_int_t)b->lobby.head, "incarnation", (json_int_t)b->incarnation, "commits",
                      (json_int_t)commits, "last_commit_us", (json_int_t)commit_us, "files",
                      (json_int_t)b->files->by_id.n, "file_bytes", (json_int_t)b->files->bytes));
}

static void rotate(struct answer *a)
{
    struct broker *b = a->broker;
    char print[40];
    if (keys_rotate(&b->keys, b->set.server.state_dir)) {
        answer_line(a, json_pack("{s:s, s:s+}", "error", "cannot write the new transport key: ", strerror(errno)));
        return;
    }
    login_rotated(b);
    keys_fingerprint(b->keys.server_id, print);
    LOG(LOG_INFO, "key", "rotate", log_s("fingerprint", print));
    answer_line(a, json_pack("{s:s, s:s}", "rotated", "transport", "fingerprint", print));
}

static const struct {
    const char *command;
    void (*answer)(struct answer *a);
    bool (*order)(struct answer *a, struct slice rest); /* words may follow the command */
} rows[] = {
    {"who", who, NULL},        {"queue", queue, NULL},     {"numbers", numbers, NULL}, {"key rotate", rotate, NULL},
    {"role", NULL, ask_role},  {"user", NULL, ask_user},   {"ban", NULL, ask_lock},    {"unban", NULL, ask_unlock},
    {"lobby", NULL, ask_lobby}, {"audit", NULL, ask_audit}, {"group list", ask_group_list, NULL},
    {"group show", NULL, ask_group_show}, {"group delete", NULL, ask_group_delete},
    {"file list", ask_file_list, NULL}, {"file show", NULL, ask_file_show}, {"file delete", NULL, ask_file_delete},
};

/* Is this the command, alone or (for an order) with words behind it? */
static bool is_row(size_t i, struct slice command)
{
    size_t n = strlen(rows[i].command);
    if (command.len < n || memcmp(rows[i].command, command.data, n) != 0) return false;
    return command.len == n || (rows[i].order && command.data[n] == ' ');
}

void ask_answer(struct broker *b, uint64_t token, struct slice command)
{
    struct answer a = {.broker = b, .token = token};
    size_t i = 0, n = sizeof rows / sizeof *rows;
    while (i < n && !is_row(i, command))
        i++;
    if (i < n && rows[i].order) {
        size_t word = strlen(rows[i].command);
        if (!rows[i].order(&a, (struct slice){command.data + word, command.len - word})) return;
    } else if (i < n) {
        rows[i].answer(&a);
    } else {
        answer_line(&a, json_pack("{s:s}", "error", "the broker does not know this command"));
    }
    send_part(&a, true);
    buf_free(&a.text);
}
