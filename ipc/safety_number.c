/* safety_number.c - see safety_number.h. */
#include "safety_number.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "name.h"

enum { SIDE = crypto_hash_sha512_BYTES };

static const char label_words[] = "csmsg safety words 1", label_one[] = "csmsg fingerprint 1";

/* SHA-512 of start and key's name, then over and over with the key. */
static void iterate(struct slice start, const uint8_t *key, uint8_t side[SIDE])
{
    uint8_t text[SIDE + SEALED_KEY];
    crypto_hash_sha512(side, start.data, start.len);
    memcpy(text + SIDE, key, SEALED_KEY);
    for (int i = 0; i < SAFETY_ROUNDS; i++) {
        memcpy(text, side, SIDE);
        crypto_hash_sha512(side, text, sizeof text);
    }
}

static void side_of(const struct safety_account *a, uint8_t side[SIDE])
{
    struct buf b = {0};
    char name[NAME_SIZE];
    name_fold(name, (const char *)a->name.data, a->name.len);
    buf_put(&b, "\0\1", 2);
    buf_put(&b, a->key, SEALED_KEY);
    buf_put(&b, name, strlen(name));
    iterate(sealed_head(&b), a->key, side);
    buf_free(&b);
}

/* Six groups of five digits, each with a space behind. */
static void digits(const uint8_t side[SIDE], char out[SAFETY_NUMBER / 2])
{
    for (int group = 0; group < 6; group++) {
        uint64_t v = 0;
        for (int i = 0; i < 5; i++)
            v = v << 8 | side[group * 5 + i];
        for (int i = 4; i >= 0; i--, v /= 10)
            out[group * 6 + i] = (char)('0' + v % 10);
        out[group * 6 + 5] = ' ';
    }
}

void safety_number(const struct safety_account *a, const struct safety_account *b,
                   char number[SAFETY_NUMBER], char phrase[SAFETY_PHRASE])
{
    uint8_t side[2][SIDE], hash[crypto_hash_sha512_BYTES];
    char text[2][SAFETY_NUMBER / 2];
    side_of(a, side[0]);
    side_of(b, side[1]);
    digits(side[0], text[0]);
    digits(side[1], text[1]);
    /* By the digits that are shown; the sides decide only where those are equal. */
    int order = memcmp(text[0], text[1], sizeof text[0]);
    int low = order ? order > 0 : memcmp(side[0], side[1], SIDE) > 0;
    memcpy(number, text[low], sizeof text[0]);
    memcpy(number + sizeof text[0], text[!low], sizeof text[0]);
    number[SAFETY_NUMBER - 1] = '\0';

    struct buf all = {0};
    buf_put_str8(&all, label_words, sizeof label_words - 1);
    buf_put(&all, side[low], SIDE);
    buf_put(&all, side[!low], SIDE);
    crypto_hash_sha512(hash, buf_head(&all), buf_len(&all));
    words_spell(hash, SAFETY_WORDS, '-', phrase);
    buf_free(&all);
}

void safety_fingerprint(const uint8_t key[SEALED_KEY], char phrase[SAFETY_PHRASE])
{
    struct buf b = {0};
    uint8_t side[SIDE];
    buf_put_str8(&b, label_one, sizeof label_one - 1);
    buf_put(&b, key, SEALED_KEY);
    iterate(sealed_head(&b), key, side);
    words_spell(side, SAFETY_WORDS, '-', phrase);
    buf_free(&b);
}
