/* group_actor.c - see group_actor.h. */
#include "group_actor.h"

#include <string.h>

#include "class.h"
#include "identity.h"

struct actor {
    const struct keyring *k;
    const char *fresh;
    bool instructor; /* to be taken for one */
    uint8_t ed[SEALED_KEY];
    char key[NAME_SIZE];
    bool wanted, failed;
};

/*
 * When an entry was written, it says itself: a device that was revoked since stays the author of what it dates
 * before. The server takes nothing of it later, and whoever holds it needs the server's help to write back in time.
 */
static bool could_sign(const struct device_row *row, const struct membership_entry *e)
{
    return row->revoked == 0 || e->time_ms < row->gone;
}

static const uint8_t *key_of_actor(void *ctx, const struct membership_entry *e, bool *instructor)
{
    struct actor *a = ctx;
    struct peer p;
    int known = peers_get(a->k->vault, e->actor, &p);
    const struct device_row *row = device_list_ever(&p.list, e->actor_device);
    bool same = p.list.n > 0 && memcmp(p.list.account_key, e->actor_account, SEALED_KEY) == 0;
    bool final = a->fresh && strcmp(a->fresh, p.key) == 0 && p.trouble == PEER_FINE;
    bool may = same && row && could_sign(row, e);
    *instructor = a->instructor;
    memcpy(a->key, p.key, sizeof a->key);
    a->failed = known < 0;
    a->wanted = !(same && row) && !final;
    if (row) memcpy(a->ed, row->ed, sizeof a->ed);
    peer_free(&p);
    return may ? a->ed : NULL;
}

static enum membership_verdict try(struct actor *a, struct membership *log, struct slice entry, bool instructor)
{
    const struct membership_lookup lookup = {key_of_actor, a};
    a->instructor = instructor;
    return membership_apply(log, entry, &lookup, NULL);
}

/* --- instructors --- */

static int stands_as_instructor(const struct keyring *k, const struct membership_entry *e, uint64_t at_ms)
{
    uint8_t role;
    int standing = class_standing(k->vault, e->actor, e->actor_account, at_ms, &role);
    return standing < 0 ? -1 : standing == CLASS_MEMBER && role == ANCHOR_INSTRUCTOR;
}

/* By the anchor, now or when it was written: its signatures last a school year, logs longer. */
static int is_instructor(const struct keyring *k, const struct membership_entry *e)
{
    uint8_t own[SEALED_KEY];
    if (keyring_account(k, own) < 0) return -1;
    if (memcmp(e->actor_account, own, SEALED_KEY) == 0) return 1;
    int r = stands_as_instructor(k, e, k->now_ms);
    return r == 0 ? stands_as_instructor(k, e, e->time_ms) : r;
}

/* Would an instructor have to be asked at all? Joining and leaving is everybody's own. */
static bool is_an_instructors(uint8_t op)
{
    return op != MEMBERSHIP_CREATE && op != MEMBERSHIP_JOIN && op != MEMBERSHIP_LEAVE;
}

/* Nobody comes in by it. Owners stay: when the last one goes, somebody else may invite. */
static bool takes_away(const struct membership *log, const struct membership_entry *e)
{
    switch (e->op) {
    case MEMBERSHIP_KICK: return membership_role_of(log, e->subject_account) != ROLE_OWNER;
    case MEMBERSHIP_MUTE:
    case MEMBERSHIP_TOPIC: return true;
    case MEMBERSHIP_OPEN: return e->role == 0;
    default: return false;
    }
}

/* Not allowed to who is no instructor. */
static enum group_judgement judge_instructor(struct actor *a, struct membership *log, struct slice entry,
                                             const struct membership_entry *e)
{
    int proven = is_instructor(a->k, e);
    if (proven < 0) return GROUP_JUDGED_STORE;
    if (!proven && !takes_away(log, e)) return GROUP_JUDGED_UNPROVEN;
    if (try(a, log, entry, true) != MEMBERSHIP_GOOD) return GROUP_JUDGED_BAD;
    return proven ? GROUP_JUDGED_GOOD : GROUP_JUDGED_SAID;
}

enum group_judgement group_judge(const struct keyring *k, struct membership *log, struct slice entry,
                                 const char *fresh, char need[NAME_SIZE])
{
    struct membership_entry e;
    uint8_t of[SEALED_HASH];
    uint32_t seq;
    struct actor a = {.k = k, .fresh = fresh};
    if (!membership_read(entry, &e, of, &seq)) return GROUP_JUDGED_BAD;
    enum membership_verdict v = try(&a, log, entry, false);
    if (a.failed) return GROUP_JUDGED_STORE;
    if (v == MEMBERSHIP_FORBIDDEN && is_an_instructors(e.op)) return judge_instructor(&a, log, entry, &e);
    memcpy(need, a.key, NAME_SIZE);
    if (v == MEMBERSHIP_STRANGER && a.wanted) return GROUP_JUDGED_UNKNOWN;
    return v == MEMBERSHIP_GOOD ? GROUP_JUDGED_GOOD : GROUP_JUDGED_BAD;
}
