/*
 * orphan.c - when the master dies: route on, and wait for a new one (orphan.h). Nobody within the grace
 * time: the broker ends in order as soon as the workers, which do the same, have gone.
 */
#include <string.h>

#include "broker.h"
#include "log.h"

static void meet(void *owner, int fd)
{
    struct broker *b = owner;
    struct buf m = {0};
    char print[40];
    broker_serve_master(b, fd);
    keys_fingerprint(b->keys.server_id, print);
    buf_put_str16(&m, b->sandbox.text, strlen(b->sandbox.text));
    buf_put_str8(&m, print, strlen(print));
    buf_put_str8(&m, b->keys.server_id, sizeof b->keys.server_id);
    chan_send(&b->master, CTL_HELLO, &m, -1);
    buf_free(&m);
    LOG(LOG_INFO, "broker", "new-master");
}

static void abandoned(void *owner)
{
    struct broker *b = owner;
    LOG(LOG_WARN, "broker", "abandoned");
    b->stopping = true; /* as soon as the workers are gone */
}

void orphan_prepare(struct broker *b)
{
    orphan_init(&b->orphan, &b->loop, meet, abandoned, b);
}

void orphan_left(struct broker *b)
{
    chan_close(&b->master);
    if (b->stopping) return;
    LOG(LOG_WARN, "broker", "orphaned", log_u("grace_ms", b->set.process.takeover_grace));
    orphan_begin(&b->orphan, b->set.process.takeover_grace);
}
