/*
 * transfer_down.c - a download: each chunk is opened at its place, written, and only then counted. The file
 * has another name, ending in .part, until the last chunk is verified. What a hostile server could send ends
 * the transfer; what is on the disk then is a true beginning of the file.
 */
#include "transfers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "file_name.h"

static bool to_descriptor(const struct transfer *t)
{
    return t->down.out >= 0;
}

static void fail_disk(struct transfer *t, const char *what)
{
    int error = errno;
    bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    transfer_fail(t, "local", "cannot %s: %s", what, strerror(error));
    if (full && !to_descriptor(t)) why_hint(&t->why, "make room, then get it again: what is there is kept");
}

static void fail_damaged(struct transfer *t, const char *what)
{
    transfer_fail(t, "damaged", "what the server sent is not the file that was offered: %s", what);
    why_hint(&t->why, "nothing of it was kept; ask the sender for it once more");
}

/* --- files --- */

/* The name that it is to get, in its folder. */
static void wanted_name(const struct transfer *t, char name[FILE_NAME_CAP])
{
    char path[4096];
    file_text(t->row.path, path, sizeof path);
    const char *last = strrchr(path, '/');
    snprintf(name, FILE_NAME_CAP, "%.*s", FILE_NAME_MAX, last ? last + 1 : path);
}

/* The folder of where it is wanted. Opened by its descriptor, so that nothing that happens to the path later leads
 * elsewhere. */
static bool open_folder(struct transfer *t)
{
    char path[4096], copy[4096];
    file_text(t->row.path, path, sizeof path);
    memcpy(copy, path, sizeof copy);
    const char *folder = dirname(copy);
    t->down.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->down.folder < 0) fail_disk(t, "open the folder");
    return t->down.folder >= 0;
}

