/*
 * plain.c - the conversation in a terminal, or by lines from a pipe: one poll over keyboard, socket
 * and signals. The engine and the face say when they next have something to do; idle, nothing runs.
 */
#include "plain.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../client_files.h"
#include "accept.h"
#include "first.h"
#include "out.h"
#include "verbs.h"
#include "window/window.h"

enum { GREET_MS = 3000, SETTLE_MS = 30000, LEAVE_MS = 1000, TWICE_MS = 2000 };

/* --- what the conversation asks for --- */

static int do_send(void *arg, uint8_t kind, const char *to, uint8_t form, struct slice text,
                   uint64_t *id)
{
    struct plain *p = arg;
    if (p->gathering) client_hold(p->s.client);
    int r = client_send(p->s.client, kind, to, form, text, id);
    if (r == 0 && p->face && p->face->sent) p->face->sent(p, to, form, text, *id);
    return r;
}

static int do_list(void *arg)
{
    return client_ask_list(((struct plain *)arg)->s.client);
}

static int do_about(void *arg, const char *name)
{
    return client_ask_about(((struct plain *)arg)->s.client, name);
}

static int do_away(void *arg, bool away, const char *text)
{
    return client_set_away(((struct plain *)arg)->s.client, away, text);
}

static int do_group(void *arg, uint8_t op, const char *room)
{
    return client_group(((struct plain *)arg)->s.client, op, room);
}

static int do_accept(void *arg, const char *name)
{
    return client_accept(((struct plain *)arg)->s.client, name);
}

static int do_why(void *arg, uint64_t number)
{
    return client_why(((struct plain *)arg)->s.client, number, true);
}

static void do_seen(void *arg, const struct vault_row *row)
{
    client_shown(((struct plain *)arg)->s.client, row);
}

static int do_order(void *arg, const struct client_group_order *order)
{
    struct plain *p = arg;
    uint64_t number;
    int r = client_order(p->s.client, order, &number);
    if (r == 0) client_push(p->s.client);
    return r;
}

static int do_groups(void *arg, bool open)
{
    return client_ask_groups(((struct plain *)arg)->s.client, open);
}

static int do_members(void *arg, const char *room)
{
    return client_ask_members(((struct plain *)arg)->s.client, room);
}

static int do_moderate(void *arg, uint8_t act, const char *name, uint32_t seconds, const char *reason)
{
    return client_moderate(((struct plain *)arg)->s.client, act, name, seconds, reason);
}

static enum client_may do_admit(void *arg)
{
    return client_admit(((struct plain *)arg)->s.client);
}

static enum client_may do_admit_code(void *arg, const char *code, bool with_account_key)
{
    return client_admit_code(((struct plain *)arg)->s.client, code, with_account_key);
}

static void do_admit_end(void *arg)
{
    client_admit_end(((struct plain *)arg)->s.client);
}

static enum client_file_result do_put(void *arg, const struct client_put *put, uint64_t *id, struct why *why)
{
    return client_put(((struct plain *)arg)->s.client, put, id, why);
}

static enum client_file_result do_get(void *arg, uint64_t id, const char *path, struct why *why)
{
    return client_get(((struct plain *)arg)->s.client, id, path, -1, why);
}

static enum client_file_result do_decline(void *arg, uint64_t id, struct why *why)
{
    return client_decline(((struct plain *)arg)->s.client, id, why);
}

static void do_accept_offers(void *arg)
{
    struct plain *p = arg;
    accept_offers(p->s.args->config, p->s.client, p->s.vault);
}

static void do_connect(void *arg)
{
    struct plain *p = arg;
    p->s.done = false;
    client_connect(p->s.client);
}

static void do_disconnect(void *arg)
{
    client_bye(((struct plain *)arg)->s.client);
}

static void do_clear(void *arg)
{
    struct plain *p = arg;
    if (p->terminal) p->face->clear(p);
}

static void do_ring(void *arg, const char *from)
{
    struct plain *p = arg;
    struct buf bell = {0};
    if (p->terminal && name_valid(from, strlen(from), NULL)) notify_call(&p->notify, from, "", errand_now(), &bell);
    if (buf_len(&bell)) fwrite(buf_head(&bell), 1, buf_len(&bell), stdout);
    fflush(stdout);
    buf_free(&bell);
}

static bool do_view(void *arg, enum chat_view what, const char *rest)
{
    struct plain *p = arg;
    return p->face && p->face->view && p->face->view(p, what, rest);
}

static void do_quit(void *arg)
{
    struct plain *p = arg;
    p->quitting = p->terminal;
    p->stopped = p->ended = true; /* a pipe's messages still get their time to arrive */
}

static void do_configured(void *arg)
{
    struct plain *p = arg;
    bool receipts = p->chat.config->v.read_receipts;
    if (receipts != p->receipts) client_set_read_receipts(p->s.client, receipts);
    p->receipts = receipts;
    if (p->terminal && p->face->configured) p->face->configured(p);
}

