/*
 * put.c - csce513fall24Msg put FILE... TO: offers files, and is done when the server has them whole and the
 * messages that offer them. Killed before that, the same command goes on where it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../show.h"
#include "moving.h"
#include "out.h"
#include "report.h"
#include "tar.h"
#include "verbs.h"

struct put {
    struct moving m;
    const char *to;
    struct put_one {
        uint64_t id;
        bool stored, accepted, over;
    } one[ARGS_OPERANDS];
    int n;
};

static enum face_exit usage(const struct args *o, const char *what)
{
    struct why why;
    why_set(&why, "%s", what);
    why_hint(&why, NAME " help put shows how");
    return errand_error(o, "usage", &why);
}

static struct put_one *find(struct put *p, uint64_t id)
{
    for (int i = 0; i < p->n; i++)
        if (p->one[i].id == id) return &p->one[i];
    return NULL;
}

static void settle(struct put *p)
{
    for (int i = 0; i < p->n; i++)
        if (!p->one[i].over && !(p->one[i].stored && p->one[i].accepted)) return;
    errand_end(&p->m.s, p->m.exit);
}

/* What was sent by an earlier run may be accepted long since: then nothing more is said of it. */
static bool accepted_before(const struct put *p)
{
    return client_settled(p->m.s.client);
}

static void on_file(struct put *p, const struct client_file_event *e)
{
    struct put_one *one = find(p, e->row->id);
    if (!one || one->over) return;
    moving_tell(&p->m, e);
    if (e->what == CLIENT_FILE_FAILED || e->what == CLIENT_FILE_GONE) {
        moving_failed(&p->m, e);
        one->over = true;
    }
    if (e->what == CLIENT_FILE_FETCHED) one->over = true;
    if (e->what == CLIENT_FILE_STORED) one->stored = true;
    if (one->stored && accepted_before(p)) one->accepted = true;
    settle(p);
}

static void on_rejected(struct put *p, const struct wire_rejected *r)
{
    struct put_one *one = find(p, r->id);
    struct buf what = {0}, hint = {0};
    struct why why;
    if (!one) return;
    report_rejected_lines(&what, &hint, r, p->to);
    why_set(&why, "%.*s", (int)buf_len(&what), (const char *)buf_head(&what));
    if (buf_len(&hint)) why_hint(&why, "%.*s", (int)buf_len(&hint), (const char *)buf_head(&hint));
    p->m.exit = errand_error(p->m.s.args, wire_code_name(r->code), &why);
    one->over = true;
    client_decline(p->m.s.client, one->id, &why);
    buf_free(&what);
    buf_free(&hint);
    settle(p);
}

static void on_waits(struct put *p, const struct client_event *e)
{
    struct why why;
    if (!find(p, e->waits.number)) return;
    if (e->waits.why == CLIENT_WAIT_KEYS) {
        if (!p->m.s.args->quiet) out_say("  - %s", e->waits.words);
        return;
    }
    why_set(&why, "STOP: %s", e->waits.words);
    why_hint(&why, "compare safety numbers with them, by another way than this network; to go on: " NAME
                   " keys accept %s", e->waits.name);
    errand_end(&p->m.s, errand_error(p->m.s.args, "changed-keys", &why));
}

static void on_event(void *arg, const struct client_event *e)
{
    struct put *p = arg;
    struct put_one *one;
    switch (e->type) {
    case CLIENT_FILE: on_file(p, e->file); return;
    case CLIENT_WAITS: on_waits(p, e); return;
    case CLIENT_REJECTED: on_rejected(p, e->rejected); return;
    case CLIENT_NOTE:
        if (!p->m.s.args->quiet) out_say("note: %s", e->note.words);
        return;
    case CLIENT_ACCEPTED:
        one = find(p, e->accepted->id);
        if (one) one->accepted = true;
        settle(p);
        return;
    default: return;
    }
}

/* Pipes and terminals are opened anew: not to block is a property that whoever has them open shares. */
static int open_stdin(void)
{
    struct stat st;
    bool waits = fstat(STDIN_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode));
    int fd = waits ? open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) : -1;
    return fd >= 0 ? fd : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
}

static enum client_file_result put_stdin(struct put *p, struct client_put *put, uint64_t *id, struct why *why)
{
    put->fd = open_stdin();
    if (put->fd < 0) {
        why_set(why, "cannot read standard input: %s", strerror(errno));
        return CLIENT_FILE_LOCAL;
    }
    if (!put->name) put->name = "stdin";
    return client_put(p->m.s.client, put, id, why);
}

static enum client_file_result put_folder(struct put *p, const char *path, struct client_put *put, uint64_t *id,
                                          struct why *why)
{
    char name[FILE_NAME_CAP];
    put->fd = tar_start(path, &put->child, name, why);
    if (put->fd < 0) return CLIENT_FILE_LOCAL;
    if (!put->name) put->name = name;
    return client_put(p->m.s.client, put, id, why);
}

static enum face_exit put_one(struct put *p, const char *path)
{
    const struct args *o = p->m.s.args;
    struct client_put put = {.to = p->to, .fd = -1, .name = o->name};
    struct why why;
    enum client_file_result r;
    if (strcmp(path, "-") == 0) {
        r = put_stdin(p, &put, &p->one[p->n].id, &why);
    } else if (tar_is_folder(path)) {
        r = put_folder(p, path, &put, &p->one[p->n].id, &why);
    } else {
        put.path = path;
        r = client_put(p->m.s.client, &put, &p->one[p->n].id, &why);
    }
    if (r != CLIENT_FILE_TAKEN) return moving_error(o, r, &why);
    p->n++;
    return EXIT_DONE;
}

enum face_exit verb_put(const struct args *o)
{
    struct put p = {.m.s.signals = -1};
    if (o->operands < 3) return usage(o, o->operands < 2 ? "put what?" : "to whom?");
    if (o->name && o->operands > 3) return usage(o, "--name is for one file");
    p.to = o->operand[o->operands - 1];
    enum face_exit exit = errand_open(&p.m.s, o, 0);
    p.m.s.event = on_event;
    p.m.s.arg = &p;
    for (int i = 1; exit == EXIT_DONE && i + 1 < o->operands; i++)
        exit = put_one(&p, o->operand[i]);
    if (exit == EXIT_DONE) {
        exit = moving_run(&p.m);
        errand_leave(&p.m.s);
    }
    errand_close(&p.m.s);
    return exit;
}
