/*
 * ask_moderation.c - the operator's orders about people and the lobby, and the audit log: words in,
 * JSON out when the store has it. What an order does is moderation.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "log.h"
#include "moderation.h"
#include "span.h"

enum { AUDIT_PORTION = 200, YEARS = WIRE_MODERATE_SECONDS };

/* --- words --- */

struct slice ask_word(struct slice *rest)
{
    while (rest->len && *rest->data == ' ')
        rest->data++, rest->len--;
    struct slice w = {rest->data, 0};
    while (rest->len && *rest->data != ' ')
        rest->data++, rest->len--, w.len++;
    while (rest->len && *rest->data == ' ')
        rest->data++, rest->len--;
    return w;
}

static bool is(struct slice w, const char *text)
{
    return w.len == strlen(text) && memcmp(w.data, text, w.len) == 0;
}

/* NULL, and said, when there is nobody of this name. */
static struct account *named(struct answer *a, struct slice *rest)
{
    struct slice name = ask_word(rest);
    struct account *found = name.len ? people_find(a->broker, name) : NULL;
    struct name_near near;
    char text[128];
    if (found && !found->pending) return found;
    if (name.len == 0) {
        answer_error(a, "usage", "whom? a name must follow");
        return NULL;
    }
    people_near(a->broker, name, &near);
    snprintf(text, sizeof text, "no such user; did you mean \"%s\"?", near.n ? near.name[0] : "");
    answer_error(a, "no-such-user", near.n ? text : "no such user; who lists those who are signed in");
    return NULL;
}

/* Who said which role holds. */
static const char *role_by(const struct account *of)
{
    return of->granted >= 0 ? "operator" : of->role ? "roster" : "default";
}

/* --- orders --- */

struct waiting {
    struct answer *answer;
    struct order order; /* what was done, to say it */
};

static void done(void *ctx, bool stored)
{
    struct waiting *w = ctx;
    const struct order *o = &w->order;
    if (stored)
        answer_line(w->answer, json_pack("{s:s, s:s, s:s, s:I, s:s}", "done", wire_act_name(o->act), "user",
                                         o->whom ? o->whom->name : "", "role",
                                         moderation_role_name(o->whom ? o->whom->role : 0), "until_ms",
                                         (json_int_t)o->until_ms, "reason", o->reason));
    else
        answer_error(w->answer, "disk-full", "the disk is full; nothing was changed");
    answer_end(w->answer);
    free(w);
}

/* A time if there is one, the rest is the reason. False: said, and nothing is under way. */
static bool give(struct answer *a, struct order *o, struct slice rest, bool timed)
{
    struct slice after = rest, first = ask_word(&after);
    uint32_t seconds = 0;
    if (timed && span_seconds(first, YEARS, &seconds)) rest = after;
    if (!moderation_reason(o, rest)) {
        answer_error(a, "usage", "the reason is too long (200 bytes at most), or has characters that cannot be shown");
        return false;
    }
    if (seconds) o->until_ms = clock_wall_ms() + seconds * UINT64_C(1000);
    struct waiting *w = xmalloc(sizeof *w);
    o->broker = a->broker;
    o->done = done;
    o->ctx = w;
    *w = (struct waiting){answer_later(a), *o};
    moderation_order(o);
    return true;
}

/* Answers of asks are true when nothing is under way any more. */
static bool on_account(struct answer *a, uint8_t act, struct slice rest, bool timed)
{
    struct order o = {.act = act, .whom = named(a, &rest)};
    return !o.whom || !give(a, &o, rest, timed);
}

bool ask_lock(struct answer *a, struct slice rest)
{
    return on_account(a, WIRE_ACT_LOCK, rest, true);
}

bool ask_unlock(struct answer *a, struct slice rest)
{
    return on_account(a, WIRE_ACT_UNLOCK, rest, false);
}

bool ask_role(struct answer *a, struct slice rest)
{
    struct order o = {.act = WIRE_ACT_ROLE, .whom = named(a, &rest)};
    struct slice role = ask_word(&rest);
    if (!o.whom) return true;
    if (role.len == 0) {
        answer_line(a, json_pack("{s:s, s:s, s:s}", "role_of", o.whom->name, "role", moderation_role_name(o.whom->role),
                                 "by", role_by(o.whom)));
        return true;
    }
    while (o.role < 3 && !is(role, moderation_role_name(o.role)))
        o.role++;
    if (o.role < 3) return !give(a, &o, rest, false);
    answer_error(a, "usage", "roles are member, assistant and instructor");
    return true;
}

/* --- the lobby --- */

static void sanction_line(struct answer *a, const struct account *of, enum store_sanction_kind kind)
{
    static const char *const names[] = {"ban", "mute", "lock", "announce"};
    const struct sanction *x = sanctions_find(a->broker, of, kind);
    if (!x) return;
    answer_line(a, json_pack("{s:s, s:s, s:I, s:s}", "sanction", names[kind], "on", of ? of->name : "#lobby",
                             "until_ms", (json_int_t)x->until_ms, "reason", x->reason));
}

