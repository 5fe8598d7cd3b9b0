/* test_client_config.c - the client's config file: reading, profiles, words of errors, changing one line. */
#include "client_fake.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../client/face/args.h"
#include "../../client/face/complete.h"
#include "../../client/face/config.h"

static struct why why;

static int parse(struct config *c, const char *text, const char *profile)
{
    return config_parse(c, "config", text, strlen(text), profile, &why);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(parse(&c, "", NULL), 0);
    assert_string_equal(c.v.time_format, "%H:%M");
    assert_int_equal(c.v.theme, THEME_AUTO);
    assert_int_equal(c.v.notify, NOTIFY_MENTIONS);
    assert_int_equal(c.v.paste_lines, 3);
    assert_false(c.v.read_receipts);
    config_free(&c);
}

/* What `config defaults` prints says the same as no file at all. */
static void test_the_file_of_defaults_is_one(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n;
    struct config c, none;
    FILE *f = open_memstream(&text, &n);
    conf_print_defaults(config_table, config_count, f);
    fclose(f);
    if (parse(&c, text, NULL) < 0) fail_msg("%s", why.what);
    assert_int_equal(parse(&none, "", NULL), 0);
    assert_memory_equal(&c.v, &none.v, sizeof c.v);
    config_free(&c);
    config_free(&none);
    free(text);
}

static const char full[] = "# mine\n"
                           "[profile lab]\nserver = lab.example  # the class\ntheme = light\n"
                           "[client]\nserver = home.example\nuser = alice\nprofile =\n"
                           "auto_accept = #lab 1MiB, bob 10KiB\n"
                           "[profile night]\ntheme = dark\n"
                           "[alias]\nhug = /me hugs $1 in #lab\n"
                           "[bind]\nC-t = /who\n";

static void test_profiles(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(parse(&c, full, NULL), 0);
    assert_string_equal(c.v.server, "home.example");
    assert_int_equal(c.v.theme, THEME_AUTO);
    config_free(&c);
    /* A profile counts over [client] wherever it stands; what it does not say stays. */
    assert_int_equal(parse(&c, full, "lab"), 0);
    assert_string_equal(c.v.server, "lab.example");
    assert_string_equal(c.v.user, "alice");
    assert_int_equal(c.v.theme, THEME_LIGHT);
    assert_string_equal(config_pair(&c.alias, "hug"), "/me hugs $1 in #lab");
    assert_string_equal(config_pair(&c.bind, "C-t"), "/who");
    assert_null(config_pair(&c.bind, "C-u"));
    config_free(&c);
    assert_int_equal(parse(&c, full, "lba"), -1);
    assert_string_equal(why.what, "there is no profile \"lba\" in config");
    config_free(&c);
}

static void test_the_file_names_its_profile(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(parse(&c, "[client]\nprofile = a\nuser = x\n[profile a]\nuser = y\n[profile b]\nuser = z\n", NULL),
                     0);
    assert_string_equal(c.v.user, "y");
    assert_string_equal(c.profile, "a");
    config_free(&c);
    assert_int_equal(parse(&c, "[client]\nprofile = a\n", NULL), -1);
    config_free(&c);
}

