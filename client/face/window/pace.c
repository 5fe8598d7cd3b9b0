/* pace.c - see pace.h. */
#include "pace.h"

uint64_t pace_due(const struct pace *p, bool key)
{
    unsigned need = key ? PACE_COST : PACE_COST + PACE_FOR_KEYS;
    if (!p->at_ms || p->left >= need) return p->at_ms;
    return p->at_ms + need - p->left;
}

void pace_drawn(struct pace *p, uint64_t now_ms)
{
    uint64_t saved = p->at_ms ? p->left + (now_ms - p->at_ms) : PACE_SAVED;
    if (saved > PACE_SAVED) saved = PACE_SAVED;
    p->left = saved > PACE_COST ? (unsigned)saved - PACE_COST : 0;
    p->at_ms = now_ms;
}
