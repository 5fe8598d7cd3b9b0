/*
 * fuzz_broker.c - a broker and its three workers, of which every one may be hostile: any frame, in
 * any order, with any seat, ticket and peer. The real uplink, login, people, session, route, inbox,
 * room, presence, prekeys, devices, moderation, admit, class_roster, groups, why, files and ask; store, login thread
 * and the folder of files are fuzz_store.h, which answer when the input says
 * so, in order, and are full when it says so.
 *
 * Checked: everything it sends to a worker is well-formed, down to the frames for clients; every
 * session stands in its seat and in its device's list; counters stay small. At the end the links
 * go, the store answers all, and nothing may be left: no message, no session, no memory.
 *
 * Input: steps, each an operation and a link (one byte) and its fields.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "admit.h"
#include "bus_files.h"
#include "group.h"
#include "fuzz_store.h"
#include "log.h"
#include "quiet_loop.h"

enum { LINKS = 3, SEATS = 4, PEOPLE = 4, SECOND = 9, STEPS_MAX = 80, SMALL = 1 << 20 };

static struct broker b;
static uint8_t attic[SEALED_HASH]; /* the id of the group that there is */
static struct link *slot[LINKS];

/* --- what the broker says --- */

static void check_client_frames(struct slice frames)
{
    struct cur c = cur_of(frames.data, frames.len);
    struct wire_frame f;
    int r;
    while ((r = wire_next(&c, &f)) > 0) {
        const struct wire_row *row = wire_row(f.type);
        CHECK(row->name && (row->from & WIRE_SERVER));
        CHECK(f.payload.len >= row->min && f.payload.len <= row->max);
    }
    CHECK(r == 0);
}

static void check_down(const struct link *l, uint8_t type, struct slice p)
{
    struct wire_cert cert;
    struct bus_dh_done dh;
    struct bus_logged logged;
    struct bus_down down;
    struct bus_kick kick;
    switch (type) {
    case BUS_IDENTITY: CHECK(bus_get_identity(p, &cert)); return;
    case BUS_DH_DONE: CHECK(bus_get_dh_done(p, &dh)); return;
    case BUS_LOGGED: CHECK(bus_get_logged(p, &logged)); return;
    case BUS_KICK: CHECK(bus_get_kick(p, &kick) && kick.text.len <= 1024); return;
    case BUS_DOWN:
        CHECK(bus_get_down(p, &down) && down.n > 0);
        for (unsigned i = 0; i < down.n; i++)
            CHECK(bus_index(get_u64(down.sids + 8 * i)) < l->seats);
        check_client_frames(down.frames);
        return;
    default: fuzz_failed("a frame that a worker knows", __FILE__, __LINE__);
    }
}

static void drain(struct link *l)
{
    struct buf *out = &l->stream.out;
    while (buf_len(out)) {
        const uint8_t *head = buf_head(out);
        CHECK(buf_len(out) >= STREAM_HEAD && get_u32(head) + STREAM_HEAD <= buf_len(out));
        check_down(l, head[4], (struct slice){head + STREAM_HEAD, get_u32(head)});
        buf_drop(out, STREAM_HEAD + get_u32(head));
    }
    buf_free(out);
}

/* --- what must be true of it --- */

static unsigned sessions_seen;

struct tally {
    const struct device *to;
    uint64_t n;
};

static bool in_list(const struct session *s)
{
    for (const struct session *x = s->device->session; x; x = x->next)
        if (x == s) return true;
    return false;
}

static bool link_there(const struct link *l)
{
    const struct link *x = b.links;
    while (x && x != l)
        x = x->next;
    return x != NULL;
}

static const struct audience *audience_at(const struct room *r, const struct link *l)
{
    const struct audience *a = r->audience;
    while (a && a->link != l)
        a = a->next;
    return a;
}

/* Who is live stands in the list of its worker's audience. */
static void check_place(const struct place *p, const struct link *l)
{
    if (!p->room || !p->live) return;
    const struct audience *a = audience_at(p->room, l);
    CHECK(p->session->link == l && a && p->live_at < a->n);
    CHECK(a->place[p->live_at] == p && a->sid[p->live_at] == p->session->sid);
}

