/* mention.c - see mention.h. */
#include "mention.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Part of a word: letters, digits, '_', and every byte of what is not ASCII. */
static bool in_word(uint8_t c)
{
    return isalnum(c) || c == '_' || c >= 0x80;
}

static bool has_word(struct slice text, const char *word, size_t n)
{
    for (size_t at = 0; n > 0 && at + n <= text.len; at++) {
        if (strncasecmp((const char *)text.data + at, word, n) != 0) continue;
        bool begins = at == 0 || !in_word(text.data[at - 1]);
        bool ends = at + n == text.len || !in_word(text.data[at + n]);
        if (begins && ends) return true;
    }
    return false;
}

bool mention_in(struct slice text, const char *me, const char *highlight)
{
    if (has_word(text, me, strlen(me))) return true;
    while (*highlight) {
        highlight += strspn(highlight, ", ");
        size_t n = strcspn(highlight, ","), word = n;
        while (word > 0 && highlight[word - 1] == ' ')
            word--;
        if (has_word(text, highlight, word)) return true;
        highlight += n;
    }
    return false;
}
