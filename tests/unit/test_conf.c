/* test_conf.c - configuration files: what is read, what is refused and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "conf.h"

struct sample {
    bool on;
    uint64_t workers, size, time;
    char name[21], list[901];
    unsigned level;
    uint64_t backlog;
};

static const char *const words[] = {"error", "warn", "info", NULL};

#define AT(m, T) CONF_AT(sample, m, T)

static const struct conf_key table[] = {
    {"server", "on", CONF_BOOL, AT(on, bool), "yes", 0, 0, NULL, "a switch"},
    {"server", "workers", CONF_INT, AT(workers, uint64_t), "4", 1, 64, NULL, "a count"},
    {"server", "size", CONF_SIZE, AT(size, uint64_t), "64KiB", 0, 1ull << 40, NULL, "a size"},
    {"server", "time", CONF_TIME, AT(time, uint64_t), "10s", 50, 86400000, NULL, "a time"},
    {"server", "name", CONF_STRING, AT(name, char *), "csmsg", 1, 20, NULL, "a string"},
    {"server", "listen", CONF_LIST, AT(list, char *), "", 0, 900, NULL, "a list"},
    {"log", "level", CONF_WORD, AT(level, unsigned), "info", 0, 0, words, "a word"},
    {"lobby", "backlog", CONF_INT, AT(backlog, uint64_t), "50", 0, UINT64_MAX / 100, NULL, "more"},
};
enum { N = sizeof table / sizeof *table };

static struct sample s;
static char err[CONF_ERR_SIZE];

static int parse_n(const char *text, size_t len)
{
    memset(&s, 0, sizeof s);
    conf_defaults(table, N, &s);
    err[0] = '\0';
    return conf_parse_text(table, N, &s, "x.conf", text, len, err, sizeof err);
}

static void accepts(const char *text)
{
    if (parse_n(text, strlen(text)) != 0) fail_msg("refused: %s\n%s", text, err);
}

/* The whole message must be this. */
static void refuses(const char *text, const char *want)
{
    if (parse_n(text, strlen(text)) == 0) fail_msg("let in: %s", text);
    assert_string_equal(err, want);
}

static void defaults(void **state)
{
    (void)state;
    accepts("");
    assert_true(s.on);
    assert_int_equal(s.workers, 4);
    assert_int_equal(s.size, 65536);
    assert_int_equal(s.time, 10000);
    assert_string_equal(s.name, "csmsg");
    assert_string_equal(s.list, "");
    assert_int_equal(s.level, 2);
}

static void reads(void **state)
{
    (void)state;
    accepts("# a comment = 1\n"
            "[server]   # the first\n"
            "on=off\n"
            "\n"
            "   workers   =   12   # twelve\n"
            "size = 3 MiB\n"
            "\ttime\t=\t250ms\n"
            "name = room#1; \"x\" = y\n"
            "listen = 127.0.0.1:1, [::1]:2\r\n"
            "[log]\n"
            "level = error\n"
            "[server]\n"
            "# workers = 13\n"
            "[lobby]\n"
            "backlog = 7");
    assert_false(s.on);
    assert_int_equal(s.workers, 12);
    assert_int_equal(s.size, 3 << 20);
    assert_int_equal(s.time, 250);
    assert_string_equal(s.name, "room#1; \"x\" = y");
    assert_string_equal(s.list, "127.0.0.1:1, [::1]:2");
    assert_int_equal(s.level, 0);
    assert_int_equal(s.backlog, 7);
}

static void values(void **state)
{
    (void)state;
    static const char *const yes[] = {"yes", "on", "true"}, *const no[] = {"no", "off", "false"};
    char text[80];
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "[server]\non = %s", yes[i]);
        accepts(text);
        assert_true(s.on);
        snprintf(text, sizeof text, "[server]\non = %s", no[i]);
        accepts(text);
        assert_false(s.on);
    }
    accepts("[server]\nsize = 0\ntime = 1d");
    assert_int_equal(s.size, 0);
    assert_int_equal(s.time, 86400000);
    accepts("[server]\nsize = 5B\ntime = 2m");
    assert_int_equal(s.size, 5);
    assert_int_equal(s.time, 120000);
    accepts("[server]\nsize = 1GiB\ntime = 1h\nlisten =   # nothing");
    assert_int_equal(s.size, 1 << 30);
    assert_int_equal(s.time, 3600000);
    assert_string_equal(s.list, "");
    accepts("\xef\xbb\xbf[server]\nworkers = 064");
    assert_int_equal(s.workers, 64);
}

