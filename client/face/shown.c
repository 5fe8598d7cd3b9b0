/* shown.c - see shown.h. */
#include "shown.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int shown_open(struct shown *s, const char *path, uint64_t last_row, struct why *why)
{
    void *map = MAP_FAILED;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    s->row = NULL;
    if (fd >= 0 && (errno = posix_fallocate(fd, 0, sizeof *s->row)) == 0)
        map = mmap(NULL, sizeof *s->row, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) why_set(why, "cannot open \"%s\": %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    if (map == MAP_FAILED) return -1;
    s->row = map;
    if (*s->row > last_row) *s->row = last_row;
    return 0;
}

void shown_close(struct shown *s)
{
    if (s->row) munmap((void *)s->row, sizeof *s->row);
    s->row = NULL;
}
