/*
 * class.c - see class.h. The values:
 *   CLASS    version u8 (1), anchor key 32, name str8, own: seed 32
 *   INVITED  version u8 (1), secret 12, role u8, used u8, account key 32
 *   JOINING  version u8 (1), secret 12, anchor key 32, name str8
 *   MEMBER   the entry, without the anchor key in front
 */
#include "class.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { FORMAT = 1 };

static const uint64_t day_ms = UINT64_C(24) * 3600 * 1000;

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

static struct slice nothing(void)
{
    return sealed_slice("", 0);
}

void class_wipe(struct class_room *room)
{
    sodium_memzero(room, sizeof *room);
}

static bool decode_room(struct class_room *room, struct slice in)
{
    struct cur c = cur_of(in.data, in.len);
    bool good = cur_u8(&c) == FORMAT;
    cur_copy(&c, room->anchor_key, SEALED_KEY);
    struct slice name = cur_str8(&c), seed = cur_rest(&c);
    if (!good || c.bad || name.len > ANCHOR_CLASS_MAX || (seed.len && seed.len != SEALED_KEY)) return false;
    memcpy(room->name, name.data, name.len);
    room->name[name.len] = '\0';
    room->own = seed.len > 0;
    if (room->own) crypto_sign_seed_keypair(room->anchor_key, room->anchor_secret, seed.data);
    return true;
}

int class_get(struct vault *v, struct class_room *room)
{
    struct buf value = {0};
    *room = (struct class_room){0};
    int r = vault_get(v, VAULT_CLASS, nothing(), 0, &value);
    if (r > 0 && !decode_room(room, sealed_head(&value))) r = 0;
    sealed_buf_wipe(&value);
    return r;
}

static int put_room(struct vault *v, const uint8_t anchor_key[SEALED_KEY], struct slice name, struct slice seed)
{
    struct class_room old;
    struct buf value = {0};
    int r = class_get(v, &old);
    class_wipe(&old);
    if (r != 0 || name.len == 0 || name.len > ANCHOR_CLASS_MAX) return r < 0 ? -1 : 0;
    buf_put_u8(&value, FORMAT);
    buf_put(&value, anchor_key, SEALED_KEY);
    buf_put_str8(&value, name.data, name.len);
    buf_put(&value, seed.data, seed.len);
    r = vault_put(v, VAULT_CLASS, nothing(), 0, sealed_head(&value));
    sealed_buf_wipe(&value);
    return r < 0 ? -1 : 1;
}

int class_make(struct vault *v, const char *name, const struct sealed_random *rnd)
{
    uint8_t seed[SEALED_KEY], key[SEALED_KEY], secret[SEALED_SIGN_SECRET];
    sealed_fill(rnd, seed, sizeof seed);
    crypto_sign_seed_keypair(key, secret, seed);
    int r = put_room(v, key, text_of(name), sealed_slice(seed, sizeof seed));
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret, sizeof secret);
    return r;
}

int class_pin(struct vault *v, const uint8_t anchor_key[SEALED_KEY], struct slice name)
{
    return put_room(v, anchor_key, name, nothing());
}

/* --- invitations --- */

struct invited {
    uint8_t secret[INVITATION_SECRET], role, used, account_key[SEALED_KEY];
};

static int get_invited(struct vault *v, const char *key, struct invited *out)
{
    struct buf value = {0};
    *out = (struct invited){0};
    int r = vault_get(v, VAULT_INVITED, text_of(key), 0, &value);
    if (r > 0) {
        struct cur c = cur_of(buf_head(&value), buf_len(&value));
        bool good = cur_u8(&c) == FORMAT;
        cur_copy(&c, out->secret, sizeof out->secret);
        out->role = cur_u8(&c);
        out->used = cur_u8(&c);
        cur_copy(&c, out->account_key, SEALED_KEY);
        if (!good || !cur_end(&c)) r = 0;
    }
    sealed_buf_wipe(&value);
    return r;
}

static int put_invited(struct vault *v, const char *key, const struct invited *in)
{
    struct buf value = {0};
    buf_put_u8(&value, FORMAT);
    buf_put(&value, in->secret, sizeof in->secret);
    buf_put_u8(&value, in->role);
    buf_put_u8(&value, in->used);
    buf_put(&value, in->account_key, SEALED_KEY);
    int r = vault_put(v, VAULT_INVITED, text_of(key), 0, sealed_head(&value));
    sealed_buf_wipe(&value);
    return r < 0 ? -1 : 0;
}

int class_invite(struct vault *v, const char *name, uint8_t role, const struct sealed_random *rnd,
                 char code[INVITATION_CODE])
{
    char key[NAME_SIZE];
    struct invited fresh = {.role = role};
    name_fold(key, name, strlen(name));
    invitation_make(fresh.secret, rnd);
    invitation_spell(fresh.secret, code);
    int r = put_invited(v, key, &fresh);
    sodium_memzero(&fresh, sizeof fresh);
    return r;
}

