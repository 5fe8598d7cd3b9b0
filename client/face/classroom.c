/*
 * classroom.c - csce513fall24Msg class: the instructor begins one, invites and signs; a student joins by a
 * code; both see who is in.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../class.h"
#include "../peers.h"
#include "../show.h"
#include "errand.h"
#include "keys_people.h"
#include "out.h"
#include "report.h"
#include "safety_number.h"
#include "verbs.h"

enum { DEFAULT_MS = 15000 };

static const char *const roles[] = {"student", "assistant", "instructor"};

struct lesson {
    struct errand s;
    const char *what;
    uint8_t secret[INVITATION_SECRET];
    const char *class_name; /* join: NULL unless named */
    bool begun, claimed, listed;
    unsigned done, refused; /* claims */
};

static enum face_exit usage(const struct args *o)
{
    struct why why;
    why_set(&why, "class needs init CLASS, invite NAME [assistant], sign, list, join CODE [CLASS], or members");
    why_hint(&why, NAME " help class shows how");
    return errand_error(o, "usage", &why);
}

static enum face_exit fail(struct errand *s, const char *code, const char *what, const char *hint)
{
    struct why why;
    why_set(&why, "%s", what);
    why_hint(&why, "%s", hint);
    return errand_error(s->args, code, &why);
}

static enum face_exit store_trouble(struct errand *s)
{
    char what[256];
    snprintf(what, sizeof what, "the message store failed: %s", vault_words(s->vault));
    return fail(s, "local", what, "");
}

/* EXIT_DONE when there is a class, and it is ours to sign where that is needed. */
static enum face_exit room_of(struct errand *s, bool own, struct class_room *room)
{
    int r = class_get(s->vault, room);
    if (r < 0) return store_trouble(s);
    if (r > 0 && (room->own || !own)) return EXIT_DONE;
    if (own) return fail(s, "local", "there is no class that this account signs", "begin one: " NAME " class init CLASS");
    return fail(s, "local", "this account is in no class", NAME " class join CODE, with the instructor's code");
}

static void print(struct buf *line)
{
    out_line(STDOUT_FILENO, line);
    buf_free(line);
}

/* --- without a connection --- */

static enum face_exit invite(struct errand *s, const char *name, uint8_t role)
{
    struct class_room room;
    struct buf line = {0};
    const char *wrong;
    char code[INVITATION_CODE];
    if (!name_valid(name, strlen(name), &wrong)) return fail(s, "usage", "not a name", "1 to 32 letters, digits, _ . -");
    enum face_exit exit = room_of(s, true, &room);
    class_wipe(&room);
    if (exit != EXIT_DONE) return exit;
    if (class_invite(s->vault, name, role, &sealed_random_system, code) < 0) return store_trouble(s);
    if (s->args->json) {
        json_t *o = json_object();
        json_object_set_new(o, "ev", json_string("invitation"));
        json_object_set_new(o, "user", json_string(name));
        json_object_set_new(o, "role", json_string(roles[role]));
        json_object_set_new(o, "code", json_string(code));
        out_json(o);
    } else {
        report_put(&line, "%s", code);
        print(&line);
        if (!s->args->quiet)
            out_say("for %s alone; give it to them by another way than this network. They say:  " NAME " class join CODE", name);
    }
    sodium_memzero(code, sizeof code);
    return EXIT_DONE;
}

static enum face_exit list(struct errand *s)
{
    struct class_room room;
    struct class_invited in = {.name = ""};
    enum face_exit exit = room_of(s, true, &room);
    int r = 0;
    while (exit == EXIT_DONE && (r = class_next_invited(s->vault, &in)) > 0) {
        struct buf line = {0};
        if (s->args->json) {
            json_t *o = json_object();
            json_object_set_new(o, "ev", json_string("invited"));
            json_object_set_new(o, "user", json_string(in.name));
            json_object_set_new(o, "role", json_string(roles[in.role]));
            json_object_set_new(o, "joined", json_boolean(in.used));
            out_json(o);
        } else {
            report_put(&line, "%-20s %-10s %s", in.name, roles[in.role], in.used ? "joined" : "has not used the code yet");
            print(&line);
        }
    }
    class_wipe(&room);
    return r < 0 ? store_trouble(s) : exit;
}

