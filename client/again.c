/*
 * again.c - see again.h. Values: VAULT_LOST is device u64, recipient str8; VAULT_ASKED is day u32, asked
 * u8, renewed u8, due u8; VAULT_AGAIN is a count, u8.
 */
#include "again.h"

#include <string.h>

#include "file_book.h"
#include "group_keys.h"
#include "group_room.h"
#include "sealed/content.h"
#include "identity.h"

struct asked {
    uint32_t day;
    uint8_t asked, renewed, due;
};

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

static bool same_name(struct slice a, struct slice b)
{
    return a.len == b.len && strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0;
}

static int get_asked(const struct keyring *k, const char *key, uint64_t device, struct asked *a)
{
    struct buf value = {0};
    *a = (struct asked){0};
    int r = vault_get(k->vault, VAULT_ASKED, text_of(key), device, &value);
    struct cur c = cur_of(value.data, buf_len(&value));
    if (r > 0) {
        a->day = cur_u32(&c);
        a->asked = cur_u8(&c);
        a->renewed = cur_u8(&c);
        a->due = cur_u8(&c);
    }
    buf_free(&value);
    return r;
}

static int put_asked(const struct keyring *k, const char *key, uint64_t device, const struct asked *a)
{
    uint8_t value[7] = {[4] = a->asked, a->renewed, a->due};
    put_u32(value, a->day);
    return vault_put(k->vault, VAULT_ASKED, text_of(key), device, sealed_slice(value, sizeof value));
}

int again_is_due(const struct keyring *k, const char *key, uint64_t device)
{
    struct asked a;
    int r = get_asked(k, key, device, &a);
    return r <= 0 ? r : a.due;
}

int again_is_done(const struct keyring *k, const char *key, uint64_t device)
{
    struct asked a;
    int r = get_asked(k, key, device, &a);
    if (r <= 0 || !a.due) return r < 0 ? -1 : 0;
    a.due = 0;
    return put_asked(k, key, device, &a);
}

/* May this device be asked once more today? Counts it; renew: its sessions may be what is broken. */
static int afford(const struct keyring *k, const char *key, uint64_t device, bool renew)
{
    struct asked a;
    uint32_t day = keyring_day(k);
    if (get_asked(k, key, device, &a) < 0) return -1;
    if (a.day != day) a = (struct asked){.day = day, .due = a.due};
    if (a.asked >= AGAIN_ASKED) return 0;
    a.asked++;
    if (renew && !a.due && a.renewed < AGAIN_RENEWED) {
        a.renewed++;
        a.due = 1;
    }
    return put_asked(k, key, device, &a) < 0 ? -1 : 1;
}

/* Device numbers are random: with the id they name a message of an account. */
static uint64_t name_lost(uint64_t device, uint64_t id)
{
    return device + id;
}

static int note_lost(const struct keyring *k, const char *key, const struct wire_deliver *m)
{
    struct buf value = {0};
    buf_put_u64(&value, m->from_device);
    buf_put_str8(&value, m->to.data, m->to.len);
    int r = vault_put(k->vault, VAULT_LOST, text_of(key), name_lost(m->from_device, m->id),
                      sealed_head(&value));
    buf_free(&value);
    return r;
}

static int draft(const struct keyring *k, struct slice to, const struct content *content)
{
    struct buf bytes = {0};
    struct vault_draft d = {.quiet = true, .to = to};
    int r = content_encode(content, &bytes) < 0 ? -1 : vault_number(k->vault, &d.number);
    d.content = sealed_head(&bytes);
    if (r >= 0) r = vault_draft(k->vault, &d);
    sealed_buf_wipe(&bytes);
    return r < 0 ? -1 : 0;
}

int again_ask(const struct keyring *k, const struct wire_deliver *m, uint8_t reason)
{
    char key[NAME_SIZE];
    name_fold(key, (const char *)m->from.data, m->from.len);
    int r = afford(k, key, m->from_device, !(m->flags & WIRE_FLAG_ROOM));
    if (r <= 0) return r;
    const struct content request = {
        .kind = CONTENT_RESEND, .time_ms = k->now_ms, .u.resend = {m->from_device, m->id, reason}};
    return note_lost(k, key, m) < 0 ? -1 : draft(k, m->from, &request);
}

