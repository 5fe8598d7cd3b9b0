/* span.c - see span.h. */
#include "span.h"

static uint32_t unit_of(uint8_t letter)
{
    return letter == 's' ? 1 : letter == 'm' ? 60 : letter == 'h' ? 3600 : letter == 'd' ? 86400 : 0;
}

bool span_seconds(struct slice word, uint32_t most, uint32_t *seconds)
{
    uint64_t n = 0, unit = word.len >= 2 ? unit_of(word.data[word.len - 1]) : 0;
    for (size_t i = 0; i + 1 < word.len; i++) {
        if (word.data[i] < '0' || word.data[i] > '9') return false;
        n = n * 10 + (uint64_t)(word.data[i] - '0');
        if (n > most) return false;
    }
    if (n * unit == 0 || n * unit > most) return false;
    *seconds = (uint32_t)(n * unit);
    return true;
}
