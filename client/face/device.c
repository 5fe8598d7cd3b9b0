/*
 * device.c - csce513fall24Msg device add, device admit: a new device of an account, and the one that lets it
 * in. What is said between them is guest.h and client_devices.c; here is what people see and answer.
 */
#include <stdio.h>
#include <string.h>
#include <sodium.h>

#include "../guest.h"
#include "../peers.h"
#include "../sealed/paper_key.h"
#include "../show.h"
#include "ask.h"
#include "errand_trust.h"
#include "out.h"
#include "report.h"
#include "verbs.h"

enum { ADD_MS = 10 * 60 * 1000, PUBLISH_MS = 15000, ADMIT_MS = 10 * 60 * 1000 };

static enum face_exit usage(const struct args *o)
{
    struct why why;
    why_set(&why, "device needs add (here is the new one) or admit (this one is in)");
    why_hint(&why, NAME " help device shows how");
    return errand_error(o, "usage", &why);
}

static void put_event(const struct args *o, const char *event, const char *key, const char *value)
{
    if (!o->json) return;
    json_t *line = json_object();
    json_object_set_new(line, "ev", json_string(event));
    json_object_set_new(line, key, json_string(value));
    out_json(line);
}

static void put_device(const struct args *o, const char *event, uint64_t device)
{
    char number[24];
    snprintf(number, sizeof number, "%016llx", (unsigned long long)device);
    put_event(o, event, "device", number);
}

/* --- the new device --- */

struct adding {
    struct errand s;
    struct guest *guest;
    uint8_t seed[PAPER_SEED];
    bool paper;
    struct ask_line line;
    bool asking;
};

static const char *hint_for(const char *code)
{
    static const char *const rows[][2] = {
        {"no-such-user", "check --user; a new name needs no admission: start without device add"},
        {"no-answer", "start again, and on a device that is in: " NAME " device admit, or /admit in the conversation"},
        {"given-up", "start again; when it was no slip of the fingers, try another network"},
        {"middle", "start again on another network; nothing was given away"},
        {"not-account-key", "is it the paper of this account? --user must be written as it was registered"},
        {"busy", "wait some minutes"},
        {"revoked", "a revoked device never returns: use another --home and add that one"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i][0], code) == 0) return rows[i][1];
    return "start again";
}

/* True: go on with a new connection, the server is trusted now. */
static bool failed(struct adding *a)
{
    struct why why;
    const char *text;
    const uint8_t *server_id;
    char shown[200];
    const char *code = guest_failure(a->guest, &text, &server_id);
    if (server_id) {
        errand_failed(&a->s, &(struct client_event){CLIENT_FAILED, .failed = {code, text, server_id}});
        return !a->s.done;
    }
    show_word(shown, sizeof shown, (struct slice){(const uint8_t *)text, strlen(text)});
    why_set(&why, "%s is not added: %s", a->s.home.user, shown[0] ? shown : code);
    why_hint(&why, "%s", hint_for(code));
    errand_end(&a->s, errand_error(a->s.args, code, &why));
    return false;
}

static void connect_guest(struct adding *a)
{
    guest_free(a->guest);
    a->guest = guest_new(&(struct guest_options){.host = a->s.host,
                                                 .port = a->s.port,
                                                 .user = a->s.home.user,
                                                 .identity = &a->s.identity,
                                                 .seed = a->paper ? a->seed : NULL,
                                                 .wall_ms = errand_wall(),
                                                 .trust = errand_trust,
                                                 .arg = &a->s},
                         errand_now());
}

static void show_code(struct adding *a)
{
    const char *code = guest_code(a->guest);
    put_event(a->s.args, "code", "code", code);
    out_say("code          %.4s %.4s\n"
            "Type it into the device that asks for it. It then says whether the code was right;\n"
            "only if you see that there, say yes here.", code, code + 4);
    ask_begin(&a->line, "Did the other device take the code? [yes/no]: ");
    a->asking = true;
}