static void put_member(struct errand *s, const char *name, const struct anchor_entry *e)
{
    struct buf line = {0}, words = {0};
    keys_class_words(s->vault, name, errand_wall(), &words);
    const char *standing = (const char *)(buf_put_u8(&words, 0), buf_head(&words));
    if (s->args->json) {
        json_t *o = json_object();
        json_object_set_new(o, "ev", json_string("member"));
        json_object_set_new(o, "user", json_string(name));
        json_object_set_new(o, "role", json_string(roles[e->role]));
        json_object_set_new(o, "until", out_time(e->expires_ms));
        json_object_set_new(o, "standing", json_string(standing));
        out_json(o);
    } else {
        report_put(&line, "%-20s %-10s %s", name, roles[e->role], standing);
        print(&line);
    }
    buf_free(&words);
}

static enum face_exit put_members(struct errand *s)
{
    char name[VAULT_NAME] = "";
    struct anchor_entry e;
    struct buf bytes = {0};
    int r;
    while ((r = class_next_member(s->vault, name, &e, &bytes)) > 0) {
        put_member(s, name, &e);
        buf_free(&bytes);
    }
    buf_free(&bytes);
    return r < 0 ? store_trouble(s) : EXIT_DONE;
}

/* --- with one --- */

/* What is asked for once the connection is there. An own entry, or a claim, needs the own list first. */
static void begin(struct lesson *l)
{
    struct client *c = l->s.client;
    l->begun = true;
    if (strcmp(l->what, "init") == 0)
        client_class_put(c);
    else if (strcmp(l->what, "sign") == 0)
        client_class_sign(c);
    else if (strcmp(l->what, "members") == 0)
        client_class_fetch(c);
    else if (client_holds_account(c))
        client_class_join(c, l->secret, l->class_name);
    else
        errand_end(&l->s, fail(&l->s, "no-account-key", "this device does not hold the account's key, which signs the claim",
                               "use the device that the account began on"));
}

static void say(const struct lesson *l, const char *fmt, const char *name, const char *words)
{
    if (!l->s.args->quiet) out_say(fmt, name, words);
}

static void ended(struct lesson *l, const char *words)
{
    char what[256];
    show_word(what, sizeof what, (struct slice){(const uint8_t *)words, strlen(words)});
    errand_end(&l->s, fail(&l->s, "no-right", what[0] ? what : "the server refused it",
                           strcmp(l->what, "join") == 0 ? "ask the instructor"
                                                        : "the operator makes you instructor: csmsgctl role NAME instructor"));
}

static void on_news(struct lesson *l, const struct client_event *e)
{
    char name[NAME_SIZE];
    show_word(name, sizeof name, (struct slice){(const uint8_t *)e->class_news.name, strlen(e->class_news.name)});
    switch (e->class_news.what) {
    case CLIENT_CLASS_SIGNED:
        l->done++;
        say(l, "%s is signed into the class%s", name, "");
        return;
    case CLIENT_CLASS_UNSIGNED:
        l->refused++;
        say(l, "%s is not signed: %s", name, e->class_news.words);
        return;
    case CLIENT_CLASS_ALL_SIGNED:
        if (strcmp(l->what, "sign") == 0) errand_end(&l->s, EXIT_DONE);
        return;
    case CLIENT_CLASS_CLAIMED: l->claimed = true; return;
    case CLIENT_CLASS_JOINED:
        say(l, "you are in the class; whom its key has signed is verified from now on%s%s", "", "");
        if (strcmp(l->what, "join") == 0) l->listed = true;
        return;
    case CLIENT_CLASS_PUT:
        if (strcmp(l->what, "init") == 0) errand_end(&l->s, EXIT_DONE);
        return;
    case CLIENT_CLASS_LISTED:
        if (strcmp(l->what, "members") == 0 || l->listed) errand_end(&l->s, EXIT_DONE);
        return;
    case CLIENT_CLASS_ENDED: ended(l, e->class_news.words); return;
    }
}

static void on_event(void *arg, const struct client_event *e)
{
    struct lesson *l = arg;
    if (e->type == CLIENT_CLASS && !l->s.done) on_news(l, e);
}

static enum face_exit too_late(struct lesson *l)
{
    if (l->claimed) {
        if (!l->s.args->quiet)
            out_say("the claim waits at the server; when the instructor's client has answered it you are in, by itself");
        return EXIT_TIME;
    }
    return fail(&l->s, "unreachable", l->s.lost_reason[0] ? l->s.lost_reason : "the server has not answered in time",
                "try again");
}