static void unknown(void **state)
{
    (void)state;
    refuses("[server]\n  worker = 1", "x.conf:2:3: unknown key \"worker\" in [server]\n"
                                      "hint: did you mean \"workers\"?");
    refuses("[server]\n\nbacklog = 1", "x.conf:3:1: unknown key \"backlog\" in [server]\n"
                                       "hint: \"backlog\" belongs to [lobby]");
    refuses("[log]\nqwertz = 1", "x.conf:2:1: unknown key \"qwertz\" in [log]\n"
                                 "hint: keys of [log] are level");
    refuses("[sever]", "x.conf:1:2: unknown section [sever]\nhint: did you mean [server]?");
    refuses(" [nowhere]", "x.conf:1:3: unknown section [nowhere]\n"
                          "hint: sections are server, log, lobby");
    refuses("[]", "x.conf:1:2: unknown section []\nhint: sections are server, log, lobby");
    refuses("level = info", "x.conf:1:1: \"level\" stands before any [section]\n"
                            "hint: \"level\" belongs to [log]");
    refuses("lavel = info", "x.conf:1:1: \"lavel\" stands before any [section]");
    refuses("[server]\nWorkers = 1", "x.conf:2:1: unknown key \"Workers\" in [server]\n"
                                     "hint: did you mean \"workers\"?");
}

static void syntax(void **state)
{
    (void)state;
    refuses("[server", "x.conf:1:8: \"[\" without \"]\"");
    refuses("[server] workers = 1", "x.conf:1:10: text after \"]\"\n"
                                    "hint: a key stands on a line of its own");
    refuses("[server]\nworkers", "x.conf:2:1: this is not \"key = value\"\n"
                                 "hint: comments begin with #");
    refuses("[server]\n; workers", "x.conf:2:1: this is not \"key = value\"\n"
                                   "hint: comments begin with #");
    refuses("[server]\n= 4", "x.conf:2:1: this is not \"key = value\"\n"
                             "hint: comments begin with #");
    refuses("[server]\nworkers # = 4", "x.conf:2:1: this is not \"key = value\"\n"
                                       "hint: comments begin with #");
    refuses("[server]\nworkers: 4 = 5", "x.conf:2:8: \":\" instead of \"=\"\n"
                                        "hint: write \"key = value\"");
    refuses("[server]\nworkers: 4", "x.conf:2:1: this is not \"key = value\"\n"
                                    "hint: comments begin with #");
    refuses("[server]\nworkers = 1\n[log]\n[server]\n workers = 2",
            "x.conf:5:2: \"workers\" stands in [server] twice, first in line 2");
}

