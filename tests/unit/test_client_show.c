/* test_client_show.c - nothing that steers a terminal gets through the filter. */
#include "client_fake.h"

#include <utf8proc.h>

#include "../../client/show.h"

static char *body(const char *text, size_t n)
{
    struct buf b = {0};
    show_body(&b, (struct slice){(const uint8_t *)text, n}, "| ");
    buf_put_u8(&b, 0);
    return (char *)b.data;
}

static void expect(const char *text, const char *shown)
{
    char *out = body(text, strlen(text));
    assert_string_equal(out, shown);
    free(out);
}

static void test_examples(void **state)
{
    (void)state;
    expect("hello, w\xc3\xb6rld", "hello, w\xc3\xb6rld");
    expect("\xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80",
           "\xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80");
    expect("a\tb", "a\tb");
    expect("one\n14:03 bob: two", "one\n| 14:03 bob: two");
    expect("\x1b[2J", "<U+001B>[2J");
    expect("\x1b]52;c;ZXZpbA==\x07", "<U+001B>]52;c;ZXZpbA==<U+0007>");
    expect("a\rb", "a<U+000D>b");
    expect("a\bb\x7f", "a<U+0008>b<U+007F>");
    expect("\xc2\x9b"
           "31m",
           "<U+009B>31m"); /* CSI as C1 */
    expect("\x9b"
           "31m",
           "<x9B>31m"); /* and raw */
    expect("\xe2\x80\xae"
           "gpj.exe",
           "<U+202E>gpj.exe");
    expect("\xe2\x81\xa6x\xe2\x81\xa9", "<U+2066>x<U+2069>");
    expect("\xe2\x80\x8b\xe2\x80\x8d\xef\xbb\xbf", "<U+200B><U+200D><U+FEFF>");
    expect("\xe2\x80\xa8\xe2\x80\xa9", "<U+2028><U+2029>");
    expect("\xf3\xa0\x81\x81", "<U+E0041>");            /* tag */
    expect("\xee\x80\x80", "<U+E000>");                 /* private use */
    expect("\xef\xbf\xbf", "<U+FFFF>");                 /* no character */
    expect("\xc0\xaf", "<xC0><xAF>");                   /* over-long */
    expect("\xed\xa0\x80", "<xED><xA0><x80>");          /* surrogate */
    expect("\xf4\x90\x80\x80", "<xF4><x90><x80><x80>"); /* beyond the end */
    expect("\xe6\xbc", "<xE6><xBC>");                   /* cut */
    expect("\xcc\x81"
           "a",
           "<U+0301>a"); /* a mark would sit on our own text */
    expect("e\xcc\x81", "e\xcc\x81");
}

static void test_marks_are_cut(void **state)
{
    (void)state;
    char text[1 + 2 * 50 + 2] = "Z";
    for (int i = 0; i < 50; i++)
        memcpy(text + 1 + 2 * i, "\xcc\x95", 2);
    text[101] = '!';
    char *out = body(text, 102);
    assert_non_null(strstr(out, "<42 marks>!"));
    assert_int_equal(strlen(out), 1 + 16 + strlen("<42 marks>!"));
    free(out);
}

static void test_lines_and_words(void **state)
{
    (void)state;
    char word[8];
    struct buf b = {0};
    show_line(&b, text_of("a\nb\tc"));
    buf_put_u8(&b, 0);
    assert_string_equal((char *)b.data, "a<U+000A>b<U+0009>c");
    buf_free(&b);
    assert_string_equal(show_word(word, sizeof word, text_of("abcdefghij")), "abcdefg");
    assert_string_equal(show_word(word, sizeof word, text_of("abcdef\xc3\xb6")), "abcdef");
    assert_string_equal(show_word(word, sizeof word, text_of("")), "");
}

/* What comes out is UTF-8 without a control but tab and newline, and every newline has its bar. */
static void check_safe(const char *out)
{
    size_t n = strlen(out);
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t cp;
        utf8proc_ssize_t len =
            utf8proc_iterate((const uint8_t *)out + at, (utf8proc_ssize_t)(n - at), &cp);
        assert_true(len > 0);
        assert_false(cp == 0x1B || cp == 0x7F || (cp >= 0x80 && cp < 0xA0));
        assert_false(cp < 0x20 && cp != '\t' && cp != '\n');
        assert_false(cp == 0x200E || cp == 0x200F || (cp >= 0x202A && cp <= 0x202E) ||
                     (cp >= 0x2066 && cp <= 0x2069) || cp == 0x2028 || cp == 0x2029 || cp == 0x61C);
        if (cp == '\n') assert_memory_equal(out + at + 1, "| ", 2);
        at += (size_t)len;
    }
}

static void test_property(void **state)
{
    (void)state;
    uint8_t text[200];
    for (int round = 0; round < 20000; round++) {
        size_t n = randombytes_uniform(sizeof text);
        size_t at = 0;
        while (at < n) { /* half noise, half characters from anywhere */
            if (round % 2 || n - at < 4) {
                text[at++] = (uint8_t)randombytes_uniform(256);
                continue;
            }
            int32_t cp = (int32_t)randombytes_uniform(round % 4 ? 0x3000 : 0x110000);
            at += (size_t)utf8proc_encode_char(cp >= 0xD800 && cp < 0xE000 ? 0x1B : cp, text + at);
        }
        for (size_t i = 0; i < n; i++)
            if (!text[i]) text[i] = 0x1B;
        char *out = body((const char *)text, n);
        check_safe(out);
        free(out);
    }
}

static void test_nul_is_visible(void **state)
{
    (void)state;
    char *out = body("a\0b", 3);
    assert_string_equal(out, "a<U+0000>b");
    free(out);
}

int main(void)
{
    assert_true(sodium_init() >= 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),        cmocka_unit_test(test_marks_are_cut),
        cmocka_unit_test(test_lines_and_words), cmocka_unit_test(test_property),
        cmocka_unit_test(test_nul_is_visible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
