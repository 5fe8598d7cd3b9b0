/* words.c - see words.h. */
#include "words.h"

#include <string.h>

#include "name.h"

/* Lower case of the ASCII letters, whatever the locale. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Compares a listed word with what was written, of which every letter must fit. */
static int compare(const char *listed, const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = lower(word[i]);
        if (listed[i] != c) return (unsigned char)listed[i] < (unsigned char)c ? -1 : 1;
    }
    return 0;
}

int words_find(const char *word, size_t len)
{
    if (len < WORDS_ENOUGH || len > WORDS_LETTERS) return -1;
    int low = 0, high = WORDS_COUNT - 1;
    while (low <= high) {
        int middle = (low + high) / 2, order = compare(words_list[middle], word, len);
        if (order == 0) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return -1;
}

size_t words_near(const char *word, size_t len, int near[WORDS_NEAR])
{
    unsigned rank[WORDS_NEAR];
    size_t n = 0;
    for (int i = 0; len > 0 && i < WORDS_COUNT; i++) {
        unsigned slips = name_distance(words_list[i], strlen(words_list[i]), word, len, 2);
        /* Of two as near, the one that begins right: the first letter is seldom wrong. */
        unsigned r = slips * 2 + (words_list[i][0] != lower(word[0]));
        if (slips > 2 || (n == WORDS_NEAR && r >= rank[n - 1])) continue;
        size_t at = n < WORDS_NEAR ? n++ : n - 1;
        for (; at > 0 && rank[at - 1] > r; at--) {
            rank[at] = rank[at - 1];
            near[at] = near[at - 1];
        }
        rank[at] = r;
        near[at] = i;
    }
    return n;
}

static unsigned take_bits(const uint8_t *bits, size_t from)
{
    unsigned v = 0;
    for (size_t i = from; i < from + WORDS_BITS; i++)
        v = v << 1 | (bits[i / 8] >> (7 - i % 8) & 1);
    return v;
}

void words_spell(const uint8_t *bits, size_t n, char join, char *out)
{
    for (size_t i = 0; i < n; i++) {
        const char *word = words_list[take_bits(bits, i * WORDS_BITS)];
        size_t len = strlen(word);
        if (i > 0) *out++ = join;
        memcpy(out, word, len);
        out += len;
    }
    *out = '\0';
}
