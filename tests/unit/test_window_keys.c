/* test_window_keys.c - single keys, what a terminal answers, addresses in a text. */
#include "client_fake.h"

#include "../../client/face/window/answer.h"
#include "../../client/face/window/keypress.h"
#include "../../client/face/window/links.h"
#include "../../client/face/window/pace.h"

/* --- keys --- */

static void is_key(const char *bytes, int wanted, size_t len)
{
    int key = -1;
    size_t n = keypress((struct slice){(const uint8_t *)bytes, strlen(bytes)}, &key);
    assert_int_equal(key, wanted);
    assert_int_equal(n, len);
}

static void test_keys(void **state)
{
    (void)state;
    is_key("j", 'j', 1);
    is_key("jk", 'j', 1);
    is_key("\033", KEY_ESCAPE, 1);
    is_key("\033[A", KEY_UP, 3);
    is_key("\033[Bj", KEY_DOWN, 3);
    is_key("\033OA", KEY_UP, 3);
    is_key("\033[5~", KEY_PAGE_UP, 4);
    is_key("\033[6~\033[6~", KEY_PAGE_DOWN, 4);
    is_key("\033[1;5Ax", KEY_NONE, 6); /* all of it, and nothing behind */
    is_key("\033i", KEY_NONE, 2);
    is_key("\033[12", KEY_NONE, 4);
    is_key("\033O", KEY_NONE, 2);
    is_key("\r", KEY_ENTER, 1);
    is_key("\003", KEY_INTERRUPT, 1);
    is_key("\xc3\xa4y", 0xC3, 2); /* its second byte is no key */
}

/* --- answers --- */

static enum answer_is answers(struct answer *a, const char *bytes, struct buf *keys)
{
    enum answer_is last = ANSWER_NONE;
    for (; *bytes; bytes++) {
        enum answer_is is = answer_take(a, (uint8_t)*bytes, keys);
        if (is != ANSWER_NONE) last = is;
    }
    return last;
}

static void typed(struct buf *keys, const char *wanted)
{
    assert_int_equal(buf_len(keys), strlen(wanted));
    assert_memory_equal(buf_len(keys) ? buf_head(keys) : (const uint8_t *)"", wanted, strlen(wanted));
}

static void test_answers(void **state)
{
    struct answer a = {0};
    struct buf keys = {0};
    (void)state;
    assert_int_equal(answers(&a, "a\033]11;rgb:ffff/ffff/ffff\033\\b", &keys), ANSWER_LIGHT);
    assert_int_equal(answers(&a, "\033]11;rgb:00/2b/36\007c", &keys), ANSWER_DARK);
    assert_int_equal(answers(&a, "\033]11;rgba:f/f/d/f\007", &keys), ANSWER_LIGHT);
    assert_int_equal(answers(&a, "\033]11;rgb:0000/ffff/0000\007", &keys), ANSWER_LIGHT); /* green is bright … */
    assert_int_equal(answers(&a, "\033]11;rgb:0000/0000/ffff\007", &keys), ANSWER_DARK);  /* … and blue is not */
    typed(&keys, "abc");
    /* What is none, whatever it is, never gets into the line. */
    assert_int_equal(answers(&a, "\033]11;rgb:/ffff/\007\033]11;\007\033]11;rgb:abcdef/0/0\007", &keys), ANSWER_NONE);
    typed(&keys, "abc");
    buf_free(&keys);
}

static void test_answers_and_keys(void **state)
{
    struct answer a = {0};
    struct buf keys = {0};
    (void)state;
    answers(&a, "\033[A\033\033]1x\033", &keys);
    typed(&keys, "\033[A\033\033]1x");
    assert_true(answer_holds(&a));
    answer_flush(&a, &keys);
    assert_false(answer_holds(&a));
    typed(&keys, "\033[A\033\033]1x\033");
    /* One that was cut: nobody types that. */
    answers(&a, "\033]11;rgb:ff", &keys);
    answer_flush(&a, &keys); /* its rest may still come … */
    assert_int_equal(answers(&a, "/00/00\007", &keys), ANSWER_DARK);
    answers(&a, "\033]11;rgb:ff", &keys);
    assert_int_equal(answers(&a, "y", &keys), ANSWER_NONE); /* … or not */
    answers(&a, "\033]11;rgb:ff\033[B", &keys);
    typed(&keys, "\033[A\033\033]1x\033y\033[B");
    /* One that never ends is no answer, and stays bounded. */
    for (unsigned i = 0; i < 20; i++)
        answers(&a, "\033]11;rgb:ffff/ffff/ffff", &keys);
    assert_true(a.n < ANSWER_MAX);
    buf_free(&keys);
}

