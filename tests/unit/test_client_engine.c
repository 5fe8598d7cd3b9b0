/*
 * test_client_engine.c - the engine against a scripted server: what is settled and in which order,
 * RESYNC in the middle, repeats, a new incarnation, a death between commit and ACK.
 */
#include "client_fake.h"

#include <sys/wait.h>

#include "../../client/client.h"

struct seen {
    enum client_event_type type;
    uint64_t id;
    uint8_t state;
    char text[40];
};

struct scene {
    struct fake f;
    struct identity id;
    struct vault *v;
    struct client *c;
    uint64_t now;
    struct seen seen[256];
    unsigned n;
    enum trust_verdict verdict;
    bool answer; /* send a message from inside the callback */
    char folder[64], path[96];
};

static uint64_t the_clock(void *arg)
{
    return ((struct scene *)arg)->now;
}

static enum trust_verdict the_trust(void *arg, const uint8_t server_id[32])
{
    struct scene *s = arg;
    assert_memory_equal(server_id, s->f.id_public, 32);
    return s->verdict;
}

static void put_text(struct seen *e, const char *text)
{
    snprintf(e->text, sizeof e->text, "%s", text);
}

static void on_event(void *arg, const struct client_event *e)
{
    struct scene *s = arg;
    struct seen *out = &s->seen[s->n++ % 256];
    struct slice text;
    uint8_t form;
    uint64_t id;
    *out = (struct seen){.type = e->type};
    switch (e->type) {
    case CLIENT_MESSAGE:
        assert_true(client_body(e->message.m->body, &form, &text));
        snprintf(out->text, sizeof out->text, "%.*s", (int)text.len, (const char *)text.data);
        out->id = e->message.m->id;
        if (s->answer) assert_int_equal(client_send(s->c, WIRE_TO_ROOM, "#lobby", 0, text_of("echo"), &id), 0);
        break;
    case CLIENT_ACCEPTED:
        out->id = e->accepted->id;
        out->state = e->accepted->state;
        break;
    case CLIENT_REJECTED:
        out->id = e->rejected->id;
        put_text(out, wire_code_name(e->rejected->code));
        break;
    case CLIENT_FAILED: put_text(out, e->failed.code); break;
    case CLIENT_LOST:
        put_text(out, e->lost.code);
        out->id = e->lost.retry_ms;
        break;
    default: break;
    }
}

static void make_client(struct scene *s)
{
    s->c = client_new(&(struct client_options){.host = "x",
                                               .port = "1",
                                               .user = "alice",
                                               .caps = WIRE_CAP_RECEIVE | WIRE_CAP_LOBBY,
                                               .identity = &s->id,
                                               .vault = s->v,
                                               .trust = the_trust,
                                               .event = on_event,
                                               .arg = s,
                                               .clock = the_clock});
    assert_non_null(s->c);
}

static int set_up_with(void **state, bool file)
{
    struct scene *s = calloc(1, sizeof *s);
    struct why why;
    fake_keys(&s->f);
    s->f.deaf_to_keys = true; /* test_client_sealed.c is about those */
    identity_make(&s->id);
    s->now = 1000;
    s->verdict = TRUST_PINNED;
    if (file) {
        snprintf(s->folder, sizeof s->folder, "/tmp/csmsg-engine-XXXXXX");
        assert_non_null(mkdtemp(s->folder));
        snprintf(s->path, sizeof s->path, "%s/store.db", s->folder);
        s->v = vault_open(s->path, &why);
    } else
        s->v = vault_memory();
    assert_non_null(s->v);
    make_client(s);
    *state = s;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, false);
}
static int set_up_file(void **state)
{
    return set_up_with(state, true);
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    char command[128];
    client_free(s->c);
    vault_close(s->v);
    fake_close(&s->f);
    if (s->folder[0]) {
        snprintf(command, sizeof command, "rm -r %s", s->folder);
        assert_int_equal(system(command), 0);
    }
    free(s);
    return 0;
}

static void step(struct scene *s)
{
    client_step(s->c, POLLIN | POLLOUT);
}

/* The event that was told n places ago, 0 the last. */
static struct seen *event_back(struct scene *s, unsigned n)
{
    assert_true(n < s->n);
    return &s->seen[(s->n - 1 - n) % 256];
}

