/*
 * fuzz_trust.c - a known_servers file of any content: it is read, a pin is set in it, and the pin
 * holds afterwards while every other line is still there.
 */
#include "one_file.h"
#include "trust.h"

static void place_of(char out[TRUST_PLACE], struct slice host)
{
    char text[256];
    size_t n = host.len < sizeof text - 1 ? host.len : sizeof text - 1;
    for (size_t i = 0; i < n; i++) /* a host comes from a command line or a config: one word */
        text[i] = host.data[i] > '#' && host.data[i] < 0x7f ? (char)host.data[i] : 'x';
    text[n] = 0;
    trust_place(out, n ? text : "localhost", "5130");
    CHECK(memchr(out, 0, TRUST_PLACE));
}

static void fingerprint(const uint8_t id[32])
{
    char print[TRUST_FINGERPRINT];
    trust_fingerprint(id, print);
    CHECK(strlen(print) == TRUST_FINGERPRINT - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    struct why why = {{0}, {0}};
    struct trust_pin pin;
    char place[TRUST_PLACE], other[TRUST_PLACE], only[TRUST_PLACE];
    uint8_t id[32] = {1, 2, 3}, wrong[32] = {9};
    fuzz_random_start();
    place_of(place, fuzz_piece(&in));
    struct slice file = cur_rest(&in);
    one_file_set(file.data, file.len);

    enum trust_verdict first = trust_check("known_servers", place, id, &pin, &why);
    int n = trust_only("known_servers", only, &why);
    CHECK(n >= -1 && n <= 1 && (n < 1 || memchr(only, 0, TRUST_PLACE)));
    trust_place(other, "another.example", "1");
    enum trust_verdict before = trust_check("known_servers", other, wrong, &pin, &why);

    if (trust_accept("known_servers", place, id, &why) == 0) {
        CHECK(trust_check("known_servers", place, id, &pin, &why) == TRUST_PINNED);
        CHECK(memcmp(pin.server_id, id, 32) == 0);
        CHECK(trust_check("known_servers", place, wrong, &pin, &why) == TRUST_CHANGED);
        if (strcmp(place, other) != 0)
            CHECK(trust_check("known_servers", other, wrong, &pin, &why) == before);
    } else {
        CHECK(first == TRUST_TROUBLE && why.what[0]);
    }
    fingerprint(pin.server_id);
    buf_free(&one_file);
    return 0;
}