static void check_link(const struct link *l)
{
    unsigned live = 0;
    for (uint32_t i = 0; i < l->seats; i++) {
        const struct session *s = l->seat[i].session;
        if (!s) continue;
        sessions_seen++;
        CHECK(s->link == l && bus_index(s->sid) == i && in_list(s));
        check_place(&s->lobby, l);
        live += s->lobby.live;
    }
    const struct audience *a = audience_at(&b.lobby, l);
    CHECK(live == (a ? a->n : 0));
}

static void add_share(void *arg, struct account *from)
{
    struct tally *t = arg;
    t->n += share_of(&b, t->to, from);
}

static void drop_share(void *arg, struct account *from)
{
    const struct tally *t = arg;
    while (share_of(&b, t->to, from))
        share_drop(&b, t->to, from);
}

/* What waits behind a refusal follows what was taken, and waits for something. */
static void check_waiting(const struct outbox *out)
{
    const struct refusals *r = out->refusals;
    uint32_t n = 0;
    if (!r) return;
    for (const struct held *h = r->held; h; h = h->next)
        CHECK(h->m.id == out->taken + ++n);
    CHECK(n == r->n_held && (n == 0) == (r->held_bytes == 0));
    CHECK(r->from && r->from <= r->to && r->n > 0); /* else its memory had been given back */
    for (const struct message *m = r->told; m; m = m->next_out)
        CHECK(m->id >= r->from && m->id <= r->to);
}

static void check_device(const struct device *d)
{
    struct tally t = {d, 0};
    people_each(&b, add_share, &t);
    CHECK(t.n == d->in.waiting); /* who is to blame for what waits */
    const struct session *r = d->in.receiver;
    unsigned sessions = 0;
    for (const struct session *s = d->session; s; s = s->next) {
        CHECK(link_there(s->link) && s->device == d);
        sessions++;
    }
    CHECK(sessions <= d->account->sessions);
    if (r) CHECK(in_list(r) && r->device == d && (r->caps & WIRE_CAP_RECEIVE));
    CHECK(d->in.waiting < SMALL && d->in.n < SMALL && d->in.n_stored <= d->in.n);
    check_waiting(&d->out);
    if (!d->session) CHECK(!refuse_held(&d->out));
    CHECK(d->in.n_storing <= d->in.n_stored && d->out.in_memory < SMALL && d->in.retries < SMALL);
}

static void check_account(void *arg, struct account *a)
{
    (void)arg;
    for (const struct device *d = a->device; d; d = d->next)
        check_device(d);
    CHECK(a->receiving <= a->sessions && a->in_lobby <= a->receiving);
}

/* Every reader's place is in its group's room, with a session that receives for its device. */
static void check_group(void *arg, struct group *g)
{
    (void)arg;
    for (const struct member *m = g->member; m; m = m->next)
        for (const struct reader *r = m->reader; r; r = r->next) {
            const struct place *p = &r->place;
            CHECK(r->member == m && r->acked <= g->room.head && (!r->end || r->acked <= r->end));
            if (!p->room) continue;
            CHECK(p->room == &g->room && p->session == r->device->in.receiver && p->acked <= g->room.head);
            CHECK(p->acked <= p->end && link_there(p->session->link));
            check_place(p, p->session->link);
        }
}

/* Each guest stands in its seat, and an attempt that was answered knows by whom. */
static void check_guests(void)
{
    for (const struct guest *g = b.guests; g; g = g->next) {
        CHECK(link_there(g->link) && seat_guest(&g->link->seat[bus_index(g->sid)]) == g && !people_device(g->account, g->device));
        CHECK(g->step < WIRE_ADMIT_STEPS && (g->step == 0) == (g->attempt == 0));
        if (g->step > 1) CHECK(asker_session(&g->with) && asker_session(&g->with)->device->account == g->account);
    }
}