static unsigned count(struct scene *s, enum client_event_type type)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->n && i < 256; i++)
        n += s->seen[i].type == type;
    return n;
}

/* Connects up to LOGIN and gives it. */
static struct wire_login dial(struct scene *s)
{
    struct wire_login m;
    client_connect_over(s->c, fake_connect(&s->f));
    step(s);
    fake_handshake(&s->f, FAKE_GOOD);
    step(s);
    assert_int_equal(client_state(s->c), CLIENT_LOGIN);
    assert_true(wire_get_login(fake_expect(&s->f, WIRE_LOGIN), &m));
    return m;
}

static void welcome(struct scene *s, uint64_t last_id)
{
    struct buf b = {0};
    wire_put_welcome(&b, &(struct wire_welcome){.name = text_of("Alice"),
                                                .device = s->id.device,
                                                .incarnation = 1,
                                                .last_id = last_id,
                                                .lobby_head = 9,
                                                .server = text_of("test")});
    fake_send(&s->f, &b);
    step(s);
    assert_int_equal(client_state(s->c), CLIENT_OPEN);
}

static uint64_t say(struct scene *s, const char *text)
{
    uint64_t id;
    assert_int_equal(client_send(s->c, WIRE_TO_ROOM, "#lobby", WIRE_FORM_SAYS, text_of(text), &id), 0);
    return id;
}

static void expect_send(struct scene *s, uint64_t id, const char *text)
{
    struct wire_send m;
    assert_true(wire_get_send(fake_expect(&s->f, WIRE_SEND), &m));
    assert_int_equal(m.id, id);
    assert_int_equal(m.body.len, strlen(text) + 2);
    assert_memory_equal(m.body.data + 2, text, strlen(text));
}

static void put_direct(struct buf *b, uint64_t incarnation, uint64_t seq, uint64_t id,
                       const char *text)
{
    char body[64] = {WIRE_SUITE_PLAIN, WIRE_FORM_SAYS};
    snprintf(body + 2, sizeof body - 2, "%s", text);
    wire_put_deliver(b, &(struct wire_deliver){.incarnation = incarnation,
                                               .seq = seq,
                                               .time_ms = 5,
                                               .from = text_of("bob"),
                                               .from_device = 77,
                                               .id = id,
                                               .to = text_of("alice"),
                                               .head = text_of(""),
                                               .body = {(uint8_t *)body, strlen(text) + 2}});
}

static void expect_ack(struct scene *s, uint64_t incarnation, uint64_t seq)
{
    struct wire_ack m;
    assert_true(wire_get_ack(fake_expect(&s->f, WIRE_ACK), &m));
    assert_int_equal(m.kind, WIRE_TO_USER);
    assert_int_equal(m.incarnation, incarnation);
    assert_int_equal(m.seq, seq);
}

static void send_step(struct scene *s, struct buf *b)
{
    fake_send(&s->f, b);
    step(s);
}

static void test_settling(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    say(s, "one"); /* before there is a connection */
    struct wire_login m = dial(s);
    assert_int_equal(m.resume.next_id, 1);
    assert_true(m.resume.lobby_seen == WIRE_NEWCOMER);
    assert_true(fake_quiet(&s->f)); /* nothing before WELCOME */
    welcome(s, 0);
    assert_string_equal(client_name(s->c), "Alice");
    expect_send(s, 1, "one");
    for (int i = 2; i <= 5; i++)
        say(s, "more");
    assert_int_equal(client_timeout_ms(s->c), 0);
    step(s);
    for (uint64_t i = 2; i <= 5; i++)
        expect_send(s, i, "more");
    wire_put_accepted(&b, &(struct wire_accepted){.id = 2, .state = WIRE_STATE_DELIVERED});
    wire_put_rejected(&b, &(struct wire_rejected){.id = 3, .code = WIRE_QUEUE_FULL});
    wire_put_accepted(
        &b, &(struct wire_accepted){.id = 5, .state = WIRE_STATE_STORED, .to = text_of("bob")});
    wire_put_accepted(&b, &(struct wire_accepted){.id = 5, .state = WIRE_STATE_ACCEPTED});
    send_step(s, &b);
    assert_int_equal(s->n, 6); /* the welcome, and each message once */
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(event_back(s, 4 - i)->id, i + 1);
    assert_int_equal(event_back(s, 3)->state, WIRE_STATE_DELIVERED);
    assert_string_equal(event_back(s, 2)->text, "queue-full");
    assert_int_equal(event_back(s, 1)->state, WIRE_STATE_STORED);
    assert_int_equal(event_back(s, 0)->state, WIRE_STATE_STORED);
    assert_true(client_settled(s->c));
}