static void sanctions_of(void *arg, struct account *of)
{
    for (unsigned kind = 0; of->sanctions && kind < STORE_SANCTIONS; kind++)
        sanction_line(arg, of, kind);
}

static void show_lobby(struct answer *a)
{
    const struct room *lobby = &a->broker->lobby;
    answer_line(a, json_pack("{s:s, s:I, s:I, s:b}", "lobby", lobby->name, "members", (json_int_t)lobby->members,
                             "head", (json_int_t)lobby->head, "announce_only",
                             sanctions_find(a->broker, NULL, STORE_ANNOUNCE) != NULL));
    sanction_line(a, NULL, STORE_ANNOUNCE);
    people_each(a->broker, sanctions_of, a);
}

bool ask_lobby(struct answer *a, struct slice rest)
{
    static const uint8_t acts[] = {WIRE_ACT_KICK,   WIRE_ACT_BAN,      WIRE_ACT_MUTE, WIRE_ACT_UNBAN,
                                   WIRE_ACT_UNMUTE, WIRE_ACT_ANNOUNCE, WIRE_ACT_OPEN};
    struct slice verb = ask_word(&rest);
    size_t i = 0;
    if (verb.len == 0) {
        show_lobby(a);
        return true;
    }
    while (i < sizeof acts && !is(verb, wire_act_name(acts[i])))
        i++;
    if (i == sizeof acts) {
        answer_error(a, "usage", "lobby takes kick, ban, unban, mute, unmute, announce or open");
        return true;
    }
    struct order o = {.act = acts[i]};
    bool timed = o.act == WIRE_ACT_BAN || o.act == WIRE_ACT_MUTE || o.act == WIRE_ACT_ANNOUNCE;
    if (o.act == WIRE_ACT_ANNOUNCE || o.act == WIRE_ACT_OPEN) return !give(a, &o, rest, timed);
    return on_account(a, o.act, rest, timed);
}

/* --- one account --- */

bool ask_user(struct answer *a, struct slice rest)
{
    struct account *of = named(a, &rest);
    unsigned devices = 0, revoked = 0;
    if (!of) return true;
    for (const struct device *d = of->device; d; d = d->next)
        devices++;
    for (const struct device *d = people_keys(of)->revoked; d; d = d->next)
        revoked++;
    answer_line(a, json_pack("{s:s, s:I, s:s, s:s, s:i, s:i, s:i, s:b, s:b, s:I}", "about", of->name, "account",
                             (json_int_t)of->id, "role", moderation_role_name(of->role), "role_by",
                             role_by(of), "devices", (int)devices, "revoked", (int)revoked,
                             "sessions", (int)of->sessions, "lobby", of->in_lobby > 0, "away", of->away, "since_ms",
                             (json_int_t)of->since_ms));
    sanctions_of(a, of);
    return true;
}

/* --- the audit log --- */

struct audit {
    struct answer *answer;
    uint64_t since_ms, after;
};

static const char *name_of(struct broker *b, uint64_t account)
{
    const struct account *a = account ? people_by_id(b, account) : NULL;
    return a ? a->name : "";
}

/* A role given in a group is its log's, every other one the account's. */
static const char *role_in(const struct broker *b, const struct store_audit *l)
{
    bool of_group = *l->room && strcmp(l->room, b->lobby.name) != 0;
    return of_group && l->act == WIRE_ACT_ROLE ? ask_group_role(l->role) : moderation_role_name(l->role);
}

static void audited(void *ctx, const struct store_audit *line, size_t n)
{
    struct audit *x = ctx;
    struct broker *b = x->answer->broker;
    for (size_t i = 0; i < n; i++) {
        const struct store_audit *l = &line[i];
        answer_line(x->answer,
                    json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "audit", (json_int_t)l->id, "time_ms",
                              (json_int_t)l->time_ms, "by", l->actor ? name_of(b, l->actor) : "operator", "origin",
                              l->origin == STORE_BY_CLIENT ? "client" : "ctl", "act", wire_act_name(l->act), "user",
                              name_of(b, l->subject), "room", l->room, "role", role_in(b, l), "until_ms",
                              (json_int_t)l->until_ms, "reason", l->reason));
        x->after = l->id;
    }
    if (n == AUDIT_PORTION) {
        store_load_audit(b->store, x->since_ms, x->after, AUDIT_PORTION, audited, x);
        return;
    }
    answer_end(x->answer);
    free(x);
}

/* audit, or audit SPAN. */
bool ask_audit(struct answer *a, struct slice rest)
{
    struct slice span = ask_word(&rest);
    uint32_t seconds = 0;
    if (span.len && !span_seconds(span, YEARS, &seconds)) {
        answer_error(a, "usage", "audit takes a time such as 30m, 2h or 7d");
        return true;
    }
    struct audit *x = xmalloc(sizeof *x);
    *x = (struct audit){answer_later(a), seconds ? clock_wall_ms() - seconds * UINT64_C(1000) : 0, 0};
    store_load_audit(a->broker->store, x->since_ms, 0, AUDIT_PORTION, audited, x);
    return false;
}