static void test_errors_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what, *hint;
    } cases[] = {
        {"[client]\nsever = x\n", "config:2:1: unknown key \"sever\" in [client]", "did you mean \"server\"?"},
        {"\n[profile lab]\n thme = dark\n", "config:3:2: unknown key \"thme\" in [profile lab]",
         "did you mean \"theme\"?"},
        {"[clinet]\n", "config:1:2: unknown section [clinet]", "did you mean [client]?"},
        {"[profile a b]\n", "config:1:2: unknown section [profile a b]", NULL},
        {"[client]\ntheme = drak\n", "config:2:9: \"drak\" is not a value of theme, which is auto, dark, light, ansi or none",
         "did you mean \"dark\"?"},
        {"[client]\nuser = a\nuser = b\n", "config:3:1: \"user\" stands in [client] twice, first in line 2", ""},
        {"[profile a]\nuser = a\nuser = b\n", "config:3:1: \"user\" stands in [profile a] twice, first in line 2", ""},
        {"[client]\ntimeout = 10\n", "config:2:11: \"10\" needs a unit", NULL},
        {"[client]\nauto_accept = bob\n", "config:2:15: a rule is FROM SIZE", NULL},
        {"[client]\nauto_accept = bob 10MiB, #lab 9\n", "config:2:15: a rule is FROM SIZE", NULL},
        {"[client]\ntime_format = \n\nuser = bob\n[alias]\n", NULL, NULL},
        {"[alias]\nto-do = /who\n", "config:2:1: this cannot be an alias", NULL},
        {"[alias]\na = /who\nA = /who\n", "config:3:1: this stands here twice", NULL},
        {"[bind]\nCtrl-t = /who\n", "config:2:1: there is no such key", NULL},
        {"[bind]\nC-t =\n", "config:2:1: nothing stands behind the \"=\"", NULL},
        {"user = x\n", "config:1:1: \"user\" stands before any [section]", NULL},
        {"[client]\nuser = a\x1b[31m\n", "config:2:9: a control byte (0x1b)", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config c;
        assert_int_equal(parse(&c, cases[i].text, NULL), -1);
        if (cases[i].what) assert_string_equal(why.what, cases[i].what);
        if (cases[i].hint) assert_string_equal(why.hint, cases[i].hint);
        assert_int_equal(c.alias.n + c.bind.n, 0);
        config_free(&c);
    }
}

static void test_auto_accept(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(parse(&c, "[client]\nauto_accept = bob 10KiB, #lab 1MiB,anybody 5B\n", NULL), 0);
    assert_true(config_accepts(&c.v, "Bob", "", 10240));
    assert_false(config_accepts(&c.v, "bob", "", 10241));
    assert_true(config_accepts(&c.v, "carol", "#LAB", 1 << 20));
    assert_false(config_accepts(&c.v, "carol", "#lab2", 1 << 20));
    assert_true(config_accepts(&c.v, "carol", "", 5));
    assert_false(config_accepts(&c.v, "carol", "", 6));
    config_free(&c);
    assert_int_equal(parse(&c, "", NULL), 0);
    assert_false(config_accepts(&c.v, "bob", "", 0));
    config_free(&c);
}

