/* client_file_orders.c - see client_files.h: what people ask for, as rows of the book and transfers. */
#include "client_private.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "file_name.h"
#include "transfers.h"

static struct slice slice_of(const char *s)
{
    return sealed_slice(s, strlen(s));
}

static bool equal(struct slice a, const char *b)
{
    return a.len == strlen(b) && memcmp(a.data, b, a.len) == 0;
}

static enum client_file_result store_failed(struct client *c)
{
    client_vault_failed(c);
    return CLIENT_FILE_STORE;
}

/* 0; -1 and why. */
static int make_folder(const struct client *c, struct why *why)
{
    char path[PATH_MAX];
    if (!c->o.folder) {
        why_set(why, "this client keeps no files");
        return -1;
    }
    snprintf(path, sizeof path, "%s/transfers", c->o.folder);
    return file_make_folder(path, why);
}

/* --- put --- */

/* What the row says of a regular file. */
static enum client_file_result measure(const char *path, char real[PATH_MAX], struct file_row *row, struct why *why)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int error = fd < 0 || fstat(fd, &st) != 0 || !realpath(path, real) ? errno : 0;
    if (fd >= 0) close(fd);
    if (error) {
        why_set(why, "cannot read \"%.200s\": %s", path, strerror(error));
        return error == ENOENT || error == ENOTDIR ? CLIENT_FILE_NO_SUCH : CLIENT_FILE_LOCAL;
    }
    if (!S_ISREG(st.st_mode)) {
        why_set(why, "\"%.200s\" is not a file", path);
        why_hint(why, "what a pipe or a device says can be sent from standard input: put - TO");
        return CLIENT_FILE_WRONG;
    }
    row->size = (uint64_t)st.st_size;
    row->inode = st.st_ino;
    row->mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    row->path = slice_of(real);
    return CLIENT_FILE_TAKEN;
}

/* The same file of the same name to the same, begun earlier: 1 and its row. */
static int find_begun(struct client *c, const struct file_row *want, struct file_row *row)
{
    char to[NAME_SIZE];
    uint64_t after = 0;
    int r;
    snprintf(to, sizeof to, "%.*s", (int)want->to.len, (const char *)want->to.data);
    while ((r = file_book_next(c->o.vault, after, row)) > 0) {
        bool same = row->own && row->state == FILE_SENDING && row->path.len && row->path.len == want->path.len &&
                    memcmp(row->path.data, want->path.data, want->path.len) == 0 && row->size == want->size &&
                    row->inode == want->inode && row->mtime_ns == want->mtime_ns && row->to.len == want->to.len &&
                    strncasecmp((const char *)row->to.data, to, row->to.len) == 0 &&
                    row->name.len == want->name.len &&
                    memcmp(row->name.data, want->name.data, want->name.len) == 0;
        if (same) return 1;
        after = row->id;
        file_row_free(row);
    }
    return r;
}

static int new_row(struct client *c, struct file_row *row)
{
    randombytes_buf(row->blob, sizeof row->blob);
    randombytes_buf(row->key, sizeof row->key);
    row->time_ms = client_wall_ms();
    row->state = FILE_SENDING;
    row->own = true;
    row->from = slice_of(c->name);
    if (vault_begin(c->o.vault) < 0) return -1;
    int r = vault_number(c->o.vault, &row->id);
    if (r == 0) r = file_book_put(c->o.vault, row);
    return vault_finish(c->o.vault, r);
}

static enum client_file_result check(const struct client_put *put, struct why *why)
{
    bool room = put->to[0] == '#';
    const char *wrong = NULL;
    if (strcasecmp(put->to, "#lobby") == 0) {
        why_set(why, "files go to people and to groups, not to the lobby");
        why_hint(why, "the lobby is not sealed; make a group of those who are to have it");
        return CLIENT_FILE_WRONG;
    }
    if (room ? name_valid_room(put->to, strlen(put->to), &wrong) : name_valid(put->to, strlen(put->to), &wrong))
        return CLIENT_FILE_TAKEN;
    why_set(why, "not a name to send to: it %s", wrong);
    return CLIENT_FILE_WRONG;
}