static void wrong_values(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"on = maybe", "6: \"maybe\" is neither yes nor no"},
        {"on =", "5: \"\" is neither yes nor no"},
        {"on = YES", "6: \"YES\" is neither yes nor no"},
        {"workers = 0", "11: \"0\" is out of range: workers takes 1 to 64"},
        {"workers = 65", "11: \"65\" is out of range: workers takes 1 to 64"},
        {"workers = -1", "11: \"-1\" is not a whole number"},
        {"workers = +1", "11: \"+1\" is not a whole number"},
        {"workers = 0x10", "11: \"0x10\" is not a whole number"},
        {"workers = 1.5", "11: \"1.5\" is not a whole number"},
        {"workers = 4 cores", "11: \"4 cores\" is not a whole number"},
        {"workers = four", "11: \"four\" is not a whole number"},
        {"workers =", "10: \"\" is not a whole number"},
        {"workers = 18446744073709551617",
         "11: \"18446744073709551617\" is out of range: workers takes 1 to 64"},
        {"workers = 99999999999999999999999999999999",
         "11: \"99999999999999999999999999999999\" is out of range: workers takes 1 to 64"},
        {"size = 64", "8: \"64\" needs a unit\nhint: units are GiB, MiB, KiB or B"},
        {"size = 64KB", "8: \"64KB\" has an unknown unit\nhint: did you mean \"64KiB\"?"},
        {"size = 64K", "8: \"64K\" has an unknown unit\nhint: did you mean \"64KiB\"?"},
        {"size = 6 mib", "8: \"6 mib\" has an unknown unit\nhint: did you mean \"6MiB\"?"},
        {"size = 1.5MiB", "8: \"1.5MiB\" has an unknown unit\n"
                          "hint: units are GiB, MiB, KiB or B"},
        {"size = 1025GiB", "8: \"1025GiB\" is out of range: size takes 0 to 1024GiB"},
        {"size = 18014398509481984KiB",
         "8: \"18014398509481984KiB\" is out of range: size takes 0 to 1024GiB"},
        {"size = 5s", "8: \"5s\" has an unknown unit\nhint: units are GiB, MiB, KiB or B"},
        {"size = 0s", "8: \"0s\" has an unknown unit\nhint: units are GiB, MiB, KiB or B"},
        {"time = 5", "8: \"5\" needs a unit\nhint: units are d, h, m, s or ms"},
        {"time = 5min", "8: \"5min\" has an unknown unit\nhint: did you mean \"5m\"?"},
        {"time = 5msec", "8: \"5msec\" has an unknown unit\nhint: did you mean \"5ms\"?"},
        {"time = 5 seconds", "8: \"5 seconds\" has an unknown unit\nhint: did you mean \"5s\"?"},
        {"time = 49ms", "8: \"49ms\" is out of range: time takes 50ms to 1d"},
        {"time = 0", "8: \"0\" is out of range: time takes 50ms to 1d"},
        {"time = 1m30s", "8: \"1m30s\" has an unknown unit\nhint: did you mean \"1m\"?"},
        {"name =", "7: \"\" is too short for name"},
        {"name = 123456789012345678901",
         "8: \"123456789012345678901\" is too long: name takes 20 bytes"},
        {"name =# x", "7: \"# x\" begins with # as a comment does"},
        {"name = a\tb", "8: \"a\\x09b\" holds a control byte"},
        {"listen = a,,b", "10: \"a,,b\" has nothing where a comma promises something"},
        {"listen = a, ,b", "10: \"a, ,b\" has nothing where a comma promises something"},
        {"listen = a,", "10: \"a,\" has nothing where a comma promises something"},
        {"listen = ,", "10: \",\" has nothing where a comma promises something"},
    };
    char text[200], want[300];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "[server]\n%s\n", cases[i][0]);
        snprintf(want, sizeof want, "x.conf:2:%s", cases[i][1]);
        refuses(text, want);
    }
    refuses("[log]\nlevel = wran", "x.conf:2:9: \"wran\" is not a value of level, which is error, "
                                   "warn or info\nhint: did you mean \"warn\"?");
    refuses("[log]\nlevel = chatty",
            "x.conf:2:9: \"chatty\" is not a value of level, which is error, warn or info");
}

static void refuses_n(const char *text, size_t len, const char *want)
{
    assert_int_equal(parse_n(text, len), -1);
    assert_string_equal(err, want);
}

static void odd_bytes(void **state)
{
    (void)state;
    refuses_n("[server]\nname = a\0b", 19, "x.conf:2:9: a control byte (0x00)");
    refuses("[server]\nname = \x1b[2J", "x.conf:2:8: a control byte (0x1b)");
    refuses("[server]\nname = a\x7f", "x.conf:2:9: a control byte (0x7f)");
    refuses("[server]\nname = a\rb", "x.conf:2:9: a control byte (0x0d)");
    refuses("[server]\nn\xc2\x9b = 1", "x.conf:2:1: unknown key \"n\\u009b\" in [server]\n"
                                       "hint: keys of [server] are on, workers, size, time, "
                                       "name, listen");
    refuses("[\xe2\x80\xaelobb]", "x.conf:1:2: unknown section [\\u202elobb]\n"
                                  "hint: sections are server, log, lobby");
    accepts("[server]\nname = caf\xc3\xa9 \xff");
}

