/* demo_result.c - see demo.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "demo.h"

unsigned demo_seconds(const char *text)
{
    char *end;
    unsigned long n = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : 0;
    if (n == 0 || n > DEMO_SECONDS_MOST) return 0;
    if (*end == 'm') n *= 60;
    if (*end == 'h') n *= 3600;
    if (*end == 's' || *end == 'm' || *end == 'h') end++;
    return *end || n > DEMO_SECONDS_MOST ? 0 : (unsigned)n;
}

bool demo_held(const struct demo_result *r)
{
    const struct ledger_counts *m = &r->counts.messages;
    unsigned kills = r->kills[STATUS_WORKER] + r->kills[STATUS_BROKER] + r->kills[STATUS_MASTER];
    bool proved = kills > 0 && m->delivered > 0; /* else nothing was shown */
    return proved && m->lost == 0 && m->dup == 0 && m->disorder == 0 && m->alien == 0 &&
           m->refused == 0 && r->counts.reconnects == 0;
}

void demo_line(const struct demo_result *r, bool json, char *out, size_t size)
{
    static const char words[] =
        "demo crash: seconds=%.0f clients=%u kills_worker=%u kills_broker=%u kills_master=%u "
        "sent=%" PRIu64 " delivered=%" PRIu64 " lost=%" PRIu64 " dup=%" PRIu64 " disorder=%" PRIu64
        " alien=%" PRIu64 " refused=%" PRIu64 " reconnects=%" PRIu64 " worst_gap_ms=%" PRIu64
        "%s\n";
    static const char object[] =
        "{\"demo\":\"crash\",\"seconds\":%.1f,\"clients\":%u,\"kills_worker\":%u,"
        "\"kills_broker\":%u,\"kills_master\":%u,\"sent\":%" PRIu64 ",\"delivered\":%" PRIu64
        ",\"lost\":%" PRIu64 ",\"dup\":%" PRIu64 ",\"disorder\":%" PRIu64 ",\"alien\":%" PRIu64
        ",\"refused\":%" PRIu64 ",\"reconnects\":%" PRIu64 ",\"worst_gap_ms\":%" PRIu64
        ",\"held\":%s}\n";
    const struct ledger_counts *m = &r->counts.messages;
    const char *held = demo_held(r) ? "true" : "false";
    snprintf(out, size, json ? object : words, r->seconds, r->clients, r->kills[STATUS_WORKER],
             r->kills[STATUS_BROKER], r->kills[STATUS_MASTER], m->sent, m->delivered, m->lost,
             m->dup, m->disorder, m->alien, m->refused, r->counts.reconnects,
             r->counts.worst_gap_ms, json ? held : "");
}
