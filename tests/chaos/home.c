/*
 * home.c - see home.h. A number that was being used when the process died is looked for in the
 * outbox: it is there (committed) or not, and then used again.
 */
#include "home.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "../../client/client.h"
#include "circle.h"
#include "killer.h"
#include "log.h"
#include "text.h"

enum { HOME_WINDOW = 8, TURN_MS = 10, REFUSALS_SHOWN = 2, TO_GROUP = 24 };

static struct {
    struct shared *shared;
    struct home *page;
    const struct options *o;
    unsigned number; /* as a person */
    uint64_t luck, seen, submitted, settled;
    struct client *client;
    struct vault *vault;
    bool open, in_group;
    struct circle circle;
} me;

static volatile sig_atomic_t end;

static void on_term(int signal)
{
    (void)signal;
    end = 1;
}

static void store_path(const struct shared *s, unsigned which, char *out, size_t size)
{
    snprintf(out, size, "%s/%u.db", s->store, which);
}

static bool in_lobby(const struct wire_deliver *d)
{
    return d->to.len == 6 && memcmp(d->to.data, "#lobby", 6) == 0;
}

static void on_message(const struct client_event *e)
{
    const struct wire_deliver *d = e->message.m;
    struct rooms_line l;
    if (!(d->flags & WIRE_FLAG_ROOM)) return;
    if (in_lobby(d))
        me.seen = d->seq;
    else if (circle_read(d, e->message.how, me.circle.group, &l))
        circle_line(&me.circle, &l);
    me.page->in_group = me.page->in_group || me.circle.in;
}

/* Refused: perhaps it is in, and a predecessor died before it was shown. */
static void on_order(const struct client_event *e)
{
    circle_ordered(&me.circle, e);
    me.circle.in = me.circle.in || (e->order.code && strcmp(e->order.code, wire_code_name(WIRE_BAD_ENTRY)) == 0);
    me.page->in_group = me.page->in_group || me.circle.in;
}

static void on_event(void *arg, const struct client_event *e)
{
    (void)arg;
    switch (e->type) {
    case CLIENT_CONNECTED:
        me.open = true;
        atomic_store(&me.page->came, true);
        return;
    case CLIENT_LOST:
        if (me.open) {
            atomic_fetch_add(&me.page->lost, 1);
            killer_tell_lost(me.shared, client_name(me.client), e->lost.code, e->lost.reason);
        }
        me.open = false;
        return;
    case CLIENT_FAILED:
        fprintf(stderr, "chaos: at %.3f s c%u (with a store) failed: %s: %s\n",
                (double)now_us() / 1e6, me.number, e->failed.code, e->failed.text);
        atomic_store(&me.page->failed, true);
        me.open = false;
        return;
    case CLIENT_MESSAGE: on_message(e); return;
    case CLIENT_ORDER: on_order(e); return;
    case CLIENT_ACCEPTED: me.settled++; return;
    case CLIENT_REJECTED:
        me.settled++;
        if (atomic_fetch_add(&me.page->refused, 1) < REFUSALS_SHOWN)
            fprintf(stderr, "chaos: at %.3f s c%u (with a store) was refused: %s\n",
                    (double)now_us() / 1e6, me.number, wire_code_name(e->rejected->code));
        return;
    default: return;
    }
}

/* --- sending: the page says what is being tried, before and after --- */

static unsigned slot_of(unsigned to)
{
    return to >= CIRCLE_TO ? PEOPLE_MAX + 1 : to == LEDGER_ROOM ? PEOPLE_MAX : to;
}

static void submit(void)
{
    char name[NAME_LEN] = "#lobby";
    uint64_t id;
    struct home *h = me.page;
    const struct ledger_message m = {me.number, h->trying_to, h->trying_number, h->trying_us,
                                     h->trying_seen};
    bool room = m.to >= LEDGER_ROOM;
    if (m.to >= CIRCLE_TO) circle_name(name, m.to - CIRCLE_TO);
    if (!room) text_name(name, m.to);
    if (client_send(me.client, room ? WIRE_TO_ROOM : WIRE_TO_USER, name, WIRE_FORM_SAYS, text_of(&m), &id))
        fatal("the store of c%u failed: %s", me.number, vault_words(me.vault));
    me.submitted++;
    h->sent[slot_of(m.to)] = h->trying_number;
    atomic_thread_fence(memory_order_seq_cst);
    h->trying_number = 0;
}

static void choose(void)
{
    struct home *h = me.page;
    unsigned people = me.o->clients + me.o->homes, to = me.number;
    while (to == me.number)
        to = luck_of(&me.luck, people);
    if (me.o->lobby_every && luck_of(&me.luck, me.o->lobby_every) == 0) to = LEDGER_ROOM;
    if (h->in_group && luck_of(&me.luck, TO_GROUP) == 0) to = CIRCLE_TO + me.circle.group;
    h->trying_to = to;
    h->trying_us = now_us();
    h->trying_seen = to >= CIRCLE_TO ? me.circle.seen : me.seen;
    atomic_thread_fence(memory_order_seq_cst);
    h->trying_number = h->sent[slot_of(to)] + 1;
    atomic_thread_fence(memory_order_seq_cst);
    submit();
}

/* Is this the message that was being tried? Then it was. */
static bool was_tried(const struct ledger_message *m)
{
    struct home *h = me.page;
    if (m->to != h->trying_to || m->number != h->trying_number) return false;
    h->sent[slot_of(m->to)] = h->trying_number;
    h->trying_number = 0;
    return true;
}

/* A predecessor died while it tried: did its store take the message? Nothing is sent before that is
 * known. */