static void test_keys(void **state)
{
    (void)state;
    char out[8];
    assert_int_equal(config_key_bytes("C-t", out), 1);
    assert_string_equal(out, "\x14");
    assert_int_equal(config_key_bytes("M-x", out), 2);
    assert_string_equal(out, "\033x");
    assert_int_equal(config_key_bytes("F5", out), 5);
    assert_string_equal(out, "\033[15~");
    assert_int_equal(config_key_bytes("F12", out), 5);
    static const char *const none[] = {"", "t", "C-", "C-tt", "C-1", "F0", "F13", "F1x", "M-", "M-\033", "X-t"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(config_key_bytes(none[i], out), 0);
}

/* --- changing one line --- */

static void edited(const char *text, const char *section, const char *key, const char *value, const char *wanted)
{
    struct buf out = {0};
    config_edit((struct slice){(const uint8_t *)text, strlen(text)}, section, key, value, &out);
    buf_put_u8(&out, 0);
    assert_string_equal((const char *)buf_head(&out), wanted);
    buf_free(&out);
}

static void test_edit(void **state)
{
    (void)state;
    edited("", "client", "user", "bob", "[client]\nuser = bob\n");
    edited("# a\n[client]\n# user = no\n user=x   # me\n\n[alias]\n", "client", "user", "bob",
           "# a\n[client]\n# user = no\nuser = bob   # me\n\n[alias]\n");
    edited("[client]\nuser = x\n\n# of the aliases\n[alias]\nuser = y", "client", "theme", "dark",
           "[client]\nuser = x\n\n# of the aliases\ntheme = dark\n[alias]\nuser = y\n");
    edited("[client]\nuser = x\n[alias]\nuser = y\n", "alias", "user", "z", "[client]\nuser = x\n[alias]\nuser = z\n");
    edited("[client]\nuser = x\n", "profile lab", "user", "z", "[client]\nuser = x\n\n[profile lab]\nuser = z\n");
    edited("[client]\nuser = x\ntheme = dark\n", "client", "user", NULL, "[client]\ntheme = dark\n");
    edited("[client]\n", "client", "user", NULL, "[client]\n");
    edited("[client]\nauto_accept = #lab 1B # yes\n", "client", "auto_accept", "#x 2B",
           "[client]\nauto_accept = #x 2B # yes\n");
}

struct folder {
    char path[64], file[96];
};

static int set_up(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    snprintf(f->path, sizeof f->path, "/tmp/csmsg-config-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    snprintf(f->file, sizeof f->file, "%s/config", f->path);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct folder *f = *state;
    unlink(f->file);
    assert_int_equal(rmdir(f->path), 0);
    free(f);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void test_set_writes_the_file(void **state)
{
    const struct folder *f = *state;
    struct config c, again;
    struct stat st;
    write_file(f->file, full);
    assert_int_equal(config_load(&c, f->file, "lab", &why), 0);
    assert_int_equal(config_set(&c, "theme", "ansi", &why), 0);
    assert_int_equal(config_set(&c, "no-color", "yes", &why), 0);
    assert_int_equal(config_set_pair(&c, "alias", "HUG", "/me waves", &why), 0);
    assert_int_equal(config_set_pair(&c, "bind", "C-t", NULL, &why), 0);
    assert_int_equal(config_set_pair(&c, "bind", "C-t", NULL, &why), -1);
    assert_int_equal(config_set(&c, "theme", "drak", &why), -1);
    assert_int_equal(config_set(&c, "time_format", "", &why), -1);
    assert_int_equal(config_set(&c, "usr", "x", &why), -1);
    assert_string_equal(why.hint, "did you mean \"user\"?");
    assert_int_equal(config_load(&again, f->file, "lab", &why), 0);
    assert_int_equal(again.v.theme, THEME_ANSI);
    assert_true(again.v.no_color && c.v.no_color);
    assert_int_equal(again.alias.n, 1);
    assert_string_equal(config_pair(&again.alias, "hug"), "/me waves");
    assert_int_equal(again.bind.n, 0);
    config_free(&again);
    /* Below a profile, taking a key out leaves what [client] says. */
    assert_int_equal(config_set(&c, "server", NULL, &why), 0);
    assert_string_equal(c.v.server, "home.example");
    assert_int_equal(config_load(&again, f->file, NULL, &why), 0);
    assert_int_equal(again.v.theme, THEME_AUTO);
    assert_int_equal(stat(f->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    config_free(&again);
    config_free(&c);
}

static void test_rights(void **state)
{
    const struct folder *f = *state;
    struct config c;
    write_file(f->file, "[client]\nuser = a\n");
    assert_int_equal(chmod(f->file, 0620), 0);
    assert_int_equal(config_load(&c, f->file, NULL, &why), -1);
    config_free(&c);
    assert_int_equal(chmod(f->file, 0644), 0);
    assert_int_equal(config_load(&c, f->file, NULL, &why), 0);
    config_free(&c);
    unlink(f->file);
    assert_int_equal(config_load(&c, f->file, NULL, &why), -1);
    config_free(&c);
}

/* --- with the command line --- */

/* These mean one run, or answer a question: in a file they would answer it for ever. */
static bool of_one_run(const char *name)
{
    static const char *const names[] = {"yes", "count", "paper", "with-account-key", "since", "in", "fetch",
                                        "name", "help", "version", "config"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static void test_every_option_is_a_key(void **state)
{
    (void)state;
    const char *name, *argument;
    size_t n = 0;
    for (; (name = args_option(n, &argument))[0]; n++)
        if (!of_one_run(name) && !config_find(name)) fail_msg("--%s has no key", name);
    assert_true(n > 10);
}

static void test_options_count_over_the_file(void **state)
{
    (void)state;
    struct config c;
    struct args o;
    char *argv[] = {"x", "--server", "other", "--quiet"};
    assert_int_equal(parse(&c, "[client]\nserver = lab\nuser = alice\ntimeout = 2s\nwait = delivered\njson = yes\n", NULL),
                     0);
    assert_int_equal(args_parse(4, argv, &o, &why), 0);
    args_configure(&o, &c);
    assert_string_equal(o.server, "other");
    assert_string_equal(o.user, "alice");
    assert_string_equal(o.wait, "delivered");
    assert_int_equal(o.timeout_ms, 2000);
    assert_true(o.json && o.quiet && !o.verbose);
    assert_null(o.home);
    config_free(&c);
}

/* --- Tab --- */

static void completes(const struct chat *c, const char *line, int start, const char *wanted)
{
    char all[4096] = "";
    char *word;
    for (size_t i = 0; (word = complete_word(c, line, start, line + start, i)); i++) {
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", n ? " " : "", word);
        free(word);
    }
    assert_string_equal(all, wanted);
}

static void test_completion(void **state)
{
    (void)state;
    struct config config;
    struct chat c = {.config = &config};
    assert_int_equal(parse(&config, "[alias]\nsetup = /set\n", NULL), 0);
    names_add(&c.names, text_of("bob"));
    completes(&c, "/set", 0, "/set /setup");
    completes(&c, "/set the", 5, "theme");
    completes(&c, "/set theme ", 11, "auto dark light ansi none");
    completes(&c, "/set plain y", 11, "yes");
    completes(&c, "/set user ", 10, "");
    completes(&c, "/help unb", 6, "unban");
    completes(&c, "hi bo", 3, "bob");
    completes(&c, "/msg #", 5, "#lobby");
    completes(&c, "x /se", 2, "");
    names_clear(&c.names);
    config_free(&config);
}

/* --- lines that stand for others --- */

struct typed {
    char printed[4096], sent[256];
    struct chat c;
    struct config config;
};

static int note_send(void *arg, uint8_t kind, const char *to, uint8_t form, struct slice text, uint64_t *id)
{
    struct typed *t = arg;
    (void)kind, (void)form, (void)to;
    snprintf(t->sent, sizeof t->sent, "%.*s", (int)text.len, (const char *)text.data);
    *id = 1;
    return 0;
}

static void note_print(void *arg, const char *text)
{
    struct typed *t = arg;
    size_t n = strlen(t->printed);
    snprintf(t->printed + n, sizeof t->printed - n, "%s\n", text);
}

static void test_aliases(void **state)
{
    (void)state;
    static const struct chat_ops ops = {.send = note_send, .print = note_print};
    static const struct {
        const char *line, *sent;
    } cases[] = {
        {"/hug bob", "hugs bob twice: bob"}, {"/hug", "hugs  twice:"},    {"/say a  b", "a  b, said"},
        {"/yell hello you", "HEY hello you"},     {"/YELL", "HEY"},             {"//hug", "/hug"},
    };
    struct typed t = {0};
    assert_int_equal(parse(&t.config,
                           "[alias]\nhug = /me hugs $1 twice: $1\nsay = $*, said\nyell = HEY\nround = /round\n", NULL),
                     0);
    chat_init(&t.c, &ops, &t, "alice");
    t.c.config = &t.config;
    t.c.connected = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t.sent[0] = '\0';
        chat_line(&t.c, cases[i].line);
        assert_string_equal(t.sent, cases[i].sent);
    }
    t.printed[0] = '\0';
    chat_line(&t.c, "/round");
    assert_string_equal(t.printed, "error: this alias leads to itself\nhint: /alias lists them\n");
    assert_int_equal(t.c.alias_depth, 0);
    t.printed[0] = '\0';
    chat_line(&t.c, "/alias msg /me x");
    assert_non_null(strstr(t.printed, "this is a command already"));
    chat_free(&t.c);
    config_free(&t.config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_the_file_of_defaults_is_one),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_the_file_names_its_profile),
        cmocka_unit_test(test_errors_say_where),
        cmocka_unit_test(test_auto_accept),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_edit),
        cmocka_unit_test_setup_teardown(test_set_writes_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rights, set_up, tear_down),
        cmocka_unit_test(test_every_option_is_a_key),
        cmocka_unit_test(test_options_count_over_the_file),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_aliases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
