/*
 * ask.c - the operator's questions, as the master passes them on: one JSON object a line, in packets
 * that the control channel carries.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "log.h"

enum { ANSWER_BYTES = 24576 };

struct answer {
    struct broker *broker;
    uint64_t token;
    struct slice word; /* what followed the command */
    struct buf text;
};

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

/* Takes the object. */
static void line(struct answer *a, json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(o);
    if (!text) fatal("no memory for an answer");
    buf_put(&a->text, text, strlen(text));
    buf_put_u8(&a->text, '\n');
    free(text);
    if (buf_len(&a->text) > ANSWER_BYTES) send_part(a, false);
}

static void who_one(void *arg, struct account *acc)
{
    struct answer *a = arg;
    for (const struct device *d = acc->device; d; d = d->next)
        for (const struct session *s = d->session; s; s = s->next)
            line(a, json_pack("{s:s, s:I, s:I, s:s, s:b, s:b, s:b, s:I}", "user", acc->name, "device",
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
            line(arg, json_pack("{s:s, s:I, s:I, s:I, s:I}", "user", acc->name, "device", (json_int_t)d->id,
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
    line(a, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "accounts",
                      (json_int_t)b->accounts, "sessions", (json_int_t)b->sessions, "routed",
                      (json_int_t)b->routed, "stored", (json_int_t)b->stored, "rejected",
                      (json_int_t)b->rejected, "lobby_members", (json_int_t)b->lobby.members, "lobby_head",
                      (json_int_t)b->lobby.head, "incarnation", (json_int_t)b->incarnation, "commits",
                      (json_int_t)commits, "last_commit_us", (json_int_t)commit_us));
}

static void rotate(struct answer *a)
{
    struct broker *b = a->broker;
    char print[40];
    if (keys_rotate(&b->keys, b->set.server.state_dir)) {
        line(a, json_pack("{s:s, s:s+}", "error", "cannot write the new transport key: ", strerror(errno)));
        return;
    }
    login_rotated(b);
    keys_fingerprint(b->keys.server_id, print);
    LOG(LOG_INFO, "key", "rotate", log_s("fingerprint", print));
    line(a, json_pack("{s:s, s:s}", "rotated", "transport", "fingerprint", print));
}

/* --- groups --- */

static json_t *group_row(const struct group *g)
{
    json_t *o = json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "group", g->room.name, "creator",
                          g->creator ? g->creator->name : "", "open", g->log.open, "members",
                          (json_int_t)membership_count(&g->log), "entries", (json_int_t)g->log.seq, "number",
                          (json_int_t)g->room.head, "kept", (json_int_t)g->rows, "kept_bytes", (json_int_t)g->bytes);
    json_t *topic = json_stringn(g->log.topic, g->log.topic_len); /* NULL: no UTF-8, a member may write anything */
    json_object_set_new(o, "topic", topic ? topic : json_string("(not text)"));
    return o;
}

static void group_list_one(void *arg, struct group *g)
{
    if (g->log.seq > 0 && !g->closed) line(arg, group_row(g));
}

static void group_list(struct answer *a)
{
    groups_each(a->broker, group_list_one, a);
}

/* By its name, with or without the #, which a shell may have eaten. NULL: there is none, and it was said. */
static struct group *named_group(struct answer *a)
{
    uint8_t name[WIRE_NAME_MAX + 2] = "#";
    size_t skip = a->word.len > 0 && a->word.data[0] == '#', n = a->word.len - skip;
    struct group *g = NULL;
    if (n > 0 && n <= WIRE_NAME_MAX) {
        memcpy(name + 1, a->word.data + skip, n);
        g = group_find(a->broker, (struct slice){name, n + 1});
    }
    if (g && g->log.seq > 0) return g;
    line(a, json_pack("{s:s}", "error", "no such group; `group list` lists them"));
    return NULL;
}

static void member_row(struct answer *a, const struct group *g, const struct membership_person *p)
{
    static const char *const roles[] = {"", "member", "assistant", "owner"};
    const struct account *acc = people_find(a->broker, (struct slice){(const uint8_t *)p->name, p->name_len});
    uint64_t behind = 0;
    const struct member *m = acc ? group_member_of(g, acc) : NULL;
    for (const struct reader *r = m ? m->reader : NULL; r; r = r->next)
        if (g->room.head - r->acked > behind) behind = g->room.head - r->acked;
    line(a, json_pack("{s:s%, s:s, s:b, s:b, s:b, s:I, s:I}", "member", p->name, (size_t)p->name_len, "role", roles[p->role],
                      "present", acc && acc->receiving > 0, "invited", p->invited, "barred", p->barred, "muted_until_ms",
                      (json_int_t)p->muted_until, "behind", (json_int_t)behind));
}

static void group_show(struct answer *a)
{
    const struct group *g = named_group(a);
    if (!g) return;
    line(a, group_row(g));
    for (size_t i = 0; i < g->log.n; i++)
        member_row(a, g, &g->log.person[i]);
}

/* Without an entry in its log: no member can sign that. */
static void group_delete(struct answer *a)
{
    struct group *g = named_group(a);
    if (!g) return;
    if (g->appending) {
        line(a, json_pack("{s:s}", "error", "the group is being changed just now; ask again"));
        return;
    }
    for (const struct member *m = g->member; m; m = m->next)
        group_notice(g, m->account, WIRE_GROUP_GONE, "the operator of the server has deleted it");
    LOG(LOG_WARN, "group", "delete", log_s("room", g->room.name), log_u("number", g->room.id),
        log_u("members", membership_count(&g->log)));
    line(a, json_pack("{s:s}", "deleted", g->room.name));
    group_drop(a->broker, g, true);
}

static const struct {
    const char *command; /* a word follows when it ends with a blank */
    void (*answer)(struct answer *a);
} rows[] = {
    {"who", who},
    {"queue", queue},
    {"numbers", numbers},
    {"key rotate", rotate},
    {"group list", group_list},
    {"group show ", group_show},
    {"group delete ", group_delete},
};

static bool fits(struct answer *a, const char *name, struct slice command)
{
    size_t n = strlen(name);
    bool with_word = name[n - 1] == ' ';
    if (command.len < n || memcmp(name, command.data, n) != 0 || (!with_word && command.len > n)) return false;
    a->word = (struct slice){command.data + n, command.len - n};
    return true;
}

void ask_answer(struct broker *b, uint64_t token, struct slice command)
{
    struct answer a = {.broker = b, .token = token};
    size_t i = 0, n = sizeof rows / sizeof *rows;
    while (i < n && !fits(&a, rows[i].command, command))
        i++;
    if (i < n)
        rows[i].answer(&a);
    else
        line(&a, json_pack("{s:s}", "error", "the broker does not know this command"));
    send_part(&a, true);
    buf_free(&a.text);
}