static void finish_try(void)
{
    struct vault_out out;
    struct vault_draft draft = {0};
    struct ledger_message m;
    if (me.page->trying_number == 0) return;
    for (uint64_t after = 0; vault_next(me.vault, after, &out) > 0; after = out.id)
        if ((text_read(out.body, &m) || text_read_sealed(out.content, &m)) && was_tried(&m)) return;
    while (vault_next_draft(me.vault, (struct slice){0}, draft.number, &draft) > 0)
        if (text_read_sealed(draft.content, &m) && was_tried(&m)) return;
    submit();
}

static void speak(void)
{
    int phase = phase_of(me.shared);
    if (phase < PHASE_RUN || phase >= PHASE_STILL || !me.open) return;
    if (me.in_group && !me.page->in_group) circle_turn(&me.circle, me.client);
    while (me.submitted < me.settled + HOME_WINDOW)
        choose();
    client_push(me.client);
}

/* --- the process --- */

static void settle_in(unsigned which)
{
    char path[PATH_LEN + 32], name[NAME_LEN];
    static struct identity id;
    struct why why;
    struct vault_out out;
    struct vault_draft draft = {0};
    store_path(me.shared, which, path, sizeof path);
    text_identity(&id, me.number);
    text_name(name, me.number);
    me.vault = vault_open(path, &why);
    if (!me.vault) fatal("cannot open the store of %s: %s", name, why.what);
    me.client = client_new(&(struct client_options){.host = me.shared->host,
                                                    .port = me.shared->port,
                                                    .user = name,
                                                    .caps = WIRE_CAP_RECEIVE | WIRE_CAP_LOBBY,
                                                    .identity = &id,
                                                    .vault = me.vault,
                                                    .event = on_event});
    if (!me.client) fatal("the store of %s failed: %s", name, vault_words(me.vault));
    finish_try();
    me.submitted = me.settled = 0;
    for (uint64_t after = 0; vault_next(me.vault, after, &out) > 0; after = out.id)
        me.submitted += !out.quiet;
    while (vault_next_draft(me.vault, (struct slice){0}, draft.number, &draft) > 0)
        me.submitted += !draft.quiet;
    client_connect(me.client);
}

static void turn(void)
{
    int due = client_timeout_ms(me.client);
    struct pollfd p = {.fd = client_fd(me.client), .events = client_wants(me.client)};
    poll(&p, p.fd >= 0, due >= 0 && due < TURN_MS ? due : TURN_MS);
    client_step(me.client, p.fd >= 0 ? p.revents : 0);
    if (client_state(me.client) == CLIENT_OFF) client_connect(me.client); /* the failure was told */
    speak();
    uint64_t rows;
    if (vault_last_row(me.vault, &rows) == 0) atomic_store(&me.page->rows, rows);
    atomic_store(&me.page->settled, client_settled(me.client));
}

static _Noreturn void live(unsigned which)
{
    struct sigaction on = {.sa_handler = on_term};
    sigaction(SIGTERM, &on, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    settle_in(which);
    while (!end)
        turn();
    client_free(me.client);
    vault_close(me.vault);
    _exit(0);
}

pid_t home_start(struct shared *s, const struct options *o, unsigned which)
{
    pid_t pid = fork();
    if (pid < 0) fatal("fork: %s", strerror(errno));
    if (pid == 0) {
        me.shared = s;
        me.page = &s->home[which];
        me.o = o;
        me.number = o->clients + which;
        me.luck = o->seed ^ (uint64_t)me.number << 20 ^ now_us();
        me.in_group = circle_join(&me.circle, o, me.number);
        live(which);
    }
    s->home[which].pid = pid;
    atomic_store(&s->home[which].settled, false);
    return pid;
}

/* --- afterwards --- */

static void report_line(struct ledger *l, struct rooms *r, unsigned groups, unsigned who, const struct vault_row *row)
{
    unsigned group;
    struct rooms_line line;
    if (circle_of(&row->m, &group) && group < groups && circle_read(&row->m, row->how, group, &line))
        rooms_got(r, group, who, &line, 0);
    else
        ledger_got_nonsense(l, who, "in a group", 0);
}

static void report_row(struct ledger *l, unsigned who, const struct wire_deliver *d)
{
    struct ledger_message m;
    char shown[80];
    if (!text_read(d->body, &m)) {
        log_escape(shown, sizeof shown, (const char *)d->body.data,
                   d->body.len < 40 ? d->body.len : 40);
        ledger_got_nonsense(l, who, shown, 0);
    } else if (d->flags & WIRE_FLAG_ROOM) {
        ledger_got_room(l, who, d->seq, &m, 0);
    } else {
        ledger_got(l, who, &m, 0);
    }
}

void home_report(struct shared *s, const struct options *o, unsigned which, struct ledger *l, struct rooms *r)
{
    char path[PATH_LEN + 32];
    struct why why;
    struct vault_row row = {0};
    const struct home *h = &s->home[which];
    unsigned who = o->clients + which;
    for (unsigned to = 0; to < o->clients + o->homes; to++)
        ledger_sent_upto(l, who, to, h->sent[to]);
    ledger_sent_upto(l, who, LEDGER_ROOM, h->sent[PEOPLE_MAX]);
    struct circle c;
    if (circle_join(&c, o, who)) rooms_sent_upto(r, c.group, who, h->sent[PEOPLE_MAX + 1]);
    store_path(s, which, path, sizeof path);
    struct vault *v = vault_open(path, &why);
    if (!v) fatal("cannot open the store of c%u: %s", who, why.what);
    while (vault_history(v, row.row, &row) > 0)
        if ((row.m.flags & WIRE_FLAG_ROOM) && !in_lobby(&row.m))
            report_line(l, r, circle_count(o), who, &row);
        else
            report_row(l, who, &row.m);
    vault_close(v);
}
