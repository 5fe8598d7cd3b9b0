/* show.c - see show.h. utf8proc (Unicode 14) says what a character is. */
#include "show.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum { MARKS_MAX = 8 };

/* Characters that their category calls harmless and that show nothing, or fill a line. */
static bool blank(int32_t cp)
{
    static const struct {
        int32_t first, last;
    } ranges[] = {
        {0x034F, 0x034F}, {0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180B, 0x180F},   {0x2800, 0x2800},
        {0x3164, 0x3164}, {0xFE00, 0xFE0D}, {0xFFA0, 0xFFA0}, {0xE0000, 0xE0FFF},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (cp >= ranges[i].first && cp <= ranges[i].last) return true;
    return false;
}

bool show_unsafe(int32_t cp)
{
    if (cp >= 0x20 && cp < 0x7F) return false;
    switch (utf8proc_category(cp)) {
    case UTF8PROC_CATEGORY_CC: /* C0, DEL, C1 */
    case UTF8PROC_CATEGORY_CF: /* bidi, zero width, tags, soft hyphen */
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return true;
    default: return blank(cp);
    }
}

static bool is_mark(int32_t cp)
{
    utf8proc_category_t c = utf8proc_category(cp);
    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_ME;
}

struct filter {
    struct buf *out;
    const char *indent; /* NULL: a single line */
    unsigned marks;     /* combining marks on the present character */
    unsigned cut;       /* and those left out */
    bool base;          /* there is a character that a mark can sit on */
};

static void put_text(struct buf *out, const char *text)
{
    buf_put(out, text, strlen(text));
}

static void end_marks(struct filter *f)
{
    char text[32];
    if (f->cut) {
        snprintf(text, sizeof text, "<%u marks>", f->cut);
        put_text(f->out, text);
    }
    f->marks = f->cut = 0;
}

static void put_visible(struct filter *f, const char *format, unsigned value)
{
    char text[16];
    end_marks(f);
    snprintf(text, sizeof text, format, value);
    put_text(f->out, text);
    f->base = false;
}

static void put_mark(struct filter *f, int32_t cp, const uint8_t *bytes, size_t n)
{
    if (!f->base)
        put_visible(f, "<U+%04X>", (unsigned)cp);
    else if (f->marks == MARKS_MAX)
        f->cut++;
    else {
        f->marks++;
        buf_put(f->out, bytes, n);
    }
}

static void put_char(struct filter *f, int32_t cp, const uint8_t *bytes, size_t n)
{
    if (f->indent && (cp == '\n' || cp == '\t')) {
        end_marks(f);
        buf_put(f->out, bytes, n);
        if (cp == '\n') put_text(f->out, f->indent);
        f->base = false;
    } else if (show_unsafe(cp)) {
        put_visible(f, "<U+%04X>", (unsigned)cp);
    } else if (is_mark(cp)) {
        put_mark(f, cp, bytes, n);
    } else {
        end_marks(f);
        buf_put(f->out, bytes, n);
        f->base = true;
    }
}

/* The next character and its length; -1 and 1 for a byte that is not UTF-8. */
static int32_t next_char(struct slice text, size_t at, size_t *n)
{
    int32_t cp = text.data[at];
    *n = 1;
    if (cp < 0x80) return cp;
    utf8proc_ssize_t len = utf8proc_iterate(text.data + at, (utf8proc_ssize_t)(text.len - at), &cp);
    if (len <= 0) return -1;
    *n = (size_t)len;
    return cp;
}

static void filter(struct buf *out, struct slice text, const char *indent)
{
    struct filter f = {.out = out, .indent = indent};
    size_t n;
    for (size_t at = 0; at < text.len; at += n) {
        int32_t cp = next_char(text, at, &n);
        if (cp < 0)
            put_visible(&f, "<x%02X>", text.data[at]);
        else
            put_char(&f, cp, text.data + at, n);
    }
    end_marks(&f);
}

void show_line(struct buf *out, struct slice text)
{
    filter(out, text, NULL);
}

void show_body(struct buf *out, struct slice text, const char *indent)
{
    filter(out, text, indent);
}

const char *show_word(char *out, size_t cap, struct slice text)
{
    struct buf b = {0};
    show_line(&b, text);
    size_t n = buf_len(&b), len;
    struct slice all = {n ? buf_head(&b) : (const uint8_t *)"", n};
    size_t at = 0;
    while (at < n && (next_char(all, at, &len), at + len < cap))
        at += len;
    memcpy(out, all.data, at);
    out[at] = '\0';
    buf_free(&b);
    return out;
}

bool show_is_utf8(struct slice text)
{
    size_t n;
    for (size_t at = 0; at < text.len; at += n)
        if (next_char(text, at, &n) < 0) return false;
    return true;
}