int class_next_invited(struct vault *v, struct class_invited *out)
{
    char name[VAULT_NAME];
    uint64_t number = UINT64_MAX >> 1; /* on to the next name */
    struct invited in;
    memcpy(name, out->name, sizeof name);
    int r = vault_next_value(v, VAULT_INVITED, name, &number);
    if (r > 0 && (r = get_invited(v, name, &in)) >= 0) {
        memcpy(out->name, name, sizeof name);
        out->role = in.role;
        out->used = in.used != 0;
        memcpy(out->account_key, in.account_key, SEALED_KEY);
        r = 1;
    }
    sodium_memzero(&in, sizeof in);
    return r;
}

/* --- entries and claims --- */

int class_sign(const struct class_room *room, struct slice name, const uint8_t account_key[SEALED_KEY],
               uint8_t role, uint64_t now_ms, struct buf *item)
{
    /* Seconds rise, also for who loses the store and starts from a copy: no counter has to be kept. */
    struct anchor_entry e = {.serial = (uint32_t)(now_ms / 1000),
                             .class_name = text_of(room->name),
                             .name = name,
                             .role = role,
                             .issued_ms = now_ms,
                             .expires_ms = now_ms + CLASS_ENTRY_DAYS * day_ms};
    memcpy(e.account_key, account_key, SEALED_KEY);
    buf_put(item, room->anchor_key, SEALED_KEY);
    return anchor_sign(&e, room->anchor_secret, item);
}

