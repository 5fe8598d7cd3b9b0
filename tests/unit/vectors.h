/*
 * vectors.h - reads published test vectors (JSON) for unit tests. Anything missing or malformed
 * fails the running test: a vector that cannot be read must not pass.
 */
#ifndef VECTORS_H
#define VECTORS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decoded from hex. Exactly len bytes are allocated, so a sanitizer sees a read past the end. */
struct bytes {
    uint8_t *data;
    size_t len;
};

/* Loads a file below tests/vectors, or below $TEST_VECTORS. The caller drops it: json_decref(). */
static inline json_t *vectors_load(const char *name)
{
    const char *dir = getenv("TEST_VECTORS");
    char path[4096];
    json_error_t err;

    snprintf(path, sizeof path, "%s/%s", dir ? dir : "tests/vectors", name);
    json_t *root = json_load_file(path, 0, &err);
    if (!root)
        fail_msg("cannot read %s: %s; run from the top of the repository or set TEST_VECTORS", path,
                 err.text);
    return root;
}

static inline const char *vectors_text(const json_t *obj, const char *key)
{
    const char *s = json_string_value(json_object_get(obj, key));

    if (!s) fail_msg("vector without a text \"%s\"", key);
    return s;
}

/* The caller frees .data. */
static inline struct bytes vectors_bytes(const json_t *obj, const char *key)
{
    const char *hex = vectors_text(obj, key);
    size_t len = strlen(hex) / 2;
    struct bytes b = {malloc(len ? len : 1), 0};
    const char *end = NULL;

    assert_non_null(b.data);
    if (strlen(hex) % 2 || sodium_hex2bin(b.data, len, hex, len * 2, NULL, &b.len, &end) != 0 ||
        b.len != len || end != hex + len * 2)
        fail_msg("\"%s\" of a vector is not hex", key);
    return b;
}

/* A value that must be n bytes long, to out. */
static inline void vectors_fixed(const json_t *obj, const char *key, uint8_t *out, size_t n)
{
    struct bytes b = vectors_bytes(obj, key);

    if (b.len != n) fail_msg("\"%s\" of a vector is %zu bytes long, not %zu", key, b.len, n);
    memcpy(out, b.data, n);
    free(b.data);
}

/* True when a Wycheproof case carries this flag. */
static inline bool vectors_flagged(const json_t *test, const char *flag)
{
    const json_t *flags = json_object_get(test, "flags");

    for (size_t i = 0; i < json_array_size(flags); i++)
        if (strcmp(json_string_value(json_array_get(flags, i)), flag) == 0) return true;
    return false;
}

#endif