static void refused_by_person(struct adding *a)
{
    struct why why;
    why_set(&why, "this device is not added: the other one did not take the code");
    why_hint(&why, "start again; when it was no slip of the fingers, try another network");
    errand_end(&a->s, errand_error(a->s.args, "given-up", &why));
}

static void on_answer(struct adding *a)
{
    a->asking = false;
    if (ask_yes(&a->line))
        guest_taken(a->guest);
    else
        refused_by_person(a);
}

/* True: this device is in. */
static bool be_admitted(struct adding *a)
{
    enum guest_state before = GUEST_CONNECTING;
    uint64_t until = errand_now() + (a->s.args->timeout_ms < 0 ? ADD_MS : (uint64_t)a->s.args->timeout_ms);
    connect_guest(a);
    while (!a->s.done && guest_state(a->guest) != GUEST_IN && errand_now() < until) {
        int timeout = guest_timeout_ms(a->guest, errand_now());
        if (timeout < 0 || timeout > 1000) timeout = 1000;
        short revents = ask_wait(&a->s, guest_fd(a->guest), guest_wants(a->guest), timeout, a->asking ? &a->line : NULL);
        guest_step(a->guest, revents, errand_now());
        if (guest_state(a->guest) == GUEST_FAILED && failed(a)) connect_guest(a);
        enum guest_state state = guest_state(a->guest);
        if (state == GUEST_ASKING && before != state)
            out_say("waiting for a device of %s that is in; there:  " NAME " device admit\n"
                    "or, in the conversation:  /admit", a->s.home.user);
        if (state == GUEST_CODE && before != state) show_code(a);
        before = state;
        if (a->asking && a->line.ready && !a->s.done) on_answer(a);
    }
    return !a->s.done && guest_state(a->guest) == GUEST_IN;
}

static enum face_exit too_late(struct adding *a)
{
    struct why why;
    why_set(&why, "%s is not added: nobody has answered in time", a->s.home.user);
    why_hint(&why, "%s", hint_for("no-answer"));
    return errand_error(a->s.args, "no-answer", &why);
}

/* What the guest has learned goes into the store and the key file, before anything is built on it. */
static int keep(struct adding *a, struct why *why)
{
    struct wire_list_entries list;
    struct peer own;
    char path[PATH_MAX];
    const uint8_t *seed = guest_seed(a->guest);
    if (seed && identity_take_account(home_file(&a->s.home, "key", path), &a->s.identity, seed, why) < 0) return -1;
    if (!guest_list(a->guest, &list)) return 0;
    struct vault *v = a->s.vault;
    int r = vault_begin(v);
    if (r == 0) r = peers_get(v, list.name, &own) < 0 ? -1 : 0;
    if (r == 0) r = peers_take(v, &own, &list, 0) == PEER_STORE ? -1 : 0;
    peer_free(&own);
    r = vault_finish(v, r);
    if (r < 0) why_set(why, "the message store failed: %s", vault_words(v));
    return r < 0 ? -1 : 0;
}

/* Logs in as a device of the account, until others can write to it. */
static enum face_exit log_in(struct adding *a)
{
    struct why why;
    guest_free(a->guest);
    a->guest = NULL;
    client_connect(a->s.client);
    uint64_t until = errand_now() + PUBLISH_MS;
    while (!a->s.done && !client_published(a->s.client) && errand_now() < until)
        errand_run(&a->s, errand_now() + 50);
    bool published = client_published(a->s.client);
    errand_leave(&a->s);
    if (a->s.done) return a->s.exit;
    put_device(a->s.args, "added", a->s.identity.device);
    if (!a->s.args->quiet)
        out_say("this is a device of %s now; what is sent from now on comes here, too", a->s.home.user);
    if (published) return EXIT_DONE;
    why_set(&why, "cannot reach %s to publish this device's keys", a->s.place);
    why_hint(&why, "they are published with the next command that connects");
    return errand_error(a->s.args, "unreachable", &why);
}

