/* doctor.c - see doctor.h. */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "out.h"
#include "report.h"
#include "verbs.h"

enum { CLOCK_OFF_MS = 60 * 1000 };
static const uint64_t written_ms = 1767225600000; /* 2026-01-01: no clock that goes right says less */

/* --- findings --- */

static void found(struct doctor *d, enum finding finding, const char *about, const char *hint, const char *fmt, va_list ap)
{
    struct why why;
    vsnprintf(why.what, sizeof why.what, fmt, ap);
    snprintf(why.hint, sizeof why.hint, "%s", hint);
    d->found[finding]++;
    d->put(d, finding, about, &why);
}

void doctor_ok(struct doctor *d, const char *about, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    found(d, FINDING_OK, about, "", fmt, ap);
    va_end(ap);
}

void doctor_warn(struct doctor *d, const char *about, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    found(d, FINDING_WARN, about, hint, fmt, ap);
    va_end(ap);
}

void doctor_fail(struct doctor *d, const char *about, enum face_exit exit, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (d->exit == EXIT_DONE) d->exit = exit;
    found(d, FINDING_FAIL, about, hint, fmt, ap);
    va_end(ap);
}

static struct slice text_of(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static void put(struct doctor *d, enum finding finding, const char *about, const struct why *why)
{
    static const char *const states[] = {"ok", "warn", "fail"};
    struct buf line = {0};
    if (d->args.json) {
        json_t *o = json_object();
        json_object_set_new(o, "ev", json_string("check"));
        json_object_set_new(o, "about", json_string(about));
        json_object_set_new(o, "state", json_string(states[finding]));
        json_object_set_new(o, "message", out_text(text_of(why->what)));
        json_object_set_new(o, "hint", why->hint[0] ? out_text(text_of(why->hint)) : json_null());
        out_json(o);
        return;
    }
    if (d->args.quiet && finding == FINDING_OK) return;
    report_put(&line, "%-5s %-9s %s", states[finding], about, why->what);
    if (why->hint[0]) report_put(&line, "\n                hint: %s", why->hint);
    out_line(STDOUT_FILENO, &line);
    buf_free(&line);
}

/* --- config file, clock --- */

static void look_at_config(struct doctor *d)
{
    struct why why;
    if (config_load(&d->config, d->args.config_file, d->args.profile, &why) < 0)
        doctor_fail(d, "config", EXIT_LOCAL, why.hint, "%s", why.what);
    else if (!d->config.path[0] || access(d->config.path, F_OK) != 0)
        doctor_ok(d, "config", "there is no file, the defaults hold");
    else
        doctor_ok(d, "config", "%.200s", d->config.path);
    args_configure(&d->args, &d->config);
}

void doctor_judge_clock(struct doctor *d, uint64_t ours, uint64_t theirs)
{
    static const char hint[] = "set it, best by the network: timedatectl set-ntp true";
    uint64_t off = ours > theirs ? ours - theirs : theirs - ours;
    if (ours < written_ms)
        doctor_fail(d, "clock", EXIT_LOCAL, hint, "this machine's clock is years behind");
    else if (theirs && off > CLOCK_OFF_MS)
        doctor_warn(d, "clock", hint, "this machine's clock is %llu s %s the server's", (unsigned long long)off / 1000,
                    ours > theirs ? "ahead of" : "behind");
    else if (theirs)
        doctor_ok(d, "clock", "as the server's, within %llu s", (unsigned long long)off / 1000 + 1);
    else
        doctor_ok(d, "clock", "not compared, the server has not said its time");
}

/* --- the command --- */

static enum face_exit examine(struct doctor *d)
{
    doctor_ok(d, "program", NAME " " VERSION);
    look_at_config(d);
    enum face_exit exit = errand_place(&d->s, &d->args);
    if (exit != EXIT_DONE) return exit;
    doctor_terminal(d);
    doctor_disk(d);
    doctor_server(d);
    if (!d->args.quiet && !d->args.json)
        out_say("%u well, %u to look at, %u wrong", d->found[FINDING_OK], d->found[FINDING_WARN], d->found[FINDING_FAIL]);
    return d->exit;
}

enum face_exit verb_doctor(const struct args *o)
{
    struct doctor d = {.args = *o, .put = put};
    enum face_exit exit = examine(&d);
    config_free(&d.config);
    return exit;
}
