/*
 * replay.c - main() of a fuzz target without a fuzzer: runs each file of the given folders once.
 * For `make test`: what was found once stays found, on any compiler.
 */
#include <dirent.h>
#include <stdio.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static unsigned replay_file(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    uint8_t *copy = fuzz_copy(bytes, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
    return 1;
}

static unsigned replay_folder(const char *folder)
{
    char path[4096];
    unsigned n = 0;
    DIR *d = opendir(folder);
    if (!d) return replay_file(folder);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        n += replay_file(path);
    }
    closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    unsigned n = 0;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        n += replay_folder(argv[i]);
    printf("%u inputs\n", n);
    return n == 0; /* a corpus that has gone must not pass */
}
