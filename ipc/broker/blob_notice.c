/*
 * blob_notice.c - the ends of blobs that the sender's devices are told of: each once it is connected, and again
 * after every login until it has confirmed. They are few: what every recipient has fetched, what has expired.
 */
#include "blob.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

struct files_notice {
    struct files_notice *next;
    uint8_t id[BLOB_ID];
    struct account *account;
    uint64_t device, made_ms;
    uint8_t end; /* enum wire_blob_end */
};

static const char *words_of(uint8_t end)
{
    switch (end) {
    case WIRE_BLOB_EXPIRED: return "its time on the server was over before everybody had fetched it";
    case WIRE_BLOB_TAKEN_BACK: return "it was taken back";
    case WIRE_BLOB_FETCHED: return "everybody it was for has it, or declined it";
    case WIRE_BLOB_LOST: return "the server lost what was uploaded of it; it has to be sent again";
    default: return "the operator of the server has deleted it";
    }
}

static void say(struct session *s, const struct files_notice *n)
{
    const char *words = words_of(n->end);
    struct wire_blob_notice m = {.end = n->end, .text = {(const uint8_t *)words, strlen(words)}};
    size_t at;
    memcpy(m.blob, n->id, BLOB_ID);
    wire_put_blob_notice(session_begin(s, &at), &m);
    session_end(s, at);
}

static struct files_notice *add(struct broker *b, const uint8_t id[BLOB_ID], const struct store_blob_device *d,
                                uint64_t made_ms)
{
    struct files_notice *n = xmalloc(sizeof *n);
    *n = (struct files_notice){.next = b->files->notices, .account = people_by_id(b, d->account), .device = d->device,
                               .made_ms = made_ms, .end = d->state};
    memcpy(n->id, id, BLOB_ID);
    b->files->notices = n;
    return n;
}

static void load_one(void *arg, const uint8_t id[BLOB_ID], const struct store_blob_device *d, uint64_t made_ms)
{
    if (people_by_id(arg, d->account)) add(arg, id, d, made_ms);
}

void notice_load(struct broker *b)
{
    store_each_blob_notice(b->store, load_one, b);
}

size_t notice_make(struct broker *b, const struct blob *f, uint8_t end, uint64_t now_ms,
                   struct store_blob_device out[STORE_BLOB_TOLD_MAX])
{
    size_t n = 0;
    for (const struct device *d = f->from->device; d && n < STORE_BLOB_TOLD_MAX; d = d->next) {
        out[n] = (struct store_blob_device){f->from->id, d->id, end};
        const struct files_notice *made = add(b, f->id, &out[n++], now_ms);
        for (struct session *s = d->session; s; s = s->next)
            say(s, made);
    }
    return n;
}

void blobs_welcome(struct session *s)
{
    for (const struct files_notice *n = s->link->broker->files->notices; n; n = n->next)
        if (n->account == s->device->account && n->device == s->device->id) say(s, n);
}

/* The store forgets it, too. */
static void drop(struct broker *b, struct files_notice **at)
{
    struct files_notice *n = *at;
    struct store_blob_change c = {.op = STORE_BLOB_TOLD, .n = 1,
                                  .device = &(struct store_blob_device){n->account->id, n->device, 0}};
    memcpy(c.blob.id, n->id, BLOB_ID);
    store_blob(b->store, &c, NULL, NULL);
    *at = n->next;
    free(n);
}

void notice_noted(struct session *s, const uint8_t id[BLOB_ID])
{
    struct broker *b = s->link->broker;
    for (struct files_notice **p = &b->files->notices; *p; p = &(*p)->next) {
        const struct files_notice *n = *p;
        if (n->account != s->device->account || n->device != s->device->id || memcmp(n->id, id, BLOB_ID) != 0) continue;
        drop(b, p);
        return;
    }
}

void notice_forget(struct broker *b, uint64_t before_ms, const struct device *gone)
{
    struct files_notice **p = &b->files->notices;
    while (*p) {
        bool theirs = gone && (*p)->account == gone->account && (*p)->device == gone->id;
        if (theirs || (*p)->made_ms < before_ms)
            drop(b, p);
        else
            p = &(*p)->next;
    }
}
