/* file.c - see file.h. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int trouble(struct why *why, const char *verb, const char *path)
{
    why_set(why, "cannot %s \"%s\": %s", verb, path, strerror(errno));
    return -1;
}

/* The folder part of path. */
static void folder_of(const char *path, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s", path);
    char *slash = strrchr(out, '/');
    if (!slash)
        snprintf(out, PATH_MAX, ".");
    else if (slash == out)
        out[1] = '\0';
    else
        *slash = '\0';
}

static int open_folder(const char *path, struct why *why)
{
    char folder[PATH_MAX];
    folder_of(path, folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) trouble(why, "open folder", folder);
    return fd;
}

static int sync_folder(const char *path, struct why *why)
{
    int fd = open_folder(path, why);
    if (fd < 0) return -1;
    int r = fsync(fd) ? trouble(why, "sync the folder of", path) : 0;
    close(fd);
    return r;
}

int file_lock_folder(const char *path, struct why *why)
{
    int fd = open_folder(path, why);
    if (fd < 0) return -1;
    while (flock(fd, LOCK_EX) != 0) {
        if (errno == EINTR) continue;
        trouble(why, "lock the folder of", path);
        close(fd);
        return -1;
    }
    return fd;
}

static int write_all(int fd, const char *data, size_t n)
{
    while (n) {
        ssize_t done = write(fd, data, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -1;
        data += done;
        n -= (size_t)done;
    }
    return 0;
}

/* A synced temporary file beside path; its name in temp. */
static int write_temp(const char *path, const void *data, size_t n, char temp[PATH_MAX],
                      struct why *why)
{
    int len = snprintf(temp, PATH_MAX, "%s.%ld.tmp", path, (long)getpid());
    if (len >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return trouble(why, "write", path);
    }
    unlink(temp); /* left over by a process of the same number that was killed */
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return trouble(why, "create", temp);
    int bad = write_all(fd, data, n) || fsync(fd);
    if (bad) trouble(why, "write", temp);
    close(fd);
    if (bad) unlink(temp);
    return bad ? -1 : 0;
}

int file_replace(const char *path, const void *data, size_t n, struct why *why)
{
    char temp[PATH_MAX];
    if (write_temp(path, data, n, temp, why) < 0) return -1;
    if (rename(temp, path) != 0) {
        trouble(why, "replace", path);
        unlink(temp);
        return -1;
    }
    return sync_folder(path, why);
}

int file_create(const char *path, const void *data, size_t n, struct why *why)
{
    char temp[PATH_MAX];
    if (write_temp(path, data, n, temp, why) < 0) return -1;
    /* link(2) is O_EXCL for a file that already has its content. */
    int made = link(temp, path) == 0 ? 1 : errno == EEXIST ? 0 : trouble(why, "create", path);
    unlink(temp);
    if (made < 0) return -1;
    return sync_folder(path, why) < 0 ? -1 : made;
}

static int check_rights(int fd, const char *path, mode_t forbidden, struct why *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return trouble(why, "examine", path);
    if (!S_ISREG(st.st_mode)) {
        why_set(why, "\"%s\" is not a regular file", path);
        return -1;
    }
    if (st.st_uid != geteuid()) {
        why_set(why, "\"%s\" belongs to another user", path);
        return -1;
    }
    if (st.st_mode & forbidden) {
        why_set(why, "other users may %s \"%s\" (mode %03o)", forbidden & 044 ? "read" : "change",
                path, (unsigned)(st.st_mode & 0777));
        why_hint(why, "chmod 600 '%s'; if others have used it, make a new one", path);
        return -1;
    }
    return 0;
}

ssize_t file_read(const char *path, mode_t forbidden, char *out, size_t cap, struct why *why)
{
    out[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return errno == ENOENT ? 0 : trouble(why, "open", path);
    size_t n = 0;
    ssize_t got = check_rights(fd, path, forbidden, why);
    while (got == 0 && n < cap) {
        ssize_t r = read(fd, out + n, cap - n);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) got = trouble(why, "read", path);
        if (r <= 0) break;
        n += (size_t)r;
    }
    close(fd);
    if (got < 0) return -1;
    if (n == cap) {
        why_set(why, "\"%s\" is too long", path);
        return -1;
    }
    out[n] = '\0';
    return (ssize_t)n;
}

int file_make_folder(const char *path, struct why *why)
{
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) {
        errno = ENAMETOOLONG;
        return trouble(why, "make folder", path);
    }
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != '\0') continue;
        char keep = *p;
        *p = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) return trouble(why, "make folder", part);
        *p = keep;
        if (!keep) return 0;
    }
}
