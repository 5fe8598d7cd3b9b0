/* group_room.c - see group_room.h. VAULT_GROUP_SENT, by group and id: the number of an own message, u64. */
#include "group_room.h"

#include <stdio.h>
#include <string.h>

#include "file_book.h"
#include "group_keys.h"
#include "identity.h"
#include "open.h"
#include "packed.h"
#include "sealed/content.h"

struct taking {
    const struct keyring *k;
    struct group *g;
    const struct wire_deliver *m;
    const char *fresh;
    bool patient;
    struct room_taken *out;
};

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

static struct slice name_in_store(const struct group *g)
{
    return text_of(g->key + 1);
}

static void result(struct taking *t, enum room_result r)
{
    t->out->result = r;
}

static void show(struct taking *t, enum vault_how how)
{
    t->out->result = ROOM_SHOW;
    t->out->how = how;
}

static void not_opened(struct taking *t, uint8_t why, bool ask)
{
    show(t, VAULT_UNOPENED);
    buf_put_u8(&t->out->body, why);
    t->out->ask = ask;
}

/* --- entries --- */

static bool is_own(const struct keyring *k, const uint8_t account_key[SEALED_KEY])
{
    uint8_t own[SEALED_KEY];
    return keyring_account(k, own) >= 0 && memcmp(own, account_key, SEALED_KEY) == 0;
}

/* Our own way in and out. Out: whatever could open or seal goes. A second time does no harm. */
static int note_own(struct taking *t, const struct membership_entry *e)
{
    bool in = e->op == MEMBERSHIP_CREATE || e->op == MEMBERSHIP_JOIN;
    bool actor_out = e->op == MEMBERSHIP_LEAVE, subject_out = e->op == MEMBERSHIP_KICK;
    if (!(in || actor_out || subject_out)) return 0;
    if (!is_own(t->k, subject_out ? e->subject_account : e->actor_account)) return 0;
    t->g->over = !in;
    t->out->ended = !in;
    if (!in && group_keys_forget(t->k->vault, t->g) < 0) return -1;
    return group_write(t->k->vault, t->g);
}

static uint32_t seq_of(struct slice entry)
{
    struct membership_entry e;
    uint8_t of[SEALED_HASH];
    uint32_t seq = 0;
    return membership_read(entry, &e, of, &seq) ? seq : 0;
}

static void break_log(struct taking *t, bool unproven)
{
    if (group_break(t->k->vault, t->g, unproven) < 0)
        result(t, ROOM_STORE);
    else
        not_opened(t, unproven ? OPEN_UNPROVEN : OPEN_BAD_ENTRY, false);
}

static void take_entry(struct taking *t)
{
    struct membership_entry e;
    uint8_t of[SEALED_HASH];
    uint32_t seq;
    switch (group_take(t->k, t->g, t->m->body, t->m->seq, t->fresh, t->out->name)) {
    case GROUP_STORE: result(t, ROOM_STORE); return;
    case GROUP_NEED_LIST: result(t, ROOM_NEED_LIST); return;
    case GROUP_MISSING:
        if (t->g->broken) not_opened(t, OPEN_BAD_ENTRY, false); /* behind one that cannot be taken */
        else result(t, ROOM_NEED_LOG);
        return;
    case GROUP_UNPROVEN: break_log(t, true); return;
    case GROUP_REFUSED: break_log(t, false); return;
    default: break;
    }
    int said = group_said(t->k->vault, t->g, seq_of(t->m->body));
    t->out->said = said > 0;
    if (said < 0) {
        result(t, ROOM_STORE);
        return;
    }
    show(t, VAULT_ENTRY);
    buf_put(&t->out->body, t->m->body.data, t->m->body.len);
    if (!membership_read(t->m->body, &e, of, &seq) || note_own(t, &e) < 0) result(t, ROOM_STORE);
}

/* --- messages --- */

static uint8_t verdict_of(enum sender_key_verdict v)
{
    switch (v) {
    case SENDER_KEY_FORGED: return OPEN_STRANGER;
    case SENDER_KEY_NO_KEY: return OPEN_NO_KEY;
    case SENDER_KEY_TOO_FAR: return OPEN_TOO_FAR;
    default: return OPEN_DAMAGED;
    }
}

static void take_content(struct taking *t, struct slice bytes)
{
    struct content c;
    enum content_verdict v = content_decode(&c, bytes);
    show(t, VAULT_SEALED);
    if (v == CONTENT_GOOD && c.kind == CONTENT_FILE && file_book_offered(t->k, t->m, t->m->to, &c, &t->out->body) < 0)
        result(t, ROOM_STORE);
    if (v != CONTENT_GOOD || c.kind != CONTENT_TEXT) return; /* an empty body: of another kind */
    buf_put_u8(&t->out->body, WIRE_SUITE_PLAIN);
    buf_put_u8(&t->out->body, c.u.text.form);
    buf_put(&t->out->body, c.u.text.text.data, c.u.text.text.len);
}

/* True: *who is the device, which may speak; else the result is set. */
static bool find_sender(struct taking *t, struct device_who *who)
{
    struct peer p;
    int known = peers_get(t->k->vault, t->m->from, &p);
    const struct device_row *row = device_list_find(&p.list, t->m->from_device);
    bool ever = device_list_ever(&p.list, t->m->from_device) != NULL;
    bool final = t->fresh && strcmp(t->fresh, p.key) == 0 && p.trouble == PEER_FINE;
    memcpy(t->out->name, p.key, sizeof t->out->name);
    if (row) device_list_who(&p.list, row, who);
    peer_free(&p);
    if (known < 0)
        result(t, ROOM_STORE);
    else if (!row && ever)
        not_opened(t, OPEN_REVOKED, false);
    else if (!row && final)
        not_opened(t, OPEN_STRANGER, false);
    else if (!row)
        result(t, ROOM_NEED_LIST);
    return row && known >= 0;
}