static enum face_exit run_add(struct adding *a)
{
    struct why why;
    bool was_new = a->s.fresh;
    if (!be_admitted(a)) {
        a->s.useless = was_new; /* a key that is nobody's would stand in the way of the next try */
        return a->s.done ? a->s.exit : too_late(a);
    }
    if (!guest_list(a->guest, &(struct wire_list_entries){0})) {
        if (!a->s.args->quiet) out_say("this device is in already");
        return EXIT_DONE;
    }
    if (keep(a, &why) < 0) return errand_error(a->s.args, "local", &why);
    return log_in(a);
}

/* --- from paper --- */

static enum face_exit wrong_paper(const struct args *o, enum paper_verdict v, const struct paper_fault *f)
{
    struct why why;
    char near[WORDS_NEAR * (WORDS_LETTERS + 2)] = "";
    if (v == PAPER_COUNT) {
        why_set(&why, "these are %zu words, and the paper key has 24", f->n);
    } else if (v == PAPER_UNKNOWN) {
        for (size_t i = 0; i < f->n_near; i++)
            snprintf(near + strlen(near), sizeof near - strlen(near), "%s%s", i ? ", " : "", words_list[f->near[i]]);
        why_set(&why, "word %zu is none of the words that are used", f->place);
        if (near[0]) why_hint(&why, "is it one of: %s?", near);
    } else {
        why_set(&why, "every word is one of the list, but together they are no key: one is wrong, or two are exchanged");
    }
    return errand_error(o, "bad-paper", &why);
}

static enum face_exit read_paper(struct adding *a)
{
    struct paper_fault fault;
    struct ask_line line;
    struct buf text = {0};
    enum paper_verdict v = PAPER_COUNT;
    bool more = ask_now(&a->s, &line, "The 24 words of the paper key: ");
    while (more) {
        buf_put(&text, line.text, line.n);
        buf_put_u8(&text, ' ');
        v = paper_key_read((const char *)buf_head(&text), buf_len(&text), a->seed, &fault);
        bool short_of_words = v == PAPER_COUNT && fault.n < PAPER_WORDS;
        more = short_of_words && ask_now(&a->s, &line, "");
    }
    if (buf_len(&text) == 0) fault = (struct paper_fault){0};
    sodium_memzero(&line, sizeof line);
    sealed_buf_wipe(&text);
    if (a->s.done) return a->s.exit;
    return v == PAPER_GOOD ? EXIT_DONE : wrong_paper(a->s.args, v, &fault);
}

static enum face_exit add(const struct args *o)
{
    struct adding a = {.paper = o->paper};
    enum face_exit exit = errand_open(&a.s, o, 0);
    bool opened = exit == EXIT_DONE, was_new = a.s.fresh;
    if (opened && a.paper) exit = read_paper(&a);
    if (opened && exit != EXIT_DONE) a.s.useless = was_new;
    if (exit == EXIT_DONE) exit = run_add(&a);
    guest_free(a.guest);
    sodium_memzero(a.seed, sizeof a.seed);
    errand_close(&a.s);
    return exit;
}

/* --- the device that is in --- */

struct admitting {
    struct errand s;
    struct ask_line line;
    enum { WAITING, ASKED, CODE, GIVEN } stage;
};

