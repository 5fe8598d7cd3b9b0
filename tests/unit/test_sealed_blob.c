/*
 * test_sealed_blob.c - files as blobs: sizes at every boundary, and what a hostile server could do to the
 * chunks of one.
 */
#include "sealed_help.h"

#include "../../client/sealed/blob.h"

static const uint8_t key[SEALED_KEY] = {1, 2, 3};

/* A sealed file in memory. */
struct sealed_file {
    uint8_t *bytes;
    uint64_t size, len; /* of the content, of the blob */
};

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 31 + i / 65536);
}

static struct sealed_file seal_file(uint64_t size)
{
    struct sealed_file f = {.size = size, .len = blob_sealed_size(size)};
    struct blob_state s;
    uint8_t text[BLOB_CHUNK];
    uint64_t n = blob_chunks(size), at = 0;
    f.bytes = malloc(f.len);
    blob_seal_start(&s, key, f.bytes);
    for (uint64_t c = 0; c < n; c++) {
        size_t len = blob_chunk_len(size, c);
        for (size_t i = 0; i < len; i++, at++)
            text[i] = at < size ? byte_at(at) : 0;
        blob_seal(&s, sealed_slice(text, len), c + 1 == n, f.bytes + blob_offset(c));
    }
    assert_int_equal(at, blob_padded(size));
    return f;
}

/* Gives chunk c of f to a stream. */
static bool opens(struct blob_state *s, const struct sealed_file *f, uint64_t c, bool last, uint8_t *out)
{
    size_t len = blob_chunk_len(f->size, c) + BLOB_TAG;
    return blob_open(s, sealed_slice(f->bytes + blob_offset(c), len), last, out);
}

static void opens_whole(const struct sealed_file *f)
{
    struct blob_state s;
    uint8_t text[BLOB_CHUNK];
    uint64_t n = blob_chunks(f->size), at = 0;
    assert_true(blob_open_start(&s, key, f->bytes));
    for (uint64_t c = 0; c < n; c++) {
        assert_true(opens(&s, f, c, c + 1 == n, text));
        for (size_t i = 0; i < blob_chunk_len(f->size, c); i++, at++)
            if (text[i] != (at < f->size ? byte_at(at) : 0)) fail_msg("byte %llu", (unsigned long long)at);
    }
}

static void every_boundary(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 2, 3, 63, 64, 65, 1000, BLOB_CHUNK - 1, BLOB_CHUNK, BLOB_CHUNK + 1,
                                     2 * BLOB_CHUNK - 1, 2 * BLOB_CHUNK, 2 * BLOB_CHUNK + 1, 17 * BLOB_CHUNK - 1,
                                     17 * BLOB_CHUNK, 17 * BLOB_CHUNK + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct sealed_file f = seal_file(sizes[i]);
        opens_whole(&f);
        uint64_t last = blob_chunks(sizes[i]) - 1;
        assert_int_equal(f.len, blob_offset(last) + blob_chunk_len(sizes[i], last) + BLOB_TAG);
        free(f.bytes);
    }
}

static void sizes_tell_little(void **state)
{
    (void)state;
    uint64_t before = 0, classes = 0;
    for (uint64_t n = 1; n <= 1000000; n++) {
        uint64_t p = blob_padded(n);
        assert_true(p >= n && p >= before && p - n <= n * 12 / 100);
        assert_int_equal(blob_padded(p), p);
        classes += p != before;
        before = p;
    }
    assert_true(classes < 400);
    assert_int_equal(blob_padded(9), 10); /* 1001: of four bits two stay */
    assert_int_equal(blob_padded(BLOB_SIZE_MAX), BLOB_SIZE_MAX);
    assert_true(blob_padded(BLOB_SIZE_MAX - 1) <= BLOB_SIZE_MAX);
    assert_int_equal(blob_whole_chunks(0), 0);
    assert_int_equal(blob_whole_chunks(blob_offset(1) - 1), 0);
    assert_int_equal(blob_whole_chunks(blob_offset(1)), 1);
    assert_int_equal(blob_whole_chunks(blob_offset(17) + 5), 17);
}