/* The server saw nothing of what was sent: the same bytes once more, from the lowest. */
static void test_resync_resends(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    struct wire_resume r;
    uint64_t token;
    dial(s);
    welcome(s, 0);
    for (int i = 0; i < 3; i++)
        say(s, "text");
    step(s);
    for (uint64_t i = 1; i <= 3; i++)
        expect_send(s, i, "text");
    /* RESYNC in the middle of a batch: what came before it is committed and in RESUME */
    put_direct(&b, 1, 1, 10, "before");
    wire_put_accepted(&b, &(struct wire_accepted){.id = 1, .state = 2});
    wire_put_resync(&b, 2, 77);
    put_direct(&b, 2, 1, 11, "after");
    send_step(s, &b);
    expect_ack(s, 1, 1);
    assert_true(wire_get_resume(fake_expect(&s->f, WIRE_RESUME), &r, &token));
    assert_int_equal(token, 77);
    assert_int_equal(r.incarnation, 1);
    assert_int_equal(r.seq, 1);
    assert_int_equal(r.next_id, 2);
    expect_ack(s, 2, 1);
    expect_send(s, 2, "text");
    expect_send(s, 3, "text");
    assert_int_equal(count(s, CLIENT_MESSAGE), 2);
}

static void expect_settled(struct scene *s, uint64_t upto)
{
    struct wire_ack m;
    assert_true(wire_get_ack(fake_expect(&s->f, WIRE_ACK), &m));
    assert_int_equal(m.kind, WIRE_ACK_SETTLED);
    assert_int_equal(m.seq, upto);
    assert_int_equal(m.room.len, 0);
}

/* Two in one batch: both answered, in order, each with its own token. */
static void test_each_resync_is_answered(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    dial(s);
    welcome(s, 0);
    wire_put_resync(&b, 2, 7);
    wire_put_resync(&b, 2, 8);
    send_step(s, &b);
    for (uint64_t wanted = 7; wanted <= 8; wanted++) {
        struct wire_resume r;
        uint64_t token;
        assert_true(wire_get_resume(fake_expect(&s->f, WIRE_RESUME), &r, &token));
        assert_int_equal(token, wanted);
    }
}

/* A refusal is confirmed with what the store says, a repeated one again; an acceptance is not. */
static void test_refusals_are_confirmed(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    dial(s);
    welcome(s, 0);
    for (int i = 0; i < 4; i++)
        say(s, "text");
    step(s);
    for (uint64_t i = 1; i <= 4; i++)
        expect_send(s, i, "text");
    wire_put_accepted(&b, &(struct wire_accepted){.id = 1, .state = WIRE_STATE_DELIVERED});
    send_step(s, &b);
    assert_true(fake_quiet(&s->f));
    wire_put_rejected(&b, &(struct wire_rejected){.id = 2, .code = WIRE_NO_SUCH_USER});
    wire_put_accepted(&b, &(struct wire_accepted){.id = 3, .state = WIRE_STATE_DELIVERED});
    send_step(s, &b);
    expect_settled(s, 3);
    wire_put_rejected(&b, &(struct wire_rejected){.id = 2, .code = WIRE_NO_SUCH_USER});
    send_step(s, &b);
    expect_settled(s, 3);
    assert_int_equal(count(s, CLIENT_REJECTED), 1);
    assert_true(fake_quiet(&s->f));
}

static int no_commit(struct vault *v)
{
    (void)v;
    return -1;
}

