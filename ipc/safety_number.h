/*
 * safety_number.h - what two people compare to know that nobody sits between them: 60 digits, or
 * six words, over both account keys and names, the same on both sides (docs/sealed.md section 9). And
 * six words for one key, an account's or a server's.
 */
#ifndef SAFETY_NUMBER_H
#define SAFETY_NUMBER_H

#include "words.h"

enum {
    SAFETY_DIGITS = 60,
    SAFETY_NUMBER = SAFETY_DIGITS + 12, /* with 11 spaces and the terminator */
    SAFETY_WORDS = 6,
    SAFETY_PHRASE = SAFETY_WORDS * (WORDS_LETTERS + 1), /* terminated */
    SAFETY_ROUNDS = 5200,
};

struct safety_account {
    uint8_t key[SEALED_KEY];
    struct slice name; /* its case does not matter */
};

/* Twelve groups of five digits with spaces between, and six words with `-` between. */
void safety_number(const struct safety_account *a, const struct safety_account *b,
                   char number[SAFETY_NUMBER], char phrase[SAFETY_PHRASE]);

/* Six words for one key. Takes some milliseconds, on purpose. */
void safety_fingerprint(const uint8_t key[SEALED_KEY], char phrase[SAFETY_PHRASE]);

#endif