static void long_lines(void **state)
{
    (void)state;
    char text[3000] = "[server]\nlisten = ", want[100];
    size_t head = strlen(text);
    memset(text + head, 'x', 900);
    text[head + 900] = '\0';
    accepts(text);
    assert_int_equal(strlen(s.list), 900);
    memset(text + head, ' ', 900);
    memcpy(text + head + 980, "12", 3);
    memset(text + head + 900, ' ', 80);
    accepts(text); /* 991 bytes */
    assert_string_equal(s.list, "12");
    memset(text + head, 'x', 2000);
    text[head + 2000] = '\0';
    snprintf(want, sizeof want, "x.conf:2:1001: the line is longer than %d bytes", CONF_LINE_LEN);
    refuses(text, want);
    memset(text, '#', 1000);
    snprintf(text + 1000, 100, "\n[server]\nworkers = 9\n");
    accepts(text);
    assert_int_equal(s.workers, 9);
    /* A section name as long as inih can hold, and longer: never taken for another one. */
    for (size_t len = 45; len < 60; len++) {
        snprintf(text, sizeof text, "[server%0*d]\nworkers = 1", (int)len, 0);
        assert_int_equal(parse_n(text, strlen(text)), -1);
    }
}

static void many_lines(void **state)
{
    (void)state;
    char text[10002];
    memset(text, '\n', sizeof text);
    assert_int_equal(parse_n(text, 10000), 0);
    refuses_n(text, 10001, "x.conf:10001:1: more than 10000 lines");
}

/* Bytes at random, and a good file with one byte wrong: nothing worse than an error message. */
static void random_files(void **state)
{
    (void)state;
    static const char good[] = "[server]\non = yes\nworkers = 4 # x\nsize = 64KiB\ntime = 10s\n"
                               "name = csmsg\nlisten = a, b\n[log]\nlevel = info\n";
    static const char letters[] = "[]=#: \n\t\r,ab09KiBms\0\x1b\xc2\x9b;";
    uint32_t seed = 4711;
    for (int round = 0; round < 20000; round++) {
        char text[sizeof good];
        size_t len = sizeof good - 1;
        memcpy(text, good, sizeof good);
        for (int i = 0; i < (round % 2 ? 2 : (int)len); i++) {
            seed = seed * 1664525 + 1013904223;
            size_t at = round % 2 ? (seed >> 8) % len : (size_t)i;
            text[at] = letters[(seed >> 24) % (sizeof letters - 1)];
        }
        if (parse_n(text, len) == 0) continue;
        assert_memory_equal(err, "x.conf:", 7);
        for (const char *e = err; *e; e++)
            if (((unsigned char)*e < 0x20 && *e != '\n') || *e == 0x7f) fail_msg("%s", err);
    }
}

static void set_one(void **state)
{
    (void)state;
    static const char *const good[] = {"server.workers=8", " server . name = a b ",
                                       "server.size=1KiB", "log.level=warn", "server.listen="};
    static const char *const bad[][2] = {
        {"server.workers=0", "server.workers=0: \"0\" is out of range: workers takes 1 to 64"},
        {"server.wokers=1", "server.wokers=1: unknown key \"wokers\" in [server]\n"
                            "hint: did you mean \"workers\"?"},
        {"srever.workers=1", "srever.workers=1: unknown section [srever]\n"
                             "hint: did you mean [server]?"},
        {"workers=1", "workers=1: this is not section.key=value"},
        {"workers=1.5", "workers=1.5: this is not section.key=value"},
        {"server.workers", "server.workers: this is not section.key=value"},
        {"", ": this is not section.key=value"},
        {"server.name=a #b", "server.name=a #b: \"a #b\" holds # after a space, as a comment does"},
        {"server.name=a\nb", "server.name=a\\x0ab: \"a\\x0ab\" holds a control byte"},
    };
    accepts("");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (conf_set(table, N, &s, good[i], err, sizeof err) != 0) fail_msg("%s", err);
    assert_int_equal(s.workers, 8);
    assert_string_equal(s.name, "a b");
    assert_int_equal(s.size, 1024);
    assert_int_equal(s.level, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(conf_set(table, N, &s, bad[i][0], err, sizeof err), -1);
        assert_string_equal(err, bad[i][1]);
    }
    assert_int_equal(s.workers, 8);
    char big[3000];
    memset(big, 'x', sizeof big - 1);
    memcpy(big, "server.name=", 12);
    big[sizeof big - 1] = '\0';
    assert_int_equal(conf_set(table, N, &s, big, err, sizeof err), -1);
    assert_non_null(strstr(err, "it is too long"));
}

