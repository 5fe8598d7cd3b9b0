/* sidecar.c - see sidecar.h: two states, and which of them holds. */
#include "sidecar.h"

struct sidecar_data {
    struct sidecar_state state[2];
    uint8_t which;
};

enum mapped_state sidecar_open(struct sidecar *s, const char *path, const uint8_t blob[BLOB_ID], struct why *why)
{
    enum mapped_state state = mapped_open(&s->file, path, sizeof *s->d, blob, why);
    s->d = s->file.data;
    return state;
}

void sidecar_close(struct sidecar *s)
{
    mapped_close(&s->file);
    s->d = NULL;
}

const struct sidecar_state *sidecar_state(const struct sidecar *s)
{
    return &s->d->state[s->d->which & 1];
}

void sidecar_store(struct sidecar *s, const struct sidecar_state *state)
{
    uint8_t next = !(s->d->which & 1);
    s->d->state[next] = *state;
    __atomic_store_n(&s->d->which, next, __ATOMIC_RELEASE);
}