/* What was not committed is not confirmed: the server says it again after the next login. */
static void test_refusal_that_is_not_committed(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    struct vault_ops failing = *s->v->ops;
    dial(s);
    welcome(s, 0);
    say(s, "text");
    step(s);
    expect_send(s, 1, "text");
    failing.commit = no_commit;
    const struct vault_ops *good = s->v->ops;
    s->v->ops = &failing;
    wire_put_rejected(&b, &(struct wire_rejected){.id = 1, .code = WIRE_NO_SUCH_USER});
    send_step(s, &b);
    s->v->ops = good;
    assert_int_equal(client_state(s->c), CLIENT_OFF);
    assert_string_equal(event_back(s, 0)->text, "store");
    assert_true(fake_quiet(&s->f));
}

/* A store that counts its commits, and looks whether the server had heard anything by the first. */
static struct {
    struct scene *s;
    struct vault_ops ops;
    const struct vault_ops *good;
    unsigned commits;
} watched;

static int watched_commit(struct vault *v)
{
    if (watched.commits++ == 0) assert_true(fake_quiet(&watched.s->f));
    return watched.good->commit(v);
}

static void watch(struct scene *s)
{
    watched.s = s;
    watched.good = s->v->ops;
    watched.commits = 0;
    watched.ops = *s->v->ops;
    watched.ops.commit = watched_commit;
    s->v->ops = &watched.ops;
}

/* Texts that are held go out after the one commit that makes them durable. */
static void test_held(void **state)
{
    struct scene *s = *state;
    dial(s);
    welcome(s, 0);
    watch(s);
    for (unsigned i = 1; i <= 3; i++) {
        client_hold(s->c);
        assert_int_equal(say(s, "together"), i);
    }
    assert_int_equal(watched.commits, 0);
    client_push(s->c);
    assert_int_equal(watched.commits, 1);
    for (unsigned i = 1; i <= 3; i++)
        expect_send(s, i, "together");
    for (unsigned i = 0; i < 600; i++) {
        client_hold(s->c);
        say(s, "very many");
    }
    assert_int_equal(watched.commits, 3); /* not without a limit */
    step(s);
    assert_int_equal(watched.commits, 4);
    say(s, "alone");
    assert_int_equal(watched.commits, 5);
}

/* Held texts that cannot be committed are not sent, and the failure is told once. */
static void test_held_and_not_committed(void **state)
{
    struct scene *s = *state;
    struct vault_ops failing = *s->v->ops;
    dial(s);
    welcome(s, 0);
    client_hold(s->c);
    say(s, "text");
    failing.commit = no_commit;
    const struct vault_ops *good = s->v->ops;
    s->v->ops = &failing;
    step(s);
    s->v->ops = good;
    assert_int_equal(client_state(s->c), CLIENT_OFF);
    assert_int_equal(count(s, CLIENT_FAILED), 1);
    assert_string_equal(event_back(s, 0)->text, "store");
    assert_true(fake_quiet(&s->f));
}

static void test_repeats(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    dial(s);
    welcome(s, 0);
    put_direct(&b, 1, 1, 10, "a");
    put_direct(&b, 1, 2, 11, "b");
    send_step(s, &b);
    expect_ack(s, 1, 2);
    /* a new incarnation repeats both under new numbers, and one more */
    wire_put_resync(&b, 2, 1);
    send_step(s, &b);
    fake_expect(&s->f, WIRE_RESUME);
    put_direct(&b, 2, 1, 10, "a");
    put_direct(&b, 2, 2, 11, "b");
    put_direct(&b, 2, 3, 12, "c");
    send_step(s, &b);
    expect_ack(s, 2, 3);
    assert_int_equal(count(s, CLIENT_MESSAGE), 3);
    assert_string_equal(event_back(s, 0)->text, "c");
}

static void test_gap(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    dial(s);
    welcome(s, 0);
    put_direct(&b, 1, 5, 10, "first may be any");
    put_direct(&b, 1, 7, 12, "one was lost");
    send_step(s, &b);
    assert_int_equal(client_state(s->c), CLIENT_PAUSING);
    assert_int_equal(count(s, CLIENT_MESSAGE), 1);
    struct wire_login m = dial(s);
    assert_int_equal(m.resume.seq, 5);
    welcome(s, 0);
    put_direct(&b, 1, 8, 11, "here it is");
    put_direct(&b, 1, 9, 12, "one was lost");
    send_step(s, &b);
    expect_ack(s, 1, 9);
    assert_int_equal(count(s, CLIENT_MESSAGE), 3);
}

