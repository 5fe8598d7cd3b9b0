/* mapped.c - see mapped.h. A head of 128 bytes, written last, says what the rest is. */
#include "mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 128 };

/* Whoever reads it runs on the machine that wrote it, so it is a struct. */
struct head {
    char magic[16];
    char boot[40]; /* of /proc */
    uint8_t about[MAPPED_ABOUT];
    uint64_t size;
};

static const char magic[16] = "csmsg mapped 1";

static void this_boot(char boot[40])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    memset(boot, 0, 40);
    if (fd < 0) return; /* the same for all boots: a power cut goes unnoticed, chunks are verified all the same */
    if (read(fd, boot, 36) != 36) memset(boot, 0, 40);
    close(fd);
}

static void fill_head(struct head *h, size_t size, const uint8_t about[MAPPED_ABOUT])
{
    memset(h, 0, sizeof *h);
    memcpy(h->magic, magic, sizeof h->magic);
    this_boot(h->boot);
    memcpy(h->about, about, sizeof h->about);
    h->size = size;
}

/* Is the locked file still the one of that name? Another process may have removed it in between. */
static bool still_there(int fd, const char *path)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The locked file; -1 and errno, EWOULDBLOCK: another process has it. */
static int open_locked(const char *path)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) return -1;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int error = errno;
            close(fd);
            errno = error;
            return -1;
        }
        if (still_there(fd, path)) return fd;
        close(fd);
    }
}

/* Does the file hold what was written under this head? Else it is made empty and gets its blocks. */
static int prepare(int fd, const struct head *want, size_t whole, bool *kept)
{
    struct head have;
    struct stat st;
    if (fstat(fd, &st) != 0) return -1;
    *kept = (size_t)st.st_size == whole && pread(fd, &have, sizeof have, 0) == (ssize_t)sizeof have &&
            memcmp(&have, want, sizeof have) == 0;
    if (*kept) return 0;
    if (ftruncate(fd, 0) != 0) return -1;
    errno = posix_fallocate(fd, 0, (off_t)whole);
    return errno ? -1 : 0;
}

enum mapped_state mapped_open(struct mapped *m, const char *path, size_t size, const uint8_t about[MAPPED_ABOUT],
                              struct why *why)
{
    struct head want;
    size_t whole = HEAD + size;
    bool kept = false;
    void *map = MAP_FAILED;
    _Static_assert(sizeof want <= HEAD, "the head fits");
    *m = (struct mapped){.fd = -1};
    fill_head(&want, size, about);
    int fd = path ? open_locked(path) : -1;
    if (path && fd < 0 && errno == EWOULDBLOCK) return MAPPED_BUSY;
    if (!path)
        map = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else if (fd >= 0 && prepare(fd, &want, whole, &kept) == 0)
        map = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        why_set(why, "cannot open \"%s\": %s", path ? path : "memory", strerror(errno));
        if (fd >= 0) close(fd);
        return MAPPED_FAILED;
    }
    if (!kept) memcpy(map, &want, sizeof want);
    *m = (struct mapped){(char *)map + HEAD, map, whole, fd};
    return kept ? MAPPED_KEPT : MAPPED_FRESH;
}

void mapped_close(struct mapped *m)
{
    if (!m->data) return;
    munmap(m->map, m->mapped_size);
    if (m->fd >= 0) close(m->fd);
    *m = (struct mapped){.fd = -1};
}
