/* keypress.c - see keypress.h. */
#include "keypress.h"

#include <string.h>

enum { ESCAPE = 27, CTRL_C = 3 };

static const struct {
    const char *bytes;
    int key;
} sequences[] = {
    {"\033[A", KEY_UP},   {"\033OA", KEY_UP},   {"\033[5~", KEY_PAGE_UP},
    {"\033[B", KEY_DOWN}, {"\033OB", KEY_DOWN}, {"\033[6~", KEY_PAGE_DOWN},
};

/* Parameters and a final byte (ECMA-48), or one character behind Escape. */
static size_t sequence_length(struct slice s)
{
    size_t n = 2;
    if (s.data[1] == 'O') return s.len < 3 ? s.len : 3;
    if (s.data[1] != '[') return n;
    while (n < s.len && (s.data[n] < 0x40 || s.data[n] > 0x7E))
        n++;
    return n < s.len ? n + 1 : n;
}

static size_t character_length(struct slice s)
{
    size_t n = 1;
    while (n < s.len && (s.data[n] & 0xC0) == 0x80)
        n++;
    return n;
}

size_t keypress(struct slice bytes, int *key)
{
    uint8_t first = bytes.data[0];
    *key = first == '\r' || first == '\n' ? KEY_ENTER : first == CTRL_C ? KEY_INTERRUPT : first;
    if (first != ESCAPE) return character_length(bytes);
    *key = bytes.len == 1 ? KEY_ESCAPE : KEY_NONE;
    if (bytes.len == 1) return 1;
    size_t n = sequence_length(bytes);
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++)
        if (strlen(sequences[i].bytes) == n && memcmp(sequences[i].bytes, bytes.data, n) == 0) *key = sequences[i].key;
    return n;
}
