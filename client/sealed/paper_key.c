/* paper_key.c - see paper_key.h. */
#include "paper_key.h"

#include <sodium.h>
#include <string.h>

/* The seed and the first byte of its SHA-256. */
static void with_checksum(const uint8_t *seed, uint8_t bits[PAPER_SEED + 1])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, seed, PAPER_SEED);
    memmove(bits, seed, PAPER_SEED);
    bits[PAPER_SEED] = hash[0];
    sodium_memzero(hash, sizeof hash);
}

void paper_key_spell(const uint8_t seed[PAPER_SEED], char text[PAPER_TEXT])
{
    uint8_t bits[PAPER_SEED + 1];
    with_checksum(seed, bits);
    words_spell(bits, PAPER_WORDS, ' ', text);
    sodium_memzero(bits, sizeof bits);
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The next word at or behind *at; its length, 0 at the end. */
static size_t next_word(const char *text, size_t len, size_t *at)
{
    while (*at < len && !letter(text[*at]))
        (*at)++;
    size_t n = 0;
    while (*at + n < len && letter(text[*at + n]))
        n++;
    return n;
}

static void put_bits(uint8_t *bits, size_t from, unsigned v)
{
    for (size_t i = 0; i < WORDS_BITS; i++)
        if (v >> (WORDS_BITS - 1 - i) & 1)
            bits[(from + i) / 8] |= (uint8_t)(0x80 >> (from + i) % 8);
}

static enum paper_verdict gather(const char *text, size_t len, uint8_t bits[PAPER_SEED + 1],
                                 struct paper_fault *fault)
{
    size_t n;
    for (size_t at = 0; (n = next_word(text, len, &at)) > 0; at += n) {
        if (++fault->n > PAPER_WORDS) continue;
        int number = words_find(text + at, n);
        if (number >= 0) {
            put_bits(bits, (fault->n - 1) * WORDS_BITS, (unsigned)number);
        } else if (fault->place == 0) {
            fault->place = fault->n;
            fault->n_near = words_near(text + at, n, fault->near);
        }
    }
    if (fault->n != PAPER_WORDS) return PAPER_COUNT;
    return fault->place ? PAPER_UNKNOWN : PAPER_GOOD;
}

enum paper_verdict paper_key_read(const char *text, size_t len, uint8_t seed[PAPER_SEED],
                                  struct paper_fault *fault)
{
    uint8_t bits[PAPER_SEED + 1] = {0}, right[PAPER_SEED + 1];
    *fault = (struct paper_fault){0};
    enum paper_verdict v = gather(text, len, bits, fault);
    with_checksum(bits, right);
    if (v == PAPER_GOOD && sodium_memcmp(bits, right, sizeof bits) != 0) v = PAPER_CHECKSUM;
    if (v == PAPER_GOOD)
        memcpy(seed, bits, PAPER_SEED);
    else
        sodium_memzero(seed, PAPER_SEED);
    sodium_memzero(bits, sizeof bits);
    sodium_memzero(right, sizeof right);
    return v;
}
