/* report_files.c - see report_files.h. */
#include "report_files.h"

#include <string.h>

#include "../show.h"
#include "out.h"
#include "report.h"

void report_size(struct buf *out, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double n = (double)bytes / 1024;
    size_t unit = 0;
    if (bytes == FILE_SIZE_OPEN) {
        report_put(out, "size not known yet");
        return;
    }
    if (bytes < 1024) {
        report_put(out, "%u B", (unsigned)bytes);
        return;
    }
    for (; n >= 1024 && unit < 5; unit++)
        n /= 1024;
    report_put(out, "%.1f %s", n, units[unit]);
}

bool report_offer(struct buf *out, struct slice body, const char *indent)
{
    struct file_offer o;
    if (!file_offer_get(body, &o)) return false;
    report_put(out, "[file %llu] ", (unsigned long long)o.id);
    show_line(out, o.name);
    report_put(out, ", ");
    report_size(out, o.size);
    if (o.text.len) {
        report_put(out, ": ");
        show_body(out, o.text, indent);
    }
    return true;
}

static json_t *integer(uint64_t n)
{
    return n == FILE_SIZE_OPEN ? json_null() : json_integer((json_int_t)n);
}

static void set(json_t *o, const char *key, json_t *value)
{
    json_object_set_new(o, key, value);
}

json_t *report_offer_json(struct slice body)
{
    struct file_offer o;
    if (!file_offer_get(body, &o)) return NULL;
    json_t *file = json_object();
    set(file, "id", integer(o.id));
    set(file, "name", out_text(o.name));
    set(file, "size", integer(o.size));
    return file;
}

static const char *state_word(uint8_t state)
{
    static const char *const words[] = {
        [FILE_OFFERED] = "offered", [FILE_WANTED] = "fetching", [FILE_HERE] = "here",
        [FILE_DECLINED] = "declined", [FILE_SENDING] = "sending", [FILE_STORED] = "stored",
        [FILE_FETCHED] = "fetched", [FILE_GONE] = "gone", [FILE_FAILED] = "failed",
    };
    return state < sizeof words / sizeof *words && words[state] ? words[state] : "?";
}

void report_file_line(struct buf *out, const struct file_row *row)
{
    struct buf size = {0};
    char from[40], to[40];
    report_size(&size, row->size);
    report_put(out, "%4llu  %-8s %10.*s  ", (unsigned long long)row->id, state_word(row->state), (int)buf_len(&size),
               (const char *)buf_head(&size));
    report_put(out, "%s -> %s  ", show_word(from, sizeof from, row->from), show_word(to, sizeof to, row->to));
    show_line(out, row->name);
    bool here = row->state == FILE_HERE && row->path.len;
    if (here || row->words.len) report_put(out, here ? "  at " : ": ");
    show_line(out, here ? row->path : row->words);
    buf_free(&size);
}

static json_t *row_object(const char *ev, const struct file_row *row)
{
    json_t *o = json_object();
    set(o, "ev", json_string(ev));
    set(o, "id", integer(row->id));
    set(o, "name", out_text(row->name));
    set(o, "size", integer(row->size));
    set(o, "from", out_text(row->from));
    set(o, "to", out_text(row->to));
    return o;
}

json_t *report_file(const struct file_row *row)
{
    json_t *o = row_object("file", row);
    set(o, "state", json_string(state_word(row->state)));
    set(o, "time", out_time(row->time_ms));
    if (row->path.len) set(o, "path", out_text(row->path));
    if (row->words.len) set(o, "message", out_text(row->words));
    return o;
}

static const char *news_word(enum client_file_news what)
{
    switch (what) {
    case CLIENT_FILE_MOVES: return "progress";
    case CLIENT_FILE_OFFERED: return "offered";
    case CLIENT_FILE_STORED: return "stored";
    case CLIENT_FILE_FETCHED: return "fetched";
    case CLIENT_FILE_HERE: return "here";
    case CLIENT_FILE_DECLINED: return "declined";
    case CLIENT_FILE_WAITS: return "waits";
    case CLIENT_FILE_GONE: return "gone";
    default: return "failed";
    }
}

json_t *report_file_event(const struct client_file_event *e)
{
    json_t *o = row_object(e->what == CLIENT_FILE_MOVES ? "progress" : "file", e->row);
    if (e->what == CLIENT_FILE_MOVES)
        set(o, "done", integer(e->done));
    else
        set(o, "state", json_string(news_word(e->what)));
    if (e->what == CLIENT_FILE_HERE && e->row->path.len) set(o, "path", out_text(e->row->path));
    if (e->code && e->code[0]) set(o, "code", json_string(e->code));
    if (e->words && e->words[0])
        set(o, "message", out_text((struct slice){(const uint8_t *)e->words, strlen(e->words)}));
    if (e->hint && e->hint[0]) set(o, "hint", out_text((struct slice){(const uint8_t *)e->hint, strlen(e->hint)}));
    return o;
}

static void put_words(struct buf *out, const char *words)
{
    show_line(out, (struct slice){(const uint8_t *)words, strlen(words)});
}

void report_file_news(struct buf *out, const struct client_file_event *e)
{
    char to[40];
    if (e->what == CLIENT_FILE_MOVES) return;
    report_put(out, "file %llu: ", (unsigned long long)e->row->id);
    show_line(out, e->row->name);
    show_word(to, sizeof to, e->row->to);
    switch (e->what) {
    case CLIENT_FILE_OFFERED: report_put(out, " is offered to %s", to); return;
    case CLIENT_FILE_STORED: report_put(out, " is stored for %s", to); return;
    case CLIENT_FILE_FETCHED: report_put(out, ": all of %s's devices have it or do not want it", to); return;
    case CLIENT_FILE_DECLINED: report_put(out, " is declined"); return;
    case CLIENT_FILE_HERE:
        report_put(out, e->row->path.len ? " is here, verified: " : " was written, verified");
        show_line(out, e->row->path);
        return;
    case CLIENT_FILE_WAITS: report_put(out, " waits: "); break;
    case CLIENT_FILE_GONE: report_put(out, " is not at the server any more: "); break;
    default: report_put(out, " failed: "); break;
    }
    put_words(out, e->words);
}
