/*
 * test_file_name.c - names from hostile senders, and files that are never overwritten.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../client/file_name.h"
#include "../../client/show.h"

#define GIVEN(s) ((struct slice){(const uint8_t *)(s), sizeof(s) - 1})

struct row {
    struct slice given;
    const char *clean;
};

static const struct row rows[] = {
    {GIVEN("notes.txt"), "notes.txt"},
    {GIVEN("my notes (old).txt"), "my notes (old).txt"},
    {GIVEN("caf\xC3\xA9.txt"), "caf\xC3\xA9.txt"},
    {GIVEN("\xE6\x97\xA5\xE6\x9C\xAC"), "\xE6\x97\xA5\xE6\x9C\xAC"},
    {GIVEN(""), "file"},
    {GIVEN("."), "file"},
    {GIVEN(".."), "file"},
    {GIVEN("..."), "file"},
    {GIVEN("/"), "file"},
    {GIVEN("a/"), "file"},
    {GIVEN("../"), "file"},
    {GIVEN("../../etc/passwd"), "passwd"},
    {GIVEN("/etc/passwd"), "passwd"},
    {GIVEN("//x"), "x"},
    {GIVEN("a/../b"), "b"},
    {GIVEN("C:\\Windows\\evil.exe"), "evil.exe"},
    {GIVEN("..\\..\\evil.bat"), "evil.bat"},
    {GIVEN("C:evil"), "C_evil"},
    {GIVEN("stream:hidden"), "stream_hidden"},
    {GIVEN(".bashrc"), "bashrc"},
    {GIVEN("..bashrc"), "bashrc"},
    {GIVEN(".ssh/authorized_keys"), "authorized_keys"},
    {GIVEN(" .profile"), "profile"},
    {GIVEN("-rf"), "rf"},
    {GIVEN("--help"), "help"},
    {GIVEN("-"), "file"},
    {GIVEN("- -.-"), "file"},
    {GIVEN("a\nb"), "a_b"},
    {GIVEN("a\rb"), "a_b"},
    {GIVEN("a\tb"), "a_b"},
    {GIVEN("a\0b"), "a_b"},
    {GIVEN("a\033[31mb"), "a_[31mb"},
    {GIVEN("a\177b"), "a_b"},
    {GIVEN("a\xC2\x9B" "b"), "a_b"},                  /* C1: CSI */
    {GIVEN("a\xE2\x80\xAE" "gpj.exe"), "a_gpj.exe"},  /* right-to-left override */
    {GIVEN("a\xE2\x81\xA6" "b"), "a_b"},              /* isolate */
    {GIVEN("a\xE2\x80\x8B" "b"), "a_b"},              /* zero width space */
    {GIVEN("a\xEF\xBB\xBF" "b"), "a_b"},              /* byte order mark */
    {GIVEN("a\xE2\x80\xA8" "b"), "a_b"},              /* line separator */
    {GIVEN("a\xF3\xA0\x80\x81" "b"), "a_b"},          /* tag */
    {GIVEN("a\xEE\x80\x80" "b"), "a_b"},              /* private use */
    {GIVEN("\xFF\xFE"), "__"},
    {GIVEN("a\xC0\xAF" "b"), "a__b"},                 /* '/' written too long */
    {GIVEN("a\xED\xA0\x80" "b"), "a___b"},            /* half of a pair */
    {GIVEN("\xE2\x80"), "__"},
    {GIVEN("name."), "name"},
    {GIVEN("name. . ."), "name"},
    {GIVEN("name "), "name"},
    {GIVEN("CON"), "_CON"},
    {GIVEN("con.txt"), "_con.txt"},
    {GIVEN("NUL .txt"), "_NUL .txt"},
    {GIVEN("Aux"), "_Aux"},
    {GIVEN("prn.tar.gz"), "_prn.tar.gz"},
    {GIVEN("COM1"), "_COM1"},
    {GIVEN("lpt9.log"), "_lpt9.log"},
    {GIVEN("com10"), "com10"},
    {GIVEN("console"), "console"},
    {GIVEN("a*b?c"), "a_b_c"},
    {GIVEN("a\"b<c>d|e"), "a_b_c_d_e"},
    {GIVEN("$(reboot)"), "$(reboot)"}, /* harmless: no shell ever sees it */
    {GIVEN("~root"), "~root"},
    {GIVEN("a/b/c/d/.."), "file"},
};

