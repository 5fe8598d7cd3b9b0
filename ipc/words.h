/*
 * words.h - 2,048 words of our own, eleven bits each, for what people read aloud, compare and write
 * on paper (docs/sealed.md section 9).
 */
#ifndef WORDS_H
#define WORDS_H

#include "primitives.h"

enum {
    WORDS_COUNT = 2048,
    WORDS_BITS = 11,
    WORDS_LETTERS = 7, /* of the longest */
    WORDS_ENOUGH = 4,  /* letters that tell any two apart */
    WORDS_NEAR = 3,
};

/* In alphabetical order. */
extern const char words_list[WORDS_COUNT][WORDS_LETTERS + 1];

/*
 * The number of a word, written out or by its first four letters at least, without case; -1: it
 * is none of ours.
 */
int words_find(const char *word, size_t len);

/* Up to WORDS_NEAR numbers of words that `word` may be a slip of, nearest first; how many. */
size_t words_near(const char *word, size_t len, int near[WORDS_NEAR]);

/* n words for the first n * 11 bits, most significant first, joined by `join`, terminated. out
 * holds n * (WORDS_LETTERS + 1) bytes. */
void words_spell(const uint8_t *bits, size_t n, char join, char *out);

#endif
