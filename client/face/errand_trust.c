/* errand_trust.c - see errand_trust.h. */
#include "errand_trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../show.h"
#include "out.h"
#include "report.h"
#include "safety_number.h"

enum trust_verdict errand_trust(void *arg, const uint8_t server_id[32])
{
    struct errand *s = arg;
    struct why why;
    char words[SAFETY_PHRASE];
    enum trust_verdict v =
        trust_check(s->home.known_servers, s->place, server_id, &s->pinned, &why);
    if (v == TRUST_UNKNOWN && s->args->accept_new) {
        if (trust_accept(s->home.known_servers, s->place, server_id, &why) < 0)
            v = TRUST_TROUBLE;
        else
            v = TRUST_PINNED;
        safety_fingerprint(server_id, words);
        if (v == TRUST_PINNED && !s->args->quiet)
            out_say("new server %s, its key is now trusted: %s", s->place, words);
    }
    if (v == TRUST_TROUBLE) out_why(&why);
    return v;
}

bool errand_ask(const char *question)
{
    char line[16];
    fprintf(stderr, "%s [yes/no]: ", question);
    fflush(stderr);
    return fgets(line, sizeof line, stdin) &&
           (strcmp(line, "yes\n") == 0 || strcmp(line, "y\n") == 0);
}

bool errand_ask_name(char name[128])
{
    char line[128];
    const char *user = getenv("USER");
    bool offer = user && name_valid(user, strlen(user), NULL);
    if (offer)
        fprintf(stderr, "Name [%s]: ", user);
    else
        fprintf(stderr, "Name: ");
    if (!fgets(line, sizeof line, stdin)) {
        fprintf(stderr, "\n");
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    snprintf(name, 128, "%s", line[0] || !offer ? line : user);
    return true;
}

/* Ends with an error, told where the errand's talk goes. */
static void end_with(struct errand *s, const char *code, const struct why *why)
{
    char text[600];
    if (!s->say) {
        errand_end(s, errand_error(s->args, code, why));
        return;
    }
    snprintf(text, sizeof text, "error: %s%s%s", why->what, why->hint[0] ? "\nhint: " : "",
             why->hint);
    s->say(s->arg, text);
    errand_end(s, exit_of(code));
}

/* True: the user wants it and it is pinned. */
static bool accepts(struct errand *s, const uint8_t server_id[32])
{
    char print[TRUST_FINGERPRINT], words[SAFETY_PHRASE];
    struct why why;
    trust_fingerprint(server_id, print);
    safety_fingerprint(server_id, words);
    out_say("First time at %s. Its fingerprint is\n  %s\n  %s", s->place, words, print);
    if (!errand_ask("Are these the words that the server shows when it starts?")) return false;
    if (trust_accept(s->home.known_servers, s->place, server_id, &why) == 0) return true;
    out_why(&why);
    return false;
}

/* True: it is pinned now; else the errand has ended. */
static bool unknown_server(struct errand *s, const uint8_t server_id[32])
{
    struct why why;
    char print[TRUST_FINGERPRINT], words[SAFETY_PHRASE];
    bool may_ask = !s->no_questions && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    if (may_ask && accepts(s, server_id)) return true;
    safety_fingerprint(server_id, words);
    trust_fingerprint(server_id, print);
    why_set(&why, "the key of %s is not known: %s, %s", s->place, words, print);
    why_hint(&why, "compare it with what the server prints, then say --accept-new");
    end_with(s, "unknown-server", &why);
    return false;
}

static void changed_server(struct errand *s, const uint8_t server_id[32])
{
    struct why why;
    char pinned[SAFETY_PHRASE], offered[SAFETY_PHRASE];
    safety_fingerprint(s->pinned.server_id, pinned);
    safety_fingerprint(server_id, offered);
    why_set(&why, "STOP: the key of %s has changed", s->place);
    why_hint(&why, NAME " keys replace-server %s", s->place);
    if (s->args->json) out_json(report_error("changed-server", why.what, why.hint));
    char text[1200];
    snprintf(text, sizeof text,
             "error: %s\n  pinned %-10s   %s\n  offered now         %s\n"
             "Someone may be listening, or the server was set up anew. Ask the instructor for the\n"
             "words, by another way than this network. Nothing was sent.\n"
             "To accept:  %s",
             why.what, s->pinned.date, pinned, offered, why.hint);
    if (s->say)
        s->say(s->arg, text);
    else
        out_say("%s", text);
    errand_end(s, EXIT_TRUST);
}

enum face_exit errand_judge(struct errand *s, const uint8_t server_id[32])
{
    switch (errand_trust(s, server_id)) {
    case TRUST_PINNED: return EXIT_DONE;
    case TRUST_UNKNOWN: return unknown_server(s, server_id) ? EXIT_DONE : s->exit;
    case TRUST_CHANGED: changed_server(s, server_id); return s->exit;
    default: return EXIT_LOCAL; /* said already */
    }
}

static const char *hint_for(const char *code)
{
    static const struct {
        const char *code, *hint;
    } rows[] = {
        {"name-taken", "choose another name (--user); if this one is yours, make this a device of it with: " NAME " device add"},
        {"name-invalid", "choose another name (--user)"},
        {"not-on-roster", "ask the instructor to put the name on the roster, or check --user"},
        {"elsewhere", "this name and key receive in a newer session now; end it to go on here"},
        {"banned", "the instructor or the operator can say why, and lift it"},
        {"revoked", "another device of this account has revoked this one; to come back use another --home: " NAME " device add"},
        {"bad-login", "try again; if it stays, the key in the home may be damaged"},
        {"bad-time", "check this machine's clock with: date"},
        {"bad-proof", "somebody may be meddling with the connection; try another network"},
        {"not-ours", "check host and port; the default port is 5130"},
        {"version", "client and server are of different releases: update the older one"},
        {"store", "check the disk: is it full?"},
        {"other-server", "use another --home for another server, or send them there first"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].code, code) == 0) return rows[i].hint;
    return "";
}

void errand_failed(struct errand *s, const struct client_event *e)
{
    struct why why;
    char text[200];
    const char *code = e->failed.code;
    if (strcmp(code, "unknown-server") == 0) {
        if (unknown_server(s, e->failed.server_id)) client_connect(s->client);
        return;
    }
    if (strcmp(code, "changed-server") == 0) {
        changed_server(s, e->failed.server_id);
        return;
    }
    show_word(text, sizeof text,
              (struct slice){(const uint8_t *)e->failed.text, strlen(e->failed.text)});
    why_set(&why, "%s: %s", s->place, text[0] ? text : code);
    why_hint(&why, "%s", hint_for(code));
    end_with(s, code, &why);
}
