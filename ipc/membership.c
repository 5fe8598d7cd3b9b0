/* membership.c - see membership.h. One row per op: what its fields must be, who may, what it does.
 */
#include "membership.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "name.h"

enum { FORMAT = 1 };

static const char label_entry[] = "csmsg group entry 1", label_hash[] = "csmsg group hash 1";

/* An entry while it is judged. */
struct judged {
    struct membership_entry e;
    const uint8_t *group, *prev, *signature;
    uint32_t seq;
    struct slice body;
    bool instructor;
    uint8_t role;                              /* of the actor */
    struct membership_person *subject, *actor; /* NULL: unknown to the group */
};

static struct membership_person *find(const struct membership *m, const uint8_t *key)
{
    for (size_t i = 0; i < m->n; i++)
        if (memcmp(m->person[i].account_key, key, SEALED_KEY) == 0) return &m->person[i];
    return NULL;
}

const struct membership_person *membership_find(const struct membership *m,
                                                const uint8_t account_key[SEALED_KEY])
{
    return find(m, account_key);
}

enum membership_role membership_role_of(const struct membership *m,
                                        const uint8_t account_key[SEALED_KEY])
{
    const struct membership_person *p = find(m, account_key);
    return p ? (enum membership_role)p->role : ROLE_NONE;
}

size_t membership_count(const struct membership *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += m->person[i].role != ROLE_NONE;
    return n;
}

bool membership_rekeys(uint8_t op)
{
    return op == MEMBERSHIP_LEAVE || op == MEMBERSHIP_KICK;
}

bool membership_changes_readers(uint8_t op)
{
    return op == MEMBERSHIP_CREATE || op == MEMBERSHIP_JOIN || membership_rekeys(op);
}

void membership_free(struct membership *m)
{
    free(m->person);
    *m = (struct membership){0};
}

/* --- people --- */

static void set_name(struct membership_person *p, struct slice name)
{
    p->name_len = (uint8_t)name.len;
    memcpy(p->name, name.data, name.len);
}

static struct membership_person *person(struct membership *m, struct slice name,
                                        const uint8_t *account_key)
{
    struct membership_person *p = find(m, account_key);
    if (p) return p;
    assert(m->n < MEMBERSHIP_PEOPLE); /* judge() has seen to it */
    if (m->n == m->room) {
        m->room = m->room ? m->room * 2 : 8;
        m->person = xrealloc(m->person, m->room * sizeof m->person[0]);
    }
    p = &m->person[m->n++];
    *p = (struct membership_person){0};
    set_name(p, name);
    memcpy(p->account_key, account_key, SEALED_KEY);
    return p;
}

/* Of whom nothing is to be remembered. */
static void forget(struct membership *m, struct membership_person *p)
{
    if (p->role || p->invited || p->barred || p->muted_until) return;
    *p = m->person[--m->n];
}

/* Nobody owns it any more: the highest who is in, of these who came first, does. */
static void inherit(struct membership *m)
{
    struct membership_person *heir = NULL;
    for (size_t i = 0; i < m->n; i++) {
        struct membership_person *p = &m->person[i];
        if (p->role == ROLE_OWNER) return;
        if (p->role == ROLE_NONE) continue;
        if (!heir || p->role > heir->role || (p->role == heir->role && p->joined < heir->joined))
            heir = p;
    }
    if (heir) heir->role = ROLE_OWNER;
}

/* --- the ops --- */

static bool may_moderate(const struct judged *j)
{
    if (j->instructor || j->role == ROLE_OWNER) return true;
    return j->role == ROLE_ASSISTANT && (!j->subject || j->subject->role <= ROLE_MEMBER);
}

static bool spares_owners(const struct judged *j)
{
    return j->instructor || !j->subject || j->subject->role != ROLE_OWNER;
}

static bool may_anyone(const struct membership *m, const struct judged *j)
{
    (void)m;
    (void)j;
    return true;
}

static bool may_invite(const struct membership *m, const struct judged *j)
{
    return j->instructor || j->role >= ROLE_ASSISTANT || (m->open && j->role == ROLE_MEMBER);
}