/* What counts is the sum of what there is, and each transfer stands with its session and its blob. */
static void check_files(void)
{
    uint64_t bytes = 0;
    for (const struct blob *f = b.files->first; f; f = f->next) {
        size_t have = 0, declined = 0;
        bytes += blob_counts(f);
        CHECK(!f->ended && blob_find(&b, f->id) == f && f->n_devices > 0);
        for (size_t i = 0; i < f->n_devices; i++) {
            have += f->to_device[i].state == BLOB_HAS;
            declined += f->to_device[i].state == BLOB_DECLINED;
        }
        CHECK(have == f->n_have && declined == f->n_declined && !(f->complete && have + declined == f->n_devices));
        for (const struct transfer *t = f->transfer; t; t = t->next_of_blob)
            CHECK(t->blob == f && transfer_find(t->session, t->ref) && transfer_count(t->session) <= WIRE_BLOB_REFS);
    }
    CHECK(bytes == b.files->bytes && bytes <= b.set.limits.files_total);
}

static void check_all(void)
{
    check_files();
    groups_each(&b, check_group, NULL);
    check_guests();
    sessions_seen = 0;
    for (const struct link *l = b.links; l; l = l->next)
        check_link(l);
    CHECK(sessions_seen == b.sessions);
    people_each(&b, check_account, NULL);
}

/* --- what workers say --- */

static void from_worker(unsigned i, uint8_t type, struct slice p)
{
    struct link *l = slot[i];
    if (!l) return;
    uint8_t *exact = fuzz_copy(p.data, p.len);
    if (!l->stream.frame(&l->stream, type, (struct slice){exact, p.len})) {
        slot[i] = NULL;
        l->stream.ended(&l->stream, STREAM_NONSENSE);
    }
    free(exact);
}

static void hand_over(unsigned i, struct stream *s)
{
    from_worker(i, buf_head(&s->out)[4],
                (struct slice){buf_head(&s->out) + STREAM_HEAD, buf_len(&s->out) - STREAM_HEAD});
    buf_free(&s->out);
}

static uint64_t sid_of(uint8_t seat)
{
    return bus_sid(seat % SEATS, 1 + seat / 128);
}

/* The other end of its channel for files: what comes there is thrown away. */
static int files[LINKS] = {-1, -1, -1};

static void drain_files(unsigned i)
{
    uint8_t packet[CHAN_PACKET_MAX];
    while (files[i] >= 0 && recv(files[i], packet, sizeof packet, MSG_DONTWAIT) > 0)
        CHECK(packet[0] >= FILES_OPEN && packet[0] <= FILES_CLOSE_ALL);
}

static void op_open(unsigned i, struct cur *in)
{
    static uint32_t generation;
    int fd[2];
    (void)in;
    chan_pair(fd);
    if (files[i] >= 0) close(files[i]);
    files[i] = fd[1];
    transfers_channel(&b, i, generation + 1, fd[0]);
    link_open(&b, i, ++generation, -1); /* forgets the older one */
    slot[i] = b.links;
}

static void op_end(unsigned i, struct cur *in)
{
    struct link *l = slot[i];
    (void)in;
    slot[i] = NULL;
    if (l) l->stream.ended(&l->stream, "closed");
}

static void op_dh(unsigned i, struct cur *in)
{
    uint8_t point[32] = {9};
    struct stream s = {0};
    bus_put_dh(&s, sid_of(cur_u8(in)), point);
    hand_over(i, &s);
}

/* Somebody of a few, or a new name; the signature's first byte says whether it fits. */
static void op_login(unsigned i, struct cur *in)
{
    static const char *const names[PEOPLE] = {"alice", "bob", "carol", "dave"};
    uint8_t seat = cur_u8(in), who = cur_u8(in), caps = cur_u8(in) & 7, good = cur_u8(in);
    struct wire_login m = {.device = who & 64 ? SECOND : 1 + who % PEOPLE, .caps = caps, .signature = {good != 0}};
    struct slice p;
    struct stream s = {0};
    struct buf payload = {0};
    uint8_t h[32] = {0};
    m.device_key[0] = who % PEOPLE;
    m.name = (struct slice){(const uint8_t *)names[who % PEOPLE], strlen(names[who % PEOPLE])};
    if (who >= 128 && (p = fuzz_piece(in)).len >= 1 && p.len <= WIRE_NAME_MAX) m.name = p;
    m.resume = (struct wire_resume){cur_u8(in), cur_u8(in), cur_u8(in),
                                    caps & 1 ? cur_u8(in) : WIRE_NEWCOMER};
    wire_put_login(&payload, &m);
    bus_put_login(
        &s, sid_of(seat), h, "192.0.2.7:1",
        (struct slice){buf_head(&payload) + WIRE_FRAME_HEAD, buf_len(&payload) - WIRE_FRAME_HEAD});
    buf_free(&payload);
    hand_over(i, &s);
}