static enum face_exit run(struct lesson *l)
{
    int64_t ms = l->s.args->timeout_ms;
    uint64_t until = errand_now() + (uint64_t)(ms < 0 ? DEFAULT_MS : ms);
    l->s.event = on_event;
    l->s.arg = l;
    client_connect(l->s.client);
    while (!l->s.done && errand_now() < until) {
        uint64_t slice = errand_now() + 50;
        errand_run(&l->s, l->begun || slice > until ? until : slice);
        if (!l->begun && !l->s.done && client_published(l->s.client)) begin(l);
    }
    bool done = l->s.done;
    errand_leave(&l->s);
    return done ? l->s.exit : too_late(l);
}

/* --- the forms of the command --- */

static enum face_exit init(struct lesson *l, const char *name)
{
    struct class_room room;
    int r = vault_begin(l->s.vault) < 0 ? -1 : vault_finish(l->s.vault, class_make(l->s.vault, name, &sealed_random_system));
    if (r < 0) return store_trouble(&l->s);
    /* Begun before, perhaps without getting through: the entry is put again. */
    enum face_exit exit = room_of(&l->s, true, &room);
    if (exit == EXIT_DONE && strcmp(room.name, name) != 0)
        exit = fail(&l->s, "local", "this account signs another class already", "one account has one class");
    class_wipe(&room);
    return exit == EXIT_DONE ? run(l) : exit;
}

static void put_anchor(struct errand *s)
{
    struct class_room room;
    struct buf line = {0};
    char words[SAFETY_PHRASE];
    if (class_get(s->vault, &room) <= 0) return;
    safety_fingerprint(room.anchor_key, words);
    if (s->args->json) {
        json_t *o = json_object();
        json_object_set_new(o, "ev", json_string("class"));
        json_object_set_new(o, "class", out_text((struct slice){(const uint8_t *)room.name, strlen(room.name)}));
        json_object_set_new(o, "words", json_string(words));
        out_json(o);
    } else {
        char name[ANCHOR_CLASS_MAX * 2];
        report_put(&line, "class   %s\nkey     %s", show_word(name, sizeof name, (struct slice){(const uint8_t *)room.name, strlen(room.name)}), words);
        print(&line);
    }
    class_wipe(&room);
}

static enum face_exit dispatch(struct lesson *l, const struct args *o)
{
    struct class_room room = {0};
    const char *third = o->operands > 2 ? o->operand[2] : NULL, *fourth = o->operands > 3 ? o->operand[3] : NULL;
    enum face_exit exit;
    if (strcmp(l->what, "invite") == 0 && third && (!fourth || strcmp(fourth, "assistant") == 0))
        return invite(&l->s, third, fourth ? ANCHOR_ASSISTANT : ANCHOR_STUDENT);
    if (strcmp(l->what, "list") == 0 && !third) return list(&l->s);
    if (strcmp(l->what, "init") == 0 && third && !fourth) {
        if (strlen(third) > ANCHOR_CLASS_MAX || !show_is_utf8((struct slice){(const uint8_t *)third, strlen(third)}))
            return fail(&l->s, "usage", "the name of a class is 1 to 64 bytes of UTF-8", "");
        exit = init(l, third);
        if (exit == EXIT_DONE) put_anchor(&l->s);
        return exit;
    }
    if (strcmp(l->what, "sign") == 0 && !third) {
        exit = room_of(&l->s, true, &room);
        class_wipe(&room);
        return exit == EXIT_DONE ? run(l) : exit;
    }
    if (strcmp(l->what, "members") == 0 && !third) {
        exit = room_of(&l->s, false, &room);
        class_wipe(&room);
        if (exit == EXIT_DONE) exit = run(l);
        return exit == EXIT_DONE ? put_members(&l->s) : exit;
    }
    if (strcmp(l->what, "join") == 0 && third) {
        if (!invitation_read(third, strlen(third), l->secret))
            return fail(&l->s, "usage", "that is not a code: a letter is wrong or missing", "XXXXX-XXXXX-XXXXX-XXXXX, as the instructor gave it");
        l->class_name = fourth;
        exit = run(l);
        if (exit == EXIT_DONE) put_anchor(&l->s);
        return exit;
    }
    return usage(o);
}

enum face_exit verb_class(const struct args *o)
{
    struct lesson l = {.what = o->operands > 1 ? o->operand[1] : ""};
    enum face_exit exit = errand_open(&l.s, o, 0);
    if (exit == EXIT_DONE) exit = dispatch(&l, o);
    sodium_memzero(l.secret, sizeof l.secret);
    errand_close(&l.s);
    return exit;
}