static bool may_join(const struct membership *m, const struct judged *j)
{
    return (j->actor && j->actor->invited) || (m->open && !(j->actor && j->actor->barred));
}

static bool may_kick(const struct membership *m, const struct judged *j)
{
    (void)m;
    return may_moderate(j) && spares_owners(j);
}

static bool may_rule(const struct membership *m, const struct judged *j)
{
    (void)m;
    return j->instructor || j->role == ROLE_OWNER;
}

static bool may_topic(const struct membership *m, const struct judged *j)
{
    (void)m;
    return j->instructor || j->role >= ROLE_ASSISTANT;
}

static bool sense_create(const struct judged *j)
{
    return j->e.role <= 1 && name_valid_room((const char *)j->e.text.data, j->e.text.len, NULL);
}

static bool sense_invite(const struct judged *j)
{
    return !j->subject || (j->subject->role == ROLE_NONE && !j->subject->invited);
}

static bool sense_join(const struct judged *j)
{
    return j->role == ROLE_NONE;
}

static bool sense_leave(const struct judged *j)
{
    return j->role != ROLE_NONE;
}

static bool sense_member(const struct judged *j)
{
    return j->subject && j->subject->role != ROLE_NONE;
}

/* Whoever is only invited can be kicked, too: that takes the invitation back. */
static bool sense_kick(const struct judged *j)
{
    return j->subject && (j->subject->role != ROLE_NONE || j->subject->invited);
}

static bool sense_role(const struct judged *j)
{
    return sense_member(j) && j->e.role >= ROLE_MEMBER && j->e.role <= ROLE_OWNER &&
           j->e.role != j->subject->role;
}

static bool sense_open(const struct judged *j)
{
    return j->e.role <= 1;
}

static bool sense_always(const struct judged *j)
{
    (void)j;
    return true;
}

static void do_create(struct membership *m, const struct judged *j)
{
    struct membership_person *p = person(m, j->e.actor, j->e.actor_account);
    p->role = ROLE_OWNER;
    p->joined = 1;
    m->open = j->e.role;
    m->name_len = (uint8_t)j->e.text.len;
    memcpy(m->name, j->e.text.data, j->e.text.len);
}

static void do_invite(struct membership *m, const struct judged *j)
{
    struct membership_person *p = person(m, j->e.subject, j->e.subject_account);
    p->invited = true;
    p->barred = false;
}

static void do_join(struct membership *m, const struct judged *j)
{
    struct membership_person *p = person(m, j->e.actor, j->e.actor_account);
    set_name(p, j->e.actor); /* the device list vouches for it, not who invited */
    p->role = ROLE_MEMBER;
    p->invited = false;
    p->joined = j->seq;
    inherit(m); /* into a group that all had left */
}

static void do_leave(struct membership *m, const struct judged *j)
{
    j->actor->role = ROLE_NONE;
    forget(m, j->actor);
    inherit(m);
}

static void do_kick(struct membership *m, const struct judged *j)
{
    j->subject->role = ROLE_NONE;
    j->subject->invited = false;
    j->subject->barred = true;
    inherit(m);
}

static void do_role(struct membership *m, const struct judged *j)
{
    j->subject->role = j->e.role;
    inherit(m);
}

static void do_mute(struct membership *m, const struct judged *j)
{
    j->subject->muted_until = j->e.until_ms;
    forget(m, j->subject);
}

static void do_topic(struct membership *m, const struct judged *j)
{
    m->topic_len = (uint8_t)j->e.text.len;
    memcpy(m->topic, j->e.text.data, j->e.text.len);
}

static void do_open(struct membership *m, const struct judged *j)
{
    m->open = j->e.role;
}