static void op_announce(unsigned i, struct cur *in)
{
    uint8_t seat = cur_u8(in), who = cur_u8(in), out[BUS_TICKET];
    struct bus_ticket t = {cur_u8(in), 1 + who % PEOPLE, 1 + who % PEOPLE, cur_u8(in) & 3};
    struct slice peer = fuzz_piece(in);
    struct stream s = {0};
    const struct account *a = people_by_id(&b, t.account);
    if (a && a->pending) t.account = 0; /* a ticket exists only of who was let in */
    bus_ticket_seal(out, &t, b.keys.ticket);
    size_t at = stream_begin(&s, BUS_ANNOUNCE);
    buf_put_u64(&s.out, sid_of(seat));
    buf_put(&s.out, out, sizeof out);
    buf_put_str8(&s.out, peer.data, peer.len < 255 ? peer.len : 255);
    stream_end(&s, at);
    hand_over(i, &s);
}

static void op_gone(unsigned i, struct cur *in)
{
    struct stream s = {0};
    uint8_t seat = cur_u8(in);
    bus_put_gone(&s, sid_of(seat), cur_u8(in) & 1);
    hand_over(i, &s);
}

static void up(unsigned i, uint8_t seat, struct buf *frame)
{
    struct stream s = {0};
    struct slice p = {buf_head(frame) + WIRE_FRAME_HEAD, buf_len(frame) - WIRE_FRAME_HEAD};
    bus_put_up(&s, sid_of(seat), buf_head(frame)[0], p);
    buf_free(frame);
    hand_over(i, &s);
}

static void op_send(unsigned i, struct cur *in)
{
    static const char *const to[] = {"alice", "Bob",     "carol",  "#lobby",
                                     "dave",  "nobody1", "#attic", "alcie"};
    uint8_t seat = cur_u8(in), id = cur_u8(in), whom = cur_u8(in), len = cur_u8(in);
    static const uint8_t body[256] = {SEALED_SUITE_GROUP, [WIRE_GROUP_BODY_LOG] = 0xff, 0xff, 0xff, 0xff};
    const char *name = to[whom % 8];
    struct buf frame = {0}, heads = {0};
    struct wire_send m = {.id = id ? id : 1,
                          .kind = name[0] == '#',
                          .to = {(const uint8_t *)name, strlen(name)},
                          .body = {body, len}};
    /* Sealed for the devices of the bits: numbers are 1 to PEOPLE, and some have more than one. */
    for (unsigned k = 0; whom >= 128 && k < 5; k++) {
        if (!(whom >> 3 & 1u << k & 15u) && k < 4) continue;
        if (k == 4 && !(len & 1)) continue;
        buf_put_u64(&heads, k == 4 ? SECOND : 1 + k);
        buf_put_str16(&heads, body, len % 7);
        m.heads++;
    }
    m.head_bytes = (struct slice){heads.data, buf_len(&heads)};
    if (m.kind == 0 || m.heads == 0) wire_put_send(&frame, &m);
    if (buf_len(&frame)) up(i, seat, &frame);
    buf_free(&heads);
}

static void op_ack(unsigned i, struct cur *in)
{
    uint8_t seat = cur_u8(in), kind = cur_u8(in) % 3, seq = cur_u8(in);
    struct buf frame = {0};
    struct wire_ack m = {
        .kind = kind, .incarnation = b.incarnation, .seq = seq, .room = {(const uint8_t *)"#attic", seq & 128 ? 6 : 0}};
    if (m.room.len) m.seq &= 127;
    wire_put_ack(&frame, &m);
    up(i, seat, &frame);
}

