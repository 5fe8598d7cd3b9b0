/*
 * fuzz_file_name.c - any bytes as the name of a file: what comes out is harmless, and cleaning it again
 * changes nothing.
 */
#include "file_name.h"
#include "fuzz.h"
#include "show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char out[FILE_NAME_CAP], again[FILE_NAME_CAP];
    struct cur in = cur_of(data, size);
    unsigned number = cur_u16(&in);
    struct slice given = cur_rest(&in);
    file_name_clean(given, out);
    size_t n = strlen(out);
    CHECK(n >= 1 && n <= FILE_NAME_MAX && !strchr(out, '/') && out[0] != '.' && out[0] != '-');
    CHECK(show_is_utf8((struct slice){(const uint8_t *)out, n}));
    fuzz_check_harmless(out, n, "");
    file_name_clean((struct slice){(const uint8_t *)out, n}, again);
    CHECK(strcmp(out, again) == 0);
    file_name_numbered(out, number, again);
    CHECK(strlen(again) >= 1 && strlen(again) <= FILE_NAME_MAX);
    CHECK(show_is_utf8((struct slice){(const uint8_t *)again, strlen(again)}));
    return 0;
}
