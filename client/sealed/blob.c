/* blob.c - see blob.h: crypto_secretstream with the place of each chunk as its associated data. */
#include "blob.h"

static unsigned log2_of(uint64_t n)
{
    return 63 - (unsigned)__builtin_clzll(n);
}

/* Padme (Nikitin et al., PETS 2019): as many low bits are zero as the size has bits beyond those that say how
 * many bits it has. */
uint64_t blob_padded(uint64_t size)
{
    if (size < 2) return size;
    unsigned bits = log2_of(size), kept = log2_of(bits) + 1;
    if (kept >= bits) return size;
    uint64_t low = (UINT64_C(1) << (bits - kept)) - 1;
    return (size + low) & ~low;
}

uint64_t blob_chunks(uint64_t size)
{
    uint64_t text = blob_padded(size);
    return text ? (text - 1) / BLOB_CHUNK + 1 : 1;
}

size_t blob_chunk_len(uint64_t size, uint64_t chunk)
{
    uint64_t left = blob_padded(size) - chunk * BLOB_CHUNK;
    return left < BLOB_CHUNK ? (size_t)left : BLOB_CHUNK;
}

uint64_t blob_sealed_size(uint64_t size)
{
    return BLOB_HEADER + blob_padded(size) + blob_chunks(size) * BLOB_TAG;
}

uint64_t blob_offset(uint64_t chunk)
{
    return BLOB_HEADER + chunk * BLOB_SEALED;
}

uint64_t blob_whole_chunks(uint64_t n)
{
    return n < BLOB_HEADER ? 0 : (n - BLOB_HEADER) / BLOB_SEALED;
}

void blob_seal_start(struct blob_state *s, const uint8_t key[SEALED_KEY], uint8_t header[BLOB_HEADER])
{
    s->chunk = 0;
    crypto_secretstream_xchacha20poly1305_init_push(&s->stream, header, key);
}

static uint8_t tag_of(bool last)
{
    return last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
                : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
}

void blob_seal(struct blob_state *s, struct slice text, bool last, uint8_t *out)
{
    uint8_t place[8];
    put_u64(place, s->chunk++);
    crypto_secretstream_xchacha20poly1305_push(&s->stream, out, NULL, text.data, text.len, place, sizeof place,
                                               tag_of(last));
}

bool blob_open_start(struct blob_state *s, const uint8_t key[SEALED_KEY], const uint8_t header[BLOB_HEADER])
{
    s->chunk = 0;
    return crypto_secretstream_xchacha20poly1305_init_pull(&s->stream, header, key) == 0;
}

bool blob_open(struct blob_state *s, struct slice sealed, bool last, uint8_t *out)
{
    uint8_t place[8], tag;
    struct blob_state after = *s;
    put_u64(place, after.chunk++);
    bool good = sealed.len >= BLOB_TAG && sealed.len <= BLOB_SEALED &&
                crypto_secretstream_xchacha20poly1305_pull(&after.stream, out, NULL, &tag, sealed.data, sealed.len,
                                                           place, sizeof place) == 0 &&
                tag == tag_of(last);
    if (good) *s = after;
    sodium_memzero(&after, sizeof after);
    return good;
}