static void hostile_names(void **state)
{
    (void)state;
    char out[FILE_NAME_CAP], again[FILE_NAME_CAP];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        file_name_clean(rows[i].given, out);
        assert_string_equal(out, rows[i].clean);
        file_name_clean((struct slice){(const uint8_t *)out, strlen(out)}, again);
        assert_string_equal(again, out);
    }
}

static void long_names(void **state)
{
    (void)state;
    char given[255], out[FILE_NAME_CAP];
    memset(given, 'x', sizeof given);
    memcpy(given + sizeof given - 4, ".pdf", 4);
    file_name_clean((struct slice){(const uint8_t *)given, sizeof given}, out);
    assert_int_equal(strlen(out), FILE_NAME_MAX);
    assert_string_equal(out + FILE_NAME_MAX - 4, ".pdf");
    /* Cut between characters, wherever the limit falls. */
    for (size_t front = 0; front < 4; front++) {
        for (size_t i = front; i + 3 <= sizeof given; i += 3)
            memcpy(given + i, "\xE6\x97\xA5", 3);
        file_name_clean((struct slice){(const uint8_t *)given, front + 240}, out);
        assert_true(strlen(out) <= FILE_NAME_MAX && strlen(out) > FILE_NAME_MAX - 4);
        assert_true(show_is_utf8((struct slice){(const uint8_t *)out, strlen(out)}));
    }
    file_name_numbered(out, 999, given);
    assert_true(strlen(given) <= FILE_NAME_MAX);
    assert_non_null(strstr(given, " (999)"));
}

static void numbers(void **state)
{
    (void)state;
    char out[FILE_NAME_CAP];
    file_name_numbered("a.txt", 1, out);
    assert_string_equal(out, "a.txt");
    file_name_numbered("a.txt", 2, out);
    assert_string_equal(out, "a (2).txt");
    file_name_numbered("README", 12, out);
    assert_string_equal(out, "README (12)");
}

static int folder_of(char path[64])
{
    strcpy(path, "/tmp/csmsg-name-XXXXXX");
    assert_non_null(mkdtemp(path));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void write_at(int folder, const char *name, const char *text)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void holds(int folder, const char *name, const char *text)
{
    char got[64] = "";
    int fd = openat(folder, name, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, got, sizeof got), (ssize_t)strlen(text));
    assert_string_equal(got, text);
    close(fd);
}

static void remove_folder(int folder, const char *path)
{
    char command[128];
    close(folder);
    snprintf(command, sizeof command, "rm -r -- %s", path);
    assert_int_equal(system(command), 0);
}

/* Files, links to nowhere and to others' files, folders: all stay what they are. */
static void nothing_is_overwritten(void **state)
{
    (void)state;
    char path[64], made[FILE_NAME_CAP];
    int folder = folder_of(path);
    struct stat st;
    write_at(folder, "a.txt", "old");
    write_at(folder, "target", "old");
    assert_int_equal(symlinkat("target", folder, "a (2).txt"), 0);
    assert_int_equal(symlinkat("nowhere", folder, "a (3).txt"), 0);
    assert_int_equal(mkdirat(folder, "a (4).txt", 0700), 0);
    int fd = file_name_create(folder, "a.txt", "", made);
    assert_true(fd >= 0);
    assert_string_equal(made, "a (5).txt");
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    close(fd);
    write_at(folder, "a.txt.part", "new");
    assert_int_equal(file_name_place(folder, "a.txt.part", "a.txt", made), 0);
    assert_string_equal(made, "a (6).txt");
    holds(folder, "a (6).txt", "new");
    holds(folder, "a.txt", "old");
    holds(folder, "target", "old");
    assert_int_not_equal(fstatat(folder, "nowhere", &st, 0), 0);
    assert_int_not_equal(fstatat(folder, "a.txt.part", &st, 0), 0);
    fd = file_name_create(folder, "b", ".part", made);
    assert_string_equal(made, "b.part");
    close(fd);
    fd = file_name_create(folder, "b", ".part", made);
    assert_string_equal(made, "b (2).part");
    close(fd);
    remove_folder(folder, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_names),
        cmocka_unit_test(long_names),
        cmocka_unit_test(numbers),
        cmocka_unit_test(nothing_is_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
