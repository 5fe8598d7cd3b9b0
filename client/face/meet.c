/* meet.c - see meet.h. */
#include "meet.h"

#include <poll.h>

static enum link_fault shake(struct link *l, uint64_t deadline)
{
    while (link_state(l) < LINK_PROVEN && errand_now() < deadline) {
        struct pollfd p = {.fd = link_fd(l), .events = link_wants(l)};
        poll(&p, 1, 100);
        link_step(l, p.revents, errand_now());
    }
    if (link_state(l) == LINK_PROVEN) return LINK_FINE;
    return link_state(l) == LINK_DOWN ? link_fault(l) : LINK_NO_ANSWER;
}

enum link_fault meet(const struct errand *s, struct wire_proof *proof, struct why *why)
{
    int64_t ms = s->args->timeout_ms;
    struct link *l = link_dial(s->host, s->port, errand_now());
    enum link_fault fault = shake(l, errand_now() + (uint64_t)(ms < 0 ? MEET_MS : ms));
    if (fault == LINK_FINE) {
        *proof = *link_proof(l);
    } else {
        why_set(why, "cannot reach %s: %s", s->place, link_state(l) == LINK_DOWN ? link_words(l) : "no answer in time");
        why_hint(why, "is the server running, and are host and port right? " NAME " doctor looks closer");
    }
    link_free(l);
    return fault;
}

const char *meet_code(enum link_fault fault)
{
    switch (fault) {
    case LINK_BUSY: return "busy";
    case LINK_BAD_PROOF: return "bad-proof";
    case LINK_BAD_TIME: return "bad-time";
    default: return "unreachable";
    }
}
