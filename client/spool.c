/* spool.c - see spool.h: a ring of chunks, each with the state behind it, and a count that is stored last. */
#include "spool.h"

#include <string.h>

struct spool_slot {
    struct blob_state after;
    uint32_t len;
    bool last;
    uint8_t bytes[BLOB_SEALED];
};

struct spool_data {
    bool started; /* header and start are valid */
    uint8_t header[BLOB_HEADER];
    struct blob_state start;
    uint64_t sealed; /* slot i % SPOOL_CHUNKS holds chunk i, of the last SPOOL_CHUNKS below this */
    struct spool_slot slot[SPOOL_CHUNKS];
};

static struct spool_slot *slot_of(const struct spool *s, uint64_t chunk)
{
    return &s->d->slot[chunk % SPOOL_CHUNKS];
}

enum mapped_state spool_open(struct spool *s, const char *path, const uint8_t blob[BLOB_ID],
                             const uint8_t key[SEALED_KEY], struct why *why)
{
    enum mapped_state state = mapped_open(&s->file, path, sizeof *s->d, blob, why);
    s->d = s->file.data;
    if (!s->d || s->d->started) return state;
    blob_seal_start(&s->d->start, key, s->d->header);
    __atomic_store_n(&s->d->started, true, __ATOMIC_RELEASE);
    return MAPPED_FRESH;
}

void spool_close(struct spool *s)
{
    mapped_close(&s->file);
    s->d = NULL;
}

const uint8_t *spool_header(const struct spool *s)
{
    return s->d->header;
}

uint64_t spool_sealed(const struct spool *s)
{
    return s->d->sealed;
}

uint64_t spool_oldest(const struct spool *s)
{
    return s->d->sealed > SPOOL_CHUNKS ? s->d->sealed - SPOOL_CHUNKS : 0;
}

bool spool_ended(const struct spool *s)
{
    return s->d->sealed > 0 && slot_of(s, s->d->sealed - 1)->last;
}

/* The slot that is written is that of a chunk that nobody asks for once this one is counted. A process that
 * dies before that has given the bytes to nobody. */
void spool_seal(struct spool *s, struct slice text, bool last)
{
    uint64_t n = s->d->sealed;
    struct spool_slot *slot = slot_of(s, n);
    struct blob_state state = n ? slot_of(s, n - 1)->after : s->d->start;
    blob_seal(&state, text, last, slot->bytes);
    slot->after = state;
    slot->len = (uint32_t)(text.len + BLOB_TAG);
    slot->last = last;
    __atomic_store_n(&s->d->sealed, n + 1, __ATOMIC_RELEASE);
    sodium_memzero(&state, sizeof state);
}

struct slice spool_chunk(const struct spool *s, uint64_t chunk)
{
    const struct spool_slot *slot = slot_of(s, chunk);
    return sealed_slice(slot->bytes, slot->len);
}
