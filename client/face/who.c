/* who.c - csce513fall24Msg who: who is connected. */
#include <unistd.h>

#include "out.h"
#include "report.h"
#include "session.h"
#include "verbs.h"

enum { DEFAULT_MS = 10000 };

static void put_person(struct session *s, const struct wire_person *p)
{
    struct buf line = {0};
    if (s->options->json)
        out_json_text(&line, report_person(p));
    else
        report_person_line(&line, p);
    if (!out_line(STDOUT_FILENO, &line)) session_end(s, EXIT_DONE);
    buf_free(&line);
}

static void on_event(void *arg, const struct client_event *e)
{
    struct session *s = arg;
    if (e->type == CLIENT_CONNECTED) client_ask_list(s->client);
    if (e->type == CLIENT_PERSON && !s->done) put_person(s, e->person);
    if (e->type == CLIENT_LIST_END) session_end(s, EXIT_DONE);
}

static enum face_exit run(struct session *s)
{
    struct why why;
    int64_t ms = s->options->timeout_ms;
    s->event = on_event;
    s->arg = s;
    client_connect(s->client);
    bool done = session_run(s, session_now() + (uint64_t)(ms < 0 ? DEFAULT_MS : ms));
    session_leave(s);
    if (done) return s->exit;
    why_set(&why, "cannot reach %s: %s", s->place,
            s->lost_reason[0] ? s->lost_reason : "no answer in time");
    return session_error(s->options, "unreachable", &why);
}

enum face_exit verb_who(const struct options *o)
{
    struct session s;
    enum face_exit exit = session_open(&s, o, 0);
    if (exit == EXIT_DONE) exit = run(&s);
    session_close(&s);
    return exit;
}
