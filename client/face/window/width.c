/* width.c - see width.h. */
#include "width.h"

#include <string.h>
#include <utf8proc.h>

size_t width_char(const char *text, size_t n, int32_t *cp)
{
    *cp = (unsigned char)text[0];
    if (*cp < 0x80) return 1;
    utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n, cp);
    if (len > 0) return (size_t)len;
    *cp = -1;
    return 1;
}

/* Vowels and finals of Hangul in parts: they are drawn into the cell of what begins the syllable. */
static bool joins_hangul(int32_t cp)
{
    return (cp >= 0x1160 && cp <= 0x11FF) || (cp >= 0xD7B0 && cp <= 0xD7FF);
}

unsigned width_of(int32_t cp)
{
    if (cp < 0x7F) return cp >= 0x20;
    if (joins_hangul(cp)) return 0;
    if (utf8proc_category(cp) == UTF8PROC_CATEGORY_MC) return 1; /* a vowel sign with a place of its own */
    int w = utf8proc_charwidth(cp);
    return w < 0 ? 0 : (unsigned)w;
}

struct cluster cluster_at(const char *text, size_t n)
{
    int32_t cp, next, state = 0;
    if (n == 0) return (struct cluster){0, 0};
    size_t at = width_char(text, n, &cp);
    if (cp == '\n' || cp == '\t') return (struct cluster){1, cp == '\t' ? WIDTH_TAB : 0};
    struct cluster c = {at, width_of(cp)};
    while (at < n) {
        size_t len = width_char(text + at, n - at, &next);
        if (cp < 0 || next < 0 || utf8proc_grapheme_break_stateful(cp, next, &state)) break;
        c.cells += width_of(next);
        at += len;
        cp = next;
    }
    c.bytes = at;
    return c;
}

unsigned width_text(const char *text, size_t n)
{
    unsigned cells = 0;
    for (size_t at = 0; at < n;) {
        struct cluster c = cluster_at(text + at, n - at);
        cells += c.cells;
        at += c.bytes;
    }
    return cells;
}

size_t width_fit(const char *text, size_t n, unsigned cells)
{
    size_t at = 0;
    unsigned used = 0;
    while (at < n) {
        struct cluster c = cluster_at(text + at, n - at);
        if (used + c.cells > cells) break;
        used += c.cells;
        at += c.bytes;
    }
    return at;
}

unsigned width_cut(char *out, size_t cap, const char *text, unsigned cells)
{
    size_t n = strlen(text), fit = width_fit(text, n, cells);
    bool cut = fit < n && cells > 0;
    if (cut) fit = width_fit(text, n, cells - 1);
    while (fit && fit + cut + 1 > cap)
        fit = width_fit(text, fit, width_text(text, fit) - 1);
    memcpy(out, text, fit);
    if (cut) out[fit] = '~';
    out[fit + cut] = '\0';
    return width_text(out, fit + cut);
}

struct wrapped width_wrap(const char *text, size_t n, unsigned cells)
{
    size_t at = 0, blank = 0; /* blank: behind the last one that follows a word, 0: none */
    unsigned used = 0;
    bool word = false;
    while (at < n && text[at] != '\n') {
        struct cluster c = cluster_at(text + at, n - at);
        if (used + c.cells > cells && at > 0) {
            if (text[at] == ' ') return (struct wrapped){at, at + 1};
            return blank ? (struct wrapped){blank - 1, blank} : (struct wrapped){at, at};
        }
        word |= text[at] != ' ';
        used += c.cells;
        at += c.bytes;
        if (word && text[at - 1] == ' ') blank = at;
    }
    return (struct wrapped){at, at < n ? at + 1 : n};
}

unsigned width_lines(const char *text, size_t n, unsigned cells, unsigned most)
{
    unsigned lines = 0;
    for (size_t at = 0; lines < most && (at < n || lines == 0); lines++)
        at += width_wrap(text + at, n - at, cells).next;
    return lines;
}
