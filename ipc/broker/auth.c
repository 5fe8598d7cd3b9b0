/* auth.c - see auth.h. Two lists under one lock, an eventfd for the way back. */
#include "auth.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"
#include "noise.h"

struct job_list {
    struct auth_job *first, **last;
    size_t n;
};

/* Jobs that the thread takes at once: in a storm it and the loop wake each other less often, and nobody waits for long. */
enum { BATCH = 16 };

struct auth {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job_list todo, done;
    size_t max;
    int event;
    bool stop;
};

static void append(struct job_list *l, struct auth_job *job)
{
    job->next = NULL;
    *l->last = job;
    l->last = &job->next;
    l->n++;
}

static struct auth_job *take(struct job_list *l)
{
    struct auth_job *job = l->first;
    if (!job) return NULL;
    l->first = job->next;
    if (!l->first) l->last = &l->first;
    l->n--;
    return job;
}

static void work(struct auth_job *job)
{
    if (job->kind == AUTH_DH) {
        uint8_t result[32];
        job->good = noise_dh(job->secret, job->point, result) == 0;
        memcpy(job->point, result, sizeof result);
        sodium_memzero(job->secret, sizeof job->secret);
        sodium_memzero(result, sizeof result);
    } else if (job->kind == AUTH_VERIFY) {
        job->good = crypto_sign_verify_detached(job->signature, job->message, job->message_len,
                                                job->key) == 0;
    }
}

/* Called with the lock; the loop is woken when it may have none in hand. */
static void hand_back(struct auth *a, struct auth_job *const *job, size_t n)
{
    bool first = a->done.n == 0;
    for (size_t i = 0; i < n; i++)
        append(&a->done, job[i]);
    if (first && eventfd_write(a->event, 1) < 0) fatal("eventfd: %s", strerror(errno));
}

static void *run(void *arg)
{
    struct auth *a = arg;
    struct auth_job *batch[BATCH];
    pthread_mutex_lock(&a->lock);
    while (!a->stop) {
        size_t n = 0;
        while (n < BATCH && (batch[n] = take(&a->todo)))
            n++;
        if (n == 0) {
            pthread_cond_wait(&a->more, &a->lock);
            continue;
        }
        pthread_mutex_unlock(&a->lock);
        for (size_t i = 0; i < n; i++)
            work(batch[i]);
        pthread_mutex_lock(&a->lock);
        hand_back(a, batch, n);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

struct auth *auth_start(size_t max_jobs)
{
    struct auth *a = xcalloc(1, sizeof *a);
    a->max = max_jobs;
    a->todo.last = &a->todo.first;
    a->done.last = &a->done.first;
    a->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->more, NULL);
    sigset_t all, old;
    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (a->event < 0 || pthread_create(&a->thread, NULL, run, a))
        fatal("cannot start the login thread: %s", strerror(errno));
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return a;
}

void auth_stop(struct auth *a)
{
    if (!a) return;
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_signal(&a->more);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    struct auth_job *job;
    while ((job = take(&a->todo)) || (job = take(&a->done)))
        free(job);
    close(a->event);
    free(a);
}

int auth_fd(const struct auth *a)
{
    return a->event;
}

bool auth_submit(struct auth *a, struct auth_job *job)
{
    pthread_mutex_lock(&a->lock);
    bool room = a->todo.n < a->max || job->kind == AUTH_MARK;
    if (room) append(&a->todo, job);
    pthread_mutex_unlock(&a->lock);
    if (room) pthread_cond_signal(&a->more); /* without the lock, which the thread needs first of all */
    return room;
}

void auth_reap(struct auth *a, void (*done)(void *arg, struct auth_job *job), void *arg)
{
    uint64_t n;
    if (read(a->event, &n, sizeof n) < 0 && errno != EAGAIN) fatal("eventfd: %s", strerror(errno));
    pthread_mutex_lock(&a->lock);
    struct auth_job *job = a->done.first;
    a->done = (struct job_list){.last = &a->done.first};
    pthread_mutex_unlock(&a->lock);
    while (job) {
        struct auth_job *next = job->next;
        done(arg, job);
        job = next;
    }
}
