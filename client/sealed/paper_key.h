/*
 * paper_key.h - the seed of an account key as 24 words on paper: 256 bits and 8 of a checksum
 * (docs/sealed.md section 10).
 */
#ifndef SEALED_PAPER_KEY_H
#define SEALED_PAPER_KEY_H

#include "words.h"

enum {
    PAPER_WORDS = 24,
    PAPER_SEED = 32,
    PAPER_TEXT = PAPER_WORDS * (WORDS_LETTERS + 1), /* terminated */
};

enum paper_verdict {
    PAPER_GOOD,
    PAPER_COUNT,    /* not 24 words */
    PAPER_UNKNOWN,  /* one is none of the list */
    PAPER_CHECKSUM, /* all are, but one is wrong or two are exchanged */
};

/* What is wrong, for a person who holds the paper. */
struct paper_fault {
    size_t n;     /* COUNT: how many words there are */
    size_t place; /* UNKNOWN: which word, from 1 */
    size_t n_near;
    int near[WORDS_NEAR]; /* numbers of words it may be a slip of */
};

/* The words with spaces between; the caller wipes them. */
void paper_key_spell(const uint8_t seed[PAPER_SEED], char text[PAPER_TEXT]);

/*
 * Reads words with anything but letters between them; case does not matter, four letters of a word
 * are enough. Unless GOOD the seed is zero and *fault says more.
 */
enum paper_verdict paper_key_read(const char *text, size_t len, uint8_t seed[PAPER_SEED],
                                  struct paper_fault *fault) __attribute__((warn_unused_result));

#endif