/* --- when it is drawn --- */

/* Draws as soon as it may, for so long, while something changes all the time and a key comes each `every` ms. The
 * longest that a key waits; the most drawings in a second. */
static uint64_t run_pace(unsigned every, uint64_t ms, unsigned *most)
{
    static uint64_t drawn[4096];
    struct pace p = {0};
    uint64_t key = 0, longest = 0;
    size_t n = 0, first = 0;
    *most = 0;
    for (uint64_t now = 1000; now < 1000 + ms; now++) {
        if (every && now % every == 0 && !key) key = now;
        if (now < pace_due(&p, key)) continue;
        if (key && now - key > longest) longest = now - key;
        key = 0;
        pace_drawn(&p, now);
        drawn[n++] = now;
        while (drawn[first] + 1000 <= now)
            first++;
        if (n - first > *most) *most = (unsigned)(n - first);
    }
    return longest;
}

static void test_pace(void **state)
{
    unsigned most;
    (void)state;
    run_pace(0, 20000, &most);
    assert_in_range(most, 15, 20);
    assert_int_equal(run_pace(100, 20000, &most), 0); /* ten keys a second: none waits */
    assert_in_range(most, 15, 20);
    assert_in_range(run_pace(15, 20000, &most), 1, PACE_COST); /* a key that repeats */
    assert_in_range(most, 15, 20);
}

/* --- links --- */

/* The addresses of a text, with blanks between. */
static void leads_to(const char *text, const char *wanted)
{
    struct buf b = {0};
    size_t start = 0, n;
    for (; links_next(text, &start, &n); start += n) {
        if (buf_len(&b)) buf_put_u8(&b, ' ');
        buf_put(&b, text + start, n);
    }
    buf_put_u8(&b, 0);
    assert_string_equal((char *)buf_head(&b), wanted);
    buf_free(&b);
}

static void test_links(void **state)
{
    (void)state;
    leads_to("see http://a.example/x?y=1#z and HTTPS://b.example", "http://a.example/x?y=1#z HTTPS://b.example");
    leads_to("(https://a.example/f(x)), \"http://b.example/\". <http://c.example>!", "https://a.example/f(x) http://b.example/ http://c.example");
    leads_to("[http://a.example/] *http://b.example*", "http://a.example/ http://b.example");
    leads_to("http:// https://. http:/a javascript:alert ftp://a.example file:///etc", "");
    leads_to("xhttp://a.example \xc3\xa4http://a.example", "");
    leads_to("http://a.example/\xc3\xa4\xc3\xb6", "http://a.example/"); /* printable ASCII alone */
    leads_to("http://a.example/\033]8;;x\007", "http://a.example/");
    leads_to("http://[::1]/", "");
}

static void test_long_link(void **state)
{
    char text[2 * LINK_MAX] = "http://";
    (void)state;
    memset(text + 7, 'a', LINK_MAX - 7);
    leads_to(text, text);
    text[LINK_MAX] = 'a';
    leads_to(text, "");
}

static const char *const *environment;

static char *env(const char *name)
{
    for (size_t i = 0; environment[i]; i += 2)
        if (strcmp(environment[i], name) == 0) return (char *)environment[i + 1];
    return NULL;
}

#define KNOWN(...) (environment = (const char *const[]){__VA_ARGS__, NULL}, links_known(env))

static void test_terminals(void **state)
{
    (void)state;
    assert_false(KNOWN("TERM", "xterm-256color"));
    assert_true(KNOWN("TERM", "xterm-kitty"));
    assert_true(KNOWN("TERM", "xterm-256color", "VTE_VERSION", "7200"));
    assert_false(KNOWN("TERM", "xterm-256color", "VTE_VERSION", "4800"));
    assert_true(KNOWN("TERM_PROGRAM", "WezTerm"));
    assert_true(KNOWN("TMUX", "x", "TERM_PROGRAM", "tmux", "TERM_PROGRAM_VERSION", "3.4"));
    assert_false(KNOWN("TMUX", "x", "TERM_PROGRAM", "tmux", "TERM_PROGRAM_VERSION", "3.3a"));
    assert_false(KNOWN("TMUX", "x", "VTE_VERSION", "7200")); /* what stands outside of tmux says nothing */
    assert_false(KNOWN("STY", "x", "VTE_VERSION", "7200"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),  cmocka_unit_test(test_answers),   cmocka_unit_test(test_answers_and_keys),
        cmocka_unit_test(test_links), cmocka_unit_test(test_long_link), cmocka_unit_test(test_terminals),
        cmocka_unit_test(test_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
