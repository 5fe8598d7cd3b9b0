/*
 * fuzz_name.c - two strings through the name functions: outputs end where they must, equal names
 * stay equal in every form, distances are symmetric and within their bounds.
 */
#include "fuzz.h"
#include "name.h"

static void one(const char *s, size_t n)
{
    char fold[NAME_SIZE], again[NAME_SIZE], skeleton[NAME_SKELETON_SIZE],
        of_fold[NAME_SKELETON_SIZE];
    const char *why = "";
    bool good = name_valid(s, n, &why);
    CHECK(good == !why);
    if (good) {
        CHECK(n >= 1 && n <= NAME_LEN && s[0] != '.' && s[0] != '-' && !memchr(s, '/', n));
        fuzz_check_harmless(s, n, "");
    }
    CHECK(name_valid_room(s, n, &why) == !why);
    name_fold(fold, s, n);
    name_fold(again, fold, strlen(fold));
    CHECK(strcmp(fold, again) == 0 && strlen(fold) <= (n < NAME_SIZE ? n : NAME_SIZE));
    name_skeleton(skeleton, s, n);
    CHECK(strlen(skeleton) < sizeof skeleton);
    if (good) {
        name_skeleton(of_fold, fold, strlen(fold));
        CHECK(strcmp(skeleton, of_fold) == 0);
        CHECK(name_reserved(s, n) == name_reserved(fold, strlen(fold)));
    }
    name_reserved(s, n);
}

static void two(const char *a, size_t alen, const char *b, size_t blen, unsigned limit)
{
    unsigned d = name_distance(a, alen, b, blen, limit);
    CHECK(d <= limit + 1 && d == name_distance(b, blen, a, alen, limit));
    CHECK(alen > 64 || name_distance(a, alen, a, alen, limit) == 0);
    struct name_near near;
    name_near_start(&near, a, alen);
    for (unsigned i = 0; i < 5; i++)
        name_near_offer(&near, b + (i < blen ? i : blen), i < blen ? blen - i : 0);
    name_near_offer(&near, a, alen);
    CHECK(near.n <= NAME_SUGGEST);
    for (size_t i = 0; i < near.n; i++) {
        CHECK(memchr(near.name[i], 0, NAME_SIZE));
        CHECK(i == 0 || near.distance[i - 1] <= near.distance[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    unsigned limit = cur_u8(&in) % 8;
    struct slice a = fuzz_piece(&in), b = cur_rest(&in);
    char *x = (char *)fuzz_copy(a.data, a.len), *y = (char *)fuzz_copy(b.data, b.len);
    one(x, a.len);
    one(y, b.len);
    two(x, a.len, y, b.len, limit);
    CHECK(name_slips(a.len) >= 1 && name_slips(a.len) <= 3);
    free(x);
    free(y);
    return 0;
}
