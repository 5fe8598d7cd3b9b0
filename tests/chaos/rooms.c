/* rooms.c - see rooms.h. Per group a table of its lines; per person in it, one bit a line. */
#include "rooms.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum { LINES_MAX = 1 << 28 };

/* What became of a message, by its sender's number. */
enum fate { FATE_OPEN, FATE_ACCEPTED, FATE_REFUSED };

struct place {
    struct rooms_line line; /* as the first one to get it has reported it */
    uint64_t when_us;
};

/* Somebody in one group. */
struct part {
    uint8_t *got; /* a bit a line */
    uint64_t got_cap, last;
    uint8_t *fate; /* a byte a message, 0 is not used */
    uint64_t sent, fate_cap;
    uint64_t came; /* highest number of theirs, while the lines are walked through */
    bool in;       /* while the lines are walked through, by rooms_quiet() */
};

struct group {
    struct place *place; /* [number], 0 is not used */
    uint64_t lines, cap;
    uint64_t quiet_upto; /* everybody present has these */
    struct part *part;   /* [person] */
};

struct rooms {
    unsigned groups, people;
    struct group *group;
    bool *deferred;
    struct rooms_counts counts;
    void (*violation)(void *arg, uint64_t when_us, const char *words);
    void *arg;
};

struct rooms *rooms_new(unsigned groups, unsigned people,
                        void (*violation)(void *arg, uint64_t when_us, const char *words), void *arg)
{
    struct rooms *r = xcalloc(1, sizeof *r);
    *r = (struct rooms){.groups = groups, .people = people, .violation = violation, .arg = arg};
    r->group = xcalloc(groups + 1, sizeof *r->group);
    r->deferred = xcalloc(people, sizeof *r->deferred);
    for (unsigned g = 0; g < groups; g++)
        r->group[g].part = xcalloc(people, sizeof *r->group[g].part);
    return r;
}

void rooms_free(struct rooms *r)
{
    if (!r) return;
    for (unsigned g = 0; g < r->groups; g++) {
        for (unsigned i = 0; i < r->people; i++) {
            free(r->group[g].part[i].got);
            free(r->group[g].part[i].fate);
        }
        free(r->group[g].part);
        free(r->group[g].place);
    }
    free(r->group);
    free(r->deferred);
    free(r);
}

static void __attribute__((format(printf, 3, 4)))
violation(const struct rooms *r, uint64_t when_us, const char *format, ...)
{
    char words[300];
    va_list ap;
    va_start(ap, format);
    vsnprintf(words, sizeof words, format, ap);
    va_end(ap);
    if (r->violation) r->violation(r->arg, when_us, words);
}

/* Makes room for index `at` of an array of zeros. */
static void *reach(void *array, uint64_t *cap, uint64_t at, size_t size)
{
    uint64_t old = *cap, wanted = old ? old : 64;
    while (wanted <= at)
        wanted *= 2;
    if (wanted == old) return array;
    array = xrealloc(array, wanted * size);
    memset((char *)array + old * size, 0, (wanted - old) * size);
    *cap = wanted;
    return array;
}

void rooms_defer(struct rooms *r, unsigned who)
{
    r->deferred[who] = true;
}

/* --- sending --- */

static uint8_t *fate_of(struct part *p, uint64_t n)
{
    p->fate = reach(p->fate, &p->fate_cap, n, sizeof *p->fate);
    return &p->fate[n];
}

uint64_t rooms_send(struct rooms *r, unsigned group, unsigned from)
{
    r->counts.sent++;
    return ++r->group[group].part[from].sent;
}

void rooms_sent_upto(struct rooms *r, unsigned group, unsigned from, uint64_t n)
{
    struct part *p = &r->group[group].part[from];
    for (; p->sent < n; r->counts.sent++)
        *fate_of(p, ++p->sent) = FATE_ACCEPTED;
}

void rooms_settled(struct rooms *r, unsigned group, unsigned from, uint64_t n, bool accepted)
{
    *fate_of(&r->group[group].part[from], n) = accepted ? FATE_ACCEPTED : FATE_REFUSED;
    r->counts.refused += !accepted;
}

/* --- receiving --- */

static bool has(const struct part *p, uint64_t number)
{
    return number / 8 < p->got_cap && (p->got[number / 8] >> number % 8 & 1);
}

static void note(struct part *p, uint64_t number)
{
    p->got = reach(p->got, &p->got_cap, number / 8, 1);
    p->got[number / 8] |= (uint8_t)(1u << number % 8);
    if (number > p->last) p->last = number;
}

static bool same(const struct rooms_line *a, const struct rooms_line *b)
{
    return a->what == b->what && a->who == b->who && a->n == b->n;
}

/* One number is one line for everybody; what somebody could not open says nothing of it. */
static void compare(struct rooms *r, unsigned group, unsigned at, const struct rooms_line *l, uint64_t when_us)
{
    struct group *g = &r->group[group];
    g->place = reach(g->place, &g->cap, l->number, sizeof *g->place);
    if (l->number > g->lines) g->lines = l->number;
    struct place *p = &g->place[l->number];
    if (l->what == ROOMS_UNOPENED) {
        r->counts.unopened++;
        violation(r, when_us, "unopened: line %lu of group %u at %u, for reason %lu", l->number, group, at, l->n);
    } else if (p->line.what == ROOMS_NOTHING) {
        *p = (struct place){*l, when_us};
    } else if (!same(&p->line, l)) {
        r->counts.disorder++;
        violation(r, when_us, "disorder: line %lu of group %u is another one for %u than for the first to get it",
                  l->number, group, at);
    }
}