static enum client_file_result put_row(struct client *c, const struct client_put *put, struct file_row *want,
                                       uint64_t *id, struct why *why)
{
    struct file_row row = {0};
    int known = want->path.len ? find_begun(c, want, &row) : 0;
    if (known < 0) return store_failed(c);
    if (known == 0) {
        if (make_folder(c, why) < 0) return CLIENT_FILE_LOCAL;
        if (new_row(c, want) < 0 || file_book_get(c->o.vault, want->id, &row) <= 0) return store_failed(c);
    }
    *id = row.id;
    if (!client_files_find(c, *id)) {
        struct transfer *t = client_files_add(c, &row);
        t->up.source = put->path ? -1 : put->fd;
        t->up.piped = !put->path;
        t->up.child = put->path ? 0 : put->child;
    }
    file_row_free(&row);
    return CLIENT_FILE_TAKEN;
}

enum client_file_result client_put(struct client *c, const struct client_put *put, uint64_t *id, struct why *why)
{
    char real[PATH_MAX], name[FILE_NAME_CAP], copy[PATH_MAX];
    struct file_row want = {.size = FILE_SIZE_OPEN, .to = slice_of(put->to),
                            .text = slice_of(put->text ? put->text : "")};
    enum client_file_result r = check(put, why);
    if (r == CLIENT_FILE_TAKEN && put->path) r = measure(put->path, real, &want, why);
    if (r == CLIENT_FILE_TAKEN) {
        snprintf(copy, sizeof copy, "%s", put->path ? put->path : "file");
        file_name_clean(slice_of(put->name ? put->name : basename(copy)), name);
        want.name = slice_of(name);
        r = put_row(c, put, &want, id, why);
    }
    if (r != CLIENT_FILE_TAKEN && !put->path) close(put->fd);
    sodium_memzero(&want, sizeof want);
    return r;
}

/* --- get --- */

static const char *downloads_folder(const struct client *c, char out[4096])
{
    const char *said = c->o.downloads && c->o.downloads[0] ? c->o.downloads : getenv("XDG_DOWNLOAD_DIR");
    const char *home = getenv("HOME");
    struct stat st;
    snprintf(out, 4096, "%s", said ? said : "");
    if (out[0] == '/') return out;
    snprintf(out, 4096, "%s/Downloads", home ? home : "");
    if (home && home[0] == '/' && stat(out, &st) == 0 && S_ISDIR(st.st_mode)) return out;
    snprintf(out, 4096, ".");
    return out;
}

/* Where the file is to be, with its folder's true path. */
static enum client_file_result place(const struct client *c, const struct file_row *row, const char *wish, char out[4096], struct why *why)
{
    char folder[PATH_MAX], downloads[4096], copy[PATH_MAX], real[PATH_MAX];
    struct stat st;
    const char *path = wish ? wish : downloads_folder(c, downloads);
    bool is_folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    if (!is_folder && lstat(path, &st) == 0) {
        why_set(why, "\"%.200s\" is there already, and nothing is overwritten", path);
        why_hint(why, "give another name, or a folder");
        return CLIENT_FILE_WRONG;
    }
    snprintf(copy, sizeof copy, "%s", path);
    snprintf(folder, sizeof folder, "%s", is_folder ? path : dirname(copy));
    if (!realpath(folder, real)) {
        why_set(why, "there is no folder \"%.200s\": %s", folder, strerror(errno));
        return CLIENT_FILE_LOCAL;
    }
    snprintf(copy, sizeof copy, "%s", path);
    const char *name = basename(copy), *slash = strcmp(real, "/") == 0 ? "" : "/";
    int n = is_folder ? snprintf(out, 4096, "%s%s%.*s", real, slash, (int)row->name.len, (const char *)row->name.data)
                      : snprintf(out, 4096, "%s%s%s", real, slash, name);
    if (n < 4096 && strlen(name) <= FILE_NAME_MAX) return CLIENT_FILE_TAKEN;
    why_set(why, "the path is too long: a name has at most %d bytes here", FILE_NAME_MAX);
    return CLIENT_FILE_WRONG;
}

/* May it be fetched as it stands? */
static enum client_file_result fetchable(const struct file_row *row, struct why *why)
{
    if (row->own) {
        why_set(why, "file %llu is one that you have sent", (unsigned long long)row->id);
        return CLIENT_FILE_WRONG;
    }
    if (row->state != FILE_GONE) return CLIENT_FILE_TAKEN;
    why_set(why, "file %llu is not at the server any more", (unsigned long long)row->id);
    why_hint(why, "ask its sender for it once more");
    return CLIENT_FILE_NO_SUCH;
}