static void put_lobby(struct buf *b, uint64_t number)
{
    wire_put_deliver(b, &(struct wire_deliver){.flags = WIRE_FLAG_ROOM,
                                               .seq = number,
                                               .from = text_of("bob"),
                                               .from_device = 77,
                                               .id = 1,
                                               .to = text_of("#lobby"),
                                               .head = text_of(""),
                                               .body = {(const uint8_t *)"\0\0x", 3}});
}

static void expect_room_ack(struct scene *s, uint64_t seq)
{
    struct wire_ack m;
    assert_true(wire_get_ack(fake_expect(&s->f, WIRE_ACK), &m));
    assert_int_equal(m.kind, WIRE_TO_ROOM);
    assert_int_equal(m.seq, seq);
    assert_int_equal(m.room.len, 6);
}

/* A quarter of the window shares an acknowledgement, and it rides with what is sent anyway. */
static void test_room_acks_are_rare(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    dial(s);
    welcome(s, 0);
    for (uint64_t number = 1; number <= 31; number++)
        put_lobby(&b, number);
    send_step(s, &b);
    assert_true(fake_quiet(&s->f));
    put_lobby(&b, 32);
    send_step(s, &b);
    expect_room_ack(s, 32);
    put_lobby(&b, 33);
    put_direct(&b, 1, 1, 10, "a");
    send_step(s, &b);
    expect_ack(s, 1, 1);
    expect_room_ack(s, 33);
}

static void test_lobby(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    dial(s);
    welcome(s, 0);
    put_lobby(&b, 40);
    put_lobby(&b, 41);
    put_lobby(&b, 40);
    send_step(s, &b);
    assert_int_equal(count(s, CLIENT_MESSAGE), 2);
    assert_true(fake_quiet(&s->f)); /* nobody waits for it */
    assert_in_range(client_timeout_ms(s->c), 1, 250);
    s->now += 250;
    step(s);
    expect_room_ack(s, 41);
    shutdown(s->f.fd, SHUT_RDWR);
    step(s);
    assert_int_equal(client_state(s->c), CLIENT_PAUSING);
    assert_int_equal(dial(s).resume.lobby_seen, 41);
}

/* A callback that sends must not meet an open transaction. */
static void test_send_from_callback(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    dial(s);
    welcome(s, 0);
    s->answer = true;
    put_direct(&b, 1, 1, 10, "a");
    put_direct(&b, 1, 2, 11, "b");
    send_step(s, &b);
    expect_ack(s, 1, 2);
    expect_send(s, 1, "echo");
    expect_send(s, 2, "echo");
}

static void test_window(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    for (int i = 0; i < 1500; i++)
        say(s, "x");
    dial(s);
    welcome(s, 0);
    for (uint64_t i = 1; i <= 1024; i++)
        expect_send(s, i, "x");
    assert_true(fake_quiet(&s->f));
    wire_put_accepted(&b, &(struct wire_accepted){.id = 1000, .state = 2});
    send_step(s, &b);
    for (uint64_t i = 1025; i <= 1500; i++)
        expect_send(s, i, "x");
}

static void refuse(struct scene *s, uint16_t code, uint32_t retry_ms)
{
    struct buf b = {0};
    wire_put_error(&b,
                   &(struct wire_error){.code = code, .retry_ms = retry_ms, .text = text_of("no")});
    send_step(s, &b);
}

static void test_final_errors(void **state)
{
    struct scene *s = *state;
    static const uint16_t final[] = {WIRE_NAME_TAKEN, WIRE_NAME_INVALID, WIRE_NOT_ON_ROSTER,
                                     WIRE_ELSEWHERE};
    for (size_t i = 0; i < 4; i++) {
        dial(s);
        refuse(s, final[i], 0);
        assert_int_equal(client_state(s->c), CLIENT_OFF);
        assert_int_equal(event_back(s, 0)->type, CLIENT_FAILED);
        assert_string_equal(event_back(s, 0)->text, wire_code_name(final[i]));
        assert_int_equal(client_timeout_ms(s->c), -1);
    }
    dial(s);
    refuse(s, WIRE_BUSY, 7000);
    assert_int_equal(client_state(s->c), CLIENT_PAUSING);
    assert_true(event_back(s, 0)->id >= 7000);
    for (int i = 0; i < 3; i++) {
        dial(s);
        refuse(s, WIRE_BAD_LOGIN, 0);
    }
    assert_int_equal(client_state(s->c), CLIENT_OFF);
    s->verdict = TRUST_CHANGED;
    client_connect_over(s->c, fake_connect(&s->f));
    step(s);
    fake_handshake(&s->f, FAKE_GOOD);
    step(s);
    assert_string_equal(event_back(s, 0)->text, "changed-server");
    assert_true(fake_quiet(&s->f)); /* nothing was sent to it */
}

