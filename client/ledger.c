/* ledger.c - see ledger.h. What one (sender, recipient) has seen of its numbers is numbers.c. */
#include "ledger.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "numbers.h"

/* One direction of talk between two, or of one person to the room. */
struct talk {
    uint64_t sent;
    struct numbers came, refused;
};

/* A place in the room, as the first one to get it has reported it. */
struct place {
    struct ledger_message m; /* number 0: nobody got this place */
    uint64_t when_us;
};

struct person {
    bool deferred, member;
    uint64_t owed;
    struct numbers places; /* of the room */
};

struct ledger {
    unsigned people;
    struct talk *talk; /* [from * (people + 1) + to], the room as the last to */
    struct person *person;
    struct place *place; /* [place], 0 is not used */
    uint64_t places, places_cap;
    struct ledger_counts counts;
    void (*violation)(void *arg, uint64_t when_us, const char *words);
    void *arg;
};

struct ledger *ledger_new(unsigned people,
                          void (*violation)(void *arg, uint64_t when_us, const char *words),
                          void *arg)
{
    assert(people < LEDGER_ROOM);
    struct ledger *l = xcalloc(1, sizeof *l);
    l->people = people;
    l->talk = xcalloc((size_t)people * (people + 1), sizeof *l->talk);
    l->person = xcalloc(people, sizeof *l->person);
    l->violation = violation;
    l->arg = arg;
    return l;
}

static struct talk *talk_of(const struct ledger *l, unsigned from, unsigned to)
{
    return &l->talk[(size_t)from * (l->people + 1) + (to == LEDGER_ROOM ? l->people : to)];
}

void ledger_free(struct ledger *l)
{
    if (!l) return;
    for (size_t i = 0; i < (size_t)l->people * (l->people + 1); i++) {
        numbers_free(&l->talk[i].came);
        numbers_free(&l->talk[i].refused);
    }
    for (unsigned i = 0; i < l->people; i++)
        numbers_free(&l->person[i].places);
    free(l->talk);
    free(l->person);
    free(l->place);
    free(l);
}

static void __attribute__((format(printf, 3, 4)))
violation(const struct ledger *l, uint64_t when_us, const char *format, ...)
{
    char words[400];
    va_list ap;
    va_start(ap, format);
    vsnprintf(words, sizeof words, format, ap);
    va_end(ap);
    if (l->violation) l->violation(l->arg, when_us, words);
}

void ledger_join(struct ledger *l, unsigned who, bool present)
{
    l->person[who].member = true;
    l->person[who].deferred = !present;
}

void ledger_defer(struct ledger *l, unsigned who)
{
    l->person[who].deferred = true;
}

/* --- sending --- */

uint64_t ledger_send(struct ledger *l, unsigned from, unsigned to)
{
    l->counts.sent++;
    if (to != LEDGER_ROOM && !l->person[to].deferred) l->person[to].owed++;
    return ++talk_of(l, from, to)->sent;
}

void ledger_sent_upto(struct ledger *l, unsigned from, unsigned to, uint64_t number)
{
    struct talk *t = talk_of(l, from, to);
    if (number <= t->sent) return;
    l->counts.sent += number - t->sent;
    t->sent = number;
}

static void no_longer_owed(struct ledger *l, unsigned who)
{
    if (l->person[who].owed) l->person[who].owed--;
}

void ledger_refused(struct ledger *l, unsigned from, unsigned to, uint64_t number, const char *why,
                    uint64_t when_us)
{
    l->counts.refused++;
    numbers_take(&talk_of(l, from, to)->refused, number, when_us);
    if (to != LEDGER_ROOM) no_longer_owed(l, to);
    violation(l, when_us, "refused: number %lu of %u to %u: %s", number, from, to, why);
}

/* --- receiving --- */

void ledger_got_nonsense(struct ledger *l, unsigned at, const char *what, uint64_t when_us)
{
    l->counts.alien++;
    violation(l, when_us, "not a message of ours: %u got \"%.200s\"", at, what);
}

static bool from_somebody(struct ledger *l, unsigned at, const struct ledger_message *m,
                          unsigned to, uint64_t when_us)
{
    if (m->from < l->people && m->to == to && m->number > 0) return true;
    l->counts.alien++;
    violation(l, when_us, "not for this one: %u got number %lu of %u to %u", at, m->number, m->from,
              m->to);
    return false;
}

/* True when the number is new: it came for the first time. */
static bool take(struct ledger *l, struct numbers *s, uint64_t number, uint64_t when_us,
                 const char *whose)
{
    uint64_t highest = s->last;
    switch (numbers_take(s, number, when_us)) {
    case NUMBERS_LATE:
        l->counts.disorder++;
        violation(l, when_us, "disorder: number %lu of %s came after %lu", number, whose, highest);
        return true;
    case NUMBERS_REPEAT:
        l->counts.dup++;
        violation(l, when_us, "dup: number %lu of %s came again, the highest is %lu", number, whose,
                  highest);
        return false;
    default: return true;
    }
}

void ledger_got(struct ledger *l, unsigned at, const struct ledger_message *m, uint64_t when_us)
{
    char whose[120];
    l->counts.delivered++;
    if (!from_somebody(l, at, m, at, when_us)) return;
    snprintf(whose, sizeof whose, "%u to %u (sent at %lu.%06lu s)", m->from, at,
             m->sent_us / 1000000, m->sent_us % 1000000);
    if (take(l, &talk_of(l, m->from, at)->came, m->number, when_us, whose)) no_longer_owed(l, at);
}