static void on_news(struct admitting *a, const struct client_event *e)
{
    struct why why;
    const struct args *o = a->s.args;
    switch (e->device.what) {
    case CLIENT_DEVICE_ASKS:
        put_device(o, "asks", e->device.device);
        out_say("device %016llx wants to be a device of %s. It will read what is sent to you from then on%s.",
                (unsigned long long)e->device.device, client_name(a->s.client),
                o->with_account_key ? ",\nand, with the account key, admit and revoke devices" : "");
        ask_begin(&a->line, "Is it yours, and in front of you? [yes/no]: ");
        a->stage = ASKED;
        return;
    case CLIENT_DEVICE_CODE:
        put_device(o, "code-wanted", e->device.device);
        ask_begin(&a->line, "The code that it shows: ");
        a->stage = CODE;
        return;
    case CLIENT_DEVICE_RIGHT:
        put_device(o, "right", e->device.device);
        out_say("the code is right: say yes on the new device");
        return;
    case CLIENT_DEVICE_ADDED:
        put_device(o, "added", e->device.device);
        if (!o->quiet) out_say("it is a device of %s now", client_name(a->s.client));
        errand_end(&a->s, EXIT_DONE);
        return;
    default:
        why_set(&why, "nobody was admitted: %s", e->device.words);
        errand_end(&a->s, errand_error(o, "given-up", &why));
    }
}

static void on_event(void *arg, const struct client_event *e)
{
    struct admitting *a = arg;
    if (e->type == CLIENT_DEVICE) on_news(a, e);
    if (e->type == CLIENT_CONNECTED && a->stage == WAITING && !a->s.args->quiet)
        out_say("waiting for a new device; there:  " NAME " device add --user %s", client_name(a->s.client));
}

static void refuse(struct admitting *a, const char *what, const char *hint)
{
    struct why why;
    why_set(&why, "%s", what);
    why_hint(&why, "%s", hint);
    errand_end(&a->s, errand_error(a->s.args, "given-up", &why));
}

static void answer(struct admitting *a)
{
    bool asked = a->stage == ASKED;
    a->stage = GIVEN;
    if (!asked) {
        client_admit_code(a->s.client, a->line.text, a->s.args->with_account_key);
    } else if (!ask_yes(&a->line)) {
        client_admit_end(a->s.client);
        refuse(a, "nobody was admitted", "");
    } else if (client_admit(a->s.client) == CLIENT_NO_ACCOUNT_KEY) {
        refuse(a, "this device cannot admit others: it does not hold the account's key",
               "use the device that the account began on, or the paper key: " NAME " device add --paper");
    }
}

static enum face_exit run_admit(struct admitting *a)
{
    struct why why;
    uint64_t until = errand_now() + (a->s.args->timeout_ms < 0 ? ADMIT_MS : (uint64_t)a->s.args->timeout_ms);
    a->s.event = on_event;
    a->s.arg = a;
    client_connect(a->s.client);
    while (!a->s.done && errand_now() < until) {
        bool asks = a->stage == ASKED || a->stage == CODE;
        int timeout = client_timeout_ms(a->s.client);
        if (timeout < 0 || timeout > 1000) timeout = 1000;
        short revents = ask_wait(&a->s, client_fd(a->s.client), client_wants(a->s.client), timeout, asks ? &a->line : NULL);
        if (!a->s.done) client_step(a->s.client, revents);
        if (!a->s.done && (a->stage == ASKED || a->stage == CODE) && a->line.ready) answer(a);
    }
    bool done = a->s.done;
    if (!done) client_admit_end(a->s.client);
    errand_leave(&a->s);
    if (done) return a->s.exit;
    why_set(&why, "nobody was admitted: no new device has asked in time");
    why_hint(&why, "on the new device: " NAME " device add --user %s", a->s.home.user);
    return errand_error(a->s.args, "no-answer", &why);
}

static enum face_exit admit(const struct args *o)
{
    struct admitting a = {0};
    enum face_exit exit = errand_open(&a.s, o, WIRE_CAP_RECEIVE);
    if (exit == EXIT_DONE) exit = run_admit(&a);
    errand_close(&a.s);
    return exit;
}

enum face_exit verb_device(const struct args *o)
{
    const char *what = o->operands == 2 ? o->operand[1] : "";
    if (strcmp(what, "add") == 0) return add(o);
    return strcmp(what, "admit") == 0 ? admit(o) : usage(o);
}