static void op_resume(unsigned i, struct cur *in)
{
    uint8_t seat = cur_u8(in), how = cur_u8(in), next = cur_u8(in);
    const struct session *s = slot[i] ? session_find(slot[i], sid_of(seat)) : NULL;
    uint64_t token = s ? s->token - (how == 255) : 0; /* as a rule the one that is awaited */
    struct buf frame = {0};
    struct wire_resume m = {b.incarnation, how >> 2, how & 1 ? 0 : next,
                            how & 2 ? WIRE_NEWCOMER : how >> 4};
    wire_put_resume(&frame, &m, token);
    up(i, seat, &frame);
}

/* A device says where it is in the group, or asks for its log, or for its end. */
static void op_group(unsigned i, struct cur *in)
{
    uint8_t seat = cur_u8(in), how = cur_u8(in), seen = cur_u8(in);
    struct buf frame = {0};
    struct wire_group_question m = {.op = (uint8_t)(WIRE_ASK_LOG + how % 4), .scope = how / 4 % 2, .room = {(const uint8_t *)"#attic", 6}, .after = seen,
                               .seen = seen == 255 ? WIRE_FROM_NOW : seen};
    memcpy(m.id, attic, sizeof m.id);
    if (how == 255) { /* the operator's doing */
        ask_answer(&b, 1, (struct slice){(const uint8_t *)"group delete #attic", 19});
        return;
    }
    wire_put_group_question(&frame, &m);
    up(i, seat, &frame);
}

/* A question about one of four blobs; how: its size as well. */
static void op_blob(unsigned i, struct cur *in)
{
    static const char *const to[] = {"bob", "alice", "#attic", "#lobby"};
    uint8_t seat = cur_u8(in), op = cur_u8(in), how = cur_u8(in);
    const char *name = to[how / 16 % 4];
    struct buf frame = {0};
    struct wire_blob_ask m = {.op = (uint8_t)(1 + op % (WIRE_BLOB_OPS - 1)), .ref = op / 16 % 12, .blob = {1 + how % 4},
                              .to = {(const uint8_t *)name, strlen(name)}};
    m.at = how / 4 % 4 == 3 ? WIRE_BLOB_GROWS : (uint64_t)(how / 4 % 4) * 100;
    wire_put_blob_ask(&frame, &m);
    up(i, seat, &frame);
}

/* Files grow, and the disk does what was asked for; full when it says so. */
static void op_disk(unsigned i, struct cur *in)
{
    uint8_t n = cur_u8(in);
    (void)i;
    for (struct fuzz_file *f = b.files->disk->file; f; f = f->next)
        if (f->upload && n & 1) f->length += 100;
    b.files->disk->full = n >= 240 ? ENOSPC : 0;
    fuzz_files_work(b.files->disk, 1 + n % 8u);
}

/* A step of the newest guest's attempt, whose number nobody can guess. */
static void op_admit(unsigned i, struct cur *in)
{
    static const uint8_t message[64];
    uint8_t seat = cur_u8(in), how = cur_u8(in);
    struct buf frame = {0};
    struct wire_admit_ask m = {.op = how & 8 ? WIRE_ADMIT_END : WIRE_ADMIT_CARRY,
                               .attempt = b.guests && (how & 7) != 1 ? b.guests->attempt : 0,
                               .step = how & 7,
                               .message = {message, 1 + how % sizeof message}};
    wire_put_admit_ask(&frame, &m);
    up(i, seat, &frame);
}

/* Any frame of a client, also in parts, also malformed. */
static void op_up(unsigned i, struct cur *in)
{
    struct stream s = {0};
    uint8_t seat = cur_u8(in), type = cur_u8(in);
    bus_put_up(&s, sid_of(seat), type, fuzz_piece(in));
    hand_over(i, &s);
}

static void op_any(unsigned i, struct cur *in)
{
    uint8_t type = cur_u8(in);
    struct slice p = fuzz_piece(in);
    from_worker(i, type, p);
}

/* --- time, store, login thread, operator --- */

static void op_store(unsigned i, struct cur *in)
{
    uint8_t n = cur_u8(in);
    (void)i;
    fuzz_store_answer(b.store, 1 + n % 16u, n >= 240);
}

static void op_auth(unsigned i, struct cur *in)
{
    (void)i;
    (void)in;
    b.auth_io.ready(&b.auth_io, EPOLLIN);
}

