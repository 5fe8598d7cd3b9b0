/*
 * fuzz_sealed_blob.c - a blob with chunks cut, moved, exchanged and changed: what opens is the chunk that was
 * sealed at that place, and sizes agree with each other.
 */
#include "fuzz.h"
#include "sealed/blob.h"

enum { CHUNKS = 4 };

static const uint8_t key[SEALED_KEY] = {5};

static void sizes(uint64_t size)
{
    if (size > BLOB_SIZE_MAX) return;
    uint64_t text = blob_padded(size), n = blob_chunks(size), last = blob_chunk_len(size, n - 1);
    CHECK(text >= size && text - size <= size / 8 && blob_padded(text) == text);
    CHECK(n >= 1 && last <= BLOB_CHUNK && (n - 1) * BLOB_CHUNK + last == text);
    CHECK(blob_sealed_size(size) == blob_offset(n - 1) + last + BLOB_TAG);
    CHECK(blob_whole_chunks(blob_offset(n)) == n && blob_whole_chunks(blob_offset(n) - 1) == n - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    struct blob_state s;
    uint8_t header[BLOB_HEADER], sealed[CHUNKS][64 + BLOB_TAG], text[CHUNKS][64], out[64 + BLOB_TAG];
    size_t len[CHUNKS];
    sizes(cur_u64(&in));
    fuzz_random_start();
    blob_seal_start(&s, key, header);
    for (size_t i = 0; i < CHUNKS; i++) {
        len[i] = cur_u8(&in) % 65;
        memset(text[i], (int)i, sizeof text[i]);
        blob_seal(&s, sealed_slice(text[i], len[i]), i + 1 == CHUNKS, sealed[i]);
    }
    CHECK(blob_open_start(&s, key, header));
    for (uint64_t place = 0; place < CHUNKS && in.p != in.end;) {
        size_t from = cur_u8(&in) % CHUNKS, cut = cur_u8(&in);
        uint8_t at = cur_u8(&in), change = cur_u8(&in);
        bool last = cur_u8(&in) & 1;
        size_t n = len[from] + BLOB_TAG, take = cut < n ? n - cut : 0;
        uint8_t *copy = fuzz_copy(sealed[from], take);
        if (at < take) copy[at] ^= change;
        bool right = from == place && take == n && (at >= take || change == 0) && last == (place + 1 == CHUNKS);
        CHECK(blob_open(&s, sealed_slice(copy, take), last, out) == right);
        CHECK(s.chunk == place + right);
        if (right) CHECK(memcmp(out, text[place], len[place]) == 0);
        place += right;
        free(copy);
    }
    return 0;
}
