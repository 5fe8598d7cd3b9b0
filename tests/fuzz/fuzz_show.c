/*
 * fuzz_show.c - whatever comes in, what comes out of show.c is UTF-8 that moves no cursor and turns
 * no text around. A filtered text passes a second time unchanged.
 */
#include "fuzz.h"
#include "show.h"

static struct slice text_of(const struct buf *b)
{
    return buf_len(b) ? (struct slice){buf_head(b), buf_len(b)}
                      : (struct slice){(const uint8_t *)"", 0};
}

static void check(const struct buf *out, const char *allowed)
{
    struct slice text = text_of(out);
    uint32_t c;
    fuzz_check_harmless(text.data, text.len, allowed);
    CHECK(show_is_utf8(text));
    for (size_t at = 0; at < text.len;) {
        CHECK(fuzz_utf8(text.data, text.len, &at, &c));
        CHECK(!show_unsafe((int32_t)c) || (c < 0x20 && strchr(allowed, (int)c)));
    }
}

static void line(struct slice text)
{
    struct buf once = {0}, twice = {0};
    show_line(&once, text);
    check(&once, "");
    show_line(&twice, text_of(&once));
    CHECK(fuzz_same(text_of(&once), text_of(&twice)));
    buf_free(&once);
    buf_free(&twice);
}

/* Each line of a body but the first begins with the indent, so nobody can fake a line of ours. */
static void body(struct slice text)
{
    struct buf out = {0};
    show_body(&out, text, "  | ");
    check(&out, "\n\t");
    struct slice all = text_of(&out);
    for (size_t i = 0; i < all.len; i++)
        if (all.data[i] == '\n') CHECK(all.len - i > 4 && memcmp(all.data + i + 1, "  | ", 4) == 0);
    buf_free(&out);
}

static void word(struct slice text, size_t cap)
{
    char *out = malloc(cap);
    CHECK(out && show_word(out, cap, text) == out);
    CHECK(strlen(out) < cap);
    fuzz_check_harmless(out, strlen(out), "");
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    uint8_t *exact = fuzz_copy(data + 1, size - 1);
    struct slice text = {exact, size - 1};
    line(text);
    body(text);
    word(text, 1 + data[0] % 64u);
    free(exact);
    return 0;
}