/* What an earlier process has fetched: a file of our own, under the name that we gave it. */
static bool open_part(struct transfer *t)
{
    const char *part = t->down.at.part;
    struct stat st;
    t->down.part = part[0] ? openat(t->down.folder, part, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (t->down.part < 0) return false;
    if (fstat(t->down.part, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid()) return true;
    close(t->down.part);
    t->down.part = -1;
    return false;
}

static bool make_part(struct transfer *t)
{
    char made[FILE_NAME_CAP], name[FILE_NAME_CAP];
    wanted_name(t, name);
    t->down.part = file_name_create(t->down.folder, name, ".part", made);
    if (t->down.part < 0) {
        fail_disk(t, "make the file");
        return false;
    }
    struct stat st;
    memset(&t->down.at, 0, sizeof t->down.at);
    memcpy(t->down.at.part, made, sizeof made);
    t->down.at.inode = fstat(t->down.part, &st) == 0 ? st.st_ino : 0;
    sidecar_store(&t->down.sidecar, &t->down.at);
    return true;
}

/* Is this the file that an earlier process made, whole, and gave a name to before it died? */
static bool is_placed(struct transfer *t, const char *name)
{
    struct stat st;
    int fd = openat(t->down.folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    bool same = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == t->down.at.inode &&
                (uint64_t)st.st_size == t->row.size && st.st_uid == geteuid();
    if (same) {
        t->down.part = fd;
        memcpy(t->down.placed, name, strlen(name) + 1); /* find_placed() has looked at its length */
    } else if (fd >= 0) {
        close(fd);
    }
    return same;
}

static bool find_placed(struct transfer *t)
{
    if (!down_whole(t) || !t->down.at.inode) return false;
    int fd = openat(t->down.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    bool found = false;
    for (struct dirent *e; folder && !found && (e = readdir(folder));)
        found = e->d_ino == t->down.at.inode && strlen(e->d_name) < FILE_NAME_CAP && is_placed(t, e->d_name);
    if (folder)
        closedir(folder);
    else if (fd >= 0)
        close(fd);
    return found;
}

/* Is there room for what is missing of it? Nothing is reserved: on some file systems that takes as long as writing. */
static bool has_room(struct transfer *t)
{
    struct statvfs disk;
    struct stat st;
    if (fstatvfs(t->down.part, &disk) != 0 || fstat(t->down.part, &st) != 0) return true;
    uint64_t free = disk.f_bavail * disk.f_frsize, have = (uint64_t)st.st_blocks * 512;
    if (have + free >= t->row.size) return true;
    errno = ENOSPC;
    fail_disk(t, "make room for the file");
    return false;
}

enum transfer_open down_open(struct transfer *t, const char *sidecar_path)
{
    enum mapped_state state =
        sidecar_open(&t->down.sidecar, to_descriptor(t) ? NULL : sidecar_path, t->row.blob, &t->why);
    if (state == MAPPED_BUSY) return TRANSFER_BUSY;
    if (state == MAPPED_FAILED) {
        t->code = "local";
        return TRANSFER_FAILED;
    }
    t->down.at = *sidecar_state(&t->down.sidecar);
    if (to_descriptor(t)) return TRANSFER_OPEN;
    if (!open_folder(t)) return TRANSFER_FAILED;
    bool kept = open_part(t) || find_placed(t);
    if (!kept && !make_part(t)) return TRANSFER_FAILED;
    file_row_set(&t->row, &t->row.part, t->down.at.part);
    return has_room(t) ? TRANSFER_OPEN : TRANSFER_FAILED;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void down_close(struct transfer *t)
{
    char made[FILE_NAME_CAP];
    if (t->down.finish) file_finish_end(t->down.finish, made);
    t->down.finish = NULL;
    sidecar_close(&t->down.sidecar);
    close_fd(&t->down.part);
    close_fd(&t->down.folder);
    sodium_memzero(&t->down.at, sizeof t->down.at);
}

bool down_whole(const struct transfer *t)
{
    return t->down.at.started && t->down.at.stream.chunk == blob_chunks(t->row.size);
}

uint64_t down_offset(const struct transfer *t)
{
    return t->down.at.started ? blob_offset(t->down.at.stream.chunk) : 0;
}

/* --- chunks --- */

static bool write_at(int fd, const uint8_t *data, size_t n, off_t at)
{
    while (n) {
        ssize_t w = at < 0 ? write(fd, data, n) : pwrite(fd, data, n, at);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return false;
        data += w;
        n -= (size_t)w;
        if (at >= 0) at += w;
    }
    return true;
}

static bool take_header(struct transfer *t, struct slice bytes)
{
    if (bytes.len != BLOB_HEADER || !blob_open_start(&t->down.at.stream, t->row.key, bytes.data)) {
        fail_damaged(t, "its beginning is wrong");
        return false;
    }
    t->down.at.started = true;
    crypto_generichash_init(&t->down.at.hash, NULL, 0, SEALED_HASH);
    return true;
}

/* What lies behind the content must be the zeros that the sender put there. */
static bool zeros(const uint8_t *text, size_t n)
{
    return n == 0 || sodium_is_zero(text, n);
}

static bool open_chunk(struct transfer *t, struct slice bytes, bool last, uint8_t text[BLOB_CHUNK])
{
    struct blob_state *s = &t->down.at.stream;
    uint64_t size = t->row.size, at = s->chunk * BLOB_CHUNK;
    size_t len = blob_chunk_len(size, s->chunk);
    size_t content = at >= size ? 0 : size - at < len ? (size_t)(size - at) : len;
    if (bytes.len != len + BLOB_TAG) {
        fail_damaged(t, "a chunk has the wrong length");
        return false;
    }
    if (!blob_open(s, bytes, last, text) || !zeros(text + content, len - content)) {
        fail_damaged(t, "a chunk is not the one that belongs there");
        return false;
    }
    bool written = to_descriptor(t) ? write_at(t->down.out, text, content, -1)
                                    : write_at(t->down.part, text, content, (off_t)at);
    if (!written) fail_disk(t, "write the file");
    return written;
}

/* The hash is told when it was known to the sender; the chunks alone prove the same. */
static bool hash_right(struct transfer *t)
{
    uint8_t hash[SEALED_HASH];
    crypto_generichash_state copy = t->down.at.hash;
    crypto_generichash_final(&copy, hash, sizeof hash);
    if (sodium_is_zero(t->row.hash, sizeof t->row.hash) || memcmp(hash, t->row.hash, sizeof hash) == 0) return true;
    fail_damaged(t, "its hash is another one");
    return false;
}

static bool take_chunk(struct transfer *t, struct slice bytes, uint8_t text[BLOB_CHUNK])
{
    bool last = t->down.at.stream.chunk + 1 == blob_chunks(t->row.size);
    return open_chunk(t, bytes, last, text);
}

bool down_data(struct transfer *t, const struct wire_data *m, uint8_t text[BLOB_CHUNK])
{
    uint64_t chunks = blob_chunks(t->row.size);
    if (m->offset != down_offset(t) || (t->down.at.started && t->down.at.stream.chunk >= chunks)) {
        fail_damaged(t, "a chunk came at the wrong place");
        return false;
    }
    bool good = t->down.at.started ? take_chunk(t, m->bytes, text) : take_header(t, m->bytes);
    if (!good) {
        t->down.at = *sidecar_state(&t->down.sidecar); /* what was counted stands */
        return false;
    }
    if (!sodium_is_zero(t->row.hash, sizeof t->row.hash))
        crypto_generichash_update(&t->down.at.hash, m->bytes.data, m->bytes.len);
    bool whole = down_whole(t);
    if (whole && !hash_right(t)) return false;
    sidecar_store(&t->down.sidecar, &t->down.at);
    uint64_t at = t->down.at.stream.chunk * BLOB_CHUNK;
    t->done = at < t->row.size ? at : t->row.size;
    return whole;
}

/* --- the end --- */

void down_finish_start(struct transfer *t, int wake)
{
    char name[FILE_NAME_CAP];
    const char *placed = t->down.placed;
    wanted_name(t, name);
    if (t->down.finish || to_descriptor(t)) return;
    t->down.finish = placed[0] ? file_finish_start(t->down.folder, t->down.part, placed, NULL, wake)
                               : file_finish_start(t->down.folder, t->down.part, t->down.at.part, name, wake);
}

bool down_finishing(const struct transfer *t)
{
    return t->down.finish && !file_finish_done(t->down.finish);
}

bool down_finish(struct transfer *t, char path[4096])
{
    path[0] = '\0';
    if (to_descriptor(t)) return true;
    int r = file_finish_end(t->down.finish, t->down.placed);
    t->down.finish = NULL;
    if (r != 0) {
        fail_disk(t, "finish the file");
        return false;
    }
    t->row.inode = t->down.at.inode;
    file_text(t->row.path, path, 4096);
    char *last = strrchr(path, '/');
    size_t room = 4096 - (last ? (size_t)(last + 1 - path) : 0);
    snprintf(last ? last + 1 : path, room, "%s", t->down.placed);
    return true;
}

void down_discard(struct transfer *t)
{
    if (t->down.folder >= 0 && t->down.at.part[0]) unlinkat(t->down.folder, t->down.at.part, 0);
}
