/* first.c - see first.h, and csce513fall24Msg init. */
#include "first.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../show.h"
#include "ask.h"
#include "errand.h"
#include "errand_trust.h"
#include "keys_devices.h"
#include "meet.h"
#include "out.h"
#include "safety_number.h"
#include "verbs.h"

enum { SIGN_IN_MS = 10000 };

struct first {
    struct args args; /* as given, and the name that was chosen */
    struct errand s;
    uint8_t server_id[32];
    char name[128], server[64]; /* as the server has it; safe for a terminal */
    uint8_t role;
    bool asked, fresh;
};

static bool terminal(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool first_needed(const struct args *o)
{
    struct home h;
    struct why why;
    if (o->user || !terminal() || !isatty(STDOUT_FILENO)) return false;
    return home_root(&h, o->home, &why) == 0 && home_users(&h) == 0;
}

/* --- the server --- */

/* Before anything is asked or made: is it there, and is it the right one? */
static enum face_exit know_server(struct first *f)
{
    struct why why;
    struct wire_proof proof;
    enum face_exit exit = errand_home(&f->s, &f->args);
    if (exit != EXIT_DONE) return exit;
    enum link_fault fault = meet(&f->s, &proof, &why);
    if (fault != LINK_FINE) return errand_error(&f->args, meet_code(fault), &why);
    memcpy(f->server_id, proof.cert.server_id, sizeof f->server_id);
    return errand_judge(&f->s, f->server_id);
}

/* --- the name --- */

static enum face_exit choose_name(struct first *f)
{
    struct why why;
    int users = f->args.user ? 1 : home_users(&f->s.home);
    f->asked = !f->args.user && users != 1 && terminal();
    if (f->asked && !errand_ask_name(f->name)) return EXIT_INTERRUPTED;
    if (!f->asked && f->args.user) snprintf(f->name, sizeof f->name, "%s", f->args.user);
    if (!f->asked && !f->args.user && users == 1) snprintf(f->name, sizeof f->name, "%s", f->s.home.user);
    if (f->name[0] || f->asked) return EXIT_DONE;
    why_set(&why, "under which name? there is no terminal to ask in");
    why_hint(&why, "use --user NAME");
    return errand_error(&f->args, "usage", &why);
}

static void on_event(void *arg, const struct client_event *e)
{
    struct first *f = arg;
    if (e->type != CLIENT_CONNECTED) return;
    f->fresh = e->welcome->fresh;
    f->role = e->welcome->role;
    show_word(f->server, sizeof f->server, e->welcome->server);
    show_word(f->name, sizeof f->name, e->welcome->name);
    errand_end(&f->s, EXIT_DONE);
}

/* Takes the name; who has it has its keys at the server, too, so that others can write. */
static enum face_exit sign_in(struct first *f)
{
    struct why why;
    int64_t ms = f->args.timeout_ms;
    f->s.event = on_event;
    f->s.arg = f;
    client_connect(f->s.client);
    bool done = errand_run(&f->s, errand_now() + (uint64_t)(ms < 0 ? SIGN_IN_MS : ms));
    errand_leave(&f->s);
    if (done) return f->s.exit;
    why_set(&why, "cannot sign in at %s: %s", f->s.place, f->s.lost_reason[0] ? f->s.lost_reason : "no answer in time");
    return errand_error(&f->args, "unreachable", &why);
}

/* --- what there is now --- */

static void tell_json(const struct first *f)
{
    char account[SAFETY_PHRASE], words[SAFETY_PHRASE];
    json_t *o = json_object();
    safety_fingerprint(f->s.identity.account_key, account);
    safety_fingerprint(f->server_id, words);
    json_object_set_new(o, "ev", json_string("init"));
    json_object_set_new(o, "user", json_string(f->name));
    json_object_set_new(o, "new", json_boolean(f->fresh));
    json_object_set_new(o, "account", json_string(account));
    json_object_set_new(o, "server", json_string(f->s.place));
    json_object_set_new(o, "server_words", json_string(words));
    out_json(o);
}

static void tell(const struct first *f)
{
    static const char *const roles[] = {"", ", as assistant", ", as instructor"};
    char account[SAFETY_PHRASE];
    const char *role = f->role < sizeof roles / sizeof *roles ? roles[f->role] : "";
    safety_fingerprint(f->s.identity.account_key, account);
    out_say("%s at %s: %s%s", f->name, f->server, f->fresh ? "free, and yours now" : "yours already", role);
    out_say("%s  %s", f->fresh ? "Made your key on this machine:" : "Your key:", account);
}

/* Once, while it is known that nobody else looks: later it is `keys paper`. */
static void offer_paper(struct first *f)
{
    struct ask_line line;
    if (!f->fresh || !terminal() || !isatty(STDOUT_FILENO) || f->args.json) return;
    f->s.done = false;
    ask_now(&f->s, &line, "Should this machine be lost, 24 words on paper bring the name back. Show them now? [yes/no]: ");
    if (ask_yes(&line)) {
        keys_paper_words(&f->args, f->s.identity.account_secret);
        ask_now(&f->s, &line, "Written down? [Enter] ");
    } else if (!f->s.done) {
        out_say("Any time:  " NAME " keys paper");
    }
}

/* True: that was it, well or not; false: the name cannot be had, another one may be free. */
static bool with_name(struct first *f, enum face_exit *exit)
{
    f->args.user = f->name;
    *exit = errand_open(&f->s, &f->args, 0);
    if (*exit == EXIT_DONE) *exit = sign_in(f);
    if (*exit == EXIT_DONE && f->args.json) tell_json(f);
    if (*exit == EXIT_DONE && !f->args.json && !f->args.quiet) tell(f);
    if (*exit == EXIT_DONE) offer_paper(f);
    if (*exit == EXIT_DONE && f->s.done) *exit = f->s.exit; /* Ctrl-C */
    bool again = f->asked && (f->s.useless || *exit == EXIT_USAGE);
    errand_close(&f->s);
    if (!again) return true;
    f->args.user = NULL;
    f->name[0] = '\0';
    return false;
}

enum face_exit first_run(const struct args *o)
{
    struct first f = {.args = *o};
    enum face_exit exit = know_server(&f);
    if (exit != EXIT_DONE) return exit;
    do
        exit = choose_name(&f);
    while (exit == EXIT_DONE && !with_name(&f, &exit));
    return exit;
}

enum face_exit verb_init(const struct args *o)
{
    struct args with = *o;
    struct why why;
    if (o->operands > 2) {
        why_set(&why, "init takes one server at most");
        why_hint(&why, NAME " help init shows how");
        return errand_error(o, "usage", &why);
    }
    if (o->operands == 2) with.server = o->operand[1];
    enum face_exit exit = first_run(&with);
    if (exit == EXIT_DONE && !o->quiet && !o->json) out_say("Next:  " NAME "  opens the conversation");
    return exit;
}
