/*
 * fuzz_client.c - a client after the handshake, and a hostile server: any bytes, any frames in
 * well-sealed records, any end; the user types in between. The real engine, link, records and the
 * store in memory; the handshake is skipped (fuzz_shake.c has it), so that both sides know the
 * keys.
 *
 * Checked: what the client sends is sealed in order and well-formed, of a type that clients may
 * send; own messages leave in the order of their ids; events carry what they promise.
 *
 * Input: steps, each an operation (one byte) and its fields.
 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client_private.h"
#include "fuzz.h"
#include "link_private.h"

enum { STEPS_MAX = 64 };

static struct {
    struct client *client;
    struct vault *vault;
    struct identity id;
    int fd; /* the server's end, -1 none */
    uint64_t now, send_nonce, recv_nonce;
    struct buf in;
    struct wire_joiner join;
    bool logged_in;
    uint64_t last_sent;
    uint8_t key[2][32]; /* client to server, server to client */
} t;

static uint8_t bytes[70000];

static uint64_t clock_of(void *arg)
{
    return (void)arg, t.now;
}

/* --- what the client says --- */

static void check_frame(const struct wire_frame *f)
{
    const struct wire_row *row = wire_row(f->type);
    struct wire_send m;
    CHECK(row->name && (row->from & WIRE_CLIENT));
    CHECK((f->type == WIRE_LOGIN) == !t.logged_in);
    t.logged_in = true;
    if (f->type == WIRE_RESUME) t.last_sent = 0;
    if (f->type != WIRE_SEND) return;
    CHECK(wire_get_send(f->payload, &m) && m.id > t.last_sent);
    t.last_sent = m.id;
}

static void check_records(void)
{
    static uint8_t plain[WIRE_RECORD_MAX];
    struct wire_frame f;
    while (buf_len(&t.in) >= WIRE_RECORD_HEAD) {
        size_t n = get_u16(buf_head(&t.in));
        int r;
        if (buf_len(&t.in) < WIRE_RECORD_HEAD + n) return;
        CHECK(noise_open(t.key[0], t.recv_nonce++, buf_head(&t.in) + WIRE_RECORD_HEAD, n, plain) ==
              0);
        struct cur c = cur_of(plain, n - NOISE_TAG_LEN);
        while ((r = wire_next(&c, &f)) > 0)
            if (wire_join(&t.join, &f) > 0) check_frame(&f);
        CHECK(r == 0);
        buf_drop(&t.in, WIRE_RECORD_HEAD + n);
    }
}

