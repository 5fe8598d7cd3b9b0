/*
 * get.c - csce513fall24Msg get ID [PATH|-], files, decline ID: files that were offered. A get that was killed
 * goes on where it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "moving.h"
#include "out.h"
#include "report.h"
#include "report_files.h"
#include "verbs.h"

enum { DECLINE_MS = 10000, TELL_MS = 5000 };

struct get {
    struct moving m;
    uint64_t id;
};

static enum face_exit usage(const struct args *o, const char *what)
{
    struct why why;
    why_set(&why, "%s", what);
    why_hint(&why, NAME " files lists files and their numbers");
    return errand_error(o, "usage", &why);
}

static void on_event(void *arg, const struct client_event *e)
{
    struct get *g = arg;
    if (e->type != CLIENT_FILE || e->file->row->id != g->id) return;
    moving_tell(&g->m, e->file);
    switch (e->file->what) {
    case CLIENT_FILE_HERE: errand_end(&g->m.s, EXIT_DONE); return;
    case CLIENT_FILE_FAILED:
    case CLIENT_FILE_GONE:
    case CLIENT_FILE_DECLINED:
        moving_failed(&g->m, e->file);
        errand_end(&g->m.s, g->m.exit);
        return;
    default: return;
    }
}

/* stdout, for the file alone. */
static int own_stdout(void)
{
    return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

/* The server is told that this device has it; that may take one more connection, the next command does it. */
static bool told(struct get *g)
{
    struct file_row row;
    bool done = file_book_get(g->m.s.vault, g->id, &row) <= 0 || row.tell == 0;
    file_row_free(&row);
    return done;
}

static void wait_told(struct get *g, uint64_t until)
{
    g->m.s.done = false;
    while (!told(g) && !g->m.s.done && errand_now() < until)
        errand_run(&g->m.s, errand_now() + 20);
}

static enum face_exit run_get(struct get *g, const char *path)
{
    struct why why;
    const bool stdout_ = path && strcmp(path, "-") == 0;
    int fd = stdout_ ? own_stdout() : -1;
    g->m.to_stdout = stdout_;
    g->m.s.event = on_event;
    g->m.s.arg = g;
    enum client_file_result r = client_get(g->m.s.client, g->id, stdout_ ? NULL : path, fd, &why);
    if (r != CLIENT_FILE_TAKEN) return moving_error(g->m.s.args, r, &why);
    enum face_exit exit = moving_run(&g->m);
    if (exit == EXIT_DONE) wait_told(g, errand_now() + TELL_MS);
    errand_leave(&g->m.s);
    return exit;
}

enum face_exit verb_get(const struct args *o)
{
    struct get g = {.m.s.signals = -1};
    if (o->operands < 2 || o->operands > 3) return usage(o, "get which file?");
    if (!moving_number(o->operand[1], &g.id)) return usage(o, "a file is named by its number");
    enum face_exit exit = errand_open(&g.m.s, o, 0);
    if (exit == EXIT_DONE) exit = run_get(&g, o->operands > 2 ? o->operand[2] : NULL);
    errand_close(&g.m.s);
    return exit;
}

static enum face_exit run_decline(struct get *g)
{
    struct why why;
    client_connect(g->m.s.client);
    uint64_t until = errand_now() + (uint64_t)(g->m.s.args->timeout_ms < 0 ? DECLINE_MS : g->m.s.args->timeout_ms);
    while (!g->m.s.connected && !g->m.s.done && errand_now() < until)
        errand_run(&g->m.s, errand_now() + 20);
    if (g->m.s.done) return g->m.s.exit;
    enum client_file_result r = client_decline(g->m.s.client, g->id, &why);
    if (r != CLIENT_FILE_TAKEN) return moving_error(g->m.s.args, r, &why);
    wait_told(g, until);
    if (told(g)) return EXIT_DONE;
    why_set(&why, "cannot reach %s; it is told with the next command that gets through", g->m.s.place);
    return errand_error(g->m.s.args, "unreachable", &why);
}

enum face_exit verb_decline(const struct args *o)
{
    struct get g = {.m.s.signals = -1};
    if (o->operands != 2) return usage(o, "decline which file?");
    if (!moving_number(o->operand[1], &g.id)) return usage(o, "a file is named by its number");
    enum face_exit exit = errand_open(&g.m.s, o, 0);
    if (exit == EXIT_DONE) exit = run_decline(&g);
    if (exit == EXIT_DONE || g.m.s.connected) errand_leave(&g.m.s);
    errand_close(&g.m.s);
    return exit;
}

static bool put_row(const struct args *o, const struct file_row *row)
{
    struct buf line = {0};
    if (o->json)
        out_json_text(&line, report_file(row));
    else
        report_file_line(&line, row);
    bool open = out_line(STDOUT_FILENO, &line);
    buf_free(&line);
    return open;
}

enum face_exit verb_files(const struct args *o)
{
    struct errand s = {.signals = -1};
    struct file_row row;
    struct why why;
    uint64_t after = 0;
    int r = 0;
    enum face_exit exit = errand_open(&s, o, 0);
    bool open = exit == EXIT_DONE;
    while (open && (r = file_book_next(s.vault, after, &row)) > 0) {
        after = row.id;
        open = put_row(o, &row);
        file_row_free(&row);
    }
    if (r < 0) {
        why_set(&why, "cannot read the message store: %s", vault_words(s.vault));
        exit = errand_error(o, "local", &why);
    }
    errand_close(&s);
    return exit;
}
