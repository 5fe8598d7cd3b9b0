/* store_disk.c - see store_disk.h. Everything is opened relative to the folder's descriptor. */
#include "store_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "log.h"

enum { LOCK_WAIT_MS = 1000, LOCK_STEP_MS = 10 };

struct disk {
    int dir; /* holds the lock */
    bool reserved;
};

static int make_folder(const char *dir, char *err, size_t err_size)
{
    if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
        snprintf(err, err_size, "cannot make the data folder %s: %s: make it, or name another one",
                 dir, strerror(errno));
        return -1;
    }
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        snprintf(err, err_size, "cannot open the data folder %s: %s: check its owner and mode", dir,
                 strerror(errno));
    return fd;
}

/* A broker that was killed holds its lock until the kernel has taken it down: that is waited for.
 */
static bool lock_folder(int fd)
{
    for (int ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; ms += LOCK_STEP_MS) {
        if (ms >= LOCK_WAIT_MS) return false;
        poll(NULL, 0, LOCK_STEP_MS);
    }
    return true;
}

/* SQLite gives its -wal and -shm files the mode of the database, so this decides all three. */
static int make_database(int dir)
{
    int fd = openat(dir, "broker.db", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return -1;
    int rc = fchmod(fd, 0600);
    close(fd);
    return rc;
}

struct disk *disk_open(const char *dir, char *err, size_t err_size)
{
    int fd = make_folder(dir, err, err_size);
    if (fd < 0) return NULL;
    if (!lock_folder(fd)) {
        snprintf(err, err_size,
                 "the data folder %s is in use by another broker: stop that one first", dir);
        goto fail;
    }
    if (make_database(fd) < 0) {
        snprintf(err, err_size,
                 "cannot make %s/broker.db: %s: check owner, mode and space of the folder", dir,
                 strerror(errno));
        goto fail;
    }
    struct disk *d = xcalloc(1, sizeof *d);
    d->dir = fd;
    if (!disk_reserve(d)) LOG(LOG_WARN, "store", "no-reserve", log_s("dir", dir));
    return d;
fail:
    close(fd);
    return NULL;
}

void disk_close(struct disk *d)
{
    if (!d) return;
    close(d->dir);
    free(d);
}

int disk_sync(const struct disk *d)
{
    if (fsync(d->dir) < 0) return -1;
    int up = openat(d->dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (up < 0) return errno == EACCES ? 0 : -1; /* not ours to read: then not made by us either */
    int rc = fsync(up);
    close(up);
    return rc;
}

bool disk_reserved(const struct disk *d)
{
    return d->reserved;
}

bool disk_reserve(struct disk *d)
{
    if (d->reserved) return true;
    int fd = openat(d->dir, "reserve", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return false;
    int rc = posix_fallocate(fd, 0, DISK_RESERVE);
    close(fd);
    d->reserved = rc == 0;
    if (rc) disk_release(d); /* what it did get must not be held back */
    return d->reserved;
}

void disk_release(struct disk *d)
{
    unlinkat(d->dir, "reserve", 0);
    d->reserved = false;
}

uint64_t disk_room(const struct disk *d)
{
    struct statvfs v;
    return fstatvfs(d->dir, &v) < 0 ? 0 : (uint64_t)v.f_bavail * v.f_frsize;
}

size_t disk_size(const struct disk *d, const char *name)
{
    struct stat st;
    return fstatat(d->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : (size_t)st.st_size;
}