static void op_time(unsigned i, struct cur *in)
{
    uint8_t how = cur_u8(in);
    (void)i;
    quiet_pass(&b.loop, (uint64_t)how * 100);
    b.disk_low = how >= 250;
    inbox_tick(&b);
}

static void op_ask(unsigned i, struct cur *in)
{
    static const char *const questions[] = {
        "who",         "queue",           "numbers",  "what",           "lobby mute bob 1s why", "role alice instructor",
        "ban carol 2", "unban carol",     "lobby",    "lobby announce", "lobby open",            "role bob assistant",
        "audit 1h",    "lobby kick alice", "user bob", "lobby ban bob",  "group list",            "group show attic"};
    const char *q = questions[cur_u8(in) % 18];
    (void)i;
    ask_answer(&b, 1, (struct slice){(const uint8_t *)q, strlen(q)});
}

static void (*const ops[])(unsigned i, struct cur *in) = {
    op_open, op_dh,   op_auth,     op_login, op_auth, op_store,  op_send,
    op_ack,  op_send, op_up,       op_gone,  op_end,  op_resume, op_any,
    op_time, op_ask,  op_announce, op_store, op_dh,   op_send,   op_ack,  op_admit, op_group,
    op_blob, op_disk, op_blob, op_store,
};

/* --- beginning and end --- */

static void add_people(void)
{
    static const char *const names[PEOPLE] = {"alice", "bob", "carol", "dave"};
    for (unsigned k = 0; k + 1 < PEOPLE; k++) { /* dave has still to register */
        uint8_t key[32] = {(uint8_t)k};
        struct slice name = {(const uint8_t *)names[k], strlen(names[k])};
        struct account *a = people_add(&b, k + 1, name, 0);
        people_add_device(a, k + 1, key);
        people_keyring(a)->list.head = 1;
        a->keys->list.account_key[0] = (uint8_t)(1 + k);
        if (k == 0) people_add_device(a, SECOND, key); /* alice has two devices */
    }
}

/* Alice owns #attic, bob is in, carol is invited. */
static void add_group(void)
{
    static const uint8_t secret[SEALED_SIGN_SECRET];
    static const uint8_t ops_of[] = {MEMBERSHIP_CREATE, MEMBERSHIP_JOIN, MEMBERSHIP_INVITE};
    struct membership log = {0};
    struct group *g = NULL;
    for (unsigned k = 0; k < 3; k++) {
        const struct account *actor = people_by_id(&b, 1 + k % 2), *carol = people_by_id(&b, 3);
        struct membership_entry e = {.op = ops_of[k], .time_ms = 1, .actor = {(const uint8_t *)actor->name, strlen(actor->name)}};
        struct buf raw = {0};
        memcpy(e.actor_account, people_keys(actor)->list.account_key, SEALED_KEY);
        if (k == 0) e.role = 1;
        if (k == 0) e.text = (struct slice){(const uint8_t *)"#attic", 6};
        if (k == 2) e.subject = (struct slice){(const uint8_t *)carol->name, strlen(carol->name)};
        if (k == 2) memcpy(e.subject_account, people_keys(carol)->list.account_key, SEALED_KEY);
        membership_write(&log, &e, secret, &raw);
        CHECK(membership_recall(&log, (struct slice){buf_head(&raw), buf_len(&raw)}, NULL) == MEMBERSHIP_GOOD);
        buf_free(&raw);
    }
    memcpy(attic, log.group, sizeof attic);
    g = group_add(&b, 2, attic, (struct slice){(const uint8_t *)"#attic", 6}, people_by_id(&b, 1));
    g->log = log;
    for (unsigned k = 1; k <= 3; k++) {
        struct member *m = group_member_make(g, people_by_id(&b, k));
        for (struct device *d = k < 3 ? m->account->device : NULL; d; d = d->next)
            group_reader_make(m, d, 0);
    }
    /* One of alice's devices had an end: it is gone when that is reached. */
    g->member->next->next->reader->end = 2;
}

