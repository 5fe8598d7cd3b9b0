/* file_finish.c - see file_finish.h. */
#include "file_finish.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"

struct file_finish {
    pthread_t thread;
    bool threaded; /* else it was done at once */
    int folder, file, wake;
    bool named;
    char from[FILE_NAME_CAP], name[FILE_NAME_CAP], made[FILE_NAME_CAP];
    int error; /* errno, 0: fine */
    atomic_bool done;
};

static int finish(struct file_finish *f)
{
    if (fsync(f->file) != 0) return -1;
    if (!f->named && file_name_place(f->folder, f->from, f->name, f->made) != 0) return -1;
    return fsync(f->folder);
}

static void *run(void *arg)
{
    struct file_finish *f = arg;
    f->error = finish(f) == 0 ? 0 : errno;
    atomic_store_explicit(&f->done, true, memory_order_release);
    if (f->wake >= 0) eventfd_write(f->wake, 1);
    return NULL;
}

/* Signals are for the thread that has the loop. */
static bool start_thread(struct file_finish *f)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&f->thread, NULL, run, f) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

struct file_finish *file_finish_start(int folder, int file, const char *from, const char *name, int wake)
{
    struct file_finish *f = xcalloc(1, sizeof *f);
    f->folder = folder;
    f->file = file;
    f->wake = wake;
    f->named = !name;
    snprintf(f->from, sizeof f->from, "%s", from);
    snprintf(f->name, sizeof f->name, "%s", name ? name : from);
    f->threaded = start_thread(f);
    if (!f->threaded) run(f);
    return f;
}

bool file_finish_done(const struct file_finish *f)
{
    return atomic_load_explicit(&f->done, memory_order_acquire);
}

int file_finish_end(struct file_finish *f, char made[FILE_NAME_CAP])
{
    if (f->threaded) pthread_join(f->thread, NULL);
    int error = f->error;
    if (!f->named) memcpy(made, f->made, sizeof f->made);
    free(f);
    errno = error;
    return error ? -1 : 0;
}