int again_came(const struct keyring *k, struct slice from, uint64_t device, uint64_t id, struct slice to)
{
    struct buf value = {0};
    char key[NAME_SIZE];
    name_fold(key, (const char *)from.data, from.len);
    int r = vault_get(k->vault, VAULT_LOST, text_of(key), name_lost(device, id), &value);
    struct cur c = cur_of(value.data, buf_len(&value));
    if (r > 0 && cur_u64(&c) != device) r = 0;
    if (r > 0 && !same_name(cur_str8(&c), to)) r = 0;
    if (r > 0 && vault_drop(k->vault, VAULT_LOST, text_of(key), name_lost(device, id)) < 0) r = -1;
    buf_free(&value);
    return r;
}

/* --- answering --- */

/* Counts an answer: 1, or 0 when there were enough. */
static int count(const struct keyring *k, const char *key, uint64_t id)
{
    struct buf value = {0};
    int r = vault_get(k->vault, VAULT_AGAIN, text_of(key), id, &value);
    uint8_t n = r > 0 && buf_len(&value) ? *buf_head(&value) : 0;
    buf_free(&value);
    if (r < 0 || n >= AGAIN_ANSWERED) return r < 0 ? -1 : 0;
    n++;
    return vault_put(k->vault, VAULT_AGAIN, text_of(key), id, sealed_slice(&n, 1)) < 0 ? -1 : 1;
}

/* An own offer as such content, from its row: the history has no keys. */
static bool inner_file(const struct keyring *k, const struct file_offer *offer, struct buf *out)
{
    struct file_row row;
    bool good = file_book_get(k->vault, offer->id, &row) > 0;
    if (good) {
        const struct content file = file_book_content(&row);
        good = content_encode(&file, out) == 0;
    }
    file_row_free(&row);
    return good;
}

/* What an own message said as content that may stand inside a kind 7. */
static bool inner(const struct keyring *k, const struct vault_sent *sent, struct buf *out)
{
    struct file_offer offer;
    if (file_offer_get(sent->body, &offer)) return inner_file(k, &offer, out);
    if (sent->body.len < 2 || sent->body.data[0] != WIRE_SUITE_PLAIN) return false;
    const struct content text = {
        .kind = CONTENT_TEXT,
        .time_ms = sent->time_ms,
        .u.text = {sent->body.data[1], sealed_slice(sent->body.data + 2, sent->body.len - 2)}};
    return content_encode(&text, out) == 0;
}

/*
 * A message to a group is for who is in and came in before it: 1. They lacked the key, too, and get it as it
 * stands.
 */
static int was_for(const struct keyring *k, const struct vault_sent *sent, uint64_t id, struct slice from)
{
    struct group g;
    struct buf room = {0};
    uint64_t number = 0;
    buf_put(&room, sent->to.data, sent->to.len); /* sent is gone with the next call on the store */
    group_start(&g, sealed_head(&room));
    int r = group_read(k->vault, &g);
    const struct membership_person *p = group_person(&g, from);
    if (r > 0) r = p && p->role != ROLE_NONE ? room_number_of(k->vault, sealed_head(&room), id, &number) : 0;
    if (r > 0) r = group_entered_before(k->vault, &g, p, number);
    if (r > 0) {
        char key[NAME_SIZE];
        name_fold(key, p->name, p->name_len);
        if (group_keys_give(k, &g, key) < 0) r = -1;
    }
    group_free(&g);
    buf_free(&room);
    return r;
}

int again_answer(const struct keyring *k, struct slice from, uint64_t id)
{
    struct vault_sent sent;
    struct buf text = {0};
    char key[NAME_SIZE], to[NAME_SIZE] = "";
    name_fold(key, (const char *)from.data, from.len);
    int r = vault_sent(k->vault, id, &sent);
    bool file = r > 0 && file_offer_get(sent.body, &(struct file_offer){0});
    if (r > 0) name_fold(to, (const char *)sent.to.data, sent.to.len); /* sent is gone with the next call */
    if (r > 0 && !inner(k, &sent, &text)) r = 0;
    if (r > 0 && file) r = vault_sent(k->vault, id, &sent); /* reading its row has moved the store on */
    if (r > 0 && sent.kind == WIRE_TO_USER) r = same_name(from, sent.to) || same_name(from, k->name);
    else if (r > 0) r = was_for(k, &sent, id, from);
    if (r > 0) r = count(k, key, id);
    if (r > 0) {
        const struct content again = {
            .kind = CONTENT_RESENT, .time_ms = k->now_ms, .u.resent = {id, text_of(to), sealed_head(&text)}};
        if (draft(k, from, &again) < 0) r = -1;
    }
    sealed_buf_wipe(&text);
    return r;
}