static void test_pauses_grow(void **state)
{
    struct scene *s = *state;
    uint64_t before = 0, longest = 0;
    for (int i = 0; i < 12; i++) {
        client_connect_over(s->c, fake_connect(&s->f));
        if (i) break;
    }
    for (int i = 0; i < 12; i++) {
        step(s); /* dials what cannot answer */
        shutdown(s->f.fd, SHUT_RDWR);
        step(s);
        assert_int_equal(event_back(s, 0)->type, CLIENT_LOST);
        longest = event_back(s, 0)->id;
        assert_true(longest <= 30000);
        assert_true(i > 8 || longest >= before / 2);
        before = longest;
        s->now += longest;
    }
    assert_true(longest >= 15000);
}

static void test_ping(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    dial(s);
    welcome(s, 0);
    assert_int_equal(client_timeout_ms(s->c), 5 * 60 * 1000);
    say(s, "x");
    step(s);
    expect_send(s, 1, "x");
    s->now += 20000;
    step(s);
    fake_expect(&s->f, WIRE_PING);
    wire_put_ping(&b, WIRE_PONG, 1);
    send_step(s, &b);
    s->now += 20000;
    step(s);
    fake_expect(&s->f, WIRE_PING);
    s->now += 20000;
    step(s);
    assert_int_equal(client_state(s->c), CLIENT_PAUSING);
    assert_string_equal(event_back(s, 0)->text, "silent");
}

static void test_bye(void **state)
{
    struct scene *s = *state;
    dial(s);
    welcome(s, 0);
    client_bye(s->c);
    assert_int_equal(client_state(s->c), CLIENT_LEAVING);
    fake_expect(&s->f, WIRE_BYE);
    char byte;
    assert_int_equal(recv(s->f.fd, &byte, 1, 0), 0);
    fake_close(&s->f);
    step(s);
    assert_int_equal(client_state(s->c), CLIENT_OFF);
    assert_int_equal(event_back(s, 0)->type, CLIENT_LEFT);
}

static void test_bad_frames(void **state)
{
    struct scene *s = *state;
    static const uint8_t bad[][4] = {{WIRE_LOGIN, 0, 0}, {0x77, 0, 0}, {WIRE_ACCEPTED, 0, 0}};
    for (size_t i = 0; i < 3; i++) {
        struct buf b = {0};
        dial(s);
        welcome(s, 0);
        buf_put(&b, bad[i], 3);
        send_step(s, &b);
        assert_int_equal(client_state(s->c), CLIENT_PAUSING);
    }
}

/* --- with a file --- */

/* Committed, and dead before the ACK left: it comes again and is not told again. */
static void test_killed_before_ack(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    struct why why;
    int status;
    client_free(s->c);
    vault_close(s->v);
    s->c = NULL;
    s->v = NULL;
    int fd = fake_connect(&s->f);
    pid_t child = fork();
    if (child == 0) {
        s->v = vault_open(s->path, &why);
        make_client(s);
        client_connect_over(s->c, fd);
        while (count(s, CLIENT_MESSAGE) == 0) {
            struct pollfd p = {.fd = client_fd(s->c), .events = client_wants(s->c)};
            poll(&p, 1, 100);
            client_step(s->c, p.revents);
            if (count(s, CLIENT_MESSAGE)) _exit(0);
        }
    }
    close(fd);
    fake_handshake(&s->f, FAKE_GOOD);
    fake_expect(&s->f, WIRE_LOGIN);
    wire_put_welcome(&b, &(struct wire_welcome){
                             .name = text_of("Alice"), .incarnation = 1, .server = text_of("t")});
    put_direct(&b, 1, 1, 10, "once");
    fake_send(&s->f, &b);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    s->v = vault_open(s->path, &why);
    make_client(s);
    assert_int_equal(dial(s).resume.seq, 1);
    welcome(s, 0);
    put_direct(&b, 1, 2, 10, "once");
    send_step(s, &b);
    expect_ack(s, 1, 2);
    assert_int_equal(count(s, CLIENT_MESSAGE), 0);
    struct vault_row row;
    assert_int_equal(vault_history(s->v, 0, &row), 1);
    assert_int_equal(vault_history(s->v, 1, &row), 0);
}

