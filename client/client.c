/*
 * client.c - see client.h: being connected. Dialling, pauses, pings, the outbox on its way out.
 * What comes in is client_frames.c.
 */
#include "client_private.h"
#include "fault.h"

#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"

static uint64_t system_ms(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t client_now(const struct client *c)
{
    return c->o.clock ? c->o.clock(c->o.arg) : system_ms(CLOCK_MONOTONIC);
}

uint64_t client_wall_ms(void)
{
    return system_ms(CLOCK_REALTIME);
}

void client_tell(struct client *c, const struct client_event *e)
{
    if (c->o.event) c->o.event(c->o.arg, e);
}

struct client *client_new(const struct client_options *o)
{
    struct wire_resume r;
    if (vault_owner(o->vault, o->user, o->identity->device) < 0 || vault_resume(o->vault, &r) < 0) return NULL;
    struct client *c = xcalloc(1, sizeof *c);
    c->o = *o;
    c->o.host = o->host ? xstrdup(o->host) : NULL;
    c->o.port = o->port ? xstrdup(o->port) : NULL;
    c->o.user = NULL;
    snprintf(c->name, sizeof c->name, "%s", o->user);
    c->ready_fd = -1;
    c->settled_upto = r.next_id - 1;
    c->sent_upto = c->told_upto = c->settled_upto;
    c->more = true;
    return c;
}

static void hang_up(struct client *c)
{
    client_drop_batch(c);
    link_free(c->link);
    c->link = NULL;
}

void client_free(struct client *c)
{
    if (!c) return;
    vault_release(c->o.vault);
    hang_up(c);
    free((char *)c->o.host);
    free((char *)c->o.port);
    free(c->away);
    asks_free(&c->sealed.asks);
    buf_free(&c->why.rows);
    buf_free(&c->reads.shown);
    client_files_free(c);
    client_groups_free(c);
    client_devices_free(c);
    client_class_free(c);
    free(c);
}

enum client_state client_state(const struct client *c)
{
    return c->state;
}
const char *client_name(const struct client *c)
{
    return c->name;
}

/* --- ending a connection --- */

void client_fail(struct client *c, const char *code, const char *text, const uint8_t *server_id)
{
    char words[256];
    uint8_t id[32];
    snprintf(words, sizeof words, "%s", text);
    if (server_id) memcpy(id, server_id, sizeof id); /* it lives in the link */
    hang_up(c);
    c->state = CLIENT_OFF;
    client_tell(
        c, &(struct client_event){CLIENT_FAILED, .failed = {code, words, server_id ? id : NULL}});
}

void client_vault_failed(struct client *c)
{
    vault_rollback(c->o.vault); /* what was held has not happened */
    vault_release(c->o.vault);
    client_fail(c, "store", vault_words(c->o.vault), NULL);
}

/* Doubles from 0.2 s to 30 s, less up to half, so that a crowd does not come back at once. */
static uint32_t next_pause(struct client *c)
{
    unsigned doublings = c->failures < 8 ? c->failures : 8;
    uint32_t pause = (uint32_t)CLIENT_PAUSE_MIN_MS << doublings;
    if (pause > CLIENT_PAUSE_MAX_MS) pause = CLIENT_PAUSE_MAX_MS;
    c->failures++;
    return pause / 2 + randombytes_uniform(pause / 2 + 1);
}

void client_lost(struct client *c, const char *code, const char *reason, uint32_t retry_ms)
{
    char words[256];
    snprintf(words, sizeof words, "%s", reason);
    hang_up(c);
    uint32_t pause = next_pause(c);
    if (retry_ms > pause) pause = retry_ms + randombytes_uniform(retry_ms / 4 + 1);
    c->state = CLIENT_PAUSING;
    c->due = client_now(c) + pause;
    client_tell(c, &(struct client_event){CLIENT_LOST, .lost = {code, words, pause}});
}

static void left(struct client *c)
{
    hang_up(c);
    c->state = CLIENT_OFF;
    client_tell(c, &(struct client_event){.type = CLIENT_LEFT});
}

/* The link went down by itself. */
static void link_down(struct client *c)
{
    const char *words = link_words(c->link);
    if (c->state == CLIENT_LEAVING) {
        left(c);
        return;
    }
    switch (link_fault(c->link)) {
    case LINK_NOT_OURS: client_fail(c, "not-ours", words, NULL); return;
    case LINK_NO_VERSION: client_fail(c, "version", words, NULL); return;
    case LINK_BAD_PROOF: client_fail(c, "bad-proof", words, NULL); return;
    case LINK_BAD_TIME: client_fail(c, "bad-time", words, NULL); return;
    case LINK_BUSY: client_lost(c, "busy", words, 2000); return;
    case LINK_BROKEN: client_lost(c, "lost", words, 0); return;
    default: client_lost(c, "unreachable", words, 0); return;
    }
}

/* --- connecting --- */

void client_connect(struct client *c)
{
    if (c->state != CLIENT_OFF && c->state != CLIENT_PAUSING) return;
    c->state = CLIENT_PAUSING;
    c->failures = 0;
    c->due = client_now(c);
}

void client_connect_over(struct client *c, int fd)
{
    c->ready_fd = fd;
    client_connect(c);
}

static void dial(struct client *c, uint64_t now)
{
    c->state = CLIENT_DIALLING;
    if (c->ready_fd >= 0)
        c->link = link_over(c->ready_fd, now);
    else
        c->link = link_dial(c->o.host, c->o.port, now);
    c->ready_fd = -1;
}

/* True when the server is the one we want and our messages belong to it; else FAILED was told. */
static bool trusted(struct client *c)
{
    const uint8_t *id = link_proof(c->link)->cert.server_id;
    switch (c->o.trust ? c->o.trust(c->o.arg, id) : TRUST_PINNED) {
    case TRUST_UNKNOWN:
        client_fail(c, "unknown-server", "the server's key is not known", id);
        return false;
    case TRUST_CHANGED:
        client_fail(c, "changed-server", "the server's key has changed", id);
        return false;
    case TRUST_TROUBLE:
        client_fail(c, "trust", "cannot check the server's key", NULL);
        return false;
    case TRUST_PINNED: break;
    }
    int r = vault_bind(c->o.vault, id, NULL);
    if (r < 0) client_vault_failed(c);
    if (r == 0)
        client_fail(c, "other-server", "messages for another server still wait in the outbox",
                    NULL);
    return r > 0;
}

static void login(struct client *c, uint64_t now)
{
    if (!trusted(c)) return;
    struct wire_login m = {.name = {(const uint8_t *)c->name, strlen(c->name)},
                           .device = c->o.identity->device,
                           .caps = c->o.caps};
    memcpy(m.device_key, c->o.identity->public_key, sizeof m.device_key);
    if (client_begin_stream(c, &m.resume) < 0) return;
    c->window = link_proof(c->link)->window;
    c->sealed.max_text = link_proof(c->link)->max_text;
    c->state = CLIENT_LOGIN;
    c->due = now + CLIENT_LOGIN_MS;
    link_login(c->link, c->o.identity, &m);
}

/* What was shown last is told before BYE, if its sender's keys are here. */
static void tell_reads(struct client *c)
{
    if (client_reads_flush(c) < 0 || client_sealed_step(c) < 0)
        client_vault_failed(c);
    else
        client_push(c);
}

void client_bye(struct client *c)
{
    if (c->state == CLIENT_OFF || c->state == CLIENT_LEAVING) return;
    if (c->state != CLIENT_OPEN) {
        left(c);
        return;
    }
    if (client_reads_due(c) != UINT64_MAX) tell_reads(c);
    if (c->state != CLIENT_OPEN) return;
    c->state = CLIENT_LEAVING;
    c->due = client_now(c) + CLIENT_LEAVE_MS;
    wire_put(link_out(c->link), WIRE_BYE, NULL, 0);
    link_finish(c->link);
}

/* --- the outbox on its way out --- */

bool client_settled(const struct client *c)
{
    struct vault_out out;
    struct vault_draft draft;
    return vault_next(c->o.vault, 0, &out) == 0 &&
           vault_next_draft(c->o.vault, (struct slice){0}, 0, &draft) == 0;
}

static bool window_open(const struct client *c)
{
    return c->sent_upto < c->settled_upto + CLIENT_WINDOW &&
           c->flight_bytes < CLIENT_WINDOW_BYTES && link_backlog(c->link) < CLIENT_BACKLOG;
}

static void put_message(struct client *c, const struct vault_out *out)
{
    wire_put_send(link_out(c->link), &(struct wire_send){.id = out->id,
                                                         .kind = out->kind,
                                                         .to = out->to,
                                                         .heads = out->heads,
                                                         .head_bytes = out->head_bytes,
                                                         .body = out->body});
    c->sent_upto = out->id;
    c->flight_bytes += out->body.len;
}

/* Nothing goes out, and no batch of what comes in begins, before what is held is durable. */
static int release(struct client *c)
{
    c->held = 0;
    if (vault_release(c->o.vault) == 0) return 0;
    client_vault_failed(c);
    return -1;
}

void client_hold(struct client *c)
{
    if (c->held == CLIENT_HOLD_MOST && release(c) < 0) return;
    if (vault_hold(c->o.vault) < 0)
        client_vault_failed(c);
    else
        c->held++;
}

void client_push(struct client *c)
{
    if (release(c) < 0 || c->state != CLIENT_OPEN) return;
    struct vault_out out;
    while (c->more && window_open(c)) {
        int r = vault_next(c->o.vault, c->sent_upto, &out);
        if (r < 0) {
            client_vault_failed(c);
            return;
        }
        if (r == 0) {
            c->more = false;
            break;
        }
        put_message(c, &out);
        c->sent_at = client_now(c);
        c->check_ms = CLIENT_CHECK_MIN_MS;
        c->check_at = c->sent_at + c->check_ms;
    }
    link_flush(c->link);
    client_files_push(c);
    FAULT(".", "client-wrote");
}

static int send_plain(struct client *c, struct slice room, uint8_t form, struct slice text,
                      uint64_t *number)
{
    struct buf body = {0};
    buf_put_u8(&body, WIRE_SUITE_PLAIN);
    buf_put_u8(&body, form);
    buf_put(&body, text.data, text.len);
    int r = vault_submit(c->o.vault, WIRE_TO_ROOM, room,
                         (struct slice){buf_head(&body), buf_len(&body)}, client_wall_ms(), number);
    buf_free(&body);
    c->more = true;
    return r;
}

int client_send(struct client *c, uint8_t kind, const char *to, uint8_t form, struct slice text,
                uint64_t *number)
{
    const struct slice name = {(const uint8_t *)to, strlen(to)};
    if (text.len > CLIENT_TEXT_MAX || name.len == 0 || name.len >= NAME_SIZE) return -1;
    bool lobby = strcasecmp(to, "#lobby") == 0;
    int r = kind == WIRE_TO_ROOM && lobby ? send_plain(c, name, form, text, number)
                                          : client_send_sealed(c, kind, name, form, text, number);
    if (r < 0) client_vault_failed(c);
    return r < 0 ? -1 : 0;
}

bool client_body(struct slice body, uint8_t *form, struct slice *text)
{
    if (body.len < 2 || body.data[0] != WIRE_SUITE_PLAIN || body.data[1] > WIRE_FORM_ACTS)
        return false;
    *form = body.data[1];
    *text = (struct slice){body.data + 2, body.len - 2};
    return true;
}

/* --- time --- */

/* When the server has been silent for too long: PING, and then no more of it. */
static uint64_t silence_due(const struct client *c)
{
    bool flying = c->sent_upto > c->settled_upto;
    uint64_t spoke = c->heard_at > c->sent_at ? c->heard_at : c->sent_at;
    if (c->pinged_at) return c->pinged_at + CLIENT_PONG_MS;
    return flying ? spoke + CLIENT_SILENCE_MS : c->heard_at + CLIENT_IDLE_MS;
}

/* When something is due in an open session. */
static uint64_t open_due(const struct client *c)
{
    bool flying = c->sent_upto > c->settled_upto;
    uint64_t due = silence_due(c);
    if (flying && c->o.vault->shared && c->check_at < due) due = c->check_at;
    if (c->room_unread && c->room_due < due) due = c->room_due;
    uint64_t keys = client_sealed_due(c), groups = client_groups_due(c), reads = client_reads_due(c);
    if (keys < due) due = keys;
    uint64_t files = client_files_due(c);
    if (reads < due) due = reads;
    if (files < due) due = files;
    return groups < due ? groups : due;
}

int client_timeout_ms(struct client *c)
{
    uint64_t due = UINT64_MAX, now = client_now(c);
    switch (c->state) {
    case CLIENT_OFF: return -1;
    case CLIENT_DIALLING: due = c->link ? link_deadline(c->link) : now; break;
    case CLIENT_OPEN:
        if (c->unread || (c->more && window_open(c)) || buf_len(link_out(c->link)) || client_sealed_busy(c) ||
            client_files_busy(c))
            return 0;
        due = open_due(c);
        break;
    default: due = c->due; break;
    }
    if (due == UINT64_MAX) return -1;
    return due <= now ? 0 : (int)(due - now);
}

static void check_store(struct client *c, uint64_t now)
{
    if (!c->o.vault->shared || c->sent_upto <= c->settled_upto || now < c->check_at) return;
    c->check_ms = c->check_ms * 2 < CLIENT_CHECK_MAX_MS ? c->check_ms * 2 : CLIENT_CHECK_MAX_MS;
    c->check_at = now + c->check_ms;
    if (vault_changed(c->o.vault)) client_sync_settled(c);
}

static void open_timers(struct client *c, uint64_t now)
{
    check_store(c, now);
    if (c->state != CLIENT_OPEN) return;
    client_ack_room(c);
    if (client_reads_step(c) < 0 || client_sealed_step(c) < 0 || client_groups_step(c) < 0 || client_why_step(c) < 0 ||
        client_files_step(c) < 0) {
        client_vault_failed(c);
        return;
    }
    if (now < silence_due(c)) return;
    if (c->pinged_at) {
        client_lost(c, "silent", "the server does not answer", 0);
        return;
    }
    c->pinged_at = now;
    wire_put_ping(link_out(c->link), WIRE_PING, now);
}

static void timers(struct client *c, uint64_t now)
{
    if (c->state == CLIENT_LOGIN && now >= c->due)
        client_lost(c, "silent", "the server does not answer the login", 0);
    else if (c->state == CLIENT_LEAVING && now >= c->due)
        left(c);
    else if (c->state == CLIENT_OPEN)
        open_timers(c, now);
}

int client_fd(const struct client *c)
{
    return c->link ? link_fd(c->link) : -1;
}
short client_wants(const struct client *c)
{
    return c->link ? link_wants(c->link) : 0;
}

void client_step(struct client *c, short revents)
{
    uint64_t now = client_now(c);
    release(c);
    if (c->state == CLIENT_PAUSING && now >= c->due) dial(c, now);
    if (c->link) link_step(c->link, c->unread ? (short)(revents & ~POLLIN) : revents, now);
    if (c->link && c->state == CLIENT_DIALLING && link_state(c->link) == LINK_PROVEN) login(c, now);
    if (c->link) client_take(c);
    if (c->link && link_state(c->link) == LINK_DOWN) link_down(c);
    timers(c, now);
    client_push(c);
    client_tell_kept(c);
    if (c->link && link_state(c->link) == LINK_DOWN) link_down(c);
}

/* --- questions --- */

int client_ask_list(struct client *c)
{
    if (c->state != CLIENT_OPEN) return -1;
    wire_put_presence_ask(link_out(c->link), &(struct wire_presence_ask){.op = WIRE_ASK_LIST});
    return 0;
}

int client_ask_about(struct client *c, const char *name)
{
    if (c->state != CLIENT_OPEN || strlen(name) > WIRE_NAME_MAX) return -1;
    const struct slice s = {(const uint8_t *)name, strlen(name)};
    wire_put_presence_ask(link_out(c->link),
                          &(struct wire_presence_ask){.op = WIRE_ASK_ABOUT, .name = s});
    return 0;
}

int client_set_away(struct client *c, bool away, const char *text)
{
    char *new = away ? xstrdup(text ? text : "") : NULL;
    free(c->away);
    c->away = new;
    if (c->state != CLIENT_OPEN) return -1;
    const struct slice s = {(const uint8_t *)(new ? new : ""), new ? strnlen(new, 200) : 0};
    wire_put_presence_ask(link_out(c->link), &(struct wire_presence_ask){
                                                 .op = WIRE_ASK_SET, .state = away, .text = s});
    return 0;
}

int client_group(struct client *c, uint8_t op, const char *room)
{
    if (op == WIRE_GROUP_JOIN)
        c->o.caps |= WIRE_CAP_LOBBY;
    else
        c->o.caps &= ~(uint32_t)WIRE_CAP_LOBBY;
    if (c->state != CLIENT_OPEN) return -1;
    const struct slice s = {(const uint8_t *)room, strlen(room)};
    wire_put_group_ask(link_out(c->link), &(struct wire_group){.op = op, .room = s});
    return 0;
}
