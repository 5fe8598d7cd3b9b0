/* test_window_text.c - cells of a text, cutting and wrapping it, and the grid that everything paints into. */
#include "client_fake.h"

#include "../../client/face/window/paste.h"
#include "../../client/face/window/screen.h"
#include "../../client/face/window/width.h"

#define HAN "\xe6\xbc\xa2"      /* two cells */
#define ACUTE "\xcc\x81"        /* a combining mark */
#define SMILE "\xf0\x9f\x98\x80" /* two cells */

static void test_cells(void **state)
{
    (void)state;
    assert_int_equal(width_text("abc", 3), 3);
    assert_int_equal(width_text(HAN HAN, 6), 4);
    assert_int_equal(width_text("e" ACUTE ACUTE "x", 6), 2);
    assert_int_equal(width_text(SMILE, 4), 2);
    assert_int_equal(width_text("a\tb", 3), 2 + WIDTH_TAB);
    assert_int_equal(width_text("", 0), 0);
    /* A vowel sign with a place of its own, and one that is drawn into its letter's. */
    assert_int_equal(width_text("\xe0\xa4\x95\xe0\xa4\xbe", 6), 2);
    assert_int_equal(width_text("\xe0\xa4\x95\xe0\xa5\x8d", 6), 1);
    /* Hangul in parts is one character of two cells. */
    assert_int_equal(width_text("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 9), 2);
}

static void test_fit(void **state)
{
    (void)state;
    assert_int_equal(width_fit("abc", 3, 2), 2);
    assert_int_equal(width_fit(HAN HAN, 6, 3), 3);
    assert_int_equal(width_fit("e" ACUTE "x", 4, 1), 3); /* never between a letter and its mark */
    assert_int_equal(width_fit(HAN, 3, 1), 0);
    assert_int_equal(width_fit("abc", 3, 9), 3);
}

static void cuts(const char *text, unsigned cells, const char *wanted)
{
    char out[32];
    assert_true(width_cut(out, sizeof out, text, cells) <= cells);
    assert_string_equal(out, wanted);
}

static void test_cut(void **state)
{
    char tiny[5];
    (void)state;
    cuts("alice", 5, "alice");
    cuts("alice", 4, "ali~");
    cuts(HAN HAN HAN, 4, HAN "~");
    cuts(HAN HAN, 4, HAN HAN);
    cuts("alice", 1, "~");
    cuts("alice", 0, "");
    width_cut(tiny, sizeof tiny, HAN HAN HAN, 5);
    assert_string_equal(tiny, HAN "~");
}

/* Every line of a text, with a bar behind each. */
static void wraps(const char *text, unsigned cells, const char *wanted)
{
    struct buf b = {0};
    size_t n = strlen(text), at = 0;
    do {
        struct wrapped w = width_wrap(text + at, n - at, cells);
        buf_put(&b, text + at, w.bytes);
        buf_put(&b, "|", 1);
        assert_true(w.next > 0 || n == 0);
        at += w.next;
    } while (at < n);
    buf_put_u8(&b, 0);
    assert_string_equal((char *)buf_head(&b), wanted);
    unsigned lines = 0;
    for (const char *p = wanted; *p; p++)
        lines += *p == '|';
    assert_int_equal(width_lines(text, n, cells, 100), lines);
    assert_int_equal(width_lines(text, n, cells, 1), 1);
    buf_free(&b);
}

static void test_wrap(void **state)
{
    (void)state;
    wraps("one two three", 8, "one two|three|");
    wraps("one two three", 7, "one two|three|");
    wraps("one two three", 3, "one|two|thr|ee|");
    wraps("abcdefgh", 3, "abc|def|gh|");
    wraps("a\nb\n\nc", 9, "a|b||c|");
    wraps("", 5, "|");
    wraps(HAN HAN HAN, 5, HAN HAN "|" HAN "|"); /* the last column stays empty */
    wraps("xe" ACUTE "y", 2, "xe" ACUTE "|y|");
    wraps("    int main(void)", 10, "    int|main(void)|"); /* an indentation stays */
    wraps("        verylongword", 10, "        ve|rylongword|");
}

static struct buf lines_of(const struct screen *s)
{
    struct buf b = {0};
    screen_text(s, &b);
    buf_put_u8(&b, 0);
    return b;
}

static void shows(const struct screen *s, const char *wanted)
{
    struct buf b = lines_of(s);
    assert_string_equal((char *)buf_head(&b), wanted);
    buf_free(&b);
}

static void test_grid(void **state)
{
    struct screen s = {0};
    const struct area a = {1, 0, 4, 2};
    (void)state;
    screen_size(&s, 6, 2);
    assert_int_equal(screen_puts(&s, a, 0, 0, STYLE_OWN, "abcdef"), 4);
    shows(&s, " abcd\n\n");
    assert_int_equal(screen_cell(&s, 1, 0)->style, STYLE_OWN);
    assert_int_equal(screen_cell(&s, 5, 0)->style, STYLE_TEXT);
    screen_puts(&s, a, 1, 1, STYLE_TEXT, HAN HAN); /* the second would stand half outside */
    shows(&s, " abcd\n  " HAN "\n");
    screen_puts(&s, a, 2, 1, STYLE_TEXT, "x"); /* over the right half: the left one goes, too */
    shows(&s, " abcd\n   x\n");
    screen_puts(&s, a, 0, 7, STYLE_TEXT, "outside");
    screen_puts(&s, (struct area){5, 1, 9, 9}, 0, 0, STYLE_TEXT, "wide");
    shows(&s, " abcd\n   x w\n");
    screen_free(&s);
}

/* A cell holds a letter and some marks; what steers a terminal is not drawn, wherever it comes from. */
static void test_hostile_cells(void **state)
{
    struct screen s = {0};
    const struct area a = {0, 0, 20, 1};
    (void)state;
    screen_size(&s, 20, 1);
    screen_puts(&s, a, 0, 0, STYLE_TEXT, "a" ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE "b");
    shows(&s, "a" ACUTE ACUTE ACUTE ACUTE "b\n");
    screen_clear(&s);
    screen_puts(&s, a, 0, 0, STYLE_TEXT, "x\033[2J\xe2\x80\xaey\xe2\x80\x8bz\xff\xef\xb8\x8f");
    shows(&s, "x[2Jyz\n");
    screen_clear(&s);
    screen_puts(&s, a, 0, 0, STYLE_TEXT, "p\xee\x82\xa0q"); /* of a private plane: a mark in its place */
    shows(&s, "p?q\n");
    for (unsigned col = 0; col < s.cols; col++)
        assert_true(strlen(screen_cell(&s, col, 0)->text) < CELL_BYTES);
    screen_free(&s);
}

/* --- pasting --- */

static size_t pastes(struct paste *p, const char *bytes, struct buf *keys)
{
    size_t ended = 0;
    for (; *bytes; bytes++)
        ended += paste_take(p, (uint8_t)*bytes, keys);
    return ended;
}

static void holds(const struct buf *b, const char *wanted)
{
    assert_int_equal(buf_len(b), strlen(wanted));
    assert_memory_equal(buf_len(b) ? buf_head(b) : (const uint8_t *)"", wanted, strlen(wanted));
}

static void test_paste(void **state)
{
    struct paste p = {0};
    struct buf keys = {0};
    (void)state;
    assert_int_equal(pastes(&p, "ab\033[200~one\rtwo\033[20", &keys), 0);
    holds(&keys, "ab");
    assert_int_equal(pastes(&p, "1~c", &keys), 1);
    holds(&keys, "abc");
    holds(&p.text, "one\ntwo");
    paste_done(&p);
    holds(&p.text, "");
    /* What only looks like a mark is what it is: keys outside, text inside. */
    pastes(&p, "\033[A\033\033[200~x\033[200~\033[2y\033[201~", &keys);
    holds(&keys, "abc\033[A\033");
    holds(&p.text, "x\033[200~\033[2y");
    paste_done(&p);
    pastes(&p, "\033", &keys);
    assert_true(paste_holds(&p));
    paste_flush(&p, &keys);
    assert_false(paste_holds(&p));
    holds(&keys, "abc\033[A\033\033");
    buf_free(&keys);
}

static void test_paste_bounded(void **state)
{
    struct paste p = {0};
    struct buf keys = {0};
    (void)state;
    pastes(&p, "\033[200~", &keys);
    for (unsigned i = 0; i < PASTE_MAX + 10; i++)
        paste_take(&p, 'x', &keys);
    assert_int_equal(pastes(&p, "\033[201~", &keys), 1);
    assert_int_equal(buf_len(&p.text), PASTE_MAX);
    assert_true(p.cut);
    paste_done(&p);
    assert_false(p.cut);
    buf_free(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),         cmocka_unit_test(test_fit),   cmocka_unit_test(test_cut),
        cmocka_unit_test(test_wrap),          cmocka_unit_test(test_grid),  cmocka_unit_test(test_hostile_cells),
        cmocka_unit_test(test_paste),         cmocka_unit_test(test_paste_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