/* Another process of the same device sends and settles what is in the outbox. */
static void test_settled_elsewhere(void **state)
{
    struct scene *s = *state;
    struct why why;
    struct vault_settled gone;
    struct buf numbers = {0};
    uint64_t number;
    dial(s);
    welcome(s, 0);
    say(s, "one");
    say(s, "two");
    step(s);
    struct vault *other = vault_open(s->path, &why);
    assert_int_equal(vault_begin(other), 0);
    assert_int_equal(vault_settle(other, 1, WIRE_STATE_DELIVERED, &gone, &numbers), 0);
    assert_int_equal(vault_reject(other, 2, WIRE_NO_SUCH_USER, &gone, &number), 0);
    assert_int_equal(vault_commit(other), 0);
    vault_close(other);
    buf_free(&numbers);
    s->now += 200;
    step(s);
    assert_int_equal(s->n, 3);
    assert_int_equal(event_back(s, 1)->type, CLIENT_ACCEPTED);
    assert_int_equal(event_back(s, 1)->state, WIRE_STATE_DELIVERED);
    assert_string_equal(event_back(s, 0)->text, "no-such-user");
    assert_int_equal(client_timeout_ms(s->c) > 10000, 1);
}

/* The same between LOGIN and WELCOME: the server knows more than the store did a moment ago. */
static void test_settled_during_login(void **state)
{
    struct scene *s = *state;
    struct why why;
    struct vault_settled gone;
    struct buf numbers = {0};
    say(s, "one");
    dial(s);
    struct vault *other = vault_open(s->path, &why);
    assert_int_equal(vault_settle(other, 1, WIRE_STATE_DELIVERED, &gone, &numbers), 0);
    vault_close(other);
    buf_free(&numbers);
    welcome(s, 1);
    assert_true(fake_quiet(&s->f));
    assert_int_equal(count(s, CLIENT_ACCEPTED), 1);
    assert_int_equal(s->seen[0].id, 1);
    assert_int_equal(s->seen[0].state, WIRE_STATE_DELIVERED);
}

static void test_old_copy_of_the_store(void **state)
{
    struct scene *s = *state;
    struct wire_send m;
    dial(s);
    say(s, "new");
    welcome(s, 900);
    assert_true(wire_get_send(fake_expect(&s->f, WIRE_SEND), &m));
    assert_int_equal(m.id, 900 + VAULT_LEAP);
}

int main(void)
{
    assert_true(sodium_init() >= 0);
#define IN_MEMORY(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define ON_FILE(f)   cmocka_unit_test_setup_teardown(f, set_up_file, tear_down)
#define ON_BOTH(f)   IN_MEMORY(f), ON_FILE(f)
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_settling),
        ON_BOTH(test_resync_resends),
        ON_BOTH(test_each_resync_is_answered),
        ON_BOTH(test_refusals_are_confirmed),
        ON_BOTH(test_refusal_that_is_not_committed),
        ON_BOTH(test_held),
        ON_BOTH(test_held_and_not_committed),
        ON_BOTH(test_repeats),
        ON_BOTH(test_gap),
        ON_BOTH(test_lobby),
        ON_BOTH(test_room_acks_are_rare),
        ON_BOTH(test_send_from_callback),
        ON_BOTH(test_window),
        IN_MEMORY(test_final_errors),
        IN_MEMORY(test_pauses_grow),
        IN_MEMORY(test_ping),
        IN_MEMORY(test_bye),
        ON_BOTH(test_bad_frames),
        ON_FILE(test_killed_before_ack),
        ON_FILE(test_settled_elsewhere),
        ON_FILE(test_settled_during_login),
        ON_BOTH(test_old_copy_of_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
