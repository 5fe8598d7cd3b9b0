/* blob_disk.c - see blob_disk.h. Two lists under one lock, an eventfd for the way back; all names are below one descriptor. */
#include "blob_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "log.h"

enum { HEX = 2 * BLOB_ID, NAME_SIZE = HEX + 8, THREADS = 2 };

struct job_list {
    struct blob_job *first, **last;
};

struct blob_disk {
    pthread_t thread[THREADS];
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job_list todo, done;
    unsigned pending; /* the loop's */
    int dir, event;
    bool stop;
};

static void name_of(char name[NAME_SIZE], const uint8_t id[BLOB_ID], bool upload)
{
    sodium_bin2hex(name, HEX + 1, id, BLOB_ID);
    if (upload) memcpy(name + HEX, ".part", 6);
}

/* --- what the thread does: 0 or errno --- */

static int length_of(int fd, uint64_t *length)
{
    struct stat st;
    if (fstat(fd, &st)) return errno;
    *length = (uint64_t)st.st_size;
    return 0;
}

static int open_file(struct blob_disk *d, struct blob_job *job, bool upload, int flags)
{
    char name[NAME_SIZE];
    name_of(name, job->id, upload);
    job->fd = openat(d->dir, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    return job->fd < 0 ? errno : length_of(job->fd, &job->length);
}

/* Is there room for what is still to come? */
static int has_room(const struct blob_disk *d, const struct blob_job *job)
{
    struct statvfs v;
    if (fstatvfs(d->dir, &v)) return errno;
    uint64_t left = (uint64_t)v.f_bavail * v.f_frsize, more = job->size > job->length ? job->size - job->length : 0;
    return left < job->spare || left - job->spare < more ? ENOSPC : 0;
}

static int open_write(struct blob_disk *d, struct blob_job *job)
{
    int error = open_file(d, job, true, O_WRONLY | O_CREAT);
    return error ? error : has_room(d, job);
}

/* The broker may not have heard yet that it has been renamed. */
static int open_read(struct blob_disk *d, struct blob_job *job)
{
    int error = open_file(d, job, !job->complete, O_RDONLY);
    return error == ENOENT ? open_file(d, job, job->complete, O_RDONLY) : error;
}

/* Only what is on the disk gets its name, and only what has its name there is complete. */
static int finish(struct blob_disk *d, struct blob_job *job)
{
    char part[NAME_SIZE], whole[NAME_SIZE];
    int error = open_file(d, job, true, O_RDONLY);
    if (!error && job->length != job->size) error = EINVAL;
    if (!error && fdatasync(job->fd)) error = errno;
    if (error) return error;
    name_of(part, job->id, true);
    name_of(whole, job->id, false);
    return renameat(d->dir, part, d->dir, whole) || fsync(d->dir) ? errno : 0;
}

/* The upload's name first: what another thread is renaming meanwhile is met under one of the two. */
static int remove_both(struct blob_disk *d, const struct blob_job *job)
{
    char name[NAME_SIZE];
    int error = 0;
    for (int k = 0; k < 2; k++) {
        name_of(name, job->id, k == 0);
        if (unlinkat(d->dir, name, 0) && errno != ENOENT) error = errno;
    }
    return error;
}

static void work(struct blob_disk *d, struct blob_job *job)
{
    job->fd = -1;
    switch (job->work) {
    case BLOB_WRITE: job->error = open_write(d, job); break;
    case BLOB_READ: job->error = open_read(d, job); break;
    case BLOB_FINISH: job->error = finish(d, job); break;
    default: job->error = remove_both(d, job); break;
    }
    if (job->fd >= 0 && (job->error || job->work == BLOB_FINISH)) {
        close(job->fd);
        job->fd = -1;
    }
}

/* --- the thread --- */

static void append(struct job_list *l, struct blob_job *job)
{
    job->next = NULL;
    *(l->first ? l->last : &l->first) = job;
    l->last = &job->next;
}

static struct blob_job *take(struct job_list *l)
{
    struct blob_job *job = l->first;
    if (job) l->first = job->next;
    return job;
}

static void *run(void *arg)
{
    struct blob_disk *d = arg;
    pthread_mutex_lock(&d->lock);
    for (;;) {
        struct blob_job *job = take(&d->todo);
        if (!job && d->stop) break;
        if (!job) {
            pthread_cond_wait(&d->more, &d->lock);
            continue;
        }
        pthread_mutex_unlock(&d->lock);
        work(d, job);
        pthread_mutex_lock(&d->lock);
        append(&d->done, job);
        if (eventfd_write(d->event, 1) < 0) fatal("eventfd: %s", strerror(errno));
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static int open_folder(const char *dir)
{
    char path[600];
    snprintf(path, sizeof path, "%s/blobs", dir);
    if (mkdir(path, 0700) && errno != EEXIST) fatal("cannot make %s: %s", path, strerror(errno));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) fatal("cannot open %s: %s: check its owner and mode", path, strerror(errno));
    return fd;
}

struct blob_disk *blob_disk_start(const char *dir)
{
    struct blob_disk *d = xcalloc(1, sizeof *d);
    d->dir = open_folder(dir);
    d->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->more, NULL);
    sigset_t all, old;
    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 0; i < THREADS; i++)
        if (d->event < 0 || pthread_create(&d->thread[i], NULL, run, d))
            fatal("cannot start the threads for files: %s", strerror(errno));
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return d;
}

void blob_disk_stop(struct blob_disk *d)
{
    if (!d) return;
    pthread_mutex_lock(&d->lock);
    d->stop = true;
    pthread_cond_broadcast(&d->more);
    pthread_mutex_unlock(&d->lock);
    for (int i = 0; i < THREADS; i++)
        pthread_join(d->thread[i], NULL);
    close(d->event);
    close(d->dir);
    free(d);
}

int blob_disk_fd(const struct blob_disk *d)
{
    return d->event;
}

unsigned blob_disk_pending(const struct blob_disk *d)
{
    return d->pending;
}

void blob_disk_submit(struct blob_disk *d, struct blob_job *job)
{
    d->pending++;
    pthread_mutex_lock(&d->lock);
    append(&d->todo, job);
    pthread_cond_signal(&d->more);
    pthread_mutex_unlock(&d->lock);
}

void blob_disk_reap(struct blob_disk *d)
{
    eventfd_t n;
    (void)eventfd_read(d->event, &n); /* empty is fine: somebody asked too early */
    pthread_mutex_lock(&d->lock);
    struct job_list ended = d->done;
    d->done.first = NULL;
    pthread_mutex_unlock(&d->lock);
    for (struct blob_job *job; (job = take(&ended));) {
        d->pending--;
        job->done(job);
    }
}

/* --- what there is --- */

static bool is_blob(const char *name, uint8_t id[BLOB_ID], bool *upload)
{
    const char *end;
    size_t n = strlen(name);
    *upload = n == HEX + 5 && strcmp(name + HEX, ".part") == 0;
    if (n != HEX && !*upload) return false;
    return sodium_hex2bin(id, BLOB_ID, name, HEX, NULL, NULL, &end) == 0 && end == name + HEX;
}

void blob_disk_each(const struct blob_disk *d, void (*each)(void *, const uint8_t *, bool, uint64_t), void *arg)
{
    int fd = openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) fatal("cannot read the folder of files: %s", strerror(errno));
    for (struct dirent *e; (e = readdir(dir));) {
        uint8_t id[BLOB_ID];
        bool upload;
        struct stat st;
        if (is_blob(e->d_name, id, &upload) && fstatat(d->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            each(arg, id, upload, (uint64_t)st.st_size);
    }
    closedir(dir);
}