void rooms_got(struct rooms *r, unsigned group, unsigned at, const struct rooms_line *l, uint64_t when_us)
{
    struct part *p = &r->group[group].part[at];
    r->counts.delivered += l->what == ROOMS_MESSAGE;
    if (l->number == 0 || l->number > LINES_MAX || l->who >= r->people) {
        r->counts.alien++;
        violation(r, when_us, "not a line of ours: %u got line %lu of group %u", at, l->number, group);
        return;
    }
    if (has(p, l->number)) {
        r->counts.dup++;
        violation(r, when_us, "dup: line %lu of group %u came again to %u", l->number, group, at);
    } else if (l->number < p->last) {
        r->counts.disorder++;
        violation(r, when_us, "disorder: line %lu of group %u came to %u after %lu", l->number, group, at, p->last);
    }
    note(p, l->number);
    compare(r, group, at, l, when_us);
}

/* --- who must have what --- */

static bool concerns(const struct part *p, unsigned who, const struct rooms_line *l)
{
    return p->in || (l->what == ROOMS_IN && l->who == who);
}

static void follow(struct group *g, const struct rooms_line *l)
{
    if (l->what == ROOMS_IN || l->what == ROOMS_OUT) g->part[l->who].in = l->what == ROOMS_IN;
}

static bool everybody_has(const struct rooms *r, const struct group *g, uint64_t number)
{
    const struct rooms_line *l = &g->place[number].line;
    if (l->what == ROOMS_NOTHING) return false;
    for (unsigned i = 0; i < r->people; i++)
        if (!r->deferred[i] && concerns(&g->part[i], i, l) && !has(&g->part[i], number)) return false;
    return true;
}

bool rooms_quiet(struct rooms *r)
{
    bool quiet = true;
    for (unsigned i = 0; i < r->groups; i++) {
        struct group *g = &r->group[i];
        while (g->quiet_upto < g->lines && everybody_has(r, g, g->quiet_upto + 1))
            follow(g, &g->place[++g->quiet_upto].line);
        quiet = quiet && g->quiet_upto == g->lines;
    }
    return quiet;
}

/* --- the end --- */

static void judge_message(struct rooms *r, unsigned group, const struct place *p)
{
    const struct rooms_line *l = &p->line;
    struct part *from = &r->group[group].part[l->who];
    if (l->n == 0 || l->n > from->sent || *fate_of(from, l->n) == FATE_REFUSED) {
        r->counts.alien++;
        violation(r, p->when_us, "never sent, or refused: number %lu of %u, line %lu of group %u", l->n, l->who,
                  l->number, group);
        return;
    }
    if (l->n <= from->came || l->seen >= l->number) {
        r->counts.disorder++;
        violation(r, p->when_us, "disorder: number %lu of %u has line %lu of group %u, behind number %lu; they had seen line %lu",
                  l->n, l->who, l->number, group, from->came, l->seen);
    }
    for (uint64_t n = from->came + 1; n < l->n; n++)
        if (*fate_of(from, n) != FATE_REFUSED) {
            r->counts.lost++;
            violation(r, p->when_us, "lost: number %lu of %u in group %u, %s", n, l->who, group,
                      *fate_of(from, n) == FATE_ACCEPTED ? "which was accepted" : "of which nothing was said");
        }
    if (l->n > from->came) from->came = l->n;
}

static void judge_line(struct rooms *r, unsigned group, uint64_t number)
{
    struct group *g = &r->group[group];
    const struct place *p = &g->place[number];
    if (p->line.what == ROOMS_MESSAGE)
        judge_message(r, group, p);
    else
        r->counts.entries++;
    for (unsigned i = 0; i < r->people; i++) {
        bool must = concerns(&g->part[i], i, &p->line), got = has(&g->part[i], number);
        if (must == got) continue;
        r->counts.lost += must;
        r->counts.alien += got;
        violation(r, p->when_us, must ? "lost: line %lu of group %u never came to %u"
                                      : "outside: line %lu of group %u was shown to %u, who was not in",
                  number, group, i);
    }
    follow(g, &p->line);
}

static void judge_rest(struct rooms *r, unsigned group, unsigned who)
{
    struct part *p = &r->group[group].part[who];
    for (uint64_t n = p->came + 1; n <= p->sent; n++) {
        if (*fate_of(p, n) == FATE_REFUSED) continue;
        r->counts.lost++;
        violation(r, 0, "lost: number %lu of %u in group %u (%lu sent)", n, who, group, p->sent);
    }
}

void rooms_finish(struct rooms *r)
{
    for (unsigned i = 0; i < r->groups; i++) {
        struct group *g = &r->group[i];
        for (unsigned who = 0; who < r->people; who++)
            g->part[who].in = false;
        for (uint64_t number = 1; number <= g->lines; number++)
            judge_line(r, i, number);
        for (unsigned who = 0; who < r->people; who++)
            judge_rest(r, i, who);
    }
}

struct rooms_counts rooms_counts(const struct rooms *r)
{
    return r->counts;
}