/* Was the sender in, and free to speak, at that number? Else the result is set. */
static bool may_speak(struct taking *t, const struct device_who *who)
{
    struct membership_person p;
    int in = group_member_at(t->k->vault, t->g, who->account_key, t->m->seq, &p);
    if (in < 0)
        result(t, ROOM_STORE);
    else if (in == 0)
        not_opened(t, OPEN_NOT_MEMBER, false);
    else if (p.muted_until > t->m->time_ms)
        result(t, ROOM_NOTHING);
    return in > 0 && p.muted_until <= t->m->time_ms;
}

static void open_body(struct taking *t, const struct device_who *who, const uint8_t log_hash[SEALED_HASH])
{
    struct buf content = {0};
    enum sender_key_verdict verdict;
    bool failed;
    enum group_verdict v = group_open(t->k, t->g, t->m, who, log_hash, &content, &verdict, &failed);
    if (failed)
        result(t, ROOM_STORE);
    else if (v == GROUP_OPENED)
        take_content(t, sealed_head(&content));
    else if (v == GROUP_REPEATED)
        result(t, ROOM_NOTHING);
    else if (v == GROUP_NO_SENDER_KEY && t->patient)
        result(t, ROOM_NEED_KEY);
    else if (v == GROUP_NO_SENDER_KEY)
        not_opened(t, OPEN_NO_SENDER_KEY, true);
    else
        not_opened(t, verdict_of(verdict), verdict != SENDER_KEY_FORGED);
    sealed_buf_wipe(&content);
}

/* Whoever asks for an own message again gets it only if it stands behind their joining. */
static int note_number(struct taking *t)
{
    uint8_t number[8];
    if (t->m->from_device != t->k->identity->device) return 0;
    put_u64(number, t->m->seq);
    return vault_put(t->k->vault, VAULT_GROUP_SENT, name_in_store(t->g), t->m->id,
                     sealed_slice(number, sizeof number));
}

static void take_message(struct taking *t)
{
    struct device_who who;
    uint8_t log_hash[SEALED_HASH];
    uint32_t generation, log_seq;
    if (t->g->log.seq == 0) {
        result(t, ROOM_NEED_LOG);
        return;
    }
    if (!find_sender(t, &who) || !may_speak(t, &who)) return;
    if (!sender_key_peek(t->m->body, &generation, &log_seq)) {
        not_opened(t, OPEN_DAMAGED, false);
        return;
    }
    int r = note_number(t) < 0 ? -1 : group_hash(t->k->vault, t->g, log_seq, log_hash);
    if (r < 0)
        result(t, ROOM_STORE);
    else if (r > 0)
        open_body(t, &who, log_hash);
    else if (t->patient)
        result(t, ROOM_NEED_LOG);
    else
        not_opened(t, OPEN_DAMAGED, false); /* it names an entry that there is not */
}

void room_take(const struct keyring *k, struct group *g, const struct wire_deliver *m, const char *fresh,
               bool patient, struct room_taken *out)
{
    struct taking t = {k, g, m, fresh, patient, out};
    *out = (struct room_taken){.result = ROOM_NOTHING};
    if (m->flags & GROUP_FLAG_GAP) {
        show(&t, VAULT_GAP);
        buf_put(&out->body, m->body.data, m->body.len);
    } else if (m->flags & WIRE_FLAG_ENTRY) {
        take_entry(&t);
    } else {
        take_message(&t);
    }
}

void room_done(struct room_taken *t)
{
    sealed_buf_wipe(&t->body);
}

/* --- parked --- */

int room_park(struct vault *v, const struct group *g, const struct wire_deliver *m)
{
    struct buf value = {0};
    packed_put(&value, m);
    int r = vault_put(v, VAULT_ROOM_PARKED, name_in_store(g), m->seq, sealed_head(&value));
    buf_free(&value);
    return r < 0 ? -1 : 0;
}

int room_parked(struct vault *v, const struct group *g, struct buf *value, struct wire_deliver *m)
{
    char name[VAULT_NAME];
    uint64_t number = 0;
    snprintf(name, sizeof name, "%s", g->key + 1);
    int r = vault_next_value(v, VAULT_ROOM_PARKED, name, &number);
    if (r <= 0 || strcmp(name, g->key + 1) != 0) return r < 0 ? -1 : 0;
    r = vault_get(v, VAULT_ROOM_PARKED, name_in_store(g), number, value);
    if (r > 0 && !packed_get(sealed_head(value), m)) {
        *m = (struct wire_deliver){.flags = GROUP_FLAG_GAP}; /* damaged: shown as nothing */
        m->seq = number;
    }
    return r;
}

int room_unpark(struct vault *v, const struct group *g, const struct wire_deliver *m)
{
    return vault_drop(v, VAULT_ROOM_PARKED, name_in_store(g), m->seq);
}

int room_number_of(struct vault *v, struct slice room, uint64_t id, uint64_t *number)
{
    struct buf value = {0};
    char key[NAME_SIZE];
    name_fold(key, (const char *)room.data, room.len);
    int r = vault_get(v, VAULT_GROUP_SENT, text_of(key + 1), id, &value);
    if (r > 0 && buf_len(&value) == 8) *number = get_u64(buf_head(&value));
    buf_free(&value);
    return r;
}
