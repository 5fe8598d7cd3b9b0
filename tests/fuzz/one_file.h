/*
 * one_file.h - in place of file.c: one file, in memory, so that a target can read and replace
 * thousands of them a second.
 */
#ifndef ONE_FILE_H
#define ONE_FILE_H

#include <fcntl.h>

#include "file.h"
#include "fuzz.h"

static struct buf one_file;

static inline void one_file_set(const uint8_t *data, size_t n)
{
    buf_free(&one_file);
    buf_put(&one_file, data, n);
}

int file_replace(const char *path, const void *data, size_t n, struct why *why)
{
    (void)path, (void)why;
    struct buf fresh = {0};
    buf_put(&fresh, data, n);
    buf_free(&one_file);
    one_file = fresh;
    return 0;
}

int file_create(const char *path, const void *data, size_t n, struct why *why)
{
    if (buf_len(&one_file)) return 0;
    file_replace(path, data, n, why);
    return 1;
}

ssize_t file_read(const char *path, mode_t forbidden, char *out, size_t cap, struct why *why)
{
    (void)forbidden;
    size_t n = buf_len(&one_file);
    out[0] = 0;
    if (n >= cap) {
        why_set(why, "\"%s\" is too long", path);
        return -1;
    }
    if (n) memcpy(out, buf_head(&one_file), n);
    out[n] = 0;
    return (ssize_t)n;
}

int file_lock_folder(const char *path, struct why *why)
{
    (void)path, (void)why;
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

#endif
