/* moving.c - see moving.h. */
#include "moving.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "out.h"
#include "report.h"
#include "report_files.h"

enum { FIRST_MS = 10 * 1000, AWAY_MS = 60 * 1000 };

enum face_exit moving_error(const struct args *o, enum client_file_result r, const struct why *why)
{
    const char *code = r == CLIENT_FILE_NO_SUCH ? "no-such-file" : r == CLIENT_FILE_WRONG ? "usage" : "local";
    return errand_error(o, code, why);
}

bool moving_number(const char *text, uint64_t *id)
{
    char *end;
    errno = 0;
    *id = strtoull(text, &end, 10);
    return isdigit((unsigned char)text[0]) && !errno && !*end && *id > 0 && *id <= INT64_MAX;
}

static void clear_line(struct moving *m)
{
    if (m->line && write(STDERR_FILENO, "\r\033[K", 4) < 0) return;
    m->line = false;
}

/* One line that is written over. Without a terminal nobody needs it. */
static void show_progress(struct moving *m, const struct client_file_event *e)
{
    struct buf b = {0};
    progress_take(&m->progress, e, errand_now());
    if (m->s.args->quiet || !isatty(STDERR_FILENO)) return;
    report_put(&b, "\r\033[K");
    progress_line(&m->progress, e, &b);
    m->line = write(STDERR_FILENO, buf_head(&b), buf_len(&b)) > 0;
    buf_free(&b);
}

void moving_tell(struct moving *m, const struct client_file_event *e)
{
    struct buf line = {0};
    bool json = m->s.args->json && !m->to_stdout, bad = e->what == CLIENT_FILE_FAILED || e->what == CLIENT_FILE_GONE;
    if (json) out_json(report_file_event(e));
    if (json && !bad) return;
    if (e->what == CLIENT_FILE_MOVES) {
        show_progress(m, e);
        return;
    }
    clear_line(m);
    if (m->s.args->quiet && !bad) return;
    if (bad) report_put(&line, "error: ");
    report_file_news(&line, e);
    if (bad && e->hint && e->hint[0]) report_put(&line, "\nhint: %s", e->hint);
    out_line(STDERR_FILENO, &line);
    buf_free(&line);
}

void moving_failed(struct moving *m, const struct client_file_event *e)
{
    if (m->exit == EXIT_DONE) m->exit = exit_of(e->code && e->code[0] ? e->code : "local");
}

static enum face_exit away(struct moving *m)
{
    struct why why;
    clear_line(m);
    if (m->s.connected)
        why_set(&why, "not done within the time of --timeout");
    else
        why_set(&why, "cannot reach %s: %s", m->s.place, m->s.lost_reason[0] ? m->s.lost_reason : "no answer in time");
    why_hint(&why, "what has gone over is kept; the same command goes on from there");
    if (!m->s.connected) return errand_error(m->s.args, "unreachable", &why);
    out_why(&why);
    return EXIT_TIME;
}

enum face_exit moving_run(struct moving *m)
{
    int64_t ms = m->s.args->timeout_ms;
    uint64_t now = errand_now(), end = ms < 0 ? UINT64_MAX : now + (uint64_t)ms, patience = now + FIRST_MS;
    client_connect(m->s.client);
    while (!m->s.done && (now = errand_now()) < end && now < patience) {
        uint64_t slice = now + 500;
        errand_run(&m->s, slice < end ? slice : end);
        if (m->s.connected) patience = errand_now() + AWAY_MS;
    }
    enum face_exit exit = m->s.done ? m->s.exit : away(m);
    clear_line(m);
    return exit;
}
