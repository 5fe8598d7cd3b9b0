/*
 * fuzz_conf.c - a config file as text, and one assignment: a struct that was read can be written
 * and read again with the same result; every refusal is one or two lines of harmless text.
 */
#include "fuzz.h"
#include "log.h"
#include "settings.h"

static void check_words(const char *err)
{
    CHECK(memchr(err, 0, CONF_ERR_SIZE));
    fuzz_check_harmless(err, strlen(err), "\n");
    CHECK(err[0]);
}

static void again(const struct settings *s)
{
    static struct settings back;
    char err[CONF_ERR_SIZE] = "";
    struct buf text = {0};
    memset(&back, 0, sizeof back);
    conf_defaults(settings_table, settings_count, &back);
    conf_dump(settings_table, settings_count, s, &text);
    CHECK(conf_parse_text(settings_table, settings_count, &back, "again", (char *)buf_head(&text),
                          buf_len(&text), err, sizeof err) == 0);
    struct buf second = {0};
    conf_dump(settings_table, settings_count, &back, &second);
    CHECK(fuzz_same((struct slice){buf_head(&text), buf_len(&text)},
                    (struct slice){buf_head(&second), buf_len(&second)}));
    buf_free(&text);
    buf_free(&second);
}

static void use(struct settings *s)
{
    char err[CONF_ERR_SIZE] = "";
    struct sockaddr_storage address[4];
    socklen_t len[4];
    again(s);
    if (settings_check(s, err, sizeof err)) check_words(err);
    int n = settings_listen(s, address, len, 4, err, sizeof err);
    CHECK(n >= -1 && n <= 4);
    if (n < 0) check_words(err);
    if (settings_resolve(s, "/etc/chat/server.conf", err, sizeof err))
        check_words(err);
    else
        again(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct settings s;
    char err[CONF_ERR_SIZE] = "";
    memset(&s, 0, sizeof s);
    conf_defaults(settings_table, settings_count, &s);
    if (size && data[0] == '=') { /* as from a command line */
        char *text = (char *)fuzz_copy(data, size);
        text[size - 1] = 0;
        if (conf_set(settings_table, settings_count, &s, size > 1 ? text + 1 : "", err, sizeof err))
            check_words(err);
        else
            use(&s);
        free(text);
        return 0;
    }
    uint8_t *exact = fuzz_copy(data, size);
    if (conf_parse_text(settings_table, settings_count, &s, "server.conf", (char *)exact, size, err,
                        sizeof err))
        check_words(err);
    else
        use(&s);
    free(exact);
    return 0;
}
