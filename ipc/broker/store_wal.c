/* store_wal.c - see store_wal.h. A full disk is no error here: the next checkpoint tries again. */
#include "store_wal.h"

#include <pthread.h>
#include <stdlib.h>

#include "log.h"
#include "store_sql.h"

struct wal {
    sqlite3 *db;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool wanted, busy, closing;
};

static void checkpoint(sqlite3 *db)
{
    int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if ((rc & 0xff) != SQLITE_BUSY) (void)sql_judge(db, rc, "checkpoint");
}

static void *serve(void *arg)
{
    struct wal *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->wanted && !w->closing)
            pthread_cond_wait(&w->wake, &w->lock);
        if (w->closing) break;
        w->wanted = false;
        w->busy = true;
        pthread_mutex_unlock(&w->lock);
        checkpoint(w->db);
        pthread_mutex_lock(&w->lock);
        w->busy = false;
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct wal *wal_open(const char *dir, char *err, size_t err_size)
{
    sqlite3 *db = schema_connect(dir, err, err_size);
    if (!db) return NULL;
    sqlite3_exec(db, "PRAGMA cache_size=-1024", NULL, NULL, NULL); /* a checkpoint needs no cache */
    struct wal *w = xcalloc(1, sizeof *w);
    w->db = db;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    return w;
}

void wal_start(struct wal *w)
{
    if (pthread_create(&w->thread, NULL, serve, w)) fatal("store: cannot start a thread");
    w->running = true;
}

void wal_poke(struct wal *w)
{
    pthread_mutex_lock(&w->lock);
    if (!w->busy) w->wanted = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

bool wal_busy(struct wal *w)
{
    pthread_mutex_lock(&w->lock);
    bool busy = w->busy || w->wanted;
    pthread_mutex_unlock(&w->lock);
    return busy;
}

void wal_close(struct wal *w)
{
    if (!w) return;
    if (w->running) {
        pthread_mutex_lock(&w->lock);
        w->closing = true;
        pthread_cond_signal(&w->wake);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
    }
    sqlite3_close(w->db);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->wake);
    free(w);
}