bool plain_interrupted(struct plain *p)
{
    uint64_t now = errand_now();
    bool twice = p->interrupted_at && now - p->interrupted_at < TWICE_MS;
    p->interrupted_at = now;
    p->quitting |= twice;
    return twice;
}

void plain_quit(struct plain *p)
{
    p->ended = p->quitting = true;
}

/* Our own marks and errors in colour; the words say the same. */
static const char *colour_of(const char *text)
{
    if (strncmp(text, "error:", 6) == 0) return "\033[31m";
    if (strncmp(text, "hint:", 5) == 0) return "\033[33m";
    if (strncmp(text, "***", 3) == 0 || strncmp(text, "  +", 3) == 0 ||
        strncmp(text, "-->", 3) == 0 || strncmp(text, "<--", 3) == 0)
        return "\033[2m";
    return NULL;
}

static void do_print(void *arg, const char *text)
{
    struct plain *p = arg;
    if (p->window) {
        p->face->print(p, text);
        return;
    }
    const char *colour = p->colour ? colour_of(text) : NULL;
    struct buf b = {0};
    if (colour) buf_put(&b, colour, strlen(colour));
    buf_put(&b, text, strlen(text));
    if (colour) buf_put(&b, "\033[0m", 4);
    bool open = true;
    if (p->terminal) {
        buf_put_u8(&b, 0);
        p->face->print(p, (const char *)buf_head(&b));
    } else
        open = out_line(STDOUT_FILENO, &b);
    buf_free(&b);
    if (!open) p->quitting = true;
}

static const struct chat_ops ops = {
    .send = do_send,
    .list = do_list,
    .about = do_about,
    .away = do_away,
    .group = do_group,
    .accept = do_accept,
    .why = do_why,
    .seen = do_seen,
    .order = do_order,
    .groups = do_groups,
    .members = do_members,
    .moderate = do_moderate,
    .admit = do_admit,
    .admit_code = do_admit_code,
    .admit_end = do_admit_end,
    .put = do_put,
    .get = do_get,
    .decline = do_decline,
    .accept_offers = do_accept_offers,
    .connect = do_connect,
    .disconnect = do_disconnect,
    .clear = do_clear,
    .ring = do_ring,
    .view = do_view,
    .quit = do_quit,
    .configured = do_configured,
    .print = do_print,
};

static void on_event(void *arg, const struct client_event *e)
{
    struct plain *p = arg;
    if (p->face && p->face->event)
        p->face->event(p, e);
    else
        chat_event(&p->chat, e);
}

/* --- input --- */

/*
 * Lines of a pipe. The last one need not end. Texts that come together become durable together, when the
 * last one was taken; a command does what it does after them.
 */
static void pipe_lines(struct plain *p)
{
    uint8_t *newline;
    p->gathering = p->s.connected;
    while (!p->quitting && !p->stopped && buf_len(&p->input) &&
           (newline = memchr(buf_head(&p->input), '\n', buf_len(&p->input)))) {
        char *line = (char *)buf_head(&p->input);
        size_t n = (size_t)(newline - buf_head(&p->input));
        *newline = '\0';
        if (*line == '/') client_push(p->s.client);
        chat_line(&p->chat, line);
        buf_drop(&p->input, n + 1);
    }
    p->gathering = false;
    client_push(p->s.client);
}

static void pipe_read(struct plain *p)
{
    ssize_t n = read(STDIN_FILENO, buf_room(&p->input, 4096), 4096);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n > 0) buf_added(&p->input, (size_t)n);
    if (n <= 0) {
        p->ended = true;
        if (buf_len(&p->input)) buf_put_u8(&p->input, '\n');
    }
    pipe_lines(p);
    if (buf_len(&p->input) > CLIENT_TEXT_MAX) {
        chat_error(&p->chat, "a line is too long; it was left out", "");
        buf_free(&p->input);
    }
}

static void read_signals(struct plain *p)
{
    struct signalfd_siginfo info;
    while (read(p->s.signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGWINCH && p->terminal) p->face->resize(p);
        if (info.ssi_signo == SIGINT && p->terminal) p->face->interrupt(p);
        if (info.ssi_signo == SIGTSTP && p->terminal) p->face->suspend(p);
        if (info.ssi_signo == SIGTERM || (info.ssi_signo == SIGINT && !p->terminal)) {
            p->quitting = true;
            p->s.exit = EXIT_INTERRUPTED;
        }
    }
}

/* --- the loop --- */

/* From a pipe nothing is read before the connection is there: /who needs it. */
static bool reads(const struct plain *p)
{
    return !p->ended && (p->terminal || p->s.connected);
}