/* A message never leaves the room it was given, whatever that is. */
static void small_errors(void **state)
{
    (void)state;
    for (size_t size = 1; size < 120; size++) {
        char small[130];
        memset(small, '?', sizeof small);
        assert_int_equal(conf_parse_text(table, N, &s, "x.conf", "[sever]", 7, small, size), -1);
        assert_true(strlen(small) < size);
        assert_int_equal(small[size], '?');
        memset(small, '?', sizeof small);
        assert_int_equal(conf_set(table, N, &s, "server.wokers=1", small, size), -1);
        assert_true(strlen(small) < size);
        assert_int_equal(small[size], '?');
    }
}

static void dump_and_back(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0,     1,       1023,       1024,       1025,
                                     65536, 1 << 30, 1ull << 40, 3ull << 29, 1000000};
    static const uint64_t times[] = {50, 999, 1000, 1001, 60000, 90000, 3600000, 86400000};
    for (size_t i = 0; i < 80; i++) {
        struct buf out = {0};
        struct sample before;
        memset(&before, 0, sizeof before);
        conf_defaults(table, N, &before);
        before.on = i % 2;
        before.size = sizes[i % 10];
        before.time = times[i % 8];
        before.level = (unsigned)i % 3;
        before.workers = i % 64 + 1;
        snprintf(before.name, sizeof before.name, "it's#%zu; a=b", i);
        conf_dump(table, N, &before, &out);
        memset(&s, 0, sizeof s);
        assert_int_equal(conf_parse_text(table, N, &s, "dump", (char *)buf_head(&out),
                                         buf_len(&out), err, sizeof err),
                         0);
        assert_memory_equal(&s, &before, sizeof s);
        buf_free(&out);
    }
}

static void files(void **state)
{
    (void)state;
    char path[] = "/tmp/test_conf.XXXXXX", want[200];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "[server]\nworkers = 7\n", 21), 21);
    conf_defaults(table, N, &s);
    assert_int_equal(conf_parse_file(table, N, &s, path, err, sizeof err), 0);
    assert_int_equal(s.workers, 7);
    assert_int_equal(write(fd, "nmae = x\n", 9), 9);
    assert_int_equal(conf_parse_file(table, N, &s, path, err, sizeof err), -1);
    snprintf(want, sizeof want,
             "%s:3:1: unknown key \"nmae\" in [server]\nhint: did you mean \"name\"?", path);
    assert_string_equal(err, want);
    close(fd);
    unlink(path);
    assert_int_equal(conf_parse_file(table, N, &s, path, err, sizeof err), -1);
    assert_int_equal(errno, ENOENT);
    snprintf(want, sizeof want, "cannot open %s: there is no such file", path);
    assert_string_equal(err, want);
    assert_int_equal(conf_parse_file(table, N, &s, "/tmp", err, sizeof err), -1);
    assert_string_equal(err, "cannot read /tmp: it is a folder");
    assert_int_equal(conf_parse_file(table, N, &s, "/dev/zero", err, sizeof err), -1);
    assert_string_equal(err, "/dev/zero:1:1: a control byte (0x00)");
}

/* What --dump-defaults prints is itself a file of all defaults. */
static void printed_defaults(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    conf_print_defaults(table, N, out);
    fclose(out);
    assert_non_null(strstr(text, "[server]\n# a switch (yes or no)\non = yes\n"));
    assert_non_null(strstr(text, "\n# a time (50ms to 1d)\ntime = 10s\n"));
    assert_non_null(strstr(text, "\n\n[log]\n# a word (error, warn or info)\nlevel = info\n"));
    accepts("");
    struct sample before = s;
    accepts(text);
    assert_memory_equal(&s, &before, sizeof s);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),         cmocka_unit_test(reads),
        cmocka_unit_test(values),           cmocka_unit_test(unknown),
        cmocka_unit_test(syntax),           cmocka_unit_test(wrong_values),
        cmocka_unit_test(odd_bytes),        cmocka_unit_test(long_lines),
        cmocka_unit_test(many_lines),       cmocka_unit_test(random_files),
        cmocka_unit_test(set_one),          cmocka_unit_test(small_errors),
        cmocka_unit_test(dump_and_back),    cmocka_unit_test(files),
        cmocka_unit_test(printed_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
