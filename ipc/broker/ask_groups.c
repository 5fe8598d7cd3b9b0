/* ask_groups.c - the operator's questions about groups, and his order that ends one. */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "group.h"
#include "log.h"
#include "wire_moderate.h"

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

static void list_one(void *arg, struct group *g)
{
    if (g->log.seq > 0 && !g->closed) answer_line(arg, group_row(g));
}

void ask_group_list(struct answer *a)
{
    groups_each(a->broker, list_one, a);
}

/* By its name, with or without the #, which a shell may have eaten. NULL: there is none, and it was said. */
static struct group *named(struct answer *a, struct slice rest)
{
    uint8_t name[WIRE_NAME_MAX + 2] = "#";
    struct slice word = ask_word(&rest);
    size_t skip = word.len > 0 && word.data[0] == '#', n = word.len - skip;
    struct group *g = NULL;
    if (n > 0 && n <= WIRE_NAME_MAX && rest.len == 0) {
        memcpy(name + 1, word.data + skip, n);
        g = group_find(a->broker, (struct slice){name, n + 1});
    }
    if (g && g->log.seq > 0) return g;
    answer_error(a, "no-such-room", "no such group; `group list` lists them");
    return NULL;
}

const char *ask_group_role(uint8_t role)
{
    static const char *const names[] = {"", "member", "assistant", "owner"};
    return role < sizeof names / sizeof *names ? names[role] : "";
}

static void member_row(struct answer *a, const struct group *g, const struct membership_person *p)
{
    const struct account *acc = people_find(a->broker, (struct slice){(const uint8_t *)p->name, p->name_len});
    uint64_t behind = 0;
    const struct member *m = acc ? group_member_of(g, acc) : NULL;
    for (const struct reader *r = m ? m->reader : NULL; r; r = r->next)
        if (g->room.head - r->acked > behind) behind = g->room.head - r->acked;
    answer_line(a, json_pack("{s:s%, s:s, s:b, s:b, s:b, s:I, s:I}", "member", p->name, (size_t)p->name_len, "role",
                             ask_group_role(p->role), "present", acc && acc->receiving > 0, "invited", p->invited,
                             "barred", p->barred, "muted_until_ms", (json_int_t)p->muted_until, "behind",
                             (json_int_t)behind));
}

bool ask_group_show(struct answer *a, struct slice rest)
{
    const struct group *g = named(a, rest);
    if (!g) return true;
    answer_line(a, group_row(g));
    for (size_t i = 0; i < g->log.n; i++)
        member_row(a, g, &g->log.person[i]);
    return true;
}

/* --- its end --- */

/* While it lasts the group takes nothing, so it is the same when it is done. */
struct ending {
    struct answer *answer;
    struct group *group;
};

static void ended(void *ctx, enum store_status status, uint64_t row)
{
    struct ending *e = ctx;
    struct group *g = e->group;
    (void)status, (void)row; /* it never fails: store.h */
    room_flush(e->answer->broker); /* the last messages before the notice */
    for (const struct member *m = g->member; m; m = m->next)
        group_notice(g, m->account, WIRE_GROUP_GONE, "the operator of the server has deleted it");
    LOG(LOG_WARN, "group", "delete", log_s("room", g->room.name), log_u("number", g->room.id),
        log_u("members", membership_count(&g->log)));
    answer_line(e->answer, json_pack("{s:s}", "deleted", g->room.name));
    group_drop(e->answer->broker, g, false);
    answer_end(e->answer);
    free(e);
}

/* Without an entry in its log: no member can sign that. The audit log has it. */
bool ask_group_delete(struct answer *a, struct slice rest)
{
    struct group *g = named(a, rest);
    if (!g) return true;
    if (g->appending || g->ending) {
        answer_error(a, "busy", "the group is being changed just now; ask again");
        return true;
    }
    struct store_audit line = {.time_ms = clock_wall_ms(), .origin = STORE_BY_OPERATOR, .act = WIRE_ACT_DELETE};
    struct ending *e = xmalloc(sizeof *e);
    memcpy(line.room, g->room.name, sizeof line.room);
    *e = (struct ending){answer_later(a), g};
    g->ending = true;
    store_end_group(a->broker->store, g->room.id, &line, ended, e);
    return false;
}
