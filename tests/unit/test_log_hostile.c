/* test_log_hostile.c - whatever a value holds: one line, printable, bounded, valid syntax. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catch.h"
#include "log.h"

static int set_up(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    return 0;
}

/* What is shown for a value in logfmt, quotes included. */
static void shows(const char *value, const char *want)
{
    char full[200];
    log_value(LOG_LOGFMT, value);
    snprintf(full, sizeof full, " name=%s w=3\n", want);
    if (!strstr(caught, full)) fail_msg("wanted %s in %s", full, caught);
    log_value(LOG_PRETTY, value);
    if (!strstr(caught, full)) fail_msg("wanted %s in %s", full, caught);
}

static void quoting(void **state)
{
    (void)state;
    shows("plain-1.2_x/#oh:5", "plain-1.2_x/#oh:5");
    shows("", "\"\"");
    shows(NULL, "-");
    shows("two words", "\"two words\"");
    shows("a=b", "\"a=b\"");
    shows("say \"hi\"", "\"say \\\"hi\\\"\"");
    shows("back\\slash", "\"back\\\\slash\"");
    shows("caf\xc3\xa9", "caf\xc3\xa9");
    shows("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
    shows("ends>", "ends>");
    shows("ends{", "ends{");
}

static void hostile(void **state)
{
    (void)state;
    shows("x\x1b[2J", "\"x\\x1b[2J\"");
    shows("a\nlevel=error", "\"a\\x0alevel=error\"");
    shows("a\r\t\x07\x7f", "\"a\\x0d\\x09\\x07\\x7f\"");
    shows("\xc2\x9bm", "\"\\u009bm\"");         /* C1 as UTF-8 */
    shows("\x9bm", "\"\\x9bm\"");               /* C1 as a bare byte */
    shows("\xe2\x80\xaegpj", "\"\\u202egpj\""); /* right to left override */
    shows("\xe2\x81\xa6", "\"\\u2066\"");
    shows("\xd8\x9c", "\"\\u061c\"");
    shows("\xf3\xa0\x81\x81", "\"\\U000e0041\""); /* tag character */
    shows("\xc0\xaf", "\"\\xc0\\xaf\"");          /* overlong */
    shows("\xe0\x80\xaf", "\"\\xe0\\x80\\xaf\"");
    shows("\xed\xa0\x80", "\"\\xed\\xa0\\x80\""); /* surrogate */
    shows("\xf4\x90\x80\x80", "\"\\xf4\\x90\\x80\\x80\"");
    shows("\xff\xfe", "\"\\xff\\xfe\"");
    shows("cut\xe2\x82", "\"cut\\xe2\\x82\"");
    shows("\xe2\x82z", "\"\\xe2\\x82z\"");
}

static void hostile_json(void **state)
{
    (void)state;
    static const char *const values[][2] = {
        {"x\x1b[2J", "x\\x1b[2J"},
        {"a\"},{\"b", "a\"},{\"b"},
        {"back\\", "back\\"},
        {"\xc2\x85", "\\u0085"},
        {"\xff\n", "\\xff\\x0a"},
        {"\xe2\x80\xa8", "\\u2028"},
        {"\xed\xbf\xbf", "\\xed\\xbf\\xbf"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        log_value(LOG_JSON, values[i][0]);
        json_t *j = json_loads(caught, JSON_REJECT_DUPLICATES, NULL);
        if (!j) fail_msg("no json: %s", caught);
        assert_string_equal(json_string_value(json_object_get(j, "name")), values[i][1]);
        json_decref(j);
    }
}

/* Whatever the bytes: one line, printable, of bounded length, and valid in its syntax. */
static void random_bytes(void **state)
{
    (void)state;
    uint32_t seed = 99;
    for (int round = 0; round < 3000; round++) {
        char value[400];
        seed = seed * 1664525 + 1013904223;
        size_t len = (seed >> 16) % sizeof value;
        for (size_t i = 0; i < len; i++) {
            seed = seed * 1664525 + 1013904223;
            value[i] = (char)(seed >> 24 ? seed >> 24 : 1);
        }
        value[len < sizeof value ? len : sizeof value - 1] = '\0';
        log_value((enum log_format)(round % 3), value);
        size_t n = strlen(caught);
        assert_true(n <= LOG_LINE_MAX);
        assert_ptr_equal(strchr(caught, '\n'), caught + n - 1);
        for (size_t i = 0; i + 1 < n; i++)
            if ((unsigned char)caught[i] < 0x20 || caught[i] == 0x7f) fail_msg("%s", caught);
        json_t *j = json_loads(caught, JSON_REJECT_DUPLICATES, NULL);
        if (round % 3 == LOG_JSON && !j) fail_msg("no json: %s", caught);
        json_decref(j);
    }
}

/* Every length near the limit, of every kind of character, with and without more to come. */
static void long_values(void **state)
{
    (void)state;
    static const char *const units[] = {"x", "\xc3\xa9",        "\x1b", "\"", "\\",
                                        " ", "\xf3\xa0\x81\x81"};
    char value[3000];
    for (size_t u = 0; u < sizeof units / sizeof *units; u++)
        for (size_t len = 150; len < 2100; len += len < 400 || len > 1800 ? 1 : 50) {
            size_t size = strlen(units[u]);
            for (size_t i = 0; i < len; i++)
                value[i] = units[u][i % size];
            value[len - len % size] = '\0';
            enum log_format format = (enum log_format)((len + u) % 3);
            log_value(format, value);
            size_t n = strlen(caught);
            assert_in_range(n, 1, LOG_LINE_MAX);
            assert_int_equal(caught[n - 1], '\n');
            bool whole = strstr(caught, format == LOG_JSON ? ",\"w\":3}\n" : " w=3\n");
            bool cut = strstr(caught, format == LOG_JSON     ? ",\"cut\":true}\n"
                                      : format == LOG_LOGFMT ? " cut=yes\n"
                                                             : " ...cut\n");
            if (whole == cut) fail_msg("%zu %s", len, caught);
            if (format != LOG_JSON) continue;
            json_t *j = json_loads(caught, JSON_REJECT_DUPLICATES, NULL);
            if (!j) fail_msg("no json: %s", caught);
            json_decref(j);
        }
}

static void long_values_are_cut_not_dropped(void **state)
{
    (void)state;
    char value[5000];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (enum log_format f = LOG_PRETTY; f <= LOG_JSON; f++) {
        log_value(f, value);
        assert_in_range(strlen(caught), LOG_LINE_MAX - 40, LOG_LINE_MAX);
        assert_non_null(strstr(caught, "xxxxxxxx"));
    }
}

static void many_fields(void **state)
{
    (void)state;
    struct log_field fields[400];
    char keys[400][16];
    for (size_t i = 0; i < 399; i++) {
        snprintf(keys[i], sizeof keys[i], "key%zu", i);
        fields[i] = log_i(keys[i], INT64_MIN);
    }
    fields[399].key = NULL;
    catch_begin();
    log_init("test", LOG_JSON, LOG_INFO, false);
    log_write(LOG_INFO, "a", "b", fields);
    catch_end();
    assert_true(strlen(caught) <= LOG_LINE_MAX);
    json_t *j = json_loads(caught, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    assert_true(json_is_true(json_object_get(j, "cut")));
    assert_int_equal(json_integer_value(json_object_get(j, "key0")), INT64_MIN);
    json_decref(j);
}

static void escape(void **state)
{
    (void)state;
    char out[16];
    assert_int_equal(log_escape(out, sizeof out,
                                "a\x1b"
                                "b\0c",
                                5),
                     11);
    assert_string_equal(out, "a\\x1bb\\x00c");
    assert_int_equal(log_escape(out, 5, "abc\x1b", 4), 3);
    assert_string_equal(out, "abc");
    assert_int_equal(log_escape(out, 4, "ab\xc3\xa9", 4), 2);
    assert_int_equal(log_escape(out, 1, "a", 1), 0);
    assert_int_equal(log_escape(out, sizeof out, "\\", 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quoting),      cmocka_unit_test(hostile),
        cmocka_unit_test(hostile_json), cmocka_unit_test(random_bytes),
        cmocka_unit_test(long_values),  cmocka_unit_test(long_values_are_cut_not_dropped),
        cmocka_unit_test(many_fields),  cmocka_unit_test(escape),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
