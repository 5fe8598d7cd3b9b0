/* fuzz_roster.c - a roster file of any content: names without case, sorted, each with a role. */
#include <sys/mman.h>
#include <unistd.h>

#include "broker.h"
#include "fuzz.h"
#include "log.h"

static int file_of(const uint8_t *data, size_t n)
{
    int fd = memfd_create("roster", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, data, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct broker b;
    static const uint8_t nothing[1];
    log_init("fuzz", LOG_LOGFMT, LOG_ERROR, false);
    b.set.access.registration = REGISTER_ROSTER;
    people_roster(&b, file_of(data, size));
    for (size_t i = 0; i < b.n_roster; i++) {
        const char *name = b.roster[i].name;
        struct slice s = {(const uint8_t *)name, strlen(name)};
        CHECK(name_valid(name, s.len, NULL) && b.roster[i].role <= 2);
        CHECK(i == 0 || strcmp(b.roster[i - 1].name, name) <= 0);
        CHECK(people_role(&b, s) >= 0);
    }
    people_roster(&b, file_of(nothing, 0));
    CHECK(b.n_roster == 0 && people_role(&b, (struct slice){(const uint8_t *)"alice", 5}) == -1);
    free(b.roster);
    b.roster = NULL;
    return 0;
}