/* The stream before chunk `from`. */
static struct blob_state at_chunk(const struct sealed_file *f, uint64_t from)
{
    struct blob_state s;
    uint8_t text[BLOB_CHUNK];
    assert_true(blob_open_start(&s, key, f->bytes));
    for (uint64_t c = 0; c < from; c++)
        assert_true(opens(&s, f, c, false, text));
    return s;
}

static void cut_moved_exchanged(void **state)
{
    (void)state;
    struct sealed_file f = seal_file(4 * BLOB_CHUNK), other = seal_file(4 * BLOB_CHUNK);
    uint8_t text[BLOB_CHUNK];
    uint64_t n = blob_chunks(f.size);
    for (uint64_t place = 0; place < n; place++) {
        struct blob_state s = at_chunk(&f, place), before = s;
        for (uint64_t c = 0; c < n; c++)
            if (c != place) assert_false(opens(&s, &f, c, c + 1 == n, text));
        assert_false(opens(&s, &other, place, place + 1 == n, text)); /* same key, another file */
        bool last = place + 1 == n;
        assert_false(opens(&s, &f, place, !last, text)); /* cut here, or longer than it is */
        assert_memory_equal(&s, &before, sizeof s);      /* a refused chunk changes nothing */
        assert_true(opens(&s, &f, place, last, text));
    }
    free(f.bytes);
    free(other.bytes);
}

/* The stream alone would notice a moved chunk; the number is there even if its chain did not. */
static void the_place_is_authenticated(void **state)
{
    (void)state;
    struct sealed_file f = seal_file(3 * BLOB_CHUNK);
    uint8_t text[BLOB_CHUNK];
    struct blob_state s = at_chunk(&f, 1);
    s.chunk = 2;
    assert_false(opens(&s, &f, 1, false, text));
    s.chunk = 1;
    assert_true(opens(&s, &f, 1, false, text));
    free(f.bytes);
}

static void lengths_and_bits(void **state)
{
    (void)state;
    struct sealed_file f = seal_file(100);
    uint8_t text[BLOB_CHUNK];
    struct blob_state s = at_chunk(&f, 0);
    size_t len = (size_t)(f.len - BLOB_HEADER);
    for (size_t n = 0; n < len; n++)
        assert_false(blob_open(&s, sealed_slice(f.bytes + BLOB_HEADER, n), true, text));
    for (size_t bit = 0; bit < len * 8; bit++) {
        f.bytes[BLOB_HEADER + bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(opens(&s, &f, 0, true, text));
        f.bytes[BLOB_HEADER + bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(opens(&s, &f, 0, true, text));
    uint8_t wrong[SEALED_KEY] = {9};
    assert_true(blob_open_start(&s, wrong, f.bytes));
    assert_false(opens(&s, &f, 0, true, text));
    static const uint8_t huge[BLOB_SEALED + 1];
    assert_false(blob_open(&s, sealed_slice(huge, sizeof huge), true, text));
    free(f.bytes);
}

/* What is kept of a state is enough to go on in another process. */
static void goes_on_from_a_copy(void **state)
{
    (void)state;
    uint8_t header[BLOB_HEADER], one[BLOB_SEALED], two[BLOB_SEALED], text[BLOB_CHUNK] = {7};
    struct blob_state s, copy;
    blob_seal_start(&s, key, header);
    blob_seal(&s, sealed_slice(text, BLOB_CHUNK), false, one);
    memcpy(&copy, &s, sizeof copy);
    blob_seal(&s, sealed_slice(text, 5), true, one);
    blob_seal(&copy, sealed_slice(text, 5), true, two);
    assert_memory_equal(one, two, 5 + BLOB_TAG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_boundary),       cmocka_unit_test(sizes_tell_little),
        cmocka_unit_test(cut_moved_exchanged),  cmocka_unit_test(the_place_is_authenticated),
        cmocka_unit_test(lengths_and_bits),     cmocka_unit_test(goes_on_from_a_copy),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