static bool same(struct slice a, struct slice b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* Good also for the claim that used the code up, so that a lost answer can be given again. */
static enum class_claim judge(const struct class_room *room, const struct invited *in, struct slice name,
                              const struct invitation_claim *claim, struct slice bytes)
{
    if (!invitation_check(in->secret, room->anchor_key, bytes) || !same(claim->name, name) ||
        !same(claim->class_name, text_of(room->name)))
        return CLASS_CLAIM_NO_CODE;
    bool other = in->used && memcmp(in->account_key, claim->account_key, SEALED_KEY) != 0;
    return other ? CLASS_CLAIM_USED : CLASS_CLAIM_GOOD;
}

enum class_claim class_take_claim(struct vault *v, const struct class_room *room, struct slice name,
                                  struct slice claim, uint64_t now_ms, struct buf *item, struct buf *welcome)
{
    char key[NAME_SIZE];
    struct invited in;
    struct invitation_claim peek;
    if (!invitation_peek(&peek, claim)) return CLASS_CLAIM_NO_CODE;
    name_fold(key, (const char *)name.data, name.len);
    int r = get_invited(v, key, &in);
    enum class_claim result = r < 0 ? CLASS_CLAIM_STORE : r == 0 ? CLASS_CLAIM_NO_CODE : judge(room, &in, name, &peek, claim);
    if (result == CLASS_CLAIM_GOOD) {
        in.used = 1;
        memcpy(in.account_key, peek.account_key, SEALED_KEY);
        if (class_sign(room, name, peek.account_key, in.role, now_ms, item) < 0) {
            result = CLASS_CLAIM_NO_CODE;
        } else {
            const struct slice entry = sealed_slice(buf_head(item) + SEALED_KEY, buf_len(item) - SEALED_KEY);
            invitation_welcome(in.secret, room->anchor_key, entry, welcome);
            if (put_invited(v, key, &in) < 0 || class_take_entry(v, room, name, sealed_head(item), now_ms) < 0)
                result = CLASS_CLAIM_STORE;
        }
    }
    sodium_memzero(&in, sizeof in);
    return result;
}

/* The class that an entry names. */
static struct slice class_of(struct slice entry)
{
    struct cur c = cur_of(entry.data, entry.len);
    cur_u8(&c);
    cur_u32(&c);
    return cur_str8(&c);
}

bool class_peek(struct slice item, uint8_t anchor_key[SEALED_KEY], struct slice *name)
{
    struct anchor_entry e;
    if (item.len <= SEALED_KEY) return false;
    const struct slice entry = sealed_slice(item.data + SEALED_KEY, item.len - SEALED_KEY);
    memcpy(anchor_key, item.data, SEALED_KEY);
    *name = class_of(entry);
    enum anchor_verdict v = anchor_read(&e, entry, anchor_key, *name, 0);
    return v == ANCHOR_GOOD || v == ANCHOR_EXPIRED;
}

int class_take_entry(struct vault *v, const struct class_room *room, struct slice name, struct slice item,
                     uint64_t now_ms)
{
    struct anchor_entry e, old;
    struct buf value = {0};
    char key[NAME_SIZE], said[NAME_SIZE];
    if (item.len <= SEALED_KEY || memcmp(item.data, room->anchor_key, SEALED_KEY) != 0) return 0;
    const struct slice entry = sealed_slice(item.data + SEALED_KEY, item.len - SEALED_KEY);
    enum anchor_verdict verdict = anchor_read(&e, entry, room->anchor_key, text_of(room->name), now_ms);
    if (verdict != ANCHOR_GOOD && verdict != ANCHOR_EXPIRED) return 0;
    name_fold(key, (const char *)name.data, name.len);
    name_fold(said, (const char *)e.name.data, e.name.len);
    if (strcmp(key, said) != 0) return 0; /* an entry of somebody else, put under this name */
    int r = vault_get(v, VAULT_MEMBER, text_of(key), 0, &value);
    if (r > 0 && anchor_read(&old, sealed_head(&value), room->anchor_key, text_of(room->name), now_ms) != ANCHOR_DAMAGED &&
        (old.serial > e.serial || same(sealed_head(&value), entry)))
        r = 0; /* no news */
    else if (r >= 0)
        r = vault_put(v, VAULT_MEMBER, text_of(key), 0, entry) < 0 ? -1 : 1;
    buf_free(&value);
    return r;
}

/* --- joining --- */

int class_joining(struct vault *v, const uint8_t secret[INVITATION_SECRET], const uint8_t anchor_key[SEALED_KEY],
                  struct slice class_name)
{
    struct buf value = {0};
    buf_put_u8(&value, FORMAT);
    buf_put(&value, secret, INVITATION_SECRET);
    buf_put(&value, anchor_key, SEALED_KEY);
    buf_put_str8(&value, class_name.data, class_name.len);
    int r = vault_put(v, VAULT_JOINING, nothing(), 0, sealed_head(&value));
    sealed_buf_wipe(&value);
    return r < 0 ? -1 : 0;
}

static int welcome(struct vault *v, struct slice waiting, struct slice in, uint64_t now_ms)
{
    struct cur c = cur_of(waiting.data, waiting.len);
    struct anchor_entry e;
    struct slice entry;
    bool good = cur_u8(&c) == FORMAT;
    const uint8_t *secret = cur_bytes(&c, INVITATION_SECRET), *anchor_key = cur_bytes(&c, SEALED_KEY);
    struct slice name = cur_str8(&c);
    if (!good || !cur_end(&c) || !invitation_welcomed(secret, anchor_key, in, &entry) ||
        anchor_read(&e, entry, anchor_key, name, now_ms) != ANCHOR_GOOD)
        return 0;
    int r = class_pin(v, anchor_key, name);
    return r < 0 || vault_drop(v, VAULT_JOINING, nothing(), 0) < 0 ? -1 : r;
}

int class_take_welcome(struct vault *v, struct slice in, uint64_t now_ms)
{
    struct buf value = {0};
    int r = vault_get(v, VAULT_JOINING, nothing(), 0, &value);
    if (r > 0) r = welcome(v, sealed_head(&value), in, now_ms);
    sealed_buf_wipe(&value);
    return r;
}

/* --- who is who --- */

static int stand(struct vault *v, const struct class_room *room, struct slice name, const uint8_t *account_key,
                 uint64_t now_ms, uint8_t *role)
{
    struct anchor_entry e;
    struct buf value = {0};
    char key[NAME_SIZE];
    name_fold(key, (const char *)name.data, name.len);
    int r = vault_get(v, VAULT_MEMBER, text_of(key), 0, &value);
    if (r == 0) r = CLASS_OUTSIDE;
    if (r == 1) {
        enum anchor_verdict verdict = anchor_read(&e, sealed_head(&value), room->anchor_key, text_of(room->name), now_ms);
        bool known = verdict == ANCHOR_GOOD || verdict == ANCHOR_EXPIRED;
        bool fits = known && memcmp(e.account_key, account_key, SEALED_KEY) == 0;
        if (known) *role = e.role;
        r = !known ? CLASS_OUTSIDE : !fits ? CLASS_OTHER_KEY : verdict == ANCHOR_GOOD ? CLASS_MEMBER : CLASS_EXPIRED;
    }
    buf_free(&value);
    return r;
}

int class_standing(struct vault *v, struct slice name, const uint8_t account_key[SEALED_KEY], uint64_t now_ms,
                   uint8_t *role)
{
    struct class_room room;
    int r = class_get(v, &room);
    *role = 0;
    if (r > 0) r = stand(v, &room, name, account_key, now_ms, role);
    class_wipe(&room);
    return r;
}

const char *class_words(enum class_standing s, uint8_t role)
{
    static const char *const members[] = {"verified by the class: student", "verified by the class: assistant",
                                          "verified by the class: instructor"};
    switch (s) {
    case CLASS_MEMBER: return members[role <= ANCHOR_INSTRUCTOR ? role : 0];
    case CLASS_OTHER_KEY: return "STOP: not the key that the class has signed for this name";
    case CLASS_EXPIRED: return "the class's signature has expired";
    case CLASS_OUTSIDE: return "not in class";
    default: return "";
    }
}

int class_next_member(struct vault *v, char name[VAULT_NAME], struct anchor_entry *e, struct buf *bytes)
{
    struct class_room room;
    uint64_t number = UINT64_MAX >> 1;
    int r = class_get(v, &room);
    if (r > 0) r = vault_next_value(v, VAULT_MEMBER, name, &number);
    if (r > 0) r = vault_get(v, VAULT_MEMBER, text_of(name), 0, bytes);
    if (r > 0 && anchor_read(e, sealed_head(bytes), room.anchor_key, text_of(room.name), 0) == ANCHOR_DAMAGED) r = 0;
    class_wipe(&room);
    return r;
}
