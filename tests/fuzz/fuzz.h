/*
 * fuzz.h - what every fuzz target shares: its entry, its checks, pieces of the input, and random
 * numbers that repeat, so that an input that failed once fails again.
 *
 * A target is one small file with LLVMFuzzerTestOneInput(); it links the project's own objects.
 * What it defines itself (a store in memory, a clock that stands still) takes the place of the
 * library's member of that name: see quiet_loop.h. Built by clang it is a fuzzer, built with
 * replay.c it runs files once.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that did not hold. Never compiled out. */
#define CHECK(what) ((what) ? (void)0 : fuzz_failed(#what, __FILE__, __LINE__))

static inline _Noreturn void fuzz_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, what);
    abort();
}

/* A piece of the input with its length (one byte, or 255 and two bytes) in front, cut at the end.
 */
static inline struct slice fuzz_piece(struct cur *in)
{
    size_t n = cur_u8(in), left = (size_t)(in->end - in->p);
    if (n == 255) {
        n = cur_u16(in);
        left = (size_t)(in->end - in->p);
    }
    if (in->bad) return (struct slice){(const uint8_t *)"", 0};
    if (n > left) n = left;
    return (struct slice){cur_bytes(in, n), n};
}

/* A copy in memory of exactly its size, so that a byte beyond it is noticed. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    CHECK(copy);
    if (n) memcpy(copy, data, n);
    return copy;
}

static inline bool fuzz_same(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool fuzz_utf8(const uint8_t *s, size_t n, size_t *at, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = s[*at];
    size_t len = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
    if (len == 0 || len > n - *at) return false;
    if (len > 1) c &= 0x7fu >> len;
    for (size_t i = 1; i < len; i++) {
        if (s[*at + i] >> 6 != 2) return false;
        c = c << 6 | (s[*at + i] & 0x3fu);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return false;
    *at += len;
    *code = c;
    return true;
}

/* Nothing that moves a cursor or turns text around; newline and tab where allowed. */
static inline void fuzz_check_harmless(const void *text, size_t n, const char *allowed)
{
    const uint8_t *s = text;
    uint32_t c = 0;
    for (size_t at = 0; at < n;) {
        CHECK(fuzz_utf8(s, n, &at, &c));
        if (c && c < 0x20 && strchr(allowed, (int)c)) continue;
        CHECK(c >= 0x20 && (c < 0x7f || c > 0x9f));
        CHECK(c != 0x61c && c != 0x200e && c != 0x200f && c != 0x2028 && c != 0x2029);
        CHECK(!(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069));
    }
}

/* --- random numbers that repeat --- */

static uint64_t fuzz_seed;

static inline uint32_t fuzz_next(void)
{
    fuzz_seed = fuzz_seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(fuzz_seed >> 32);
}

static inline void fuzz_fill(void *const to, const size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)to)[i] = (uint8_t)fuzz_next();
}

static inline const char *fuzz_random_name(void)
{
    return "fuzz";
}

/* Makes libsodium's random numbers the same for each input. */
static inline void fuzz_random_start(void)
{
    static randombytes_implementation repeating = {
        .implementation_name = fuzz_random_name, .random = fuzz_next, .buf = fuzz_fill};
    static bool set;
    if (!set) {
        randombytes_set_implementation(&repeating);
        CHECK(sodium_init() >= 0);
        set = true;
    }
    fuzz_seed = 1;
}

#endif
