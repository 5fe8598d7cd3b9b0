/* test_completion.c - usages of commands, read as what Tab may offer. */
#include "client_fake.h"

#include "../../client/face/completion.h"

static struct completions c;

static int tear_down(void **state)
{
    (void)state;
    completions_free(&c);
    return 0;
}

/* The words at a place, "names", "files", or "" for nothing. */
static const char *at(const char *sub, unsigned place, enum completion_kind kind)
{
    for (size_t i = 0; i < c.n; i++) {
        struct completion *row = &c.row[i];
        if (strcmp(row->sub, sub) != 0 || row->place != place || row->kind != kind) continue;
        assert_string_equal(row->verb, "x");
        if (kind == COMPLETION_WORDS) buf_put_u8(&row->words, 0);
        return kind == COMPLETION_WORDS ? (const char *)buf_head(&row->words) : kind == COMPLETION_NAMES ? "names" : "files";
    }
    return "";
}

static void test_nothing(void **state)
{
    (void)state;
    completion_read(&c, "x", "x");
    completion_read(&c, "x", "x TEXT");
    completion_read(&c, "x", "x [HOST[:PORT]]");
    assert_int_equal(c.n, 0);
}

static void test_one_form(void **state)
{
    (void)state;
    completion_read(&c, "x", "x TO [TEXT|-]");
    assert_int_equal(c.n, 1);
    assert_string_equal(at("", 1, COMPLETION_NAMES), "names");
}

static void test_choices(void **state)
{
    (void)state;
    completion_read(&c, "x", "x one|two|ROOM [PATH|-]");
    assert_int_equal(c.n, 3);
    assert_string_equal(at("", 1, COMPLETION_WORDS), "one two");
    assert_string_equal(at("", 1, COMPLETION_NAMES), "names");
    assert_string_equal(at("", 2, COMPLETION_FILES), "files");
}

static void test_several_forms(void **state)
{
    (void)state;
    completion_read(&c, "x", "x list | x make '#NAME' [open] | x role '#NAME' USER ROLE | x re-do HOST[:PORT]");
    assert_string_equal(at("", 1, COMPLETION_WORDS), "list make role re-do");
    assert_string_equal(at("make", 2, COMPLETION_NAMES), "names");
    assert_string_equal(at("make", 3, COMPLETION_WORDS), "open");
    assert_string_equal(at("role", 3, COMPLETION_NAMES), "names");
    assert_string_equal(at("role", 4, COMPLETION_WORDS), "member assistant owner");
    assert_string_equal(at("re-do", 2, COMPLETION_WORDS), "");
    assert_int_equal(c.n, 6);
}

static void test_tables(void **state)
{
    (void)state;
    completion_read(&c, "x", "x set KEY VALUE");
    assert_non_null(strstr(at("set", 2, COMPLETION_WORDS), "time_format read_receipts"));
    completion_read(&c, "x", "x COMMAND");
    assert_non_null(strstr(at("", 1, COMPLETION_WORDS), "set")); /* of the form before */
    completions_free(&c);
    completion_read(&c, "x", "x COMMAND");
    assert_non_null(strstr(at("", 1, COMPLETION_WORDS), "send tail read"));
}

static void test_options(void **state)
{
    (void)state;
    enum completion_kind kind;
    struct buf words = {0};
    assert_true(completion_of_option("wait", "STATE", &kind, &words));
    assert_int_equal(kind, COMPLETION_WORDS);
    assert_memory_equal(buf_head(&words), "accepted delivered", buf_len(&words));
    buf_free(&words);
    assert_true(completion_of_option("in", "ROOM", &kind, &words));
    assert_int_equal(kind, COMPLETION_NAMES);
    assert_true(completion_of_option("config", "FILE", &kind, &words));
    assert_int_equal(kind, COMPLETION_FILES);
    assert_false(completion_of_option("count", "N", &kind, &words));
    buf_free(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_nothing, tear_down),       cmocka_unit_test_teardown(test_one_form, tear_down),
        cmocka_unit_test_teardown(test_choices, tear_down),       cmocka_unit_test_teardown(test_several_forms, tear_down),
        cmocka_unit_test_teardown(test_tables, tear_down),        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
