/* progress.c - see progress.h. */
#include "progress.h"

#include "../show.h"
#include "report.h"
#include "report_files.h"

enum { MEASURE_MS = 500 };

void progress_take(struct progress *p, const struct client_file_event *e, uint64_t now_ms)
{
    if (p->id != e->row->id || e->done < p->at)
        *p = (struct progress){e->row->id, now_ms, e->done, now_ms, e->done, 0};
    uint64_t ms = now_ms - p->at_ms;
    if (ms < MEASURE_MS) return;
    double rate = (double)(e->done - p->at) * 1000 / (double)ms, weight = ms > 4000 ? 1 : (double)ms / 4000;
    p->rate = p->rate > 0 ? p->rate + (rate - p->rate) * weight : rate;
    p->at_ms = now_ms;
    p->at = e->done;
}

static void put_left(struct buf *out, double seconds)
{
    uint64_t s = (uint64_t)(seconds + 0.5);
    if (s >= 3600)
        report_put(out, ", %llu:%02u:%02u left", (unsigned long long)(s / 3600), (unsigned)(s / 60 % 60),
                   (unsigned)(s % 60));
    else
        report_put(out, ", %u:%02u left", (unsigned)(s / 60), (unsigned)(s % 60));
}

void progress_line(const struct progress *p, const struct client_file_event *e, struct buf *out)
{
    bool open = e->size == FILE_SIZE_OPEN;
    show_line(out, e->row->name);
    if (!open) report_put(out, " %u%%", e->size ? (unsigned)((double)e->done * 100 / (double)e->size) : 100);
    report_put(out, " ");
    report_size(out, e->done);
    if (!open) {
        report_put(out, " of ");
        report_size(out, e->size);
    }
    if (p->rate <= 0) return;
    report_put(out, ", ");
    report_size(out, (uint64_t)p->rate);
    report_put(out, "/s");
    if (!open) put_left(out, (double)(e->size - e->done) / p->rate);
}