static struct place *place_at(struct ledger *l, uint64_t place)
{
    if (place >= l->places_cap) {
        uint64_t cap = l->places_cap ? l->places_cap : 1024;
        while (cap <= place)
            cap *= 2;
        l->place = xrealloc(l->place, cap * sizeof *l->place);
        for (uint64_t i = l->places_cap; i < cap; i++)
            l->place[i] = (struct place){0};
        l->places_cap = cap;
    }
    if (place > l->places) l->places = place;
    return &l->place[place];
}

enum { PLACES_MAX = 1 << 28 };

void ledger_got_room(struct ledger *l, unsigned at, uint64_t place, const struct ledger_message *m,
                     uint64_t when_us)
{
    char whose[80];
    l->counts.delivered++;
    if (place == 0 || place > PLACES_MAX || !l->person[at].member) {
        l->counts.alien++;
        violation(l, when_us, "not for this one: %u got place %lu of the room", at, place);
        return;
    }
    if (!from_somebody(l, at, m, LEDGER_ROOM, when_us)) return;
    snprintf(whose, sizeof whose, "the room to %u (number %lu of %u)", at, m->number, m->from);
    take(l, &l->person[at].places, place, when_us, whose);
    struct place *p = place_at(l, place);
    if (p->m.number == 0) {
        *p = (struct place){*m, when_us};
    } else if (p->m.from != m->from || p->m.number != m->number) {
        l->counts.disorder++;
        violation(l, when_us,
                  "disorder: place %lu of the room is number %lu of %u for %u, but number %lu of "
                  "%u for another",
                  place, m->number, m->from, at, p->m.number, p->m.from);
    }
}

/* --- what is still to come --- */

uint64_t ledger_owed(const struct ledger *l, unsigned who)
{
    return l->person[who].owed;
}

bool ledger_quiet(const struct ledger *l)
{
    for (unsigned i = 0; i < l->people; i++) {
        const struct person *p = &l->person[i];
        if (p->owed) return false;
        if (p->member && !p->deferred && (p->places.last < l->places || p->places.n)) return false;
    }
    return true;
}

/* Numbers that the server refused leave a hole that nobody waits for. */
static uint64_t excused(const struct numbers *refused)
{
    return refused ? refused->last - numbers_missing(refused) : 0;
}

uint64_t ledger_missing(const struct ledger *l)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < (size_t)l->people * (l->people + 1); i++) {
        uint64_t holes = numbers_missing(&l->talk[i].came), fine = excused(&l->talk[i].refused);
        sum += holes > fine ? holes - fine : 0;
    }
    return sum;
}

/* --- the end --- */

/* A room message came to its place: judged by the place's order. */
static void judge_place(struct ledger *l, uint64_t place)
{
    const struct place *p = &l->place[place];
    char whose[100];
    if (p->m.number == 0) return; /* each member says so itself */
    snprintf(whose, sizeof whose, "%u to the room (place %lu)", p->m.from, place);
    take(l, &talk_of(l, p->m.from, LEDGER_ROOM)->came, p->m.number, p->when_us, whose);
    if (p->m.seen >= place) {
        l->counts.disorder++;
        violation(l, p->when_us,
                  "disorder: place %lu of the room was taken by number %lu of %u, who had seen "
                  "place %lu before",
                  place, p->m.number, p->m.from, p->m.seen);
    }
}

/* Counts and tells the holes of a stream that should have reached upto. refused may be NULL. */
static void count_lost(struct ledger *l, struct numbers *s, uint64_t upto,
                       const struct numbers *refused, const char *whose)
{
    uint64_t fine = excused(refused);
    if (s->last < upto) numbers_take(s, upto + 1, 0); /* the end is a hole, too */
    uint64_t missing = numbers_missing(s);
    if (missing <= fine) return;
    l->counts.lost += missing - fine;
    for (uint32_t i = 0; i < s->n; i++)
        violation(l, s->hole[i].noticed_us, "lost: numbers %lu to %lu of %s never came",
                  s->hole[i].first, s->hole[i].last, whose);
}

static void judge_talk(struct ledger *l, unsigned from, unsigned to)
{
    struct talk *t = talk_of(l, from, to);
    char whose[80], recipient[16] = "the room";
    if (to != LEDGER_ROOM) snprintf(recipient, sizeof recipient, "%u", to);
    snprintf(whose, sizeof whose, "%u to %s (%lu sent)", from, recipient, t->sent);
    if (t->came.last > t->sent) {
        l->counts.alien++;
        violation(l, 0, "never sent: number %lu of %s", t->came.last, whose);
    }
    count_lost(l, &t->came, t->sent, &t->refused, whose);
}

static void judge_member(struct ledger *l, unsigned who)
{
    char whose[80];
    if (!l->person[who].member) return;
    snprintf(whose, sizeof whose, "the room to %u (%lu places)", who, l->places);
    count_lost(l, &l->person[who].places, l->places, NULL, whose);
}

void ledger_finish(struct ledger *l)
{
    for (uint64_t i = 1; i <= l->places; i++)
        judge_place(l, i);
    for (unsigned from = 0; from < l->people; from++) {
        for (unsigned to = 0; to < l->people; to++)
            judge_talk(l, from, to);
        judge_talk(l, from, LEDGER_ROOM);
    }
    for (unsigned who = 0; who < l->people; who++)
        judge_member(l, who);
}

struct ledger_counts ledger_counts(const struct ledger *l)
{
    return l->counts;
}