static const struct op {
    bool subject, role, until, text; /* fields that it uses; the others must be empty */
    bool (*may)(const struct membership *m, const struct judged *j);
    bool (*sense)(const struct judged *j);
    void (*act)(struct membership *m, const struct judged *j);
} ops[] = {
    [MEMBERSHIP_CREATE] = {false, true, false, true, may_anyone, sense_create, do_create},
    [MEMBERSHIP_INVITE] = {true, false, false, false, may_invite, sense_invite, do_invite},
    [MEMBERSHIP_JOIN] = {false, false, false, false, may_join, sense_join, do_join},
    [MEMBERSHIP_LEAVE] = {false, false, false, false, may_anyone, sense_leave, do_leave},
    [MEMBERSHIP_KICK] = {true, false, false, true, may_kick, sense_kick, do_kick},
    [MEMBERSHIP_ROLE] = {true, true, false, false, may_rule, sense_role, do_role},
    [MEMBERSHIP_MUTE] = {true, false, true, true, may_kick, sense_member, do_mute},
    [MEMBERSHIP_TOPIC] = {false, false, false, true, may_topic, sense_always, do_topic},
    [MEMBERSHIP_OPEN] = {false, true, false, false, may_rule, sense_open, do_open},
};

static const struct op *op_of(uint8_t op)
{
    return op >= MEMBERSHIP_CREATE && op < sizeof ops / sizeof ops[0] ? &ops[op] : NULL;
}

/* --- reading --- */

static bool named(struct slice name)
{
    return name_valid((const char *)name.data, name.len, NULL);
}

static bool well_formed(const struct membership_entry *e)
{
    const struct op *op = op_of(e->op);
    if (!op || !named(e->actor)) return false;
    bool subject = e->subject.len > 0 || !sodium_is_zero(e->subject_account, SEALED_KEY);
    if (op->subject ? !named(e->subject) : subject) return false;
    return (op->role || e->role == 0) && (op->until || e->until_ms == 0) &&
           (op->text || e->text.len == 0);
}

static bool decode(struct slice raw, struct judged *j)
{
    struct cur c = cur_of(raw.data, raw.len);
    struct membership_entry *e = &j->e;
    *j = (struct judged){0};
    if (raw.len > MEMBERSHIP_ENTRY_MAX || cur_u8(&c) != FORMAT) return false;
    e->op = cur_u8(&c);
    j->group = cur_bytes(&c, SEALED_HASH);
    j->seq = cur_u32(&c);
    j->prev = cur_bytes(&c, SEALED_HASH);
    e->time_ms = cur_u64(&c);
    e->actor = cur_str8(&c);
    cur_copy(&c, e->actor_account, SEALED_KEY);
    e->actor_device = cur_u64(&c);
    e->subject = cur_str8(&c);
    cur_copy(&c, e->subject_account, SEALED_KEY);
    e->role = cur_u8(&c);
    e->until_ms = cur_u64(&c);
    e->text = cur_str8(&c);
    j->body = sealed_slice(raw.data, (size_t)(c.p - raw.data));
    j->signature = cur_bytes(&c, SEALED_SIGNATURE);
    return cur_end(&c) && well_formed(e);
}

/* What is in the way of an entry that is in its place and well signed. */
static enum membership_verdict judge(const struct membership *m, struct judged *j)
{
    const struct op *op = op_of(j->e.op);
    j->actor = find(m, j->e.actor_account);
    j->subject = op->subject ? find(m, j->e.subject_account) : NULL;
    j->role = j->actor ? j->actor->role : ROLE_NONE;
    if ((m->seq == 0) != (j->e.op == MEMBERSHIP_CREATE)) return MEMBERSHIP_FORBIDDEN;
    if (!op->may(m, j)) return MEMBERSHIP_FORBIDDEN;
    if (!op->sense(j)) return MEMBERSHIP_SENSELESS;
    bool adds =
        (j->e.op == MEMBERSHIP_INVITE && !j->subject) || (j->e.op == MEMBERSHIP_JOIN && !j->actor);
    return adds && m->n >= MEMBERSHIP_PEOPLE ? MEMBERSHIP_FULL : MEMBERSHIP_GOOD;
}

static enum membership_verdict place(const struct membership *m, const struct judged *j)
{
    if (j->seq != m->seq + 1 || j->seq > MEMBERSHIP_SEQ_MAX) return MEMBERSHIP_GAP;
    if (memcmp(j->prev, m->head, SEALED_HASH) != 0 || memcmp(j->group, m->group, SEALED_HASH) != 0)
        return MEMBERSHIP_FORK;
    return MEMBERSHIP_GOOD;
}

