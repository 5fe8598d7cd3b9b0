/* who.c - csce513fall24Msg who: who is connected. */
#include <unistd.h>

#include "../show.h"
#include "keys_people.h"
#include "out.h"
#include "report.h"
#include "errand.h"
#include "verbs.h"

enum { DEFAULT_MS = 10000 };

static void put_person(struct errand *s, const struct wire_person *p)
{
    struct buf line = {0}, standing = {0};
    char name[NAME_SIZE];
    keys_class_words(s->vault, show_word(name, sizeof name, p->name), errand_wall(), &standing);
    if (s->args->json)
        out_json_text(&line, report_person(p, (struct slice){buf_head(&standing), buf_len(&standing)}));
    else
        report_person_line(&line, p);
    if (!s->args->json && buf_len(&standing))
        report_put(&line, "  [%.*s]", (int)buf_len(&standing), (const char *)buf_head(&standing));
    buf_free(&standing);
    if (!out_line(STDOUT_FILENO, &line)) errand_end(s, EXIT_DONE);
    buf_free(&line);
}

static void on_event(void *arg, const struct client_event *e)
{
    struct errand *s = arg;
    if (e->type == CLIENT_CONNECTED) client_ask_list(s->client);
    if (e->type == CLIENT_PERSON && !s->done) put_person(s, e->person);
    if (e->type == CLIENT_LIST_END) errand_end(s, EXIT_DONE);
}

static enum face_exit run(struct errand *s)
{
    struct why why;
    int64_t ms = s->args->timeout_ms;
    s->event = on_event;
    s->arg = s;
    client_connect(s->client);
    bool done = errand_run(s, errand_now() + (uint64_t)(ms < 0 ? DEFAULT_MS : ms));
    errand_leave(s);
    if (done) return s->exit;
    why_set(&why, "cannot reach %s: %s", s->place,
            s->lost_reason[0] ? s->lost_reason : "no answer in time");
    return errand_error(s->args, "unreachable", &why);
}

enum face_exit verb_who(const struct args *o)
{
    struct errand s;
    enum face_exit exit = errand_open(&s, o, 0);
    if (exit == EXIT_DONE) exit = run(&s);
    errand_close(&s);
    return exit;
}