static void start(void)
{
    fuzz_random_start();
    log_init("fuzz", LOG_LOGFMT, LOG_ERROR, false);
    b = (struct broker){.master.closed = true, .incarnation = 5, .dir_fd = -1};
    loop_init(&b.loop);
    conf_defaults(settings_table, settings_count, &b.set);
    b.set.limits.window_messages = 4; /* small, so that its edges are met */
    b.set.limits.queue_messages = 6;
    b.set.limits.queue_per_sender = 3;
    b.set.limits.sessions_per_user = 3;
    b.set.limits.guests_per_account = 2;
    b.set.limits.roster_claims = 2;
    b.set.lobby.backlog = 3;
    b.store = fuzz_store_open();
    room_load(&b);
    groups_load(&b);
    b.set.limits.files_per_user = 3 << 20;
    b.set.limits.files_total = 5 << 20;
    fuzz_files_begin(&b);
    presence_start(&b);
    login_start(&b);
    add_people();
    add_group();
    for (unsigned i = 0; i < LINKS; i++) {
        slot[i] = NULL;
        op_open(i, NULL);
    }
}

static void drain_all(void)
{
    room_flush(&b);
    route_settle(&b);
    for (struct link *l = b.links; l; l = l->next)
        drain(l);
    for (unsigned i = 0; i < LINKS; i++)
        drain_files(i);
}

/* Links gone, disk well: everything must find its end. */
static void quiet_down(void)
{
    while (b.links)
        b.links->stream.ended(&b.links->stream, "closed");
    b.disk_low = false;
    b.files->disk->full = 0;
    for (int turn = 0; turn < 4; turn++) {
        if (turn == 2) fuzz_files_quiet(&b);
        fuzz_files_work(b.files->disk, SIZE_MAX);
        b.auth_io.ready(&b.auth_io, EPOLLIN);
        fuzz_store_answer(b.store, SIZE_MAX, false);
        quiet_pass(&b.loop, 1000000);
        inbox_tick(&b);
        room_flush(&b);
        route_settle(&b);
    }
    CHECK(b.sessions == 0 && b.lobby.members == 0 && !b.retry && !b.dirty);
}

static struct account *first_account(void)
{
    for (size_t i = 0; i < b.ids.size; i++)
        if (b.ids.bucket[i]) return container_of(b.ids.bucket[i], struct account, by_id);
    return NULL;
}

static void forget_shares(void *arg, struct account *a)
{
    (void)arg;
    for (const struct device *d = a->device; d; d = d->next)
        people_each(&b, drop_share, &(struct tally){d, 0});
}

static void end_group(void *arg, struct group *g)
{
    (void)arg;
    group_drop(&b, g, false);
}

static void stop(void)
{
    quiet_down();
    fuzz_files_end(&b);
    groups_each(&b, end_group, NULL);
    people_each(&b, forget_shares, NULL);
    CHECK(b.shares.n == 0);
    for (struct account *a; (a = first_account()); people_remove(&b, a)) {
        CHECK(a->sessions == 0 && a->receiving == 0 && a->in_lobby == 0);
        for (const struct device *d = a->device; d; d = d->next) {
            CHECK(!d->out.first && !d->in.first && d->out.in_memory == 0);
            CHECK(d->in.waiting < SMALL);
            refuse_confirm(&((struct device *)(uintptr_t)d)->out, UINT64_MAX);
            CHECK(!d->out.refusals);
        }
    }
    free(b.announce);
    CHECK(!b.guests);
    buf_free(&b.lobby.fan);
    free(b.names.bucket);
    free(b.skeletons.bucket);
    free(b.ids.bucket);
    free(b.shares.bucket);
    free(b.groups.bucket);
    free(b.group_names.bucket);
    free(b.group_looks.bucket);
    free(b.group_rooms.bucket);
    free(b.presence.change);
    loop_del(&b.loop, &b.auth_io);
    auth_stop(b.auth);
    fuzz_store_close(b.store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    start();
    for (unsigned steps = 0; steps < STEPS_MAX && in.p < in.end; steps++) {
        uint8_t op = cur_u8(&in);
        ops[op / LINKS % (sizeof ops / sizeof *ops)](op % LINKS, &in);
        drain_all();
        check_all();
    }
    stop();
    return 0;
}