/* What was fetched for another place is of no use there. */
static void forget_part(struct client *c, struct file_row *row)
{
    char path[4096], part[4096 + FILE_NAME_CAP];
    snprintf(path, sizeof path, "%.*s", (int)row->path.len, (const char *)row->path.data);
    snprintf(part, sizeof part, "%s/%.*s", dirname(path), (int)row->part.len, (const char *)row->part.data);
    if (row->part.len) unlink(part);
    client_files_state(c, row, path);
    unlink(path);
    file_row_set(row, &row->part, "");
}

/* Was it fetched to there before, and does it still stand as it came? */
static bool is_here(const struct file_row *row, const char *wish)
{
    char path[4096], folder[PATH_MAX], real[PATH_MAX];
    struct stat st;
    file_text(row->path, path, sizeof path);
    if (row->state != FILE_HERE || stat(path, &st) != 0 || st.st_ino != row->inode || (uint64_t)st.st_size != row->size)
        return false;
    snprintf(folder, sizeof folder, "%s", path);
    return !wish || (realpath(wish, real) && (strcmp(real, path) == 0 || strcmp(real, dirname(folder)) == 0));
}

/* It is wanted at this path from now on. A fetch that was begun there goes on. */
static enum client_file_result want(struct client *c, struct file_row *row, const char *path, struct why *why)
{
    char to[4096];
    bool begun = row->path.len && (row->state == FILE_WANTED || row->state == FILE_FAILED);
    enum client_file_result r = begun && !path ? CLIENT_FILE_TAKEN : place(c, row, path, to, why);
    if (r != CLIENT_FILE_TAKEN) return r;
    if (!(begun && (!path || equal(row->path, to)))) {
        forget_part(c, row);
        file_row_set(row, &row->path, to);
    }
    row->state = FILE_WANTED;
    row->tell = 0;
    if (vault_begin(c->o.vault) < 0 || vault_finish(c->o.vault, file_book_put(c->o.vault, row)) < 0)
        return store_failed(c);
    return CLIENT_FILE_TAKEN;
}

static enum client_file_result get_row(struct client *c, uint64_t id, struct file_row *row, struct why *why)
{
    int r = file_book_get(c->o.vault, id, row);
    if (r < 0) return store_failed(c);
    if (r > 0) return CLIENT_FILE_TAKEN;
    why_set(why, "there is no file %llu", (unsigned long long)id);
    why_hint(why, "files lists them");
    return CLIENT_FILE_NO_SUCH;
}

enum client_file_result client_get(struct client *c, uint64_t id, const char *path, int fd, struct why *why)
{
    struct file_row row;
    enum client_file_result r = get_row(c, id, &row, why);
    if (r == CLIENT_FILE_TAKEN) r = fetchable(&row, why);
    bool running = client_files_find(c, id) != NULL;
    if (r == CLIENT_FILE_TAKEN && fd < 0 && is_here(&row, path)) {
        files_tell_row(c, &row, CLIENT_FILE_HERE);
        file_row_free(&row);
        return CLIENT_FILE_TAKEN;
    }
    if (r == CLIENT_FILE_TAKEN && make_folder(c, why) < 0) r = CLIENT_FILE_LOCAL;
    if (r == CLIENT_FILE_TAKEN && fd < 0 && !running) r = want(c, &row, path, why);
    if (r == CLIENT_FILE_TAKEN && !running) client_files_add(c, &row)->down.out = fd;
    file_row_free(&row);
    return r;
}

/* --- decline --- */

/* May it be declined, or taken back? */
static enum client_file_result declinable(const struct file_row *row, struct why *why)
{
    if (row->state == FILE_HERE) {
        why_set(why, "file %llu was fetched already; it is yours to remove", (unsigned long long)row->id);
        return CLIENT_FILE_WRONG;
    }
    if (row->state != FILE_GONE && row->state != FILE_FETCHED) return CLIENT_FILE_TAKEN;
    why_set(why, "file %llu is not at the server any more", (unsigned long long)row->id);
    return CLIENT_FILE_NO_SUCH;
}

enum client_file_result client_decline(struct client *c, uint64_t id, struct why *why)
{
    struct file_row row;
    enum client_file_result r = get_row(c, id, &row, why);
    if (r == CLIENT_FILE_TAKEN) r = declinable(&row, why);
    if (r == CLIENT_FILE_TAKEN && client_files_end(c, &row) < 0) r = store_failed(c);
    file_row_free(&row);
    return r;
}