/* It stands: what it does, and the log is longer by it. */
static void take(struct membership *m, struct slice raw, const struct judged *j, struct membership_entry *taken)
{
    op_of(j->e.op)->act(m, j);
    m->seq = j->seq;
    if (membership_changes_readers(j->e.op)) m->readers = j->seq;
    membership_hash(raw, m->head);
    if (m->seq == 1) memcpy(m->group, m->head, SEALED_HASH);
    if (taken) *taken = j->e;
}

enum membership_verdict membership_apply(struct membership *m, struct slice raw,
                                         const struct membership_lookup *lookup,
                                         struct membership_entry *taken)
{
    struct judged j;
    if (!decode(raw, &j)) return MEMBERSHIP_DAMAGED;
    enum membership_verdict v = place(m, &j);
    if (v != MEMBERSHIP_GOOD) return v;
    const uint8_t *key = lookup->key(lookup->ctx, &j.e, &j.instructor);
    if (!key) return MEMBERSHIP_STRANGER;
    if (!sealed_verify(key, label_entry, j.body, j.signature)) return MEMBERSHIP_FORGED;
    v = judge(m, &j);
    if (v != MEMBERSHIP_GOOD) return v;
    take(m, raw, &j, taken);
    return MEMBERSHIP_GOOD;
}

enum membership_verdict membership_recall(struct membership *m, struct slice raw, struct membership_entry *taken)
{
    struct judged j;
    if (!decode(raw, &j)) return MEMBERSHIP_DAMAGED;
    enum membership_verdict v = place(m, &j);
    if (v != MEMBERSHIP_GOOD) return v;
    j.instructor = true; /* perhaps it was one then */
    v = judge(m, &j);
    if (v != MEMBERSHIP_GOOD) return v;
    take(m, raw, &j, taken);
    return MEMBERSHIP_GOOD;
}

bool membership_read(struct slice raw, struct membership_entry *e, uint8_t group[SEALED_HASH], uint32_t *seq)
{
    struct judged j;
    if (!decode(raw, &j)) return false;
    *e = j.e;
    *seq = j.seq;
    memcpy(group, j.group, SEALED_HASH);
    return true;
}

void membership_hash(struct slice entry, uint8_t hash[SEALED_HASH])
{
    sealed_hash(label_hash, entry, hash);
}

void membership_copy(struct membership *to, const struct membership *from)
{
    *to = *from;
    to->room = from->n;
    to->person = xcalloc(from->n ? from->n : 1, sizeof to->person[0]);
    if (from->n) memcpy(to->person, from->person, from->n * sizeof to->person[0]);
}

void membership_write(const struct membership *m, const struct membership_entry *e,
                      const uint8_t device_secret[SEALED_SIGN_SECRET], struct buf *out)
{
    uint8_t signature[SEALED_SIGNATURE];
    struct buf b = {0};
    buf_put_u8(&b, FORMAT);
    buf_put_u8(&b, e->op);
    buf_put(&b, m->group, SEALED_HASH);
    buf_put_u32(&b, m->seq + 1);
    buf_put(&b, m->head, SEALED_HASH);
    buf_put_u64(&b, e->time_ms);
    buf_put_str8(&b, e->actor.data, e->actor.len);
    buf_put(&b, e->actor_account, SEALED_KEY);
    buf_put_u64(&b, e->actor_device);
    buf_put_str8(&b, e->subject.data, e->subject.len);
    buf_put(&b, e->subject_account, SEALED_KEY);
    buf_put_u8(&b, e->role);
    buf_put_u64(&b, e->until_ms);
    buf_put_str8(&b, e->text.data, e->text.len);
    sealed_sign(device_secret, label_entry, sealed_head(&b), signature);
    buf_put(&b, signature, sizeof signature);
    buf_put(out, buf_head(&b), buf_len(&b));
    buf_free(&b);
}
