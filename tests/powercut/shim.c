/*
 * shim.c - a disk whose power fails: preloaded into a victim, it records every write, truncation
 * and removal of files below one folder, and lets only what was synced through to a shadow folder.
 *
 * At a chosen operation the power fails: of what was not synced a random part reaches the shadow
 * (nothing, whole writes, or single 512-byte sectors) and the process exits at once. Whatever the
 * victim has reported as durable before must be in the shadow.
 *
 *   POWERCUT_FOLDER  absolute path of the folder that is watched
 *   POWERCUT_SHADOW  the shadow, which holds the same files at the start
 *   POWERCUT_SEED    decides what gets through
 *   POWERCUT_AFTER   the operation (write, truncation, removal, sync) at which the power fails
 *
 * Limits: names are durable as soon as they are made; memory-mapped files are not seen (SQLite's
 * -shm is made anew from the WAL); a disk that lies about a flush is not modelled.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FDS = 1024, FILES = 64, SECTOR = 512, EXIT_CUT = 77 };

struct write {
    struct write *next;
    off_t at; /* a truncation: the new size, with len 0 */
    size_t len;
    uint8_t data[];
};

/* One file of the folder, by its inode: two connections share its unsynced writes. */
struct file {
    dev_t dev;
    ino_t ino;
    int shadow;
    struct write *first, **end;
};

static struct {
    pthread_mutex_t lock;
    const char *folder, *shadow;
    size_t folder_len;
    uint64_t random, after;
    struct file files[FILES], *of[FDS];
} cut = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct {
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    int (*open)(const char *, int, ...);
    int (*close)(int), (*fsync)(int), (*ftruncate)(int, off_t), (*unlink)(const char *);
} real;

static void *lookup(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);
    if (!f) abort();
    return f;
}

__attribute__((constructor)) static void begin(void)
{
    /* A function pointer does not fit a void * by the letter of C; POSIX says that it does. */
    *(void **)&real.write = lookup("write");
    *(void **)&real.pwrite = lookup("pwrite64");
    *(void **)&real.open = lookup("open64");
    *(void **)&real.close = lookup("close");
    *(void **)&real.fsync = lookup("fsync");
    *(void **)&real.ftruncate = lookup("ftruncate64");
    *(void **)&real.unlink = lookup("unlink");
    cut.folder = getenv("POWERCUT_FOLDER");
    cut.shadow = getenv("POWERCUT_SHADOW");
    if (!cut.folder || !cut.shadow) abort();
    cut.folder_len = strlen(cut.folder);
    cut.random = strtoull(getenv("POWERCUT_SEED"), NULL, 10) * 2 + 1;
    cut.after = strtoull(getenv("POWERCUT_AFTER"), NULL, 10);
}

/* splitmix64 */
static uint64_t draw(void)
{
    uint64_t z = cut.random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* --- the shadow --- */

static void put(const struct file *f, const struct write *w, size_t from, size_t n)
{
    if (real.pwrite(f->shadow, w->data + from, n, w->at + (off_t)from) != (ssize_t)n) abort();
}

static void apply(const struct file *f, const struct write *w)
{
    if (w->len)
        put(f, w, 0, w->len);
    else if (real.ftruncate(f->shadow, w->at) < 0)
        abort();
}

/* Sector by sector, cut where the disk's sectors lie. */
static void apply_sectors(const struct file *f, const struct write *w)
{
    if (w->len == 0) {
        if (draw() & 1) apply(f, w);
        return;
    }
    for (size_t at = 0; at < w->len;) {
        size_t n = SECTOR - (size_t)(w->at + (off_t)at) % SECTOR;
        if (n > w->len - at) n = w->len - at;
        if (draw() & 1) put(f, w, at, n);
        at += n;
    }
}

static void synced(struct file *f)
{
    while (f->first) {
        struct write *w = f->first;
        apply(f, w);
        f->first = w->next;
        free(w);
    }
}

static _Noreturn void fail_power(void)
{
    enum { NOTHING, WRITES, SECTORS, MODES };
    uint64_t mode = draw() % MODES;
    for (size_t i = 0; i < FILES; i++)
        for (const struct write *w = cut.files[i].first; w && mode != NOTHING; w = w->next) {
            if (mode == SECTORS) apply_sectors(&cut.files[i], w);
            if (mode == WRITES && (draw() & 1)) apply(&cut.files[i], w);
        }
    _exit(EXIT_CUT);
}

/* Counts an operation; called with the lock, which a failed power never gives back. */
static void count(void)
{
    if (cut.after-- == 0) fail_power();
}

static void record(struct file *f, const void *data, size_t len, off_t at)
{
    struct write *w = malloc(sizeof *w + len);
    if (!w) abort();
    w->next = NULL;
    w->at = at;
    w->len = len;
    if (len) memcpy(w->data, data, len);
    *(f->first ? f->end : &f->first) = w;
    f->end = &w->next;
}

/* --- which file a descriptor is --- */

static struct file *file_of(int fd)
{
    return fd >= 0 && fd < FDS ? cut.of[fd] : NULL;
}

static const char *below(const char *path)
{
    if (strncmp(path, cut.folder, cut.folder_len) != 0 || path[cut.folder_len] != '/') return NULL;
    size_t n = strlen(path);
    if (n > 4 && strcmp(path + n - 4, "-shm") == 0) return NULL;
    return path + cut.folder_len;
}

static void shadow_path(char out[PATH_MAX], const char *name)
{
    if (snprintf(out, PATH_MAX, "%s%s", cut.shadow, name) >= PATH_MAX) abort();
}

static void watch(int fd, const char *name)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) return;
    if (fd >= FDS) abort();
    struct file *f = NULL, *unused = NULL;
    for (size_t i = 0; i < FILES && !f; i++) {
        if (cut.files[i].ino == st.st_ino && cut.files[i].dev == st.st_dev) f = &cut.files[i];
        if (!unused && cut.files[i].ino == 0) unused = &cut.files[i];
    }
    if (!f) {
        char path[PATH_MAX];
        shadow_path(path, name);
        if (!(f = unused)) abort();
        *f = (struct file){.dev = st.st_dev, .ino = st.st_ino};
        f->shadow = real.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (f->shadow < 0) abort();
    }
    cut.of[fd] = f;
}

