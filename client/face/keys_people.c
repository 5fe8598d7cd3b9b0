/* keys_people.c - see keys_people.h. */
#include "keys_people.h"

#include <string.h>
#include <time.h>

#include "../class.h"
#include "../show.h"
#include "report.h"
#include "safety_number.h"
#include "errand.h"

static struct slice text_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

static struct safety_account account_of(const struct peer *p)
{
    struct safety_account a = {.name = {(const uint8_t *)p->list.name, p->list.name_len}};
    memcpy(a.key, p->list.account_key, sizeof a.key);
    return a;
}

static void put_date(struct buf *out, uint64_t ms)
{
    char text[32];
    struct tm tm;
    time_t t = (time_t)(ms / 1000);
    if (localtime_r(&t, &tm) && strftime(text, sizeof text, "%Y-%m-%d", &tm)) report_put(out, "%s", text);
}

static void put_state(struct buf *out, const char *name, const struct peer *p)
{
    if (p->trouble != PEER_FINE)
        report_put(out, "STOP: %s %s. Nothing is sent to them.", name, peer_trouble_words(p->trouble));
    else if (p->verified)
        report_put(out, "verified");
    else
        report_put(out, "not verified: compare the digits or the words with %s, by another way than\n"
                        "this network", name);
}

static void put_class(struct vault *v, const char *name, struct buf *out)
{
    struct buf words = {0};
    keys_class_words(v, name, errand_wall(), &words);
    if (buf_len(&words)) report_put(out, "\n%.*s", (int)buf_len(&words), (const char *)buf_head(&words));
    buf_free(&words);
}

enum keys_known keys_safety_lines(struct vault *v, const char *me, const char *name, struct buf *out)
{
    struct peer own, other;
    int mine = peers_get(v, text_of(me), &own), theirs = peers_get(v, text_of(name), &other);
    bool known = mine > 0 && theirs > 0 && own.list.n > 0 && other.list.n > 0;
    if (known) {
        char number[SAFETY_NUMBER], phrase[SAFETY_PHRASE], shown[NAME_SIZE];
        struct safety_account a = account_of(&own), b = account_of(&other);
        safety_number(&a, &b, number, phrase);
        show_word(shown, sizeof shown, b.name);
        report_put(out, "safety number with %s\n  %.36s\n  %s\n  %s\n", shown, number, number + 36, phrase);
        put_state(out, shown, &other);
        put_class(v, shown, out);
    }
    peer_free(&own);
    peer_free(&other);
    return mine < 0 || theirs < 0 ? KEYS_STORE : known ? KEYS_KNOWN : KEYS_UNKNOWN;
}

enum keys_known keys_device_lines(struct vault *v, const char *me, uint64_t this_device, struct buf *out)
{
    struct peer own;
    int r = peers_get(v, text_of(me), &own);
    for (size_t i = 0; r > 0 && i < own.list.n; i++) {
        const struct device_row *row = &own.list.row[i];
        report_put(out, "%s%016llx  since ", i ? "\n" : "", (unsigned long long)row->device);
        put_date(out, row->time);
        if (row->by)
            report_put(out, ", let in by %016llx", (unsigned long long)row->by);
        else
            report_put(out, i ? ", by the paper key" : ", the first");
        report_put(out, "%s%s", row->revoked ? "  revoked" : "",
                   row->device == this_device ? "  this device" : "");
    }
    bool known = r > 0 && own.list.n > 0;
    peer_free(&own);
    return r < 0 ? KEYS_STORE : known ? KEYS_KNOWN : KEYS_UNKNOWN;
}

/* A member whose keys were never fetched: what the class has signed cannot be compared yet. */
static bool is_member(struct vault *v, const char *name)
{
    struct buf entry = {0};
    char key[NAME_SIZE];
    name_fold(key, name, strlen(name));
    bool yes = vault_get(v, VAULT_MEMBER, text_of(key), 0, &entry) > 0;
    buf_free(&entry);
    return yes;
}

void keys_class_words(struct vault *v, const char *name, uint64_t now_ms, struct buf *out)
{
    struct peer p;
    uint8_t role;
    bool known = peers_get(v, text_of(name), &p) > 0 && p.list.n > 0;
    int standing = class_standing(v, text_of(name), p.list.account_key, now_ms, &role);
    if (standing > 0 && !known && is_member(v, name))
        report_put(out, "in class; their keys are compared with the first message");
    else if (standing > 0)
        report_put(out, "%s", class_words((enum class_standing)standing, role));
    peer_free(&p);
}

enum keys_known keys_account_words(struct vault *v, const char *me, char *words)
{
    struct peer own;
    int r = peers_get(v, text_of(me), &own);
    bool known = r > 0 && own.list.n > 0;
    if (known) safety_fingerprint(own.list.account_key, words);
    peer_free(&own);
    return r < 0 ? KEYS_STORE : known ? KEYS_KNOWN : KEYS_UNKNOWN;
}