static void hear(void)
{
    ssize_t n;
    while (t.fd >= 0 && (n = recv(t.fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        buf_put(&t.in, bytes, (size_t)n);
    check_records();
}

static void hang_up(void)
{
    if (t.fd >= 0) close(t.fd);
    t.fd = -1;
    buf_free(&t.in);
    wire_join_reset(&t.join);
    buf_free(&t.join.parts);
}

/* --- events --- */

static size_t sum; /* so that every byte of an event is read */

static void read_slice(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        sum += s.data[i];
}

static void read_message(const struct wire_deliver *m)
{
    uint8_t form;
    struct slice text;
    read_slice(m->from);
    read_slice(m->to);
    if (!client_body(m->body, &form, &text)) return;
    CHECK(form <= WIRE_FORM_ACTS);
    read_slice(text);
}

static void on_event(void *arg, const struct client_event *e)
{
    (void)arg;
    switch (e->type) {
    case CLIENT_LOST: CHECK(e->lost.code && strlen(e->lost.reason) < 256); break;
    case CLIENT_FAILED: CHECK(e->failed.code && strlen(e->failed.text) < 256); break;
    case CLIENT_MESSAGE: read_message(e->message.m); break;
    case CLIENT_ACCEPTED:
        CHECK(e->accepted->id > 0);
        break;
    case CLIENT_REJECTED:
        CHECK(e->rejected->near <= WIRE_NEAR_MAX);
        for (unsigned i = 0; i < e->rejected->near; i++)
            read_slice(e->rejected->name[i]);
        read_slice(e->rejected->text);
        break;
    case CLIENT_CHANGES:
        for (unsigned i = 0; i < e->changes->n; i++)
            read_slice(e->changes->change[i].text);
        break;
    case CLIENT_PERSON: read_slice(e->person->name); break;
    case CLIENT_ABOUT: read_slice(e->about->text); break;
    case CLIENT_GROUP: read_slice(e->group->text); break;
    case CLIENT_RECEIPT: read_slice(e->receipt->to); break;
    case CLIENT_CONNECTED: read_slice(e->welcome->server); break;
    case CLIENT_WAITS: CHECK(e->waits.number && e->waits.words[0]); break;
    case CLIENT_NOTE: CHECK(e->note.name[0] && e->note.words[0]); break;
    default: break;
    }
}

/* --- steps --- */

static void turn(short revents)
{
    client_step(t.client, revents);
    hear();
    if (!t.client->link) hang_up();
}

/* As if the handshake had gone well: both ends get the same two keys. */
static void connect_now(void)
{
    int fd[2];
    hang_up();
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
    t.fd = fd[1];
    t.logged_in = false;
    t.last_sent = t.send_nonce = t.recv_nonce = 0;
    client_connect_over(t.client, fd[0]);
    client_step(t.client, 0); /* sends preface and message 1 */
    CHECK(recv(t.fd, bytes, sizeof bytes, MSG_DONTWAIT) == SHAKE_HELLO);
    struct link *l = t.client->link;
    l->state = LINK_PROVEN;
    l->deadline = UINT64_MAX;
    memcpy(l->send_key.key, t.key[0], 32);
    memcpy(l->recv_key.key, t.key[1], 32);
    turn(0);
}

static void op_connect(struct cur *in)
{
    (void)in;
    if (client_state(t.client) == CLIENT_OFF || client_state(t.client) == CLIENT_PAUSING)
        connect_now();
}

static void to_client(const uint8_t *data, size_t n)
{
    if (t.fd < 0) return;
    if (send(t.fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) turn(POLLIN);
}

static void op_raw(struct cur *in)
{
    struct slice p = fuzz_piece(in);
    to_client(p.data, p.len);
}

static void say(const uint8_t *plain, size_t n)
{
    if (t.fd < 0 || n > WIRE_PLAIN_MAX) return;
    put_u16(bytes, (uint16_t)(n + NOISE_TAG_LEN));
    CHECK(noise_seal(t.key[1], t.send_nonce++, plain, n, bytes + 2) == 0);
    to_client(bytes, n + 2 + NOISE_TAG_LEN);
}

static void op_record(struct cur *in)
{
    struct slice p = fuzz_piece(in);
    uint8_t *plain = fuzz_copy(p.data, p.len);
    say(plain, p.len);
    free(plain);
}

static void op_frame(struct cur *in)
{
    uint8_t type = cur_u8(in);
    struct slice p = fuzz_piece(in);
    struct buf b = {0};
    wire_put(&b, type, p.data, p.len);
    say(buf_head(&b), buf_len(&b));
    buf_free(&b);
}

static void op_welcome(struct cur *in)
{
    struct slice name = fuzz_piece(in);
    struct wire_welcome m = {.name = {name.data, name.len < 255 ? name.len : 255},
                             .incarnation = 1,
                             .last_id = cur_u8(in),
                             .server = {(const uint8_t *)"s", 1}};
    struct buf b = {0};
    wire_put_welcome(&b, &m);
    say(buf_head(&b), buf_len(&b));
    buf_free(&b);
}

static void op_deliver(struct cur *in)
{
    uint8_t flags = cur_u8(in), seq = cur_u8(in), id = cur_u8(in);
    struct slice body = fuzz_piece(in);
    const char *to = flags & WIRE_FLAG_ROOM ? "#lobby" : "me";
    struct wire_deliver m = {.flags = flags,
                             .incarnation = flags >> 7,
                             .seq = seq,
                             .id = id,
                             .from_device = 1 + id % 3u,
                             .from = {(const uint8_t *)"bob", 3},
                             .head = {(const uint8_t *)"", 0},
                             .to = {(const uint8_t *)to, strlen(to)},
                             .body = body};
    struct buf b = {0};
    wire_put_deliver(&b, &m);
    say(buf_head(&b), buf_len(&b));
    buf_free(&b);
}

static void op_accepted(struct cur *in)
{
    struct wire_accepted m = {
        .id = cur_u8(in), .state = cur_u8(in) % 5, .to = {(const uint8_t *)"bob", 3}};
    struct buf b = {0};
    wire_put_accepted(&b, &m);
    say(buf_head(&b), buf_len(&b));
    buf_free(&b);
}

static void op_send(struct cur *in)
{
    uint64_t id;
    struct slice text = fuzz_piece(in);
    client_send(t.client, WIRE_TO_USER, "bob", WIRE_FORM_SAYS, text, &id);
    turn(0);
}

static void op_type(struct cur *in)
{
    uint8_t what = cur_u8(in);
    switch (what % 6) {
    case 0: client_ask_list(t.client); break;
    case 1: client_ask_about(t.client, "bob"); break;
    case 2: client_set_away(t.client, what & 64, "lunch"); break;
    case 3: client_group(t.client, WIRE_GROUP_JOIN, "#lobby"); break;
    case 4: client_group(t.client, WIRE_GROUP_PART, "#lobby"); break;
    case 5: client_bye(t.client); break;
    }
    turn(0);
}

static void op_time(struct cur *in)
{
    t.now += (uint64_t)cur_u8(in) * 500;
    CHECK(client_timeout_ms(t.client) >= -1);
    if (client_state(t.client) == CLIENT_PAUSING && t.now >= t.client->due) connect_now();
    turn(0);
}

static void op_close(struct cur *in)
{
    (void)in;
    hang_up();
    turn(POLLIN | POLLHUP);
}

static void (*const ops[])(struct cur *in) = {
    op_connect, op_welcome, op_frame, op_deliver, op_accepted, op_record,  op_send,
    op_type,    op_time,    op_close, op_raw,     op_frame,    op_deliver,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    fuzz_random_start();
    memset(&t, 0, sizeof t);
    t.fd = -1;
    t.now = 1000000;
    t.key[0][0] = 1;
    t.key[1][0] = 2;
    identity_make(&t.id);
    t.vault = vault_memory();
    t.client = client_new(&(struct client_options){.host = "h",
                                                   .port = "1",
                                                   .user = "me",
                                                   .caps = WIRE_CAP_RECEIVE | WIRE_CAP_LOBBY,
                                                   .identity = &t.id,
                                                   .vault = t.vault,
                                                   .event = on_event,
                                                   .clock = clock_of});
    CHECK(t.client);
    for (unsigned steps = 0; steps < STEPS_MAX && in.p < in.end; steps++)
        ops[cur_u8(&in) % (sizeof ops / sizeof *ops)](&in);
    client_free(t.client);
    vault_close(t.vault);
    hang_up();
    return 0;
}