static void forget(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0) return;
    for (size_t i = 0; i < FILES; i++) {
        struct file *f = &cut.files[i];
        if (f->ino != st.st_ino || f->dev != st.st_dev) continue;
        for (size_t fd = 0; fd < FDS; fd++)
            if (cut.of[fd] == f) cut.of[fd] = NULL;
        real.close(f->shadow);
        *f = (struct file){0}; /* the few writes that hang on it are lost with it */
    }
}

/* --- what the victim calls --- */

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list ap;
        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
    }
    pthread_mutex_lock(&cut.lock);
    int fd = real.open(path, flags, mode);
    const char *name = fd >= 0 ? below(path) : NULL;
    if (fd >= 0 && fd < FDS) cut.of[fd] = NULL;
    if (name) watch(fd, name);
    pthread_mutex_unlock(&cut.lock);
    return fd;
}

int open(const char *path, int flags, ...) __attribute__((alias("open64")));

int close(int fd)
{
    pthread_mutex_lock(&cut.lock);
    if (fd >= 0 && fd < FDS) cut.of[fd] = NULL; /* the file remembers its unsynced writes */
    int rc = real.close(fd);
    pthread_mutex_unlock(&cut.lock);
    return rc;
}

ssize_t pwrite64(int fd, const void *data, size_t n, off_t at)
{
    struct file *f = file_of(fd);
    if (!f || n == 0) return real.pwrite(fd, data, n, at);
    pthread_mutex_lock(&cut.lock);
    record(f, data, n, at); /* before the cut: the write under way may be torn, too */
    count();
    ssize_t rc = real.pwrite(fd, data, n, at);
    if (rc != (ssize_t)n) abort();
    pthread_mutex_unlock(&cut.lock);
    return rc;
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at) __attribute__((alias("pwrite64")));

ssize_t write(int fd, const void *data, size_t n)
{
    if (!file_of(fd)) return real.write(fd, data, n);
    off_t at = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    ssize_t rc = pwrite64(fd, data, n, at);
    lseek(fd, at + (off_t)n, SEEK_SET);
    return rc;
}

int ftruncate64(int fd, off_t size)
{
    struct file *f = file_of(fd);
    if (!f) return real.ftruncate(fd, size);
    pthread_mutex_lock(&cut.lock);
    record(f, NULL, 0, size);
    count();
    int rc = real.ftruncate(fd, size);
    pthread_mutex_unlock(&cut.lock);
    return rc;
}

int ftruncate(int fd, off_t size) __attribute__((alias("ftruncate64")));

/* The files lie in memory, so a real sync would cost nothing and prove nothing. */
int fsync(int fd)
{
    struct file *f = file_of(fd);
    if (!f) return real.fsync(fd);
    pthread_mutex_lock(&cut.lock);
    count();
    synced(f);
    pthread_mutex_unlock(&cut.lock);
    return 0;
}

int fdatasync(int fd) __attribute__((alias("fsync")));

int unlink(const char *path)
{
    const char *name = below(path);
    if (!name) return real.unlink(path);
    char shadow[PATH_MAX];
    pthread_mutex_lock(&cut.lock);
    count();
    forget(path);
    shadow_path(shadow, name);
    real.unlink(shadow);
    int rc = real.unlink(path);
    pthread_mutex_unlock(&cut.lock);
    return rc;
}