static int sooner(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void turn(struct plain *p, int most_ms)
{
    int timeout = sooner(client_timeout_ms(p->s.client), most_ms);
    if (p->terminal && p->face->timeout_ms) timeout = sooner(timeout, p->face->timeout_ms(p));
    struct pollfd f[4] = {
        {.fd = reads(p) ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = client_fd(p->s.client), .events = client_wants(p->s.client)},
        {.fd = p->s.signals, .events = POLLIN},
        {.fd = client_files_fd(p->s.client), .events = POLLIN},
    };
    if (poll(f, 4, timeout) < 0) {
        if (errno != EINTR) p->quitting = true;
        return;
    }
    if (f[2].revents) read_signals(p);
    if (f[0].revents && p->terminal) p->face->key(p);
    if (f[0].revents && !p->terminal) pipe_read(p);
    client_step(p->s.client, f[1].fd >= 0 ? f[1].revents : 0);
    if (p->terminal && p->face->turn) p->face->turn(p);
}

/* What was said is to arrive, and what was asked to be answered; a person waits a moment only. */
static void settle(struct plain *p)
{
    int64_t wait = p->s.args->timeout_ms < 0 ? SETTLE_MS : p->s.args->timeout_ms;
    if (p->terminal) wait = p->s.connected ? LEAVE_MS : 0;
    uint64_t until = errand_now() + (uint64_t)wait;
    while ((p->terminal || !p->quitting) && !p->s.done && errand_now() < until &&
           !(client_settled(p->s.client) && (p->terminal || p->chat.asking == 0)))
        turn(p, 100);
}

static void talk(struct plain *p)
{
    while (!p->quitting && !p->ended && !(p->s.done && !p->terminal))
        turn(p, -1);
    settle(p);
}

/* The first connection, before the terminal is in raw mode: there may be a question about the key.
 */
static bool greet(struct plain *p)
{
    client_connect(p->s.client);
    uint64_t until = errand_now() + GREET_MS;
    while (!p->s.connected && !p->s.done && errand_now() < until)
        errand_run(&p->s, errand_now() + 50);
    return !p->s.done;
}

static void hello(struct plain *p)
{
    if (p->chat.connected)
        chat_print(&p->chat, "*** you are in. /help any time, Tab completes names, /quit leaves");
    else
        chat_print(&p->chat, "*** cannot reach %s yet%s%s; what you write waits in the outbox",
                   p->s.place, p->s.lost_reason[0] ? ": " : "", p->s.lost_reason);
}

static bool wants_colour(const struct args *o)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    return !o->no_color && !(none && none[0]) && term && strcmp(term, "dumb") != 0 &&
           isatty(STDOUT_FILENO);
}

/* The full screen, unless the terminal is none that could show it. */
static bool wants_window(const struct args *o)
{
    const char *term = getenv("TERM");
    return !o->plain && term && term[0] && strcmp(term, "dumb") != 0;
}

static enum face_exit run(struct plain *p)
{
    struct why why;
    char path[PATH_MAX];
    uint64_t last;
    bool tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    if (vault_last_row(p->s.vault, &last) < 0 ||
        shown_open(&p->shown, home_file(&p->s.home, "shown", path), last, &why) < 0)
        return errand_error(p->s.args, "local", &why);
    p->colour = wants_colour(p->s.args);
    chat_init(&p->chat, &ops, p, p->s.home.user);
    p->chat.vault = p->s.vault;
    p->chat.shown = &p->shown;
    p->chat.config = p->s.args->config;
    p->receipts = p->chat.config && p->chat.config->v.read_receipts;
    p->chat.device = p->s.identity.device;
    client_files_auto(p->s.client);
    p->s.event = on_event;
    p->s.arg = p;
    p->notify.how = NOTIFY_BELL; /* what is read aloud is not to be told twice */
    if (tty) p->face = wants_window(p->s.args) ? &window_face : &editor_face;
    if (tty && p->face->begin)
        p->face->begin(p);
    else
        chat_show_rows(&p->chat);
    if (!greet(p)) return p->s.exit;
    p->s.no_questions = true;
    if (tty) p->s.say = do_print;
    if (tty) {
        errand_watch(&p->s, SIGTSTP);
        if (!p->face->open(p, &why)) return errand_error(p->s.args, "local", &why);
        p->terminal = true;
        hello(p);
    }
    talk(p);
    if (tty) p->face->close(p);
    p->terminal = false;
    bool settled = client_settled(p->s.client);
    errand_leave(&p->s);
    if (!tty && !settled && p->s.exit == EXIT_DONE) {
        why_set(&why, "cannot reach %s; what was written is in the outbox", p->s.place);
        return errand_error(p->s.args, "unreachable", &why);
    }
    return p->s.exit;
}

enum face_exit verb_chat(const struct args *o)
{
    struct plain p = {0};
    umask(077); /* the input history is private */
    enum face_exit exit = first_needed(o) ? first_run(o) : EXIT_DONE;
    if (exit == EXIT_DONE) exit = errand_open(&p.s, o, WIRE_CAP_RECEIVE | WIRE_CAP_LOBBY);
    if (exit == EXIT_DONE) exit = run(&p);
    window_free(p.window);
    shown_close(&p.shown);
    chat_free(&p.chat);
    buf_free(&p.input);
    errand_close(&p.s);
    return exit;
}
