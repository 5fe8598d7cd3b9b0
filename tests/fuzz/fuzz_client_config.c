/*
 * fuzz_client_config.c - the client's config file as text: a refusal is harmless text; what was read can be changed
 * in one line, and then reads as changed there and as before elsewhere.
 */
#include "../../client/face/config.h"
#include "fuzz.h"

static void check_words(const struct why *why)
{
    fuzz_check_harmless(why->what, strlen(why->what), "");
    fuzz_check_harmless(why->hint, strlen(why->hint), "");
    CHECK(why->what[0]);
}

static bool same_pairs(const struct config_pairs *a, const struct config_pairs *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = strcmp(a->pair[i].name, b->pair[i].name) == 0 && strcmp(a->pair[i].line, b->pair[i].line) == 0;
    return same;
}

static void edited(const struct config *c, struct slice text)
{
    struct config after;
    struct why why;
    struct buf out = {0};
    config_edit(text, "client", "paste_lines", "77", &out);
    CHECK(config_parse(&after, "again", (char *)buf_head(&out), buf_len(&out), NULL, &why) == 0);
    buf_free(&out);
    struct config_values wanted = c->v;
    if (!c->profile[0] || after.v.paste_lines == 77) wanted.paste_lines = 77; /* a profile's counts over it */
    CHECK(memcmp(&after.v, &wanted, sizeof wanted) == 0);
    CHECK(same_pairs(&after.alias, &c->alias) && same_pairs(&after.bind, &c->bind));
    config_free(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config c;
    struct why why = {0};
    char bytes[8];
    uint8_t *exact = fuzz_copy(data, size);
    setenv("HOME", "/home/of", 1);
    if (config_parse(&c, "config", (char *)exact, size, NULL, &why) < 0) {
        check_words(&why);
    } else {
        for (size_t i = 0; i < c.bind.n; i++)
            CHECK(config_key_bytes(c.bind.pair[i].name, bytes) > 0);
        config_accepts(&c.v, "bob", "#lab", 1);
        edited(&c, (struct slice){exact, size});
    }
    config_free(&c);
    free(exact);
    return 0;
}
